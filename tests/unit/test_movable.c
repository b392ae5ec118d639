/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves that owners of movable pages are found from a page's record and nothing else is taken for one, that pins are
 * counted, dated where page_owner is on, and never the last reference, and that contents are copied whole.
 */
#include "page_check.h"

#include "movable_owner.h"

#include "fpg/core/log.h"
#include "fpg/core/page_owner.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define RAM_BASE 0x80000000UL

extern const struct palloc_ops buddy_palloc_ops;

static int start(void **state)
{
	(void)state;
	const struct sim_ram ram[] = { { RAM_BASE, 32 * SZ_1M, 0 } };
	page_check_start(&buddy_palloc_ops, ram, 1);
	movable_owner_start(true);
	return 0;
}

static void an_owner_that_lacks_a_step_is_refused_by_name(void **state)
{
	(void)state;
	struct movable_ops ops = movable_kinds[0];
	ops.putback = NULL;
	assert_int_equal(movable_ops_register(&ops), 0);
	assert_non_null(strstr(page_check_warning, "test pages"));
}

static void owners_are_numbered_until_there_is_no_room(void **state)
{
	(void)state;
	movable_reset();
	for (uint32_t i = 1; i <= MOVABLE_OPS_MAX; i++) {
		assert_int_equal(movable_ops_register(&movable_kinds[0]), i);
	}
	assert_int_equal(movable_ops_register(&movable_kinds[1]), 0);
	assert_int_equal(page_check_warnings, 1);
}

static void a_record_leads_to_its_owner_and_only_while_it_says_so(void **state)
{
	(void)state;
	uint32_t owner = 0;
	struct page *page = alloc_pages(GFP_USER_MOVABLE, 2);
	assert_null(page_movable(page, &owner));
	page_set_movable(page, movable_owner.kind[1], 4711);
	assert_ptr_equal(page_movable(page, &owner), &movable_kinds[1]);
	assert_int_equal(owner, 4711);
	/* Inside the block, a number nobody has, a frame of a page table. */
	assert_null(page_movable(page + 1, &owner));
	page->movable_ops = MOVABLE_OPS_MAX + 1;
	assert_null(page_movable(page, &owner));
	page_set_movable(page, movable_owner.kind[0], 1);
	page->word |= PAGE_F_PT;
	assert_null(page_movable(page, &owner));
	page->word &= ~PAGE_F_PT;
	page_clear_movable(page);
	assert_null(page_movable(page, &owner));
	__free_pages(page, 2);
	assert_null(page_movable(page, &owner));
	assert_int_equal(page_alloc_refused_frees(), 0);
}

static void pins_are_counted_and_the_last_reference_stays(void **state)
{
	(void)state;
	struct page *page = alloc_page(GFP_KERNEL);
	assert_false(page_pinned(page));
	get_page(page);
	get_page(page);
	assert_true(page_pinned(page));
	/* A pinned page is not freed. */
	__free_page(page);
	assert_non_null(strstr(page_check_warning, "reference count"));
	put_page(page);
	assert_true(page_pinned(page));
	assert_true(put_page_unless_last(page));
	assert_false(page_pinned(page));
	assert_false(put_page_unless_last(page));
	__free_page(page);
	assert_int_equal(page_alloc_refused_frees(), 1);
}

static void the_first_pin_that_stands_is_dated_where_page_owner_is_on(void **state)
{
	(void)state;
	const struct sim_ram ram[] = { { RAM_BASE, 32 * SZ_1M, 0 } };
	uint64_t seconds = 0;
	struct page *page = alloc_page(GFP_KERNEL);
	get_page(page);
	assert_false(page_pinned_since(page, &seconds));
	put_page(page);
	__free_page(page);

	sim_start(ram, 1);
	log_set_timebase(1000);
	assert_int_equal(page_owner_init(), 0);
	assert_int_equal(page_alloc_init("buddy"), 0);
	page = alloc_page(GFP_KERNEL);
	assert_false(page_pinned_since(page, &seconds));
	get_page(page);
	const uint64_t ticks = page_owner_of(page_to_pfn(page))->pin_ticks;
	assert_int_not_equal(ticks, 0);
	get_page(page);
	assert_int_equal(page_owner_of(page_to_pfn(page))->pin_ticks, ticks);
	assert_true(page_pinned_since(page, &seconds));
	put_page(page);
	assert_true(page_pinned_since(page, &seconds));
	put_page(page);
	assert_false(page_pinned_since(page, &seconds));
	assert_int_equal(page_owner_of(page_to_pfn(page))->pin_ticks, 0);
	__free_page(page);
	log_set_timebase(0);
}

static void contents_are_copied_whole(void **state)
{
	(void)state;
	struct page *from = alloc_pages(GFP_KERNEL, 3);
	struct page *to = alloc_pages(GFP_KERNEL | __GFP_ZERO, 3);
	movable_stamp(from, 3, 9);
	page_copy(to, from, 3);
	assert_memory_equal(page_address(to), page_address(from), PAGE_SIZE << 3);
	__free_pages(from, 3);
	__free_pages(to, 3);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, start, page_check_stop)
	const struct CMUnitTest tests[] = {
		TEST(an_owner_that_lacks_a_step_is_refused_by_name),
		TEST(owners_are_numbered_until_there_is_no_room),
		TEST(a_record_leads_to_its_owner_and_only_while_it_says_so),
		TEST(pins_are_counted_and_the_last_reference_stays),
		TEST(the_first_pin_that_stands_is_dated_where_page_owner_is_on),
		TEST(contents_are_copied_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
