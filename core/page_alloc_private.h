/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the front end's files: the reserve of record pages, and freeing by range. */
#pragma once

#include "fpg/core/page_alloc.h"
#include "page_debug.h"

/**
 * Populate the records of @frames from the zone's reserve. No zone lock held. Return: 0 | -ENOMEM
 */
FPG_MUST_CHECK int zone_populate(struct zone *zone, struct pfn_range frames);

/** A palloc_populate_fn; @ctx is the zone. */
int zone_populate_fn(void *ctx, struct pfn_range frames);

/** Put a page into the zone's reserve. Return: false when it is full. */
bool frame_reserve_put(struct frame_reserve *reserve, phys_addr_t pa);

/** Fill the reserve up again when half of it is gone. No zone lock held. */
void frame_reserve_refill_now(struct zone *zone);

static inline bool frame_reserve_low(const struct zone *zone)
{
	return zone->reserve.count * 2 <= zone->reserve.goal;
}

static inline void frame_reserve_refill(struct zone *zone)
{
	if (unlikely(frame_reserve_low(zone))) {
		frame_reserve_refill_now(zone);
	}
}

/**
 * The same for a range of any size, refilling the reserve in between. Parts may be done on failure,
 * which is harmless.
 */
FPG_MUST_CHECK int zone_populate_all(struct zone *zone, struct pfn_range frames);

/** alloc_pages_node() without checks, warnings, debug aids, zeroing and refilling. */
struct page *page_alloc_plain(int nid, gfp_t gfp, unsigned int order);

struct page_cache;

/** Where alloc_pages() goes on when no cached block does. */
struct page *page_alloc_slow(gfp_t gfp, unsigned int order);

/** alloc_pages() on behalf of @pc, past the caches' hot path. */
struct page *page_alloc_any(gfp_t gfp, unsigned int order, uint64_t pc);

/** alloc_pages_node() on behalf of @pc. */
struct page *page_alloc_for(int nid, gfp_t gfp, unsigned int order, uint64_t pc);

/** A plain request that its first zone could not serve: the other zones, and whatever else may help. */
struct page *page_alloc_elsewhere(gfp_t gfp, unsigned int order, const struct zone *first);

/** Say that a request failed, unless it wants no warning. Return: NULL */
struct page *page_alloc_fail(gfp_t gfp, unsigned int order);

/** Where __free_pages() goes on: anything but a block for a cache. @page may be NULL or no record at all. */
void page_free_slow(struct page *page, unsigned int order);

/** __free_pages() on behalf of @pc, past the caches. */
void page_free_for(struct page *page, unsigned int order, uint64_t pc);

/** @page's record became @c's cached word, but was @word before, which is not what @c takes back. */
void page_free_odd(struct page *page, const struct page_cache *c, uint64_t word);

/* ---- one zone ---- */

/**
 * Ask the zone's backend, populating what it wants on the way. @req->flags may gain PALLOC_REQ_POPULATED. Counts
 * free_pages, not the requests. No lock held. A block that is not @recorded comes with harts_hold_defer(): until it
 * has records, or goes back, nobody can tell where it begins and ends; then harts_hold_allow().
 */
struct palloc_block zone_get(struct zone *zone, struct palloc_req *req);

/**
 * Put back what zone_get() gave; with a backend that cannot free, the block stays out of use. @counted: it was counted as
 * allocated. No lock held.
 */
void zone_put(struct zone *zone, struct pfn_range range, bool counted);

/**
 * Populate the record of a block's head, for a backend without records of its own. No lock held; harts_hold_defer() is in
 * force, and stays so on success. Return: done; else the block is back
 */
bool zone_populate_head(struct zone *zone, const struct palloc_block *block);

/**
 * Who isolates pageblocks of a zone to empty a range, and who lets another backend take over, shut each other out. Waiting
 * is the caller's, by port_relax(), with no other zone's in hand. Return: it is the caller's until zone_range_give()
 */
static inline FPG_MUST_CHECK bool zone_range_try(struct zone *zone)
{
	return __atomic_exchange_n(&zone->range_busy, 1, __ATOMIC_ACQUIRE) == 0;
}

static inline void zone_range_give(struct zone *zone)
{
	__atomic_store_n(&zone->range_busy, 0, __ATOMIC_RELEASE);
}

/** Add a free run's blocks to @blocks, as a buddy system would cut it. */
void count_free_blocks(uint64_t blocks[MAX_PAGE_ORDER + 1], struct pfn_range run);

/* ---- watermarks ---- */

/** All zones' watermarks, lowmem reserves and atomic reserves, from their managed pages. */
void watermarks_setup(void);

/** Free pages of lent areas, which a request that cannot move does not get. */
static inline uint64_t cma_out_of_reach(const struct zone *zone, gfp_t gfp)
{
	return likely(zone->cma_pages == 0) || (gfp & __GFP_MOVABLE) ? 0 :
								       zone->palloc->cma_free_pages;
}

/**
 * Lent areas have more than their share of the zone's free memory: a movable request takes theirs, so that others do not
 * run out while areas lie idle.
 */
static inline bool cma_goes_first(const struct zone *zone)
{
	return unlikely(zone->cma_pages != 0) &&
	       (unsigned __int128)zone->palloc->cma_free_pages * zone->managed_pages >
		       (unsigned __int128)zone->cma_pages * zone->free_pages;
}

/** The same for a request without privileges, down to WMARK_LOW, of a zone without lent areas. */
static inline uint64_t watermark_room_plain(const struct zone *zone, gfp_t gfp)
{
	uint64_t keep = zone->low_keep[gfp_zone(gfp)];
	return zone->free_pages > keep ? zone->free_pages - keep : 0;
}

/** A request that may use the atomic reserve: it can neither wait nor fail well. */
static inline bool gfp_is_atomic(gfp_t gfp)
{
	return (gfp & (__GFP_HIGH | __GFP_DIRECT_RECLAIM)) == __GFP_HIGH;
}

uint64_t watermark_room_privileged(const struct zone *zone, gfp_t gfp, enum zone_watermark mark);

/** Pages that a request may still take from @zone, down to @mark; 0: none. */
static inline uint64_t watermark_room(const struct zone *zone, gfp_t gfp, enum zone_watermark mark)
{
	if (unlikely(gfp & (__GFP_HIGH | __GFP_MEMALLOC))) {
		return watermark_room_privileged(zone, gfp, mark);
	}
	uint64_t keep = zone->watermark[mark] + zone->highatomic_pages +
			zone->lowmem_reserve[gfp_zone(gfp)] + cma_out_of_reach(zone, gfp);
	return zone->free_pages > keep ? zone->free_pages - keep : 0;
}

/** A request that can wait, for more than a page, may have others' pages moved. */
static inline bool may_compact(gfp_t gfp, unsigned int order)
{
	return FPG_ENABLED(CONFIG_COMPACTION) && (gfp & __GFP_DIRECT_RECLAIM) && order != 0;
}

/** Keep the pageblock of @page for atomic requests, as long as the zone's share allows. */
void highatomic_reserve(struct zone *zone, struct page *page);

/** Give one pageblock kept that way back to everybody. Return: false when there is none */
bool highatomic_unreserve(struct zone *zone);

/* ---- debugging: all of it lives in the slow paths ---- */

/** What asks for every request and every free to take the slow path. */
#define PAGE_ALLOC_FAIL	 (1U << 0) /* fail_page_alloc */
#define PAGE_ALLOC_BOOT	 (1U << 1) /* fail_boot */
#define PAGE_ALLOC_WATCH (1U << 2) /* page_owner, debug_pagealloc: page_debug_on */

/** Not zero: no block goes to, or comes from, a per-hart cache. Changed by page_alloc_debug_set() only. */
extern uint32_t page_alloc_debug_flags;

/** Switch some of PAGE_ALLOC_… on or off. Context: no zone lock held */
void page_alloc_debug_set(uint32_t flags, bool on);

/** The zone has a backend that can. A switch may change the answer, so what depends on it is decided under the zone's lock. */
static inline bool zone_has(const struct zone *zone, uint32_t caps)
{
	return zone->palloc != NULL && (zone->palloc->ops->caps & caps) == caps;
}

/** The word of a block that a caller holds. */
static inline uint64_t page_allocated_word(const struct zone *zone, unsigned int order,
					   unsigned int type)
{
	return page_word(PAGE_ALLOCATED, order, type, zone->id) | 1ULL << PAGE_REF_SHIFT;
}

/** The word of a single page that a caller holds alone. */
static inline bool page_word_is_single(const struct zone *zone, uint64_t word)
{
	const uint64_t mask = PAGE_STATE_MASK | PAGE_ORDER_MASK | PAGE_ZONE_MASK | PAGE_REF_MASK |
			      PAGE_F_IN_USE;
	return ((word ^ page_allocated_word(zone, 0, 0)) & mask) == 0;
}

/** Every record of @frames is such a page's; a moment later it may be otherwise. */
bool frames_are_single_pages(const struct zone *zone, struct pfn_range frames);

/**
 * Make each frame of an allocated range a page of its own; records are populated. The first record changes last: to
 * others it is one block, or single pages all.
 */
void frames_make_single(const struct zone *zone, struct pfn_range frames, unsigned int type);

/** The zone that holds all of @range, or NULL. */
struct zone *range_zone(struct pfn_range range);

/**
 * Give single pages back, for @pc, all or none. Context: no zone lock held
 * Return: 0 | -EINVAL (one is none, or somebody else is freeing it): nothing changed; counted as refused
 */
FPG_MUST_CHECK int zone_free_range(struct zone *zone, struct pfn_range range, uint64_t pc);

void page_free_reset(void);

/** Name of the backend in service, for messages. */
void page_alloc_set_backend(const struct palloc_ops *ops);
const struct palloc_ops *page_alloc_backend(void);
