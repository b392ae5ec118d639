/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves what alloc_bootmem() and its kin promise, and that memory which goes from memblock to a first backend and on
 * to a second one is all there afterwards: what was allocated before is freed later, shared pages stay one page each.
 */
#include "page_check.h"
#include "sim.h"

#include "fpg/base/range.h"
#include "fpg/core/bootmem.h"
#include "fpg/core/fail_boot.h"
#include "fpg/core/page_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#define RAM_BASE 0xfc000000UL

static void start(const char *choice)
{
	/* Half below 4 GiB, half above. */
	const struct sim_ram ram[] = { { RAM_BASE, 128 * SZ_1M, 0 } };
	sim_start(ram, 1);
	assert_int_equal(page_alloc_init(choice), 0);
}

static int stop(void **state)
{
	(void)state;
	sim_stop();
	return 0;
}

static void boot_allocations_share_pages_and_are_zero(void **state)
{
	(void)state;
	start("bootmem");
	assert_true(bootmem_available());
	uint64_t free = page_alloc_free_pages();
	char *first = alloc_bootmem(100);
	assert_true(port_virt_to_phys(first) >= BOOTMEM_LOW_LIMIT);
	memset(first, 0xff, 100);
	for (unsigned int i = 1; i < 32; i++) {
		char *p = alloc_bootmem(100);
		assert_ptr_equal(p, first + (size_t)i * 128);
		assert_int_equal(p[0] | p[99], 0);
	}
	assert_int_equal(page_alloc_free_pages(), free - 1);
	const struct page *page = virt_to_page(first);
	assert_int_equal(page_word_state(page->word), PAGE_ALLOCATED);
	assert_int_equal(page_word_order(page->word), 0);
	assert_int_equal(page->owner, PAGE_OWNER_PACKED);
	assert_true(port_virt_to_phys(alloc_bootmem_low(8192)) < BOOTMEM_LOW_END);
	assert_true(IS_ALIGNED((uintptr_t)alloc_bootmem_pages(1), PAGE_SIZE));
	assert_null(__alloc_bootmem_nopanic(1UL << 40, 64, 0));
	assert_null(__alloc_bootmem_nopanic(64, 48, 0));
	page_check_all(UINT64_MAX);
}

static void reservations_tell_of_conflicts_and_change_nothing_then(void **state)
{
	(void)state;
	start("bootmem");
	phys_addr_t at = RAM_BASE + 16 * SZ_1M;
	uint64_t free = page_alloc_free_pages();
	assert_int_equal(reserve_bootmem(at + 100, 100, BOOTMEM_EXCLUSIVE), 0);
	assert_int_equal(page_alloc_free_pages(), free - 1);
	assert_int_equal(reserve_bootmem(at - 4096, 3 * 4096, BOOTMEM_EXCLUSIVE), -EBUSY);
	assert_int_equal(page_alloc_free_pages(), free - 1);
	assert_int_equal(reserve_bootmem(at - 4096, 3 * 4096, BOOTMEM_DEFAULT), 0);
	assert_int_equal(page_alloc_free_pages(), free - 3);
	assert_int_equal(reserve_bootmem(at, 0, 0), -EINVAL);
	assert_int_equal(reserve_bootmem(0x1000, 4096, 0), -EINVAL);
	/* Rounded inwards: one page of the three. */
	free_bootmem(at - 100, 4096 + 200);
	assert_int_equal(page_alloc_free_pages(), free - 2);
	uint64_t refused = page_alloc_refused_frees();
	free_bootmem(at - 4096, 3 * 4096);
	assert_int_equal(page_alloc_refused_frees(), refused + 1);
	assert_int_equal(page_alloc_free_pages(), free - 2);
	free_bootmem(at - 4096, 4096);
	free_bootmem(at + 4096, 4096);
	assert_int_equal(page_alloc_free_pages(), free);
	/* Across the zones' border. */
	assert_int_equal(reserve_bootmem(BOOTMEM_LOW_END - 8192, 16384, BOOTMEM_EXCLUSIVE), 0);
	free_bootmem(BOOTMEM_LOW_END - 8192, 16384);
	assert_int_equal(page_alloc_free_pages(), free);
	page_check_all(UINT64_MAX);
}

/** Pages that anybody can still have. Return: how many of them lie in @range */
static uint64_t take_all(struct pfn_range range)
{
	struct page *page;
	uint64_t inside = 0;
	while ((page = alloc_pages(GFP_KERNEL | __GFP_MEMALLOC | __GFP_NOWARN, 0)) != NULL) {
		inside += pfn_range_contains(range, page_to_pfn(page));
	}
	return inside;
}

static void what_is_reserved_is_in_no_cache(void **state)
{
	(void)state;
	start("bootmem");
	/* The lowest memory of the zone that requests begin in: getting records for it takes pages of it. */
	struct pfn_range low = { phys_to_pfn(BOOTMEM_LOW_LIMIT),
				 phys_to_pfn(BOOTMEM_LOW_LIMIT + 48 * SZ_1M) };
	__free_page(alloc_pages(GFP_KERNEL, 0));
	assert_int_equal(reserve_bootmem(pfn_to_phys(low.start), pfn_range_pages(low) << PAGE_SHIFT,
					 BOOTMEM_DEFAULT),
			 0);
	assert_int_equal(take_all(low), 0);
	page_check_all(UINT64_MAX);
}

static void a_reservation_that_fails_gives_back_what_it_took(void **state)
{
	(void)state;
	start("bootmem");
	const struct pfn_range low = { phys_to_pfn(BOOTMEM_LOW_LIMIT),
				       phys_to_pfn(BOOTMEM_LOW_LIMIT + 4 * SZ_1M) };
	/* Every eighth page is somebody's: many runs are reserved one by one. */
	for (uint64_t n = low.start.n; n < low.end.n; n += 8) {
		(void)!reserve_bootmem(n << PAGE_SHIFT, PAGE_SIZE, BOOTMEM_DEFAULT);
	}
	const phys_addr_t size = pfn_range_pages(low) << PAGE_SHIFT;
	uint64_t marked = 0;
	uint64_t before = page_alloc_free_pages();
	int err = -ENOMEM;
	for (uint64_t k = 1; err != 0; k++) {
		fail_boot_set(k);
		err = reserve_bootmem(pfn_to_phys(low.start), size, BOOTMEM_DEFAULT);
		(void)fail_boot_end();
		assert_true(err == 0 || err == -ENOMEM);
		assert_true(err == 0 || page_alloc_free_pages() == before);
		marked += k > 100 && err != 0;
	}
	assert_true(marked > 0);
	assert_true(page_alloc_free_pages() < before);
	for (uint64_t n = low.start.n; n < low.end.n; n++) {
		assert_int_equal(page_word_state(pfn_to_page(pfn(n))->word), PAGE_ALLOCATED);
		assert_int_not_equal(pfn_to_page(pfn(n))->owner, PAGE_OWNER_RESERVING);
	}
	assert_int_equal(page_alloc_refused_frees(), 0);
	page_check_all(UINT64_MAX);
}

static void a_second_backend_takes_over_all_of_it(void **state)
{
	(void)state;
	start("bootmem+buddy");
	assert_string_equal(page_alloc_backend_name(), "bootmem");
	uint64_t managed = page_alloc_managed_pages();
	char *small = alloc_bootmem(40);
	char *large = alloc_bootmem(3 * 4096 + 50);
	struct page *block = alloc_pages(GFP_KERNEL, 5);
	struct page *single = alloc_pages(GFP_KERNEL, 0);
	strcpy(small, "still there");
	assert_non_null(block);
	assert_non_null(single);
	uint64_t left = free_all_bootmem();
	assert_string_equal(page_alloc_backend_name(), "buddy");
	assert_int_equal(left, page_alloc_free_pages());
	/* bootmem's metadata came back. */
	assert_true(page_alloc_managed_pages() > managed);
	assert_false(bootmem_available());
	assert_null(__alloc_bootmem_nopanic(64, 64, 0));
	assert_int_equal(free_all_bootmem(), 0);
	assert_string_equal(small, "still there");
	assert_int_equal(virt_to_page(small)->owner, PAGE_OWNER_PACKED);
	page_check_all(UINT64_MAX);
	left = page_alloc_free_pages();
	__free_pages(block, 5);
	__free_pages(single, 0);
	/* The page that both share, and the three whole ones behind it. */
	free_bootmem(ALIGN_DOWN(port_virt_to_phys(small), PAGE_SIZE), 4 * 4096);
	(void)large;
	assert_int_equal(page_alloc_free_pages(), left + 32 + 1 + 4);
	assert_int_equal(page_alloc_refused_frees(), 0);
	page_check_all(UINT64_MAX);
}

static void a_way_that_cannot_be_is_not_taken(void **state)
{
	(void)state;
	start("nonsense+buddy");
	assert_string_equal(page_alloc_backend_name(), "buddy");
	assert_int_equal(free_all_bootmem(), 0);
	sim_stop();
	start("bootmem+bootmem");
	assert_int_equal(free_all_bootmem(), 0);
	assert_string_equal(page_alloc_backend_name(), "bootmem");
	sim_stop();
	start("buddy+bootmem");
	struct page *page = alloc_pages(GFP_KERNEL, 3);
	assert_int_not_equal(free_all_bootmem(), 0);
	assert_string_equal(page_alloc_backend_name(), "bootmem");
	__free_pages(page, 3);
	page_check_all(UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(boot_allocations_share_pages_and_are_zero, stop),
		cmocka_unit_test_teardown(reservations_tell_of_conflicts_and_change_nothing_then,
					  stop),
		cmocka_unit_test_teardown(what_is_reserved_is_in_no_cache, stop),
		cmocka_unit_test_teardown(a_reservation_that_fails_gives_back_what_it_took, stop),
		cmocka_unit_test_teardown(a_second_backend_takes_over_all_of_it, stop),
		cmocka_unit_test_teardown(a_way_that_cannot_be_is_not_taken, stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
