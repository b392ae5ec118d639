/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cma_alloc() where frames are in use: the area is looked at, the window with the fewest pages to move is marked, so
 * that nobody else chooses it, and emptied. What turns out not to move is known from then on, and the area is looked at
 * again. And the same without doing it: cma_why().
 */
#include "cma_guaranteed.h"
#include "cma_private.h"
#include "migrate_private.h"

#include "fpg/base/range.h"
#include "fpg/core/page_cache.h"

#include <errno.h>
#include <string.h>

/** Blocks that refused, and are passed over from then on. */
#define KNOWN_MOST 32U
/** Windows that somebody else took between the look and the mark. */
#define LOST_MOST  64U

/** What one look at an area takes with it. */
struct looking {
	const struct cma *cma;
	/** Blocks that refused. */
	const struct pfn_range *known;
	unsigned int known_count;
};

static enum palloc_look_cost cost_of(const struct cma *cma, pfn_t f, uint64_t *frames)
{
	if (!cma->lent) {
		*frames = 1;
		return cma->guaranteed && cma_is_borrowed(pfn_to_page(f)) ? PALLOC_LOOK_MOVABLE :
									    PALLOC_LOOK_FREE;
	}
	struct migrate_blocker why;
	switch (frame_row(f, frames, &why)) {
	case FRAME_FREE:
	case FRAME_CACHED:
		return PALLOC_LOOK_FREE;
	case FRAME_MOVABLE:
		return PALLOC_LOOK_MOVABLE;
	default:
		return migrate_passes(&why) ? PALLOC_LOOK_MOVABLE : PALLOC_LOOK_BLOCKED;
	}
}

static enum palloc_look_cost look(void *ctx, pfn_t f, uint64_t *frames)
{
	const struct looking *l = ctx;
	const enum palloc_look_cost cost = cost_of(l->cma, f, frames);
	for (unsigned int i = 0; i < l->known_count; i++) {
		const struct pfn_range block = l->known[i];
		if (pfn_range_contains(block, f)) {
			*frames = block.end.n - f.n;
			return PALLOC_LOOK_BLOCKED;
		}
		if (block.start.n - f.n < *frames) {
			*frames = block.start.n - f.n;
		}
	}
	return cost;
}

/** As if nothing were lent: is there room at all? */
static enum palloc_look_cost look_away(void *ctx, pfn_t f, uint64_t *frames)
{
	const struct looking *l = ctx;
	*frames = l->cma->range.end.n - f.n;
	return PALLOC_LOOK_FREE;
}

/** Frames of a window that are in use at least. */
static uint64_t least_cost(const struct cma *cma, uint64_t pages)
{
	const struct zone *zone = cma->zone;
	if (!cma->lent) {
		return 0;
	}
	/* Of those that are being isolated nobody counts which are free. */
	const uint64_t isolated = (uint64_t)zone->isolated_blocks << PAGEBLOCK_ORDER;
	const uint64_t free = zone->palloc->cma_free_pages + page_cache_pages(zone) + isolated;
	return pages > free ? pages - free : 0;
}

/** What is known of the frame in the way. */
static void blocker_at(const struct cma *cma, pfn_t f, struct migrate_blocker *out)
{
	uint64_t frames;
	*out = (struct migrate_blocker){ .reason = MIGRATE_REASON_NONE };
	if (f.n < cma->range.start.n || f.n >= cma->range.end.n) {
		return;
	}
	if (cma_is_given_out(cma, f)) {
		migrate_blocker_of(pfn_to_page(f), MIGRATE_REASON_CMA, out);
		out->owner = cma->name;
	} else if (cma->lent && frame_look(f, &frames, out) != FRAME_BLOCKED) {
		migrate_blocker_of(pfn_to_page(f), MIGRATE_REASON_TAKEN, out);
	}
}

/** The longest run that could be had, and what bounds it. */
static uint64_t longest_run(struct cma *cma, const struct palloc_req *req,
			    const struct palloc_look *with, pfn_t *blocker)
{
	struct palloc_window none;
	struct palloc_req all = *req;
	all.pages = (uint32_t)pfn_range_pages(cma->range) + 1;
	(void)cma_overlay(cma)->window(&cma->pa, &all, with, &none);
	*blocker = none.blocker;
	return none.suffice;
}

int cma_look(struct cma *cma, const struct palloc_req *req, const struct pfn_range *known,
	     unsigned int known_count, struct palloc_window *window, struct cma_report *report)
{
	struct looking l = { cma, known, known_count };
	const struct palloc_look with = { look, &l, least_cost(cma, cma_round(cma, req->pages)) };
	const struct palloc_look without = { look_away, &l, 0 };
	struct palloc_window room;
	int err = cma_overlay(cma)->window(&cma->pa, req, &with, window);
	if (err == 0) {
		report->pages_to_move = window->cost;
		return 0;
	}
	report->area_free_pages = pfn_range_pages(cma->range) - cma->given;
	report->would_suffice = window->suffice;
	if (report->blocker.reason == MIGRATE_REASON_NONE) {
		blocker_at(cma, window->blocker, &report->blocker);
	}
	report->err = cma_overlay(cma)->window(&cma->pa, req, &without, &room) != 0 ? -ENOMEM :
										      -EBUSY;
	return report->err;
}

/** Make the marked window ours. Return: 0 | negative errno with result->blocker */
static int empty(struct cma *cma, struct pfn_range range, struct migrate_result *result)
{
	if (cma->guaranteed) {
		return cma_take_back(cma, range, result);
	}
	return cma->lent ? alloc_contig_range_report(range, GFP_KERNEL | __GFP_MOVABLE, result) : 0;
}

static int mark(struct cma *cma, struct pfn_range range)
{
	unsigned long flags = cma_lock(cma);
	int err = cma_overlay(cma)->mark(&cma->pa, range);
	cma->given += err == 0 ? pfn_range_pages(range) : 0;
	cma_unlock(cma, flags);
	return err;
}

static void unmark(struct cma *cma, struct pfn_range range)
{
	unsigned long flags = cma_lock(cma);
	FPG_CHECK(cma_overlay(cma)->unmark(&cma->pa, range) == 0);
	cma->given -= pfn_range_pages(range);
	cma_unlock(cma, flags);
}

/** Nothing more is tried: say how much could be had. */
static int give_up(struct cma *cma, const struct palloc_req *req, const struct pfn_range *known,
		   unsigned int known_count, int err, struct cma_report *report)
{
	struct looking l = { cma, known, known_count };
	const struct palloc_look with = { look, &l, 0 };
	pfn_t blocker;
	report->area_free_pages = pfn_range_pages(cma->range) - cma->given;
	report->would_suffice = longest_run(cma, req, &with, &blocker);
	report->err = err;
	return err;
}

int cma_alloc_moving(struct cma *cma, const struct palloc_req *req, struct cma_report *report,
		     struct pfn_range *out)
{
	struct pfn_range known[KNOWN_MOST];
	unsigned int known_count = 0;
	unsigned int lost = 0;
	uint32_t patience = MIGRATE_PATIENCE;
	while (known_count < KNOWN_MOST && lost < LOST_MOST) {
		struct palloc_window window;
		struct migrate_result result = { 0 };
		int err = cma_look(cma, req, known, known_count, &window, report);
		if (err == -EBUSY && migrate_try_again(&report->blocker, &patience)) {
			/* In the way everywhere was what is gone in a moment, or was when it was looked at again. */
			report->blocker = (struct migrate_blocker){ 0 };
			continue;
		}
		if (err != 0) {
			return err;
		}
		if (mark(cma, window.range) != 0) {
			lost++;
			continue;
		}
		report->windows_tried++;
		err = empty(cma, window.range, &result);
		cma_count(&cma->pages_moved, result.moved_pages);
		cma_count(&cma->pages_discarded, result.discarded_pages);
		if (err == 0) {
			*out = window.range;
			return 0;
		}
		unmark(cma, window.range);
		report->blocker = result.blocker;
		if (err != -EBUSY) {
			return give_up(cma, req, known, known_count, err, report);
		}
		if (!migrate_gone_soon(&result.blocker, &patience)) {
			/* All of it: the next window may begin in the middle. */
			const pfn_t head = result.blocker.frame;
			known[known_count++] =
				(struct pfn_range){ head,
						    pfn_add(head, 1ULL << result.blocker.order) };
		}
	}
	return give_up(cma, req, known, known_count, -EBUSY, report);
}

int cma_why(struct cma *cma, unsigned long count, unsigned int align, struct cma_report *report)
{
	struct palloc_window window;
	memset(report, 0, sizeof(*report));
	if (cma == NULL || cma->zone == NULL || count == 0 || align > PAGEBLOCK_ORDER) {
		report->err = -EINVAL;
		return -EINVAL;
	}
	/* Nobody's window may be larger than a request can say. */
	const uint64_t most = pfn_range_pages(cma->range) + 1;
	const struct palloc_req req = cma_request(count < most ? count : most, align);
	cma_enter();
	int err = cma_look(cma, &req, NULL, 0, &window, report);
	if (err == 0) {
		struct looking l = { cma, NULL, 0 };
		const struct palloc_look with = { look, &l, 0 };
		pfn_t blocker;
		report->area_free_pages = pfn_range_pages(cma->range) - cma->given;
		report->would_suffice = longest_run(cma, &req, &with, &blocker);
	}
	cma_leave();
	report->err = err;
	return err;
}
