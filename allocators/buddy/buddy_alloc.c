/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * buddy: taking a block of the own type from a list, the lowest bucket's holes first. Everything else is a tail call
 * into buddy_search.c.
 */
#include "buddy.h"

#include <errno.h>

/** The records that cutting the block down to @order would write, but its head's, are known to be there. */
static inline bool halves_known(const struct buddy *b, uint64_t n, unsigned int from_order,
				unsigned int order)
{
	uint64_t chunk = (n - b->base) >> FRAME_TABLE_CHUNK_ORDER;
	for (unsigned int k = from_order; k > order && k > FRAME_TABLE_CHUNK_ORDER; k--) {
		if (!bits_test(b->known, chunk + (1ULL << (k - 1 - FRAME_TABLE_CHUNK_ORDER)))) {
			return false;
		}
	}
	return true;
}

/** As it goes into two registers. */
static inline struct palloc_block block_of(uint64_t n, unsigned long pages, unsigned long type,
					   int err)
{
	union {
		uint64_t words[2];
		struct palloc_block block;
	} u = { .words = { n, pages | (uint64_t)type << 32 | (uint64_t)err << 48 } };
	static_assert(offsetof(struct palloc_block, pages) == 8 &&
			      offsetof(struct palloc_block, type) == 12 &&
			      offsetof(struct palloc_block, err) == 14,
		      "the second word holds pages, then type, then err");
	return u.block;
}

/**
 * No list of the own type has a block that is large enough. When nothing else has one either, failing costs the same at
 * any size of memory.
 */
static FPG_NOINLINE struct palloc_block alloc_other(struct palloc *pa, const struct palloc_req *req)
{
	const struct buddy *b = buddy_of(pa);
	static_assert(
		MIGRATE_RECLAIMABLE == 2 && MIGRATE_HIGHATOMIC == 3 && MIGRATE_CMA == 4,
		"by pairs: any request, and those that keep apart serve requests that say so");
	uint64_t pairs = b->nonempty_pairs[0] | (uint32_t)b->nonempty_pairs[1];
	if (unlikely(req->flags & (PALLOC_REQ_HIGH | PALLOC_REQ_CMA))) {
		pairs |= b->nonempty_pairs[1] | b->nonempty_pairs[2];
	}
	if (req->align_order >= PAGEBLOCK_ORDER &&
	    ((pairs | pairs >> 32) & UINT32_MAX) >> req->align_order == 0 && b->fresh.count == 0) {
		return block_of(0, 0, 0, -ENOMEM);
	}
	return buddy_alloc_searching(pa, req);
}

/** A block of @list, which has some, of the own type and of order @from, cut down to what is wanted. */
static FPG_INLINE struct palloc_block cut_from(struct palloc *pa, const struct palloc_req *req,
					       struct buddy_list *list, unsigned long from,
					       const bool small)
{
	struct buddy *b = buddy_of(pa);
	unsigned long order = req->align_order;
	const unsigned long type = req->type;
	const uint64_t link = list->head;
	struct page *const links = b->links;
	struct page *page = links + link;
	const uint64_t n = b->base + link - 1;
	while (unlikely(1UL << order < req->pages) && order < from) {
		order++;
	}
	if (unlikely(!halves_known(b, n, (unsigned int)from, (unsigned int)order))) {
		return buddy_alloc_searching(pa, req);
	}
	uint64_t word = buddy_free_word(b, from, type);
	buddy_unlink(b, links, list, page, word, small);
	const unsigned long large = order > PAGEBLOCK_ORDER ? order : PAGEBLOCK_ORDER;
	while (!small && from > large) {
		from--;
		list -= BUDDY_ROW;
		word -= 1ULL << PAGE_ORDER_SHIFT;
		buddy_push(b, links, list, link + (1UL << from), word, false);
	}
	if (from != order) {
		list = small ? list : buddy_small_list(b, link - 1, from, type);
		while (from != order) {
			from--;
			list -= BUDDY_SMALL_ROW;
			word -= 1ULL << PAGE_ORDER_SHIFT;
			buddy_push(b, links, list, link + (1UL << from), word, true);
		}
	}
	page->word = word + ((uint64_t)(PAGE_ALLOCATED - PAGE_FREE) << PAGE_STATE_SHIFT);
	b->free_pages -= 1ULL << order;
	return block_of(n, 1UL << order, type, 0);
}

/** A whole pageblock, or several: the smallest. Everything else is a tail call. */
static FPG_NOINLINE struct palloc_block alloc_large(struct palloc *pa, const struct palloc_req *req)
{
	struct buddy *b = buddy_of(pa);
	const unsigned long orders = (unsigned long)b->nonempty[req->type] >>
				     req->align_order << req->align_order;
	if (orders == 0) {
		return alloc_other(pa, req);
	}
	const unsigned long from = bit_lowest(orders);
	return cut_from(pa, req, &b->list[from][req->type], from, false);
}

/** What the lowest bucket does not have: a higher one may. */
static FPG_NOINLINE struct palloc_block alloc_small(struct palloc *pa, const struct palloc_req *req)
{
	struct buddy *b = buddy_of(pa);
	const unsigned long type = req->type;
	buddy_for_each_hole(i, b, type)
	{
		struct buddy_bucket *bucket = &b->bucket[i];
		const unsigned long orders = (unsigned long)bucket->orders[type] >>
					     req->align_order << req->align_order;
		if (orders != 0) {
			const unsigned long from = bit_lowest(orders);
			return cut_from(pa, req, &bucket->list[from][type], from, true);
		}
	}
	return alloc_large(pa, req);
}

/**
 * A block of the own type and just the order, when the lowest bucket with any has one. With PALLOC_REQ_FEWER the
 * smallest goes first, whole, so that large ones stay. Everything else is a tail call.
 */
struct palloc_block buddy_alloc(struct palloc *pa, const struct palloc_req *req)
{
	struct buddy *b = buddy_of(pa);
	const unsigned long order = req->align_order;
	const unsigned long type = req->type;
	const unsigned long pages = 1UL << (order & 63);
	if (unlikely(pages != req->pages && !(req->flags & PALLOC_REQ_FEWER))) {
		return buddy_alloc_searching(pa, req);
	}
	/* Types that keep apart are counted there. */
	if (unlikely(order > MAX_PAGE_ORDER || type >= MIGRATE_HIGHATOMIC)) {
		return buddy_alloc_searching(pa, req);
	}
	struct buddy_list *list = &b->list[order][type];
	if (order < PAGEBLOCK_ORDER) {
		const uint64_t *holes = b->holes[type];
		uint64_t i = 0;
		while (*holes == 0) {
			holes++;
			i += BITS_PER_WORD;
			if (i == BUDDY_BUCKETS) {
				return alloc_large(pa, req);
			}
		}
		list = &b->bucket[i + bit_lowest(*holes)].list[order][type];
	}
	const uint64_t link = list->head;
	if (link == 0) {
		return order < PAGEBLOCK_ORDER ? alloc_small(pa, req) : alloc_large(pa, req);
	}
	struct page *page = b->links + link;
	const uint64_t word = buddy_free_word(b, order, type);
	buddy_unlink(b, b->links, list, page, word, order < PAGEBLOCK_ORDER);
	page->word = word + ((uint64_t)(PAGE_ALLOCATED - PAGE_FREE) << PAGE_STATE_SHIFT);
	b->free_pages -= pages;
	return block_of(b->base + link - 1, pages, type, 0);
}
