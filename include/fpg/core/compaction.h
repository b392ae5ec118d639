/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Compaction: makes large free blocks by moving movable pages from the low end of a zone to free pages at its high end,
 * with the migration core. Two scanners a zone, as in Linux's mm/compaction.c: the migrate scanner ascends, the free scanner
 * descends, and where they meet the zone is done.
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
 * Until a block of @order is free for @type, or the scanners have met; @order < 0: the whole zone.
 * Context: no lock held, not in a handler. One at a time a zone.
 * Return: 0 (such a block was free at the end; always for @order < 0) | -ENOMEM (the scanners met) | -EBUSY (another hart
 *         compacts the zone) | -ENOTSUP (the backend cannot claim)
 */
FPG_MUST_CHECK int compact_zone(struct zone *zone, int order, struct compact_report *report);

/**
 * Direct compaction for a request that found nothing: all zones it may use. Nothing is done when fragmentation is not the
 * reason (the fragmentation index says so), or soon after it did not help.
 * Return: 0: it may be tried again | -ENOMEM
 */
FPG_MUST_CHECK int compact_for(gfp_t gfp, unsigned int order, int nid);

/** Per cent of the unusable-free index of order PAGEBLOCK_ORDER above which idle harts compact; 100: never. */
void compaction_set_proactive(unsigned int percent);
