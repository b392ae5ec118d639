/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a failed check does: the hook that core (or a test) registered, and a trapping instruction
 * if that returns.
 */
#include "fpg/base/assert.h"

#include <stddef.h>

static void (*check_hook)(const char *expr, const char *file, int line);

void fpg_set_check_hook(void (*hook)(const char *expr, const char *file, int line))
{
	check_hook = hook;
}

void fpg_check_failed(const char *expr, const char *file, int line)
{
	if (check_hook != NULL) {
		check_hook(expr, file, line);
	}
	__builtin_trap();
}
