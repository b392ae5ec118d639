/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What Linux 6.1's rule would do with the same calls: a buddy system with lists that are last in, first out (a block
 * whose neighbour is about to complete a larger one goes to the end), the smallest order first, other types' blocks the
 * largest first, and a cache of single pages in front. Told from its documentation, written anew; only to compare with.
 */
#include "frag.h"

#include <stdio.h>
#include <stdlib.h>

#define ORDERS	   11U
#define TYPES	   3U
#define NOBODY	   UINT32_MAX
#define FREE_BIT   0x80U
#define CACHE_HIGH 378U
#define BATCH	   63U

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
	uint32_t *cache[TYPES];
	uint32_t cached[TYPES];
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

/** Free blocks of a pageblock go to @type's lists; it becomes @type's when half of it is free or alike. */
static void steal(struct rule *r, uint32_t n, unsigned int type)
{
	uint32_t at = n >> PAGEBLOCK_ORDER << PAGEBLOCK_ORDER;
	uint32_t good = 0;
	for (uint32_t i = at; i < at + PAGEBLOCK_NR_PAGES;) {
		if (r->head[i] == 0x7f) {
			i++;
			continue;
		}
		unsigned int order = r->head[i] & 0x7f;
		bool free = (r->head[i] & FREE_BIT) != 0;
		good += free || r->type[i] == type ? 1U << order : 0;
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

static void drain(struct rule *r, unsigned int type, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		give(r, r->cache[type][i], 0);
	}
	r->cached[type] -= count;
	for (uint32_t i = 0; i < r->cached[type]; i++) {
		r->cache[type][i] = r->cache[type][i + count];
	}
}

static uint64_t rule_alloc(void *ctx, unsigned int order, enum migratetype type)
{
	struct rule *r = ctx;
	uint32_t n = NOBODY;
	if (order == 0 && r->cached[type] == 0) {
		/* What comes first is handed out first. */
		uint32_t run[BATCH];
		uint32_t count = 0;
		while (count < BATCH && (n = take(r, 0, type)) != NOBODY) {
			run[count++] = n;
		}
		while (count > 0) {
			r->cache[type][r->cached[type]++] = run[--count];
		}
	}
	if (order == 0 && r->cached[type] != 0) {
		n = r->cache[type][--r->cached[type]];
	} else {
		n = take(r, order, type);
	}
	for (unsigned int t = 0; n == NOBODY && t < TYPES; t++) {
		drain(r, t, r->cached[t]);
		n = t + 1 == TYPES ? take(r, order, type) : NOBODY;
	}
	return n != NOBODY ? r->base + n : FRAG_NONE;
}

static void rule_free(void *ctx, uint64_t frame, unsigned int order)
{
	struct rule *r = ctx;
	uint32_t n = (uint32_t)(frame - r->base);
	unsigned int type = r->block_type[n >> PAGEBLOCK_ORDER];
	if (order != 0) {
		give(r, n, order);
		return;
	}
	if (r->cached[type] == CACHE_HIGH) {
		drain(r, type, BATCH);
	}
	r->cache[type][r->cached[type]++] = n;
}

static void rule_walk(void *ctx, palloc_walk_fn fn, void *arg)
{
	struct rule *r = ctx;
	for (unsigned int type = 0; type < TYPES; type++) {
		drain(r, type, r->cached[type]);
	}
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
	for (unsigned int type = 0; type < TYPES; type++) {
		free(r->cache[type]);
	}
	free(r->next);
	free(r->prev);
	free(r->head);
	free(r->type);
	free(r->block_type);
	free(r);
}

void frag_target_linux(struct frag_target *t, uint64_t bytes)
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
		r->cache[type] = array(CACHE_HIGH + BATCH, sizeof(uint32_t));
		for (unsigned int order = 0; order < ORDERS; order++) {
			r->list[order][type] = (struct list){ NOBODY, NOBODY };
		}
	}
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
		.alloc = rule_alloc,
		.free = rule_free,
		.walk = rule_walk,
		.check = rule_check,
		.stop = rule_stop,
	};
}
