/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How broken a zone's memory is: free blocks and pageblocks by migratetype, and Linux's two indices of external
 * fragmentation, whatever the backend.
 */
#pragma once

#include "fpg/core/zone.h"

/** A zone's memory by migratetype. */
struct zone_page_types {
	/** Free blocks by the type of their pageblock, as a buddy system would cut them. */
	uint64_t free_blocks[MIGRATE_TYPE_COUNT][MAX_PAGE_ORDER + 1];
	/** Pageblocks of each type that have memory. */
	uint64_t pageblocks[MIGRATE_TYPE_COUNT];
	/** Of them, those in which somebody holds a page that was asked for with another type. */
	uint64_t mixed[MIGRATE_TYPE_COUNT];
};

/**
 * Count @zone's memory by type. Caches are drained first. Costs some instructions a frame that was ever in use.
 * Context: no zone lock held; takes the zone's
 */
void zone_page_types(struct zone *zone, struct zone_page_types *out);

/**
 * Share of free memory that is no use to a request of @order, in thousandths; 1000 when nothing is free.
 * Source: Linux mm/vmstat.c, debugfs extfrag/unusable_index
 */
unsigned int unusable_free_index(const uint64_t blocks[MAX_PAGE_ORDER + 1], unsigned int order);

/**
 * Why a request of @order fails, in thousandths: towards 0 for lack of memory, towards 1000 for fragmentation; -1000
 * when it would not fail, 0 when nothing is free.
 * Source: Linux mm/vmstat.c, debugfs extfrag/extfrag_index
 */
int fragmentation_index(const uint64_t blocks[MAX_PAGE_ORDER + 1], unsigned int order);
