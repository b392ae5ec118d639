/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ledger for scripts: its rows, and the map that fpg-map prints too. docs/console-json.md
 * describes both.
 */
#include "ledger_private.h"

#include "fpg/base/range.h"
#include "fpg/core/boot_memory.h"

#include <errno.h>

void ledger_row_json(struct json *j, const struct ledger_row *row)
{
	char name[LEDGER_NAME_BYTES];
	bool owned = row->kind == LEDGER_HELD || row->kind == LEDGER_TWICE ||
		     row->kind == LEDGER_OUTSIDE;
	json_kv_hex(j, "base", row->base);
	json_kv_hex(j, "size", row->size);
	json_kv_string(j, "state", ledger_kind_name((enum ledger_kind)row->kind));
	json_kv_string(j, "holder", ledger_holder(row, name, sizeof(name)));
	if (owned && row->owner.kind != OWNER_NONE) {
		json_kv_string(j, "stage", boot_stage_name((enum boot_stage)row->owner.stage));
		json_kv_string(j, "rule", owner_rule_text((enum owner_rule)row->owner.rule));
	}
	json_kv_i64(j, "node", row->nid);
	json_kv_bool(j, "nomap", (row->flags & LEDGER_ROW_NOMAP) != 0);
}

struct row_list {
	struct json *j;
	bool outside;
	struct ledger_totals totals;
};

static bool json_row(void *ctx, const struct ledger_row *row)
{
	struct row_list *list = ctx;
	if (row->kind == LEDGER_OUTSIDE && !list->outside) {
		list->outside = true;
		json_array_end(list->j);
		json_key(list->j, "outside");
		json_array_begin(list->j);
	}
	json_object_begin(list->j);
	ledger_row_json(list->j, row);
	json_object_end(list->j);
	return true;
}

int ledger_json(struct json *j)
{
	struct row_list list = { .j = j };
	if (!ledger_available()) {
		return -ENODEV;
	}
	json_key(j, "rows");
	json_array_begin(j);
	int err = ledger_walk(json_row, &list, &list.totals);
	json_array_end(j);
	if (err == 0 && !list.outside) {
		json_key(j, "outside");
		json_array_begin(j);
		json_array_end(j);
	}
	json_kv_hex(j, "ram_bytes", list.totals.ram_bytes);
	json_kv_hex(j, "accounted_bytes", list.totals.accounted_bytes);
	json_kv_hex(j, "mismatch_bytes", list.totals.mismatch_bytes);
	json_kv_bool(j, "exact", list.totals.mismatch_bytes == 0);
	return err == 0 && list.totals.mismatch_bytes != 0 ? ledger_check(NULL) : err;
}

/* ---- the map ---- */

struct map {
	struct json *j;
	/** The range of memory or the reservation being put together; size 0: none. */
	struct ledger_row pending;
	phys_addr_t memory_bytes;
	phys_addr_t usable_bytes;
	/** RAM by node, whatever became of it; else reservations by holder. */
	bool memory_pass;
};

static void map_flush(struct map *m)
{
	char name[LEDGER_NAME_BYTES];
	const struct ledger_row *row = &m->pending;
	if (row->size != 0) {
		json_object_begin(m->j);
		json_kv_hex(m->j, "base", row->base);
		json_kv_hex(m->j, "size", row->size);
		if (m->memory_pass) {
			json_kv_i64(m->j, "node", row->nid);
		} else {
			json_kv_string(m->j, "holder", ledger_holder(row, name, sizeof(name)));
			json_kv_bool(m->j, "nomap", (row->flags & LEDGER_ROW_NOMAP) != 0);
		}
		json_object_end(m->j);
	}
	m->pending.size = 0;
}

static void map_add(struct map *m, const struct ledger_row *row)
{
	struct ledger_row *p = &m->pending;
	bool joins = p->size != 0 && p->base + p->size == row->base &&
		     (m->memory_pass ? p->nid == row->nid : ledger_rows_agree(p, row));
	if (joins) {
		p->size += row->size;
		return;
	}
	map_flush(m);
	*p = *row;
}

static bool map_memory(void *ctx, const struct ledger_row *row)
{
	struct map *m = ctx;
	if (row->kind != LEDGER_OUTSIDE && row->kind != LEDGER_UNDESCRIBED) {
		m->memory_bytes += row->size;
		map_add(m, row);
	}
	if (row->kind == LEDGER_FREE || row->kind == LEDGER_ZONE_FREE) {
		/* What the page allocator can have of it: whole pages. */
		phys_addr_t first = ALIGN_UP(row->base, PAGE_SIZE);
		phys_addr_t end = ALIGN_DOWN(row->base + row->size, PAGE_SIZE);
		m->usable_bytes += first >= row->base && first < end ? end - first : 0;
	}
	return true;
}

static bool map_cut(void *ctx, const struct ledger_row *row)
{
	struct map *m = ctx;
	if (row->kind == LEDGER_CUT) {
		json_object_begin(m->j);
		json_kv_hex(m->j, "base", row->base);
		json_kv_hex(m->j, "size", row->size);
		json_kv_string(m->j, "why", boot_ram_fate_name((enum boot_ram_fate)row->detail));
		json_object_end(m->j);
	}
	return true;
}

static bool map_reserved(void *ctx, const struct ledger_row *row)
{
	struct map *m = ctx;
	bool reserved = row->kind == LEDGER_HELD || row->kind == LEDGER_TWICE ||
			row->kind == LEDGER_OUTSIDE;
	if (reserved) {
		struct ledger_row plain = *row;
		/* What does not show must not keep neighbours apart. */
		plain.nid = 0;
		plain.flags &= LEDGER_ROW_NOMAP;
		map_add(m, &plain);
	}
	return true;
}

static void map_warnings(struct json *j, uint32_t count)
{
	json_key(j, "warnings");
	json_array_begin(j);
	const char *text;
	uint32_t i = 0;
	for (; i < count && (text = ledger_warning(i)) != NULL; i++) {
		json_string(j, text);
	}
	if (i < count) {
		char more[48];
		struct out_buffer b;
		out_buffer_init(&b, more, sizeof(more));
		out_printf(&b.out, "%u more warnings", count - i);
		json_string(j, more);
	}
	json_array_end(j);
}

int ledger_map_json(struct json *j, const struct ledger_snapshot *snapshot)
{
	struct map m = { .j = j, .memory_pass = true };
	if (snapshot == NULL && !ledger_available()) {
		return -ENODEV;
	}
	json_object_begin(j);
	json_kv_u64(j, "version", LEDGER_MAP_VERSION);
	json_key(j, "memory");
	json_array_begin(j);
	int err = ledger_walk_of(snapshot, map_memory, &m);
	map_flush(&m);
	json_array_end(j);
	json_key(j, "reserved");
	json_array_begin(j);
	m.memory_pass = false;
	err = err != 0 ? err : ledger_walk_of(snapshot, map_reserved, &m);
	map_flush(&m);
	json_array_end(j);
	json_key(j, "cut");
	json_array_begin(j);
	err = err != 0 ? err : ledger_walk_of(snapshot, map_cut, &m);
	json_array_end(j);
	json_kv_hex(j, "memory_bytes", m.memory_bytes);
	json_kv_hex(j, "usable_bytes", m.usable_bytes);
	map_warnings(j, snapshot != NULL ? snapshot->warnings : ledger_warning_count());
	json_object_end(j);
	return err;
}
