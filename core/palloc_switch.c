/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One backend takes over from another, at boot (core/bootmem_handover.c) or under load.
 *
 * Order that must hold: what can be refused is refused before anything changes; metadata and records come while all harts
 * run, and what is missing all the same when they are held is fetched after they go on, and all begins again; old
 * metadata is given back last. While the harts are held nobody has a lock or a block without a record, caches are empty,
 * and so the backends know of every page.
 *
 * CMA areas that were lent and cannot be over the new backend are reclaimed before, with all harts running; until the end
 * of the change cma_alloc() and cma_release() wait.
 *
 * Invariant: outside the pause every zone is served by the same backend.
 */
#include "movable_private.h"
#include "page_cache_private.h"
#include "palloc_switch_private.h"
#include "zone_private.h"

#include "fpg/base/errno.h"
#include "fpg/base/out.h"
#include "fpg/base/range.h"
#include "fpg/core/cma.h"
#include "fpg/core/fail_boot.h"
#include "fpg/core/palloc_handover.h"
#include "fpg/core/palloc_registry.h"

#include <stdio.h>
#include <string.h>

/** How often what is missing is fetched before a change is given up. */
#define TRIES	     64U
/** Chunks of records noted at a time. */
#define MISSING_MOST 256U

/** Somebody is at it; atomic. */
static uint32_t busy;

struct change {
	const struct palloc_ops *to;
	struct palloc_switch_report *report;
	int err;
	/** The zone that @err is about; NULL: none in particular. */
	const struct zone *zone;
	/** Of all zones, when the spare instances were made: more may be more runs than they have room for. */
	uint64_t managed_pages;
};

/** Return: go on */
static bool zone_done(struct change *c, const struct zone *zone, int err)
{
	c->err = err;
	c->zone = err != 0 ? zone : NULL;
	return err == 0;
}

/* ---- what is refused ------------------------------------------------------------------------- */

const struct palloc_ops *palloc_choose(const char *name, char *why, size_t why_bytes)
{
	char names[128];
	const struct palloc_ops *ops = palloc_find(name);
	if (strcmp(name, "cma") == 0 || (ops != NULL && (ops->caps & PALLOC_CAP_OVERLAY))) {
		(void)snprintf(why, why_bytes, "%s is an overlay; choose bootmem or buddy", name);
		return NULL;
	}
	if (ops == NULL) {
		(void)snprintf(why, why_bytes, "no such page allocator; there are: %s",
			       palloc_names(names, sizeof(names)));
	}
	return ops;
}

/** An area's pageblock, which is a carve-out's in the pause: the type only says where to lend again. */
static bool is_of_area(pfn_t f)
{
	return FPG_ENABLED(CONFIG_CMA) && cma_of_frame(f) != NULL;
}

/** Pageblocks of types that mean more than where to search first: isolated ones, and CMA's of no area. */
static bool check_types(void *ctx, struct zone *zone)
{
	struct change *c = ctx;
	const struct pageblock_map *map = &zone->pageblocks;
	for (uint64_t i = 0; map->special != 0 && i < map->blocks; i++) {
		const pfn_t f = pfn_add(map->base, i << PAGEBLOCK_ORDER);
		const enum migratetype type = pageblock_type(map, f);
		if (type == MIGRATE_ISOLATE || (type == MIGRATE_CMA && !is_of_area(f))) {
			(void)snprintf(c->report->why, sizeof(c->report->why),
				       "the pageblock at pfn 0x%llx is %s, which %s cannot heed",
				       (unsigned long long)f.n, migratetype_name(type),
				       c->to->name);
			return zone_done(c, zone, -EBUSY);
		}
	}
	if (zone->isolated_blocks != 0) {
		(void)snprintf(c->report->why, sizeof(c->report->why),
			       "pageblocks are being isolated, which %s cannot heed", c->to->name);
		return zone_done(c, zone, -EBUSY);
	}
	return true;
}

/** What the state of the zones forbids; asked again when nobody can change it. */
static int refuse_types(struct change *c)
{
	if (!(c->to->caps & PALLOC_CAP_CLASS)) {
		zone_for_each(check_types, c);
	}
	return c->err;
}

/* ---- nobody empties a range meanwhile ---------------------------------------------------------- */

static bool give_range(void *ctx, struct zone *zone)
{
	if (zone == ctx) {
		return false;
	}
	zone_range_give(zone);
	return true;
}

/** *@ctx: the zone that somebody else has. */
static bool try_range(void *ctx, struct zone *zone)
{
	struct zone **other = ctx;
	*other = zone_range_try(zone) ? NULL : zone;
	return *other == NULL;
}

/** Of all zones or of none: who empties a range in one may have to wait for another. */
static void take_ranges(void)
{
	struct zone *other = NULL;
	zone_for_each(try_range, &other);
	while (other != NULL) {
		zone_for_each(give_range, other);
		port_relax();
		zone_for_each(try_range, &other);
	}
}

static void give_ranges(void)
{
	zone_for_each(give_range, NULL);
}

/** What a target can never do: its own metadata is pages in use. */
static int refuse_target(struct change *c)
{
	const uint32_t caps = c->to->caps;
	const char *problem = !(caps & PALLOC_CAP_FREE) ?
				      "cannot take pages back" :
			      !(caps & (PALLOC_CAP_SUBFREE | PALLOC_CAP_RECORDS)) ?
				      "takes back only what it gave out itself" :
				      NULL;
	if (problem == NULL) {
		take_ranges();
		int err = refuse_types(c);
		give_ranges();
		return err;
	}
	(void)snprintf(c->report->why, sizeof(c->report->why), "%s %s, and pages are in use",
		       c->to->name, problem);
	return -ENOTSUP;
}

/* ---- with all harts running ------------------------------------------------------------------ */

static bool make_spare(void *ctx, struct zone *zone)
{
	struct change *c = ctx;
	int err = fail_boot_now("palloc_switch: metadata") ? -ENOMEM :
							     palloc_spare_make(zone, c->to);
	c->report->meta_bytes += err == 0 ? palloc_spare(zone)->meta_bytes : 0;
	return zone_done(c, zone, err);
}

static bool drop_spare(void *ctx, struct zone *zone)
{
	(void)ctx;
	palloc_spare_drop(zone);
	return true;
}

/** Chunks of records that the target needs and nobody has populated. Only who is at it touches this. */
static struct {
	uint32_t count;
	struct pfn_range frames[MISSING_MOST];
} missing;

static int note_missing(void *ctx, struct pfn_range frames)
{
	(void)ctx;
	if (frame_table_populated(frames)) {
		return 0;
	}
	if (missing.count == MISSING_MOST) {
		return -EAGAIN;
	}
	missing.frames[missing.count++] = frames;
	return 0;
}

static bool populate_zone(void *ctx, struct zone *zone)
{
	struct change *c = ctx;
	bool needed;
	int err;
	do {
		missing.count = 0;
		unsigned long flags = spin_lock_irqsave(&zone->lock);
		/* Else what the old one would need to serve again, if another zone could not be moved. */
		const struct palloc *to = palloc_spare(zone);
		needed = (to->ops->caps & PALLOC_CAP_RECORDS) != 0;
		err = palloc_handover_ready(zone->palloc, needed ? to : zone->palloc, note_missing,
					    NULL);
		spin_unlock_irqrestore(&zone->lock, flags);
		for (uint32_t i = 0; i < missing.count; i++) {
			if (zone_populate_all(zone, missing.frames[i]) != 0) {
				return !needed || zone_done(c, zone, -ENOMEM);
			}
		}
	} while (err == -EAGAIN);
	return zone_done(c, zone, err);
}

/* ---- the pause ------------------------------------------------------------------------------- */

/**
 * A backend without records can go on when a hand-over fails, so what is missing may show in the middle of it. One that
 * has lost its records by then cannot.
 */
static bool ready_zone(void *ctx, struct zone *zone)
{
	if (!(zone->palloc->ops->caps & PALLOC_CAP_RECORDS)) {
		return true;
	}
	return zone_done(ctx, zone,
			 palloc_handover_ready(zone->palloc, palloc_spare(zone), zone_populate_fn,
					       zone));
}

/** What the old one kept to itself for alignment is free now. */
static void count_moved(struct zone *zone, const struct palloc_moved *moved)
{
	FPG_CHECK(moved->free_pages >= zone->free_pages &&
		  moved->free_pages + moved->used_pages == zone->managed_pages);
	zone->free_pages = moved->free_pages;
}

static bool move_zone(void *ctx, struct zone *zone)
{
	struct change *c = ctx;
	struct palloc *from = zone->palloc;
	struct palloc_moved moved = { 0 };
	for (unsigned int i = 0; (from->ops->caps & PALLOC_CAP_HART) && hart_by_index(i) != NULL;
	     i++) {
		from->ops->drain(from, i);
	}
	int err = fail_boot_now("palloc_switch: records") ?
			  -ENOMEM :
			  palloc_handover_move(from, palloc_spare(zone), zone_populate_fn, zone,
					       &moved);
	FPG_CHECK(err != -EUCLEAN);
	if (err == 0) {
		count_moved(zone, &moved);
	}
	c->report->zones++;
	c->report->free_pages += moved.free_pages;
	c->report->used_pages += moved.used_pages;
	c->report->runs += moved.runs;
	return zone_done(c, zone, err);
}

/**
 * A zone that was moved goes back. It has the records for that: populate_zone() saw to it, and where it could not, the
 * target keeps none, so no zone's move has failed.
 */
static bool move_back(void *ctx, struct zone *zone)
{
	struct palloc *from = zone->palloc;
	struct palloc_moved moved;
	(void)ctx;
	if (from->state == PALLOC_RETIRED) {
		FPG_CHECK(palloc_empty(from) == 0);
		FPG_CHECK(palloc_handover_move(palloc_spare(zone), from, zone_populate_fn, zone,
					       &moved) == 0);
		count_moved(zone, &moved);
	}
	return true;
}

static bool flip_zone(void *ctx, struct zone *zone)
{
	zone->palloc = palloc_spare(zone);
	*(bool *)ctx |= page_cache_zone_set(zone);
	return true;
}

/** Held harts hold no lock and have no block without a record. All zones, or none. */
static int change_all(struct change *c)
{
	bool reroute = false;
	page_cache_drain_parked();
	int err = page_alloc_managed_pages() != c->managed_pages ? -EAGAIN : refuse_types(c);
	if (err != 0) {
		return err;
	}
	zone_for_each(ready_zone, c);
	if (c->err == 0) {
		zone_for_each(move_zone, c);
	}
	if (c->err != 0) {
		zone_for_each(move_back, c);
		return c->err;
	}
	zone_for_each(flip_zone, &reroute);
	page_alloc_set_backend(c->to);
	if (reroute) {
		page_cache_reroute_parked();
	}
	return 0;
}

static int change_held(struct change *c)
{
	struct palloc_switch_report *report = c->report;
	report->tries++;
	report->zones = 0;
	report->free_pages = 0;
	report->used_pages = 0;
	report->runs = 0;
	take_ranges();
	harts_hold();
	const uint64_t before = port_instret();
	int err = change_all(c);
	report->pause_instructions += port_instret() - before;
	harts_release();
	give_ranges();
	return err;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static bool empty_spare(void *ctx, struct zone *zone)
{
	return zone_done(ctx, zone, palloc_empty(palloc_spare(zone)));
}

static bool refill(void *ctx, struct zone *zone)
{
	(void)ctx;
	frame_reserve_refill_now(zone);
	return true;
}

/** The spare instances are made. */
static int try_often(struct change *c)
{
	int err = -ENOMEM;
	for (unsigned int i = 0; err == -ENOMEM && i < TRIES; i++) {
		c->err = 0;
		if (i != 0) {
			zone_for_each(empty_spare, c);
			zone_for_each(refill, NULL);
		}
		if (c->err == 0) {
			zone_for_each(populate_zone, c);
		}
		err = c->err != 0 ? c->err : change_held(c);
	}
	return err;
}

/** Metadata, the change, and metadata back: the old, or, when it failed, the new. Return: also -EAGAIN, from the start */
static int change_once(struct change *c)
{
	c->err = 0;
	c->managed_pages = page_alloc_managed_pages();
	c->report->meta_bytes = 0;
	zone_for_each(make_spare, c);
	int err = c->err != 0 ? c->err : try_often(c);
	zone_for_each(drop_spare, NULL);
	return err;
}

/** What is lent comes back when it cannot be lent over the new one. Return: 0 | -EBUSY, -ENOMEM: lent as before */
static int reclaim_areas(struct change *c)
{
	struct cma_report areas;
	struct cma *area;
	if (cma_can_lend_over(c->to)) {
		return 0;
	}
	int err = cma_reclaim_all(&areas, &area);
	if (err != 0) {
		struct out_buffer buffer;
		out_buffer_init(&buffer, c->report->why, sizeof(c->report->why));
		out_printf(&buffer.out, "CMA area %s: ", cma_get_name(area));
		migrate_blocker_print(&buffer.out, &areas.blocker);
	}
	return err;
}

/** As often as memory comes or goes meanwhile. */
static int change_often(struct change *c)
{
	int err = -EAGAIN;
	for (unsigned int i = 0; err == -EAGAIN && i < TRIES; i++) {
		err = change_once(c);
	}
	return err;
}

static int change_with_areas(struct change *c)
{
	if (!FPG_ENABLED(CONFIG_CMA)) {
		return change_often(c);
	}
	cma_change_begin();
	int err = reclaim_areas(c);
	if (err == 0) {
		err = change_often(c);
	}
	cma_change_end();
	return err;
}

/** Nobody else is at it. */
static int change_to(const struct palloc_ops *to, struct palloc_switch_report *report)
{
	struct change c = { .to = to, .report = report };
	int err = refuse_target(&c);
	if (err != 0) {
		return err;
	}
	err = change_with_areas(&c);
	if (err == -EAGAIN) {
		(void)snprintf(report->why, sizeof(report->why),
			       "memory was added at each of %u tries", TRIES);
		return -EBUSY;
	}
	if (err != 0 && report->why[0] == '\0') {
		(void)snprintf(report->why, sizeof(report->why), "%s: %s%s%s", to->name,
			       errno_name(err), c.zone != NULL ? " for zone " : "",
			       c.zone != NULL ? zone_name(c.zone->type) : "");
	}
	return err;
}

int palloc_change(const struct palloc_ops *to, struct palloc_switch_report *report)
{
	report->to = to->name;
	if (__atomic_exchange_n(&busy, 1, __ATOMIC_ACQUIRE) != 0) {
		(void)snprintf(report->why, sizeof(report->why), "another switch is under way");
		return -EBUSY;
	}
	report->from = page_alloc_backend_name();
	report->same = to == page_alloc_backend();
	int err = report->same ? 0 : change_to(to, report);
	__atomic_store_n(&busy, 0, __ATOMIC_RELEASE);
	return err;
}

static int switch_to(const char *name, struct palloc_switch_report *report)
{
	const struct palloc_ops *to = palloc_choose(name, report->why, sizeof(report->why));
	if (to == NULL) {
		return strcmp(name, "cma") == 0 || palloc_find(name) != NULL ? -ENOTSUP : -ENOENT;
	}
	return palloc_change(to, report);
}

int palloc_switch(const char *name, struct palloc_switch_report *report)
{
	*report = (struct palloc_switch_report){ .from = page_alloc_backend_name(), .to = name };
	if (page_alloc_backend() == NULL) {
		(void)snprintf(report->why, sizeof(report->why), "no page allocator serves yet");
		return -ENODEV;
	}
	spinlock_expect_none("palloc switch");
	movable_expect_outside("palloc_switch()");
	return switch_to(name, report);
}
