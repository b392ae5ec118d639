/* SPDX-License-Identifier: BSD-2-Clause */
/* The end of a run: `firstpage: exit N`, in peace or in panic. */
#pragma once

#include "fpg/base/compiler.h"
#include "fpg/base/types.h"

/** Exit statuses of a run, printed in `firstpage: exit N`. */
enum exit_status {
	EXIT_OK = 0,
	/** A command given by run= failed. */
	EXIT_COMMAND_FAILED = 1,
	/** Panic: boot could not go on, a check failed, or an unexpected trap came. */
	EXIT_PANIC = 2,
};

/**
 * Stop the machine with a message, a symbolised backtrace and EXIT_PANIC. A panic inside a panic
 * prints one line and ends. Context: any hart.
 */
FPG_NORETURN void panic(const char *fmt, ...) FPG_PRINTF(1, 2);

/** Flush the log, print `firstpage: exit N` as the last line, end the machine. */
FPG_NORETURN void firstpage_exit(int code);

struct port_trap;
/** Who resolves page faults of copies from and to user memory (trap_ops.user_fault). NULL: nobody. */
void panic_set_user_fault(bool (*fn)(const struct port_trap *trap));

/** Register the trap and check hooks; first thing in C. */
void panic_init(void);
