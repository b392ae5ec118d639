/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's own address space: where things lie in each mode, and the final tables.
 *
 * Invariants of the map: no page is writable and executable; firmware and other no-map memory,
 * physical page 0, guard pages and the last 4 KiB of the address space are mapped nowhere; no leaf
 * reaches over the edge of a no-map range; what is read-only in the image is read-only in the
 * linear map as well, and nothing is executable there.
 * Context: building and switching: the boot hart, before others run. Changes later: any hart, by kernel_pt_change() and
 * what is made of it, which take the lock of the kernel's tables.
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

/** What vm_layout_choose() found. */
struct vm_choice {
	/** NULL: the hart has no mode at all. */
	const struct vm_layout *layout;
	/** The mode that was asked for, and that the hart refuses; else NULL. */
	const struct vm_layout *refused;
	/** The linear window holds the span. */
	bool covers;
};

/**
 * The fewest levels whose linear window holds @span bytes; when the hart has none such, the largest it has.
 *
 * @satp_mode  take this one if the hart has it, whatever it holds; 0: none is asked for
 * @span       from the linear base to the end of RAM
 * @has        asks the hart; called for as few modes as needed, ascending
 */
struct vm_choice vm_layout_choose(unsigned int satp_mode, uint64_t span,
				  bool (*has)(const struct vm_layout *layout));

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
	/** In: PT_NONCACHED and PT_IO if every hart has Svpbmt, else 0. */
	uint32_t memory_types;
	/** In: every hart has Svnapot. */
	bool napot;
	/** In: the linear map gets 4 KiB leaves only, so that single pages can be hidden later (debug_pagealloc). */
	bool small_leaves;

	/* out */
	struct pt pt;
	struct pt_zero zero;
	/** Physical address of the first byte of the linear window. */
	phys_addr_t linear_base;
	/** Virtual - physical in the linear map. */
	uint64_t linear_offset;
	/** Bytes of the linear map. */
	uint64_t linear_mapped_bytes;
	/** Retired instructions that it took; they repeat only under QEMU's -icount. */
	uint64_t linear_instructions;

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
 * @map   zeroed but for what goes in; must live as long as the address space
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

/* ---- changes, any time after kernel_map_activate() ---- */

/**
 * From here on table pages come from the page allocator (memblock has ended). After page_alloc_init(), once.
 */
void kernel_pt_hand_over(void);

/**
 * Change the kernel's tables: @fn is called with their lock held and calls pt_…() functions; when it returns -ENOMEM and
 * pt->wanted is set, table pages are fetched with no lock held and it is called again. Each time what it changed is
 * fenced on all harts before the lock is given up; table pages that came out of use are free afterwards.
 *
 * @fn      may run several times, and has to go on where it was, or to have changed nothing, when it said -ENOMEM
 * Context: any hart, no lock held that comes after the page table lock
 * Return:  what @fn returned last
 */
FPG_MUST_CHECK int kernel_pt_change(int (*fn)(struct pt *pt, void *arg), void *arg);

/** pt_map(), pt_unmap() and pt_protect() by kernel_pt_change(). */
FPG_MUST_CHECK int kernel_pt_map(vaddr_t va, phys_addr_t pa, uint64_t bytes, uint32_t prot,
				 unsigned int max_leaf_level);
FPG_MUST_CHECK int kernel_pt_unmap(vaddr_t va, uint64_t bytes);
FPG_MUST_CHECK int kernel_pt_protect(vaddr_t va, uint64_t bytes, uint32_t prot);

/** Map @count pages one after the other from @va on. Return: as pt_map(); nothing is mapped after an error */
FPG_MUST_CHECK int kernel_pt_map_pages(vaddr_t va, struct page *const *pages, uint64_t count,
				       uint32_t prot);

/** For those who only look, and for those who copy root entries: nothing changes meanwhile. */
FPG_MUST_CHECK unsigned long kernel_pt_lock(void);
void kernel_pt_unlock(unsigned long flags);

/**
 * Call @fn after root entries of the kernel's tables changed (they are only ever added), with the lock held and before
 * anybody uses what was mapped: copies in other address spaces follow by pt_share_again(). One; NULL: nobody.
 */
void kernel_pt_on_root_change(void (*fn)(const struct pt *pt));

/**
 * Give the image's boot-only parts back (segments owned by OWNER_IMAGE_INIT): no longer mapped in the image, writable in
 * the linear map, free memory of the page allocator. What fails is said in the log and stays as it is.
 *
 * Context: after page_alloc_init(); nothing runs or reads there any more, on any hart
 * Return:  bytes given back
 */
uint64_t free_initmem(const struct kernel_image *image);
