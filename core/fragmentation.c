/* SPDX-License-Identifier: BSD-2-Clause */
/* Counting memory by migratetype, and the indices of fpg/core/fragmentation.h. */
#include "fpg/core/fragmentation.h"

#include "page_alloc_private.h"

#include "fpg/base/bits.h"
#include "fpg/base/range.h"
#include "fpg/core/page_cache.h"

#include <string.h>

/* ---- by migratetype -------------------------------------------------------------------------- */

struct type_walk {
	struct zone *zone;
	struct zone_page_types *out;
	/** The pageblock counted last, plus one. */
	uint64_t counted;
};

/** Somebody holds a page of the pageblock at @n that is not of its type. */
static bool is_mixed(const struct zone *zone, uint64_t n, enum migratetype type)
{
	const uint64_t end = n + PAGEBLOCK_NR_PAGES;
	while (n < end) {
		const uint64_t word = pfn_to_page(pfn(n))->word;
		const enum page_state state = page_word_state(word);
		if (state == PAGE_NONE || page_word_zone(word) != zone->id) {
			bool unread = n % FRAME_TABLE_CHUNK == 0 && !frame_populated(pfn(n));
			n += unread ? FRAME_TABLE_CHUNK : 1;
			continue;
		}
		if (state == PAGE_ALLOCATED && page_word_type(word) != type) {
			return true;
		}
		n += 1ULL << page_word_order(word);
	}
	return false;
}

static bool count_types(void *ctx, const struct palloc_run *run)
{
	struct type_walk *w = ctx;
	if (run->state == PALLOC_RUN_HOLE) {
		return true;
	}
	if (run->state == PALLOC_RUN_FREE) {
		count_free_blocks(w->out->free_blocks[run->type], run->range);
	}
	uint64_t i = run->range.start.n >> PAGEBLOCK_ORDER;
	const uint64_t end = ((run->range.end.n - 1) >> PAGEBLOCK_ORDER) + 1;
	for (i = i > w->counted ? i : w->counted; i < end; i++) {
		uint64_t first = i << PAGEBLOCK_ORDER;
		const uint64_t base = w->zone->pageblocks.base.n;
		enum migratetype type =
			pageblock_type(&w->zone->pageblocks, pfn(first < base ? base : first));
		w->out->pageblocks[type]++;
		w->out->mixed[type] += is_mixed(w->zone, first, type);
		w->counted = i + 1;
	}
	return true;
}

void zone_page_types(struct zone *zone, struct zone_page_types *out)
{
	struct type_walk w = { .zone = zone, .out = out };
	memset(out, 0, sizeof(*out));
	if (zone->palloc == NULL) {
		return;
	}
	page_cache_drain_all();
	unsigned long flags = spin_lock_irqsave(&zone->lock);
	zone->palloc->ops->walk(zone->palloc, count_types, &w);
	spin_unlock_irqrestore(&zone->lock, flags);
}

/* ---- indices --------------------------------------------------------------------------------- */

struct sums {
	uint64_t pages;
	uint64_t blocks;
	/** Requests of the order that could be served. */
	uint64_t suitable;
};

static struct sums sum_up(const uint64_t *blocks, unsigned int order)
{
	struct sums s = { 0 };
	for (unsigned int k = 0; k <= MAX_PAGE_ORDER; k++) {
		s.pages += blocks[k] << k;
		s.blocks += blocks[k];
		s.suitable += k >= order ? blocks[k] << (k - order) : 0;
	}
	return s;
}

unsigned int unusable_free_index(const uint64_t blocks[MAX_PAGE_ORDER + 1], unsigned int order)
{
	struct sums s = sum_up(blocks, order);
	if (s.pages == 0) {
		return 1000;
	}
	return (unsigned int)((s.pages - (s.suitable << order)) * 1000 / s.pages);
}

int fragmentation_index(const uint64_t blocks[MAX_PAGE_ORDER + 1], unsigned int order)
{
	struct sums s = sum_up(blocks, order);
	if (s.blocks == 0) {
		return 0;
	}
	if (s.suitable != 0) {
		return -1000;
	}
	return 1000 - (int)((1000 + (s.pages * 1000 >> order)) / s.blocks);
}
