/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Migratetypes of whole pageblocks, four bits each. The map belongs to the zone and outlives a
 * change of backend.
 *
 * Invariant: a zero entry means MOVABLE, so a fresh map is right without being filled (pageblock
 * types are lazy); `special` counts entries that are not MOVABLE, so that a map without any need
 * not be looked at.
 */
#pragma once

#include "fpg/base/types.h"
#include "fpg/core/gfp.h"
#include "fpg/core/page.h"

/** 2 MiB with 4 KiB pages: what one leaf of the next level maps. */
#define PAGEBLOCK_ORDER	   (MAX_PAGE_ORDER < 9 ? MAX_PAGE_ORDER : 9)
#define PAGEBLOCK_NR_PAGES (1UL << PAGEBLOCK_ORDER)

struct pageblock_map {
	/** Frame of the first entry; a multiple of PAGEBLOCK_NR_PAGES. */
	pfn_t base;
	uint64_t blocks;
	uint64_t special;
	uint64_t *words;
};

#define PAGEBLOCK_BITS	  4U
#define PAGEBLOCKS_A_WORD (64U / PAGEBLOCK_BITS)

/** Bytes of words[] for @span. */
size_t pageblock_map_bytes(struct pfn_range span);

/** @words: zeroed, pageblock_map_bytes(@span) long. */
void pageblock_map_init(struct pageblock_map *map, struct pfn_range span, void *words);

static inline enum migratetype pageblock_type(const struct pageblock_map *map, pfn_t f)
{
	uint64_t i = (f.n - map->base.n) >> PAGEBLOCK_ORDER;
	unsigned int shift = (unsigned int)(i % PAGEBLOCKS_A_WORD) * PAGEBLOCK_BITS;
	return (enum migratetype)(((map->words[i / PAGEBLOCKS_A_WORD] >> shift) & 0xf) ^
				  MIGRATE_MOVABLE);
}

void pageblock_set_type(struct pageblock_map *map, pfn_t f, enum migratetype type);

/** Set the type of every pageblock that @range touches. */
void pageblock_set_range(struct pageblock_map *map, struct pfn_range range, enum migratetype type);

/** True when every pageblock that @range touches is MOVABLE. */
bool pageblock_all_movable(const struct pageblock_map *map, struct pfn_range range);
