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

/**
 * What a call waits in all for what will be gone in a moment, in looks: the first touch of a page by a program takes so
 * long at most, from the allocation to the mapping. And what each further attempt counts for.
 */
#define MIGRATE_PATIENCE       (1U << 22)
#define MIGRATE_PATIENCE_A_TRY (MIGRATE_PATIENCE / 64U)

/**
 * @b was in the way: wait until it is not, or stays. @patience: of the whole call, from MIGRATE_PATIENCE on; out: what is left.
 * Return: it is worth another attempt
 */
FPG_MUST_CHECK bool migrate_gone_soon(const struct migrate_blocker *b, uint32_t *patience);

/**
 * The same where no other place can be taken instead: also a page that goes from hand to hand, by way of the harts' caches,
 * is worth another attempt. Return: it is
 */
FPG_MUST_CHECK bool migrate_try_again(const struct migrate_blocker *b, uint32_t *patience);

/** It may be gone in a moment: in use, or a movable page on its way to whom it is for. */
static inline bool migrate_passes(const struct migrate_blocker *b)
{
	return b->reason == MIGRATE_REASON_BUSY ||
	       (b->reason == MIGRATE_REASON_UNMOVABLE && b->type == MIGRATE_MOVABLE);
}
