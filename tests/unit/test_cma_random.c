/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves with 10,000 random calls of cma_alloc() and cma_release(), 1 to 4096 pages each, in an area that is lent to the
 * last page, against a model of it: without pins nothing fails while there is room; with pins every failure is right and
 * says why; a guaranteed area never fails. Printed beside it: what first fit, as Linux places, gets of the same calls.
 */
#include "cma_machine.h"

#include "fpg/core/movable.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGES		 16384U
#define CALLS		 10000U
#define MOST		 4096U
#define HANDLES		 256U
#define GUARANTEED_CALLS 100000U

static struct cma *area;
static uint64_t first;
static uint64_t seed;

/* ---- owners: a page's contents are its owner's number -------------------------------------------------------- */

static struct page *owned[PAGES];
static bool pinned[PAGES];

static int isolate(struct page *page, uint32_t owner)
{
	return owned[owner] != page ? -ENOENT : page_pinned(page) ? -EBUSY : 0;
}

static int migrate(struct page *to, struct page *from, uint32_t owner)
{
	assert_int_equal(*(uint32_t *)page_address(from), owner);
	*(uint32_t *)page_address(to) = owner;
	owned[owner] = to;
	return 0;
}

static void putback(struct page *page, uint32_t owner)
{
	assert_ptr_equal(owned[owner], page);
}

static void discard(struct page *page, uint32_t owner)
{
	assert_ptr_equal(owned[owner], page);
	owned[owner] = NULL;
}

static const struct movable_ops movers = {
	.name = "random test", .isolate = isolate, .migrate = migrate, .putback = putback
};
static const struct movable_ops discarders = { .name = "random cache",
					       .isolate = isolate,
					       .migrate = migrate,
					       .putback = putback,
					       .discard = discard };
static uint32_t kind;

/** Frame @i of the area is lent to owner @i, whose page may have gone elsewhere. */
static void lend(uint32_t i)
{
	struct page *page = pfn_to_page(pfn(first + i));
	if (owned[i] != NULL) {
		page_clear_movable(owned[i]);
		__free_page(owned[i]);
	}
	owned[i] = page;
	*(uint32_t *)page_address(page) = i;
	page_set_movable(page, kind, i);
}

static void lend_run(uint32_t from, uint32_t pages)
{
	const struct pfn_range range = { pfn(first + from), pfn(first + from + pages) };
	assert_int_equal(alloc_contig_range(range, GFP_USER_MOVABLE, NULL), 0);
	for (uint32_t i = from; i < from + pages; i++) {
		lend(i);
	}
}

/* ---- the model ----------------------------------------------------------------------------------------------- */

static bool given[PAGES];

/** The longest run of frames that are not given out, nor pinned. */
static uint64_t longest(bool look_at_pins)
{
	uint64_t best = 0;
	uint64_t run = 0;
	for (uint32_t i = 0; i < PAGES; i++) {
		run = given[i] || (look_at_pins && pinned[i]) ? 0 : run + 1;
		best = run > best ? run : best;
	}
	return best;
}

struct handle {
	uint32_t from;
	uint32_t pages;
};

struct tally {
	uint64_t asked;
	uint64_t served;
	uint64_t windows;
	uint64_t moved;
};

static struct handle handles[HANDLES];
static uint32_t handle_count;

/** 1 to 4096, small ones as often as large ones. */
static uint32_t some_size(uint64_t *random)
{
	const uint32_t most = 1U << sim_random(random) % 13;
	const uint32_t size = 1 + (uint32_t)(sim_random(random) % most);
	return size < MOST ? size : MOST;
}

static void start(uint64_t pins, bool guaranteed)
{
	const struct cma_machine machine = { "buddy", 512 * SZ_1M, (phys_addr_t)PAGES * PAGE_SIZE,
					     0, guaranteed };
	area = cma_machine_start(&machine);
	first = cma_machine_frames(area).start.n;
	kind = movable_ops_register(guaranteed ? &discarders : &movers);
	memset(owned, 0, sizeof(owned));
	memset(pinned, 0, sizeof(pinned));
	memset(given, 0, sizeof(given));
	handle_count = 0;
	uint64_t random = seed;
	for (uint64_t i = 0; i < pins; i++) {
		pinned[sim_random(&random) % PAGES] = true;
	}
}

static int stop(void **state)
{
	(void)state;
	sim_stop();
	return 0;
}

static void pin_them(void)
{
	for (uint32_t i = 0; i < PAGES; i++) {
		if (pinned[i]) {
			get_page(owned[i]);
		}
	}
}

static void give(uint32_t from, uint32_t pages, bool to_us)
{
	for (uint32_t i = from; i < from + pages; i++) {
		assert_true(given[i] != to_us && !pinned[i]);
		given[i] = to_us;
	}
}

/** What is wrong with the report of a failed call; NULL: nothing. */
static const char *report_fault(const struct cma_report *report, uint32_t size)
{
	const uint64_t at = report->blocker.frame.n - first;
	if (report->err != (longest(false) < size ? -ENOMEM : -EBUSY)) {
		return "the error";
	}
	if (report->would_suffice != longest(true)) {
		return "what would suffice";
	}
	if (at >= PAGES) {
		return "the frame";
	}
	if (report->blocker.reason == MIGRATE_REASON_PINNED) {
		return pinned[at] && !given[at] && report->blocker.refs == 2 ? NULL : "the pin";
	}
	return report->blocker.reason == MIGRATE_REASON_CMA && given[at] ? NULL : "the reason";
}

static void ask(uint32_t size, struct tally *tally)
{
	struct cma_report report;
	const struct page *page = cma_alloc_report(area, size, 0, true, &report);
	tally->asked++;
	tally->windows += report.windows_tried;
	if (page != NULL) {
		const uint32_t from = (uint32_t)(page_to_pfn(page).n - first);
		assert_true(from + size <= PAGES);
		give(from, size, true);
		handles[handle_count++] = (struct handle){ from, size };
		tally->served++;
	} else if (longest(true) >= size) {
		fail_msg("%u pages failed while %llu in a row could be had", size,
			 (unsigned long long)longest(true));
	} else if (report_fault(&report, size) != NULL) {
		fail_msg("%u pages: wrong in the report: %s", size, report_fault(&report, size));
	}
}

static void release_some(uint64_t *random, bool lend_again)
{
	const uint32_t i = (uint32_t)(sim_random(random) % handle_count);
	struct handle *h = &handles[i];
	/* Half of the time only a part of it. */
	uint32_t pages = h->pages;
	if (sim_random(random) % 2 == 0) {
		pages = 1 + (uint32_t)(sim_random(random) % pages);
	}
	const uint32_t from = h->from;
	assert_true(cma_release(area, pfn_to_page(pfn(first + from)), pages));
	give(from, pages, false);
	h->from += pages;
	h->pages -= pages;
	if (h->pages == 0) {
		*h = handles[--handle_count];
	}
	if (lend_again) {
		lend_run(from, pages);
	}
}

static void check(void)
{
	const char *why = NULL;
	if (zone_check(pfn_to_zone(pfn(first)), &why) != 0) {
		fail_msg("%s", why);
	}
}

static struct tally run(void)
{
	struct tally tally = { 0 };
	struct cma_stats stats;
	uint64_t random = seed;
	for (uint32_t i = 0; i < CALLS; i++) {
		if (handle_count == HANDLES || (handle_count != 0 && sim_random(&random) % 2)) {
			release_some(&random, true);
		} else {
			ask(some_size(&random), &tally);
		}
		if (i % 1024 == 0) {
			check();
		}
	}
	check();
	cma_stats_read(area, &stats);
	tally.moved = stats.pages_moved;
	return tally;
}

/* ---- first fit, as Linux places ------------------------------------------------------------------------------ */

/*
 * The lowest place that the bitmap has; pages are moved away one by one until one does not move; then the next place, one
 * page further up. Source: Linux mm/cma.c, cma_alloc(), and alloc_contig_range(), as documented.
 */
/** Moved away and not lent again. */
static bool away[PAGES];

/** The first page from @from on that is marked; PAGES: none. */
static uint32_t next_marked(const bool *marks, uint32_t from)
{
	const bool *found = from < PAGES ? memchr(&marks[from], true, PAGES - from) : NULL;
	return found != NULL ? (uint32_t)(found - marks) : PAGES;
}

static void move_away(uint32_t from, uint32_t end, struct tally *tally)
{
	for (uint32_t n = from; n < end; n++) {
		tally->moved += !away[n];
		away[n] = true;
	}
}

/** All windows that one pinned page spoils are counted at once: after the first, nothing in front of it is left to move. */
static bool first_fit(uint32_t size, struct tally *tally, uint32_t *out)
{
	for (uint32_t from = 0; from + size <= PAGES;) {
		const uint32_t taken = next_marked(given, from);
		const uint32_t pin = next_marked(pinned, from);
		if (taken < from + size) {
			from = taken + 1;
		} else if (pin < from + size) {
			const uint32_t last = pin < taken - size ? pin : taken - size;
			tally->windows += last - from + 1;
			move_away(from, pin, tally);
			from = last + 1;
		} else {
			tally->windows++;
			move_away(from, from + size, tally);
			*out = from;
			return true;
		}
	}
	return false;
}

static struct tally run_first_fit(void)
{
	struct tally tally = { 0 };
	uint64_t random = seed;
	for (uint32_t i = 0; i < CALLS; i++) {
		uint32_t from;
		if (handle_count == HANDLES || (handle_count != 0 && sim_random(&random) % 2)) {
			const uint32_t k = (uint32_t)(sim_random(&random) % handle_count);
			uint32_t pages = handles[k].pages;
			if (sim_random(&random) % 2 == 0) {
				pages = 1 + (uint32_t)(sim_random(&random) % pages);
			}
			give(handles[k].from, pages, false);
			memset(&away[handles[k].from], 0, pages * sizeof(away[0]));
			handles[k].from += pages;
			handles[k].pages -= pages;
			handles[k] = handles[k].pages == 0 ? handles[--handle_count] : handles[k];
			continue;
		}
		const uint32_t size = some_size(&random);
		tally.asked++;
		if (first_fit(size, &tally, &from)) {
			give(from, size, true);
			handles[handle_count++] = (struct handle){ from, size };
			tally.served++;
		}
	}
	return tally;
}

static void say(const char *who, const struct tally *t)
{
	printf("# %s: %llu of %llu served (%llu permille), %llu windows tried, %llu pages moved\n",
	       who, (unsigned long long)t->served, (unsigned long long)t->asked,
	       (unsigned long long)(t->served * 1000 / t->asked), (unsigned long long)t->windows,
	       (unsigned long long)t->moved);
}

static void compare(uint64_t pins)
{
	start(pins, false);
	lend_run(0, PAGES);
	pin_them();
	const struct tally ours = run();
	memset(given, 0, sizeof(given));
	memset(away, 0, sizeof(away));
	handle_count = 0;
	const struct tally linux_like = run_first_fit();
	say("cma_alloc", &ours);
	say("first fit", &linux_like);
	assert_true(ours.windows <= ours.asked);
}

/* ---- the tests ----------------------------------------------------------------------------------------------- */

static void nothing_fails_while_there_is_room(void **state)
{
	(void)state;
	compare(0);
}

static void every_failure_has_the_right_reason(void **state)
{
	(void)state;
	compare(PAGES / 100);
}

static void borrow_all(void)
{
	for (uint32_t i = 0; i < PAGES; i++) {
		if (owned[i] == NULL) {
			struct page *page = cma_borrow(area, kind, i);
			if (page == NULL) {
				return;
			}
			owned[i] = page;
		}
	}
}

static void a_guaranteed_area_never_fails(void **state)
{
	(void)state;
	struct tally tally = { 0 };
	struct cma_stats before;
	struct cma_stats after;
	uint64_t most = 0;
	start(0, true);
	uint64_t random = seed;
	for (uint32_t i = 0; i < GUARANTEED_CALLS; i++) {
		if (i % 16 == 0) {
			borrow_all();
		}
		if (handle_count == HANDLES || (handle_count != 0 && sim_random(&random) % 2)) {
			release_some(&random, false);
			continue;
		}
		const uint32_t size = some_size(&random);
		if (longest(false) < size) {
			continue;
		}
		cma_stats_read(area, &before);
		ask(size, &tally);
		cma_stats_read(area, &after);
		assert_int_equal(after.pages_moved, 0);
		const uint64_t taken = after.pages_discarded - before.pages_discarded;
		assert_true(taken <= size);
		most = taken > most ? taken : most;
	}
	assert_int_equal(tally.served, tally.asked);
	printf("# guaranteed: %u operations, %llu of them cma_alloc, 0 failures, at most %llu pages taken back at once, none copied\n",
	       GUARANTEED_CALLS, (unsigned long long)tally.asked, (unsigned long long)most);
	check();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(nothing_fails_while_there_is_room, stop),
		cmocka_unit_test_teardown(every_failure_has_the_right_reason, stop),
		cmocka_unit_test_teardown(a_guaranteed_area_never_fails, stop),
	};
	seed = sim_seed(0x5eed5eed5eed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
