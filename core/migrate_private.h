/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the files of migration: reading records in a row, and naming what is in the way. */
#pragma once

#include "movable_private.h"

#include "fpg/core/migrate.h"

/** What is known of @page, the head of a block in use, which is in the way because of @reason. */
void migrate_blocker_of(const struct page *page, enum migrate_reason reason,
			struct migrate_blocker *out);

/**
 * The record at @n is zero, and @n is not inside a block: the next frame below @end whose record is not, or @end. Parts
 * of the table that nobody populated are passed over at once.
 */
uint64_t frame_next_record(uint64_t n, uint64_t end);

/**
 * frame_look(), and of single pages that are alike, which most ranges that are looked at are full of,
 * as many at once as there are. *@frames: how many are asked for at most; of other blocks it may become more
 */
enum frame_use frame_row(pfn_t f, uint64_t *frames, struct migrate_blocker *why);

/** It may be gone in a moment: in use, or a movable page on its way to whom it is for. */
static inline bool migrate_passes(const struct migrate_blocker *b)
{
	return b->reason == MIGRATE_REASON_BUSY ||
	       (b->reason == MIGRATE_REASON_UNMOVABLE && b->type == MIGRATE_MOVABLE);
}
