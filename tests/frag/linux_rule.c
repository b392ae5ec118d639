/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What Linux 6.1's rule would do with the same calls: a buddy system with lists that are last in, first out (a block
 * whose neighbour is about to complete a larger one goes to the end), the smallest order first, other types' blocks the
 * largest first; with or without one hart's cache of orders 0 to 3 in front. Told from its documentation, written anew; only to compare with.
 */
#include "frag_host.h"

#include <stdio.h>
#include <stdlib.h>

#define ORDERS	    11U
#define TYPES	    3U
#define NOBODY	    UINT32_MAX
#define FREE_BIT    0x80U
#define BATCH	    63U
#define CACHE_LISTS (4U * TYPES)

struct list {
	uint32_t first;
	uint32_t last;
};

struct rule {
	uint64_t base;
	uint32_t frames;
	uint32_t *next;
	uint32_t *prev;
	/** A frame that a block begins with: order, and FREE_BIT; else 0x7f. */
	uint8_t *head;
	/** What the holder asked for; of a free block: its list's. */
	uint8_t *type;
	uint8_t *block_type;
	struct list list[ORDERS][TYPES];
	/** By order, then type. */
	struct list cached[CACHE_LISTS];
	uint32_t cached_pages;
	/** The cache gives back when it holds so many pages. */
	uint32_t cache_high;
	/** Orders below it are cached. */
	uint32_t cached_orders;
	/** Doublings of what is given back at once; it grows while nothing is allocated. */
	uint32_t free_factor;
};

static void *array(size_t count, size_t size)
{
	void *at = calloc(count, size);
	if (at == NULL) {
		perror("frag");
		exit(2);
	}
	return at;
}

static void list_add(struct rule *r, uint32_t n, unsigned int order, unsigned int type, bool tail)
{
	struct list *l = &r->list[order][type];
	r->head[n] = (uint8_t)(order | FREE_BIT);
	r->type[n] = (uint8_t)type;
	r->next[n] = tail ? NOBODY : l->first;
	r->prev[n] = tail ? l->last : NOBODY;
	uint32_t *before = r->prev[n] != NOBODY ? &r->next[r->prev[n]] : &l->first;
	uint32_t *after = r->next[n] != NOBODY ? &r->prev[r->next[n]] : &l->last;
	*before = n;
	*after = n;
}

static void list_del(struct rule *r, uint32_t n)
{
	struct list *l = &r->list[r->head[n] & 0x7f][r->type[n]];
	uint32_t *before = r->prev[n] != NOBODY ? &r->next[r->prev[n]] : &l->first;
	uint32_t *after = r->next[n] != NOBODY ? &r->prev[r->next[n]] : &l->last;
	*before = r->next[n];
	*after = r->prev[n];
	r->head[n] = 0x7f;
}

static bool is_free(const struct rule *r, uint32_t n, unsigned int order)
{
	return n < r->frames && r->head[n] == (order | FREE_BIT);
}

static void give(struct rule *r, uint32_t n, unsigned int order)
{
	r->head[n] = 0x7f;
	while (order + 1 < ORDERS && is_free(r, n ^ 1U << order, order)) {
		list_del(r, n ^ 1U << order);
		n &= ~(1U << order);
		order++;
	}
	uint32_t above = (n & ~(1U << order)) ^ 2U << order;
	bool tail = order + 2 < ORDERS && is_free(r, above, order + 1);
	list_add(r, n, order, r->block_type[n >> PAGEBLOCK_ORDER], tail);
}

static uint32_t cut(struct rule *r, uint32_t n, unsigned int order, unsigned int type)
{
	unsigned int from = r->head[n] & 0x7f;
	unsigned int list = r->type[n];
	list_del(r, n);
	while (from > order) {
		from--;
		list_add(r, n + (1U << from), from, list, false);
	}
	r->head[n] = (uint8_t)order;
	r->type[n] = (uint8_t)type;
	return n;
}

/** Pages in use that speak for a pageblock's becoming @type's: that cannot be moved, of either type, in a movable one. */
static bool alike(unsigned int used, unsigned int type, unsigned int was)
{
	if (type == MIGRATE_MOVABLE) {
		return used == MIGRATE_MOVABLE;
	}
	return was == MIGRATE_MOVABLE && used != MIGRATE_MOVABLE;
}

/** Free blocks of a pageblock go to @type's lists; it becomes @type's when half of it is free or alike. */
static void steal(struct rule *r, uint32_t n, unsigned int type)
{
	const unsigned int was = r->block_type[n >> PAGEBLOCK_ORDER];
	uint32_t at = n >> PAGEBLOCK_ORDER << PAGEBLOCK_ORDER;
	uint32_t good = 0;
	for (uint32_t i = at; i < at + PAGEBLOCK_NR_PAGES;) {
		if (r->head[i] == 0x7f) {
			i++;
			continue;
		}
		unsigned int order = r->head[i] & 0x7f;
		bool free = (r->head[i] & FREE_BIT) != 0;
		good += free || alike(r->type[i], type, was) ? 1U << order : 0;
		if (free) {
			list_del(r, i);
			list_add(r, i, order, type, false);
		}
		i += 1U << order;
	}
	if (good >= PAGEBLOCK_NR_PAGES / 2) {
		r->block_type[n >> PAGEBLOCK_ORDER] = (uint8_t)type;
	}
}

static uint32_t find_in(const struct rule *r, unsigned int order, unsigned int type)
{
	static const uint8_t fallbacks[TYPES][2] = { { 2, 1 }, { 2, 0 }, { 0, 1 } };
	uint32_t n = r->list[order][fallbacks[type][0]].first;
	return n != NOBODY ? n : r->list[order][fallbacks[type][1]].first;
}

static uint32_t fall_back(struct rule *r, unsigned int order, unsigned int type)
{
	uint32_t n = NOBODY;
	unsigned int k = ORDERS;
	while (n == NOBODY && k-- > order) {
		n = find_in(r, k, type);
	}
	if (n == NOBODY) {
		return NOBODY;
	}
	if (k >= PAGEBLOCK_ORDER) {
		list_del(r, n);
		for (uint32_t i = n; i < n + (1U << k); i += PAGEBLOCK_NR_PAGES) {
			r->block_type[i >> PAGEBLOCK_ORDER] = (uint8_t)type;
		}
		list_add(r, n, k, type, false);
	} else if (k >= PAGEBLOCK_ORDER / 2 || type != MIGRATE_MOVABLE) {
		steal(r, n, type);
	} else {
		for (k = order; (n = find_in(r, k, type)) == NOBODY; k++) {
		}
	}
	return n;
}

static uint32_t take(struct rule *r, unsigned int order, unsigned int type)
{
	uint32_t n = NOBODY;
	for (unsigned int k = order; k < ORDERS && n == NOBODY; k++) {
		n = r->list[k][type].first;
	}
	n = n != NOBODY ? n : fall_back(r, order, type);
	return n != NOBODY ? cut(r, n, order, type) : NOBODY;
}

/* ---- the cache in front ---------------------------------------------------------------------- */

static void cache_push(struct rule *r, unsigned int list, uint32_t n)
{
	struct list *l = &r->cached[list];
	r->prev[n] = NOBODY;
	r->next[n] = l->first;
	*(l->first != NOBODY ? &r->prev[l->first] : &l->last) = n;
	l->first = n;
}

static uint32_t cache_drop(struct rule *r, unsigned int list, bool oldest)
{
	struct list *l = &r->cached[list];
	const uint32_t n = oldest ? l->last : l->first;
	if (n != NOBODY) {
		const uint32_t before = r->prev[n];
		const uint32_t after = r->next[n];
		*(before != NOBODY ? &r->next[before] : &l->first) = after;
		*(after != NOBODY ? &r->prev[after] : &l->last) = before;
		r->cached_pages -= 1U << list / TYPES;
	}
	return n;
}

/** Give back at least @pages, list after list from the one after @list, the oldest first. */
static void drain(struct rule *r, unsigned int list, uint32_t pages)
{
	uint32_t left = r->cached_pages > pages ? r->cached_pages - pages : 0;
	while (r->cached_pages > left) {
		uint32_t n;
		list = (list + 1) % CACHE_LISTS;
		while (r->cached_pages > left && (n = cache_drop(r, list, true)) != NOBODY) {
			give(r, n, list / TYPES);
		}
	}
}

/** One batch, in the order in which it is handed out. */
static void fill(struct rule *r, unsigned int order, unsigned int type)
{
	uint32_t run[BATCH];
	const uint32_t most = BATCH >> order > 2 ? BATCH >> order : 2;
	uint32_t count = 0;
	uint32_t n;
	while (count < most && (n = take(r, order, type)) != NOBODY) {
		run[count++] = n;
	}
	r->cached_pages += count << order;
	while (count > 0) {
		cache_push(r, order * TYPES + type, run[--count]);
	}
}

static uint64_t rule_alloc(void *ctx, unsigned int order, enum migratetype type)
{
	struct rule *r = ctx;
	const unsigned int list = order * TYPES + type;
	uint32_t n = NOBODY;
	if (order < r->cached_orders) {
		if (r->cached[list].first == NOBODY) {
			fill(r, order, type);
		}
		r->free_factor /= 2;
		n = cache_drop(r, list, false);
	}
	n = n != NOBODY ? n : take(r, order, type);
	if (n == NOBODY && r->cached_pages != 0) {
		drain(r, 0, r->cached_pages);
		n = take(r, order, type);
	}
	if (n == NOBODY) {
		return FRAG_NONE;
	}
	r->head[n] = (uint8_t)order;
	r->type[n] = (uint8_t)type;
	return r->base + n;
}

static void rule_free(void *ctx, uint64_t frame, unsigned int order)
{
	struct rule *r = ctx;
	const uint32_t n = (uint32_t)(frame - r->base);
	/* The pageblock's type, not the page's. */
	const unsigned int list = order * TYPES + r->block_type[n >> PAGEBLOCK_ORDER];
	if (order >= r->cached_orders) {
		give(r, n, order);
		return;
	}
	cache_push(r, list, n);
	r->cached_pages += 1U << order;
	if (r->cached_pages >= r->cache_high) {
		uint32_t pages = BATCH << r->free_factor;
		const uint32_t most = r->cache_high - BATCH;
		r->free_factor += pages < most;
		drain(r, list + CACHE_LISTS - 1, pages < most ? pages : most);
	}
}

static void rule_walk(void *ctx, palloc_walk_fn fn, void *arg)
{
	struct rule *r = ctx;
	drain(r, 0, r->cached_pages);
	for (uint32_t n = 0; n < r->frames; n++) {
		if (r->head[n] != 0x7f && (r->head[n] & FREE_BIT)) {
			uint64_t start = r->base + n;
			struct palloc_run run = {
				.range = { pfn(start), pfn(start + (1ULL << (r->head[n] & 0x7f))) },
				.state = PALLOC_RUN_FREE,
			};
			(void)fn(arg, &run);
		}
	}
}

static void rule_check(void *ctx)
{
	(void)ctx;
}

static void rule_stop(void *ctx)
{
	struct rule *r = ctx;
	free(r->next);
	free(r->prev);
	free(r->head);
	free(r->type);
	free(r->block_type);
	free(r);
}

/** What one hart's cache may hold: the low watermark, which goes with the root of the memory, but four batches at least. */
static uint32_t cache_high(uint64_t bytes)
{
	uint64_t min_kib = 0;
	while ((min_kib + 1) * (min_kib + 1) <= 16 * (bytes >> 10)) {
		min_kib++;
	}
	const uint64_t low_pages = (min_kib >> (PAGE_SHIFT - 10)) * 5 / 4;
	return low_pages > 4 * BATCH ? (uint32_t)low_pages : 4 * BATCH;
}

void frag_target_linux(struct frag_target *t, uint64_t bytes, bool caches)
{
	struct rule *r = array(1, sizeof(*r));
	r->base = 0x80000;
	r->frames = (uint32_t)(bytes >> PAGE_SHIFT);
	r->next = array(r->frames, sizeof(*r->next));
	r->prev = array(r->frames, sizeof(*r->prev));
	r->head = array(r->frames, 1);
	r->type = array(r->frames, 1);
	r->block_type = array((r->frames >> PAGEBLOCK_ORDER) + 1, 1);
	for (unsigned int type = 0; type < TYPES; type++) {
		for (unsigned int order = 0; order < ORDERS; order++) {
			r->list[order][type] = (struct list){ NOBODY, NOBODY };
		}
	}
	for (unsigned int list = 0; list < CACHE_LISTS; list++) {
		r->cached[list] = (struct list){ NOBODY, NOBODY };
	}
	r->cached_orders = caches ? CACHE_LISTS / TYPES : 0;
	r->cache_high = cache_high(bytes);
	for (uint32_t n = 0; n < r->frames; n++) {
		r->head[n] = 0x7f;
		r->block_type[n >> PAGEBLOCK_ORDER] = MIGRATE_MOVABLE;
	}
	for (uint32_t n = 0; n < r->frames; n += 1U << (ORDERS - 1)) {
		list_add(r, n, ORDERS - 1, MIGRATE_MOVABLE, true);
	}
	*t = (struct frag_target){
		.name = "linux-like",
		.ctx = r,
		.span = { pfn(r->base), pfn(r->base + r->frames) },
		.pages = r->frames,
		.alloc = rule_alloc,
		.free = rule_free,
		.walk = rule_walk,
		.check = rule_check,
		.stop = rule_stop,
		.notes = frag_host_notes,
		.notes_free = frag_host_notes_free,
	};
}
