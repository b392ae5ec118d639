/* SPDX-License-Identifier: BSD-2-Clause */
/* `mm`: the address spaces there are now, their areas, pages and tables, and the ASIDs. */
#include "commands.h"

#include "fpg/pagetable/mm.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/** "rwx" with '-' for what is missing; what may be written may be read. */
static const char *prot_text(char text[4], uint32_t prot)
{
	text[0] = prot & (PROT_READ | PROT_WRITE) ? 'r' : '-';
	text[1] = prot & PROT_WRITE ? 'w' : '-';
	text[2] = prot & PROT_EXEC ? 'x' : '-';
	text[3] = '\0';
	return text;
}

static const char *area_kind(const struct mm_area_info *a)
{
	return a->grows_down ? "grows down" : a->heap ? "heap" : "";
}

static void json_mask(struct json *j, const char *key, hart_mask_t mask)
{
	json_key(j, key);
	json_array_begin(j);
	for (unsigned int i = 0; i < PORT_MAX_HARTS; i++) {
		if ((mask & hart_mask_of(i)) != 0) {
			json_u64(j, i);
		}
	}
	json_array_end(j);
}

static bool json_space(void *ctx, const struct mm_info *info)
{
	struct json *j = ctx;
	struct mm_area_info a;
	char prot[4];
	json_object_begin(j);
	json_kv_u64(j, "id", info->id);
	json_kv_string(j, "name", info->name);
	json_kv_u64(j, "asid", info->asid);
	json_kv_u64(j, "pages", info->anon_pages);
	json_kv_u64(j, "tables", info->table_pages);
	json_kv_u64(j, "faults", info->faults);
	json_mask(j, "harts", info->harts);
	json_mask(j, "running", info->running);
	json_key(j, "areas");
	json_array_begin(j);
	for (uint64_t i = 0; mm_area_at(info->id, i, &a); i++) {
		json_object_begin(j);
		json_kv_hex(j, "start", a.start.v);
		json_kv_hex(j, "end", a.end.v);
		json_kv_string(j, "prot", prot_text(prot, a.prot));
		json_kv_string(j, "kind", area_kind(&a));
		json_object_end(j);
	}
	json_array_end(j);
	json_object_end(j);
	return true;
}

static bool print_space(void *ctx, const struct mm_info *info)
{
	struct out *out = ctx;
	struct mm_area_info a;
	char prot[4];
	out_printf(out,
		   "  %" PRIu32 " %s: ASID %" PRIu32 ", %" PRIu64 " pages, %" PRIu64
		   " tables, %" PRIu64 " faults, %s\n",
		   info->id, info->name, info->asid, info->anon_pages, info->table_pages,
		   info->faults, info->running != 0 ? "running" : "at rest");
	for (uint64_t i = 0; mm_area_at(info->id, i, &a); i++) {
		const char *kind = area_kind(&a);
		out_printf(out, "    0x%012" PRIx64 "-0x%012" PRIx64 " %s%s%s\n", a.start.v,
			   a.end.v, prot_text(prot, a.prot), *kind != '\0' ? " " : "", kind);
	}
	return true;
}

int cmd_mm(struct monitor *m, int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "drop") != 0) {
		return monitor_fail(m, -EINVAL, "usage: mm [drop]");
	}
	const unsigned int dropped = argc == 2 ? monitor_drop_spaces() : 0;
	const struct mm_asid_info asids = mm_asid_info();
	if (m->json) {
		struct json *j = monitor_json_begin(m);
		json_kv_u64(j, "asids", asids.usable);
		json_kv_u64(j, "generation", asids.generation);
		json_kv_u64(j, "roll_overs", asids.roll_overs);
		json_kv_u64(j, "created", mm_created());
		json_kv_u64(j, "dropped", dropped);
		json_key(j, "spaces");
		json_array_begin(j);
		mm_for_each(json_space, j);
		json_array_end(j);
		monitor_json_end(m);
		return 0;
	}
	mm_for_each(print_space, m->out);
	out_printf(m->out, "  %" PRIu32 " space%s now, %" PRIu64 " made since the start\n",
		   mm_count(), mm_count() == 1 ? "" : "s", mm_created());
	if (asids.usable != 0) {
		out_printf(m->out, "  %" PRIu32 " ASIDs, rolled over %" PRIu64 " times\n",
			   asids.usable, asids.roll_overs);
	} else {
		out_puts(m->out, "  no ASIDs: each switch flushes everything\n");
	}
	return 0;
}
