/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves which ranges count as RAM, for every odd way of writing memory nodes (rows M1 to M8), and that their union is
 * ascending, disjoint and exact to the byte.
 */
#include "dtb_build.h"

#include "fpg/core/devicetree.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define G (1ULL << 30)

static struct dt_facts facts;

static void begin(uint32_t address_cells, uint32_t size_cells)
{
	warnings_start();
	dtb_start();
	dtb_root(address_cells, size_cells);
}

static void collect(void)
{
	struct dt_error err;
	const uint32_t *blob = dtb_finish();
	uint32_t total = __builtin_bswap32(blob[1]);
	assert_int_equal(dt_check_blob(blob, total, &err), 0);
	assert_int_equal(dt_collect(&facts, blob), 0);
}

/** Collect and make the union. */
static void finish(void)
{
	collect();
	dt_memory_union(&facts);
}

static void holds(uint32_t i, uint64_t base, uint64_t size)
{
	assert_true(i < facts.memory.count);
	assert_true(facts.memory.at[i].base == base);
	assert_true(facts.memory.at[i].size == size);
}

static void ram_is(uint64_t base, uint64_t size)
{
	finish();
	assert_int_equal(facts.memory.count, 1);
	holds(0, base, size);
}

static void typed_node(const char *name)
{
	dtb_node(name);
	dtb_string("device_type", "memory");
}

static void all_memory_nodes_count_wherever_their_properties_stand(void **state)
{
	(void)state;
	begin(2, 2);
	dtb_node("memory@80000000");
	dtb_u64s("reg", 2 * G, G / 2);
	dtb_u32("numa-node-id", 0);
	dtb_string("device_type", "memory");
	dtb_end();
	dtb_node("memory@c0000000");
	dtb_u32("numa-node-id", 1);
	dtb_string("device_type", "memory");
	dtb_u64s("reg", 3 * G, G);
	dtb_end();
	finish();
	assert_int_equal(facts.memory.count, 2);
	holds(0, 2 * G, G / 2);
	holds(1, 3 * G, G);
	assert_int_equal(facts.memory.at[0].nid, 0);
	assert_int_equal(facts.memory.at[1].nid, 1);
	assert_int_equal(facts.numa_nodes, 2);
	assert_int_equal(warnings_count(), 0);
}

static void many_tuples_in_one_reg_all_count(void **state)
{
	(void)state;
	begin(2, 2);
	typed_node("memory@80000000");
	dtb_u64s("reg", 8 * G, G, 2 * G, G, 5 * G, G);
	dtb_end();
	finish();
	assert_int_equal(facts.memory.count, 3);
	holds(0, 2 * G, G);
	holds(1, 5 * G, G);
	holds(2, 8 * G, G);
	assert_int_equal(facts.memory.at[0].nid, -1);
}

static void a_partial_last_tuple_is_dropped_with_a_warning(void **state)
{
	(void)state;
	begin(2, 2);
	typed_node("memory@80000000");
	dtb_cells("reg", 0, 0x80000000, 0, 0x10000000, 0, 0xc0000000, 0);
	dtb_end();
	ram_is(2 * G, 0x10000000);
	assert_true(warned_of("/memory@80000000: reg: the last 12 bytes"));
}

static void cells_of_the_root_decide_and_default_to_2_and_1(void **state)
{
	(void)state;
	begin(1, 1);
	typed_node("memory@80000000");
	dtb_cells("reg", 0x80000000, 0x10000000);
	dtb_end();
	ram_is(2 * G, 0x10000000);

	begin(9, 9);
	typed_node("memory@180000000");
	dtb_cells("reg", 1, 0x80000000, 0x10000000);
	dtb_end();
	ram_is(6 * G, 0x10000000);

	begin(3, 2);
	typed_node("memory@80000000");
	dtb_cells("reg", 0, 0, 0x80000000, 0, 0x10000000, 1, 0, 0, 0, 0x1000);
	dtb_end();
	ram_is(2 * G, 0x10000000);
	assert_true(warned_of("more than 64 bits"));
}

static void cells_that_make_no_range_are_named(void **state)
{
	static const uint32_t cells[][2] = { { 2, 0 }, { 0, 2 }, { 0, 0 } };
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		begin(cells[i][0], cells[i][1]);
		dtb_memory(2 * G, G);
		finish();
		assert_int_equal(facts.memory.count, 0);
		assert_true(warned_of("make no range"));
	}
	begin(9, 1);
	dtb_u32("#address-cells", 5);
	dtb_memory(2 * G, G);
	finish();
	assert_int_equal(facts.memory.count, 0);
	assert_true(warned_of("#address-cells"));
}

static void a_reg_of_64_bit_cells_under_a_32_bit_root_is_recognised(void **state)
{
	(void)state;
	begin(1, 1);
	dtb_memory(2 * G, G);
	ram_is(2 * G, G);
	assert_true(warned_of("64-bit cells"));

	begin(1, 1);
	typed_node("memory@100000000");
	dtb_u64s("reg", 4 * G, G, 8 * G, G);
	dtb_end();
	finish();
	holds(0, 4 * G, G);
	holds(1, 8 * G, G);
	assert_true(warned_of("64-bit cells"));
}

static void a_32_bit_reg_of_several_ranges_is_not_mistaken_for_64_bit(void **state)
{
	(void)state;
	begin(1, 1);
	typed_node("memory@0");
	dtb_cells("reg", 0, 0x8000000, 0x80000000, 0x10000000);
	dtb_end();
	finish();
	assert_int_equal(facts.memory.count, 2);
	holds(0, 0, 0x8000000);
	holds(1, 2 * G, 0x10000000);
	assert_int_equal(warnings_count(), 0);
}

static void empty_ranges_are_skipped_in_silence(void **state)
{
	(void)state;
	begin(2, 2);
	dtb_memory(0, 0);
	dtb_memory(2 * G, G);
	ram_is(2 * G, G);
	assert_int_equal(warnings_count(), 0);
}

static void ranges_past_the_end_of_the_address_space_are_cut(void **state)
{
	(void)state;
	begin(2, 2);
	dtb_memory(0xffffffff00000000, 0x200000000);
	ram_is(0xffffffff00000000, 0xffffffff);
	assert_true(warned_of(
		"/memory@ffffffff00000000: reg: 0x200000000 bytes at 0xffffffff00000000 pass the end"));

	begin(2, 2);
	dtb_memory(0, UINT64_MAX);
	ram_is(0, UINT64_MAX);
	assert_int_equal(warnings_count(), 0);
}

static void unaligned_ranges_are_kept_to_the_byte(void **state)
{
	(void)state;
	begin(2, 2);
	dtb_memory(0x80000123, 0x10000001);
	ram_is(0x80000123, 0x10000001);
}

static void overlaps_and_duplicates_count_once_and_are_named(void **state)
{
	(void)state;
	begin(2, 2);
	dtb_memory(2 * G, G);
	dtb_memory(2 * G + G / 2, G);
	finish();
	assert_int_equal(facts.memory.count, 2);
	holds(0, 2 * G, G);
	holds(1, 3 * G, G / 2);
	assert_true(warned_of(
		"/memory@a0000000: memory 0xa0000000+0x40000000 overlaps memory 0x80000000+0x40000000"));

	begin(2, 2);
	typed_node("memory@80000000");
	dtb_u64s("reg", 2 * G, G, 2 * G, G, 2 * G + 4096, 4096);
	dtb_end();
	ram_is(2 * G, G);
	assert_int_equal(warnings_count(), 2);
}

static void neighbours_are_no_overlap(void **state)
{
	(void)state;
	begin(2, 2);
	dtb_memory(3 * G, G);
	dtb_memory(2 * G, G);
	finish();
	assert_int_equal(facts.memory.count, 2);
	holds(0, 2 * G, G);
	holds(1, 3 * G, G);
	assert_int_equal(warnings_count(), 0);
}

static void only_enabled_nodes_count(void **state)
{
	static const char *const off[] = { "disabled", "reserved", "fail", "fail-ecc", "", "OKAY" };
	static const char *const on[] = { "okay", "ok" };
	(void)state;
	for (size_t i = 0; i < 6; i++) {
		begin(2, 2);
		dtb_memory(2 * G, G);
		typed_node("memory@c0000000");
		dtb_u64s("reg", 3 * G, G);
		dtb_string("status", off[i]);
		dtb_end();
		ram_is(2 * G, G);
	}
	for (size_t i = 0; i < 2; i++) {
		begin(2, 2);
		typed_node("memory@c0000000");
		dtb_string("status", on[i]);
		dtb_u64s("reg", 3 * G, G);
		dtb_end();
		ram_is(3 * G, G);
	}
}

static void usable_memory_replaces_reg(void **state)
{
	(void)state;
	begin(2, 2);
	typed_node("memory@80000000");
	dtb_u64s("reg", 2 * G, 2 * G);
	dtb_u64s("linux,usable-memory", 3 * G, G);
	dtb_end();
	ram_is(3 * G, G);

	begin(2, 2);
	dtb_memory(8 * G, G);
	typed_node("memory@80000000");
	dtb_u64s("reg", 2 * G, 2 * G);
	dtb_empty("linux,usable-memory");
	dtb_end();
	ram_is(8 * G, G);
}

static void hotpluggable_memory_is_marked_and_stays_apart(void **state)
{
	(void)state;
	begin(2, 2);
	dtb_memory(2 * G, G);
	typed_node("memory@c0000000");
	dtb_u64s("reg", 3 * G, G);
	dtb_empty("hotpluggable");
	dtb_end();
	finish();
	assert_int_equal(facts.memory.count, 2);
	assert_false(facts.memory.at[0].flags & DT_RANGE_HOTPLUG);
	assert_true(facts.memory.at[1].flags & DT_RANGE_HOTPLUG);
}

static void a_node_only_named_memory_counts_when_there_is_no_other(void **state)
{
	(void)state;
	begin(2, 2);
	dtb_node("memory@80000000");
	dtb_u64s("reg", 2 * G, G);
	dtb_end();
	ram_is(2 * G, G);
	assert_true(warned_of("/memory@80000000: no other memory"));

	begin(2, 2);
	dtb_node("memory");
	dtb_u64s("reg", 2 * G, G);
	dtb_end();
	dtb_memory(8 * G, G);
	ram_is(8 * G, G);
	assert_true(warned_of("/memory: named memory, but without device_type"));
}

static void device_type_memory_elsewhere_is_no_ram(void **state)
{
	(void)state;
	begin(2, 2);
	dtb_memory(2 * G, G);
	dtb_node("soc");
	dtb_u32("#address-cells", 2);
	dtb_u32("#size-cells", 2);
	typed_node("memory@8000000");
	dtb_u64s("reg", 0x8000000, 0x2000000);
	dtb_end();
	dtb_end();
	typed_node("dtim@1100000");
	dtb_u64s("reg", 0x1100000, 0x2000);
	dtb_end();
	typed_node("memory@0");
	dtb_string("compatible", "xlnx,axi-bram-ctrl-4.1");
	dtb_u64s("reg", 0, 0x2000);
	dtb_end();
	ram_is(2 * G, G);
	assert_true(warned_of("/soc/memory@8000000: device_type \"memory\" below the root level"));
	assert_true(warned_of("/dtim@1100000: device_type \"memory\" on an on-chip memory"));
	assert_true(warned_of("/memory@0: device_type \"memory\" on an on-chip memory"));
}

static void dram_controllers_compatibles_are_not_on_chip(void **state)
{
	(void)state;
	begin(2, 2);
	typed_node("memory@80000000");
	dtb_string("compatible", "qcom,dram-controller");
	dtb_u64s("reg", 2 * G, G);
	dtb_end();
	ram_is(2 * G, G);
	assert_int_equal(warnings_count(), 0);
}

static void a_memory_node_without_reg_is_named(void **state)
{
	(void)state;
	begin(2, 2);
	dtb_memory(2 * G, G);
	typed_node("memory@c0000000");
	dtb_end();
	ram_is(2 * G, G);
	assert_true(warned_of("/memory@c0000000: memory node without reg"));
}

static void a_node_number_out_of_reach_is_named_and_ignored(void **state)
{
	(void)state;
	begin(2, 2);
	typed_node("memory@80000000");
	dtb_u64s("reg", 2 * G, G);
	dtb_u32("numa-node-id", 4096);
	dtb_end();
	ram_is(2 * G, G);
	assert_int_equal(facts.memory.at[0].nid, -1);
	assert_true(warned_of("numa-node-id 4096"));
}

static void more_ranges_than_static_storage_are_collected_in_full(void **state)
{
	enum {
		N = 5000
	};
	static struct dt_range storage[N];
	static uint64_t cells[2 * N];
	(void)state;
	begin(2, 2);
	typed_node("memory@80000000");
	for (uint64_t i = 0; i < N; i++) {
		uint64_t at = i * 7919 % N;
		cells[2 * i] = 2 * G + at * 0x10000;
		cells[2 * i + 1] = 0x1000 + at;
	}
	dtb_u64s_of("reg", cells, 2 * N);
	dtb_end();
	assert_int_equal(dt_collect(&facts, dtb_finish()), -ENOSPC);
	assert_int_equal(facts.memory.found, N);
	assert_int_equal(facts.memory.count, DT_STATIC_RANGES);
	/* The largest were kept. */
	for (uint32_t i = 0; i < DT_STATIC_RANGES; i++) {
		assert_true(facts.memory.at[i].size >= 0x1000 + N - DT_STATIC_RANGES);
	}
	assert_true(facts.memory.lowest == 2 * G);
	assert_int_equal(dt_collect_into(&facts, storage, N, NULL, 0), 0);
	dt_memory_union(&facts);
	assert_int_equal(facts.memory.count, N);
	for (uint32_t i = 0; i < N; i++) {
		holds(i, 2 * G + i * 0x10000ULL, 0x1000 + i);
	}
	assert_int_equal(warnings_count(), 0);
}

static void a_flood_of_warnings_is_counted_but_not_printed(void **state)
{
	(void)state;
	begin(2, 2);
	for (int i = 0; i < 300; i++) {
		char name[32];
		snprintf(name, sizeof(name), "memory@%x", i);
		typed_node(name);
		dtb_end();
	}
	collect();
	assert_int_equal(facts.warnings, 300);
	assert_int_equal(warnings_count(), DT_MAX_WARNINGS + 1);
	assert_true(warned_of("252 more warnings"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_memory_nodes_count_wherever_their_properties_stand),
		cmocka_unit_test(many_tuples_in_one_reg_all_count),
		cmocka_unit_test(a_partial_last_tuple_is_dropped_with_a_warning),
		cmocka_unit_test(cells_of_the_root_decide_and_default_to_2_and_1),
		cmocka_unit_test(cells_that_make_no_range_are_named),
		cmocka_unit_test(a_reg_of_64_bit_cells_under_a_32_bit_root_is_recognised),
		cmocka_unit_test(a_32_bit_reg_of_several_ranges_is_not_mistaken_for_64_bit),
		cmocka_unit_test(empty_ranges_are_skipped_in_silence),
		cmocka_unit_test(ranges_past_the_end_of_the_address_space_are_cut),
		cmocka_unit_test(unaligned_ranges_are_kept_to_the_byte),
		cmocka_unit_test(overlaps_and_duplicates_count_once_and_are_named),
		cmocka_unit_test(neighbours_are_no_overlap),
		cmocka_unit_test(only_enabled_nodes_count),
		cmocka_unit_test(usable_memory_replaces_reg),
		cmocka_unit_test(hotpluggable_memory_is_marked_and_stays_apart),
		cmocka_unit_test(a_node_only_named_memory_counts_when_there_is_no_other),
		cmocka_unit_test(device_type_memory_elsewhere_is_no_ram),
		cmocka_unit_test(dram_controllers_compatibles_are_not_on_chip),
		cmocka_unit_test(a_memory_node_without_reg_is_named),
		cmocka_unit_test(a_node_number_out_of_reach_is_named_and_ignored),
		cmocka_unit_test(more_ranges_than_static_storage_are_collected_in_full),
		cmocka_unit_test(a_flood_of_warnings_is_counted_but_not_printed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
