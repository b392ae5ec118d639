/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The free scanner: goes down, pageblock by pageblock, and claims free pages that the contents of others go to.
 *
 * Invariants: a target lies in a MOVABLE pageblock above the one that is being emptied. Free pages taken ahead (the stock)
 * are single pages in use, held only with zone->range_busy; what is left of them goes back before that is given back. A
 * free block as large as what is wanted is never broken for targets.
 */
#include "compaction_private.h"
#include "contig_private.h"

#include "fpg/base/range.h"
#include "fpg/port/irq.h"

/** Pageblocks in which a target of more than one page is looked for. */
#define LARGE_LOOKS 16U

bool compact_in_zone(const struct zone *zone, uint64_t n)
{
	return n >= zone->span.start.n && n + PAGEBLOCK_NR_PAGES <= zone->span.end.n &&
	       pfn_to_zone(pfn(n)) == zone && pfn_to_zone(pfn(n + PAGEBLOCK_NR_PAGES - 1)) == zone;
}

static bool may_be_filled(const struct zone *zone, uint64_t n)
{
	return pageblock_type(&zone->pageblocks, pfn(n)) == MIGRATE_MOVABLE &&
	       compact_in_zone(zone, n);
}

/** The next free run from @n on up to @end that may be used. Return: 0 pages: there is none */
static struct pfn_range free_run(const struct compactor *c, uint64_t n, uint64_t end)
{
	uint64_t frames;
	struct migrate_blocker why;
	for (; n < end; n += frames) {
		const enum frame_use use = frame_look(pfn(n), &frames, &why);
		frames = frames < end - n ? frames : end - n;
		if (use == FRAME_FREE && frames < 1ULL << c->unit_order) {
			return (struct pfn_range){ pfn(n), pfn(n + frames) };
		}
	}
	return (struct pfn_range){ pfn(end), pfn(end) };
}

/** Return: @frames, which were free a moment ago, are ours. */
static bool take_run(const struct compactor *c, struct pfn_range frames)
{
	if (zone_populate_all(c->zone, frames) != 0 || zone_claim(c->zone, frames, NULL) != 0) {
		return false;
	}
	frames_make_single(c->zone, frames, MIGRATE_MOVABLE);
	harts_hold_allow();
	page_debug_taken(frames, GFP_USER_MOVABLE, 0, c->pc);
	return true;
}

/** Put free pages of the pageblock that the scanner is at into the stock. */
static void stock_up(struct compactor *c)
{
	const uint64_t end = c->free_at + PAGEBLOCK_NR_PAGES;
	uint64_t pages = 0;
	while (pages < MIGRATE_BATCH && c->runs < STOCK_RUNS && c->free_next < end) {
		struct pfn_range run = free_run(c, c->free_next, end);
		const uint64_t most = run.start.n + (MIGRATE_BATCH - pages);
		run.end = pfn(run.end.n < most ? run.end.n : most);
		c->free_next = run.end.n;
		if (run.start.n != run.end.n && take_run(c, run)) {
			c->stock[c->runs++] = run;
			pages += pfn_range_pages(run);
		}
	}
}

struct page *compact_take_page(struct compactor *c)
{
	while (c->runs == 0) {
		if (c->free_at <= c->migrate_at) {
			c->dry = true;
			return NULL;
		}
		if (may_be_filled(c->zone, c->free_at)) {
			stock_up(c);
		}
		if (c->runs == 0) {
			c->free_at -= PAGEBLOCK_NR_PAGES;
			c->free_next = c->free_at;
		}
	}
	struct pfn_range *run = &c->stock[c->runs - 1];
	struct page *page = pfn_to_page(run->start);
	run->start = pfn_add(run->start, 1);
	c->runs -= run->start.n == run->end.n;
	return page;
}

/** Single pages that are ours become one block. Nobody can hold this hart in between. */
static void make_block(const struct zone *zone, pfn_t first, unsigned int order)
{
	struct page *page = pfn_to_page(first);
	const unsigned long flags = port_irq_save();
	for (uint64_t i = 1ULL << order; --i != 0;) {
		page[i].second = 0;
		page[i].word = 0;
	}
	page->word = page_allocated_word(zone, order, MIGRATE_MOVABLE);
	port_irq_restore(flags);
}

/** A block in the pageblock at @at. */
static struct page *take_large_at(const struct compactor *c, uint64_t at, unsigned int order)
{
	const uint64_t end = at + PAGEBLOCK_NR_PAGES;
	for (uint64_t n = at; n < end;) {
		const struct pfn_range run = free_run(c, n, end);
		const uint64_t first = ALIGN_UP(run.start.n, 1ULL << order);
		const struct pfn_range block = { pfn(first), pfn(first + (1ULL << order)) };
		if (block.end.n <= run.end.n && take_run(c, block)) {
			make_block(c->zone, block.start, order);
			return pfn_to_page(block.start);
		}
		n = run.end.n;
	}
	return NULL;
}

struct page *compact_take_block(const struct compactor *c, unsigned int order)
{
	uint64_t at = c->free_at;
	for (unsigned int i = 0; i < LARGE_LOOKS && at > c->migrate_at; i++) {
		struct page *page = may_be_filled(c->zone, at) ? take_large_at(c, at, order) : NULL;
		if (page != NULL) {
			return page;
		}
		at -= PAGEBLOCK_NR_PAGES;
	}
	return NULL;
}

void compact_give_back(struct compactor *c)
{
	while (c->runs != 0) {
		FPG_CHECK(zone_free_range(c->zone, c->stock[--c->runs], c->pc) == 0);
	}
	/* What went back is found again. */
	c->free_next = c->free_at;
}
