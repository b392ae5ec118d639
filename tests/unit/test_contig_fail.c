/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves, with every backend that can claim, that alloc_contig_range() leaves records, types and counts as they were when
 * any step fails, takes what becomes free meanwhile, waits for what is busy for a while, and names who settles in the
 * range.
 */
#include "contig_machine.h"

#include "core/contig_private.h"

#include "fpg/core/fail_page_alloc.h"

static void a_failure_at_any_step_takes_nothing(void **state)
{
	(void)state;
	struct migrate_result result;
	start_machine();
	const uint32_t count = half_full(four_blocks);
	for (uint64_t k = 1; k <= count; k += 5) {
		remember();
		/* For good: however often it is tried. */
		movable_fail(MOVABLE_ISOLATE, k, UINT64_MAX);
		assert_int_equal(alloc_contig_range_report(four_blocks, GFP_KERNEL, &result),
				 -EBUSY);
		assert_int_equal(result.blocker.reason, MIGRATE_REASON_BUSY);
		assert_true(movable_owner.calls[MOVABLE_ISOLATE] <= 16 + count);
		assert_int_equal(page_check_used(), before.used);
		nothing_was_taken();
		movable_fail(MOVABLE_ISOLATE, 0, 0);
		assert_int_equal(alloc_contig_range(four_blocks, GFP_KERNEL, NULL), 0);
		assert_int_equal(free_contig_range(four_blocks), 0);
		for (uint32_t i = 0; i < count; i++) {
			assert_true(movable_free(i));
		}
		(void)half_full(four_blocks);

		remember();
		movable_fail(MOVABLE_MIGRATE, k, 1);
		assert_int_equal(alloc_contig_range_report(four_blocks, GFP_KERNEL, &result),
				 -EBUSY);
		assert_int_equal(result.blocker.reason, MIGRATE_REASON_REFUSED);
		assert_int_equal(page_check_used(), before.used);
		nothing_was_taken();
		for (uint32_t i = 0; i < count; i++) {
			assert_true(movable_free(i));
		}
		(void)half_full(four_blocks);
	}
	for (uint32_t i = 0; i < count; i++) {
		assert_true(movable_free(i));
	}
	page_check_all(page_check_used());
}

static void without_memory_to_move_to_nothing_is_taken(void **state)
{
	(void)state;
	struct migrate_result result;
	start_machine();
	for (uint64_t k = 1; k < 100; k += 11) {
		const struct fail_page_alloc_rule rule = {
			.nth = (uint32_t)k, .times = 1, .seed = 1, .with = __GFP_MOVABLE
		};
		const uint32_t count = half_full(four_blocks);
		remember();
		fail_page_alloc_set(&rule);
		int err = alloc_contig_range_report(four_blocks, GFP_KERNEL, &result);
		fail_page_alloc_set(NULL);
		assert_int_equal(err, -ENOMEM);
		assert_int_equal(result.blocker.reason, MIGRATE_REASON_NO_TARGET);
		assert_int_equal(page_check_used(), before.used);
		nothing_was_taken();
		for (uint32_t i = 0; i < count; i++) {
			assert_true(movable_free(i));
		}
	}
	page_check_all(page_check_used());
}

static void without_memory_for_records_nothing_is_taken_and_it_says_so(void **state)
{
	(void)state;
	struct migrate_result result;
	start_machine();
	remember();
	sim_populate_budget(0);
	assert_int_equal(alloc_contig_range_report(four_blocks, GFP_KERNEL, &result), -ENOMEM);
	sim_populate_budget(-1);
	assert_int_equal(result.blocker.reason, MIGRATE_REASON_NO_TARGET);
	assert_string_equal(result.blocker.owner, "frame table");
	assert_int_equal(page_check_used(), before.used);
	nothing_was_taken();
}

static void a_refused_window_changes_no_record(void **state)
{
	(void)state;
	start_machine();
	const uint32_t count = half_full(four_blocks);
	struct page *pinned = movable_pin(count - 1);
	pfn_t blocker = pfn(0);
	remember();
	assert_int_equal(alloc_contig_range(four_blocks, GFP_KERNEL, &blocker), -EBUSY);
	assert_int_equal(blocker.n, page_to_pfn(pinned).n);
	assert_memory_equal(before.records, pfn_to_page(pfn(FIRST_FRAME)), sizeof(before.records));
	nothing_was_taken();
	put_page(pinned);
}

static void a_block_across_an_edge_moves_whole_and_the_rest_of_it_is_free(void **state)
{
	(void)state;
	start_machine();
	const struct pfn_range window = frames_at(FIRST_FRAME + 0x1004, 8);
	const struct pfn_range place = frames_at(FIRST_FRAME + 0x1000, 16);
	assert_int_equal(alloc_contig_range(place, GFP_USER_MOVABLE, NULL), 0);
	for (uint32_t i = 0; i < 2; i++) {
		struct page *page = pfn_to_page(pfn(place.start.n + 8ULL * i));
		for (uint64_t k = 1; k < 8; k++) {
			page[k].word = 0;
		}
		page->word = page_word_with_order(page->word, 3);
		movable_own(i, page, 3, false);
	}
	const uint64_t used = page_check_used();
	assert_int_equal(alloc_contig_range(window, GFP_KERNEL | __GFP_ZERO, NULL), 0);
	page_cache_drain_all();
	assert_int_equal(page_check_used(), used + 8);
	for (uint64_t n = window.start.n; n < window.end.n; n++) {
		const uint64_t *at = page_address(pfn_to_page(pfn(n)));
		assert_int_equal(at[0] | at[511], 0);
	}
	assert_true(movable_intact(0) && movable_intact(1));
	assert_int_equal(free_contig_range(window), 0);
	assert_int_equal(alloc_contig_range(place, GFP_KERNEL, NULL), 0);
	assert_int_equal(free_contig_range(place), 0);
	assert_true(movable_free(0) && movable_free(1));
	page_check_all(page_check_used());
}

/* ---- what others do meanwhile ------------------------------------------------------------------ */

static uint32_t meanwhile_entries;
static struct page *meanwhile_taken;

/** The owner frees another page in the range each time one was moved. */
static void frees_another(uint32_t owner)
{
	const uint32_t other = meanwhile_entries - 1 - owner % meanwhile_entries;
	if (other > owner) {
		(void)movable_free(other);
	}
}

static void what_becomes_free_meanwhile_is_taken(void **state)
{
	(void)state;
	start_machine();
	meanwhile_entries = half_full(four_blocks);
	movable_owner.moved = frees_another;
	remember();
	assert_int_equal(alloc_contig_range(four_blocks, GFP_KERNEL, NULL), 0);
	movable_owner.moved = NULL;
	types_are_as_before();
	all_intact();
	assert_int_equal(free_contig_range(four_blocks), 0);
	page_check_all(UINT64_MAX);
}

/** The last entry's page is freed and taken at once by somebody who never moves it. */
static void somebody_settles(uint32_t owner)
{
	const uint32_t last = meanwhile_entries - 1;
	if (owner != 0 || meanwhile_taken != NULL) {
		return;
	}
	const unsigned int order = movable_owner.entry[last].order;
	struct page *page = movable_take(last);
	page_set_movable(page, movable_owner.kind[0], MOVABLE_MOST);
	page_clear_movable(page);
	page->word = (page->word & ~PAGE_TYPE_MASK) | (uint64_t)MIGRATE_UNMOVABLE
							      << PAGE_TYPE_SHIFT;
	meanwhile_taken = page;
	assert_int_equal(page_word_order(page->word), order);
}

static void who_settles_in_the_range_meanwhile_is_named_and_all_is_given_back(void **state)
{
	(void)state;
	struct migrate_result result;
	start_machine();
	meanwhile_entries = half_full(four_blocks);
	meanwhile_taken = NULL;
	movable_owner.moved = somebody_settles;
	remember();
	assert_int_equal(alloc_contig_range_report(four_blocks, GFP_KERNEL, &result), -EBUSY);
	movable_owner.moved = NULL;
	assert_non_null(meanwhile_taken);
	assert_int_equal(result.blocker.reason, MIGRATE_REASON_UNMOVABLE);
	assert_ptr_equal(pfn_to_page(result.blocker.frame), meanwhile_taken);
	assert_true(result.moved_pages > 0);
	assert_int_equal(page_check_used(), before.used);
	nothing_was_taken();
}

static void a_page_that_is_busy_for_a_while_is_waited_for(void **state)
{
	(void)state;
	start_machine();
	const uint32_t count = half_full(four_blocks);
	remember();
	movable_fail(MOVABLE_ISOLATE, count, 3);
	assert_int_equal(alloc_contig_range(four_blocks, GFP_KERNEL, NULL), 0);
	types_are_as_before();
	all_intact();
	assert_int_equal(free_contig_range(four_blocks), 0);
	page_check_all(UINT64_MAX);
}

/* ---- a target that lies in the range and cannot be kept ------------------------------------------- */

#define SINGLES 64U

/** The last single page was moved: a large block across the range's end becomes free, and records cannot be had. */
static void frees_the_block_across_the_end(uint32_t owner)
{
	if (owner == SINGLES - 1) {
		(void)movable_free(SINGLES + 1);
		sim_populate_budget(0);
	}
}

static void a_target_in_the_range_that_cannot_be_kept_is_no_memory(void **state)
{
	(void)state;
	struct page *large[ALL_FRAMES / MAX_ORDER_NR_PAGES];
	struct migrate_result result;
	const pfn_t at = pfn(FIRST_FRAME + 0x1000);
	const struct pfn_range window = { at, pfn_add(at, 0xa00) };
	uint32_t count = 0;
	start_machine();
	/* Nothing else of the size is free. */
	while ((large[count] = alloc_pages(GFP_USER_MOVABLE | __GFP_NOWARN, MAX_PAGE_ORDER))) {
		count++;
	}
	for (uint32_t i = 0; i < count; i++) {
		if (page_to_pfn(large[i]).n == at.n) {
			__free_pages(large[i], MAX_PAGE_ORDER);
		} else if (page_to_pfn(large[i]).n == at.n + 0x400) {
			movable_own(SINGLES, large[i], MAX_PAGE_ORDER, false);
		} else if (page_to_pfn(large[i]).n == at.n + 0x800) {
			movable_own(SINGLES + 1, large[i], MAX_PAGE_ORDER, false);
		}
	}
	const struct pfn_range singles = { at, pfn_add(at, SINGLES) };
	assert_int_equal(alloc_contig_range(singles, GFP_USER_MOVABLE, NULL), 0);
	for (uint32_t i = 0; i < SINGLES; i++) {
		movable_own(i, pfn_to_page(pfn_add(at, i)), 0, false);
	}
	assert_non_null(movable_owner.entry[SINGLES].page);
	assert_non_null(movable_owner.entry[SINGLES + 1].page);
	remember();
	movable_owner.moved = frees_the_block_across_the_end;
	const int err = alloc_contig_range_report(window, GFP_KERNEL, &result);
	movable_owner.moved = NULL;
	sim_populate_budget(-1);
	assert_int_equal(err, -ENOMEM);
	assert_int_equal(result.blocker.reason, MIGRATE_REASON_NO_TARGET);
	assert_int_equal(result.blocker.frame.n, at.n + 0x400);
	assert_null(movable_owner.entry[SINGLES + 1].page);
	page_cache_drain_all();
	/* But for pages that records came from. */
	assert_true(page_check_used() - (before.used - MAX_ORDER_NR_PAGES) < SINGLES);
	nothing_was_taken();
}

/* ---- what a claim leaves to be done ---------------------------------------------------------------- */

static void from_the_claim_to_the_records_this_hart_is_not_held(void **state)
{
	(void)state;
	const struct pfn_range range = frames_at(FIRST_FRAME + 0x1001, 7);
	const struct pfn_range one = frames_at(FIRST_FRAME + 0x1004, 1);
	start_machine();
	assert_int_equal(alloc_contig_range(range, GFP_KERNEL, NULL), 0);
	assert_int_equal(spin_locks_in_hand(), 0);
	assert_int_equal(zone_claim(the_zone(), one, NULL), -EBUSY);
	assert_int_equal(spin_locks_in_hand(), 0);
	assert_int_equal(free_contig_range(range), 0);
	assert_int_equal(zone_claim(the_zone(), range, NULL), 0);
	assert_int_equal(spin_locks_in_hand(), 1);
	frames_make_single(the_zone(), range, MIGRATE_MOVABLE);
	harts_hold_allow();
	assert_int_equal(free_contig_range(range), 0);
	/* By moving, too. */
	(void)half_full(four_blocks);
	assert_int_equal(alloc_contig_range(four_blocks, GFP_KERNEL, NULL), 0);
	assert_int_equal(spin_locks_in_hand(), 0);
	assert_int_equal(free_contig_range(four_blocks), 0);
	page_check_all(page_check_used());
}

#define TEST(fn) cmocka_unit_test_teardown(fn, page_check_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_failure_at_any_step_takes_nothing),
		TEST(without_memory_to_move_to_nothing_is_taken),
		TEST(without_memory_for_records_nothing_is_taken_and_it_says_so),
		TEST(a_refused_window_changes_no_record),
		TEST(a_block_across_an_edge_moves_whole_and_the_rest_of_it_is_free),
		TEST(what_becomes_free_meanwhile_is_taken),
		TEST(who_settles_in_the_range_meanwhile_is_named_and_all_is_given_back),
		TEST(a_page_that_is_busy_for_a_while_is_waited_for),
		TEST(a_target_in_the_range_that_cannot_be_kept_is_no_memory),
		TEST(from_the_claim_to_the_records_this_hart_is_not_held),
	};
	return contig_run(tests, ARRAY_SIZE(tests));
}
