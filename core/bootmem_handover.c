/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memblock -> a first backend -> the one that was chosen: the way Linux started while bootmem was its boot allocator.
 * The metadata of the second comes from the first, which ends with free_all_bootmem(); its own metadata follows last.
 *
 * Invariant: all that can fail for want of memory comes before the first zone changes hands; a zone whose hand-over
 * fails keeps its backend and works on.
 */
#define LOG_MODULE "bootmem"
#include "bootmem_private.h"
#include "page_alloc_private.h"
#include "zone_private.h"

#include "fpg/base/errno.h"
#include "fpg/base/range.h"
#include "fpg/core/bootmem.h"
#include "fpg/core/log.h"
#include "fpg/core/page_cache.h"
#include "fpg/core/palloc_handover.h"
#include "fpg/core/palloc_registry.h"

#include <string.h>

#ifndef CONFIG_PALLOC_BOOT
#define CONFIG_PALLOC_BOOT ""
#endif

/** Room for runs that reservations ended late may add. */
#define SPARE_RUNS 32U
/** How often records may be missing before a zone's hand-over is given up; the reserve is filled up in between. */
#define TRIES	   64U

/** Who is to serve in the end; NULL: whoever serves. */
static const struct palloc_ops *chosen;

const char *bootmem_route(const char *choice, char *first, size_t bytes)
{
	const char *plus = choice != NULL ? strchr(choice, '+') : NULL;
	const char *name = plus != NULL ? choice : CONFIG_PALLOC_BOOT;
	size_t length = plus != NULL ? (size_t)(plus - choice) : strlen(name);
	length = length < bytes - 1 ? length : bytes - 1;
	memcpy(first, name, length);
	first[length] = '\0';
	return plus != NULL ? plus + 1 : choice;
}

const struct palloc_ops *bootmem_first(const char *first, const struct palloc_ops *last)
{
	const struct palloc_ops *ops = palloc_find(first);
	const uint32_t needed = PALLOC_CAP_FREE;
	chosen = NULL;
	if (first[0] == '\0' || ops == last) {
		return last;
	}
	if (ops == NULL || (ops->caps & PALLOC_CAP_OVERLAY)) {
		pr_warn("%s cannot start: no such page allocator. %s starts", first, last->name);
		return last;
	}
	/* Per-hart caches are there from the start and stay: both have to do with them alike. */
	if ((ops->caps & last->caps & needed) != needed ||
	    ((ops->caps | last->caps) & PALLOC_CAP_HART)) {
		pr_warn("%s cannot hand over to %s, which starts alone", ops->name, last->name);
		return last;
	}
	chosen = last;
	return ops;
}

void bootmem_route_reset(void)
{
	chosen = NULL;
}

/* ---- the hand-over --------------------------------------------------------------------------- */

static struct palloc *spare_instance(struct zone *zone)
{
	return &zone->instances[zone->palloc == &zone->instances[0]];
}

static void free_meta(const struct palloc *pa)
{
	free_pages_exact(pa->meta, pa->meta_bytes);
}

/** Whose pages these are, for the ledger; @bytes from @meta on, single pages all. */
static void mark_meta(const void *meta, size_t bytes)
{
	for (size_t i = 0; i < bytes; i += PAGE_SIZE) {
		virt_to_page((const char *)meta + i)->owner = PAGE_OWNER_META;
	}
}

/** The second instance of a zone, empty. @ctx: int, an error. */
static bool prepare_zone(void *ctx, struct zone *zone)
{
	int *err = ctx;
	struct palloc_geometry geometry = {
		.span = zone->span,
		.harts = 1,
		.max_runs = palloc_managed_runs(zone->palloc) + SPARE_RUNS,
	};
	size_t bytes = ALIGN_UP(chosen->meta_bytes(&geometry), PAGE_SIZE);
	void *meta = __alloc_bootmem_node_nopanic(zone->nid, bytes, PAGE_SIZE, BOOTMEM_LOW_LIMIT);
	if (meta == NULL) {
		meta = alloc_pages_exact(bytes, GFP_KERNEL | __GFP_ZERO);
	}
	struct palloc *pa = spare_instance(zone);
	*pa = (struct palloc){
		.ops = chosen,
		.span = zone->span,
		.nid = zone->nid,
		.zone_id = zone->id,
		.meta = meta,
		.meta_bytes = bytes,
		.pageblocks = &zone->pageblocks,
	};
	*err = meta != NULL ? chosen->init(pa, meta, bytes) : -ENOMEM;
	if (meta != NULL) {
		mark_meta(meta, bytes);
	}
	return *err == 0;
}

static bool drop_prepared(void *ctx, struct zone *zone)
{
	struct palloc *pa = spare_instance(zone);
	(void)ctx;
	if (pa->ops == chosen && pa->state == PALLOC_EMPTY && pa->meta != NULL) {
		free_meta(pa);
		*pa = (struct palloc){ 0 };
	}
	return true;
}

static int hand_over(struct zone *zone, struct palloc *to)
{
	struct palloc *from = zone->palloc;
	int err = palloc_handover(from, to, zone_populate_fn, zone);
	for (unsigned int i = 0; err == -ENOMEM && i < TRIES; i++) {
		/* What was populated stays so: each try gets further. */
		frame_reserve_refill_now(zone);
		memset(to->meta, 0, to->meta_bytes);
		err = to->ops->init(to, to->meta, to->meta_bytes);
		if (err == 0) {
			err = palloc_handover(from, to, zone_populate_fn, zone);
		}
	}
	FPG_CHECK(err != -EUCLEAN);
	return err;
}

/** @ctx: zones that keep their backend. */
static bool hand_over_zone(void *ctx, struct zone *zone)
{
	struct palloc *from = zone->palloc;
	struct palloc *to = spare_instance(zone);
	int err = hand_over(zone, to);
	if (err != 0) {
		pr_err("node %d, zone %s: %s serves on (%s)", zone->nid, zone_name(zone->type),
		       from->ops->name, errno_name(err));
		++*(uint32_t *)ctx;
		return true;
	}
	zone->palloc = to;
	return true;
}

/** What a first backend had from memblock goes to the second. */
static bool free_old(void *ctx, struct zone *zone)
{
	struct palloc *old = spare_instance(zone);
	(void)ctx;
	if (old->state == PALLOC_RETIRED) {
		memblock_free_late(port_virt_to_phys(old->meta),
				   ALIGN_UP(old->meta_bytes, PAGE_SIZE));
		*old = (struct palloc){ 0 };
	}
	return true;
}

unsigned long free_all_bootmem(void)
{
	const char *from = page_alloc_backend_name();
	uint32_t kept = 0;
	int err = 0;
	if (chosen == NULL) {
		return 0;
	}
	page_cache_drain_all();
	zone_for_each(prepare_zone, &err);
	if (err != 0) {
		pr_err("no room for %s's metadata: %s serves on", chosen->name, from);
		zone_for_each(drop_prepared, NULL);
		chosen = NULL;
		return 0;
	}
	zone_for_each(hand_over_zone, &kept);
	zone_for_each(drop_prepared, NULL);
	if (kept == 0) {
		page_alloc_set_backend(chosen);
	}
	chosen = NULL;
	zone_for_each(free_old, NULL);
	pr_info("%s handed over to %s: %llu pages are free", from, page_alloc_backend_name(),
		(unsigned long long)page_alloc_free_pages());
	return page_alloc_free_pages();
}
