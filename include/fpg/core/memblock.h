/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memblock: which bytes are memory and which are taken, from the first look at the device tree until the page
 * allocators take over. Names, argument order, flags and meaning are Linux's (6.1 and 6.12).
 *
 * What holds: both tables are sorted by address, without overlaps; neighbours that touch and agree in flags, node and
 * owner are one region; total_size is the exact sum. Nothing is ever rounded here. A call that fails leaves tables
 * and memory as they were. Ranges are half-open; one that would pass the end of the address space is cut there.
 * Context: one hart, before others run; no locks.
 */
#pragma once

#include "fpg/base/compiler.h"
#include "fpg/base/types.h"
#include "fpg/core/owner.h"

/* ---- types -------------------------------------------------------------------------------------------------- */

/** Entries of each table that need no memory. */
#define INIT_MEMBLOCK_REGIONS 128

/** What an empty table counts: one entry of zeros as in Linux 6.1; Linux counts 0 from 6.10 on. */
#ifndef MEMBLOCK_EMPTY_CNT
#define MEMBLOCK_EMPTY_CNT 1
#endif

#ifndef MAX_NUMNODES
#if defined(CONFIG_NUMA) && defined(CONFIG_NODES_SHIFT)
#define MAX_NUMNODES (1 << CONFIG_NODES_SHIFT)
#else
#define MAX_NUMNODES 1
#endif
#endif

#ifndef NUMA_NO_NODE
#define NUMA_NO_NODE (-1)
#endif

/** Limits of a search. ACCESSIBLE: up to memblock.current_limit. */
#define MEMBLOCK_LOW_LIMIT	   0
#define MEMBLOCK_ALLOC_ANYWHERE	   PHYS_ADDR_MAX
#define MEMBLOCK_ALLOC_ACCESSIBLE  0
#define MEMBLOCK_ALLOC_NOLEAKTRACE 1
#define MEMBLOCK_ARCH_LOW_LIMIT	   0xffffffffUL
#define MEMBLOCK_DEFAULT_ALIGNMENT 64

enum memblock_flags {
	MEMBLOCK_NONE = 0x0,
	MEMBLOCK_HOTPLUG = 0x1,
	MEMBLOCK_MIRROR = 0x2,
	/** Never mapped, never allocated. */
	MEMBLOCK_NOMAP = 0x4,
	MEMBLOCK_DRIVER_MANAGED = 0x8,
	/** Of reserved regions: nobody initialises the frames' records. */
	MEMBLOCK_RSRV_NOINIT = 0x10,
};

struct memblock_region {
	phys_addr_t base;
	phys_addr_t size;
	enum memblock_flags flags;
	int nid;
	/** All zero for calls with Linux's signatures. Regions of different owners stay apart. */
	struct mem_owner owner;
};

struct memblock_type {
	/** Entries in use; see MEMBLOCK_EMPTY_CNT and memblock_used(). */
	unsigned long cnt;
	unsigned long max;
	phys_addr_t total_size;
	struct memblock_region *regions;
	const char *name;
	/** Where regions[] lies; meaningless while it is the static one. */
	phys_addr_t array_phys;
	/** regions[] came from the map function of memblock_set_array_access(). */
	bool array_mapped;
};

struct memblock {
	/** Allocate from low addresses up; default is from the top down. */
	bool bottom_up;
	phys_addr_t current_limit;
	struct memblock_type memory;
	struct memblock_type reserved;
	/** Reservations that came second: sorted by base, may overlap. See memblock_reserve_owned(). */
	struct memblock_type claims;
};

extern struct memblock memblock;

/** `memblock=debug`: log each call with its caller. */
extern bool memblock_debug;

/** Linux's movable_node: keep allocations out of memory marked HOTPLUG. */
extern bool movable_node_enabled;
static inline bool movable_node_is_enabled(void)
{
	return movable_node_enabled;
}

/* ---- the two tables ----------------------------------------------------------------------------------------- */

/**
 * Add memory or reserve a range; parts that are there already keep what they are.
 *
 * Reserving outside memory is legal. Return: 0 | -ENOMEM (no room for a bigger table) | -EINVAL (after
 * memblock_free_all()); nothing changed on error.
 */
FPG_MUST_CHECK int memblock_add(phys_addr_t base, phys_addr_t size);
FPG_MUST_CHECK int memblock_add_node(phys_addr_t base, phys_addr_t size, int nid,
				     enum memblock_flags flags);
FPG_MUST_CHECK int memblock_reserve(phys_addr_t base, phys_addr_t size);

/** memblock_add_node() that also remembers whose tuple it was. An owner does not change what can be allocated. */
FPG_MUST_CHECK int memblock_add_owned(phys_addr_t base, phys_addr_t size, int nid,
				      enum memblock_flags flags, struct mem_owner owner);

/**
 * Reserve for a named owner. Bytes that somebody holds already stay theirs, and the call is kept as a claim over the
 * overlap, unless the holder is the same owner. With MEMBLOCK_NOMAP in @flags the whole range becomes no-map, in
 * memory and in reserved, whoever holds it.
 *
 * Return: as memblock_reserve()
 */
FPG_MUST_CHECK int memblock_reserve_owned(phys_addr_t base, phys_addr_t size,
					  enum memblock_flags flags, struct mem_owner owner);

/**
 * The two halves of memblock_reserve_owned(), for a caller that knows of all overlaps: reserve the bytes that nobody holds
 * and say nothing about the others; and put a claim on a whole range, of which others hold some bytes. A claim's
 * @flags are only what it wanted: no-map is brought about by the reservations.
 * Return: as memblock_reserve_owned()
 */
FPG_MUST_CHECK int memblock_reserve_unclaimed(phys_addr_t base, phys_addr_t size,
					      enum memblock_flags flags, struct mem_owner owner);
FPG_MUST_CHECK int memblock_claim_owned(phys_addr_t base, phys_addr_t size,
					enum memblock_flags flags, struct mem_owner owner);

/** Take memory out, or end a reservation (with the claims on it). Return: as memblock_add(); absent bytes are fine. */
FPG_MUST_CHECK int memblock_remove(phys_addr_t base, phys_addr_t size);
FPG_MUST_CHECK int memblock_phys_free(phys_addr_t base, phys_addr_t size);

/** memblock_phys_free() by what memblock_alloc() returned; logs when it fails. @ptr is not dereferenced. */
void memblock_free(void *ptr, size_t size);

/** Set or clear one flag of all memory in the range (the last: of reservations). Return: as memblock_add(). */
FPG_MUST_CHECK int memblock_mark_hotplug(phys_addr_t base, phys_addr_t size);
FPG_MUST_CHECK int memblock_clear_hotplug(phys_addr_t base, phys_addr_t size);
FPG_MUST_CHECK int memblock_mark_mirror(phys_addr_t base, phys_addr_t size);
FPG_MUST_CHECK int memblock_mark_nomap(phys_addr_t base, phys_addr_t size);
FPG_MUST_CHECK int memblock_clear_nomap(phys_addr_t base, phys_addr_t size);
FPG_MUST_CHECK int memblock_reserved_mark_noinit(phys_addr_t base, phys_addr_t size);

/** Set the node of all regions of @type in the range. Return: as memblock_add(). */
FPG_MUST_CHECK int memblock_set_node(phys_addr_t base, phys_addr_t size, struct memblock_type *type,
				     int nid);

/* ---- claims: who else wanted it ----------------------------------------------------------------------------- */

/** Return false to stop. @claim: the range, flags and owner of a call that found others' bytes in its range. */
typedef bool (*memblock_claim_fn)(void *ctx, const struct memblock_region *claim);

/** All claims, by ascending base. */
void memblock_for_each_claim(memblock_claim_fn fn, void *ctx);

/** The claims on the byte at @addr by others than its holder. */
void memblock_claims_at(phys_addr_t addr, memblock_claim_fn fn, void *ctx);

/* ---- allocation --------------------------------------------------------------------------------------------- */

/*
 * First fit from the top (from the bottom with memblock_set_bottom_up()), in memory that is neither reserved nor
 * no-map nor, with movable_node, hotpluggable; from node @nid, else from any. Address 0 is never handed out.
 * @align is a power of two; 0 is taken as MEMBLOCK_DEFAULT_ALIGNMENT, with a warning.
 *
 * Functions returning a pointer need the linear map: before port_linear_ready they log an error and return NULL.
 * They give up @min_addr when nothing fits above it, and never look above memblock.current_limit. Memory is zeroed,
 * except by the _raw ones, which do not touch it.
 */

/** Physical address, or 0 when nothing fits. */
phys_addr_t memblock_phys_alloc_range(phys_addr_t size, phys_addr_t align, phys_addr_t start,
				      phys_addr_t end);
phys_addr_t memblock_phys_alloc_try_nid(phys_addr_t size, phys_addr_t align, int nid);
phys_addr_t memblock_alloc_range_nid(phys_addr_t size, phys_addr_t align, phys_addr_t start,
				     phys_addr_t end, int nid, bool exact_nid);
static inline phys_addr_t memblock_phys_alloc(phys_addr_t size, phys_addr_t align)
{
	return memblock_phys_alloc_range(size, align, 0, MEMBLOCK_ALLOC_ACCESSIBLE);
}

/** For a named owner; @max as @end above. */
phys_addr_t memblock_phys_alloc_owned(phys_addr_t size, phys_addr_t align, phys_addr_t min,
				      phys_addr_t max, int nid, struct mem_owner owner);
void *memblock_alloc_owned(phys_addr_t size, phys_addr_t align, phys_addr_t min, phys_addr_t max,
			   int nid, struct mem_owner owner);

/** A free place without taking it, or 0. */
phys_addr_t memblock_find_in_range(phys_addr_t start, phys_addr_t end, phys_addr_t size,
				   phys_addr_t align);

void *memblock_alloc_exact_nid_raw(phys_addr_t size, phys_addr_t align, phys_addr_t min_addr,
				   phys_addr_t max_addr, int nid);
void *memblock_alloc_try_nid_raw(phys_addr_t size, phys_addr_t align, phys_addr_t min_addr,
				 phys_addr_t max_addr, int nid);
void *memblock_alloc_try_nid(phys_addr_t size, phys_addr_t align, phys_addr_t min_addr,
			     phys_addr_t max_addr, int nid);

static inline void *memblock_alloc(phys_addr_t size, phys_addr_t align)
{
	return memblock_alloc_try_nid(size, align, MEMBLOCK_LOW_LIMIT, MEMBLOCK_ALLOC_ACCESSIBLE,
				      NUMA_NO_NODE);
}

static inline void *memblock_alloc_raw(phys_addr_t size, phys_addr_t align)
{
	return memblock_alloc_try_nid_raw(size, align, MEMBLOCK_LOW_LIMIT,
					  MEMBLOCK_ALLOC_ACCESSIBLE, NUMA_NO_NODE);
}

static inline void *memblock_alloc_from(phys_addr_t size, phys_addr_t align, phys_addr_t min_addr)
{
	return memblock_alloc_try_nid(size, align, min_addr, MEMBLOCK_ALLOC_ACCESSIBLE,
				      NUMA_NO_NODE);
}

static inline void *memblock_alloc_low(phys_addr_t size, phys_addr_t align)
{
	return memblock_alloc_try_nid(size, align, MEMBLOCK_LOW_LIMIT, MEMBLOCK_ARCH_LOW_LIMIT,
				      NUMA_NO_NODE);
}

static inline void *memblock_alloc_node(phys_addr_t size, phys_addr_t align, int nid)
{
	return memblock_alloc_try_nid(size, align, MEMBLOCK_LOW_LIMIT, MEMBLOCK_ALLOC_ACCESSIBLE,
				      nid);
}

static inline void memblock_set_bottom_up(bool enable)
{
	memblock.bottom_up = enable;
}

static inline bool memblock_bottom_up(void)
{
	return memblock.bottom_up;
}

/** Highest address (exclusive) that ACCESSIBLE allocations may use. */
void memblock_set_current_limit(phys_addr_t limit);
phys_addr_t memblock_get_current_limit(void);

/* ---- cutting ------------------------------------------------------------------------------------------------ */

/** Round each run of memory inwards to @align (a power of two); what becomes empty is removed. */
void memblock_trim_memory(phys_addr_t align);

/** Remove all memory (no-map memory stays) and all reservations outside the range. Does nothing without memory. */
void memblock_cap_memory_range(phys_addr_t base, phys_addr_t size);

/** Keep the first @limit bytes of memory; reservations above the cut go too. The second form spares no-map memory. */
void memblock_enforce_memory_limit(phys_addr_t limit);
void memblock_mem_limit_remove_map(phys_addr_t limit);

/* ---- questions; look-ups are O(log n) ----------------------------------------------------------------------- */

phys_addr_t memblock_phys_mem_size(void);
phys_addr_t memblock_reserved_size(void);
phys_addr_t memblock_start_of_DRAM(void);
phys_addr_t memblock_end_of_DRAM(void);

bool memblock_is_memory(phys_addr_t addr);
/** Memory that may be mapped. */
bool memblock_is_map_memory(phys_addr_t addr);
bool memblock_is_reserved(phys_addr_t addr);
/** Every byte of the range is memory. */
bool memblock_is_region_memory(phys_addr_t base, phys_addr_t size);
/** Some byte of the range is reserved; of @type. */
bool memblock_is_region_reserved(phys_addr_t base, phys_addr_t size);
bool memblock_overlaps_region(const struct memblock_type *type, phys_addr_t base, phys_addr_t size);
bool memblock_has_mirror(void);

static inline bool memblock_addrs_overlap(phys_addr_t base1, phys_addr_t size1, phys_addr_t base2,
					  phys_addr_t size2)
{
	return base1 < base2 + size2 && base2 < base1 + size1;
}

/** The region of @type that holds @addr, or NULL. Valid until the next change. */
const struct memblock_region *memblock_region_find(const struct memblock_type *type,
						   phys_addr_t addr);
/** Index of the lowest region of @type that ends above @addr; memblock_used(@type) when there is none. */
unsigned long memblock_region_index(const struct memblock_type *type, phys_addr_t addr);

/** Node and frame limits of the memory that holds frame @pfn. Return: the node, NUMA_NO_NODE when it is not memory. */
int memblock_search_pfn_nid(unsigned long pfn, unsigned long *start_pfn, unsigned long *end_pfn);

/** False, with an error in the log, when memory of @threshold_bytes or more has no node. */
bool memblock_validate_numa_coverage(unsigned long threshold_bytes);

/* ---- hand-over ---------------------------------------------------------------------------------------------- */

/** Who takes free memory: called with exact byte ranges, ascending, maximal within a node. */
typedef void (*memblock_release_fn)(void *ctx, phys_addr_t base, phys_addr_t size, int nid);
void memblock_set_release(memblock_release_fn fn, void *ctx);

/**
 * Hand every free range to the release function. Afterwards the tables only answer questions: calls that would change
 * them are refused, except memblock_free_late() and memblock_discard().
 * Return: whole pages handed over
 */
unsigned long memblock_free_all(void);

/** Splits that ends of reservations may cost after the hand-over, when tables cannot grow any more. */
#define MEMBLOCK_LATE_SPLITS 64

/** After the hand-over: end the reservation of the whole pages in the range and hand them to the release function. */
void memblock_free_late(phys_addr_t base, phys_addr_t size);

/** After the hand-over: give up the tables, and their memory. Questions see empty tables from now on. */
void memblock_discard(void);

/* ---- the arrays --------------------------------------------------------------------------------------------- */

/** Let tables grow into any free memory. Without this, and without memblock_set_array_place(), they do not grow. */
void memblock_allow_resize(void);

/**
 * While reservations are still being collected: ask @find where a bigger array may lie. It must name @bytes (a
 * multiple of the page size) of page-aligned memory that nobody has reserved or is going to reserve, outside
 * [@exclude_base, +@exclude_size). Return of @find: 0, or a negative errno when there is no place. NULL ends it.
 */
typedef int (*memblock_place_fn)(void *ctx, phys_addr_t bytes, phys_addr_t exclude_base,
				 phys_addr_t exclude_size, phys_addr_t *out);
void memblock_set_array_place(memblock_place_fn find, void *ctx);

/** How to reach a new array before the linear map is on. @map returns NULL when it cannot. NULLs end it. */
void memblock_set_array_access(void *(*map)(phys_addr_t base, size_t bytes),
			       void (*unmap)(void *va, size_t bytes));

/**
 * Ask @fails before each allocation and each growth of the tables: true makes that call fail as if there were no memory.
 * NULL: none does. For tests of what happens then (fail_boot=).
 */
typedef bool (*memblock_alloc_filter_fn)(const char *function, phys_addr_t bytes,
					 struct mem_owner owner);
void memblock_set_alloc_filter(memblock_alloc_filter_fn fails);

/** The linear map is on: reach the arrays through it, and forget memblock_set_array_access(). */
void memblock_relocate_arrays(void);

/**
 * Make @type's array at least twice as big; no array will lie in [@new_area_start, +@new_area_size).
 * Return: 0 | -ENOMEM, nothing changed
 */
FPG_MUST_CHECK int memblock_double_array(struct memblock_type *type, phys_addr_t new_area_start,
					 phys_addr_t new_area_size);

/* ---- showing ------------------------------------------------------------------------------------------------ */

/** Log both tables and the claims; the first only with memblock=debug. */
void memblock_dump_all(void);
void __memblock_dump_all(void);

/** As at power-on: empty static tables, no hooks. For tests and host tools that start over. */
void memblock_reset(void);

#include "fpg/core/memblock_iter.h"
