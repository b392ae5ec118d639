/* SPDX-License-Identifier: BSD-2-Clause */
/* Traps as the layers above see them: a decoded trap, a hook table to register, and a way to survive an expected one. */
#pragma once

#include "fpg/base/out.h"

/** scause exception codes used above the machine layer. Source: Privileged v1.12, table 4.2. */
enum trap_cause {
	TRAP_INSN_MISALIGNED = 0,
	TRAP_INSN_ACCESS = 1,
	TRAP_ILLEGAL_INSN = 2,
	TRAP_BREAKPOINT = 3,
	TRAP_LOAD_ACCESS = 5,
	TRAP_STORE_ACCESS = 7,
	TRAP_USER_ECALL = 8,
	TRAP_INSN_PAGE_FAULT = 12,
	TRAP_LOAD_PAGE_FAULT = 13,
	TRAP_STORE_PAGE_FAULT = 15,
};

/** One trap. `frame` is the machine's register image; port_trap_print() shows it. */
struct port_trap {
	uint64_t cause;
	uint64_t tval;
	uint64_t epc;
	uint64_t sp;
	/** For port_backtrace(): the walk that starts here gives epc first, then the callers of the trapped code. */
	uint64_t fp;
	bool from_user;
	/** sp was in none of this hart's stacks when the trap came; the handler runs on the emergency stack. */
	bool bad_stack;
	/** bad_stack, and sp lies in a stack's guard page: the stack was full. Say "stack overflow on hart N". */
	bool stack_overflow;
	const void *frame;
};

/** What the upper layers do with traps. Registered once at start; validated there. */
struct trap_ops {
	/** Nobody expected this trap. Must not return. */
	void (*fatal)(const struct port_trap *trap);
	/**
	 * May be NULL. A page fault of port_copy_from_user() or port_copy_to_user() on a user address; interrupts are
	 * as they were at the copy. Return: true when it was resolved and the access is to be tried again
	 */
	bool (*user_fault)(const struct port_trap *trap);
};
void port_trap_register(const struct trap_ops *ops);

/** Short name of a cause: "load page fault"; causes 1, 5, 7 are "… access fault (PMP or bus)". */
const char *port_trap_cause_name(uint64_t cause);

/** Full register dump, several lines. */
void port_trap_print(const struct port_trap *trap, struct out *out);

/** The current frame pointer, for a backtrace that starts here. */
uint64_t port_frame_pointer(void);

/**
 * Walk saved frame pointers from @fp. Only addresses inside a known stack are read, so a corrupt chain ends the walk.
 * @pcs  out, return addresses, innermost first
 * Return: how many were stored, at most @max
 */
size_t port_backtrace(uint64_t fp, uint64_t *pcs, size_t max);

/**
 * Run @fn(@arg) and survive a trap inside it.
 *
 * @cause, @tval  out, set only when a trap came; may be NULL
 * Context: any hart; may be nested: the innermost call takes the trap. A stack overflow inside is survived too.
 * Return:  0 when @fn returned | -EFAULT when a trap ended it (what it held it still holds)
 */
FPG_MUST_CHECK int trap_expect(void (*fn)(void *arg), void *arg, uint64_t *cause, uint64_t *tval);
