/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What compaction costs: for each page moved, out of 16 MiB of which every second page is a kernel owner's, all of the
 * work on the zone included; and a pass over a zone in which nothing is left to do.
 */
#include "bench.h"

#include "movable_owner.h"

#include "fpg/core/compaction.h"
#include "fpg/core/page_cache.h"

#include <errno.h>

#define PAGES MOVABLE_MOST

static void own_none(void)
{
	for (uint32_t i = 0; i < PAGES; i++) {
		if (movable_owner.entry[i].page != NULL) {
			(void)movable_free(i);
		}
	}
	page_cache_drain_all();
}

static int own_every_second(void)
{
	movable_owner_start(false);
	page_cache_drain_all();
	for (uint32_t i = 0; i < PAGES; i++) {
		if (!movable_alloc(i, GFP_USER_MOVABLE | __GFP_NOWARN, 0, false)) {
			return -ENOMEM;
		}
	}
	for (uint32_t i = 0; i < PAGES; i++) {
		if (page_to_pfn(movable_owner.entry[i].page).n % 2 != 0) {
			(void)movable_free(i);
		}
	}
	page_cache_drain_all();
	return 0;
}

static struct zone *zone_of_entries(void)
{
	for (uint32_t i = 0; i < PAGES; i++) {
		if (movable_owner.entry[i].page != NULL) {
			return pfn_to_zone(page_to_pfn(movable_owner.entry[i].page));
		}
	}
	return NULL;
}

static int count_compaction(uint64_t *cost, struct compact_report *result)
{
	struct bench_timer timer;
	struct zone *zone = zone_of_entries();
	if (zone == NULL) {
		return -ENOMEM;
	}
	bench_begin(&timer);
	int err = compact_zone(zone, -1, result);
	*cost = bench_end(&timer);
	return err;
}

static int moved_page(struct bench_report *report)
{
	uint64_t cost = 0;
	struct compact_report result = { 0 };
	int err = own_every_second();
	if (err == 0) {
		err = count_compaction(&cost, &result);
	}
	own_none();
	if (err == -ENOTSUP) {
		return 0;
	}
	if (err != 0 || result.moved_pages < PAGES / 8) {
		return bench_fail(report, err != 0 ? err : -EIO, "pages could not be moved");
	}
	bench_line(report, "compact.moved_page", cost, result.moved_pages);
	return 0;
}

static int nothing_to_do(struct bench_report *report)
{
	uint64_t cost = 0;
	struct compact_report result = { .moved_pages = 1 };
	int err = own_every_second();
	for (unsigned int i = 0; err == 0 && result.moved_pages != 0 && i < 4; i++) {
		err = count_compaction(&cost, &result);
	}
	own_none();
	if (err == -ENOTSUP) {
		return 0;
	}
	if (err != 0 || result.moved_pages != 0) {
		return bench_fail(report, err != 0 ? err : -EIO,
				  "there is always something to move");
	}
	bench_line(report, "compact.nothing_to_do", cost, 1);
	return 0;
}

const struct bench bench_rows_compaction[] = {
	{ "compact.moved_page", moved_page },
	{ "compact.nothing_to_do", nothing_to_do },
	{ 0 },
};
