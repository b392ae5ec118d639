/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside buddy: free lists by order and migratetype, linked through the frame table, and fresh
 * memory as bits.
 *
 * Invariants:
 * - A free block is either fresh (its bit is set, its records are not looked at) or on exactly one
 *   list: its head's record says FREE, order, zone and the list's type; all other records of the
 *   block are zero.
 * - A block in use has a head whose record is any other state of this zone, and zero records
 *   inside.
 * - A free block's type is that of each of its pageblocks. Fresh blocks are MOVABLE.
 * - Two free buddies of one order never both exist, unless their types differ: HIGHATOMIC, CMA and
 *   ISOLATE keep apart, ordinary types do until one of the two is freed again.
 * - A record is written only where it is populated; what is missing is found out before anything
 *   changes.
 */
#pragma once

#include "fresh.h"

#include "fpg/core/palloc_ops.h"

#define BUDDY_ORDERS (MAX_PAGE_ORDER + 1)

/** Links are frame numbers relative to the frame table's first, plus one; 0 ends a list. */
struct buddy_list {
	uint32_t head;
	uint32_t count;
};

struct buddy {
	/** Frame of the first largest-order block: the span's start, rounded down. */
	uint64_t base;
	/** Zone id as it stands in the records. */
	uint64_t zone_bits;
	uint64_t free_pages;
	uint64_t managed_pages;
	struct pageblock_map *map;
	/** Bit k: list[k][type] is not empty. */
	uint32_t nonempty[MIGRATE_TYPE_COUNT];
	struct buddy_list list[BUDDY_ORDERS][MIGRATE_TYPE_COUNT];
	struct fresh fresh;
	/** A bit a largest-order block: some frame of it is managed and has, or had, a record. */
	uint64_t *cut;
};

static inline struct buddy *buddy_of(const struct palloc *pa)
{
	return pa->priv;
}

static inline uint64_t buddy_block_index(const struct buddy *b, uint64_t n)
{
	return (n - b->base) >> MAX_PAGE_ORDER;
}

static inline bool buddy_in_span(const struct palloc *pa, struct pfn_range r)
{
	return r.start.n >= pa->span.start.n && r.end.n <= pa->span.end.n && r.start.n < r.end.n;
}

static inline struct page *buddy_page(uint64_t n)
{
	return pfn_to_page(pfn(n));
}

static inline struct page *buddy_link_page(uint32_t link)
{
	return &frame_table[link - 1];
}

static inline uint32_t buddy_page_link(const struct page *p)
{
	return (uint32_t)(p - frame_table) + 1;
}

/** The word names a block of this zone. */
static inline bool buddy_owns(const struct buddy *b, uint64_t word)
{
	return page_word_state(word) != PAGE_NONE && (word & PAGE_ZONE_MASK) == b->zone_bits;
}

/** Types whose blocks never merge with those of another type. */
static inline bool buddy_keeps_apart(unsigned int type)
{
	return type >= MIGRATE_HIGHATOMIC;
}

/** The largest order of a block that begins at @n and ends at or before @end. */
static inline unsigned int buddy_piece_order(uint64_t n, uint64_t end)
{
	unsigned int by_size = log2_floor(end - n);
	unsigned int by_align = n == 0 ? MAX_PAGE_ORDER : bit_lowest(n);
	unsigned int order = by_size < by_align ? by_size : by_align;
	return order < MAX_PAGE_ORDER ? order : MAX_PAGE_ORDER;
}

/** The block that holds a frame. */
struct buddy_block {
	uint64_t start;
	uint64_t end;
	/** The head's record; meaningless when fresh. */
	uint64_t word;
	bool fresh;
	bool free;
};

/** Find the block that holds frame @n of the span. Return: false when it is not managed. */
bool buddy_lookup(const struct buddy *b, uint64_t n, struct buddy_block *out);

static inline void buddy_list_add(struct buddy *b, uint64_t n, unsigned int order,
				  unsigned int type)
{
	struct buddy_list *list = &b->list[order][type];
	struct page *page = buddy_page(n);
	uint32_t link = buddy_page_link(page);
	page->word = page_word(PAGE_FREE, order, type, 0) | b->zone_bits;
	page->next = list->head;
	page->prev = 0;
	if (list->head != 0) {
		buddy_link_page(list->head)->prev = link;
	}
	list->head = link;
	list->count++;
	b->nonempty[type] |= 1U << order;
}

/** Take the block at @n off its list; its record becomes zero. */
static inline void buddy_list_del(struct buddy *b, uint64_t n)
{
	struct page *page = buddy_page(n);
	unsigned int order = page_word_order(page->word);
	unsigned int type = page_word_type(page->word);
	struct buddy_list *list = &b->list[order][type];
	if (page->next != 0) {
		buddy_link_page(page->next)->prev = page->prev;
	}
	if (page->prev != 0) {
		buddy_link_page(page->prev)->next = page->next;
	} else {
		list->head = page->next;
		if (list->head == 0) {
			b->nonempty[type] &= ~(1U << order);
		}
	}
	list->count--;
	page->word = 0;
	page->second = 0;
}

/** Head of a block that somebody holds from now on. */
static inline void buddy_record_used(struct buddy *b, uint64_t n, unsigned int order,
				     unsigned int type)
{
	struct page *page = buddy_page(n);
	page->word = page_word(PAGE_ALLOCATED, order, type, 0) | b->zone_bits;
	page->second = 0;
}

/** Note that the frames [start, end) have records from now on. */
void buddy_mark_cut(struct buddy *b, uint64_t start, uint64_t end);

/** A fresh block becomes an ordinary one, off all lists. */
void buddy_unfresh(struct buddy *b, uint64_t n);

/**
 * True when a record that cutting [start, end) into its largest pieces would write is missing;
 * @pa->want is set.
 */
bool buddy_pieces_missing(struct palloc *pa, uint64_t start, uint64_t end);

/** True when the record of frame @n is missing; @pa->want is set. */
bool buddy_record_missing(struct palloc *pa, uint64_t n);

/** Put the pieces of [start, end) on the lists, unmerged. */
void buddy_pieces_free(struct buddy *b, uint64_t start, uint64_t end);

/**
 * Put a block on its list, merged with its buddies. Its types are settled first. Does not count.
 */
void buddy_merge_block(struct palloc *pa, uint64_t n, unsigned int order);

/** The same for a block of one type, joined only with buddies of that type. */
void buddy_merge_alike(struct palloc *pa, uint64_t n, unsigned int order);

/** buddy_merge_block() for each piece of [start, end). */
void buddy_merge_range(struct palloc *pa, uint64_t start, uint64_t end);

struct palloc_block buddy_alloc(struct palloc *pa, const struct palloc_req *req);
int buddy_free(struct palloc *pa, struct pfn_range range);
int buddy_claim(struct palloc *pa, struct pfn_range range, pfn_t *blocker);
int buddy_retag(struct palloc *pa, struct pfn_range range, enum migratetype type);
int buddy_shrink(struct palloc *pa, struct pfn_range range);
void buddy_stats(const struct palloc *pa, struct palloc_stats *out);
void buddy_walk(const struct palloc *pa, palloc_walk_fn fn, void *ctx);
int buddy_check(const struct palloc *pa, const char **why);
