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
}

/** Set entry @i, unless it lies past the map: blocks of larger orders may reach beyond the span. */
static void set_entry(struct pageblock_map *map, uint64_t i, enum migratetype type)
{
	if (i >= map->blocks) {
		return;
	}
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
	uint64_t from = ((range.start.n - map->base.n) >> PAGEBLOCK_ORDER) * PAGEBLOCK_BITS;
	uint64_t to = (((range.end.n - 1 - map->base.n) >> PAGEBLOCK_ORDER) + 1) * PAGEBLOCK_BITS;
	return bits_find_set(map->words, from, to) == to;
}
