/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside bootmem: one bit a frame and a short table of what is managed at all.
 *
 * Invariants: a set bit is a free frame, so zeroed metadata means "everything reserved" without
 * being written; bits outside the managed runs are clear; runs ascend and do not touch; no frame
 * below first_free is free.
 */
#pragma once

#include "fpg/base/bits.h"
#include "fpg/core/palloc_ops.h"

/** Managed frames [start, end), relative to the span. */
struct bootmem_run {
	uint64_t start;
	uint64_t end;
};

struct bootmem {
	/** Frame of bit 0: the span's first. */
	uint64_t base;
	uint64_t bits;
	uint64_t *free_map;
	uint64_t free_pages;
	uint64_t managed_pages;
	/** No frame below is free. */
	uint64_t first_free;
	/** Where the last search for several frames ended. */
	uint64_t next;
	/**
	 * A request for at least so many frames, aligned at least so, failed since the last frame
	 * became free. 0: none.
	 */
	uint32_t failed_pages;
	uint32_t failed_align_order;
	uint32_t run_count;
	uint32_t run_max;
	struct bootmem_run *runs;
};

static inline struct bootmem *bootmem_of(const struct palloc *pa)
{
	return pa->priv;
}

/**
 * Find @pages free frames at a multiple of 1 << @align_order. Return: bit of the first, or b->bits.
 */
uint64_t bootmem_find(struct bootmem *b, uint64_t pages, unsigned int align_order);

/** The same, the lowest fit. */
uint64_t bootmem_find_first(const struct bootmem *b, uint64_t pages, unsigned int align_order);

void bootmem_stats(const struct palloc *pa, struct palloc_stats *out);
void bootmem_walk(const struct palloc *pa, palloc_walk_fn fn, void *ctx);
int bootmem_check(const struct palloc *pa, const char **why);
