/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The plan of the kernel's final map, and the switch to it.
 *
 * Every part goes through pt_map, so overlaps, W+X and nonsense in the image's segments are
 * refused, not mapped. The work grows with the number of memory regions and image segments, never
 * with the number of pages.
 */
#include "fpg/pagetable/kernel_map.h"

#include "kernel_pages.h"

#include "fpg/base/range.h"
#include "fpg/core/memblock.h"
#include "fpg/pagetable/fixmap.h"
#include "fpg/port/port.h"

#include <errno.h>

/**
 * Nothing ends above this: the last 4 KiB of the address space stay unmapped (pointers there mean
 * errors).
 */
#define LAST_PAGE ((uint64_t)0 - PAGE_SIZE)

static struct kernel_map *active;

struct kernel_map *kernel_map_active(void)
{
	return active;
}

struct pt *kernel_pt(void)
{
	return active != NULL ? &active->pt : NULL;
}

/* ---- image ---- */

FPG_INIT static int map_image(struct kernel_map *map, const struct kernel_image *image)
{
	for (uint32_t i = 0; i < image->segment_count; i++) {
		const struct kernel_segment *s = &image->segments[i];
		if (s->bytes == 0 || s->prot == 0) {
			continue;
		}
		if (s->va.v < FIXMAP_BASE + SZ_1G || s->bytes > LAST_PAGE - s->va.v) {
			return -EINVAL;
		}
		int r = pt_map(&map->pt, s->va, s->pa, s->bytes, s->prot, 1);
		if (r != 0) {
			return r == -EEXIST ? -EINVAL : r;
		}
	}
	return 0;
}

/* ---- linear map ---- */

/**
 * What the linear map may allow at @pa, and up to where the same holds: an image segment without
 * execution, or all that is between segments.
 */
FPG_INIT static uint32_t linear_prot(const struct kernel_image *image, phys_addr_t pa,
				     phys_addr_t *end)
{
	for (uint32_t i = 0; i < image->segment_count; i++) {
		const struct kernel_segment *s = &image->segments[i];
		if (pa >= s->pa && pa - s->pa < s->bytes) {
			*end = s->pa + s->bytes < *end ? s->pa + s->bytes : *end;
			if (s->prot == 0) {
				return 0;
			}
			return MEM_R | (s->prot & MEM_W);
		}
		if (s->bytes != 0 && s->pa > pa && s->pa < *end) {
			*end = s->pa;
		}
	}
	return MEM_R | MEM_W;
}

FPG_INIT static int map_linear_range(struct kernel_map *map, const struct kernel_image *image,
				     phys_addr_t start, phys_addr_t end)
{
	while (start < end) {
		phys_addr_t stop = end;
		const uint32_t prot = linear_prot(image, start, &stop);
		while (stop < end) {
			phys_addr_t next = end;
			if (linear_prot(image, stop, &next) != prot) {
				break;
			}
			stop = next;
		}
		if (prot != 0) {
			int r = pt_map(&map->pt, vaddr(start + map->linear_offset), start,
				       stop - start, prot,
				       map->small_leaves ? 0 : map->layout->linear_leaf);
			if (r != 0) {
				return r;
			}
			map->linear_mapped_bytes += stop - start;
		}
		start = stop;
	}
	return 0;
}

phys_addr_t kernel_map_window_end(const struct kernel_map *map)
{
	const phys_addr_t limit = (phys_addr_t)1 << PT_PHYS_BITS;
	const phys_addr_t bytes = phys_cap_size(map->linear_base, map->layout->linear_bytes);
	return map->linear_base + bytes < limit ? map->linear_base + bytes : limit;
}

/**
 * The part of memory [base, end) that can be mapped: whole pages, not page 0, inside the window.
 * Return: false when nothing is left
 */
FPG_INIT static bool linear_clip(const struct kernel_map *map, phys_addr_t *base, phys_addr_t *end)
{
	const phys_addr_t first = map->linear_base > PAGE_SIZE ? map->linear_base : PAGE_SIZE;
	const phys_addr_t last = kernel_map_window_end(map);
	*base = *base > first ? *base : first;
	*end = *end < last ? *end : last;
	if (*base >= *end) {
		return false;
	}
	*base = ALIGN_UP(*base, PAGE_SIZE);
	*end = ALIGN_DOWN(*end, PAGE_SIZE);
	return *base < *end;
}

FPG_INIT static int map_linear(struct kernel_map *map, const struct kernel_image *image)
{
	phys_addr_t base = 0;
	phys_addr_t end = 0;
	phys_addr_t s;
	phys_addr_t e;
	uint64_t i;
	/*
	 * Neighbours that differ only in node or flags are one range, lest a page between them is
	 * rounded off.
	 */
	for_each_mem_range(i, &s, &e) {
		if (s == end) {
			end = e;
			continue;
		}
		int r = linear_clip(map, &base, &end) ? map_linear_range(map, image, base, end) : 0;
		if (r != 0) {
			return r;
		}
		base = s;
		end = e;
	}
	return linear_clip(map, &base, &end) ? map_linear_range(map, image, base, end) : 0;
}

uint64_t kernel_map_unreachable(const struct kernel_map *map,
				void (*fn)(void *ctx, phys_addr_t base, uint64_t bytes), void *ctx)
{
	const phys_addr_t window_end = kernel_map_window_end(map);
	uint64_t bytes = 0;
	phys_addr_t s;
	phys_addr_t e;
	uint64_t i;
	for_each_mem_range(i, &s, &e) {
		s = s > window_end ? s : window_end;
		if (s >= e) {
			continue;
		}
		bytes += e - s;
		if (fn != NULL) {
			fn(ctx, s, e - s);
		}
	}
	return bytes;
}

/* ---- fixmap and frame table ---- */

FPG_INIT static int take_page(struct pt *pt, phys_addr_t *page, pte_t **entries)
{
	int r = pt->source->take(pt->source_ctx, page);
	if (r == 0) {
		*entries = pt->source->virt(pt->source_ctx, *page);
		port_clear_page(*entries);
	}
	return r;
}

/**
 * A record for each frame of the window, all in one read-only page of zeros: a page and a table a
 * level. The table under the root is there once, so it is nobody else's from the start: populating
 * changes no root entry.
 */
FPG_INIT static int map_frame_table(struct kernel_map *map)
{
	struct pt *pt = &map->pt;
	struct pt_zero *zero = &map->zero;
	const unsigned int root = pt->mode->levels - 1U;
	phys_addr_t top = 0;
	pte_t *entries;
	int r = take_page(pt, &zero->page, &entries);
	if (r != 0) {
		return r;
	}
	for (unsigned int level = 0; level < root; level++) {
		phys_addr_t *table = level < root - 1 ? &zero->table[level] : &top;
		r = take_page(pt, table, &entries);
		if (r != 0) {
			return r;
		}
		const pte_t pte = level == 0 ? pte_leaf(0, zero->page, MEM_R | PT_GLOBAL) :
					       pte_pointer(level, zero->table[level - 1], true);
		for (unsigned int i = 0; i < PT_ENTRIES; i++) {
			entries[i] = pte;
		}
	}
	pt->zero = zero;
	return pt_link_foreign(pt, map->layout->vmemmap, root - 1, top);
}

FPG_INIT static int map_all(struct kernel_map *map, const struct kernel_image *image)
{
	int r = map_image(map, image);
	if (r == 0) {
		r = pt_link_foreign(&map->pt, vaddr(FIXMAP_BASE), 1,
				    port_image_to_phys(fixmap_tables.l1));
	}
	if (r == 0) {
		const uint64_t before = port_instret();
		r = map_linear(map, image);
		map->linear_instructions = port_instret() - before;
	}
	if (r == 0) {
		r = map_frame_table(map);
	}
	return r;
}

/* ---- the whole ---- */

/** All but what goes in. */
FPG_INIT static void clear(struct kernel_map *map)
{
	*map = (struct kernel_map){
		.layout = map->layout,
		.memory_types = map->memory_types,
		.napot = map->napot,
		.small_leaves = map->small_leaves,
	};
}

FPG_INIT int kernel_map_build(struct kernel_map *map, const struct kernel_image *image)
{
	if (map->layout == NULL) {
		map->layout = &vm_layout_sv39;
	}
	clear(map);
	map->linear_base = ALIGN_DOWN(memblock_start_of_DRAM(), LINEAR_BASE_ALIGN);
	map->linear_offset = map->layout->linear.v - map->linear_base;
	int r = pt_init(&map->pt, map->layout->mode, &kernel_early_source, map, PT_GLOBAL);
	if (r == 0) {
		map->pt.keep_root = true;
		map->pt.known |= map->memory_types & (PT_NONCACHED | PT_IO);
		/* Hiding single pages wants entries that stand alone. */
		map->pt.napot = map->napot && !map->small_leaves;
		r = map_all(map, image);
	}
	if (r != 0) {
		kernel_map_abandon(map);
	}
	return r;
}

FPG_INIT void kernel_map_abandon(struct kernel_map *map)
{
	kernel_pages_abandon(map);
	clear(map);
}

FPG_INIT int kernel_map_activate(struct kernel_map *map)
{
	int r = port_address_space_set(map->layout->mode->satp_mode, map->pt.root, 0);
	if (r != 0) {
		return r;
	}
	/*
	 * A host has no translation: its linear map is the simulated memory, and is there already.
	 */
	if (!FPG_ENABLED(FPG_HOSTED)) {
		port_linear_offset = map->linear_offset;
	}
	port_linear_ready = true;
	active = map;
	kernel_pages_finish(map);
	map->pt.source = &kernel_linear_source;
	pt_reap(&map->pt);
	memblock_relocate_arrays();
	vmemmap_register(map);
	return 0;
}

uint64_t kernel_map_tables(const struct kernel_map *map)
{
	/* The zero page, and a table of the frame table's for each level below the root. */
	return map->pt.count.tables + (map->zero.page != 0 ? map->pt.mode->levels : 0);
}
