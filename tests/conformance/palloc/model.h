/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside the conformance suite: a backend under test and the model beside it. */
#pragma once

#include "conformance.h"

enum model_state {
	MODEL_HOLE,
	MODEL_FREE,
	MODEL_USED
};

struct model {
	struct conformance_env *env;
	const struct palloc_ops *ops;
	struct palloc pa;
	struct pageblock_map map;
	/** Which of the environment's metadata areas the instance lives in. */
	unsigned int area;
	size_t meta_bytes;
	uint32_t block_count;
	uint64_t free_pages;
	uint64_t managed_pages;
	uint64_t random;
	uint64_t operations;
	/** What the property found wrong; NULL: nothing. */
	const char *wrong;
	uint64_t wrong_pfn;
};

/** Note the first thing that is wrong. Return: false. */
bool model_fail(struct model *m, const char *what, uint64_t frame);

#define MODEL_EXPECT(m, cond, frame)                                        \
	do {                                                                \
		if (!(cond)) {                                              \
			return model_fail((m), "expected " #cond, (frame)); \
		}                                                           \
	} while (0)

/** A fresh instance over the span, nothing added. The frame table and the model are empty. */
bool model_start(struct model *m, const struct palloc_ops *ops, struct conformance_env *env,
		 unsigned int area);

/**
 * Another instance, with room for @runs, over the same frames and pageblocks in the other area; the
 * model's frames are kept.
 */
bool model_instance(struct model *m, struct palloc *pa, const struct palloc_ops *ops,
		    unsigned int area, uint32_t runs);

/** The bytes around the metadata are untouched. */
bool model_guards(struct model *m);

/**
 * Add a run; on success the model follows. Return: what the backend said, populating as often as it
 * asks.
 */
int model_add(struct model *m, uint64_t start, uint64_t end, enum palloc_run_state state);

/** Add the usual memory: free runs with odd ends and holes between them. */
bool model_add_memory(struct model *m);

/**
 * Allocate; checks place, alignment and that every frame was free. A block that the table of blocks
 * has no room for is freed at once.
 * Return: 0 | the backend's error; m->wrong is set when the answer was wrong
 */
int model_alloc(struct model *m, const struct palloc_req *req, struct pfn_range *out);
int model_free(struct model *m, struct pfn_range range);
int model_claim(struct model *m, struct pfn_range range, pfn_t *blocker);
int model_retag(struct model *m, struct pfn_range range, enum migratetype type);
int model_shrink(struct model *m, struct pfn_range range);

/** Forget block @i of the table; free it. */
bool model_free_block(struct model *m, uint32_t i);
bool model_free_all(struct model *m);

/** Walk, stats and check agree with the model. */
bool model_verify(struct model *m);

/** A digest of the walk: equal when nothing changed. */
uint64_t model_digest(const struct model *m);

uint64_t model_random(struct model *m);
/** 0 .. @below - 1 */
uint64_t model_random_below(struct model *m, uint64_t below);

static inline uint8_t *model_state(struct model *m, uint64_t n)
{
	return &m->env->state[n - m->env->span.start.n];
}

static inline bool model_can(const struct model *m, uint32_t caps)
{
	return (m->ops->caps & caps) == caps;
}

/** A request for 1 << @order pages. */
struct palloc_req model_req(unsigned int order, enum migratetype type);

/* ---- the parts of the suite ------------------------------------------------------------------ */

struct property {
	const char *name;
	/** Capability bits without which the property says nothing. */
	uint32_t caps;
	bool (*holds)(struct model *m);
};

extern const struct property conformance_basic[];
extern const struct property conformance_ranges[];

/** @steps random operations from @m->random. */
bool model_random_run(struct model *m, uint64_t steps);
/** One operation, chosen by @a, @b and @c. */
bool model_step(struct model *m, uint64_t a, uint64_t b, uint64_t c);

/** Hand over from one backend to another with blocks in use, and back. */
bool handover_conserves(struct conformance_env *env, const struct palloc_ops *from,
			const struct palloc_ops *to, struct model *m);
