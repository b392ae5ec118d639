/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves that the page allocator can be changed under CMA areas: what is lent comes back before one takes over that cannot
 * lend, and is lent again afterwards, whatever is given out, borrowed or guaranteed meanwhile; that a pinned page is a
 * reason to refuse, by name, with everything as before; and that cma_alloc() and cma_release() on other harts never fail
 * because of it.
 */
#define MOVABLE_MOST 16384U
#include "cma_machine.h"
#include "hart_machine.h"
#include "movable_owner.h"

#include "fpg/core/page_cache.h"
#include "fpg/core/palloc_switch.h"

#include <errno.h>
#include <string.h>

#define HARTS  3U
#define ROUNDS 20U

static const struct cma_machine usual = { "buddy", 256 * SZ_1M, 32 * SZ_1M, 0, false };

static struct cma *area;
static struct palloc_switch_report report;

static int stop(void **state)
{
	(void)state;
	sim_stop();
	return 0;
}

static void start_area(const struct cma_machine *machine)
{
	area = cma_machine_start(machine);
	movable_owner_start(true);
}

static struct cma_stats stats(void)
{
	struct cma_stats s;
	cma_stats_read(area, &s);
	return s;
}

static void check(void)
{
	page_check_all(UINT64_MAX);
	assert_null(movable_owner.wrong);
	assert_int_equal(page_alloc_refused_frees(), 0);
}

static void must_switch(const char *name)
{
	if (palloc_switch(name, &report) != 0) {
		fail_msg("%s", report.why);
	}
	assert_string_equal(page_alloc_backend_name(), name);
	assert_true(stats().lent == (strcmp(name, "buddy") == 0 && !stats().guaranteed));
	check();
}

/** So many frames of the area from its first one that is free become a movable owner's, entries from 0. */
static uint32_t lend(uint64_t most)
{
	uint32_t lent = 0;
	struct page *page;
	while (lent < most && (page = alloc_pages(GFP_USER_MOVABLE | __GFP_NOWARN, 0)) != NULL) {
		movable_own(lent++, page, 0, false);
	}
	return lent;
}

static void all_intact(uint32_t lent)
{
	for (uint32_t i = 0; i < lent; i++) {
		assert_true(movable_intact(i));
	}
}

/* ---- by one hart ---- */

static void areas_go_back_and_forth_with_whatever_is_in_them(void **state)
{
	(void)state;
	struct page *given[ROUNDS] = { NULL };
	start_area(&usual);
	/* Half of the rest is taken, so that movable requests get frames of the area. */
	for (unsigned int i = 0; i < 112; i++) {
		assert_non_null(alloc_pages(GFP_KERNEL, 8));
	}
	const uint32_t lent = lend(4000);
	assert_int_equal(lent, 4000);
	assert_true(stats().borrowed > 1000);
	uint64_t managed = 0;
	uint64_t held = 0;
	for (unsigned int i = 0; i < ROUNDS; i++) {
		/* Given out while it is lent and while it is a carve-out; back in the other state, and in parts. */
		const unsigned long pages = 1 + 37 * i;
		given[i] = cma_alloc(area, pages, i % 4, false);
		assert_non_null(given[i]);
		held += pages;
		must_switch(i % 2 == 0 ? "bootmem" : "buddy");
		if (i >= 3) {
			const unsigned long all = 1 + 37 * (i - 3);
			const unsigned long half = all / 2;
			assert_true(half == 0 || cma_release(area, given[i - 3], half));
			assert_true(cma_release(area, given[i - 3] + half, all - half));
			assert_false(cma_release(area, given[i - 3], 1));
			held -= all;
		}
		assert_int_equal(stats().given_out, held);
		assert_int_equal(stats().borrowed + stats().free_pages + held, stats().pages);
		assert_true(stats().lent || stats().borrowed == 0);
		/* The first one's metadata, from before it served, has become memory by then. */
		managed = i == 0 ? page_alloc_managed_pages() : managed;
		assert_int_equal(page_alloc_managed_pages(), managed);
		all_intact(lent);
		check();
	}
	assert_true(stats().lent);
	for (unsigned int i = ROUNDS - 3; i < ROUNDS; i++) {
		assert_true(cma_release(area, given[i], 1 + 37 * i));
	}
	for (uint32_t i = 0; i < lent; i++) {
		assert_true(movable_free(i));
	}
	page_cache_drain_all();
	/* Nothing is lost: all of it can be had at once. */
	assert_int_equal(stats().free_pages, stats().pages);
	assert_non_null(cma_alloc(area, stats().pages, 0, false));
	check();
}

static void a_pinned_page_is_a_reason_by_name(void **state)
{
	(void)state;
	char named[32];
	start_area(&usual);
	const struct pfn_range frames = cma_machine_frames(area);
	assert_int_equal(alloc_contig_range(frames, GFP_USER_MOVABLE, NULL), 0);
	for (uint64_t n = frames.start.n; n < frames.end.n; n++) {
		movable_own((uint32_t)(n - frames.start.n), pfn_to_page(pfn(n)), 0, false);
	}
	struct page *given = cma_alloc(area, 100, 0, false);
	assert_non_null(given);
	assert_non_null(movable_pin(8000));
	const uint64_t pinned = page_to_pfn(movable_owner.entry[8000].page).n;
	assert_int_equal(palloc_switch("bootmem", &report), -EBUSY);
	(void)snprintf(named, sizeof(named), "pfn 0x%llx: ", (unsigned long long)pinned);
	assert_non_null(strstr(report.why, named));
	assert_non_null(strstr(report.why, "CMA area test"));
	assert_non_null(strstr(report.why, "test pages"));
	assert_int_equal(report.tries, 0);
	assert_string_equal(page_alloc_backend_name(), "buddy");
	assert_true(stats().lent);
	assert_int_equal(stats().given_out, 100);
	assert_int_equal(stats().borrowed + stats().free_pages, stats().pages - 100);
	all_intact((uint32_t)stats().pages);
	check();
	/* What is free again can be lent and claimed as before. */
	assert_true(cma_release(area, given, 100));
	given = cma_alloc(area, 2048, 0, false);
	assert_non_null(given);
	assert_true(cma_release(area, given, 2048));
	put_page(movable_owner.entry[8000].page);
	must_switch("bootmem");
	all_intact((uint32_t)stats().pages);
	must_switch("buddy");
}

static void a_page_that_is_in_use_for_a_moment_is_waited_for(void **state)
{
	(void)state;
	start_area(&usual);
	const struct pfn_range frames = cma_machine_frames(area);
	assert_int_equal(alloc_contig_range(frames, GFP_USER_MOVABLE, NULL), 0);
	for (uint64_t n = frames.start.n; n < frames.end.n; n++) {
		movable_own((uint32_t)(n - frames.start.n), pfn_to_page(pfn(n)), 0, false);
	}
	/* Not for ever, and then all is as before. */
	movable_fail(MOVABLE_ISOLATE, 3000, UINT64_MAX);
	assert_int_equal(palloc_switch("bootmem", &report), -EBUSY);
	assert_non_null(strstr(report.why, migrate_reason_text(MIGRATE_REASON_BUSY)));
	assert_true(stats().lent);
	assert_int_equal(stats().given_out, 0);
	assert_int_equal(stats().borrowed + stats().free_pages, stats().pages);
	all_intact((uint32_t)stats().pages);
	check();
	/* Longer than one alloc_contig_range() tries. */
	movable_fail(MOVABLE_ISOLATE, 500, 40);
	must_switch("bootmem");
	assert_true(movable_owner.calls[MOVABLE_ISOLATE] > 540);
	all_intact((uint32_t)stats().pages);
	must_switch("buddy");
	assert_non_null(cma_alloc(area, stats().pages, 0, false));
	check();
}

static void without_memory_to_move_to_all_stays(void **state)
{
	(void)state;
	start_area(&usual);
	const struct pfn_range frames = cma_machine_frames(area);
	assert_int_equal(alloc_contig_range(frames, GFP_USER_MOVABLE, NULL), 0);
	for (uint64_t n = frames.start.n; n < frames.end.n; n++) {
		movable_own((uint32_t)(n - frames.start.n), pfn_to_page(pfn(n)), 0, false);
	}
	while (alloc_pages(GFP_KERNEL | __GFP_NOWARN, 0) != NULL) {
	}
	assert_int_equal(palloc_switch("bootmem", &report), -ENOMEM);
	assert_non_null(strstr(report.why, "CMA area test"));
	assert_true(stats().lent);
	assert_string_equal(page_alloc_backend_name(), "buddy");
	assert_int_equal(stats().given_out, 0);
	all_intact((uint32_t)stats().pages);
	check();
}

static void a_guaranteed_area_stays_what_it_is(void **state)
{
	(void)state;
	struct cma_machine machine = usual;
	machine.guaranteed = true;
	start_area(&machine);
	const uint64_t pages = stats().pages;
	for (uint32_t i = 0; i < pages / 2; i++) {
		struct page *page = cma_borrow(area, movable_owner.kind[1], i);
		assert_non_null(page);
		movable_own(i, page, 0, true);
	}
	for (unsigned int i = 0; i < 4; i++) {
		must_switch(i % 2 == 0 ? "bootmem" : "buddy");
		assert_int_equal(stats().borrowed, pages / 2);
		all_intact((uint32_t)pages / 2);
	}
	must_switch("bootmem");
	struct page *got = cma_alloc(area, pages, 0, false);
	assert_non_null(got);
	assert_int_equal(stats().pages_discarded, pages / 2);
	must_switch("buddy");
	assert_true(cma_release(area, got, pages));
	assert_int_equal(stats().free_pages, pages);
	check();
}

static void an_area_that_was_never_lent_is_lent_by_a_change(void **state)
{
	(void)state;
	struct cma_machine machine = usual;
	machine.backend = "bootmem";
	machine.order_per_bit = 3;
	start_area(&machine);
	assert_false(stats().lent);
	struct page *given = cma_alloc(area, 13, 0, false);
	assert_non_null(given);
	assert_int_equal(stats().given_out, 16);
	must_switch("buddy");
	assert_int_equal(stats().free_pages, stats().pages - 16);
	assert_true(cma_release(area, given, 13));
	assert_int_equal(stats().free_pages, stats().pages);
	must_switch("bootmem");
	must_switch("buddy");
	assert_non_null(cma_alloc(area, stats().pages, 0, false));
	check();
}

/* ---- with other harts at it ---- */

static uint32_t over;
static uint64_t rounds_of[HARTS];

/** All harts' requests together are half of the area and of few sizes: room there is always. */
static void use_area(void)
{
	const unsigned int me = hart_index();
	const unsigned long count = 64UL << me;
	while (__atomic_load_n(&over, __ATOMIC_ACQUIRE) == 0) {
		struct page *page = cma_alloc(area, count, 0, true);
		EXPECT(page != NULL && page_word_refs(page->word) == 1);
		uint8_t *first = page_address(page);
		uint8_t *last = page_address(page + count - 1);
		*first = *last = (uint8_t)me;
		port_relax();
		EXPECT(*first == me && *last == me);
		EXPECT(cma_release(area, page + count / 2, count - count / 2));
		EXPECT(cma_release(area, page, count / 2));
		rounds_of[me]++;
	}
}

static void change_often(void)
{
	for (unsigned int i = 0; i < 2 * ROUNDS; i++) {
		if (palloc_switch(i % 2 == 0 ? "bootmem" : "buddy", &report) != 0) {
			printf("%s\n", report.why);
			EXPECT(report.why[0] == '\0');
		}
		EXPECT(stats().lent == (i % 2 != 0));
		uint64_t before = __atomic_load_n(&rounds_of[1], __ATOMIC_RELAXED);
		while (__atomic_load_n(&rounds_of[1], __ATOMIC_RELAXED) < before + 3) {
			port_relax();
		}
	}
	__atomic_store_n(&over, 1, __ATOMIC_RELEASE);
}

/** What all harts but the first do while that one changes the allocator. */
static void (*meanwhile)(void);

static int work_or_change(void *arg)
{
	(void)arg;
	if (hart_index() == 0) {
		change_often();
	} else {
		meanwhile();
	}
	return 0;
}

static void run_while_changing(void (*work)(void))
{
	meanwhile = work;
	EXPECT(hart_run_mask(harts_online(), "changing", work_or_change, NULL, NULL) == 0);
}

static void use_while_changing(void)
{
	start_area(&usual);
	for (unsigned int i = 0; i < HARTS; i++) {
		add_cpu(BOOT_HART + i)->nid = 0;
	}
	EXPECT(start() == HARTS);
	const uint32_t lent = lend(2000);
	run_while_changing(use_area);
	EXPECT(stats().given_out == 0 && stats().failures == 0);
	for (uint32_t i = 0; i < lent; i++) {
		EXPECT(movable_intact(i) && movable_free(i));
	}
	check();
	page_cache_drain_all();
	EXPECT(stats().free_pages == stats().pages);
}

static void who_allocates_meanwhile_does_not_see_it(void **state)
{
	(void)state;
	assert_passes(use_while_changing);
}

/** Frames that nobody else wants, so each claim succeeds; from a backend that keeps records and from one that does not. */
static void claim_ranges(void)
{
	const uint64_t first = cma_machine_frames(area).start.n - 0x4000;
	while (__atomic_load_n(&over, __ATOMIC_ACQUIRE) == 0) {
		for (uint64_t n = first; n < first + 0x1000; n += 0x80) {
			const struct pfn_range range = { pfn(n + 5), pfn(n + 0x79) };
			EXPECT(alloc_contig_range(range, GFP_KERNEL, NULL) == 0);
			EXPECT(free_contig_range(range) == 0);
			rounds_of[hart_index()]++;
		}
	}
}

static void claim_while_changing(void)
{
	start_area(&usual);
	for (unsigned int i = 0; i < 2; i++) {
		add_cpu(BOOT_HART + i)->nid = 0;
	}
	EXPECT(start() == 2);
	const uint64_t free = page_alloc_free_pages();
	run_while_changing(claim_ranges);
	page_cache_drain_all();
	check();
	/* Records that were needed and metadata, but no range. */
	EXPECT(free - page_alloc_free_pages() < 0x74);
}

static void a_claimed_range_has_records_before_the_allocator_changes(void **state)
{
	(void)state;
	assert_passes(claim_while_changing);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(areas_go_back_and_forth_with_whatever_is_in_them, stop),
		cmocka_unit_test_teardown(a_pinned_page_is_a_reason_by_name, stop),
		cmocka_unit_test_teardown(a_page_that_is_in_use_for_a_moment_is_waited_for, stop),
		cmocka_unit_test_teardown(without_memory_to_move_to_all_stays, stop),
		cmocka_unit_test_teardown(a_guaranteed_area_stays_what_it_is, stop),
		cmocka_unit_test_teardown(an_area_that_was_never_lent_is_lent_by_a_change, stop),
		cmocka_unit_test(who_allocates_meanwhile_does_not_see_it),
		cmocka_unit_test(a_claimed_range_has_records_before_the_allocator_changes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
