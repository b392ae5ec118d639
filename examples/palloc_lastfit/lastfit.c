/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The smallest legal backend: a bit a frame, searched from the top. Nothing here is fast; everything
 * the contract (fpg/core/palloc_ops.h) asks for is kept.
 *
 * Invariant: a frame in one of the runs is managed, its bit says whether it is free; no other bit is 1.
 */
#include "fpg/base/errno.h"
#include "fpg/core/palloc_ops.h"

struct lastfit {
	uint32_t runs, max_runs;
	struct pfn_range *run;
	uint64_t bits[];
};

static uint64_t bit_at(const struct palloc *pa, uint64_t n)
{
	const struct lastfit *l = pa->priv;
	return l->bits[(n - pa->span.start.n) / 64] >> (n - pa->span.start.n) % 64 & 1;
}

static void flip(struct palloc *pa, struct pfn_range range)
{
	struct lastfit *l = pa->priv;
	for (uint64_t i = range.start.n - pa->span.start.n; i < range.end.n - pa->span.start.n;
	     i++) {
		l->bits[i / 64] ^= 1ULL << i % 64;
	}
}

static enum palloc_run_state state_of(const struct palloc *pa, uint64_t n)
{
	const struct lastfit *l = pa->priv;
	for (uint32_t i = 0; i < l->runs; i++) {
		if (pfn_range_contains(l->run[i], pfn(n))) {
			return bit_at(pa, n) ? PALLOC_RUN_FREE : PALLOC_RUN_ALLOCATED;
		}
	}
	return PALLOC_RUN_HOLE;
}

static bool all_are(const struct palloc *pa, struct pfn_range range, enum palloc_run_state state)
{
	bool all = range.start.n >= pa->span.start.n && range.end.n <= pa->span.end.n;
	for (uint64_t n = range.start.n; all && n < range.end.n; n++) {
		all = state_of(pa, n) == state;
	}
	return all && range.start.n < range.end.n;
}

static size_t lastfit_meta_bytes(const struct palloc_geometry *g)
{
	return sizeof(struct lastfit) + pfn_range_pages(g->span) / 8 + 8 +
	       g->max_runs * sizeof(struct pfn_range);
}

static int lastfit_init(struct palloc *pa, void *meta, size_t bytes)
{
	struct lastfit *l = pa->priv = meta;
	size_t words = pfn_range_pages(pa->span) / 64 + 1;
	if (bytes < sizeof(*l) + words * 8 + sizeof(l->run[0])) {
		return -EINVAL;
	}
	l->run = (struct pfn_range *)(void *)&l->bits[words];
	l->max_runs = (uint32_t)((bytes - sizeof(*l) - words * 8) / sizeof(l->run[0]));
	return 0;
}

static int lastfit_add(struct palloc *pa, const struct palloc_run *run)
{
	struct lastfit *l = pa->priv;
	uint32_t i = 0;
	if (!all_are(pa, run->range, PALLOC_RUN_HOLE)) {
		return -EINVAL;
	}
	while (i < l->runs && l->run[i].end.n != run->range.start.n) {
		i++;
	}
	if (i == l->max_runs) {
		return -ENOSPC;
	}
	if (i == l->runs) {
		l->run[l->runs++].start = run->range.start;
	}
	l->run[i].end = run->range.end;
	if (run->state == PALLOC_RUN_FREE) {
		flip(pa, run->range);
	}
	return 0;
}

static struct palloc_block lastfit_alloc(struct palloc *pa, const struct palloc_req *req)
{
	uint64_t found = 0;
	if (req->pages == 0 || req->pages > MAX_ORDER_NR_PAGES) {
		return (struct palloc_block){ .err = -EINVAL };
	}
	for (uint64_t n = pa->span.end.n; n-- > pa->span.start.n;) {
		found = bit_at(pa, n) ? found + 1 : 0;
		if (found >= req->pages && n % (1ULL << req->align_order) == 0) {
			flip(pa, (struct pfn_range){ pfn(n), pfn(n + req->pages) });
			return (struct palloc_block){ pfn(n), req->pages, MIGRATE_MOVABLE, 0, 0 };
		}
	}
	return (struct palloc_block){ .err = -ENOMEM };
}

static int lastfit_free(struct palloc *pa, struct pfn_range range)
{
	if (!all_are(pa, range, PALLOC_RUN_ALLOCATED)) {
		return -EINVAL;
	}
	flip(pa, range);
	return 0;
}

static void lastfit_walk(const struct palloc *pa, palloc_walk_fn fn, void *ctx)
{
	struct palloc_run run = { .range.end = pa->span.start, .type = MIGRATE_MOVABLE };
	do {
		run.range.start = run.range.end;
		run.state = state_of(pa, run.range.start.n);
		while (run.range.end.n < pa->span.end.n &&
		       state_of(pa, run.range.end.n) == run.state) {
			run.range.end.n++;
		}
	} while (fn(ctx, &run) && run.range.end.n < pa->span.end.n);
}

static bool count_run(void *ctx, const struct palloc_run *run)
{
	struct palloc_stats *s = ctx;
	uint64_t pages = pfn_range_pages(run->range);
	s->managed_pages += run->state != PALLOC_RUN_HOLE ? pages : 0;
	if (run->state == PALLOC_RUN_FREE) {
		s->free_pages += pages;
		s->largest_free_pages = pages > s->largest_free_pages ? pages :
									s->largest_free_pages;
	}
	return true;
}

static void lastfit_stats(const struct palloc *pa, struct palloc_stats *out)
{
	*out = (struct palloc_stats){ .meta_bytes = pa->meta_bytes, .exact = true };
	lastfit_walk(pa, count_run, out);
}

static int lastfit_check(const struct palloc *pa, const char **why)
{
	*why = "a frame that is not managed is marked free";
	for (uint64_t n = pa->span.start.n; n < pa->span.end.n; n++) {
		if (bit_at(pa, n) && state_of(pa, n) == PALLOC_RUN_HOLE) {
			return -EUCLEAN;
		}
	}
	return 0;
}

const struct palloc_ops lastfit_palloc_ops = {
	.name = "lastfit",
	.title = "a bitmap searched from the top: the smallest backend",
	.caps = PALLOC_CAP_RUN | PALLOC_CAP_FREE | PALLOC_CAP_SUBFREE,
	.max_order = MAX_PAGE_ORDER,
	.meta_bytes = lastfit_meta_bytes,
	.init = lastfit_init,
	.add = lastfit_add,
	.alloc = lastfit_alloc,
	.free = lastfit_free,
	.stats = lastfit_stats,
	.walk = lastfit_walk,
	.check = lastfit_check,
};
