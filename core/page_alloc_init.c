/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page allocators' start: choose a backend, give each zone an instance, populate the records
 * that the ends of free ranges need, and take the free memory over from memblock. Cost: the number
 * of memory ranges, never of pages.
 *
 * Order that must hold: all memory for metadata, reserves and records comes from memblock before
 * memblock_free_all(); what memblock gave out stays reserved and is in the ledger from there.
 */
#define LOG_MODULE "page_alloc"
#include "bootmem_private.h"
#include "page_cache_private.h"
#include "palloc_switch_private.h"
#include "zone_private.h"

#include "fpg/base/errno.h"
#include "fpg/base/parse.h"
#include "fpg/base/range.h"
#include "fpg/core/cma.h"
#include "fpg/core/fail_boot.h"
#include "fpg/core/fail_page_alloc.h"
#include "fpg/core/ledger.h"
#include "fpg/core/log.h"
#include "fpg/core/memblock_iter.h"
#include "fpg/core/movable.h"
#include "fpg/core/palloc_handover.h"
#include "fpg/core/palloc_registry.h"

#include <string.h>

#ifndef CONFIG_PALLOC_DEFAULT
#define CONFIG_PALLOC_DEFAULT "buddy"
#endif

/* ---- which backend --------------------------------------------------------------------------- */

static const struct palloc_ops *backend;

void page_alloc_set_backend(const struct palloc_ops *ops)
{
	backend = ops;
}

const struct palloc_ops *page_alloc_backend(void)
{
	return backend;
}

const char *page_alloc_backend_name(void)
{
	return backend != NULL ? backend->name : "none";
}

static const struct palloc_ops *default_backend(void)
{
	const struct palloc_ops *ops = palloc_find(CONFIG_PALLOC_DEFAULT);
	return ops != NULL ? ops : palloc_table[0];
}

static const struct palloc_ops *choose_backend(const char *choice)
{
	char why[200];
	const struct palloc_ops *standard = default_backend();
	if (choice == NULL || choice[0] == '\0') {
		return standard;
	}
	const struct palloc_ops *ops = palloc_choose(choice, why, sizeof(why));
	if (ops == NULL) {
		pr_warn("palloc=%s: %s. Using %s", choice, why, standard->name);
	}
	return ops != NULL ? ops : standard;
}

/* ---- an instance a zone ---------------------------------------------------------------------- */

/** Memory of the zone's node that stays @kind's for good, as it is; NULL is logged. */
static void *boot_alloc_raw(const struct zone *zone, size_t bytes, enum owner_kind kind)
{
	phys_addr_t pa = memblock_phys_alloc_owned(bytes, PAGE_SIZE, MEMBLOCK_LOW_LIMIT,
						   MEMBLOCK_ALLOC_ACCESSIBLE, zone->nid,
						   mem_owner(kind, RULE_ALLOC, -1));
	if (pa == 0) {
		pr_err("node %d, zone %s: no %zu bytes for %s", zone->nid, zone_name(zone->type),
		       bytes, owner_kind_name(kind));
		return NULL;
	}
	return port_phys_to_virt(pa);
}

static void *boot_alloc(const struct zone *zone, size_t bytes, enum owner_kind kind)
{
	void *p = boot_alloc_raw(zone, bytes, kind);
	if (p != NULL) {
		memset(p, 0, bytes);
	}
	return p;
}

/** Room for each free range there is or that a late free could add. */
static uint32_t most_runs(void)
{
	return (uint32_t)(memblock.memory.cnt + memblock.reserved.cnt) * 2 + 16;
}

static int reserve_init(struct zone *zone)
{
	uint64_t chunks = zone_spanned_pages(zone) / FRAME_TABLE_CHUNK + 1;
	uint64_t goal = chunks * 2 + 2;
	struct frame_reserve *reserve = &zone->reserve;
	reserve->goal = goal < FRAME_RESERVE_PAGES ? (uint32_t)goal : FRAME_RESERVE_PAGES;
	phys_addr_t base = memblock_phys_alloc_owned((phys_addr_t)reserve->goal * PAGE_SIZE,
						     PAGE_SIZE, MEMBLOCK_LOW_LIMIT,
						     MEMBLOCK_ALLOC_ACCESSIBLE, zone->nid,
						     mem_owner(OWNER_FRAME_TABLE, RULE_ALLOC, -1));
	if (base == 0) {
		pr_err("node %d, zone %s: no pages for the frame table", zone->nid,
		       zone_name(zone->type));
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < reserve->goal; i++) {
		reserve->pages[i] = base + (phys_addr_t)i * PAGE_SIZE;
	}
	reserve->count = reserve->goal;
	return 0;
}

static int instance_init(struct zone *zone, const struct palloc_ops *ops)
{
	struct palloc *pa = &zone->instances[0];
	struct palloc_geometry geometry = { .span = zone->span,
					    .harts = 1,
					    .max_runs = most_runs() };
	size_t bytes = ops->meta_bytes(&geometry);
	void *words = boot_alloc_raw(zone, pageblock_map_bytes(zone->span), OWNER_ZONES);
	void *meta = (ops->caps & PALLOC_CAP_CLEARS ? boot_alloc_raw : boot_alloc)(
		zone, ALIGN_UP(bytes, PAGE_SIZE), OWNER_BACKEND_META);
	if (words == NULL || meta == NULL) {
		return -ENOMEM;
	}
	pageblock_map_init(&zone->pageblocks, zone->span, words);
	*pa = (struct palloc){
		.ops = ops,
		.span = zone->span,
		.nid = zone->nid,
		.zone_id = zone->id,
		.meta = meta,
		.meta_bytes = bytes,
		.pageblocks = &zone->pageblocks,
	};
	int err = ops->init(pa, meta, bytes);
	if (err == 0) {
		pa->state = PALLOC_LIVE;
		zone->palloc = pa;
	}
	return err;
}

struct start {
	const struct palloc_ops *ops;
	uint32_t zones;
	int err;
};

static bool start_zone(void *ctx, struct zone *zone)
{
	struct start *s = ctx;
	s->err = reserve_init(zone);
	if (s->err == 0) {
		s->err = instance_init(zone, s->ops);
	}
	s->zones++;
	return s->err == 0;
}

/* ---- records at the ends of free ranges ------------------------------------------------------ */

/** Records of so many chunks are made in a round. */
#define ROUND_CHUNKS 16U

/** Pages that back them, taken so that what is left joins free memory again in one piece. */
struct pool {
	phys_addr_t base;
	uint64_t pages;
	uint64_t used;
	/** The first frames without records; `more`: there are others. */
	struct pfn_range missing[ROUND_CHUNKS];
	unsigned int count;
	bool more;
};

static phys_addr_t pool_take(void *ctx)
{
	struct pool *pool = ctx;
	if (pool->used == pool->pages ||
	    fail_boot_now("frame_table_populate: a page for the first records")) {
		return 0;
	}
	uint64_t i = memblock_bottom_up() ? pool->used : pool->pages - 1 - pool->used;
	pool->used++;
	return pool->base + i * PAGE_SIZE;
}

/** Nothing can come back: populate() takes one page more only when it can use it. */
static void pool_give(void *ctx, phys_addr_t pa)
{
	struct pool *pool = ctx;
	(void)pa;
	pool->used--;
}

static int note_missing(void *ctx, struct pfn_range frames)
{
	struct pool *pool = ctx;
	if (frame_table_populated(frames)) {
		return 0;
	}
	if (pool->count == ROUND_CHUNKS) {
		pool->more = true;
		return -ENOSPC;
	}
	pool->missing[pool->count++] = frames;
	return 0;
}

/**
 * Find out which records the ends of free ranges lack, zone by zone.
 * @within  only of ranges that have some of these frames
 */
static void find_missing(struct pool *pool, struct pfn_range within)
{
	phys_addr_t start, end;
	uint64_t i;
	int nid;
	for_each_free_mem_range(i, NUMA_NO_NODE, MEMBLOCK_HOTPLUG | MEMBLOCK_DRIVER_MANAGED, &start,
				&end, &nid) {
		struct pfn_range frames = { phys_to_pfn(ALIGN_UP(start, PAGE_SIZE)),
					    phys_to_pfn(end) };
		if (pfn_range_pages(pfn_range_common(frames, within)) == 0) {
			continue;
		}
		while (frames.start.n < frames.end.n) {
			struct zone *zone = pfn_to_zone(frames.start);
			struct pfn_range part =
				zone != NULL ? pfn_range_common(frames, zone->span) : frames;
			if (palloc_populate_edges(part, note_missing, pool) != 0) {
				return;
			}
			frames.start = part.end;
		}
	}
}

/** Tables above a page of records that may have to be made with it. */
#define TABLE_LEVELS 3

/**
 * The largest pool of at most @pages that memblock has in one piece. Return: false when there is
 * not one page.
 */
static bool pool_fill(struct pool *pool, uint64_t pages)
{
	for (pool->pages = pages; pool->pages != 0; pool->pages /= 2) {
		pool->base = memblock_phys_alloc_owned(
			pool->pages * PAGE_SIZE, PAGE_SIZE, MEMBLOCK_LOW_LIMIT,
			MEMBLOCK_ALLOC_ACCESSIBLE, NUMA_NO_NODE,
			mem_owner(OWNER_FRAME_TABLE, RULE_ALLOC, -1));
		if (pool->base != 0) {
			return true;
		}
	}
	return false;
}

/** Give back what was not used. Return: 0 | what memblock said */
static int pool_drop(const struct pool *pool)
{
	uint64_t left = (pool->pages - pool->used) * PAGE_SIZE;
	phys_addr_t base = pool->base + (memblock_bottom_up() ? pool->used * PAGE_SIZE : 0);
	return left != 0 ? memblock_phys_free(base, left) : 0;
}

/**
 * Taking pages for records moves an end of a free range, so this goes round until nothing is
 * missing; the new end lies beside the old one, most often in the same chunk. What was missing
 * before pages were taken is made, whether it still is or not, so each round gets further. Only the
 * range they were taken from has changed.
 */
static int populate_edges(void)
{
	const struct pfn_range all = { { 0 }, { UINT64_MAX } };
	struct pfn_range within = all;
	for (;;) {
		struct pool pool = { 0 };
		int err = 0;
		find_missing(&pool, within);
		if (pool.count == 0) {
			return 0;
		}
		if (!pool_fill(&pool, (uint64_t)pool.count * (1 + TABLE_LEVELS))) {
			break;
		}
		for (unsigned int i = 0; i < pool.count && err == 0; i++) {
			err = frame_table_populate(pool.missing[i], pool_take, pool_give, &pool);
		}
		if (pool_drop(&pool) != 0 || pool.used == 0) {
			break;
		}
		const uint64_t first = pool.base >> PAGE_SHIFT;
		within = err == 0 && !pool.more ?
				 (struct pfn_range){ pfn(first - 1), pfn(first + pool.pages + 1) } :
				 all;
	}
	pr_err("no pages for the frame table's first records");
	return -ENOMEM;
}

/* ---- taking memory over ---------------------------------------------------------------------- */

static int zone_add_free(struct zone *zone, struct pfn_range frames)
{
	struct palloc_run run = { .range = frames,
				  .state = PALLOC_RUN_FREE,
				  .type = MIGRATE_MOVABLE };
	int err;
	do {
		unsigned long flags = spin_lock_irqsave(&zone->lock);
		struct palloc *pa = zone->palloc;
		struct pfn_range want = { { 0 }, { 0 } };
		err = pa->ops->add(pa, &run);
		if (err == 0) {
			zone->managed_pages += pfn_range_pages(frames);
			zone->free_pages += pfn_range_pages(frames);
			page_debug_handed_over(frames);
		} else if (err == -EAGAIN) {
			want = pa->want;
		}
		spin_unlock_irqrestore(&zone->lock, flags);
		if (err == -EAGAIN && zone_populate(zone, want) != 0) {
			return -ENOMEM;
		}
	} while (err == -EAGAIN);
	return err;
}

/** memblock's free memory was taken over. */
static bool started;

/** memblock's release function: bytes in, whole frames to their zones. */
static void release(void *ctx, phys_addr_t base, phys_addr_t size, int nid)
{
	(void)ctx;
	(void)nid;
	struct pfn_range frames = { phys_to_pfn(ALIGN_UP(base, PAGE_SIZE)),
				    phys_to_pfn(base + size) };
	while (frames.start.n < frames.end.n) {
		struct zone *zone = pfn_to_zone(frames.start);
		if (zone == NULL || zone->palloc == NULL) {
			pr_err("pfn 0x%llx is free but belongs to no zone",
			       (unsigned long long)frames.start.n);
			return;
		}
		struct pfn_range part = pfn_range_common(frames, zone->span);
		int err = zone_add_free(zone, part);
		if (err != 0) {
			pr_err("%s refuses pfn 0x%llx-0x%llx: %s", zone->palloc->ops->name,
			       (unsigned long long)part.start.n, (unsigned long long)part.end.n,
			       errno_name(err));
		}
		frames.start = part.end;
	}
	/* Memory that comes late counts, too. */
	if (started) {
		watermarks_setup();
	}
}

static bool log_zone(void *ctx, struct zone *zone)
{
	char size[16];
	(void)ctx;
	pr_info("node %d, zone %s: %s serves %llu pages (%s)", zone->nid, zone_name(zone->type),
		zone->palloc->ops->name, (unsigned long long)zone->managed_pages,
		format_size(size, sizeof(size), zone->managed_pages << PAGE_SHIFT));
	return true;
}

int page_alloc_init(const char *choice)
{
	struct palloc_fault fault;
	struct start start = { 0 };
	char first[32];
	if (palloc_registry_validate(palloc_table, &fault) != 0 ||
	    palloc_registry_validate(palloc_overlay_table, &fault) != 0) {
		pr_err("page allocator %s: %s %s", fault.backend, fault.field, fault.problem);
		return -EINVAL;
	}
	if (palloc_table[0] == NULL) {
		pr_err("this build has no page allocator");
		return -EINVAL;
	}
	if (port_hart_head()->local == NULL) {
		hart_init();
	}
	boot_stage_set(STAGE_ZONES);
	int err = zone_init();
	if (err != 0) {
		return err;
	}
	boot_stage_set(STAGE_PALLOC);
	choice = bootmem_route(choice, first, sizeof(first));
	const struct palloc_ops *last = choose_backend(choice);
	start.ops = bootmem_first(first, last);
	zone_for_each(start_zone, &start);
	if (start.err == 0) {
		start.err = page_cache_init();
	}
	if (start.err == 0 && ((start.ops->caps | last->caps) & PALLOC_CAP_RECORDS)) {
		start.err = populate_edges();
	}
	if (start.err != 0) {
		return start.err;
	}
	page_alloc_set_backend(start.ops);
	memblock_set_release(release, NULL);
	(void)memblock_free_all();
	watermarks_setup();
	started = true;
	ledger_set_runs(palloc_ledger_runs);
	zone_for_each(log_zone, NULL);
	return 0;
}

void page_alloc_reset(void)
{
	started = false;
	page_alloc_set_backend(NULL);
	page_cache_reset();
	page_debug_reset();
	page_free_reset();
	bootmem_route_reset();
	movable_reset();
	palloc_meta_register(NULL);
	fail_page_alloc_set(NULL);
	ledger_set_runs(NULL);
	if (FPG_ENABLED(CONFIG_CMA)) {
		cma_reset();
	}
	memblock_set_release(NULL, NULL);
	zone_reset();
}
