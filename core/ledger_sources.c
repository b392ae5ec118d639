/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ledger's usual source of RAM: the boot's facts.
 *
 * boot_memory gives its rows by a walk, the sweep wants them one by one: they are fetched some
 * hundreds at a time, so that a tree with n ranges costs n * n / ROWS_AT_ONCE very short steps.
 */
#include "ledger_private.h"

#include "fpg/core/boot_memory.h"

#define ROWS_AT_ONCE 512

static struct {
	uint32_t first;
	uint32_t count;
	/** Rows to pass over before the first is kept. */
	uint32_t skip;
	struct ledger_ram rows[ROWS_AT_ONCE];
} fetched;

static bool fetch(void *ctx, const struct boot_ram_row *row)
{
	(void)ctx;
	if (fetched.skip != 0) {
		fetched.skip--;
		return true;
	}
	fetched.rows[fetched.count++] = (struct ledger_ram){
		.base = row->range.base,
		.size = row->range.size,
		.nid = row->nid,
		.node = row->node,
		.fate = row->fate,
	};
	return fetched.count < ROWS_AT_ONCE;
}

static bool boot_ram(void *ctx, uint32_t i, struct ledger_ram *out)
{
	/* Index 0 begins a walk: what was fetched may be old. */
	if (i == 0 || i < fetched.first || i - fetched.first >= fetched.count) {
		fetched.first = i;
		fetched.count = 0;
		fetched.skip = i;
		boot_memory_for_each_raw(ctx, fetch, NULL);
	}
	if (i - fetched.first >= fetched.count) {
		return false;
	}
	*out = fetched.rows[i - fetched.first];
	return true;
}

void ledger_use_boot_memory(const struct boot_memory *bm)
{
	static struct ledger_sources sources;
	sources = (struct ledger_sources){
		.facts = &bm->facts,
		.ram = boot_ram,
		.ctx = (void *)(uintptr_t)bm,
	};
	ledger_set_sources(&sources);
}
