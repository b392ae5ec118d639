/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What cma_alloc() costs: 1 and 1024 pages of an idle area, 1024 of an area full of kernel-owned movable pages, and of
 * one full of mapped anonymous pages. Needs a default area (cma= in bootargs); without one there are no rows.
 */
#include "bench.h"

#include "movable_owner.h"

#include "fpg/base/range.h"
#include "fpg/core/cma.h"
#include "fpg/core/migrate.h"
#include "fpg/core/page_cache.h"
#include "fpg/pagetable/mm.h"

#include <errno.h>

#define PAGES	 1024U
#define WARM_UPS 3U

/** Allocate and release; the last time is measured. */
static int idle_row(struct bench_report *report, const char *name, unsigned long count)
{
	struct cma *cma = cma_default();
	uint64_t cost = 0;
	if (cma == NULL) {
		report->left_out = true;
		return 0;
	}
	page_cache_drain_all();
	for (unsigned int i = 0; i <= WARM_UPS; i++) {
		struct bench_timer timer;
		bench_begin(&timer);
		struct page *pages = cma_alloc(cma, count, 0, true);
		cost = bench_end(&timer);
		if (pages == NULL || !cma_release(cma, pages, count)) {
			return bench_fail(report, -EIO, "cma_alloc or cma_release failed");
		}
	}
	bench_line(report, name, cost, 1);
	return 0;
}

static int idle_1(struct bench_report *report)
{
	return idle_row(report, "cma.alloc_1_idle", 1);
}

static int idle_1024(struct bench_report *report)
{
	return idle_row(report, "cma.alloc_1024_idle", PAGES);
}

/* ---- full ---- */

/** Frames of the area that the owner has entries for; all others of it are kept by us meanwhile. */
static int fill_area(const struct cma *cma, struct pfn_range *rest)
{
	const pfn_t first = phys_to_pfn(cma_get_base(cma));
	const uint64_t pages = cma_get_size(cma) >> PAGE_SHIFT;
	const uint64_t owned = pages < MOVABLE_MOST ? pages : MOVABLE_MOST;
	struct pfn_range frames = { first, pfn_add(first, pages) };
	page_cache_drain_all();
	int err = alloc_contig_range(frames, GFP_USER_MOVABLE, NULL);
	*rest = (struct pfn_range){ pfn_add(first, owned), frames.end };
	for (uint32_t i = 0; err == 0 && i < owned; i++) {
		movable_own(i, pfn_to_page(pfn_add(first, i)), 0, false);
	}
	return err;
}

static int drain_area(struct pfn_range rest)
{
	for (uint32_t i = 0; i < MOVABLE_MOST; i++) {
		if (movable_owner.entry[i].page != NULL) {
			(void)movable_free(i);
		}
	}
	page_cache_drain_all();
	return rest.start.n != rest.end.n ? free_contig_range(rest) : 0;
}

static int full_round(struct cma *cma, uint64_t *cost)
{
	struct pfn_range rest;
	struct bench_timer timer;
	int err = fill_area(cma, &rest);
	if (err != 0) {
		return err;
	}
	bench_begin(&timer);
	struct page *pages = cma_alloc(cma, PAGES, 0, true);
	*cost = bench_end(&timer);
	err = drain_area(rest);
	if (pages == NULL || !cma_release(cma, pages, PAGES)) {
		return -EIO;
	}
	return err;
}

/* ---- full of a program's pages ---- */

/** All of the area is ours; 1024 frames of it become a program's. */
static int anon_round(struct cma *cma, uint64_t *cost)
{
	const pfn_t first = phys_to_pfn(cma_get_base(cma));
	const struct pfn_range all = { first, pfn_add(first, cma_get_size(cma) >> PAGE_SHIFT) };
	struct bench_timer timer;
	struct page *pages = NULL;
	vaddr_t at;
	struct mm *mm = mm_create("bench");
	int err = mm != NULL ? mm_mmap(mm, vaddr(0), PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE,
				       MAP_POPULATE, &at) :
			       -ENOMEM;
	err = err == 0 ? alloc_contig_range(all, GFP_USER_MOVABLE, NULL) : err;
	err = err == 0 ? bench_move_into(mm, at, PAGES, first) : err;
	if (err == 0) {
		bench_begin(&timer);
		pages = cma_alloc(cma, PAGES, 0, true);
		*cost = bench_end(&timer);
		err = pages != NULL ? free_contig_range((struct pfn_range){ pfn_add(first, PAGES),
									    all.end }) :
				      -EIO;
	}
	mm_destroy(mm);
	return err == 0 && !cma_release(cma, pages, PAGES) ? -EIO : err;
}

/** @round fills the area, counts a cma_alloc() and puts all back; the last time is measured. */
static int round_row(struct bench_report *report, const char *name,
		     int (*round)(struct cma *cma, uint64_t *cost))
{
	struct cma *cma = cma_default();
	uint64_t cost = 0;
	int err = 0;
	if (cma == NULL) {
		report->left_out = true;
		return 0;
	}
	movable_owner_start(false);
	for (unsigned int i = 0; err == 0 && i < WARM_UPS; i++) {
		err = round(cma, &cost);
	}
	if (err != 0) {
		return bench_fail(report, err, "the area could not be filled and emptied");
	}
	bench_line(report, name, cost, 1);
	return 0;
}

static int full_1024(struct bench_report *report)
{
	return round_row(report, "cma.alloc_1024_full", full_round);
}

static int anon_1024(struct bench_report *report)
{
	return round_row(report, "cma.alloc_1024_anon", anon_round);
}

const struct bench bench_rows_cma[] = {
	{ "cma.alloc_1_idle", idle_1 },
	{ "cma.alloc_1024_idle", idle_1024 },
	{ "cma.alloc_1024_full", full_1024 },
	{ "cma.alloc_1024_anon", anon_1024 },
	{ 0 },
};
