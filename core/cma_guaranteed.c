/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guaranteed areas: their frames are the area's at all times, and borrowed only by owners that can let go of a page's
 * contents at once (movable_ops.discard). So cma_alloc() needs no memory to move to and cannot fail while there is room.
 *
 * Invariant: every frame is a single page; one that is borrowed has its owner in `second`, all others have 0 there.
 */
#define LOG_MODULE "cma"
#include "cma_guaranteed.h"
#include "movable_private.h"

#include "fpg/base/range.h"
#include "fpg/core/log.h"

#include <errno.h>

/** An owner's lock is free again after so many looks: it holds it for a few lines of code. */
#define PATIENCE 100000U

static bool may_borrow(const struct cma *cma, uint32_t ops)
{
	if (cma == NULL || cma->zone == NULL || !cma->guaranteed) {
		return false;
	}
	if (ops == 0 || ops > MOVABLE_OPS_MAX || movable_table[ops] == NULL ||
	    movable_table[ops]->discard == NULL) {
		pr_warn("%s lends only to owners that can discard", cma->name);
		return false;
	}
	return true;
}

/** The next frame that is neither given out nor borrowed; there is one. The lock is held. */
static struct page *next_spare(struct cma *cma)
{
	const uint64_t granule = 1ULL << cma->order_per_bit;
	for (uint64_t left = pfn_range_pages(cma->range); left != 0; left--) {
		const uint64_t n = cma->borrow_next;
		const uint64_t first = ALIGN_DOWN(n, granule);
		cma->borrow_next = n + 1 == cma->range.end.n ? cma->range.start.n : n + 1;
		struct page *page = pfn_to_page(pfn(n));
		if (!cma_is_borrowed(page) &&
		    cma_overlay(cma)->all_free(
			    &cma->pa, (struct pfn_range){ pfn(first), pfn(first + granule) })) {
			return page;
		}
	}
	return NULL;
}

struct page *cma_borrow(struct cma *cma, uint32_t ops, uint32_t owner)
{
	struct page *page = NULL;
	if (!may_borrow(cma, ops)) {
		return NULL;
	}
	unsigned long flags = cma_lock(cma);
	if (cma->given + cma->borrowed < pfn_range_pages(cma->range)) {
		page = next_spare(cma);
	}
	if (page != NULL) {
		page_set_movable(page, ops, owner);
		cma->borrowed++;
	}
	cma_unlock(cma, flags);
	return page;
}

/** The frame is the area's again. */
static void settle(struct cma *cma, struct page *page)
{
	unsigned long flags = cma_lock(cma);
	page->word = page_allocated_word(cma->zone, 0, MIGRATE_CMA);
	page->second = 0;
	cma->borrowed--;
	cma_unlock(cma, flags);
}

void cma_repay(struct cma *cma, struct page *page)
{
	const pfn_t f = page_to_pfn(page);
	FPG_CHECK(cma->guaranteed && f.n >= cma->range.start.n && f.n < cma->range.end.n &&
		  cma_is_borrowed(page) && !page_pinned(page));
	settle(cma, page);
}

/* ---- taking back ----------------------------------------------------------------------------- */

static void emptied(void *ctx, struct page *from, unsigned int order)
{
	(void)order;
	settle(ctx, from);
}

/** A frame that was borrowed a moment ago. */
static int take_back_one(struct cma *cma, pfn_t f, struct migrate_result *result)
{
	const struct migrate_control control = { .emptied = emptied, .ctx = cma, .discard = true };
	const struct pfn_range one = { f, pfn_add(f, 1) };
	int err = 0;
	for (unsigned int look = 0; look < PATIENCE && cma_is_borrowed(pfn_to_page(f)); look++) {
		err = migrate_frames(one, &control, result);
		if (err != 0 && page_pinned(pfn_to_page(f))) {
			break;
		}
		port_relax();
	}
	return cma_is_borrowed(pfn_to_page(f)) ? err : 0;
}

int cma_take_back(struct cma *cma, struct pfn_range range, struct migrate_result *result)
{
	int err = 0;
	for (uint64_t n = range.start.n; err == 0 && n < range.end.n && cma->borrowed != 0; n++) {
		if (cma_is_borrowed(pfn_to_page(pfn(n)))) {
			err = take_back_one(cma, pfn(n), result);
		}
	}
	return err;
}
