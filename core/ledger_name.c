/* SPDX-License-Identifier: BSD-2-Clause */
/* The ledger's words: names of kinds and of holders. */
#include "ledger_private.h"

#include "fpg/core/boot_memory.h"
#include "fpg/core/palloc_ops.h"
#include "fpg/core/zone.h"
#include "fpg/port/board.h"

#include <libfdt.h>

static const char *const kind_names[] = {
#define X(id, name) [id] = name,
	LEDGER_KINDS(X)
#undef X
};

const char *ledger_kind_name(enum ledger_kind kind)
{
	return kind < LEDGER_KIND_COUNT ? kind_names[kind] : "?";
}

/**
 * Name of a child of /reserved-memory, without a walk of the tree: owners by a rule about nodes are
 * such children. NULL when the owner is not by a node, or there is no tree.
 */
static const char *reserved_node_name(struct mem_owner owner)
{
	const struct ledger_sources *from = ledger_sources();
	if ((owner.rule != RULE_NODE_REG && owner.rule != RULE_NODE_DYNAMIC) || owner.node <= 0) {
		return NULL;
	}
	if (from == NULL || from->facts == NULL || from->facts->blob == NULL) {
		return NULL;
	}
	if (fdt_version(from->facts->blob) < 16) {
		return fdt_get_name(from->facts->blob, owner.node, NULL);
	}
	/* fdt_get_name() looks for the name's end each time, and a blob can have one of megabytes and many rows of it. */
	return fdt_offset_ptr(from->facts->blob, owner.node + FDT_TAGSIZE, 1);
}

static void put_owner(struct out *out, struct mem_owner owner)
{
	const char *node = reserved_node_name(owner);
	if (owner.kind == OWNER_NONE) {
		out_puts(out, "reserved, nobody named");
	} else if (node == NULL) {
		out_puts(out, owner_kind_name((enum owner_kind)owner.kind));
	} else if (owner.kind == OWNER_RESERVED_NODE) {
		out_printf(out, "/reserved-memory/%.*s", LEDGER_NAME_BYTES, node);
	} else {
		out_printf(out, "%s /reserved-memory/%.*s",
			   owner_kind_name((enum owner_kind)owner.kind), LEDGER_NAME_BYTES, node);
	}
}

/** The row is RAM a second time, past the caches. */
static void put_alias(struct out *out, const struct ledger_row *row)
{
	const struct ledger_sources *from = ledger_sources();
	const struct phys_range ram = port_board_aliased(
		from != NULL ? from->board : NULL, (struct phys_range){ row->base, row->size });
	if (ram.size != 0) {
		out_printf(out, ": uncached alias of 0x%llx-0x%llx", (unsigned long long)ram.base,
			   (unsigned long long)phys_range_end(ram));
	}
}

static void put_zone(struct out *out, const struct ledger_row *row)
{
	const char *what = row->kind == LEDGER_ZONE_FREE ? "free" : kind_names[row->kind];
	out_printf(out, "%s, %s", what, zone_name((enum zone_type)row->zone));
	if (row->nid != 0) {
		out_printf(out, " of node %d", row->nid);
	}
	out_printf(out, ", %s", palloc_table[row->detail]->name);
}

const char *ledger_holder(const struct ledger_row *row, char *buf, size_t buf_bytes)
{
	struct out_buffer b;
	out_buffer_init(&b, buf, buf_bytes);
	if (row->flags & LEDGER_IN_ZONE) {
		put_zone(&b.out, row);
		return buf;
	}
	switch (row->kind) {
	case LEDGER_HELD:
		put_owner(&b.out, row->owner);
		break;
	case LEDGER_TWICE:
		out_puts(&b.out, "HELD TWICE: ");
		put_owner(&b.out, row->owner);
		break;
	case LEDGER_OUTSIDE:
		put_owner(&b.out, row->owner);
		put_alias(&b.out, row);
		break;
	case LEDGER_CUT:
		out_puts(&b.out, boot_ram_fate_name((enum boot_ram_fate)row->detail));
		break;
	default:
		out_puts(&b.out, ledger_kind_name((enum ledger_kind)row->kind));
		break;
	}
	out_hide_controls(buf);
	return buf;
}
