/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What moving pages costs, with targets and copy, for each of 1024: kernel-owned ones and mapped anonymous ones; and what
 * alloc_contig_range() costs where nothing is in the way, of 1 and of 1024 frames, and where all is. Targets come from
 * warm caches and populated memory.
 */
#include "bench.h"

#include "movable_owner.h"

#include "fpg/base/range.h"
#include "fpg/core/migrate.h"
#include "fpg/core/page_cache.h"
#include "fpg/pagetable/mm.h"

#include <errno.h>

#define PAGES	 1024U
#define WARM_UPS 3U

/* ---- the place: 1024 free frames in a row ---- */

static struct pfn_range place;

/** Find them, and make sure that there are records for them and for as many targets. */
static int find_place(void)
{
	const unsigned int order = 10;
	struct page *page = alloc_pages(GFP_USER_MOVABLE | __GFP_NOWARN, order);
	if (page == NULL) {
		return -ENOMEM;
	}
	place = (struct pfn_range){ page_to_pfn(page), pfn_add(page_to_pfn(page), PAGES) };
	__free_pages(page, order);
	return 0;
}

/** A caller that keeps what is left, as CMA does. */
static struct page *target(void *ctx, const struct page *from, unsigned int order)
{
	(void)ctx;
	(void)from;
	return alloc_pages(GFP_USER_MOVABLE | __GFP_NOWARN, order);
}

static void untarget(void *ctx, struct page *to, unsigned int order)
{
	(void)ctx;
	__free_pages(to, order);
}

static void emptied(void *ctx, struct page *from, unsigned int order)
{
	(void)from;
	*(uint64_t *)ctx += 1UL << order;
}

static int count_migration(uint64_t *cost)
{
	uint64_t pages = 0;
	const struct migrate_control control = { target, untarget, emptied, &pages, false };
	struct migrate_result result = { 0 };
	struct bench_timer timer;
	bench_begin(&timer);
	int err = migrate_frames(place, &control, &result);
	*cost = bench_end(&timer);
	return err == 0 && pages != PAGES ? -EIO : err;
}

/* ---- kernel pages ---- */

static void own_none(void)
{
	for (uint32_t i = 0; i < PAGES; i++) {
		if (movable_owner.entry[i].page != NULL) {
			(void)movable_free(i);
		}
	}
}

/** Every frame of the place is a kernel owner's. Return: 0 | of alloc_contig_range() */
static int own_all(void)
{
	int err = alloc_contig_range(place, GFP_USER_MOVABLE, NULL);
	for (uint32_t i = 0; err == 0 && i < PAGES; i++) {
		movable_own(i, pfn_to_page(pfn_add(place.start, i)), 0, false);
	}
	return err;
}

/** One round: fill, empty, give back. @how: 0: migrate_frames, 1: alloc_contig_range. */
static int kernel_round(unsigned int how, uint64_t *cost)
{
	struct bench_timer timer;
	int err = own_all();
	if (err != 0) {
		return err;
	}
	if (how == 0) {
		err = count_migration(cost);
	} else {
		bench_begin(&timer);
		err = alloc_contig_range(place, GFP_USER_MOVABLE, NULL);
		*cost = bench_end(&timer);
	}
	if (err == 0) {
		err = free_contig_range(place);
	}
	own_none();
	return err;
}

static int kernel_row(struct bench_report *report, const char *name, unsigned int how)
{
	uint64_t cost = 0;
	movable_owner_start(false);
	int err = find_place();
	for (unsigned int i = 0; err == 0 && i < WARM_UPS; i++) {
		err = kernel_round(how, &cost);
	}
	if (err != 0) {
		return bench_fail(report, err, "pages could not be moved");
	}
	bench_line(report, name, cost, PAGES);
	return 0;
}

static int kernel_page(struct bench_report *report)
{
	return kernel_row(report, "migrate.kernel_page", 0);
}

static int contig_full(struct bench_report *report)
{
	return kernel_row(report, "migrate.contig_full_page", 1);
}

/* ---- anonymous pages ---- */

/**
 * A space whose pages lie in the place: they are given back to the caches in pairs of frames just taken there. Return: how
 * many of its pages lie there
 */
static uint64_t pages_in_place(struct mm *mm, vaddr_t at)
{
	uint64_t there = 0;
	for (uint64_t i = 0; i < PAGES; i++) {
		struct page *page;
		if (mm_pin_page(mm, vaddr(at.v + i * PAGE_SIZE), PROT_READ, &page) != 0) {
			return 0;
		}
		there += pfn_range_contains(place, page_to_pfn(page));
		mm_unpin_page(page);
	}
	return there;
}

/** The place is wherever the pages of the space lie: they were taken in a row. */
static int anon_round(uint64_t *cost)
{
	vaddr_t at = vaddr(0);
	struct mm *mm = mm_create("bench");
	int err = mm != NULL ? mm_mmap(mm, vaddr(0), PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE,
				       MAP_POPULATE, &at) :
			       -ENOMEM;
	struct page *first;
	if (err == 0) {
		err = mm_pin_page(mm, at, PROT_READ, &first);
	}
	if (err == 0) {
		mm_unpin_page(first);
		/* The lowest page may be anywhere in the row. */
		pfn_t start = pfn(ALIGN_DOWN(page_to_pfn(first).n, PAGES));
		place = (struct pfn_range){ start, pfn_add(start, 2UL * PAGES) };
		const uint64_t there = pages_in_place(mm, at);
		uint64_t pages = 0;
		const struct migrate_control control = { target, untarget, emptied, &pages, false };
		struct migrate_result result = { 0 };
		struct bench_timer timer;
		bench_begin(&timer);
		err = migrate_frames(place, &control, &result);
		*cost = bench_end(&timer);
		if (err == 0 && (there < PAGES / 2 || result.moved_pages < there)) {
			err = -EIO;
		}
		*cost = err == 0 ? *cost * PAGES / result.moved_pages : 0;
	}
	mm_destroy(mm);
	return err;
}

static int anon_page(struct bench_report *report)
{
	uint64_t cost = 0;
	int err = 0;
	for (unsigned int i = 0; err == 0 && i < WARM_UPS; i++) {
		err = anon_round(&cost);
	}
	if (err != 0) {
		return bench_fail(report, err, "pages could not be moved");
	}
	bench_line(report, "migrate.anon_page", cost, PAGES);
	return 0;
}

/* ---- nothing in the way ---- */

static int contig_idle(struct bench_report *report)
{
	static const struct {
		const char *name;
		uint64_t pages;
	} rows[] = { { "migrate.contig_1_free", 1 }, { "migrate.contig_1024_free", PAGES } };
	int err = find_place();
	page_cache_drain_all();
	for (unsigned int i = 0; err == 0 && i < ARRAY_SIZE(rows); i++) {
		const struct pfn_range range = { place.start, pfn_add(place.start, rows[i].pages) };
		uint64_t cost = 0;
		for (unsigned int round = 0; err == 0 && round < WARM_UPS; round++) {
			struct bench_timer timer;
			bench_begin(&timer);
			err = alloc_contig_range(range, GFP_USER_MOVABLE, NULL);
			cost = bench_end(&timer);
			err = err == 0 ? free_contig_range(range) : err;
		}
		bench_line(report, rows[i].name, cost, 1);
	}
	return err != 0 ? bench_fail(report, err, "no frames") : 0;
}

const struct bench bench_rows_migrate[] = {
	{ "migrate.kernel_page", kernel_page },
	{ "migrate.anon_page", anon_page },
	{ "migrate.contig_full", contig_full },
	{ "migrate.contig_free", contig_idle },
	{ 0 },
};
