/* SPDX-License-Identifier: BSD-2-Clause */
/* How a block's record leads to who can move it: shared by the files of migration. */
#pragma once

#include "fpg/core/movable.h"

/** By what page_set_movable() was told; the first entry is for anonymous user pages. */
extern const struct movable_ops *movable_table[MOVABLE_OPS_MAX + 1];

/** Frames of page tables and of the frame table use the second word for other things. */
#define MOVABLE_NEVER (PAGE_F_PT | PAGE_F_TABLE)

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ &&
		      offsetof(struct page, movable_ops) == 8 && offsetof(struct page, owner) == 12,
	      "movable_ops and owner are the halves of second");

/** The table for a block in use whose head's record is @word; NULL: nobody can move it. */
static inline const struct movable_ops *movable_of(const struct page *page, uint64_t word,
						   uint32_t *index, uint32_t *owner)
{
	const uint64_t second = __atomic_load_n(&page->second, __ATOMIC_RELAXED);
	*index = (uint32_t)second;
	*owner = (uint32_t)(second >> 32);
	if ((word & PAGE_F_ANON) != 0) {
		*index = 0;
		*owner = 0;
	} else if (*index - 1 >= MOVABLE_OPS_MAX || (word & MOVABLE_NEVER) != 0) {
		return NULL;
	}
	return movable_table[*index];
}

/* ---- calls of owners must not come back; debug builds only ---- */

/** This hart is in so many more, or fewer, calls of movable_ops. */
void movable_calls_count(int more);
/** For what moves pages, or waits for who does: a panic that names @what when this hart is in such a call. */
void movable_expect_outside_now(const char *what);

/** Around each call of one. */
static inline void movable_call_begin(void)
{
	if (FPG_ENABLED(CONFIG_DEBUG_CHECKS)) {
		movable_calls_count(1);
	}
}

static inline void movable_call_end(void)
{
	if (FPG_ENABLED(CONFIG_DEBUG_CHECKS)) {
		movable_calls_count(-1);
	}
}

static inline void movable_expect_outside(const char *what)
{
	if (FPG_ENABLED(CONFIG_DEBUG_CHECKS)) {
		movable_expect_outside_now(what);
	}
}

/** alloc_contig_range() holds the block, which is in use, until it has all it wants. */
static inline bool held_for_range(const struct page *page)
{
	return __atomic_load_n(&page->second, __ATOMIC_RELAXED) == (uint64_t)PAGE_OWNER_RANGE << 32;
}
