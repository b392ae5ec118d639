/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Harts as the machine starts, interrupts and fences them. A hart has firmware's id (any 64-bit number, sparse) and an
 * index: 0 for the one that booted, then 1, 2, … in the order in which they were given to port_hart_start(). Sets of
 * harts are masks of indices.
 */
#pragma once

#include "fpg/base/compiler.h"
#include "fpg/base/types.h"

#define PORT_MAX_HARTS 64U

/** Bit n: the hart with index n. */
typedef uint64_t hart_mask_t;

static inline hart_mask_t hart_mask_of(unsigned int index)
{
	return (hart_mask_t)1 << index;
}

/**
 * What every hart's thread pointer leads to; the machine's own fields follow in its struct. Read inline, because hot
 * paths ask for it.
 */
struct port_hart_head {
	/** The layer above's per-hart block (struct hart of core). NULL until port_hart_set_local(). */
	void *local;
	uint64_t id;
	uint32_t index;
	/** core's (spinlock.h): spin locks that this hart holds or waits for. Zero at the start. */
	uint32_t lock_depth;
};

#if defined(FPG_HOSTED)
/**
 * platform/host: a thread of the test is a hart. Local-exec, because it is always linked into a program: with the model
 * gcc 12 would take, -fsanitize=null tests the flags of an addition that ld turns into lea, which sets none.
 */
extern __thread struct port_hart_head port_host_head __attribute__((tls_model("local-exec")));
static inline struct port_hart_head *port_hart_head(void)
{
	return &port_host_head;
}
#else
static inline struct port_hart_head *port_hart_head(void)
{
	return (struct port_hart_head *)__builtin_thread_pointer();
}
#endif

/** Index of the hart this runs on. */
static inline unsigned int port_hart_index(void)
{
	return port_hart_head()->index;
}

/** Set the block that port_hart_head()->local of THIS hart leads to (boot hart; others get theirs when started). */
void port_hart_set_local(void *local);

/* ---- starting and stopping -------------------------------------------------------------------------------- */

/** The firmware can start harts. Source: SBI v2.0, chapter 9 (HSM); probed by the base extension. */
bool port_hsm_available(void);

/** Bytes and alignment of the machine's own block of a hart, for port_hart_start(). */
size_t port_hart_area_bytes(void);
#define PORT_HART_AREA_ALIGN 64

struct port_hart_start {
	uint64_t id;
	unsigned int index;
	/** port_hart_area_bytes() zeroed bytes, PORT_HART_AREA_ALIGN aligned, for good. Mapped in the kernel's tables. */
	void *area;
	/** What port_hart_head()->local will be. */
	void *local;
	/** Stacks, virtual, mapped read-write, 16-byte aligned ends; a page below each low end is unmapped. */
	char *stack_low, *stack_top;
	char *emergency_low, *emergency_top;
	unsigned int satp_mode;
	phys_addr_t root;
	/** Runs on the new hart, on its stack, kernel tables on, traps caught, interrupts masked. Does not return. */
	void (*entry)(void *arg);
	void *arg;
};

/**
 * Ask the firmware to start a hart. That it accepts does not mean that the hart arrives: @entry says so.
 * A hart that refuses the paging mode stops itself and sets port_hart_refused().
 *
 * Context: boot hart; @start->area and everything it names stay as they are
 * Return:  0 | -ENOTSUP (no HSM) | -EINVAL (firmware: no such hart, or bad address) | -EALREADY (it runs) | -EIO
 */
FPG_MUST_CHECK int port_hart_start(const struct port_hart_start *start);

/** The hart started with @area came up and found that it has no such paging mode: it stopped itself again. */
bool port_hart_refused(const void *area);

/** What HSM says about a hart: "started", "stopped", "start pending", …; "unknown" without HSM. */
const char *port_hart_status(uint64_t id);

/** Stop this hart for good (HSM stop, else wait for ever). */
FPG_NORETURN void port_hart_stop(void);

/** Most of this hart's stack that was ever used, in bytes; stacks are painted before use. @area NULL: this hart. */
size_t port_stack_high_water(const void *area, size_t *stack_bytes);

/* ---- interrupts between harts ----------------------------------------------------------------------------- */

/** Register what an inter-processor interrupt calls, with interrupts off, on the hart that got it. Once, at start. */
void port_ipi_register(void (*handler)(void));

/**
 * Interrupt the harts of @mask (this one may be among them). Source: SBI v2.0, chapter 7 (IPI), else legacy 5.5.
 * Return: 0 | -ENOTSUP | -EIO (the firmware refused; some may have got it)
 */
FPG_MUST_CHECK int port_ipi_send(hart_mask_t mask);

/** Take a pending IPI now, interrupts masked or not: calls the handler. port_relax() does this too. */
void port_ipi_poll(void);

/** Let IPIs (and the timer) interrupt this hart whenever interrupts are not masked. */
void port_irq_enable_sources(void);

/** Unmask interrupts on this hart, whatever they were: a hart starts with them masked. */
void port_irq_unmask(void);

/**
 * Sleep until an interrupt is pending (wfi); may return early. Interrupts masked: none is taken here. An IPI that came
 * before the call ends the sleep too, so: mask, look for work, wait, port_ipi_poll(), unmask.
 */
void port_wait_for_interrupt(void);

/**
 * Interrupt this hart once, when port_time_ticks() reaches @ticks; UINT64_MAX: never. In the kernel that only ends
 * port_wait_for_interrupt(); in port_user_run() it ends the run. Source: SBI v2.0, chapter 6 (TIME), else legacy 5.2.
 * Return: false when the firmware cannot
 */
bool port_timer_set(uint64_t ticks);

/** Interrupts that came on this hart though nobody asked for them; each source is masked when it does. */
uint64_t port_irq_unexpected(void);

/* ---- fences on other harts -------------------------------------------------------------------------------- */

#define PORT_ASID_ALL UINT32_MAX
#define PORT_TLB_ALL  UINT64_MAX

/**
 * Fence address translation on the harts of @mask, this one excluded, and wait until it is done: the pages of
 * [va, va + bytes) of @asid, or of every address space with global leaves (PORT_ASID_ALL); bytes PORT_TLB_ALL: all of
 * them. Harts that were never started are left out.
 * Uses RFENCE, never an IPI of ours, so the harts may have interrupts masked. Source: SBI v2.0, chapter 8 (RFENCE).
 * Return: 0 | -ENOTSUP | -EIO
 */
FPG_MUST_CHECK int port_remote_tlb_flush(hart_mask_t mask, vaddr_t va, uint64_t bytes,
					 uint32_t asid);

/** fence.i on the harts of @mask, this one excluded. Return: as above */
FPG_MUST_CHECK int port_remote_fence_i(hart_mask_t mask);
