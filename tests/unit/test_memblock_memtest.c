/* SPDX-License-Identifier: BSD-2-Clause */
/* Proves that the early memory test finds cells that do not hold a pattern, reserves just them, and touches free memory only. */
#include "memblock_ram.h"

#include "fpg/core/memtest.h"

#define BAD_WORD 0x20008UL

static bool stuck_everywhere;

/* The cell's lowest bit cannot be 1; or every 64th word of the upper half has lost bit 63. */
static void stuck_bits(phys_addr_t base, phys_addr_t end)
{
	for (phys_addr_t pa = base; pa < end; pa += 8) {
		phys_addr_t at = pa - RAM_BASE;
		if (at == BAD_WORD) {
			ram_bytes[at] &= 0xfe;
		}
		if (stuck_everywhere && at >= RAM_BYTES / 2 && at % 512 == 0) {
			ram_bytes[at + 7] |= 0x80;
		}
	}
}

static int setup(void **state)
{
	ram_setup(state);
	memtest_set_passes(0);
	memtest_set_fault_hook(NULL);
	stuck_everywhere = false;
	memset(ram_bytes, 0x5a, sizeof(ram_bytes));
	return memblock_add(RAM_BASE, RAM_BYTES);
}

static void without_passes_nothing_is_touched(void **state)
{
	(void)state;
	early_memtest(0, PHYS_ADDR_MAX);
	assert_int_equal(ram_bytes[0x1234], 0x5a);
	assert_string_equal(ram_log, "");
}

static void good_memory_ends_up_zeroed_and_reserved_memory_untouched(void **state)
{
	(void)state;
	assert_int_equal(memblock_reserve(RAM_BASE + 0x1004, 0x1000), 0);
	memtest_set_passes(3);
	early_memtest(RAM_BASE, RAM_BASE + 0x100000);
	assert_int_equal(memblock_reserved_size(), 0x1000);
	assert_int_equal(ram_bytes[0] | ram_bytes[0xfff], 0);
	/* Words that are only partly free are left alone. */
	assert_int_equal(ram_bytes[0x1000], 0x5a);
	assert_int_equal(ram_bytes[0x1004], 0x5a);
	assert_int_equal(ram_bytes[0x2007], 0x5a);
	assert_int_equal(ram_bytes[0x2008], 0);
	assert_int_equal(ram_bytes[0xfffff], 0);
	assert_int_equal(ram_bytes[0x100000], 0x5a);
}

static void a_stuck_bit_is_found_by_a_pattern_that_needs_it(void **state)
{
	uint64_t before = memtest_bad_bytes();

	(void)state;
	memtest_set_fault_hook(stuck_bits);
	memtest_set_passes(1);
	early_memtest(0, PHYS_ADDR_MAX);
	assert_int_equal(memblock_reserved_size(), 0);
	memtest_set_passes(2 * MEMTEST_PATTERNS + 1);
	early_memtest(0, PHYS_ADDR_MAX);
	assert_int_equal(memblock_reserved_size(), 8);
	assert_int_equal(memtest_bad_bytes() - before, 8);
	const struct memblock_region *r =
		memblock_region_find(&memblock.reserved, RAM_BASE + BAD_WORD);
	assert_non_null(r);
	assert_int_equal(r->owner.kind, OWNER_MEMTEST);
	assert_int_equal(r->owner.rule, RULE_MEMTEST);
	assert_non_null(strstr(
		ram_log, "read back wrong at [0x0000000080020008-0x000000008002000f]: reserved"));
}

static bool in_table(phys_addr_t pa)
{
	return memblock_region_find(&memblock.reserved, pa)->owner.kind == OWNER_MEMBLOCK;
}

static void tables_that_grow_into_the_range_under_test_stay_whole(void **state)
{
	(void)state;
	stuck_everywhere = true;
	memblock_allow_resize();
	memblock_set_bottom_up(true);
	memtest_set_fault_hook(stuck_bits);
	memtest_set_passes(MEMTEST_PATTERNS);
	early_memtest(0, PHYS_ADDR_MAX);
	/* Each bad word is reserved, or was in use by a table before it was tested; nothing else is. */
	for (phys_addr_t at = RAM_BYTES / 2; at < RAM_BYTES; at += 512) {
		assert_true(memblock_is_reserved(RAM_BASE + at));
		assert_false(memblock_is_reserved(RAM_BASE + at + 8) &&
			     !in_table(RAM_BASE + at + 8));
	}
	unsigned long n = memblock_used(&memblock.reserved);
	assert_int_equal(memblock.reserved.max, 4096);
	assert_int_equal(memblock_reserved_size(),
			 (n - 1) * 8 + 4096 * sizeof(struct memblock_region));
}

static void it_waits_for_the_linear_map(void **state)
{
	(void)state;
	port_linear_ready = false;
	memtest_set_passes(1);
	early_memtest(0, PHYS_ADDR_MAX);
	assert_int_equal(ram_bytes[0], 0x5a);
	assert_non_null(strstr(ram_log, "linear map"));
	port_linear_ready = true;
}

#define memory_test(f) cmocka_unit_test_setup_teardown(f, setup, ram_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		memory_test(without_passes_nothing_is_touched),
		memory_test(good_memory_ends_up_zeroed_and_reserved_memory_untouched),
		memory_test(a_stuck_bit_is_found_by_a_pattern_that_needs_it),
		memory_test(tables_that_grow_into_the_range_under_test_stay_whole),
		memory_test(it_waits_for_the_linear_map),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
