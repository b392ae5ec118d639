/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Compaction: makes large free blocks by moving movable pages from the low end of a zone to free pages at its high end,
 * with the migration core. Two scanners a zone, as in Linux's mm/compaction.c: the migrate scanner ascends, the free scanner
 * descends, and where they meet the zone is done.
 *
 * Only zones whose backend can claim exact frames are compacted. Pageblocks of CMA, HIGHATOMIC and ISOLATE are neither
 * emptied nor filled; targets come from MOVABLE ones, and never from a free block that is as large as what is wanted.
 * Work is done in steps of at most MIGRATE_BATCH pages with zone->range_busy, so alloc_contig_range() waits that long at
 * most, and never meets a page held back as a target.
 */
#pragma once

#include "fpg/base/compiler.h"
#include "fpg/core/migrate.h"
#include "fpg/core/zone.h"

struct compact_report {
	uint64_t moved_pages;
	/** Pageblocks that were empty afterwards; looked at; left because something there cannot be moved. */
	uint64_t emptied_blocks;
	uint64_t scanned_blocks;
	uint64_t blocked_blocks;
	/** The last thing in the way; reason MIGRATE_REASON_NONE: none. */
	struct migrate_blocker blocker;
};

/**
 * Until a block of @order is free for ordinary requests, or the scanners have met; @order < 0: the whole zone.
 * Context: no lock held, not in a handler. One at a time a zone.
 * Return: 0 (such a block was free at the end; always for @order < 0) | -ENOMEM (the scanners met) | -EBUSY (another hart
 *         compacts the zone, or empties a range of it) | -ENOTSUP (the backend cannot claim) | -EINVAL (no such order)
 */
FPG_MUST_CHECK int compact_zone(struct zone *zone, int order, struct compact_report *report);

/**
 * Direct compaction for a request that found nothing: all zones it may use. Nothing is done when fragmentation is not the
 * reason (the fragmentation index says so), or soon after it did not help.
 * Return: 0: it may be tried again | -ENOMEM
 */
FPG_MUST_CHECK int compact_for(gfp_t gfp, unsigned int order, int nid);

/**
 * A turn of a hart that has nothing to do: at most one pageblock is emptied. Looks at the zones twice a second, longer
 * after it did not help. Context: no lock held, not in a handler. @now_ms: any clock that does not go back
 * Return: there is more to do now
 */
bool compaction_idle(uint64_t now_ms);

/** Per cent of the unusable-free index of order PAGEBLOCK_ORDER above which idle harts compact; 100: never. */
void compaction_set_proactive(unsigned int percent);
unsigned int compaction_proactive(void);
