/* SPDX-License-Identifier: BSD-2-Clause */
/* Questions to memblock's tables; each look-up halves its way to the answer. */
#define LOG_MODULE "memblock"
#include "memblock_private.h"

#include "fpg/core/log.h"

#include <inttypes.h>

const struct memblock_region *memblock_region_find(const struct memblock_type *type,
						   phys_addr_t addr)
{
	unsigned long i = memblock_region_index(type, addr);

	return i < memblock_used(type) && type->regions[i].base <= addr ? &type->regions[i] : NULL;
}

phys_addr_t memblock_phys_mem_size(void)
{
	return memblock.memory.total_size;
}

phys_addr_t memblock_reserved_size(void)
{
	return memblock.reserved.total_size;
}

phys_addr_t memblock_start_of_DRAM(void)
{
	return memblock.memory.regions[0].base;
}

phys_addr_t memblock_end_of_DRAM(void)
{
	unsigned long n = memblock_used(&memblock.memory);

	return n > 0 ? memblock_region_end(&memblock.memory.regions[n - 1]) : 0;
}

bool memblock_is_memory(phys_addr_t addr)
{
	return memblock_region_find(&memblock.memory, addr) != NULL;
}

bool memblock_is_map_memory(phys_addr_t addr)
{
	const struct memblock_region *r = memblock_region_find(&memblock.memory, addr);

	return r != NULL && !memblock_is_nomap(r);
}

bool memblock_is_reserved(phys_addr_t addr)
{
	return memblock_region_find(&memblock.reserved, addr) != NULL;
}

bool memblock_is_region_memory(phys_addr_t base, phys_addr_t size)
{
	const struct memblock_type *type = &memblock.memory;
	unsigned long n = memblock_used(type);
	phys_addr_t end = base + phys_cap_size(base, size);
	unsigned long i = memblock_region_index(type, base);

	while (i < n && type->regions[i].base <= base) {
		base = memblock_region_end(&type->regions[i++]);
		if (base >= end) {
			return true;
		}
	}
	return false;
}

bool memblock_overlaps_region(const struct memblock_type *type, phys_addr_t base, phys_addr_t size)
{
	phys_addr_t end = base + phys_cap_size(base, size);
	unsigned long i = memblock_region_index(type, base);

	return i < memblock_used(type) && type->regions[i].base < end;
}

bool memblock_is_region_reserved(phys_addr_t base, phys_addr_t size)
{
	return memblock_overlaps_region(&memblock.reserved, base, size);
}

int memblock_search_pfn_nid(unsigned long pfn, unsigned long *start_pfn, unsigned long *end_pfn)
{
	const struct memblock_region *r =
		memblock_region_find(&memblock.memory, (phys_addr_t)pfn << PAGE_SHIFT);

	if (r == NULL) {
		return NUMA_NO_NODE;
	}
	*start_pfn = r->base >> PAGE_SHIFT;
	*end_pfn = memblock_region_end(r) >> PAGE_SHIFT;
	return r->nid;
}

bool memblock_validate_numa_coverage(unsigned long threshold_bytes)
{
	unsigned long start;
	unsigned long end;
	int i;
	int nid;
	uint64_t missing_pages = 0;
	uint64_t all_pages = 0;

	for_each_mem_pfn_range(i, MAX_NUMNODES, &start, &end, &nid) {
		all_pages += end - start;
		missing_pages += nid == NUMA_NO_NODE || nid == MAX_NUMNODES ? end - start : 0;
	}
	if ((missing_pages << PAGE_SHIFT) < threshold_bytes || missing_pages == 0) {
		return true;
	}
	pr_err("%" PRIu64 " KiB of %" PRIu64 " KiB of memory belong to no node",
	       missing_pages << (PAGE_SHIFT - 10), all_pages << (PAGE_SHIFT - 10));
	return false;
}
