/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves that several harts may call cma_alloc() and cma_release() in one area at once, at random and 10,000 times in all, an
 * owner's movable pages in the area: no frame is given out twice, no contents are lost, and in the end the area is whole.
 */
#define MOVABLE_MOST 2048U

#include "cma_machine.h"
#include "hart_machine.h"
#include "movable_owner.h"

#include <stdatomic.h>

#define HARTS	    4U
#define AREA_PAGES  16384U
#define CALLS	    10000U
#define MOST	    4096U
#define HANDLES	    8U
#define OWNED_PAGES MOVABLE_MOST

static struct cma *area;
static pfn_t first;
static uint64_t seed;
/** By frame of the area: the hart that has it, plus one. */
static _Atomic uint8_t holder[AREA_PAGES];
static _Atomic uint64_t served;
static _Atomic uint64_t refused;

struct handle {
	uint32_t from;
	uint32_t pages;
};

static void hold(const struct handle *h, uint8_t before, uint8_t after)
{
	for (uint32_t i = h->from; i < h->from + h->pages; i++) {
		EXPECT(atomic_exchange(&holder[i], after) == before);
	}
}

static bool take(struct handle *h, uint64_t random)
{
	struct cma_report report;
	const uint32_t most = 1U << random % 13;
	const uint32_t pages = 1 + (uint32_t)((random >> 8) % most);
	const struct page *page = cma_alloc_report(area, pages, 0, true, &report);
	if (page == NULL) {
		EXPECT(report.err == -ENOMEM || report.err == -EBUSY);
		atomic_fetch_add(&refused, 1);
		return false;
	}
	*h = (struct handle){ (uint32_t)(page_to_pfn(page).n - first.n), pages };
	EXPECT(h->from < AREA_PAGES && pages <= AREA_PAGES - h->from);
	hold(h, 0, (uint8_t)(hart_index() + 1));
	memset(page_address(page), (int)hart_index() + 1, PAGE_SIZE);
	atomic_fetch_add(&served, 1);
	return true;
}

/** The first @pages of it. */
static void give(struct handle *h, uint32_t pages)
{
	const struct handle part = { h->from, pages };
	struct page *page = pfn_to_page(pfn_add(first, h->from));
	hold(&part, (uint8_t)(hart_index() + 1), 0);
	EXPECT(cma_release(area, page, pages));
	h->from += pages;
	h->pages -= pages;
}

static int call_at_random(void *arg)
{
	(void)arg;
	struct handle handle[HANDLES] = { 0 };
	uint64_t random = seed + hart_index();
	for (uint32_t i = 0; i < CALLS / HARTS; i++) {
		const uint64_t r = sim_random(&random) >> 8;
		struct handle *h = &handle[r % HANDLES];
		if (h->pages == 0) {
			(void)take(h, r >> 8);
		} else {
			give(h, (r & 256) != 0 ? h->pages : 1 + (uint32_t)((r >> 9) % h->pages));
		}
	}
	for (uint32_t i = 0; i < HANDLES; i++) {
		if (handle[i].pages != 0) {
			give(&handle[i], handle[i].pages);
		}
	}
	return 0;
}

static void all_at_once(void)
{
	const struct cma_machine machine = { "buddy", 256 * SZ_1M, AREA_PAGES * PAGE_SIZE, 0,
					     false };
	struct cma_stats stats;
	area = cma_machine_start(&machine);
	first = cma_machine_frames(area).start;
	start_harts(HARTS);
	movable_owner_start(false);
	const pfn_t middle = pfn_add(first, AREA_PAGES / 2);
	const struct pfn_range range = { middle, pfn_add(middle, OWNED_PAGES) };
	EXPECT(alloc_contig_range(range, GFP_USER_MOVABLE, NULL) == 0);
	for (uint32_t i = 0; i < OWNED_PAGES; i++) {
		movable_own(i, pfn_to_page(pfn_add(middle, i)), 0, false);
	}
	EXPECT(hart_run_mask(harts_online(), "cma", call_at_random, NULL, NULL) == 0);
	cma_stats_read(area, &stats);
	EXPECT(stats.given_out == 0 && stats.pages_moved != 0);
	EXPECT(movable_owner.wrong == NULL);
	for (uint32_t i = 0; i < OWNED_PAGES; i++) {
		EXPECT(movable_intact(i));
	}
	const char *why = NULL;
	EXPECT(zone_check(pfn_to_zone(first), &why) == 0);
	/* Nothing was lost: all of it can be had. */
	struct page *all = cma_alloc(area, AREA_PAGES, 0, true);
	EXPECT(all != NULL && cma_release(area, all, AREA_PAGES));
	for (uint32_t i = 0; i < OWNED_PAGES; i++) {
		EXPECT(movable_intact(i) && movable_free(i));
	}
	EXPECT(page_alloc_refused_frees() == 0);
	printf("# %llu served, %llu refused, %llu pages moved\n", (unsigned long long)served,
	       (unsigned long long)refused, (unsigned long long)stats.pages_moved);
	EXPECT(served > refused);
}

static void no_frame_is_given_out_twice(void **state)
{
	(void)state;
	assert_passes(all_at_once);
	printf("%s", text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_frame_is_given_out_twice),
	};
	seed = sim_seed(0xc3a);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
