/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * buddy: exactly these frames, changing the type of pageblocks, and taking memory out of
 * management.
 */
#include "buddy.h"

#include "fpg/base/range.h"

#include <errno.h>

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/** A record that cutting the part [from, to) out of @block would write is missing. */
static bool part_missing(struct palloc *pa, const struct buddy_block *block, uint64_t from,
			 uint64_t to)
{
	return buddy_pieces_missing(pa, block->start, from) || buddy_pieces_missing(pa, from, to) ||
	       buddy_pieces_missing(pa, to, block->end);
}

/** Take @block off where it is; what lies outside [from, to) goes back on lists. */
static void cut_out(struct buddy *b, const struct buddy_block *block, uint64_t from, uint64_t to)
{
	if (block->fresh) {
		buddy_unfresh(b, block->start);
	} else {
		buddy_list_del(b, block->start);
	}
	buddy_pieces_free(b, block->start, from);
	buddy_pieces_free(b, to, block->end);
}

static int claim_prepare(struct palloc *pa, uint64_t start, uint64_t end, pfn_t *blocker)
{
	struct buddy_block block;
	bool missing = false;
	struct pfn_range want = { 0 };
	for (uint64_t n = start; n < end; n = block.end) {
		if (!buddy_lookup(buddy_of(pa), n, &block) || !block.free) {
			if (blocker != NULL) {
				*blocker = pfn(n);
			}
			return -EBUSY;
		}
		if (!missing &&
		    part_missing(pa, &block, later(block.start, start), earlier(block.end, end))) {
			missing = true;
			want = pa->want;
		}
	}
	pa->want = want;
	return missing ? -EAGAIN : 0;
}

/**
 * A piece that is a block of @order of its own inside the free @block, which is larger: halves go back on lists on the
 * way down to it. Return: 0 | -EAGAIN with @pa->want
 */
static FPG_NOINLINE int claim_piece(struct palloc *pa, const struct buddy_block *block,
				    uint64_t start, unsigned int order)
{
	struct buddy *b = buddy_of(pa);
	const unsigned int type = page_word_type(block->word);
	unsigned int k = page_word_order(block->word);
	if (buddy_record_missing(pa, start)) {
		return -EAGAIN;
	}
	for (unsigned int i = k; i > order && i > FRAME_TABLE_CHUNK_ORDER; i--) {
		const uint64_t half = ((start >> (i - 1)) ^ 1) << (i - 1);
		if (buddy_record_missing(pa, half)) {
			return -EAGAIN;
		}
	}
	buddy_list_del(b, block->start);
	while (k > order) {
		k--;
		buddy_list_add(b, ((start >> k) ^ 1) << k, k, type);
	}
	buddy_record_used(b, start, order, type);
	b->free_pages -= 1ULL << order;
	pa->cma_free_pages -= type == MIGRATE_CMA ? 1ULL << order : 0;
	return 0;
}

int buddy_claim(struct palloc *pa, struct pfn_range range, pfn_t *blocker)
{
	struct buddy *b = buddy_of(pa);
	uint64_t start = range.start.n;
	uint64_t end = range.end.n;
	if (!buddy_in_span(pa, range)) {
		return -EINVAL;
	}
	struct buddy_block whole;
	if (IS_POW2(end - start) && IS_ALIGNED(start, end - start) &&
	    buddy_lookup(b, start, &whole) && whole.free && !whole.fresh && end <= whole.end) {
		return claim_piece(pa, &whole, start, bit_lowest(end - start));
	}
	int err = claim_prepare(pa, start, end, blocker);
	if (err != 0) {
		return err;
	}
	for (uint64_t n = start; n < end;) {
		struct buddy_block block;
		FPG_CHECK(buddy_lookup(b, n, &block));
		uint64_t from = later(block.start, start);
		uint64_t to = earlier(block.end, end);
		cut_out(b, &block, from, to);
		while (from < to) {
			unsigned int order = buddy_piece_order(from, to);
			buddy_record_used(b, from, order, pageblock_type(b->map, pfn(from)));
			from += 1ULL << order;
		}
		if (page_word_type(block.word) == MIGRATE_CMA) {
			pa->cma_free_pages -= to - later(block.start, start);
		}
		n = block.end;
	}
	b->free_pages -= end - start;
	return 0;
}

int buddy_shrink(struct palloc *pa, struct pfn_range range)
{
	struct buddy *b = buddy_of(pa);
	int err = buddy_claim(pa, range, NULL);
	if (err != 0) {
		return err;
	}
	for (uint64_t n = range.start.n; n < range.end.n;) {
		struct page *page = buddy_page(n);
		n += 1ULL << page_word_order(page->word);
		page->word = 0;
		page->second = 0;
	}
	b->managed_pages -= pfn_range_pages(range);
	return 0;
}

/**
 * The next block at or after @n, skipping what is not managed.
 * Return: false when there is none that begins before @end
 */
static bool next_block(const struct buddy *b, uint64_t n, uint64_t end, struct buddy_block *block)
{
	while (n < end) {
		if (buddy_lookup(b, n, block)) {
			return true;
		}
		bool skip = !bits_test(b->cut, buddy_block_index(b, n));
		n = skip ? ALIGN_DOWN(n, MAX_ORDER_NR_PAGES) + MAX_ORDER_NR_PAGES : n + 1;
	}
	return false;
}

/**
 * Records for a change of type: a free block is cut at the range's ends; one in use may later be
 * freed in parts, so the heads of all its pageblocks are needed then.
 */
static bool retag_missing(struct palloc *pa, const struct buddy_block *block, uint64_t start,
			  uint64_t end)
{
	if (block->free) {
		return part_missing(pa, block, later(block->start, start),
				    earlier(block->end, end));
	}
	for (uint64_t n = block->start; n < block->end; n += PAGEBLOCK_NR_PAGES) {
		if (buddy_record_missing(pa, n)) {
			return true;
		}
	}
	return false;
}

/** Join the free blocks of [start, end) with neighbours that the new type lets them join. */
static void merge_again(struct palloc *pa, uint64_t start, uint64_t end)
{
	struct buddy *b = buddy_of(pa);
	struct buddy_block block;
	for (uint64_t n = start; next_block(b, n, end, &block); n = block.end) {
		if (block.free && !block.fresh && block.end - block.start >= PAGEBLOCK_NR_PAGES) {
			unsigned int order = page_word_order(block.word);
			buddy_list_del(b, block.start);
			buddy_merge_alike(pa, block.start, order);
			FPG_CHECK(buddy_lookup(b, n > block.start ? n : block.start, &block));
		}
	}
}

int buddy_retag(struct palloc *pa, struct pfn_range range, enum migratetype type)
{
	struct buddy *b = buddy_of(pa);
	struct buddy_block block;
	uint64_t start = range.start.n;
	uint64_t end = range.end.n;
	if (!buddy_in_span(pa, range) || !IS_ALIGNED(start | end, PAGEBLOCK_NR_PAGES) ||
	    type >= MIGRATE_TYPE_COUNT) {
		return -EINVAL;
	}
	for (uint64_t n = start; next_block(b, n, end, &block); n = block.end) {
		if (!(block.fresh && type == MIGRATE_MOVABLE) &&
		    retag_missing(pa, &block, start, end)) {
			return -EAGAIN;
		}
	}
	pageblock_set_range(b->map, range, type);
	for (uint64_t n = start; next_block(b, n, end, &block); n = block.end) {
		if (!block.free || (block.fresh && type == MIGRATE_MOVABLE)) {
			continue;
		}
		uint64_t from = later(block.start, start);
		uint64_t to = earlier(block.end, end);
		cut_out(b, &block, from, to);
		buddy_pieces_free(b, from, to);
		pa->cma_free_pages -= page_word_type(block.word) == MIGRATE_CMA ? to - from : 0;
		pa->cma_free_pages += type == MIGRATE_CMA ? to - from : 0;
	}
	merge_again(pa, start, end);
	return 0;
}
