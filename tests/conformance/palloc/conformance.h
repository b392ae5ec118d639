/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The conformance suite: what every page-allocator backend must do, checked against a model that
 * knows of each frame whether it is free. One suite for all backends, for hosts and for the target;
 * it allocates nothing and prints to a struct out.
 *
 * The suite plays the front end: it populates records when a backend asks, and clears those of
 * blocks it frees to a backend that keeps none.
 */
#pragma once

#include "fpg/base/out.h"
#include "fpg/core/palloc_ops.h"

/** Blocks that the model follows at once. */
#define CONFORMANCE_BLOCKS 512

struct conformance_block {
	uint64_t start;
	uint64_t pages;
};

/** Operations that a failure shows. */
#define CONFORMANCE_HISTORY 64

/** One operation and its answer. */
struct conformance_op {
	const char *name;
	/** What was asked for, or given back: frames (in bytes for "alloc_bytes"). */
	uint64_t start;
	uint64_t end;
	/** Type, flags, alignment: whatever the operation has. */
	uint32_t how;
	int err;
};

/** What a caller supplies; nothing in it needs to be initialised but these. */
struct conformance_env {
	struct out *out;
	/**
	 * Frames to play with: nobody else uses their records. At least four largest-order blocks
	 * and 5000 of them; any alignment. (Any number for conformance_run_bytes().)
	 */
	struct pfn_range span;
	/** A zone id that no real zone has. */
	uint16_t zone_id;
	uint64_t seed;
	/** Steps of each random run, and after how many of them everything is checked. */
	uint64_t steps;
	uint64_t check_every;
	/** Where random runs may hand over to in their midst; NULL: nowhere. NULL-terminated. */
	const struct palloc_ops *const *table;
	/** So many-th populations of random runs fail; 0: none. */
	uint32_t deny_every;
	/** Populate the records of @frames. Return: 0 | -ENOMEM */
	int (*populate)(void *ctx, struct pfn_range frames);
	/** All records of the span zero; populated or not. */
	void (*reset)(void *ctx);
	void *ctx;
	/** Two instances' metadata, zeroed or not, each with 128 bytes to spare for guards. */
	void *meta[2];
	size_t meta_bytes[2];
	/** pageblock_map_bytes() of the span. */
	void *pageblocks;
	/** A byte a frame of the span. */
	uint8_t *state;
	struct conformance_block *blocks; /* CONFORMANCE_BLOCKS */
	struct conformance_op *history;	  /* CONFORMANCE_HISTORY */
};

struct conformance_result {
	uint64_t passed;
	uint64_t failed;
	/** Those that the backend itself served; of conformance_run() all. */
	uint64_t operations;
	uint64_t handovers;
	/** A digest of all answers of conformance_run_long(): the same seed gives the same where reset() unpopulates. */
	uint64_t answers;
};

/**
 * Run every property on every backend of @table (NULL-terminated), and every ordered pair's
 * hand-over.
 */
struct conformance_result conformance_run(const struct palloc_ops *const *table,
					  struct conformance_env *env);

/** The same for one backend's properties alone: no hand-over. */
struct conformance_result conformance_run_one(const struct palloc_ops *ops,
					      struct conformance_env *env);

/**
 * Random operations, at least @operations of them served by @ops, checked against the model, in rounds of some ten
 * thousand. Each round has a seed of its own (the first one's is @env->seed, so that a failed round can be replayed
 * alone) and memory of another shape: from a single frame to the whole span, off pageblocks, with holes and with frames
 * that are in use before. In some, populations fail; in some, backends of @env->table take over in the midst.
 * Everything is compared every @env->check_every operations, at least.
 */
struct conformance_result conformance_run_long(const struct palloc_ops *ops,
					       struct conformance_env *env, uint64_t operations);

/**
 * Which sequence of operations bytes mean, for a fuzzer: the first three choose memory's shape and what may happen.
 * Return: false when a property was violated, said in @env->out.
 */
bool conformance_run_bytes(const struct palloc_ops *ops, struct conformance_env *env,
			   const uint8_t *data, size_t bytes);
