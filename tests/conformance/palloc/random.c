/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random sequences of operations: three numbers choose each, so that a seed or a fuzzer's bytes
 * replay a run.
 */
#include "model.h"

#include "fpg/base/errno.h"
#include "fpg/base/range.h"

/** A request whose answer may be anything legal. */
static bool step_alloc(struct model *m, uint64_t b, uint64_t c)
{
	static const uint8_t types[] = { MIGRATE_MOVABLE, MIGRATE_UNMOVABLE, MIGRATE_RECLAIMABLE };
	/* Small orders most of the time, now and then the largest. */
	unsigned int order = b % 16 == 0 ? (unsigned int)(b / 16 % (m->ops->max_order + 1U)) :
					   (unsigned int)(b / 16 % 4);
	order = order < m->ops->max_order ? order : m->ops->max_order;
	struct palloc_req req = model_req(order, (enum migratetype)types[c % ARRAY_SIZE(types)]);
	req.flags = (uint32_t)(c / 3 % 4);
	if (model_can(m, PALLOC_CAP_RUN) && b % 3 == 0) {
		req.pages = 1 + (uint32_t)(b / 48 % ((1U << order) * 2));
		req.pages = req.pages < 1U << m->ops->max_order ? req.pages :
								  1U << m->ops->max_order;
		req.align_order = (uint8_t)(c / 12 % 6);
	}
	int err = model_alloc(m, &req, NULL);
	MODEL_EXPECT(m, m->wrong == NULL, b);
	MODEL_EXPECT(m, err == 0 || err == -ENOMEM, (uint64_t)-err);
	return true;
}

/** A part of a block goes, what is left are blocks of their own. */
static bool step_free_part(struct model *m, uint64_t b, uint64_t c)
{
	uint32_t i = (uint32_t)(b % m->block_count);
	struct conformance_block block = m->env->blocks[i];
	uint64_t from = c % block.pages;
	uint64_t to = from + 1 + b / 512 % (block.pages - from);
	if (m->block_count + 1 >= CONFORMANCE_BLOCKS) {
		return model_free_block(m, i);
	}
	struct pfn_range part = { pfn(block.start + from), pfn(block.start + to) };
	int err = model_free(m, part);
	MODEL_EXPECT(m, m->wrong == NULL && (err == 0 || err == -ENOMEM), part.start.n);
	if (err != 0) {
		return true;
	}
	m->env->blocks[i] = m->env->blocks[--m->block_count];
	if (from != 0) {
		m->env->blocks[m->block_count++] = (struct conformance_block){ block.start, from };
	}
	if (to != block.pages) {
		m->env->blocks[m->block_count++] =
			(struct conformance_block){ block.start + to, block.pages - to };
	}
	return true;
}

/** Up to 700 frames somewhere. */
static struct pfn_range some_range(const struct model *m, uint64_t b, uint64_t c)
{
	uint64_t span = pfn_range_pages(m->env->span);
	uint64_t from = b % span;
	uint64_t most = span - from < 700 ? span - from : 700;
	uint64_t pages = 1 + (c % 4 == 0 ? c / 4 % most : c / 4 % 8 % most);
	return (struct pfn_range){ pfn(m->env->span.start.n + from),
				   pfn(m->env->span.start.n + from + pages) };
}

static bool step_claim(struct model *m, uint64_t b, uint64_t c)
{
	int err = model_claim(m, some_range(m, b, c), NULL);
	MODEL_EXPECT(m, m->wrong == NULL, b);
	MODEL_EXPECT(m, err == 0 || err == -EBUSY || err == -ENOMEM, (uint64_t)-err);
	return true;
}

static bool step_wrong_free(struct model *m, uint64_t b, uint64_t c)
{
	struct pfn_range range = some_range(m, b, c);
	bool wrong = false;
	for (uint64_t n = range.start.n; n < range.end.n; n++) {
		wrong = wrong || *model_state(m, n) != MODEL_USED;
	}
	MODEL_EXPECT(m, !wrong || model_free(m, range) == -EINVAL, range.start.n);
	return true;
}

static bool step_retag(struct model *m, uint64_t b, uint64_t c)
{
	static const uint8_t types[] = { MIGRATE_MOVABLE,   MIGRATE_MOVABLE,	 MIGRATE_MOVABLE,
					 MIGRATE_UNMOVABLE, MIGRATE_RECLAIMABLE, MIGRATE_CMA,
					 MIGRATE_ISOLATE,   MIGRATE_HIGHATOMIC };
	uint64_t first = ALIGN_UP(m->env->span.start.n, PAGEBLOCK_NR_PAGES);
	uint64_t blocks = (m->env->span.end.n - first) / PAGEBLOCK_NR_PAGES;
	uint64_t from = b % blocks;
	uint64_t count = 1 + b / 64 % 3;
	count = count < blocks - from ? count : blocks - from;
	struct pfn_range range = { pfn(first + from * PAGEBLOCK_NR_PAGES),
				   pfn(first + (from + count) * PAGEBLOCK_NR_PAGES) };
	int err = model_retag(m, range, (enum migratetype)types[c % ARRAY_SIZE(types)]);
	MODEL_EXPECT(m, m->wrong == NULL && (err == 0 || err == -ENOMEM), (uint64_t)-err);
	return true;
}

/** Memory goes, or a hole is filled. */
static bool step_shrink_or_add(struct model *m, uint64_t b, uint64_t c)
{
	struct pfn_range range = some_range(m, b, c);
	if (*model_state(m, range.start.n) != MODEL_HOLE) {
		int err = model_shrink(m, range);
		MODEL_EXPECT(m, m->wrong == NULL && (err == 0 || err == -EBUSY || err == -ENOMEM),
			     (uint64_t)-err);
		return true;
	}
	uint64_t end = range.start.n;
	while (end < m->env->span.end.n && *model_state(m, end) == MODEL_HOLE) {
		end++;
	}
	int err = model_add(m, range.start.n, end, PALLOC_RUN_FREE);
	MODEL_EXPECT(m, m->wrong == NULL && (err == 0 || err == -ENOMEM), (uint64_t)-err);
	return true;
}

bool model_step(struct model *m, uint64_t a, uint64_t b, uint64_t c)
{
	unsigned int kind = (unsigned int)(a % 100);
	/*
	 * Three modes that change every few thousand steps fill memory, keep it level and empty it.
	 */
	unsigned int fill = m->operations / 3000 % 3 == 0 ? 62 :
			    m->operations / 3000 % 3 == 1 ? 44 :
							    30;
	if (kind < fill || (m->block_count == 0 && kind < 86)) {
		return step_alloc(m, b, c);
	}
	if (kind < 80) {
		return !model_can(m, PALLOC_CAP_FREE) ||
		       model_free_block(m, (uint32_t)(b % m->block_count));
	}
	if (kind < 86) {
		return !model_can(m, PALLOC_CAP_SUBFREE) || step_free_part(m, b, c);
	}
	if (kind < 90) {
		return !model_can(m, PALLOC_CAP_CLAIM) || step_claim(m, b, c);
	}
	if (kind < 94) {
		return !model_can(m, PALLOC_CAP_FREE) || step_wrong_free(m, b, c);
	}
	if (kind < 97) {
		return !model_can(m, PALLOC_CAP_CLASS) || step_retag(m, b, c);
	}
	return !model_can(m, PALLOC_CAP_SHRINK) || step_shrink_or_add(m, b, c);
}

bool model_random_run(struct model *m, uint64_t steps)
{
	for (uint64_t i = 0; i < steps; i++) {
		uint64_t a = model_random(m) >> 13;
		uint64_t b = model_random(m) >> 13;
		uint64_t c = model_random(m) >> 13;
		if (!model_step(m, a, b, c)) {
			return false;
		}
		if ((i + 1) % m->env->check_every == 0 && !model_verify(m)) {
			return false;
		}
	}
	return true;
}
