/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames that alloc_contig_range() has of a range that it wants: claimed from the backend, or left by those who had
 * them; and keeping others away from what is still missing.
 *
 * Invariant: a frame of the range is ours exactly while its record is a single page in use marked PAGE_OWNER_RANGE;
 * only one attempt runs in a zone at a time, so the mark needs no name.
 */
#include "contig_private.h"

#include "fpg/base/range.h"
#include "fpg/core/page_owner.h"
#include "page_owner_private.h"

#include <errno.h>

int zone_claim(struct zone *zone, struct pfn_range frames, pfn_t *blocker)
{
	struct pfn_range want;
	int err;
	do {
		unsigned long flags = spin_lock_irqsave(&zone->lock);
		struct palloc *pa = zone->palloc;
		err = zone_has(zone, PALLOC_CAP_CLAIM) ? pa->ops->claim(pa, frames, blocker) :
							 -ENOTSUP;
		if (err == 0) {
			zone->free_pages -= pfn_range_pages(frames);
			zone->counters.allocs++;
			harts_hold_defer();
		}
		want = pa->want;
		spin_unlock_irqrestore(&zone->lock, flags);
		if (err == -EAGAIN && zone_populate_all(zone, want) != 0) {
			err = -ENOMEM;
		}
	} while (err == -EAGAIN);
	return err;
}

/* ---- holding --------------------------------------------------------------------------------- */

/** Frames of the range that nobody else has become ours; their records are populated. */
static void hold(struct contig *c, struct pfn_range frames)
{
	const uint64_t word = c->word;
	struct page *page = pfn_to_page(frames.start);
	struct page *end = page + pfn_range_pages(frames);
	c->held += pfn_range_pages(frames);
	for (; page != end; page++) {
		page->second = (uint64_t)PAGE_OWNER_RANGE << 32;
		page->word = word;
	}
}

static inline bool ours(const struct contig *c, const struct page *page)
{
	const uint64_t looked_at = PAGE_STATE_MASK | PAGE_ZONE_MASK;
	return (__atomic_load_n(&page->word, __ATOMIC_RELAXED) & looked_at) ==
		       page_word(PAGE_ALLOCATED, 0, 0, c->zone->id) &&
	       held_for_range(page);
}

uint64_t contig_next_missing(const struct contig *c, uint64_t n)
{
	while (n < c->range.end.n && ours(c, pfn_to_page(pfn(n)))) {
		n++;
	}
	return n;
}

/** Single pages that are nobody's now; counts know them as in use. */
static void give_back(struct contig *c, struct pfn_range frames)
{
	FPG_CHECK(zone_free_range(c->zone, frames, c->pc) == 0);
}

void contig_give_up(struct contig *c)
{
	uint64_t n = c->range.start.n;
	while (c->held != 0) {
		const uint64_t from = n;
		for (; n < c->range.end.n && ours(c, pfn_to_page(pfn(n))); n++) {
			pfn_to_page(pfn(n))->second = 0;
		}
		if (n != from) {
			give_back(c, (struct pfn_range){ pfn(from), pfn(n) });
			c->held -= n - from;
		}
		n++;
	}
}

/* ---- claiming -------------------------------------------------------------------------------- */

/** What begins at @n is no head in use: claim up to the first frame in the way. Return: 0, *@n is that frame | -ENOMEM */
static int claim_from(struct contig *c, uint64_t *n)
{
	struct pfn_range frames = { pfn(*n), c->range.end };
	pfn_t blocker = frames.end;
	int err = zone_claim(c->zone, frames, &blocker);
	if (err == -EBUSY && blocker.n > frames.start.n) {
		frames.end = blocker;
		err = zone_claim(c->zone, frames, &blocker);
	}
	if (err == -EBUSY) {
		/* The frame itself, or one that was just taken: seen again in the next round. */
		uint64_t pages;
		enum frame_use use = frame_look(frames.start, &pages, NULL);
		c->cached = c->cached || use == FRAME_CACHED;
		*n += use == FRAME_FREE ? 1 : pages;
		return 0;
	}
	if (err == 0) {
		hold(c, frames);
		harts_hold_allow();
		page_debug_taken(frames, c->gfp, 0, c->pc);
		*n = frames.end.n;
	}
	return err;
}

int contig_claim_free(struct contig *c)
{
	uint64_t n = c->range.start.n;
	int err = 0;
	c->cached = false;
	while (err == 0 && n < c->range.end.n) {
		const uint64_t word = __atomic_load_n(&pfn_to_page(pfn(n))->word, __ATOMIC_RELAXED);
		const enum page_state state = page_word_state(word);
		if (state == PAGE_ALLOCATED || state == PAGE_CACHED) {
			c->cached = c->cached || state == PAGE_CACHED;
			n += 1ULL << page_word_order(word);
		} else {
			err = claim_from(c, &n);
		}
	}
	return err;
}

bool contig_take_over_slow(struct contig *c, struct page *page, unsigned int order)
{
	const pfn_t f = page_to_pfn(page);
	const struct pfn_range block = { f, pfn_add(f, 1ULL << order) };
	const uint64_t start = f.n > c->range.start.n ? f.n : c->range.start.n;
	const uint64_t end = block.end.n < c->range.end.n ? block.end.n : c->range.end.n;
	if (unlikely(start >= end || page_word_zone(page->word) != c->zone->id ||
		     (order != 0 && zone_populate_all(c->zone, block) != 0))) {
		page_free_for(page, order, c->pc);
		return false;
	}
	if (page_debug_any()) {
		page_owner_alloc((struct pfn_range){ pfn(start), pfn(end) }, c->gfp, 0, c->pc);
	}
	hold(c, (struct pfn_range){ pfn(start), pfn(end) });
	if (unlikely(start != block.start.n || end != block.end.n)) {
		const struct pfn_range before = { block.start, pfn(start) };
		const struct pfn_range behind = { pfn(end), block.end };
		frames_make_single(c->zone, before, 0);
		frames_make_single(c->zone, behind, 0);
		if (before.start.n != before.end.n) {
			give_back(c, before);
		}
		if (behind.start.n != behind.end.n) {
			give_back(c, behind);
		}
	}
	return true;
}

/* ---- isolating ------------------------------------------------------------------------------- */

static bool isolated_by_us(const struct contig *c, uint64_t start)
{
	for (uint32_t i = 0; i < c->isolated; i++) {
		if (c->block[i].start == start) {
			return true;
		}
	}
	return false;
}

/** The pageblock from @start on, when it lies in the zone and may be changed. */
static void isolate_block(struct contig *c, uint64_t start)
{
	const struct pfn_range frames = { pfn(start), pfn(start + PAGEBLOCK_NR_PAGES) };
	if (start < c->zone->span.start.n || frames.end.n > c->zone->span.end.n ||
	    isolated_by_us(c, start)) {
		return;
	}
	/* Atomic reserves come and go under the lock, and not while range_busy is set: see highatomic_reserve(). */
	unsigned long flags = spin_lock_irqsave(&c->zone->lock);
	const enum migratetype type = pageblock_type(&c->zone->pageblocks, frames.start);
	spin_unlock_irqrestore(&c->zone->lock, flags);
	if (type != MIGRATE_ISOLATE && zone_retag(c->zone, frames, MIGRATE_ISOLATE) == 0) {
		c->block[c->isolated].start = start;
		c->block[c->isolated].type = type;
		c->isolated++;
	}
}

void contig_isolate(struct contig *c)
{
	uint64_t n = contig_next_missing(c, c->range.start.n);
	while (n < c->range.end.n && c->isolated < CONTIG_ISOLATED) {
		const uint64_t start = ALIGN_DOWN(n, PAGEBLOCK_NR_PAGES);
		isolate_block(c, start);
		n = contig_next_missing(c, start + PAGEBLOCK_NR_PAGES);
	}
}

void contig_unisolate(struct contig *c)
{
	while (c->isolated != 0) {
		c->isolated--;
		const uint64_t start = c->block[c->isolated].start;
		const struct pfn_range frames = { pfn(start), pfn(start + PAGEBLOCK_NR_PAGES) };
		/* Records were populated when it was isolated. */
		FPG_CHECK(zone_retag(c->zone, frames, c->block[c->isolated].type) == 0);
	}
}
