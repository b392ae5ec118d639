/* SPDX-License-Identifier: BSD-2-Clause */
/* Allocation flags and migratetypes, with Linux's names and meanings. */
#pragma once

#include "fpg/base/types.h"

typedef uint32_t gfp_t;

/*
 * The lowest six bits choose where a block comes from; per-hart caches are found by them. The next two only say what
 * else may be done for a request, so the hot path does not look at them. All others need more than a cached page.
 */
#define __GFP_DMA	     ((gfp_t)0x01)
#define __GFP_DMA32	     ((gfp_t)0x02)
#define __GFP_MOVABLE	     ((gfp_t)0x04)
#define __GFP_RECLAIMABLE    ((gfp_t)0x08)
#define __GFP_HIGH	     ((gfp_t)0x10)
#define __GFP_THISNODE	     ((gfp_t)0x20)
#define __GFP_NOWARN	     ((gfp_t)0x40)
#define __GFP_DIRECT_RECLAIM ((gfp_t)0x80)
#define __GFP_ZERO	     ((gfp_t)0x100)
#define __GFP_NOFAIL	     ((gfp_t)0x200)
/** All memory, watermarks and reserves notwithstanding. */
#define __GFP_MEMALLOC	     ((gfp_t)0x400)

/** Every flag there is. */
#define __GFP_ALL ((gfp_t)0x7ff)

#define GFP_PLACE_BITS 6
#define GFP_PLACE_MASK ((gfp_t)(1U << GFP_PLACE_BITS) - 1)

#define GFP_KERNEL	 __GFP_DIRECT_RECLAIM
#define GFP_ATOMIC	 __GFP_HIGH
#define GFP_NOWAIT	 ((gfp_t)0)
#define GFP_DMA		 __GFP_DMA
#define GFP_DMA32	 __GFP_DMA32
#define GFP_USER_MOVABLE (GFP_KERNEL | __GFP_MOVABLE)

/** X(id, name). The order is part of reports. */
#define MIGRATE_TYPES(X)                      \
	X(MIGRATE_UNMOVABLE, "Unmovable")     \
	X(MIGRATE_MOVABLE, "Movable")         \
	X(MIGRATE_RECLAIMABLE, "Reclaimable") \
	X(MIGRATE_HIGHATOMIC, "HighAtomic")   \
	X(MIGRATE_CMA, "CMA")                 \
	X(MIGRATE_ISOLATE, "Isolate")

enum migratetype {
#define X(id, name) id,
	MIGRATE_TYPES(X)
#undef X
	MIGRATE_TYPE_COUNT
};

const char *migratetype_name(enum migratetype type);

/** The migratetype a request asks for: MOVABLE, RECLAIMABLE or UNMOVABLE. */
static inline enum migratetype gfp_migratetype(gfp_t gfp)
{
	if (gfp & __GFP_MOVABLE) {
		return MIGRATE_MOVABLE;
	}
	return gfp & __GFP_RECLAIMABLE ? MIGRATE_RECLAIMABLE : MIGRATE_UNMOVABLE;
}

/** Combinations of the flags that name zones and migratetypes. */
#define GFP_ZONE_COMBINATIONS 16

/** The highest zone (enum zone_type) for each of them; MAX_NR_ZONES where flags contradict each other. */
extern const uint8_t gfp_zone_table[GFP_ZONE_COMBINATIONS];

/**
 * Why the flags are refused, or NULL when they are sound. A request with refused flags fails with a
 * warning that quotes this.
 */
const char *gfp_refusal(gfp_t gfp);
