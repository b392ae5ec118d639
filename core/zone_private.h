/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files that make nodes, zones and the page allocator's start share. */
#pragma once

#include "fpg/core/memblock.h"
#include "fpg/core/zone.h"

extern struct node *node_table[MAX_NUMNODES];

/** Frames in both; empty when they do not overlap. */
struct pfn_range pfn_range_common(struct pfn_range a, struct pfn_range b);

/** Order all zones with memory for each node. Return: 0 | -ENOMEM */
FPG_MUST_CHECK int zonelists_build(void);
void node_distance_reset(void);

/** Zone ranges, movable starts and early node ranges, as people know them from Linux. */
void zone_log(void);
