/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hand-over between two backends, with blocks in use: nothing is lost, and what was allocated is
 * freed by the new one.
 */
#include "model.h"

#include "fpg/base/errno.h"
#include "fpg/base/range.h"
#include "fpg/core/palloc_handover.h"

static int populate(void *ctx, struct pfn_range frames)
{
	return model_populate(ctx, frames);
}

bool model_handover(struct model *m, const struct palloc_ops *to)
{
	struct palloc next;
	uint64_t free_pages = m->free_pages;
	uint32_t runs = palloc_managed_runs(&m->pa);
	unsigned int area = m->area;
	size_t meta_bytes = m->meta_bytes;
	uint32_t max_runs = m->max_runs;
	if (!model_instance(m, &next, to, 1 - area, runs + MODEL_SPARE_RUNS)) {
		return false;
	}
	bool refused = model_can(m, PALLOC_CAP_FREE) && !(to->caps & PALLOC_CAP_FREE) &&
		       m->free_pages != m->managed_pages;
	int err = palloc_handover(&m->pa, &next, populate, m);
	m->handovers += err == 0;
	model_note(m, to->name, m->env->span, 0, err);
	if (refused || err == -ENOMEM) {
		/* Blocks in use could never be freed there; or a record was missing. Nothing has changed. */
		MODEL_EXPECT(m, err == (refused ? -ENOTSUP : -ENOMEM), (uint64_t)-err);
		MODEL_EXPECT(m, refused || m->deny_every != 0, 0);
		m->area = area;
		m->meta_bytes = meta_bytes;
		m->max_runs = max_runs;
		return model_verify(m);
	}
	MODEL_EXPECT(m, err == 0, (uint64_t)-err);
	MODEL_EXPECT(m, m->pa.state == PALLOC_RETIRED && next.state == PALLOC_LIVE, 0);
	MODEL_EXPECT(m, m->free_pages == free_pages, 0);
	m->pa = next;
	m->ops = to;
	m->runs = runs;
	/* Nobody shares a page with boot allocations of before. */
	for (uint64_t n = m->env->span.start.n; n < m->env->span.end.n; n++) {
		*model_state(m, n) = (uint8_t)model_kind(m, n);
	}
	if (!model_can(m, PALLOC_CAP_RECORDS)) {
		/* The suite is the front end, and it keeps no heads of its own. */
		frame_table_clear(m->env->span);
	}
	return model_verify(m);
}

/** Every second whole pageblock gets another type while all is free: blocks that could join, but have not. */
static bool make_free_neighbours_differ(struct model *m)
{
	uint64_t n = ALIGN_UP(m->env->span.start.n, PAGEBLOCK_NR_PAGES);
	for (; n + 2 * PAGEBLOCK_NR_PAGES <= m->env->span.end.n; n += 2 * PAGEBLOCK_NR_PAGES) {
		struct pfn_range range = { pfn(n), pfn(n + PAGEBLOCK_NR_PAGES) };
		MODEL_EXPECT(m, model_retag(m, range, MIGRATE_UNMOVABLE) == 0, n);
	}
	return model_verify(m);
}

bool handover_conserves(struct conformance_env *env, const struct palloc_ops *from,
			const struct palloc_ops *to, struct model *m)
{
	if (!model_start(m, from, env, 0) || !model_add_memory(m)) {
		return false;
	}
	if (model_can(m, PALLOC_CAP_CLASS) &&
	    !(make_free_neighbours_differ(m) && model_handover(m, to) && model_handover(m, from))) {
		return false;
	}
	for (unsigned int round = 0; round < 4; round++) {
		if (!model_random_run(m, env->steps / 8 + 200) || !model_verify(m)) {
			return false;
		}
		if (!model_handover(m, round % 2 == 0 ? to : from)) {
			return false;
		}
	}
	if (!model_can(m, PALLOC_CAP_FREE)) {
		return true;
	}
	MODEL_EXPECT(m, model_free_all(m), 0);
	MODEL_EXPECT(m, m->free_pages == m->managed_pages, m->free_pages);
	return model_verify(m) && model_handover(m, to);
}
