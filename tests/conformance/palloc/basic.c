/* SPDX-License-Identifier: BSD-2-Clause */
/* Properties of starting, adding, allocating and freeing whole blocks. */
#include "model.h"

#include "fpg/base/errno.h"
#include "fpg/base/range.h"

static bool metadata_is_at_most_a_bit_a_frame(struct model *m)
{
	uint64_t frames = 1ULL << 28; /* 1 TiB */
	struct palloc_geometry small = { .span = { pfn(0x80000), pfn(0x80001) },
					 .harts = 1,
					 .max_runs = 1 };
	struct palloc_geometry large = { .span = { pfn(0x80000), pfn(0x80000 + frames) },
					 .harts = 1,
					 .max_runs = 1 };
	size_t constant = m->ops->meta_bytes(&small);
	MODEL_EXPECT(m, m->ops->meta_bytes(&large) <= constant + frames / 8, constant);
	large.max_runs = 1000;
	MODEL_EXPECT(m, m->ops->meta_bytes(&large) >= m->ops->meta_bytes(&small), 0);
	return true;
}

static bool after_init_nothing_is_free_or_managed(struct model *m)
{
	struct palloc_req req = model_req(0, MIGRATE_UNMOVABLE);
	MODEL_EXPECT(m, model_verify(m), 0);
	MODEL_EXPECT(m, model_alloc(m, &req, NULL) == -ENOMEM, 0);
	return model_verify(m);
}

static bool too_little_metadata_is_refused(struct model *m)
{
	struct palloc pa = m->pa;
	MODEL_EXPECT(m, m->ops->init(&pa, pa.meta, 8) == -EINVAL, 0);
	return model_guards(m);
}

static bool added_runs_appear_as_they_are(struct model *m)
{
	return model_add_memory(m);
}

static bool single_frames_can_be_added(struct model *m)
{
	uint64_t start = m->env->span.start.n;
	for (uint64_t i = 0; i < 24; i += 2) {
		MODEL_EXPECT(m, model_add(m, start + i, start + i + 1, PALLOC_RUN_FREE) == 0,
			     start + i);
	}
	MODEL_EXPECT(m, model_verify(m), 0);
	for (uint64_t i = 1; i < 24; i += 2) {
		MODEL_EXPECT(m, model_add(m, start + i, start + i + 1, PALLOC_RUN_FREE) == 0,
			     start + i);
	}
	return model_verify(m);
}

static bool adding_outside_or_twice_is_refused(struct model *m)
{
	uint64_t start = m->env->span.start.n;
	uint64_t end = m->env->span.end.n;
	MODEL_EXPECT(m, model_add_memory(m), 0);
	uint64_t before = model_digest(m);
	MODEL_EXPECT(m, model_add(m, end, end + 8, PALLOC_RUN_FREE) == -EINVAL, end);
	MODEL_EXPECT(m, model_add(m, start - 8, start + 1, PALLOC_RUN_FREE) == -EINVAL, start);
	MODEL_EXPECT(m, model_add(m, end - 8, end + 1, PALLOC_RUN_ALLOCATED) == -EINVAL, end);
	MODEL_EXPECT(m, model_add(m, start + 10, start + 11, PALLOC_RUN_FREE) == -EINVAL, start);
	MODEL_EXPECT(m, model_add(m, start + 39, start + 42, PALLOC_RUN_FREE) == -EINVAL, start);
	MODEL_EXPECT(m, model_add(m, start, end, PALLOC_RUN_FREE) == -EINVAL, start);
	MODEL_EXPECT(m, model_add(m, start + 5, start + 5, PALLOC_RUN_FREE) == -EINVAL, start);
	MODEL_EXPECT(m, model_digest(m) == before, 0);
	return model_verify(m);
}

static bool every_frame_can_be_had_once(struct model *m)
{
	uint64_t got = 0;
	struct palloc_req req = model_req(0, MIGRATE_MOVABLE);
	MODEL_EXPECT(m, model_add_memory(m), 0);
	uint64_t before = model_digest(m);
	while (model_alloc(m, &req, NULL) == 0) {
		/* More blocks than the table holds: only the model's frames remember them. */
		m->block_count = 0;
		got++;
	}
	MODEL_EXPECT(m, m->wrong == NULL && got == m->managed_pages, got);
	MODEL_EXPECT(m, model_verify(m), 0);
	if (!model_can(m, PALLOC_CAP_FREE)) {
		return true;
	}
	/* Given back in another order than taken, all of it joins again. */
	for (uint64_t step = 0; step < 7; step++) {
		for (uint64_t n = m->env->span.start.n + step; n < m->env->span.end.n; n += 7) {
			if (*model_state(m, n) == MODEL_USED) {
				MODEL_EXPECT(m,
					     model_free(m, (struct pfn_range){ pfn(n),
									       pfn(n + 1) }) == 0,
					     n);
			}
		}
	}
	MODEL_EXPECT(m, model_digest(m) == before, 0);
	return model_verify(m);
}

static bool blocks_of_every_order_are_aligned(struct model *m)
{
	MODEL_EXPECT(m, model_add_memory(m), 0);
	for (unsigned int round = 0; round < 3; round++) {
		for (unsigned int order = 0; order <= m->ops->max_order; order++) {
			enum migratetype type = (enum migratetype)((order + round) % 3);
			struct palloc_req req = model_req(order, type);
			int err = model_alloc(m, &req, NULL);
			MODEL_EXPECT(m, m->wrong == NULL && (err == 0 || err == -ENOMEM), order);
			MODEL_EXPECT(m, err == 0 || round > 0, order);
		}
	}
	MODEL_EXPECT(m, model_verify(m), 0);
	return !model_can(m, PALLOC_CAP_FREE) || (model_free_all(m) && model_verify(m));
}

static bool malformed_requests_are_refused(struct model *m)
{
	MODEL_EXPECT(m, model_add_memory(m), 0);
	uint64_t before = model_digest(m);
	struct palloc_req none = model_req(0, MIGRATE_MOVABLE);
	none.pages = 0;
	MODEL_EXPECT(m, model_alloc(m, &none, NULL) == -EINVAL, 0);
	struct palloc_req huge = model_req(0, MIGRATE_MOVABLE);
	huge.pages = (1U << m->ops->max_order) * 2;
	/* An overlay serves what a block of its parent could not hold. */
	MODEL_EXPECT(m, model_can(m, PALLOC_CAP_OVERLAY) || model_alloc(m, &huge, NULL) == -EINVAL,
		     0);
	struct palloc_req odd = model_req(0, MIGRATE_MOVABLE);
	odd.pages = 3;
	int err = model_alloc(m, &odd, NULL);
	MODEL_EXPECT(m, m->wrong == NULL, 0);
	if (model_can(m, PALLOC_CAP_ORDER)) {
		MODEL_EXPECT(m, err == -EINVAL && model_digest(m) == before, 0);
	} else {
		MODEL_EXPECT(m, err == 0, 0);
	}
	return model_verify(m);
}

static bool a_failed_allocation_changes_nothing(struct model *m)
{
	struct palloc_req req = model_req(m->ops->max_order, MIGRATE_UNMOVABLE);
	MODEL_EXPECT(m, model_add_memory(m), 0);
	uint64_t got = 0;
	while (model_alloc(m, &req, NULL) == 0) {
		got++;
	}
	MODEL_EXPECT(m, m->wrong == NULL && got > 0, 0);
	uint64_t before = model_digest(m);
	for (unsigned int i = 0; i < 4; i++) {
		MODEL_EXPECT(m, model_alloc(m, &req, NULL) == -ENOMEM, i);
	}
	MODEL_EXPECT(m, model_digest(m) == before, 0);
	return model_verify(m);
}

static bool double_and_foreign_frees_are_refused(struct model *m)
{
	struct palloc_req req = model_req(2, MIGRATE_MOVABLE);
	struct pfn_range block = { { 0 }, { 0 } };
	uint64_t start = m->env->span.start.n;
	uint64_t end = m->env->span.end.n;
	MODEL_EXPECT(m, model_add_memory(m), 0);
	MODEL_EXPECT(m, model_alloc(m, &req, &block) == 0, 0);
	MODEL_EXPECT(m, model_free_block(m, 0), 0);
	uint64_t before = model_digest(m);
	MODEL_EXPECT(m, model_free(m, block) == -EINVAL, block.start.n);
	MODEL_EXPECT(
		m, model_free(m, (struct pfn_range){ pfn(start + 40), pfn(start + 41) }) == -EINVAL,
		start);
	MODEL_EXPECT(m, model_free(m, (struct pfn_range){ pfn(end - 1), pfn(end) }) == -EINVAL,
		     end);
	MODEL_EXPECT(m, model_free(m, (struct pfn_range){ pfn(end), pfn(end + 1) }) == -EINVAL,
		     end);
	MODEL_EXPECT(m, model_free(m, (struct pfn_range){ pfn(start - 1), pfn(start) }) == -EINVAL,
		     start);
	MODEL_EXPECT(m, model_free(m, (struct pfn_range){ pfn(start), pfn(start) }) == -EINVAL,
		     start);
	MODEL_EXPECT(m, model_digest(m) == before, 0);
	return model_verify(m);
}

static bool adopted_blocks_can_be_freed(struct model *m)
{
	uint64_t start = m->env->span.start.n;
	MODEL_EXPECT(m, model_add(m, start + 1, start + 100, PALLOC_RUN_FREE) == 0, start);
	MODEL_EXPECT(m, model_add(m, start + 100, start + 3000, PALLOC_RUN_ALLOCATED) == 0, start);
	MODEL_EXPECT(m, model_add(m, start + 3000, start + 3500, PALLOC_RUN_FREE) == 0, start);
	MODEL_EXPECT(m, model_verify(m), 0);
	if (model_can(m, PALLOC_CAP_FREE | PALLOC_CAP_SUBFREE)) {
		MODEL_EXPECT(m,
			     model_free(m, (struct pfn_range){ pfn(start + 100),
							       pfn(start + 3000) }) == 0,
			     start);
	}
	return model_verify(m);
}

static bool without_records_populated_memory_serves(struct model *m)
{
	struct palloc_req req = model_req(0, MIGRATE_UNMOVABLE);
	MODEL_EXPECT(m, model_add_memory(m), 0);
	req.flags = PALLOC_REQ_POPULATED;
	/* Nothing may be written that is not there: a host's frame table crashes on it. */
	for (unsigned int i = 0; i < 64; i++) {
		int err = model_alloc(m, &req, NULL);
		MODEL_EXPECT(m, m->wrong == NULL && (err == 0 || err == -ENOMEM), i);
	}
	MODEL_EXPECT(m, m->block_count != 0, 0);
	return model_verify(m);
}

static bool random_operations_agree_with_the_model(struct model *m)
{
	MODEL_EXPECT(m, model_add_memory(m), 0);
	return model_random_run(m, m->env->steps) && model_verify(m);
}

static bool the_same_calls_give_the_same_answers(struct model *m)
{
	uint64_t digests[2];
	uint64_t answers[2];
	const struct palloc_ops *ops = m->ops;
	uint64_t random = m->random;
	uint64_t steps = m->env->steps / 4 + 1;
	for (unsigned int i = 0; i < 2; i++) {
		if (!model_start(m, ops, m->env, 0)) {
			return false;
		}
		m->random = random;
		m->operations = 0;
		/* Which records there are is part of what the answers follow from. */
		MODEL_EXPECT(m, m->env->populate(m->env->ctx, m->env->span) == 0, 0);
		if (!model_add_memory(m) || !model_random_run(m, steps)) {
			return false;
		}
		digests[i] = model_digest(m);
		answers[i] = m->answers;
	}
	MODEL_EXPECT(m, answers[0] == answers[1] && digests[0] == digests[1], 0);
	return true;
}

const struct property conformance_basic[] = {
	{ "metadata_is_at_most_a_bit_a_frame", 0, metadata_is_at_most_a_bit_a_frame },
	{ "after_init_nothing_is_free_or_managed", 0, after_init_nothing_is_free_or_managed },
	{ "too_little_metadata_is_refused", 0, too_little_metadata_is_refused },
	{ "added_runs_appear_as_they_are", 0, added_runs_appear_as_they_are },
	{ "single_frames_can_be_added", 0, single_frames_can_be_added },
	{ "adding_outside_or_twice_is_refused", 0, adding_outside_or_twice_is_refused },
	{ "every_frame_can_be_had_once", 0, every_frame_can_be_had_once },
	{ "blocks_of_every_order_are_aligned", 0, blocks_of_every_order_are_aligned },
	{ "malformed_requests_are_refused", 0, malformed_requests_are_refused },
	{ "a_failed_allocation_changes_nothing", 0, a_failed_allocation_changes_nothing },
	{ "double_and_foreign_frees_are_refused", PALLOC_CAP_FREE,
	  double_and_foreign_frees_are_refused },
	{ "adopted_blocks_can_be_freed", 0, adopted_blocks_can_be_freed },
	{ "without_records_populated_memory_serves", 0, without_records_populated_memory_serves },
	{ "random_operations_agree_with_the_model", 0, random_operations_agree_with_the_model },
	{ "the_same_calls_give_the_same_answers", 0, the_same_calls_give_the_same_answers },
	{ NULL, 0, NULL },
};
