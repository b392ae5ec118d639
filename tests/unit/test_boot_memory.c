/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves that facts and bootargs become the right memblock tables: who holds which byte, what is cut and why, what is
 * guessed (rows B1, B2, B5, M5, M6, M14, R1, R6, R7, R10, R12 to R14, R18).
 */
#include "boot_sim.h"
#include "dtb_build.h"

#include "fpg/core/memblock.h"

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

#include "boot_case.h"

#define G    (1ULL << 30)
#define M    (1ULL << 20)
#define LOAD 0x80200000ULL
#define BLOB 0x82200000ULL

static enum boot_ram_fate fate(phys_addr_t addr)
{
	struct boot_ram_row row;
	assert_true(boot_memory_find_raw(&boot_sim_memory, addr, &row));
	return row.fate;
}

static void image_blob_and_firmware_are_held_to_the_byte(void **state)
{
	(void)state;
	begin_usual();
	dtb_end();
	finish();
	held_exactly(0x80000000, 0x80000, OWNER_FIRMWARE);
	held_exactly(LOAD, PAGE_SIZE, OWNER_IMAGE_TEXT);
	held_exactly(LOAD + PAGE_SIZE, 2 * M - PAGE_SIZE, OWNER_IMAGE_BSS);
	held_exactly(BLOB, boot_sim_memory.in.blob_bytes, OWNER_DTB);
	assert_true(is_nomap(0x80000000) && is_nomap(0x8007ffff) && !is_nomap(0x80080000));
	assert_true(boot_sim_memory.ram_bytes == G && boot_sim_memory.memory_bytes == G);
	assert_int_equal(holder(0x80080000), OWNER_NONE);
	assert_int_equal(warnings_count(), 0);
}

static void undescribed_firmware_is_guessed_reserved_and_reported(void **state)
{
	(void)state;
	begin();
	dtb_memory(2 * G, G);
	finish();
	held_exactly(0x80000000, 2 * M, OWNER_FIRMWARE);
	assert_int_equal(memblock_region_find(&memblock.reserved, 0x80000000)->owner.rule,
			 RULE_FIRMWARE_GUESS);
	assert_true(is_nomap(0x80000000) && is_nomap(0x801fffff));
	assert_true(warned_of("nothing describes the firmware: 0x80000000+0x200000"));
}

static void there_is_no_guess_when_told_not_to_or_when_something_is_described(void **state)
{
	(void)state;
	begin();
	dtb_memory(2 * G, G);
	sim.bootargs = "firmware_guess=off";
	finish();
	assert_int_equal(holder(0x80000000), OWNER_NONE);
	assert_int_equal(warnings_count(), 0);

	warnings_start();
	dtb_start();
	dtb_memreserve(0x80100000, 0x1000);
	dtb_root(2, 2);
	dtb_memory(2 * G, G);
	sim.bootargs = NULL;
	finish();
	assert_int_equal(holder(0x80000000), OWNER_NONE);
	held_exactly(0x80100000, 0x1000, OWNER_MEMRESERVE);
	assert_int_equal(warnings_count(), 0);
}

static void there_is_no_guess_unless_loaded_2_mib_above_the_start_of_ram(void **state)
{
	static const uint64_t bases[] = { 0x80200000, 0x80000000 - G, 0x80100000 };
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		begin();
		dtb_memory(bases[i], 4 * G);
		finish();
		assert_int_equal(boot_sim_memory.guess.size, 0);
		assert_int_equal(warnings_count(), 0);
	}
}

static void an_image_in_the_middle_of_ram_leaves_the_rest_usable(void **state)
{
	(void)state;
	begin();
	dtb_memory(G, 2 * G);
	finish();
	assert_int_equal(holder(G), OWNER_NONE);
	assert_true(memblock_is_map_memory(G) && memblock_is_map_memory(LOAD - 1));
}

static void an_image_outside_of_all_memory_is_named(void **state)
{
	(void)state;
	begin();
	dtb_memory(4 * G, G);
	finish();
	held_exactly(LOAD, PAGE_SIZE, OWNER_IMAGE_TEXT);
	assert_true(warned_of("the image at 0x80200000+0x200000 does not lie in memory"));
}

static void partial_pages_are_rows_of_their_own(void **state)
{
	(void)state;
	begin();
	dtb_memory(0x80000123, 0x10000000);
	dtb_memory(0x98000000, 0x800);
	dtb_memory(0x98000800, 0x800);
	dtb_memory(0x9c000010, 0x1000);
	finish();
	assert_true(boot_sim_memory.ram_bytes == 0x10000000 + 0x1000 + 0x1000);
	assert_true(boot_sim_memory.memory_bytes == 0x10000000 - 0x1000 + 0x1000);
	assert_int_equal(fate(0x80000123), BOOT_RAM_ROUNDED);
	assert_int_equal(fate(0x80000fff), BOOT_RAM_ROUNDED);
	assert_int_equal(fate(0x80001000), BOOT_RAM_MEMORY);
	assert_int_equal(fate(0x90000122), BOOT_RAM_ROUNDED);
	/* Two tuples make one page. */
	assert_int_equal(fate(0x98000000), BOOT_RAM_MEMORY);
	assert_int_equal(fate(0x98000fff), BOOT_RAM_MEMORY);
	assert_int_equal(fate(0x9c000010), BOOT_RAM_ROUNDED);
	assert_false(boot_memory_find_raw(&boot_sim_memory, 0x80000122, NULL));
}

static void a_page_of_two_numa_nodes_is_nobodys(void **state)
{
	(void)state;
	begin();
	for (uint32_t n = 0; n < 2; n++) {
		dtb_node(n == 0 ? "memory@80000000" : "memory@a0000800");
		dtb_string("device_type", "memory");
		dtb_u64s("reg", n == 0 ? 0x80000000 : 0xa0000800, 0x20000800);
		dtb_u32("numa-node-id", n);
		dtb_end();
	}
	finish();
	assert_int_equal(fate(0xa0000000), BOOT_RAM_ROUNDED);
	assert_int_equal(fate(0xa0000fff), BOOT_RAM_ROUNDED);
	assert_int_equal(fate(0xa0001000), BOOT_RAM_MEMORY);
	assert_int_equal(memblock_region_find(&memblock.memory, 0x80000000)->nid, 0);
	assert_int_equal(memblock_region_find(&memblock.memory, 0xa0001000)->nid, 1);
}

static void mem_keeps_the_first_bytes_and_names_the_cut(void **state)
{
	(void)state;
	begin();
	dtb_memory(0x80000000, 0x10000000);
	dtb_memory(0xc0000000, 0x10000000);
	sim.bootargs = "mem=300M";
	finish();
	assert_true(boot_sim_memory.memory_bytes == 300 * M);
	assert_true(boot_sim_memory.ram_bytes == 512 * M);
	assert_true(boot_sim_memory.mem_end == 0xc0000000 + 44 * M);
	assert_int_equal(fate(0xc0000000 + 44 * M - 1), BOOT_RAM_MEMORY);
	assert_int_equal(fate(0xc0000000 + 44 * M), BOOT_RAM_CUT_MEM);
}

static void mem_that_would_cut_the_image_off_is_ignored(void **state)
{
	(void)state;
	begin_usual();
	dtb_end();
	sim.bootargs = "mem=3M";
	finish();
	assert_true(boot_sim_memory.memory_bytes == G);
	assert_true(warned_of("mem=0x300000 would cut off the image"));
}

static void usable_memory_range_cuts_the_rest(void **state)
{
	(void)state;
	begin_usual();
	dtb_end();
	dtb_node("chosen");
	dtb_u64s("linux,usable-memory-range", 0x80000000, 64 * M, 0x90000800, 0x3000);
	dtb_end();
	finish();
	assert_true(boot_sim_memory.memory_bytes == 64 * M + 0x2000);
	assert_int_equal(fate(0x84000000), BOOT_RAM_CUT_USABLE);
	assert_int_equal(fate(0x90000800), BOOT_RAM_ROUNDED);
	assert_int_equal(fate(0x90001000), BOOT_RAM_MEMORY);
	assert_int_equal(fate(0x90003000), BOOT_RAM_ROUNDED);
	assert_int_equal(fate(0x90003800), BOOT_RAM_CUT_USABLE);
}

static void memmap_adds_memory_and_reserves(void **state)
{
	(void)state;
	begin_usual();
	dtb_end();
	sim.bootargs = "memmap=16M@0x100000000 memmap=64K!0x90000100";
	finish();
	assert_true(boot_sim_memory.ram_bytes == G + 16 * M);
	assert_true(memblock_is_memory(0x100000000));
	held_exactly(0x90000100, 0x10000, OWNER_BOOTARG);
	struct boot_ram_row row;
	assert_true(boot_memory_find_raw(&boot_sim_memory, 0x100000000, &row));
	assert_int_equal(row.node, -1);
}

static void the_window_cuts_what_cannot_be_reached(void **state)
{
	(void)state;
	begin();
	dtb_memory(2 * G, G);
	dtb_memory(1ULL << 40, G);
	finish();
	assert_int_equal(boot_memory_limit_window(&boot_sim_memory, 2 * G, 124 * G), 0);
	assert_int_equal(fate(1ULL << 40), BOOT_RAM_CUT_WINDOW);
	assert_false(memblock_is_memory(1ULL << 40));
	assert_true(memblock_is_memory(2 * G));
}

static void the_initrd_is_held_and_its_collisions_are_named(void **state)
{
	(void)state;
	begin_usual();
	dtb_end();
	dtb_node("chosen");
	dtb_u32("linux,initrd-start", 0x84000000);
	dtb_u32("linux,initrd-end", 0x84123457);
	dtb_end();
	finish();
	held_exactly(0x84000000, 0x123457, OWNER_INITRD);
	assert_int_equal(warnings_count(), 0);

	struct phys_range over = { LOAD + 2 * M - 0x1000, 0x3000 };
	sim.initrd = &over;
	warnings_start();
	assert_int_equal(boot_sim_run(&sim, boot_sim_memory.in.blob), 0);
	assert_null(boot_sim_wrong());
	assert_int_equal(holder(LOAD + 2 * M - 1), OWNER_IMAGE_BSS);
	held_exactly(LOAD + 2 * M, 0x2000, OWNER_INITRD);
	assert_int_equal(holder(0x84000000), OWNER_NONE);
	assert_true(warned_of("initrd at 0x803ff000+0x3000 overlaps the image"));
}

static void a_blob_inside_the_image_is_named_and_the_image_holds_it(void **state)
{
	(void)state;
	begin_usual();
	dtb_end();
	sim.blob_phys = LOAD + M;
	finish();
	assert_int_equal(holder(LOAD + M), OWNER_IMAGE_BSS);
	assert_true(warned_of("device tree at 0x80300000"));
	assert_true(warned_of("overlaps the image"));
}

static void a_range_named_three_times_is_held_once_and_without_a_word(void **state)
{
	(void)state;
	warnings_start();
	sim = boot_sim_default;
	dtb_start();
	dtb_memreserve(0x84000000, M);
	dtb_memreserve(BLOB, 0x10000);
	dtb_root(2, 2);
	dtb_memory(2 * G, G);
	dtb_reserved_memory();
	dtb_reserved("mmode_resv0@80000000", 0x80000000, 0x80000, "no-map");
	dtb_reserved("initrd@84000000", 0x84000000, M, NULL);
	dtb_end();
	dtb_node("chosen");
	dtb_u64("linux,initrd-start", 0x84000000);
	dtb_u64("linux,initrd-end", 0x84100000);
	dtb_end();
	finish();
	held_exactly(0x84000000, M, OWNER_INITRD);
	held_exactly(BLOB, boot_sim_memory.in.blob_bytes, OWNER_DTB);
	assert_int_equal(warnings_count(), 0);
}

static void no_map_of_a_later_claim_wins(void **state)
{
	(void)state;
	begin_usual();
	dtb_reserved("a@90000000", 0x90000000, 4 * M, NULL);
	dtb_reserved("b@90100000", 0x90100000, M, "no-map");
	dtb_end();
	finish();
	assert_int_equal(holder(0x90100000), OWNER_RESERVED_NODE);
	assert_true(!is_nomap(0x900fffff) && is_nomap(0x90100000) && is_nomap(0x901fffff) &&
		    !is_nomap(0x90200000));
}

static void no_map_memory_is_rounded_to_pages_outwards(void **state)
{
	(void)state;
	begin_usual();
	dtb_reserved("a@90000f00", 0x90000f00, 0x200, "no-map");
	dtb_reserved("b@98000f00", 0x98000f00, 0x200, NULL);
	dtb_end();
	finish();
	held_exactly(0x90000f00, 0x200, OWNER_RESERVED_NODE);
	assert_true(is_nomap(0x90000000) && is_nomap(0x90001fff) && !is_nomap(0x90002000));
	assert_false(is_nomap(0x98000f00));
}

static void a_reservation_over_the_image_is_named(void **state)
{
	(void)state;
	begin_usual();
	dtb_reserved("a@80300000", 0x80300000, 4 * M, NULL);
	dtb_end();
	finish();
	assert_int_equal(holder(0x80300000), OWNER_IMAGE_BSS);
	assert_int_equal(holder(LOAD + 2 * M), OWNER_RESERVED_NODE);
	assert_true(warned_of(
		"/reserved-memory/a@80300000: reserved 0x80300000+0x400000 overlaps the image"));
}

static void reservations_outside_of_ram_are_kept_and_cost_no_ram(void **state)
{
	(void)state;
	begin_usual();
	dtb_reserved("linux,dma@107a000000", 0x107a000000, 16 * M, "no-map");
	dtb_end();
	finish();
	held_exactly(0x107a000000, 16 * M, OWNER_RESERVED_NODE);
	assert_true(boot_sim_memory.memory_bytes == G);
	assert_int_equal(warnings_count(), 0);
}

static void one_reservation_covers_several_banks(void **state)
{
	(void)state;
	begin();
	dtb_memory(0x80000000, 64 * M);
	dtb_memory(0x90000000, 64 * M);
	dtb_memory(0xa0000000, 64 * M);
	dtb_reserved_memory();
	dtb_reserved("a@83000000", 0x83000000, 0x1e000000, "no-map");
	dtb_end();
	finish();
	assert_true(is_nomap(0x83000000) && is_nomap(0x90000000) && is_nomap(0x93ffffff) &&
		    is_nomap(0xa0ffffff));
	assert_true(!is_nomap(0x82ffffff) && !is_nomap(0xa1000000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(image_blob_and_firmware_are_held_to_the_byte),
		cmocka_unit_test(undescribed_firmware_is_guessed_reserved_and_reported),
		cmocka_unit_test(there_is_no_guess_when_told_not_to_or_when_something_is_described),
		cmocka_unit_test(there_is_no_guess_unless_loaded_2_mib_above_the_start_of_ram),
		cmocka_unit_test(an_image_in_the_middle_of_ram_leaves_the_rest_usable),
		cmocka_unit_test(an_image_outside_of_all_memory_is_named),
		cmocka_unit_test(partial_pages_are_rows_of_their_own),
		cmocka_unit_test(a_page_of_two_numa_nodes_is_nobodys),
		cmocka_unit_test(mem_keeps_the_first_bytes_and_names_the_cut),
		cmocka_unit_test(mem_that_would_cut_the_image_off_is_ignored),
		cmocka_unit_test(usable_memory_range_cuts_the_rest),
		cmocka_unit_test(memmap_adds_memory_and_reserves),
		cmocka_unit_test(the_window_cuts_what_cannot_be_reached),
		cmocka_unit_test(the_initrd_is_held_and_its_collisions_are_named),
		cmocka_unit_test(a_blob_inside_the_image_is_named_and_the_image_holds_it),
		cmocka_unit_test(a_range_named_three_times_is_held_once_and_without_a_word),
		cmocka_unit_test(no_map_of_a_later_claim_wins),
		cmocka_unit_test(no_map_memory_is_rounded_to_pages_outwards),
		cmocka_unit_test(a_reservation_over_the_image_is_named),
		cmocka_unit_test(reservations_outside_of_ram_are_kept_and_cost_no_ram),
		cmocka_unit_test(one_reservation_covers_several_banks),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	boot_sim_end();
	return failed;
}
