/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ledger for people: the table of rows, the sum by holder, and the last line that says whether
 * it is exact.
 */
#include "ledger_private.h"

#include "fpg/base/parse.h"

#include <errno.h>

/** Sums by holder: a slot for each owner kind, then one for each row kind. */
#define SUM_SLOTS (OWNER_KIND_COUNT + LEDGER_KIND_COUNT)

struct table {
	struct out *out;
	bool outside_said;
	struct {
		phys_addr_t bytes;
		uint32_t rows;
	} sums[SUM_SLOTS];
};

void ledger_print_row(struct out *out, const struct ledger_row *row)
{
	char name[LEDGER_NAME_BYTES];
	char size[24];
	out_printf(out, "  0x%012llx-0x%012llx %10s  %s%s", (unsigned long long)row->base,
		   ull(row->base + row->size), format_size(size, sizeof(size), row->size),
		   ledger_holder(row, name, sizeof(name)),
		   row->flags & LEDGER_ROW_NOMAP && row->kind != LEDGER_NOMAP ? ", no-map" : "");
	if (row->kind == LEDGER_HELD && row->owner.kind != OWNER_NONE) {
		out_printf(out, "  (since %s", boot_stage_name((enum boot_stage)row->owner.stage));
		if (row->owner.rule != RULE_NONE && row->owner.rule != RULE_ALLOC) {
			out_printf(out, "; %s", owner_rule_text((enum owner_rule)row->owner.rule));
		}
		out_puts(out, ")");
	}
	out_puts(out, "\n");
}

static size_t sum_slot(const struct ledger_row *row)
{
	/* Wherever their memory came from. */
	if (row->kind == LEDGER_TABLES) {
		return OWNER_PAGE_TABLES;
	}
	if (row->kind == LEDGER_RECORDS) {
		return OWNER_FRAME_TABLE;
	}
	return row->kind == LEDGER_HELD ? row->owner.kind : OWNER_KIND_COUNT + (size_t)row->kind;
}

static bool print_row(void *ctx, const struct ledger_row *row)
{
	struct table *t = ctx;
	size_t slot = sum_slot(row);
	if (row->kind == LEDGER_OUTSIDE) {
		if (!t->outside_said) {
			out_puts(t->out, "reserved outside RAM (part of no sum):\n");
		}
		t->outside_said = true;
	} else {
		t->sums[slot].bytes += row->size;
		t->sums[slot].rows++;
	}
	ledger_print_row(t->out, row);
	return true;
}

static const char *slot_name(size_t slot)
{
	if (slot == OWNER_NONE) {
		return "reserved, nobody named";
	}
	return slot < OWNER_KIND_COUNT ?
		       owner_kind_name((enum owner_kind)slot) :
		       ledger_kind_name((enum ledger_kind)(slot - OWNER_KIND_COUNT));
}

/** Largest first; there are few, so picking the largest again and again is good enough. */
static void print_sums(struct table *t)
{
	char size[24];
	out_puts(t->out, "by holder:\n");
	for (;;) {
		size_t best = SUM_SLOTS;
		for (size_t i = 0; i < SUM_SLOTS; i++) {
			if (t->sums[i].rows != 0 &&
			    (best == SUM_SLOTS || t->sums[i].bytes > t->sums[best].bytes)) {
				best = i;
			}
		}
		if (best == SUM_SLOTS) {
			return;
		}
		out_printf(t->out, "  %20llu bytes %10s  %s in %u range%s\n",
			   (unsigned long long)t->sums[best].bytes,
			   format_size(size, sizeof(size), t->sums[best].bytes), slot_name(best),
			   t->sums[best].rows, t->sums[best].rows == 1 ? "" : "s");
		t->sums[best].rows = 0;
	}
}

static void print_last_line(struct out *out, const struct ledger_totals *t)
{
	unsigned long long accounted = t->accounted_bytes;
	if (t->mismatch_bytes == 0) {
		out_printf(out, "ledger: %llu of %llu bytes accounted for: exact\n", accounted,
			   (unsigned long long)t->ram_bytes);
	} else {
		out_printf(out,
			   "ledger: %llu of %llu bytes accounted for: MISMATCH by %llu bytes\n",
			   accounted, (unsigned long long)t->ram_bytes,
			   (unsigned long long)t->mismatch_bytes);
	}
}

int ledger_print(struct out *out)
{
	struct table t = { .out = out };
	struct ledger_totals totals;
	out_puts(out, "RAM, by address:\n");
	int err = ledger_walk(print_row, &t, &totals);
	if (err != 0) {
		return err;
	}
	print_sums(&t);
	print_last_line(out, &totals);
	return totals.mismatch_bytes == 0 ? 0 : ledger_check(NULL);
}
