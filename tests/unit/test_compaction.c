/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves, with every backend that can claim, that compaction makes whole pageblocks of memory in pieces, leaves what it
 * must leave, names it, loses no contents and no page, whatever fails on the way; that requests which may wait get large
 * blocks by it, others not, and that both do not try for long in vain.
 */
#define MOVABLE_MOST 16384U
#include "contig_machine.h"

#include "fpg/core/compaction.h"
#include "fpg/core/fragmentation.h"

#define PAGEBLOCKS (ALL_FRAMES / PAGEBLOCK_NR_PAGES)

#define FILL (GFP_USER_MOVABLE | __GFP_NOWARN | __GFP_MEMALLOC)

static struct compact_report report;

/* ---- memory in pieces -------------------------------------------------------------------------- */

/** All memory, reserves too, in single pages; then those pages go of whose frames @keeps says no. */
static void fill(bool (*keeps)(uint64_t n))
{
	start_machine();
	for (uint32_t i = 0; movable_alloc(i, FILL, 0, false); i++) {
		assert_true(i + 1 < MOVABLE_MOST);
	}
	for (uint32_t i = 0; i < MOVABLE_MOST; i++) {
		const struct page *page = movable_owner.entry[i].page;
		if (page != NULL && !keeps(page_to_pfn(page).n)) {
			assert_true(movable_free(i));
		}
	}
	page_cache_drain_all();
}

static bool every_second(uint64_t n)
{
	return n % 2 == 0;
}

static bool nearly_all(uint64_t n)
{
	return n % 64 != 0;
}

static uint64_t whole_pageblocks(void)
{
	uint64_t blocks[MAX_PAGE_ORDER + 1];
	uint64_t whole = 0;
	zone_free_blocks(the_zone(), blocks);
	for (unsigned int k = PAGEBLOCK_ORDER; k <= MAX_PAGE_ORDER; k++) {
		whole += blocks[k] << (k - PAGEBLOCK_ORDER);
	}
	return whole;
}

static void is_sound(uint64_t used)
{
	const char *why;
	assert_null(movable_owner.wrong);
	for (uint32_t i = 0; i < MOVABLE_MOST; i++) {
		if (movable_owner.entry[i].page != NULL) {
			assert_false(movable_owner.entry[i].isolated);
			assert_true(movable_intact(i));
		}
	}
	page_check_all(used);
	assert_int_equal(zone_check(the_zone(), &why), 0);
	assert_int_equal(the_zone()->range_busy, 0);
	assert_int_equal(the_zone()->compact.busy, 0);
	assert_int_equal(page_alloc_refused_frees(), 0);
}

/** The entry whose page is in the pageblock @block, or the next that has one. */
static uint32_t entry_in(uint64_t block)
{
	const uint64_t first = FIRST_FRAME + block * PAGEBLOCK_NR_PAGES;
	uint32_t best = MOVABLE_MOST;
	uint64_t lowest = UINT64_MAX;
	for (uint32_t i = 0; i < MOVABLE_MOST; i++) {
		const struct page *page = movable_owner.entry[i].page;
		if (page != NULL && page_to_pfn(page).n >= first && page_to_pfn(page).n < lowest) {
			lowest = page_to_pfn(page).n;
			best = i;
		}
	}
	assert_true(best < MOVABLE_MOST);
	return best;
}

/* ---- the whole zone ------------------------------------------------------------------------------ */

static void a_checkerboard_becomes_whole_pageblocks(void **state)
{
	(void)state;
	fill(every_second);
	const uint64_t used = page_check_used();
	const uint64_t whole = whole_pageblocks();
	assert_int_equal(compact_zone(the_zone(), -1, &report), 0);
	is_sound(used);
	/* Half is free; the first pageblocks are reserved in part. */
	assert_true(whole_pageblocks() >= PAGEBLOCKS / 2 - 4);
	assert_int_equal(whole_pageblocks() - whole, report.emptied_blocks);
	assert_true(report.moved_pages >= report.emptied_blocks * PAGEBLOCK_NR_PAGES / 2);
	assert_int_equal(movable_owner.calls[MOVABLE_MIGRATE], report.moved_pages);
	/* Once more there is nothing to do. */
	const uint64_t moved = movable_owner.calls[MOVABLE_MIGRATE];
	assert_int_equal(compact_zone(the_zone(), -1, &report), 0);
	assert_true(movable_owner.calls[MOVABLE_MIGRATE] - moved <= PAGEBLOCK_NR_PAGES);
	is_sound(used);
}

/** Movable pages in the pageblock of @page. */
static uint64_t movable_around(const struct page *page)
{
	struct migrate_estimate e;
	const uint64_t first = ALIGN_DOWN(page_to_pfn(page).n, PAGEBLOCK_NR_PAGES);
	migrate_look(frames_at(first, PAGEBLOCK_NR_PAGES), &e);
	return e.movable_pages;
}

static void what_cannot_move_is_named_and_left(void **state)
{
	(void)state;
	struct page *pinned[6];
	uint64_t others[6];
	fill(every_second);
	for (size_t i = 0; i < ARRAY_SIZE(pinned); i++) {
		pinned[i] = movable_pin(entry_in(i + 1));
		assert_non_null(pinned[i]);
		others[i] = movable_around(pinned[i]);
		assert_true(others[i] != 0);
	}
	const uint64_t used = page_check_used();
	assert_int_equal(compact_zone(the_zone(), 9, &report), 0);
	is_sound(used);
	assert_int_equal(report.emptied_blocks, 1);
	assert_true(report.blocked_blocks >= ARRAY_SIZE(pinned));
	assert_int_equal(report.blocker.frame.n, page_to_pfn(pinned[ARRAY_SIZE(pinned) - 1]).n);
	assert_int_equal(report.blocker.reason, MIGRATE_REASON_PINNED);
	/* One without an owner who moves it, above them, and whole pageblocks further up only. */
	const uint32_t fixed = entry_in(8);
	struct page *kernel = movable_take(fixed);
	struct page *whole = alloc_pages(GFP_NOWAIT, 9);
	assert_non_null(whole);
	assert_int_equal(compact_zone(the_zone(), 9, &report), 0);
	is_sound(used + 512);
	/* Pages for records lie somewhere, too. */
	assert_int_equal(report.blocker.reason, MIGRATE_REASON_UNMOVABLE);
	assert_true(report.blocker.frame.n == page_to_pfn(kernel).n ||
		    strcmp(report.blocker.owner, "frame table") == 0);
	for (size_t i = 0; i < ARRAY_SIZE(pinned); i++) {
		assert_int_equal(page_word_refs(pinned[i]->word), 2);
		/* The pageblock's other pages were not moved in vain. */
		assert_int_equal(movable_around(pinned[i]), others[i]);
		put_page(pinned[i]);
	}
	__free_page(kernel);
	__free_pages(whole, 9);
	assert_int_equal(compact_zone(the_zone(), -1, &report), 0);
	assert_true(whole_pageblocks() >= PAGEBLOCKS / 2 - 4);
	is_sound(used - 1);
}

static void only_a_block_of_the_wanted_order_is_made(void **state)
{
	(void)state;
	for (int order = 1; order <= (int)PAGEBLOCK_ORDER; order++) {
		fill(every_second);
		const uint64_t used = page_check_used();
		assert_int_equal(compact_zone(the_zone(), order, &report), 0);
		is_sound(used);
		assert_true(report.moved_pages <= 2UL << order);
		const uint64_t moved = report.moved_pages;
		struct page *page = alloc_pages(GFP_NOWAIT | __GFP_NOWARN, (unsigned int)order);
		assert_non_null(page);
		__free_pages(page, (unsigned int)order);
		assert_true(moved != 0);
		/* There is one now. */
		assert_int_equal(compact_zone(the_zone(), order, &report), 0);
		assert_int_equal(report.moved_pages, 0);
		if (order < (int)PAGEBLOCK_ORDER) {
			assert_int_equal(page_check_stop(state), 0);
		}
	}
}

static void pageblocks_of_other_kinds_are_neither_emptied_nor_filled(void **state)
{
	(void)state;
	static const enum migratetype kinds[] = { MIGRATE_CMA, MIGRATE_ISOLATE,
						  MIGRATE_HIGHATOMIC };
	struct pfn_range ranges[2 * ARRAY_SIZE(kinds)];
	if ((backend->caps & PALLOC_CAP_CLASS) == 0) {
		print_message("# skip: %s keeps no migratetypes\n", backend->name);
		skip();
	}
	fill(every_second);
	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
		const uint64_t block = i < ARRAY_SIZE(kinds) ? 5 + i : PAGEBLOCKS - 2 - i;
		ranges[i] = frames_at(FIRST_FRAME + block * PAGEBLOCK_NR_PAGES, PAGEBLOCK_NR_PAGES);
		assert_int_equal(zone_retag(the_zone(), ranges[i], kinds[i % ARRAY_SIZE(kinds)]),
				 0);
	}
	remember();
	assert_int_equal(compact_zone(the_zone(), -1, &report), 0);
	assert_true(report.emptied_blocks >= PAGEBLOCKS / 2 - 8);
	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
		for (uint64_t n = ranges[i].start.n; n < ranges[i].end.n; n++) {
			assert_int_equal(page_word_state(pfn_to_page(pfn(n))->word),
					 page_word_state(before.records[n - FIRST_FRAME].word));
		}
		assert_int_equal(zone_retag(the_zone(), ranges[i], MIGRATE_MOVABLE), 0);
	}
	is_sound(before.used);
}

static void failures_at_any_step_leave_all_sound(void **state)
{
	(void)state;
	static const uint64_t at[] = { 1, 2, 63, 64, 65, 255, 257, 1000 };
	static const uint64_t runs[] = { 1, 2, 64, UINT64_MAX };
	for (unsigned int step = 0; step < MOVABLE_STEPS; step++) {
		fill(every_second);
		const uint64_t used = page_check_used();
		for (size_t i = 0; i < ARRAY_SIZE(at) * ARRAY_SIZE(runs); i++) {
			movable_fail((enum movable_step)step, at[i % ARRAY_SIZE(at)],
				     runs[i / ARRAY_SIZE(at)]);
			assert_int_equal(compact_zone(the_zone(), i == 0 ? 9 : -1, &report), 0);
			if (i == 0) {
				assert_true(report.blocked_blocks != 0);
				assert_int_equal(report.blocker.reason,
						 step == MOVABLE_ISOLATE ? MIGRATE_REASON_BUSY :
									   MIGRATE_REASON_REFUSED);
			}
			is_sound(used);
		}
		movable_fail((enum movable_step)step, 0, 0);
		assert_int_equal(compact_zone(the_zone(), -1, &report), 0);
		assert_true(whole_pageblocks() >= PAGEBLOCKS / 2 - 4);
		is_sound(used);
		if (step + 1 < MOVABLE_STEPS) {
			assert_int_equal(page_check_stop(state), 0);
		}
	}
}

static void one_at_a_time(void **state)
{
	(void)state;
	fill(every_second);
	the_zone()->compact.busy = 1;
	assert_int_equal(compact_zone(the_zone(), -1, &report), -EBUSY);
	the_zone()->compact.busy = 0;
	the_zone()->range_busy = 1;
	assert_int_equal(compact_zone(the_zone(), -1, &report), -EBUSY);
	assert_int_equal(report.moved_pages, 0);
	the_zone()->range_busy = 0;
	assert_int_equal(compact_zone(the_zone(), MAX_PAGE_ORDER + 1, &report), -EINVAL);
	is_sound(UINT64_MAX);
}

/* ---- requests ------------------------------------------------------------------------------------ */

static uint64_t moved(void)
{
	return movable_owner.calls[MOVABLE_MIGRATE];
}

static void a_request_that_may_wait_gets_what_another_does_not(void **state)
{
	(void)state;
	fill(every_second);
	const uint64_t used = page_check_used();
	assert_null(alloc_pages(GFP_NOWAIT | __GFP_NOWARN, 9));
	assert_null(alloc_pages(GFP_NOWAIT | __GFP_MOVABLE | __GFP_NOWARN, 9));
	assert_null(alloc_pages(GFP_ATOMIC | __GFP_NOWARN, 2));
	assert_int_equal(moved(), 0);
	static const gfp_t gfps[] = { GFP_KERNEL, GFP_USER_MOVABLE, GFP_KERNEL | __GFP_RECLAIMABLE,
				      GFP_KERNEL | __GFP_ZERO, GFP_KERNEL | __GFP_THISNODE };
	for (size_t i = 0; i < ARRAY_SIZE(gfps); i++) {
		const unsigned int order = i == 2 ? 3 : 9;
		struct page *page = alloc_pages(gfps[i] | __GFP_NOWARN, order);
		assert_non_null(page);
		assert_true(moved() != 0);
		is_sound(used + (1UL << order));
		__free_pages(page, order);
	}
	is_sound(used);
}

static void lack_of_memory_moves_nothing(void **state)
{
	(void)state;
	fill(nearly_all);
	const uint64_t free = page_alloc_free_pages();
	assert_true(free < 1024);
	assert_null(alloc_pages(GFP_KERNEL | __GFP_NOWARN, 9));
	assert_int_equal(moved(), 0);
	assert_int_equal(compact_for(GFP_KERNEL, 0, 0), -ENOMEM);
	is_sound(UINT64_MAX);
}

static void nothing_is_moved_with_a_lock_in_hand(void **state)
{
	(void)state;
	struct spinlock lock = SPINLOCK_INIT;
	fill(every_second);
	unsigned long flags = spin_lock_irqsave(&lock);
	assert_int_equal(compact_for(GFP_KERNEL, 9, 0), -ENOMEM);
	spin_unlock_irqrestore(&lock, flags);
	assert_int_equal(moved(), 0);
	assert_int_equal(compact_for(GFP_KERNEL, 9, 0), 0);
	assert_true(moved() != 0);
	is_sound(UINT64_MAX);
}

/** Requests until one of them makes compaction look at pages, or @most. */
static uint64_t requests_until_a_try(uint64_t most)
{
	const uint64_t isolated = movable_owner.calls[MOVABLE_ISOLATE];
	uint64_t requests = 0;
	do {
		requests++;
		struct page *page = alloc_pages(GFP_KERNEL | __GFP_NOWARN, 9);
		if (page != NULL) {
			__free_pages(page, 9);
			break;
		}
	} while (movable_owner.calls[MOVABLE_ISOLATE] == isolated && requests < most);
	return requests;
}

static void after_it_did_not_help_requests_fail_at_once_for_a_while(void **state)
{
	(void)state;
	fill(every_second);
	/* No page can be had, each look at one is counted. */
	movable_fail(MOVABLE_ISOLATE, 0, UINT64_MAX);
	assert_int_equal(requests_until_a_try(100), 1);
	for (unsigned int shift = 1; shift <= 8; shift++) {
		assert_int_equal(requests_until_a_try(100), 1U << (shift < 6 ? shift : 6));
	}
	/* Smaller orders than the one that failed are not concerned. */
	const uint64_t isolated = movable_owner.calls[MOVABLE_ISOLATE];
	assert_null(alloc_pages(GFP_KERNEL | __GFP_NOWARN, 4));
	assert_true(movable_owner.calls[MOVABLE_ISOLATE] > isolated);
	/* Pages can be had again: at the next try. */
	movable_fail(MOVABLE_ISOLATE, 0, 0);
	assert_true(requests_until_a_try(100) <= 64);
	assert_true(moved() != 0);
	assert_int_equal(the_zone()->compact.defer_shift, 0);
	is_sound(UINT64_MAX);
}

/* ---- idle time ----------------------------------------------------------------------------------- */

static void idle_harts_compact_down_to_the_threshold_a_pageblock_at_a_time(void **state)
{
	(void)state;
	uint64_t blocks[MAX_PAGE_ORDER + 1];
	fill(every_second);
	const uint64_t used = page_check_used();
	compaction_set_proactive(100);
	assert_false(compaction_idle(1000));
	assert_int_equal(moved(), 0);
	compaction_set_proactive(40);
	unsigned int turns = 0;
	for (bool more = true; more; turns++) {
		const uint64_t so_far = moved();
		more = compaction_idle(1000);
		assert_true(moved() - so_far <= PAGEBLOCK_NR_PAGES);
		is_sound(used);
	}
	assert_in_range(turns, 4, PAGEBLOCKS);
	zone_free_blocks(the_zone(), blocks);
	assert_true(unusable_free_index(blocks, PAGEBLOCK_ORDER) <= 400);
	/* Not before its time. */
	const uint64_t so_far = moved();
	compaction_set_proactive(0);
	assert_true(compaction_idle(1000));
	compaction_set_proactive(100);
	assert_false(compaction_idle(100000));
	assert_true(moved() - so_far <= PAGEBLOCK_NR_PAGES);
	is_sound(used);
}

static void idle_harts_look_less_often_when_it_does_not_help(void **state)
{
	(void)state;
	fill(every_second);
	compaction_set_proactive(10);
	movable_fail(MOVABLE_ISOLATE, 0, UINT64_MAX);
	uint64_t looks = 0;
	for (uint64_t ms = 0; ms < 200000; ms += 100) {
		const uint64_t isolated = movable_owner.calls[MOVABLE_ISOLATE];
		while (compaction_idle(ms)) {
		}
		looks += movable_owner.calls[MOVABLE_ISOLATE] != isolated;
	}
	compaction_set_proactive(100);
	/* At 1, 2, 4, … 32 s, then every 32 s: not every half second. */
	assert_in_range(looks, 6, 14);
	is_sound(UINT64_MAX);
}

/* ---- anything -------------------------------------------------------------------------------------- */

#define ACTORS 3000U

static void random_step(uint64_t *random, bool *pinned)
{
	const uint32_t i = (uint32_t)(sim_random(random) % ACTORS);
	struct movable_entry *e = &movable_owner.entry[i];
	if (e->page == NULL) {
		const unsigned int order =
			sim_random(random) % 4 == 0 ? (unsigned int)(sim_random(random) % 6) : 0;
		(void)movable_alloc(i, GFP_USER_MOVABLE | __GFP_NOWARN, order,
				    sim_random(random) % 2);
	} else if (pinned[i]) {
		put_page(e->page);
		pinned[i] = false;
	} else if (sim_random(random) % 16 == 0) {
		pinned[i] = movable_pin(i) != NULL;
	} else {
		assert_true(movable_free(i));
	}
}

static void whatever_is_where_nothing_is_lost(void **state)
{
	(void)state;
	static bool pinned[ACTORS];
	uint64_t random = sim_seed(0xc03bac7);
	uint64_t total = 0;
	start_machine();
	memset(pinned, 0, sizeof(pinned));
	for (uint32_t i = 0; i < 20 * ACTORS; i++) {
		random_step(&random, pinned);
	}
	for (unsigned int round = 0; round < 120; round++) {
		for (unsigned int k = 0; k < 200; k++) {
			random_step(&random, pinned);
		}
		const int order = (int)(sim_random(&random) % (PAGEBLOCK_ORDER + 2)) - 1;
		if (sim_random(&random) % 4 == 0) {
			movable_fail((enum movable_step)(round % MOVABLE_STEPS),
				     sim_random(&random) % 100, 1 + sim_random(&random) % 3);
		}
		page_cache_drain_all();
		const uint64_t free = page_alloc_free_pages();
		const int err = compact_zone(the_zone(), order, &report);
		assert_true(err == 0 || (err == -ENOMEM && order >= 0));
		/* Pages for records may have been taken, none for good otherwise. */
		assert_true(free - page_alloc_free_pages() <= 2 * FRAME_RESERVE_PAGES);
		total += report.moved_pages;
		if (err == 0 && order >= 0) {
			struct page *page = alloc_pages(GFP_NOWAIT | __GFP_MEMALLOC | __GFP_NOWARN,
							(unsigned int)order);
			assert_non_null(page);
			__free_pages(page, (unsigned int)order);
		}
		if (round % 8 == 0) {
			is_sound(UINT64_MAX);
		}
	}
	assert_true(total > 1000);
	is_sound(UINT64_MAX);
	for (uint32_t i = 0; i < ACTORS; i++) {
		if (pinned[i]) {
			assert_int_equal(page_word_refs(movable_owner.entry[i].page->word), 2);
		}
	}
}

#define TEST(fn) cmocka_unit_test_teardown(fn, page_check_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_checkerboard_becomes_whole_pageblocks),
		TEST(what_cannot_move_is_named_and_left),
		TEST(only_a_block_of_the_wanted_order_is_made),
		TEST(pageblocks_of_other_kinds_are_neither_emptied_nor_filled),
		TEST(failures_at_any_step_leave_all_sound),
		TEST(one_at_a_time),
		TEST(a_request_that_may_wait_gets_what_another_does_not),
		TEST(lack_of_memory_moves_nothing),
		TEST(nothing_is_moved_with_a_lock_in_hand),
		TEST(after_it_did_not_help_requests_fail_at_once_for_a_while),
		TEST(idle_harts_compact_down_to_the_threshold_a_pageblock_at_a_time),
		TEST(idle_harts_look_less_often_when_it_does_not_help),
		TEST(whatever_is_where_nothing_is_lost),
	};
	return contig_run(tests, ARRAY_SIZE(tests));
}
