/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The model: a byte a frame (hole, free, used) and a table of blocks in use. Every operation goes
 * through it, so an answer that contradicts it is noticed at once; model_verify() compares
 * everything.
 */
#include "model.h"

#include "fpg/base/errno.h"
#include "fpg/base/range.h"

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
	m->random ^= m->random >> 12;
	m->random ^= m->random << 25;
	m->random ^= m->random >> 27;
	return m->random * 0x2545f4914f6cdd1dULL;
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
	m->random = random != 0 ? random : env->seed;
	m->operations = operations;
	env->reset(env->ctx);
	memset(env->state, MODEL_HOLE, pfn_range_pages(env->span));
	memset(env->pageblocks, GUARD, pageblock_map_bytes(env->span));
	pageblock_map_init(&m->map, env->span, env->pageblocks);
	return model_instance(m, &m->pa, ops, area, 64);
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

/* ---- operations ------------------------------------------------------------------------------ */

static bool in_span(const struct model *m, struct pfn_range r)
{
	return r.start.n >= m->env->span.start.n && r.end.n <= m->env->span.end.n &&
	       r.start.n < r.end.n;
}

/** The first frame of the range that is not in @state, or its end. */
static uint64_t first_not(struct model *m, struct pfn_range r, enum model_state state)
{
	for (uint64_t n = r.start.n; n < r.end.n; n++) {
		if (*model_state(m, n) != state) {
			return n;
		}
	}
	return r.end.n;
}

static void paint(struct model *m, struct pfn_range r, enum model_state state)
{
	memset(model_state(m, r.start.n), state, pfn_range_pages(r));
}

/** Populate what the backend asked for. Return: 0 when the call may be tried again. */
static int satisfy(struct model *m)
{
	struct pfn_range want = m->pa.want;
	m->pa.want = (struct pfn_range){ pfn(0), pfn(0) };
	if (!pfn_range_pages(want) || frame_table_populated(want)) {
		(void)model_fail(m, "-EAGAIN without a record that is missing", want.start.n);
		return -EINVAL;
	}
	return m->env->populate(m->env->ctx, want);
}

int model_add(struct model *m, uint64_t start, uint64_t end, enum palloc_run_state state)
{
	struct palloc_run run = { .range = { pfn(start), pfn(end) },
				  .state = state,
				  .type = MIGRATE_MOVABLE };
	int err = m->ops->add(&m->pa, &run);
	while (err == -EAGAIN) {
		err = satisfy(m);
		err = err != 0 ? err : m->ops->add(&m->pa, &run);
	}
	m->operations++;
	if (err != 0) {
		return err;
	}
	m->managed_pages += end - start;
	if (state == PALLOC_RUN_FREE) {
		m->free_pages += end - start;
	}
	paint(m, run.range, state == PALLOC_RUN_FREE ? MODEL_FREE : MODEL_USED);
	return 0;
}

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

static int note_block(struct model *m, struct pfn_range range)
{
	if (m->block_count == CONFORMANCE_BLOCKS) {
		return model_can(m, PALLOC_CAP_FREE) ? model_free(m, range) : 0;
	}
	m->env->blocks[m->block_count++] =
		(struct conformance_block){ range.start.n, pfn_range_pages(range) };
	return 0;
}

/** A block of a backend with types lies only in pageblocks that the request may be served from. */
static bool types_allow(struct model *m, const struct palloc_req *req, struct pfn_range range)
{
	uint64_t n = range.start.n;
	while (model_can(m, PALLOC_CAP_CLASS) && n < range.end.n) {
		enum migratetype type = pageblock_type(&m->map, pfn(n));
		bool cma = req->type == MIGRATE_MOVABLE && (req->flags & PALLOC_REQ_CMA);
		if (type == MIGRATE_ISOLATE || (type == MIGRATE_CMA && !cma) ||
		    (type == MIGRATE_HIGHATOMIC && !(req->flags & PALLOC_REQ_HIGH))) {
			return false;
		}
		n = ALIGN_DOWN(n, PAGEBLOCK_NR_PAGES) + PAGEBLOCK_NR_PAGES;
	}
	return true;
}

int model_alloc(struct model *m, const struct palloc_req *req, struct pfn_range *out)
{
	struct palloc_req asked = *req;
	struct palloc_block block = m->ops->alloc(&m->pa, &asked);
	m->operations++;
	while (block.err == -EAGAIN) {
		if (asked.flags & PALLOC_REQ_POPULATED) {
			(void)model_fail(m, "-EAGAIN although PALLOC_REQ_POPULATED was set", 0);
			return -EINVAL;
		}
		int err = satisfy(m);
		if (err == -ENOMEM) {
			asked.flags |= PALLOC_REQ_POPULATED;
		} else if (err != 0) {
			return err;
		}
		block = m->ops->alloc(&m->pa, &asked);
	}
	if (block.err != 0) {
		return block.err;
	}
	struct pfn_range range = { block.start, pfn_add(block.start, block.pages) };
	if (block.pages != req->pages || !in_span(m, range)) {
		(void)model_fail(m, "a block of another size, or outside the span", block.start.n);
	} else if (!IS_ALIGNED(block.start.n, 1ULL << req->align_order)) {
		(void)model_fail(m, "a block that is not aligned as asked", block.start.n);
	} else if (first_not(m, range, MODEL_FREE) != range.end.n) {
		(void)model_fail(m, "a frame that was not free", first_not(m, range, MODEL_FREE));
	} else if (block.type >= MIGRATE_TYPE_COUNT || !types_allow(m, req, range)) {
		(void)model_fail(m, "a block from a pageblock of a forbidden type", block.start.n);
	} else if (model_can(m, PALLOC_CAP_CLASS) &&
		   pageblock_type(&m->map, block.start) != block.type) {
		(void)model_fail(m, "the block's type is not its pageblock's", block.start.n);
	}
	if (m->wrong != NULL) {
		return -EINVAL;
	}
	paint(m, range, MODEL_USED);
	m->free_pages -= block.pages;
	if (out != NULL) {
		*out = range;
	}
	return note_block(m, range);
}

int model_free(struct model *m, struct pfn_range range)
{
	int err = m->ops->free(&m->pa, range);
	m->operations++;
	while (err == -EAGAIN) {
		err = satisfy(m);
		err = err != 0 ? err : m->ops->free(&m->pa, range);
	}
	if (err != 0) {
		return err;
	}
	if (!in_span(m, range) || first_not(m, range, MODEL_USED) != range.end.n) {
		(void)model_fail(m, "it let frames be freed that were not in use", range.start.n);
		return -EINVAL;
	}
	paint(m, range, MODEL_FREE);
	m->free_pages += pfn_range_pages(range);
	return 0;
}

int model_claim(struct model *m, struct pfn_range range, pfn_t *blocker)
{
	pfn_t first = pfn(UINT64_MAX);
	int err = m->ops->claim(&m->pa, range, &first);
	m->operations++;
	while (err == -EAGAIN) {
		err = satisfy(m);
		err = err != 0 ? err : m->ops->claim(&m->pa, range, &first);
	}
	bool inside = in_span(m, range);
	uint64_t busy = inside ? first_not(m, range, MODEL_FREE) : 0;
	if (err == 0 && (!inside || busy != range.end.n)) {
		(void)model_fail(m, "it let frames be claimed that were not free", busy);
	} else if (err == -EBUSY && (!inside || first.n != busy)) {
		(void)model_fail(m, "-EBUSY names another frame than the first one in the way",
				 busy);
	} else if (err == 0) {
		paint(m, range, MODEL_USED);
		m->free_pages -= pfn_range_pages(range);
		return note_block(m, range);
	}
	if (blocker != NULL) {
		*blocker = first;
	}
	return err;
}

int model_retag(struct model *m, struct pfn_range range, enum migratetype type)
{
	int err = m->ops->retag(&m->pa, range, type);
	m->operations++;
	while (err == -EAGAIN) {
		err = satisfy(m);
		err = err != 0 ? err : m->ops->retag(&m->pa, range, type);
	}
	for (uint64_t n = range.start.n; err == 0 && n < range.end.n; n += PAGEBLOCK_NR_PAGES) {
		if (pageblock_type(&m->map, pfn(n)) != type) {
			(void)model_fail(m, "a pageblock has not got the type it was given", n);
		}
	}
	return err;
}

int model_shrink(struct model *m, struct pfn_range range)
{
	int err = m->ops->shrink(&m->pa, range);
	m->operations++;
	while (err == -EAGAIN) {
		err = satisfy(m);
		err = err != 0 ? err : m->ops->shrink(&m->pa, range);
	}
	if (err != 0) {
		return err;
	}
	if (!in_span(m, range) || first_not(m, range, MODEL_FREE) != range.end.n) {
		(void)model_fail(m, "it let frames go that were not free", range.start.n);
		return -EINVAL;
	}
	paint(m, range, MODEL_HOLE);
	m->free_pages -= pfn_range_pages(range);
	m->managed_pages -= pfn_range_pages(range);
	return 0;
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
