/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CMA: areas of contiguous memory that are lent to movable allocations until somebody wants them in one piece. Names and
 * meanings are Linux's (mm/cma.c), plus reasons for each failure, and guaranteed areas.
 *
 * An area's frames belong to its zone's page allocator at all times. Where that can claim and retag, they are lent: free
 * frames of the area are free blocks of type MIGRATE_CMA. Where it cannot (bootmem), the area is a carve-out: every frame
 * that cma_alloc() did not give out is claimed by the area itself. A switch of the page allocator goes from one to the
 * other (cma_reclaim_all, cma_lend_all).
 *
 * Invariants: a frame given out is marked in the area's bitmap and is nobody else's; areas do not overlap; in a lent area
 * frames that are not marked are free, cached, or in use by movable owners only.
 */
#pragma once

#include "fpg/base/compiler.h"
#include "fpg/core/migrate.h"
#include "fpg/core/zone.h"

struct cma;
struct boot_memory;
struct bootargs_cma;

#define CMA_MAX_NAME 64

/* ---- making areas: before page_alloc_init(), from memblock ------------------------------------------------------ */

/**
 * Reserve memory and make an area of it.
 * @base, @limit   bytes; @base 0: anywhere below @limit; @limit 0: no limit; @fixed: exactly at @base
 * @alignment      a power of two, or 0; raised to a pageblock
 * @order_per_bit  a bit of the area's bitmap stands for 1 << that many pages
 * Return: 0 with *@out | -EINVAL (sizes, alignment) | -ENOMEM (no such place) | -EBUSY (fixed, and taken): logged
 */
FPG_MUST_CHECK int cma_declare_contiguous(phys_addr_t base, phys_addr_t size, phys_addr_t limit,
					  phys_addr_t alignment, unsigned int order_per_bit,
					  bool fixed, const char *name, struct cma **out);
/** The same of memory that is reserved already. Return: 0 | -EINVAL (not reserved, not whole pageblocks, overlaps another area) | -ENOMEM */
FPG_MUST_CHECK int cma_init_reserved_mem(phys_addr_t base, phys_addr_t size,
					 unsigned int order_per_bit, const char *name,
					 struct cma **out);
/** This area lends to owners with discard() only: see cma_borrow(). Before cma_activate(). */
void cma_set_guaranteed(struct cma *cma);

/** How large the configuration's area is: the menu's choice. */
enum cma_size_rule {
	CMA_SIZE_MBYTES,
	CMA_SIZE_PERCENTAGE,
	CMA_SIZE_SMALLER,
	CMA_SIZE_LARGER
};
/** Return: bytes, of a machine with @ram_bytes */
uint64_t cma_size_of(enum cma_size_rule rule, uint64_t ram_bytes, uint64_t mbytes,
		     unsigned int percentage);
/**
 * Reserve memory for cma=, or, when neither cma= nor a linux,cma-default pool of the tree is there, for the configuration's
 * area. What the tree wants is reserved already. As the last step of the memblock stage; the linear map need not be on.
 */
void cma_reserve(struct boot_memory *bm);
/**
 * Make areas of all memory that the device tree, bootargs (cma=) and Kconfig had reserved: names what is refused, with the
 * node's path. The default area is the tree's linux,cma-default pool, else that of cma= or Kconfig. The linear map is on;
 * before page_alloc_init().
 */
void cma_boot(struct boot_memory *bm);
/** Hand all areas to their zones, after page_alloc_init(): lent or as carve-outs. An area that cannot be is named and stays reserved. */
void cma_activate(void);
/** Forget all areas. For tests that start over. */
void cma_reset(void);

/* ---- using them ------------------------------------------------------------------------------------------------- */

/** Why cma_alloc() failed, or would. */
struct cma_report {
	/** 0 | -EBUSY (something is in the way everywhere) | -ENOMEM (the area is full, or no memory to move to) | -EINVAL */
	int err;
	/** The cheapest window looked at last: what is in the way there. */
	struct migrate_blocker blocker;
	uint64_t windows_tried;
	/** Frames in the cheapest window that were lent when it was chosen. */
	uint64_t pages_to_move;
	/** Longest run that could be had now, in pages, given what is pinned and given out. */
	uint64_t would_suffice;
	uint64_t area_free_pages;
};

/**
 * @count pages in a row, the first a multiple of 1 << @align (in frames, at most a pageblock beyond the area's). The
 * window with the fewest pages to move is taken.
 * @report  may be NULL
 * Context: any hart, no lock held, not in a handler; waits for user programs' faults, copies pages
 * Return:  the first page; single pages, one reference each | NULL, with @report filled; a line is logged unless @no_warn
 */
struct page *cma_alloc_report(struct cma *cma, unsigned long count, unsigned int align,
			      bool no_warn, struct cma_report *report);
struct page *cma_alloc(struct cma *cma, unsigned long count, unsigned int align, bool no_warn);
/** What cma_alloc() would say; allocates nothing, moves nothing. Return: report->err */
int cma_why(struct cma *cma, unsigned long count, unsigned int align, struct cma_report *report);
/** @pages, any part of what was given out. Return: false: not all of them were given out by @cma (nothing changed) */
bool cma_release(struct cma *cma, const struct page *pages, unsigned long count);

/**
 * A page of a guaranteed area for a discardable owner. NULL: none is free. Given back with cma_repay(), or taken by
 * cma_alloc() through @ops' isolate() and discard()/migrate().
 */
struct page *cma_borrow(struct cma *cma, uint32_t ops, uint32_t owner);
void cma_repay(struct cma *cma, struct page *page);

/* ---- switching the page allocator (core/palloc_switch.c) -------------------------------------------------------- */

/**
 * From here to cma_change_end() cma_alloc(), cma_release() and cma_why() wait; returns when none is under way. One change
 * at a time: the caller sees to it.
 * Context: as cma_alloc()
 */
void cma_change_begin(void);
/** Lend whatever can be lent now, and let them go on. */
void cma_change_end(void);
/** Areas can be lent over such a page allocator. */
bool cma_can_lend_over(const struct palloc_ops *ops);
/** Move out whatever borrows, and claim all. Return: 0 | -EBUSY, -ENOMEM with @report; then all is lent as before */
FPG_MUST_CHECK int cma_reclaim_all(struct cma_report *report, struct cma **area);
/** The zones' allocators can lend (again): give them what is not given out. */
void cma_lend_all(void);

/* ---- seeing ----------------------------------------------------------------------------------------------------- */

phys_addr_t cma_get_base(const struct cma *cma);
unsigned long cma_get_size(const struct cma *cma);
const char *cma_get_name(const struct cma *cma);
/** Return: 0 | the first result that is not 0 */
int cma_for_each_area(int (*it)(struct cma *cma, void *data), void *data);
struct cma *cma_by_name(const char *name);
/** The area that frame @f lies in, or NULL; and whether cma_alloc() gave it out. */
struct cma *cma_of_frame(pfn_t f);
/** alloc_contig_range() may take @range: areas in it are lent, and then to movable requests only. */
bool cma_range_allowed(struct pfn_range range, gfp_t gfp);
bool cma_is_given_out(const struct cma *cma, pfn_t f);
/** The zone's allocator has the frames that are not given out. */
bool cma_is_lent(const struct cma *cma);
/** The area for those who have none of their own; NULL: there is none. */
struct cma *cma_default(void);
/** The area that @node's memory-region names first; else the default. @node: offset in the blob. */
struct cma *cma_of_device(const struct boot_memory *bm, int node);

struct cma_stats {
	uint64_t pages;
	uint64_t given_out;
	/** Lent and in use, lent and free; 0 in a carve-out. */
	uint64_t borrowed;
	uint64_t free_pages;
	uint64_t largest_free;
	uint64_t allocs;
	uint64_t failures;
	uint64_t releases;
	uint64_t pages_moved;
	uint64_t pages_discarded;
	unsigned int order_per_bit;
	bool lent;
	bool guaranteed;
};
void cma_stats_read(const struct cma *cma, struct cma_stats *out);
