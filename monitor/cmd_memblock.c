/* SPDX-License-Identifier: BSD-2-Clause */
/* `memblock`: its two tables and the claims, as they stand; each range with the words that say what it is. */
#include "commands.h"

#include "fpg/base/parse.h"
#include "fpg/core/devicetree.h"
#include "fpg/core/ledger.h"
#include "fpg/core/memblock.h"

#include <libfdt.h>

static const struct {
	enum memblock_flags flag;
	const char *name;
} flag_names[] = {
	{ MEMBLOCK_HOTPLUG, "hotplug" },    { MEMBLOCK_MIRROR, "mirror" },
	{ MEMBLOCK_NOMAP, "nomap" },	    { MEMBLOCK_DRIVER_MANAGED, "driver-managed" },
	{ MEMBLOCK_RSRV_NOINIT, "noinit" },
};

static int region_node(const struct memblock_region *r)
{
	return r->nid < 0 || r->nid >= MAX_NUMNODES ? 0 : r->nid;
}

/**
 * The name of the node that describes memory @r: a child of the root, so that its path is a slash and this, and no walk
 * of the tree is needed.
 * Return: NULL when no node of the tree does
 */
static const char *memory_node(const struct memblock_region *r)
{
	const struct dt_facts *facts = monitor_facts();
	bool by_node = r->owner.rule == RULE_NODE_REG && r->owner.node > 0;
	return by_node && facts != NULL ? fdt_get_name(facts->blob, r->owner.node, NULL) : NULL;
}

static const char *holder(const struct memblock_region *r, char *buf, size_t bytes)
{
	struct ledger_row row = { .kind = LEDGER_HELD, .owner = r->owner };
	return ledger_holder(&row, buf, bytes);
}

/** Of memory, who describes it. */
static const char *describer(const struct memblock_region *r, char *buf, size_t bytes)
{
	struct out_buffer b;
	const char *name = memory_node(r);
	out_buffer_init(&b, buf, bytes);
	if (name != NULL) {
		out_printf(&b.out, "/%.*s", LEDGER_NAME_BYTES, name);
	} else {
		out_puts(&b.out, r->owner.rule == RULE_BOOTARG ? "memmap= of the bootargs" :
								 "no node of the device tree");
	}
	return buf;
}

static void print_region(struct out *out, const struct memblock_region *r, bool is_memory)
{
	char text[LEDGER_NAME_BYTES];
	out_printf(out, "  [0x%016llx-0x%016llx] %10s  ", (unsigned long long)r->base,
		   (unsigned long long)(r->base + r->size - 1),
		   format_size(text, sizeof(text), r->size));
	if (is_memory) {
		out_printf(out, "node %d  %s", region_node(r), describer(r, text, sizeof(text)));
	} else {
		out_puts(out, holder(r, text, sizeof(text)));
	}
	for (size_t i = 0; i < ARRAY_SIZE(flag_names); i++) {
		if (r->flags & flag_names[i].flag) {
			out_printf(out, ", %s", flag_names[i].name);
		}
	}
	out_puts(out, "\n");
}

static void print_table(struct out *out, const struct memblock_type *type)
{
	char size[24];
	unsigned long used = memblock_used(type);
	out_printf(out, "%s: %lu of %lu entries, 0x%llx bytes (%s)\n", type->name, used, type->max,
		   (unsigned long long)type->total_size,
		   format_size(size, sizeof(size), type->total_size));
	for (unsigned long i = 0; i < used; i++) {
		print_region(out, &type->regions[i], type == &memblock.memory);
	}
}

static bool print_claim(void *ctx, const struct memblock_region *claim)
{
	print_region(ctx, claim, false);
	return true;
}

static void json_flags(struct json *j, enum memblock_flags flags)
{
	json_kv_u64(j, "flags", (uint64_t)flags);
	json_key(j, "flag_names");
	json_array_begin(j);
	for (size_t i = 0; i < ARRAY_SIZE(flag_names); i++) {
		if (flags & flag_names[i].flag) {
			json_string(j, flag_names[i].name);
		}
	}
	json_array_end(j);
}

static void json_region(struct json *j, const struct memblock_region *r, bool is_memory)
{
	char text[LEDGER_NAME_BYTES];
	json_object_begin(j);
	json_kv_hex(j, "base", r->base);
	json_kv_hex(j, "size", r->size);
	json_kv_i64(j, "node", region_node(r));
	json_flags(j, r->flags);
	if (is_memory) {
		const char *path = memory_node(r) != NULL ? describer(r, text, sizeof(text)) : NULL;
		json_kv_string(j, "path", path);
	} else {
		json_kv_string(j, "holder", holder(r, text, sizeof(text)));
	}
	json_object_end(j);
}

static bool json_claim(void *ctx, const struct memblock_region *claim)
{
	json_region(ctx, claim, false);
	return true;
}

static void json_table(struct json *j, const struct memblock_type *type)
{
	json_key(j, type->name);
	json_array_begin(j);
	for (unsigned long i = 0; i < memblock_used(type); i++) {
		json_region(j, &type->regions[i], type == &memblock.memory);
	}
	json_array_end(j);
}

int cmd_memblock(struct monitor *m, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	if (m->json) {
		struct json *j = monitor_json_begin(m);
		json_table(j, &memblock.memory);
		json_table(j, &memblock.reserved);
		json_key(j, "claims");
		json_array_begin(j);
		memblock_for_each_claim(json_claim, j);
		json_array_end(j);
		json_kv_hex(j, "memory_bytes", memblock.memory.total_size);
		json_kv_hex(j, "reserved_bytes", memblock.reserved.total_size);
		monitor_json_end(m);
		return 0;
	}
	print_table(m->out, &memblock.memory);
	print_table(m->out, &memblock.reserved);
	if (memblock_used(&memblock.claims) != 0) {
		out_puts(m->out, "claims on bytes that others hold:\n");
		memblock_for_each_claim(print_claim, m->out);
	}
	return 0;
}
