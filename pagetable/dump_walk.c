/* SPDX-License-Identifier: BSD-2-Clause */
/* One address followed through the kernel's tables, as text and JSON: each level that hardware passes. */
#include "fpg/pagetable/dump.h"

#include "fpg/core/hart.h"
#include "fpg/pagetable/kernel_map.h"

#include <errno.h>

static unsigned long long ull(uint64_t v)
{
	return v;
}

/** Follow @va with nobody changing anything. Return: as pt_walk(), or -ENODEV without tables */
static int walk_held(vaddr_t va, struct pt_walk *walk)
{
	const struct pt *pt = kernel_pt();
	if (pt == NULL) {
		return -ENODEV;
	}
	harts_hold();
	int r = pt_walk(pt, va, walk);
	harts_release();
	return r;
}

static const char *leaf_name(const struct pt_walk *walk)
{
	return walk->napot ? PT_NAPOT_NAME : pt_level_name(walk->level);
}

static void print_step(struct out *out, const struct pt_walk *walk, unsigned int i)
{
	const struct pt_step *s = &walk->step[i];
	char prot[PT_PROT_TEXT];
	out_printf(out, "  level %u (%s an entry): table 0x%llx, entry %u is 0x%016llx: ", s->level,
		   pt_level_name(s->level), ull(s->table), s->index, ull(s->pte.v));
	if (i + 1 < walk->steps) {
		out_printf(out, "table 0x%llx%s\n", ull(pte_phys(s->level, s->pte)),
			   s->foreign ? " (shared)" : "");
	} else if (walk->mapped || walk->hidden) {
		out_printf(out, "leaf of %s, %s%s\n", leaf_name(walk),
			   pt_prot_text(prot, walk->prot),
			   walk->hidden ? ", hidden: its V bit was taken away" : "");
	} else {
		out_puts(out, "nothing\n");
	}
}

int pagetable_print_walk(struct out *out, vaddr_t va)
{
	struct pt_walk walk;
	int r = walk_held(va, &walk);
	if (r != 0) {
		return r;
	}
	const struct kernel_map *map = kernel_map_active();
	const char *region = vm_layout_region(map->layout, va);
	out_printf(out, "%s, root table at 0x%llx\n", map->pt.mode->name, ull(map->pt.root));
	for (unsigned int i = 0; i < walk.steps; i++) {
		print_step(out, &walk, i);
	}
	out_printf(out, "0x%llx%s%s%s: ", ull(va.v), region[0] != '\0' ? " (" : "", region,
		   region[0] != '\0' ? ")" : "");
	if (walk.mapped) {
		out_printf(out, "physical 0x%llx\n", ull(walk.phys));
	} else if (walk.hidden) {
		out_printf(out, "not mapped; physical 0x%llx when it is shown again\n",
			   ull(walk.phys));
	} else {
		out_puts(out, "not mapped\n");
	}
	return 0;
}

int pagetable_json_walk(vaddr_t va, struct json *(*begin)(void *ctx), void *ctx)
{
	char prot[PT_PROT_TEXT];
	struct pt_walk walk;
	int r = walk_held(va, &walk);
	if (r != 0) {
		return r;
	}
	struct json *j = begin(ctx);
	json_kv_hex(j, "address", va.v);
	json_kv_string(j, "region", vm_layout_region(kernel_map_active()->layout, va));
	json_key(j, "steps");
	json_array_begin(j);
	for (unsigned int i = 0; i < walk.steps; i++) {
		const struct pt_step *s = &walk.step[i];
		json_object_begin(j);
		json_kv_u64(j, "level", s->level);
		json_kv_hex(j, "table", s->table);
		json_kv_u64(j, "index", s->index);
		json_kv_hex(j, "entry", s->pte.v);
		json_object_end(j);
	}
	json_array_end(j);
	json_kv_bool(j, "mapped", walk.mapped);
	json_kv_bool(j, "hidden", walk.hidden);
	if (walk.mapped || walk.hidden) {
		json_kv_hex(j, "physical", walk.phys);
		json_kv_string(j, "prot", pt_prot_text(prot, walk.prot));
		json_kv_string(j, "leaf", leaf_name(&walk));
	}
	return 0;
}
