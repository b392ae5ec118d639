/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The migrate scanner: goes up, pageblock by pageblock, and empties those units (blocks of the wanted order, pageblocks
 * at most) in which nothing stands in the way.
 *
 * Invariant: both scanners' places, and what is remembered of pageblocks, are used by whoever made compact.busy 1.
 */
#include "compaction_private.h"
#include "migrate_private.h"
#include "page_alloc_private.h"

#include "fpg/base/bits.h"
#include "fpg/base/range.h"
#include "fpg/core/page_cache.h"
#include "fpg/port/port.h"

#include <errno.h>

/** How long to wait for who empties a range of the zone. */
#define RANGE_PATIENCE 100000U

/* ---- hints ----------------------------------------------------------------------------------- */

static uint64_t hint_shift(const struct zone *zone)
{
	uint64_t shift = 0;
	while (zone->pageblocks.blocks >> shift > COMPACT_HINTS) {
		shift++;
	}
	return shift;
}

/** The bit of the pageblock at @n. */
static uint64_t hint_of(const struct zone *zone, uint64_t n)
{
	return (n - zone->pageblocks.base.n) >> PAGEBLOCK_ORDER >> hint_shift(zone);
}

static bool is_skipped(const struct zone *zone, uint64_t n)
{
	return bits_test(zone->compact.skip, hint_of(zone, n));
}

static void skip_from_now_on(struct compact_state *s, uint64_t hint, unsigned int order)
{
	s->skip[hint / 64] |= 1ULL << hint % 64;
	s->hint_order = s->hint_order > order ? s->hint_order : order;
}

static void forget_hints(struct zone *zone)
{
	zone->compact.hint_order = 0;
	for (size_t i = 0; i < ARRAY_SIZE(zone->compact.skip); i++) {
		zone->compact.skip[i] = 0;
	}
}

/* ---- one step's lock ------------------------------------------------------------------------- */

static int step_begin(struct zone *zone)
{
	for (unsigned int i = 0; i < RANGE_PATIENCE; i++) {
		if (__atomic_exchange_n(&zone->range_busy, 1, __ATOMIC_ACQUIRE) == 0) {
			return 0;
		}
		port_relax();
	}
	return -EBUSY;
}

static void step_end(struct compactor *c)
{
	compact_give_back(c);
	__atomic_store_n(&c->zone->range_busy, 0, __ATOMIC_RELEASE);
}

/* ---- what the migration core asks for -------------------------------------------------------- */

static struct page *target(void *ctx, const struct page *from, unsigned int order)
{
	struct compactor *c = ctx;
	struct page *page = order == 0 ? compact_take_page(c) : compact_take_block(c, order);
	if (page != NULL) {
		const uint64_t type = from->word & PAGE_TYPE_MASK;
		page->word = (page->word & ~PAGE_TYPE_MASK) | type;
	}
	return page;
}

static void give_page(void *ctx, struct page *page, unsigned int order)
{
	page_free_for(page, order, ((struct compactor *)ctx)->pc);
}

/* ---- migrate scanner ------------------------------------------------------------------------- */

static bool is_all_free(struct pfn_range frames)
{
	struct migrate_estimate e;
	migrate_look(frames, &e);
	return e.free_pages == pfn_range_pages(frames);
}

static int move_unit(struct compactor *c, struct pfn_range unit)
{
	const struct migrate_control control = {
		.target = target, .untarget = give_page, .emptied = give_page, .ctx = c
	};
	int err = 0;
	for (uint64_t n = unit.start.n; err == 0 && n < unit.end.n; n += MIGRATE_BATCH) {
		struct migrate_result result = { 0 };
		const uint64_t end = n + MIGRATE_BATCH;
		const struct pfn_range part = { pfn(n), end < unit.end.n ? pfn(end) : unit.end };
		err = step_begin(c->zone);
		if (err != 0) {
			return -EAGAIN;
		}
		err = migrate_frames(part, &control, &result);
		step_end(c);
		c->report->moved_pages += result.moved_pages;
		c->zone->compact.moved += result.moved_pages;
		if (err != 0) {
			c->report->blocker = result.blocker;
		}
	}
	return err;
}

/** A block as large as the unit, or one that is not wholly in it: moving it gains nothing. */
static bool has_large(struct pfn_range unit)
{
	uint64_t frames;
	struct migrate_blocker why;
	return frame_look(unit.start, &frames, &why) == FRAME_MOVABLE &&
	       frames >= pfn_range_pages(unit);
}

enum unit_end {
	/** It was free, or holds one large block. */
	UNIT_LEFT,
	UNIT_EMPTIED,
	/** Something in it stays where it is. */
	UNIT_BLOCKED,
	/** No targets are left. */
	UNIT_DRY,
	/** Somebody empties a range of the zone, and goes on doing so. */
	UNIT_BUSY,
};

static enum unit_end empty_unit(struct compactor *c, struct pfn_range unit)
{
	struct migrate_estimate e;
	migrate_look(unit, &e);
	if (e.blocker.reason != MIGRATE_REASON_NONE) {
		c->report->blocker = e.blocker;
		return UNIT_BLOCKED;
	}
	if (e.movable_pages == 0 || has_large(unit)) {
		return UNIT_LEFT;
	}
	const int err = move_unit(c, unit);
	if (err == -EAGAIN) {
		return UNIT_BUSY;
	}
	if (c->dry) {
		return UNIT_DRY;
	}
	return err != 0 ? UNIT_BLOCKED : UNIT_EMPTIED;
}

static bool may_be_emptied(const struct zone *zone, uint64_t n)
{
	const enum migratetype type = pageblock_type(&zone->pageblocks, pfn(n));
	return type != MIGRATE_CMA && type != MIGRATE_ISOLATE && type != MIGRATE_HIGHATOMIC &&
	       compact_in_zone(zone, n);
}

/** The block of @order around @n is free. */
static bool is_served(const struct zone *zone, uint64_t n, unsigned int order)
{
	const uint64_t first = ALIGN_DOWN(n, 1ULL << order);
	const struct pfn_range block = { pfn(first), pfn(first + (1ULL << order)) };
	return first >= zone->span.start.n && block.end.n <= zone->span.end.n && is_all_free(block);
}

/** The pageblock that the migrate scanner is at, all of it or until a block of @order is free. Return: the worst of it */
static enum unit_end empty_pageblock(struct compactor *c, int order)
{
	const uint64_t pages = 1ULL << c->unit_order;
	const uint64_t end = c->migrate_at + PAGEBLOCK_NR_PAGES;
	enum unit_end worst = UNIT_LEFT;
	c->gained = false;
	for (uint64_t n = c->migrate_at; n < end && worst < UNIT_DRY && !c->served; n += pages) {
		const enum unit_end e = empty_unit(c, (struct pfn_range){ pfn(n), pfn(n + pages) });
		c->gained = c->gained || e == UNIT_EMPTIED;
		c->served = e == UNIT_EMPTIED && order >= 0 &&
			    is_served(c->zone, n, (unsigned int)order);
		worst = e > worst ? e : worst;
	}
	if (c->gained && is_all_free((struct pfn_range){ pfn(c->migrate_at), pfn(end) })) {
		c->report->emptied_blocks++;
	}
	c->report->blocked_blocks += worst == UNIT_BLOCKED;
	return worst;
}

/* ---- a run ----------------------------------------------------------------------------------- */

static uint64_t lowest_pageblock(const struct zone *zone)
{
	return ALIGN_UP(zone->span.start.n, PAGEBLOCK_NR_PAGES);
}

static uint64_t highest_pageblock(const struct zone *zone)
{
	return ALIGN_DOWN(zone->span.end.n, PAGEBLOCK_NR_PAGES) - PAGEBLOCK_NR_PAGES;
}

static void go_to_ends(struct zone *zone)
{
	struct compact_state *s = &zone->compact;
	s->migrate_at = lowest_pageblock(zone);
	s->free_at = highest_pageblock(zone);
	s->moved = 0;
}

/** The scanners have met. What was passed over is looked at again when nothing else helped. */
static void end_pass(struct zone *zone)
{
	if (zone->compact.moved == 0) {
		forget_hints(zone);
	}
	go_to_ends(zone);
}

/** The pageblock at the migrate scanner, unless it is known not to help. *@helps: it is worth another look some day */
static enum unit_end visit(struct compactor *c, int order, bool whole, bool *helps)
{
	const uint64_t n = c->migrate_at;
	if (!may_be_emptied(c->zone, n) || (!whole && is_skipped(c->zone, n))) {
		return UNIT_LEFT;
	}
	c->report->scanned_blocks++;
	const enum unit_end e = empty_pageblock(c, order);
	*helps = *helps || e != UNIT_BLOCKED || c->gained;
	return e;
}

/** Pageblocks up to where the scanners meet. Return: as compact_run() */
static int scan(struct compactor *c, int order, bool whole, uint64_t looks)
{
	struct zone *zone = c->zone;
	bool helps = false;
	while (c->migrate_at < c->free_at) {
		const uint64_t hint = hint_of(zone, c->migrate_at);
		const uint64_t before = c->report->scanned_blocks;
		const enum unit_end e = visit(c, order, whole, &helps);
		if (e >= UNIT_DRY) {
			return e == UNIT_DRY ? -ENOMEM : -EBUSY;
		}
		if (c->served) {
			return 0;
		}
		c->migrate_at += PAGEBLOCK_NR_PAGES;
		if (hint_of(zone, c->migrate_at) != hint) {
			if (!helps && c->report->scanned_blocks != before) {
				skip_from_now_on(&zone->compact, hint, c->unit_order);
			}
			helps = false;
		}
		if (c->report->scanned_blocks >= looks ||
		    (order < 0 && looks != UINT64_MAX && c->report->emptied_blocks != 0)) {
			return -EAGAIN;
		}
	}
	return -ENOMEM;
}

static int run_locked(struct zone *zone, int order, bool whole, uint64_t looks,
		      struct compact_report *report)
{
	struct compact_state *s = &zone->compact;
	const unsigned int unit_order =
		order < 0 || order > (int)PAGEBLOCK_ORDER ? PAGEBLOCK_ORDER : (unsigned int)order;
	if (whole || unit_order < s->hint_order) {
		forget_hints(zone);
	}
	if (whole || s->free_at == 0) {
		go_to_ends(zone);
	}
	struct compactor c = {
		.zone = zone,
		.report = report,
		.unit_order = unit_order,
		.migrate_at = s->migrate_at,
		.free_at = s->free_at,
		.free_next = s->free_at,
		.pc = PAGE_DEBUG_CALLER,
	};
	int err = scan(&c, order, whole, looks);
	s->migrate_at = c.migrate_at;
	s->free_at = c.free_at;
	if (err == -ENOMEM) {
		end_pass(zone);
		err = order < 0 ? 0 : err;
	}
	frame_reserve_refill(zone);
	return err;
}

int compact_run(struct zone *zone, int order, bool whole, uint64_t looks,
		struct compact_report *report)
{
	struct compact_state *s = &zone->compact;
	if (order > (int)MAX_PAGE_ORDER) {
		return -EINVAL;
	}
	if (!zone_has(zone, PALLOC_CAP_CLAIM | PALLOC_CAP_SUBFREE)) {
		return -ENOTSUP;
	}
	if (highest_pageblock(zone) <= lowest_pageblock(zone)) {
		return order < 0 ? 0 : -ENOMEM;
	}
	if (__atomic_exchange_n(&s->busy, 1, __ATOMIC_ACQUIRE) != 0) {
		return -EBUSY;
	}
	int err = run_locked(zone, order, whole, looks, report);
	__atomic_store_n(&s->busy, 0, __ATOMIC_RELEASE);
	return err;
}

/* ---- free blocks ----------------------------------------------------------------------------- */

/** Free frames in a row, of one type. */
struct free_row {
	uint64_t *blocks;
	struct pfn_range frames;
	enum migratetype type;
};

static void end_row(struct free_row *row)
{
	count_free_blocks(row->blocks, row->frames);
	row->frames.start = row->frames.end;
}

/** What of the pageblock at @n is free from there on joins the row, or begins one. Return: behind what was looked at */
static uint64_t count_pageblock(const struct zone *zone, uint64_t n, struct free_row *row)
{
	const uint64_t end = ALIGN_DOWN(n, PAGEBLOCK_NR_PAGES) + PAGEBLOCK_NR_PAGES;
	const enum migratetype type = pageblock_type(&zone->pageblocks, pfn(n));
	if (type > MIGRATE_RECLAIMABLE || !compact_in_zone(zone, end - PAGEBLOCK_NR_PAGES)) {
		return end;
	}
	while (n < end) {
		uint64_t frames = end - n;
		if (frame_row(pfn(n), &frames, NULL) == FRAME_FREE) {
			if (row->frames.end.n != n || row->type != type) {
				end_row(row);
				row->frames.start = pfn(n);
				row->type = type;
			}
			row->frames.end = pfn(n + frames);
		}
		n += frames;
	}
	return n;
}

void compact_count_free(struct zone *zone, uint64_t most, uint64_t blocks[MAX_PAGE_ORDER + 1])
{
	const uint64_t low = lowest_pageblock(zone);
	const uint64_t end = ALIGN_DOWN(zone->span.end.n, PAGEBLOCK_NR_PAGES);
	for (unsigned int order = 0; order <= MAX_PAGE_ORDER; order++) {
		blocks[order] = 0;
	}
	if (zone->palloc == NULL || end <= low) {
		return;
	}
	uint64_t n = low;
	if (most < end - low) {
		n = __atomic_load_n(&zone->compact.count_at, __ATOMIC_RELAXED);
		n = n >= low && n < end ? n : low;
	} else {
		most = end - low;
	}
	struct free_row row = { .blocks = blocks };
	for (uint64_t seen = 0, next; seen < most; seen += next - n, n = next < end ? next : low) {
		next = count_pageblock(zone, n, &row);
	}
	end_row(&row);
	__atomic_store_n(&zone->compact.count_at, n, __ATOMIC_RELAXED);
}

int compact_zone(struct zone *zone, int order, struct compact_report *report)
{
	uint64_t blocks[MAX_PAGE_ORDER + 1];
	*report = (struct compact_report){ 0 };
	movable_expect_outside("compact_zone()");
	page_cache_drain_all();
	if (order >= 0 && order <= (int)MAX_PAGE_ORDER) {
		compact_count_free(zone, UINT64_MAX, blocks);
		for (unsigned int k = (unsigned int)order; k <= MAX_PAGE_ORDER; k++) {
			if (blocks[k] != 0) {
				return 0;
			}
		}
	}
	return compact_run(zone, order, true, UINT64_MAX, report);
}
