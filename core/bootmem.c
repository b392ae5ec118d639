/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Boot allocations by byte over whichever backend packs them: zones in turn, first at or above the goal, then anywhere,
 * as Linux's bootmem went through its nodes.
 *
 * Invariant: every frame that a boot allocation or reservation took has a record of its own, as a single page in use;
 * so it can be freed in any parts, and nobody needs to know where it came from once another backend serves.
 */
#define LOG_MODULE "bootmem"
#include "page_alloc_private.h"
#include "zone_private.h"

#include "fpg/base/range.h"
#include "fpg/core/bootmem.h"
#include "fpg/core/log.h"
#include "fpg/core/page_cache.h"
#include "fpg/core/panic.h"

#include <errno.h>
#include <string.h>

static bool find_packing(void *ctx, struct zone *zone)
{
	*(bool *)ctx = zone_has(zone, PALLOC_CAP_PACK);
	return !*(bool *)ctx;
}

bool bootmem_available(void)
{
	bool any = false;
	zone_for_each(find_packing, &any);
	return any;
}

/* ---- allocating ------------------------------------------------------------------------------ */

struct boot_request {
	struct palloc_bytes_req req;
	/** NUMA_NO_NODE: any. */
	int nid;
	struct palloc_bytes got;
	/** Who asks. */
	uint64_t pc;
	bool done;
};

/** Frames that were taken get their records. Where small requests share a page, its record says so. */
static void take_frames(struct zone *zone, const struct palloc_bytes *got, phys_addr_t end)
{
	frames_make_single(zone, got->taken, MIGRATE_UNMOVABLE);
	for (unsigned int i = 0; i < 2; i++) {
		phys_addr_t edge = i == 0 ? got->base : end;
		pfn_t f = phys_to_pfn(edge);
		if (!IS_ALIGNED(edge, PAGE_SIZE) && f.n >= got->taken.start.n &&
		    f.n < got->taken.end.n) {
			pfn_to_page(f)->owner = PAGE_OWNER_PACKED;
		}
	}
}

/** How often records may be missing; what was populated in between stays so. */
#define TRIES 3U

/** Take bytes whose frames have records. Until they do, nobody could tell them apart, so the hart is not held. */
static int take_recorded(struct zone *zone, struct boot_request *r)
{
	unsigned long flags = spin_lock_irqsave(&zone->lock);
	int err = zone_has(zone, PALLOC_CAP_PACK) ?
			  zone->palloc->ops->alloc_bytes(zone->palloc, &r->req, &r->got) :
			  -ENOTSUP;
	if (err == 0) {
		zone->free_pages -= pfn_range_pages(r->got.taken);
		zone->counters.allocs++;
		harts_hold_defer();
	}
	spin_unlock_irqrestore(&zone->lock, flags);
	if (err != 0) {
		return err;
	}
	const bool some = pfn_range_pages(r->got.taken) != 0;
	if (some && zone_populate(zone, r->got.taken) != 0) {
		zone_put(zone, r->got.taken, true);
		harts_hold_allow();
		return zone_populate_all(zone, r->got.taken) == 0 ? -EAGAIN : -ENOMEM;
	}
	if (some) {
		take_frames(zone, &r->got, r->got.base + r->req.bytes);
	}
	harts_hold_allow();
	return 0;
}

static bool try_zone(void *ctx, struct zone *zone)
{
	struct boot_request *r = ctx;
	int err = -EAGAIN;
	if (zone->type == ZONE_MOVABLE || (r->nid != NUMA_NO_NODE && zone->nid != r->nid)) {
		return true;
	}
	for (unsigned int i = 0; err == -EAGAIN && i < TRIES; i++) {
		err = take_recorded(zone, r);
	}
	if (err != 0) {
		return true;
	}
	if (pfn_range_pages(r->got.taken) != 0) {
		page_debug_taken(r->got.taken, GFP_KERNEL, 0, r->pc);
	}
	frame_reserve_refill(zone);
	r->done = true;
	return false;
}

/** Return: the address, or 0 */
static void *allocate(int nid, unsigned long size, unsigned long align, phys_addr_t goal,
		      phys_addr_t limit, uint64_t pc)
{
	struct boot_request r = {
		.req = { .bytes = size,
			 .align = align != 0 ? align : BOOTMEM_ALIGN,
			 .goal = goal,
			 .limit = limit },
		.nid = nid,
		.pc = pc,
	};
	zone_for_each(try_zone, &r);
	if (!r.done && goal != 0) {
		r.req.goal = 0;
		zone_for_each(try_zone, &r);
	}
	if (!r.done && nid != NUMA_NO_NODE) {
		return allocate(NUMA_NO_NODE, size, align, goal, limit, pc);
	}
	return r.done ? memset(port_phys_to_virt(r.got.base), 0, size) : NULL;
}

static void *or_panic(void *p, unsigned long size, unsigned long align)
{
	if (p == NULL) {
		panic("bootmem: no %lu bytes at a multiple of %lu", size, align);
	}
	return p;
}

void *__alloc_bootmem_nopanic(unsigned long size, unsigned long align, phys_addr_t goal)
{
	return allocate(NUMA_NO_NODE, size, align, goal, 0, PAGE_DEBUG_CALLER);
}

void *__alloc_bootmem(unsigned long size, unsigned long align, phys_addr_t goal)
{
	return or_panic(allocate(NUMA_NO_NODE, size, align, goal, 0, PAGE_DEBUG_CALLER), size,
			align);
}

void *__alloc_bootmem_low(unsigned long size, unsigned long align, phys_addr_t goal)
{
	return or_panic(allocate(NUMA_NO_NODE, size, align, goal, BOOTMEM_LOW_END,
				 PAGE_DEBUG_CALLER),
			size, align);
}

void *__alloc_bootmem_node_nopanic(int nid, unsigned long size, unsigned long align,
				   phys_addr_t goal)
{
	return allocate(nid, size, align, goal, 0, PAGE_DEBUG_CALLER);
}

void *__alloc_bootmem_node(int nid, unsigned long size, unsigned long align, phys_addr_t goal)
{
	return or_panic(allocate(nid, size, align, goal, 0, PAGE_DEBUG_CALLER), size, align);
}

/* ---- ranges ---------------------------------------------------------------------------------- */

/** Call @fn for each zone's part of @range. Return: 0 | what @fn said | -EINVAL: some of it is no zone's */
static int each_zone(struct pfn_range range,
		     int (*fn)(struct zone *zone, struct pfn_range part, void *ctx), void *ctx)
{
	while (range.start.n < range.end.n) {
		struct zone *zone = pfn_to_zone(range.start);
		if (zone == NULL || zone->palloc == NULL) {
			pr_err("pfn 0x%llx is no page of any zone",
			       (unsigned long long)range.start.n);
			return -EINVAL;
		}
		struct pfn_range part = pfn_range_common(range, zone->span);
		int err = fn(zone, part, ctx);
		if (err != 0) {
			return err;
		}
		range.start = part.end;
	}
	return 0;
}

/** Free runs of a window, some at a time. */
struct free_runs {
	struct pfn_range window;
	struct pfn_range run[16];
	uint32_t count;
	/** There are no more free runs than these. */
	bool all;
	/** Not all of the window is managed. */
	bool hole;
};

static bool see_run(void *ctx, const struct palloc_run *run)
{
	struct free_runs *f = ctx;
	struct pfn_range part = pfn_range_common(run->range, f->window);
	if (pfn_range_pages(part) == 0) {
		return run->range.start.n < f->window.end.n;
	}
	f->hole |= run->state == PALLOC_RUN_HOLE || run->state == PALLOC_RUN_META;
	if (run->state == PALLOC_RUN_FREE || run->state == PALLOC_RUN_PADDING) {
		if (f->count == ARRAY_SIZE(f->run)) {
			f->all = false;
		} else {
			f->run[f->count++] = part;
		}
	}
	return true;
}

static void free_runs_in(struct zone *zone, struct free_runs *f)
{
	f->count = 0;
	f->hole = false;
	f->all = true;
	unsigned long flags = spin_lock_irqsave(&zone->lock);
	zone->palloc->ops->walk(zone->palloc, see_run, f);
	spin_unlock_irqrestore(&zone->lock, flags);
}

/** It is all memory that can be reserved, and has records from now on. */
static int prepare_reserve(struct zone *zone, struct pfn_range part, void *ctx)
{
	struct free_runs f = { .window = part };
	(void)ctx;
	if (!zone_has(zone, PALLOC_CAP_CLAIM)) {
		pr_err("%s cannot reserve ranges", page_alloc_backend_name());
		return -EINVAL;
	}
	free_runs_in(zone, &f);
	if (f.hole) {
		pr_err("pfn 0x%llx-0x%llx: not all of it is bootmem's",
		       (unsigned long long)part.start.n, (unsigned long long)part.end.n);
		return -EINVAL;
	}
	return zone_populate_all(zone, part);
}

/** BOOTMEM_EXCLUSIVE: all of it is free. */
static int all_free(struct zone *zone, struct pfn_range part, void *ctx)
{
	struct free_runs f = { .window = part };
	(void)ctx;
	free_runs_in(zone, &f);
	uint64_t first = f.count != 0 ? f.run[0].start.n : part.end.n;
	uint64_t end = f.count != 0 ? f.run[0].end.n : part.start.n;
	if (first != part.start.n || end != part.end.n) {
		pr_warn("pfn 0x%llx is reserved already",
			(unsigned long long)(first != part.start.n ? part.start.n : end));
		return -EBUSY;
	}
	return 0;
}

/** Frames that the reservation under way took are marked, until it is sure that none is missing. */
static void mark_reserved(struct pfn_range run)
{
	for (uint64_t n = run.start.n; n < run.end.n; n++) {
		pfn_to_page(pfn(n))->owner = PAGE_OWNER_RESERVING;
	}
}

static bool is_marked(const struct zone *zone, uint64_t n)
{
	const struct page *page = pfn_to_page(pfn(n));
	return page_word_is_single(zone, page->word) && page->owner == PAGE_OWNER_RESERVING;
}

/** The end of a reservation: what it took stays reserved, or (@ctx) is given back. */
static int settle_reserved(struct zone *zone, struct pfn_range part, void *ctx)
{
	const bool give_back = *(const bool *)ctx;
	for (uint64_t n = part.start.n; n < part.end.n; n++) {
		if (!is_marked(zone, n)) {
			continue;
		}
		pfn_to_page(pfn(n))->owner = 0;
		if (give_back) {
			FPG_CHECK(free_contig_range((struct pfn_range){ pfn(n), pfn(n + 1) }) == 0);
		}
	}
	return 0;
}

static int reserve_free(struct zone *zone, struct pfn_range part, void *ctx)
{
	struct free_runs f = { .window = part };
	(void)ctx;
	do {
		/* Taking a run may have filled this hart's cache anew. */
		page_cache_drain_all();
		free_runs_in(zone, &f);
		for (uint32_t i = 0; i < f.count; i++) {
			int err = alloc_contig_range(f.run[i], GFP_NOWAIT | __GFP_NOWARN, NULL);
			if (err != 0) {
				return err;
			}
			mark_reserved(f.run[i]);
			f.window.start = f.run[i].end;
		}
	} while (!f.all);
	return 0;
}

int reserve_bootmem(phys_addr_t addr, phys_addr_t size, int flags)
{
	if (size == 0 || size > PHYS_ADDR_MAX - addr) {
		return -EINVAL;
	}
	struct pfn_range range = { phys_to_pfn(addr),
				   phys_to_pfn(ALIGN_UP(addr + size, PAGE_SIZE)) };
	int err = each_zone(range, prepare_reserve, NULL);
	/* Blocks in a hart's cache are free, too; getting records may have put some there. */
	page_cache_drain_all();
	if (err == 0 && (flags & BOOTMEM_EXCLUSIVE)) {
		err = each_zone(range, all_free, NULL);
	}
	if (err != 0) {
		return err;
	}
	err = each_zone(range, reserve_free, NULL);
	bool give_back = err != 0;
	FPG_CHECK(each_zone(range, settle_reserved, &give_back) == 0);
	return err;
}

static int may_free(struct zone *zone, struct pfn_range part, void *ctx)
{
	(void)ctx;
	for (uint64_t n = part.start.n; n < part.end.n; n++) {
		if (!frames_are_single_pages(zone, (struct pfn_range){ pfn(n), pfn(n + 1) })) {
			pr_err("free of pfn 0x%llx-0x%llx refused: pfn 0x%llx is no single page in use",
			       (unsigned long long)part.start.n, (unsigned long long)part.end.n,
			       (unsigned long long)n);
			__atomic_fetch_add(&zone->counters.refused, 1, __ATOMIC_RELAXED);
			return -EINVAL;
		}
	}
	return 0;
}

static int free_part(struct zone *zone, struct pfn_range part, void *ctx)
{
	(void)zone;
	(void)ctx;
	return free_contig_range(part);
}

void free_bootmem(phys_addr_t addr, phys_addr_t size)
{
	if (size > PHYS_ADDR_MAX - addr) {
		pr_err("free of 0x%llx bytes refused: they end beyond all addresses",
		       (unsigned long long)size);
		return;
	}
	struct pfn_range range = { phys_to_pfn(ALIGN_UP(addr, PAGE_SIZE)),
				   phys_to_pfn(addr + size) };
	if (range.start.n < range.end.n && each_zone(range, may_free, NULL) == 0 &&
	    each_zone(range, free_part, NULL) != 0) {
		pr_err("pfn 0x%llx-0x%llx: the backend refuses some of it",
		       (unsigned long long)range.start.n, (unsigned long long)range.end.n);
	}
}
