/* SPDX-License-Identifier: BSD-2-Clause */
/* `compact`: move pages together, in all zones, those of a node or those of a name, and say what it gave. */
#include "commands.h"

#include "fpg/base/errno.h"
#include "fpg/base/parse.h"
#include "fpg/core/compaction.h"
#include "fpg/core/memblock.h"

#include <errno.h>
#include <string.h>

/** What was asked for, and what is told of each zone. */
struct request {
	struct monitor *m;
	struct json *j;
	/** Node; -1: any. Name; NULL: any. */
	int nid;
	const char *name;
	int order;
	unsigned int zones;
	int err;
};

static unsigned long long ull(uint64_t v)
{
	return v;
}

static void print_zone(struct out *out, const struct zone *zone, int err,
		       const struct compact_report *r)
{
	out_printf(
		out,
		"Node %u, zone %8s: %llu pages moved, %llu pageblocks emptied of %llu looked at, %llu blocked%s%s\n",
		zone->nid, zone_name(zone->type), ull(r->moved_pages), ull(r->emptied_blocks),
		ull(r->scanned_blocks), ull(r->blocked_blocks), err != 0 ? "; " : "",
		err != 0 ? errno_name(err) : "");
	if (r->blocker.reason != MIGRATE_REASON_NONE) {
		out_puts(out, "  last in the way: ");
		migrate_blocker_print(out, &r->blocker);
		out_puts(out, "\n");
	}
}

static void json_zone(struct json *j, const struct zone *zone, int err,
		      const struct compact_report *r)
{
	json_object_begin(j);
	json_kv_u64(j, "node", zone->nid);
	json_kv_string(j, "zone", zone_name(zone->type));
	json_kv_string(j, "result", err == 0 ? "ok" : errno_name(err));
	json_kv_u64(j, "moved_pages", r->moved_pages);
	json_kv_u64(j, "emptied_pageblocks", r->emptied_blocks);
	json_kv_u64(j, "scanned_pageblocks", r->scanned_blocks);
	json_kv_u64(j, "blocked_pageblocks", r->blocked_blocks);
	monitor_json_blocker(j, &r->blocker);
	json_object_end(j);
}

static bool is_meant(const struct request *q, const struct zone *zone)
{
	return zone->palloc != NULL && (q->nid < 0 || zone->nid == q->nid) &&
	       (q->name == NULL || strcmp(q->name, zone_name(zone->type)) == 0);
}

static bool count_one(void *ctx, struct zone *zone)
{
	struct request *q = ctx;
	q->zones += is_meant(q, zone);
	return true;
}

static bool compact_one(void *ctx, struct zone *zone)
{
	struct request *q = ctx;
	struct compact_report report;
	if (!is_meant(q, zone)) {
		return true;
	}
	int err = compact_zone(zone, q->order, &report);
	/* A zone without such a block is an answer, not a failure. */
	q->err = q->err != 0 || err == -ENOMEM ? q->err : err;
	if (q->j != NULL) {
		json_zone(q->j, zone, err, &report);
	} else {
		print_zone(q->m->out, zone, err, &report);
	}
	return true;
}

static bool is_zone_name(const char *word)
{
	for (unsigned int type = 0; type < MAX_NR_ZONES; type++) {
		if (strcmp(word, zone_name((enum zone_type)type)) == 0) {
			return true;
		}
	}
	return false;
}

/** `compact [all|NODE|ZONE [ORDER]]` */
int cmd_compact(struct monitor *m, int argc, char **argv)
{
	struct request q = { .m = m, .nid = -1, .order = -1 };
	uint64_t number;
	if (argc > 1 && is_zone_name(argv[1])) {
		q.name = argv[1];
	} else if (argc > 1 && strcmp(argv[1], "all") != 0) {
		if (parse_size_all(argv[1], &number) != 0 || number >= MAX_NUMNODES) {
			return monitor_fail(m, -EINVAL, "'%s' is no node, no zone and not all",
					    argv[1]);
		}
		q.nid = (int)number;
	}
	if (argc > 2) {
		if (parse_size_all(argv[2], &number) != 0 || number > MAX_PAGE_ORDER) {
			return monitor_fail(m, -EINVAL, "orders are 0 to %u",
					    (unsigned int)MAX_PAGE_ORDER);
		}
		q.order = (int)number;
	}
	zone_for_each(count_one, &q);
	if (q.zones == 0) {
		return monitor_fail(m, -ENOENT, "there is no such zone");
	}
	if (m->json) {
		q.j = monitor_json_begin(m);
		json_key(q.j, "zones");
		json_array_begin(q.j);
	}
	zone_for_each(compact_one, &q);
	if (m->json) {
		json_array_end(q.j);
		monitor_json_end(m);
	}
	return q.err;
}
