/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves that no reservation that can be understood is lost, however oddly it is written (rows R2 to R8, R10 to R12, R17,
 * R19), that flags and owners are right, and that the list comes out in the order memblock wants.
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
#define M (1ULL << 20)

static struct dt_facts facts;
static uint32_t placed;

static void begin(void)
{
	warnings_start();
	dtb_start();
	dtb_root(2, 2);
	dtb_memory(2 * G, G);
}

static void finish(void)
{
	struct dt_error err;
	const uint32_t *blob = dtb_finish();
	assert_int_equal(dt_check_blob(blob, __builtin_bswap32(blob[1]), &err), 0);
	assert_int_equal(dt_collect(&facts, blob), 0);
	placed = dt_reserved_sort(&facts);
}

static const struct dt_range *entry(uint32_t i)
{
	assert_true(i < facts.reserved.count);
	return &facts.reserved.at[i];
}

static void holds(uint32_t i, uint64_t base, uint64_t size)
{
	assert_true(entry(i)->base == base);
	assert_true(entry(i)->size == size);
}

static void the_memory_reservation_block_is_read_to_its_real_end(void **state)
{
	(void)state;
	warnings_start();
	dtb_start();
	dtb_memreserve(0x80000000, 0x80000);
	dtb_memreserve(0x90000000, 0);
	dtb_memreserve(0xa0000001, 3);
	dtb_root(2, 2);
	finish();
	assert_int_equal(placed, 2);
	holds(0, 0x80000000, 0x80000);
	holds(1, 0xa0000001, 3);
	assert_int_equal(entry(0)->kind, OWNER_MEMRESERVE);
	assert_int_equal(entry(0)->rule, RULE_MEMRESERVE);
	assert_int_equal(entry(0)->node, -1);
}

static void static_nodes_keep_their_exact_bytes_and_flags(void **state)
{
	char path[DT_PATH_BYTES];
	(void)state;
	begin();
	dtb_reserved_memory();
	dtb_reserved("splash@9c000000", 0x9c000000, 9871 * 1024 + 0x37f, NULL);
	dtb_reserved("secure@90000000", 0x90000000, M, "no-map");
	dtb_node("pool@98000000");
	dtb_string("compatible", "shared-dma-pool");
	dtb_u64s("reg", 0x98000000, M);
	dtb_empty("linux,dma-default");
	dtb_end();
	dtb_end();
	finish();
	assert_int_equal(placed, 3);
	holds(0, 0x90000000, M);
	holds(1, 0x98000000, M);
	holds(2, 0x9c000000, 9871 * 1024 + 0x37f);
	assert_int_equal(entry(0)->flags, DT_RANGE_NOMAP);
	assert_int_equal(entry(1)->flags, DT_RANGE_DMA_POOL | DT_RANGE_DMA_DEFAULT);
	assert_int_equal(entry(2)->flags, 0);
	assert_int_equal(entry(0)->kind, OWNER_RESERVED_NODE);
	assert_int_equal(entry(0)->rule, RULE_NODE_REG);
	assert_string_equal(dt_node_path(facts.blob, entry(0)->node, path, sizeof(path)),
			    "/reserved-memory/secure@90000000");
	assert_int_equal(warnings_count(), 0);
}

static void firmware_nodes_are_no_map_even_when_they_do_not_say_so(void **state)
{
	(void)state;
	begin();
	dtb_reserved_memory();
	dtb_reserved("mmode_resv1@80000000", 0x80000000, 0x40000, NULL);
	dtb_reserved("mmode_resv0@80040000", 0x80040000, 0x20000, "no-map");
	dtb_reserved("mmode_resv4@1,200000", 0x100200000, 0x200000, NULL);
	dtb_end();
	finish();
	assert_int_equal(placed, 3);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(entry(i)->flags, DT_RANGE_NOMAP);
		assert_int_equal(entry(i)->kind, OWNER_FIRMWARE);
	}
	holds(0, 0x80000000, 0x40000);
	holds(1, 0x80040000, 0x20000);
	holds(2, 0x100200000, 0x200000);
	assert_int_equal(warnings_count(), 0);
}

static void several_tuples_of_one_node_all_count(void **state)
{
	(void)state;
	begin();
	dtb_reserved_memory();
	dtb_node("parts");
	dtb_u64s("reg", 0x90000000, M, 0x88000000, 2 * M, 0x89000000, 0);
	dtb_end();
	dtb_end();
	finish();
	assert_int_equal(placed, 2);
	holds(0, 0x88000000, 2 * M);
	holds(1, 0x90000000, M);
}

static void disabled_nodes_reserve_nothing(void **state)
{
	(void)state;
	begin();
	dtb_reserved_memory();
	dtb_node("off@90000000");
	dtb_string("status", "disabled");
	dtb_u64s("reg", 0x90000000, M);
	dtb_end();
	dtb_node("on@91000000");
	dtb_string("status", "okay");
	dtb_u64s("reg", 0x91000000, M);
	dtb_end();
	dtb_end();
	finish();
	assert_int_equal(placed, 1);
	holds(0, 0x91000000, M);
}

static void cells_other_than_the_roots_are_read_as_written(void **state)
{
	(void)state;
	begin();
	dtb_node("reserved-memory");
	dtb_u32("#address-cells", 1);
	dtb_u32("#size-cells", 1);
	dtb_empty("ranges");
	dtb_node("a@90000000");
	dtb_cells("reg", 0x90000000, 0x1000);
	dtb_end();
	dtb_end();
	finish();
	holds(0, 0x90000000, 0x1000);
	assert_true(warned_of(
		"/reserved-memory: #address-cells 1 and #size-cells 1 differ from the root's 2 and 2"));
}

static void absent_cells_are_the_roots_and_absent_ranges_the_identity(void **state)
{
	(void)state;
	begin();
	dtb_node("reserved-memory");
	dtb_reserved("a@90000000", 0x90000000, 0x1000, NULL);
	dtb_end();
	finish();
	holds(0, 0x90000000, 0x1000);
	assert_true(warned_of("/reserved-memory: without #address-cells or #size-cells"));
	assert_true(warned_of("/reserved-memory: without ranges"));
}

static void ranges_of_reserved_memory_translate(void **state)
{
	(void)state;
	begin();
	dtb_node("reserved-memory");
	dtb_u32("#address-cells", 1);
	dtb_u32("#size-cells", 1);
	dtb_cells("ranges", 0x0, 0x1, 0x00000000, 0x10000000);
	dtb_node("a@1000");
	dtb_cells("reg", 0x1000, 0x1000, 0x20000000, 0x1000);
	dtb_end();
	dtb_end();
	finish();
	assert_int_equal(placed, 2);
	holds(0, 0x20000000, 0x1000);
	holds(1, 0x100001000, 0x1000);
	assert_true(warned_of("/reserved-memory/a@1000: reg: 0x20000000 is in no entry of ranges"));
}

static void a_partial_tuple_is_dropped_and_the_others_kept(void **state)
{
	(void)state;
	begin();
	dtb_reserved_memory();
	dtb_node("a@90000000");
	dtb_cells("reg", 0, 0x90000000, 0, 0x1000, 0, 0x98000000);
	dtb_end();
	dtb_end();
	finish();
	assert_int_equal(placed, 1);
	holds(0, 0x90000000, 0x1000);
	assert_true(warned_of("/reserved-memory/a@90000000: reg: the last 8 bytes"));
}

static void a_range_past_the_end_of_the_address_space_is_cut(void **state)
{
	(void)state;
	begin();
	dtb_reserved_memory();
	dtb_reserved("a@90000000", 0x90000000, UINT64_MAX, NULL);
	dtb_end();
	finish();
	holds(0, 0x90000000, UINT64_MAX - 0x90000000);
	assert_true(warned_of("pass the end of the address space"));
}

static void dynamic_nodes_follow_bound_ones_first_then_the_largest(void **state)
{
	(void)state;
	begin();
	dtb_reserved_memory();
	dtb_node("small");
	dtb_u64("size", M);
	dtb_end();
	dtb_node("large");
	dtb_u64("size", 64 * M);
	dtb_u64("alignment", 4 * M);
	dtb_end();
	dtb_node("bound");
	dtb_u64("size", 2 * M);
	dtb_u64s("alloc-ranges", 0x90000000, 16 * M, 0xa0000000, 32 * M);
	dtb_empty("no-map");
	dtb_end();
	dtb_reserved("static@98000000", 0x98000000, M, NULL);
	dtb_end();
	finish();
	assert_int_equal(placed, 1);
	assert_int_equal(facts.reserved.count, 4);
	holds(0, 0x98000000, M);
	assert_true(entry(1)->size == 2 * M && entry(1)->base == PAGE_SIZE);
	assert_int_equal(entry(1)->flags,
			 DT_RANGE_DYNAMIC | DT_RANGE_ALLOC_RANGES | DT_RANGE_NOMAP);
	assert_true(entry(2)->size == 64 * M && entry(2)->base == 4 * M);
	assert_true(entry(3)->size == M);
	assert_int_equal(entry(1)->rule, RULE_NODE_DYNAMIC);
	struct phys_range r;
	struct dt_alloc_ranges ranges = dt_alloc_ranges(&facts, entry(1));
	assert_int_equal(dt_alloc_ranges_next(&ranges, &r), 0);
	assert_true(r.base == 0x90000000 && r.size == 16 * M);
	assert_int_equal(dt_alloc_ranges_next(&ranges, &r), 0);
	assert_true(r.base == 0xa0000000 && r.size == 32 * M);
	assert_int_equal(dt_alloc_ranges_next(&ranges, &r), -ENOENT);
	assert_int_equal(warnings_count(), 0);
}

static void odd_dynamic_nodes_are_named_and_kept_where_possible(void **state)
{
	(void)state;
	begin();
	dtb_reserved_memory();
	dtb_node("nothing");
	dtb_end();
	dtb_node("odd-size");
	dtb_cells("size", 1, 2, 3);
	dtb_end();
	dtb_node("odd-alignment");
	dtb_u32("size", 0x2000);
	dtb_u64("alignment", 3 * M);
	dtb_end();
	dtb_node("both@90000000");
	dtb_u64s("reg", 0x90000000, M);
	dtb_u64("size", 2 * M);
	dtb_end();
	dtb_end();
	finish();
	assert_int_equal(placed, 1);
	assert_int_equal(facts.reserved.count, 2);
	holds(0, 0x90000000, M);
	assert_true(entry(1)->size == 0x2000 && entry(1)->base == PAGE_SIZE);
	assert_true(warned_of("/reserved-memory/nothing: reserved node with neither reg nor size"));
	assert_true(warned_of("/reserved-memory/odd-size: size is not a number"));
	assert_true(warned_of("/reserved-memory/odd-alignment: alignment is not a power of two"));
}

static void no_map_wins_over_reusable(void **state)
{
	(void)state;
	begin();
	dtb_reserved_memory();
	dtb_node("a@90000000");
	dtb_empty("no-map");
	dtb_empty("reusable");
	dtb_u64s("reg", 0x90000000, M);
	dtb_end();
	dtb_end();
	finish();
	assert_int_equal(entry(0)->flags, DT_RANGE_NOMAP);
	assert_true(warned_of("no-map and reusable"));
}

static void overlapping_nodes_are_named_and_stay_apart(void **state)
{
	(void)state;
	begin();
	dtb_reserved_memory();
	dtb_reserved("c@100500000", 0x100500000, 2 * M, NULL);
	dtb_reserved("a@100200000", 0x100200000, 2 * M, NULL);
	dtb_reserved("b@100200000", 0x100200000, 3 * M, NULL);
	dtb_reserved("d@100400000", 0x100400000, 2 * M, NULL);
	dtb_end();
	finish();
	assert_int_equal(placed, 4);
	holds(0, 0x100200000, 2 * M);
	holds(1, 0x100200000, 3 * M);
	holds(2, 0x100400000, 2 * M);
	holds(3, 0x100500000, 2 * M);
	assert_true(
		warned_of("/reserved-memory/b@100200000: reserved 0x100200000+0x300000 overlaps"));
	assert_true(
		warned_of("/reserved-memory/c@100500000: reserved 0x100500000+0x200000 overlaps"));
}

static void overlapping_ranges_of_one_node_become_one(void **state)
{
	(void)state;
	begin();
	dtb_reserved_memory();
	dtb_node("a@90000000");
	dtb_u64s("reg", 0x90100000, 2 * M, 0x98000000, M, 0x90000000, 2 * M, 0x90180000, 0x1000);
	dtb_end();
	dtb_reserved("b@90280000", 0x90280000, M, NULL);
	dtb_node("dynamic");
	dtb_u64("size", M);
	dtb_end();
	dtb_end();
	finish();
	assert_int_equal(placed, 3);
	assert_int_equal(facts.reserved.count, 4);
	holds(0, 0x90000000, 3 * M);
	holds(1, 0x90280000, M);
	holds(2, 0x98000000, M);
	assert_true(entry(3)->flags & DT_RANGE_DYNAMIC);
	assert_int_equal(warnings_count(), 1);
}

/** Would be two billion entries to look at. */
static void long_ranges_on_long_lists_end_the_translation_in_words(void **state)
{
	enum {
		N = 40000
	};
	static uint64_t values[3 * N];
	(void)state;
	begin();
	dtb_node("reserved-memory");
	dtb_u32("#address-cells", 2);
	dtb_u32("#size-cells", 2);
	for (uint64_t i = 0; i < N; i++) {
		values[3 * i] = 0x1000000000 + i * 0x1000;
		values[3 * i + 1] = 0x2000000000 + i * 0x1000;
		values[3 * i + 2] = 0x1000;
	}
	dtb_u64s_of("ranges", values, 3 * N);
	dtb_node("a");
	for (uint64_t i = 0; i < N; i++) {
		values[2 * i] = 0x90000000 + i * 0x2000;
		values[2 * i + 1] = 0x1000;
	}
	dtb_u64s_of("reg", values, 2 * N);
	dtb_end();
	dtb_end();
	assert_int_equal(dt_collect(&facts, dtb_finish()), -ENOSPC);
	assert_int_equal(facts.reserved.found, N);
	/* One for each tuple, one about ranges, one about giving up. */
	assert_int_equal(facts.warnings, N + 2);
}

static void the_reservation_block_may_repeat_what_nodes_say(void **state)
{
	(void)state;
	warnings_start();
	dtb_start();
	dtb_memreserve(0x90000000, M);
	dtb_root(2, 2);
	dtb_reserved_memory();
	dtb_reserved("a@90000000", 0x90000000, M, "no-map");
	dtb_end();
	finish();
	assert_int_equal(placed, 2);
	assert_int_equal(entry(0)->kind, OWNER_MEMRESERVE);
	assert_int_equal(warnings_count(), 0);
}

static void more_nodes_than_static_storage_are_collected_in_full(void **state)
{
	enum {
		N = 1000
	};
	static struct dt_range storage[N];
	(void)state;
	begin();
	dtb_reserved_memory();
	for (uint64_t i = 0; i < N; i++) {
		char name[32];
		uint64_t at = i * 379 % N;
		snprintf(name, sizeof(name), "r%u@%x", (unsigned int)i, (unsigned int)at);
		dtb_reserved(name, 2 * G + at * 0x10000, 0x1000, NULL);
	}
	dtb_end();
	assert_int_equal(dt_collect(&facts, dtb_finish()), -ENOSPC);
	assert_int_equal(facts.reserved.found, N);
	assert_int_equal(dt_collect_into(&facts, NULL, 0, storage, N), 0);
	assert_int_equal(facts.memory.count, 1);
	assert_int_equal(dt_reserved_sort(&facts), N);
	for (uint32_t i = 0; i < N; i++) {
		holds(i, 2 * G + i * 0x10000ULL, 0x1000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_memory_reservation_block_is_read_to_its_real_end),
		cmocka_unit_test(static_nodes_keep_their_exact_bytes_and_flags),
		cmocka_unit_test(firmware_nodes_are_no_map_even_when_they_do_not_say_so),
		cmocka_unit_test(several_tuples_of_one_node_all_count),
		cmocka_unit_test(disabled_nodes_reserve_nothing),
		cmocka_unit_test(cells_other_than_the_roots_are_read_as_written),
		cmocka_unit_test(absent_cells_are_the_roots_and_absent_ranges_the_identity),
		cmocka_unit_test(ranges_of_reserved_memory_translate),
		cmocka_unit_test(a_partial_tuple_is_dropped_and_the_others_kept),
		cmocka_unit_test(a_range_past_the_end_of_the_address_space_is_cut),
		cmocka_unit_test(dynamic_nodes_follow_bound_ones_first_then_the_largest),
		cmocka_unit_test(odd_dynamic_nodes_are_named_and_kept_where_possible),
		cmocka_unit_test(no_map_wins_over_reusable),
		cmocka_unit_test(overlapping_nodes_are_named_and_stay_apart),
		cmocka_unit_test(overlapping_ranges_of_one_node_become_one),
		cmocka_unit_test(long_ranges_on_long_lists_end_the_translation_in_words),
		cmocka_unit_test(the_reservation_block_may_repeat_what_nodes_say),
		cmocka_unit_test(more_nodes_than_static_storage_are_collected_in_full),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
