/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exactly these frames. When all are free, one claim does it. Otherwise: take what is free, so that nobody else does,
 * then move what is in the way to elsewhere and keep the frames it leaves; again, a few times, for what became free
 * meanwhile, then with pageblocks isolated. All is given back when something cannot be had.
 *
 * Invariant: targets never lie in the range: what is free there is taken first, and a frame of the range that comes as
 * a target all the same is kept for the range.
 */
#include "contig_private.h"

#include "fpg/base/range.h"
#include "fpg/core/cma.h"
#include "fpg/core/fail_boot.h"
#include "fpg/port/port.h"

#include <errno.h>

/** Attempts to get what is missing; users of a page, and of the allocator, get that often in the way. */
#define ROUNDS 8U

/* ---- where pages go -------------------------------------------------------------------------- */

/** A page goes to where pages of its type come from; for a large block nothing else is moved in turn. */
static inline gfp_t target_gfp(const struct page *from, unsigned int order)
{
	const unsigned int type = page_word_type(from->word);
	const gfp_t gfp = order == 0 ? __GFP_NOWARN | __GFP_DIRECT_RECLAIM : __GFP_NOWARN;
	if (likely(type == MIGRATE_MOVABLE)) {
		return gfp | __GFP_MOVABLE;
	}
	return type == MIGRATE_RECLAIMABLE ? gfp | __GFP_RECLAIMABLE : gfp;
}

/**
 * @page lies in the range, wholly or in part: ours as it is. What cannot be kept would only come again. Return: another
 * one | NULL
 */
static FPG_NOINLINE struct page *target_elsewhere(struct contig *c, struct page *page, gfp_t gfp,
						  unsigned int order)
{
	while (page != NULL && page < c->end && page + (1UL << order) > c->first) {
		page = contig_take_over(c, page, order) ?
			       alloc_pages_node(c->zone->nid, gfp, order) :
			       NULL;
	}
	return page;
}

static FPG_INLINE struct page *target_for(struct contig *c, const struct page *from,
					  unsigned int order)
{
	const gfp_t gfp = target_gfp(from, order);
	struct page *page = unlikely(c->far) ? alloc_pages_node(c->zone->nid, gfp, order) :
					       alloc_pages(gfp, order);
	if (page != NULL && unlikely(page < c->end && page + (1UL << order) > c->first)) {
		return target_elsewhere(c, page, gfp, order);
	}
	return page;
}

static struct page *target(void *ctx, const struct page *from, unsigned int order)
{
	return target_for(ctx, from, order);
}

static uint32_t targets(void *ctx, struct page *const from[], struct page *to[], uint32_t count)
{
	uint32_t i = 0;
	while (i < count && (to[i] = target_for(ctx, from[i], 0)) != NULL) {
		i++;
	}
	return i;
}

static void untarget(void *ctx, struct page *to, unsigned int order)
{
	(void)ctx;
	__free_pages(to, order);
}

static void emptied(void *ctx, struct page *from, unsigned int order)
{
	/* What is not kept is free, and claimed in the next round. */
	(void)contig_take_over(ctx, from, order);
}

static void emptied_many(void *ctx, struct page *const from[], uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		(void)contig_take_over(ctx, from[i], 0);
	}
}

/* ---- one attempt ----------------------------------------------------------------------------- */

/** The blocks that have frames in the range, from the head of the first. */
static struct pfn_range blocks_of(struct pfn_range range)
{
	uint64_t n = range.start.n;
	while (page_word_state(pfn_to_page(pfn(n))->word) == PAGE_NONE &&
	       !IS_ALIGNED(n, MAX_ORDER_NR_PAGES)) {
		n &= n - 1;
	}
	const uint64_t word = pfn_to_page(pfn(n))->word;
	if (page_word_state(word) != PAGE_NONE &&
	    n + (1ULL << page_word_order(word)) > range.start.n) {
		range.start = pfn(n);
	}
	return range;
}

/** Nothing is in the way, or not for long. */
static bool passes(const struct migrate_blocker *b)
{
	return b->reason == MIGRATE_REASON_NONE || migrate_passes(b);
}

/** Why the first frame that is missing is. */
static int say_missing(const struct contig *c, struct migrate_blocker *why)
{
	uint64_t pages;
	const pfn_t f = pfn(contig_next_missing(c, c->range.start.n));
	if (frame_look(f, &pages, why) != FRAME_BLOCKED) {
		migrate_blocker_of(pfn_to_page(f), MIGRATE_REASON_TAKEN, why);
	}
	return -EBUSY;
}

static int claim_all_free(struct contig *c, bool drain)
{
	if (drain && page_cache_any()) {
		page_cache_drain_all();
	}
	int err = contig_claim_free(c);
	if (err == 0 && c->cached) {
		page_cache_drain_all();
		err = contig_claim_free(c);
	}
	return err;
}

static int get_all(struct contig *c, struct migrate_result *result)
{
	const struct migrate_control control = {
		.target = target,
		.untarget = untarget,
		.emptied = emptied,
		.ctx = c,
		.targets = targets,
		.emptied_many = emptied_many,
	};
	int err = 0;
	for (unsigned int round = 0; round < ROUNDS; round++) {
		if (round > 0) {
			contig_isolate(c);
		}
		err = claim_all_free(c, round > 0);
		if (err != 0) {
			/* Records of what is free could not be had. */
			migrate_blocker_of(c->first, MIGRATE_REASON_NO_TARGET, &result->blocker);
		} else if (!contig_complete(c)) {
			err = migrate_frames(blocks_of(c->range), &control, result);
		}
		if (contig_complete(c)) {
			return 0;
		}
		if (err != 0 && (err != -EBUSY || !passes(&result->blocker))) {
			return err;
		}
		port_relax();
	}
	return err != 0 ? err : say_missing(c, &result->blocker);
}

/* ---- the call -------------------------------------------------------------------------------- */

static void range_lock(struct zone *zone)
{
	while (!zone_range_try(zone)) {
		port_relax();
	}
}

static bool zone_is_far(const struct zone *zone)
{
	const int nid = this_hart()->nid;
	return (nid >= 0 ? nid : 0) != zone->nid;
}

/** Something is in the way. Return: 0: single pages, ours | negative errno, as before */
static FPG_NOINLINE int get_by_moving(struct zone *zone, struct pfn_range range, gfp_t gfp,
				      uint64_t pc, struct migrate_result *result)
{
	struct contig c = {
		.zone = zone,
		.range = range,
		.gfp = gfp,
		.pc = pc,
		.first = pfn_to_page(range.start),
		.end = pfn_to_page(range.end),
		.word = page_allocated_word(zone, 0, gfp_migratetype(gfp)),
		.far = zone_is_far(zone),
	};
	struct migrate_estimate estimate;
	migrate_look(range, &estimate);
	result->blocker = estimate.blocker;
	if (!passes(&estimate.blocker)) {
		return -EBUSY;
	}
	range_lock(zone);
	int err = get_all(&c, result);
	contig_unisolate(&c);
	if (err != 0) {
		contig_give_up(&c);
	} else {
		frames_make_single(zone, range, gfp_migratetype(gfp));
	}
	zone_range_give(zone);
	return err;
}

static void clear_frames(struct pfn_range range)
{
	for (uint64_t n = range.start.n; n < range.end.n; n++) {
		port_clear_page(port_phys_to_virt(pfn_to_phys(pfn(n))));
	}
}

static int alloc_range_for(struct pfn_range range, gfp_t gfp, uint64_t pc,
			   struct migrate_result *result)
{
	struct zone *zone = range_zone(range);
	movable_expect_outside("alloc_contig_range()");
	if (zone == NULL || gfp_refusal(gfp) != NULL) {
		return -EINVAL;
	}
	if (!zone_has(zone, PALLOC_CAP_CLAIM | PALLOC_CAP_SUBFREE)) {
		return -ENOTSUP;
	}
	if (FPG_ENABLED(CONFIG_CMA) && !cma_range_allowed(range, gfp)) {
		migrate_blocker_of(pfn_to_page(range.start), MIGRATE_REASON_CMA, &result->blocker);
		return -EBUSY;
	}
	int err = fail_boot_now("alloc_contig_range") ? -ENOMEM : zone_populate_all(zone, range);
	if (err == 0) {
		err = zone_claim(zone, range, NULL);
		if (likely(err == 0)) {
			frames_make_single(zone, range, gfp_migratetype(gfp));
			harts_hold_allow();
			page_debug_taken(range, gfp, 0, pc);
		} else if (err == -EBUSY) {
			err = get_by_moving(zone, range, gfp, pc, result);
		}
	}
	if (unlikely(err == -ENOMEM && result->blocker.reason == MIGRATE_REASON_NONE)) {
		migrate_blocker_of(pfn_to_page(range.start), MIGRATE_REASON_NO_TARGET,
				   &result->blocker);
		result->blocker.owner = "frame table";
	}
	frame_reserve_refill(zone);
	if (err == 0 && (gfp & __GFP_ZERO)) {
		clear_frames(range);
	}
	return err;
}

int alloc_contig_range_report(struct pfn_range range, gfp_t gfp, struct migrate_result *result)
{
	struct migrate_result unasked;
	result = result != NULL ? result : &unasked;
	*result = (struct migrate_result){ 0 };
	return alloc_range_for(range, gfp, PAGE_DEBUG_CALLER, result);
}

int alloc_contig_range(struct pfn_range range, gfp_t gfp, pfn_t *blocker)
{
	struct migrate_result result = { 0 };
	int err = alloc_range_for(range, gfp, PAGE_DEBUG_CALLER, &result);
	if (blocker != NULL && result.blocker.reason != MIGRATE_REASON_NONE &&
	    (err == -EBUSY || err == -ENOMEM)) {
		/* The block in the way may begin before the range. */
		const pfn_t frame = result.blocker.frame;
		*blocker = frame.n > range.start.n ? frame : range.start;
	}
	return err;
}
