/* SPDX-License-Identifier: BSD-2-Clause */
/* U-mode as the machine runs it, and copies from and to user memory. Everything about address spaces is above. */
#pragma once

#include "fpg/base/compiler.h"
#include "fpg/base/types.h"
#include "fpg/port/trap.h"

/** x[0] is not used. */
struct port_user_regs {
	uint64_t x[32];
	uint64_t pc;
};

/** trap.cause of an interrupt that ended port_user_run(): the timer. Others are handled inside. */
#define PORT_USER_TIMER ((uint64_t)1 << 63 | 5)

/**
 * Run U-mode code on the address space in force until it traps; interrupts are on meanwhile, and on return as they
 * were at the call. IPIs are handled inside and the program goes on. Registers are exactly as @regs says: nothing of
 * the kernel's is left in them; floating point and vectors are off, so their instructions are illegal.
 *
 * @regs  in and out: all registers of the program
 * @why   out: the trap; from_user is set, frame is @regs; cause PORT_USER_TIMER when the timer ended it (at once when
 *        port_timer_set()'s time came in the kernel since it was set)
 * Context: any hart, one program a hart at a time; the kernel stack stays in use
 */
void port_user_run(struct port_user_regs *regs, struct port_trap *why);

/**
 * Copy between kernel memory and user addresses of the address space in force. sstatus.SUM is set for the copy only.
 * A page fault asks trap_ops.user_fault first; what cannot be resolved ends the copy.
 * @src or @dst of the user is checked to lie in the lower half.
 * Return: bytes NOT copied; 0 is success
 */
FPG_MUST_CHECK size_t port_copy_from_user(void *dst, vaddr_t src, size_t bytes);
FPG_MUST_CHECK size_t port_copy_to_user(vaddr_t dst, const void *src, size_t bytes);
