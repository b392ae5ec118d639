/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page_owner remembers, for each page and through each public call, who took it and who gave it back, whatever memory
 * looks like; when there is no memory for that it stays off and holds nothing.
 */
#include "page_check.h"

#include "fpg/base/range.h"
#include "fpg/core/log.h"
#include "fpg/core/memblock.h"
#include "fpg/core/page_alloc.h"
#include "fpg/core/page_owner.h"
#include "fpg/port/port.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#define RAM_BASE 0x80000000UL

static void begin(const struct sim_ram *ram, size_t count)
{
	sim_start(ram, count);
	assert_int_equal(memblock_reserve(ram[0].base, SZ_2M), 0);
}

static void start(void)
{
	const struct sim_ram ram[] = { { RAM_BASE, 16 * SZ_1M, 0 } };
	begin(ram, 1);
	assert_int_equal(page_owner_init(), 0);
	assert_int_equal(page_alloc_init("buddy"), 0);
}

/** A return address lies in the function that made the call. */
static bool inside(uint64_t pc, void *function)
{
	uint64_t at = (uint64_t)(uintptr_t)function;
	return pc > at && pc - at < 2048;
}

static const struct page_owner *owner_at(const void *p)
{
	return page_owner_of(phys_to_pfn(port_virt_to_phys(p)));
}

/* ---- who ------------------------------------------------------------------------------------- */

typedef void *(*take_fn)(void);
typedef void (*give_fn)(void *p);

static FPG_NOINLINE void *take_pages(void)
{
	struct page *page = alloc_pages(GFP_KERNEL, 2);
	assert_non_null(page);
	return page_address(page);
}

static FPG_NOINLINE void *take_node(void)
{
	struct page *page = alloc_pages_node(0, GFP_KERNEL | __GFP_ZERO, 2);
	assert_non_null(page);
	return page_address(page);
}

static FPG_NOINLINE void *take_address(void)
{
	void *p = __get_free_pages(GFP_KERNEL | __GFP_MOVABLE, 2);
	assert_non_null(p);
	return p;
}

static FPG_NOINLINE void *take_exact(void)
{
	void *p = alloc_pages_exact(4 * PAGE_SIZE, GFP_KERNEL);
	assert_non_null(p);
	return p;
}

static FPG_NOINLINE void *take_range(void)
{
	struct pfn_range range = { pfn((RAM_BASE + 8 * SZ_1M) / PAGE_SIZE), { 0 } };
	range.end = pfn_add(range.start, 4);
	assert_int_equal(alloc_contig_range(range, GFP_KERNEL, NULL), 0);
	return port_phys_to_virt(pfn_to_phys(range.start));
}

static FPG_NOINLINE void give_pages(void *p)
{
	__free_pages(virt_to_page(p), 2);
	__asm__ volatile("");
}

static FPG_NOINLINE void give_address(void *p)
{
	free_pages(p, 2);
	__asm__ volatile("");
}

static FPG_NOINLINE void give_exact(void *p)
{
	free_pages_exact(p, 4 * PAGE_SIZE);
	__asm__ volatile("");
}

static FPG_NOINLINE void give_range(void *p)
{
	pfn_t first = page_to_pfn(virt_to_page(p));
	assert_int_equal(free_contig_range((struct pfn_range){ first, pfn_add(first, 4) }), 0);
}

static void each_call_names_its_caller(void **state)
{
	static const struct {
		take_fn take;
		give_fn give;
		gfp_t gfp;
		unsigned int order;
	} calls[] = {
		{ take_pages, give_pages, GFP_KERNEL, 2 },
		{ take_node, give_address, GFP_KERNEL | __GFP_ZERO, 2 },
		{ take_address, give_pages, GFP_KERNEL | __GFP_MOVABLE, 2 },
		{ take_exact, give_exact, GFP_KERNEL, 2 },
		{ take_range, give_range, GFP_KERNEL, 0 },
	};
	(void)state;
	start();
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		uint64_t before = port_time_ticks();
		char *p = calls[i].take();
		for (uint64_t at = 0; at < 4 * PAGE_SIZE; at += PAGE_SIZE) {
			const struct page_owner *o = owner_at(p + at);
			assert_true(o->live);
			assert_true(inside(o->alloc_pc, (void *)calls[i].take));
			assert_int_equal(o->gfp, calls[i].gfp);
			assert_int_equal(o->order, calls[i].order);
			assert_int_equal(o->hart, 0);
			assert_in_range(o->ticks, before, port_time_ticks());
		}
		calls[i].give(p);
		for (uint64_t at = 0; at < 4 * PAGE_SIZE; at += PAGE_SIZE) {
			const struct page_owner *o = owner_at(p + at);
			assert_false(o->live);
			assert_true(inside(o->alloc_pc, (void *)calls[i].take));
			assert_true(inside(o->free_pc, (void *)calls[i].give));
		}
	}
}

static void what_an_exact_size_leaves_over_is_free(void **state)
{
	(void)state;
	start();
	char *p = alloc_pages_exact(5 * PAGE_SIZE, GFP_KERNEL);
	for (uint64_t i = 0; i < 8; i++) {
		assert_int_equal(owner_at(p + i * PAGE_SIZE)->live, i < 5);
	}
	free_pages_exact(p, 5 * PAGE_SIZE);
}

static char said[512];

static void hear(void *ctx, enum log_level level, const char *module, const char *text_said)
{
	(void)ctx;
	(void)level;
	(void)module;
	(void)snprintf(said, sizeof(said), "%s", text_said);
}

static void a_refused_free_names_the_owner_and_changes_no_record(void **state)
{
	(void)state;
	start();
	log_set_observer(hear, NULL);
	char *p = take_pages();
	const struct page_owner before = *owner_at(p);
	free_pages(p, 1);
	assert_non_null(strstr(said, "another order"));
	assert_non_null(strstr(said, "; allocated by "));
	free_pages(p + PAGE_SIZE, 0);
	assert_memory_equal(owner_at(p), &before, sizeof(before));
	give_pages(p);
	const struct page_owner freed = *owner_at(p);
	free_pages(p, 2);
	assert_non_null(strstr(said, "double free"));
	assert_non_null(strstr(said, ", freed by "));
	assert_memory_equal(owner_at(p), &freed, sizeof(freed));
	struct page *page = alloc_page(GFP_KERNEL);
	page->word += 1ULL << PAGE_REF_SHIFT;
	__free_page(page);
	assert_non_null(strstr(said, "its reference count is not 1"));
	assert_non_null(strstr(said, "2 references); allocated by "));
	page->word -= 1ULL << PAGE_REF_SHIFT;
	__free_page(page);
	log_set_observer(NULL, NULL);
}

/* ---- where ----------------------------------------------------------------------------------- */

static void frames_of_every_bank_are_covered_and_no_others(void **state)
{
	const struct sim_ram ram[] = {
		{ RAM_BASE, 8 * SZ_1M, 0 },
		{ RAM_BASE + 64 * SZ_1M, 4 * SZ_1M, 1 },
		{ RAM_BASE + 68 * SZ_1M, 4 * SZ_1M, 0 },
		{ RAM_BASE + SZ_1G, 2 * SZ_1M, 1 },
	};
	(void)state;
	begin(ram, ARRAY_SIZE(ram));
	assert_int_equal(page_owner_init(), 0);
	assert_int_equal(page_owner_init(), 0);
	for (size_t i = 0; i < ARRAY_SIZE(ram); i++) {
		pfn_t first = phys_to_pfn(ram[i].base);
		pfn_t last = phys_to_pfn(ram[i].base + ram[i].size - 1);
		assert_non_null(page_owner_of(first));
		assert_non_null(page_owner_of(last));
		assert_ptr_equal(page_owner_of(pfn_add(first, 100)), page_owner_of(first) + 100);
	}
	assert_null(page_owner_of(pfn(RAM_BASE / PAGE_SIZE - 1)));
	assert_null(page_owner_of(pfn((RAM_BASE + 8 * SZ_1M) / PAGE_SIZE)));
	assert_null(page_owner_of(pfn((RAM_BASE + 72 * SZ_1M) / PAGE_SIZE)));
	assert_null(page_owner_of(pfn((RAM_BASE + SZ_1G + 2 * SZ_1M) / PAGE_SIZE)));
	assert_null(page_owner_of(pfn(0)));
	assert_null(page_owner_of(pfn(UINT64_MAX)));
}

static void records_lie_in_pieces_where_memory_does(void **state)
{
	const struct sim_ram ram[] = { { RAM_BASE, 16 * SZ_1M, 0 } };
	(void)state;
	begin(ram, 1);
	/* 4096 records want 128 KiB; no hole is larger than 60 KiB. */
	for (uint64_t at = SZ_2M; at < 16 * SZ_1M; at += SZ_64K) {
		assert_int_equal(memblock_reserve(RAM_BASE + at, PAGE_SIZE), 0);
	}
	assert_int_equal(page_owner_init(), 0);
	const struct page_owner *last = NULL;
	for (uint64_t i = 0; i < 4096; i++) {
		const struct page_owner *o = page_owner_of(pfn(RAM_BASE / PAGE_SIZE + i));
		assert_non_null(o);
		assert_ptr_not_equal(o, last);
		last = o;
	}
	/* A range over all pieces. */
	struct pfn_range all = { pfn(RAM_BASE / PAGE_SIZE + 1), pfn(RAM_BASE / PAGE_SIZE + 4095) };
	page_owner_alloc(all, GFP_KERNEL, 7, 0x1234);
	for (uint64_t i = 0; i < 4096; i++) {
		const struct page_owner *o = page_owner_of(pfn(RAM_BASE / PAGE_SIZE + i));
		assert_int_equal(o->live, i >= 1 && i < 4095);
		assert_int_equal(o->alloc_pc, o->live ? 0x1234 : 0);
	}
}

static void without_memory_it_stays_off_and_holds_nothing(void **state)
{
	const struct sim_ram ram[] = { { RAM_BASE, 16 * SZ_1M, 0 } };
	(void)state;
	begin(ram, 1);
	assert_int_equal(memblock_reserve(RAM_BASE, 16 * SZ_1M - 10 * PAGE_SIZE), 0);
	phys_addr_t held = memblock_reserved_size();
	assert_int_equal(page_owner_init(), -ENOMEM);
	assert_false(page_owner_enabled());
	assert_int_equal(memblock_reserved_size(), held);
	assert_null(page_owner_of(pfn(RAM_BASE / PAGE_SIZE)));
}

/* ---- showing --------------------------------------------------------------------------------- */

static const char *printed(pfn_t f)
{
	static char text[400];
	struct out_buffer b;
	out_buffer_init(&b, text, sizeof(text));
	page_owner_print(&b.out, f);
	assert_int_equal(b.overflow, 0);
	return text;
}

static void the_text_says_what_is_known(void **state)
{
	(void)state;
	assert_string_equal(printed(pfn(RAM_BASE / PAGE_SIZE)), "page_owner off");
	start();
	log_set_timebase(1000000000);
	char *p = take_pages();
	pfn_t f = page_to_pfn(virt_to_page(p));
	assert_non_null(strstr(printed(f), "allocated by "));
	assert_non_null(strstr(printed(f), " (order 2, gfp 0x80) at "));
	assert_null(strstr(printed(f), "freed"));
	give_pages(p);
	assert_non_null(strstr(printed(f), ", freed by "));
	assert_ptr_equal(take_pages(), p);
	assert_non_null(strstr(printed(f), ", before that freed by "));
	give_pages(p);
	assert_string_equal(printed(pfn(1)), "no page of RAM");
	assert_string_equal(printed(pfn(RAM_BASE / PAGE_SIZE)), "never allocated");
	log_set_timebase(0);
}

static void random_calls_agree_with_a_model(void **state)
{
	enum {
		MOST = 200
	};
	static struct {
		char *at;
		unsigned int order;
	} live[MOST];
	uint64_t seed = sim_seed(0x0b0e5);
	(void)state;
	start();
	for (int step = 0; step < 20000; step++) {
		unsigned int i = (unsigned int)(sim_random(&seed) % MOST);
		if (live[i].at == NULL) {
			live[i].order = (unsigned int)(sim_random(&seed) % 4);
			live[i].at = __get_free_pages(GFP_KERNEL, live[i].order);
			assert_non_null(live[i].at);
		} else {
			free_pages(live[i].at, live[i].order);
			assert_false(owner_at(live[i].at)->live);
			live[i].at = NULL;
		}
	}
	for (unsigned int i = 0; i < MOST; i++) {
		for (uint64_t n = 0; live[i].at != NULL && n < 1ULL << live[i].order; n++) {
			const struct page_owner *o = owner_at(live[i].at + n * PAGE_SIZE);
			assert_true(o->live);
			assert_int_equal(o->order, live[i].order);
		}
		live[i].at = NULL;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(each_call_names_its_caller, page_check_stop),
		cmocka_unit_test_teardown(what_an_exact_size_leaves_over_is_free, page_check_stop),
		cmocka_unit_test_teardown(a_refused_free_names_the_owner_and_changes_no_record,
					  page_check_stop),
		cmocka_unit_test_teardown(frames_of_every_bank_are_covered_and_no_others,
					  page_check_stop),
		cmocka_unit_test_teardown(records_lie_in_pieces_where_memory_does, page_check_stop),
		cmocka_unit_test_teardown(without_memory_it_stays_off_and_holds_nothing,
					  page_check_stop),
		cmocka_unit_test_teardown(the_text_says_what_is_known, page_check_stop),
		cmocka_unit_test_teardown(random_calls_agree_with_a_model, page_check_stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
