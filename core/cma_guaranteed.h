/* SPDX-License-Identifier: BSD-2-Clause */
/* Guaranteed areas, for the other files of CMA: which frames are borrowed, and taking them back. */
#pragma once

#include "cma_private.h"

/** A frame of a guaranteed area that is not given out: an owner has it now. */
static inline bool cma_is_borrowed(const struct page *page)
{
	return __atomic_load_n(&page->second, __ATOMIC_RELAXED) != 0;
}

/**
 * Owners give back all frames of @range, which is marked as given out.
 * Return: 0 | -EBUSY with result->blocker: an owner broke its promise
 */
FPG_MUST_CHECK int cma_take_back(struct cma *cma, struct pfn_range range,
				 struct migrate_result *result);
