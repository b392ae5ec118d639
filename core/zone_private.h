/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files that make nodes, zones and the page allocator's start share. */
#pragma once

#include "fpg/base/range.h"
#include "fpg/core/memblock.h"
#include "fpg/core/zone.h"

extern struct node *node_table[MAX_NUMNODES];

/** By the id that records carry. */
extern struct zone *zone_table[MAX_NUMNODES * MAX_NR_ZONES];

/** The zone that a record names; NULL: there is none. */
static inline struct zone *zone_of_word(uint64_t word)
{
	static_assert(IS_POW2(MAX_NUMNODES * MAX_NR_ZONES), "an id is cut to the table by a mask");
	return zone_table[word >> PAGE_ZONE_SHIFT & (MAX_NUMNODES * MAX_NR_ZONES - 1)];
}

/** Frames in both; empty when they do not overlap. */
struct pfn_range pfn_range_common(struct pfn_range a, struct pfn_range b);

/** Frames that a zone of @type, not Movable, may have, Movable aside. */
struct pfn_range zone_type_limits(enum zone_type type);

/** The first frame that the zone (Movable aside) of frame @n could hold. */
uint64_t zone_lowest_frame(uint64_t n);

/** Order all zones with memory for each node. Return: 0 | -ENOMEM */
FPG_MUST_CHECK int zonelists_build(void);
void node_distance_reset(void);

/** Zone ranges, movable starts and early node ranges, as people know them from Linux. */
void zone_log(void);
