/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ledger's usual source of RAM: the boot's facts. Rows are asked for in order, so a walk that is
 * kept between two calls makes n of them n steps; asking out of order only costs time.
 */
#include "ledger_private.h"

#include "fpg/core/boot_memory.h"

static struct {
	/** The row that `walk` gives next. */
	uint32_t next;
	struct boot_ram_walk walk;
} cursor;

static bool boot_ram(void *ctx, uint32_t i, struct ledger_ram *out)
{
	struct boot_ram_row row;
	if (i == 0 || i < cursor.next) {
		cursor.next = 0;
		cursor.walk = (struct boot_ram_walk){ 0 };
	}
	do {
		if (!boot_memory_next_raw(ctx, &cursor.walk, &row)) {
			return false;
		}
	} while (cursor.next++ < i);
	*out = (struct ledger_ram){
		.base = row.range.base,
		.size = row.range.size,
		.nid = row.nid,
		.node = row.node,
		.fate = row.fate,
	};
	return true;
}

void ledger_use_boot_memory(const struct boot_memory *bm)
{
	static struct ledger_sources sources;
	sources = (struct ledger_sources){
		.facts = &bm->facts,
		.board = bm->board,
		.ram = boot_ram,
		.ctx = (void *)(uintptr_t)bm,
	};
	ledger_set_sources(&sources);
}
