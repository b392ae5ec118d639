/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gfp flags decoded by tables: which zone a combination of zone modifiers means, and which
 * combinations are wrong.
 */
#include "fpg/core/gfp.h"

#include "fpg/base/compiler.h"
#include "fpg/core/zone.h"

static const char *const type_names[MIGRATE_TYPE_COUNT] = {
#define X(id, name) [id] = (name),
	MIGRATE_TYPES(X)
#undef X
};

const char *migratetype_name(enum migratetype type)
{
	return (unsigned int)type < MIGRATE_TYPE_COUNT ? type_names[type] : "?";
}

/** Without a DMA zone its memory is DMA32's. */
#define DMA_ZONE (FPG_ENABLED(CONFIG_ZONE_DMA) ? ZONE_DMA : ZONE_DMA32)

/**
 * Indexed by __GFP_DMA | __GFP_DMA32 | __GFP_MOVABLE; MAX_NR_ZONES marks what contradicts itself.
 */
enum zone_type gfp_zone(gfp_t gfp)
{
	static const uint8_t zones[8] = {
		[0] = ZONE_NORMAL,
		[__GFP_DMA] = DMA_ZONE,
		[__GFP_DMA32] = ZONE_DMA32,
		[__GFP_DMA | __GFP_DMA32] = MAX_NR_ZONES,
		[__GFP_MOVABLE] = ZONE_MOVABLE,
		[__GFP_MOVABLE | __GFP_DMA] = DMA_ZONE,
		[__GFP_MOVABLE | __GFP_DMA32] = ZONE_DMA32,
		[__GFP_MOVABLE | __GFP_DMA | __GFP_DMA32] = MAX_NR_ZONES,
	};
	return (enum zone_type)zones[gfp & 7];
}

const char *gfp_refusal(gfp_t gfp)
{
	if (gfp_zone(gfp) == MAX_NR_ZONES) {
		return "__GFP_DMA and __GFP_DMA32 contradict each other";
	}
	if ((gfp & __GFP_MOVABLE) && (gfp & __GFP_RECLAIMABLE)) {
		return "__GFP_MOVABLE and __GFP_RECLAIMABLE contradict each other";
	}
	if (gfp & __GFP_NOFAIL) {
		return "__GFP_NOFAIL is not served: an allocation may fail";
	}
	if (gfp & ~__GFP_ALL) {
		return "unknown flag";
	}
	return NULL;
}
