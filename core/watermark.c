/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who may take a zone's last pages: watermarks, lowmem reserves, and the pageblocks kept for atomic requests. Numbers
 * are computed from managed pages as Linux computes them.
 * Source: Linux Documentation/admin-guide/sysctl/vm.rst: min_free_kbytes, watermark_scale_factor, lowmem_reserve_ratio.
 */
#define LOG_MODULE "page_alloc"
#include "page_alloc_private.h"
#include "zone_private.h"

#include "fpg/base/bits.h"
#include "fpg/base/range.h"
#include "fpg/core/log.h"

#include <errno.h>

#define MIN_FREE_KIB_LEAST 128U
#define MIN_FREE_KIB_MOST  262144U
/** Distance of the watermarks, in 1/10000 of the zone. */
#define WATERMARK_SCALE	   10U
#define KIB_A_PAGE	   (PAGE_SIZE / 1024)

/** One page of so many is kept from requests that higher zones could serve; 0: none is. */
static const uint32_t lowmem_reserve_ratio[MAX_NR_ZONES] = {
	[ZONE_DMA] = 256,
	[ZONE_DMA32] = 256,
	[ZONE_NORMAL] = 32,
	[ZONE_MOVABLE] = 0,
};

/** The largest integer whose square is at most @x. */
static uint64_t square_root(uint64_t x)
{
	uint64_t root = 0;
	for (unsigned int bit = 32; bit-- > 0;) {
		uint64_t more = root | 1ULL << bit;
		if (more * more <= x) {
			root = more;
		}
	}
	return root;
}

struct sums {
	uint64_t managed_pages;
	/** Of zones that unmovable memory comes from. */
	uint64_t kernel_pages;
	uint64_t min_pages;
};

static bool sum_zone(void *ctx, struct zone *zone)
{
	struct sums *sums = ctx;
	sums->managed_pages += zone->managed_pages;
	sums->kernel_pages += zone->type <= ZONE_NORMAL ? zone->managed_pages : 0;
	return true;
}

static void sum_up(struct zone *zone)
{
	for (unsigned int type = 0; type < MAX_NR_ZONES; type++) {
		/* Where areas are lent, the short way does not know enough. */
		zone->low_keep[type] = zone->cma_pages != 0 ? UINT64_MAX :
							      zone->watermark[WMARK_LOW] +
								      zone->lowmem_reserve[type] +
								      zone->highatomic_pages;
	}
}

static bool setup_zone(void *ctx, struct zone *zone)
{
	const struct sums *sums = ctx;
	uint64_t managed = zone->managed_pages;
	/* Both factors are below 2^36 at the largest address space there is. */
	uint64_t min = sums->managed_pages != 0 ? sums->min_pages * managed / sums->managed_pages :
						  0;
	uint64_t step = managed * WATERMARK_SCALE / 10000;
	step = step > min / 4 ? step : min / 4;
	zone->watermark[WMARK_MIN] = min;
	zone->watermark[WMARK_LOW] = min + step;
	zone->watermark[WMARK_HIGH] = min + 2 * step;
	/* About 1 %, at least a pageblock where there are several. */
	zone->highatomic_most =
		ALIGN_DOWN(managed / 100 + PAGEBLOCK_NR_PAGES - 1, PAGEBLOCK_NR_PAGES);
	if (managed < 16 * PAGEBLOCK_NR_PAGES) {
		zone->highatomic_most = 0;
	}
	uint64_t above = 0;
	struct node *node = node_by_id(zone->nid);
	for (unsigned int type = 0; type < MAX_NR_ZONES; type++) {
		uint32_t ratio = lowmem_reserve_ratio[zone->type];
		above += type > zone->type ? node->zones[type].managed_pages : 0;
		zone->lowmem_reserve[type] = ratio != 0 && managed != 0 ? above / ratio : 0;
	}
	sum_up(zone);
	return true;
}

void watermarks_setup(void)
{
	struct sums sums = { 0 };
	zone_for_each(sum_zone, &sums);
	uint64_t kib = square_root(sums.kernel_pages * KIB_A_PAGE * 16);
	kib = kib < MIN_FREE_KIB_LEAST ? MIN_FREE_KIB_LEAST : kib;
	kib = kib > MIN_FREE_KIB_MOST ? MIN_FREE_KIB_MOST : kib;
	sums.min_pages = kib / KIB_A_PAGE;
	zone_for_each(setup_zone, &sums);
}

uint64_t watermark_room_privileged(const struct zone *zone, gfp_t gfp, enum zone_watermark mark)
{
	uint64_t keep = zone->watermark[mark];
	if (gfp & __GFP_MEMALLOC) {
		return zone->free_pages - cma_out_of_reach(zone, gfp);
	}
	if (mark == WMARK_MIN) {
		keep -= keep / 2;
		keep -= gfp_is_atomic(gfp) ? keep / 4 : 0;
	}
	keep += gfp_is_atomic(gfp) ? 0 : zone->highatomic_pages;
	keep += zone->lowmem_reserve[gfp_zone(gfp)] + cma_out_of_reach(zone, gfp);
	return zone->free_pages > keep ? zone->free_pages - keep : 0;
}

/* ---- pageblocks for atomic requests ---------------------------------------------------------- */

/** The lock is held. To a backend without types, a type is a note for who serves next. */
static int set_type(struct zone *zone, struct pfn_range block, enum migratetype to)
{
	if (zone_has(zone, PALLOC_CAP_CLASS)) {
		return zone->palloc->ops->retag(zone->palloc, block, to);
	}
	pageblock_set_range(&zone->pageblocks, block, to);
	return 0;
}

/** One pageblock more may be kept. The answer holds with the zone's lock. */
static bool highatomic_room(const struct zone *zone)
{
	return zone->highatomic_pages + PAGEBLOCK_NR_PAGES <= zone->highatomic_most;
}

/** Make the pageblock at @f HIGHATOMIC, if there is room for one more, or, from that, @to. Return: done */
static bool change_block(struct zone *zone, pfn_t f, enum migratetype to)
{
	struct pfn_range range = { f, pfn_add(f, PAGEBLOCK_NR_PAGES) };
	struct pfn_range want = { { 0 }, { 0 } };
	int err;
	do {
		unsigned long flags = spin_lock_irqsave(&zone->lock);
		/* Who empties a range puts back the types that it found. */
		bool is = range.start.n >= zone->span.start.n && range.end.n <= zone->span.end.n &&
			  __atomic_load_n(&zone->range_busy, __ATOMIC_RELAXED) == 0 &&
			  (to == MIGRATE_HIGHATOMIC ?
				   pageblock_type(&zone->pageblocks, f) < MIGRATE_HIGHATOMIC &&
					   highatomic_room(zone) :
				   pageblock_type(&zone->pageblocks, f) == MIGRATE_HIGHATOMIC);
		err = is ? set_type(zone, range, to) : -EINVAL;
		if (err == 0) {
			uint64_t pages = PAGEBLOCK_NR_PAGES;
			zone->highatomic_pages += to == MIGRATE_HIGHATOMIC ? pages : 0 - pages;
			sum_up(zone);
		} else if (err == -EAGAIN) {
			want = zone->palloc->want;
		}
		spin_unlock_irqrestore(&zone->lock, flags);
		if (err == -EAGAIN && zone_populate_all(zone, want) != 0) {
			return false;
		}
	} while (err == -EAGAIN);
	return err == 0;
}

void highatomic_reserve(struct zone *zone, struct page *page)
{
	if (!zone_has(zone, PALLOC_CAP_CLASS) || MAX_PAGE_ORDER < PAGEBLOCK_ORDER ||
	    !highatomic_room(zone)) {
		return;
	}
	pfn_t f = pfn(ALIGN_DOWN(page_to_pfn(page).n, PAGEBLOCK_NR_PAGES));
	if (page_word_order(page->word) < PAGEBLOCK_ORDER &&
	    change_block(zone, f, MIGRATE_HIGHATOMIC)) {
		/* The block goes back there, past the caches. */
		page->word &= ~PAGE_CACHE_MASK;
	}
}

bool highatomic_unreserve(struct zone *zone)
{
	if (zone->highatomic_pages == 0) {
		return false;
	}
	const struct pageblock_map *map = &zone->pageblocks;
	for (uint64_t i = 0; i < map->blocks; i++) {
		pfn_t f = pfn_add(map->base, i << PAGEBLOCK_ORDER);
		if (pageblock_type(map, f) == MIGRATE_HIGHATOMIC) {
			return change_block(zone, f, MIGRATE_MOVABLE);
		}
	}
	return false;
}
