/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An area becomes part of its zone: lent, when the zone's page allocator can claim pageblocks back and keep them for
 * movable requests, else as a carve-out. And from one to the other, when the zone changes its page allocator.
 *
 * Invariants: pageblocks of areas are of type CMA whoever serves (types outlive a change); a carve-out's frames are
 * allocated for the zone, and single pages in the frame table as soon as somebody had them.
 */
#define LOG_MODULE "cma"
#include "cma_private.h"
#include "migrate_private.h"
#include "page_cache_private.h"
#include "zone_private.h"

#include "fpg/base/errno.h"
#include "fpg/base/range.h"
#include "fpg/core/log.h"
#include "fpg/core/page_cache.h"

#include <errno.h>
#include <inttypes.h>

/** The zone that holds all of the area, or NULL. */
static struct zone *zone_around(struct pfn_range range)
{
	struct zone *zone = pfn_to_zone(range.start);
	for (uint64_t n = range.start.n; n < range.end.n; n += PAGEBLOCK_NR_PAGES) {
		if (pfn_to_zone(pfn(n)) != zone ||
		    pfn_to_zone(pfn(n + PAGEBLOCK_NR_PAGES - 1)) != zone) {
			return NULL;
		}
	}
	return zone != NULL && zone->palloc != NULL ? zone : NULL;
}

/** Records that pageblocks of an own type begin with; a little at a time, so that the reserve keeps up. */
static int populate_heads(struct zone *zone, struct pfn_range range)
{
	int err = 0;
	for (uint64_t n = range.start.n; err == 0 && n < range.end.n; n += PAGEBLOCK_NR_PAGES) {
		err = zone_populate_all(zone, (struct pfn_range){ pfn(n), pfn(n + 1) });
	}
	return err;
}

static void set_types(struct zone *zone, struct pfn_range range, enum migratetype type)
{
	pageblock_set_range(&zone->pageblocks, range, type);
}

/** All of the area into the zone, as @state. */
static int add_to_zone(struct zone *zone, struct pfn_range range, enum palloc_run_state state)
{
	const struct palloc_run run = { .range = range, .state = state, .type = MIGRATE_CMA };
	struct pfn_range want;
	int err;
	do {
		unsigned long flags = spin_lock_irqsave(&zone->lock);
		set_types(zone, range, MIGRATE_CMA);
		err = zone->palloc->ops->add(zone->palloc, &run);
		want = zone->palloc->want;
		if (err == 0) {
			zone->managed_pages += pfn_range_pages(range);
			zone->free_pages += state == PALLOC_RUN_FREE ? pfn_range_pages(range) : 0;
			zone->cma_pages += state == PALLOC_RUN_FREE ? pfn_range_pages(range) : 0;
		} else {
			set_types(zone, range, MIGRATE_MOVABLE);
		}
		spin_unlock_irqrestore(&zone->lock, flags);
		if (err == -EAGAIN && zone_populate_all(zone, want) != 0) {
			err = -ENOMEM;
		}
	} while (err == -EAGAIN);
	return err;
}

static int activate(struct cma *cma, struct zone *zone)
{
	const struct palloc_run run = { .range = cma->range, .state = PALLOC_RUN_FREE };
	const bool lend = !cma->guaranteed && cma_zone_lends(zone);
	int err = cma->guaranteed ? zone_populate_all(zone, cma->range) :
		  lend		  ? populate_heads(zone, cma->range) :
				    0;
	if (err == 0) {
		err = add_to_zone(zone, cma->range, lend ? PALLOC_RUN_FREE : PALLOC_RUN_ALLOCATED);
	}
	if (err != 0) {
		return err;
	}
	cma->pa.parent = NULL;
	FPG_CHECK(cma->pa.ops->add(&cma->pa, &run) == 0);
	cma->pa.nid = zone->nid;
	cma->pa.zone_id = zone->id;
	cma->lent = lend;
	cma->zone = zone;
	if (lend) {
		page_debug_handed_over(cma->range);
	} else if (cma->guaranteed) {
		frames_make_single(cma->zone, cma->range, MIGRATE_CMA);
	}
	pr_info("%s: %" PRIu64 " pages of node %d, zone %s: %s%s", cma->name,
		pfn_range_pages(cma->range), zone->nid, zone_name(zone->type),
		lend		? "lent to movable allocations" :
		cma->guaranteed ? "guaranteed, lent only to owners that give back at once" :
				  "a carve-out, because it cannot be lent: ",
		lend || cma->guaranteed ? "" : zone->palloc->ops->name);
	return 0;
}

void cma_activate(void)
{
	for (struct cma *cma = cma_list; cma != NULL; cma = cma->next) {
		struct zone *zone = zone_around(cma->range);
		int err = zone != NULL ? activate(cma, zone) : -ERANGE;
		if (err != 0) {
			pr_warn("area %s stays reserved and unused: %s", cma->name,
				err == -ERANGE ? "it does not lie in one zone" : errno_name(err));
		}
	}
	if (cma_list != NULL) {
		watermarks_setup();
	}
}

/* ---- changing the page allocator ------------------------------------------------------------- */

uint32_t cma_gate;

FPG_NOINLINE void cma_enter_wait(void)
{
	do {
		cma_leave();
		while (__atomic_load_n(&cma_gate, __ATOMIC_RELAXED) & CMA_GATE_SHUT) {
			port_relax();
		}
	} while (__atomic_fetch_add(&cma_gate, 1, __ATOMIC_ACQUIRE) & CMA_GATE_SHUT);
}

void cma_change_begin(void)
{
	/* One change at a time: nobody else shuts it. */
	__atomic_fetch_or(&cma_gate, CMA_GATE_SHUT, __ATOMIC_ACQUIRE);
	while (__atomic_load_n(&cma_gate, __ATOMIC_ACQUIRE) != CMA_GATE_SHUT) {
		port_relax();
	}
}

void cma_change_end(void)
{
	cma_lend_all();
	__atomic_fetch_and(&cma_gate, ~CMA_GATE_SHUT, __ATOMIC_RELEASE);
}

bool cma_can_lend_over(const struct palloc_ops *ops)
{
	return (ops->caps & CMA_LENDER_CAPS) == CMA_LENDER_CAPS;
}

/** What of the area from @n on is not given out; empty at its end. */
static struct pfn_range next_kept(const struct cma *cma, uint64_t n)
{
	const uint64_t step = 1ULL << cma->order_per_bit;
	const struct palloc_overlay_ops *overlay = cma_overlay(cma);
	while (n < cma->range.end.n &&
	       !overlay->all_free(&cma->pa, (struct pfn_range){ pfn(n), pfn(n + step) })) {
		n += step;
	}
	struct pfn_range kept = { pfn(n), pfn(n) };
	while (kept.end.n < cma->range.end.n &&
	       overlay->all_free(&cma->pa,
				 (struct pfn_range){ kept.end, pfn_add(kept.end, step) })) {
		kept.end = pfn_add(kept.end, step);
	}
	return kept;
}

/** Not beyond one block of the largest order: what is done with it at a time is bounded. */
static void cut_to_block(struct pfn_range *range)
{
	const uint64_t most = ALIGN_DOWN(range->start.n, MAX_ORDER_NR_PAGES) + MAX_ORDER_NR_PAGES;
	range->end = range->end.n < most ? range->end : pfn(most);
}

/** Frames of a carve-out up to @end go to the zone's allocator, which lends them. Their records are populated. */
static void lend_until(struct cma *cma, uint64_t end)
{
	struct pfn_range kept = next_kept(cma, cma->range.start.n);
	while (kept.start.n < end && kept.start.n < kept.end.n) {
		kept.end = kept.end.n < end ? kept.end : pfn(end);
		cut_to_block(&kept);
		/* Nobody may have had them yet: to the allocator that adopted them they are blocks of any size. */
		frames_make_single(cma->zone, kept, MIGRATE_CMA);
		FPG_CHECK(zone_free_range(cma->zone, kept, PAGE_DEBUG_CALLER) == 0);
		kept = next_kept(cma, kept.end.n);
	}
}

/**
 * Claim what is lent; waits as cma_alloc() does for pages that will be gone in a moment. Return: 0: a carve-out | -EBUSY,
 * -ENOMEM: lent as before
 */
static int reclaim(struct cma *cma, struct cma_report *report)
{
	int err = 0;
	uint32_t patience = MIGRATE_PATIENCE;
	struct pfn_range kept = next_kept(cma, cma->range.start.n);
	while (err == 0 && kept.start.n < kept.end.n) {
		struct migrate_result result;
		/* What is free is claimed whole. */
		cut_to_block(&kept);
		err = alloc_contig_range_report(kept, GFP_KERNEL | __GFP_MOVABLE, &result);
		cma_count(&cma->pages_moved, result.moved_pages);
		cma_count(&cma->pages_discarded, result.discarded_pages);
		if (err == -EBUSY && migrate_try_again(&result.blocker, &patience)) {
			err = 0;
			continue;
		}
		if (err != 0) {
			*report = (struct cma_report){ .err = err, .blocker = result.blocker };
			lend_until(cma, kept.start.n);
			break;
		}
		frames_make_single(cma->zone, kept, MIGRATE_CMA);
		kept = next_kept(cma, kept.end.n);
	}
	return err;
}

static void set_lent(struct cma *cma, bool lent)
{
	const uint64_t pages = pfn_range_pages(cma->range);
	unsigned long flags = spin_lock_irqsave(&cma->zone->lock);
	cma->lent = lent;
	cma->zone->cma_pages += lent ? pages : 0 - pages;
	spin_unlock_irqrestore(&cma->zone->lock, flags);
}

int cma_reclaim_all(struct cma_report *report, struct cma **area)
{
	*report = (struct cma_report){ 0 };
	*area = NULL;
	for (struct cma *cma = cma_list; cma != NULL; cma = cma->next) {
		int err = cma->lent ? reclaim(cma, report) : 0;
		if (err != 0) {
			*area = cma;
			cma_lend_all();
			return err;
		}
		if (cma->lent) {
			set_lent(cma, false);
		}
	}
	if (cma_list != NULL) {
		watermarks_setup();
	}
	return 0;
}

void cma_lend_all(void)
{
	bool changed = false;
	for (struct cma *cma = cma_list; cma != NULL; cma = cma->next) {
		if (cma->zone == NULL || cma->guaranteed || cma->lent ||
		    !cma_zone_lends(cma->zone)) {
			continue;
		}
		if (zone_populate_all(cma->zone, cma->range) != 0) {
			pr_warn("%s stays a carve-out: no memory for its records", cma->name);
			continue;
		}
		/* First, so that requests that cannot move do not count on what becomes free now. */
		set_lent(cma, true);
		lend_until(cma, cma->range.end.n);
		changed = true;
	}
	if (changed) {
		watermarks_setup();
	}
}
