/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * buddy: giving blocks back, whole or in part, and merging. Merging respects pageblock types: types
 * that keep apart never join others; a join of ordinary types is wholly free memory and becomes
 * MOVABLE again.
 */
#include "buddy.h"

#include "fpg/base/range.h"

#include <errno.h>

/**
 * The type of a block's pageblocks, or MIGRATE_TYPE_COUNT when one that keeps apart is among
 * different ones.
 */
static unsigned int block_type(struct buddy *b, uint64_t n, unsigned int order)
{
	unsigned int type = pageblock_type_at(b->map, n - b->base);
	bool mixed = false;
	bool apart = buddy_keeps_apart(type);
	if (order <= PAGEBLOCK_ORDER || b->map->special == 0) {
		return type;
	}
	uint64_t end = n + (1ULL << order);
	for (uint64_t p = n + PAGEBLOCK_NR_PAGES; p < end; p += PAGEBLOCK_NR_PAGES) {
		unsigned int other = pageblock_type_at(b->map, p - b->base);
		mixed = mixed || other != type;
		apart = apart || buddy_keeps_apart(other);
	}
	if (!mixed) {
		return type;
	}
	if (apart) {
		return MIGRATE_TYPE_COUNT;
	}
	pageblock_set_range(b->map, (struct pfn_range){ pfn(n), pfn(end) }, MIGRATE_MOVABLE);
	return MIGRATE_MOVABLE;
}

/** All pageblocks of a block larger than one are of @type. */
static bool alike(const struct pageblock_map *map, struct pfn_range block, unsigned int type)
{
	for (uint64_t n = block.start.n; n < block.end.n; n += PAGEBLOCK_NR_PAGES) {
		if (pageblock_type_at(map, n - map->base.n) != type) {
			return false;
		}
	}
	return true;
}

/**
 * Merging goes on where a buddy of another type is free. The block's record is rewritten last, those of the buddies
 * that it joined are zero. A buddy outside the span has no record of this zone, so the word alone tells.
 *
 * @at   the block, relative to the base
 * @mix  ordinary types may join, and become MOVABLE
 * Return: 0
 */
static FPG_NOINLINE int merge_mixed(struct buddy *b, uint64_t at, unsigned long order,
				    unsigned long type, bool mix)
{
	bool mixed = false;
	for (; order < MAX_PAGE_ORDER; order++) {
		struct page *other = b->links + 1 + (at ^ 1UL << order);
		const uint64_t word = other->word;
		const unsigned int other_type = page_word_type(word);
		if ((word & ~PAGE_TYPE_MASK) != buddy_free_word(b, order, 0) ||
		    (other_type != type && (!mix || buddy_keeps_apart((unsigned int)type) ||
					    buddy_keeps_apart(other_type)))) {
			break;
		}
		buddy_unlink(b, b->links, buddy_list_at(b, at, order, other_type), other, word,
			     order < PAGEBLOCK_ORDER);
		if (other_type != type) {
			type = MIGRATE_MOVABLE;
			mixed = true;
		}
		at &= ~(1UL << order);
	}
	if (mixed) {
		uint64_t n = b->base + at;
		pageblock_set_range(b->map, (struct pfn_range){ pfn(n), pfn(n + (1ULL << order)) },
				    MIGRATE_MOVABLE);
	}
	buddy_push(b, b->links, buddy_list_at(b, at, order, type), at + 1,
		   buddy_free_word(b, order, type), order < PAGEBLOCK_ORDER);
	return 0;
}

static int merge_large(struct buddy *b, uint64_t at, uint64_t word);

/**
 * Merge with buddies of the same type; the first of another one is somebody else's.
 * @word   buddy_free_word(), @list: both of @order and @type
 * @small  @order is below that of pageblocks; a pageblock that comes out of it goes on in merge_large()
 * Return: 0
 */
static FPG_INLINE int merge(struct buddy *b, struct page *const links, uint64_t at,
			    unsigned long order, uint64_t word, struct buddy_list *list,
			    const bool small)
{
	struct page *const table = links + 1;
	const unsigned long end = small ? PAGEBLOCK_NR_PAGES : MAX_ORDER_NR_PAGES;
	for (unsigned long bit = 1UL << order; bit != end; bit <<= 1) {
		const uint64_t other_at = at ^ bit;
		struct page *other = table + other_at;
		uint64_t other_word = other->word;
		if (other_word != word) {
			/* Most often somebody holds it; nothing more is computed then. */
			if (likely(other_word & BUDDY_HELD)) {
				buddy_push(b, links, list, at + 1, word, small);
				return 0;
			}
			FPG_OPAQUE(other_word);
			if (((other_word ^ word) & ~PAGE_TYPE_MASK) == 0) {
				return merge_mixed(b, at, page_word_order(word),
						   page_word_type(word), true);
			}
			buddy_push(b, links, list, at + 1, word, small);
			return 0;
		}
		buddy_unlink(b, links, list, other, word, small);
		at &= other_at;
		list += small ? BUDDY_SMALL_ROW : BUDDY_ROW;
		word += 1ULL << PAGE_ORDER_SHIFT;
	}
	if (small) {
		return merge_large(b, at, word);
	}
	buddy_push(b, links, list, at + 1, word, small);
	return 0;
}

/** merge() for a pageblock that was put together just now. */
static FPG_NOINLINE int merge_large(struct buddy *b, uint64_t at, uint64_t word)
{
	return merge(b, b->links, at, PAGEBLOCK_ORDER, word,
		     &b->list[PAGEBLOCK_ORDER][page_word_type(word)], false);
}

void buddy_merge_block(struct palloc *pa, uint64_t n, unsigned int order)
{
	uint64_t end = n + (1ULL << order);
	while (n < end) {
		unsigned int k = order;
		unsigned int type = block_type(buddy_of(pa), n, k);
		while (type == MIGRATE_TYPE_COUNT) {
			type = block_type(buddy_of(pa), n, --k);
		}
		(void)merge_mixed(buddy_of(pa), n - buddy_of(pa)->base, k, type, true);
		n += 1ULL << k;
		if (n < end) {
			order = buddy_piece_order(n, end);
		}
	}
}

void buddy_merge_alike(struct palloc *pa, uint64_t n, unsigned int order)
{
	(void)merge_mixed(buddy_of(pa), n - buddy_of(pa)->base, order,
			  pageblock_type_at(buddy_of(pa)->map, n - buddy_of(pa)->base), false);
}

void buddy_merge_range(struct palloc *pa, uint64_t start, uint64_t end)
{
	while (start < end) {
		unsigned int order = buddy_piece_order(start, end);
		buddy_merge_block(pa, start, order);
		start += 1ULL << order;
	}
}

/** All of [start, end) is in use, and every record that freeing it writes is there. */
static int free_prepare(struct palloc *pa, uint64_t start, uint64_t end)
{
	struct buddy *b = buddy_of(pa);
	struct buddy_block block;
	for (uint64_t n = start; n < end; n = block.end) {
		if (!buddy_lookup(b, n, &block) || block.free) {
			return -EINVAL;
		}
		uint64_t from = block.start > start ? block.start : start;
		uint64_t to = block.end < end ? block.end : end;
		bool whole = from == block.start && to == block.end;
		if (!whole && (buddy_pieces_missing(pa, block.start, from) ||
			       buddy_pieces_missing(pa, from, to) ||
			       buddy_pieces_missing(pa, to, block.end))) {
			return -EAGAIN;
		}
	}
	return 0;
}

/** What is left of a block in use stays so, in pieces with the same owner. */
static void keep_pieces(uint64_t start, uint64_t end, uint64_t word, uint64_t second)
{
	while (start < end) {
		unsigned int order = buddy_piece_order(start, end);
		buddy_page(start)->word = page_word_with_order(word, order);
		buddy_page(start)->second = second;
		start += 1ULL << order;
	}
}

/** Any range, in whole blocks or parts of them. */
static FPG_NOINLINE int free_parts(struct palloc *pa, uint64_t at, uint64_t pages)
{
	struct buddy *b = buddy_of(pa);
	uint64_t start = b->base + at;
	uint64_t end = start + pages;
	if (!buddy_in_span(pa, (struct pfn_range){ pfn(start), pfn(end) })) {
		return -EINVAL;
	}
	int err = free_prepare(pa, start, end);
	if (err != 0) {
		return err;
	}
	for (uint64_t n = start; n < end;) {
		struct buddy_block block;
		FPG_CHECK(buddy_lookup(b, n, &block));
		uint64_t second = buddy_page(block.start)->second;
		buddy_page(block.start)->word = 0;
		buddy_page(block.start)->second = 0;
		if (block.start < start) {
			keep_pieces(block.start, start, block.word, second);
		}
		if (block.end > end) {
			keep_pieces(end, block.end, block.word, second);
		}
		n = block.end;
	}
	buddy_merge_range(pa, start, end);
	b->free_pages += end - start;
	pa->cma_free_pages += buddy_cma_frames(b, start, end);
	return 0;
}

/** A block of several pageblocks, which may be of several types. */
static FPG_NOINLINE int free_large(struct palloc *pa, uint64_t n, uint64_t pages)
{
	struct buddy *b = buddy_of(pa);
	const struct pfn_range range = { pfn(n), pfn(n + pages) };
	const unsigned int type = pageblock_type_at(b->map, n - b->base);
	if (!alike(b->map, range, type)) {
		return free_parts(pa, n - b->base, pages);
	}
	struct page *page = b->links + 1 + (n - b->base);
	const unsigned int order = page_word_order(page->word);
	page->word = 0;
	b->free_pages += pages;
	pa->cma_free_pages += type == MIGRATE_CMA ? pages : 0;
	return merge(b, b->links, n - b->base, order, buddy_free_word(b, order, type),
		     &b->list[order][type], false);
}

/** One whole block, most often; its head says so. Everything else is a tail call. */
static FPG_INLINE int free_block(struct palloc *pa, uint64_t at, uint64_t pages,
				 unsigned long order)
{
	struct buddy *b = buddy_of(pa);
	const struct pageblock_map *map = b->map;
	const uint64_t held_bits = b->held_bits;
	struct page *const links = b->links;
	struct page *page = links + 1 + at;
	unsigned long type = MIGRATE_MOVABLE;
	/* In use, of that order, by this zone. */
	if (unlikely(at >= b->frames ||
		     (page->word & (PAGE_ZONE_MASK | PAGE_ORDER_MASK | BUDDY_HELD)) !=
			     (held_bits | order << PAGE_ORDER_SHIFT))) {
		return free_parts(pa, at, pages);
	}
	/* Most zones have some of another type; for single pages asking costs more than it saves. */
	if (order == 0 || likely(map->special != 0)) {
		if (unlikely(order > PAGEBLOCK_ORDER + 1 ||
			     (order > PAGEBLOCK_ORDER && !pageblock_two_alike(map, at)))) {
			return free_large(pa, b->base + at, pages);
		}
		type = pageblock_type_at(map, at);
		if (unlikely(type == MIGRATE_CMA)) {
			pa->cma_free_pages += pages;
		}
	}
	page->word = 0;
	b->free_pages += pages;
	const uint64_t word = (held_bits | order << PAGE_ORDER_SHIFT | type << PAGE_TYPE_SHIFT) ^
			      (BUDDY_HELD | PAGE_FREE);
	if (order >= PAGEBLOCK_ORDER) {
		return merge(b, links, at, order, word, &b->list[order][type], false);
	}
	return merge(b, links, at, order, word, buddy_small_list(b, at, order, type), true);
}

int buddy_free(struct palloc *pa, struct pfn_range range)
{
	struct buddy *b = buddy_of(pa);
	const uint64_t at = range.start.n - b->base;
	const uint64_t pages = range.end.n - range.start.n;
	/* Single pages are what caches give back when frees come in no order. */
	if (likely(pages == 1)) {
		return free_block(pa, at, 1, 0);
	}
	const struct page *page = b->links + 1 + at;
	if (unlikely(at >= b->frames)) {
		return -EINVAL;
	}
	const unsigned long order = (page->word & PAGE_ORDER_MASK) >> PAGE_ORDER_SHIFT;
	if (unlikely(pages != 1UL << order)) {
		return free_parts(pa, at, pages);
	}
	return free_block(pa, at, pages, order);
}
