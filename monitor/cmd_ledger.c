/* SPDX-License-Identifier: BSD-2-Clause */
/* `ledger`: who holds each byte of RAM, why, and what changed between two stages. */
#include "commands.h"

#include "fpg/base/parse.h"
#include "fpg/core/ledger.h"

#include <errno.h>
#include <string.h>

static unsigned long long ull(uint64_t v)
{
	return v;
}

static int show_all(struct monitor *m, bool json)
{
	int err;
	if (json) {
		struct json *j = monitor_json_begin(m);
		err = ledger_json(j);
		monitor_json_end(m);
	} else {
		err = ledger_print(m->out);
	}
	return err;
}

static int show_why(struct monitor *m, const char *word)
{
	uint64_t address;
	if (parse_size_all(word, &address) != 0) {
		return monitor_fail(m, -EINVAL, "'%s' is not an address", word);
	}
	if (!m->json) {
		return ledger_why_print(m->out, address);
	}
	struct json *j = monitor_json_begin(m);
	int err = ledger_why_json(j, address);
	monitor_json_end(m);
	return err;
}

/** A snapshot by the word of a command; "now" is NULL. */
static int named_snapshot(struct monitor *m, const char *word, const struct ledger_snapshot **out)
{
	*out = strcmp(word, "now") == 0 ? NULL : ledger_snapshot_find(word);
	if (*out == NULL && strcmp(word, "now") != 0) {
		return monitor_fail(m, -ENOENT,
				    "there is no stage '%s'; `ledger stages` lists them", word);
	}
	return 0;
}

static void print_side(struct out *out, const struct ledger_row *row)
{
	char name[LEDGER_NAME_BYTES];
	out_puts(out, row != NULL ? ledger_holder(row, name, sizeof(name)) : "nothing");
}

struct differences {
	struct out *out;
	uint64_t count;
};

static bool print_difference(void *ctx, struct phys_range range, const struct ledger_row *from,
			     const struct ledger_row *to)
{
	struct differences *d = ctx;
	struct out *out = d->out;
	char size[24];
	d->count++;
	out_printf(out, "  0x%012llx-0x%012llx %10s  ", (unsigned long long)range.base,
		   ull(range.base + range.size), format_size(size, sizeof(size), range.size));
	print_side(out, from);
	out_puts(out, " -> ");
	print_side(out, to);
	out_puts(out, "\n");
	return true;
}

static int print_diff(struct out *out, const struct ledger_snapshot *from,
		      const struct ledger_snapshot *to)
{
	struct differences d = { .out = out };
	out_printf(out, "from '%s' to '%s':\n", from->name, to != NULL ? to->name : "now");
	int err = ledger_diff(from, to, print_difference, &d);
	if (err == 0 && d.count == 0) {
		out_puts(out, "  no change\n");
	}
	return err;
}

static void json_side(struct json *j, const char *key, const struct ledger_row *row)
{
	json_key(j, key);
	if (row == NULL) {
		json_string(j, NULL);
		return;
	}
	json_object_begin(j);
	ledger_row_json(j, row);
	json_object_end(j);
}

static bool json_difference(void *ctx, struct phys_range range, const struct ledger_row *from,
			    const struct ledger_row *to)
{
	struct json *j = ctx;
	json_object_begin(j);
	json_kv_hex(j, "base", range.base);
	json_kv_hex(j, "size", range.size);
	json_side(j, "from", from);
	json_side(j, "to", to);
	json_object_end(j);
	return true;
}

/** Without names: from the newest snapshot to now. */
static int show_diff(struct monitor *m, int argc, char **argv)
{
	const struct ledger_snapshot *from = NULL;
	const struct ledger_snapshot *to = NULL;
	int err = 0;
	for (uint32_t i = 0; argc == 2 && ledger_snapshot_at(i) != NULL; i++) {
		from = ledger_snapshot_at(i);
	}
	if (argc > 2) {
		err = named_snapshot(m, argv[2], &from);
	}
	if (err == 0 && argc > 3) {
		err = named_snapshot(m, argv[3], &to);
	}
	if (err != 0) {
		return err;
	}
	if (from == NULL) {
		return monitor_fail(
			m, -EINVAL,
			"there is no snapshot to start from; `ledger snapshot NAME` takes one");
	}
	if (!m->json) {
		return print_diff(m->out, from, to);
	}
	struct json *j = monitor_json_begin(m);
	json_kv_string(j, "from", from->name);
	json_kv_string(j, "to", to != NULL ? to->name : "now");
	json_key(j, "changes");
	json_array_begin(j);
	err = ledger_diff(from, to, json_difference, j);
	json_array_end(j);
	monitor_json_end(m);
	return err;
}

static int show_stages(struct monitor *m)
{
	const struct ledger_snapshot *s;
	struct json *j = m->json ? monitor_json_begin(m) : NULL;
	if (j != NULL) {
		json_key(j, "stages");
		json_array_begin(j);
	}
	for (uint32_t i = 0; (s = ledger_snapshot_at(i)) != NULL; i++) {
		if (j == NULL) {
			out_printf(m->out, "  %-24s %llu of %llu bytes in %u rows%s\n", s->name,
				   (unsigned long long)s->totals.accounted_bytes,
				   (unsigned long long)s->totals.ram_bytes, s->totals.rows,
				   s->totals.mismatch_bytes != 0 ? ": MISMATCH" : ": exact");
			continue;
		}
		json_object_begin(j);
		json_kv_string(j, "name", s->name);
		json_kv_u64(j, "rows", s->totals.rows);
		json_kv_hex(j, "ram_bytes", s->totals.ram_bytes);
		json_kv_hex(j, "mismatch_bytes", s->totals.mismatch_bytes);
		json_object_end(j);
	}
	if (j != NULL) {
		json_array_end(j);
		monitor_json_end(m);
	}
	return 0;
}

static int take_snapshot(struct monitor *m, const char *name)
{
	if (strlen(name) >= LEDGER_SNAPSHOT_NAME || strcmp(name, "now") == 0) {
		return monitor_fail(m, -EINVAL, "'%s' is not a name for a snapshot", name);
	}
	int err = ledger_snapshot(name);
	return err == -ENOSPC ? monitor_fail(m, err, "no room for another snapshot") : err;
}

/** The map of a stage, the same bytes that fpg-map prints: an object without "command". */
static int show_map(struct monitor *m, const char *stage)
{
	const struct ledger_snapshot *s = NULL;
	int err = stage != NULL ? named_snapshot(m, stage, &s) : 0;
	if (err != 0) {
		return err;
	}
	m->answered = true;
	out_puts(m->out, "@json ");
	json_init(&m->writer, m->out);
	err = ledger_map_json(&m->writer, s);
	out_puts(m->out, "\n");
	return err;
}

int cmd_ledger(struct monitor *m, int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	if (!ledger_available()) {
		return monitor_fail(m, -ENODEV, "not available before memblock knows the memory");
	}
	if (argc == 1) {
		return show_all(m, m->json);
	}
	if (strcmp(what, "json") == 0 && argc == 2) {
		return show_all(m, true);
	}
	if (strcmp(what, "why") == 0 && argc == 3) {
		return show_why(m, argv[2]);
	}
	if (strcmp(what, "diff") == 0) {
		return show_diff(m, argc, argv);
	}
	if (strcmp(what, "stages") == 0 && argc == 2) {
		return show_stages(m);
	}
	if (strcmp(what, "snapshot") == 0 && argc == 3) {
		return take_snapshot(m, argv[2]);
	}
	if (strcmp(what, "map") == 0 && argc <= 3) {
		return show_map(m, argc == 3 ? argv[2] : NULL);
	}
	return monitor_fail(
		m, -EINVAL,
		"usage: ledger [json | why ADDRESS | diff [FROM [TO]] | stages | snapshot NAME | "
		"map [STAGE]]");
}
