/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `crash`: end the run on purpose, so that tests see the guard page, W^X and the panic at work.
 * Nothing here returns when the machine does what it should; a crash that did not happen is a
 * failed command.
 */
#include "commands.h"

#include "fpg/base/assert.h"
#include "fpg/core/panic.h"

#include <errno.h>
#include <string.h>

/** A pointer that compilers and checkers know nothing about; 0 until something is put there. */
static volatile uintptr_t hidden;

static FPG_NOINLINE uint64_t use_stack(volatile uint64_t depth)
{
	volatile char frame[512];
	frame[0] = (char)depth;
	/* The result is used after the call, so that it cannot become a loop. */
	return depth == UINT64_MAX ? 0 : use_stack(depth + 1) + (uint64_t)frame[0];
}

static void write_to_hidden(void)
{
	*(volatile uint32_t *)hidden = 0;
}

static void execute_data(void)
{
	static const uint32_t code[] __attribute__((aligned(16))) = { 0x00008067 }; /* ret */
	hidden = (uintptr_t)code;
	((void (*)(void))hidden)();
}

int cmd_crash(struct monitor *m, int argc, char **argv)
{
	(void)argc;
	const char *how = argv[1];
	if (strcmp(how, "null") == 0) {
		write_to_hidden();
	} else if (strcmp(how, "text") == 0) {
		hidden = (uintptr_t)cmd_crash & ~(uintptr_t)3;
		write_to_hidden();
	} else if (strcmp(how, "exec") == 0) {
		execute_data();
	} else if (strcmp(how, "stack") == 0) {
		hidden = (uintptr_t)use_stack(0);
	} else if (strcmp(how, "panic") == 0) {
		panic("asked for by `crash panic`");
	} else if (strcmp(how, "check") == 0) {
		FPG_CHECK(argv[1] == NULL);
	} else {
		return monitor_fail(m, -EINVAL,
				    "'%s' is none of null, text, exec, stack, panic, check", how);
	}
	return monitor_fail(m, -EFAULT, "still here: '%s' did not fault", how);
}
