/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves, with every backend that can claim, that alloc_contig_range() gets a range exactly when nothing in it is unmovable
 * or pinned, names the first such block otherwise, loses no contents, and leaves records, types and counts as they were
 * when any step fails: against a model, with random layouts, windows and pins.
 */
#include "page_check.h"

#include "movable_owner.h"

#include "fpg/base/range.h"
#include "fpg/core/fail_page_alloc.h"
#include "fpg/core/memblock.h"
#include "fpg/core/migrate.h"
#include "fpg/core/page_cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RAM_BASE    0x80000000UL
#define RAM_BYTES   (64 * SZ_1M)
#define FIRST_FRAME (RAM_BASE / PAGE_SIZE)
#define ALL_FRAMES  (RAM_BYTES / PAGE_SIZE)
#define ENTRIES	    1500U
#define FIXED	    60U

static const struct palloc_ops *backend;

static void start_machine(void)
{
	const struct sim_ram ram[] = { { RAM_BASE, RAM_BYTES, 0 } };
	page_check_start(backend, ram, 1);
	movable_owner_start(true);
}

static struct pfn_range frames_at(uint64_t first, uint64_t count)
{
	return (struct pfn_range){ pfn(first), pfn(first + count) };
}

/* ---- the model ------------------------------------------------------------------------------- */

enum use {
	USE_FREE,
	USE_MOVABLE,
	USE_PINNED,
	USE_FIXED,
	USE_RESERVED,
};

static struct {
	uint64_t random;
	bool pinned[ENTRIES];
	/** Unmovable blocks. */
	struct page *fixed[FIXED];
	unsigned int fixed_order[FIXED];
	/** What each frame is, and the frame of its block's head. */
	uint8_t use[ALL_FRAMES];
	uint64_t head[ALL_FRAMES];
} model;

static uint64_t below(uint64_t n)
{
	return sim_random(&model.random) % n;
}

static void mark(const struct page *page, unsigned int order, enum use use)
{
	const uint64_t head = page_to_pfn(page).n;
	for (uint64_t i = 0; i < 1ULL << order; i++) {
		model.use[head - FIRST_FRAME + i] = (uint8_t)use;
		model.head[head - FIRST_FRAME + i] = head;
	}
}

/** From what the test holds, what memblock holds, and the pages that the allocator took for its records. */
static void model_map(void)
{
	for (uint64_t i = 0; i < ALL_FRAMES; i++) {
		const pfn_t f = pfn(FIRST_FRAME + i);
		const struct page *page = pfn_to_page(f);
		model.use[i] = memblock_is_region_reserved(pfn_to_phys(f), PAGE_SIZE) ?
				       USE_RESERVED :
			       page_word_state(page->word) == PAGE_ALLOCATED &&
					       (page->word & PAGE_F_TABLE) != 0 ?
				       USE_FIXED :
				       USE_FREE;
		model.head[i] = f.n;
	}
	for (uint32_t i = 0; i < ENTRIES; i++) {
		const struct movable_entry *e = &movable_owner.entry[i];
		if (e->page != NULL) {
			mark(e->page, e->order, model.pinned[i] ? USE_PINNED : USE_MOVABLE);
		}
	}
	for (uint32_t i = 0; i < FIXED; i++) {
		if (model.fixed[i] != NULL) {
			mark(model.fixed[i], model.fixed_order[i], USE_FIXED);
		}
	}
}

/** The first frame of @range that cannot be had, or its end. */
static uint64_t model_blocked(struct pfn_range range)
{
	uint64_t n = range.start.n;
	while (n < range.end.n && model.use[n - FIRST_FRAME] <= USE_MOVABLE) {
		n++;
	}
	return n;
}

static enum migrate_reason model_reason(enum use use)
{
	return use == USE_PINNED   ? MIGRATE_REASON_PINNED :
	       use == USE_RESERVED ? MIGRATE_REASON_RESERVED :
				     MIGRATE_REASON_UNMOVABLE;
}

/** Take or give one thing at random. */
static void model_step(void)
{
	const uint32_t i = (uint32_t)below(ENTRIES);
	const uint32_t k = (uint32_t)below(FIXED);
	const struct movable_entry *e = &movable_owner.entry[i];
	switch (below(8)) {
	case 0:
		if (e->page != NULL && below(8) == 0) {
			if (model.pinned[i]) {
				put_page(e->page);
			} else {
				assert_non_null(movable_pin(i));
			}
			model.pinned[i] = !model.pinned[i];
		}
		break;
	case 1:
		if (model.fixed[k] != NULL) {
			__free_pages(model.fixed[k], model.fixed_order[k]);
			model.fixed[k] = NULL;
		} else if (below(4) == 0) {
			model.fixed_order[k] = (unsigned int)below(4);
			model.fixed[k] = alloc_pages(GFP_KERNEL, model.fixed_order[k]);
		}
		break;
	case 2:
		if (e->page != NULL && !model.pinned[i]) {
			assert_true(movable_free(i));
		}
		break;
	default:
		if (e->page == NULL) {
			const unsigned int order = (unsigned int)(below(4) == 0 ? below(5) : 0);
			assert_true(movable_alloc(i, GFP_USER_MOVABLE, order, false));
		}
		break;
	}
}

static void model_start(uint64_t seed)
{
	memset(&model, 0, sizeof(model));
	model.random = sim_seed(seed);
	start_machine();
	for (uint32_t i = 0; i < 4 * ENTRIES; i++) {
		model_step();
	}
}

static void all_intact(void)
{
	assert_null(movable_owner.wrong);
	for (uint32_t i = 0; i < ENTRIES; i++) {
		if (movable_owner.entry[i].page != NULL) {
			assert_false(movable_owner.entry[i].isolated);
			assert_true(movable_intact(i));
		}
	}
}

static void model_end(void)
{
	all_intact();
	for (uint32_t i = 0; i < ENTRIES; i++) {
		if (model.pinned[i]) {
			put_page(movable_owner.entry[i].page);
		}
		if (movable_owner.entry[i].page != NULL) {
			assert_true(movable_free(i));
		}
	}
	for (uint32_t i = 0; i < FIXED; i++) {
		if (model.fixed[i] != NULL) {
			__free_pages(model.fixed[i], model.fixed_order[i]);
		}
	}
	page_check_all(page_check_used());
	/* What is left backs records. */
	assert_true(page_check_used() <= ALL_FRAMES / FRAME_TABLE_CHUNK + 2 * FRAME_RESERVE_PAGES);
	assert_int_equal(page_alloc_refused_frees(), 0);
}

/* ---- what was there before --------------------------------------------------------------------- */

static struct {
	struct page records[ALL_FRAMES];
	uint64_t used;
	uint64_t types[ALL_FRAMES / PAGEBLOCK_NR_PAGES];
} before;

static struct zone *the_zone(void)
{
	return pfn_to_zone(pfn(FIRST_FRAME + ALL_FRAMES / 2));
}

static void remember(void)
{
	page_cache_drain_all();
	memcpy(before.records, pfn_to_page(pfn(FIRST_FRAME)), sizeof(before.records));
	before.used = page_check_used();
	for (uint64_t i = 0; i < ALL_FRAMES; i += PAGEBLOCK_NR_PAGES) {
		before.types[i / PAGEBLOCK_NR_PAGES] =
			pageblock_type(&the_zone()->pageblocks, pfn(FIRST_FRAME + i));
	}
}

static void types_are_as_before(void)
{
	assert_int_equal(the_zone()->isolated_blocks, 0);
	for (uint64_t i = 0; i < ALL_FRAMES; i += PAGEBLOCK_NR_PAGES) {
		assert_int_equal(pageblock_type(&the_zone()->pageblocks, pfn(FIRST_FRAME + i)),
				 before.types[i / PAGEBLOCK_NR_PAGES]);
	}
}

/** Nothing was taken; pages may have moved. */
static void nothing_was_taken(void)
{
	all_intact();
	page_check_all(UINT64_MAX);
	types_are_as_before();
	for (uint64_t i = 0; i < ALL_FRAMES; i++) {
		const struct page *page = pfn_to_page(pfn(FIRST_FRAME + i));
		assert_false(page_word_state(page->word) == PAGE_ALLOCATED &&
			     page->owner == PAGE_OWNER_RANGE);
	}
}

/* ---- properties ------------------------------------------------------------------------------ */

static struct pfn_range random_window(void)
{
	static const uint64_t most[] = { 1, 8, 64, 512, 2048 };
	const uint64_t count = 1 + below(most[below(ARRAY_SIZE(most))]);
	const uint64_t first = below(16) == 0 ? below(1024) : 1024 + below(ALL_FRAMES - 1024);
	return frames_at(FIRST_FRAME + first,
			 count < ALL_FRAMES - first ? count : ALL_FRAMES - first);
}

static void window_is_taken(struct pfn_range window, uint64_t to_move,
			    const struct migrate_result *result)
{
	for (uint64_t n = window.start.n; n < window.end.n; n++) {
		const struct page *page = pfn_to_page(pfn(n));
		assert_int_equal(page_word_state(page->word), PAGE_ALLOCATED);
		assert_int_equal(page_word_order(page->word), 0);
		assert_int_equal(page_word_refs(page->word), 1);
		assert_int_equal(page->second, 0);
	}
	for (uint32_t i = 0; i < ENTRIES; i++) {
		const struct movable_entry *e = &movable_owner.entry[i];
		if (e->page != NULL) {
			const uint64_t n = page_to_pfn(e->page).n;
			assert_true(n >= window.end.n || n + (1ULL << e->order) <= window.start.n);
		}
	}
	assert_int_equal(result->moved_pages, to_move);
}

/** Pages of movable blocks that have frames in @window. */
static uint64_t pages_to_move(struct pfn_range window)
{
	uint64_t pages = 0;
	for (uint32_t i = 0; i < ENTRIES; i++) {
		const struct movable_entry *e = &movable_owner.entry[i];
		if (e->page != NULL) {
			const uint64_t n = page_to_pfn(e->page).n;
			const uint64_t end = n + (1ULL << e->order);
			pages += n < window.end.n && end > window.start.n ? end - n : 0;
		}
	}
	return pages;
}

/** One window. Return: it could be had */
static bool try_window(struct pfn_range window)
{
	struct migrate_result result;
	/* Records first: that takes pages, which are in the way afterwards. */
	if (below(2) == 0) {
		page_cache_drain_all();
	}
	sim_frame_table_populate(window);
	model_map();
	const uint64_t blocked = model_blocked(window);
	const uint64_t to_move = pages_to_move(window);
	int err = alloc_contig_range_report(window, GFP_USER_MOVABLE, &result);
	if (blocked == window.end.n) {
		assert_int_equal(err, 0);
		window_is_taken(window, to_move, &result);
		return true;
	}
	assert_int_equal(err, -EBUSY);
	assert_int_equal(result.blocker.reason,
			 model_reason((enum use)model.use[blocked - FIRST_FRAME]));
	assert_int_equal(result.blocker.frame.n, model.head[blocked - FIRST_FRAME]);
	assert_int_equal(result.moved_pages, 0);
	return false;
}

static void windows_are_had_exactly_when_all_in_them_can_move(void **state)
{
	(void)state;
	uint64_t had = 0;
	model_start(0xc0471);
	for (unsigned int round = 0; round < 400; round++) {
		for (unsigned int k = 0; k < 12; k++) {
			model_step();
		}
		const struct pfn_range window = random_window();
		if (try_window(window)) {
			had++;
			assert_int_equal(free_contig_range(window), 0);
		}
		if (round % 16 == 0) {
			all_intact();
			page_check_all(UINT64_MAX);
		}
	}
	printf("%s: %u of 400 windows\n", backend->name, (unsigned int)had);
	assert_in_range(had, 100, 390);
	model_end();
}

/** A range of four pageblocks, half full of movable blocks of orders 0 to 3. Return: entries */
static uint32_t half_full(struct pfn_range range)
{
	uint32_t count = 0;
	assert_int_equal(alloc_contig_range(range, GFP_USER_MOVABLE, NULL), 0);
	for (uint64_t n = range.start.n; n < range.end.n; n += 16) {
		const unsigned int order = count % 4;
		struct page *page = pfn_to_page(pfn(n));
		for (uint64_t k = 1; k < 1ULL << order; k++) {
			page[k].word = 0;
		}
		page->word = page_word_with_order(page->word, order);
		movable_own(count++, page, order, false);
		const struct pfn_range rest = { pfn(n + (1ULL << order)), pfn(n + 16) };
		assert_int_equal(free_contig_range(rest), 0);
	}
	return count;
}

static const struct pfn_range four_blocks = { { FIRST_FRAME + 0x1000 }, { FIRST_FRAME + 0x1800 } };

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

/* ------------------------------------------------------------------------------------------------ */

#define TEST(fn) cmocka_unit_test_teardown(fn, page_check_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(windows_are_had_exactly_when_all_in_them_can_move),
		TEST(a_failure_at_any_step_takes_nothing),
		TEST(without_memory_to_move_to_nothing_is_taken),
		TEST(a_refused_window_changes_no_record),
		TEST(a_block_across_an_edge_moves_whole_and_the_rest_of_it_is_free),
		TEST(what_becomes_free_meanwhile_is_taken),
		TEST(who_settles_in_the_range_meanwhile_is_named_and_all_is_given_back),
		TEST(a_page_that_is_busy_for_a_while_is_waited_for),
	};
	int failed = 0;
	unsigned int suites = 0;
	for (size_t i = 0; palloc_table[i] != NULL; i++) {
		backend = palloc_table[i];
		if ((backend->caps & PALLOC_CAP_CLAIM) != 0) {
			suites++;
			failed += cmocka_run_group_tests_name(backend->name, tests, NULL, NULL);
		}
	}
	return failed != 0 || suites == 0;
}
