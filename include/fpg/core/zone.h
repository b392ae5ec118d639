/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nodes and zones, made from memblock: which frames belong together, how many there are, and in
 * which order other zones stand in for one that is full.
 *
 * Invariants: the zones of a node do not overlap; spans of different nodes may, then the frames'
 * records and memblock tell them apart. present counts whole frames of mappable memory in the span,
 * managed those given to the backend.
 */
#pragma once

#include "fpg/base/compiler.h"
#include "fpg/base/types.h"
#include "fpg/core/palloc_ops.h"
#include "fpg/core/spinlock.h"

/** X(id, name) */
#define ZONE_TYPES(X)            \
	X(ZONE_DMA, "DMA")       \
	X(ZONE_DMA32, "DMA32")   \
	X(ZONE_NORMAL, "Normal") \
	X(ZONE_MOVABLE, "Movable")

enum zone_type {
#define X(id, name) id,
	ZONE_TYPES(X)
#undef X
	MAX_NR_ZONES
};

/** Pages kept to back records of the frame table that are written for the first time. */
#define FRAME_RESERVE_PAGES 32

struct frame_reserve {
	struct spinlock lock;
	uint32_t count;
	/** How many there should be; refilled when half are gone. */
	uint32_t goal;
	/** Somebody is refilling it. */
	uint32_t busy;
	/** Taken by a population under way: they may come back, so their places are kept free. */
	uint32_t out;
	/** Pages that back records now, taken from here. */
	uint64_t used;
	phys_addr_t pages[FRAME_RESERVE_PAGES];
};

struct zone_counters {
	/** Changed with the zone's lock; the others atomically. */
	uint64_t allocs;
	uint64_t frees;
	/** Requests that this zone could not serve. */
	uint64_t misses;
	/** Frees that were refused: double, foreign, of the wrong order. */
	uint64_t refused;
};

/** How much of a zone is left for whom: see core/watermark.c. */
enum zone_watermark {
	/** Below: only requests that may use reserves. */
	WMARK_MIN,
	/** Below: other zones are asked first. */
	WMARK_LOW,
	/** From here on there is no pressure. */
	WMARK_HIGH,
	NR_WMARK
};

/** Groups of pageblocks that compaction remembers something of. */
#define COMPACT_HINTS 1024U

/** Compaction's memory of a zone; zeroed: nothing is known. Whoever has made @busy 1 may use the rest, but for the deferral. */
struct compact_state {
	/** Somebody compacts the zone; atomic. */
	uint32_t busy;
	/** Deferral: requests passed over since it last did not help, of 1 << defer_shift; from order_failed on. */
	uint32_t considered;
	uint32_t defer_shift;
	uint32_t order_failed;
	/** Where the scanners go on: first frames of pageblocks; both 0: from the ends. */
	uint64_t migrate_at;
	uint64_t free_at;
	/** Where free blocks are counted next, in zones too large to count all; atomic. */
	uint64_t count_at;
	/** Pages moved since the scanners were at the ends. */
	uint64_t moved;
	/**
	 * Bit i: no block could be made free in the i-th group of pageblocks when it was last looked at, not even one of
	 * the order hint_order.
	 */
	uint32_t hint_order;
	uint64_t skip[COMPACT_HINTS / 64];
};

struct zone {
	/** Guards the backend, free_pages and managed_pages. */
	struct spinlock lock;
	enum zone_type type;
	uint16_t nid;
	/** As it stands in records: nid * MAX_NR_ZONES + type. */
	uint16_t id;
	struct pfn_range span;
	uint64_t present_pages;
	uint64_t managed_pages;
	/** What the backend has; pages in per-hart caches are not among them. */
	uint64_t free_pages;
	/** In pages, by enum zone_watermark. */
	uint64_t watermark[NR_WMARK];
	/** Pages kept from requests that could be served from a higher zone, by that zone. */
	uint64_t lowmem_reserve[MAX_NR_ZONES];
	/**
	 * WMARK_LOW, lowmem_reserve and highatomic_pages together, by the highest zone of a request; UINT64_MAX in a zone
	 * with lent CMA areas. Computed by watermarks_setup().
	 */
	uint64_t low_keep[MAX_NR_ZONES];
	/** Pages in HIGHATOMIC pageblocks, and how many there may be. */
	uint64_t highatomic_pages;
	uint64_t highatomic_most;
	/** Pages of areas that are lent: in CMA pageblocks, free or not. */
	uint64_t cma_pages;
	/** Pageblocks that are ISOLATE: frees go past the per-hart caches while there are any. */
	uint32_t isolated_blocks;
	/** Its first per-hart cache; 0: it has none. */
	uint32_t cache_base;
	/** They are in use: the backend frees, and keeps nothing by hart itself. */
	bool cached;
	/** No other zone has memory: what it cannot serve nobody can. */
	uint32_t alone;
	/** Requests and frees that passed the zone's lock; see zone_counters_read(). */
	struct zone_counters counters;
	/** The backend's live instance: one of instances[]. NULL until page_alloc_init(). */
	struct palloc *palloc;
	struct palloc instances[2];
	struct pageblock_map pageblocks;
	struct frame_reserve reserve;
	/** Somebody empties a range of it (core/contig.c), or changes what serves; atomic: zone_range_try(). */
	uint32_t range_busy;
	struct compact_state compact;
};

struct node {
	int nid;
	struct pfn_range span;
	uint64_t present_pages;
	struct zone zones[MAX_NR_ZONES];
	/**
	 * Every zone with memory, nearest node first, highest zone first in each; ends with NULL.
	 */
	struct zone **zonelist;
};

/** All requests and frees of the zone, those of per-hart caches among them; a moment later it may be otherwise. */
void zone_counters_read(const struct zone *zone, struct zone_counters *out);

const char *zone_name(enum zone_type type);

/**
 * The highest zone that a request with @gfp may be served from, by its zone modifiers; MAX_NR_ZONES
 * when they contradict each other.
 */
static inline enum zone_type gfp_zone(gfp_t gfp)
{
	return (enum zone_type)gfp_zone_table[gfp & (GFP_ZONE_COMBINATIONS - 1)];
}

static inline uint64_t zone_spanned_pages(const struct zone *zone)
{
	return pfn_range_pages(zone->span);
}

/* ---- making them ----------------------------------------------------------------------------- */

#define LOCAL_DISTANCE	10
#define REMOTE_DISTANCE 20

/**
 * How far memory of @to is from node @from, as the device tree's distance matrix says; 10 is local,
 * 20 the default. Before zone_init(). Return: 0 | -EINVAL (no such node, or nearer than local),
 * nothing changed
 */
FPG_MUST_CHECK int node_distance_set(int from, int to, unsigned int distance);
unsigned int node_distance(int from, int to);

/**
 * From which frame on node @nid's memory is for movable allocations only; rounded up to a
 * largest-order block. 0: none. Before zone_init(). Return: 0 | -EINVAL (no such node)
 */
FPG_MUST_CHECK int zone_movable_start_set(int nid, pfn_t start);

/**
 * Make nodes and zones from memblock's memory (no-map excluded, partial frames rounded inwards) and
 * log them. Storage comes from memblock. Return: 0 | -ENOMEM | -ENODEV (no memory at all)
 */
FPG_MUST_CHECK int zone_init(void);

/** Forget all nodes, distances and movable starts. For tests that start over. */
void zone_reset(void);

struct bootargs_core;

/**
 * Set movable starts for all nodes as Linux does: kernelcore= says how much memory unmovable allocations get,
 * movablecore= how much they do not; where both are given, what leaves more to the kernel wins. The kernel's part is
 * spread evenly over the nodes, taken from their lowest memory; only memory of the highest zone can become movable.
 * Source: Linux Documentation/admin-guide/kernel-parameters.txt, kernelcore, movablecore.
 *
 * Before zone_init(), with all memory in memblock. Says in the log what cannot be had.
 */
void zone_movable_size(const struct bootargs_core *kernelcore,
		       const struct bootargs_core *movablecore);

/* ---- finding them ---------------------------------------------------------------------------- */

/** Node @nid, or NULL when it has no memory. */
struct node *node_by_id(int nid);

/** The zone of a record's word; NULL when there is none. */
struct zone *zone_by_id(unsigned int id);

/** The zone whose memory holds frame @f, or NULL. */
struct zone *pfn_to_zone(pfn_t f);

/** Return false to stop. */
typedef bool (*zone_fn)(void *ctx, struct zone *zone);

/** Each zone that has present pages: by node, then from DMA to Movable. */
void zone_for_each(zone_fn fn, void *ctx);

/**
 * Whole frames of memory [start, end) of node nid; neighbours of one node are one. Return false to
 * stop.
 */
typedef bool (*zone_memory_fn)(void *ctx, struct pfn_range frames, int nid);

/** Each run of whole, mappable frames in memblock's memory, ascending. */
void zone_for_each_memory(zone_memory_fn fn, void *ctx);
