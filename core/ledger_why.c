/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `ledger why ADDRESS` in plain sentences: who holds the byte, since when, by which rule and node,
 * which RAM it is part of, who else wanted it, and, where there is no RAM to be had, what the
 * device tree describes.
 */
#include "ledger_private.h"

#include "fpg/base/parse.h"
#include "fpg/base/range.h"
#include "fpg/core/boot_memory.h"
#include "fpg/core/memblock.h"
#include "fpg/core/palloc_ops.h"
#include "fpg/core/zone.h"
#include "fpg/port/board.h"

#include <errno.h>
#include <string.h>

#define SENTENCE_BYTES 512

/** Each costs a walk of the tree for its path. */
#define CLAIMS_TOLD 16

/** One answer: what is known of the address, and where sentences go. */
struct why {
	phys_addr_t address;
	struct ledger_row row;
	bool found;
	/** That of the address, else the nearest. */
	struct ledger_ram ram;
	bool in_ram;
	/** What the device tree describes in all, and what was cut from it. */
	phys_addr_t ram_bytes;
	phys_addr_t cut_bytes;
	phys_addr_t ram_start;
	phys_addr_t ram_end;
	uint32_t ram_ranges;
	uint32_t claims;
	void (*say)(struct why *w, const char *sentence);
	struct out *out;
	struct json *j;
};

static void FPG_PRINTF(2, 3) say(struct why *w, const char *fmt, ...)
{
	char text[SENTENCE_BYTES];
	struct out_buffer b;
	va_list ap;
	out_buffer_init(&b, text, sizeof(text));
	va_start(ap, fmt);
	out_vprintf(&b.out, fmt, ap);
	va_end(ap);
	w->say(w, text);
}

static bool find_row(void *ctx, const struct ledger_row *row)
{
	struct why *w = ctx;
	if (w->address >= row->base && w->address - row->base < row->size) {
		w->row = *row;
		w->found = true;
	}
	w->cut_bytes += row->kind == LEDGER_CUT ? row->size : 0;
	return true;
}

static void find_ram(struct why *w)
{
	const struct ledger_sources *from = ledger_sources();
	struct ledger_ram ram;
	phys_addr_t nearest = PHYS_ADDR_MAX;
	for (uint32_t i = 0; from->ram(from->ctx, i, &ram); i++) {
		phys_addr_t end = ram.base + ram.size;
		phys_addr_t far = w->address < ram.base ? ram.base - w->address :
				  w->address < end	? 0 :
							  w->address - end + 1;
		/* What was cut from a range, or rounded off, still is one range. */
		w->ram_ranges += i == 0 || ram.base != w->ram_end;
		w->ram_start = i == 0 ? ram.base : w->ram_start;
		w->ram_end = end;
		w->ram_bytes += ram.size;
		w->in_ram |= far == 0;
		if (far < nearest || i == 0) {
			nearest = far;
			w->ram = ram;
		}
	}
}

static const char *path_of(int32_t node, char *buf)
{
	const struct ledger_sources *from = ledger_sources();
	if (node < 0 || from->facts == NULL || from->facts->blob == NULL) {
		return NULL;
	}
	return dt_node_path(from->facts->blob, node, buf, DT_PATH_BYTES);
}

/** By which rule and node @owner has it; only rules about nodes have one. */
static void say_rule(struct why *w, const char *what, struct mem_owner owner)
{
	char path[DT_PATH_BYTES];
	const char *node = NULL;
	if (owner.rule == RULE_NODE_REG || owner.rule == RULE_NODE_DYNAMIC) {
		node = path_of(owner.node, path);
	}
	if (node != NULL) {
		say(w, "%s: %s %s.", what, owner_rule_text((enum owner_rule)owner.rule), node);
	} else if (owner.rule != RULE_NONE) {
		say(w, "%s: %s.", what, owner_rule_text((enum owner_rule)owner.rule));
	}
}

static void say_owner(struct why *w)
{
	struct mem_owner owner = w->row.owner;
	if (owner.kind == OWNER_NONE) {
		say(w, "It is reserved in memblock, by a call that named nobody.");
		return;
	}
	say(w, "It has been held by '%s' since the stage '%s'.",
	    owner_kind_name((enum owner_kind)owner.kind),
	    boot_stage_name((enum boot_stage)owner.stage));
	say_rule(w, "Why", owner);
	if (owner.kind == OWNER_FIRMWARE) {
		say(w, "The firmware stays there and runs in M-mode: the machine "
		       "keeps everybody else out of it.");
		if (owner.rule == RULE_FIRMWARE_GUESS) {
			say(w, "If there is no firmware here, firmware_guess=off in the bootargs "
			       "frees it.");
		}
	}
	bool by_node = owner.rule == RULE_NODE_REG || owner.rule == RULE_NODE_DYNAMIC;
	if (by_node && owner.kind != OWNER_FIRMWARE) {
		say(w, "To get it back, change or remove that node in the device tree.");
	}
}

static void say_zone(struct why *w)
{
	const char *zone = zone_name((enum zone_type)w->row.zone);
	const char *backend = palloc_table[w->row.detail]->name;
	switch (w->row.kind) {
	case LEDGER_ZONE_FREE:
		say(w, "It is free: zone %s of node %d (page allocator %s) can give it out.", zone,
		    w->row.nid, backend);
		break;
	case LEDGER_ALLOCATED:
		say(w, "It was allocated from zone %s of node %d (page allocator %s).", zone,
		    w->row.nid, backend);
		break;
	case LEDGER_TABLES:
	case LEDGER_RECORDS:
		say(w, "It was allocated from zone %s of node %d (page allocator %s) for the %s.",
		    zone, w->row.nid, backend, ledger_kind_name((enum ledger_kind)w->row.kind));
		break;
	case LEDGER_PACKED:
		say(w, "Small boot allocations share it: zone %s of node %d (page allocator %s).",
		    zone, w->row.nid, backend);
		break;
	case LEDGER_CMA_FREE:
		say(w,
		    "It is free, and lent by a CMA area: zone %s of node %d (page allocator %s) gives it to movable requests only.",
		    zone, w->row.nid, backend);
		break;
	case LEDGER_CMA_KEPT:
		say(w, "A CMA area of zone %s, node %d, keeps it for cma_alloc().", zone,
		    w->row.nid);
		break;
	case LEDGER_CMA_GIVEN:
		say(w, "cma_alloc() gave it out, from an area in zone %s of node %d.", zone,
		    w->row.nid);
		break;
	case LEDGER_CACHED:
		say(w, "It is free, in a hart's cache of zone %s of node %d.", zone, w->row.nid);
		break;
	default:
		say(w, "The page allocator %s of zone %s, node %d, keeps it for itself: %s.",
		    backend, zone, w->row.nid, ledger_kind_name((enum ledger_kind)w->row.kind));
		break;
	}
}

/** Why RAM did not become memory. */
static const char *fate_text(uint16_t fate)
{
	switch (fate) {
	case BOOT_RAM_ROUNDED:
		return "its range of RAM does not begin or end on a page, "
		       "and this part is less than one";
	case BOOT_RAM_CUT_MEM:
		return "bootargs limit the memory to be used (mem=)";
	case BOOT_RAM_CUT_USABLE:
		return "/chosen linux,usable-memory-range leaves it out";
	case BOOT_RAM_CUT_WINDOW:
		return "it lies outside the addresses that the linear map "
		       "of this paging mode can show";
	default:
		return boot_ram_fate_name((enum boot_ram_fate)fate);
	}
}

/** The device tree's RAM as a whole: the answer to "why only 4 of 8 GiB". */
static void say_all_ram(struct why *w)
{
	char all[24];
	char cut[24];
	if (w->ram_ranges == 0) {
		say(w, "The device tree describes no RAM at all.");
		return;
	}
	say(w, "The device tree describes %s of RAM in %u range%s between 0x%llx and 0x%llx.",
	    format_size(all, sizeof(all), w->ram_bytes), w->ram_ranges,
	    w->ram_ranges == 1 ? "" : "s", (unsigned long long)w->ram_start,
	    (unsigned long long)w->ram_end);
	if (w->cut_bytes != 0) {
		say(w, "Of that, %s are not used; `ledger` lists them as cut.",
		    format_size(cut, sizeof(cut), w->cut_bytes));
	}
	if (!w->in_ram) {
		say(w, "If the machine has more RAM than that, its device tree does not say so: "
		       "the firmware that passes it, or the .dts, has to be corrected.");
	}
}

/** The board shows it at two places. */
static void say_alias(struct why *w)
{
	const struct ledger_sources *from = ledger_sources();
	const struct port_board *board = from != NULL ? from->board : NULL;
	const struct phys_range ram =
		port_board_aliased(board, (struct phys_range){ w->address, 1 });
	if (ram.size != 0) {
		say(w, "The %s shows RAM here a second time, uncached: the byte at 0x%llx.",
		    board->name, (unsigned long long)ram.base);
	} else if (w->in_ram && board != NULL &&
		   phys_range_contains(board->uncached.ram, w->address)) {
		say(w, "The %s shows it again, uncached, at 0x%llx.", board->name,
		    ull(board->uncached.at + (w->address - board->uncached.ram.base)));
	}
}

static void say_row(struct why *w)
{
	switch (w->row.kind) {
	case LEDGER_FREE:
		say(w, "Nobody holds it: memblock can give it out.");
		break;
	case LEDGER_HELD:
		say_owner(w);
		break;
	case LEDGER_NOMAP:
		say(w, "It is marked no-map, and nobody reserved it: "
		       "it is neither mapped nor given out.");
		break;
	case LEDGER_CUT:
		say(w, "It is RAM by the device tree, but it is not used: %s.",
		    fate_text(w->row.detail));
		say_all_ram(w);
		break;
	case LEDGER_ROUNDED:
		say(w, "It shares a page with something reserved, or with the end of RAM: "
		       "only whole pages are given out.");
		break;
	case LEDGER_TWICE:
		say(w, "A page allocator has it although it is reserved. "
		       "This is a mistake in Firstpage.");
		say_owner(w);
		break;
	case LEDGER_UNEXPLAINED:
		say(w, "Nobody holds it and no page allocator knows it. "
		       "This is a mistake in Firstpage.");
		break;
	case LEDGER_UNDESCRIBED:
		say(w, "memblock has it as memory, but nothing describes it. "
		       "This is a mistake in Firstpage.");
		break;
	case LEDGER_OUTSIDE:
		say(w, "There is no RAM here: no enabled memory node describes it. "
		       "It is reserved all the same.");
		say_owner(w);
		break;
	default:
		say_zone(w);
		break;
	}
	if (w->row.flags & LEDGER_ROW_NOMAP) {
		say(w, "It is no-map: the linear map leaves it out.");
	}
}

static bool say_claim(void *ctx, const struct memblock_region *claim)
{
	struct why *w = ctx;
	if (w->claims++ >= CLAIMS_TOLD) {
		return true;
	}
	say(w, "Claimed as well, later, by '%s': 0x%llx-0x%llx%s.",
	    owner_kind_name((enum owner_kind)claim->owner.kind), (unsigned long long)claim->base,
	    ull(claim->base + claim->size),
	    claim->flags & MEMBLOCK_NOMAP ? ", no-map (which wins)" : "");
	say_rule(w, "Its reason", claim->owner);
	return true;
}

static void say_ram(struct why *w, const char *what)
{
	char path[DT_PATH_BYTES];
	char size[24];
	const char *node = path_of(w->ram.node, path);
	say(w, "%s 0x%llx-0x%llx (%s)%s%s, node %d.", what, (unsigned long long)w->ram.base,
	    ull(w->ram.base + w->ram.size), format_size(size, sizeof(size), w->ram.size),
	    node != NULL ? ", described by " : "", node != NULL ? node : "",
	    w->ram.nid < 0 ? 0 : w->ram.nid);
}

static int ask(struct why *w)
{
	int err = ledger_walk(find_row, w, NULL);
	if (err == 0) {
		find_ram(w);
	}
	return err;
}

static void answer(struct why *w)
{
	if (w->found) {
		say_row(w);
	} else {
		say(w, "There is no RAM here: no enabled memory node describes this address, "
		       "and nothing reserves it.");
	}
	memblock_claims_at(w->address, say_claim, w);
	if (w->claims > CLAIMS_TOLD) {
		say(w, "And by %u more.", w->claims - CLAIMS_TOLD);
	}
	say_alias(w);
	if (w->in_ram) {
		say_ram(w, "It is part of the RAM at");
	} else {
		if (w->ram_ranges != 0) {
			say_ram(w, "The nearest RAM is");
		}
		say_all_ram(w);
	}
}

static void to_text(struct why *w, const char *sentence)
{
	out_printf(w->out, "  %s\n", sentence);
}

static void to_json(struct why *w, const char *sentence)
{
	json_string(w->j, sentence);
}

int ledger_why_print(struct out *out, phys_addr_t address)
{
	struct why w = { .address = address, .say = to_text, .out = out };
	int err = ask(&w);
	if (err != 0) {
		return err;
	}
	if (w.found) {
		ledger_print_row(out, &w.row);
	} else {
		out_printf(out, "  0x%llx\n", (unsigned long long)address);
	}
	answer(&w);
	return 0;
}

int ledger_why_json(struct json *j, phys_addr_t address)
{
	struct why w = { .address = address, .say = to_json, .j = j };
	int err = ask(&w);
	if (err != 0) {
		return err;
	}
	json_kv_hex(j, "address", address);
	if (w.found) {
		ledger_row_json(j, &w.row);
	}
	json_kv_bool(j, "ram", w.in_ram);
	json_key(j, "sentences");
	json_array_begin(j);
	answer(&w);
	json_array_end(j);
	return 0;
}
