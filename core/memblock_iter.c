/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Walks: the bytes of one table that are not in another, as maximal ranges, up or down. A cursor starts by halving and
 * then steps through both tables once. The public walks restart a cursor at each step from the address they have
 * reached, so changes of the tables during a walk do no harm.
 */
#include "memblock_private.h"

static bool any_node(int nid)
{
	return nid == NUMA_NO_NODE || nid == MAX_NUMNODES;
}

static bool passed_over(const struct memblock_cursor *c, const struct memblock_region *r)
{
	if (!any_node(c->nid) && r->nid != c->nid) {
		return true;
	}
	if (c->a != &memblock.memory) {
		return false;
	}
	return (movable_node_is_enabled() && memblock_is_hotpluggable(r) &&
		!(c->flags & MEMBLOCK_HOTPLUG)) ||
	       ((c->flags & MEMBLOCK_MIRROR) && !memblock_is_mirror(r)) ||
	       (memblock_is_nomap(r) && !(c->flags & MEMBLOCK_NOMAP)) ||
	       (memblock_is_driver_managed(r) && !(c->flags & MEMBLOCK_DRIVER_MANAGED));
}

/* Nothing but the owner tells memory regions @low and the next one apart. */
static bool is_seam(const struct memblock_cursor *c, unsigned long low)
{
	const struct memblock_region *r = &c->a->regions[low];

	return c->a == &memblock.memory && memblock_region_end(r) == r[1].base &&
	       r->flags == r[1].flags && r->nid == r[1].nid;
}

/* ---- upwards ------------------------------------------------------------------------------------------------ */

void memblock_cursor_up(struct memblock_cursor *c, phys_addr_t from)
{
	c->pos = from;
	c->ia = memblock_region_index(c->a, from);
	c->ib = c->b != NULL ? memblock_region_index(c->b, from) : 0;
	c->run_base = 0;
	c->run_end = 0;
}

static bool next_run_up(struct memblock_cursor *c)
{
	unsigned long n = memblock_used(c->a);

	while (c->ia < n && passed_over(c, &c->a->regions[c->ia])) {
		c->ia++;
	}
	if (c->ia == n) {
		return false;
	}
	const struct memblock_region *r = &c->a->regions[c->ia];
	c->run_base = r->base;
	c->run_nid = r->nid;
	while (c->ia + 1 < n && is_seam(c, c->ia)) {
		c->ia++;
	}
	c->run_end = memblock_region_end(&c->a->regions[c->ia]);
	c->ia++;
	if (c->pos < c->run_base) {
		c->pos = c->run_base;
	}
	return true;
}

bool memblock_cursor_next_up(struct memblock_cursor *c, struct memblock_piece *piece)
{
	unsigned long holes = c->b != NULL ? memblock_used(c->b) : 0;

	for (;;) {
		if (c->pos >= c->run_end && !next_run_up(c)) {
			return false;
		}
		/* Over what @b has at the position, and to the next of it. */
		while (c->ib < holes && c->b->regions[c->ib].base <= c->pos) {
			phys_addr_t end = memblock_region_end(&c->b->regions[c->ib]);
			c->pos = end > c->pos ? end : c->pos;
			c->ib++;
		}
		if (c->pos < c->run_end) {
			break;
		}
	}
	phys_addr_t end = c->run_end;
	if (c->ib < holes && c->b->regions[c->ib].base < end) {
		end = c->b->regions[c->ib].base;
	}
	*piece = (struct memblock_piece){ c->pos, end, c->run_nid };
	c->pos = end;
	return true;
}

/* ---- downwards ---------------------------------------------------------------------------------------------- */

/* Number of regions that begin below @below. */
static unsigned long count_below(const struct memblock_type *type, phys_addr_t below)
{
	unsigned long i = memblock_region_index(type, below);

	return i < memblock_used(type) && type->regions[i].base < below ? i + 1 : i;
}

void memblock_cursor_down(struct memblock_cursor *c, phys_addr_t below)
{
	c->pos = below;
	c->ia = count_below(c->a, below);
	c->ib = c->b != NULL ? count_below(c->b, below) : 0;
	c->run_base = below;
	c->run_end = below;
}

static bool next_run_down(struct memblock_cursor *c)
{
	while (c->ia > 0 && passed_over(c, &c->a->regions[c->ia - 1])) {
		c->ia--;
	}
	if (c->ia == 0) {
		return false;
	}
	const struct memblock_region *r = &c->a->regions[c->ia - 1];
	c->run_end = memblock_region_end(r);
	c->run_nid = r->nid;
	while (c->ia > 1 && is_seam(c, c->ia - 2)) {
		c->ia--;
	}
	c->run_base = c->a->regions[c->ia - 1].base;
	c->ia--;
	if (c->pos > c->run_end) {
		c->pos = c->run_end;
	}
	return true;
}

bool memblock_cursor_next_down(struct memblock_cursor *c, struct memblock_piece *piece)
{
	for (;;) {
		if (c->pos <= c->run_base && !next_run_down(c)) {
			return false;
		}
		while (c->ib > 0 && memblock_region_end(&c->b->regions[c->ib - 1]) >= c->pos) {
			phys_addr_t base = c->b->regions[c->ib - 1].base;
			c->pos = base < c->pos ? base : c->pos;
			c->ib--;
		}
		if (c->pos > c->run_base) {
			break;
		}
	}
	phys_addr_t base = c->run_base;
	if (c->ib > 0 && memblock_region_end(&c->b->regions[c->ib - 1]) > base) {
		base = memblock_region_end(&c->b->regions[c->ib - 1]);
	}
	*piece = (struct memblock_piece){ base, c->pos, c->run_nid };
	c->pos = base;
	return true;
}

/* ---- the public walks --------------------------------------------------------------------------------------- */

static void give(const struct memblock_piece *piece, phys_addr_t *out_start, phys_addr_t *out_end,
		 int *out_nid)
{
	if (out_start != NULL) {
		*out_start = piece->base;
	}
	if (out_end != NULL) {
		*out_end = piece->end;
	}
	if (out_nid != NULL) {
		*out_nid = piece->nid;
	}
}

void __next_mem_range(uint64_t *idx, int nid, enum memblock_flags flags,
		      struct memblock_type *type_a, struct memblock_type *type_b,
		      phys_addr_t *out_start, phys_addr_t *out_end, int *out_nid)
{
	struct memblock_cursor c = { .a = type_a, .b = type_b, .nid = nid, .flags = flags };
	struct memblock_piece piece;

	/* The index is where the last range ended; UINT64_MAX says "done", so an end there is kept as one less. */
	if (*idx >= UINT64_MAX - 1) {
		*idx = UINT64_MAX;
		return;
	}
	memblock_cursor_up(&c, *idx);
	if (!memblock_cursor_next_up(&c, &piece)) {
		*idx = UINT64_MAX;
		return;
	}
	give(&piece, out_start, out_end, out_nid);
	*idx = piece.end < UINT64_MAX ? piece.end : UINT64_MAX - 1;
}

void __next_mem_range_rev(uint64_t *idx, int nid, enum memblock_flags flags,
			  struct memblock_type *type_a, struct memblock_type *type_b,
			  phys_addr_t *out_start, phys_addr_t *out_end, int *out_nid)
{
	struct memblock_cursor c = { .a = type_a, .b = type_b, .nid = nid, .flags = flags };
	struct memblock_piece piece;

	memblock_cursor_down(&c, *idx);
	if (!memblock_cursor_next_down(&c, &piece)) {
		*idx = UINT64_MAX;
		return;
	}
	give(&piece, out_start, out_end, out_nid);
	*idx = piece.base;
}

void __next_mem_pfn_range(int *idx, int nid, unsigned long *out_start_pfn,
			  unsigned long *out_end_pfn, int *out_nid)
{
	const struct memblock_type *type = &memblock.memory;

	while (++*idx < (int)memblock_used(type)) {
		const struct memblock_region *r = &type->regions[*idx];
		unsigned long start = memblock_region_memory_base_pfn(r);
		unsigned long end = memblock_region_memory_end_pfn(r);

		if (start >= end || (!any_node(nid) && r->nid != nid)) {
			continue;
		}
		if (out_start_pfn != NULL) {
			*out_start_pfn = start;
		}
		if (out_end_pfn != NULL) {
			*out_end_pfn = end;
		}
		if (out_nid != NULL) {
			*out_nid = r->nid;
		}
		return;
	}
	*idx = -1;
}
