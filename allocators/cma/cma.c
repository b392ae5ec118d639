/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CMA as an overlay: a bitmap of what an area may still give out, over a parent instance that the frames belong to. What
 * is given out is claimed there; what is not, the parent may lend to others, which is found out by claiming.
 */
#include "cma.h"

#include <errno.h>

/** Places that alloc() tries to claim; after that, looking at the whole area is cheaper. */
#define IDLE_TRIES 4U

static uint64_t span_granules(struct pfn_range span, uint32_t shift)
{
	return ((span.end.n - 1) >> shift) - (span.start.n >> shift) + 1;
}

static size_t cma_meta_bytes(const struct palloc_geometry *geometry)
{
	uint64_t granules = span_granules(geometry->span, geometry->granule_order);
	return sizeof(struct cma_pool) + geometry->max_runs * sizeof(struct cma_run) +
	       bits_to_words(granules) * sizeof(uint64_t);
}

static int cma_init(struct palloc *pa, void *meta, size_t bytes)
{
	struct cma_pool *pool = meta;
	uint64_t granules = span_granules(pa->span, pa->granule_order);
	size_t fixed = sizeof(*pool) + bits_to_words(granules) * sizeof(uint64_t);
	if (bytes < fixed) {
		return -EINVAL;
	}
	pool->shift = pa->granule_order;
	pool->base = pa->span.start.n >> pool->shift << pool->shift;
	pool->granules = granules;
	pool->run_limit = (uint32_t)((bytes - fixed) / sizeof(struct cma_run));
	pool->free = (uint64_t *)&pool->run[pool->run_limit];
	pa->priv = pool;
	return 0;
}

bool cma_granules(const struct palloc *pa, struct pfn_range range, struct cma_run *out)
{
	const struct cma_pool *pool = cma_pool_of(pa);
	const uint64_t start = range.start.n;
	const uint64_t end = range.end.n;
	if (start >= end || start < pa->span.start.n || end > pa->span.end.n ||
	    !IS_ALIGNED(start | end, 1ULL << pool->shift)) {
		return false;
	}
	*out = (struct cma_run){ (start - pool->base) >> pool->shift,
				 (end - pool->base) >> pool->shift };
	return true;
}

/** The first run that ends behind granule @g. */
static uint32_t run_behind(const struct cma_pool *pool, uint64_t g)
{
	uint32_t i = 0;
	while (i < pool->run_count && pool->run[i].to <= g) {
		i++;
	}
	return i;
}

bool cma_managed(const struct cma_pool *pool, struct cma_run g)
{
	uint32_t i = run_behind(pool, g.from);
	return i < pool->run_count && pool->run[i].from <= g.from && g.to <= pool->run[i].to;
}

/* ---- noting what is free --------------------------------------------------------------------- */

static void make_free(struct cma_pool *pool, struct cma_run g)
{
	bits_set_range(pool->free, g.from, g.to);
	pool->free_granules += g.to - g.from;
	pool->low = g.from < pool->low ? g.from : pool->low;
}

static void make_given(struct cma_pool *pool, struct cma_run g)
{
	bits_clear_range(pool->free, g.from, g.to);
	pool->free_granules -= g.to - g.from;
	if (g.from <= pool->low && pool->low < g.to) {
		pool->low = g.to;
	}
}

static bool is_free(const struct cma_pool *pool, struct cma_run g)
{
	return bits_find_clear(pool->free, g.from, g.to) == g.to;
}

static bool is_given(const struct cma_pool *pool, struct cma_run g)
{
	return cma_managed(pool, g) && bits_find_set(pool->free, g.from, g.to) == g.to;
}

/** @g joins the runs. Return: 0 | -ENOSPC | -EINVAL (some of it is managed) */
static int manage(struct cma_pool *pool, struct cma_run g)
{
	uint32_t i = run_behind(pool, g.from);
	if (i < pool->run_count && pool->run[i].from < g.to) {
		return -EINVAL;
	}
	bool below = i > 0 && pool->run[i - 1].to == g.from;
	bool above = i < pool->run_count && pool->run[i].from == g.to;
	if (!below && !above && pool->run_count == pool->run_limit) {
		return -ENOSPC;
	}
	if (below) {
		pool->run[i - 1].to = above ? pool->run[i].to : g.to;
	} else if (above) {
		pool->run[i].from = g.from;
	}
	if (below && above) {
		pool->run_count--;
		for (uint32_t k = i; k < pool->run_count; k++) {
			pool->run[k] = pool->run[k + 1];
		}
	} else if (!below && !above) {
		for (uint32_t k = pool->run_count++; k > i; k--) {
			pool->run[k] = pool->run[k - 1];
		}
		pool->run[i] = g;
	}
	pool->managed_granules += g.to - g.from;
	return 0;
}

static void unmanage_new(struct cma_pool *pool, struct cma_run g)
{
	uint32_t i = run_behind(pool, g.from);
	struct cma_run *run = &pool->run[i];
	const struct cma_run was = *run;
	pool->managed_granules -= g.to - g.from;
	if (was.from == g.from && was.to == g.to) {
		pool->run_count--;
		for (; i < pool->run_count; i++) {
			pool->run[i] = pool->run[i + 1];
		}
	} else if (was.from == g.from) {
		run->from = g.to;
	} else {
		run->to = g.from;
		if (was.to != g.to) {
			/* It had joined two: there was an entry for each before. */
			for (uint32_t k = pool->run_count++; k > i + 1; k--) {
				pool->run[k] = pool->run[k - 1];
			}
			pool->run[i + 1] = (struct cma_run){ g.to, was.to };
		}
	}
}

/** The parent's part of a call: what it wants is what we want. */
static int as_parent(struct palloc *pa, int err)
{
	if (err == -EAGAIN) {
		pa->want = pa->parent->want;
	}
	return err;
}

static int cma_add(struct palloc *pa, const struct palloc_run *run)
{
	struct cma_pool *pool = cma_pool_of(pa);
	struct cma_run g;
	if (!cma_granules(pa, run->range, &g) ||
	    (run->state != PALLOC_RUN_FREE && run->state != PALLOC_RUN_ALLOCATED)) {
		return -EINVAL;
	}
	int err = manage(pool, g);
	if (err != 0) {
		return err;
	}
	if (pa->parent != NULL) {
		err = as_parent(pa, pa->parent->ops->add(pa->parent, run));
	}
	if (err != 0) {
		unmanage_new(pool, g);
	} else if (run->state == PALLOC_RUN_FREE) {
		make_free(pool, g);
	}
	return err;
}

/* ---- giving out ------------------------------------------------------------------------------ */

uint64_t cma_request_granules(const struct cma_pool *pool, const struct palloc_req *req)
{
	if (req->pages == 0 || req->align_order > MAX_PAGE_ORDER) {
		return 0;
	}
	return ((uint64_t)req->pages + (1ULL << pool->shift) - 1) >> pool->shift;
}

uint64_t cma_find_place(const struct cma_pool *pool, uint64_t from, uint64_t count,
			unsigned int align_order)
{
	const uint64_t align = align_order > pool->shift ? 1ULL << (align_order - pool->shift) : 1;
	const uint64_t base = pool->base >> pool->shift;
	for (;;) {
		from = bits_find_set(pool->free, from, pool->granules);
		from = ALIGN_UP(base + from, align) - base;
		if (count > pool->granules || from > pool->granules - count) {
			return pool->granules;
		}
		uint64_t end = bits_find_clear(pool->free, from, from + count);
		if (end == from + count) {
			return from;
		}
		from = end + 1;
	}
}

static struct pfn_range frames_of(const struct cma_pool *pool, struct cma_run g)
{
	return (struct pfn_range){ pfn(cma_granule_frame(pool, g.from)),
				   pfn(cma_granule_frame(pool, g.to)) };
}

/** Claim the parent's frames; *@blocker on -EBUSY. */
static int claim_parent(struct palloc *pa, struct pfn_range range, pfn_t *blocker)
{
	return pa->parent == NULL ?
		       0 :
		       as_parent(pa, pa->parent->ops->claim(pa->parent, range, blocker));
}

static struct palloc_block cma_alloc_op(struct palloc *pa, const struct palloc_req *req)
{
	struct cma_pool *pool = cma_pool_of(pa);
	struct palloc_block block = { .pages = req->pages, .type = req->type };
	const uint64_t count = cma_request_granules(pool, req);
	if (count == 0) {
		block.err = -EINVAL;
		return block;
	}
	pool->low = bits_find_set(pool->free, pool->low, pool->granules);
	uint64_t from = pool->low;
	for (unsigned int tries = 0; tries < IDLE_TRIES; tries++) {
		from = cma_find_place(pool, from, count, req->align_order);
		if (from == pool->granules) {
			break;
		}
		struct cma_run g = { from, from + count };
		pfn_t blocker = pfn(0);
		int err = claim_parent(pa, frames_of(pool, g), &blocker);
		if (err == 0) {
			make_given(pool, g);
			block.start = pfn(cma_granule_frame(pool, from));
			block.pages = (uint32_t)(count << pool->shift);
			return block;
		}
		if (err == -EAGAIN && (req->flags & PALLOC_REQ_POPULATED)) {
			break;
		}
		if (err != -EBUSY) {
			block.err = (int16_t)err;
			return block;
		}
		from = ((blocker.n - pool->base) >> pool->shift) + 1;
	}
	block.err = -ENOMEM;
	return block;
}

static int cma_claim(struct palloc *pa, struct pfn_range range, pfn_t *blocker)
{
	struct cma_pool *pool = cma_pool_of(pa);
	struct cma_run g;
	pfn_t first = pfn(UINT64_MAX);
	if (!cma_granules(pa, range, &g)) {
		return -EINVAL;
	}
	const uint64_t given = bits_find_clear(pool->free, g.from, g.to);
	int err = given != g.to ? -EBUSY : claim_parent(pa, range, &first);
	if (err == 0) {
		make_given(pool, g);
	} else if (err == -EBUSY && blocker != NULL) {
		*blocker = given != g.to ? pfn(cma_granule_frame(pool, given)) : first;
	}
	return err;
}

static int cma_free(struct palloc *pa, struct pfn_range range)
{
	struct cma_pool *pool = cma_pool_of(pa);
	struct cma_run g;
	if (!cma_granules(pa, range, &g) || !is_given(pool, g)) {
		return -EINVAL;
	}
	int err = pa->parent == NULL ? 0 : as_parent(pa, pa->parent->ops->free(pa->parent, range));
	if (err == 0) {
		make_free(pool, g);
	}
	return err;
}

static int cma_mark(struct palloc *pa, struct pfn_range range)
{
	struct cma_run g;
	if (!cma_granules(pa, range, &g)) {
		return -EINVAL;
	}
	if (!is_free(cma_pool_of(pa), g)) {
		return -EBUSY;
	}
	make_given(cma_pool_of(pa), g);
	return 0;
}

static int cma_unmark(struct palloc *pa, struct pfn_range range)
{
	struct cma_run g;
	if (!cma_granules(pa, range, &g) || !is_given(cma_pool_of(pa), g)) {
		return -EINVAL;
	}
	make_free(cma_pool_of(pa), g);
	return 0;
}

static bool cma_all_free(const struct palloc *pa, struct pfn_range range)
{
	struct cma_run g;
	return cma_granules(pa, range, &g) && is_free(cma_pool_of(pa), g);
}

static bool cma_all_given(const struct palloc *pa, struct pfn_range range)
{
	struct cma_run g;
	return cma_granules(pa, range, &g) && is_given(cma_pool_of(pa), g);
}

static const struct palloc_overlay_ops cma_overlay_ops = {
	.window = cma_window,
	.mark = cma_mark,
	.unmark = cma_unmark,
	.all_free = cma_all_free,
	.all_given = cma_all_given,
};

const struct palloc_ops cma_palloc_ops = {
	.name = "cma",
	.title = "areas of contiguous memory, lent through another page allocator",
	.caps = PALLOC_CAP_FREE | PALLOC_CAP_RUN | PALLOC_CAP_SUBFREE | PALLOC_CAP_CLAIM |
		PALLOC_CAP_OVERLAY,
	.max_order = MAX_PAGE_ORDER,
	.meta_bytes = cma_meta_bytes,
	.init = cma_init,
	.add = cma_add,
	.alloc = cma_alloc_op,
	.free = cma_free,
	.claim = cma_claim,
	.stats = cma_pool_stats,
	.walk = cma_pool_walk,
	.check = cma_pool_check,
	.overlay = &cma_overlay_ops,
};
