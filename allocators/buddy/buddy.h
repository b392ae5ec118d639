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
 * - Blocks smaller than a pageblock are listed by the part of the span they lie in, a bucket: what is cut, or taken,
 *   comes from the lowest bucket that has some, so holes are filled from below and the upper end becomes whole again.
 * - cma_free_pages of the instance counts the frames of free blocks of type CMA.
 * - A record is written only where it is populated; what is missing is found out before anything
 *   changes.
 */
#pragma once

#include "fresh.h"

#include "fpg/core/palloc_ops.h"

#define BUDDY_ORDERS (MAX_PAGE_ORDER + 1)
#define BUDDY_ROW    8

/** Bit 1 of a record: somebody holds the block. */
#define BUDDY_HELD ((uint64_t)2)

static_assert((PAGE_CACHED & PAGE_ALLOCATED & 2) != 0 && (PAGE_FREE & 2) == 0 && PAGE_FREE == 1 &&
		      PAGE_STATE_SHIFT == 0,
	      "BUDDY_HELD");
static_assert(MIGRATE_TYPE_COUNT <= BUDDY_ROW, "a list for each migratetype");

/** The first block: its frame relative to the instance's base, plus one; 0 ends a list. So are all links. */
struct buddy_list {
	uint32_t head;
};

#define BUDDY_BUCKETS	  256U
#define BUDDY_SMALL_ROW	  6
#define BUDDY_BUCKET_SIZE 256U

/** Free blocks smaller than a pageblock in one part of the span. */
struct buddy_bucket {
	/** The last row is only reached for, on the way down from whole pageblocks. */
	struct buddy_list list[10][BUDDY_SMALL_ROW];
	/** Bit k: list[k][type] is not empty. */
	uint16_t orders[BUDDY_SMALL_ROW];
	uint32_t reserved;
};

static_assert(sizeof(struct buddy_bucket) == BUDDY_BUCKET_SIZE && PAGEBLOCK_ORDER <= 9 &&
		      MIGRATE_TYPE_COUNT <= BUDDY_SMALL_ROW,
	      "a list for each order and type, and a bucket's number is a shift");

struct buddy {
	/** Frame of the first largest-order block: the span's start, rounded down. */
	uint64_t base;
	/** The record before that of `base`: links count from one, so a link is an index from here. */
	struct page *links;
	/** Zone id as it stands in the records, and the same with BUDDY_HELD. */
	uint64_t zone_bits;
	uint64_t held_bits;
	/** Frames from `base` to the end of the last largest-order block. */
	uint64_t frames;
	uint64_t free_pages;
	uint64_t managed_pages;
	/** No frame from here on was ever added: adding in ascending order need not look. */
	uint64_t added_end;
	struct pageblock_map *map;
	/** Bit k: list[k][type] is not empty; whole pageblocks only. */
	union {
		uint32_t nonempty[MIGRATE_TYPE_COUNT];
		/** Two types at a time. */
		uint64_t nonempty_pairs[MIGRATE_TYPE_COUNT / 2];
	};
	/** Bit i: bucket[i] has blocks of the type. */
	uint64_t holes[MIGRATE_TYPE_COUNT][BUDDY_BUCKETS / BITS_PER_WORD];
	/** Frames of a bucket, as a shift: whole largest-order blocks. */
	uint64_t bucket_shift;
	/** Whole pageblocks; the rows of smaller orders are not used. */
	struct buddy_list list[BUDDY_ORDERS][BUDDY_ROW];
	struct fresh fresh;
	/** A bit a largest-order block: some frame of it is managed and has, or had, a record. */
	uint64_t *cut;
	/** A bit a page of the frame table: it is known to be populated, for good. */
	uint64_t *known;
	/** Bit i: bucket[i] was reached, see there. */
	uint64_t ready[BUDDY_BUCKETS / BITS_PER_WORD];
	/** As many as the span has. Of one that was not reached nothing is looked at: it was never cleared. */
	FPG_ALIGNED(BUDDY_BUCKET_SIZE) struct buddy_bucket bucket[];
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
	return range_piece_order(n, end, MAX_PAGE_ORDER);
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

/* ---- lists ---- */

/** The record of a free block. */
static inline uint64_t buddy_free_word(const struct buddy *b, unsigned long order,
				       unsigned long type)
{
	return ((uint64_t)PAGE_FREE << PAGE_STATE_SHIFT | b->zone_bits) |
	       order << PAGE_ORDER_SHIFT | type << PAGE_TYPE_SHIFT;
}

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ && offsetof(struct page, next) == 8 &&
		      offsetof(struct page, prev) == 12,
	      "buddy_push: next and prev are the halves of second");

/** The list of a block smaller than a pageblock. @at: relative to the base */
static inline struct buddy_list *buddy_small_list(struct buddy *b, uint64_t at, unsigned long order,
						  unsigned long type)
{
	return &b->bucket[at >> b->bucket_shift].list[order][type];
}

static inline struct buddy_list *buddy_list_at(struct buddy *b, uint64_t at, unsigned long order,
					       unsigned long type)
{
	return order < PAGEBLOCK_ORDER ? buddy_small_list(b, at, order, type) :
					 &b->list[order][type];
}

/** Note that @list, that of @word's order and type, has, or has no, blocks. */
static inline void buddy_note(struct buddy *b, const struct buddy_list *list, uint64_t word,
			      bool small, bool some)
{
	const unsigned int type = page_word_type(word);
	/* The state of a free block is 1: a constant would be made ready by hot paths that never come here. */
	const uint32_t bit = (uint32_t)(word & PAGE_STATE_MASK) << page_word_order(word);
	if (!small) {
		b->nonempty[type] = some ? b->nonempty[type] | bit : b->nonempty[type] & ~bit;
		return;
	}
	/* Buckets are aligned to their size. */
	uint16_t *orders =
		&((struct buddy_bucket *)(void *)((uintptr_t)list & ~(BUDDY_BUCKET_SIZE - 1UL)))
			 ->orders[type];
	const uint32_t was = *orders;
	const uint32_t now = was ^ bit;
	*orders = (uint16_t)now;
	if (unlikely(was == 0 || now == 0)) {
		uint64_t i = ((uintptr_t)list - (uintptr_t)b->bucket) / BUDDY_BUCKET_SIZE;
		b->holes[type][i / BITS_PER_WORD] ^= 1ULL << (i % BITS_PER_WORD);
	}
}

/** The first bucket at or after @from that has holes of @type; BUDDY_BUCKETS when there is none. */
static inline uint64_t buddy_next_hole(const struct buddy *b, unsigned int type, uint64_t from)
{
	return bits_find_set(b->holes[type], from, BUDDY_BUCKETS);
}

/** i: the number of each bucket with holes of @type, ascending. */
#define buddy_for_each_hole(i, b, type)                                        \
	for (uint64_t i = buddy_next_hole((b), (type), 0); i != BUDDY_BUCKETS; \
	     i = buddy_next_hole((b), (type), i + 1))

/*
 * What is stored through may be anything for all the compiler knows, so what hot paths use again and again is handed
 * down by value. @links: b->links.
 */

/** Put the block with @link on @list. @word: buddy_free_word() of the list's order and type; @small: it is in a bucket */
static inline void buddy_push(struct buddy *b, struct page *links, struct buddy_list *list,
			      uint64_t link, uint64_t word, const bool small)
{
	struct page *page = links + link;
	const uint64_t head = list->head;
	page->word = word;
	page->second = head;
	list->head = (uint32_t)link;
	if (head != 0) {
		links[head].prev = (uint32_t)link;
	} else {
		buddy_note(b, list, word, small, true);
	}
}

/** Take the block at @page off @list; its record, which was @word, becomes zero. */
static inline void buddy_unlink(struct buddy *b, struct page *links, struct buddy_list *list,
				struct page *page, uint64_t word, const bool small)
{
	uint64_t next = page->next;
	uint64_t prev = page->prev;
	FPG_OPAQUE(next);
	FPG_OPAQUE(prev);
	page->word = 0;
	page->second = 0;
	if (prev != 0) {
		links[prev].next = (uint32_t)next;
		if (next != 0) {
			links[next].prev = (uint32_t)prev;
		}
		return;
	}
	list->head = (uint32_t)next;
	if (next != 0) {
		links[next].prev = 0;
	} else {
		buddy_note(b, list, word, small, false);
	}
}

static inline uint64_t buddy_buckets(const struct buddy *b)
{
	return ((b->frames - 1) >> b->bucket_shift) + 1;
}

/** Orders of which there is a free block of @type. */
static inline uint32_t buddy_orders(const struct buddy *b, unsigned int type)
{
	uint32_t orders = b->nonempty[type];
	buddy_for_each_hole(i, b, type)
	{
		orders |= b->bucket[i].orders[type];
	}
	return orders;
}

static inline struct page *buddy_link_page(const struct buddy *b, uint32_t link)
{
	return b->links + (uint64_t)link;
}

static inline void buddy_list_add(struct buddy *b, uint64_t n, unsigned int order,
				  unsigned int type)
{
	buddy_push(b, b->links, buddy_list_at(b, n - b->base, order, type), n - b->base + 1,
		   buddy_free_word(b, order, type), order < PAGEBLOCK_ORDER);
}

static inline void buddy_list_del(struct buddy *b, uint64_t n)
{
	struct page *page = buddy_page(n);
	struct buddy_list *list = buddy_list_at(b, n - b->base, page_word_order(page->word),
						page_word_type(page->word));
	buddy_unlink(b, b->links, list, page, page->word,
		     page_word_order(page->word) < PAGEBLOCK_ORDER);
}

/** Head of a block that somebody holds from now on. */
static inline void buddy_record_used(struct buddy *b, uint64_t n, unsigned int order,
				     unsigned int type)
{
	struct page *page = buddy_page(n);
	page->word = page_word(PAGE_ALLOCATED, order, type, 0) | b->zone_bits;
	page->second = 0;
}

/** buddy_reach() of the buckets from @first to @last. */
void buddy_reach_slow(struct buddy *b, uint64_t first, uint64_t last);

/**
 * Before anything about the frames [start, end), but whether they are fresh, is asked or noted: metadata comes
 * uncleared, because at boot that would cost by the page, and is cleared by the bucket here.
 */
static inline void buddy_reach(struct buddy *b, uint64_t start, uint64_t end)
{
	const uint64_t first = (start - b->base) >> b->bucket_shift;
	const uint64_t last = (end - 1 - b->base) >> b->bucket_shift;
	if (first != last || unlikely(!bits_test(b->ready, first))) {
		buddy_reach_slow(b, first, last);
	}
}

void buddy_mark_cut_slow(struct buddy *b, uint64_t start, uint64_t end);

/** Note that the frames [start, end) have records from now on. Comes before any of them is listed. */
static inline void buddy_mark_cut(struct buddy *b, uint64_t start, uint64_t end)
{
	/* A bucket was reached when one of its blocks was cut. */
	const uint64_t block = buddy_block_index(b, start);
	if (buddy_block_index(b, end - 1) != block || !bits_test(b->cut, block)) {
		buddy_mark_cut_slow(b, start, end);
	}
}

/** A fresh block becomes an ordinary one, off all lists. */
void buddy_unfresh(struct buddy *b, uint64_t n);

/**
 * True when a record that cutting [start, end) into its largest pieces would write is missing;
 * @pa->want is set.
 */
bool buddy_pieces_missing(struct palloc *pa, uint64_t start, uint64_t end);

/** True when the record of frame @n is missing; @pa->want is set. What is there is remembered. */
bool buddy_record_missing_slow(struct palloc *pa, uint64_t n);

/** @n was reached. */
static inline bool buddy_record_missing(struct palloc *pa, uint64_t n)
{
	const struct buddy *b = buddy_of(pa);
	uint64_t chunk = (n - b->base) >> FRAME_TABLE_CHUNK_ORDER;
	return unlikely(!bits_test(b->known, chunk)) && buddy_record_missing_slow(pa, n);
}

/** Frames of [start, end) in CMA pageblocks. */
uint64_t buddy_cma_frames(const struct buddy *b, uint64_t start, uint64_t end);

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

/** What no list of the own type can serve as it is, or what is not a plain request. */
struct palloc_block buddy_alloc_searching(struct palloc *pa, const struct palloc_req *req);
struct palloc_block buddy_alloc(struct palloc *pa, const struct palloc_req *req);
int buddy_free(struct palloc *pa, struct pfn_range range);
int buddy_claim(struct palloc *pa, struct pfn_range range, pfn_t *blocker);
int buddy_retag(struct palloc *pa, struct pfn_range range, enum migratetype type);
int buddy_shrink(struct palloc *pa, struct pfn_range range);
void buddy_stats(const struct palloc *pa, struct palloc_stats *out);
void buddy_walk(const struct palloc *pa, palloc_walk_fn fn, void *ctx);
int buddy_check(const struct palloc *pa, const char **why);
