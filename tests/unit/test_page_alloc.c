/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves, with every backend of this build, that the page allocator takes over from memblock
 * exactly what is free, serves it with Linux's calls, refuses wrong frees without harm, and that
 * runs, counts and free blocks add up at any time, also when records cannot be populated.
 */
#include "page_check.h"

#include "fpg/base/range.h"
#include "fpg/core/memblock.h"
#include "fpg/core/page_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#define RAM_BASE 0x80000000UL

static const struct palloc_ops *backend;

static void start_small(void)
{
	const struct sim_ram ram[] = { { RAM_BASE, 64 * SZ_1M, 0 } };
	page_check_start(backend, ram, 1);
}

/* ---- properties ------------------------------------------------------------------------------ */

static void all_free_memory_and_nothing_else_is_taken_over(void **state)
{
	(void)state;
	start_small();
	page_check_all(0);
	uint64_t reserved = 0;
	for (unsigned long i = 0; i < memblock.reserved.cnt; i++) {
		phys_addr_t from = ALIGN_DOWN(memblock.reserved.regions[i].base, PAGE_SIZE);
		phys_addr_t to = ALIGN_UP(memblock.reserved.regions[i].base +
						  memblock.reserved.regions[i].size,
					  PAGE_SIZE);
		reserved += (to - from) / PAGE_SIZE;
	}
	/* Neighbours with an edge inside a page may count it twice, no more. */
	uint64_t total = page_alloc_managed_pages() + reserved;
	assert_true(total >= 64 * SZ_1M / PAGE_SIZE);
	assert_true(total <= 64 * SZ_1M / PAGE_SIZE + memblock.reserved.cnt);
	assert_int_equal(page_check_warnings, 0);
}

static void blocks_of_every_order_come_and_go(void **state)
{
	(void)state;
	start_small();
	for (unsigned int order = 0; order <= MAX_PAGE_ORDER && order < 13; order++) {
		struct page *page = alloc_pages(GFP_KERNEL, order);
		assert_non_null(page);
		assert_true(IS_ALIGNED(page_to_pfn(page).n, 1ULL << order));
		memset(page_address(page), 0xee, PAGE_SIZE << order);
		page_check_all(UINT64_MAX);
		__free_pages(page, order);
	}
	/* What is left in use backs records. */
	page_check_all(page_check_used());
	assert_int_equal(page_check_warnings, 0);
}

static void memory_can_be_used_up_and_given_back(void **state)
{
	(void)state;
	start_small();
	uint64_t most = page_alloc_managed_pages();
	struct page **pages = calloc(most, sizeof(struct page *));
	uint64_t count = 0;
	assert_non_null(pages);
	for (;;) {
		struct page *page =
			alloc_pages(GFP_USER_MOVABLE | __GFP_NOWARN | __GFP_MEMALLOC, 0);
		if (page == NULL) {
			break;
		}
		*(uint64_t *)page_address(page) = count;
		pages[count++] = page;
	}
	page_check_all(UINT64_MAX);
	/* All but what backs records and what waits in the reserve: a page for 256, and some. */
	assert_true(count + count / FRAME_TABLE_CHUNK + 2 * FRAME_RESERVE_PAGES >= most);
	assert_int_equal(page_alloc_free_pages(), 0);
	for (uint64_t i = 0; i < count; i++) {
		assert_int_equal(*(uint64_t *)page_address(pages[i]), i);
	}
	for (uint64_t step = 0; step < 3; step++) {
		for (uint64_t i = step; i < count; i += 3) {
			__free_page(pages[i]);
		}
	}
	page_check_all(page_check_used());
	assert_int_equal(page_alloc_free_pages(), most - page_check_used());
	assert_true(page_check_used() <= count / FRAME_TABLE_CHUNK + 2 * FRAME_RESERVE_PAGES);
	struct page *large = alloc_pages(GFP_KERNEL, MAX_PAGE_ORDER);
	assert_non_null(large);
	__free_pages(large, MAX_PAGE_ORDER);
	assert_int_equal(page_alloc_refused_frees(), 0);
	free(pages);
}

static void zero_means_zeroed(void **state)
{
	(void)state;
	start_small();
	void *addr = __get_free_pages(GFP_KERNEL, 3);
	assert_non_null(addr);
	memset(addr, 0x5a, PAGE_SIZE << 3);
	free_pages(addr, 3);
	for (unsigned int i = 0; i < 64; i++) {
		struct page *page = alloc_pages(GFP_KERNEL | __GFP_ZERO, 3);
		assert_non_null(page);
		const uint8_t *bytes = page_address(page);
		for (size_t k = 0; k < PAGE_SIZE << 3; k += 61) {
			assert_int_equal(bytes[k], 0);
		}
	}
}

static void wrong_frees_are_named_and_change_nothing(void **state)
{
	(void)state;
	start_small();
	struct page *page = alloc_pages(GFP_KERNEL, 2);
	assert_non_null(page);
	uint64_t free_pages_before = page_alloc_free_pages();
	__free_pages(page, 1);
	assert_non_null(strstr(page_check_warning, "another order"));
	__free_pages(page + 1, 0);
	assert_non_null(strstr(page_check_warning, "inside a block"));
	__free_pages(page, MAX_PAGE_ORDER + 1);
	assert_int_equal(page_alloc_free_pages(), free_pages_before);
	__free_pages(page, 2);
	assert_int_equal(page_alloc_free_pages(), free_pages_before + 4);
	__free_pages(page, 2);
	assert_non_null(strstr(page_check_warning, "double free"));
	char pfn_text[32];
	snprintf(pfn_text, sizeof(pfn_text), "pfn 0x%llx", (unsigned long long)page_to_pfn(page).n);
	assert_non_null(strstr(page_check_warning, pfn_text));
	/* Firmware's page, one outside of all RAM, one off a page boundary. */
	__free_pages(pfn_to_page(phys_to_pfn(RAM_BASE)), 0);
	__free_pages(pfn_to_page(phys_to_pfn(RAM_BASE + 64 * SZ_1M)), 0);
	assert_non_null(strstr(page_check_warning, "no page of any zone"));
	__free_pages(frame_table - 1, 0);
	free_pages((char *)port_phys_to_virt(RAM_BASE + 32 * SZ_1M) + 8, 0);
	assert_int_equal(page_alloc_refused_frees(), 8);
	__free_pages(NULL, 0);
	free_pages(NULL, 0);
	free_pages_exact(NULL, 4096);
	assert_int_equal(page_alloc_refused_frees(), 8);
	page_check_all(UINT64_MAX);
}

static void pages_in_use_as_something_cannot_be_freed(void **state)
{
	static const struct {
		uint64_t flag;
		const char *why;
	} uses[] = {
		{ PAGE_F_PT, "it is a page table" },
		{ PAGE_F_TABLE, "it holds records of the frame table" },
		{ PAGE_F_ANON, "it is mapped in a program's address space" },
	};
	(void)state;
	start_small();
	for (unsigned int order = 0; order <= PAGEBLOCK_ORDER; order += PAGEBLOCK_ORDER) {
		struct page *page = alloc_pages(GFP_KERNEL, order);
		assert_non_null(page);
		for (size_t i = 0; i < ARRAY_SIZE(uses); i++) {
			const uint64_t before = page_alloc_free_pages();
			page_flags_set(page, uses[i].flag);
			__free_pages(page, order);
			assert_non_null(strstr(page_check_warning, uses[i].why));
			struct pfn_range range = { page_to_pfn(page),
						   pfn_add(page_to_pfn(page), 1) };
			assert_int_equal(free_contig_range(range), -EINVAL);
			assert_int_equal(page_alloc_free_pages(), before);
			page_flags_clear(page, uses[i].flag);
		}
		__free_pages(page, order);
	}
	page_check_all(UINT64_MAX);
}

static void impossible_requests_fail_with_a_reason(void **state)
{
	(void)state;
	start_small();
	assert_null(alloc_pages(GFP_KERNEL, MAX_PAGE_ORDER + 1));
	assert_non_null(strstr(page_check_warning, "larger"));
	assert_null(alloc_pages(__GFP_DMA | __GFP_DMA32, 0));
	assert_non_null(strstr(page_check_warning, "contradict"));
	assert_null(alloc_pages(GFP_KERNEL | __GFP_NOFAIL, 0));
	unsigned int before = page_check_warnings;
	unsigned int got = 0;
	while (alloc_pages(GFP_KERNEL | __GFP_NOWARN, 4) != NULL) {
		got++;
	}
	assert_true(got > 900);
	assert_int_equal(page_check_warnings, before);
	assert_null(alloc_pages(GFP_KERNEL, 4));
	assert_int_equal(page_check_warnings, before + 1);
	page_check_all(UINT64_MAX);
}

static void exact_sizes_take_no_page_more(void **state)
{
	(void)state;
	start_small();
	/* A first call populates records; what it costs does not count. */
	free_pages_exact(alloc_pages_exact(100 * PAGE_SIZE, GFP_KERNEL), 100 * PAGE_SIZE);
	uint64_t before = page_alloc_free_pages();
	uint8_t *a = alloc_pages_exact(5 * PAGE_SIZE + 1, GFP_KERNEL | __GFP_ZERO);
	assert_non_null(a);
	assert_int_equal(page_alloc_free_pages(), before - 6);
	assert_int_equal(a[6 * PAGE_SIZE - 1], 0);
	free_pages(a + PAGE_SIZE, 0);
	assert_int_equal(page_alloc_free_pages(), before - 5);
	free_pages_exact(a, 5 * PAGE_SIZE + 1);
	assert_non_null(strstr(page_check_warning, "not all are single pages"));
	free_pages_exact(a, PAGE_SIZE);
	free_pages_exact(a + 2 * PAGE_SIZE, 4 * PAGE_SIZE);
	assert_int_equal(page_alloc_free_pages(), before);
	assert_null(alloc_pages_exact(0, GFP_KERNEL));
	assert_null(alloc_pages_exact((PAGE_SIZE << MAX_PAGE_ORDER) + 1, GFP_KERNEL));
	page_check_all(UINT64_MAX);
}

static void exact_frames_can_be_taken(void **state)
{
	(void)state;
	start_small();
	struct pfn_range range = { pfn(0x81003), pfn(0x81003 + 700) };
	pfn_t blocker = pfn(0);
	if (!(backend->caps & PALLOC_CAP_CLAIM)) {
		assert_int_equal(alloc_contig_range(range, GFP_KERNEL, &blocker), -ENOTSUP);
		page_check_all(UINT64_MAX);
		return;
	}
	assert_int_equal(alloc_contig_range(range, GFP_KERNEL, &blocker), 0);
	assert_int_equal(alloc_contig_range((struct pfn_range){ pfn(0x81000), pfn(0x81010) },
					    GFP_KERNEL, &blocker),
			 -EBUSY);
	assert_int_equal(blocker.n, 0x81003);
	page_check_all(UINT64_MAX);
	assert_int_equal(free_contig_range((struct pfn_range){ pfn(0x81003), pfn(0x81104) }), 0);
	assert_int_equal(free_contig_range(range), -EINVAL);
	__free_page(pfn_to_page(pfn(0x81104)));
	assert_int_equal(free_contig_range((struct pfn_range){ pfn(0x81105), range.end }), 0);
	assert_int_equal(alloc_contig_range((struct pfn_range){ pfn(0x7fff0), pfn(0x80010) }, 0,
					    NULL),
			 -EINVAL);
	assert_int_equal(alloc_contig_range((struct pfn_range){ pfn(0x83ff0), pfn(0x84010) }, 0,
					    NULL),
			 -EINVAL);
	assert_int_equal(alloc_contig_range((struct pfn_range){ pfn(0x82000), pfn(0x82000) }, 0,
					    NULL),
			 -EINVAL);
	assert_int_equal(alloc_contig_range((struct pfn_range){ pfn(0x80000), pfn(0x80001) }, 0,
					    NULL),
			 -EBUSY);
	page_check_all(UINT64_MAX);
}

static void population_that_fails_does_not_lose_pages(void **state)
{
	(void)state;
	start_small();
	for (unsigned int i = 0; i < 64; i++) {
		sim_populate_budget((long)(i % 3));
		struct page *page = alloc_pages(GFP_KERNEL | __GFP_NOWARN, i % 5);
		if (page != NULL && i % 2 == 0) {
			__free_pages(page, i % 5);
		}
	}
	sim_populate_budget(-1);
	page_check_all(UINT64_MAX);
	assert_non_null(alloc_pages(GFP_KERNEL, 0));
}

static void random_use_keeps_every_stamp(void **state)
{
	enum {
		SLOTS = 512,
		STEPS = 30000
	};
	static struct {
		struct page *page;
		unsigned int order;
		uint64_t stamp;
	} slots[SLOTS];
	(void)state;
	start_small();
	memset(slots, 0, sizeof(slots));
	uint64_t random = sim_seed(0xfeedbeef);
	for (uint64_t i = 0; i < STEPS; i++) {
		uint64_t r = sim_random(&random) >> 20;
		unsigned int slot = (unsigned int)(r % SLOTS);
		if (slots[slot].page != NULL) {
			uint64_t *at = page_address(slots[slot].page);
			size_t last = (PAGE_SIZE << slots[slot].order) / sizeof(*at) - 1;
			assert_true(at[0] == slots[slot].stamp && at[last] == slots[slot].stamp);
			__free_pages(slots[slot].page, slots[slot].order);
			slots[slot].page = NULL;
			continue;
		}
		static const gfp_t kinds[] = { GFP_KERNEL, GFP_USER_MOVABLE, __GFP_RECLAIMABLE,
					       GFP_ATOMIC };
		unsigned int order = (unsigned int)(r >> 9 & 63) == 0 ? MAX_PAGE_ORDER - 2 :
									(unsigned int)(r >> 9 & 3);
		struct page *page = alloc_pages(kinds[r >> 15 & 3] | __GFP_NOWARN, order);
		if (page != NULL) {
			uint64_t *at = page_address(page);
			slots[slot].page = page;
			slots[slot].order = order;
			slots[slot].stamp = i;
			at[0] = i;
			at[(PAGE_SIZE << order) / sizeof(*at) - 1] = i;
		}
		if (i % 4096 == 0) {
			page_check_all(UINT64_MAX);
		}
	}
	assert_int_equal(page_alloc_refused_frees(), 0);
	page_check_all(UINT64_MAX);
}

static void an_unknown_choice_is_named_and_the_default_serves(void **state)
{
	const struct sim_ram ram[] = { { RAM_BASE, 16 * SZ_1M, 0 } };
	(void)state;
	/* The warnings of a start are seen from the second one on. */
	page_check_start(backend, ram, 1);
	sim_start(ram, 1);
	assert_int_equal(page_alloc_init("nonsense"), 0);
	assert_non_null(strstr(page_check_warning, "nonsense"));
	assert_non_null(strstr(page_check_warning, backend->name));
	assert_string_equal(page_alloc_backend_name(), CONFIG_PALLOC_DEFAULT);
	sim_start(ram, 1);
	assert_int_equal(page_alloc_init("cma"), 0);
	assert_non_null(strstr(page_check_warning, "cma is an overlay; choose bootmem or buddy"));
	sim_start(ram, 1);
	assert_int_equal(page_alloc_init(NULL), 0);
	assert_string_equal(page_alloc_backend_name(), CONFIG_PALLOC_DEFAULT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(all_free_memory_and_nothing_else_is_taken_over,
					  page_check_stop),
		cmocka_unit_test_teardown(blocks_of_every_order_come_and_go, page_check_stop),
		cmocka_unit_test_teardown(memory_can_be_used_up_and_given_back, page_check_stop),
		cmocka_unit_test_teardown(zero_means_zeroed, page_check_stop),
		cmocka_unit_test_teardown(pages_in_use_as_something_cannot_be_freed,
					  page_check_stop),
		cmocka_unit_test_teardown(wrong_frees_are_named_and_change_nothing,
					  page_check_stop),
		cmocka_unit_test_teardown(impossible_requests_fail_with_a_reason, page_check_stop),
		cmocka_unit_test_teardown(exact_sizes_take_no_page_more, page_check_stop),
		cmocka_unit_test_teardown(exact_frames_can_be_taken, page_check_stop),
		cmocka_unit_test_teardown(population_that_fails_does_not_lose_pages,
					  page_check_stop),
		cmocka_unit_test_teardown(random_use_keeps_every_stamp, page_check_stop),
		cmocka_unit_test_teardown(an_unknown_choice_is_named_and_the_default_serves,
					  page_check_stop),
	};
	return PAGE_CHECK_WITH_EACH(backend, tests);
}
