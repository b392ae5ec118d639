/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * debug_pagealloc on memory that is really taken away (mprotect): exactly the free pages are out of reach, at any time,
 * with every backend; so nothing of ours touches a free page. What was changed behind its back is found and named, and
 * a touched page's last owner is told.
 */
#define _GNU_SOURCE
#include "page_check.h"

#include "fpg/base/bits.h"
#include "fpg/base/range.h"
#include "fpg/core/kernel_map_ops.h"
#include "fpg/core/log.h"
#include "fpg/core/memblock.h"
#include "fpg/core/object_pool.h"
#include "fpg/core/page_alloc.h"
#include "fpg/core/page_owner.h"
#include "fpg/core/page_poison.h"
#include "fpg/core/palloc_registry.h"
#include "fpg/port/port.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include <errno.h>

#define RAM_BASE  0x80000000UL
#define RAM_PAGES (32 * SZ_1M / PAGE_SIZE)

static bool is_hidden[RAM_PAGES];
static uint64_t calls;

static uint64_t index_of(pfn_t f)
{
	return f.n - RAM_BASE / PAGE_SIZE;
}

static void set_access(struct pfn_range frames, int access)
{
	void *at = port_phys_to_virt(pfn_to_phys(frames.start));
	assert_int_equal(mprotect(at, pfn_range_pages(frames) * PAGE_SIZE, access), 0);
}

static void map_pages(struct pfn_range frames, bool show)
{
	assert_true(frames.start.n < frames.end.n);
	calls++;
	for (uint64_t n = frames.start.n; n < frames.end.n; n++) {
		/* Never twice: the front end knows what is free. */
		assert_int_equal(is_hidden[index_of(pfn(n))], show);
		is_hidden[index_of(pfn(n))] = !show;
	}
	set_access(frames, show ? PROT_READ | PROT_WRITE : PROT_NONE);
}

static bool hidden(pfn_t f)
{
	return index_of(f) < RAM_PAGES && is_hidden[index_of(f)];
}

static const struct kernel_map_ops ops = { .map_pages = map_pages, .hidden = hidden };

static void on_log(void *ctx, enum log_level level, const char *module, const char *text)
{
	(void)ctx;
	(void)level;
	snprintf(page_check_warning, sizeof(page_check_warning), "%s: %s", module, text);
	page_check_warnings++;
}

static void start(const char *backend)
{
	const struct sim_ram ram[] = { { RAM_BASE, RAM_PAGES * PAGE_SIZE, 0 } };
	sim_start(ram, 1);
	memset(is_hidden, 0, sizeof(is_hidden));
	calls = 0;
	page_check_warnings = 0;
	log_set_observer(on_log, NULL);
	assert_int_equal(memblock_reserve(RAM_BASE, SZ_2M), 0);
	assert_int_equal(page_owner_init(), 0);
	kernel_map_ops_register(&ops);
	assert_int_equal(page_alloc_init(backend), 0);
}

static int stop(void **state)
{
	return page_check_stop(state);
}

static bool check_run(void *ctx, struct zone *zone, const struct palloc_run *run)
{
	uint64_t *free_pages = ctx;
	(void)zone;
	bool free = run->state == PALLOC_RUN_FREE || run->state == PALLOC_RUN_PADDING;
	for (uint64_t n = run->range.start.n; n < run->range.end.n; n++) {
		assert_int_equal(is_hidden[index_of(pfn(n))], free);
		*free_pages += free;
	}
	return true;
}

/** Free pages are hidden, all others are not. */
static void check_all(void)
{
	uint64_t free_pages = 0;
	uint64_t hidden_pages = 0;
	palloc_walk_all(check_run, &free_pages);
	for (uint64_t i = 0; i < RAM_PAGES; i++) {
		hidden_pages += is_hidden[i];
	}
	assert_int_equal(hidden_pages, free_pages);
}

/* ---- what is hidden -------------------------------------------------------------------------- */

static void at_the_hand_over_all_free_memory_is_hidden_by_runs(void **state)
{
	(void)state;
	for (size_t i = 0; palloc_table[i] != NULL; i++) {
		start(palloc_table[i]->name);
		assert_true(debug_pagealloc_enabled());
		check_all();
		/* By run, not by page. */
		assert_in_range(calls, 1, 40);
		assert_true(page_alloc_free_pages() > RAM_PAGES / 2);
		(void)stop(NULL);
		assert_false(debug_pagealloc_enabled());
	}
}

static void random_use_hides_exactly_what_is_free(void **state)
{
	enum {
		MOST = 256
	};
	static struct {
		char *at;
		uint64_t bytes;
		unsigned int order;
		bool exact;
	} live[MOST];
	(void)state;
	for (size_t b = 0; palloc_table[b] != NULL; b++) {
		uint64_t seed = sim_seed(0xdeb9a11c);
		bool can_free = palloc_table[b]->caps & PALLOC_CAP_FREE;
		start(palloc_table[b]->name);
		for (int step = 0; step < 6000; step++) {
			unsigned int i = (unsigned int)(sim_random(&seed) % MOST);
			if (live[i].at == NULL) {
				live[i].exact = sim_random(&seed) % 4 == 0;
				live[i].order = (unsigned int)(sim_random(&seed) % 5);
				live[i].bytes = PAGE_SIZE << live[i].order;
				if (live[i].exact) {
					live[i].bytes = PAGE_SIZE * (1 + sim_random(&seed) % 12);
				}
				gfp_t gfp = GFP_KERNEL | __GFP_NOWARN |
					    (sim_random(&seed) % 2 ? __GFP_ZERO : 0);
				live[i].at = live[i].exact ? alloc_pages_exact(live[i].bytes, gfp) :
							     __get_free_pages(gfp, live[i].order);
				if (live[i].at != NULL) {
					memset(live[i].at, (int)i, live[i].bytes);
				}
			} else if (can_free) {
				assert_int_equal((uint8_t)live[i].at[live[i].bytes - 1], i);
				if (live[i].exact) {
					free_pages_exact(live[i].at, live[i].bytes);
				} else {
					free_pages(live[i].at, live[i].order);
				}
				live[i].at = NULL;
			}
			if (step % 50 == 0) {
				check_all();
			}
		}
		check_all();
		memset(live, 0, sizeof(live));
		assert_int_equal(debug_pagealloc_changed_pages(), 0);
		assert_int_equal(page_check_warnings, 0);
		(void)stop(NULL);
	}
}

static void claimed_frames_are_shown(void **state)
{
	(void)state;
	start("buddy");
	struct pfn_range range = { pfn(RAM_BASE / PAGE_SIZE + 4000), { 0 } };
	range.end = pfn_add(range.start, 100);
	assert_int_equal(alloc_contig_range(range, GFP_KERNEL | __GFP_ZERO, NULL), 0);
	check_all();
	memset(port_phys_to_virt(pfn_to_phys(range.start)), 1, 100 * PAGE_SIZE);
	assert_int_equal(free_contig_range(range), 0);
	check_all();
}

static void memory_can_be_used_up_and_given_back(void **state)
{
	(void)state;
	start("buddy");
	void **list = NULL;
	for (void **p; (p = __get_free_pages(GFP_KERNEL | __GFP_NOWARN, 0)) != NULL;) {
		*p = list;
		list = p;
	}
	check_all();
	while (list != NULL) {
		void **next = *list;
		free_pages(list, 0);
		list = next;
	}
	check_all();
	assert_int_equal(debug_pagealloc_changed_pages(), 0);
}

static void refused_frees_hide_nothing(void **state)
{
	(void)state;
	start("buddy");
	char *p = __get_free_pages(GFP_KERNEL, 1);
	free_pages(p, 0);
	free_pages(p + PAGE_SIZE, 0);
	check_all();
	p[0] = p[PAGE_SIZE] = 1;
	free_pages(p, 1);
	free_pages(p, 1);
	check_all();
	assert_int_equal(page_alloc_refused_frees(), 3);
}

static void pools_of_objects_touch_no_free_page(void **state)
{
	static struct object_pool pool = OBJECT_POOL_INIT("test", 200);
	static void *objects[500];
	uint64_t seed = sim_seed(0x9001);
	(void)state;
	start("buddy");
	for (int step = 0; step < 20000; step++) {
		unsigned int i = (unsigned int)(sim_random(&seed) % ARRAY_SIZE(objects));
		if (objects[i] == NULL) {
			objects[i] = object_pool_alloc(&pool);
			memset(objects[i], 0xff, 200);
		} else {
			object_pool_free(&pool, objects[i]);
			objects[i] = NULL;
		}
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(objects); i++) {
		object_pool_free(&pool, objects[i]);
		objects[i] = NULL;
	}
	object_pool_drain(&pool);
	check_all();
}

/* ---- what is found --------------------------------------------------------------------------- */

static sigjmp_buf fault_jump;

static void on_fault(int signal)
{
	siglongjmp(fault_jump, signal);
}

static bool faults(volatile char *p, bool write)
{
	struct sigaction catch_it = { .sa_handler = on_fault, .sa_flags = SA_NODEFER };
	struct sigaction old;
	assert_int_equal(sigaction(SIGSEGV, &catch_it, &old), 0);
	bool faulted = sigsetjmp(fault_jump, 1) != 0;
	if (!faulted) {
		*p = write ? 1 : *p;
	}
	assert_int_equal(sigaction(SIGSEGV, &old, NULL), 0);
	return faulted;
}

static void a_use_after_free_faults_and_is_explained(void **state)
{
	char text[600];
	struct out_buffer b;
	(void)state;
	start("buddy");
	char *p = __get_free_pages(GFP_KERNEL, 1);
	pfn_t f = page_to_pfn(virt_to_page(p));
	assert_false(faults(p + 5, true));
	out_buffer_init(&b, text, sizeof(text));
	assert_false(debug_pagealloc_explain(&b.out, (uint64_t)(uintptr_t)p));
	free_pages(p, 1);
	assert_true(faults(p + 5, true));
	assert_true(faults(p + PAGE_SIZE, false));
	assert_true(debug_pagealloc_explain(&b.out, (uint64_t)(uintptr_t)p + 5));
	char expected[64];
	snprintf(expected, sizeof(expected), "lies in a free page, pfn 0x%llx: allocated by ",
		 (unsigned long long)f.n);
	assert_non_null(strstr(text, expected));
	assert_non_null(strstr(text, "(order 1, gfp 0x80), freed by "));
	assert_int_equal(b.overflow, 0);
	/* Not ours, not RAM, not hidden. */
	out_buffer_init(&b, text, sizeof(text));
	assert_false(debug_pagealloc_explain(&b.out, 0));
	assert_false(debug_pagealloc_explain(&b.out, UINT64_MAX));
	assert_false(debug_pagealloc_explain(&b.out, (uint64_t)(uintptr_t)&b));
	assert_string_equal(text, "");
	/* Never handed out. */
	assert_true(is_hidden[RAM_PAGES / 2]);
	assert_true(debug_pagealloc_explain(&b.out, RAM_BASE + RAM_PAGES / 2 * PAGE_SIZE +
							    port_linear_offset));
	assert_non_null(strstr(text, "never allocated"));
}

static void a_page_changed_while_free_is_named_when_handed_out(void **state)
{
	static const unsigned int places[] = { 0, 1, 7, 8, 0x123, PAGE_SIZE - 1 };
	(void)state;
	start("buddy");
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		char *p = __get_free_pages(GFP_KERNEL, 0);
		pfn_t f = page_to_pfn(virt_to_page(p));
		free_pages(p, 0);
		/* As a device would. */
		set_access((struct pfn_range){ f, pfn_add(f, 1) }, PROT_READ | PROT_WRITE);
		assert_int_equal((uint8_t)p[places[i]], PAGE_POISON_BYTE);
		p[places[i]] = 0x5a;
		set_access((struct pfn_range){ f, pfn_add(f, 1) }, PROT_NONE);
		page_check_warning[0] = '\0';
		assert_ptr_equal(__get_free_pages(GFP_KERNEL | __GFP_ZERO, 0), p);
		char expected[160];
		snprintf(
			expected, sizeof(expected),
			"pfn 0x%llx was written to after it was freed: byte 0x%x is 0x5a instead of 0xaa, the last change at 0x%x; allocated by ",
			(unsigned long long)f.n, places[i], places[i]);
		assert_non_null(strstr(page_check_warning, expected));
		assert_int_equal(debug_pagealloc_changed_pages(), i + 1);
		/* Handed out all the same, and as asked for. */
		assert_int_equal(p[places[i]], 0);
		free_pages(p, 0);
	}
	/* Once said, it is over. */
	free_pages(__get_free_pages(GFP_KERNEL, 0), 0);
	assert_int_equal(debug_pagealloc_changed_pages(), ARRAY_SIZE(places));
}

static void memory_freed_late_is_hidden(void **state)
{
	const struct sim_ram ram[] = { { RAM_BASE, RAM_PAGES * PAGE_SIZE, 0 } };
	(void)state;
	start("buddy");
	check_all();
	assert_false(is_hidden[0]);
	memblock_free_late(ram[0].base + SZ_1M, SZ_64K);
	assert_true(is_hidden[index_of(pfn((RAM_BASE + SZ_1M) / PAGE_SIZE))]);
	check_all();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(at_the_hand_over_all_free_memory_is_hidden_by_runs),
		cmocka_unit_test(random_use_hides_exactly_what_is_free),
		cmocka_unit_test_teardown(claimed_frames_are_shown, stop),
		cmocka_unit_test_teardown(memory_can_be_used_up_and_given_back, stop),
		cmocka_unit_test_teardown(refused_frees_hide_nothing, stop),
		cmocka_unit_test_teardown(pools_of_objects_touch_no_free_page, stop),
		cmocka_unit_test_teardown(a_use_after_free_faults_and_is_explained, stop),
		cmocka_unit_test_teardown(a_page_changed_while_free_is_named_when_handed_out, stop),
		cmocka_unit_test_teardown(memory_freed_late_is_hidden, stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
