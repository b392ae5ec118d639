/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The break: the end of the heap, an area of its own right behind the program's data. Grows where
 * nothing is in the way, shrinks by unmapping. Source: Linux man-pages 6.03, brk(2).
 */
#include "mm_private.h"

#include "fpg/base/errno.h"

void mm_set_brk(struct mm *mm, vaddr_t start)
{
	struct mm_supply none = { 0 };
	const unsigned long irq = mm_lock(mm, &none);
	mm->brk_start = start;
	mm->brk_end = start;
	mm_unlock(mm, &none, irq);
}

/** [start, end) is free, with room below what grows down. */
static bool can_grow(const struct mm *mm, uint64_t start, uint64_t end)
{
	if (!mm_range_ok(mm, vaddr(start), end - start)) {
		return false;
	}
	const struct area *above = area_find(&mm->areas, start);
	return above == NULL || above->start >= end + MM_STACK_GUARD;
}

static void brk_locked(struct mm *mm, uint64_t end, struct mm_supply *supply)
{
	if (end < mm->brk_start.v || end > mm_highest(mm).v) {
		return;
	}
	const uint64_t from = ALIGN_UP(mm->brk_end.v, PAGE_SIZE);
	const uint64_t to = ALIGN_UP(end, PAGE_SIZE);
	if (to > from) {
		if (!can_grow(mm, from, to)) {
			return;
		}
		mm_add(mm, from, to, PROT_READ | PROT_WRITE, MM_AREA_HEAP, supply);
	} else if (to < from) {
		mm_cut(mm, to, from, supply);
		mm_clear(mm, to, from, supply);
	}
	mm->brk_end = vaddr(end);
}

vaddr_t mm_brk(struct mm *mm, vaddr_t end)
{
	struct mm_supply supply = { 0 };
	const bool change = end.v != 0 && mm_supply_fill(&supply, 2, 0) == 0;
	const unsigned long irq = mm_lock_settled(mm, &supply);
	if (change) {
		brk_locked(mm, end.v, &supply);
	}
	const vaddr_t now = mm->brk_end;
	mm_unlock(mm, &supply, irq);
	mm_supply_free(&supply);
	return now;
}
