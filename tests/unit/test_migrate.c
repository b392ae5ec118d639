/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves that a range is emptied of everything movable and nothing else, that whatever cannot be moved is named with the
 * right reason, and that a step that fails, whichever and whenever, leaves every block that was not moved as it was.
 */
#include "fpg/base/out.h"
#include "fpg/base/range.h"
#include "fpg/core/log.h"
#include "fpg/core/memblock.h"
#include "fpg/core/migrate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "migrate_caller.h"

/* ---- properties ------------------------------------------------------------------------------ */

static void everything_movable_leaves_and_keeps_its_contents(void **state)
{
	(void)state;
	struct migrate_result result;
	const uint32_t count = fill();
	uint64_t pages = 0;
	assert_int_equal(empty(&control, &result), 0);
	for (uint32_t i = 0; i < count; i++) {
		const struct page *page = movable_owner.entry[i].page;
		uint32_t owner;
		assert_false(pfn_range_contains(range, page_to_pfn(page)));
		assert_ptr_equal(page_movable(page, &owner), &movable_kinds[0]);
		assert_int_equal(owner, i);
		pages += 1ULL << movable_owner.entry[i].order;
	}
	all_intact(count);
	assert_int_equal(result.moved_pages, pages);
	assert_int_equal(caller.emptied_pages, pages);
	assert_int_equal(caller.targets_given, count);
	/* Once a batch, not once a block. */
	assert_int_equal(movable_owner.fences, (count + MIGRATE_BATCH - 1) / MIGRATE_BATCH);
	free_all(count);
}

static void a_block_that_cannot_be_isolated_ends_it_and_the_batch_is_put_back(void **state)
{
	(void)state;
	for (uint64_t k = 1; k <= FRAMES / 16; k += 7) {
		const uint32_t count = fill();
		fails_at(&control, MOVABLE_ISOLATE, k, count, MIGRATE_REASON_BUSY);
		free_all(count);
	}
}

static void a_block_that_cannot_be_moved_ends_it_and_the_rest_is_put_back(void **state)
{
	(void)state;
	for (uint64_t k = 1; k <= FRAMES / 16; k += 7) {
		const uint32_t count = fill();
		fails_at(&control, MOVABLE_MIGRATE, k, count, MIGRATE_REASON_REFUSED);
		free_all(count);
	}
}

static void without_a_target_the_rest_is_put_back(void **state)
{
	(void)state;
	for (long k = 0; k < FRAMES / 16; k += 9) {
		struct migrate_result result = { 0 };
		const uint32_t count = fill();
		memset(&caller, 0, sizeof(caller));
		caller.targets = k;
		assert_int_equal(migrate_frames(range, &control, &result), -ENOMEM);
		assert_int_equal(result.blocker.reason, MIGRATE_REASON_NO_TARGET);
		assert_int_equal(caller.targets_given, k);
		assert_ptr_equal(movable_owner.entry[k].page, pfn_to_page(result.blocker.frame));
		all_intact(count);
		free_all(count);
	}
}

static void a_pinned_block_stays_and_is_named(void **state)
{
	(void)state;
	struct migrate_result result;
	const uint32_t count = fill();
	struct page *page = movable_pin(3);
	assert_int_equal(empty(&control, &result), -EBUSY);
	assert_int_equal(result.blocker.reason, MIGRATE_REASON_PINNED);
	assert_int_equal(result.blocker.refs, 2);
	assert_int_equal(result.blocker.order, 3);
	assert_ptr_equal(pfn_to_page(result.blocker.frame), page);
	assert_int_equal(result.moved_pages, 0);
	put_page(page);
	assert_int_equal(empty(&control, &result), 0);
	all_intact(count);
	free_all(count);
}

static void what_nobody_can_move_is_named(void **state)
{
	(void)state;
	struct migrate_result result;
	const struct pfn_range one = { pfn(FIRST + 5), pfn(FIRST + 6) };
	const uint32_t count = fill();
	assert_int_equal(alloc_contig_range(one, GFP_KERNEL, NULL), 0);
	assert_int_equal(empty(&control, &result), -EBUSY);
	assert_int_equal(result.blocker.reason, MIGRATE_REASON_UNMOVABLE);
	assert_int_equal(result.blocker.frame.n, FIRST + 5);
	assert_int_equal(result.blocker.type, MIGRATE_UNMOVABLE);
	assert_string_equal(result.blocker.owner, "kernel");
	pfn_to_page(one.start)->word |= PAGE_F_PT;
	assert_int_equal(empty(&control, &result), -EBUSY);
	assert_string_equal(result.blocker.owner, "page table");
	pfn_to_page(one.start)->word &= ~PAGE_F_PT;
	/* Marked, but its owner knows nothing of it. */
	page_set_movable(pfn_to_page(one.start), movable_owner.kind[0], 7);
	assert_int_equal(empty(&control, &result), -EBUSY);
	assert_int_equal(result.blocker.reason, MIGRATE_REASON_BUSY);
	page_clear_movable(pfn_to_page(one.start));
	assert_int_equal(free_contig_range(one), 0);
	all_intact(count);
	free_all(count);
}

static void contents_that_nobody_needs_are_not_copied(void **state)
{
	(void)state;
	struct migrate_result result;
	struct migrate_control how = control;
	const uint32_t count = fill();
	for (uint32_t i = 0; i < count; i += 2) {
		struct page *page = movable_take(i);
		movable_own(i, page, i % 4, true);
	}
	how.discard = true;
	assert_int_equal(empty(&how, &result), 0);
	for (uint32_t i = 0; i < count; i++) {
		assert_int_equal(movable_owner.entry[i].page == NULL, i % 2 == 0);
		assert_true(i % 2 == 0 || movable_intact(i));
	}
	assert_int_equal(caller.targets_given, count / 2);
	assert_int_equal(result.discarded_pages + result.moved_pages, caller.emptied_pages);
	/* One fence a batch: the second kind needs none. */
	assert_int_equal(movable_owner.fences, (count + MIGRATE_BATCH - 1) / MIGRATE_BATCH);
	free_all(count);
}

static void without_targets_only_what_can_be_dropped_goes(void **state)
{
	(void)state;
	struct migrate_result result;
	struct migrate_control how = control;
	how.target = NULL;
	own_at(0, 0, 0);
	own_at(1, 64, 0);
	movable_own(0, movable_take(0), 0, true);
	assert_int_equal(empty(&how, &result), -EBUSY);
	assert_int_equal(result.blocker.reason, MIGRATE_REASON_UNMOVABLE);
	assert_int_equal(result.blocker.frame.n, FIRST + 64);
	/* Nothing was dropped for a batch that fails. */
	assert_non_null(movable_owner.entry[0].page);
	movable_own(1, movable_take(1), 0, true);
	assert_int_equal(empty(&how, &result), 0);
	assert_int_equal(result.discarded_pages, 2);
	free_all(2);
}

/* ---- looking --------------------------------------------------------------------------------- */

static void looking_counts_what_is_there_and_changes_nothing(void **state)
{
	(void)state;
	struct migrate_estimate look;
	migrate_look(range, &look);
	assert_int_equal(look.free_pages, FRAMES);
	assert_int_equal(look.blocker.reason, MIGRATE_REASON_NONE);
	/* Nobody has cut it: no record was populated for that. */
	assert_false(frame_populated(range.start));
	const uint32_t count = fill();
	migrate_look(range, &look);
	assert_int_equal(look.movable_pages, count / 4 * 15);
	assert_int_equal(look.free_pages, FRAMES - count / 4 * 15);
	assert_int_equal(look.blocker.reason, MIGRATE_REASON_NONE);
	struct page *page = movable_pin(5);
	migrate_look(range, &look);
	assert_int_equal(look.blocker.reason, MIGRATE_REASON_PINNED);
	assert_ptr_equal(pfn_to_page(look.blocker.frame), page);
	assert_int_equal(look.movable_pages, count / 4 * 15 - 2);
	put_page(page);
	all_intact(count);
	free_all(count);
}

static void looking_begins_in_the_middle_of_blocks(void **state)
{
	(void)state;
	uint64_t frames;
	struct migrate_blocker why;
	own_at(0, 8, 3);
	for (uint64_t i = 0; i < 8; i++) {
		assert_int_equal(frame_look(pfn(FIRST + 8 + i), &frames, &why), FRAME_MOVABLE);
		assert_int_equal(frames, 8 - i);
	}
	struct page *block = alloc_pages(GFP_KERNEL, 5);
	assert_int_equal(frame_look(pfn_add(page_to_pfn(block), 31), &frames, &why), FRAME_BLOCKED);
	assert_int_equal(why.frame.n, page_to_pfn(block).n);
	assert_int_equal(why.order, 5);
	assert_int_equal(frames, 1);
	__free_pages(block, 5);
	struct page *page = alloc_page(GFP_KERNEL);
	__free_page(page);
	assert_int_equal(frame_look(page_to_pfn(page), &frames, &why), FRAME_CACHED);
	free_all(1);
}

static void what_is_no_allocators_page_is_reserved(void **state)
{
	(void)state;
	uint64_t frames;
	struct migrate_blocker why;
	/* Firmware's first page, and where there is no RAM. */
	assert_int_equal(frame_look(phys_to_pfn(RAM_BASE), &frames, &why), FRAME_BLOCKED);
	assert_int_equal(why.reason, MIGRATE_REASON_RESERVED);
	assert_string_equal(why.owner, "memblock");
	assert_int_equal(frame_look(pfn(0x90000), &frames, &why), FRAME_BLOCKED);
	assert_int_equal(why.reason, MIGRATE_REASON_RESERVED);
	assert_string_equal(why.owner, "no memory");
}

static char text[256];

static void to_text(struct out *out, const char *s, size_t n)
{
	(void)out;
	strncat(text, s, n < sizeof(text) - strlen(text) - 1 ? n : sizeof(text) - strlen(text) - 1);
}

static void a_blocker_is_told_in_one_line(void **state)
{
	(void)state;
	struct out out = { .write = to_text };
	const struct migrate_blocker b = {
		.frame = pfn(0x81234),
		.reason = MIGRATE_REASON_PINNED,
		.owner = "test pages",
		.type = MIGRATE_MOVABLE,
		.refs = 2,
		.pinned_since_known = true,
		.pinned_since = 12,
	};
	text[0] = '\0';
	migrate_blocker_print(&out, &b);
	assert_string_equal(
		text, "pfn 0x81234: it is pinned (test pages, Movable, order 0, 2 references, "
		      "pinned for 12 s); page_owner off");
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, start, page_check_stop)
	const struct CMUnitTest tests[] = {
		TEST(everything_movable_leaves_and_keeps_its_contents),
		TEST(a_block_that_cannot_be_isolated_ends_it_and_the_batch_is_put_back),
		TEST(a_block_that_cannot_be_moved_ends_it_and_the_rest_is_put_back),
		TEST(without_a_target_the_rest_is_put_back),
		TEST(a_pinned_block_stays_and_is_named),
		TEST(what_nobody_can_move_is_named),
		TEST(contents_that_nobody_needs_are_not_copied),
		TEST(without_targets_only_what_can_be_dropped_goes),
		TEST(looking_counts_what_is_there_and_changes_nothing),
		TEST(looking_begins_in_the_middle_of_blocks),
		TEST(what_is_no_allocators_page_is_reserved),
		TEST(a_blocker_is_told_in_one_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
