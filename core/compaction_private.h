/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the scanners of compaction, and between them and those who ask for it: requests, and idle harts. */
#pragma once

#include "fpg/core/compaction.h"

/**
 * Free blocks in whole pageblocks that an ordinary request can have; caches are not drained. Of a zone with more than @most
 * frames so many are looked at, each time those behind the last ones. Nothing is locked: an estimate while others allocate.
 */
void compact_count_free(struct zone *zone, uint64_t most, uint64_t blocks[MAX_PAGE_ORDER + 1]);

/**
 * As compact_zone(), but at most @looks pageblocks are looked at, and with @order < 0 one is emptied, unless @looks is
 * UINT64_MAX; the caller has drained the caches. @whole: from the
 * ends of the zone, whatever is remembered; else from where the scanners stopped.
 * Return: as compact_zone() | -EAGAIN (as many were looked at or emptied; it goes on from there)
 */
FPG_MUST_CHECK int compact_run(struct zone *zone, int order, bool whole, uint64_t looks,
			       struct compact_report *report);

/* ---- between the scanners -------------------------------------------------------------------- */

/** Runs of free pages held at once. */
#define STOCK_RUNS 16U

struct compactor {
	struct zone *zone;
	struct compact_report *report;
	/** Order of the units that are emptied. */
	unsigned int unit_order;
	/** First frame of the pageblock that each scanner is at; the free scanner's next frame in it. */
	uint64_t migrate_at;
	uint64_t free_at;
	uint64_t free_next;
	uint64_t runs;
	struct pfn_range stock[STOCK_RUNS];
	/** No free page is left for single pages. */
	bool dry;
	/** A block of the wanted order is free. */
	bool served;
	/** Something was made free in the pageblock that the migrate scanner is at. */
	bool gained;
	uint64_t pc;
};

/** The pageblock at @n is the zone's, both ends of it. */
bool compact_in_zone(const struct zone *zone, uint64_t n);
/** A page for contents, or NULL: the scanners have met, and @c->dry is set. With zone->range_busy. */
struct page *compact_take_page(struct compactor *c);
/** The same of a larger block, from pageblocks near the free scanner; NULL: there is none. */
struct page *compact_take_block(const struct compactor *c, unsigned int order);
/** All that was taken ahead becomes free again. */
void compact_give_back(struct compactor *c);
