/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests of the migration core: a range of two largest blocks in the middle of simulated RAM, blocks of the test owner
 * in it, and a caller that empties it and counts, in two forms: block by block, and many single pages at once.
 *
 * Included after cmocka.h. Invariant: targets never lie in the range.
 */
#pragma once

#include "page_check.h"

#include "movable_owner.h"

#include "fpg/base/range.h"
#include "fpg/core/migrate.h"

#include <string.h>

#define RAM_BASE 0x80000000UL
/** Frames of the range under test: two largest blocks in the middle of RAM. */
#define FIRST	 0x81000U
#define FRAMES	 2048U

extern const struct palloc_ops buddy_palloc_ops;

static const struct pfn_range range = { { FIRST }, { FIRST + FRAMES } };

static inline int start(void **state)
{
	(void)state;
	const struct sim_ram ram[] = { { RAM_BASE, 32 * SZ_1M, 0 } };
	page_check_start(&buddy_palloc_ops, ram, 1);
	movable_owner_start(true);
	return 0;
}

/* ---- a caller -------------------------------------------------------------------------------- */

static struct {
	/** Targets still to be had; negative: any number. */
	long targets;
	uint64_t targets_given;
	uint64_t untargeted;
	uint64_t emptied_pages;
} caller;

static inline struct page *caller_target(void *ctx, const struct page *from, unsigned int order)
{
	static struct page *kept[FRAMES];
	unsigned int count = 0;
	struct page *page = NULL;
	(void)ctx;
	assert_true(pfn_range_contains(range, page_to_pfn(from)));
	if (caller.targets == 0) {
		return NULL;
	}
	caller.targets -= caller.targets > 0;
	/* Outside of the range. */
	while ((page = alloc_pages(GFP_KERNEL, order)) != NULL &&
	       pfn_range_contains(range, page_to_pfn(page)) && count < ARRAY_SIZE(kept)) {
		kept[count++] = page;
	}
	while (count > 0) {
		__free_pages(kept[--count], order);
	}
	assert_non_null(page);
	assert_false(pfn_range_contains(range, page_to_pfn(page)));
	caller.targets_given++;
	return page;
}

static inline void caller_untarget(void *ctx, struct page *to, unsigned int order)
{
	(void)ctx;
	caller.untargeted++;
	__free_pages(to, order);
}

static inline void caller_emptied(void *ctx, struct page *from, unsigned int order)
{
	(void)ctx;
	uint32_t owner;
	assert_null(page_movable(from, &owner));
	assert_int_equal(page_word_refs(from->word), 1);
	caller.emptied_pages += 1ULL << order;
	__free_pages(from, order);
}

static inline uint32_t caller_targets(void *ctx, struct page *const from[], struct page *to[],
				      uint32_t count)
{
	uint32_t i = 0;
	while (i < count && (to[i] = caller_target(ctx, from[i], 0)) != NULL) {
		i++;
	}
	return i;
}

static inline void caller_emptied_many(void *ctx, struct page *const from[], uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		caller_emptied(ctx, from[i], 0);
	}
}

static const struct migrate_control control = {
	.target = caller_target,
	.untarget = caller_untarget,
	.emptied = caller_emptied,
};

/** The same caller, for whom single pages may move many at once. */
static const struct migrate_control control_many = {
	.target = caller_target,
	.untarget = caller_untarget,
	.emptied = caller_emptied,
	.targets = caller_targets,
	.emptied_many = caller_emptied_many,
};

static inline int empty(const struct migrate_control *how, struct migrate_result *result)
{
	*result = (struct migrate_result){ 0 };
	memset(&caller, 0, sizeof(caller));
	caller.targets = -1;
	return migrate_frames(range, how, result);
}

/* ---- a range with things in it ---------------------------------------------------------------- */

/** Entry @i gets the block at frame FIRST + @at. */
static inline void own_at(uint32_t i, uint64_t at, unsigned int order)
{
	const struct pfn_range frames = { pfn(FIRST + at), pfn(FIRST + at + (1ULL << order)) };
	struct page *page = pfn_to_page(frames.start);
	assert_int_equal(alloc_contig_range(frames, GFP_USER_MOVABLE, NULL), 0);
	/* One block of that order. */
	for (uint64_t k = 1; k < 1ULL << order; k++) {
		page[k].word = 0;
	}
	page->word = page_word_with_order(page->word, order);
	movable_own(i, page, order, false);
}

/** Blocks of orders 0 to 3 with holes between them, as entries 0 and on. Return: how many */
static inline uint32_t fill(void)
{
	uint32_t count = 0;
	for (uint64_t at = 0; at < FRAMES; at += 16) {
		own_at(count, at, count % 4);
		count++;
	}
	return count;
}

/** As many single pages, neighbours all. Return: how many */
static inline uint32_t fill_row(void)
{
	for (uint32_t i = 0; i < FRAMES / 16; i++) {
		own_at(i, i, 0);
	}
	return FRAMES / 16;
}

static inline void all_intact(uint32_t count)
{
	assert_null(movable_owner.wrong);
	for (uint32_t i = 0; i < count; i++) {
		assert_false(movable_owner.entry[i].isolated);
		assert_true(movable_intact(i));
	}
}

static inline void free_all(uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		assert_true(movable_owner.entry[i].page == NULL || movable_free(i));
	}
	page_check_all(page_check_used());
	assert_int_equal(page_alloc_refused_frees(), 0);
}

/** A step fails at the @k-th call: all that was not moved before is as it was. */
static inline void fails_at(const struct migrate_control *how, enum movable_step step, uint64_t k,
			    uint32_t count, enum migrate_reason reason)
{
	struct migrate_result result;
	struct page *before[FRAMES / 16];
	for (uint32_t i = 0; i < count; i++) {
		before[i] = movable_owner.entry[i].page;
	}
	const uint64_t used = page_check_used();
	movable_fail(step, k, 1);
	assert_int_equal(empty(how, &result), -EBUSY);
	assert_int_equal(result.blocker.reason, reason);
	assert_ptr_equal(pfn_to_page(result.blocker.frame), before[k - 1]);
	assert_string_equal(result.blocker.owner, "test pages");
	const uint64_t moved = step == MOVABLE_MIGRATE ? k - 1 :
							 (k - 1) / MIGRATE_BATCH * MIGRATE_BATCH;
	for (uint32_t i = 0; i < count; i++) {
		assert_int_equal(movable_owner.entry[i].page == before[i], i >= moved);
	}
	all_intact(count);
	assert_int_equal(caller.targets_given - caller.untargeted, moved);
	assert_int_equal(page_check_used(), used);
}
