/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of commands about page allocators, and those that only look: `zones`, `buddyinfo`,
 * `palloc`.
 */
#include "commands.h"

#include "fpg/base/parse.h"
#include "fpg/core/page_alloc.h"
#include "fpg/core/page_cache.h"
#include "fpg/core/palloc_registry.h"

#include <errno.h>
#include <string.h>

static unsigned long long ull(uint64_t v)
{
	return v;
}

/* ---- zones ---- */

static bool print_zone(void *ctx, struct zone *zone)
{
	struct out *out = ctx;
	struct palloc_stats stats;
	char size[24];
	out_printf(
		out,
		"node %u zone %-8s 0x%llx-0x%llx: %llu pages spanned, %llu present, %llu managed\n",
		zone->nid, zone_name(zone->type), ull(pfn_to_phys(zone->span.start)),
		ull(pfn_to_phys(zone->span.end)), ull(zone_spanned_pages(zone)),
		ull(zone->present_pages), ull(zone->managed_pages));
	if (zone_stats(zone, &stats) != 0) {
		out_puts(out, "    no page allocator yet\n");
		return true;
	}
	out_printf(out,
		   "    %s: %llu pages free (%s), largest run %llu pages, metadata %llu bytes\n",
		   zone->palloc->ops->name, ull(zone->free_pages),
		   format_size(size, sizeof(size), zone->free_pages << PAGE_SHIFT),
		   ull(stats.largest_free_pages), ull(stats.meta_bytes));
	struct zone_counters counters;
	zone_counters_read(zone, &counters);
	out_printf(out, "    %llu allocated, %llu freed, %llu missed, %llu frees refused\n",
		   ull(counters.allocs), ull(counters.frees), ull(counters.misses),
		   ull(counters.refused));
	out_printf(
		out,
		"    watermarks: min %llu, low %llu, high %llu; %llu kept for atomic requests; %llu in caches\n",
		ull(zone->watermark[WMARK_MIN]), ull(zone->watermark[WMARK_LOW]),
		ull(zone->watermark[WMARK_HIGH]), ull(zone->highatomic_pages),
		ull(page_cache_pages(zone)));
	return true;
}

static bool json_zone(void *ctx, struct zone *zone)
{
	struct json *j = ctx;
	struct palloc_stats stats;
	json_object_begin(j);
	json_kv_u64(j, "node", zone->nid);
	json_kv_string(j, "zone", zone_name(zone->type));
	json_kv_hex(j, "start", pfn_to_phys(zone->span.start));
	json_kv_hex(j, "end", pfn_to_phys(zone->span.end));
	json_kv_u64(j, "spanned_pages", zone_spanned_pages(zone));
	json_kv_u64(j, "present_pages", zone->present_pages);
	json_kv_u64(j, "managed_pages", zone->managed_pages);
	json_kv_u64(j, "free_pages", zone->free_pages);
	if (zone_stats(zone, &stats) == 0) {
		json_kv_string(j, "backend", zone->palloc->ops->name);
		json_kv_u64(j, "largest_free_pages", stats.largest_free_pages);
		json_kv_u64(j, "meta_bytes", stats.meta_bytes);
	}
	struct zone_counters counters;
	zone_counters_read(zone, &counters);
	json_kv_u64(j, "cached_pages", page_cache_pages(zone));
	json_kv_u64(j, "watermark_min", zone->watermark[WMARK_MIN]);
	json_kv_u64(j, "watermark_low", zone->watermark[WMARK_LOW]);
	json_kv_u64(j, "watermark_high", zone->watermark[WMARK_HIGH]);
	json_kv_u64(j, "highatomic_pages", zone->highatomic_pages);
	json_kv_u64(j, "allocs", counters.allocs);
	json_kv_u64(j, "frees", counters.frees);
	json_kv_u64(j, "misses", counters.misses);
	json_kv_u64(j, "refused", counters.refused);
	json_object_end(j);
	return true;
}

int monitor_each_zone(struct monitor *m, zone_fn text, zone_fn object)
{
	if (!m->json) {
		zone_for_each(text, m->out);
		return 0;
	}
	struct json *j = monitor_json_begin(m);
	json_key(j, "zones");
	json_array_begin(j);
	zone_for_each(object, j);
	json_array_end(j);
	monitor_json_end(m);
	return 0;
}

static int cmd_zones(struct monitor *m, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return monitor_each_zone(m, print_zone, json_zone);
}

/* ---- buddyinfo ---- */

static bool print_blocks(void *ctx, struct zone *zone)
{
	struct out *out = ctx;
	uint64_t blocks[MAX_PAGE_ORDER + 1];
	zone_free_blocks(zone, blocks);
	out_printf(out, "Node %u, zone %8s ", zone->nid, zone_name(zone->type));
	for (unsigned int order = 0; order <= MAX_PAGE_ORDER; order++) {
		out_printf(out, "%6llu ", ull(blocks[order]));
	}
	out_puts(out, "\n");
	return true;
}

static void print_orders(struct out *out)
{
	out_printf(out, "%-22s", "free blocks of order");
	for (unsigned int order = 0; order <= MAX_PAGE_ORDER; order++) {
		out_printf(out, "%6u ", order);
	}
	out_puts(out, "\n");
}

static bool json_blocks(void *ctx, struct zone *zone)
{
	struct json *j = ctx;
	uint64_t blocks[MAX_PAGE_ORDER + 1];
	zone_free_blocks(zone, blocks);
	json_object_begin(j);
	json_kv_u64(j, "node", zone->nid);
	json_kv_string(j, "zone", zone_name(zone->type));
	json_key(j, "free_blocks");
	json_array_begin(j);
	for (unsigned int order = 0; order <= MAX_PAGE_ORDER; order++) {
		json_u64(j, blocks[order]);
	}
	json_array_end(j);
	json_object_end(j);
	return true;
}

static int cmd_buddyinfo(struct monitor *m, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	if (!m->json) {
		print_orders(m->out);
	}
	return monitor_each_zone(m, print_blocks, json_blocks);
}

/* ---- palloc ---- */

static const struct {
	uint32_t bit;
	const char *name;
} cap_names[] = {
	{ PALLOC_CAP_FREE, "free" },	     { PALLOC_CAP_ORDER, "order" },
	{ PALLOC_CAP_RUN, "run" },	     { PALLOC_CAP_SUBFREE, "subfree" },
	{ PALLOC_CAP_CLAIM, "claim" },	     { PALLOC_CAP_CLASS, "class" },
	{ PALLOC_CAP_HART, "hart" },	     { PALLOC_CAP_SHRINK, "shrink" },
	{ PALLOC_CAP_SELFLOCK, "selflock" }, { PALLOC_CAP_OVERLAY, "overlay" },
	{ PALLOC_CAP_RECORDS, "records" },   { PALLOC_CAP_PACK, "pack" },
	{ PALLOC_CAP_CLEARS, "clears" },
};

static void print_backend(struct out *out, const struct palloc_ops *ops, bool serves)
{
	out_printf(out, "%c %-12s %s\n  %-12s can:", serves ? '*' : ' ', ops->name, ops->title, "");
	for (size_t i = 0; i < ARRAY_SIZE(cap_names); i++) {
		if (ops->caps & cap_names[i].bit) {
			out_printf(out, " %s", cap_names[i].name);
		}
	}
	out_puts(out, "\n");
}

static void json_backend(struct json *j, const struct palloc_ops *ops, bool serves)
{
	json_object_begin(j);
	json_kv_string(j, "name", ops->name);
	json_kv_string(j, "title", ops->title);
	json_kv_bool(j, "serves", serves);
	json_key(j, "can");
	json_array_begin(j);
	for (size_t i = 0; i < ARRAY_SIZE(cap_names); i++) {
		if (ops->caps & cap_names[i].bit) {
			json_string(j, cap_names[i].name);
		}
	}
	json_array_end(j);
	json_object_end(j);
}

static int cmd_palloc(struct monitor *m, int argc, char **argv)
{
	struct json *j = NULL;
	if (argc >= 2 && strcmp(argv[1], "switch") == 0) {
		return monitor_palloc_switch(m, argc, argv);
	}
	if (argc > 2 || (argc == 2 && strcmp(argv[1], "list") != 0)) {
		return monitor_fail(m, -EINVAL, "'%s' is neither list nor switch NAME", argv[1]);
	}
	if (m->json) {
		j = monitor_json_begin(m);
		json_key(j, "backends");
		json_array_begin(j);
	}
	for (size_t i = 0; palloc_table[i] != NULL; i++) {
		bool serves = strcmp(palloc_table[i]->name, page_alloc_backend_name()) == 0;
		if (j != NULL) {
			json_backend(j, palloc_table[i], serves);
		} else {
			print_backend(m->out, palloc_table[i], serves);
		}
	}
	if (j != NULL) {
		json_array_end(j);
		monitor_json_end(m);
	}
	return 0;
}

const struct monitor_command monitor_commands_palloc[] = {
	{ "zones", "", "nodes and zones: pages, backend, counters", 0, 0, cmd_zones },
	{ "buddyinfo", "", "free blocks of each order in each zone", 0, 0, cmd_buddyinfo },
	{ "zoneinfo", "", "watermarks, reserves, counters and hart caches of each zone", 0, 0,
	  cmd_zoneinfo },
	{ "pagetypeinfo", "", "free blocks and pageblocks by migratetype, and mixed pageblocks", 0,
	  0, cmd_pagetypeinfo },
	{ "extfrag", "", "fragmentation and unusable free index of each order in each zone", 0, 0,
	  cmd_extfrag },
#ifdef CONFIG_COMPACTION
	{ "compact", "[all|NODE|ZONE [ORDER]]",
	  "move pages together; until a block of ORDER is free", 0, 2, cmd_compact },
#endif
	{ "palloc", "[list|switch NAME]",
	  "the page allocators of this build, * serves; or let another one serve", 0, 2,
	  cmd_palloc },
	{ "caches", "", "what each hart has cached, by zone, order and migratetype", 0, 0,
	  cmd_caches },
	{ "alloc", "[ORDER [COUNT]] [GFP…]", "allocate blocks and keep them", 0, 12, cmd_alloc },
	{ "free", "PFN|ADDRESS|all", "give back what `alloc` keeps", 1, 1, cmd_free },
#ifdef CONFIG_CMA
	{ "cma", "[why|alloc AREA COUNT [ALIGN]|release AREA PFN COUNT]",
	  "areas with their bitmaps; what a request would say; try one", 0, 4, cmd_cma },
#endif
	{ "dma", "[NODE BYTES]",
	  "memory pools of devices; allocate for the device at a path or alias, write, read, free",
	  0, 2, cmd_dma },
	{ "page_owner", "PFN|ADDRESS", "who allocated and freed a page", 1, 1, cmd_page_owner },
#ifdef CONFIG_FAIL_PAGE_ALLOC
	{ "fail_page_alloc", "[off|nth N|share PERCENT] [CONDITION…]",
	  "let page allocations fail; conditions: seed S, times N, order MIN, with GFP, without GFP",
	  0, MONITOR_WORDS, cmd_fail_page_alloc },
#endif
	{ 0 },
};
