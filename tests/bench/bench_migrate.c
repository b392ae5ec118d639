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

static uint32_t targets(void *ctx, struct page *const from[], struct page *to[], uint32_t count)
{
	uint32_t i = 0;
	while (i < count && (to[i] = target(ctx, from[i], 0)) != NULL) {
		i++;
	}
	return i;
}

static void emptied_many(void *ctx, struct page *const from[], uint32_t count)
{
	(void)from;
	*(uint64_t *)ctx += count;
}

static int count_migration(uint64_t *cost)
{
	uint64_t pages = 0;
	const struct migrate_control control = {
		.target = target,
		.untarget = untarget,
		.emptied = emptied,
		.ctx = &pages,
		.targets = targets,
		.emptied_many = emptied_many,
	};
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

static int anon_round(uint64_t *cost)
{
	vaddr_t at;
	struct mm *mm = mm_create("bench");
	int err = mm != NULL ? mm_mmap(mm, vaddr(0), PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE,
				       MAP_POPULATE, &at) :
			       -ENOMEM;
	err = err == 0 ? find_place() : err;
	err = err == 0 ? alloc_contig_range(place, GFP_USER_MOVABLE, NULL) : err;
	err = err == 0 ? bench_move_into(mm, at, PAGES, place.start) : err;
	err = err == 0 ? count_migration(cost) : err;
	mm_destroy(mm);
	return err == 0 ? free_contig_range(place) : err;
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

static int contig_free_row(struct bench_report *report, const char *name, uint64_t pages)
{
	uint64_t cost = 0;
	int err = find_place();
	const struct pfn_range range = { place.start, pfn_add(place.start, pages) };
	page_cache_drain_all();
	for (unsigned int round = 0; err == 0 && round < WARM_UPS; round++) {
		struct bench_timer timer;
		bench_begin(&timer);
		err = alloc_contig_range(range, GFP_USER_MOVABLE, NULL);
		cost = bench_end(&timer);
		err = err == 0 ? free_contig_range(range) : err;
	}
	if (err != 0) {
		return bench_fail(report, err, "no frames");
	}
	bench_line(report, name, cost, 1);
	return 0;
}

static int contig_1_free(struct bench_report *report)
{
	return contig_free_row(report, "migrate.contig_1_free", 1);
}

static int contig_1024_free(struct bench_report *report)
{
	return contig_free_row(report, "migrate.contig_1024_free", PAGES);
}

const struct bench bench_rows_migrate[] = {
	{ "migrate.kernel_page", kernel_page },
	{ "migrate.anon_page", anon_page },
	{ "migrate.contig_full_page", contig_full },
	{ "migrate.contig_1_free", contig_1_free },
	{ "migrate.contig_1024_free", contig_1024_free },
	{ 0 },
};
