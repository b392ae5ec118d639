/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What reports need from the backends: all runs by ascending address, free blocks by order, counts,
 * checks.
 */
#include "page_cache_private.h"
#include "zone_private.h"

#include "fpg/base/bits.h"
#include "fpg/base/errno.h"
#include "fpg/base/range.h"
#include "fpg/core/cma.h"
#include "fpg/core/hart.h"
#include "fpg/core/ledger.h"

/* ---- walking --------------------------------------------------------------------------------- */

struct walk {
	palloc_zone_run_fn fn;
	void *ctx;
	struct zone *zone;
	/** Only what lies here is passed on. */
	struct pfn_range window;
	/** Harts hold some of the zone. */
	bool cached;
	bool stopped;
};

/** Where the blocks beginning at @n stop being all cached, or all not. *@cached: which */
static uint64_t alike_until(uint64_t n, uint64_t end, bool *cached)
{
	bool first = true;
	while (n < end) {
		uint64_t word = pfn_to_page(pfn(n))->word;
		enum page_state state = page_word_state(word);
		bool is = state == PAGE_CACHED && word >> PAGE_CACHE_SHIFT != 0;
		if (!first && is != *cached) {
			break;
		}
		*cached = is;
		first = false;
		bool unread = state == PAGE_NONE && n % FRAME_TABLE_CHUNK == 0 &&
			      !frame_populated(pfn(n));
		n += state != PAGE_NONE ? 1ULL << page_word_order(word) :
		     unread		? FRAME_TABLE_CHUNK :
					  1;
	}
	return n < end ? n : end;
}

/** A run in use, where harts may hold some of it: told apart by records. */
static bool see_used(struct walk *w, const struct palloc_run *run)
{
	struct palloc_run part = *run;
	for (uint64_t n = run->range.start.n; n < run->range.end.n && !w->stopped;) {
		bool cached = false;
		uint64_t until = alike_until(n, run->range.end.n, &cached);
		part.range = (struct pfn_range){ pfn(n), pfn(until) };
		part.state = cached ? PALLOC_RUN_CACHED : PALLOC_RUN_ALLOCATED;
		w->stopped = !w->fn(w->ctx, w->zone, &part);
		n = until;
	}
	return !w->stopped;
}

static bool see_run(void *ctx, const struct palloc_run *run)
{
	struct walk *w = ctx;
	struct palloc_run part = *run;
	part.range = pfn_range_common(run->range, w->window);
	if (run->state == PALLOC_RUN_HOLE || pfn_range_pages(part.range) == 0) {
		return run->range.start.n < w->window.end.n;
	}
	if (w->cached && run->state == PALLOC_RUN_ALLOCATED) {
		return see_used(w, &part);
	}
	w->stopped = !w->fn(w->ctx, w->zone, &part);
	return !w->stopped;
}

static void walk_zone(struct walk *w, struct zone *zone, struct pfn_range window)
{
	if (zone->palloc == NULL || w->stopped) {
		return;
	}
	w->zone = zone;
	w->window = window;
	w->cached = page_cache_holds(zone);
	zone->palloc->ops->walk(zone->palloc, see_run, w);
}

/** The zone with the lowest span that begins at or after @from. */
struct next_zone {
	uint64_t from;
	/** The last zone seen with this start, so that equal starts are all found. */
	const struct zone *after;
	struct zone *found;
	bool overlap;
};

static bool find_next(void *ctx, struct zone *zone)
{
	struct next_zone *n = ctx;
	if (zone->span.start.n < n->from) {
		return true;
	}
	if (n->found == NULL || zone->span.start.n < n->found->span.start.n) {
		n->found = zone;
	}
	return true;
}

/** Some zones' spans overlap: nodes whose memory interleaves. */
static bool find_overlap(void *ctx, struct zone *zone)
{
	struct next_zone *n = ctx;
	if (n->after != NULL && zone != n->after &&
	    pfn_range_pages(pfn_range_common(zone->span, n->after->span)) != 0) {
		n->overlap = true;
	}
	return !n->overlap;
}

static bool any_overlap(void *ctx, struct zone *zone)
{
	struct next_zone n = { .after = zone };
	zone_for_each(find_overlap, &n);
	*(bool *)ctx = n.overlap;
	return !n.overlap;
}

/** Memory of interleaved nodes, one run of memory after the other. */
static bool walk_memory(void *ctx, struct pfn_range frames, int nid)
{
	struct walk *w = ctx;
	for (unsigned int type = 0; type < MAX_NR_ZONES; type++) {
		struct zone *zone = &node_table[nid]->zones[type];
		struct pfn_range part = pfn_range_common(frames, zone->span);
		if (zone->present_pages != 0 && pfn_range_pages(part) != 0) {
			walk_zone(w, zone, part);
		}
	}
	return !w->stopped;
}

static void walk_all(palloc_zone_run_fn fn, void *ctx)
{
	struct walk w = { .fn = fn, .ctx = ctx };
	bool overlap = false;
	/* No zone lock: @fn may print. Held harts have none, and change nothing. */
	harts_hold();
	zone_for_each(any_overlap, &overlap);
	if (overlap) {
		zone_for_each_memory(walk_memory, &w);
		harts_release();
		return;
	}
	struct next_zone next = { .from = 0 };
	zone_for_each(find_next, &next);
	while (next.found != NULL && !w.stopped) {
		walk_zone(&w, next.found, next.found->span);
		next = (struct next_zone){ .from = next.found->span.end.n };
		zone_for_each(find_next, &next);
	}
	harts_release();
}

void palloc_walk_all(palloc_zone_run_fn fn, void *ctx)
{
	harts_hold();
	page_cache_drain_parked();
	walk_all(fn, ctx);
	harts_release();
}

/* ---- the ledger's view ----------------------------------------------------------------------- */

struct ledger_view {
	ledger_fn fn;
	void *ctx;
};

/** A frame of a CMA area that nobody borrows: the kind; else LEDGER_ALLOCATED. */
static uint8_t cma_kind(const struct cma *cma, pfn_t f)
{
	const struct page *page = pfn_to_page(f);
	if (cma_is_given_out(cma, f)) {
		return LEDGER_CMA_GIVEN;
	}
	return !cma_is_lent(cma) && page->second == 0 &&
			       (page->word == 0 || page_word_type(page->word) == MIGRATE_CMA) ?
		       LEDGER_CMA_KEPT :
		       LEDGER_ALLOCATED;
}

/** What the frames from @f on are used for, as their records say; @end: how far that is known. */
static uint8_t allocated_kind(pfn_t f, uint64_t *end)
{
	const struct cma *cma = FPG_ENABLED(CONFIG_CMA) ? cma_of_frame(f) : NULL;
	if (cma != NULL) {
		*end = f.n + 1;
		return cma_kind(cma, f);
	}
	const struct page *page = pfn_to_page(f);
	const uint64_t word = page->word;
	*end = f.n + 1;
	if (page_word_state(word) != PAGE_ALLOCATED) {
		/* Adopted from another backend, perhaps without records: look at what there is. */
		if (word == 0 && !frame_populated(f)) {
			*end = ALIGN_DOWN(f.n, FRAME_TABLE_CHUNK) + FRAME_TABLE_CHUNK;
		}
		return LEDGER_ALLOCATED;
	}
	*end = f.n + (1ULL << page_word_order(word));
	if (word & (PAGE_F_PT | PAGE_F_TABLE)) {
		return word & PAGE_F_PT ? LEDGER_TABLES : LEDGER_RECORDS;
	}
	if ((word & PAGE_F_ANON) || page->movable_ops != 0) {
		return LEDGER_ALLOCATED;
	}
	return page->owner == PAGE_OWNER_PACKED ? LEDGER_PACKED :
	       page->owner == PAGE_OWNER_META	? LEDGER_META :
						  LEDGER_ALLOCATED;
}

/** An allocated run, cut where the use of its blocks changes. */
static bool ledger_allocated(struct ledger_view *view, struct ledger_row *row,
			     struct pfn_range range)
{
	uint64_t n = range.start.n;
	while (n < range.end.n) {
		const uint64_t first = n;
		const uint8_t kind = allocated_kind(pfn(n), &n);
		uint64_t next = n;
		while (n < range.end.n && allocated_kind(pfn(n), &next) == kind) {
			n = next;
		}
		n = n < range.end.n ? n : range.end.n;
		row->kind = kind;
		row->base = pfn_to_phys(pfn(first));
		row->size = (n - first) << PAGE_SHIFT;
		if (!view->fn(view->ctx, row)) {
			return false;
		}
	}
	return true;
}

static bool ledger_run(void *ctx, struct zone *zone, const struct palloc_run *run)
{
	static const uint8_t kinds[] = {
		[PALLOC_RUN_FREE] = LEDGER_ZONE_FREE, [PALLOC_RUN_ALLOCATED] = LEDGER_ALLOCATED,
		[PALLOC_RUN_META] = LEDGER_META,      [PALLOC_RUN_PADDING] = LEDGER_PADDING,
		[PALLOC_RUN_CACHED] = LEDGER_CACHED,
	};
	struct ledger_view *view = ctx;
	struct ledger_row row = {
		.base = pfn_to_phys(run->range.start),
		.size = pfn_range_pages(run->range) << PAGE_SHIFT,
		.kind = kinds[run->state],
		.nid = (int16_t)zone->nid,
		.zone = (uint16_t)zone->type,
	};
	for (uint16_t i = 0; palloc_table[i] != NULL; i++) {
		if (palloc_table[i] == zone->palloc->ops) {
			row.detail = i;
		}
	}
	if (run->state == PALLOC_RUN_FREE && run->type == MIGRATE_CMA) {
		row.kind = LEDGER_CMA_FREE;
	}
	if (run->state == PALLOC_RUN_ALLOCATED) {
		return ledger_allocated(view, &row, run->range);
	}
	return view->fn(view->ctx, &row);
}

void palloc_ledger_runs(ledger_fn fn, void *ctx)
{
	struct ledger_view view = { fn, ctx };
	/* Nothing is drained here: what the harts hold is shown. */
	walk_all(ledger_run, &view);
}

/* ---- counts ---------------------------------------------------------------------------------- */

void count_free_blocks(uint64_t blocks[MAX_PAGE_ORDER + 1], struct pfn_range run)
{
	uint64_t n = run.start.n;
	while (n < run.end.n) {
		unsigned int order = range_piece_order(n, run.end.n, MAX_PAGE_ORDER);
		if (order == MAX_PAGE_ORDER) {
			uint64_t whole = (run.end.n - n) >> MAX_PAGE_ORDER;
			blocks[MAX_PAGE_ORDER] += whole;
			n += whole << MAX_PAGE_ORDER;
			continue;
		}
		blocks[order]++;
		n += 1ULL << order;
	}
}

static bool count_blocks(void *ctx, const struct palloc_run *run)
{
	if (run->state == PALLOC_RUN_FREE) {
		count_free_blocks(ctx, run->range);
	}
	return true;
}

void zone_free_blocks(struct zone *zone, uint64_t blocks[MAX_PAGE_ORDER + 1])
{
	for (unsigned int order = 0; order <= MAX_PAGE_ORDER; order++) {
		blocks[order] = 0;
	}
	if (zone->palloc != NULL) {
		page_cache_drain_all();
		unsigned long flags = spin_lock_irqsave(&zone->lock);
		zone->palloc->ops->walk(zone->palloc, count_blocks, blocks);
		spin_unlock_irqrestore(&zone->lock, flags);
	}
}

int zone_stats(struct zone *zone, struct palloc_stats *out)
{
	if (zone->palloc == NULL) {
		return -ENODEV;
	}
	unsigned long flags = spin_lock_irqsave(&zone->lock);
	zone->palloc->ops->stats(zone->palloc, out);
	spin_unlock_irqrestore(&zone->lock, flags);
	return 0;
}

int zone_check(struct zone *zone, const char **why)
{
	struct palloc_stats stats;
	*why = NULL;
	if (zone->palloc == NULL) {
		return -ENODEV;
	}
	page_cache_drain_all();
	unsigned long flags = spin_lock_irqsave(&zone->lock);
	int err = zone->palloc->ops->check(zone->palloc, why);
	zone->palloc->ops->stats(zone->palloc, &stats);
	if (err == 0 && stats.exact &&
	    (stats.free_pages != zone->free_pages || stats.managed_pages != zone->managed_pages)) {
		*why = "the zone's counts differ from the backend's";
		err = -EUCLEAN;
	}
	spin_unlock_irqrestore(&zone->lock, flags);
	return err;
}

static bool sum_managed(void *ctx, struct zone *zone)
{
	*(uint64_t *)ctx += zone->managed_pages;
	return true;
}

static bool sum_free(void *ctx, struct zone *zone)
{
	*(uint64_t *)ctx += zone->free_pages;
	return true;
}

uint64_t page_alloc_managed_pages(void)
{
	uint64_t sum = 0;
	zone_for_each(sum_managed, &sum);
	return sum;
}

uint64_t page_alloc_free_pages(void)
{
	uint64_t sum = 0;
	zone_for_each(sum_free, &sum);
	return sum + page_cache_pages(NULL);
}
