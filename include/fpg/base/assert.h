/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The assertion tiers. static_assert: layout and constants. FPG_CHECK: always on, where going on
 * would corrupt memory. FPG_DEBUG_CHECK: caller mistakes inside the project, on with
 * CONFIG_DEBUG_CHECKS. Input from outside is never asserted. No side effects in the expression.
 */
#pragma once

#include "fpg/base/compiler.h"

#include <assert.h>

/**
 * Report a failed check and end the run. Calls the hook set by fpg_set_check_hook(); without one,
 * or when that returns, executes a trapping instruction.
 */
FPG_NORETURN void fpg_check_failed(const char *expr, const char *file, int line);

/** Register what a failed check does (core's panic on the target, abort on a host). */
void fpg_set_check_hook(void (*hook)(const char *expr, const char *file, int line));

#define FPG_CHECK(expr)                                              \
	do {                                                         \
		if (unlikely(!(expr))) {                             \
			fpg_check_failed(#expr, __FILE__, __LINE__); \
		}                                                    \
	} while (0)

#define FPG_DEBUG_CHECK(expr)                                                \
	do {                                                                 \
		if (FPG_ENABLED(CONFIG_DEBUG_CHECKS) && unlikely(!(expr))) { \
			fpg_check_failed(#expr, __FILE__, __LINE__);         \
		}                                                            \
	} while (0)
