/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads that break memory into pieces, reproducible by seed, over anything that hands out blocks: one backend's
 * instance, the front end with its per-hart caches, or the rule of another system. They need records, not memory.
 */
#pragma once

#include "fpg/core/palloc_ops.h"

/** What is loaded. */
struct frag_target {
	const char *name;
	void *ctx;
	/** Frames that it hands out lie here. */
	struct pfn_range span;
	/** What "full" is a percentage of: the pages of the span, or fewer where others hold some for good. */
	uint64_t pages;
	/** 1 << @order frames; FRAG_NONE when there are none. */
	uint64_t (*alloc)(void *ctx, unsigned int order, enum migratetype type);
	void (*free)(void *ctx, uint64_t frame, unsigned int order);
	/** Every free run, caches given back first. */
	void (*walk)(void *ctx, palloc_walk_fn fn, void *arg);
	/** Ends the program when an invariant does not hold. */
	void (*check)(void *ctx);
	void (*stop)(void *ctx);
	/** Zeroed memory for notes, not from the target once the load runs; NULL when there is none. */
	void *(*notes)(size_t bytes);
	void (*notes_free)(const void *notes);
};

#define FRAG_NONE UINT64_MAX

/** One instance of @ops over @bytes of simulated memory, nothing in front of it. One at a time. */
void frag_target_backend(struct frag_target *t, const struct palloc_ops *ops, uint64_t bytes);
/**
 * alloc_pages() and __free_pages() of the machine that runs, as far as its zones reach and with what is free now. Give it
 * notes and stop() yourself.
 */
void frag_target_machine(struct frag_target *t);
/** The same on a simulated one, with the backend @ops behind them. One at a time. */
void frag_target_front(struct frag_target *t, const struct palloc_ops *ops, uint64_t bytes);
/**
 * The rule of Linux 6.1 for placing blocks and stealing pageblocks, told from its documentation and written anew: last
 * in, first out; the smallest order first; blocks of other types the largest first. @caches: with a hart's cache in front
 * like its own (orders 0 to 3, by the pageblock's type, batches of 63 pages, high as on one hart), else without any.
 */
void frag_target_linux(struct frag_target *t, uint64_t bytes, bool caches);

/* ---- what is left ---------------------------------------------------------------------------- */

struct frag_state {
	uint64_t free_pages;
	/** Of them, in pageblocks of which nothing is in use. */
	uint64_t whole_pages;
	/** Pageblocks with something in use. */
	uint64_t used_blocks;
	/** Pageblocks in which pages of several types are in use. */
	uint64_t mixed_blocks;
	/** Pageblocks in which something is in use that cannot be moved. */
	uint64_t pinned_blocks;
	/** The fewest that those pages would fit in. */
	uint64_t pinned_least;
	/** Changes when any answer of the target was another. */
	uint64_t digest;
};

/** @part / @whole in thousandths. */
static inline unsigned int frag_permille(uint64_t part, uint64_t whole)
{
	return whole == 0 ? 1000 : (unsigned int)(part * 1000 / whole);
}

/** The seed where none is given. */
#define FRAG_SEED 20240511

/* ---- the loads ------------------------------------------------------------------------------- */

enum frag_start {
	/** Allocate until so much is in use. */
	FRAG_PACKED,
	/** Allocate all there is, then free at random until so much is in use. */
	FRAG_SCATTERED,
};

enum frag_step {
	/** Free one page, allocate one. */
	FRAG_ONE_BY_ONE,
	/** Free a round's pages, then allocate as many. */
	FRAG_ROUND_BY_ROUND,
};

struct frag_load {
	enum frag_start start;
	enum frag_step step;
	/** Percent of the pages in use. */
	unsigned int full;
	/** Percent of the pages in use that are reallocated a round. */
	unsigned int share;
	unsigned int rounds;
	uint64_t seed;
};

/** (a) Single movable pages; all are freed in the end. Return: 0 | -ENOMEM (no notes) */
FPG_MUST_CHECK int frag_reallocate(struct frag_target *t, const struct frag_load *load,
				   struct frag_state *before, struct frag_state *after);

/**
 * (b) Blocks of orders 0 to 3, movable, unmovable and reclaimable, whose shares rise and fall from round to round; each
 * round reallocates load->share of the pages; all are freed in the end. start and step are not used.
 * Return: 0 | -ENOMEM (no notes)
 */
FPG_MUST_CHECK int frag_mixed(struct frag_target *t, const struct frag_load *load,
			      struct frag_state *after);
