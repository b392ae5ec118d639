/* SPDX-License-Identifier: BSD-2-Clause */
/* Between page_owner, the front end's hooks, pins and migration. */
#pragma once

#include "fpg/base/types.h"

/** The records are gone; page_owner is off. For tests that start over. */
void page_owner_forget(void);

/** The first pin was taken now; the last one, of @since, went. */
void page_owner_pinned(pfn_t f);
void page_owner_unpinned(pfn_t f, uint64_t since);
/** port_time_ticks() of the pin that stands; 0: none, or not known. */
uint64_t page_owner_pin_ticks(pfn_t f);

/** The contents of the block at @from are at @to now: it was allocated by whom that was. */
void page_owner_moved(pfn_t to, pfn_t from, unsigned int order);
