/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the trap path knows of one hart. While S-mode runs, tp and sscratch both hold the address of this hart's block;
 * in U-mode tp is the program's and sscratch alone holds it. The trap entry trusts sscratch only, so a wild tp or sp is
 * survived. Assembly reaches the fields by the offsets of asm.h, which trap.c checks.
 */
#pragma once

#include "fpg/base/types.h"
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
	uint64_t id;
	/** t0 and t1 on their way from the trapped code to its frame. */
	uint64_t scratch[2];
	/** Where the frame of a trap from U-mode ends. */
	char *user_trap_sp;
	struct hart_stack stack;
	struct hart_stack emergency;
	/** NULL: no trap is expected. */
	struct trap_recovery *recovery;
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

/** Run @fn(@arg) with @recovery set to this point. Return: 0 | -1 when a trap came back here. */
int trap_guarded_call(void (*fn)(void *arg), void *arg, struct trap_recovery *recovery);

static inline struct hart_area *hart_self(void)
{
	struct hart_area *self;
	__asm__("mv %0, tp" : "=r"(self));
	return self;
}
