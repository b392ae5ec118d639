/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page allocator on the simulated machine: started with the usual reservations, and checked as
 * a whole.
 */
#include "page_check.h"

#include "fpg/base/range.h"
#include "fpg/core/log.h"
#include "fpg/core/memblock.h"
#include "fpg/core/page_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

char page_check_warning[256];
unsigned int page_check_warnings;

static void on_log(void *ctx, enum log_level level, const char *module, const char *text)
{
	(void)ctx;
	(void)level;
	(void)module;
	snprintf(page_check_warning, sizeof(page_check_warning), "%s", text);
	page_check_warnings++;
}

static void must_reserve(phys_addr_t base, phys_addr_t size, enum owner_kind kind)
{
	struct mem_owner owner = mem_owner(kind, RULE_LINKED, -1);
	assert_int_equal(memblock_reserve_owned(base, size, MEMBLOCK_NONE, owner), 0);
}

void page_check_start(const struct palloc_ops *backend, const struct sim_ram *ram, size_t count)
{
	sim_start(ram, count);
	page_check_warnings = 0;
	log_set_observer(on_log, NULL);
	/* Firmware and an image with odd ends, in the first RAM. */
	must_reserve(ram[0].base, 0x80000, OWNER_FIRMWARE);
	must_reserve(ram[0].base + SZ_2M, 0x123456, OWNER_IMAGE_TEXT);
	assert_int_equal(page_alloc_init(backend->name), 0);
	assert_string_equal(page_alloc_backend_name(), backend->name);
}

int page_check_stop(void **state)
{
	(void)state;
	log_set_observer(NULL, NULL);
	sim_stop();
	return 0;
}

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
	*(run->state == PALLOC_RUN_FREE ? &sums->free_pages : &sums->used_pages) +=
		pfn_range_pages(run->range);
	/* Nothing that memblock holds is handed out. */
	const struct memblock_region *held =
		memblock_region_find(&memblock.reserved, pfn_to_phys(run->range.start));
	assert_true((held != NULL && held->owner.kind == OWNER_CMA) ||
		    !memblock_is_region_reserved(pfn_to_phys(run->range.start),
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

void page_check_all(uint64_t used)
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

uint64_t page_check_used(void)
{
	return page_alloc_managed_pages() - page_alloc_free_pages();
}
