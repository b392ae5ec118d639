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
	req.flags = (uint32_t)(c / 3 % 4) | (c / 12 % 16 == 0 ? PALLOC_REQ_POPULATED : 0);
	if (c / 192 % 8 == 0) {
		req.flags |= PALLOC_REQ_FEWER;
		req.align_order = (uint8_t)(c / 1536 % (order + 1));
	} else if (model_can(m, PALLOC_CAP_RUN) && b % 3 == 0) {
		req.pages = 1 + (uint32_t)(b / 48 % ((1U << order) * 2));
		req.pages = req.pages < 1U << m->ops->max_order ? req.pages :
								  1U << m->ops->max_order;
		req.align_order = (uint8_t)(c / 12 % 6);
	} else if (c / 1536 % 8 == 0) {
		req.align_order = (uint8_t)(c / 12 % (order + 1));
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
		wrong = wrong || model_kind(m, n) != MODEL_USED;
	}
	/* Records that cannot be had may be missed before it is seen that the free is wrong. */
	int err = wrong ? model_free(m, range) : -EINVAL;
	MODEL_EXPECT(m, m->wrong == NULL && (err == -EINVAL || err == -ENOMEM), range.start.n);
	return true;
}

static bool step_retag(struct model *m, uint64_t b, uint64_t c)
{
	static const uint8_t types[] = { MIGRATE_MOVABLE,   MIGRATE_MOVABLE,	 MIGRATE_MOVABLE,
					 MIGRATE_UNMOVABLE, MIGRATE_RECLAIMABLE, MIGRATE_CMA,
					 MIGRATE_ISOLATE,   MIGRATE_HIGHATOMIC };
	uint64_t first = ALIGN_UP(m->env->span.start.n, PAGEBLOCK_NR_PAGES);
	uint64_t last = ALIGN_DOWN(m->env->span.end.n, PAGEBLOCK_NR_PAGES);
	uint64_t blocks = last > first ? (last - first) / PAGEBLOCK_NR_PAGES : 0;
	if (blocks == 0) {
		return true;
	}
	uint64_t from = b % blocks;
	uint64_t count = 1 + b / 64 % 3;
	count = count < blocks - from ? count : blocks - from;
	struct pfn_range range = { pfn(first + from * PAGEBLOCK_NR_PAGES),
				   pfn(first + (from + count) * PAGEBLOCK_NR_PAGES) };
	int err = model_retag(m, range, (enum migratetype)types[c % ARRAY_SIZE(types)]);
	MODEL_EXPECT(m, m->wrong == NULL && (err == 0 || err == -ENOMEM), (uint64_t)-err);
	return true;
}

/** Memory goes. */
static bool step_shrink(struct model *m, struct pfn_range range)
{
	int err = model_shrink(m, range);
	MODEL_EXPECT(m, m->wrong == NULL && (err == 0 || err == -EBUSY || err == -ENOMEM),
		     (uint64_t)-err);
	return true;
}

/** Memory comes late: what lies in a hole becomes free, or is taken over in use. */
static bool step_add(struct model *m, struct pfn_range range, bool used)
{
	uint64_t end = range.start.n;
	while (end < m->env->span.end.n && *model_state(m, end) == MODEL_HOLE) {
		end++;
	}
	used = used && model_can(m, PALLOC_CAP_FREE | PALLOC_CAP_SUBFREE);
	range.end = pfn(end);
	int err = model_add(m, range.start.n, end, used ? PALLOC_RUN_ALLOCATED : PALLOC_RUN_FREE);
	MODEL_EXPECT(m, m->wrong == NULL && (err == 0 || err == -ENOMEM || err == -ENOSPC),
		     (uint64_t)-err);
	if (err == 0 && used) {
		MODEL_EXPECT(m, model_note_block(m, range) == 0 && m->wrong == NULL, end);
	}
	return true;
}

/** Frames are added that are there already, or some of them. */
static bool step_wrong_add(struct model *m, struct pfn_range range)
{
	int err = model_add(m, range.start.n, range.end.n, PALLOC_RUN_FREE);
	MODEL_EXPECT(m, m->wrong == NULL && (err == -EINVAL || err == -ENOMEM), range.start.n);
	return true;
}

static bool step_shrink_or_add(struct model *m, uint64_t b, uint64_t c)
{
	struct pfn_range range = some_range(m, b, c);
	if (*model_state(m, range.start.n) == MODEL_HOLE) {
		return step_add(m, range, c % 3 == 0);
	}
	if (c % 5 == 0) {
		return step_wrong_add(m, range);
	}
	return !model_can(m, PALLOC_CAP_SHRINK) || step_shrink(m, range);
}

static bool step_bytes(struct model *m, uint64_t b, uint64_t c)
{
	const struct pfn_range span = m->env->span;
	const uint64_t goal = span.start.n + c / 64 % pfn_range_pages(span);
	struct palloc_bytes_req req = {
		.bytes = 1 + (b % 8 == 0 ? b / 8 % 40000 : b / 8 % 3000),
		.align = 1ULL << c % 15,
		.goal = b % 3 == 0 ? pfn_to_phys(pfn(goal)) + b % 5000 : 0,
		.limit = b % 3 == 1 ? pfn_to_phys(pfn(goal)) + b % 9000 : 0,
	};
	struct palloc_bytes got;
	int err = model_alloc_bytes(m, &req, &got);
	MODEL_EXPECT(m, m->wrong == NULL && (err == 0 || err == -ENOMEM), (uint64_t)-err);
	return true;
}

/** Now and then another backend of the table takes over; it soon hands back to the one that the run is about. */
static bool step_handover(struct model *m, uint64_t c)
{
	const struct palloc_ops *const *table = m->env->table;
	uint64_t count = 0;
	while (table[count] != NULL) {
		count++;
	}
	return model_handover(m, m->ops == m->home ? table[c % count] :
				 c % 4 != 0	   ? m->home :
						     table[c / 4 % count]);
}

static bool step_rare(struct model *m, uint64_t b, uint64_t c)
{
	if (m->env->table != NULL && b % (m->ops == m->home ? 8 : 2) == 0) {
		return step_handover(m, c);
	}
	if (model_can(m, PALLOC_CAP_HART)) {
		m->ops->drain(&m->pa, 0);
		model_note(m, "drain", m->env->span, 0, 0);
	}
	return b / 64 % 16 != 0 || model_verify(m);
}

/** Of 256 operations so many are, in this order; the first number is that of allocations and changes with the mode. */
enum {
	UP_TO_FREE = 204,
	UP_TO_PART = 219,
	UP_TO_CLAIM = 229,
	UP_TO_WRONG_FREE = 238,
	UP_TO_RETAG = 246,
	UP_TO_ADD = 250,
	UP_TO_BYTES = 255
};

bool model_step(struct model *m, uint64_t a, uint64_t b, uint64_t c)
{
	const unsigned int kind = (unsigned int)(a % 256);
	/*
	 * Three modes that change every few thousand steps fill memory, keep it level and empty it.
	 */
	static const uint8_t fill[] = { 158, 112, 77 };
	if (kind < fill[m->operations / 3000 % ARRAY_SIZE(fill)] ||
	    (m->block_count == 0 && kind < UP_TO_PART)) {
		return step_alloc(m, b, c);
	}
	if (kind < UP_TO_FREE) {
		return !model_can(m, PALLOC_CAP_FREE) ||
		       model_free_block(m, (uint32_t)(b % m->block_count));
	}
	if (kind < UP_TO_PART) {
		return !model_can(m, PALLOC_CAP_SUBFREE) || step_free_part(m, b, c);
	}
	if (kind < UP_TO_CLAIM) {
		return !model_can(m, PALLOC_CAP_CLAIM) || step_claim(m, b, c);
	}
	if (kind < UP_TO_WRONG_FREE) {
		return !model_can(m, PALLOC_CAP_FREE) || step_wrong_free(m, b, c);
	}
	if (kind < UP_TO_RETAG) {
		return !model_can(m, PALLOC_CAP_CLASS) || step_retag(m, b, c);
	}
	if (kind < UP_TO_ADD) {
		return step_shrink_or_add(m, b, c);
	}
	if (kind < UP_TO_BYTES) {
		return !model_can(m, PALLOC_CAP_PACK) || step_bytes(m, b, c);
	}
	return step_rare(m, b, c);
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
