/* SPDX-License-Identifier: BSD-2-Clause */
/* The helper of instance.h. */
#include "instance.h"
#include "sim.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(int ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "instance: %s\n", what);
		abort();
	}
}

void instance_start(struct instance *it, const struct palloc_ops *ops, struct pfn_range span)
{
	struct palloc_geometry geometry = { .span = span, .harts = 1, .max_runs = 256 };
	size_t bytes = ops->meta_bytes(&geometry);
	sim_frame_table_start(span);
	it->words = malloc(pageblock_map_bytes(span));
	must(it->words != NULL, "no memory");
	/* Nobody clears it at boot. */
	memset(it->words, 0xa5, pageblock_map_bytes(span));
	pageblock_map_init(&it->map, span, it->words);
	it->pa = (struct palloc){
		.ops = ops,
		.span = span,
		.zone_id = 7,
		.meta = aligned_alloc(64, (bytes + 63) / 64 * 64),
		.meta_bytes = bytes,
		.pageblocks = &it->map,
	};
	must(it->pa.meta != NULL, "no memory");
	for (size_t i = 0; i < bytes; i++) {
		((char *)it->pa.meta)[i] = ops->caps & PALLOC_CAP_CLEARS ? (char)0xa5 : 0;
	}
	must(ops->init(&it->pa, it->pa.meta, bytes) == 0, "init");
}

void instance_stop(struct instance *it)
{
	free(it->pa.meta);
	free(it->words);
	sim_frame_table_stop();
}

void instance_add(struct instance *it, uint64_t start, uint64_t end)
{
	struct palloc_run run = { .range = { pfn(start), pfn(end) }, .state = PALLOC_RUN_FREE };
	int err;
	while ((err = it->pa.ops->add(&it->pa, &run)) == -EAGAIN) {
		sim_frame_table_populate(it->pa.want);
	}
	must(err == 0, "add");
}

uint64_t instance_alloc(struct instance *it, unsigned int order, enum migratetype type)
{
	struct palloc_req req = { .pages = 1U << order,
				  .align_order = (uint8_t)order,
				  .type = (uint8_t)type };
	struct palloc_block block = it->pa.ops->alloc(&it->pa, &req);
	while (block.err == -EAGAIN) {
		sim_frame_table_populate(it->pa.want);
		block = it->pa.ops->alloc(&it->pa, &req);
	}
	return block.err == 0 ? block.start.n : 0;
}

void instance_free(struct instance *it, uint64_t start, unsigned int order)
{
	struct pfn_range range = { pfn(start), pfn(start + (1ULL << order)) };
	must(it->pa.ops->free(&it->pa, range) == 0, "free");
}

void instance_check(const struct instance *it)
{
	const char *why = "";
	if (it->pa.ops->check(&it->pa, &why) != 0) {
		must(0, why);
	}
}
