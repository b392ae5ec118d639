/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cutting memory: trim to an alignment, cap to a range, enforce a limit. Reservations outside what is left go with it,
 * and memblock's own arrays move inside.
 */
#define LOG_MODULE "memblock"
#include "memblock_private.h"

#include "fpg/core/log.h"

#include <inttypes.h>

/* Take all but no-map memory out of the range, whose ends are borders of regions. */
static void remove_mappable(phys_addr_t base, phys_addr_t end)
{
	struct memblock_type *type = &memblock.memory;
	unsigned long n = memblock_used(type);
	unsigned long write = memblock_region_index(type, base);
	unsigned long i = write;

	for (; i < n && type->regions[i].base < end; i++) {
		if (memblock_is_nomap(&type->regions[i])) {
			type->regions[write++] = type->regions[i];
		} else {
			type->total_size -= type->regions[i].size;
		}
	}
	memblock_table_delete(type, write, i);
}

/* Both ranges reach an end of the address space, so no removal splits a region. */
static void cut(phys_addr_t base, phys_addr_t end, bool spare_nomap)
{
	if (spare_nomap) {
		remove_mappable(base, end);
	} else {
		memblock_table_remove(&memblock.memory, base, end);
	}
	memblock_table_remove(&memblock.reserved, base, end);
	memblock_claims_drop(base, end);
}

static void cap(phys_addr_t base, phys_addr_t end, bool spare_nomap)
{
	struct memblock_type *memory = &memblock.memory;
	struct memblock_room room = { .memory = memblock_table_isolate_need(memory, base, end) };
	unsigned long from;
	unsigned long to;

	if (memblock_refuse("a memory limit") || memblock_used(memory) == 0) {
		return;
	}
	if (memblock_room(&room) != 0) {
		pr_err("memory limit [0x%" PRIx64 "-0x%" PRIx64 ") not applied", base, end);
		return;
	}
	memblock_table_isolate(memory, base, end, &from, &to);
	cut(end, PHYS_ADDR_MAX, spare_nomap);
	cut(0, base, spare_nomap);
	/* No-map memory that was split at a border and stayed. */
	memblock_table_merge(memory, 0, memblock_used(memory));
	memblock_arrays_settle();
}

void memblock_cap_memory_range(phys_addr_t base, phys_addr_t size)
{
	memblock_trace(base, size);
	if (size > 0) {
		cap(base, base + phys_cap_size(base, size), true);
	}
}

/* End of the first @limit bytes of memory; PHYS_ADDR_MAX when there are not more. */
static phys_addr_t end_of_first(phys_addr_t limit)
{
	for (unsigned long i = 0; i < memblock_used(&memblock.memory); i++) {
		const struct memblock_region *r = &memblock.memory.regions[i];
		if (limit <= r->size) {
			return r->base + limit;
		}
		limit -= r->size;
	}
	return PHYS_ADDR_MAX;
}

void memblock_enforce_memory_limit(phys_addr_t limit)
{
	phys_addr_t end = end_of_first(limit);

	memblock_trace(0, limit);
	if (limit > 0 && end < PHYS_ADDR_MAX) {
		cap(0, end, false);
	}
}

void memblock_mem_limit_remove_map(phys_addr_t limit)
{
	phys_addr_t end = end_of_first(limit);

	memblock_trace(0, limit);
	if (limit > 0 && end < PHYS_ADDR_MAX) {
		cap(0, end, true);
	}
}

/* Regions @low and the next differ in nothing but their owner: no border to round to. */
static bool is_seam(unsigned long low)
{
	const struct memblock_region *r = &memblock.memory.regions[low];

	return low + 1 < memblock_used(&memblock.memory) && memblock_region_end(r) == r[1].base &&
	       r->flags == r[1].flags && r->nid == r[1].nid;
}

void memblock_trim_memory(phys_addr_t align)
{
	memblock_trace(0, align);
	if (!IS_POW2(align)) {
		pr_err("memory cannot be trimmed to 0x%" PRIx64 ", which is no power of two",
		       align);
		return;
	}
	if (memblock_refuse("memblock_trim_memory")) {
		return;
	}
	for (unsigned long i = 0; i < memblock_used(&memblock.memory);) {
		unsigned long last = i;
		while (is_seam(last)) {
			last++;
		}
		phys_addr_t base = memblock.memory.regions[i].base;
		phys_addr_t end = memblock_region_end(&memblock.memory.regions[last]);
		phys_addr_t start = ALIGN_UP(base, align);
		phys_addr_t stop = ALIGN_DOWN(end, align);
		unsigned long before = memblock_used(&memblock.memory);

		if (start < base || start >= stop) {
			memblock_table_remove(&memblock.memory, base, end);
		} else if (start != base || stop != end) {
			memblock_table_remove(&memblock.memory, base, start);
			memblock_table_remove(&memblock.memory, stop, end);
		}
		/* Regions that vanished were all of this run. */
		i = last + 1 - (before - memblock_used(&memblock.memory));
	}
	memblock_arrays_settle();
}
