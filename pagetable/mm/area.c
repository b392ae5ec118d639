/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Areas of an address space: which addresses may be used, and for what. Cutting, joining, adding
 * and clearing; the calls that users make are in mmap.c and brk.c. All with the lock held.
 *
 * Invariants: areas are disjoint, page aligned and within [MM_LOWEST, mm_highest()); neighbours that
 * touch differ in protection or flags (else they would be one); pages lie in areas only.
 */
#include "mm_private.h"

vaddr_t mm_highest(const struct mm *mm)
{
	/*
	 * The lower half without its last page: a fetch or access that runs over its end must not
	 * reach a non-canonical address unseen. Source: RISC-V Privileged v1.12, 4.4.1.
	 */
	return vaddr(((uint64_t)1 << (mm->pt.mode->va_bits - 1)) - PAGE_SIZE);
}

bool mm_range_ok(const struct mm *mm, vaddr_t addr, uint64_t bytes)
{
	const uint64_t high = mm_highest(mm).v;
	return IS_ALIGNED(addr.v | bytes, PAGE_SIZE) && bytes != 0 && addr.v >= MM_LOWEST &&
	       bytes <= high && addr.v <= high - bytes;
}

bool mm_covered(const struct mm *mm, uint64_t start, uint64_t end)
{
	struct area *area = area_find(&mm->areas, start);
	for (; area != NULL && area->start <= start && start < end; area = area_next(area)) {
		start = area->end;
	}
	return start >= end;
}

/** Cut the area that has bytes on both sides of @at. */
static void cut_at(struct mm *mm, uint64_t at, struct mm_supply *supply)
{
	struct area *below = area_find(&mm->areas, at);
	if (below == NULL || below->start >= at) {
		return;
	}
	struct mm_area *above = mm_supply_take_area(supply);
	above->prot = mm_area_of(below)->prot;
	above->flags = mm_area_of(below)->flags;
	above->range.start = at;
	above->range.end = below->end;
	area_resize(&mm->areas, below, below->start, at);
	FPG_CHECK(area_insert(&mm->areas, &above->range) == 0);
}

void mm_cut(struct mm *mm, uint64_t start, uint64_t end, struct mm_supply *supply)
{
	cut_at(mm, start, supply);
	cut_at(mm, end, supply);
}

void mm_clear(struct mm *mm, uint64_t start, uint64_t end, struct mm_supply *supply)
{
	mm_unmap_pages(mm, start, end, supply);
	struct area *area = area_find(&mm->areas, start);
	while (area != NULL && area->start < end) {
		struct area *next = area_next(area);
		FPG_CHECK(area->start >= start && area->end <= end);
		area_remove(&mm->areas, area);
		mm_supply_give_area(supply, mm_area_of(area));
		area = next;
	}
}

static bool alike(const struct mm_area *a, const struct mm_area *b)
{
	return a->range.end == b->range.start && a->prot == b->prot && a->flags == b->flags;
}

/** @above goes, @below takes its place. */
static void join_two(struct mm *mm, struct mm_area *below, struct mm_area *above,
		     struct mm_supply *supply)
{
	const uint64_t end = above->range.end;
	area_remove(&mm->areas, &above->range);
	area_resize(&mm->areas, &below->range, below->range.start, end);
	mm_supply_give_area(supply, above);
}

void mm_join(struct mm *mm, struct mm_area *area, struct mm_supply *supply)
{
	struct area *next = area_next(&area->range);
	if (next != NULL && alike(area, mm_area_of(next))) {
		join_two(mm, area, mm_area_of(next), supply);
	}
	struct area *prev = area_prev(&area->range);
	if (prev != NULL && alike(mm_area_of(prev), area)) {
		join_two(mm, mm_area_of(prev), area, supply);
	}
}

void mm_add(struct mm *mm, uint64_t start, uint64_t end, uint32_t prot, uint32_t flags,
	    struct mm_supply *supply)
{
	struct mm_area *area = mm_supply_take_area(supply);
	area->range.start = start;
	area->range.end = end;
	area->prot = prot;
	area->flags = flags;
	FPG_CHECK(area_insert(&mm->areas, &area->range) == 0);
	mm_join(mm, area, supply);
}
