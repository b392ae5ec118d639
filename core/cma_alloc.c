/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cma_alloc() and cma_release(). The idle path asks the overlay for the next place that its parent has free, with the
 * zone's lock held and nothing looked at but bitmap and blocks; core/cma_move.c goes on when that fails.
 */
#define LOG_MODULE "cma"
#include "cma_private.h"

#include "fpg/base/errno.h"
#include "fpg/base/out.h"
#include "fpg/base/range.h"
#include "fpg/core/log.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* ---- records --------------------------------------------------------------------------------- */

bool cma_are_single(const struct cma *cma, struct pfn_range frames)
{
	const uint64_t word = page_allocated_word(cma->zone, 0, MIGRATE_CMA);
	const struct page *page = pfn_to_page(frames.start);
	const struct page *end = page + pfn_range_pages(frames);
	for (; page != end; page++) {
		if (__atomic_load_n(&page->word, __ATOMIC_RELAXED) != word) {
			return false;
		}
	}
	return true;
}

/* ---- the idle path --------------------------------------------------------------------------- */

/** From what is free now. Return: 0 with *@out, records of whose heads are the backend's | -ENOMEM | -EINVAL */
static int take_idle(struct cma *cma, const struct palloc_req *req, struct pfn_range *out)
{
	struct palloc_block block;
	struct pfn_range want;
	do {
		unsigned long flags = cma_lock(cma);
		/* Borrowed frames of a guaranteed area have to be taken back first. */
		block = (struct palloc_block){ .err = -ENOMEM };
		if (likely(cma->borrowed == 0)) {
			block = cma->pa.ops->alloc(&cma->pa, req);
		}
		want = cma->pa.want;
		cma->given += block.err == 0 ? block.pages : 0;
		if (block.err == 0 && cma->lent) {
			cma->zone->free_pages -= block.pages;
			cma->zone->counters.allocs++;
		}
		cma_unlock(cma, flags);
		if (block.err == -EAGAIN && zone_populate_all(cma->zone, want) != 0) {
			return -ENOMEM;
		}
	} while (block.err == -EAGAIN);
	*out = (struct pfn_range){ block.start, pfn_add(block.start, block.pages) };
	return block.err;
}

/** Frames that were given out are free again, and the zone's if they are lent. Return: 0 | -EINVAL */
static int give_back(struct cma *cma, struct pfn_range frames, uint64_t pc)
{
	struct pfn_range want;
	int err;
	const bool clear = cma->lent && !zone_has(cma->zone, PALLOC_CAP_RECORDS);
	if (clear) {
		frame_table_clear(frames);
	} else if (!cma->lent) {
		/* Whatever their user noted there. */
		frames_make_single(cma->zone, frames, MIGRATE_CMA);
	}
	do {
		unsigned long flags = cma_lock(cma);
		err = cma->pa.ops->free(&cma->pa, frames);
		want = cma->pa.want;
		cma->given -= err == 0 ? pfn_range_pages(frames) : 0;
		if (err == 0 && cma->lent) {
			cma->zone->free_pages += pfn_range_pages(frames);
			cma->zone->counters.frees++;
			page_debug_given(frames, pc);
		}
		cma_unlock(cma, flags);
		if (err == -EAGAIN && zone_populate_all(cma->zone, want) != 0) {
			err = -ENOMEM;
		}
	} while (err == -EAGAIN);
	if (err != 0 && clear) {
		frames_make_single(cma->zone, frames, MIGRATE_CMA);
	}
	return err;
}

/* ---- giving out ------------------------------------------------------------------------------ */

static void say(const struct cma *cma, unsigned long count, const struct cma_report *report)
{
	char text[256];
	struct out_buffer buffer;
	out_buffer_init(&buffer, text, sizeof(text));
	if (report->blocker.reason != MIGRATE_REASON_NONE) {
		migrate_blocker_print(&buffer.out, &report->blocker);
	}
	pr_warn("%s: %lu pages: %s; %" PRIu64 " in a row could be had%s%s", cma->name, count,
		errno_name(report->err), report->would_suffice,
		report->blocker.reason != MIGRATE_REASON_NONE ? "; " : "",
		report->blocker.reason != MIGRATE_REASON_NONE ? text : "");
}

static FPG_NOINLINE struct page *fail(struct cma *cma, unsigned long count, bool no_warn, int err,
				      struct cma_report *report)
{
	report->err = err;
	cma_count(&cma->failures, 1);
	if (!no_warn) {
		say(cma, count, report);
	}
	return NULL;
}

/** The request makes sense. */
static bool sound(const struct cma *cma, unsigned long count, unsigned int align)
{
	return cma != NULL && cma->zone != NULL && count != 0 &&
	       count <= pfn_range_pages(cma->range) && align <= PAGEBLOCK_ORDER;
}

/** The request is sound, and nobody changes what serves meanwhile. Return: 0 with *@out | negative errno, @report filled */
static FPG_INLINE int take(struct cma *cma, const struct palloc_req *req, uint64_t pc,
			   struct cma_report *report, struct pfn_range *out)
{
	int err = take_idle(cma, req, out);
	if (err == -ENOMEM) {
		err = cma_alloc_moving(cma, req, report, out);
	}
	if (unlikely(err == 0 && zone_populate_all(cma->zone, *out) != 0)) {
		FPG_CHECK(give_back(cma, *out, pc) == 0);
		report->blocker.reason = MIGRATE_REASON_NO_TARGET;
		report->blocker.owner = "frame table";
		err = -ENOMEM;
	}
	if (likely(err == 0)) {
		frames_make_single(cma->zone, *out, MIGRATE_CMA);
		page_debug_taken(*out, GFP_KERNEL, 0, pc);
	}
	return err;
}

struct page *cma_alloc_report(struct cma *cma, unsigned long count, unsigned int align,
			      bool no_warn, struct cma_report *report)
{
	const uint64_t pc = PAGE_DEBUG_CALLER;
	struct cma_report unasked;
	struct pfn_range frames;
	report = report != NULL ? report : &unasked;
	memset(report, 0, sizeof(*report));
	if (unlikely(!sound(cma, count, align))) {
		const int why = cma_why(cma, count, align, report);
		return cma != NULL && cma->zone != NULL ? fail(cma, count, no_warn, why, report) :
							  NULL;
	}
	const struct palloc_req req = cma_request(count, align);
	cma_enter();
	int err = take(cma, &req, pc, report, &frames);
	cma_leave();
	if (unlikely(err != 0)) {
		return fail(cma, count, no_warn, err, report);
	}
	cma_count(&cma->allocs, 1);
	frame_reserve_refill(cma->zone);
	return pfn_to_page(frames.start);
}

struct page *cma_alloc(struct cma *cma, unsigned long count, unsigned int align, bool no_warn)
{
	return cma_alloc_report(cma, count, align, no_warn, NULL);
}

/** Return: 0 | -EINVAL, -ENOMEM: nothing changed */
static int release(struct cma *cma, struct pfn_range frames, uint64_t pc)
{
	cma_enter();
	unsigned long flags = cma_lock(cma);
	int err = cma_overlay(cma)->all_given(&cma->pa, frames) ? 0 : -EINVAL;
	cma_unlock(cma, flags);
	if (err == 0) {
		err = cma_are_single(cma, frames) ? give_back(cma, frames, pc) : -EINVAL;
	}
	cma_leave();
	return err;
}

bool cma_release(struct cma *cma, const struct page *pages, unsigned long count)
{
	if (cma == NULL || cma->zone == NULL || pages == NULL || count == 0 ||
	    count > pfn_range_pages(cma->range)) {
		return false;
	}
	const pfn_t first = page_to_pfn(pages);
	const struct pfn_range frames = { first, pfn_add(first, cma_round(cma, count)) };
	if (first.n < cma->range.start.n || frames.end.n > cma->range.end.n) {
		return false;
	}
	if (release(cma, frames, PAGE_DEBUG_CALLER) != 0) {
		pr_err("release of %lu pages at pfn 0x%" PRIx64
		       " refused: not all were given out by %s, or some are pinned",
		       count, first.n, cma->name);
		return false;
	}
	cma_count(&cma->releases, 1);
	return true;
}
