/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RAM: the union of what the tree and memmap= give, which of it becomes memblock memory, and why the rest does not.
 *
 * A run is RAM of one NUMA node and one kind without a hole, whatever nodes of the tree it comes from. Within a run
 * the usable ranges, mem= and the window cut pieces, and each piece is rounded inwards to whole pages.
 * Invariant: boot_memory_for_each_raw() and memblock agree, because both ask ram_fate().
 */
#define LOG_MODULE "memory"
#include "boot_memory_private.h"

#include "fpg/base/range.h"
#include "fpg/core/log.h"
#include "fpg/core/memblock.h"

#include <errno.h>
#include <inttypes.h>

static const char *const fate_names[] = {
#define X(id, name) [id] = name,
	BOOT_RAM_FATES(X)
#undef X
};

const char *boot_ram_fate_name(enum boot_ram_fate fate)
{
	return (size_t)fate < ARRAY_SIZE(fate_names) ? fate_names[fate] : "?";
}

static phys_addr_t least(phys_addr_t a, phys_addr_t b)
{
	return a < b ? a : b;
}

static phys_addr_t most(phys_addr_t a, phys_addr_t b)
{
	return a > b ? a : b;
}

/** Node as memblock knows it: memory of no node, or of one beyond the configured number, is node 0's. */
static int32_t ram_nid(const struct dt_range *range)
{
	return range->nid >= 0 && range->nid < MAX_NUMNODES ? range->nid : 0;
}

static bool continues_run(const struct dt_range *last, const struct dt_range *next)
{
	return last->base + last->size == next->base && ram_nid(last) == ram_nid(next) &&
	       last->flags == next->flags;
}

/** The usable range that holds @at, else the next one above. Return: false when there is none. */
static bool usable_at(const struct boot_memory *bm, phys_addr_t at, struct phys_range *out)
{
	const struct dt_chosen *chosen = &bm->facts.chosen;
	if (chosen->usable_count == 0) {
		*out = (struct phys_range){ 0, PHYS_ADDR_MAX };
		return true;
	}
	for (uint32_t i = 0; i < chosen->usable_count; i++) {
		if (phys_range_end(chosen->usable[i]) > at) {
			*out = chosen->usable[i];
			return true;
		}
	}
	return false;
}

/** What becomes of the byte at @at of @run. Return: where that ends, at most at the end of the run. */
static phys_addr_t ram_fate(const struct boot_memory *bm, struct phys_range run, phys_addr_t at,
			    enum boot_ram_fate *fate)
{
	struct phys_range usable;
	phys_addr_t end = phys_range_end(run);
	if (!usable_at(bm, at, &usable)) {
		*fate = BOOT_RAM_CUT_USABLE;
		return end;
	}
	if (at < usable.base) {
		*fate = BOOT_RAM_CUT_USABLE;
		return least(end, usable.base);
	}
	phys_addr_t top = least(end, phys_range_end(usable));
	if (at >= bm->mem_end) {
		*fate = BOOT_RAM_CUT_MEM;
		return top;
	}
	top = least(top, bm->mem_end);
	phys_addr_t window_end = phys_range_end(bm->window);
	if (at < bm->window.base || at >= window_end) {
		*fate = BOOT_RAM_CUT_WINDOW;
		return at < bm->window.base ? least(top, bm->window.base) : top;
	}
	top = least(top, window_end);
	phys_addr_t low = most(most(run.base, usable.base), bm->window.base);
	phys_addr_t last_page = ALIGN_DOWN(top, PAGE_SIZE);
	phys_addr_t first_page = ALIGN_UP(low, PAGE_SIZE);
	bool wraps = first_page < low;
	*fate = BOOT_RAM_ROUNDED;
	if (wraps || first_page >= last_page) {
		return top;
	}
	if (at < first_page) {
		return first_page;
	}
	if (at >= last_page) {
		return top;
	}
	*fate = BOOT_RAM_MEMORY;
	return last_page;
}

static struct phys_range run_from(const struct dt_list *list, uint32_t first)
{
	uint32_t last = first;
	while (last + 1 < list->count && continues_run(&list->at[last], &list->at[last + 1])) {
		last++;
	}
	const struct dt_range *end = &list->at[last];
	return (struct phys_range){ list->at[first].base,
				    end->base + end->size - list->at[first].base };
}

bool boot_memory_next_raw(const struct boot_memory *bm, struct boot_ram_walk *walk,
			  struct boot_ram_row *row)
{
	const struct dt_list *list = &bm->facts.memory;
	if (walk->index >= list->count) {
		return false;
	}
	const struct dt_range *r = &list->at[walk->index];
	phys_addr_t end = r->base + r->size;
	/* Below the range: the walk has just come to it. */
	if (walk->at <= r->base) {
		walk->at = r->base;
		if (walk->index == 0 || !continues_run(r - 1, r)) {
			walk->run = run_from(list, walk->index);
		}
	}
	phys_addr_t until = least(ram_fate(bm, walk->run, walk->at, &row->fate), end);
	row->range = (struct phys_range){ walk->at, until - walk->at };
	row->nid = ram_nid(r);
	row->node = r->node;
	row->hotplug = r->flags & DT_RANGE_HOTPLUG;
	walk->at = until;
	walk->index += until == end;
	return true;
}

void boot_memory_for_each_raw(const struct boot_memory *bm, boot_ram_fn fn, void *ctx)
{
	struct boot_ram_walk walk = { 0 };
	struct boot_ram_row row;
	while (boot_memory_next_raw(bm, &walk, &row) && fn(ctx, &row)) {
	}
}

struct find_ctx {
	phys_addr_t addr;
	struct boot_ram_row *row;
	bool found;
};

static bool find_row(void *ctx, const struct boot_ram_row *row)
{
	struct find_ctx *f = ctx;
	if (phys_range_contains(row->range, f->addr)) {
		f->found = true;
		if (f->row != NULL) {
			*f->row = *row;
		}
	}
	return !f->found && row->range.base <= f->addr;
}

bool boot_memory_find_raw(const struct boot_memory *bm, phys_addr_t addr, struct boot_ram_row *row)
{
	struct find_ctx f = { .addr = addr, .row = row };
	boot_memory_for_each_raw(bm, find_row, &f);
	return f.found;
}

FPG_INIT struct phys_range boot_ram_run(const struct boot_memory *bm, phys_addr_t addr)
{
	const struct dt_list *list = &bm->facts.memory;
	struct phys_range run = { 0, 0 };
	for (uint32_t i = 0; i < list->count; i++) {
		const struct dt_range *r = &list->at[i];
		if (run.size != 0 && phys_range_end(run) == r->base) {
			run.size += r->size;
		} else if (phys_range_contains(run, addr)) {
			break;
		} else {
			run = (struct phys_range){ r->base, r->size };
		}
	}
	return phys_range_contains(run, addr) ? run : (struct phys_range){ 0, 0 };
}

/* ---- into memblock ------------------------------------------------------------------------------------------- */

struct mem_limit {
	uint64_t left;
	phys_addr_t end;
};

FPG_INIT static bool count_to_limit(void *ctx, const struct boot_ram_row *row)
{
	struct mem_limit *limit = ctx;
	if (row->fate != BOOT_RAM_MEMORY) {
		return true;
	}
	if (row->range.size > limit->left) {
		limit->end = row->range.base + limit->left;
		return false;
	}
	limit->left -= row->range.size;
	return true;
}

FPG_INIT static void apply_mem_limit(struct boot_memory *bm)
{
	const struct kernel_image *image = bm->in.image;
	if (bm->args.mem_bytes == 0) {
		return;
	}
	struct mem_limit limit = { bm->args.mem_bytes, PHYS_ADDR_MAX };
	boot_memory_for_each_raw(bm, count_to_limit, &limit);
	if (limit.end < image->load + image->bytes) {
		pr_warn("mem=%#" PRIx64 " would cut off the image at %#" PRIx64 "+%#" PRIx64
			": ignored",
			bm->args.mem_bytes, image->load, image->bytes);
		bm->place_limit = PHYS_ADDR_MAX;
		return;
	}
	bm->mem_end = limit.end;
	bm->place_limit = limit.end;
}

struct add_ctx {
	struct boot_memory *bm;
	int err;
};

FPG_INIT static bool add_row(void *ctx, const struct boot_ram_row *row)
{
	struct add_ctx *a = ctx;
	a->bm->ram_bytes += row->range.size;
	if (row->fate != BOOT_RAM_MEMORY) {
		pr_info("RAM %#" PRIx64 "+%#" PRIx64 " is %s", row->range.base, row->range.size,
			boot_ram_fate_name(row->fate));
		return true;
	}
	a->bm->memory_bytes += row->range.size;
	a->err = memblock_add_owned(
		row->range.base, row->range.size, row->nid,
		row->hotplug ? MEMBLOCK_HOTPLUG : MEMBLOCK_NONE,
		mem_owner(OWNER_NONE, row->node >= 0 ? RULE_NODE_REG : RULE_BOOTARG, row->node));
	return a->err == 0;
}

FPG_INIT static void warn_far_nodes(struct boot_memory *bm)
{
	const struct dt_list *list = &bm->facts.memory;
	for (uint32_t i = 0; i < list->count; i++) {
		if (list->at[i].nid >= MAX_NUMNODES) {
			dt_warn(&bm->facts, list->at[i].node,
				"numa-node-id %" PRId32
				": this build knows %d nodes, so its memory is node 0's",
				list->at[i].nid, MAX_NUMNODES);
		}
	}
}

FPG_INIT int boot_ram_add(struct boot_memory *bm)
{
	struct add_ctx a = { .bm = bm };
	dt_memory_union(&bm->facts);
	warn_far_nodes(bm);
	apply_mem_limit(bm);
	boot_memory_for_each_raw(bm, add_row, &a);
	if (a.err != 0) {
		return -ENOMEM;
	}
	return bm->memory_bytes != 0 ? 0 : -ENODATA;
}
