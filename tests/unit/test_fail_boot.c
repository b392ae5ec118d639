/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves that fail_boot counts each allocation once, fails exactly the one asked for and leaves nothing behind, also
 * where an allocation tries several places or tables must grow first; and that nothing is counted before and after.
 */
#include "dtb_build.h"
#include "memblock_ram.h"

#include "fpg/core/fail_boot.h"

#include <errno.h>

static int setup(void **state)
{
	int err = ram_setup(state);
	warnings_start();
	return err != 0 ? err : memblock_add(RAM_BASE, RAM_BYTES);
}

static int teardown(void **state)
{
	(void)fail_boot_end();
	log_set_observer(NULL, NULL);
	return ram_teardown(state);
}

static void each_allocation_is_counted_once(void **state)
{
	(void)state;
	assert_true(memblock_phys_alloc(4096, 4096) != 0);
	assert_false(fail_boot_now("before"));
	fail_boot_set(0);
	assert_int_equal(fail_boot_count(), 0);
	assert_true(memblock_phys_alloc(4096, 4096) != 0);
	assert_int_equal(fail_boot_count(), 1);
	/* Nothing lies above: found at the second try, by the same call. */
	assert_non_null(memblock_alloc_from(4096, 4096, memblock_end_of_DRAM()));
	assert_int_equal(fail_boot_count(), 2);
	assert_false(fail_boot_now("a third"));
	assert_int_equal(fail_boot_end(), 3);
	assert_true(memblock_phys_alloc(4096, 4096) != 0);
	assert_int_equal(fail_boot_count(), 3);
	assert_int_equal(warnings_count(), 0);
}

static void the_one_asked_for_fails_and_changes_nothing(void **state)
{
	(void)state;
	for (uint64_t k = 1; k <= 4; k++) {
		const phys_addr_t before = memblock_reserved_size();
		fail_boot_set(k);
		unsigned int got = 0;
		for (uint64_t i = 1; i <= 4; i++) {
			void *p = memblock_alloc_from(4096, 4096, memblock_end_of_DRAM());
			assert_int_equal(p == NULL, i == k);
			got += p != NULL;
		}
		assert_int_equal(fail_boot_end(), 4);
		assert_int_equal(memblock_reserved_size(), before + got * 4096);
		assert_int_equal(warnings_count(), k);
	}
	assert_true(warned_of("allocation 3 (memblock_alloc_try_nid: no owner, 4096 bytes) fails"));
}

static void growing_a_table_is_an_allocation(void **state)
{
	(void)state;
	memblock_allow_resize();
	fail_boot_set(1);
	const phys_addr_t at = memblock_start_of_DRAM();
	int err = 0;
	for (uint64_t i = 0; i <= INIT_MEMBLOCK_REGIONS && err == 0; i++) {
		err = memblock_reserve(at + i * 256, 128);
	}
	assert_int_equal(err, -ENOMEM);
	assert_int_equal(memblock.reserved.max, INIT_MEMBLOCK_REGIONS);
	assert_true(warned_of("allocation 1 (memblock_double_array: memblock arrays, "));
	assert_int_equal(memblock_reserve(at + INIT_MEMBLOCK_REGIONS * 256UL, 128), 0);
	assert_true(memblock.reserved.max > INIT_MEMBLOCK_REGIONS);
}

static void a_number_that_is_never_reached_is_told(void **state)
{
	(void)state;
	fail_boot_set(7);
	assert_false(fail_boot_now("one"));
	assert_int_equal(fail_boot_end(), 1);
	assert_true(warned_of("fail_boot=7: none failed, the boot made 1 allocations"));
	assert_int_equal(fail_boot_end(), 1);
	assert_int_equal(warnings_count(), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_allocation_is_counted_once, setup, teardown),
		cmocka_unit_test_setup_teardown(the_one_asked_for_fails_and_changes_nothing, setup,
						teardown),
		cmocka_unit_test_setup_teardown(growing_a_table_is_an_allocation, setup, teardown),
		cmocka_unit_test_setup_teardown(a_number_that_is_never_reached_is_told, setup,
						teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
