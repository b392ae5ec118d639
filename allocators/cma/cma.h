/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside the CMA overlay: which granules of an area may be given out.
 *
 * Invariants: a granule's bit is set exactly when it is managed and not given out; runs are ascending, disjoint and do
 * not touch, and every set bit lies in one. While there is a parent, a frame that is given out is allocated there; what
 * the parent does with the others is its business. No bit at or above `low` is set below it: `low` is where the first
 * free granule may be.
 */
#pragma once

#include "fpg/base/bits.h"
#include "fpg/base/range.h"
#include "fpg/core/palloc_ops.h"

/** Granules [from, to) that are managed. */
struct cma_run {
	uint64_t from;
	uint64_t to;
};

struct cma_pool {
	/** Frame of granule 0: the span's start, rounded down. */
	uint64_t base;
	uint64_t granules;
	/** As an order of frames. */
	uint32_t shift;
	uint32_t run_count;
	uint32_t run_limit;
	uint64_t free_granules;
	uint64_t managed_granules;
	/** Nothing below it is free. */
	uint64_t low;
	uint64_t *free;
	struct cma_run run[];
};

static inline struct cma_pool *cma_pool_of(const struct palloc *pa)
{
	return pa->priv;
}

static inline uint64_t cma_granule_frame(const struct cma_pool *pool, uint64_t granule)
{
	return pool->base + (granule << pool->shift);
}

/** Granules that @range lies in exactly. Return: false when it is empty, not whole granules, or outside the span */
bool cma_granules(const struct palloc *pa, struct pfn_range range, struct cma_run *out);

/** All granules of @g are managed. */
bool cma_managed(const struct cma_pool *pool, struct cma_run g);

/** As many granules as @req needs; 0: the request is none that can be served. */
uint64_t cma_request_granules(const struct cma_pool *pool, const struct palloc_req *req);

/** The first place at or after granule @from of @count free granules that is aligned as @req asks; pool->granules: none. */
uint64_t cma_find_place(const struct cma_pool *pool, uint64_t from, uint64_t count,
			unsigned int align_order);

int cma_window(const struct palloc *pa, const struct palloc_req *req,
	       const struct palloc_look *look, struct palloc_window *out);
void cma_pool_stats(const struct palloc *pa, struct palloc_stats *out);
void cma_pool_walk(const struct palloc *pa, palloc_walk_fn fn, void *ctx);
int cma_pool_check(const struct palloc *pa, const char **why);
