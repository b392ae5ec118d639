/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The model: a byte a frame (hole, free, used), a table of blocks in use, and how the suite starts an instance beside
 * it. Every operation goes through it (model_ops.c), so an answer that contradicts it is noticed at once;
 * model_verify() compares everything.
 */
#include "model.h"
#include "random.h"

#include "fpg/base/errno.h"

#include <string.h>

#define GUARD_BYTES 64
#define GUARD	    0xa5

bool model_fail(struct model *m, const char *what, uint64_t frame)
{
	if (m->wrong == NULL) {
		m->wrong = what;
		m->wrong_pfn = frame;
	}
	return false;
}

uint64_t model_random(struct model *m)
{
	return xorshift64star(&m->random);
}

uint64_t model_random_below(struct model *m, uint64_t below)
{
	return (model_random(m) >> 16) % below;
}

struct palloc_req model_req(unsigned int order, enum migratetype type)
{
	return (struct palloc_req){ .pages = 1U << order,
				    .align_order = (uint8_t)order,
				    .type = (uint8_t)type };
}

/* ---- instances ------------------------------------------------------------------------------- */

static char *meta_of(const struct model *m, unsigned int area)
{
	return (char *)m->env->meta[area] + GUARD_BYTES;
}

bool model_instance(struct model *m, struct palloc *pa, const struct palloc_ops *ops,
		    unsigned int area, uint32_t runs)
{
	struct conformance_env *env = m->env;
	struct palloc_geometry geometry = { .span = env->span, .harts = 1, .max_runs = runs };
	size_t bytes = ops->meta_bytes(&geometry);
	MODEL_EXPECT(m, bytes + 2 * GUARD_BYTES <= env->meta_bytes[area], bytes);
	memset(env->meta[area], GUARD, bytes + 2 * GUARD_BYTES);
	/* Whoever clears it must not rely on what he finds. */
	if (!(ops->caps & PALLOC_CAP_CLEARS)) {
		memset(meta_of(m, area), 0, bytes);
	}
	*pa = (struct palloc){
		.ops = ops,
		.span = env->span,
		.zone_id = env->zone_id,
		.meta = meta_of(m, area),
		.meta_bytes = bytes,
		.pageblocks = &m->map,
	};
	m->area = area;
	m->meta_bytes = bytes;
	m->max_runs = runs;
	MODEL_EXPECT(m, ops->init(pa, pa->meta, bytes) == 0, 0);
	pa->state = PALLOC_LIVE;
	return true;
}

bool model_start(struct model *m, const struct palloc_ops *ops, struct conformance_env *env,
		 unsigned int area)
{
	uint64_t random = m->random;
	uint64_t operations = m->operations;
	memset(m, 0, sizeof(*m));
	m->env = env;
	m->ops = ops;
	m->home = ops;
	m->random = random != 0 ? random : env->seed;
	m->operations = operations;
	memset(env->history, 0, CONFORMANCE_HISTORY * sizeof(*env->history));
	env->reset(env->ctx);
	memset(env->state, MODEL_HOLE, pfn_range_pages(env->span));
	memset(env->pageblocks, GUARD, pageblock_map_bytes(env->span));
	pageblock_map_init(&m->map, env->span, env->pageblocks);
	return model_instance(m, &m->pa, ops, area, MODEL_SPARE_RUNS);
}

bool model_guards(struct model *m)
{
	const uint8_t *before = m->env->meta[m->area];
	const uint8_t *after = before + GUARD_BYTES + m->meta_bytes;
	for (size_t i = 0; i < GUARD_BYTES; i++) {
		if (before[i] != GUARD || after[i] != GUARD) {
			return model_fail(m, "the backend wrote outside its metadata", i);
		}
	}
	return true;
}

/* ---- what the model knows -------------------------------------------------------------------- */

uint64_t model_first_not(struct model *m, struct pfn_range r, enum model_state state)
{
	for (uint64_t n = r.start.n; n < r.end.n; n++) {
		if (model_kind(m, n) != state) {
			return n;
		}
	}
	return r.end.n;
}

void model_paint(struct model *m, struct pfn_range r, enum model_state state)
{
	memset(model_state(m, r.start.n), state, pfn_range_pages(r));
}

void model_note(struct model *m, const char *name, struct pfn_range range, uint32_t how, int err)
{
	const uint64_t parts[] = { range.start.n, range.end.n, how, (uint64_t)err };
	uint64_t digest = m->answers;
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		digest = (digest ^ parts[i]) * 0x100000001b3ULL;
	}
	m->answers = digest ^ digest >> 29;
	m->env->history[m->operations % CONFORMANCE_HISTORY] =
		(struct conformance_op){ name, range.start.n, range.end.n, how, err };
	m->operations++;
	m->home_operations += m->ops == m->home;
}

int model_note_block(struct model *m, struct pfn_range range)
{
	if (m->block_count == CONFORMANCE_BLOCKS) {
		return model_can(m, PALLOC_CAP_FREE) ? model_free(m, range) : 0;
	}
	m->env->blocks[m->block_count++] =
		(struct conformance_block){ range.start.n, pfn_range_pages(range) };
	return 0;
}

int model_populate(struct model *m, struct pfn_range frames)
{
	m->populations++;
	if (m->deny_every != 0 && m->populations % m->deny_every == 0) {
		return -ENOMEM;
	}
	return m->env->populate(m->env->ctx, frames);
}

bool model_free_block(struct model *m, uint32_t i)
{
	struct conformance_block block = m->env->blocks[i];
	m->env->blocks[i] = m->env->blocks[--m->block_count];
	struct pfn_range range = { pfn(block.start), pfn(block.start + block.pages) };
	MODEL_EXPECT(m, model_free(m, range) == 0, block.start);
	return m->wrong == NULL;
}

bool model_free_all(struct model *m)
{
	while (m->block_count > 0) {
		if (!model_free_block(m, m->block_count - 1)) {
			return false;
		}
	}
	return true;
}

/* ---- memory ---------------------------------------------------------------------------------- */

bool model_add_memory(struct model *m)
{
	uint64_t start = m->env->span.start.n;
	uint64_t end = m->env->span.end.n;
	uint64_t middle = start + (end - start) / 2;
	/* An odd start, a hole of three frames, one of 700 across blocks, an odd end. */
	MODEL_EXPECT(m, model_add(m, start + 3, start + 40, PALLOC_RUN_FREE) == 0, start);
	MODEL_EXPECT(m, model_add(m, start + 43, middle, PALLOC_RUN_FREE) == 0, start);
	MODEL_EXPECT(m, model_add(m, middle + 700, end - 5, PALLOC_RUN_FREE) == 0, middle);
	return model_verify(m);
}

/** Most runs of a random shape. */
#define SHAPE_RUNS 24

bool model_add_shape(struct model *m)
{
	struct palloc_run runs[SHAPE_RUNS];
	uint32_t count = 0;
	uint64_t at = m->env->span.start.n;
	const uint64_t end = m->env->span.end.n;
	/* Few long runs, or many short ones. */
	const uint64_t most = 1 + (end - at) / (1 + model_random_below(m, SHAPE_RUNS));
	while (at < end && count < SHAPE_RUNS) {
		uint64_t pages = 1 + model_random_below(m, most);
		uint64_t kind = model_random_below(m, 8);
		pages = pages < end - at ? pages : end - at;
		if (kind < 6) {
			runs[count++] = (struct palloc_run){
				.range = { pfn(at), pfn(at + pages) },
				.state = kind == 5 ? PALLOC_RUN_ALLOCATED : PALLOC_RUN_FREE,
			};
		}
		at += pages;
	}
	/* Ascending is the cheapest, any order is legal. */
	for (uint32_t left = model_random_below(m, 2) != 0 ? count : 0; left > 1; left--) {
		uint64_t other = model_random_below(m, left);
		struct palloc_run run = runs[other];
		runs[other] = runs[left - 1];
		runs[left - 1] = run;
	}
	for (uint32_t i = 0; i < count; i++) {
		struct pfn_range range = runs[i].range;
		MODEL_EXPECT(m,
			     model_add(m, range.start.n, range.end.n, runs[i].state) == 0 &&
				     m->wrong == NULL,
			     range.start.n);
		if (runs[i].state == PALLOC_RUN_ALLOCATED &&
		    model_can(m, PALLOC_CAP_FREE | PALLOC_CAP_SUBFREE)) {
			MODEL_EXPECT(m, model_note_block(m, range) == 0, range.start.n);
		}
	}
	return model_verify(m);
}
