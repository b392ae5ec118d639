/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the files of alloc_contig_range(): one attempt to get a range. */
#pragma once

#include "migrate_private.h"
#include "page_cache_private.h"

/** Pageblocks that are made ISOLATE at once. */
#define CONTIG_ISOLATED 16U

struct contig {
	struct zone *zone;
	struct pfn_range range;
	/** The records of the range's frames, and of one that is ours. */
	struct page *first;
	struct page *end;
	uint64_t word;
	/** Frames of the range that are ours: single pages marked PAGE_OWNER_RANGE. */
	uint64_t held;
	/** Some of the range was in harts' caches when it was looked at. */
	bool cached;
	/** The zone is not of the calling hart's node. */
	bool far;
	/** Who asked. */
	gfp_t gfp;
	uint64_t pc;
	/** Pageblocks that are ISOLATE because of us, by first frame, and what they were. */
	uint32_t isolated;
	struct {
		uint64_t start;
		enum migratetype type;
	} block[CONTIG_ISOLATED];
};

static inline bool contig_complete(const struct contig *c)
{
	return c->held == pfn_range_pages(c->range);
}

/**
 * Exactly @frames from the zone's backend; records are populated, counts are kept, heads are the backend's: another one
 * that takes over may not know them, or keep none. So success comes with harts_hold_defer(), until all records say what the
 * frames are; then harts_hold_allow(). Return: 0 | -EBUSY with *@blocker | -ENOMEM (records)
 */
FPG_MUST_CHECK int zone_claim(struct zone *zone, struct pfn_range frames, pfn_t *blocker);

/** Take what is free in the range and not ours. Return: 0 | -ENOMEM (records) */
FPG_MUST_CHECK int contig_claim_free(struct contig *c);

/**
 * An allocated block, with one reference, of which all or a part lies in the range, is ours: keep that part, give back
 * the rest. Return: false: it is free again, because records of its parts could not be had
 */
bool contig_take_over_slow(struct contig *c, struct page *page, unsigned int order);
static inline bool contig_take_over(struct contig *c, struct page *page, unsigned int order)
{
	if (unlikely(order != 0 || page < c->first || page >= c->end ||
		     ((page->word ^ c->word) & PAGE_ZONE_MASK) != 0) ||
	    page_debug_any()) {
		return contig_take_over_slow(c, page, order);
	}
	page->second = (uint64_t)PAGE_OWNER_RANGE << 32;
	page->word = c->word;
	c->held++;
	return true;
}

/** Give all that is held back. */
void contig_give_up(struct contig *c);

/** The first frame of the range that is not ours, from @n on; the range's end when there is none. */
uint64_t contig_next_missing(const struct contig *c, uint64_t n);

/** Let what becomes free in pageblocks that are not all ours stay there, as far as the backend can. */
void contig_isolate(struct contig *c);
/** All pageblocks as they were. */
void contig_unisolate(struct contig *c);
