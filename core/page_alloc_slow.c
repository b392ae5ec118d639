/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Allocating where no cached block does: which zones, in which order, down to which watermark, and what is tried before
 * a request fails. What differs between backends ends here.
 *
 * Invariants: a block that a caller holds has a head in state PAGE_ALLOCATED with its order and a reference count of at
 * least 1, and zero records inside. The zone lock is not held while records are populated. What serves may change
 * wherever this hart can be held: the backend is looked at with the lock held only, and a hart that has a block without
 * a record is not held (harts_hold_defer()).
 */
#define LOG_MODULE "page_alloc"
#include "page_cache_private.h"
#include "zone_private.h"

#include "fpg/base/range.h"
#include "fpg/core/compaction.h"
#include "fpg/core/fail_boot.h"
#include "fpg/core/fail_page_alloc.h"
#include "fpg/core/log.h"

#include <errno.h>

/* ---- one zone -------------------------------------------------------------------------------- */

/** Ask the zone's backend once. @count: it is a request of a caller's, not a run for a cache */
static FPG_INLINE struct palloc_block zone_try(struct zone *zone, const struct palloc_req *req,
					       struct pfn_range *want, const bool count)
{
	unsigned long flags = spin_lock_irqsave(&zone->lock);
	struct palloc *pa = zone->palloc;
	struct palloc_block block = pa->ops->alloc(pa, req);
	if (likely(block.err == 0)) {
		zone->free_pages -= block.pages;
		zone->counters.allocs += count;
		block.recorded = (pa->ops->caps & PALLOC_CAP_RECORDS) != 0;
		if (unlikely(!block.recorded)) {
			harts_hold_defer();
		}
	} else if (block.err == -EAGAIN) {
		*want = pa->want;
	}
	spin_unlock_irqrestore(&zone->lock, flags);
	return block;
}

static FPG_NOINLINE struct palloc_block
zone_get_populating(struct zone *zone, struct palloc_req *req, struct pfn_range want, bool count)
{
	struct palloc_block block;
	do {
		if (zone_populate(zone, want) != 0) {
			FPG_CHECK(!(req->flags & PALLOC_REQ_POPULATED));
			req->flags |= PALLOC_REQ_POPULATED;
		}
		block = zone_try(zone, req, &want, count);
	} while (block.err == -EAGAIN);
	return block;
}

static FPG_INLINE struct palloc_block zone_get_inline(struct zone *zone, struct palloc_req *req,
						      const bool count)
{
	struct pfn_range want;
	struct palloc_block block = zone_try(zone, req, &want, count);
	if (unlikely(block.err == -EAGAIN)) {
		block = zone_get_populating(zone, req, want, count);
	}
	return block;
}

struct palloc_block zone_get(struct zone *zone, struct palloc_req *req)
{
	return zone_get_inline(zone, req, false);
}

void zone_put(struct zone *zone, struct pfn_range range, bool counted)
{
	unsigned long flags = spin_lock_irqsave(&zone->lock);
	if (zone_has(zone, PALLOC_CAP_FREE)) {
		FPG_CHECK(zone->palloc->ops->free(zone->palloc, range) == 0);
		if (!zone_has(zone, PALLOC_CAP_RECORDS)) {
			/* A backend that kept some may have given it. */
			frame_table_clear(range);
		}
		zone->free_pages += pfn_range_pages(range);
	}
	zone->counters.frees += counted;
	spin_unlock_irqrestore(&zone->lock, flags);
}

/** The index of the cache that a block may go back to. What came from a reserve goes back there at once. */
static uint64_t cache_bits(const struct zone *zone, unsigned int order, enum migratetype type,
			   const struct palloc_block *block)
{
	if (zone->cache_base == 0 || block->type >= PAGE_CACHE_TYPES) {
		return 0;
	}
	return (uint64_t)(zone->cache_base + type * PAGE_CACHE_ORDERS + order) << PAGE_CACHE_SHIFT;
}

FPG_NOINLINE bool zone_populate_head(struct zone *zone, const struct palloc_block *block)
{
	struct pfn_range head = { block->start, pfn_add(block->start, 1) };
	if (zone_populate(zone, head) == 0) {
		return true;
	}
	zone_put(zone, (struct pfn_range){ block->start, pfn_add(block->start, block->pages) },
		 true);
	harts_hold_allow();
	return false;
}

/** A movable request's block, when CMA holds more than its share of what is free. */
static FPG_NOINLINE struct palloc_block get_from_cma(struct zone *zone, struct palloc_req *req)
{
	const uint8_t type = req->type;
	req->type = MIGRATE_CMA;
	struct palloc_block block = zone_get_inline(zone, req, true);
	req->type = type;
	return block;
}

/** A block from the zone's backend with its head recorded as held by the caller; NULL when there is none. */
static FPG_INLINE struct page *zone_alloc(struct zone *zone, gfp_t gfp, unsigned int order,
					  uint32_t flags)
{
	enum migratetype type = gfp_migratetype(gfp);
	struct palloc_req req = {
		.pages = 1U << order,
		.align_order = (uint8_t)order,
		.type = (uint8_t)type,
		.hart = (uint16_t)this_hart()->index,
		.flags = flags | (gfp & __GFP_MOVABLE ? PALLOC_REQ_CMA : 0),
	};
	if (unlikely(gfp_is_atomic(gfp) || (gfp & __GFP_MEMALLOC))) {
		req.flags |= PALLOC_REQ_HIGH;
	}
	struct palloc_block block = { .err = -ENOMEM };
	if (unlikely(req.flags & PALLOC_REQ_CMA) && cma_goes_first(zone)) {
		block = get_from_cma(zone, &req);
	}
	if (likely(block.err != 0)) {
		block = zone_get_inline(zone, &req, true);
	}
	if (unlikely(block.err != 0)) {
		return NULL;
	}
	if (unlikely(!block.recorded) && !zone_populate_head(zone, &block)) {
		return NULL;
	}
	struct page *page = pfn_to_page(block.start);
	uint64_t word = page_allocated_word(zone, order, type);
	if (order < PAGE_CACHE_ORDERS) {
		word |= cache_bits(zone, order, type, &block);
	}
	page->word = word;
	page->second = 0;
	if (unlikely(!block.recorded)) {
		harts_hold_allow();
	}
	return page;
}

/* ---- all zones ------------------------------------------------------------------------------- */

/** Zones of the list that @gfp allows, near ones first, each down to @mark. @flags: PALLOC_REQ_UNMIXED or 0 */
static FPG_INLINE struct page *take_with(struct zone **list, gfp_t gfp, unsigned int order,
					 enum zone_watermark mark, bool *held_back, uint32_t flags)
{
	const enum zone_type highest = gfp_zone(gfp);
	const uint16_t nid = (*list)->nid;
	for (struct zone *zone = *list; zone != NULL; zone = *++list) {
		struct page *page = NULL;
		if (zone->type > highest || zone->palloc == NULL ||
		    ((gfp & __GFP_THISNODE) && zone->nid != nid)) {
			continue;
		}
		uint64_t room = watermark_room(zone, gfp, mark);
		if (order < PAGE_CACHE_ORDERS && zone->cached && page_alloc_debug_flags == 0) {
			page = page_cache_take(zone, gfp, order, room, flags);
		}
		if (likely(room >> order != 0)) {
			page = page != NULL ? page : zone_alloc(zone, gfp, order, flags);
		} else {
			*held_back = true;
		}
		if (likely(page != NULL)) {
			return page;
		}
		__atomic_fetch_add(&zone->counters.misses, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

/** Of a node's zones one that has a block of the own type goes before one in which types would mix. */
static FPG_NOINLINE struct page *take_unmixed(struct zone **list, gfp_t gfp, unsigned int order,
					      enum zone_watermark mark, bool *held_back)
{
	return take_with(list, gfp | __GFP_THISNODE, order, mark, held_back, PALLOC_REQ_UNMIXED);
}

static FPG_INLINE struct page *take_down_to(struct zone **list, gfp_t gfp, unsigned int order,
					    enum zone_watermark mark, bool *held_back)
{
	struct page *page = NULL;
	/* Who may have reserves does not go round twice. */
	if (list[1] != NULL && list[1]->nid == list[0]->nid && !gfp_is_atomic(gfp) &&
	    !(gfp & __GFP_MEMALLOC)) {
		page = take_unmixed(list, gfp, order, mark, held_back);
	}
	return page != NULL ? page : take_with(list, gfp, order, mark, held_back, 0);
}

static FPG_NOINLINE struct page *take(struct zone **list, gfp_t gfp, unsigned int order)
{
	bool held_back = false;
	struct page *page = NULL;
	for (int mark = WMARK_LOW; page == NULL && mark >= WMARK_MIN; mark--) {
		if (mark == WMARK_LOW || held_back) {
			page = take_down_to(list, gfp, order, (enum zone_watermark)mark,
					    &held_back);
		}
	}
	return page;
}

/** A request that can wait gets what is kept for those that cannot, before it fails. */
static inline bool may_unreserve(struct zone **list, gfp_t gfp)
{
	uint64_t pages = 0;
	for (; (gfp & __GFP_DIRECT_RECLAIM) && *list != NULL; list++) {
		pages += (*list)->highatomic_pages;
	}
	return pages != 0;
}

/**
 * Before a request fails: zones below their low watermark, then what the harts hold, then, if it can wait, what is kept
 * for those that cannot; then pages are moved.
 */
static FPG_NOINLINE struct page *take_under_pressure(struct zone **list, gfp_t gfp,
						     unsigned int order, bool held_back)
{
	struct page *page = NULL;
	if (held_back) {
		page = take_down_to(list, gfp, order, WMARK_MIN, &held_back);
	}
	if (page == NULL && page_cache_any()) {
		page_cache_drain_all();
		page = take(list, gfp, order);
	}
	if (may_unreserve(list, gfp)) {
		for (struct zone **z = list; page == NULL && *z != NULL; z++) {
			while (page == NULL && highatomic_unreserve(*z)) {
				page = take(list, gfp, order);
			}
		}
	}
	if (page == NULL && may_compact(gfp, order) && compact_for(gfp, order, list[0]->nid) == 0) {
		page = take(list, gfp, order);
	}
	return page;
}

static FPG_INLINE struct page *alloc_from(struct zone **list, gfp_t gfp, unsigned int order)
{
	bool held_back = false;
	struct page *page = take_down_to(list, gfp, order, WMARK_LOW, &held_back);
	if (unlikely(page == NULL)) {
		page = take_under_pressure(list, gfp, order, held_back);
	}
	if (unlikely(gfp_is_atomic(gfp)) && page != NULL && order != 0) {
		highatomic_reserve(zone_of_word(page->word), page);
	}
	return page;
}

/** Node @nid, or the nearest to it that has memory. */
static struct node *node_near(int nid)
{
	struct node *best = node_by_id(nid);
	if (best != NULL) {
		return best;
	}
	for (int i = 0; i < MAX_NUMNODES; i++) {
		struct node *node = node_by_id(i);
		if (node != NULL &&
		    (best == NULL || node_distance(nid, i) < node_distance(nid, best->nid))) {
			best = node;
		}
	}
	return best;
}

/** Where a request for @nid begins; NULL: nowhere. */
static struct node *node_for(int nid, gfp_t gfp)
{
	bool elsewhere = (gfp & __GFP_THISNODE) && node_by_id(nid) == NULL;
	return elsewhere ? NULL : node_near(nid);
}

struct page *page_alloc_plain(int nid, gfp_t gfp, unsigned int order)
{
	struct node *node = fail_boot_now("alloc_pages") ? NULL : node_for(nid, gfp);
	return node != NULL ? alloc_from(node->zonelist, gfp, order) : NULL;
}

/* ---- the request as a whole ------------------------------------------------------------------ */

FPG_NOINLINE struct page *page_alloc_fail(gfp_t gfp, unsigned int order)
{
	if (!(gfp & __GFP_NOWARN)) {
		pr_warn("order %u with gfp 0x%x failed: %llu pages free", order, gfp,
			(unsigned long long)page_alloc_free_pages());
	}
	return NULL;
}

static FPG_NOINLINE struct page *refuse(gfp_t gfp, unsigned int order)
{
	const char *refusal = gfp_refusal(gfp);
	if (!(gfp & __GFP_NOWARN)) {
		pr_warn("order %u with gfp 0x%x refused: %s", order, gfp,
			refusal != NULL ? refusal : "larger than the largest block");
	}
	return NULL;
}

static FPG_NOINLINE void clear_block(struct page *page, unsigned int order)
{
	char *at = page_address(page);
	for (unsigned long i = 0; i < 1UL << order; i++) {
		port_clear_page(at + i * PAGE_SIZE);
	}
}

/** What debugging asks for before a request is served. Return: it fails now. */
static FPG_NOINLINE bool debug_before(gfp_t gfp, unsigned int order)
{
	return fail_boot_now("alloc_pages") ||
	       ((page_alloc_debug_flags & PAGE_ALLOC_FAIL) && fail_page_alloc_now(gfp, order));
}

/** @node NULL: none is allowed. */
static FPG_INLINE struct page *alloc_at(struct node *node, gfp_t gfp, unsigned int order,
					uint64_t pc)
{
	if (unlikely((gfp & (~__GFP_ALL | __GFP_NOFAIL)) || order > MAX_PAGE_ORDER ||
		     gfp_zone(gfp) == MAX_NR_ZONES)) {
		return refuse(gfp, order);
	}
	if (unlikely(node == NULL || (page_alloc_debug_flags != 0 && debug_before(gfp, order)))) {
		return page_alloc_fail(gfp, order);
	}
	struct page *page = alloc_from(node->zonelist, gfp, order);
	if (unlikely(page == NULL)) {
		return gfp & __GFP_NOWARN ? NULL : page_alloc_fail(gfp, order);
	}
	if (unlikely(page_alloc_debug_flags != 0)) {
		page_debug_taken_block(page, gfp, order, pc);
	}
	frame_reserve_refill(zone_of_word(page->word));
	if (gfp & __GFP_ZERO) {
		clear_block(page, order);
	}
	return page;
}

struct page *page_alloc_for(int nid, gfp_t gfp, unsigned int order, uint64_t pc)
{
	return alloc_at(node_for(nid, gfp), gfp, order, pc);
}

/** A hart that no node is said for belongs to node 0. */
static FPG_NOINLINE struct page *alloc_homeless(gfp_t gfp, unsigned int order, uint64_t pc)
{
	int nid = this_hart()->nid;
	return page_alloc_for(nid >= 0 ? nid : 0, gfp, order, pc);
}

/** From the calling hart's node on. */
FPG_NOINLINE struct page *page_alloc_any(gfp_t gfp, unsigned int order, uint64_t pc)
{
	struct node *node = this_page_caches()->node;
	if (unlikely(node == NULL)) {
		return alloc_homeless(gfp, order, pc);
	}
	return alloc_at(node, gfp, order, pc);
}

struct page *alloc_pages_node(int nid, gfp_t gfp, unsigned int order)
{
	return nid == NUMA_NO_NODE ? page_alloc_any(gfp, order, PAGE_DEBUG_CALLER) :
				     page_alloc_for(nid, gfp, order, PAGE_DEBUG_CALLER);
}

FPG_NOINLINE struct page *page_alloc_elsewhere(gfp_t gfp, unsigned int order,
					       const struct zone *first)
{
	struct zone **list = this_page_caches()->node->zonelist;
	bool held_back = false;
	struct zone **rest = list;
	while (*rest != first) {
		rest++;
	}
	struct page *page = *++rest == NULL ? NULL :
					      take_down_to(rest, gfp, order, WMARK_LOW, &held_back);
	if (page == NULL) {
		page = take_under_pressure(list, gfp, order, held_back);
	}
	if (page == NULL) {
		return gfp & __GFP_NOWARN ? NULL : page_alloc_fail(gfp, order);
	}
	frame_reserve_refill(zone_of_word(page->word));
	return page;
}
