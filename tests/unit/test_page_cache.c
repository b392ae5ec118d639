/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves, with every backend of this build, that per-hart page caches hand out and take back the right blocks, never
 * hold more than they may, catch wrong frees, and give everything back when somebody needs it.
 */
#include "page_check.h"

#include "fpg/base/range.h"
#include "fpg/core/hart.h"
#include "fpg/core/ledger.h"
#include "fpg/core/page_alloc.h"
#include "fpg/core/page_cache.h"

#include "core/page_alloc_private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#define RAM_BASE 0x80000000UL

static const struct palloc_ops *backend;

static struct zone *start_small(void)
{
	const struct sim_ram ram[] = { { RAM_BASE, 64 * SZ_1M, 0 } };
	page_check_start(backend, ram, 1);
	return node_by_id(0)->zonelist[0];
}

static enum page_state state_of(const struct page *page)
{
	return page_word_state(page->word);
}

/** Pages that this hart holds, having checked every limit. */
static uint64_t check_limits(const struct zone *zone)
{
	uint64_t limits = 0;
	uint64_t pages = 0;
	for (unsigned int type = 0; type < PAGE_CACHE_TYPES; type++) {
		for (unsigned int order = 0; order < PAGE_CACHE_ORDERS; order++) {
			struct page_cache_info info;
			assert_true(page_cache_info(0, zone, (enum migratetype)type, order, &info));
			assert_true(info.blocks <= info.limit);
			limits += (uint64_t)info.limit << order;
			pages += (uint64_t)info.blocks << order;
		}
	}
	assert_true(limits <= PAGE_CACHE_PAGES);
	return pages;
}

/* ---- properties ------------------------------------------------------------------------------ */

static void what_was_freed_last_comes_first(void **state)
{
	(void)state;
	struct zone *zone = start_small();
	for (unsigned int order = 0; order < PAGE_CACHE_ORDERS; order++) {
		struct page *a = alloc_pages(GFP_KERNEL, order);
		struct page *b = alloc_pages(GFP_KERNEL, order);
		assert_true(a != NULL && b != NULL && a != b);
		__free_pages(a, order);
		__free_pages(b, order);
		assert_int_equal(state_of(b), PAGE_CACHED);
		assert_ptr_equal(alloc_pages(GFP_KERNEL, order), b);
		assert_ptr_equal(alloc_pages(GFP_KERNEL | __GFP_NOWARN, order), a);
		assert_int_equal(state_of(a), PAGE_ALLOCATED);
		assert_int_equal(page_word_refs(a->word), 1);
		assert_int_equal(a->second, 0);
		__free_pages(b, order);
		__free_pages(a, order);
	}
	assert_true(check_limits(zone) > 0);
	page_check_all(UINT64_MAX);
	assert_int_equal(page_cache_pages(NULL), 0);
}

static void types_and_zones_have_caches_of_their_own(void **state)
{
	const struct sim_ram ram[] = { { 0xfe000000, 64 * SZ_1M, 0 } };
	static const gfp_t kinds[] = { GFP_KERNEL, GFP_USER_MOVABLE, __GFP_RECLAIMABLE, GFP_DMA32,
				       __GFP_MOVABLE | __GFP_DMA32 };
	struct page *last[ARRAY_SIZE(kinds)];
	(void)state;
	page_check_start(backend, ram, 1);
	for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++) {
		last[i] = alloc_pages(kinds[i], 0);
		assert_non_null(last[i]);
		assert_int_equal(page_word_type(last[i]->word), gfp_migratetype(kinds[i]));
	}
	page_cache_drain_all();
	for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++) {
		__free_pages(last[i], 0);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++) {
		assert_ptr_equal(alloc_pages(kinds[i], 0), last[i]);
	}
	assert_int_equal(pfn_to_zone(page_to_pfn(last[0]))->type, ZONE_NORMAL);
	assert_int_equal(pfn_to_zone(page_to_pfn(last[3]))->type, ZONE_DMA32);
	page_check_all(UINT64_MAX);
}

static void wrong_frees_of_cached_pages_are_refused(void **state)
{
	(void)state;
	start_small();
	struct page *page = alloc_pages(GFP_KERNEL, 1);
	assert_non_null(page);
	uint64_t word = page->word;
	__free_pages(page, 0);
	assert_non_null(strstr(page_check_warning, "another order"));
	page->word += 1ULL << PAGE_REF_SHIFT;
	__free_pages(page, 1);
	assert_non_null(strstr(page_check_warning, "reference count"));
	assert_int_equal(page->word, word + (1ULL << PAGE_REF_SHIFT));
	page->word = word;
	__free_pages(page + 1, 0);
	assert_non_null(strstr(page_check_warning, "inside a block"));
	__free_pages(page, 1);
	uint64_t free_now = page_alloc_free_pages();
	uint64_t cached = page->word;
	__free_pages(page, 1);
	assert_non_null(strstr(page_check_warning, "double free"));
	assert_int_equal(page->word, cached);
	__free_pages(page, 3);
	assert_int_equal(page_alloc_free_pages(), free_now);
	assert_int_equal(page_alloc_refused_frees(), 5);
	page_check_all(UINT64_MAX);
	__free_pages(page, 1);
	assert_int_equal(page_alloc_refused_frees(), 6);
}

static void bursts_come_back_as_whole_blocks(void **state)
{
	enum {
		COUNT = 1500
	};
	static struct page *pages[COUNT];
	(void)state;
	struct zone *zone = start_small();
	for (unsigned int order = 0; order < PAGE_CACHE_ORDERS; order++) {
		for (unsigned int way = 0; way < 3; way++) {
			for (unsigned int i = 0; i < COUNT; i++) {
				pages[i] = alloc_pages(GFP_KERNEL, order);
				assert_non_null(pages[i]);
			}
			uint64_t used = page_check_used();
			for (unsigned int i = 0; i < COUNT; i++) {
				unsigned int k = way == 0 ? i :
						 way == 1 ? COUNT - 1 - i :
							    (unsigned int)((i * 1009UL) % COUNT);
				__free_pages(pages[k], order);
			}
			check_limits(zone);
			assert_int_equal(page_check_used(), used - ((uint64_t)COUNT << order));
			page_check_all(page_check_used());
		}
	}
	page_cache_drain_all();
	assert_non_null(alloc_pages(GFP_KERNEL, MAX_PAGE_ORDER));
	assert_int_equal(page_alloc_refused_frees(), 0);
}

static void random_use_stays_within_limits(void **state)
{
	enum {
		SLOTS = 1024,
		STEPS = 60000
	};
	static struct {
		struct page *page;
		unsigned int order;
	} slots[SLOTS];
	static const gfp_t kinds[] = { GFP_KERNEL, GFP_USER_MOVABLE, __GFP_RECLAIMABLE,
				       GFP_NOWAIT };
	(void)state;
	struct zone *zone = start_small();
	memset(slots, 0, sizeof(slots));
	uint64_t random = sim_seed(0xcac4e);
	for (uint64_t i = 0; i < STEPS; i++) {
		uint64_t r = sim_random(&random) >> 20;
		unsigned int k = (unsigned int)(r % SLOTS);
		if (slots[k].page != NULL) {
			uint64_t *at = page_address(slots[k].page);
			assert_int_equal(*at, k + 1);
			__free_pages(slots[k].page, slots[k].order);
			slots[k].page = NULL;
		} else {
			slots[k].order = (unsigned int)(r >> 12 & 3);
			slots[k].page =
				alloc_pages(kinds[r >> 16 & 3] | __GFP_NOWARN, slots[k].order);
			if (slots[k].page != NULL) {
				*(uint64_t *)page_address(slots[k].page) = k + 1;
			}
		}
		if (i % 64 == 0) {
			check_limits(zone);
		}
		if (i % 5000 == 0) {
			page_check_all(UINT64_MAX);
		}
	}
	struct zone_counters counters;
	zone_counters_read(zone, &counters);
	uint64_t held = 0;
	for (unsigned int k = 0; k < SLOTS; k++) {
		held += slots[k].page != NULL;
	}
	assert_true(counters.allocs - counters.frees >= held);
	assert_int_equal(page_alloc_refused_frees(), 0);
	page_check_all(UINT64_MAX);
}

static void frames_in_a_cache_can_be_claimed(void **state)
{
	pfn_t blocker;
	(void)state;
	start_small();
	if (!(backend->caps & PALLOC_CAP_CLAIM)) {
		return;
	}
	struct page *page = alloc_pages(GFP_KERNEL, 0);
	__free_pages(page, 0);
	assert_int_equal(state_of(page), PAGE_CACHED);
	struct pfn_range range = { page_to_pfn(page), pfn_add(page_to_pfn(page), 1) };
	assert_int_equal(alloc_contig_range(range, GFP_KERNEL, &blocker), 0);
	assert_int_equal(page_cache_pages(NULL), 0);
	assert_int_equal(free_contig_range(range), 0);
	page_check_all(UINT64_MAX);
}

static void frees_in_isolated_pageblocks_pass_the_caches(void **state)
{
	(void)state;
	struct zone *zone = start_small();
	struct page *page = alloc_pages(GFP_KERNEL, 0);
	uint64_t block = ALIGN_DOWN(page_to_pfn(page).n, PAGEBLOCK_NR_PAGES);
	struct pfn_range range = { pfn(block), pfn(block + PAGEBLOCK_NR_PAGES) };
	int err = zone_retag(zone, range, MIGRATE_ISOLATE);
	if (!(backend->caps & PALLOC_CAP_CLASS)) {
		assert_int_equal(err, -ENOTSUP);
		return;
	}
	assert_int_equal(err, 0);
	assert_int_equal(page_cache_pages(zone), 0);
	__free_pages(page, 0);
	assert_int_equal(page_cache_pages(zone), 0);
	__free_pages(page, 0);
	assert_int_equal(page_alloc_refused_frees(), 1);
	for (unsigned int i = 0; i < 2000; i++) {
		struct page *other = alloc_pages(GFP_USER_MOVABLE, i % 4);
		assert_non_null(other);
		assert_false(pfn_range_contains(range, page_to_pfn(other)));
	}
	assert_int_equal(zone_retag(zone, range, MIGRATE_MOVABLE), 0);
	page = alloc_pages(GFP_KERNEL, 0);
	__free_pages(page, 0);
	assert_int_equal(state_of(page), PAGE_CACHED);
	assert_int_equal(zone_retag(zone, (struct pfn_range){ pfn(block + 1), range.end },
				    MIGRATE_ISOLATE),
			 -EINVAL);
	page_check_all(UINT64_MAX);
}

static bool sum_cached(void *ctx, const struct ledger_row *row)
{
	uint64_t *pages = ctx;
	if (row->kind == LEDGER_CACHED) {
		*pages += row->size >> PAGE_SHIFT;
	}
	return true;
}

static void the_ledger_shows_what_caches_hold(void **state)
{
	(void)state;
	start_small();
	struct page *kept = alloc_pages(GFP_KERNEL, 2);
	struct page *back = alloc_pages(GFP_KERNEL, 2);
	__free_pages(back, 2);
	uint64_t cached = 0;
	palloc_ledger_runs(sum_cached, &cached);
	assert_true(cached >= 4);
	assert_int_equal(cached, page_cache_pages(NULL));
	page_cache_drain_all();
	cached = 0;
	palloc_ledger_runs(sum_cached, &cached);
	assert_int_equal(cached, 0);
	__free_pages(kept, 2);
}

static void nothing_is_cached_while_something_is_debugged(void **state)
{
	(void)state;
	start_small();
	struct page *page = alloc_pages(GFP_KERNEL, 0);
	assert_true(page_cache_pages(NULL) != 0);
	page_alloc_debug_set(PAGE_ALLOC_WATCH, true);
	assert_int_equal(page_cache_pages(NULL), 0);
	__free_pages(page, 0);
	page = alloc_pages(GFP_KERNEL, 0);
	__free_pages(page, 0);
	__free_pages(page, 0);
	assert_int_equal(page_alloc_refused_frees(), 1);
	assert_int_equal(page_cache_pages(NULL), 0);
	page_check_all(UINT64_MAX);
	page_alloc_debug_set(PAGE_ALLOC_WATCH, false);
	page = alloc_pages(GFP_KERNEL, 0);
	__free_pages(page, 0);
	assert_int_equal(state_of(page), PAGE_CACHED);
	page_check_all(UINT64_MAX);
}

static void bulk_fills_what_is_empty(void **state)
{
	static struct page *pages[300];
	(void)state;
	start_small();
	struct page *own = alloc_page(GFP_KERNEL);
	memset(pages, 0, sizeof(pages));
	pages[7] = own;
	assert_int_equal(alloc_pages_bulk(GFP_KERNEL, 300, pages), 300);
	assert_ptr_equal(pages[7], own);
	for (unsigned int i = 0; i < 300; i++) {
		assert_non_null(pages[i]);
		__free_page(pages[i]);
	}
	assert_int_equal(page_alloc_refused_frees(), 0);
	memset(pages, 0, sizeof(pages));
	assert_int_equal(alloc_pages_bulk(__GFP_DMA | __GFP_DMA32, 300, pages), 0);
	page_check_all(UINT64_MAX);
}

static void population_that_fails_leaves_caches_whole(void **state)
{
	(void)state;
	struct zone *zone = start_small();
	for (unsigned int i = 0; i < 600; i++) {
		sim_populate_budget((long)(i % 2));
		struct page *page = alloc_pages(GFP_KERNEL | __GFP_NOWARN, i % 4);
		if (page != NULL && i % 3 != 0) {
			__free_pages(page, i % 4);
		}
		if (i % 50 == 0) {
			page_cache_drain_all();
		}
		check_limits(zone);
	}
	sim_populate_budget(-1);
	page_check_all(UINT64_MAX);
	assert_int_equal(page_alloc_refused_frees(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(what_was_freed_last_comes_first, page_check_stop),
		cmocka_unit_test_teardown(types_and_zones_have_caches_of_their_own,
					  page_check_stop),
		cmocka_unit_test_teardown(wrong_frees_of_cached_pages_are_refused, page_check_stop),
		cmocka_unit_test_teardown(bursts_come_back_as_whole_blocks, page_check_stop),
		cmocka_unit_test_teardown(random_use_stays_within_limits, page_check_stop),
		cmocka_unit_test_teardown(frames_in_a_cache_can_be_claimed, page_check_stop),
		cmocka_unit_test_teardown(frees_in_isolated_pageblocks_pass_the_caches,
					  page_check_stop),
		cmocka_unit_test_teardown(the_ledger_shows_what_caches_hold, page_check_stop),
		cmocka_unit_test_teardown(nothing_is_cached_while_something_is_debugged,
					  page_check_stop),
		cmocka_unit_test_teardown(bulk_fills_what_is_empty, page_check_stop),
		cmocka_unit_test_teardown(population_that_fails_leaves_caches_whole,
					  page_check_stop),
	};
	return PAGE_CHECK_WITH_EACH(backend, tests);
}
