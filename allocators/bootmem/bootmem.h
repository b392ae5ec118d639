/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside bootmem: one bit a frame, a count of free frames for each of at most 2048 regions, and a short table of what
 * is managed at all.
 *
 * Invariants:
 * - A set bit is a free frame, so zeroed metadata means "everything reserved" without being written; bits outside the
 *   managed runs are clear; runs ascend and do not touch.
 * - Bit 0 is a frame number that is a multiple of 64, so what is aligned within a word is aligned in memory.
 * - free_in[] counts the free frames of each region: regions that cannot serve a request are passed over by one look,
 *   and a bitmap of 1 TiB is searched in some thousand instructions at worst.
 * - No free block of 1 << o aligned frames begins below low[o], unless a frame at or above freed_from became free
 *   since. No free frame at all lies below low[0].
 */
#pragma once

#include "fpg/base/bits.h"
#include "fpg/base/range.h"
#include "fpg/core/palloc_ops.h"

#define BOOTMEM_REGIONS		 2048U
#define BOOTMEM_REGION_ORDER_MIN 9U
/** No bit. */
#define BOOTMEM_NONE		 UINT64_MAX

/** Managed frames [start, end), as bits. */
struct bootmem_run {
	uint64_t start;
	uint64_t end;
};

struct bootmem {
	uint64_t *free_map;
	/** Frame of bit 0; the span's first frame is bit `first`, its end is bit `bits`. */
	uint64_t base;
	uint64_t first;
	uint64_t bits;
	/** The managed run that was used last: [run_from, run_from + run_bits) is managed. */
	uint64_t run_from;
	uint64_t run_bits;
	uint64_t free_pages;
	/** Lowest bit that became free since low[] was put right; BOOTMEM_NONE: none did. */
	uint64_t freed_from;
	/** The page that boot allocations of less than a page share, and the first free byte in it. */
	uint64_t pack_bit;
	phys_addr_t pack_end;
	uint64_t managed_pages;
	/** Region of bit b: (b + skew) >> region_order. Regions are aligned in memory. */
	uint32_t region_order;
	uint32_t skew;
	uint32_t regions;
	/**
	 * A request for at least so many frames, aligned at least so, failed since the last frame became free. 0: none.
	 * Blocks have low[] for that; this is for all other requests.
	 */
	uint32_t failed_pages;
	uint32_t failed_align_order;
	uint32_t run_count;
	uint32_t run_max;
	struct bootmem_run *runs;
	uint64_t low[MAX_PAGE_ORDER + 1];
	uint32_t free_in[BOOTMEM_REGIONS];
};

static inline struct bootmem *bootmem_of(const struct palloc *pa)
{
	return pa->priv;
}

static inline uint64_t bootmem_region(const struct bootmem *b, uint64_t bit)
{
	return (bit + b->skew) >> b->region_order;
}

/** First bit of region @r; for the first region, which may begin before bit 0, the end of the one before. */
static inline uint64_t bootmem_region_start(const struct bootmem *b, uint64_t r)
{
	return r == 0 ? 0 : (r << b->region_order) - b->skew;
}

/** @bit or the next bit whose frame is a multiple of 1 << @order. */
static inline uint64_t bootmem_align(const struct bootmem *b, uint64_t bit, unsigned int order)
{
	return ALIGN_UP(b->base + bit, 1ULL << order) - b->base;
}

/** What follows from frames having become free, beside the bits and the regions' counts. */
static inline void bootmem_count_free(struct bootmem *b, uint64_t from, uint64_t pages)
{
	b->free_pages += pages;
	b->failed_pages = 0;
	if (from < b->low[0]) {
		b->low[0] = from;
	}
	if (from < b->freed_from) {
		b->freed_from = from;
	}
}

/* ---- bootmem_map.c ---- */

/** No frame of [@from, @to) is free. */
bool bootmem_all_used(const struct bootmem *b, uint64_t from, uint64_t to);

/** Frames become free, or stop being free; they were not, or all were. Counts and hints follow. */
void bootmem_make_free(struct bootmem *b, uint64_t from, uint64_t to);
void bootmem_make_used(struct bootmem *b, uint64_t from, uint64_t to);

/** All of [@from, @to) is managed. */
bool bootmem_managed(struct bootmem *b, uint64_t from, uint64_t to);

/** Remember [@from, @to) as managed. Return: 0 | -EINVAL (some of it is already) | -ENOSPC (no room in the table) */
FPG_MUST_CHECK int bootmem_manage(struct bootmem *b, uint64_t from, uint64_t to);

/* ---- bootmem_search.c ---- */

/** The first free bit of [@from, @limit), or @limit. */
uint64_t bootmem_next_free(const struct bootmem *b, uint64_t from, uint64_t limit);

/** The first bit of [@from, @limit) that is not free, or @limit. */
uint64_t bootmem_next_used(const struct bootmem *b, uint64_t from, uint64_t limit);

/** The first free block of 1 << @order aligned frames that begins in [@from, @limit), or BOOTMEM_NONE. */
uint64_t bootmem_find_block(const struct bootmem *b, unsigned int order, uint64_t from,
			    uint64_t limit);

/** The first @pages free frames within [@from, @limit) that begin at a multiple of 1 << @align_order, or BOOTMEM_NONE. */
uint64_t bootmem_find_run(const struct bootmem *b, uint64_t pages, unsigned int align_order,
			  uint64_t from, uint64_t limit);

/** What a request is served from, hints used and kept: *@pages may become fewer with @fewer. Return: BOOTMEM_NONE: nothing */
uint64_t bootmem_find(struct bootmem *b, uint32_t *pages, unsigned int align_order, bool fewer);

/* ---- bootmem_pack.c ---- */

int bootmem_alloc_bytes(struct palloc *pa, const struct palloc_bytes_req *req,
			struct palloc_bytes *out);

/* ---- bootmem_walk.c ---- */

void bootmem_stats(const struct palloc *pa, struct palloc_stats *out);
void bootmem_walk(const struct palloc *pa, palloc_walk_fn fn, void *ctx);
int bootmem_check(const struct palloc *pa, const char **why);
