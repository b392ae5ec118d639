/* SPDX-License-Identifier: BSD-2-Clause */
/* `zoneinfo`: what decides whether a request is served by a zone, and what each hart has cached of it. */
#include "commands.h"

#include "fpg/core/page_alloc.h"
#include "fpg/core/page_cache.h"

static unsigned long long ull(uint64_t v)
{
	return v;
}

static void print_cache(void *ctx, unsigned int hart, enum migratetype type, unsigned int order,
			const struct page_cache_info *info)
{
	out_printf(ctx,
		   "  hart %u, %s, order %u: %u of at most %u blocks; %llu allocated, %llu freed\n",
		   hart, migratetype_name(type), order, info->blocks, info->limit,
		   ull(info->allocs), ull(info->frees));
}

static bool print_info(void *ctx, struct zone *zone)
{
	struct out *out = ctx;
	struct zone_counters counters;
	zone_counters_read(zone, &counters);
	out_printf(out, "Node %u, zone %8s\n", zone->nid, zone_name(zone->type));
	out_printf(out, "  pages free %llu, min %llu, low %llu, high %llu\n", ull(zone->free_pages),
		   ull(zone->watermark[WMARK_MIN]), ull(zone->watermark[WMARK_LOW]),
		   ull(zone->watermark[WMARK_HIGH]));
	out_printf(out, "  spanned %llu, present %llu, managed %llu, cached %llu\n",
		   ull(zone_spanned_pages(zone)), ull(zone->present_pages),
		   ull(zone->managed_pages), ull(page_cache_pages(zone)));
	out_puts(out, "  kept from requests that could use");
	for (unsigned int type = 0; type < MAX_NR_ZONES; type++) {
		out_printf(out, "%s %s: %llu", type != 0 ? "," : "",
			   zone_name((enum zone_type)type), ull(zone->lowmem_reserve[type]));
	}
	out_printf(out,
		   "\n  kept for atomic requests %llu of at most %llu; isolated pageblocks %u\n",
		   ull(zone->highatomic_pages), ull(zone->highatomic_most), zone->isolated_blocks);
	if (zone->cma_pages != 0) {
		out_printf(
			out,
			"  in lent CMA areas %llu, free of these %llu: for movable requests only\n",
			ull(zone->cma_pages), ull(zone->palloc->cma_free_pages));
	}
	out_printf(out, "  allocated %llu, freed %llu, missed %llu, frees refused %llu\n",
		   ull(counters.allocs), ull(counters.frees), ull(counters.misses),
		   ull(counters.refused));
	out_printf(out, "  frame table: %llu pages from the reserve, %u in it\n",
		   ull(zone->reserve.used), zone->reserve.count);
	monitor_each_cache(zone, print_cache, out);
	return true;
}

static void json_cache(void *ctx, unsigned int hart, enum migratetype type, unsigned int order,
		       const struct page_cache_info *info)
{
	struct json *j = ctx;
	json_object_begin(j);
	monitor_json_cache(j, hart, type, order, info);
	json_object_end(j);
}

static bool json_info(void *ctx, struct zone *zone)
{
	struct json *j = ctx;
	struct zone_counters counters;
	zone_counters_read(zone, &counters);
	json_object_begin(j);
	json_kv_u64(j, "node", zone->nid);
	json_kv_string(j, "zone", zone_name(zone->type));
	json_kv_u64(j, "free_pages", zone->free_pages);
	json_kv_u64(j, "watermark_min", zone->watermark[WMARK_MIN]);
	json_kv_u64(j, "watermark_low", zone->watermark[WMARK_LOW]);
	json_kv_u64(j, "watermark_high", zone->watermark[WMARK_HIGH]);
	json_kv_u64(j, "spanned_pages", zone_spanned_pages(zone));
	json_kv_u64(j, "present_pages", zone->present_pages);
	json_kv_u64(j, "managed_pages", zone->managed_pages);
	json_kv_u64(j, "cached_pages", page_cache_pages(zone));
	json_key(j, "lowmem_reserve");
	json_array_begin(j);
	for (unsigned int type = 0; type < MAX_NR_ZONES; type++) {
		json_u64(j, zone->lowmem_reserve[type]);
	}
	json_array_end(j);
	json_kv_u64(j, "highatomic_pages", zone->highatomic_pages);
	json_kv_u64(j, "highatomic_most", zone->highatomic_most);
	json_kv_u64(j, "isolated_pageblocks", zone->isolated_blocks);
	json_kv_u64(j, "cma_pages", zone->cma_pages);
	json_kv_u64(j, "cma_free_pages", zone->palloc != NULL ? zone->palloc->cma_free_pages : 0);
	json_kv_u64(j, "allocs", counters.allocs);
	json_kv_u64(j, "frees", counters.frees);
	json_kv_u64(j, "misses", counters.misses);
	json_kv_u64(j, "refused", counters.refused);
	json_kv_u64(j, "frame_table_used", zone->reserve.used);
	json_kv_u64(j, "frame_table_reserve", zone->reserve.count);
	json_key(j, "caches");
	json_array_begin(j);
	monitor_each_cache(zone, json_cache, j);
	json_array_end(j);
	json_object_end(j);
	return true;
}

int cmd_zoneinfo(struct monitor *m, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return monitor_each_zone(m, print_info, json_info);
}
