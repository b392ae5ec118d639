/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves, with every backend of this build, where pages come from: zones and nodes stand in for
 * each other in order, hundreds of ranges and late memory are served, starting costs nothing per
 * page, and a change of backend under blocks in use loses nothing.
 */
#include "page_check.h"

#include "fpg/base/range.h"
#include "fpg/core/memblock.h"
#include "fpg/core/page_alloc.h"
#include "fpg/core/palloc_handover.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#define RAM_BASE 0x80000000UL

static const struct palloc_ops *backend;

static void requests_fall_back_to_lower_zones_only(void **state)
{
	const struct sim_ram ram[] = { { 0xfe000000, 64 * SZ_1M, 0 } };
	(void)state;
	page_check_start(backend, ram, 1);
	struct zone *dma32 = &node_by_id(0)->zones[ZONE_DMA32];
	struct zone *normal = &node_by_id(0)->zones[ZONE_NORMAL];
	struct page *page = alloc_pages(GFP_KERNEL, 0);
	assert_ptr_equal(pfn_to_zone(page_to_pfn(page)), normal);
	page = alloc_pages(GFP_DMA32, 0);
	assert_ptr_equal(pfn_to_zone(page_to_pfn(page)), dma32);
	uint64_t from_normal = 0;
	do {
		page = alloc_pages(GFP_KERNEL | __GFP_MEMALLOC, 0);
		assert_non_null(page);
		from_normal++;
	} while (pfn_to_zone(page_to_pfn(page)) == normal);
	assert_true(from_normal > normal->managed_pages - 2 * FRAME_RESERVE_PAGES);
	assert_int_equal(normal->free_pages, 0);
	assert_ptr_equal(pfn_to_zone(page_to_pfn(page)), dma32);
	uint64_t got = 0;
	while (alloc_pages(GFP_DMA32 | __GFP_NOWARN, 0) != NULL) {
		got++;
	}
	assert_true(got > 0x1000);
	assert_null(alloc_pages(GFP_KERNEL | __GFP_NOWARN, 0));
	page_check_all(UINT64_MAX);
}

/** Pages for the first records come from an end of memory, and move it: over chunks of the frame table, too. */
static void memory_may_end_anywhere(void **state)
{
	for (uint64_t pages = 0; pages <= 2 * FRAME_TABLE_CHUNK; pages++) {
		const struct sim_ram ram[] = { { RAM_BASE, 16 * SZ_1M + pages * PAGE_SIZE, 0 } };
		if (pages != 0) {
			page_check_stop(state);
		}
		page_check_start(backend, ram, 1);
		struct page *page = alloc_pages(GFP_KERNEL, 0);
		assert_non_null(page);
		__free_pages(page, 0);
		assert_int_equal(page_check_warnings, 0);
	}
}

#if MAX_NUMNODES >= 3

static void nodes_stand_in_for_each_other(void **state)
{
	/* Interleaved, so that spans overlap. */
	const struct sim_ram ram[] = {
		{ RAM_BASE, 16 * SZ_1M, 0 },
		{ RAM_BASE + 16 * SZ_1M, 16 * SZ_1M, 1 },
		{ RAM_BASE + 32 * SZ_1M, 16 * SZ_1M, 0 },
		{ RAM_BASE + 48 * SZ_1M, 16 * SZ_1M, 2 },
	};
	(void)state;
	page_check_start(backend, ram, ARRAY_SIZE(ram));
	page_check_all(0);
	struct page *page = alloc_pages_node(1, GFP_KERNEL, 0);
	assert_int_equal(pfn_to_zone(page_to_pfn(page))->nid, 1);
	while ((page = alloc_pages_node(1, GFP_KERNEL | __GFP_THISNODE | __GFP_NOWARN, 0)) !=
	       NULL) {
		assert_int_equal(pfn_to_zone(page_to_pfn(page))->nid, 1);
	}
	page = alloc_pages_node(1, GFP_KERNEL, 0);
	assert_int_equal(pfn_to_zone(page_to_pfn(page))->nid, 2);
	assert_null(alloc_pages_node(3, GFP_KERNEL | __GFP_THISNODE | __GFP_NOWARN, 0));
	assert_non_null(alloc_pages_node(3, GFP_KERNEL, 0));
	page = alloc_pages_node(NUMA_NO_NODE, GFP_KERNEL | __GFP_THISNODE, 0);
	assert_non_null(page);
	assert_int_equal(pfn_to_zone(page_to_pfn(page))->nid, 0);
	/* Blocks of largest order at the seams never mix nodes. */
	for (unsigned int order = 3; order <= MAX_PAGE_ORDER; order++) {
		page = alloc_pages(GFP_KERNEL | __GFP_NOWARN, order);
		if (page != NULL) {
			memset(page_address(page), 1, PAGE_SIZE << order);
			__free_pages(page, order);
		}
	}
	page_check_all(UINT64_MAX);
}

#endif

static void a_movable_zone_serves_only_movable_requests(void **state)
{
	const struct sim_ram ram[] = { { RAM_BASE, 64 * SZ_1M, 0 } };
	(void)state;
	sim_start(ram, 1);
	assert_int_equal(zone_movable_start_set(0, phys_to_pfn(RAM_BASE + 32 * SZ_1M)), 0);
	assert_int_equal(page_alloc_init(backend->name), 0);
	struct page *page = alloc_pages(GFP_USER_MOVABLE, 0);
	assert_int_equal(pfn_to_zone(page_to_pfn(page))->type, ZONE_MOVABLE);
	while ((page = alloc_pages(GFP_KERNEL | __GFP_NOWARN, 0)) != NULL) {
		assert_int_equal(pfn_to_zone(page_to_pfn(page))->type, ZONE_DMA32);
	}
	assert_non_null(alloc_pages(GFP_USER_MOVABLE, 0));
	page_check_all(UINT64_MAX);
}

static void many_ranges_are_all_served(void **state)
{
	static struct sim_ram ram[300];
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ram); i++) {
		ram[i] = (struct sim_ram){ RAM_BASE + i * 0x150000, 0x107000 + i * 0x20, 0 };
	}
	sim_start(ram, ARRAY_SIZE(ram));
	assert_int_equal(page_alloc_init(backend->name), 0);
	page_check_all(0);
	assert_true(page_alloc_managed_pages() > 300 * 0x100);
	uint64_t count = 0;
	while (alloc_pages(GFP_KERNEL | __GFP_NOWARN, 0) != NULL) {
		count++;
	}
	assert_true(count + 1500 > page_alloc_managed_pages());
	page_check_all(UINT64_MAX);
}

static void late_memory_joins(void **state)
{
	(void)state;
	const struct sim_ram ram[] = { { RAM_BASE, 64 * SZ_1M, 0 } };
	page_check_start(backend, ram, 1);
	uint64_t before = page_alloc_managed_pages();
	memblock_free_late(RAM_BASE + SZ_2M, SZ_1M);
	assert_int_equal(page_alloc_managed_pages(), before + SZ_1M / PAGE_SIZE);
	page_check_all(UINT64_MAX);
}

static void starting_does_not_depend_on_the_size_of_memory(void **state)
{
	uint64_t chunks[2];
	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		const struct sim_ram ram[] = { { RAM_BASE, i == 0 ? SZ_1G : 64 * SZ_1G, 0 } };
		page_check_start(backend, ram, 1);
		chunks[i] = sim_populated_chunks();
		/*
		 * Only ends of ranges have records: of zones, of what is reserved, of what start
		 * itself took.
		 */
		assert_true(chunks[i] < 40);
	}
}

static int populate(void *ctx, struct pfn_range frames)
{
	(void)ctx;
	sim_frame_table_populate(frames);
	return 0;
}

/** What a switch of backends does to one zone, with memory for metadata from outside. */
static void hand_over(struct zone *zone, const struct palloc_ops *to, void **meta)
{
	struct palloc *next = &zone->instances[zone->palloc == &zone->instances[0]];
	struct palloc_geometry geometry = { .span = zone->span,
					    .harts = 1,
					    .max_runs = palloc_managed_runs(zone->palloc) };
	size_t bytes = to->meta_bytes(&geometry);
	*meta = calloc(1, bytes);
	*next = *zone->palloc;
	next->ops = to;
	next->meta = *meta;
	next->meta_bytes = bytes;
	assert_int_equal(to->init(next, *meta, bytes), 0);
	assert_int_equal(palloc_handover(zone->palloc, next, populate, NULL), 0);
	zone->palloc = next;
}

static void blocks_in_use_survive_a_hand_over(void **state)
{
	enum {
		COUNT = 300
	};
	const struct sim_ram ram[] = { { RAM_BASE, 64 * SZ_1M, 0 } };
	static struct page *pages[COUNT];
	(void)state;
	page_check_start(backend, ram, 1);
	struct zone *zone = node_by_id(0)->zonelist[0];
	void *serving = NULL;
	for (size_t b = 0; palloc_table[b] != NULL; b++) {
		void *meta[2];
		uint64_t free_before = page_alloc_free_pages();
		for (unsigned int i = 0; i < COUNT; i++) {
			pages[i] = alloc_pages(GFP_KERNEL, i % 5);
			assert_non_null(pages[i]);
		}
		uint64_t used = page_check_used();
		hand_over(zone, palloc_table[b], &meta[0]);
		page_check_all(used);
		for (unsigned int i = 0; i < COUNT; i += 2) {
			__free_pages(pages[i], i % 5);
		}
		page_check_all(page_check_used());
		hand_over(zone, backend, &meta[1]);
		page_check_all(page_check_used());
		for (unsigned int i = 1; i < COUNT; i += 2) {
			__free_pages(pages[i], i % 5);
		}
		page_check_all(page_check_used());
		assert_int_equal(page_alloc_refused_frees(), 0);
		assert_true(page_alloc_free_pages() + 2 * FRAME_RESERVE_PAGES > free_before);
		free(meta[0]);
		free(serving);
		serving = meta[1];
	}
	sim_stop();
	free(serving);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(requests_fall_back_to_lower_zones_only, page_check_stop),
		cmocka_unit_test_teardown(memory_may_end_anywhere, page_check_stop),
#if MAX_NUMNODES >= 3
		cmocka_unit_test_teardown(nodes_stand_in_for_each_other, page_check_stop),
#endif
		cmocka_unit_test_teardown(a_movable_zone_serves_only_movable_requests,
					  page_check_stop),
		cmocka_unit_test_teardown(many_ranges_are_all_served, page_check_stop),
		cmocka_unit_test_teardown(late_memory_joins, page_check_stop),
		cmocka_unit_test_teardown(starting_does_not_depend_on_the_size_of_memory,
					  page_check_stop),
		cmocka_unit_test_teardown(blocks_in_use_survive_a_hand_over, page_check_stop),
	};
	return PAGE_CHECK_WITH_EACH(backend, tests);
}
