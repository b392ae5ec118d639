/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves that watermarks and reserves are Linux's numbers, that each kind of request stops where it must, that atomic
 * requests have pageblocks kept for them and others get these back before they fail, and that fail_page_alloc fails
 * what its rule says, again and again alike.
 */
#include "page_check.h"

#include "fpg/base/range.h"
#include "fpg/core/fail_page_alloc.h"
#include "fpg/core/page_alloc.h"
#include "fpg/core/page_cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define RAM_BASE 0x80000000UL

static const struct palloc_ops *backend;

static struct zone *start(phys_addr_t base, phys_addr_t size)
{
	const struct sim_ram ram[] = { { base, size, 0 } };
	page_check_start(backend, ram, 1);
	return node_by_id(0)->zonelist[0];
}

static uint64_t use_up(gfp_t gfp, unsigned int order)
{
	uint64_t count = 0;
	while (alloc_pages(gfp | __GFP_NOWARN, order) != NULL) {
		count++;
	}
	return count;
}

static void watermarks_are_those_of_linux(void **state)
{
	(void)state;
	/* 1 GiB: min_free_kbytes is the root of 16 times the KiB; 4 MiB, but for what is not managed. */
	struct zone *zone = start(RAM_BASE, SZ_1G);
	uint64_t min = zone->watermark[WMARK_MIN];
	assert_true(min > 1020 && min <= 1024);
	uint64_t step = zone->managed_pages * 10 / 10000;
	assert_true(step > min / 4);
	assert_int_equal(zone->watermark[WMARK_LOW], min + step);
	assert_int_equal(zone->watermark[WMARK_HIGH], min + 2 * step);
	/* 64 MiB: 1 MiB, and a quarter of it apart. */
	zone = start(RAM_BASE, 64 * SZ_1M);
	min = zone->watermark[WMARK_MIN];
	assert_true(min > 250 && min <= 256);
	assert_int_equal(zone->watermark[WMARK_LOW], min + min / 4);
	/* 16 GiB in two zones: shares by managed pages, and 1/1000 apart where that is more. */
	zone = start(0x80000000, 16 * SZ_1G);
	struct zone *low = &node_by_id(0)->zones[ZONE_DMA32];
	uint64_t both = zone->watermark[WMARK_MIN] + low->watermark[WMARK_MIN];
	assert_true(both >= 4090 && both <= 4096);
	assert_int_equal(zone->watermark[WMARK_LOW] - zone->watermark[WMARK_MIN],
			 zone->managed_pages * 10 / 10000);
	assert_int_equal(low->lowmem_reserve[ZONE_DMA32], 0);
	assert_int_equal(low->lowmem_reserve[ZONE_NORMAL], zone->managed_pages / 256);
	assert_int_equal(zone->lowmem_reserve[ZONE_NORMAL], 0);
	/* At least 128 KiB. */
	zone = start(RAM_BASE, 4 * SZ_1M);
	assert_true(zone->watermark[WMARK_MIN] >= 31 && zone->watermark[WMARK_MIN] <= 64);
}

static void each_kind_of_request_stops_at_its_mark(void **state)
{
	(void)state;
	struct zone *zone = start(RAM_BASE, 64 * SZ_1M);
	uint64_t min = zone->watermark[WMARK_MIN];
	/* A hart's run may take the rest above a mark at once, never more. */
	assert_true(use_up(GFP_KERNEL, 0) > 10000);
	assert_int_equal(zone->free_pages, min);
	assert_int_equal(use_up(GFP_NOWAIT, 0), 0);
	assert_true(use_up(GFP_KERNEL | __GFP_HIGH, 0) > 0);
	assert_int_equal(zone->free_pages, min - min / 2);
	assert_true(use_up(GFP_ATOMIC, 0) > 0);
	uint64_t half = min - min / 2;
	assert_int_equal(zone->free_pages, half - half / 4);
	assert_true(use_up(GFP_KERNEL | __GFP_MEMALLOC, 0) > 0);
	assert_int_equal(page_alloc_free_pages(), 0);
	page_check_all(UINT64_MAX);
}

static void low_memory_is_kept_from_those_who_need_not_have_it(void **state)
{
	(void)state;
	start(0xf0000000, SZ_1G);
	struct zone *low = &node_by_id(0)->zones[ZONE_DMA32];
	use_up(GFP_KERNEL, 4);
	assert_true(low->lowmem_reserve[ZONE_NORMAL] >= 700);
	assert_true(low->free_pages >=
		    low->watermark[WMARK_MIN] + low->lowmem_reserve[ZONE_NORMAL]);
	assert_true(use_up(GFP_DMA32, 4) > 0);
	assert_true(low->free_pages < low->watermark[WMARK_MIN] + low->lowmem_reserve[ZONE_NORMAL]);
	page_check_all(UINT64_MAX);
}

static void atomic_requests_have_pageblocks_of_their_own(void **state)
{
	(void)state;
	struct zone *zone = start(RAM_BASE, 512 * SZ_1M);
	assert_non_null(alloc_pages(GFP_KERNEL, 5));
	assert_int_equal(zone->highatomic_pages, 0);
	struct page *page = alloc_pages(GFP_ATOMIC, 5);
	assert_non_null(page);
	if (!(backend->caps & PALLOC_CAP_CLASS)) {
		assert_int_equal(zone->highatomic_pages, 0);
		return;
	}
	assert_int_equal(zone->highatomic_pages, PAGEBLOCK_NR_PAGES);
	assert_int_equal(pageblock_type(&zone->pageblocks, page_to_pfn(page)), MIGRATE_HIGHATOMIC);
	for (unsigned int i = 0; i < 100; i++) {
		(void)alloc_pages(GFP_ATOMIC, 8);
	}
	assert_true(zone->highatomic_pages <= zone->highatomic_most);
	/* What cannot wait does not get them, what can gets them before it fails. */
	uint64_t kept = zone->highatomic_pages;
	use_up(GFP_NOWAIT, 0);
	assert_int_equal(zone->highatomic_pages, kept);
	assert_non_null(alloc_pages(GFP_ATOMIC, 2));
	(void)use_up(GFP_KERNEL, 0);
	assert_int_equal(zone->highatomic_pages, 0);
	__free_pages(page, 5);
	page_check_all(UINT64_MAX);
}

/* ---- fail_page_alloc ------------------------------------------------------------------------- */

/** Bit n: request n of 64 failed. */
static uint64_t failures(gfp_t gfp, unsigned int order)
{
	uint64_t bits = 0;
	for (unsigned int i = 0; i < 64; i++) {
		struct page *page = alloc_pages(gfp | __GFP_NOWARN, order);
		bits |= (uint64_t)(page == NULL) << i;
		if (page != NULL) {
			__free_pages(page, order);
		}
	}
	return bits;
}

static void chosen_requests_fail_and_no_others(void **state)
{
	struct fail_page_alloc_state now;
	(void)state;
	start(RAM_BASE, 64 * SZ_1M);
	uint64_t free_before = page_alloc_free_pages();
	assert_int_equal(failures(GFP_KERNEL, 0), 0);
	fail_page_alloc_set(&(struct fail_page_alloc_rule){ .nth = 4, .seed = 1 });
	assert_int_equal(failures(GFP_KERNEL, 0), 0x8888888888888888ULL);
	fail_page_alloc_get(&now);
	assert_true(now.on && now.matched == 64 && now.failed == 16);
	fail_page_alloc_set(&(struct fail_page_alloc_rule){ .nth = 1, .times = 3, .min_order = 2 });
	assert_int_equal(failures(GFP_KERNEL, 1), 0);
	assert_int_equal(failures(GFP_KERNEL, 2), 7);
	fail_page_alloc_set(&(struct fail_page_alloc_rule){
		.nth = 1, .with = __GFP_MOVABLE, .without = __GFP_DIRECT_RECLAIM });
	assert_int_equal(failures(GFP_KERNEL, 0), 0);
	assert_int_equal(failures(GFP_USER_MOVABLE, 0), 0);
	assert_int_equal(failures(__GFP_MOVABLE, 0), UINT64_MAX);
	const struct fail_page_alloc_rule chance = { .ppm = 250000, .seed = 99 };
	fail_page_alloc_set(&chance);
	uint64_t first = failures(GFP_KERNEL, 3);
	assert_true(first != 0 && first != UINT64_MAX);
	fail_page_alloc_set(&chance);
	assert_int_equal(failures(GFP_KERNEL, 3), first);
	fail_page_alloc_set(NULL);
	assert_int_equal(failures(GFP_KERNEL, 0), 0);
	assert_int_equal(page_alloc_free_pages(), free_before);
	page_check_all(UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(watermarks_are_those_of_linux, page_check_stop),
		cmocka_unit_test_teardown(each_kind_of_request_stops_at_its_mark, page_check_stop),
		cmocka_unit_test_teardown(low_memory_is_kept_from_those_who_need_not_have_it,
					  page_check_stop),
		cmocka_unit_test_teardown(atomic_requests_have_pageblocks_of_their_own,
					  page_check_stop),
		cmocka_unit_test_teardown(chosen_requests_fail_and_no_others, page_check_stop),
	};
	return PAGE_CHECK_WITH_EACH(backend, tests);
}
