/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a call brings to an address space's lock and what it takes away from there: area records,
 * data pages, table pages. Everything that allocates or frees is here, outside the lock.
 *
 * Invariant: a page in a supply is allocated, anonymous of nobody, and held by one reference of the
 * supply's; others may hold more of them (pins).
 */
#include "mm_private.h"

#include "fpg/base/errno.h"
#include "fpg/core/page_alloc.h"

static struct object_pool area_pool = OBJECT_POOL_INIT("mm areas", sizeof(struct mm_area));

struct mm_area *mm_supply_take_area(struct mm_supply *supply)
{
	struct mm_area *area = supply->areas;
	FPG_CHECK(area != NULL);
	supply->areas = area->next;
	area->next = NULL;
	return area;
}

void mm_supply_give_area(struct mm_supply *supply, struct mm_area *area)
{
	area->next = supply->areas;
	supply->areas = area;
}

/* Linked by record number plus one where a movable page names its owner, which these have not: 0 ends a list. */

static struct page *pop(struct page **list)
{
	struct page *page = *list;
	FPG_CHECK(page != NULL);
	*list = page->owner != 0 ? &frame_table[page->owner - 1U] : NULL;
	page->second = 0;
	return page;
}

static void push(struct page **list, struct page *page)
{
	page->second = 0;
	page->owner = *list != NULL ? (uint32_t)(*list - frame_table) + 1U : 0;
	*list = page;
}

struct page *mm_supply_take_page(struct mm_supply *supply)
{
	return pop(&supply->pages);
}

void mm_supply_give_page(struct mm_supply *supply, struct page *page)
{
	push(&supply->pages, page);
}

void mm_supply_page_gone(struct mm_supply *supply, struct page *page)
{
	push(&supply->gone, page);
}

int mm_supply_fill(struct mm_supply *supply, unsigned int areas, uint64_t pages)
{
	bool full = true;
	for (; areas > 0 && full; areas--) {
		struct mm_area *area = object_pool_alloc(&area_pool);
		full = area != NULL;
		if (full) {
			mm_supply_give_area(supply, area);
		}
	}
	for (; pages > 0 && full; pages--) {
		struct page *page = alloc_page(GFP_USER_MOVABLE | __GFP_ZERO | __GFP_NOWARN);
		full = page != NULL;
		if (full) {
			mm_supply_give_page(supply, page);
		}
	}
	if (!full) {
		mm_supply_free(supply);
		return -ENOMEM;
	}
	return 0;
}

void mm_supply_free(struct mm_supply *supply)
{
	while (supply->areas != NULL) {
		object_pool_free(&area_pool, mm_supply_take_area(supply));
	}
	while (supply->pages != NULL) {
		mm_unpin_page(pop(&supply->pages));
	}
	while (supply->gone != NULL) {
		mm_unpin_page(pop(&supply->gone));
	}
	table_list_free(&supply->tables);
}

void mm_supply_drain(void)
{
	object_pool_drain(&area_pool);
}

unsigned long mm_lock(struct mm *mm, struct mm_supply *supply)
{
	const unsigned long flags = spin_lock_irqsave(&mm->lock);
	table_stock_open(&mm->stock, &supply->tables);
	return flags;
}

unsigned long mm_lock_settled(struct mm *mm, struct mm_supply *supply)
{
	for (;;) {
		const unsigned long flags = mm_lock(mm, supply);
		if (mm->migrating == 0) {
			return flags;
		}
		mm_unlock(mm, supply, flags);
		/* Who moves the pages needs the lock, and locks are not fair. */
		while (__atomic_load_n(&mm->migrating, __ATOMIC_RELAXED) != 0) {
			port_relax();
		}
	}
}

void mm_unlock(struct mm *mm, struct mm_supply *supply, unsigned long flags)
{
	table_stock_close(&mm->stock, &supply->tables);
	spin_unlock_irqrestore(&mm->lock, flags);
}
