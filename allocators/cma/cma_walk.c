/* SPDX-License-Identifier: BSD-2-Clause */
/* CMA: counts, runs and invariants of the overlay. */
#include "cma.h"

#include "fpg/base/errno.h"

/** The longest run of free granules. */
static uint64_t longest_free(const struct cma_pool *pool)
{
	uint64_t longest = 0;
	uint64_t at = bits_find_set(pool->free, 0, pool->granules);
	while (at < pool->granules) {
		const uint64_t end = bits_find_clear(pool->free, at, pool->granules);
		longest = end - at > longest ? end - at : longest;
		at = bits_find_set(pool->free, end, pool->granules);
	}
	return longest;
}

void cma_pool_stats(const struct palloc *pa, struct palloc_stats *out)
{
	const struct cma_pool *pool = cma_pool_of(pa);
	*out = (struct palloc_stats){
		.managed_pages = pool->managed_granules << pool->shift,
		.free_pages = pool->free_granules << pool->shift,
		.largest_free_pages = longest_free(pool) << pool->shift,
		.meta_bytes = pa->meta_bytes,
		.exact = true,
	};
}

struct walk {
	const struct palloc *pa;
	palloc_walk_fn fn;
	void *ctx;
	uint64_t at;
	bool stopped;
};

/** Everything from where the walk is up to granule @to is in one state. */
static void see(struct walk *w, uint64_t to, enum palloc_run_state state)
{
	const struct cma_pool *pool = cma_pool_of(w->pa);
	uint64_t start = cma_granule_frame(pool, w->at);
	uint64_t end = cma_granule_frame(pool, to);
	if (w->at >= to || w->stopped) {
		return;
	}
	start = start > w->pa->span.start.n ? start : w->pa->span.start.n;
	end = end < w->pa->span.end.n ? end : w->pa->span.end.n;
	const struct palloc_run run = {
		.range = { pfn(start), pfn(end) },
		.state = state,
		.type = state == PALLOC_RUN_FREE ? MIGRATE_MOVABLE : MIGRATE_UNMOVABLE,
	};
	w->stopped = !w->fn(w->ctx, &run);
	w->at = to;
}

void cma_pool_walk(const struct palloc *pa, palloc_walk_fn fn, void *ctx)
{
	const struct cma_pool *pool = cma_pool_of(pa);
	struct walk w = { .pa = pa, .fn = fn, .ctx = ctx };
	for (uint32_t i = 0; i < pool->run_count; i++) {
		const struct cma_run *run = &pool->run[i];
		see(&w, run->from, PALLOC_RUN_HOLE);
		while (w.at < run->to && !w.stopped) {
			see(&w, bits_find_clear(pool->free, w.at, run->to), PALLOC_RUN_FREE);
			see(&w, bits_find_set(pool->free, w.at, run->to), PALLOC_RUN_ALLOCATED);
		}
	}
	see(&w, pool->granules, PALLOC_RUN_HOLE);
}

int cma_pool_check(const struct palloc *pa, const char **why)
{
	const struct cma_pool *pool = cma_pool_of(pa);
	uint64_t managed = 0;
	uint64_t free = 0;
	uint64_t end = 0;
	*why = NULL;
	for (uint32_t i = 0; i < pool->run_count; i++) {
		const struct cma_run *run = &pool->run[i];
		if (run->from >= run->to || run->to > pool->granules ||
		    (i > 0 && run->from <= end)) {
			*why = "runs are not ascending and apart";
			return -EUCLEAN;
		}
		if (bits_find_set(pool->free, end, run->from) != run->from) {
			*why = "a granule outside all runs is free";
		}
		end = run->to;
		managed += run->to - run->from;
	}
	if (bits_find_set(pool->free, end, pool->granules) != pool->granules) {
		*why = "a granule outside all runs is free";
	}
	for (uint64_t i = 0; i < bits_to_words(pool->granules); i++) {
		free += bit_count(pool->free[i]);
	}
	if (managed != pool->managed_granules || free != pool->free_granules) {
		*why = "the counts differ from the bitmap";
	} else if (bits_find_set(pool->free, 0, pool->low) < pool->low) {
		*why = "a granule below the lowest free one is free";
	}
	return *why == NULL ? 0 : -EUCLEAN;
}
