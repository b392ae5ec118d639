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
	unsigned int type = pageblock_type(b->map, pfn(n));
	bool mixed = false;
	bool apart = buddy_keeps_apart(type);
	if (order <= PAGEBLOCK_ORDER || b->map->special == 0) {
		return type;
	}
	uint64_t end = n + (1ULL << order);
	for (uint64_t p = n + PAGEBLOCK_NR_PAGES; p < end; p += PAGEBLOCK_NR_PAGES) {
		unsigned int other = pageblock_type(b->map, pfn(p));
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

/** @mix: ordinary types may join, and become MOVABLE. */
static void merge_typed(struct palloc *pa, uint64_t n, unsigned int order, unsigned int type,
			bool mix)
{
	struct buddy *b = buddy_of(pa);
	bool mixed = false;
	while (order < MAX_PAGE_ORDER) {
		uint64_t other = n ^ (1ULL << order);
		if (other < pa->span.start.n || other >= pa->span.end.n) {
			break;
		}
		uint64_t word = buddy_page(other)->word;
		if ((word & ~PAGE_TYPE_MASK) !=
		    (page_word(PAGE_FREE, order, 0, 0) | b->zone_bits)) {
			break;
		}
		unsigned int other_type = page_word_type(word);
		if (other_type != type) {
			if (!mix || buddy_keeps_apart(type) || buddy_keeps_apart(other_type)) {
				break;
			}
			type = MIGRATE_MOVABLE;
			mixed = true;
		}
		buddy_list_del(b, other);
		n &= ~(1ULL << order);
		order++;
	}
	if (mixed) {
		pageblock_set_range(b->map, (struct pfn_range){ pfn(n), pfn(n + (1ULL << order)) },
				    MIGRATE_MOVABLE);
	}
	buddy_list_add(b, n, order, type);
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
		merge_typed(pa, n, k, type, true);
		n += 1ULL << k;
		if (n < end) {
			order = buddy_piece_order(n, end);
		}
	}
}

void buddy_merge_alike(struct palloc *pa, uint64_t n, unsigned int order)
{
	merge_typed(pa, n, order, pageblock_type(buddy_of(pa)->map, pfn(n)), false);
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

int buddy_free(struct palloc *pa, struct pfn_range range)
{
	struct buddy *b = buddy_of(pa);
	uint64_t start = range.start.n;
	uint64_t end = range.end.n;
	if (!buddy_in_span(pa, range)) {
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
	return 0;
}
