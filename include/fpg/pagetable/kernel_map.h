/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's own address space: where things lie in each mode, and the final tables.
 *
 * Invariants of the map: no page is writable and executable; firmware and other no-map memory,
 * physical page 0, guard pages and the last 4 KiB of the address space are mapped nowhere; no leaf
 * reaches over the edge of a no-map range; what is read-only in the image is read-only in the
 * linear map as well, and nothing is executable there.
 * Context: boot hart, until other harts run.
 */
#pragma once

#include "fpg/core/image.h"
#include "fpg/core/page.h"
#include "fpg/pagetable/pt.h"

/** Linear bases are multiples of this, so that 1 GiB leaves fit. */
#define LINEAR_BASE_ALIGN SZ_1G

/**
 * Where the parts of the kernel half lie in one mode. The image and the fixmap are at the same
 * place in all.
 */
struct vm_layout {
	const struct pt_mode *mode;
	/** Largest leaf of the linear map. */
	unsigned int linear_leaf;
	vaddr_t linear;
	uint64_t linear_bytes;
	vaddr_t vmalloc;
	uint64_t vmalloc_bytes;
	/** One entry of the root table; holds a record for each frame of the linear window. */
	vaddr_t vmemmap;
	uint64_t vmemmap_bytes;
};
extern const struct vm_layout vm_layout_sv39;
extern const struct vm_layout vm_layout_sv48;
extern const struct vm_layout vm_layout_sv57;

/** "image", "fixmap", "linear map", "vmalloc", "frame table", or "" where nothing belongs. */
const char *vm_layout_region(const struct vm_layout *layout, vaddr_t va);

/** Table pages taken from memblock together, and reached through one early window. */
struct kernel_map_chunk {
	phys_addr_t base;
	uint32_t pages;
	uint32_t used;
	uint8_t *virt;
};
#define KERNEL_MAP_MAX_CHUNKS 24

struct kernel_map {
	/** In: the layout to build; NULL means Sv39. */
	const struct vm_layout *layout;

	/* out */
	struct pt pt;
	struct pt_zero zero;
	/** Physical address of the first byte of the linear window. */
	phys_addr_t linear_base;
	/** Virtual - physical in the linear map. */
	uint64_t linear_offset;
	/** Bytes of the linear map. */
	uint64_t linear_mapped_bytes;

	/* private */
	struct kernel_map_chunk chunk[KERNEL_MAP_MAX_CHUNKS];
	uint32_t chunks;
	/** Pages given back while building, linked through their first word. */
	phys_addr_t given;
};

/**
 * Build the final tables from memblock: image, linear map of all memory that is not no-map, fixmap,
 * frame table over shared zeros. Nothing is switched yet.
 *
 * @map   zeroed but for layout; must live as long as the address space
 * Return: 0 | -ENOMEM | -EINVAL (the image's segments make no sense); all memory is given back then
 * Owner:  page-table pages are memblock reservations of OWNER_PAGE_TABLES
 */
FPG_MUST_CHECK int kernel_map_build(struct kernel_map *map, const struct kernel_image *image);

/**
 * Switch to the tables. Then the linear map is announced (port_linear_ready), pages taken in vain
 * go back to memblock, its arrays move to the linear map, and the frame table is registered.
 *
 * Return: 0 | -ENOTSUP (the hart has no such mode; nothing changed: the caller may
 *         kernel_map_abandon() and build another layout)
 */
FPG_MUST_CHECK int kernel_map_activate(struct kernel_map *map);

/** Give back everything that kernel_map_build() took; not after kernel_map_activate() succeeded. */
void kernel_map_abandon(struct kernel_map *map);

/** First physical address above what the linear window can reach. */
phys_addr_t kernel_map_window_end(const struct kernel_map *map);

/**
 * Memory that the linear window cannot reach, ascending. @fn may be NULL.
 * Return: its bytes
 */
uint64_t kernel_map_unreachable(const struct kernel_map *map,
				void (*fn)(void *ctx, phys_addr_t base, uint64_t bytes), void *ctx);

/** Pages that hold tables, the shared zero page among them. */
uint64_t kernel_map_tables(const struct kernel_map *map);

/** The map in force, or NULL before kernel_map_activate(). */
struct kernel_map *kernel_map_active(void);

/** Its tables, or NULL. */
struct pt *kernel_pt(void);

/**
 * After a change of kernel tables in [va, va + bytes): fence as much as is needed, then give back
 * table pages.
 */
void kernel_pt_fence(vaddr_t va, uint64_t bytes);

/** Take table pages from somewhere else from now on (memblock ends at the hand-over). */
void kernel_pt_set_source(const struct pt_page_source *source, void *ctx);
