/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests of alloc_contig_range(): a machine with a kernel owner of movable pages, a range half full of them, and what
 * must hold after a call that failed. One file a test binary includes this.
 */
#pragma once

#include "page_check.h"

#include "movable_owner.h"

#include "fpg/base/range.h"
#include "fpg/core/memblock.h"
#include "fpg/core/migrate.h"
#include "fpg/core/page_cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RAM_BASE    0x80000000UL
#define RAM_BYTES   (64 * SZ_1M)
#define FIRST_FRAME (RAM_BASE / PAGE_SIZE)
#define ALL_FRAMES  (RAM_BYTES / PAGE_SIZE)
#define ENTRIES	    1500U

static const struct palloc_ops *backend;

static FPG_UNUSED void start_machine(void)
{
	const struct sim_ram ram[] = { { RAM_BASE, RAM_BYTES, 0 } };
	page_check_start(backend, ram, 1);
	movable_owner_start(true);
}

static FPG_UNUSED struct pfn_range frames_at(uint64_t first, uint64_t count)
{
	return (struct pfn_range){ pfn(first), pfn(first + count) };
}

static FPG_UNUSED void all_intact(void)
{
	assert_null(movable_owner.wrong);
	for (uint32_t i = 0; i < ENTRIES; i++) {
		if (movable_owner.entry[i].page != NULL) {
			assert_false(movable_owner.entry[i].isolated);
			assert_true(movable_intact(i));
		}
	}
}

/* ---- what was there before --------------------------------------------------------------------- */

static struct {
	struct page records[ALL_FRAMES];
	uint64_t used;
	uint64_t types[ALL_FRAMES / PAGEBLOCK_NR_PAGES];
} before;

static FPG_UNUSED struct zone *the_zone(void)
{
	return pfn_to_zone(pfn(FIRST_FRAME + ALL_FRAMES / 2));
}

static FPG_UNUSED void remember(void)
{
	page_cache_drain_all();
	memcpy(before.records, pfn_to_page(pfn(FIRST_FRAME)), sizeof(before.records));
	before.used = page_check_used();
	for (uint64_t i = 0; i < ALL_FRAMES; i += PAGEBLOCK_NR_PAGES) {
		before.types[i / PAGEBLOCK_NR_PAGES] =
			pageblock_type(&the_zone()->pageblocks, pfn(FIRST_FRAME + i));
	}
}

static FPG_UNUSED void types_are_as_before(void)
{
	assert_int_equal(the_zone()->isolated_blocks, 0);
	for (uint64_t i = 0; i < ALL_FRAMES; i += PAGEBLOCK_NR_PAGES) {
		assert_int_equal(pageblock_type(&the_zone()->pageblocks, pfn(FIRST_FRAME + i)),
				 before.types[i / PAGEBLOCK_NR_PAGES]);
	}
}

/** Nothing was taken; pages may have moved. */
static FPG_UNUSED void nothing_was_taken(void)
{
	all_intact();
	page_check_all(UINT64_MAX);
	types_are_as_before();
	for (uint64_t i = 0; i < ALL_FRAMES; i++) {
		const struct page *page = pfn_to_page(pfn(FIRST_FRAME + i));
		assert_false(page_word_state(page->word) == PAGE_ALLOCATED &&
			     page->owner == PAGE_OWNER_RANGE);
	}
}

/** A range of four pageblocks, half full of movable blocks of orders 0 to 3. Return: entries */
static FPG_UNUSED uint32_t half_full(struct pfn_range range)
{
	uint32_t count = 0;
	assert_int_equal(alloc_contig_range(range, GFP_USER_MOVABLE, NULL), 0);
	for (uint64_t n = range.start.n; n < range.end.n; n += 16) {
		const unsigned int order = count % 4;
		struct page *page = pfn_to_page(pfn(n));
		for (uint64_t k = 1; k < 1ULL << order; k++) {
			page[k].word = 0;
		}
		page->word = page_word_with_order(page->word, order);
		movable_own(count++, page, order, false);
		const struct pfn_range rest = { pfn(n + (1ULL << order)), pfn(n + 16) };
		assert_int_equal(free_contig_range(rest), 0);
	}
	return count;
}

static const struct pfn_range four_blocks = { { FIRST_FRAME + 0x1000 }, { FIRST_FRAME + 0x1800 } };

/** Run @tests with every backend that can claim. Return: what main() returns */
static FPG_UNUSED int contig_run(const struct CMUnitTest *tests, size_t count)
{
	int failed = 0;
	unsigned int suites = 0;
	for (size_t i = 0; palloc_table[i] != NULL; i++) {
		backend = palloc_table[i];
		if ((backend->caps & PALLOC_CAP_CLAIM) != 0) {
			suites++;
			failed += _cmocka_run_group_tests(backend->name, tests, count, NULL, NULL);
		}
	}
	return failed != 0 || suites == 0;
}
