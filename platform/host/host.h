/* SPDX-License-Identifier: BSD-2-Clause */
/* What tests and host tools ask of the simulated machine beyond port.h. */
#pragma once

#include "fpg/base/types.h"
#include "fpg/port/harts.h"
#include "fpg/port/user.h"

/* ---- memory ----------------------------------------------------------------------------------------------- */

/**
 * Lay out simulated physical memory: [base, base + bytes) becomes an address window without access, in which
 * host_ram_add() makes RAM. @base is rounded down to 2 MiB. Without a window physical equals virtual.
 * Return: 0 | -ENOMEM
 */
int host_ram_window(phys_addr_t base, size_t bytes);

/** Make [base, base + bytes), rounded out to pages, readable and writable RAM, zeroed. Return: 0 | -EINVAL */
int host_ram_add(phys_addr_t base, size_t bytes);

/** Drop the window. */
void host_ram_release(void);

/** Called by port_exit() before the process ends; may longjmp out. NULL: none. */
void host_set_exit_hook(void (*hook)(int code));

/* ---- console ---------------------------------------------------------------------------------------------- */

/** What port_set_console() returns from now on. 0 by default. */
void host_set_console_answer(int err);

/** What port_set_console() was told last. */
const struct port_console *host_console(void);

/* ---- harts ------------------------------------------------------------------------------------------------ */

/*
 * A hart is a thread: the one that calls first is hart 0, port_hart_start() makes the others. IPIs are taken where the
 * thread unmasks interrupts, polls, relaxes or waits; nowhere else.
 */

/** Whether port_hart_start() can start harts (HSM). Set by default. */
void host_set_hsm(bool available);

/** What goes wrong when a hart is started, though the start is accepted. */
enum host_trouble {
	/** It never comes. */
	HOST_HART_LOST,
	/** The first time it runs elsewhere and stops, as under OpenSBI 1.1 now and then. */
	HOST_HART_STRAYS
};
void host_set_trouble(uint64_t id, enum host_trouble kind);

/** The id of the hart this runs on. */
void host_set_hart_id(uint64_t id);

/**
 * End all other harts: each ends at its next port_relax(), port_ipi_poll() or port_wait_for_interrupt(). Waits for
 * them; their indices can be started again. Context: hart 0
 */
void host_harts_stop(void);

/* ---- translation and fences ------------------------------------------------------------------------------- */

/** The paging modes the hart has: bit n for satp mode n. All by default. */
void host_set_satp_modes(uint32_t modes);

/** What port_asid_bits() says. 16 by default. */
void host_set_asid_bits(unsigned int bits);

/** Whether remote fences work; else they return -EIO. */
void host_set_remote_fences(bool work);

/** One fence on other harts, as it was asked for. */
struct host_remote_fence {
	hart_mask_t mask;
	vaddr_t va;
	uint64_t bytes;
	uint32_t asid;
};

/** Fences since the start; of all harts together. */
struct host_fence_counts {
	uint64_t local_all, local_ranges, local_asid, local_asid_ranges;
	uint64_t remote, remote_fence_i, fence_i;
	struct host_remote_fence last;
};
void host_fence_counts_read(struct host_fence_counts *out);

/**
 * Called by each local fence of all address spaces, or of pages: for a test that translates kernel addresses by means of
 * its own. NULL: none.
 */
void host_set_tlb_hook(void (*hook)(vaddr_t va, uint64_t bytes));

/** What satp holds on this hart: mode << 60 | asid << 44 | ppn. 0 before the first switch. */
uint64_t host_satp(void);

/* ---- user mode -------------------------------------------------------------------------------------------- */

/**
 * What port_user_run() does: plays a program, and the trap that ends it. NULL: every program ends with an illegal
 * instruction at its pc.
 */
void host_set_user_program(void (*run)(struct port_user_regs *regs, struct port_trap *why));

/**
 * How port_copy_from_user() and port_copy_to_user() reach user memory: the host's address of byte @va of the address
 * space in force on this hart when the access is allowed, else NULL, which is a page fault. NULL: all faults.
 */
void host_set_user_memory(void *(*reach)(vaddr_t va, bool write));
