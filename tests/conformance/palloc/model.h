/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside the conformance suite: a backend under test and the model beside it. */
#pragma once

#include "conformance.h"

enum model_state {
	MODEL_HOLE,
	MODEL_FREE,
	MODEL_USED
};

/** Runs that an instance may come to know beside those it begins with. */
#define MODEL_SPARE_RUNS 256

/**
 * A page that boot allocations share is in use too; its state also says where the bytes end that somebody has, in
 * pieces of this many.
 */
#define MODEL_PIECE 64

static_assert(MODEL_USED + 1 + PAGE_SIZE / MODEL_PIECE <= UINT8_MAX, "a state is a byte");

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
	/** Those served by @home, the backend that a random run is about; hand-overs. */
	const struct palloc_ops *home;
	uint64_t home_operations;
	uint64_t handovers;
	/** Runs of memory that the instance may have, and that it may have come to know. */
	uint32_t max_runs;
	uint32_t runs;
	/** Populations so far; every deny_every-th fails. */
	uint64_t populations;
	uint32_t deny_every;
	/** A digest of all answers. */
	uint64_t answers;
	/** Pageblocks of each type that only retag() gives and takes. */
	uint64_t special[MIGRATE_TYPE_COUNT];
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

/** Memory of a random shape: free runs, runs in use and holes, of any length, in any order. */
bool model_add_shape(struct model *m);

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
int model_alloc_bytes(struct model *m, const struct palloc_bytes_req *req,
		      struct palloc_bytes *got);

/** Remember an operation for the history and the digest of answers. */
void model_note(struct model *m, const char *name, struct pfn_range range, uint32_t how, int err);

/** Put a block into the table; one that it has no room for is freed. Return: 0 | what free() said */
int model_note_block(struct model *m, struct pfn_range range);

/** The first frame of the range that is not in @state, or its end. */
uint64_t model_first_not(struct model *m, struct pfn_range range, enum model_state state);
void model_paint(struct model *m, struct pfn_range range, enum model_state state);

/** Populate for a hand-over or after -EAGAIN. Return: 0 | -ENOMEM, by chance too */
int model_populate(struct model *m, struct pfn_range frames);

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

/** The state without what is known of shared pages. */
static inline enum model_state model_kind(struct model *m, uint64_t n)
{
	uint8_t state = *model_state(m, n);
	return state < MODEL_USED ? (enum model_state)state : MODEL_USED;
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

/**
 * The model's instance moves to backend @to, in the other metadata area. Nothing has changed when @to cannot take blocks
 * in use, or a population failed.
 */
bool model_handover(struct model *m, const struct palloc_ops *to);

/** Hand over from one backend to another with blocks in use, and back. */
bool handover_conserves(struct conformance_env *env, const struct palloc_ops *from,
			const struct palloc_ops *to, struct model *m);
