/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mmap, munmap, mprotect on anonymous memory. Everything that can fail is asked for before the lock
 * or checked right after it; then nothing can fail any more.
 *
 * Source: POSIX.1-2017 mmap, munmap, mprotect; Linux man-pages 6.03 for MAP_FIXED_NOREPLACE,
 * MAP_GROWSDOWN and MAP_POPULATE.
 */
#include "mm_private.h"

#include "fpg/base/errno.h"
#include "fpg/core/hart.h"
#include "fpg/core/page_alloc.h"

/** Records that a change of areas can need: two cuts and an area of its own. */
#define MOST_AREAS 3

#define PROT_ALL  (PROT_READ | PROT_WRITE | PROT_EXEC)
#define FLAGS_ALL (MAP_FIXED | MAP_FIXED_NOREPLACE | MAP_GROWSDOWN | MAP_POPULATE)

struct request {
	uint64_t addr;
	uint64_t bytes;
	uint32_t prot;
	uint32_t flags;
};

/** Areas that touch [start, end), or grow down and would come too near to it. */
static bool place_free(const struct mm *mm, uint64_t start, uint64_t end)
{
	struct area *above = area_find(&mm->areas, start);
	if (above == NULL) {
		return true;
	}
	const bool grows = (mm_area_of(above)->flags & MM_AREA_GROWSDOWN) != 0;
	return above->start >= end + (grows ? MM_STACK_GUARD : 0);
}

/** The highest free place below the stacks. Return: 0 | -ENOMEM */
static int find_place(const struct mm *mm, const struct request *q, uint64_t *out)
{
	uint64_t high = mm_highest(mm).v - MM_STACKS_BYTES;
	const uint64_t guard = q->flags & MAP_GROWSDOWN ? MM_STACK_GUARD : 0;
	for (;;) {
		int err = area_find_gap_top(&mm->areas, MM_MMAP_LOWEST, high, q->bytes, PAGE_SIZE,
					    guard, out);
		if (err != 0 || place_free(mm, *out, *out + q->bytes)) {
			return err;
		}
		/* What grows down lies right above: keep away from it. */
		high = area_find(&mm->areas, *out)->start - MM_STACK_GUARD;
	}
}

/** Where the new area goes. Return: 0 | -EEXIST | -ENOMEM */
static int choose_place(const struct mm *mm, const struct request *q, uint64_t *out)
{
	if ((q->flags & MAP_FIXED_NOREPLACE) != 0) {
		const struct area *there = area_find(&mm->areas, q->addr);
		if (there != NULL && there->start < q->addr + q->bytes) {
			return -EEXIST;
		}
	} else if ((q->flags & MAP_FIXED) == 0) {
		const uint64_t hint = ALIGN_DOWN(q->addr, PAGE_SIZE);
		if (hint == 0 || !mm_range_ok(mm, vaddr(hint), q->bytes) ||
		    !place_free(mm, hint, hint + q->bytes)) {
			return find_place(mm, q, out);
		}
		*out = hint;
		return 0;
	}
	*out = q->addr;
	return 0;
}

/** Tables that mapping [start, start + bytes) page by page can need at most. */
static uint64_t most_tables(const struct mm *mm, uint64_t start, uint64_t bytes)
{
	uint64_t tables = 0;
	for (unsigned int level = 1; level < mm->pt.mode->levels; level++) {
		const unsigned int shift = pt_level_shift(level);
		tables += ((start + bytes - 1) >> shift) - (start >> shift) + 1;
	}
	return tables;
}

/** Map the pages that @supply brought; tables for it are at hand. */
static void populate(struct mm *mm, const struct request *q, uint64_t start,
		     struct mm_supply *supply)
{
	for (uint64_t at = start; at < start + q->bytes; at += PAGE_SIZE) {
		FPG_CHECK(mm_map_page(mm, vaddr(at), mm_supply_take_page(supply), q->prot) == 0);
	}
	mm_fence_here(mm);
}

/** The lock is held. Return: 0 | -EEXIST | -ENOMEM (no place, or tables: *@tables are needed) */
static int map_locked(struct mm *mm, const struct request *q, struct mm_supply *supply,
		      uint64_t *tables, vaddr_t *out)
{
	uint64_t start;
	int err = choose_place(mm, q, &start);
	if (err != 0) {
		*tables = 0;
		return err;
	}
	const uint64_t end = start + q->bytes;
	const bool now = (q->flags & MAP_POPULATE) != 0;
	*tables = now ? most_tables(mm, start, q->bytes) : 0;
	if (mm->stock.pages.count < *tables) {
		return -ENOMEM;
	}
	mm_cut(mm, start, end, supply);
	mm_clear(mm, start, end, supply);
	mm_add(mm, start, end, q->prot, q->flags & MAP_GROWSDOWN ? MM_AREA_GROWSDOWN : 0, supply);
	if (now) {
		populate(mm, q, start, supply);
	}
	*out = vaddr(start);
	return 0;
}

int mm_mmap(struct mm *mm, vaddr_t addr, uint64_t bytes, uint32_t prot, uint32_t flags,
	    vaddr_t *out)
{
	const bool fixed = (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) != 0;
	if (bytes == 0 || bytes > mm_highest(mm).v || (prot & ~(uint32_t)PROT_ALL) != 0 ||
	    (flags & ~(uint32_t)FLAGS_ALL) != 0) {
		return -EINVAL;
	}
	struct request q = { addr.v, ALIGN_UP(bytes, PAGE_SIZE), prot, flags };
	if (fixed && !mm_range_ok(mm, addr, q.bytes)) {
		return -EINVAL;
	}
	struct mm_supply supply = { 0 };
	const uint64_t pages = flags & MAP_POPULATE ? q.bytes >> PAGE_SHIFT : 0;
	if (pages > page_alloc_free_pages()) {
		return -ENOMEM;
	}
	int err = mm_supply_fill(&supply, MOST_AREAS, pages);
	uint64_t tables = 0;
	bool again = err == 0;
	while (again) {
		const unsigned long irq = mm_lock_settled(mm, &supply);
		err = map_locked(mm, &q, &supply, &tables, out);
		mm_unlock(mm, &supply, irq);
		again = err == -ENOMEM && table_list_more(&supply.tables, tables);
	}
	mm_supply_free(&supply);
	return err;
}

int mm_munmap(struct mm *mm, vaddr_t addr, uint64_t bytes)
{
	const uint64_t length = ALIGN_UP(bytes, PAGE_SIZE);
	if (length < bytes || !mm_range_ok(mm, addr, length)) {
		return -EINVAL;
	}
	struct mm_supply supply = { 0 };
	int err = mm_supply_fill(&supply, 2, 0);
	if (err == 0) {
		const unsigned long irq = mm_lock_settled(mm, &supply);
		mm_cut(mm, addr.v, addr.v + length, &supply);
		mm_clear(mm, addr.v, addr.v + length, &supply);
		mm_unlock(mm, &supply, irq);
	}
	mm_supply_free(&supply);
	return err;
}

/** Areas of [start, end), which are cut there, and their pages. */
static void protect_locked(struct mm *mm, uint64_t start, uint64_t end, uint32_t prot,
			   struct mm_supply *supply)
{
	struct area *area = area_find(&mm->areas, start);
	for (; area != NULL && area->start < end; area = area_next(area)) {
		mm_area_of(area)->prot = prot;
	}
	FPG_CHECK(pt_protect(&mm->pt, vaddr(start), end - start, mm_leaf_prot(prot)) == 0);
	(void)pt_set_present(&mm->pt, vaddr(start), end - start, prot != PROT_NONE);
	mm_fence(mm);
	/* From the top: joining with the one below takes away the record above. */
	area = area_find(&mm->areas, end - 1);
	while (area != NULL && area->end > start) {
		struct area *prev = area_prev(area);
		mm_join(mm, mm_area_of(area), supply);
		area = prev;
	}
}

int mm_mprotect(struct mm *mm, vaddr_t addr, uint64_t bytes, uint32_t prot)
{
	const uint64_t length = ALIGN_UP(bytes, PAGE_SIZE);
	if (!IS_ALIGNED(addr.v, PAGE_SIZE) || (prot & ~(uint32_t)PROT_ALL) != 0 || length < bytes) {
		return -EINVAL;
	}
	if (length == 0) {
		return 0;
	}
	if (!mm_range_ok(mm, addr, length)) {
		return -ENOMEM;
	}
	struct mm_supply supply = { 0 };
	int err = mm_supply_fill(&supply, 2, 0);
	if (err == 0) {
		const unsigned long irq = mm_lock_settled(mm, &supply);
		err = mm_covered(mm, addr.v, addr.v + length) ? 0 : -ENOMEM;
		if (err == 0) {
			mm_cut(mm, addr.v, addr.v + length, &supply);
			protect_locked(mm, addr.v, addr.v + length, prot, &supply);
			if ((prot & PROT_EXEC) != 0) {
				flush_icache_mask(harts_online());
			}
		}
		mm_unlock(mm, &supply, irq);
	}
	mm_supply_free(&supply);
	return err;
}
