/* SPDX-License-Identifier: BSD-2-Clause */
/* Loading the front end, with its per-hart caches, of the machine that runs. */
#include "frag.h"

#include "fpg/core/page_alloc.h"
#include "fpg/core/page_cache.h"
#include "fpg/core/panic.h"

#include <errno.h>

static uint64_t front_alloc(void *ctx, unsigned int order, enum migratetype type)
{
	static const gfp_t gfp[] = {
		[MIGRATE_UNMOVABLE] = GFP_KERNEL | __GFP_NOWARN,
		[MIGRATE_MOVABLE] = GFP_USER_MOVABLE | __GFP_NOWARN,
		[MIGRATE_RECLAIMABLE] = GFP_KERNEL | __GFP_RECLAIMABLE | __GFP_NOWARN,
	};
	(void)ctx;
	struct page *page = alloc_pages(gfp[type], order);
	return page != NULL ? page_to_pfn(page).n : FRAG_NONE;
}

static void front_free(void *ctx, uint64_t frame, unsigned int order)
{
	(void)ctx;
	__free_pages(pfn_to_page(pfn(frame)), order);
}

struct front_walk {
	palloc_walk_fn fn;
	void *arg;
};

static bool front_run(void *ctx, struct zone *zone, const struct palloc_run *run)
{
	struct front_walk *w = ctx;
	(void)zone;
	return w->fn(w->arg, run);
}

static void front_walk(void *ctx, palloc_walk_fn fn, void *arg)
{
	struct front_walk w = { fn, arg };
	(void)ctx;
	palloc_walk_all(front_run, &w);
}

static bool check_zone(void *ctx, struct zone *zone)
{
	const char *why = NULL;
	(void)ctx;
	int err = zone_check(zone, &why);
	if (err != 0 && err != -ENODEV) {
		panic("frag: %s", why);
	}
	return true;
}

static void front_check(void *ctx)
{
	zone_for_each(check_zone, ctx);
}

static bool join_span(void *ctx, struct zone *zone)
{
	struct pfn_range *span = ctx;
	if (zone->palloc != NULL) {
		span->start = zone->span.start.n < span->start.n ? zone->span.start : span->start;
		span->end = zone->span.end.n > span->end.n ? zone->span.end : span->end;
	}
	return true;
}

void frag_target_machine(struct frag_target *t)
{
	struct pfn_range span = { pfn(UINT64_MAX), pfn(0) };
	page_cache_drain_all();
	zone_for_each(join_span, &span);
	*t = (struct frag_target){
		.name = page_alloc_backend_name(),
		.span = span,
		.pages = page_alloc_free_pages(),
		.alloc = front_alloc,
		.free = front_free,
		.walk = front_walk,
		.check = front_check,
	};
}
