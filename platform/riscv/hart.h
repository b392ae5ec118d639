/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the trap path knows of one hart. While S-mode runs, tp and sscratch both hold the address of this hart's block;
 * in U-mode tp is the program's and sscratch alone holds it. The trap entry trusts sscratch only, so a wild tp or sp is
 * survived. Assembly reaches the fields by the offsets of asm.h, which trap.c checks.
 */
#pragma once

#include "fpg/base/types.h"
#include "fpg/port/harts.h"
#include "fpg/port/trap.h"
#include "fpg/port/user.h"
#include "platform/riscv/asm.h"

/** A stack: [guard, low) is never mapped, [low, top) is the stack. */
struct hart_stack {
	char *guard;
	char *low;
	char *top;
};

/** Registers that a trap inside trap_expect() goes back to. */
struct trap_recovery {
	uint64_t s[12];
	uint64_t sp;
	uint64_t ra;
	/** sstatus.SIE at the call. */
	uint64_t irq;
	uint64_t cause;
	uint64_t tval;
	struct trap_recovery *outer;
};

struct hart_area {
	struct port_hart_head head;
	/** t0 and t1 on their way from the trapped code to its frame. */
	uint64_t scratch[2];
	/** Of the program that port_user_run() runs: where the kernel's registers are kept, and where the program's go. */
	char *user_sp;
	struct port_user_regs *user_regs;
	struct hart_stack stack;
	struct hart_stack emergency;
	/** NULL: no trap is expected. */
	struct trap_recovery *recovery;
	/** The time of port_timer_set() came. */
	bool timer_came;
	/** Interrupts nobody asked for. */
	uint64_t unexpected;
};

/**
 * What a hart that the firmware starts is told; in the image, so that its physical address is known. It reads this with
 * translation off.
 */
struct hart_start_block {
	uint64_t satp;
	/** Where it goes on once translation is on. */
	uint64_t high;
	struct hart_area *area;
	char *sp;
	void (*entry)(void *arg);
	void *arg;
	/** 1: the hart has no such paging mode. */
	_Atomic uint64_t refused;
};

/** Registers of the trapped code, as trap_entry lays them on the stack. The last three words make it a link of the
 * chain of frame pointers: a frame whose caller "returns" to epc. */
struct trap_frame {
	/** x[0] is not used. */
	uint64_t x[32];
	uint64_t epc;
	uint64_t status;
	uint64_t cause;
	uint64_t tval;
	/** sp lay in neither stack of the hart; the frame is on the emergency stack. */
	uint64_t bad_stack;
	/** Address of trap_entry: tells the walker that this is no ordinary frame. */
	uint64_t marker;
	uint64_t chain_fp;
	uint64_t chain_pc;
};

extern struct hart_area boot_hart_area;

/** Physical address of the image's first byte. Set by entry.S. */
extern phys_addr_t image_load_phys;

void trap_entry(void);
void trap_handle(struct trap_frame *frame);

/** What the layer above registered, or NULL. */
const struct trap_ops *trap_ops_registered(void);

/** Handle the interrupt that scause says, interrupts masked. A trap_expect() under way expects nothing meanwhile. */
void interrupt_handle(uint64_t cause);

/**
 * A fault that a copy from or to user memory may have: resolve it by the layer above, or make the copy end.
 * Return: false when it is no such fault
 */
bool user_copy_fault(struct trap_frame *frame);

/** Run the program of @regs until it traps; scause, stval and sepc tell why. Interrupts masked, before and after. */
void user_enter(struct port_user_regs *regs);

/** The copies themselves. Return: bytes not copied */
size_t user_copy_in(void *dst, uint64_t src, size_t bytes);
size_t user_copy_out(uint64_t dst, const void *src, size_t bytes);

/** Where the firmware starts a hart: a0 its id, a1 the physical address of its struct hart_start_block. */
void secondary_entry(void);
/** Where it goes on with translation on. */
void secondary_high(void);

/** The value for satp. */
uint64_t satp_of(unsigned int mode, phys_addr_t root, uint32_t asid);

/** Run @fn(@arg) with @recovery set to this point. Return: 0 | -1 when a trap came back here. */
int trap_guarded_call(void (*fn)(void *arg), void *arg, struct trap_recovery *recovery);

static inline struct hart_area *hart_self(void)
{
	struct hart_area *self;
	__asm__("mv %0, tp" : "=r"(self));
	return self;
}
