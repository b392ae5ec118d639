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
#define BAD	 MAX_NR_ZONES

/*
 * Every combination of __GFP_DMA, __GFP_DMA32, __GFP_MOVABLE and __GFP_RECLAIMABLE: the highest zone it may be served
 * from, or BAD. What is wrong with a bad one stands in gfp_bad[].
 */
const uint8_t gfp_zone_table[GFP_ZONE_COMBINATIONS] = {
	[0] = ZONE_NORMAL,
	[__GFP_DMA] = DMA_ZONE,
	[__GFP_DMA32] = ZONE_DMA32,
	[__GFP_DMA | __GFP_DMA32] = BAD,
	[__GFP_MOVABLE] = ZONE_MOVABLE,
	[__GFP_MOVABLE | __GFP_DMA] = DMA_ZONE,
	[__GFP_MOVABLE | __GFP_DMA32] = ZONE_DMA32,
	[__GFP_MOVABLE | __GFP_DMA | __GFP_DMA32] = BAD,
	[__GFP_RECLAIMABLE] = ZONE_NORMAL,
	[__GFP_RECLAIMABLE | __GFP_DMA] = DMA_ZONE,
	[__GFP_RECLAIMABLE | __GFP_DMA32] = ZONE_DMA32,
	[__GFP_RECLAIMABLE | __GFP_DMA | __GFP_DMA32] = BAD,
	[__GFP_RECLAIMABLE | __GFP_MOVABLE] = BAD,
	[__GFP_RECLAIMABLE | __GFP_MOVABLE | __GFP_DMA] = BAD,
	[__GFP_RECLAIMABLE | __GFP_MOVABLE | __GFP_DMA32] = BAD,
	[__GFP_RECLAIMABLE | __GFP_MOVABLE | __GFP_DMA | __GFP_DMA32] = BAD,
};

/** The first row whose flags are all set says why; a row with 0 flags means any flag that is not known. */
static const struct {
	gfp_t flags;
	const char *why;
} gfp_bad[] = {
	{ __GFP_DMA | __GFP_DMA32, "__GFP_DMA and __GFP_DMA32 contradict each other" },
	{ __GFP_MOVABLE | __GFP_RECLAIMABLE,
	  "__GFP_MOVABLE and __GFP_RECLAIMABLE contradict each other" },
	{ __GFP_NOFAIL, "__GFP_NOFAIL is not served: an allocation may fail" },
	{ 0, "unknown flag" },
};

const char *gfp_refusal(gfp_t gfp)
{
	for (size_t i = 0; i < ARRAY_SIZE(gfp_bad); i++) {
		gfp_t flags = gfp_bad[i].flags;
		if (flags != 0 ? (gfp & flags) == flags : (gfp & ~__GFP_ALL) != 0) {
			return gfp_bad[i].why;
		}
	}
	return NULL;
}
