/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One memblock table: a sorted array of regions that do not overlap. Places are found by halving; entries behind a
 * change move once, in one piece, so work at the end of a table does not depend on its length. Nothing here can fail:
 * callers get room first.
 */
#include "memblock_private.h"

#include <string.h>

bool memblock_region_alike(const struct memblock_region *a, const struct memblock_region *b)
{
	return a->flags == b->flags && a->nid == b->nid && mem_owner_equal(a->owner, b->owner);
}

unsigned long memblock_region_index(const struct memblock_type *type, phys_addr_t addr)
{
	unsigned long low = 0;
	unsigned long high = memblock_used(type);

	while (low < high) {
		unsigned long middle = low + (high - low) / 2;
		if (memblock_region_end(&type->regions[middle]) > addr) {
			high = middle;
		} else {
			low = middle + 1;
		}
	}
	return low;
}

/* Index of the lowest region that begins at or above @addr. */
static unsigned long first_at_or_above(const struct memblock_type *type, phys_addr_t addr)
{
	unsigned long i = memblock_region_index(type, addr);

	return i < memblock_used(type) && type->regions[i].base < addr ? i + 1 : i;
}

static bool strictly_inside(const struct memblock_type *type, phys_addr_t addr)
{
	unsigned long i = memblock_region_index(type, addr);

	return i < memblock_used(type) && type->regions[i].base < addr;
}

void memblock_table_set_used(struct memblock_type *type, unsigned long n)
{
	if (n == 0) {
		type->regions[0] = (struct memblock_region){ 0 };
		n = MEMBLOCK_EMPTY_CNT;
	}
	type->cnt = n;
}

void memblock_table_delete(struct memblock_type *type, unsigned long from, unsigned long to)
{
	unsigned long n = memblock_used(type);

	if (from < to) {
		memmove(&type->regions[from], &type->regions[to],
			(n - to) * sizeof(type->regions[0]));
		memblock_table_set_used(type, n - (to - from));
	}
}

/* Open @count entries before entry @at. */
static void open_gap(struct memblock_type *type, unsigned long at, unsigned long count)
{
	unsigned long n = memblock_used(type);

	FPG_CHECK(n + count <= type->max);
	memmove(&type->regions[at + count], &type->regions[at],
		(n - at) * sizeof(type->regions[0]));
	type->cnt = n + count;
}

static void put(struct memblock_type *type, unsigned long at, phys_addr_t base, phys_addr_t end,
		const struct memblock_region *like)
{
	type->regions[at] = *like;
	type->regions[at].base = base;
	type->regions[at].size = end - base;
	type->total_size += end - base;
}

void memblock_table_merge(struct memblock_type *type, unsigned long from, unsigned long to)
{
	struct memblock_region *regions = type->regions;
	unsigned long n = memblock_used(type);
	unsigned long last = from > 0 ? from - 1 : 0;
	unsigned long stop = to < n ? to + 1 : n;

	for (unsigned long i = last + 1; i < stop; i++) {
		if (memblock_region_end(&regions[last]) == regions[i].base &&
		    memblock_region_alike(&regions[last], &regions[i])) {
			regions[last].size += regions[i].size;
		} else {
			last++;
			if (last != i) {
				regions[last] = regions[i];
			}
		}
	}
	memblock_table_delete(type, last + 1, stop);
}

/* ---- insertion ---------------------------------------------------------------------------------------------- */

/* Region @i ends at @addr, or begins there, and is like @like. */
static bool ends_alike(const struct memblock_type *type, unsigned long i, phys_addr_t addr,
		       const struct memblock_region *like)
{
	return memblock_region_end(&type->regions[i]) == addr &&
	       memblock_region_alike(&type->regions[i], like);
}

static bool begins_alike(const struct memblock_type *type, unsigned long i, phys_addr_t addr,
			 const struct memblock_region *like)
{
	return type->regions[i].base == addr && memblock_region_alike(&type->regions[i], like);
}

unsigned long memblock_table_insert_need(const struct memblock_type *type, phys_addr_t base,
					 phys_addr_t end, const struct memblock_region *like)
{
	unsigned long n = memblock_used(type);
	long need = 0;
	phys_addr_t pos = base;

	for (unsigned long i = memblock_region_index(type, base); pos < end; i++) {
		bool more = i < n && type->regions[i].base < end;
		phys_addr_t next = more ? type->regions[i].base : end;

		if (next > pos) {
			need += 1 - (i > 0 && ends_alike(type, i - 1, pos, like)) -
				(i < n && begins_alike(type, i, next, like));
		}
		if (!more) {
			break;
		}
		pos = memblock_region_end(&type->regions[i]);
	}
	return need > 0 ? (unsigned long)need : 0;
}

bool memblock_table_append(struct memblock_type *type, phys_addr_t base, phys_addr_t end,
			   const struct memblock_region *like)
{
	unsigned long n = memblock_used(type);

	if (n > 0) {
		struct memblock_region *last = &type->regions[n - 1];
		phys_addr_t last_end = memblock_region_end(last);

		if (last_end > base) {
			return false;
		}
		if (last_end == base && memblock_region_alike(last, like)) {
			last->size += end - base;
			type->total_size += end - base;
			return true;
		}
	}
	if (n == type->max) {
		return false;
	}
	put(type, n, base, end, like);
	type->cnt = n + 1;
	return true;
}

/* Gaps beside a region like @like become part of it; the table can only get shorter. */
static void grow_neighbours(struct memblock_type *type, phys_addr_t base, phys_addr_t end,
			    const struct memblock_region *like)
{
	unsigned long n = memblock_used(type);
	unsigned long first = memblock_region_index(type, base);
	unsigned long i = first;
	phys_addr_t pos = base;
	bool grown = false;

	for (;; i++) {
		bool more = i < n && type->regions[i].base < end;
		phys_addr_t next = more ? type->regions[i].base : end;
		phys_addr_t following = more ? memblock_region_end(&type->regions[i]) : end;

		if (next > pos && i > 0 && ends_alike(type, i - 1, pos, like)) {
			type->regions[i - 1].size += next - pos;
			type->total_size += next - pos;
			grown = true;
		} else if (next > pos && i < n && begins_alike(type, i, next, like)) {
			type->regions[i].base = pos;
			type->regions[i].size += next - pos;
			type->total_size += next - pos;
			grown = true;
		}
		if (!more || following >= end) {
			break;
		}
		pos = following;
	}
	if (grown) {
		memblock_table_merge(type, first, i < n ? i + 1 : n);
	}
}

/* Every gap that is left becomes a region of its own: count, move the tail once, fill from above. */
static void fill_gaps(struct memblock_type *type, phys_addr_t base, phys_addr_t end,
		      const struct memblock_region *like)
{
	unsigned long from = memblock_region_index(type, base);
	unsigned long to = first_at_or_above(type, end);
	unsigned long gaps = 0;
	phys_addr_t pos = base;

	for (unsigned long i = from; i < to; i++) {
		gaps += type->regions[i].base > pos;
		pos = memblock_region_end(&type->regions[i]);
	}
	gaps += end > pos;
	if (gaps == 0) {
		return;
	}
	open_gap(type, to, gaps);

	unsigned long write = to + gaps;
	pos = end;
	for (unsigned long i = to;; i--) {
		phys_addr_t below = i > from ? memblock_region_end(&type->regions[i - 1]) : base;

		if (below < pos) {
			put(type, --write, below, pos, like);
		}
		if (i == from) {
			break;
		}
		pos = type->regions[i - 1].base;
		type->regions[--write] = type->regions[i - 1];
	}
}

void memblock_table_insert(struct memblock_type *type, phys_addr_t base, phys_addr_t end,
			   const struct memblock_region *like)
{
	if (!memblock_table_append(type, base, end, like)) {
		grow_neighbours(type, base, end, like);
		fill_gaps(type, base, end, like);
	}
}

/* ---- splitting and removal ---------------------------------------------------------------------------------- */

/* Make @addr a border of regions. Return: index of the lowest region at or above it. */
static unsigned long split_at(struct memblock_type *type, phys_addr_t addr)
{
	unsigned long i = memblock_region_index(type, addr);

	if (i < memblock_used(type) && type->regions[i].base < addr) {
		open_gap(type, i + 1, 1);

		struct memblock_region *low = &type->regions[i];
		struct memblock_region *high = low + 1;
		*high = *low;
		high->base = addr;
		high->size = memblock_region_end(low) - addr;
		low->size = addr - low->base;
		i++;
	}
	return i;
}

unsigned long memblock_table_isolate_need(const struct memblock_type *type, phys_addr_t base,
					  phys_addr_t end)
{
	return (unsigned long)strictly_inside(type, base) +
	       (unsigned long)strictly_inside(type, end);
}

void memblock_table_isolate(struct memblock_type *type, phys_addr_t base, phys_addr_t end,
			    unsigned long *from, unsigned long *to)
{
	*from = split_at(type, base);
	*to = split_at(type, end);
}

unsigned long memblock_table_remove_need(const struct memblock_type *type, phys_addr_t base,
					 phys_addr_t end)
{
	unsigned long i = memblock_region_index(type, base);

	return i < memblock_used(type) && type->regions[i].base < base &&
	       memblock_region_end(&type->regions[i]) > end;
}

void memblock_table_remove(struct memblock_type *type, phys_addr_t base, phys_addr_t end)
{
	if (memblock_table_remove_need(type, base, end)) {
		split_at(type, base);
	}

	unsigned long n = memblock_used(type);
	unsigned long from = memblock_region_index(type, base);
	if (from < n && type->regions[from].base < base) {
		struct memblock_region *r = &type->regions[from++];
		type->total_size -= memblock_region_end(r) - base;
		r->size = base - r->base;
	}

	unsigned long to = from;
	while (to < n && memblock_region_end(&type->regions[to]) <= end) {
		type->total_size -= type->regions[to++].size;
	}
	if (to < n && type->regions[to].base < end) {
		struct memblock_region *r = &type->regions[to];
		type->total_size -= end - r->base;
		r->size = memblock_region_end(r) - end;
		r->base = end;
	}
	memblock_table_delete(type, from, to);
}
