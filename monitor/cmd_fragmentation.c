/* SPDX-License-Identifier: BSD-2-Clause */
/* `pagetypeinfo` and `extfrag`: how broken each zone's memory is, as Linux's files of these names tell it. */
#include "commands.h"

#include "fpg/core/fragmentation.h"
#include "fpg/core/page_alloc.h"

static unsigned long long ull(uint64_t v)
{
	return v;
}

static void json_begin_zone(struct json *j, const struct zone *zone)
{
	json_object_begin(j);
	json_kv_u64(j, "node", zone->nid);
	json_kv_string(j, "zone", zone_name(zone->type));
}

/* ---- pagetypeinfo ---------------------------------------------------------------------------- */

/** Too large for a stack; commands run one at a time. */
static struct zone_page_types types;

static bool print_types(void *ctx, struct zone *zone)
{
	struct out *out = ctx;
	zone_page_types(zone, &types);
	for (unsigned int type = 0; type < MIGRATE_TYPE_COUNT; type++) {
		out_printf(out, "Node %u, zone %8s, type %12s ", zone->nid, zone_name(zone->type),
			   migratetype_name((enum migratetype)type));
		for (unsigned int order = 0; order <= MAX_PAGE_ORDER; order++) {
			out_printf(out, "%6llu ", ull(types.free_blocks[type][order]));
		}
		out_printf(out, "| %llu pageblocks, %llu mixed\n", ull(types.pageblocks[type]),
			   ull(types.mixed[type]));
	}
	return true;
}

static bool json_types(void *ctx, struct zone *zone)
{
	struct json *j = ctx;
	zone_page_types(zone, &types);
	json_begin_zone(j, zone);
	json_key(j, "types");
	json_array_begin(j);
	for (unsigned int type = 0; type < MIGRATE_TYPE_COUNT; type++) {
		json_object_begin(j);
		json_kv_string(j, "type", migratetype_name((enum migratetype)type));
		json_key(j, "free_blocks");
		json_array_begin(j);
		for (unsigned int order = 0; order <= MAX_PAGE_ORDER; order++) {
			json_u64(j, types.free_blocks[type][order]);
		}
		json_array_end(j);
		json_kv_u64(j, "pageblocks", types.pageblocks[type]);
		json_kv_u64(j, "mixed", types.mixed[type]);
		json_object_end(j);
	}
	json_array_end(j);
	json_object_end(j);
	return true;
}

int cmd_pagetypeinfo(struct monitor *m, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	if (!m->json) {
		out_printf(m->out, "pageblocks of order %u; free blocks of order 0 to %u\n",
			   (unsigned int)PAGEBLOCK_ORDER, (unsigned int)MAX_PAGE_ORDER);
	}
	return monitor_each_zone(m, print_types, json_types);
}

/* ---- extfrag --------------------------------------------------------------------------------- */

static bool print_indices(void *ctx, struct zone *zone)
{
	struct out *out = ctx;
	uint64_t blocks[MAX_PAGE_ORDER + 1];
	zone_free_blocks(zone, blocks);
	for (unsigned int row = 0; row < 2; row++) {
		out_printf(out, "Node %u, zone %8s, %s", zone->nid, zone_name(zone->type),
			   row == 0 ? "fragmentation" : "unusable     ");
		for (unsigned int order = 0; order <= MAX_PAGE_ORDER; order++) {
			int index = row == 0 ? fragmentation_index(blocks, order) :
					       (int)unusable_free_index(blocks, order);
			unsigned int size = index < 0 ? (unsigned int)-index : (unsigned int)index;
			out_printf(out, " %s%u.%03u", index < 0 ? "-" : "", size / 1000,
				   size % 1000);
		}
		out_puts(out, "\n");
	}
	return true;
}

static bool json_indices(void *ctx, struct zone *zone)
{
	struct json *j = ctx;
	uint64_t blocks[MAX_PAGE_ORDER + 1];
	zone_free_blocks(zone, blocks);
	json_begin_zone(j, zone);
	json_key(j, "fragmentation_permille");
	json_array_begin(j);
	for (unsigned int order = 0; order <= MAX_PAGE_ORDER; order++) {
		json_i64(j, fragmentation_index(blocks, order));
	}
	json_array_end(j);
	json_key(j, "unusable_permille");
	json_array_begin(j);
	for (unsigned int order = 0; order <= MAX_PAGE_ORDER; order++) {
		json_u64(j, unusable_free_index(blocks, order));
	}
	json_array_end(j);
	json_object_end(j);
	return true;
}

int cmd_extfrag(struct monitor *m, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return monitor_each_zone(m, print_indices, json_indices);
}
