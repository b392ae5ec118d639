/* SPDX-License-Identifier: BSD-2-Clause */
/* The map of pageblock types; see pageblock.h. */
#include "fpg/core/pageblock.h"

#include "fpg/base/bits.h"
#include "fpg/base/range.h"

static_assert(MIGRATE_TYPE_COUNT <= 1 << PAGEBLOCK_BITS, "a migratetype fits an entry");

size_t pageblock_map_bytes(struct pfn_range span)
{
	uint64_t start = ALIGN_DOWN(span.start.n, MAX_ORDER_NR_PAGES);
	uint64_t blocks = (ALIGN_UP(span.end.n, PAGEBLOCK_NR_PAGES) - start) >> PAGEBLOCK_ORDER;
	return ROUND_UP(blocks, PAGEBLOCKS_A_WORD) / PAGEBLOCKS_A_WORD * sizeof(uint64_t);
}

void pageblock_map_init(struct pageblock_map *map, struct pfn_range span, void *words)
{
	map->base = pfn(ALIGN_DOWN(span.start.n, MAX_ORDER_NR_PAGES));
	map->blocks = (ALIGN_UP(span.end.n, PAGEBLOCK_NR_PAGES) - map->base.n) >> PAGEBLOCK_ORDER;
	map->special = 0;
	map->words = words;
	map->part_shift = PAGEBLOCK_ORDER + log2_floor(PAGEBLOCKS_A_WORD);
	while ((map->blocks - 1) << PAGEBLOCK_ORDER >> map->part_shift >= PAGEBLOCK_PARTS) {
		map->part_shift++;
	}
	for (size_t i = 0; i < ARRAY_SIZE(map->there); i++) {
		map->there[i] = 0;
	}
}

static void make_part(struct pageblock_map *map, uint64_t part)
{
	const uint64_t words = ROUND_UP(map->blocks, PAGEBLOCKS_A_WORD) / PAGEBLOCKS_A_WORD;
	const uint64_t most = 1ULL << map->part_shift >> PAGEBLOCK_ORDER;
	const uint64_t from = part * (most / PAGEBLOCKS_A_WORD);
	const uint64_t to = from + most / PAGEBLOCKS_A_WORD;
	for (uint64_t i = from; i < to && i < words; i++) {
		map->words[i] = 0;
	}
	/* Some read without the zone's lock. */
	__atomic_fetch_or(&map->there[part / 64], 1ULL << part % 64, __ATOMIC_RELEASE);
}

void pageblock_touch(struct pageblock_map *map, uint64_t start, uint64_t end)
{
	const uint64_t last = (end - 1 - map->base.n) >> map->part_shift;
	for (uint64_t part = (start - map->base.n) >> map->part_shift; part <= last; part++) {
		if (!bits_test(map->there, part)) {
			make_part(map, part);
		}
	}
}

/** Set entry @i, unless it lies past the map: blocks of larger orders may reach beyond the span. */
static void set_entry(struct pageblock_map *map, uint64_t i, enum migratetype type)
{
	if (i >= map->blocks) {
		return;
	}
	const uint64_t frame = map->base.n + (i << PAGEBLOCK_ORDER);
	pageblock_touch(map, frame, frame + 1);
	uint64_t *word = &map->words[i / PAGEBLOCKS_A_WORD];
	unsigned int shift = (unsigned int)(i % PAGEBLOCKS_A_WORD) * PAGEBLOCK_BITS;
	uint64_t entry = (uint64_t)(type ^ MIGRATE_MOVABLE);
	bool was_special = (*word >> shift & 0xf) != 0;
	*word = (*word & ~(0xfULL << shift)) | entry << shift;
	map->special += (uint64_t)(entry != 0) - (uint64_t)was_special;
}

void pageblock_set_type(struct pageblock_map *map, pfn_t f, enum migratetype type)
{
	set_entry(map, (f.n - map->base.n) >> PAGEBLOCK_ORDER, type);
}

void pageblock_set_range(struct pageblock_map *map, struct pfn_range range, enum migratetype type)
{
	if (range.start.n >= range.end.n || (map->special == 0 && type == MIGRATE_MOVABLE)) {
		return;
	}
	uint64_t last = (range.end.n - 1 - map->base.n) >> PAGEBLOCK_ORDER;
	for (uint64_t i = (range.start.n - map->base.n) >> PAGEBLOCK_ORDER; i <= last; i++) {
		set_entry(map, i, type);
	}
}

bool pageblock_all_movable(const struct pageblock_map *map, struct pfn_range range)
{
	if (map->special == 0 || range.start.n >= range.end.n) {
		return true;
	}
	const unsigned int entries = (unsigned int)map->part_shift - PAGEBLOCK_ORDER;
	const uint64_t first = (range.start.n - map->base.n) >> PAGEBLOCK_ORDER;
	const uint64_t end = ((range.end.n - 1 - map->base.n) >> PAGEBLOCK_ORDER) + 1;
	const uint64_t parts = ((end - 1) >> entries) + 1;
	for (uint64_t part = bits_find_set(map->there, first >> entries, parts); part != parts;
	     part = bits_find_set(map->there, part + 1, parts)) {
		uint64_t from = part << entries;
		uint64_t to = (part + 1) << entries;
		from = (from > first ? from : first) * PAGEBLOCK_BITS;
		to = (to < end ? to : end) * PAGEBLOCK_BITS;
		if (bits_find_set(map->words, from, to) != to) {
			return false;
		}
	}
	return true;
}
