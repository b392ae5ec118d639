/* SPDX-License-Identifier: BSD-2-Clause */
/* Loading a backend's instance, and the front end, over simulated memory. */
#include "frag_host.h"
#include "instance.h"
#include "sim.h"

#include "fpg/base/range.h"
#include "fpg/core/page_alloc.h"

#include <stdio.h>
#include <stdlib.h>

#define RAM_BASE 0x80000000ULL

static struct pfn_range span_of(uint64_t bytes)
{
	return (struct pfn_range){ phys_to_pfn(RAM_BASE), phys_to_pfn(RAM_BASE + bytes) };
}

void *frag_host_notes(size_t bytes)
{
	return calloc(1, bytes);
}

void frag_host_notes_free(const void *notes)
{
	free((void *)(uintptr_t)notes);
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
		.pages = pfn_range_pages(span),
		.alloc = backend_alloc,
		.free = backend_free,
		.walk = backend_walk,
		.check = backend_check,
		.stop = backend_stop,
		.notes = frag_host_notes,
		.notes_free = frag_host_notes_free,
	};
}

/* ---- the front end --------------------------------------------------------------------------- */

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
	frag_target_machine(t);
	t->span = span_of(bytes);
	t->pages = pfn_range_pages(t->span);
	t->stop = front_stop;
	t->notes = frag_host_notes;
	t->notes_free = frag_host_notes_free;
}
