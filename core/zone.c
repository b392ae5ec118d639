/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nodes and zones from memblock's memory: limits, spans, what is present. Cost: the number of
 * memory regions. Storage of a node comes from memblock when the node turns out to have memory.
 */
#define LOG_MODULE "zone"
#include "zone_private.h"

#include "fpg/base/range.h"
#include "fpg/core/log.h"
#include "fpg/core/memblock.h"
#include "fpg/core/memblock_iter.h"

#include <errno.h>

#ifndef CONFIG_ZONE_DMA_LIMIT_MIB
#define CONFIG_ZONE_DMA_LIMIT_MIB 0
#endif

static_assert(MAX_NUMNODES * MAX_NR_ZONES <= PAGE_ZONE_LIMIT,
	      "a zone id fits its field in struct page");

struct node *node_table[MAX_NUMNODES];
struct zone *zone_table[MAX_NUMNODES * MAX_NR_ZONES];
static pfn_t movable_start[MAX_NUMNODES];

const char *zone_name(enum zone_type type)
{
	static const char *const names[MAX_NR_ZONES] = {
#define X(id, name) [id] = (name),
		ZONE_TYPES(X)
#undef X
	};
	return (unsigned int)type < MAX_NR_ZONES ? names[type] : "?";
}

/** Node of a memory region. Memory without a node, or with one beyond the limit, is node 0's. */
static int node_of(int nid)
{
	return nid >= 0 && nid < MAX_NUMNODES ? nid : 0;
}

void zone_for_each_memory(zone_memory_fn fn, void *ctx)
{
	phys_addr_t start, end;
	phys_addr_t run_start = 0;
	phys_addr_t run_end = 0;
	int nid;
	int run_nid = -1;
	uint64_t i;
	__for_each_mem_range(i, &memblock.memory, NULL, NUMA_NO_NODE,
			     MEMBLOCK_HOTPLUG | MEMBLOCK_DRIVER_MANAGED, &start, &end, &nid)
	{
		if (run_nid == node_of(nid) && start == run_end) {
			run_end = end;
			continue;
		}
		struct pfn_range frames = { phys_to_pfn(ALIGN_UP(run_start, PAGE_SIZE)),
					    phys_to_pfn(run_end) };
		if (run_nid >= 0 && frames.start.n < frames.end.n && !fn(ctx, frames, run_nid)) {
			return;
		}
		run_start = start;
		run_end = end;
		run_nid = node_of(nid);
	}
	struct pfn_range last = { phys_to_pfn(ALIGN_UP(run_start, PAGE_SIZE)),
				  phys_to_pfn(run_end) };
	if (run_nid >= 0 && last.start.n < last.end.n) {
		(void)fn(ctx, last, run_nid);
	}
}

int zone_movable_start_set(int nid, pfn_t start)
{
	if (nid < 0 || nid >= MAX_NUMNODES) {
		return -EINVAL;
	}
	movable_start[nid] = pfn(ALIGN_UP(start.n, MAX_ORDER_NR_PAGES));
	return 0;
}

/** Where each zone below Movable begins, and the last one ends. */
static const uint64_t *zone_edges(void)
{
	static uint64_t edges[ZONE_MOVABLE + 1];
	const uint64_t dma_end = FPG_ENABLED(CONFIG_ZONE_DMA) ?
					 (uint64_t)CONFIG_ZONE_DMA_LIMIT_MIB * SZ_1M / PAGE_SIZE :
					 0;
	const uint64_t dma32_end = 4 * SZ_1G / PAGE_SIZE;
	edges[ZONE_DMA] = 0;
	edges[ZONE_DMA32] = dma_end;
	edges[ZONE_NORMAL] = dma32_end > dma_end ? dma32_end : dma_end;
	edges[ZONE_MOVABLE] = UINT64_MAX;
	return edges;
}

uint64_t zone_lowest_frame(uint64_t n)
{
	const uint64_t *edges = zone_edges();
	unsigned int type = ZONE_NORMAL;
	while (edges[type] > n) {
		type--;
	}
	return edges[type];
}

struct pfn_range zone_type_limits(enum zone_type type)
{
	const uint64_t *edges = zone_edges();
	return (struct pfn_range){ pfn(edges[type]), pfn(edges[type + 1]) };
}

/** Frames that zone @type of node @nid may hold, whether or not there is memory. */
static struct pfn_range zone_limits(int nid, enum zone_type type)
{
	const uint64_t *edges = zone_edges();
	uint64_t movable = movable_start[nid].n != 0 ? movable_start[nid].n : UINT64_MAX;
	if (type == ZONE_MOVABLE) {
		return (struct pfn_range){ pfn(movable), pfn(UINT64_MAX) };
	}
	uint64_t start = edges[type] < movable ? edges[type] : movable;
	uint64_t end = edges[type + 1] < movable ? edges[type + 1] : movable;
	return (struct pfn_range){ pfn(start), pfn(end) };
}

struct pfn_range pfn_range_common(struct pfn_range a, struct pfn_range b)
{
	struct pfn_range r = {
		a.start.n > b.start.n ? a.start : b.start,
		a.end.n < b.end.n ? a.end : b.end,
	};
	if (r.end.n < r.start.n) {
		r.end = r.start;
	}
	return r;
}

static void widen(struct pfn_range *span, struct pfn_range by)
{
	if (pfn_range_pages(*span) == 0) {
		*span = by;
		return;
	}
	span->start = by.start.n < span->start.n ? by.start : span->start;
	span->end = by.end.n > span->end.n ? by.end : span->end;
}

static struct node *node_make(int nid)
{
	struct node *node = memblock_alloc_owned(sizeof(*node), MEMBLOCK_DEFAULT_ALIGNMENT,
						 MEMBLOCK_LOW_LIMIT, MEMBLOCK_ALLOC_ACCESSIBLE, nid,
						 mem_owner(OWNER_ZONES, RULE_ALLOC, -1));
	if (node == NULL) {
		pr_err("no memory for node %d", nid);
		return NULL;
	}
	node->nid = nid;
	for (unsigned int type = 0; type < MAX_NR_ZONES; type++) {
		node->zones[type].type = (enum zone_type)type;
		node->zones[type].nid = (uint16_t)nid;
		node->zones[type].id = (uint16_t)(nid * MAX_NR_ZONES + (int)type);
		spin_lock_init(&node->zones[type].lock, LOCK_ZONE, node->zones[type].id);
		spin_lock_init(&node->zones[type].reserve.lock, LOCK_LEAF, 0);
		zone_table[node->zones[type].id] = &node->zones[type];
	}
	return node;
}

static bool find_nodes(void *ctx, struct pfn_range frames, int nid)
{
	uint64_t *nodes = ctx;
	(void)frames;
	*nodes |= 1ULL << nid;
	return true;
}

static bool count_memory(void *ctx, struct pfn_range frames, int nid)
{
	struct node *node = node_table[nid];
	(void)ctx;
	widen(&node->span, frames);
	node->present_pages += pfn_range_pages(frames);
	for (unsigned int type = 0; type < MAX_NR_ZONES; type++) {
		struct pfn_range part =
			pfn_range_common(frames, zone_limits(nid, (enum zone_type)type));
		if (pfn_range_pages(part) != 0) {
			widen(&node->zones[type].span, part);
			node->zones[type].present_pages += pfn_range_pages(part);
		}
	}
	return true;
}

int zone_init(void)
{
	uint64_t nodes = 0;
	static_assert(MAX_NUMNODES <= 64, "a bit a node");
	zone_for_each_memory(find_nodes, &nodes);
	if (nodes == 0) {
		pr_err("memblock holds no whole page of memory");
		return -ENODEV;
	}
	for (int nid = 0; nid < MAX_NUMNODES; nid++) {
		if (nodes >> nid & 1) {
			node_table[nid] = node_make(nid);
			if (node_table[nid] == NULL) {
				return -ENOMEM;
			}
		}
	}
	zone_for_each_memory(count_memory, NULL);
	int err = zonelists_build();
	if (err == 0) {
		zone_log();
	}
	return err;
}

void zone_reset(void)
{
	for (int nid = 0; nid < MAX_NUMNODES; nid++) {
		node_table[nid] = NULL;
		for (unsigned int type = 0; type < MAX_NR_ZONES; type++) {
			zone_table[nid * MAX_NR_ZONES + (int)type] = NULL;
		}
		movable_start[nid] = pfn(0);
	}
	node_distance_reset();
}

struct node *node_by_id(int nid)
{
	return nid >= 0 && nid < MAX_NUMNODES ? node_table[nid] : NULL;
}

struct zone *zone_by_id(unsigned int id)
{
	return id < ARRAY_SIZE(zone_table) ? zone_table[id] : NULL;
}

void zone_for_each(zone_fn fn, void *ctx)
{
	for (int nid = 0; nid < MAX_NUMNODES; nid++) {
		for (unsigned int type = 0; node_table[nid] != NULL && type < MAX_NR_ZONES;
		     type++) {
			struct zone *zone = &node_table[nid]->zones[type];
			if (zone->present_pages != 0 && !fn(ctx, zone)) {
				return;
			}
		}
	}
}

struct zone *pfn_to_zone(pfn_t f)
{
	struct zone *found = NULL;
	bool several = false;
	for (int nid = 0; nid < MAX_NUMNODES; nid++) {
		for (unsigned int type = 0; node_table[nid] != NULL && type < MAX_NR_ZONES;
		     type++) {
			struct zone *zone = &node_table[nid]->zones[type];
			if (pfn_range_contains(zone->span, f)) {
				several = found != NULL;
				found = zone;
			}
		}
	}
	if (!several) {
		return found;
	}
	/* Nodes whose memory interleaves. */
	unsigned long start, end;
	int nid = node_of(memblock_search_pfn_nid(f.n, &start, &end));
	for (unsigned int type = 0; node_table[nid] != NULL && type < MAX_NR_ZONES; type++) {
		if (pfn_range_contains(node_table[nid]->zones[type].span, f)) {
			return &node_table[nid]->zones[type];
		}
	}
	return NULL;
}
