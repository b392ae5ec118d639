/* SPDX-License-Identifier: BSD-2-Clause */
/* The page-allocator backends of this build: validated once, found by name, listed in order. */
#pragma once

#include "fpg/base/compiler.h"
#include "fpg/core/palloc_ops.h"

/** What is wrong with a backend. */
struct palloc_fault {
	/** Its name, or "?" when that is what it lacks. */
	const char *backend;
	/** The member of struct palloc_ops. */
	const char *field;
	const char *problem;
};

/**
 * Check every backend of @table (NULL-terminated): name present and unique, mandatory functions
 * present, a capability bit set exactly when its function is present, orders in range.
 *
 * @fault  out, set only on failure: the first thing wrong
 * Return: 0 | -EINVAL
 */
FPG_MUST_CHECK int palloc_registry_validate(const struct palloc_ops *const *table,
					    struct palloc_fault *fault);

/** The backend called @name in palloc_table[], or else the overlay in palloc_overlay_table[], or NULL. @name may be NULL. */
const struct palloc_ops *palloc_find(const char *name);

/** "bootmem, buddy" into @buf, cut at its end. Return: @buf. */
const char *palloc_names(char *buf, size_t buf_bytes);
