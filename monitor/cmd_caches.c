/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The per-hart caches as `caches` and `zoneinfo` show them. What other harts do meanwhile may change them; each number is
 * one that was true.
 */
#include "commands.h"

#include "fpg/core/hart.h"
#include "fpg/core/page_cache.h"

static unsigned long long ull(uint64_t v)
{
	return v;
}

void monitor_each_cache(const struct zone *zone, monitor_cache_fn fn, void *ctx)
{
	struct page_cache_info info;
	for (unsigned int hart = 0; hart < PORT_MAX_HARTS; hart++) {
		for (unsigned int i = 0; i < PAGE_CACHE_TYPES * PAGE_CACHE_ORDERS; i++) {
			enum migratetype type = (enum migratetype)(i / PAGE_CACHE_ORDERS);
			unsigned int order = i % PAGE_CACHE_ORDERS;
			if (page_cache_info(hart, zone, type, order, &info) &&
			    (info.allocs | info.frees | info.limit) != 0) {
				fn(ctx, hart, type, order, &info);
			}
		}
	}
}

void monitor_json_cache(struct json *j, unsigned int hart, enum migratetype type,
			unsigned int order, const struct page_cache_info *info)
{
	json_kv_u64(j, "hart", hart);
	json_kv_string(j, "type", migratetype_name(type));
	json_kv_u64(j, "order", order);
	json_kv_u64(j, "blocks", info->blocks);
	json_kv_u64(j, "limit", info->limit);
	json_kv_u64(j, "allocs", info->allocs);
	json_kv_u64(j, "frees", info->frees);
}

/* ---- caches ---------------------------------------------------------------------------------- */

struct shown {
	struct out *out;
	struct json *json;
	const struct zone *zone;
	uint64_t pages;
	unsigned int caches;
};

static void print_cache(void *ctx, unsigned int hart, enum migratetype type, unsigned int order,
			const struct page_cache_info *info)
{
	struct shown *s = ctx;
	if (s->caches++ == 0) {
		out_puts(
			s->out,
			"hart  node  zone      order  type          blocks  limit   allocated       freed\n");
	}
	s->pages += (uint64_t)info->blocks << order;
	out_printf(s->out, "%4u  %4u  %-8s  %5u  %-12s  %6u  %5u  %10llu  %10llu\n", hart,
		   s->zone->nid, zone_name(s->zone->type), order, migratetype_name(type),
		   info->blocks, info->limit, ull(info->allocs), ull(info->frees));
}

static bool print_zone(void *ctx, struct zone *zone)
{
	struct shown *s = ctx;
	s->zone = zone;
	monitor_each_cache(zone, print_cache, s);
	return true;
}

static void json_cache(void *ctx, unsigned int hart, enum migratetype type, unsigned int order,
		       const struct page_cache_info *info)
{
	struct shown *s = ctx;
	s->pages += (uint64_t)info->blocks << order;
	json_object_begin(s->json);
	json_kv_u64(s->json, "node", s->zone->nid);
	json_kv_string(s->json, "zone", zone_name(s->zone->type));
	monitor_json_cache(s->json, hart, type, order, info);
	json_object_end(s->json);
}

static bool json_zone(void *ctx, struct zone *zone)
{
	struct shown *s = ctx;
	s->zone = zone;
	monitor_each_cache(zone, json_cache, s);
	return true;
}

int cmd_caches(struct monitor *m, int argc, char **argv)
{
	struct shown s = { .out = m->out };
	(void)argc;
	(void)argv;
	if (!m->json) {
		zone_for_each(print_zone, &s);
		out_printf(m->out, "caches used: %u; they hold %llu pages\n", s.caches,
			   ull(s.pages));
		return 0;
	}
	s.json = monitor_json_begin(m);
	json_key(s.json, "caches");
	json_array_begin(s.json);
	zone_for_each(json_zone, &s);
	json_array_end(s.json);
	json_kv_u64(s.json, "pages", s.pages);
	monitor_json_end(m);
	return 0;
}
