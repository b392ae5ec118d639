/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves that areas are made of memory that fits and of no other, that they are lent to movable requests only and before
 * others run out, that what is given out is whole, taken back in parts, moved for and explained, and that an area over a
 * backend that cannot lend is a carve-out.
 */
#define MOVABLE_MOST 16384U
#include "cma_machine.h"
#include "movable_owner.h"

#include "fpg/core/fail_boot.h"
#include "fpg/core/page_cache.h"

#include <string.h>

static const struct cma_machine usual = { "buddy", 256 * SZ_1M, 32 * SZ_1M, 0, false };

static struct cma *area;

static int stop(void **state)
{
	(void)state;
	sim_stop();
	return 0;
}

static void start(const struct cma_machine *machine)
{
	area = cma_machine_start(machine);
	movable_owner_start(true);
}

static struct zone *area_zone(void)
{
	return pfn_to_zone(cma_machine_frames(area).start);
}

static void check(void)
{
	const char *why = NULL;
	if (zone_check(area_zone(), &why) != 0) {
		fail_msg("%s", why);
	}
	assert_null(movable_owner.wrong);
}

static struct cma_stats stats(void)
{
	struct cma_stats s;
	cma_stats_read(area, &s);
	return s;
}

/** Every frame of the area becomes a movable owner's. */
static void lend_all(void)
{
	const struct pfn_range frames = cma_machine_frames(area);
	assert_int_equal(alloc_contig_range(frames, GFP_USER_MOVABLE, NULL), 0);
	for (uint64_t n = frames.start.n; n < frames.end.n; n++) {
		movable_own((uint32_t)(n - frames.start.n), pfn_to_page(pfn(n)), 0, false);
	}
}

/* ---- lending ---- */

static void free_frames_are_lent_to_movable_requests_only(void **state)
{
	(void)state;
	start(&usual);
	const uint64_t pages = pfn_range_pages(cma_machine_frames(area));
	assert_int_equal(area_zone()->palloc->cma_free_pages, pages);
	assert_true(stats().lent);
	assert_int_equal(stats().free_pages, pages);
	/* Everything that cannot move stays outside, to the last page. */
	struct page *page;
	while ((page = alloc_pages(GFP_KERNEL | __GFP_NOWARN | __GFP_MEMALLOC, 0)) != NULL) {
		assert_false(cma_machine_inside(area, page));
	}
	page_cache_drain_all();
	assert_int_equal(area_zone()->palloc->cma_free_pages, pages);
	/* What can move gets the area. */
	uint64_t got = 0;
	while ((page = alloc_pages(GFP_USER_MOVABLE | __GFP_NOWARN | __GFP_MEMALLOC, 0)) != NULL) {
		got += cma_machine_inside(area, page);
	}
	assert_int_equal(got, pages);
	check();
}

static void lent_memory_is_used_before_the_rest_runs_out(void **state)
{
	(void)state;
	start(&usual);
	/* Unmovable requests have half of the rest: now the area has more than its share of what is free. */
	for (unsigned int i = 0; i < 100; i++) {
		assert_non_null(alloc_pages(GFP_KERNEL, 8));
	}
	uint64_t inside = 0;
	for (unsigned int i = 0; i < 2048; i++) {
		inside += cma_machine_inside(area, alloc_pages(GFP_USER_MOVABLE, 0));
	}
	assert_true(inside > 1500);
	/* Watermarks do not count the area for those who cannot have it. */
	while (alloc_pages(GFP_KERNEL | __GFP_NOWARN, 0) != NULL) {
	}
	page_cache_drain_all();
	const struct zone *zone = area_zone();
	assert_true(zone->free_pages - zone->palloc->cma_free_pages >= zone->watermark[WMARK_MIN]);
	check();
}

/* ---- giving out ---- */

static void what_is_given_out_comes_back_in_any_parts(void **state)
{
	(void)state;
	start(&usual);
	const uint64_t pages = stats().pages;
	struct page *one = cma_alloc(area, 1, 0, false);
	struct page *many = cma_alloc(area, 1000, 4, false);
	assert_true(one != NULL && many != NULL);
	assert_int_equal(page_to_pfn(many).n % 16, 0);
	assert_int_equal(stats().given_out, 1001);
	assert_int_equal(stats().free_pages, pages - 1001);
	assert_true(cma_is_given_out(area, page_to_pfn(many + 999)));
	/* Wrong ones change nothing. */
	assert_false(cma_release(area, many, 1001));
	assert_false(cma_release(area, many - 1, 2));
	assert_false(cma_release(area, alloc_pages(GFP_KERNEL, 0), 1));
	get_page(many + 7);
	assert_false(cma_release(area, many, 1000));
	put_page(many + 7);
	assert_int_equal(stats().given_out, 1001);
	assert_true(cma_release(area, many + 10, 500));
	assert_false(cma_release(area, many, 1000));
	assert_true(cma_release(area, many, 10));
	assert_true(cma_release(area, many + 510, 490));
	assert_true(cma_release(area, one, 1));
	assert_int_equal(stats().given_out, 0);
	assert_int_equal(area_zone()->palloc->cma_free_pages, pages);
	assert_int_equal(stats().allocs, 2);
	check();
}

static void a_bit_may_stand_for_several_pages(void **state)
{
	(void)state;
	struct cma_machine machine = usual;
	machine.order_per_bit = 3;
	start(&machine);
	struct page *a = cma_alloc(area, 3, 0, false);
	struct page *b = cma_alloc(area, 9, 0, false);
	assert_int_equal(page_to_pfn(b).n - page_to_pfn(a).n, 8);
	assert_int_equal(stats().given_out, 24);
	assert_false(cma_release(area, b + 1, 8));
	assert_true(cma_release(area, b, 8));
	assert_true(cma_release(area, b + 8, 1));
	assert_true(cma_release(area, a, 3));
	assert_int_equal(stats().given_out, 0);
	check();
}

static void an_area_full_of_movable_pages_is_emptied_as_far_as_needed(void **state)
{
	(void)state;
	struct cma_report report;
	start(&usual);
	lend_all();
	assert_int_equal(stats().borrowed, stats().pages);
	assert_int_equal(cma_why(area, 1024, 0, &report), 0);
	assert_int_equal(report.pages_to_move, 1024);
	assert_int_equal(report.would_suffice, stats().pages);
	struct page *pages = cma_alloc_report(area, 1024, 0, false, &report);
	assert_non_null(pages);
	assert_int_equal(report.windows_tried, 1);
	assert_int_equal(stats().pages_moved, 1024);
	for (uint32_t i = 0; i < stats().pages; i++) {
		assert_true(movable_intact(i));
	}
	/* What is free goes first: these cost nothing. */
	assert_true(cma_release(area, pages + 100, 300));
	assert_ptr_equal(cma_alloc_report(area, 250, 0, false, &report), pages + 100);
	assert_int_equal(stats().pages_moved, 1024);
	/* The window with the fewest. */
	assert_true(cma_release(area, pages, 100));
	assert_true(cma_release(area, pages + 924, 100));
	assert_ptr_equal(cma_alloc_report(area, 150, 0, false, &report), pages + 924);
	assert_int_equal(report.pages_to_move, 50);
	assert_int_equal(stats().pages_moved, 1074);
	check();
}

static void a_failure_names_page_owner_and_what_would_do(void **state)
{
	(void)state;
	struct cma_report report;
	start(&usual);
	lend_all();
	const struct pfn_range frames = cma_machine_frames(area);
	const uint64_t pages = pfn_range_pages(frames);
	/* One pin a third of the way, one at two thirds. */
	assert_non_null(movable_pin((uint32_t)(pages / 4)));
	assert_non_null(movable_pin((uint32_t)(pages * 3 / 4)));
	assert_null(cma_alloc_report(area, pages / 2, 0, true, &report));
	assert_int_equal(report.err, -EBUSY);
	assert_int_equal(report.would_suffice, pages / 2 - 1);
	assert_int_equal(report.blocker.reason, MIGRATE_REASON_PINNED);
	assert_int_equal(report.blocker.frame.n, frames.start.n + pages * 3 / 4);
	assert_int_equal(report.blocker.refs, 2);
	assert_string_equal(report.blocker.owner, "test pages");
	assert_int_equal(report.windows_tried, 0);
	assert_int_equal(stats().pages_moved, 0);
	assert_int_equal(cma_why(area, pages / 2, 0, &report), -EBUSY);
	/* An owner that refuses is found out by trying, and the next best window is taken. */
	movable_fail(MOVABLE_MIGRATE, 1, 1);
	assert_non_null(cma_alloc_report(area, 16, 0, true, &report));
	assert_int_equal(report.windows_tried, 2);
	check();
	/* Given out is another reason. */
	assert_null(cma_alloc_report(area, pages + 1, 0, true, &report));
	assert_int_equal(report.err, -ENOMEM);
	assert_int_equal(stats().failures, 2);
}

static void a_full_area_says_so(void **state)
{
	(void)state;
	struct cma_report report;
	start(&usual);
	const uint64_t pages = stats().pages;
	struct page *all = cma_alloc(area, pages, 0, false);
	assert_non_null(all);
	assert_null(cma_alloc_report(area, 1, 0, true, &report));
	assert_int_equal(report.err, -ENOMEM);
	assert_int_equal(report.would_suffice, 0);
	assert_int_equal(report.blocker.reason, MIGRATE_REASON_CMA);
	assert_string_equal(report.blocker.owner, "test");
	assert_true(cma_release(area, all, pages));
	check();
}

/* ---- other backends ---- */

static void over_a_backend_that_cannot_lend_it_is_a_carve_out(void **state)
{
	(void)state;
	struct cma_machine machine = usual;
	machine.backend = "bootmem";
	start(&machine);
	assert_false(stats().lent);
	struct page *page;
	struct page *pages = cma_alloc(area, 4096, 0, false);
	assert_non_null(pages);
	while ((page = alloc_pages(GFP_USER_MOVABLE | __GFP_NOWARN | __GFP_MEMALLOC, 0)) != NULL) {
		assert_false(cma_machine_inside(area, page));
	}
	assert_null(cma_alloc(area, 4097, 0, true));
	assert_true(cma_release(area, pages, 4096));
	assert_non_null(cma_alloc(area, 8192, 0, true));
	check();
}

static void lent_areas_become_carve_outs_and_lent_again(void **state)
{
	(void)state;
	struct cma_report report;
	struct cma *which;
	start(&usual);
	lend_all();
	assert_non_null(movable_pin(77));
	struct page *given = cma_alloc(area, 512, 9, false);
	assert_non_null(given);
	assert_int_equal(cma_reclaim_all(&report, &which), -EBUSY);
	assert_ptr_equal(which, area);
	assert_int_equal(report.blocker.reason, MIGRATE_REASON_PINNED);
	assert_true(stats().lent);
	check();
	put_page(movable_owner.entry[77].page);
	assert_int_equal(cma_reclaim_all(&report, &which), 0);
	assert_false(stats().lent);
	assert_int_equal(area_zone()->palloc->cma_free_pages, 0);
	assert_non_null(cma_alloc(area, 1024, 0, false));
	assert_true(cma_release(area, given, 512));
	check();
	cma_lend_all();
	assert_true(stats().lent);
	assert_int_equal(stats().given_out, 1024);
	assert_int_equal(area_zone()->palloc->cma_free_pages, stats().pages - 1024);
	for (uint32_t i = 0; i < stats().pages; i++) {
		assert_true(movable_intact(i));
	}
	check();
}

/* ---- guaranteed ---- */

static void a_guaranteed_area_lends_to_those_who_let_go(void **state)
{
	(void)state;
	struct cma_machine machine = usual;
	machine.guaranteed = true;
	start(&machine);
	const uint64_t pages = stats().pages;
	assert_null(cma_borrow(area, movable_owner.kind[0], 0));
	for (uint32_t i = 0; i < pages; i++) {
		struct page *page = cma_borrow(area, movable_owner.kind[1], i);
		assert_true(page != NULL && cma_machine_inside(area, page));
		movable_own(i, page, 0, true);
	}
	assert_null(cma_borrow(area, movable_owner.kind[1], 0));
	assert_int_equal(stats().borrowed, pages);
	struct page *got = cma_alloc(area, 4096, 0, false);
	assert_non_null(got);
	assert_int_equal(stats().borrowed, pages - 4096);
	assert_int_equal(stats().pages_discarded, 4096);
	assert_int_equal(stats().pages_moved, 0);
	assert_true(cma_release(area, got, 4096));
	uint32_t last = (uint32_t)pages - 1;
	struct page *page = movable_owner.entry[last].page;
	movable_owner.entry[last].page = NULL;
	cma_repay(area, page);
	assert_int_equal(stats().borrowed, pages - 4097);
	check();
}

/* ---- making ---- */

/** Free and borrowed pages while frames that are marked to be given out are borrowed still. */
static bool counts_fit;

static void look_at_counts(uint32_t owner)
{
	const struct cma_stats s = stats();
	(void)owner;
	counts_fit = counts_fit && s.free_pages <= s.pages && s.borrowed <= s.pages;
}

static void a_window_being_taken_back_is_not_counted_twice(void **state)
{
	(void)state;
	struct cma_machine machine = usual;
	machine.guaranteed = true;
	start(&machine);
	const uint64_t pages = stats().pages;
	for (uint32_t i = 0; i < pages; i++) {
		struct page *page = cma_borrow(area, movable_owner.kind[1], i);
		assert_non_null(page);
		movable_own(i, page, 0, true);
	}
	counts_fit = true;
	movable_owner.discarded = look_at_counts;
	struct page *got = cma_alloc(area, 100, 0, false);
	movable_owner.discarded = NULL;
	assert_non_null(got);
	assert_true(counts_fit);
	assert_int_equal(stats().borrowed, pages - 100);
	assert_int_equal(stats().free_pages, 0);
	check();
}

static void a_block_that_refuses_is_passed_over_as_a_whole(void **state)
{
	(void)state;
	struct cma_report report;
	start(&usual);
	const struct pfn_range frames = cma_machine_frames(area);
	assert_int_equal(alloc_contig_range(frames, GFP_USER_MOVABLE, NULL), 0);
	for (uint64_t n = frames.start.n; n < frames.end.n; n += 64) {
		struct page *page = pfn_to_page(pfn(n));
		for (unsigned int k = 1; k < 64; k++) {
			page[k].word = 0;
		}
		page->word = page_word_with_order(page->word, 6);
		movable_own((uint32_t)(n - frames.start.n) / 64, page, 6, false);
	}
	/* In use for as long as anybody asks; by looking alone that is not to be seen. */
	movable_owner.entry[0].isolated = true;
	struct page *page = cma_alloc_report(area, 4, 0, true, &report);
	assert_non_null(page);
	assert_int_equal(page_to_pfn(page).n, frames.start.n + 64);
	movable_owner.entry[0].isolated = false;
	check();
}

static void records_that_cannot_be_had_are_a_reason(void **state)
{
	(void)state;
	struct cma_report report;
	start(&usual);
	sim_populate_budget(0);
	/* All that has records goes first. */
	unsigned int served = 0;
	while (cma_alloc_report(area, 512, 9, true, &report) != NULL) {
		served++;
	}
	sim_populate_budget(-1);
	assert_true(served < 16);
	assert_int_equal(report.err, -ENOMEM);
	assert_int_equal(report.blocker.reason, MIGRATE_REASON_NO_TARGET);
	assert_string_equal(report.blocker.owner, "frame table");
	assert_int_equal(stats().given_out, 512 * (uint64_t)served);
	while (cma_alloc_report(area, 512, 9, true, &report) != NULL) {
		served++;
	}
	assert_int_equal(served, 16);
	check();
}

static void areas_are_made_of_memory_that_fits(void **state)
{
	(void)state;
	const struct sim_ram ram[] = { { CMA_RAM_BASE, 64 * SZ_1M, 0 } };
	struct cma *cma;
	sim_start(ram, 1);
	assert_int_equal(cma_declare_contiguous(0, 0, 0, 0, 0, false, "none", &cma), -EINVAL);
	assert_int_equal(cma_declare_contiguous(0, SZ_1M, 0, 3, 0, false, "odd", &cma), -EINVAL);
	assert_int_equal(cma_declare_contiguous(0, 65 * SZ_1M, 0, 0, 0, false, "large", &cma),
			 -ENOMEM);
	assert_int_equal(cma_declare_contiguous(CMA_RAM_BASE + SZ_4K, SZ_2M, 0, 0, 0, true, "off",
						&cma),
			 -EINVAL);
	assert_int_equal(cma_declare_contiguous(0x40000000, SZ_2M, 0, 0, 0, true, "away", &cma),
			 -EBUSY);
	assert_int_equal(cma_declare_contiguous(CMA_RAM_BASE + 16 * SZ_1M, SZ_1M, 0, 4 * SZ_1M, 0,
						true, "a", &cma),
			 0);
	assert_int_equal(cma_get_size(cma), 4 * SZ_1M);
	assert_int_equal(cma_get_base(cma), CMA_RAM_BASE + 16 * SZ_1M);
	assert_int_equal(cma_declare_contiguous(CMA_RAM_BASE + 18 * SZ_1M, SZ_2M, 0, 0, 0, true,
						"b", &cma),
			 -EBUSY);
	assert_int_equal(cma_init_reserved_mem(CMA_RAM_BASE + 18 * SZ_1M, SZ_2M, 0, "c", &cma),
			 -EINVAL);
	assert_int_equal(cma_init_reserved_mem(CMA_RAM_BASE + 32 * SZ_1M, SZ_2M, 0, "d", &cma),
			 -EINVAL);
	assert_int_equal(memblock_reserve(CMA_RAM_BASE + 32 * SZ_1M, SZ_2M), 0);
	assert_int_equal(cma_init_reserved_mem(CMA_RAM_BASE + 32 * SZ_1M, SZ_2M, 2, "a", &cma), 0);
	assert_string_equal(cma_get_name(cma), "a.1");
	assert_ptr_equal(cma_by_name("a.1"), cma);
	/* Many: no table is full. */
	for (unsigned int i = 0; i < 20; i++) {
		assert_int_equal(cma_declare_contiguous(0, SZ_2M, 0, 0, 0, false, "many", &cma), 0);
	}
	assert_int_equal(page_alloc_init("buddy"), 0);
	cma_activate();
	assert_non_null(cma_alloc(cma_by_name("many.19"), 512, 0, false));
	assert_null(cma_alloc(cma_by_name("many.19"), 1, 0, true));
	assert_non_null(cma_alloc(cma_by_name("many.18"), 1, 0, true));
}

static void an_area_that_cannot_be_made_leaves_nothing_behind(void **state)
{
	(void)state;
	struct cma *cma = NULL;
	const struct sim_ram ram[] = { { CMA_RAM_BASE, 64 * SZ_1M, 0 } };
	sim_start(ram, 1);
	/* More pages than a request can say, with and without rounding. */
	const phys_addr_t most = (phys_addr_t)1 << 44;
	assert_int_equal(cma_declare_contiguous(0, most, 0, 0, 0, false, "a", &cma), -EINVAL);
	assert_int_equal(cma_declare_contiguous(0, SZ_2M, 0, most, 0, false, "a", &cma), -EINVAL);
	assert_int_equal(cma_declare_contiguous(0, most - SZ_2M, 0, 0, 0, false, "a", &cma),
			 -ENOMEM);
	/* Each allocation in turn: the place, the area, its bitmap. */
	const phys_addr_t reserved = memblock_reserved_size();
	for (unsigned int fails = 1; fails <= 3; fails++) {
		fail_boot_set(fails);
		const int err = cma_declare_contiguous(0, SZ_2M, 0, 0, 0, false, "a", &cma);
		(void)fail_boot_end();
		assert_int_equal(err, -ENOMEM);
		assert_int_equal(memblock_reserved_size(), reserved);
		assert_null(cma_by_name("a"));
	}
	assert_int_equal(cma_declare_contiguous(0, SZ_2M, 0, 0, 0, false, "a", &cma), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(free_frames_are_lent_to_movable_requests_only, stop),
		cmocka_unit_test_teardown(lent_memory_is_used_before_the_rest_runs_out, stop),
		cmocka_unit_test_teardown(what_is_given_out_comes_back_in_any_parts, stop),
		cmocka_unit_test_teardown(a_bit_may_stand_for_several_pages, stop),
		cmocka_unit_test_teardown(an_area_full_of_movable_pages_is_emptied_as_far_as_needed,
					  stop),
		cmocka_unit_test_teardown(a_failure_names_page_owner_and_what_would_do, stop),
		cmocka_unit_test_teardown(a_full_area_says_so, stop),
		cmocka_unit_test_teardown(over_a_backend_that_cannot_lend_it_is_a_carve_out, stop),
		cmocka_unit_test_teardown(lent_areas_become_carve_outs_and_lent_again, stop),
		cmocka_unit_test_teardown(a_guaranteed_area_lends_to_those_who_let_go, stop),
		cmocka_unit_test_teardown(areas_are_made_of_memory_that_fits, stop),
		cmocka_unit_test_teardown(a_block_that_refuses_is_passed_over_as_a_whole, stop),
		cmocka_unit_test_teardown(records_that_cannot_be_had_are_a_reason, stop),
		cmocka_unit_test_teardown(an_area_that_cannot_be_made_leaves_nothing_behind, stop),
		cmocka_unit_test_teardown(a_window_being_taken_back_is_not_counted_twice, stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
