/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Walks over memblock's tables, with Linux's names. Included by fpg/core/memblock.h; not for use alone.
 *
 * The index of the range walks is opaque, and safe against changes of the tables during a walk: it remembers an address,
 * not a place in a table. Adjacent memory that differs in its owner only is one range. (A separate range that consists
 * of just the last byte of the address space is not seen.)
 */
#pragma once

/** Regions of @type really in use; 0 when it is empty, however that is counted. */
static inline unsigned long memblock_used(const struct memblock_type *type)
{
	return type->cnt == 1 && type->regions[0].size == 0 ? 0 : type->cnt;
}

static inline phys_addr_t memblock_region_end(const struct memblock_region *r)
{
	return r->base + r->size;
}

/* ---- one region --------------------------------------------------------------------------------------------- */

static inline bool memblock_is_hotpluggable(const struct memblock_region *r)
{
	return r->flags & MEMBLOCK_HOTPLUG;
}

static inline bool memblock_is_mirror(const struct memblock_region *r)
{
	return r->flags & MEMBLOCK_MIRROR;
}

static inline bool memblock_is_nomap(const struct memblock_region *r)
{
	return r->flags & MEMBLOCK_NOMAP;
}

static inline bool memblock_is_driver_managed(const struct memblock_region *r)
{
	return r->flags & MEMBLOCK_DRIVER_MANAGED;
}

static inline bool memblock_is_reserved_noinit(const struct memblock_region *r)
{
	return r->flags & MEMBLOCK_RSRV_NOINIT;
}

static inline int memblock_get_region_node(const struct memblock_region *r)
{
	return r->nid;
}

static inline void memblock_set_region_node(struct memblock_region *r, int nid)
{
	r->nid = nid;
}

/** Whole frames of memory (rounded inwards), and frames touched by a reservation (rounded outwards). */
static inline unsigned long memblock_region_memory_base_pfn(const struct memblock_region *r)
{
	return (r->base >> PAGE_SHIFT) + ((r->base & (PAGE_SIZE - 1)) != 0);
}

static inline unsigned long memblock_region_memory_end_pfn(const struct memblock_region *r)
{
	return memblock_region_end(r) >> PAGE_SHIFT;
}

static inline unsigned long memblock_region_reserved_base_pfn(const struct memblock_region *r)
{
	return r->base >> PAGE_SHIFT;
}

static inline unsigned long memblock_region_reserved_end_pfn(const struct memblock_region *r)
{
	phys_addr_t end = memblock_region_end(r);
	return (end >> PAGE_SHIFT) + ((end & (PAGE_SIZE - 1)) != 0);
}

#define for_each_memblock_type(i, type, rgn)                                  \
	for ((i) = 0, (rgn) = &(type)->regions[0]; (i) < memblock_used(type); \
	     (i)++, (rgn) = &(type)->regions[i])

#define for_each_mem_region(region)              \
	for ((region) = memblock.memory.regions; \
	     (region) < memblock.memory.regions + memblock_used(&memblock.memory); (region)++)

#define for_each_reserved_mem_region(region)       \
	for ((region) = memblock.reserved.regions; \
	     (region) < memblock.reserved.regions + memblock_used(&memblock.reserved); (region)++)

/* ---- ranges: type_a without type_b -------------------------------------------------------------------------- */

/**
 * One step of a walk over the bytes of @type_a that are not in @type_b (may be NULL), upwards or downwards.
 *
 * @idx    0 before the first step up, UINT64_MAX before the first step down; UINT64_MAX after the last
 * @nid    only this node, or NUMA_NO_NODE
 * @flags  memory with NOMAP, DRIVER_MANAGED or (under movable_node) HOTPLUG is passed over unless named; with MIRROR
 *         only mirrored memory is given
 * Out pointers may be NULL.
 */
void __next_mem_range(uint64_t *idx, int nid, enum memblock_flags flags,
		      struct memblock_type *type_a, struct memblock_type *type_b,
		      phys_addr_t *out_start, phys_addr_t *out_end, int *out_nid);
void __next_mem_range_rev(uint64_t *idx, int nid, enum memblock_flags flags,
			  struct memblock_type *type_a, struct memblock_type *type_b,
			  phys_addr_t *out_start, phys_addr_t *out_end, int *out_nid);

#define __for_each_mem_range(i, type_a, type_b, nid, flags, p_start, p_end, p_nid)           \
	for (i = 0, __next_mem_range(&i, nid, flags, type_a, type_b, p_start, p_end, p_nid); \
	     i != UINT64_MAX;                                                                \
	     __next_mem_range(&i, nid, flags, type_a, type_b, p_start, p_end, p_nid))

#define __for_each_mem_range_rev(i, type_a, type_b, nid, flags, p_start, p_end, p_nid)   \
	for (i = UINT64_MAX,                                                             \
	    __next_mem_range_rev(&i, nid, flags, type_a, type_b, p_start, p_end, p_nid); \
	     i != UINT64_MAX;                                                            \
	     __next_mem_range_rev(&i, nid, flags, type_a, type_b, p_start, p_end, p_nid))

/** Memory, hotpluggable or driver managed too, but not no-map. @i is a uint64_t. */
#define for_each_mem_range(i, p_start, p_end)                         \
	__for_each_mem_range(i, &memblock.memory, NULL, NUMA_NO_NODE, \
			     MEMBLOCK_HOTPLUG | MEMBLOCK_DRIVER_MANAGED, p_start, p_end, NULL)

#define for_each_mem_range_rev(i, p_start, p_end)                         \
	__for_each_mem_range_rev(i, &memblock.memory, NULL, NUMA_NO_NODE, \
				 MEMBLOCK_HOTPLUG | MEMBLOCK_DRIVER_MANAGED, p_start, p_end, NULL)

#define for_each_reserved_mem_range(i, p_start, p_end)                                          \
	__for_each_mem_range(i, &memblock.reserved, NULL, NUMA_NO_NODE, MEMBLOCK_NONE, p_start, \
			     p_end, NULL)

#define for_each_free_mem_range(i, nid, flags, p_start, p_end, p_nid)                             \
	__for_each_mem_range(i, &memblock.memory, &memblock.reserved, nid, flags, p_start, p_end, \
			     p_nid)

#define for_each_free_mem_range_reverse(i, nid, flags, p_start, p_end, p_nid)                  \
	__for_each_mem_range_rev(i, &memblock.memory, &memblock.reserved, nid, flags, p_start, \
				 p_end, p_nid)

/* ---- frames ------------------------------------------------------------------------------------------------- */

/** One step over regions of memory that hold a whole frame. @idx is -1 before the first step and after the last. */
void __next_mem_pfn_range(int *idx, int nid, unsigned long *out_start_pfn,
			  unsigned long *out_end_pfn, int *out_nid);

/** @i is an int; @nid a node, or MAX_NUMNODES for all. No-map memory is included, as in Linux. */
#define for_each_mem_pfn_range(i, nid, p_start, p_end, p_nid)                      \
	for (i = -1, __next_mem_pfn_range(&i, nid, p_start, p_end, p_nid); i >= 0; \
	     __next_mem_pfn_range(&i, nid, p_start, p_end, p_nid))
