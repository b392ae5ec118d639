/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Large blocks without detours: what no cache holds is taken from the first zone that the flags lead to, and whatever is
 * not plain goes on to core/page_alloc_slow.c by tail calls.
 *
 * Invariants: as there.
 */
#include "page_cache_private.h"
#include "zone_private.h"

#include <errno.h>

/**
 * The lock is held, and there is no block: the request takes the long way.
 * A zone that has nothing is not asked again; when there is no other and nobody holds anything back, that is all.
 */
static FPG_NOINLINE struct page *unlock_and_go_on(gfp_t gfp, unsigned int order, struct zone *zone,
						  unsigned long flags, int err)
{
	spin_unlock_irqrestore(&zone->lock, flags);
	if (unlikely(err != -ENOMEM)) {
		return page_alloc_any(gfp, order, 0);
	}
	__atomic_fetch_add(&zone->counters.misses, 1, __ATOMIC_RELAXED);
	if (!zone->alone || page_cache_any() || zone->highatomic_pages != 0 ||
	    may_compact(gfp, order)) {
		return page_alloc_elsewhere(gfp, order, zone);
	}
	return gfp & __GFP_NOWARN ? NULL : page_alloc_fail(gfp, order);
}

/** The lock is held; @block comes from a backend without records: its head gets one. */
static FPG_NOINLINE struct page *record_and_unlock(gfp_t gfp, unsigned int order, struct zone *zone,
						   unsigned long flags, struct palloc_block block,
						   uint64_t word)
{
	harts_hold_defer();
	spin_unlock_irqrestore(&zone->lock, flags);
	if (unlikely(!frame_populated(block.start)) &&
	    unlikely(!zone_populate_head(zone, &block))) {
		return page_alloc_any(gfp, order, 0);
	}
	struct page *page = pfn_to_page(block.start);
	page->word = word;
	page->second = 0;
	harts_hold_allow();
	if (unlikely(frame_reserve_low(zone))) {
		frame_reserve_refill_now(zone);
	}
	return page;
}

/**
 * A plain request for a large block is served here when its first zone can; all else is somebody else's, by tail calls.
 * The zone, the migratetype and most of the record stand in the descriptor that the flags lead to.
 */
struct page *page_alloc_slow(gfp_t gfp, unsigned int order)
{
	const gfp_t plain = __GFP_DMA | __GFP_DMA32 | __GFP_MOVABLE | __GFP_RECLAIMABLE |
			    __GFP_NOWARN | __GFP_DIRECT_RECLAIM;
	const struct page_cache *c = this_page_caches()->fast[gfp & GFP_PLACE_MASK];
	struct zone *zone = c->zone;
	if (unlikely((gfp & ~plain) ||
		     order - PAGE_CACHE_ORDERS > MAX_PAGE_ORDER - PAGE_CACHE_ORDERS ||
		     zone == NULL || watermark_room_plain(zone, gfp) >> order == 0)) {
		return page_alloc_any(gfp, order, PAGE_DEBUG_CALLER);
	}
	/* A zone with caches has a backend that does not ask for the hart. */
	struct palloc_req req = {
		.pages = 1U << order,
		.align_order = (uint8_t)order,
		.type = c->type,
		.flags = gfp & __GFP_MOVABLE ? PALLOC_REQ_CMA : 0,
	};
	const uint64_t word = (c->used_word & ~PAGE_CACHE_MASK) | (uint64_t)order
									  << PAGE_ORDER_SHIFT;
	const unsigned long flags = spin_lock_irqsave(&zone->lock);
	struct palloc *pa = zone->palloc;
	const struct palloc_ops *ops = pa->ops;
	const bool records = (ops->caps & PALLOC_CAP_RECORDS) != 0;
	struct palloc_block block = ops->alloc(pa, &req);
	if (unlikely(block.err != 0)) {
		return unlock_and_go_on(gfp, order, zone, flags, block.err);
	}
	zone->free_pages -= 1UL << order;
	zone->counters.allocs++;
	if (unlikely(!records)) {
		return record_and_unlock(gfp, order, zone, flags, block, word);
	}
	spin_unlock_irqrestore(&zone->lock, flags);
	struct page *page = pfn_to_page(block.start);
	page->word = word;
	page->second = 0;
	return page;
}
