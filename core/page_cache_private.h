/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside the per-hart page caches.
 *
 * A hart has one descriptor of 64 bytes for each zone, migratetype and order; the hot paths in page_alloc.c work with a
 * descriptor alone. A block in a cache has a head in state PAGE_CACHED whose record names the cache by its index, the
 * same on every hart; a block that is handed out keeps the index, so a free finds its way back without looking at
 * zones. Both states are constants of the descriptor, compared and replaced as whole words.
 *
 * Invariants:
 * - A hart touches only its own caches, interrupts off; no lock is waited for while a list is not whole.
 * - A list ends with page_cache_end, whose word no descriptor expects, so "empty" needs no test of its own.
 * - tally: the low 11 bits are PAGE_CACHE_FULL - limit + blocks, so that bit 10 is set exactly when the cache is full;
 *   the bits above count allocations. One addition of 2047 is "one block fewer, one allocation more".
 * - limits of a hart's caches of one zone add up to at most PAGE_CACHE_PAGES pages; a cache that is not in use has
 *   limit 0 and, except inside a slow path, no blocks.
 * - free_word is used_word, or, while frees have to be looked at one by one, a word that no record has.
 */
#pragma once

#include "page_alloc_private.h"

#include "fpg/core/hart.h"
#include "fpg/core/page_cache.h"

struct page_cache {
	struct page *head;
	uint64_t tally;
	/** Record of a block in the cache. */
	uint64_t cached_word;
	/** Record of a block that was just handed out. */
	uint64_t used_word;
	/** What the record of a block must be for the hot path to take it back. */
	uint64_t free_word;
	struct zone *zone;
	/** Blocks that came from the backend minus those that went back to it. */
	uint64_t moved;
	uint8_t order;
	uint8_t type; /* enum migratetype */
	/** In blocks. */
	uint16_t limit;
	/** Blocks left for whoever drains: a list, as a link (frame relative to the table's first, plus one); atomic. */
	uint32_t given;
};

static_assert(sizeof(struct page_cache) == 64, "design.md, section 4: one cache line a descriptor");

#define PAGE_CACHE_COUNT_BITS 11U
#define PAGE_CACHE_FULL	      (1ULL << (PAGE_CACHE_COUNT_BITS - 1))
#define PAGE_CACHE_COUNT_MASK ((1ULL << PAGE_CACHE_COUNT_BITS) - 1)
/** One allocation more, one block fewer. */
#define PAGE_CACHE_ONE_OUT    ((1ULL << PAGE_CACHE_COUNT_BITS) - 1)

static_assert(PAGE_CACHE_PAGES < PAGE_CACHE_FULL, "tally: a count never reaches bit 10 otherwise");

/** Caches of one zone. */
#define PAGE_CACHE_GROUP (PAGE_CACHE_TYPES * PAGE_CACHE_ORDERS)
/** Index of the first real cache; those before refuse everything. */
#define PAGE_CACHE_FIRST PAGE_CACHE_ORDERS

/** All caches of one hart. */
struct page_caches {
	/** The cache for order 0 that a combination of gfp's place bits means; higher orders follow it. */
	struct page_cache *fast[1U << GFP_PLACE_BITS];
	/** frame_table: what lies below is no page. */
	const struct page *table;
	/** Where the hart's requests begin. */
	struct node *node;
	/** Caches behind cache[]. */
	uint32_t count;
	/** Pages by which limits may still grow, by zone: (cache_base - PAGE_CACHE_FIRST) / PAGE_CACHE_GROUP. */
	uint16_t *left;
	/** The hart's slot leads here, so that a cache is found by its index alone; the rest lies below. */
	FPG_ALIGNED(64) struct page_cache cache[];
};

/** Ends each list. */
extern const struct page page_cache_end;

/** How many caches a hart has, those that refuse included; 0 before page_alloc_init(). */
extern uint32_t page_cache_count;

static inline struct page_caches *page_caches_in(const struct hart *hart)
{
	struct page_cache *first = hart->slot[HART_SLOT_PAGE_CACHE];
	return container_of(first, struct page_caches, cache[0]);
}

static inline struct page_caches *this_page_caches(void)
{
	return page_caches_in(this_hart());
}

static inline uint32_t page_cache_blocks(const struct page_cache *c)
{
	return (uint32_t)((c->tally & PAGE_CACHE_COUNT_MASK) - PAGE_CACHE_FULL + c->limit);
}

static inline uint64_t page_cache_allocs(const struct page_cache *c)
{
	return c->tally >> PAGE_CACHE_COUNT_BITS;
}

/** Set both, keeping the allocations. Interrupts off. */
static inline void page_cache_set(struct page_cache *c, uint32_t blocks, uint32_t limit)
{
	c->tally = (c->tally & ~PAGE_CACHE_COUNT_MASK) + PAGE_CACHE_FULL - limit + blocks;
	c->limit = (uint16_t)limit;
}

static inline struct page_cache *page_cache_of(struct page_caches *caches, const struct zone *zone,
					       unsigned int type, unsigned int order)
{
	return &caches->cache[zone->cache_base + type * PAGE_CACHE_ORDERS + order];
}

/** The cache that a record names. */
static inline struct page_cache *page_cache_of_word(struct page_caches *caches, uint64_t word)
{
	static_assert(sizeof(struct page_cache) == 64, "the index, shifted less, is an offset");
	return (struct page_cache *)(void *)((char *)caches->cache +
					     (word >> (PAGE_CACHE_SHIFT - 6)));
}

static inline uint16_t *page_cache_left(struct page_caches *caches, const struct zone *zone)
{
	return &caches->left[(zone->cache_base - PAGE_CACHE_FIRST) / PAGE_CACHE_GROUP];
}

/* ---- between page_cache*.c ---- */

/** Bytes of a hart's struct page_caches, and making one in zeroed memory. */
size_t page_caches_bytes(void);
void page_caches_make(struct page_caches *caches, int nid);

/** fast[] and free_word of each cache, from page_alloc_debug_flags and isolated_blocks. Interrupts off. */
void page_caches_route(struct page_caches *caches);

/** Number the zones' caches and give the calling hart its own, from memblock. Return: 0 | -ENOMEM */
FPG_MUST_CHECK int page_cache_init(void);
void page_cache_reset(void);

/** Whether the zone's backend lets caches in front of it. Return: that has changed, and routes are to follow */
bool page_cache_zone_set(struct zone *zone);

/** Route every hart's caches anew. Context: the others are held, all caches are empty */
void page_cache_reroute_parked(void);

/** Route every hart's caches anew and drain them: frees that the hot path took until now are on their way back. */
void page_cache_reroute(void);

/** Some of the zone is in a hart's cache, or on its way from there. Context: the others are held */
bool page_cache_holds(const struct zone *zone);

/** Caches in use, of all harts. */
extern uint32_t page_caches_active;

/** Lists of blocks that harts have given up and nobody has taken to the backend yet. */
extern uint32_t page_caches_given;

/** Something may be cached somewhere, or on its way from there. */
static inline bool page_cache_any(void)
{
	return (__atomic_load_n(&page_caches_active, __ATOMIC_RELAXED) |
		__atomic_load_n(&page_caches_given, __ATOMIC_RELAXED)) != 0;
}

/**
 * A block from the calling hart's cache; when it is empty, it is filled from the zone first, as long as @most pages
 * may be taken (watermarks). @flags: PALLOC_REQ_UNMIXED or 0. Return: NULL when there is none, or the hart has no caches
 */
struct page *page_cache_take(struct zone *zone, gfp_t gfp, unsigned int order, uint64_t most,
			     uint32_t flags);

/** The hot path of freeing put a block into @c and found it full. */
void page_cache_full(struct page_cache *c);

/** Give the first @blocks blocks of a list back to the zone's backend; *@list: what follows. The zone lock is held. */
void page_cache_give_back(struct page_cache *c, struct page **list, uint32_t blocks);
