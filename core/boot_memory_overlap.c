/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reservations of the tree, ascending. Ranges that overlap each other are cut at all their borders, and the first of the
 * tree holds each piece; who lost bytes to another keeps a claim on its whole range. So memblock is filled from its lower
 * end up whatever overlaps what, and n ranges cost O(n log n).
 *
 * Invariant of the sweep: the heap holds the ranges that begin at or below `pos`, the first of the tree on top; those
 * that ended are dropped when they come to the top. It lies in the part of the list that was passed already.
 */
#include "boot_memory_private.h"

#include "fpg/base/sort.h"
#include "fpg/core/memblock.h"

/** A claim was put for the range; in `flags`, of the sweep only. */
#define LOST (1U << 15)

struct sweep {
	struct dt_range *heap;
	uint32_t held;
	phys_addr_t pos;
	/** Up to here some range that was met is no-map. */
	phys_addr_t nomap_end;
};

FPG_INIT static phys_addr_t end_of(const struct dt_range *r)
{
	return r->base + r->size;
}

/** The last of the tree first, because a heap has the last of its order on top. */
FPG_INIT static int by_tree_backwards(const void *a, const void *b)
{
	const struct dt_range *x = a;
	const struct dt_range *y = b;
	if (x->node != y->node) {
		return x->node < y->node ? 1 : -1;
	}
	return x->base < y->base ? 1 : x->base > y->base ? -1 : 0;
}

FPG_INIT static void drop_ended(struct sweep *s)
{
	while (s->held > 0 && end_of(&s->heap[0]) <= s->pos) {
		s->heap[0] = s->heap[--s->held];
		if (s->held > 1) {
			sort_heap_replaced(s->heap, s->held, sizeof(s->heap[0]), by_tree_backwards);
		}
	}
}

FPG_INIT static int lose(struct dt_range *r)
{
	if (r->flags & LOST) {
		return 0;
	}
	r->flags |= LOST;
	return memblock_claim_owned(r->base, r->size,
				    r->flags & DT_RANGE_NOMAP ? MEMBLOCK_NOMAP : MEMBLOCK_NONE,
				    boot_range_owner(r));
}

/** @r begins at `pos`. */
FPG_INIT static int meet(struct sweep *s, struct dt_range r)
{
	int err = 0;
	/* What is reserved above `pos` is the image, the blob or the initrd. */
	if (memblock_is_region_reserved(r.base, r.size)) {
		err = lose(&r);
	}
	drop_ended(s);
	if (err == 0 && s->held > 0) {
		err = lose(by_tree_backwards(&r, &s->heap[0]) > 0 ? &s->heap[0] : &r);
	}
	if ((r.flags & DT_RANGE_NOMAP) && end_of(&r) > s->nomap_end) {
		s->nomap_end = end_of(&r);
	}
	s->heap[s->held++] = r;
	sort_heap_added(s->heap, s->held, sizeof(r), by_tree_backwards);
	return err;
}

/** @count ranges without a gap between them, ascending; they are used up. */
FPG_INIT static int reserve_cluster(struct dt_range *at, uint32_t count)
{
	struct sweep s = { .heap = at, .pos = at[0].base };
	uint32_t next = 0;
	int err = 0;
	while (err == 0) {
		while (err == 0 && next < count && at[next].base <= s.pos) {
			err = meet(&s, at[next++]);
		}
		drop_ended(&s);
		if (err != 0 || s.held == 0) {
			break;
		}
		const struct dt_range *holder = &s.heap[0];
		bool nomap = s.pos < s.nomap_end;
		phys_addr_t until = end_of(holder);
		until = next < count && at[next].base < until ? at[next].base : until;
		until = nomap && s.nomap_end < until ? s.nomap_end : until;
		err = boot_reserve(&(struct boot_reservation){
			.range = { s.pos, until - s.pos },
			.owner = boot_range_owner(holder),
			.nomap = nomap,
			.unclaimed = true,
		});
		s.pos = until;
	}
	return err;
}

FPG_INIT int boot_reserve_listed(struct boot_memory *bm, uint32_t placed)
{
	struct dt_range *at = bm->facts.reserved.at;
	int err = 0;
	for (uint32_t from = 0, to; err == 0 && from < placed; from = to) {
		phys_addr_t end = end_of(&at[from]);
		for (to = from; to < placed && (to == from || at[to].base < end); to++) {
			boot_meet_listed(bm, &at[to]);
			end = end_of(&at[to]) > end ? end_of(&at[to]) : end;
		}
		if (to - from > 1) {
			err = reserve_cluster(&at[from], to - from);
			continue;
		}
		err = boot_reserve(&(struct boot_reservation){
			.range = { at[from].base, at[from].size },
			.owner = boot_range_owner(&at[from]),
			.nomap = at[from].flags & DT_RANGE_NOMAP,
		});
	}
	return err;
}
