/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Migratetypes of whole pageblocks, four bits each. The map belongs to the zone and outlives a
 * change of backend.
 *
 * Invariant: entries come into being by parts of the map, when the first is set or
 * pageblock_touch() says that they will be read: until then the part holds whatever was there and
 * counts as MOVABLE, so a large map costs nothing at boot. A zero entry means MOVABLE; `special`
 * counts entries that are not, so that a map without any need not be looked at.
 */
#pragma once

#include "fpg/base/types.h"
#include "fpg/core/gfp.h"
#include "fpg/core/page.h"

/** 2 MiB with 4 KiB pages: what one leaf of the next level maps. */
#define PAGEBLOCK_ORDER	   (MAX_PAGE_ORDER < 9 ? MAX_PAGE_ORDER : 9)
#define PAGEBLOCK_NR_PAGES (1UL << PAGEBLOCK_ORDER)

#define PAGEBLOCK_PARTS 256U

struct pageblock_map {
	/** Frame of the first entry: the span's start, rounded down to a block of the largest order. */
	pfn_t base;
	uint64_t blocks;
	uint64_t special;
	uint64_t *words;
	/** Frames of a part, as a shift; at most PAGEBLOCK_PARTS parts, each of whole words. */
	uint64_t part_shift;
	/** Bit i: part i is there. */
	uint64_t there[PAGEBLOCK_PARTS / 64];
};

#define PAGEBLOCK_BITS	  4U
#define PAGEBLOCKS_A_WORD (64U / PAGEBLOCK_BITS)

/** Bytes of words[] for @span. */
size_t pageblock_map_bytes(struct pfn_range span);

/** @words: as they are, pageblock_map_bytes(@span) long. */
void pageblock_map_init(struct pageblock_map *map, struct pfn_range span, void *words);

static_assert(PAGEBLOCK_BITS == 4 && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
	      "two entries a byte, in the order of the words' bits");

/** The entries of [start, end) can be read by pageblock_type_at() from now on. Under the zone's lock. */
void pageblock_touch(struct pageblock_map *map, uint64_t start, uint64_t end);

static inline bool pageblock_is_there(const struct pageblock_map *map, uint64_t at)
{
	const uint64_t part = at >> map->part_shift;
	return __atomic_load_n(&map->there[part / 64], __ATOMIC_ACQUIRE) >> part % 64 & 1;
}

/**
 * The type of the pageblock that holds the frame @at frames after the map's base, where somebody
 * touched the map: for hot paths of a backend that does so before a block can be taken or freed.
 */
static inline enum migratetype pageblock_type_at(const struct pageblock_map *map, uint64_t at)
{
	uint8_t two = ((const uint8_t *)map->words)[at >> (PAGEBLOCK_ORDER + 1)];
	/* Bit PAGEBLOCK_ORDER of @at, as 0 or 4: where it is moved to is one shift. */
	const uint64_t odd = PAGEBLOCK_ORDER < 2 ?
				     at << 2 >> PAGEBLOCK_ORDER :
				     at >> (PAGEBLOCK_ORDER < 2 ? 0 : PAGEBLOCK_ORDER - 2);
	return (enum migratetype)((two >> (odd & PAGEBLOCK_BITS) & 0xf) ^ MIGRATE_MOVABLE);
}

/** The pageblock @at, an even one, and the next are of one type. As pageblock_type_at(). */
static inline bool pageblock_two_alike(const struct pageblock_map *map, uint64_t at)
{
	uint8_t two = ((const uint8_t *)map->words)[at >> (PAGEBLOCK_ORDER + 1)];
	return two >> PAGEBLOCK_BITS == (two & 0xf);
}

static inline enum migratetype pageblock_type(const struct pageblock_map *map, pfn_t f)
{
	const uint64_t at = f.n - map->base.n;
	return pageblock_is_there(map, at) ? pageblock_type_at(map, at) : MIGRATE_MOVABLE;
}

void pageblock_set_type(struct pageblock_map *map, pfn_t f, enum migratetype type);

/** Set the type of every pageblock that @range touches. */
void pageblock_set_range(struct pageblock_map *map, struct pfn_range range, enum migratetype type);

/** True when every pageblock that @range touches is MOVABLE. */
bool pageblock_all_movable(const struct pageblock_map *map, struct pfn_range range);
