/* SPDX-License-Identifier: BSD-2-Clause */
/* The boot log of nodes and zones, in the words people know from Linux. */
#define LOG_MODULE "zone"
#include "zone_private.h"

#include "fpg/core/log.h"

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

/** Span of one zone type over all nodes. */
static struct pfn_range type_span(unsigned int type)
{
	struct pfn_range span = { { 0 }, { 0 } };
	for (int nid = 0; nid < MAX_NUMNODES; nid++) {
		if (node_table[nid] == NULL || node_table[nid]->zones[type].present_pages == 0) {
			continue;
		}
		struct pfn_range zone = node_table[nid]->zones[type].span;
		if (pfn_range_pages(span) == 0) {
			span = zone;
		}
		span.start = zone.start.n < span.start.n ? zone.start : span.start;
		span.end = zone.end.n > span.end.n ? zone.end : span.end;
	}
	return span;
}

static bool log_zone(void *ctx, struct zone *zone)
{
	(void)ctx;
	uint64_t holes = zone_spanned_pages(zone) - zone->present_pages;
	pr_info("On node %d, zone %s: %llu pages present, %llu in holes", zone->nid,
		zone_name(zone->type), (unsigned long long)zone->present_pages,
		(unsigned long long)holes);
	return true;
}

void zone_log(void)
{
	pr_info("Zone ranges:");
	for (unsigned int type = 0; type < MAX_NR_ZONES; type++) {
		struct pfn_range span = type_span(type);
		if (type == ZONE_DMA && !FPG_ENABLED(CONFIG_ZONE_DMA)) {
			continue;
		}
		if (type == ZONE_MOVABLE) {
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
	pr_info("Early memory node ranges");
	zone_for_each_memory(log_memory, &ranges);
	if (ranges > LOGGED_RANGES) {
		pr_info("  and %llu more", (unsigned long long)(ranges - LOGGED_RANGES));
	}
	for (int nid = 0; nid < MAX_NUMNODES; nid++) {
		if (node_table[nid] != NULL) {
			pr_info("Initmem setup node %d [mem 0x%016llx-0x%016llx]", nid,
				first_byte(node_table[nid]->span),
				last_byte(node_table[nid]->span));
		}
	}
	zone_for_each(log_zone, NULL);
}
