/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's tables as text and JSON, always by a walk over what is really there. */
#include "fpg/pagetable/dump.h"

#include "fpg/pagetable/kernel_map.h"

#include <string.h>

const char *pt_prot_text(char *buf, uint32_t prot)
{
	buf[0] = prot & MEM_R ? 'r' : '-';
	buf[1] = prot & MEM_W ? 'w' : '-';
	buf[2] = prot & MEM_X ? 'x' : '-';
	buf[3] = prot & MEM_U ? 'u' : '-';
	buf[4] = prot & PT_GLOBAL ? 'g' : '-';
	const char *type = prot & PT_IO ? " io" : prot & PT_NONCACHED ? " nc" : "";
	memcpy(buf + 5, type, strlen(type) + 1);
	return buf;
}

static unsigned long long ull(uint64_t v)
{
	return v;
}

/** " 3 x 2M, 17 x 4K", largest first. */
static void print_leaves(struct out *out, const uint64_t *leaves)
{
	const char *comma = "";
	for (unsigned int level = PT_MAX_LEVELS; level-- > 0;) {
		if (leaves[level] != 0) {
			out_printf(out, "%s %llu x %s", comma, ull(leaves[level]),
				   pt_level_name(level));
			comma = ",";
		}
	}
}

static int print_run(void *ctx, const struct pt_run *run)
{
	struct out *out = ctx;
	char prot[PT_PROT_TEXT];
	const char *region = vm_layout_region(kernel_map_active()->layout, run->va);
	out_printf(out, "  0x%016llx-0x%016llx ", ull(run->va.v), ull(run->va.v + run->bytes - 1));
	if (run->zero) {
		out_printf(out, "%-14s", "shared zeros");
	} else {
		out_printf(out, "0x%012llx", ull(run->pa));
	}
	out_printf(out, " %s %-11s", pt_prot_text(prot, run->prot), region);
	print_leaves(out, run->leaves);
	out_puts(out, "\n");
	return 0;
}

void pagetable_print(struct out *out)
{
	const struct kernel_map *map = kernel_map_active();
	if (map == NULL) {
		out_puts(out, "no final page tables\n");
		return;
	}
	struct pt_totals t;
	pt_totals(&map->pt, &t);
	out_printf(out, "%s, root 0x%llx, %llu pages of tables, leaves:", map->pt.mode->name,
		   ull(map->pt.root), ull(kernel_map_tables(map)));
	print_leaves(out, t.leaves);
	out_printf(out, "\nlinear map: virtual - physical = 0x%llx\n", ull(map->linear_offset));
	(void)pt_for_each_run(&map->pt, print_run, out);
	out_printf(out, "W+X pages: %llu\n", ull(t.wx_pages));
}

static void json_leaves(struct json *j, unsigned int levels, const uint64_t *leaves)
{
	json_key(j, "leaves");
	json_object_begin(j);
	for (unsigned int level = 0; level < levels; level++) {
		json_kv_u64(j, pt_level_name(level), leaves[level]);
	}
	json_object_end(j);
}

static int json_run(void *ctx, const struct pt_run *run)
{
	struct json *j = ctx;
	char prot[PT_PROT_TEXT];
	const struct kernel_map *map = kernel_map_active();
	json_object_begin(j);
	json_kv_hex(j, "va", run->va.v);
	json_kv_hex(j, "bytes", run->bytes);
	json_kv_bool(j, "zero", run->zero);
	if (!run->zero) {
		json_kv_hex(j, "pa", run->pa);
	}
	json_kv_string(j, "prot", pt_prot_text(prot, run->prot));
	json_kv_string(j, "region", vm_layout_region(map->layout, run->va));
	json_leaves(j, map->pt.mode->levels, run->leaves);
	json_object_end(j);
	return 0;
}

void pagetable_json(struct json *j)
{
	const struct kernel_map *map = kernel_map_active();
	if (map == NULL) {
		json_string(j, NULL);
		return;
	}
	struct pt_totals t;
	pt_totals(&map->pt, &t);
	json_object_begin(j);
	json_kv_string(j, "mode", map->pt.mode->name);
	json_kv_hex(j, "root", map->pt.root);
	json_kv_u64(j, "wx_pages", t.wx_pages);
	json_kv_u64(j, "tables", kernel_map_tables(map));
	json_leaves(j, map->pt.mode->levels, t.leaves);
	json_kv_hex(j, "mapped_bytes", t.mapped_bytes);
	json_kv_hex(j, "zero_bytes", t.zero_bytes);
	json_kv_hex(j, "linear_offset", map->linear_offset);
	json_key(j, "ranges");
	json_array_begin(j);
	(void)pt_for_each_run(&map->pt, json_run, j);
	json_array_end(j);
	json_object_end(j);
}

void pagetable_print_walk(struct out *out, vaddr_t va)
{
	const struct pt *pt = kernel_pt();
	struct pt_walk walk;
	char prot[PT_PROT_TEXT];
	if (pt == NULL) {
		out_puts(out, "no final page tables\n");
		return;
	}
	if (pt_walk(pt, va, &walk) != 0) {
		out_printf(out,
			   "0x%llx is not canonical in %s: the bits from %u up must all be equal\n",
			   ull(va.v), pt->mode->name, pt->mode->va_bits - 1U);
		return;
	}
	for (unsigned int i = 0; i < walk.steps; i++) {
		const struct pt_step *s = &walk.step[i];
		out_printf(out, "  level %u: table 0x%llx [%3u] = 0x%016llx", s->level,
			   ull(s->table), s->index, ull(s->pte.v));
		if (i + 1 < walk.steps) {
			out_printf(out, " -> table 0x%llx%s\n", ull(pte_phys(s->level, s->pte)),
				   s->foreign ? " (shared)" : "");
		} else if (walk.mapped) {
			out_printf(out, " leaf %s %s\n", pt_level_name(s->level),
				   pt_prot_text(prot, walk.prot));
		} else {
			out_puts(out, " not mapped\n");
		}
	}
	if (walk.mapped) {
		out_printf(out, "0x%llx is physical 0x%llx\n", ull(va.v), ull(walk.phys));
	}
}
