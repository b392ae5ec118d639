/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bootmem: the bitmap allocator that Linux booted with before memblock. Everything is reserved at
 * first, free ranges are registered, and any run of frames can be taken, claimed and given back in
 * part. See bootmem.h for invariants.
 */
#include "bootmem.h"

#include "fpg/base/range.h"

#include <errno.h>

#define META_ALIGN 64U

static size_t map_bytes(uint64_t frames)
{
	return bits_to_words(frames) * sizeof(uint64_t);
}

static size_t bootmem_meta_bytes(const struct palloc_geometry *geometry)
{
	return ALIGN_UP(sizeof(struct bootmem), META_ALIGN) +
	       map_bytes(pfn_range_pages(geometry->span)) +
	       ((size_t)geometry->max_runs + 1) * sizeof(struct bootmem_run);
}

static int bootmem_init(struct palloc *pa, void *meta, size_t bytes)
{
	struct palloc_geometry smallest = { .span = pa->span };
	if (bytes < bootmem_meta_bytes(&smallest)) {
		return -EINVAL;
	}
	struct bootmem *b = meta;
	size_t used = ALIGN_UP(sizeof(*b), META_ALIGN);
	b->base = pa->span.start.n;
	b->bits = pfn_range_pages(pa->span);
	b->free_map = (uint64_t *)((char *)meta + used);
	b->first_free = b->bits;
	used += map_bytes(b->bits);
	b->runs = (struct bootmem_run *)((char *)meta + used);
	b->run_max = (uint32_t)((bytes - used) / sizeof(struct bootmem_run));
	pa->priv = b;
	return 0;
}

/** Index of the first run that ends after @bit. */
static uint32_t run_after(const struct bootmem *b, uint64_t bit)
{
	uint32_t lo = 0;
	uint32_t hi = b->run_count;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (b->runs[mid].end > bit) {
			hi = mid;
		} else {
			lo = mid + 1;
		}
	}
	return lo;
}

/** Bits of @range, or false when it is empty or leaves the span. */
static bool bits_of(const struct bootmem *b, struct pfn_range range, uint64_t *from, uint64_t *to)
{
	if (range.start.n < b->base || range.end.n <= range.start.n ||
	    range.end.n - b->base > b->bits) {
		return false;
	}
	*from = range.start.n - b->base;
	*to = range.end.n - b->base;
	return true;
}

/**
 * Remember [from, to) as managed, joined to its neighbours. Return: 0 | -EINVAL (managed already) |
 * -ENOSPC
 */
static int run_insert(struct bootmem *b, uint64_t from, uint64_t to)
{
	uint32_t i = run_after(b, from);
	if (i < b->run_count && b->runs[i].start < to) {
		return -EINVAL;
	}
	bool join_prev = i > 0 && b->runs[i - 1].end == from;
	bool join_next = i < b->run_count && b->runs[i].start == to;
	if (join_prev && join_next) {
		b->runs[i - 1].end = b->runs[i].end;
		b->run_count--;
		for (uint32_t k = i; k < b->run_count; k++) {
			b->runs[k] = b->runs[k + 1];
		}
	} else if (join_prev) {
		b->runs[i - 1].end = to;
	} else if (join_next) {
		b->runs[i].start = from;
	} else {
		if (b->run_count == b->run_max) {
			return -ENOSPC;
		}
		for (uint32_t k = b->run_count; k > i; k--) {
			b->runs[k] = b->runs[k - 1];
		}
		b->runs[i] = (struct bootmem_run){ from, to };
		b->run_count++;
	}
	return 0;
}

static void make_free(struct bootmem *b, uint64_t from, uint64_t to)
{
	bits_set_range(b->free_map, from, to);
	b->free_pages += to - from;
	b->failed_pages = 0;
	if (from < b->first_free) {
		b->first_free = from;
	}
}

static void make_used(struct bootmem *b, uint64_t from, uint64_t to)
{
	bits_clear_range(b->free_map, from, to);
	b->free_pages -= to - from;
	if (from == b->first_free) {
		b->first_free = to;
	}
}

static int bootmem_add(struct palloc *pa, const struct palloc_run *run)
{
	struct bootmem *b = bootmem_of(pa);
	uint64_t from, to;
	if (!bits_of(b, run->range, &from, &to) ||
	    (run->state != PALLOC_RUN_FREE && run->state != PALLOC_RUN_ALLOCATED)) {
		return -EINVAL;
	}
	int err = run_insert(b, from, to);
	if (err != 0) {
		return err;
	}
	b->managed_pages += to - from;
	if (run->state == PALLOC_RUN_FREE) {
		make_free(b, from, to);
	}
	return 0;
}

/**
 * A request that takes less: what lies free at the first frame that will do, as a power of two. So the lowest memory is
 * used up first, in whatever pieces, and records of new frames are not asked for while old ones are free.
 * *@pages: out. Return: the first bit, or b->bits
 */
static uint64_t find_fewer(const struct bootmem *b, const struct palloc_req *req, uint32_t *pages)
{
	uint64_t bit = bootmem_find_first(b, 1U << req->align_order, req->align_order);
	uint64_t most = b->bits - bit < req->pages ? b->bits - bit : req->pages;
	if (most != 0) {
		uint64_t end = bits_find_clear(b->free_map, bit, bit + most);
		*pages = 1U << log2_floor(end - bit);
	}
	return bit;
}

static struct palloc_block bootmem_alloc(struct palloc *pa, const struct palloc_req *req)
{
	struct bootmem *b = bootmem_of(pa);
	struct palloc_block block = { .pages = req->pages, .type = req->type };
	if (req->pages == 0 || req->pages > MAX_ORDER_NR_PAGES ||
	    req->align_order > MAX_PAGE_ORDER) {
		block.err = -EINVAL;
		return block;
	}
	uint64_t bit = req->flags & PALLOC_REQ_FEWER ?
			       find_fewer(b, req, &block.pages) :
			       bootmem_find(b, req->pages, req->align_order);
	if (bit == b->bits) {
		block.err = -ENOMEM;
		return block;
	}
	make_used(b, bit, bit + block.pages);
	block.start = pfn(b->base + bit);
	return block;
}

static int bootmem_free(struct palloc *pa, struct pfn_range range)
{
	struct bootmem *b = bootmem_of(pa);
	uint64_t from, to;
	if (!bits_of(b, range, &from, &to)) {
		return -EINVAL;
	}
	uint32_t i = run_after(b, from);
	if (i == b->run_count || b->runs[i].start > from || b->runs[i].end < to) {
		return -EINVAL;
	}
	if (bits_find_set(b->free_map, from, to) != to) {
		return -EINVAL;
	}
	make_free(b, from, to);
	return 0;
}

static int bootmem_claim(struct palloc *pa, struct pfn_range range, pfn_t *blocker)
{
	struct bootmem *b = bootmem_of(pa);
	uint64_t from, to;
	if (!bits_of(b, range, &from, &to)) {
		return -EINVAL;
	}
	uint64_t busy = bits_find_clear(b->free_map, from, to);
	if (busy != to) {
		if (blocker != NULL) {
			*blocker = pfn(b->base + busy);
		}
		return -EBUSY;
	}
	make_used(b, from, to);
	return 0;
}

const struct palloc_ops bootmem_palloc_ops = {
	.name = "bootmem",
	.title = "a bitmap, first fit, any number of pages",
	.caps = PALLOC_CAP_FREE | PALLOC_CAP_RUN | PALLOC_CAP_SUBFREE | PALLOC_CAP_CLAIM,
	.max_order = MAX_PAGE_ORDER,
	.meta_bytes = bootmem_meta_bytes,
	.init = bootmem_init,
	.add = bootmem_add,
	.alloc = bootmem_alloc,
	.free = bootmem_free,
	.claim = bootmem_claim,
	.stats = bootmem_stats,
	.walk = bootmem_walk,
	.check = bootmem_check,
};
