/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves that nodes and zones follow memblock's memory: limits, spans, holes, partial frames,
 * no-map, interleaved nodes, any number of ranges; that zonelists follow distance, then zone; and
 * that gfp flags mean the right zone.
 */
#include "sim.h"

#include "fpg/base/range.h"
#include "fpg/core/gfp.h"
#include "fpg/core/memblock.h"
#include "fpg/core/zone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>

#define DMA_ZONE_ON FPG_ENABLED(CONFIG_ZONE_DMA)

/** The zone below 4 GiB that RAM from 2 GiB on belongs to. */
static const struct zone *low_zone(int nid)
{
	return &node_by_id(nid)->zones[ZONE_DMA32];
}

static int stop(void **state)
{
	(void)state;
	sim_stop();
	return 0;
}

static void one_range_below_4_gib_is_dma32(void **state)
{
	const struct sim_ram ram[] = { { 0x80000000, 64 * SZ_1M, 0 } };
	(void)state;
	sim_start(ram, 1);
	assert_int_equal(zone_init(), 0);
	const struct zone *zone = low_zone(0);
	assert_int_equal(zone->span.start.n, 0x80000);
	assert_int_equal(zone->span.end.n, 0x84000);
	assert_int_equal(zone->present_pages, 0x4000);
	assert_int_equal(node_by_id(0)->zones[ZONE_NORMAL].present_pages, 0);
	assert_int_equal(node_by_id(0)->zones[ZONE_MOVABLE].present_pages, 0);
	assert_null(node_by_id(1));
	assert_ptr_equal(pfn_to_zone(pfn(0x80000)), zone);
	assert_ptr_equal(pfn_to_zone(pfn(0x83fff)), zone);
	assert_null(pfn_to_zone(pfn(0x84000)));
	assert_null(pfn_to_zone(pfn(0x7ffff)));
	assert_ptr_equal(zone_by_id(zone->id), zone);
}

static void ram_across_4_gib_is_two_zones(void **state)
{
	const struct sim_ram ram[] = { { 0xf0000000, 512 * SZ_1M, 0 } };
	(void)state;
	sim_start(ram, 1);
	assert_int_equal(zone_init(), 0);
	assert_int_equal(low_zone(0)->span.end.n, 0x100000);
	assert_int_equal(node_by_id(0)->zones[ZONE_NORMAL].span.start.n, 0x100000);
	assert_int_equal(low_zone(0)->present_pages, 0x10000);
	assert_int_equal(node_by_id(0)->zones[ZONE_NORMAL].present_pages, 0x10000);
	assert_int_equal(node_by_id(0)->zonelist[0]->type, ZONE_NORMAL);
	assert_int_equal(node_by_id(0)->zonelist[1]->type, ZONE_DMA32);
	assert_null(node_by_id(0)->zonelist[2]);
}

static void partial_frames_round_inward_and_touching_regions_join_first(void **state)
{
	const struct sim_ram ram[] = { { 0x80000000, 16 * SZ_1M, 0 } };
	(void)state;
	sim_start(ram, 1);
	/* Bytes off both ends; and a frame that two regions share stays whole. */
	assert_int_equal(memblock_remove(0x80000000, 0x123), 0);
	assert_int_equal(memblock_remove(0x81000000 - 0x10, 0x10), 0);
	assert_int_equal(memblock_mark_hotplug(0x80000000, 0x200800), 0);
	assert_int_equal(zone_init(), 0);
	assert_int_equal(low_zone(0)->span.start.n, 0x80001);
	assert_int_equal(low_zone(0)->span.end.n, 0x80fff);
	assert_int_equal(low_zone(0)->present_pages, 0xffe);
}

static void no_map_memory_is_not_present(void **state)
{
	const struct sim_ram ram[] = { { 0x80000000, 16 * SZ_1M, 0 } };
	(void)state;
	sim_start(ram, 1);
	assert_int_equal(memblock_mark_nomap(0x80000000, SZ_2M), 0);
	assert_int_equal(memblock_mark_nomap(0x80800000, 0x1800), 0);
	assert_int_equal(zone_init(), 0);
	assert_int_equal(low_zone(0)->span.start.n, 0x80200);
	assert_int_equal(low_zone(0)->present_pages, 0x1000 - 0x200 - 2);
}

static void hundreds_of_ranges_are_counted_with_their_holes(void **state)
{
	static struct sim_ram ram[400];
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ram); i++) {
		ram[i] = (struct sim_ram){ 0x80000000 + i * 0x40000, 0x30000, 0 };
	}
	sim_start(ram, ARRAY_SIZE(ram));
	assert_int_equal(zone_init(), 0);
	assert_int_equal(low_zone(0)->present_pages, 400 * 0x30);
	assert_int_equal(zone_spanned_pages(low_zone(0)), 399 * 0x40 + 0x30);
}

static void a_movable_start_cuts_the_zone_above_it(void **state)
{
	const struct sim_ram ram[] = { { 0x80000000, 64 * SZ_1M, 0 } };
	(void)state;
	sim_start(ram, 1);
	assert_int_equal(zone_movable_start_set(0, pfn(0x82001)), 0);
	assert_int_equal(zone_movable_start_set(MAX_NUMNODES, pfn(1)), -EINVAL);
	assert_int_equal(zone_init(), 0);
	uint64_t edge = ALIGN_UP(0x82001, MAX_ORDER_NR_PAGES);
	assert_int_equal(low_zone(0)->span.end.n, edge);
	assert_int_equal(node_by_id(0)->zones[ZONE_MOVABLE].span.start.n, edge);
	assert_int_equal(low_zone(0)->present_pages +
				 node_by_id(0)->zones[ZONE_MOVABLE].present_pages,
			 0x4000);
	assert_int_equal(node_by_id(0)->zonelist[0]->type, ZONE_MOVABLE);
}

static void a_dma_zone_takes_what_lies_below_its_limit(void **state)
{
	const struct sim_ram ram[] = { { 0x3f000000, 32 * SZ_1M, 0 } };
	(void)state;
	sim_start(ram, 1);
	assert_int_equal(zone_init(), 0);
	if (DMA_ZONE_ON) {
		const struct zone *dma = &node_by_id(0)->zones[ZONE_DMA];
		assert_int_equal(dma->span.start.n, 0x3f000);
		assert_int_equal(dma->present_pages + low_zone(0)->present_pages, 0x2000);
		assert_int_equal(gfp_zone(__GFP_DMA), ZONE_DMA);
	} else {
		assert_int_equal(low_zone(0)->present_pages, 0x2000);
		assert_int_equal(gfp_zone(__GFP_DMA), ZONE_DMA32);
	}
}

static void no_memory_is_an_error(void **state)
{
	(void)state;
	sim_stop();
	assert_int_equal(zone_init(), -ENODEV);
}

#if MAX_NUMNODES >= 4

static void nodes_have_zones_of_their_own(void **state)
{
	const struct sim_ram ram[] = {
		{ 0x80000000, 32 * SZ_1M, 0 },
		{ 0x90000000, 48 * SZ_1M, 2 },
		{ 0xa0000000, 16 * SZ_1M, 3 },
	};
	(void)state;
	sim_start(ram, ARRAY_SIZE(ram));
	assert_int_equal(node_distance_set(0, 2, 40), 0);
	assert_int_equal(node_distance_set(0, 3, 25), 0);
	assert_int_equal(node_distance_set(2, 0, 15), 0);
	assert_int_equal(node_distance_set(0, 0, 11), -EINVAL);
	assert_int_equal(node_distance_set(0, 1, 10), -EINVAL);
	assert_int_equal(node_distance_set(0, MAX_NUMNODES, 20), -EINVAL);
	assert_int_equal(zone_init(), 0);
	assert_null(node_by_id(1));
	assert_int_equal(low_zone(2)->present_pages, 0x3000);
	assert_ptr_equal(pfn_to_zone(pfn(0x90000)), low_zone(2));
	/* By distance, not by number; equal distances in ring order. */
	assert_int_equal(node_by_id(0)->zonelist[0]->nid, 0);
	assert_int_equal(node_by_id(0)->zonelist[1]->nid, 3);
	assert_int_equal(node_by_id(0)->zonelist[2]->nid, 2);
	assert_null(node_by_id(0)->zonelist[3]);
	assert_int_equal(node_by_id(2)->zonelist[0]->nid, 2);
	assert_int_equal(node_by_id(2)->zonelist[1]->nid, 0);
	assert_int_equal(node_by_id(3)->zonelist[1]->nid, 0);
	assert_int_equal(node_by_id(3)->zonelist[2]->nid, 2);
}

static void interleaved_nodes_are_told_apart(void **state)
{
	const struct sim_ram ram[] = {
		{ 0x80000000, 16 * SZ_1M, 0 },
		{ 0x81000000, 16 * SZ_1M, 1 },
		{ 0x82000000, 16 * SZ_1M, 0 },
		{ 0x83000000, 16 * SZ_1M, 1 },
	};
	(void)state;
	sim_start(ram, ARRAY_SIZE(ram));
	assert_int_equal(zone_init(), 0);
	assert_int_equal(low_zone(0)->present_pages, 0x2000);
	assert_int_equal(low_zone(1)->present_pages, 0x2000);
	assert_int_equal(zone_spanned_pages(low_zone(0)), 0x3000);
	for (unsigned int i = 0; i < 4; i++) {
		assert_ptr_equal(pfn_to_zone(pfn(0x80000 + i * 0x1000)), low_zone((int)i % 2));
		assert_ptr_equal(pfn_to_zone(pfn(0x80fff + i * 0x1000)), low_zone((int)i % 2));
	}
}

static void memory_of_a_node_beyond_the_limit_is_node_0s(void **state)
{
	const struct sim_ram ram[] = { { 0x80000000, 16 * SZ_1M, NUMA_NO_NODE },
				       { 0x82000000, SZ_1M, MAX_NUMNODES } };
	(void)state;
	sim_start(ram, ARRAY_SIZE(ram));
	assert_int_equal(zone_init(), 0);
	assert_int_equal(low_zone(0)->present_pages, 0x1100);
}

#endif

static void gfp_flags_mean_linux_s_zones(void **state)
{
	(void)state;
	assert_int_equal(gfp_zone(GFP_KERNEL), ZONE_NORMAL);
	assert_int_equal(gfp_zone(GFP_DMA32), ZONE_DMA32);
	assert_int_equal(gfp_zone(GFP_USER_MOVABLE), ZONE_MOVABLE);
	assert_int_equal(gfp_zone(__GFP_DMA32 | __GFP_MOVABLE), ZONE_DMA32);
	assert_null(gfp_refusal(GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN));
	assert_non_null(gfp_refusal(__GFP_DMA | __GFP_DMA32));
	assert_non_null(gfp_refusal(__GFP_MOVABLE | __GFP_RECLAIMABLE));
	assert_non_null(gfp_refusal(__GFP_NOFAIL));
	assert_non_null(gfp_refusal(0x80000000));
	assert_int_equal(gfp_migratetype(GFP_KERNEL), MIGRATE_UNMOVABLE);
	assert_int_equal(gfp_migratetype(__GFP_MOVABLE), MIGRATE_MOVABLE);
	assert_int_equal(gfp_migratetype(__GFP_RECLAIMABLE), MIGRATE_RECLAIMABLE);
	assert_string_equal(migratetype_name(MIGRATE_CMA), "CMA");
	assert_string_equal(migratetype_name(MIGRATE_TYPE_COUNT), "?");
	assert_string_equal(zone_name(ZONE_DMA32), "DMA32");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(one_range_below_4_gib_is_dma32, stop),
		cmocka_unit_test_teardown(ram_across_4_gib_is_two_zones, stop),
		cmocka_unit_test_teardown(
			partial_frames_round_inward_and_touching_regions_join_first, stop),
		cmocka_unit_test_teardown(no_map_memory_is_not_present, stop),
		cmocka_unit_test_teardown(hundreds_of_ranges_are_counted_with_their_holes, stop),
		cmocka_unit_test_teardown(a_movable_start_cuts_the_zone_above_it, stop),
		cmocka_unit_test_teardown(a_dma_zone_takes_what_lies_below_its_limit, stop),
		cmocka_unit_test_teardown(no_memory_is_an_error, stop),
#if MAX_NUMNODES >= 4
		cmocka_unit_test_teardown(nodes_have_zones_of_their_own, stop),
		cmocka_unit_test_teardown(interleaved_nodes_are_told_apart, stop),
		cmocka_unit_test_teardown(memory_of_a_node_beyond_the_limit_is_node_0s, stop),
#endif
		cmocka_unit_test(gfp_flags_mean_linux_s_zones),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
