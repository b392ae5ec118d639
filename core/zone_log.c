/* SPDX-License-Identifier: BSD-2-Clause */
/* The boot log of nodes and zones, in the words people know from Linux. */
#define LOG_MODULE "zone"
#include "zone_private.h"

#include "fpg/core/log.h"

#include <stdio.h>

static unsigned long long first_byte(struct pfn_range r)
{
	return (unsigned long long)pfn_to_phys(r.start);
}

static unsigned long long last_byte(struct pfn_range r)
{
	return (unsigned long long)pfn_to_phys(r.end) - 1;
}

/** Ranges of memory that are listed; a tree with thousands would take the console minutes. */
#define LOGGED_RANGES 64

static bool log_memory(void *ctx, struct pfn_range frames, int nid)
{
	uint64_t *ranges = ctx;
	if ((*ranges)++ < LOGGED_RANGES) {
		pr_info("  node %3d: [mem 0x%016llx-0x%016llx]", nid, first_byte(frames),
			last_byte(frames));
	}
	return true;
}

/** Memory of one zone type, over all nodes. As in Linux, zone Movable's still counts as the zone's that it was cut from. */
struct type_span {
	struct pfn_range limits;
	struct pfn_range span;
};

static bool widen_type(void *ctx, struct pfn_range frames, int nid)
{
	struct type_span *t = ctx;
	struct pfn_range part = pfn_range_common(frames, t->limits);
	(void)nid;
	if (pfn_range_pages(part) != 0) {
		t->span.start = pfn_range_pages(t->span) == 0 ? part.start : t->span.start;
		t->span.end = part.end;
	}
	return true;
}

static struct pfn_range type_span(enum zone_type type)
{
	struct type_span t = { .limits = zone_type_limits(type) };
	zone_for_each_memory(widen_type, &t);
	return t.span;
}

static bool log_zone(void *ctx, struct zone *zone)
{
	(void)ctx;
	uint64_t holes = zone_spanned_pages(zone) - zone->present_pages;
	pr_info("On node %d, zone %s: %llu pages present, %llu pages in unavailable ranges",
		zone->nid, zone_name(zone->type), (unsigned long long)zone->present_pages,
		(unsigned long long)holes);
	return true;
}

/** The nodes of node @nid's zonelist, in its order; said where there are several. */
static void log_fallback(int nid)
{
	char text[MAX_NUMNODES * 3 + 1] = "";
	size_t used = 0;
	int last = NUMA_NO_NODE;
	for (struct zone **z = node_table[nid]->zonelist; *z != NULL; z++) {
		if ((*z)->nid != last) {
			last = (*z)->nid;
			used += (size_t)snprintf(text + used, sizeof(text) - used, " %d", last);
		}
	}
	pr_info("Fallback order for Node %d:%s", nid, text);
}

void zone_log(void)
{
	pr_info("Zone ranges:");
	for (unsigned int type = 0; type < ZONE_MOVABLE; type++) {
		struct pfn_range span = type_span((enum zone_type)type);
		if (type == ZONE_DMA && !FPG_ENABLED(CONFIG_ZONE_DMA)) {
			continue;
		}
		if (pfn_range_pages(span) == 0) {
			pr_info("  %-8s empty", zone_name((enum zone_type)type));
		} else {
			pr_info("  %-8s [mem 0x%016llx-0x%016llx]", zone_name((enum zone_type)type),
				first_byte(span), last_byte(span));
		}
	}
	pr_info("Movable zone start for each node");
	for (int nid = 0; nid < MAX_NUMNODES; nid++) {
		if (node_table[nid] != NULL &&
		    node_table[nid]->zones[ZONE_MOVABLE].present_pages != 0) {
			pr_info("  Node %d: 0x%016llx", nid,
				first_byte(node_table[nid]->zones[ZONE_MOVABLE].span));
		}
	}
	uint64_t ranges = 0;
	uint64_t all_pages = 0;
	pr_info("Early memory node ranges");
	zone_for_each_memory(log_memory, &ranges);
	if (ranges > LOGGED_RANGES) {
		pr_info("  and %llu more", (unsigned long long)(ranges - LOGGED_RANGES));
	}
	for (int nid = 0; nid < MAX_NUMNODES; nid++) {
		if (node_table[nid] != NULL) {
			all_pages += node_table[nid]->present_pages;
			pr_info("Initmem setup node %d [mem 0x%016llx-0x%016llx]", nid,
				first_byte(node_table[nid]->span),
				last_byte(node_table[nid]->span));
		}
	}
	zone_for_each(log_zone, NULL);
	for (int nid = 0; nid < MAX_NUMNODES; nid++) {
		if (node_table[nid] != NULL && node_table[nid]->present_pages != all_pages) {
			log_fallback(nid);
		}
	}
}
