/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What pages cost, with the backend that serves (palloc= chooses it; lines begin with its name): pairs of allocating
 * and freeing, batches in a row, freed in order and shuffled, and a request that fails in fragmented memory.
 *
 * Taken as docs/performance.md says, which is how the figures of Linux were taken: 64 rounds to warm up, 4096 pairs, 1024
 * objects a batch (64 of order 9, 32 of order 10). Hart caches are drained before each batch, memory is populated. A
 * line that ends with _cold is the first of its kind, without warming up.
 */
#include "bench.h"

#include "fpg/base/parse.h"
#include "fpg/core/page_alloc.h"
#include "fpg/core/page_cache.h"

#include <errno.h>
#include <stdio.h>

#define WARM_UP	  64U
#define PAIRS	  4096U
#define MOST	  1024U
#define UNROLLED  8U
#define ROUNDS	  4U
#define NAME_SIZE 64U

static struct page *held[MOST];

static void line(struct bench_report *report, const char *name, unsigned int order,
		 const char *suffix, uint64_t instructions, uint64_t times)
{
	char text[NAME_SIZE];
	snprintf(text, sizeof(text), "%s.o%u_%s%s", page_alloc_backend_name(), order, name, suffix);
	bench_line(report, text, instructions, times);
}

/* ---- pairs ---- */

static inline void pair(unsigned int order)
{
	__free_pages(alloc_pages(GFP_KERNEL, order), order);
}

/** @order is a constant where this is called, as it is for most users. */
static inline __attribute__((always_inline)) uint64_t count_pairs(unsigned int order)
{
	struct bench_timer timer;
	bench_begin(&timer);
	for (unsigned int i = 0; i < PAIRS / UNROLLED; i++) {
		pair(order);
		pair(order);
		pair(order);
		pair(order);
		pair(order);
		pair(order);
		pair(order);
		pair(order);
	}
	return bench_end(&timer);
}

static int warm_pair(struct bench_report *report, unsigned int order)
{
	struct bench_timer timer;
	page_cache_drain_all();
	bench_begin(&timer);
	pair(order);
	line(report, "pair", order, "_cold", bench_end(&timer), 1);
	struct page *page = alloc_pages(GFP_KERNEL, order);
	if (page == NULL) {
		return bench_fail(report, -ENOMEM, "no block");
	}
	__free_pages(page, order);
	for (unsigned int i = 0; i < WARM_UP; i++) {
		pair(order);
	}
	return 0;
}

#define PAIR_ROW(n)                                               \
	static int o##n##_pair(struct bench_report *report)       \
	{                                                         \
		int err = warm_pair(report, n);                   \
		if (err == 0) {                                   \
			uint64_t cost = count_pairs(n);           \
			line(report, "pair", n, "", cost, PAIRS); \
		}                                                 \
		return err;                                       \
	}

PAIR_ROW(0)
PAIR_ROW(1)
PAIR_ROW(3)
PAIR_ROW(9)
PAIR_ROW(10)

/* ---- batches ---- */

static unsigned int batch_size(unsigned int order)
{
	return order < 9 ? MOST : order == 9 ? 64 : 32;
}

static uint64_t batch_alloc(unsigned int order, unsigned int count)
{
	struct bench_timer timer;
	bench_begin(&timer);
	for (unsigned int i = 0; i < count; i++) {
		held[i] = alloc_pages(GFP_KERNEL, order);
	}
	return bench_end(&timer);
}

static uint64_t batch_free(unsigned int order, unsigned int count)
{
	struct bench_timer timer;
	bench_begin(&timer);
	for (unsigned int i = 0; i < count; i++) {
		__free_pages(held[i], order);
	}
	return bench_end(&timer);
}

/** The same order each time: a linear congruential generator with a fixed start. */
static void shuffle(unsigned int count)
{
	uint64_t random = 12345;
	for (unsigned int i = count; i-- > 1;) {
		random = random * 6364136223846793005ULL + 1442695040888963407ULL;
		unsigned int k = (unsigned int)((random >> 33) % (i + 1));
		struct page *page = held[i];
		held[i] = held[k];
		held[k] = page;
	}
}

static bool all_held(unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		if (held[i] == NULL) {
			return false;
		}
	}
	return true;
}

static int batch(struct bench_report *report, unsigned int order)
{
	unsigned int count = batch_size(order);
	uint64_t alloc = 0;
	uint64_t free = 0;
	for (unsigned int round = 0; round < ROUNDS; round++) {
		page_cache_drain_all();
		alloc = batch_alloc(order, count);
		if (!all_held(count)) {
			(void)batch_free(order, count);
			return bench_fail(report, -ENOMEM, "not enough memory for a batch");
		}
		free = batch_free(order, count);
		if (round == 0) {
			line(report, "batch_alloc", order, "_cold", alloc, count);
			line(report, "batch_free", order, "_cold", free, count);
		}
	}
	line(report, "batch_alloc", order, "", alloc, count);
	line(report, "batch_free", order, "", free, count);
	page_cache_drain_all();
	(void)batch_alloc(order, count);
	shuffle(count);
	free = batch_free(order, count);
	line(report, "batch_free", order, "_shuffled", free, count);
	alloc = batch_alloc(order, count);
	line(report, "batch_alloc", order, "_shuffled", alloc, count);
	(void)batch_free(order, count);
	page_cache_drain_all();
	return 0;
}

static int o0_batch(struct bench_report *report)
{
	return batch(report, 0);
}

static int o1_batch(struct bench_report *report)
{
	return batch(report, 1);
}

static int o3_batch(struct bench_report *report)
{
	return batch(report, 3);
}

static int o9_batch(struct bench_report *report)
{
	return batch(report, 9);
}

static int o10_batch(struct bench_report *report)
{
	return batch(report, 10);
}

/* ---- failing ---- */

#define HALF 8U

struct link {
	struct link *next;
};

static void free_list(struct link *list)
{
	while (list != NULL) {
		struct link *next = list->next;
		free_pages(list, HALF);
		list = next;
	}
}

/** Half of all memory is free, in blocks of order 8, none of which has a neighbour to merge with. */
static int o9_fail(struct bench_report *report)
{
	struct link *kept = NULL;
	struct link *spare = NULL;
	struct bench_timer timer;
	page_cache_drain_all();
	for (;;) {
		struct page *page = alloc_pages(GFP_NOWAIT | __GFP_NOWARN | __GFP_MEMALLOC, HALF);
		if (page == NULL) {
			break;
		}
		struct link *l = page_address(page);
		struct link **list = page_to_pfn(page).n >> HALF & 1 ? &kept : &spare;
		l->next = *list;
		*list = l;
	}
	free_list(spare);
	page_cache_drain_all();
	unsigned int served = 0;
	for (unsigned int i = 0; i < WARM_UP; i++) {
		served += alloc_pages(GFP_NOWAIT | __GFP_NOWARN, HALF + 1) != NULL;
	}
	bench_begin(&timer);
	for (unsigned int i = 0; i < PAIRS; i++) {
		served += alloc_pages(GFP_NOWAIT | __GFP_NOWARN, HALF + 1) != NULL;
	}
	uint64_t cost = bench_end(&timer);
	free_list(kept);
	if (served != 0) {
		return bench_fail(report, -EIO, "a request of order 9 did not fail");
	}
	line(report, "fail", HALF + 1, "", cost, PAIRS);
	return 0;
}

const struct bench bench_rows_palloc[] = {
	{ "palloc.o0_pair", o0_pair },	 { "palloc.o1_pair", o1_pair },
	{ "palloc.o3_pair", o3_pair },	 { "palloc.o9_pair", o9_pair },
	{ "palloc.o10_pair", o10_pair }, { "palloc.o0_batch", o0_batch },
	{ "palloc.o1_batch", o1_batch }, { "palloc.o3_batch", o3_batch },
	{ "palloc.o9_batch", o9_batch }, { "palloc.o10_batch", o10_batch },
	{ "palloc.o9_fail", o9_fail },	 { 0 },
};
