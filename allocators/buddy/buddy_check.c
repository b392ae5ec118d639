/* SPDX-License-Identifier: BSD-2-Clause */
/* buddy: every invariant of buddy.h, by walking all lists and all blocks. */
#include "buddy.h"

#include "fpg/base/range.h"

#include "fpg/base/errno.h"

/** Frames of the blocks on lists. */
struct listed {
	uint64_t pages;
	uint64_t cma_pages;
};

/** One list: links, words, alignment, place, count. */
static const char *check_list(const struct palloc *pa, const struct buddy_list *list,
			      uint64_t bucket, unsigned int order, unsigned int type,
			      struct listed *listed)
{
	const struct buddy *b = buddy_of(pa);
	uint64_t expected = page_word(PAGE_FREE, order, type, 0) | b->zone_bits;
	uint32_t prev = 0;
	uint64_t count = 0;
	for (uint32_t link = list->head; link != 0; link = buddy_link_page(b, link)->next) {
		const struct page *page = buddy_link_page(b, link);
		uint64_t n = page_to_pfn(page).n;
		struct pfn_range range = { pfn(n), pfn(n + (1ULL << order)) };
		if (!buddy_in_span(pa, range) || !IS_ALIGNED(n, 1ULL << order)) {
			return "a list holds a block outside the span or out of line";
		}
		if (page->word != expected) {
			return "a block's record does not match its list";
		}
		if (page->prev != prev) {
			return "a list's links do not match";
		}
		if (order < PAGEBLOCK_ORDER && (n - b->base) >> b->bucket_shift != bucket) {
			return "a block is in another bucket than it lies in";
		}
		if (fresh_test(&b->fresh, buddy_block_index(b, n)) ||
		    !bits_test(b->cut, buddy_block_index(b, n))) {
			return "a block on a list lies in fresh or untouched memory";
		}
		if (++count > pfn_range_pages(pa->span) >> order) {
			break;
		}
		listed->pages += 1ULL << order;
		listed->cma_pages += type == MIGRATE_CMA ? 1ULL << order : 0;
		prev = link;
	}
	bool some = order < PAGEBLOCK_ORDER ? b->bucket[bucket].orders[type] >> order & 1 :
					      b->nonempty[type] >> order & 1;
	return (count != 0) == some ? NULL : "a list's bit is wrong";
}

static const char *check_bucket(const struct palloc *pa, uint64_t i, struct listed *listed)
{
	const struct buddy *b = buddy_of(pa);
	const char *why = NULL;
	for (unsigned int type = 0; type < MIGRATE_TYPE_COUNT; type++) {
		if (!bits_test(b->ready, i)) {
			if (bits_test(b->holes[type], i)) {
				return "a bucket that was never cleared has blocks";
			}
			continue;
		}
		if (bits_test(b->holes[type], i) != (b->bucket[i].orders[type] != 0)) {
			return "a bucket's bit is wrong";
		}
		for (unsigned int order = 0; why == NULL && order < PAGEBLOCK_ORDER; order++) {
			why = check_list(pa, &b->bucket[i].list[order][type], i, order, type,
					 listed);
		}
	}
	return why;
}

/** Its pageblocks have its type, and its buddy, if free and of the same order, is of another. */
static const char *check_free_block(const struct palloc *pa, const struct buddy_block *block)
{
	const struct buddy *b = buddy_of(pa);
	unsigned int type = page_word_type(block->word);
	unsigned int order = page_word_order(block->word);
	for (uint64_t n = block->start; n < block->end; n += PAGEBLOCK_NR_PAGES) {
		if (pageblock_type(b->map, pfn(n)) != type) {
			return "a free block is not of its pageblocks' type";
		}
	}
	uint64_t other = block->start ^ (1ULL << order);
	if (order < MAX_PAGE_ORDER && other >= pa->span.start.n && other < pa->span.end.n) {
		uint64_t word = buddy_page(other)->word;
		if (buddy_owns(b, word) && page_word_state(word) == PAGE_FREE &&
		    page_word_order(word) == order) {
			if (page_word_type(word) == type) {
				return "two free buddies were not merged";
			}
		}
	}
	return NULL;
}

/** Blocks in order: nothing inside them is a head; free and used frames add up. */
static const char *check_blocks(const struct palloc *pa)
{
	const struct buddy *b = buddy_of(pa);
	uint64_t free = 0;
	uint64_t used = 0;
	for (uint64_t n = pa->span.start.n; n < pa->span.end.n;) {
		struct buddy_block block;
		uint64_t i = buddy_block_index(b, n);
		if (!fresh_test(&b->fresh, i) && !bits_test(b->cut, i)) {
			n = b->base + ((i + 1) << MAX_PAGE_ORDER);
			continue;
		}
		if (!buddy_lookup(b, n, &block)) {
			n++;
			continue;
		}
		if (block.start != n) {
			return "two blocks overlap";
		}
		if (!block.fresh) {
			for (uint64_t p = n + 1; p < block.end; p++) {
				if (buddy_owns(b, buddy_page(p)->word)) {
					return "a head lies inside a block";
				}
			}
		}
		if (block.free && !block.fresh) {
			const char *why = check_free_block(pa, &block);
			if (why != NULL) {
				return why;
			}
		}
		*(block.free ? &free : &used) += block.end - block.start;
		n = block.end;
	}
	if (free != b->free_pages) {
		return "free_pages differs from the blocks";
	}
	return free + used == b->managed_pages ? NULL : "managed_pages differs from the blocks";
}

int buddy_check(const struct palloc *pa, const char **why)
{
	const struct buddy *b = buddy_of(pa);
	struct listed listed = { b->fresh.count << MAX_PAGE_ORDER, 0 };
	*why = fresh_consistent(&b->fresh) ? NULL : "the summary of fresh memory is wrong";
	for (uint64_t i = fresh_find(&b->fresh, 0); *why == NULL && i < b->fresh.bits;
	     i = fresh_find(&b->fresh, i + 1)) {
		uint64_t n = b->base + (i << MAX_PAGE_ORDER);
		if (!pageblock_all_movable(
			    b->map, (struct pfn_range){ pfn(n), pfn(n + MAX_ORDER_NR_PAGES) })) {
			*why = "a fresh block is not MOVABLE";
		}
	}
	for (uint64_t i = 0; *why == NULL && i < buddy_buckets(b); i++) {
		*why = check_bucket(pa, i, &listed);
	}
	for (unsigned int order = PAGEBLOCK_ORDER; *why == NULL && order < BUDDY_ORDERS; order++) {
		for (unsigned int type = 0; *why == NULL && type < MIGRATE_TYPE_COUNT; type++) {
			*why = check_list(pa, &b->list[order][type], 0, order, type, &listed);
		}
	}
	if (*why == NULL && listed.pages != b->free_pages) {
		*why = "free_pages differs from the lists";
	}
	if (*why == NULL && listed.cma_pages != pa->cma_free_pages) {
		*why = "cma_free_pages differs from the lists";
	}
	if (*why == NULL) {
		*why = check_blocks(pa);
	}
	return *why == NULL ? 0 : -EUCLEAN;
}
