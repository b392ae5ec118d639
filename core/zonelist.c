/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which zone stands in for which: for each node all zones with memory, by distance of their node
 * (then by its number, counted from the node itself, so that equally far nodes share the load), and
 * from Movable down to DMA in each node.
 */
#define LOG_MODULE "zone"
#include "zone_private.h"

#include "fpg/core/log.h"

#include <errno.h>

/** 0: not set. */
static uint8_t distances[MAX_NUMNODES][MAX_NUMNODES];

static bool node_valid(int nid)
{
	return nid >= 0 && nid < MAX_NUMNODES;
}

int node_distance_set(int from, int to, unsigned int distance)
{
	bool local = from == to;
	if (!node_valid(from) || !node_valid(to) || distance > UINT8_MAX ||
	    distance < LOCAL_DISTANCE || local != (distance == LOCAL_DISTANCE)) {
		return -EINVAL;
	}
	distances[from][to] = (uint8_t)distance;
	return 0;
}

unsigned int node_distance(int from, int to)
{
	if (from == to) {
		return LOCAL_DISTANCE;
	}
	if (!node_valid(from) || !node_valid(to) || distances[from][to] == 0) {
		return REMOTE_DISTANCE;
	}
	return distances[from][to];
}

void node_distance_reset(void)
{
	for (int from = 0; from < MAX_NUMNODES; from++) {
		for (int to = 0; to < MAX_NUMNODES; to++) {
			distances[from][to] = 0;
		}
	}
}

/** The nearest node of @left to @from, taken out of @left; -1 when none is left. */
static int nearest(int from, uint64_t *left)
{
	int best = -1;
	for (int step = 0; step < MAX_NUMNODES; step++) {
		int nid = (from + step) % MAX_NUMNODES;
		if ((*left >> nid & 1) &&
		    (best < 0 || node_distance(from, nid) < node_distance(from, best))) {
			best = nid;
		}
	}
	if (best >= 0) {
		*left &= ~(1ULL << best);
	}
	return best;
}

static bool count_zone(void *ctx, struct zone *zone)
{
	(void)zone;
	++*(size_t *)ctx;
	return true;
}

int zonelists_build(void)
{
	uint64_t online = 0;
	size_t zones = 0;
	zone_for_each(count_zone, &zones);
	for (int nid = 0; nid < MAX_NUMNODES; nid++) {
		online |= (uint64_t)(node_table[nid] != NULL) << nid;
	}
	for (int nid = 0; nid < MAX_NUMNODES; nid++) {
		uint64_t left = online;
		size_t used = 0;
		if (node_table[nid] == NULL) {
			continue;
		}
		struct zone **list = memblock_alloc_owned((zones + 1) * sizeof(struct zone *),
							  MEMBLOCK_DEFAULT_ALIGNMENT,
							  MEMBLOCK_LOW_LIMIT,
							  MEMBLOCK_ALLOC_ACCESSIBLE, nid,
							  mem_owner(OWNER_ZONES, RULE_ALLOC, -1));
		if (list == NULL) {
			pr_err("no memory for the zonelist of node %d", nid);
			return -ENOMEM;
		}
		for (int near = nearest(nid, &left); near >= 0; near = nearest(nid, &left)) {
			for (int type = MAX_NR_ZONES - 1; type >= 0; type--) {
				struct zone *zone = &node_table[near]->zones[type];
				if (zone->present_pages != 0) {
					zone->alone = zones == 1;
					list[used++] = zone;
				}
			}
		}
		list[used] = NULL;
		node_table[nid]->zonelist = list;
	}
	return 0;
}
