/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's tables as text and JSON, always by a walk over what is really there.
 *
 * A range is what goes on in virtual addresses, in physical ones and in permissions, hidden pages (debug_pagealloc)
 * included, which are counted. For people, neighbours that differ only in where they lie in memory (vmalloc, the frame
 * table: single pages) are one line as well.
 */
#include "fpg/pagetable/dump.h"

#include "fpg/base/parse.h"
#include "fpg/core/hart.h"
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

/* ---- ranges ---- */

/** What one line or one JSON object shows. */
struct range {
	/** va, pa, bytes, prot, zero, and leaves of what is mapped. */
	struct pt_run sum;
	const char *region;
	uint64_t hidden_bytes;
	/** Pieces of memory that it goes to. */
	uint64_t pieces;
};

struct ranges {
	const struct vm_layout *layout;
	/** Pieces of memory may be anywhere. */
	bool scattered_too;
	void (*show)(void *to, const struct range *range);
	void *to;
	struct range now;
};

static bool range_goes_on(const struct ranges *w, const struct pt_run *run, const char *region,
			  bool *same_piece)
{
	const struct pt_run *sum = &w->now.sum;
	*same_piece = sum->zero || run->pa == sum->pa + sum->bytes;
	return sum->bytes != 0 && run->va.v == sum->va.v + sum->bytes && run->prot == sum->prot &&
	       run->zero == sum->zero && strcmp(region, w->now.region) == 0 &&
	       (*same_piece || w->scattered_too);
}

static int range_add(void *ctx, const struct pt_run *run)
{
	struct ranges *w = ctx;
	struct range *now = &w->now;
	const char *region = vm_layout_region(w->layout, run->va);
	bool same_piece;
	if (!range_goes_on(w, run, region, &same_piece)) {
		if (now->sum.bytes != 0) {
			w->show(w->to, now);
		}
		*now = (struct range){ .region = region, .pieces = 1 };
		now->sum = (struct pt_run){
			.va = run->va, .pa = run->pa, .prot = run->prot, .zero = run->zero
		};
	} else if (!same_piece) {
		now->pieces++;
		/* What comes next may go on where this ends. */
		now->sum.pa = run->pa - now->sum.bytes;
	}
	now->sum.bytes += run->bytes;
	if (run->hidden) {
		now->hidden_bytes += run->bytes;
		return 0;
	}
	for (unsigned int level = 0; level < PT_MAX_LEVELS; level++) {
		now->sum.leaves[level] += run->leaves[level];
	}
	now->sum.napot += run->napot;
	return 0;
}

static void for_each_range(struct ranges *w, const struct pt *pt)
{
	(void)pt_for_each_run(pt, range_add, w);
	if (w->now.sum.bytes != 0) {
		w->show(w->to, &w->now);
	}
}

/* ---- for people ---- */

/** Name and number of each size of leaf, largest first: @i from 0 on. Return: false behind the last */
static bool leaf_size(unsigned int i, const uint64_t *leaves, uint64_t napot, const char **name,
		      uint64_t *count)
{
	const unsigned int level = PT_MAX_LEVELS - 1 - (i < PT_MAX_LEVELS ? i : PT_MAX_LEVELS - 1);
	if (i > PT_MAX_LEVELS) {
		return false;
	}
	/* 64 KiB come between 2 MiB and 4 KiB. */
	const bool is_napot = i == PT_MAX_LEVELS - 1;
	*name = is_napot ? PT_NAPOT_NAME : pt_level_name(level);
	*count = is_napot ? napot : leaves[level];
	return true;
}

/** "3 x 2M, 17 x 4K", largest first. */
static void print_leaves(struct out *out, const uint64_t *leaves, uint64_t napot)
{
	const char *comma = "";
	const char *name;
	uint64_t count;
	for (unsigned int i = 0; leaf_size(i, leaves, napot, &name, &count); i++) {
		if (count != 0) {
			out_printf(out, "%s%llu x %s", comma, ull(count), name);
			comma = ", ";
		}
	}
}

static void print_range(void *to, const struct range *r)
{
	struct out *out = to;
	char prot[PT_PROT_TEXT];
	char size[24];
	const struct pt_run *sum = &r->sum;
	out_printf(out, "0x%016llx-0x%016llx ", ull(sum->va.v), ull(sum->va.v + sum->bytes - 1));
	if (sum->zero) {
		out_printf(out, "%-16s", "shared zeros");
	} else if (r->pieces > 1) {
		out_printf(out, "%5llu pieces    ", ull(r->pieces));
	} else {
		out_printf(out, "0x%014llx", ull(sum->pa));
	}
	out_printf(out, " %11s %-8s %s", format_size(size, sizeof(size), sum->bytes),
		   pt_prot_text(prot, sum->prot), r->region);
	if (!sum->zero) {
		out_printf(out, "%*s", 12 - (int)strlen(r->region), "");
	}
	print_leaves(out, sum->leaves, sum->napot);
	if (r->hidden_bytes != 0) {
		out_printf(out, "%s%llu pages hidden", r->hidden_bytes < sum->bytes ? ", " : "",
			   ull(r->hidden_bytes >> PAGE_SHIFT));
	}
	out_puts(out, "\n");
}

static void print_table(struct out *out, const struct kernel_map *map)
{
	struct ranges w = {
		.layout = map->layout, .scattered_too = true, .show = print_range, .to = out
	};
	struct pt_totals t;
	char size[24];
	pt_totals(&map->pt, &t);
	out_printf(out,
		   "%s, root table at 0x%llx, %llu pages of tables; leaves: ", map->pt.mode->name,
		   ull(map->pt.root), ull(kernel_map_tables(map)));
	print_leaves(out, t.leaves, t.napot);
	out_printf(out, "\nmapped: %s", format_size(size, sizeof(size), t.mapped_bytes));
	if (t.zero_bytes != 0) {
		out_printf(out, ", shared zeros: %s",
			   format_size(size, sizeof(size), t.zero_bytes));
	}
	if (t.hidden_bytes != 0) {
		out_printf(out, ", hidden: %s", format_size(size, sizeof(size), t.hidden_bytes));
	}
	out_printf(out, "\nlinear map: virtual - physical = 0x%llx\n", ull(map->linear_offset));
	out_puts(out,
		 "r read, w write, x execute, u user, g in every address space; memory type: nc "
		 "not cached, io device\n");
	out_printf(out, "%-37s %-16s %11s %-8s %-11s %s\n", "virtual addresses", "physical", "size",
		   "allowed", "part", "leaves");
	for_each_range(&w, &map->pt);
	out_printf(out, "W+X pages: %llu%s\n", ull(t.wx_pages),
		   t.wx_pages != 0 ? ", and there should be none" : "");
}

/*
 * Whoever prints holds the other harts, not a lock: the console is slow, and a walk must not meet tables that change.
 */

void pagetable_print(struct out *out)
{
	const struct kernel_map *map = kernel_map_active();
	if (map == NULL) {
		out_puts(out, "no final page tables\n");
		return;
	}
	harts_hold();
	print_table(out, map);
	harts_release();
}

/* ---- for scripts ---- */

static void json_leaves(struct json *j, unsigned int levels, const uint64_t *leaves, uint64_t napot)
{
	json_key(j, "leaves");
	json_object_begin(j);
	for (unsigned int level = 0; level < levels; level++) {
		json_kv_u64(j, pt_level_name(level), leaves[level]);
		if (level == 0) {
			json_kv_u64(j, PT_NAPOT_NAME, napot);
		}
	}
	json_object_end(j);
}

static void json_range(void *to, const struct range *r)
{
	struct json *j = to;
	char prot[PT_PROT_TEXT];
	const struct pt_run *sum = &r->sum;
	json_object_begin(j);
	json_kv_hex(j, "va", sum->va.v);
	json_kv_hex(j, "bytes", sum->bytes);
	json_kv_bool(j, "zero", sum->zero);
	if (!sum->zero) {
		json_kv_hex(j, "pa", sum->pa);
	}
	json_kv_string(j, "prot", pt_prot_text(prot, sum->prot));
	json_kv_string(j, "region", r->region);
	json_kv_hex(j, "hidden_bytes", r->hidden_bytes);
	json_leaves(j, kernel_map_active()->pt.mode->levels, sum->leaves, sum->napot);
	json_object_end(j);
}

void pagetable_json(struct json *j)
{
	const struct kernel_map *map = kernel_map_active();
	if (map == NULL) {
		json_kv_string(j, "mode", NULL);
		return;
	}
	struct ranges w = { .layout = map->layout, .show = json_range, .to = j };
	struct pt_totals t;
	harts_hold();
	pt_totals(&map->pt, &t);
	json_kv_string(j, "mode", map->pt.mode->name);
	json_kv_hex(j, "root", map->pt.root);
	json_kv_u64(j, "wx_pages", t.wx_pages);
	json_kv_u64(j, "tables", kernel_map_tables(map));
	json_leaves(j, map->pt.mode->levels, t.leaves, t.napot);
	json_kv_hex(j, "mapped_bytes", t.mapped_bytes);
	json_kv_hex(j, "zero_bytes", t.zero_bytes);
	json_kv_hex(j, "hidden_bytes", t.hidden_bytes);
	json_kv_hex(j, "linear_offset", map->linear_offset);
	json_key(j, "ranges");
	json_array_begin(j);
	for_each_range(&w, &map->pt);
	json_array_end(j);
	harts_release();
}
