/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * debug_pagealloc's part in the page tables: free pages of the linear map are hidden. The front end of the page
 * allocators says which (fpg/core/kernel_map_ops.h); docs/debugging.md says what it costs and prints.
 *
 * Order at boot: debug_pagealloc_wanted() before kernel_map_build(), its answer goes into kernel_map.small_leaves;
 * debug_pagealloc_init() after kernel_map_activate() and before page_alloc_init(), so that what is free at the hand-over
 * is hidden, too. page_owner= alone: page_owner_init() at the same place.
 */
#pragma once

#include "fpg/base/compiler.h"
#include "fpg/base/types.h"

/** More RAM than this would cost too many tables. */
#define DEBUG_PAGEALLOC_MAX_BYTES (8ULL * SZ_1G)

/**
 * Shall the linear map have 4 KiB leaves for it? A refusal is said in the log: more RAM than DEBUG_PAGEALLOC_MAX_BYTES,
 * or not built in.
 * @asked  the bootarg debug_pagealloc
 */
bool debug_pagealloc_wanted(bool asked);

/**
 * From now on free pages are hidden, and page_owner is on. When that cannot be, the log says why and pages stay mapped.
 * Return: 0 | -EINVAL (the linear map has larger leaves) | -ENOMEM (no records) | -ENOTSUP (not built in)
 */
FPG_MUST_CHECK int debug_pagealloc_init(void);
