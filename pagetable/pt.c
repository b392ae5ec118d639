/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tables as objects: the modes, making and ending an address space, and the pages on their way in
 * (reserve) and out (retired, merged). A page is in exactly one of: the tree, the reserve, the
 * retired list, the merged array.
 */
#include "pt_internal.h"

#include "fpg/port/port.h"

#include <errno.h>

/* Source: RISC-V Privileged v1.12, 4.4 to 4.6 and table 4.4. */
const struct pt_mode pt_mode_sv39 = { "sv39", 3, 39, 8 };
const struct pt_mode pt_mode_sv48 = { "sv48", 4, 48, 9 };
const struct pt_mode pt_mode_sv57 = { "sv57", 5, 57, 10 };

const char *pt_level_name(unsigned int level)
{
	static const char *const names[PT_MAX_LEVELS] = { "4K", "2M", "1G", "512G", "256T" };
	return level < PT_MAX_LEVELS ? names[level] : "?";
}

bool pt_range_ok(const struct pt *pt, vaddr_t va, uint64_t bytes)
{
	const uint64_t half = (uint64_t)1 << (pt->mode->va_bits - 1);
	const uint64_t off = pt_offset(pt, va);
	if (pt_vaddr(pt, off).v != va.v || bytes == 0 || bytes > half) {
		return false;
	}
	return ((off ^ (off + bytes - 1)) & ~(half - 1)) == 0;
}

bool pt_pages_ok(const struct pt *pt, vaddr_t va, uint64_t bytes)
{
	return IS_ALIGNED(va.v | bytes, PAGE_SIZE) && pt_range_ok(pt, va, bytes);
}

bool pt_prot_ok(const struct pt *pt, uint32_t prot)
{
	if ((prot & ~(uint32_t)PT_PROT_ALL) != 0 || (prot & PT_PROT_ACCESS) == 0) {
		return false;
	}
	if ((prot & MEM_W) != 0 && (prot & MEM_R) == 0) {
		return false;
	}
	if ((prot & PT_IO) != 0 && (prot & PT_NONCACHED) != 0) {
		return false;
	}
	return (prot & (MEM_W | MEM_X)) != (MEM_W | MEM_X) || pt->allow_wx;
}

/*
 * Lists of pages are linked through the first word of each; page 0 is never a table, so 0 ends a
 * list.
 */

static phys_addr_t page_pop(struct pt *pt, phys_addr_t *list)
{
	phys_addr_t page = *list;
	*list = pt_table(pt, page)->v;
	return page;
}

static void page_push(struct pt *pt, phys_addr_t *list, phys_addr_t page)
{
	pt_table(pt, page)->v = *list;
	*list = page;
}

int pt_reserve(struct pt *pt, uint64_t pages)
{
	FPG_CHECK(pt->reserved == 0);
	while (pt->reserved < pages) {
		phys_addr_t page;
		int r = pt->source->take(pt->source_ctx, &page);
		if (r != 0) {
			pt->wanted = pages;
			for (; pt->reserved > 0; pt->reserved--) {
				pt->source->give(pt->source_ctx, page_pop(pt, &pt->reserve));
			}
			return r;
		}
		FPG_CHECK(page != 0 && IS_ALIGNED(page, PAGE_SIZE));
		page_push(pt, &pt->reserve, page);
		pt->reserved++;
	}
	return 0;
}

void pt_reserve_done(const struct pt *pt)
{
	FPG_CHECK(pt->reserved == 0);
}

pte_t *pt_table_new(struct pt *pt, phys_addr_t *table, bool cleared)
{
	FPG_CHECK(pt->reserved > 0);
	*table = page_pop(pt, &pt->reserve);
	pt->reserved--;
	pt->count.tables++;
	pte_t *entries = pt_table(pt, *table);
	if (cleared) {
		port_clear_page(entries);
	}
	return entries;
}

void pt_retire(struct pt *pt, phys_addr_t table)
{
	page_push(pt, &pt->retired, table);
	pt->count.tables--;
	pt->pointers_changed = true;
}

void pt_reap(struct pt *pt)
{
	while (pt->retired != 0) {
		phys_addr_t page = page_pop(pt, &pt->retired);
		pt->source->give(pt->source_ctx, page);
	}
	while (pt->merged_count > 0) {
		pt->source->give(pt->source_ctx, pt->merged[--pt->merged_count]);
	}
	pt->pointers_changed = false;
	pt->fence_lo = pt->fence_hi = vaddr(0);
}

pte_t *pt_page_table(const struct pt *pt, uint64_t off, unsigned int *level)
{
	pte_t *table = pt_table(pt, pt->root);
	for (unsigned int l = pt_root_level(pt); l > 0; l--) {
		const pte_t pte = { __atomic_load_n(&table[pt_index(off, l)].v, __ATOMIC_ACQUIRE) };
		if (pte_none(pte) || pte_is_leaf(l, pte) || pte_is_foreign(l, pte)) {
			*level = l;
			return NULL;
		}
		table = pt_child(pt, l, pte);
	}
	*level = 0;
	return table;
}

void pt_widen_fence(struct pt *pt, uint64_t off, uint64_t end)
{
	const vaddr_t lo = pt_vaddr(pt, off);
	const vaddr_t hi = vaddr(lo.v + (end - off));
	if (pt->fence_lo.v == pt->fence_hi.v) {
		pt->fence_lo = lo;
		pt->fence_hi = hi;
	} else if (((lo.v ^ pt->fence_lo.v) >> 63) != 0) {
		/* Something in each half: no range is worth having. */
		pt->pointers_changed = true;
	} else {
		if (lo.v < pt->fence_lo.v) {
			pt->fence_lo = lo;
		}
		if (hi.v - 1 > pt->fence_hi.v - 1) {
			pt->fence_hi = hi;
		}
	}
}

void pt_napot_split(struct pt *pt, pte_t *entry, uint64_t off)
{
	const unsigned int index = pt_index(off, 0);
	pte_t *group = entry - index % PT_NAPOT_ENTRIES;
	pte_t pte = pt_plain(*group, 0);
	for (unsigned int i = 0; i < PT_NAPOT_ENTRIES; i++) {
		pt_publish(&group[i], pte);
		pte = pte_next(0, pte);
	}
	pt->count.napot--;
	pt->count.leaves[0] += PT_NAPOT_ENTRIES;
	const uint64_t base = ALIGN_DOWN(off, PT_NAPOT_BYTES);
	pt_widen_fence(pt, base, base + PT_NAPOT_BYTES);
}

void pt_clear(struct pt *pt, const struct pt_mode *mode, const struct pt_page_source *source,
	      void *ctx)
{
	*pt = (struct pt){
		.mode = mode,
		.source = source,
		.source_ctx = ctx,
		.known = PT_PROT_ALL & ~(uint32_t)(PT_NONCACHED | PT_IO),
	};
}

int pt_init(struct pt *pt, const struct pt_mode *mode, const struct pt_page_source *source,
	    void *ctx, uint32_t always)
{
	pt_clear(pt, mode, source, ctx);
	pt->always = always;
	int r = pt_reserve(pt, 1);
	if (r != 0) {
		return r;
	}
	pt_table_new(pt, &pt->root, true);
	return 0;
}

static void destroy_table(struct pt *pt, unsigned int level, phys_addr_t table)
{
	const pte_t *entries = pt_table(pt, table);
	/* The upper half of a root may be somebody else's. */
	const bool shared = pt->kernel != NULL && level == pt_root_level(pt);
	const unsigned int own = shared ? PT_ENTRIES / 2 : PT_ENTRIES;
	for (unsigned int i = 0; level > 0 && i < own; i++) {
		const pte_t pte = entries[i];
		if (!pte_none(pte) && !pte_is_leaf(level, pte) && !pte_is_foreign(level, pte)) {
			destroy_table(pt, level - 1, pte_phys(level, pte));
		}
	}
	pt->source->give(pt->source_ctx, table);
}

void pt_destroy(struct pt *pt)
{
	pt_reap(pt);
	destroy_table(pt, pt_root_level(pt), pt->root);
	pt->root = 0;
	pt->count = (struct pt_counters){ 0 };
}
