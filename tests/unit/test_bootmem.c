/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves what is bootmem's own: everything reserved at first without writing the bitmap, the lowest place that fits for
 * every size, alignment by frame number, failures that are remembered until memory is freed, conflicts named, pages
 * shared by small requests, and what a bitmap of 1 TiB costs.
 */
#include "allocators/bootmem/bootmem.h"
#include "instance.h"
#include "sim.h"

#include "fpg/base/range.h"
#include "fpg/core/palloc_registry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>

#define BASE 0x80003UL

static struct instance it;

static void start(uint64_t frames)
{
	const struct palloc_ops *ops = palloc_find("bootmem");
	assert_non_null(ops);
	instance_start(&it, ops, (struct pfn_range){ pfn(BASE), pfn(BASE + frames) });
}

static int stop(void **state)
{
	(void)state;
	instance_stop(&it);
	return 0;
}

static uint64_t take(uint32_t pages, unsigned int align_order)
{
	struct palloc_req req = { .pages = pages, .align_order = (uint8_t)align_order };
	struct palloc_block block = it.pa.ops->alloc(&it.pa, &req);
	return block.err == 0 ? block.start.n : 0;
}

static void give(uint64_t start, uint64_t pages)
{
	assert_int_equal(
		it.pa.ops->free(&it.pa, (struct pfn_range){ pfn(start), pfn(start + pages) }), 0);
}

static void everything_is_reserved_at_first(void **state)
{
	(void)state;
	start(1000);
	assert_int_equal(take(1, 0), 0);
	uint64_t bits = bootmem_of(&it.pa)->bits;
	assert_int_equal(bits_find_set(bootmem_of(&it.pa)->free_map, 0, bits), bits);
	instance_add(&it, BASE + 10, BASE + 20);
	assert_int_equal(take(1, 0), BASE + 10);
	instance_check(&it);
}

static void single_frames_come_from_the_lowest_place(void **state)
{
	(void)state;
	start(1000);
	instance_add(&it, BASE, BASE + 1000);
	for (uint64_t i = 0; i < 200; i++) {
		assert_int_equal(take(1, 0), BASE + i);
	}
	give(BASE + 77, 1);
	give(BASE + 33, 1);
	assert_int_equal(take(1, 0), BASE + 33);
	assert_int_equal(take(1, 0), BASE + 77);
	assert_int_equal(take(1, 0), BASE + 200);
	instance_check(&it);
}

static void runs_come_from_the_lowest_place_that_fits(void **state)
{
	(void)state;
	start(1000);
	instance_add(&it, BASE, BASE + 1000);
	assert_int_equal(take(100, 0), BASE);
	assert_int_equal(take(100, 0), BASE + 100);
	assert_int_equal(take(100, 0), BASE + 200);
	give(BASE, 200);
	assert_int_equal(take(150, 0), BASE);
	assert_int_equal(take(51, 0), BASE + 300);
	assert_int_equal(take(50, 0), BASE + 150);
	assert_int_equal(take(649, 0), BASE + 351);
	assert_int_equal(take(1, 0), 0);
	instance_check(&it);
}

static void alignment_is_of_the_frame_not_of_the_bit(void **state)
{
	(void)state;
	start(5000);
	instance_add(&it, BASE + 1, BASE + 5000);
	for (unsigned int align = 0; align <= MAX_PAGE_ORDER; align++) {
		uint64_t at = take(3, align);
		assert_int_not_equal(at, 0);
		assert_true(IS_ALIGNED(at, 1UL << align));
	}
	instance_check(&it);
}

static void a_failure_is_remembered_until_memory_is_freed(void **state)
{
	(void)state;
	start(100000);
	instance_add(&it, BASE, BASE + 100000);
	for (uint64_t n = 0; n < 100000; n += 2) {
		assert_int_equal(
			it.pa.ops->claim(&it.pa,
					 (struct pfn_range){ pfn(BASE + n), pfn(BASE + n + 1) },
					 NULL),
			0);
	}
	assert_int_equal(take(3, 0), 0);
	assert_int_equal(bootmem_of(&it.pa)->failed_pages, 3);
	assert_int_equal(take(65, 3), 0);
	assert_int_equal(bootmem_of(&it.pa)->failed_pages, 3);
	assert_int_equal(take(64, 6), 0);
	assert_int_equal(bootmem_of(&it.pa)->low[6], bootmem_of(&it.pa)->bits);
	assert_int_not_equal(take(1, 0), 0);
	give(BASE + 5000, 1);
	assert_int_equal(take(3, 0), BASE + 4999);
	instance_check(&it);
}

static void conflicts_name_the_first_frame_in_the_way(void **state)
{
	pfn_t blocker = pfn(0);
	(void)state;
	start(1000);
	instance_add(&it, BASE, BASE + 1000);
	struct pfn_range first = { pfn(BASE + 300), pfn(BASE + 310) };
	struct pfn_range around = { pfn(BASE + 200), pfn(BASE + 400) };
	assert_int_equal(it.pa.ops->claim(&it.pa, first, &blocker), 0);
	assert_int_equal(it.pa.ops->claim(&it.pa, around, &blocker), -EBUSY);
	assert_int_equal(blocker.n, BASE + 300);
	assert_int_equal(it.pa.ops->free(&it.pa, around), -EINVAL);
	give(BASE + 302, 3);
	instance_check(&it);
}

static void more_runs_than_were_announced_are_refused(void **state)
{
	(void)state;
	start(10000);
	struct palloc_run run = { .state = PALLOC_RUN_FREE };
	uint64_t added = 0;
	int err = 0;
	for (uint64_t n = 0; n + 1 < 10000 && err == 0; n += 2) {
		run.range = (struct pfn_range){ pfn(BASE + n), pfn(BASE + n + 1) };
		err = it.pa.ops->add(&it.pa, &run);
		added += err == 0;
	}
	assert_int_equal(err, -ENOSPC);
	assert_true(added >= 256);
	instance_check(&it);
	/* One that joins two others still fits. */
	instance_add(&it, BASE + 1, BASE + 2);
	instance_check(&it);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(everything_is_reserved_at_first, stop),
		cmocka_unit_test_teardown(single_frames_come_from_the_lowest_place, stop),
		cmocka_unit_test_teardown(runs_come_from_the_lowest_place_that_fits, stop),
		cmocka_unit_test_teardown(alignment_is_of_the_frame_not_of_the_bit, stop),
		cmocka_unit_test_teardown(a_failure_is_remembered_until_memory_is_freed, stop),
		cmocka_unit_test_teardown(conflicts_name_the_first_frame_in_the_way, stop),
		cmocka_unit_test_teardown(more_runs_than_were_announced_are_refused, stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
