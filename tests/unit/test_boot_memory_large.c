/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves where nodes without a place of their own go, and that trees too large for static storage need memory, give it
 * back, and touch nothing that the tree speaks of (rows R8, R9, R16, R19, M11).
 */
#include "boot_sim.h"
#include "dtb_build.h"
#include "host.h"

#include "fpg/core/memblock.h"
#include "fpg/port/port.h"

#include <errno.h>
#include <libfdt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "boot_case.h"

#define G (1ULL << 30)
#define M (1ULL << 20)

/* ---- nodes without a place ----------------------------------------------------------------------------------- */

static void dynamic_nodes_get_aligned_free_memory_in_their_ranges(void **state)
{
	(void)state;
	begin_usual();
	dtb_reserved("hole@8c000000", 0x8c000000, 16 * M, "no-map");
	dtb_node("dyn");
	dtb_u64("size", 16 * M);
	dtb_u64("alignment", 8 * M);
	dtb_u64s("alloc-ranges", 0x88000000, 0x5000000);
	dtb_empty("no-map");
	dtb_end();
	dtb_end();
	finish();
	held_exactly(0x8b000000, 16 * M, OWNER_RESERVED_NODE);
	assert_true(is_nomap(0x8b000000));
	assert_int_equal(memblock_region_find(&memblock.reserved, 0x8b000000)->owner.rule,
			 RULE_NODE_DYNAMIC);
	assert_int_equal(warnings_count(), 0);
}

static void a_dynamic_node_without_room_is_named_and_nothing_is_taken(void **state)
{
	(void)state;
	begin_usual();
	dtb_reserved("hole@88000000", 0x88000000, 64 * M, "no-map");
	dtb_node("dyn");
	dtb_u64("size", 16 * M);
	dtb_u64s("alloc-ranges", 0x88000000, 64 * M, 0x0, 0x1000);
	dtb_end();
	dtb_node("huge");
	dtb_u64("size", UINT64_MAX);
	dtb_end();
	dtb_end();
	finish();
	assert_true(warned_of(
		"/reserved-memory/dyn: no place for 0x1000000 bytes aligned to 0x1000 in its alloc-ranges"));
	assert_true(warned_of("/reserved-memory/huge: no place for"));
	assert_int_equal(warnings_count(), 2);
}

/** Areas that nodes ask for. Return: how many, those beyond @most too */
static unsigned int list_areas(struct boot_area *areas, unsigned int most)
{
	struct boot_area area;
	phys_addr_t at = 0;
	unsigned int count = 0;
	while (boot_memory_next_area(&boot_sim_memory, &at, &area)) {
		if (count < most) {
			areas[count] = area;
		}
		count++;
	}
	return count;
}

static void cma_and_dma_areas_are_remembered(void **state)
{
	(void)state;
	begin_usual();
	dtb_node("linux,cma");
	dtb_string("compatible", "shared-dma-pool");
	dtb_u64("size", 63 * M);
	dtb_empty("reusable");
	dtb_empty("linux,cma-default");
	dtb_end();
	dtb_node("dma@90000000");
	dtb_string("compatible", "shared-dma-pool");
	dtb_u64s("reg", 0x90000000, M);
	dtb_empty("no-map");
	dtb_empty("linux,dma-default");
	dtb_end();
	dtb_end();
	finish();
	struct boot_area areas[3];
	assert_int_equal(list_areas(areas, 3), 2);
	const struct boot_area *dma = areas[0].cma ? &areas[1] : &areas[0];
	const struct boot_area *cma = areas[0].cma ? &areas[0] : &areas[1];
	assert_true(dma->range.base == 0x90000000 && (dma->flags & DT_RANGE_DMA_DEFAULT));
	assert_true(cma->cma && (cma->flags & DT_RANGE_CMA_DEFAULT));
	/* Whole pageblocks. */
	assert_true(cma->range.size == 64 * M && cma->range.base % (2 * M) == 0);
	held_exactly(cma->range.base, 64 * M, OWNER_CMA);
	assert_int_equal(warnings_count(), 0);

	phys_addr_t where = cma->range.base;
	assert_int_equal(boot_memory_release_cma(&boot_sim_memory), 0);
	assert_int_equal(holder(where), OWNER_NONE);
	assert_int_equal(holder(0x90000000), OWNER_RESERVED_NODE);
	assert_int_equal(list_areas(areas, 3), 1);
}

static void a_cma_area_that_others_claim_is_not_given_up(void **state)
{
	(void)state;
	begin_usual();
	dtb_node("cma@90000000");
	dtb_string("compatible", "shared-dma-pool");
	dtb_u64s("reg", 0x90000000, 16 * M);
	dtb_empty("reusable");
	dtb_end();
	dtb_reserved("in@90100000", 0x90100000, M, NULL);
	dtb_end();
	finish();
	assert_int_equal(boot_memory_release_cma(&boot_sim_memory), 0);
	assert_int_equal(holder(0x90100000), OWNER_CMA);
	struct boot_area areas[2];
	assert_int_equal(list_areas(areas, 2), 1);
}

/* ---- large trees --------------------------------------------------------------------------------------------- */

static void no_memory_at_all_is_an_error_with_a_name(void **state)
{
	(void)state;
	begin();
	assert_int_equal(boot_sim_run(&sim, dtb_finish()), -ENODATA);
	assert_true(warned_of("no usable memory"));

	begin();
	dtb_memory(0x80000001, 0x1ffe);
	assert_int_equal(boot_sim_run(&sim, dtb_finish()), -ENODATA);
}

static void tables_of_300_nodes_lie_on_nothing_the_tree_says(void **state)
{
	(void)state;
	begin();
	dtb_memory(0x80000000, 256 * M);
	dtb_reserved_memory();
	for (uint32_t i = 0; i < 298; i++) {
		char name[32];
		snprintf(name, sizeof(name), "r@%x", 0x84000000 + i * 0x10000);
		dtb_reserved(name, 0x84000000 + i * 0x10000, 0x1000, i % 2 == 0 ? "no-map" : NULL);
	}
	/* Where tables would like to go: behind the image, and at the top. */
	dtb_reserved("behind@80400000", 0x80400000, 28 * M, "no-map");
	dtb_reserved("top@8f000000", 0x8f000000, 16 * M, NULL);
	dtb_end();
	dtb_node("framebuffer@8e000000");
	dtb_u64s("reg", 0x8e000000, 16 * M);
	dtb_end();
	finish();
	uint64_t nodes = 0;
	for (unsigned long i = 0; i < memblock_used(&memblock.reserved); i++) {
		const struct memblock_region *r = &memblock.reserved.regions[i];
		nodes += r->owner.kind == OWNER_RESERVED_NODE ? r->size : 0;
		if (r->owner.kind == OWNER_MEMBLOCK) {
			assert_true(memblock_region_end(r) <= 0x8e000000 || r->base >= 0x8f000000);
		}
	}
	assert_true(nodes == 298 * 0x1000 + 28 * M + 16 * M);
	assert_int_equal(memblock_used(&memblock.claims), 0);
	assert_true(memblock.reserved.max > INIT_MEMBLOCK_REGIONS);
}

static uint64_t shuffled[20000];

/** @n ranges of 64 KiB each with a gap between them, in one reg, in an order without order. */
static void many_ranges(uint64_t n, uint64_t base)
{
	for (uint64_t i = 0; i < n; i++) {
		uint64_t at = i * 7919 % n;
		shuffled[2 * i] = base + at * 0x20000;
		shuffled[2 * i + 1] = 0x10000;
	}
	dtb_u64s_of("reg", shuffled, 2 * n);
}

static void memory_of_10000_ranges_is_added_and_its_rows_stay(void **state)
{
	(void)state;
	begin();
	dtb_memory(2 * G, G);
	dtb_node("memory@100000000");
	dtb_string("device_type", "memory");
	many_ranges(10000, 4 * G);
	dtb_end();
	finish();
	/* The first bank is two pieces: guessed firmware is no-map. */
	assert_int_equal(memblock_used(&memblock.memory), 10001 + 1);
	assert_true(boot_sim_memory.ram_bytes == G + 10000 * 0x10000ULL);
	assert_true(boot_sim_memory.memory_scratch.size != 0);
	held_exactly(boot_sim_memory.memory_scratch.base, boot_sim_memory.memory_scratch.size,
		     OWNER_SCRATCH);
}

static void reservations_of_10000_ranges_leave_no_scratch_behind(void **state)
{
	(void)state;
	begin();
	dtb_memory(2 * G, 4 * G);
	dtb_reserved_memory();
	dtb_node("many");
	many_ranges(10000, 3 * G);
	dtb_end();
	dtb_end();
	finish();
	uint64_t nodes = 0;
	for (unsigned long i = 0; i < memblock_used(&memblock.reserved); i++) {
		const struct memblock_region *r = &memblock.reserved.regions[i];
		assert_int_not_equal(r->owner.kind, OWNER_SCRATCH);
		nodes += r->owner.kind == OWNER_RESERVED_NODE ? r->size : 0;
	}
	assert_true(nodes == 10000 * 0x10000ULL);
}

static void without_access_to_memory_a_large_tree_is_refused_in_words(void **state)
{
	(void)state;
	begin();
	dtb_memory(2 * G, G);
	dtb_node("memory@100000000");
	dtb_string("device_type", "memory");
	many_ranges(1000, 4 * G);
	dtb_end();
	sim.no_access = true;
	assert_int_equal(boot_sim_run(&sim, dtb_finish()), -ENOMEM);
	assert_true(warned_of("cannot reach"));
	assert_true(warned_of("memory cannot be set up"));
}

static void places_respect_mem_and_memmap(void **state)
{
	(void)state;
	begin();
	dtb_memory(2 * G, 4 * G);
	dtb_reserved_memory();
	dtb_node("many");
	many_ranges(2000, 4 * G);
	dtb_end();
	dtb_end();
	sim.bootargs = "mem=64M memmap=28M!0x80400000";
	finish();
	for (unsigned long i = 0; i < memblock_used(&memblock.reserved); i++) {
		const struct memblock_region *r = &memblock.reserved.regions[i];
		if (r->owner.kind == OWNER_MEMBLOCK) {
			assert_true(r->base >= 0x82000000 && memblock_region_end(r) <= 0x84000000);
		}
	}
	held_exactly(0x80400000, 28 * M, OWNER_BOOTARG);
}

static void after_the_linear_map_lists_are_reached_through_it(void **state)
{
	(void)state;
	assert_int_equal(host_ram_window(2 * G, G), 0);
	assert_int_equal(host_ram_add(2 * G, G), 0);
	begin();
	dtb_memory(2 * G, G);
	dtb_node("memory@100000000");
	dtb_string("device_type", "memory");
	many_ranges(1000, 4 * G);
	dtb_end();
	sim.linear = true;
	finish();
	assert_true(boot_sim_memory.memory_scratch.size != 0);
	boot_sim_memory.facts.memory.at = NULL;
	boot_memory_relocate(&boot_sim_memory);
	assert_true((void *)boot_sim_memory.facts.memory.at ==
		    port_phys_to_virt(boot_sim_memory.memory_scratch.base));
	assert_null(boot_sim_wrong());
	boot_sim_end();
	host_ram_release();
}

/** CPU time of a tree with @n nodes, each a page higher than the one before and long enough to cover all. */
static clock_t time_of_overlaps(uint32_t n)
{
	begin();
	dtb_memory(2 * G, 2 * G);
	dtb_reserved_memory();
	for (uint32_t i = n; i-- > 0;) {
		dtb_reserved("a", 0x90000000 + i * 0x1000, G, i % 2 == 0 ? "no-map" : NULL);
	}
	dtb_end();
	clock_t before = clock();
	finish();
	return clock() - before;
}

static void overlaps_of_many_nodes_cost_no_square(void **state)
{
	(void)state;
	clock_t small = time_of_overlaps(2000);
	clock_t large = time_of_overlaps(20000);
	/* 10 times as many: 100 times if it were quadratic. */
	assert_true(large < 40 * small);
	assert_int_equal(memblock_used(&memblock.claims), 20000 - 1);
}

static void searches_for_places_end_in_words(void **state)
{
	(void)state;
	begin();
	dtb_memory(2 * G, G);
	dtb_node("memory@100000000");
	dtb_string("device_type", "memory");
	many_ranges(10000, 4 * G);
	dtb_end();
	dtb_reserved_memory();
	for (int i = 0; i < 3000; i++) {
		dtb_node("a");
		dtb_u64("size", 0x11000);
		dtb_end();
	}
	dtb_end();
	finish();
	assert_true(warned_of("too many ranges to look through"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dynamic_nodes_get_aligned_free_memory_in_their_ranges),
		cmocka_unit_test(a_dynamic_node_without_room_is_named_and_nothing_is_taken),
		cmocka_unit_test(cma_and_dma_areas_are_remembered),
		cmocka_unit_test(a_cma_area_that_others_claim_is_not_given_up),
		cmocka_unit_test(no_memory_at_all_is_an_error_with_a_name),
		cmocka_unit_test(tables_of_300_nodes_lie_on_nothing_the_tree_says),
		cmocka_unit_test(memory_of_10000_ranges_is_added_and_its_rows_stay),
		cmocka_unit_test(reservations_of_10000_ranges_leave_no_scratch_behind),
		cmocka_unit_test(without_access_to_memory_a_large_tree_is_refused_in_words),
		cmocka_unit_test(places_respect_mem_and_memmap),
		cmocka_unit_test(overlaps_of_many_nodes_cost_no_square),
		cmocka_unit_test(searches_for_places_end_in_words),
		cmocka_unit_test(after_the_linear_map_lists_are_reached_through_it),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	boot_sim_end();
	return failed;
}
