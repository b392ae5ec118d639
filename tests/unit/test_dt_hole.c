/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves that a place found while reservations are still being collected lies in enabled memory and on nothing that
 * the tree or the caller speaks of, in trees in any order, and that it is found when there is only one.
 */
#include "dtb_build.h"

#include "fpg/base/range.h"
#include "fpg/core/devicetree.h"

#include <errno.h>
#include <libfdt.h>
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
static struct dt_hole_query query;
static uint64_t random_state;

static uint64_t next_random(uint64_t below)
{
	random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (random_state >> 33) % below;
}

static void begin(void)
{
	warnings_start();
	dtb_start();
	dtb_root(2, 2);
}

static void finish(void)
{
	(void)!dt_collect(&facts, dtb_finish());
	query = (struct dt_hole_query){
		.facts = &facts,
		.bytes = 64 * 1024,
		.align = PAGE_SIZE,
		.limit = PHYS_ADDR_MAX,
		.near = 2 * G,
	};
}

static void device(const char *name, uint64_t base, uint64_t size)
{
	dtb_node(name);
	dtb_u64s("reg", base, size);
	dtb_end();
}

static void the_only_place_is_found_in_trees_of_either_order(void **state)
{
	(void)state;
	for (int order = 0; order < 2; order++) {
		begin();
		dtb_memory(2 * G, 256 * M);
		dtb_reserved_memory();
		for (uint64_t i = 0; i < 256; i++) {
			uint64_t at = order == 0 ? i : 255 - i;
			char name[32];
			snprintf(name, sizeof(name), "r@%x", (unsigned int)at);
			if (at != 77) {
				dtb_reserved(name, 2 * G + at * M, M, NULL);
			}
		}
		dtb_end();
		finish();
		phys_addr_t place = 0;
		query.bytes = M;
		assert_int_equal(dt_find_hole(&query, &place), 0);
		assert_true(place == 2 * G + 77 * M);
		query.bytes = M + 1;
		assert_int_equal(dt_find_hole(&query, &place), -ENOMEM);
	}
}

static void devices_and_translated_registers_are_avoided(void **state)
{
	(void)state;
	begin();
	dtb_memory(2 * G, 16 * M);
	device("framebuffer@80000000", 2 * G, 8 * M);
	dtb_node("soc");
	dtb_u32("#address-cells", 1);
	dtb_u32("#size-cells", 1);
	dtb_cells("ranges", 0x0, 0x0, 0x80800000, 0x10000000);
	dtb_node("dev@0");
	dtb_cells("reg", 0x0, 0x400000);
	dtb_end();
	dtb_end();
	finish();
	phys_addr_t place = 0;
	assert_int_equal(dt_find_hole(&query, &place), 0);
	assert_true(place >= 2 * G + 12 * M && place + query.bytes <= 2 * G + 16 * M);
}

static void ranges_of_the_caller_limit_and_usable_ranges_hold(void **state)
{
	static const struct phys_range avoid[] = { { 2 * G, 4 * M }, { 0, 0 } };
	(void)state;
	begin();
	dtb_memory(2 * G, G);
	dtb_node("chosen");
	dtb_u64s("linux,usable-memory-range", 2 * G, 16 * M);
	dtb_end();
	finish();
	query.avoid = avoid;
	query.avoid_count = 2;
	query.limit = 2 * G + 4 * M + 0x11000;
	phys_addr_t place = 0;
	assert_int_equal(dt_find_hole(&query, &place), 0);
	assert_true(place >= 2 * G + 4 * M && place + query.bytes <= query.limit);
	query.limit = 2 * G + 4 * M + 0x0f000;
	assert_int_equal(dt_find_hole(&query, &place), -ENOMEM);
}

static void alloc_ranges_are_spared_while_there_is_other_memory(void **state)
{
	(void)state;
	begin();
	dtb_memory(2 * G, 16 * M);
	dtb_reserved_memory();
	dtb_node("cma");
	dtb_u64("size", M);
	dtb_u64s("alloc-ranges", 2 * G, 15 * M);
	dtb_end();
	dtb_end();
	finish();
	phys_addr_t place = 0;
	assert_int_equal(dt_find_hole(&query, &place), 0);
	assert_true(place >= 2 * G + 15 * M);
	query.bytes = 8 * M;
	assert_int_equal(dt_find_hole(&query, &place), 0);
}

static void places_in_disabled_memory_are_none(void **state)
{
	(void)state;
	begin();
	dtb_memory(2 * G, 16 * M);
	dtb_node("memory@80800000");
	dtb_string("device_type", "memory");
	dtb_string("status", "disabled");
	dtb_u64s("reg", 2 * G, 15 * M);
	dtb_end();
	finish();
	phys_addr_t place = 0;
	assert_int_equal(dt_find_hole(&query, &place), 0);
	assert_true(place >= 2 * G + 15 * M);
}

static bool take_low_half(void *ctx, phys_addr_t base, phys_addr_t bytes)
{
	(void)ctx;
	(void)bytes;
	return base < 2 * G + 8 * M;
}

static void the_last_check_moves_on(void **state)
{
	(void)state;
	begin();
	dtb_memory(2 * G, 16 * M);
	finish();
	query.taken = take_low_half;
	phys_addr_t place = 0;
	assert_int_equal(dt_find_hole(&query, &place), 0);
	assert_true(place >= 2 * G + 8 * M);
}

/** Random trees: what is found is free; with half of memory free, something is found. */
static void random_places_are_free_and_in_memory(void **state)
{
	static struct phys_range taken[200];
	(void)state;
	for (int round = 0; round < 300; round++) {
		begin();
		uint64_t banks = 1 + next_random(4);
		for (uint64_t b = 0; b < banks; b++) {
			dtb_memory(2 * G + b * 64 * M, 32 * M);
		}
		uint64_t count = next_random(200);
		for (uint64_t i = 0; i < count; i++) {
			char name[32];
			snprintf(name, sizeof(name), "d%u@0", (unsigned int)i);
			taken[i].base = 2 * G + next_random(banks * 64 * M);
			taken[i].size = 1 + next_random(64 * 1024);
			device(name, taken[i].base, taken[i].size);
		}
		finish();
		query.bytes = 1 + next_random(64 * 1024);
		query.near = 2 * G + next_random(banks * 64 * M);
		phys_addr_t place = 0;
		assert_int_equal(dt_find_hole(&query, &place), 0);
		assert_true(place % PAGE_SIZE == 0);
		uint64_t in_bank = (place - 2 * G) % (64 * M);
		assert_true(place >= 2 * G && in_bank + query.bytes <= 32 * M);
		for (uint64_t i = 0; i < count; i++) {
			assert_false(phys_ranges_overlap((struct phys_range){ place, query.bytes },
							 taken[i]));
		}
	}
}

int main(void)
{
	const char *seed = getenv("FPG_SEED");
	random_state = seed != NULL ? strtoull(seed, NULL, 0) : 1;
	printf("seed %llu\n", (unsigned long long)random_state);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_only_place_is_found_in_trees_of_either_order),
		cmocka_unit_test(devices_and_translated_registers_are_avoided),
		cmocka_unit_test(ranges_of_the_caller_limit_and_usable_ranges_hold),
		cmocka_unit_test(alloc_ranges_are_spared_while_there_is_other_memory),
		cmocka_unit_test(places_in_disabled_memory_are_none),
		cmocka_unit_test(the_last_check_moves_on),
		cmocka_unit_test(random_places_are_free_and_in_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
