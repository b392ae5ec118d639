/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bootmem: the bitmap allocator that Linux booted with before memblock. Everything is reserved at first, free ranges
 * are registered, and any run of frames can be taken, claimed and given back in part; requests of less than a page
 * share pages. See bootmem.h for invariants.
 *
 * It has no retag: one bit a frame says nothing of types, and a search that asked the zone's pageblocks for each place
 * would not be a bitmap's any more. So CMA areas become carve-outs while bootmem serves.
 */
#include "bootmem.h"

#include <errno.h>

#define META_ALIGN 64U

/** Bit 0 is a multiple of a word's frames. */
static uint64_t map_base(struct pfn_range span)
{
	return ALIGN_DOWN(span.start.n, BITS_PER_WORD);
}

static size_t map_bytes(struct pfn_range span)
{
	return bits_to_words(span.end.n - map_base(span)) * sizeof(uint64_t);
}

static size_t bootmem_meta_bytes(const struct palloc_geometry *geometry)
{
	return ALIGN_UP(sizeof(struct bootmem), META_ALIGN) + map_bytes(geometry->span) +
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
	b->base = map_base(pa->span);
	b->first = pa->span.start.n - b->base;
	b->bits = pa->span.end.n - b->base;
	b->region_order = BOOTMEM_REGION_ORDER_MIN;
	while ((b->bits >> b->region_order) + 2 > BOOTMEM_REGIONS) {
		b->region_order++;
	}
	b->skew = (uint32_t)(b->base & ((1ULL << b->region_order) - 1));
	b->regions = (uint32_t)bootmem_region(b, b->bits) + 1;
	b->free_map = (uint64_t *)((char *)meta + used);
	for (unsigned int order = 0; order <= MAX_PAGE_ORDER; order++) {
		b->low[order] = b->bits;
	}
	b->freed_from = BOOTMEM_NONE;
	b->pack_bit = BOOTMEM_NONE;
	used += map_bytes(pa->span);
	b->runs = (struct bootmem_run *)((char *)meta + used);
	b->run_max = (uint32_t)((bytes - used) / sizeof(struct bootmem_run));
	pa->priv = b;
	return 0;
}

/** Bits of @range, or false when it is empty or leaves the span. */
static bool bits_of(const struct bootmem *b, struct pfn_range range, uint64_t *from, uint64_t *to)
{
	if (range.start.n < b->base + b->first || range.end.n <= range.start.n ||
	    range.end.n - b->base > b->bits) {
		return false;
	}
	*from = range.start.n - b->base;
	*to = range.end.n - b->base;
	return true;
}

static int bootmem_add(struct palloc *pa, const struct palloc_run *run)
{
	struct bootmem *b = bootmem_of(pa);
	uint64_t from, to;
	if (!bits_of(b, run->range, &from, &to) ||
	    (run->state != PALLOC_RUN_FREE && run->state != PALLOC_RUN_ALLOCATED)) {
		return -EINVAL;
	}
	int err = bootmem_manage(b, from, to);
	if (err == 0 && run->state == PALLOC_RUN_FREE) {
		bootmem_make_free(b, from, to);
	}
	return err;
}

/** The bits of [from, to) within the one word they lie in; to - from is 1 to 64. */
static inline uint64_t word_mask(uint64_t from, uint64_t to)
{
	return ~0ULL >> (BITS_PER_WORD - (to - from)) << from % BITS_PER_WORD;
}

static inline bool in_one_word(uint64_t from, uint64_t to)
{
	return (from ^ (to - 1)) / BITS_PER_WORD == 0;
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
	bool fewer = (req->flags & PALLOC_REQ_FEWER) && req->pages >> req->align_order != 0;
	uint64_t bit = bootmem_find(b, &block.pages, req->align_order, fewer);
	if (bit == BOOTMEM_NONE) {
		block.err = -ENOMEM;
		return block;
	}
	bootmem_make_used(b, bit, bit + block.pages);
	block.start = pfn(b->base + bit);
	return block;
}

/** More than a word's frames, or the page that small requests share: it is gone when it is among them. */
static FPG_NOINLINE int free_any(struct bootmem *b, uint64_t from, uint64_t to)
{
	if (!bootmem_all_used(b, from, to)) {
		return -EINVAL;
	}
	if (b->pack_bit - from < to - from) {
		b->pack_bit = BOOTMEM_NONE;
	}
	bootmem_make_free(b, from, to);
	return 0;
}

/** Nearly every free is of frames of one word in the run that was used last, so nothing of that is a call. */
static int bootmem_free(struct palloc *pa, struct pfn_range range)
{
	struct bootmem *b = bootmem_of(pa);
	const uint64_t from = range.start.n - b->base;
	const uint64_t to = range.end.n - b->base;
	const uint64_t pages = to - from;
	if (unlikely(from - b->run_from >= b->run_bits || pages - 1 >= b->run_bits ||
		     to - b->run_from > b->run_bits) &&
	    unlikely(from >= to || !bootmem_managed(b, from, to))) {
		return -EINVAL;
	}
	if (unlikely(!in_one_word(from, to) || b->pack_bit - from < pages)) {
		return free_any(b, from, to);
	}
	const uint64_t mask = word_mask(from, to);
	uint64_t *word = &b->free_map[from / BITS_PER_WORD];
	if (unlikely(*word & mask)) {
		return -EINVAL;
	}
	*word |= mask;
	b->free_in[bootmem_region(b, from)] += (uint32_t)pages;
	bootmem_count_free(b, from, pages);
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
	bootmem_make_used(b, from, to);
	return 0;
}

const struct palloc_ops bootmem_palloc_ops = {
	.name = "bootmem",
	.title = "a bitmap, lowest place first, any number of pages, small requests packed",
	.caps = PALLOC_CAP_FREE | PALLOC_CAP_RUN | PALLOC_CAP_SUBFREE | PALLOC_CAP_CLAIM |
		PALLOC_CAP_PACK,
	.max_order = MAX_PAGE_ORDER,
	.meta_bytes = bootmem_meta_bytes,
	.init = bootmem_init,
	.add = bootmem_add,
	.alloc = bootmem_alloc,
	.free = bootmem_free,
	.claim = bootmem_claim,
	.alloc_bytes = bootmem_alloc_bytes,
	.stats = bootmem_stats,
	.walk = bootmem_walk,
	.check = bootmem_check,
};
