/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves, with every backend of this build, that the page allocator takes over from memblock exactly what is free,
 * serves it with Linux's calls, refuses wrong frees without harm, falls back by zone and node, and that runs, counts
 * and free blocks add up at any time.
 */
#include "sim.h"

#include "fpg/base/range.h"
#include "fpg/core/log.h"
#include "fpg/core/memblock.h"
#include "fpg/core/page_alloc.h"
#include "fpg/core/palloc_registry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#define RAM_BASE 0x80000000UL

static const struct palloc_ops *backend;
static char last_warning[256];
static unsigned int warnings;

static void on_log(void *ctx, enum log_level level, const char *module, const char *text)
{
	(void)ctx;
	(void)level;
	(void)module;
	snprintf(last_warning, sizeof(last_warning), "%s", text);
	warnings++;
}

static void must_reserve(phys_addr_t base, phys_addr_t size, enum owner_kind kind)
{
	assert_int_equal(memblock_reserve_owned(base, size, MEMBLOCK_NONE, mem_owner(kind, RULE_LINKED, -1)), 0);
}

static void start(const struct sim_ram *ram, size_t count)
{
	sim_start(ram, count);
	warnings = 0;
	log_set_observer(on_log, NULL);
	/* Firmware and an image with odd ends, in the first RAM. */
	must_reserve(ram[0].base, 0x80000, OWNER_FIRMWARE);
	must_reserve(ram[0].base + SZ_2M, 0x123456, OWNER_IMAGE_TEXT);
	assert_int_equal(page_alloc_init(backend->name), 0);
	assert_string_equal(page_alloc_backend_name(), backend->name);
}

static void start_small(void)
{
	const struct sim_ram ram[] = { { RAM_BASE, 64 * SZ_1M, 0 } };
	start(ram, 1);
}

static int stop(void **state)
{
	(void)state;
	log_set_observer(NULL, NULL);
	sim_stop();
	return 0;
}

/* ---- checking everything --------------------------------------------------------------------------------------- */

struct sums {
	uint64_t free_pages;
	uint64_t used_pages;
	uint64_t last_end;
};

static bool sum_run(void *ctx, struct zone *zone, const struct palloc_run *run)
{
	struct sums *sums = ctx;
	assert_true(run->range.start.n >= sums->last_end);
	assert_ptr_equal(pfn_to_zone(run->range.start), zone);
	sums->last_end = run->range.end.n;
	*(run->state == PALLOC_RUN_FREE ? &sums->free_pages : &sums->used_pages) += pfn_range_pages(run->range);
	/* Nothing that memblock holds is handed out. */
	assert_false(memblock_is_region_reserved(pfn_to_phys(run->range.start),
						 pfn_range_pages(run->range) << PAGE_SHIFT));
	return true;
}

static bool check_zone(void *ctx, struct zone *zone)
{
	const char *why = NULL;
	uint64_t blocks[MAX_PAGE_ORDER + 1];
	uint64_t pages = 0;
	(void)ctx;
	if (zone_check(zone, &why) != 0) {
		fail_msg("%s", why);
	}
	zone_free_blocks(zone, blocks);
	for (unsigned int order = 0; order <= MAX_PAGE_ORDER; order++) {
		pages += blocks[order] << order;
	}
	assert_int_equal(pages, zone->free_pages);
	return true;
}

/** Everything agrees; @used pages are allocated. */
static void check_all(uint64_t used)
{
	struct sums sums = { 0 };
	zone_for_each(check_zone, NULL);
	palloc_walk_all(sum_run, &sums);
	assert_int_equal(sums.free_pages, page_alloc_free_pages());
	assert_int_equal(sums.free_pages + sums.used_pages, page_alloc_managed_pages());
	if (used != UINT64_MAX) {
		assert_int_equal(sums.used_pages, used);
	}
}

static uint64_t used_pages(void)
{
	return page_alloc_managed_pages() - page_alloc_free_pages();
}

/* ---- properties ------------------------------------------------------------------------------------------------- */

static void all_free_memory_and_nothing_else_is_taken_over(void **state)
{
	(void)state;
	start_small();
	check_all(0);
	uint64_t reserved = 0;
	for (unsigned long i = 0; i < memblock.reserved.cnt; i++) {
		phys_addr_t from = ALIGN_DOWN(memblock.reserved.regions[i].base, PAGE_SIZE);
		phys_addr_t to = ALIGN_UP(memblock.reserved.regions[i].base + memblock.reserved.regions[i].size,
					  PAGE_SIZE);
		reserved += (to - from) / PAGE_SIZE;
	}
	/* Neighbours with an edge inside a page may count it twice, no more. */
	uint64_t total = page_alloc_managed_pages() + reserved;
	assert_true(total >= 64 * SZ_1M / PAGE_SIZE);
	assert_true(total <= 64 * SZ_1M / PAGE_SIZE + memblock.reserved.cnt);
	assert_int_equal(warnings, 0);
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
		check_all(UINT64_MAX);
		__free_pages(page, order);
	}
	/* What is left in use backs records. */
	check_all(used_pages());
	assert_int_equal(warnings, 0);
}

static void memory_can_be_used_up_and_given_back(void **state)
{
	(void)state;
	start_small();
	uint64_t most = page_alloc_managed_pages();
	struct page **pages = calloc(most, sizeof(*pages));
	uint64_t count = 0;
	assert_non_null(pages);
	for (;;) {
		struct page *page = alloc_pages(GFP_USER_MOVABLE | __GFP_NOWARN, 0);
		if (page == NULL) {
			break;
		}
		*(uint64_t *)page_address(page) = count;
		pages[count++] = page;
	}
	check_all(UINT64_MAX);
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
	check_all(used_pages());
	assert_int_equal(page_alloc_free_pages(), most - used_pages());
	assert_true(used_pages() <= count / FRAME_TABLE_CHUNK + 2 * FRAME_RESERVE_PAGES);
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
	assert_non_null(strstr(last_warning, "another order"));
	__free_pages(page + 1, 0);
	assert_non_null(strstr(last_warning, "inside a block"));
	__free_pages(page, MAX_PAGE_ORDER + 1);
	assert_int_equal(page_alloc_free_pages(), free_pages_before);
	__free_pages(page, 2);
	assert_int_equal(page_alloc_free_pages(), free_pages_before + 4);
	__free_pages(page, 2);
	assert_non_null(strstr(last_warning, "double free"));
	char pfn_text[32];
	snprintf(pfn_text, sizeof(pfn_text), "pfn 0x%llx", (unsigned long long)page_to_pfn(page).n);
	assert_non_null(strstr(last_warning, pfn_text));
	/* Firmware's page, one outside of all RAM, one off a page boundary. */
	__free_pages(pfn_to_page(phys_to_pfn(RAM_BASE)), 0);
	__free_pages(pfn_to_page(phys_to_pfn(RAM_BASE + 64 * SZ_1M)), 0);
	assert_non_null(strstr(last_warning, "no page of any zone"));
	__free_pages(frame_table - 1, 0);
	free_pages((char *)port_phys_to_virt(RAM_BASE + 32 * SZ_1M) + 8, 0);
	assert_int_equal(page_alloc_refused_frees(), 8);
	__free_pages(NULL, 0);
	free_pages(NULL, 0);
	free_pages_exact(NULL, 4096);
	assert_int_equal(page_alloc_refused_frees(), 8);
	check_all(UINT64_MAX);
}

static void impossible_requests_fail_with_a_reason(void **state)
{
	(void)state;
	start_small();
	assert_null(alloc_pages(GFP_KERNEL, MAX_PAGE_ORDER + 1));
	assert_non_null(strstr(last_warning, "larger"));
	assert_null(alloc_pages(__GFP_DMA | __GFP_DMA32, 0));
	assert_non_null(strstr(last_warning, "contradict"));
	assert_null(alloc_pages(GFP_KERNEL | __GFP_NOFAIL, 0));
	unsigned int before = warnings;
	while (alloc_pages(GFP_KERNEL | __GFP_NOWARN, 4) != NULL) {
		continue;
	}
	assert_int_equal(warnings, before);
	assert_null(alloc_pages(GFP_KERNEL, 4));
	assert_int_equal(warnings, before + 1);
	check_all(UINT64_MAX);
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
	assert_non_null(strstr(last_warning, "not all are single pages"));
	free_pages_exact(a, PAGE_SIZE);
	free_pages_exact(a + 2 * PAGE_SIZE, 4 * PAGE_SIZE);
	assert_int_equal(page_alloc_free_pages(), before);
	assert_null(alloc_pages_exact(0, GFP_KERNEL));
	assert_null(alloc_pages_exact((PAGE_SIZE << MAX_PAGE_ORDER) + 1, GFP_KERNEL));
	check_all(UINT64_MAX);
}

static void exact_frames_can_be_taken(void **state)
{
	(void)state;
	start_small();
	struct pfn_range range = { pfn(0x81003), pfn(0x81003 + 700) };
	pfn_t blocker = pfn(0);
	assert_int_equal(alloc_contig_range(range, GFP_KERNEL, &blocker), 0);
	assert_int_equal(alloc_contig_range((struct pfn_range){ pfn(0x81000), pfn(0x81010) }, GFP_KERNEL, &blocker),
			 -EBUSY);
	assert_int_equal(blocker.n, 0x81003);
	check_all(UINT64_MAX);
	assert_int_equal(free_contig_range((struct pfn_range){ pfn(0x81003), pfn(0x81104) }), 0);
	assert_int_equal(free_contig_range(range), -EINVAL);
	__free_page(pfn_to_page(pfn(0x81104)));
	assert_int_equal(free_contig_range((struct pfn_range){ pfn(0x81105), range.end }), 0);
	assert_int_equal(alloc_contig_range((struct pfn_range){ pfn(0x7fff0), pfn(0x80010) }, 0, NULL), -EINVAL);
	assert_int_equal(alloc_contig_range((struct pfn_range){ pfn(0x83ff0), pfn(0x84010) }, 0, NULL), -EINVAL);
	assert_int_equal(alloc_contig_range((struct pfn_range){ pfn(0x82000), pfn(0x82000) }, 0, NULL), -EINVAL);
	assert_int_equal(alloc_contig_range((struct pfn_range){ pfn(0x80000), pfn(0x80001) }, 0, NULL), -EBUSY);
	check_all(UINT64_MAX);
}

static void requests_fall_back_to_lower_zones_only(void **state)
{
	const struct sim_ram ram[] = { { 0xfe000000, 64 * SZ_1M, 0 } };
	(void)state;
	start(ram, 1);
	struct zone *dma32 = &node_by_id(0)->zones[ZONE_DMA32];
	struct zone *normal = &node_by_id(0)->zones[ZONE_NORMAL];
	struct page *page = alloc_pages(GFP_KERNEL, 0);
	assert_ptr_equal(pfn_to_zone(page_to_pfn(page)), normal);
	page = alloc_pages(GFP_DMA32, 0);
	assert_ptr_equal(pfn_to_zone(page_to_pfn(page)), dma32);
	while (normal->free_pages > 0) {
		assert_non_null(alloc_pages(GFP_KERNEL, 0));
	}
	page = alloc_pages(GFP_KERNEL, 0);
	assert_ptr_equal(pfn_to_zone(page_to_pfn(page)), dma32);
	while (alloc_pages(GFP_DMA32 | __GFP_NOWARN, 0) != NULL) {
		continue;
	}
	assert_null(alloc_pages(GFP_KERNEL | __GFP_NOWARN, 0));
	check_all(UINT64_MAX);
}

#if MAX_NUMNODES >= 3

static void nodes_stand_in_for_each_other(void **state)
{
	/* Interleaved, so that spans overlap. */
	const struct sim_ram ram[] = {
		{ RAM_BASE, 16 * SZ_1M, 0 },
		{ RAM_BASE + 16 * SZ_1M, 16 * SZ_1M, 1 },
		{ RAM_BASE + 32 * SZ_1M, 16 * SZ_1M, 0 },
		{ RAM_BASE + 48 * SZ_1M, 16 * SZ_1M, 2 },
	};
	(void)state;
	start(ram, ARRAY_SIZE(ram));
	check_all(0);
	struct page *page = alloc_pages_node(1, GFP_KERNEL, 0);
	assert_int_equal(pfn_to_zone(page_to_pfn(page))->nid, 1);
	while ((page = alloc_pages_node(1, GFP_KERNEL | __GFP_THISNODE | __GFP_NOWARN, 0)) != NULL) {
		assert_int_equal(pfn_to_zone(page_to_pfn(page))->nid, 1);
	}
	page = alloc_pages_node(1, GFP_KERNEL, 0);
	assert_int_equal(pfn_to_zone(page_to_pfn(page))->nid, 2);
	assert_null(alloc_pages_node(3, GFP_KERNEL | __GFP_THISNODE | __GFP_NOWARN, 0));
	assert_non_null(alloc_pages_node(3, GFP_KERNEL, 0));
	/* Blocks of largest order at the seams never mix nodes. */
	for (unsigned int order = 3; order <= MAX_PAGE_ORDER; order++) {
		page = alloc_pages(GFP_KERNEL | __GFP_NOWARN, order);
		if (page != NULL) {
			memset(page_address(page), 1, PAGE_SIZE << order);
			__free_pages(page, order);
		}
	}
	check_all(UINT64_MAX);
}

#endif

static void a_movable_zone_serves_only_movable_requests(void **state)
{
	const struct sim_ram ram[] = { { RAM_BASE, 64 * SZ_1M, 0 } };
	(void)state;
	sim_start(ram, 1);
	assert_int_equal(zone_movable_start_set(0, phys_to_pfn(RAM_BASE + 32 * SZ_1M)), 0);
	assert_int_equal(page_alloc_init(backend->name), 0);
	struct page *page = alloc_pages(GFP_USER_MOVABLE, 0);
	assert_int_equal(pfn_to_zone(page_to_pfn(page))->type, ZONE_MOVABLE);
	while ((page = alloc_pages(GFP_KERNEL | __GFP_NOWARN, 0)) != NULL) {
		assert_int_equal(pfn_to_zone(page_to_pfn(page))->type, ZONE_DMA32);
	}
	assert_non_null(alloc_pages(GFP_USER_MOVABLE, 0));
	check_all(UINT64_MAX);
}

static void many_ranges_are_all_served(void **state)
{
	static struct sim_ram ram[300];
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ram); i++) {
		ram[i] = (struct sim_ram){ RAM_BASE + i * 0x150000, 0x107000 + i * 0x20, 0 };
	}
	sim_start(ram, ARRAY_SIZE(ram));
	assert_int_equal(page_alloc_init(backend->name), 0);
	check_all(0);
	assert_true(page_alloc_managed_pages() > 300 * 0x100);
	uint64_t count = 0;
	while (alloc_pages(GFP_KERNEL | __GFP_NOWARN, 0) != NULL) {
		count++;
	}
	assert_true(count + 1500 > page_alloc_managed_pages());
	check_all(UINT64_MAX);
}

static void late_memory_joins(void **state)
{
	(void)state;
	start_small();
	uint64_t before = page_alloc_managed_pages();
	memblock_free_late(RAM_BASE + SZ_2M, SZ_1M);
	assert_int_equal(page_alloc_managed_pages(), before + SZ_1M / PAGE_SIZE);
	check_all(UINT64_MAX);
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
	check_all(UINT64_MAX);
	assert_non_null(alloc_pages(GFP_KERNEL, 0));
}

static void random_use_keeps_every_stamp(void **state)
{
	enum { SLOTS = 512, STEPS = 30000 };
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
		static const gfp_t kinds[] = { GFP_KERNEL, GFP_USER_MOVABLE, __GFP_RECLAIMABLE, GFP_ATOMIC };
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
			check_all(UINT64_MAX);
		}
	}
	assert_int_equal(page_alloc_refused_frees(), 0);
	check_all(UINT64_MAX);
}

static void an_unknown_choice_is_named_and_the_default_serves(void **state)
{
	const struct sim_ram ram[] = { { RAM_BASE, 16 * SZ_1M, 0 } };
	(void)state;
	log_set_observer(on_log, NULL);
	sim_start(ram, 1);
	assert_int_equal(page_alloc_init("nonsense"), 0);
	assert_non_null(strstr(last_warning, "nonsense"));
	assert_non_null(strstr(last_warning, backend->name));
	assert_string_equal(page_alloc_backend_name(), CONFIG_PALLOC_DEFAULT);
	sim_start(ram, 1);
	assert_int_equal(page_alloc_init("cma"), 0);
	assert_non_null(strstr(last_warning, "cma is an overlay; choose bootmem or buddy"));
	sim_start(ram, 1);
	assert_int_equal(page_alloc_init(NULL), 0);
	assert_string_equal(page_alloc_backend_name(), CONFIG_PALLOC_DEFAULT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(all_free_memory_and_nothing_else_is_taken_over, stop),
		cmocka_unit_test_teardown(blocks_of_every_order_come_and_go, stop),
		cmocka_unit_test_teardown(memory_can_be_used_up_and_given_back, stop),
		cmocka_unit_test_teardown(zero_means_zeroed, stop),
		cmocka_unit_test_teardown(wrong_frees_are_named_and_change_nothing, stop),
		cmocka_unit_test_teardown(impossible_requests_fail_with_a_reason, stop),
		cmocka_unit_test_teardown(exact_sizes_take_no_page_more, stop),
		cmocka_unit_test_teardown(exact_frames_can_be_taken, stop),
		cmocka_unit_test_teardown(requests_fall_back_to_lower_zones_only, stop),
#if MAX_NUMNODES >= 3
		cmocka_unit_test_teardown(nodes_stand_in_for_each_other, stop),
#endif
		cmocka_unit_test_teardown(a_movable_zone_serves_only_movable_requests, stop),
		cmocka_unit_test_teardown(many_ranges_are_all_served, stop),
		cmocka_unit_test_teardown(late_memory_joins, stop),
		cmocka_unit_test_teardown(population_that_fails_does_not_lose_pages, stop),
		cmocka_unit_test_teardown(random_use_keeps_every_stamp, stop),
		cmocka_unit_test_teardown(an_unknown_choice_is_named_and_the_default_serves, stop),
	};
	int failed = 0;
	for (size_t i = 0; palloc_table[i] != NULL; i++) {
		backend = palloc_table[i];
		printf("# with %s\n", backend->name);
		failed += cmocka_run_group_tests(tests, NULL, NULL);
	}
	return failed;
}
