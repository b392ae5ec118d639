/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page allocator as its users see it, whatever the backend: Linux's calls with Linux's meaning,
 * the start that takes memory over from memblock, and what reports need to know.
 */
#pragma once

#include "fpg/base/compiler.h"
#include "fpg/core/gfp.h"
#include "fpg/core/page.h"
#include "fpg/core/zone.h"

/* ---- start ----------------------------------------------------------------------------------- */

/**
 * Make nodes and zones, choose the backend, give each zone an instance of it and hand memblock's
 * free memory over. Needs the linear map and a registered frame table. Afterwards memblock only
 * answers questions.
 *
 * @choice  palloc= of the bootargs, or NULL: CONFIG_PALLOC_DEFAULT. An unknown one is named in a
 *          warning. FIRST+NAME: FIRST takes the memory over, NAME with free_all_bootmem() (fpg/core/bootmem.h).
 * Return:  0 | -EINVAL (a backend of this build is wrong, said in the log) | -ENOMEM | -ENODEV (no
 *          memory)
 */
FPG_MUST_CHECK int page_alloc_init(const char *choice);

/** The name of the backend that serves; "none" before page_alloc_init(). */
const char *page_alloc_backend_name(void);

/** Forget everything. For tests that start over. */
void page_alloc_reset(void);

/* ---- allocating ------------------------------------------------------------------------------ */

/**
 * Allocate 1 << @order pages, aligned to their size, from the zones that @gfp allows, near ones
 * first.
 *
 * Context: any hart; takes zone locks; handlers of interrupts may not call it
 * Return:  the first page, reference count 1; NULL when nothing fits or the flags are refused (a
 *          warning says so, unless __GFP_NOWARN)
 * Owner:   the caller, until __free_pages() with the same order
 */
struct page *alloc_pages(gfp_t gfp, unsigned int order);

/** The same, beginning at node @nid's zones (NUMA_NO_NODE: the calling hart's); with __GFP_THISNODE only there. */
struct page *alloc_pages_node(int nid, gfp_t gfp, unsigned int order);

/**
 * Fill the entries of @pages that are NULL with single pages, from the first on, as long as there are any.
 * Return: how many of the first @count entries are set, from the first on
 */
unsigned long alloc_pages_bulk(gfp_t gfp, unsigned long count, struct page **pages);

static inline struct page *alloc_page(gfp_t gfp)
{
	return alloc_pages(gfp, 0);
}

/** The same by address in the linear map. */
void *__get_free_pages(gfp_t gfp, unsigned int order);

/**
 * Give a block back. A page that nobody allocated, one that is free already, or another order than
 * it was allocated with is refused with an error that names the frame; nothing changes then. @page
 * may be NULL.
 */
void __free_pages(struct page *page, unsigned int order);

/** By address in the linear map; NULL is fine. */
void free_pages(const void *addr, unsigned int order);

static inline void __free_page(struct page *page)
{
	__free_pages(page, 0);
}

/**
 * As many whole pages as @bytes need, contiguous, no more; each is a page of its own afterwards.
 * Return: NULL as alloc_pages(), or when @bytes is 0 or more than the largest block
 * Owner:  the caller, until free_pages_exact() with the same size, or __free_page() of each
 */
void *alloc_pages_exact(size_t bytes, gfp_t gfp);
void free_pages_exact(const void *addr, size_t bytes);

struct migrate_result;

/**
 * Take exactly the frames of @range, all or none, as single pages. What is movable in the way is moved to memory outside
 * of the range (fpg/core/migrate.h), what harts have cached is drained. When all of it is free already, nothing but that
 * is looked at. A range that something unmovable lies in is refused before anything is moved.
 *
 * @blocker  out, may be NULL: first frame that could not be had (only on -EBUSY, -ENOMEM for want of a target)
 * @result   out, may be NULL: what was moved, also on failure, and the blocker with the reason
 * Context:  any hart, no lock held, not in a handler, not from a movable_ops function, other harts not held; waits for
 *           another call of this kind in the same zone
 * Return:   0 | -EBUSY (a frame is in the way, and stays) | -EINVAL (empty, not within one zone, or refused flags) |
 *           -ENOTSUP (the backend cannot claim, or take parts back) |
 *           -ENOMEM (no room for the frames' records, or nowhere to move to:
 *           MIGRATE_REASON_NO_TARGET). On error no frame was taken and all pageblocks are as before; pages that were
 *           moved stay where they are now
 * Owner:    the caller, until free_contig_range(), or __free_page() of each
 */
FPG_MUST_CHECK int alloc_contig_range(struct pfn_range range, gfp_t gfp, pfn_t *blocker);
FPG_MUST_CHECK int alloc_contig_range_report(struct pfn_range range, gfp_t gfp,
					     struct migrate_result *result);

/**
 * Give single pages back, all or none. Return: 0 | -EINVAL (one is not such a page; nothing
 * changed)
 */
FPG_MUST_CHECK int free_contig_range(struct pfn_range range);

/**
 * Give whole pageblocks another migratetype, in use or not. While some of a zone are ISOLATE, frees in it go past the
 * per-hart caches. One caller at a time a zone.
 *
 * Context: no zone lock held; interrupts other harts when isolation begins or ends
 * Return:  0 | -EINVAL (not whole pageblocks of the zone) | -ENOTSUP (the backend has no types) | -ENOMEM (records);
 *          nothing changed on error
 */
FPG_MUST_CHECK int zone_retag(struct zone *zone, struct pfn_range range, enum migratetype type);

/* ---- seeing ---------------------------------------------------------------------------------- */

/** Frees refused so far, in all zones and outside of any. */
uint64_t page_alloc_refused_frees(void);

/** Pages handed over to the zones, and those free now, in backends and per-hart caches. */
uint64_t page_alloc_managed_pages(void);
uint64_t page_alloc_free_pages(void);

/** Return false to stop. */
typedef bool (*palloc_zone_run_fn)(void *ctx, struct zone *zone, const struct palloc_run *run);

/**
 * Every maximal run of frames that a zone's backend knows, holes left out. Zones whose spans
 * overlap are told apart. Per-hart caches are drained first; what other harts cache meanwhile is PALLOC_RUN_CACHED.
 * @fn may not allocate or free. Runs ascend by address over all zones.
 */
void palloc_walk_all(palloc_zone_run_fn fn, void *ctx);

/** The same as the ledger wants it: a ledger_runs_fn. Registered by page_alloc_init(). */
struct ledger_row;
void palloc_ledger_runs(bool (*fn)(void *ctx, const struct ledger_row *row), void *ctx);

/**
 * Free blocks of one zone by order, as a buddy system would cut its free runs, whatever the
 * backend.
 */
void zone_free_blocks(struct zone *zone, uint64_t blocks[MAX_PAGE_ORDER + 1]);

/** Statistics of the zone's backend. Return: 0 | -ENODEV (it has none yet) */
FPG_MUST_CHECK int zone_stats(struct zone *zone, struct palloc_stats *out);

/**
 * The backend's own check, and that its counts are the zone's. Return: 0 | -EUCLEAN with @why |
 * -ENODEV
 */
FPG_MUST_CHECK int zone_check(struct zone *zone, const char **why);
