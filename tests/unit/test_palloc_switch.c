/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves of palloc_switch(), for every ordered pair of backends: memory half full and in pieces is all there afterwards,
 * in use or free as before, and is given back through whoever serves; whatever fails or is refused leaves everything as
 * it was, in all zones; and harts that allocate meanwhile lose nothing. Random runs print their seed.
 */
#include "hart_machine.h"
#include "page_check.h"

#include "fpg/base/range.h"
#include "fpg/core/fail_boot.h"
#include "fpg/core/page_alloc.h"
#include "fpg/core/page_cache.h"
#include "fpg/core/palloc_registry.h"
#include "fpg/core/palloc_switch.h"
#include "tests/conformance/palloc/switch_load.h"

#include <errno.h>

/* Half below 4 GiB, half above: two zones. */
#define RAM_BASE  0xfe000000UL
#define RAM_BYTES (64 * SZ_1M)
#define HARTS	  4U

static const struct palloc_ops *from;
static const struct palloc_ops *to;
static struct palloc_switch_report report;
static struct switch_load load[HARTS];

static void start_memory(const struct palloc_ops *backend)
{
	const struct sim_ram ram[] = { { RAM_BASE, RAM_BYTES, 0 } };
	page_check_start(backend, ram, 1);
}

/** Fill about half of it, in pieces. */
static void fill(uint64_t seed)
{
	memset(load, 0, sizeof(load));
	switch_load_start(&load[0], 0, seed, SWITCH_SLOTS);
	for (unsigned int i = 0; i < 8 * SWITCH_SLOTS; i++) {
		assert_true(switch_load_step(&load[0]));
	}
}

static void empty(void)
{
	assert_true(switch_load_end(&load[0]));
	assert_true(switch_load_end_shared(&load[0]));
}

static void must_switch(const struct palloc_ops *ops)
{
	assert_int_equal(palloc_switch(ops->name, &report), 0);
	assert_string_equal(report.to, ops->name);
	assert_string_equal(page_alloc_backend_name(), ops->name);
	page_check_all(UINT64_MAX);
}

/* ---- what must not change ------------------------------------------------------------------------------------- */

static bool hash_run(void *ctx, struct zone *zone, const struct palloc_run *run)
{
	uint64_t *hash = ctx;
	*hash = (*hash ^ run->range.start.n) * 0x100000001b3ULL;
	*hash = (*hash ^ run->range.end.n ^ (uint64_t)run->state << 56) * 0x100000001b3ULL;
	*hash = (*hash ^ run->type ^ zone->id) * 0x100000001b3ULL;
	return true;
}

static uint64_t all_runs(void)
{
	uint64_t hash = 0xcbf29ce484222325ULL;
	palloc_walk_all(hash_run, &hash);
	return hash;
}

static bool sum_reserve(void *ctx, struct zone *zone)
{
	*(uint64_t *)ctx += zone->reserve.count + zone->reserve.used;
	return true;
}

/** Pages in use that are not for records: those may become more by any try. */
static uint64_t used_pages(void)
{
	uint64_t records = 0;
	zone_for_each(sum_reserve, &records);
	return page_check_used() - records;
}

static void expect_refusal(const char *name, int expected, const char *part)
{
	uint64_t runs = all_runs();
	const char *served = page_alloc_backend_name();
	assert_int_equal(palloc_switch(name, &report), expected);
	assert_non_null(strstr(report.why, part));
	assert_string_equal(report.from, served);
	assert_string_equal(page_alloc_backend_name(), served);
	assert_int_equal(all_runs(), runs);
	assert_int_equal(report.tries, 0);
	page_check_all(UINT64_MAX);
}

/* ---- by one hart ---------------------------------------------------------------------------------------------- */

static void memory_in_use_goes_over_and_back(void **state)
{
	(void)state;
	start_memory(from);
	fill(sim_seed(0x51ec));
	for (unsigned int round = 0; round < 6; round++) {
		uint64_t managed = page_alloc_managed_pages();
		must_switch(round % 2 == 0 ? to : from);
		assert_int_equal(report.free_pages + report.used_pages, managed);
		assert_int_equal(report.zones, 2);
		assert_true(report.used_pages > managed / 4);
		for (unsigned int i = 0; i < 3000; i++) {
			assert_true(switch_load_step(&load[0]));
		}
		page_check_all(UINT64_MAX);
	}
	empty();
	assert_int_equal(page_alloc_refused_frees(), 0);
	page_check_all(UINT64_MAX);
}

static void what_is_refused_changes_nothing(void **state)
{
	(void)state;
	assert_int_equal(palloc_switch(to->name, &report), -ENODEV);
	start_memory(from);
	fill(sim_seed(0x0ff));
	expect_refusal("cma", -ENOTSUP, "cma is an overlay; choose bootmem or buddy");
	expect_refusal("none such", -ENOENT, to->name);
	expect_refusal("", -ENOENT, from->name);
	uint64_t runs = all_runs();
	assert_int_equal(palloc_switch(from->name, &report), 0);
	assert_true(report.same);
	assert_int_equal(all_runs(), runs);
	empty();
}

static void types_that_the_next_one_cannot_keep_apart_are_a_reason(void **state)
{
	static const enum migratetype types[] = { MIGRATE_ISOLATE, MIGRATE_CMA };
	(void)state;
	start_memory(from);
	if (!(from->caps & PALLOC_CAP_CLASS)) {
		return;
	}
	struct zone *zone = node_by_id(0)->zonelist[0];
	pfn_t f = pfn(ALIGN_UP(zone->span.start.n, PAGEBLOCK_NR_PAGES));
	struct pfn_range block = { f, pfn_add(f, PAGEBLOCK_NR_PAGES) };
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		assert_int_equal(zone_retag(zone, block, types[i]), 0);
		if (to->caps & PALLOC_CAP_CLASS) {
			must_switch(to);
			must_switch(from);
		} else {
			char text_of_pfn[32];
			snprintf(text_of_pfn, sizeof(text_of_pfn), "pfn 0x%llx is",
				 (unsigned long long)f.n);
			expect_refusal(to->name, -EBUSY, text_of_pfn);
		}
	}
	assert_int_equal(zone_retag(zone, block, MIGRATE_MOVABLE), 0);
	must_switch(to);
}

static void without_pages_for_records_all_stays(void **state)
{
	(void)state;
	start_memory(from);
	/* A free run that begins where no record was ever written. */
	struct page *page = alloc_pages(GFP_KERNEL, MAX_PAGE_ORDER);
	struct page *next = alloc_pages(GFP_KERNEL, MAX_PAGE_ORDER);
	assert_true(page != NULL && next != NULL);
	sim_populate_budget(0);
	uint64_t used = used_pages();
	int err = palloc_switch(to->name, &report);
	if (from->caps & PALLOC_CAP_RECORDS || !(to->caps & PALLOC_CAP_RECORDS)) {
		assert_int_equal(err, 0);
	} else if (err != 0) {
		assert_int_equal(err, -ENOMEM);
		assert_int_equal(report.tries, 0);
		assert_string_equal(page_alloc_backend_name(), from->name);
		assert_int_equal(used_pages(), used);
	}
	sim_populate_budget(-1);
	page_check_all(UINT64_MAX);
	must_switch(to);
	__free_pages(page, MAX_PAGE_ORDER);
	__free_pages(next, MAX_PAGE_ORDER);
	page_check_all(UINT64_MAX);
}

static void every_allocation_of_a_switch_may_fail(void **state)
{
	unsigned int handed_back = 0;
	unsigned int refused = 0;
	bool last = false;
	(void)state;
	start_memory(from);
	fill(sim_seed(0xfa11));
	for (uint64_t k = 1; !last; k++) {
		uint64_t used = used_pages();
		fail_boot_set(k);
		int err = palloc_switch(to->name, &report);
		last = fail_boot_count() < k;
		(void)fail_boot_end();
		page_check_all(UINT64_MAX);
		handed_back += err == 0 && report.tries == 2;
		if (err != 0) {
			refused++;
			assert_int_equal(err, -ENOMEM);
			assert_true(report.why[0] != '\0');
			assert_string_equal(page_alloc_backend_name(), from->name);
			assert_int_equal(used_pages(), used);
		} else {
			assert_string_equal(page_alloc_backend_name(), to->name);
			must_switch(from);
		}
		for (unsigned int i = 0; i < 500; i++) {
			assert_true(switch_load_step(&load[0]));
		}
	}
	/* Both zones' metadata; and the second zone, after the first had gone over and had to come back. */
	assert_true(refused >= 2);
	assert_true(handed_back >= 1);
	empty();
	assert_int_equal(page_alloc_refused_frees(), 0);
	page_check_all(UINT64_MAX);
}

static void pageblocks_kept_for_atomic_requests_stay_so(void **state)
{
	(void)state;
	const struct sim_ram ram[] = { { RAM_BASE, 256 * SZ_1M, 0 } };
	page_check_start(from, ram, 1);
	struct page *page = alloc_pages(GFP_ATOMIC, 2);
	assert_non_null(page);
	struct zone *zone = zone_by_id(page_word_zone(page->word));
	uint64_t kept = zone->highatomic_pages;
	assert_true((kept != 0) == ((from->caps & PALLOC_CAP_CLASS) != 0));
	must_switch(to);
	assert_int_equal(zone->highatomic_pages, kept);
	/* Whoever serves: a request that can wait gets them before it fails. */
	while (alloc_pages(GFP_KERNEL | __GFP_NOWARN, 4) != NULL) {
	}
	assert_int_equal(zone->highatomic_pages, 0);
	page_check_all(UINT64_MAX);
}

/* ---- with other harts ----------------------------------------------------------------------------------------- */

static uint32_t stop;

static void must_step(struct switch_load *mine)
{
	if (!switch_load_step(mine)) {
		printf("hart %u, pfn 0x%llx: %s\n", mine->hart, (unsigned long long)mine->wrong_pfn,
		       mine->wrong);
		EXPECT(mine->wrong == NULL);
	}
}

static int churn(void *arg)
{
	struct switch_load *mine = &load[hart_index()];
	(void)arg;
	while (__atomic_load_n(&stop, __ATOMIC_ACQUIRE) == 0) {
		must_step(mine);
	}
	return 0;
}

static int switch_meanwhile(void)
{
	for (unsigned int i = 0; i < 40; i++) {
		EXPECT(palloc_switch((i % 2 == 0 ? to : from)->name, &report) == 0);
		for (unsigned int k = 0; k < 200; k++) {
			must_step(&load[0]);
		}
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	return 0;
}

static int work(void *arg)
{
	return hart_index() == 0 ? switch_meanwhile() : churn(arg);
}

static void churn_on_all(void)
{
	uint64_t seed = sim_seed(0x4a27);
	start_memory(from);
	for (unsigned int i = 0; i < HARTS; i++) {
		add_cpu(BOOT_HART + i)->nid = 0;
	}
	EXPECT(start() == HARTS);
	for (unsigned int i = 0; i < HARTS; i++) {
		switch_load_start(&load[i], i, seed, 256);
	}
	EXPECT(hart_run_mask(harts_online(), "switching", work, NULL, NULL) == 0);
	EXPECT(page_alloc_refused_frees() == 0);
	page_check_all(UINT64_MAX);
	for (unsigned int i = 0; i < HARTS; i++) {
		EXPECT(switch_load_end(&load[i]));
	}
	EXPECT(switch_load_end_shared(&load[0]));
	EXPECT(page_alloc_refused_frees() == 0);
	page_check_all(UINT64_MAX);
}

static void under_load_nothing_is_lost(void **state)
{
	(void)state;
	assert_passes(churn_on_all);
}

static int both(void *arg)
{
	struct palloc_switch_report mine;
	(void)arg;
	for (unsigned int i = 0; i < 20; i++) {
		int err = palloc_switch((hart_index() == 0 ? to : from)->name, &mine);
		EXPECT(err == 0 || err == -EBUSY);
		EXPECT(err == 0 || strstr(mine.why, "another switch") != NULL);
	}
	return 0;
}

static void both_at_once(void)
{
	start_memory(from);
	for (unsigned int i = 0; i < 2; i++) {
		add_cpu(BOOT_HART + i)->nid = 0;
	}
	EXPECT(start() == 2);
	EXPECT(hart_run_mask(harts_online(), "both", both, NULL, NULL) == 0);
	EXPECT(palloc_switch(to->name, &report) == 0);
	page_check_all(UINT64_MAX);
}

static void of_two_at_once_one_is_told_to_wait(void **state)
{
	(void)state;
	assert_passes(both_at_once);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(memory_in_use_goes_over_and_back, page_check_stop),
		cmocka_unit_test_teardown(what_is_refused_changes_nothing, page_check_stop),
		cmocka_unit_test_teardown(types_that_the_next_one_cannot_keep_apart_are_a_reason,
					  page_check_stop),
		cmocka_unit_test_teardown(without_pages_for_records_all_stays, page_check_stop),
		cmocka_unit_test_teardown(every_allocation_of_a_switch_may_fail, page_check_stop),
		cmocka_unit_test_teardown(pageblocks_kept_for_atomic_requests_stay_so,
					  page_check_stop),
		cmocka_unit_test(under_load_nothing_is_lost),
		cmocka_unit_test(of_two_at_once_one_is_told_to_wait),
	};
	int failed = 0;
	for (size_t i = 0; palloc_table[i] != NULL; i++) {
		for (size_t k = 0; palloc_table[k] != NULL; k++) {
			from = palloc_table[i];
			to = palloc_table[k];
			if (i != k) {
				printf("# from %s to %s\n", from->name, to->name);
				failed += cmocka_run_group_tests(tests, NULL, NULL);
			}
		}
	}
	return failed;
}
