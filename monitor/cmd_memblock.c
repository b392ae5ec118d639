/* SPDX-License-Identifier: BSD-2-Clause */
/* `memblock`: its two tables and the claims, as they stand. */
#include "commands.h"

#include "fpg/base/parse.h"
#include "fpg/core/memblock.h"

static void print_region(struct out *out, const struct memblock_region *r)
{
	char size[24];
	out_printf(out, "  [0x%016llx-0x%016llx] %10s  node %d flags 0x%x  %s\n",
		   (unsigned long long)r->base, (unsigned long long)(r->base + r->size - 1),
		   format_size(size, sizeof(size), r->size),
		   r->nid < 0 || r->nid >= MAX_NUMNODES ? 0 : r->nid, (unsigned int)r->flags,
		   owner_kind_name((enum owner_kind)r->owner.kind));
}

static void print_table(struct out *out, const struct memblock_type *type)
{
	char size[24];
	unsigned long used = memblock_used(type);
	out_printf(out, "%s: %lu of %lu entries, 0x%llx bytes (%s)\n", type->name, used, type->max,
		   (unsigned long long)type->total_size,
		   format_size(size, sizeof(size), type->total_size));
	for (unsigned long i = 0; i < used; i++) {
		print_region(out, &type->regions[i]);
	}
}

static bool print_claim(void *ctx, const struct memblock_region *claim)
{
	print_region(ctx, claim);
	return true;
}

static void json_region(struct json *j, const struct memblock_region *r)
{
	json_object_begin(j);
	json_kv_hex(j, "base", r->base);
	json_kv_hex(j, "size", r->size);
	json_kv_i64(j, "node", r->nid < 0 || r->nid >= MAX_NUMNODES ? 0 : r->nid);
	json_kv_u64(j, "flags", (uint64_t)r->flags);
	json_kv_string(j, "holder", owner_kind_name((enum owner_kind)r->owner.kind));
	json_object_end(j);
}

static bool json_claim(void *ctx, const struct memblock_region *claim)
{
	json_region(ctx, claim);
	return true;
}

static void json_table(struct json *j, const struct memblock_type *type)
{
	json_key(j, type->name);
	json_array_begin(j);
	for (unsigned long i = 0; i < memblock_used(type); i++) {
		json_region(j, &type->regions[i]);
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
