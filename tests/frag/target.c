/* SPDX-License-Identifier: BSD-2-Clause */
/* Loading a backend's instance, and the front end, over simulated memory. */
#include "frag.h"
#include "instance.h"
#include "sim.h"

#include "fpg/core/page_alloc.h"
#include "fpg/core/page_cache.h"

#include <stdio.h>
#include <stdlib.h>

#define RAM_BASE 0x80000000ULL

static struct pfn_range span_of(uint64_t bytes)
{
	return (struct pfn_range){ phys_to_pfn(RAM_BASE), phys_to_pfn(RAM_BASE + bytes) };
}

/* ---- a backend by itself --------------------------------------------------------------------- */

static struct instance instance;

static uint64_t backend_alloc(void *ctx, unsigned int order, enum migratetype type)
{
	(void)ctx;
	uint64_t frame = instance_alloc(&instance, order, type);
	return frame != 0 ? frame : FRAG_NONE;
}

static void backend_free(void *ctx, uint64_t frame, unsigned int order)
{
	(void)ctx;
	instance_free(&instance, frame, order);
}

static void backend_walk(void *ctx, palloc_walk_fn fn, void *arg)
{
	(void)ctx;
	instance.pa.ops->walk(&instance.pa, fn, arg);
}

static void backend_check(void *ctx)
{
	(void)ctx;
	instance_check(&instance);
}

static void backend_stop(void *ctx)
{
	(void)ctx;
	instance_stop(&instance);
}

void frag_target_backend(struct frag_target *t, const struct palloc_ops *ops, uint64_t bytes)
{
	struct pfn_range span = span_of(bytes);
	instance_start(&instance, ops, span);
	instance_add(&instance, span.start.n, span.end.n);
	*t = (struct frag_target){
		.name = ops->name,
		.span = span,
		.alloc = backend_alloc,
		.free = backend_free,
		.walk = backend_walk,
		.check = backend_check,
		.stop = backend_stop,
	};
}

/* ---- the front end --------------------------------------------------------------------------- */

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
	if (zone_check(zone, &why) != 0) {
		fprintf(stderr, "frag: %s\n", why);
		abort();
	}
	return true;
}

static void front_check(void *ctx)
{
	zone_for_each(check_zone, ctx);
}

static void front_stop(void *ctx)
{
	(void)ctx;
	sim_stop();
}

void frag_target_front(struct frag_target *t, const struct palloc_ops *ops, uint64_t bytes)
{
	const struct sim_ram ram[] = { { RAM_BASE, bytes, 0 } };
	sim_start(ram, 1);
	if (page_alloc_init(ops->name) != 0) {
		fprintf(stderr, "frag: %s does not start\n", ops->name);
		exit(2);
	}
	*t = (struct frag_target){
		.name = ops->name,
		.span = span_of(bytes),
		.alloc = front_alloc,
		.free = front_free,
		.walk = front_walk,
		.check = front_check,
		.stop = front_stop,
	};
}
