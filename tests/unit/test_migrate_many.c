/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves that single pages which move many at once fare as they would one by one: the same fail, for the same reason, and
 * what did not move is as it was.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "migrate_caller.h"

static void many_at_once_fail_where_one_by_one_would(void **state)
{
	(void)state;
	for (uint64_t k = 1; k <= FRAMES / 16; k += 5) {
		uint32_t count = fill_row();
		fails_at(&control_many, MOVABLE_ISOLATE, k, count, MIGRATE_REASON_BUSY);
		free_all(count);
		count = fill_row();
		fails_at(&control_many, MOVABLE_MIGRATE, k, count, MIGRATE_REASON_REFUSED);
		free_all(count);
	}
}

/** A row with one pinned page: what lies before its batch has moved, it is named, and once let go it moves as well. */
static void a_pinned_page_in_a_row_is_named(void **state)
{
	(void)state;
	for (uint32_t k = 0; k < FRAMES / 16; k += 11) {
		struct migrate_result result;
		const uint32_t count = fill_row();
		struct page *page = movable_pin(k);
		assert_non_null(page);
		assert_int_equal(empty(&control_many, &result), -EBUSY);
		assert_int_equal(result.blocker.reason, MIGRATE_REASON_PINNED);
		assert_ptr_equal(pfn_to_page(result.blocker.frame), page);
		assert_int_equal(result.moved_pages, k / MIGRATE_BATCH * MIGRATE_BATCH);
		all_intact(count);
		put_page(page);
		assert_int_equal(empty(&control_many, &result), 0);
		all_intact(count);
		free_all(count);
	}
}

/** Kinds that take many and that do not, in one batch, and blocks of several orders between them. */
static void rows_of_several_kinds_move(void **state)
{
	(void)state;
	struct migrate_result result;
	const uint32_t count = fill_row();
	uint64_t pages = 0;
	for (uint32_t i = 0; i < count; i += i % 3 + 1) {
		page_set_movable(movable_owner.entry[i].page, movable_owner.kind[1], i);
	}
	for (uint32_t i = 0; i < 4; i++) {
		own_at(count + i, count + i * 8, i);
		pages += 1ULL << i;
	}
	assert_int_equal(empty(&control_many, &result), 0);
	assert_int_equal(result.moved_pages, count + pages);
	assert_int_equal(caller.emptied_pages, count + pages);
	for (uint32_t i = 0; i < count + 4; i++) {
		assert_false(pfn_range_contains(range, page_to_pfn(movable_owner.entry[i].page)));
	}
	all_intact(count + 4);
	free_all(count + 4);
}

static void many_at_once_without_a_target_are_put_back(void **state)
{
	(void)state;
	for (long k = 0; k < FRAMES / 16; k += 9) {
		struct migrate_result result = { 0 };
		const uint32_t count = fill_row();
		memset(&caller, 0, sizeof(caller));
		caller.targets = k;
		assert_int_equal(migrate_frames(range, &control_many, &result), -ENOMEM);
		assert_int_equal(result.blocker.reason, MIGRATE_REASON_NO_TARGET);
		assert_int_equal(caller.targets_given, k);
		assert_int_equal(result.moved_pages, k);
		assert_ptr_equal(movable_owner.entry[k].page, pfn_to_page(result.blocker.frame));
		all_intact(count);
		free_all(count);
	}
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, start, page_check_stop)
	const struct CMUnitTest tests[] = {
		TEST(many_at_once_fail_where_one_by_one_would),
		TEST(a_pinned_page_in_a_row_is_named),
		TEST(rows_of_several_kinds_move),
		TEST(many_at_once_without_a_target_are_put_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
