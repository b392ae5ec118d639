/* SPDX-License-Identifier: BSD-2-Clause */
/* Proves memblock's tables: what is added, reserved, flagged, cut, asked and walked, to the byte. */
#include "memblock_ram.h"

#include <errno.h>
#include <stdio.h>

#define MEMORY	 (&memblock.memory)
#define RESERVED (&memblock.reserved)

static void ranges_that_touch_are_one_and_the_total_is_exact(void **state)
{
	(void)state;
	assert_int_equal(memblock_add(0x3000, 0x1000), 0);
	assert_int_equal(memblock_add(0x1000, 0x1001), 0);
	assert_int_equal(memblock_used(MEMORY), 2);
	assert_int_equal(memblock_add(0x2001, 0xfff), 0);
	assert_int_equal(memblock_used(MEMORY), 1);
	ram_assert_region(MEMORY, 0, 0x1000, 0x3000);
	assert_int_equal(memblock_phys_mem_size(), 0x3000);
}

static void a_range_over_others_fills_the_gaps_only(void **state)
{
	struct mem_owner a = mem_owner(OWNER_INITRD, RULE_INITRD, -1);

	(void)state;
	assert_int_equal(memblock_reserve_owned(0x2000, 0x100, 0, a), 0);
	assert_int_equal(memblock_reserve_owned(0x3000, 0x100, 0, a), 0);
	assert_int_equal(memblock_reserve(0x4000, 0x100), 0);
	assert_int_equal(memblock_reserve(0x1000, 0x4000), 0);
	assert_int_equal(memblock_used(RESERVED), 5);
	ram_assert_region(RESERVED, 0, 0x1000, 0x1000);
	ram_assert_region(RESERVED, 1, 0x2000, 0x100);
	ram_assert_region(RESERVED, 2, 0x2100, 0xf00);
	ram_assert_region(RESERVED, 3, 0x3000, 0x100);
	ram_assert_region(RESERVED, 4, 0x3100, 0x1f00);
	assert_int_equal(memblock_reserved_size(), 0x4000);
}

static void bytes_of_two_nodes_stay_with_the_first(void **state)
{
	(void)state;
	assert_int_equal(memblock_add_node(0x1000, 0x2000, 1, MEMBLOCK_NONE), 0);
	assert_int_equal(memblock_add_node(0x2000, 0x2000, 2, MEMBLOCK_NONE), 0);
	ram_assert_region(MEMORY, 0, 0x1000, 0x2000);
	ram_assert_region(MEMORY, 1, 0x3000, 0x1000);
	assert_int_equal(MEMORY->regions[1].nid, 2);
	assert_non_null(strstr(ram_log, "of node 2 overlaps memory of node 1"));
}

static void removal_splits_and_trims_and_the_empty_table_is_zero(void **state)
{
	(void)state;
	assert_int_equal(memblock_add(0x1000, 0x9000), 0);
	assert_int_equal(memblock_remove(0x3000, 0x1000), 0);
	assert_int_equal(memblock_remove(0x6000, 0x1000), 0);
	assert_int_equal(memblock_used(MEMORY), 3);
	assert_int_equal(memblock_remove(0x2000, 0x5800), 0);
	assert_int_equal(memblock_used(MEMORY), 2);
	ram_assert_region(MEMORY, 0, 0x1000, 0x1000);
	ram_assert_region(MEMORY, 1, 0x7800, 0x2800);
	assert_int_equal(memblock_remove(0, PHYS_ADDR_MAX), 0);
	assert_int_equal(memblock_phys_mem_size(), 0);
	assert_int_equal(MEMORY->cnt, 1);
	ram_assert_region(MEMORY, 0, 0, 0);
	assert_int_equal(memblock_end_of_DRAM(), 0);
	assert_int_equal(memblock_remove(0x1000, 0x1000), 0);
}

static void a_range_past_the_last_address_is_cut_there(void **state)
{
	phys_addr_t base = PHYS_ADDR_MAX - 0x2000;
	phys_addr_t start;
	phys_addr_t end = 0;
	uint64_t i;
	unsigned int seen = 0;

	(void)state;
	assert_int_equal(memblock_add(base, 0x10000), 0);
	assert_int_equal(memblock_phys_mem_size(), 0x2000);
	assert_true(memblock_is_memory(PHYS_ADDR_MAX - 1));
	for_each_mem_range(i, &start, &end) {
		seen++;
		assert_int_equal(start, base);
	}
	assert_int_equal(seen, 1);
	for_each_mem_range_rev(i, &start, &end)
	{
		seen++;
	}
	assert_int_equal(seen, 2);
	assert_true(end == PHYS_ADDR_MAX);
	assert_int_equal(memblock_reserve(base, 0), 0);
	assert_int_equal(memblock_used(RESERVED), 0);
}

static void flags_split_regions_and_clearing_joins_them(void **state)
{
	(void)state;
	assert_int_equal(memblock_add(0x10000, 0x10000), 0);
	assert_int_equal(memblock_mark_hotplug(0x12000, 0x1000), 0);
	assert_int_equal(memblock_mark_nomap(0x12800, 0x1000), 0);
	assert_int_equal(memblock_used(MEMORY), 5);
	assert_true(memblock_is_memory(0x12800));
	assert_false(memblock_is_map_memory(0x12800));
	assert_int_equal(MEMORY->regions[2].flags, MEMBLOCK_HOTPLUG | MEMBLOCK_NOMAP);
	assert_int_equal(memblock_clear_hotplug(0, PHYS_ADDR_MAX), 0);
	assert_int_equal(memblock_clear_nomap(0, PHYS_ADDR_MAX), 0);
	assert_int_equal(memblock_used(MEMORY), 1);
	assert_int_equal(memblock_reserve(0x10000, 0x2000), 0);
	assert_int_equal(memblock_reserved_mark_noinit(0x11000, 0x1000), 0);
	assert_true(memblock_is_reserved_noinit(&RESERVED->regions[1]));
}

static void nodes_are_set_and_found_by_frame(void **state)
{
	unsigned long start;
	unsigned long end;

	(void)state;
	assert_int_equal(memblock_add(0x100000, 0x40000), 0);
	assert_false(memblock_validate_numa_coverage(0x40000));
	assert_true(memblock_validate_numa_coverage(0x40001));
	assert_int_equal(memblock_set_node(0x100000, 0x20000, MEMORY, 0), 0);
	assert_int_equal(memblock_set_node(0x120000, 0x20000, MEMORY, 3), 0);
	assert_true(memblock_validate_numa_coverage(1));
	assert_int_equal(memblock_search_pfn_nid(0x130, &start, &end), 3);
	assert_int_equal(start, 0x120);
	assert_int_equal(end, 0x140);
	assert_int_equal(memblock_search_pfn_nid(0x140, &start, &end), NUMA_NO_NODE);
}

static void trimming_rounds_runs_inwards_but_not_at_seams_of_owners(void **state)
{
	(void)state;
	assert_int_equal(memblock_add_owned(0x1080, 0x1000, 0, 0,
					    mem_owner(OWNER_NONE, RULE_NODE_REG, 8)),
			 0);
	assert_int_equal(memblock_add_owned(0x2080, 0x1000, 0, 0,
					    mem_owner(OWNER_NONE, RULE_NODE_REG, 16)),
			 0);
	assert_int_equal(memblock_add_node(0x9100, 0x800, 0, 0), 0);
	memblock_trim_memory(0x1000);
	assert_int_equal(memblock_used(MEMORY), 2);
	ram_assert_region(MEMORY, 0, 0x2000, 0x80);
	ram_assert_region(MEMORY, 1, 0x2080, 0xf80);
	assert_int_equal(memblock_phys_mem_size(), 0x1000);
	memblock_trim_memory(3);
	assert_int_equal(memblock_phys_mem_size(), 0x1000);
}

static void limits_cut_memory_and_reservations(void **state)
{
	(void)state;
	assert_int_equal(memblock_add(0x10000, 0x10000), 0);
	assert_int_equal(memblock_add(0x40000, 0x10000), 0);
	assert_int_equal(memblock_mark_nomap(0x4e000, 0x1000), 0);
	assert_int_equal(memblock_reserve(0x1f000, 0x23000), 0);
	memblock_enforce_memory_limit(0x20000);
	assert_int_equal(memblock_phys_mem_size(), 0x20000);
	memblock_mem_limit_remove_map(0x18000);
	assert_int_equal(memblock_end_of_DRAM(), 0x4f000);
	assert_int_equal(memblock_phys_mem_size(), 0x19000);
	memblock_cap_memory_range(0x12000, 0x3000);
	assert_int_equal(memblock_phys_mem_size(), 0x4000);
	assert_int_equal(memblock_used(RESERVED), 0);
	memblock_enforce_memory_limit(0x1000);
	ram_assert_region(MEMORY, 0, 0x12000, 0x1000);
	assert_int_equal(memblock_used(MEMORY), 1);
}

static void questions_count_every_byte(void **state)
{
	(void)state;
	assert_int_equal(memblock_add_node(0x1000, 0x1000, 0, 0), 0);
	assert_int_equal(memblock_add_node(0x2000, 0x1000, 1, 0), 0);
	assert_true(memblock_is_region_memory(0x1000, 0x2000));
	assert_false(memblock_is_region_memory(0x1000, 0x2001));
	assert_false(memblock_is_region_memory(0xfff, 2));
	assert_int_equal(memblock_reserve(0x1800, 1), 0);
	assert_true(memblock_is_reserved(0x1800));
	assert_false(memblock_is_reserved(0x1801));
	assert_true(memblock_is_region_reserved(0x1000, 0x801));
	assert_false(memblock_is_region_reserved(0x1000, 0x800));
	assert_ptr_equal(memblock_region_find(MEMORY, 0x2fff), &MEMORY->regions[1]);
	assert_null(memblock_region_find(MEMORY, 0x3000));
	assert_int_equal(memblock_region_index(MEMORY, 0x3000), 2);
	assert_int_equal(memblock_start_of_DRAM(), 0x1000);
	assert_int_equal(memblock_end_of_DRAM(), 0x3000);
	assert_true(memblock_addrs_overlap(0, 2, 1, 1));
	assert_false(memblock_addrs_overlap(0, 1, 1, 1));
}

static void a_walk_over_free_memory_survives_reservations_made_in_it(void **state)
{
	phys_addr_t start;
	phys_addr_t end;
	uint64_t i;
	unsigned int steps = 0;

	(void)state;
	assert_int_equal(memblock_add(0x10000, 0x10000), 0);
	assert_int_equal(memblock_reserve(0x12000, 0x100), 0);
	assert_int_equal(memblock_reserve(0x18000, 0x100), 0);
	for_each_free_mem_range(i, NUMA_NO_NODE, MEMBLOCK_NONE, &start, &end, NULL) {
		assert_int_equal(memblock_reserve(start, end - start), 0);
		assert_true(++steps <= 3);
	}
	assert_int_equal(steps, 3);
	assert_int_equal(memblock_used(RESERVED), 1);
	assert_int_equal(memblock_reserved_size(), 0x10000);
}

static void whole_frames_are_walked_by_node(void **state)
{
	unsigned long start;
	unsigned long end;
	unsigned long pages = 0;
	int i;
	int nid;

	(void)state;
	assert_int_equal(memblock_add_node(0x10800, 0x2000, 0, 0), 0);
	assert_int_equal(memblock_add_node(0x20000, 0x800, 0, 0), 0);
	assert_int_equal(memblock_add_node(0x30000, 0x3000, 1, 0), 0);
	for_each_mem_pfn_range(i, MAX_NUMNODES, &start, &end, &nid) {
		pages += end - start;
	}
	assert_int_equal(pages, 4);
	for_each_mem_pfn_range(i, 1, &start, &end, &nid) {
		assert_int_equal(nid, 1);
		assert_int_equal(end - start, 3);
		pages++;
	}
	assert_int_equal(pages, 5);
}

static void the_dump_has_the_form_known_from_linux(void **state)
{
	(void)state;
	assert_int_equal(memblock_add_node(0x80200000, 0x3fe00000, 0, 0), 0);
	assert_int_equal(memblock_reserve_owned(0xbfe00000, 0x14ef, 0,
						mem_owner(OWNER_DTB, RULE_A1, -1)),
			 0);
	memblock_dump_all();
	assert_string_equal(ram_log, "");
	memblock_debug = true;
	memblock_dump_all();
	assert_non_null(strstr(
		ram_log, "memory[0x0] [0x0000000080200000-0x00000000bfffffff], 0x000000003fe00000 "
			 "bytes on node 0 flags: 0x0\n"));
	assert_non_null(
		strstr(ram_log,
		       "reserved[0x0] [0x00000000bfe00000-0x00000000bfe014ee], 0x00000000000014ef "
		       "bytes flags: 0x0 owner: device tree blob\n"));
}

static void each_call_is_logged_when_asked_for(void **state)
{
	(void)state;
	memblock_debug = true;
	assert_int_equal(memblock_reserve(0x80200000, 0xc00000), 0);
	assert_non_null(
		strstr(ram_log, "memblock_reserve: [0x0000000080200000-0x0000000080dfffff] 0x"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ram_test(ranges_that_touch_are_one_and_the_total_is_exact),
		ram_test(a_range_over_others_fills_the_gaps_only),
		ram_test(bytes_of_two_nodes_stay_with_the_first),
		ram_test(removal_splits_and_trims_and_the_empty_table_is_zero),
		ram_test(a_range_past_the_last_address_is_cut_there),
		ram_test(flags_split_regions_and_clearing_joins_them),
		ram_test(nodes_are_set_and_found_by_frame),
		ram_test(trimming_rounds_runs_inwards_but_not_at_seams_of_owners),
		ram_test(limits_cut_memory_and_reservations),
		ram_test(questions_count_every_byte),
		ram_test(a_walk_over_free_memory_survives_reservations_made_in_it),
		ram_test(whole_frames_are_walked_by_node),
		ram_test(the_dump_has_the_form_known_from_linux),
		ram_test(each_call_is_logged_when_asked_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
