/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The frame table's window: records read as zero through shared tables until they get memory of
 * their own.
 *
 * Populating replaces, on the way to the records asked for, each shared table by a copy and each
 * shared page by a cleared page. All pages are taken first; then nothing can fail. Every
 * replacement reads the same as what it replaces until somebody writes a record, so readers need no
 * lock. One hart at a time populates (core/frame_table.c); the lock of the kernel's tables is held
 * for the commit, because other harts count tables and show them. Replaced translations are valid
 * ones, so every hart is fenced before anybody is told that the records can be written. The root
 * never changes: the table under it was the frame table's own from the start.
 */
#include "kernel_pages.h"
#include "pt_internal.h"

#include "fpg/pagetable/tlb.h"
#include "fpg/port/port.h"

#include <errno.h>

struct populate {
	struct pt *pt;
	/** Taken pages, linked through their first word in the linear map. */
	phys_addr_t list;
	bool pointers_changed;
};

/**
 * The table addresses of the records of @frames, in whole pages. Return: false when they lie
 * outside the window
 */
static bool records_of(const struct kernel_map *map, struct pfn_range frames, uint64_t *off,
		       uint64_t *end)
{
	const uint64_t first = map->linear_base >> PAGE_SHIFT;
	const uint64_t count = map->layout->linear_bytes >> PAGE_SHIFT;
	if (frames.start.n < first || frames.end.n < frames.start.n ||
	    frames.end.n - first > count) {
		return false;
	}
	const uint64_t base = pt_offset(&map->pt, map->layout->vmemmap);
	*off = base + ALIGN_DOWN((frames.start.n - first) * sizeof(struct page), PAGE_SIZE);
	*end = base + ALIGN_UP((frames.end.n - first) * sizeof(struct page), PAGE_SIZE);
	return true;
}

/** @pte of @level leads to the shared zeros. */
static bool is_shared(const struct pt *pt, unsigned int level, pte_t pte)
{
	const phys_addr_t pa = pte_phys(level, pte);
	return pa == (level == 0 ? pt->zero->page : pt->zero->table[level - 1]);
}

/** Pages needed to give [off, end) memory of its own. */
static uint64_t populate_plan(const struct pt *pt, unsigned int level, const pte_t *table,
			      uint64_t off, uint64_t end)
{
	uint64_t pages = 0;
	for (uint64_t next; off < end; off = next) {
		next = pt_slot_end(off, end, level);
		const pte_t pte = table[pt_index(off, level)];
		if (!is_shared(pt, level, pte)) {
			pages += level > 0 ? populate_plan(pt, level - 1, pt_child(pt, level, pte),
							   off, next) :
					     0;
		} else if (level == 0) {
			pages++;
		} else {
			pages +=
				pt_fresh_tables(level, off, next, 0) + ((next - off) >> PAGE_SHIFT);
		}
	}
	return pages;
}

static phys_addr_t populate_pop(struct populate *p)
{
	const phys_addr_t page = p->list;
	FPG_CHECK(page != 0);
	p->list = *(phys_addr_t *)port_phys_to_virt(page);
	return page;
}

static void populate_commit(struct populate *p, unsigned int level, pte_t *table, uint64_t off,
			    uint64_t end)
{
	struct pt *pt = p->pt;
	for (uint64_t next; off < end; off = next) {
		next = pt_slot_end(off, end, level);
		pte_t *entry = &table[pt_index(off, level)];
		if (!is_shared(pt, level, *entry)) {
			if (level > 0) {
				populate_commit(p, level - 1, pt_child(pt, level, *entry), off,
						next);
			}
			continue;
		}
		const phys_addr_t page = populate_pop(p);
		void *virt = port_phys_to_virt(page);
		if (level == 0) {
			port_clear_page(virt);
			pt_publish(entry, pte_leaf(0, page, MEM_R | MEM_W | PT_GLOBAL));
			pt->count.leaves[0]++;
			continue;
		}
		port_copy_page(virt, pt_child(pt, level, *entry));
		populate_commit(p, level - 1, virt, off, next);
		pt_publish(entry, pte_pointer(level, page, false));
		pt->count.tables++;
		p->pointers_changed = true;
	}
}

static int vmemmap_populate(struct pfn_range frames, phys_addr_t (*take)(void *ctx),
			    void (*give)(void *ctx, phys_addr_t pa), void *ctx)
{
	struct populate p = { .pt = kernel_pt() };
	const unsigned int root = pt_root_level(p.pt);
	pte_t *table = pt_table(p.pt, p.pt->root);
	uint64_t off;
	uint64_t end;
	FPG_CHECK(records_of(kernel_map_active(), frames, &off, &end));
	uint64_t pages = populate_plan(p.pt, root, table, off, end);
	if (pages == 0) {
		return 0;
	}
	for (; pages > 0; pages--) {
		const phys_addr_t page = take(ctx);
		if (page == 0) {
			while (p.list != 0) {
				give(ctx, populate_pop(&p));
			}
			return -ENOMEM;
		}
		*(phys_addr_t *)port_phys_to_virt(page) = p.list;
		p.list = page;
	}
	unsigned long flags = kernel_pt_lock();
	populate_commit(&p, root, table, off, end);
	if (p.pointers_changed) {
		flush_tlb_all();
	} else {
		flush_tlb_kernel_range(pt_vaddr(p.pt, off), end - off);
	}
	kernel_pt_unlock(flags);
	FPG_CHECK(p.list == 0);
	return 0;
}

static bool populated_in(const struct pt *pt, unsigned int level, const pte_t *table, uint64_t off,
			 uint64_t end)
{
	for (uint64_t next; off < end; off = next) {
		next = pt_slot_end(off, end, level);
		const pte_t pte = table[pt_index(off, level)];
		if (is_shared(pt, level, pte)) {
			return false;
		}
		if (level > 0 &&
		    !populated_in(pt, level - 1, pt_child(pt, level, pte), off, next)) {
			return false;
		}
	}
	return true;
}

/** The same for one page of records: no more than a look at each level. */
static bool page_populated(const struct pt *pt, uint64_t off)
{
	const pte_t *table = pt_table(pt, pt->root);
	for (unsigned int level = pt_root_level(pt);; level--) {
		const pte_t pte = table[pt_index(off, level)];
		if (is_shared(pt, level, pte)) {
			return false;
		}
		if (level == 0) {
			return true;
		}
		table = pt_child(pt, level, pte);
	}
}

static bool vmemmap_populated(struct pfn_range frames)
{
	const struct pt *pt = kernel_pt();
	uint64_t off;
	uint64_t end;
	if (!records_of(kernel_map_active(), frames, &off, &end)) {
		return false;
	}
	if (end - off == PAGE_SIZE) {
		return page_populated(pt, off);
	}
	return populated_in(pt, pt_root_level(pt), pt_table(pt, pt->root), off, end);
}

static const struct vmemmap_ops vmemmap_ops = { .populate = vmemmap_populate,
						.populated = vmemmap_populated };

void vmemmap_register(const struct kernel_map *map)
{
	frame_table_register(&vmemmap_ops, vaddr_ptr(map->layout->vmemmap),
			     phys_to_pfn(map->linear_base));
}
