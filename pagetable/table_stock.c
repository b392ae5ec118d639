/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Table pages brought to a lock, and taken away from it: see table_stock.h.
 *
 * Where a page goes back to is read from its record: one that the page allocator gave out is the head of an allocated
 * block, one of memblock's is the head of nothing.
 */
#include "table_stock.h"

#include "fpg/base/range.h"
#include "fpg/core/memblock.h"
#include "fpg/core/page_alloc.h"
#include "fpg/core/spinlock.h"
#include "fpg/port/port.h"

#include <errno.h>

/**
 * Guards memblock's tables after the hand-over: pages of tables made at boot may be given back by any hart. Outermost:
 * what takes the memory over populates the frame table.
 */
static struct spinlock late_lock = SPINLOCK_INIT;

static void push(struct table_list *list, phys_addr_t page)
{
	*(phys_addr_t *)port_phys_to_virt(page) = list->first;
	list->first = page;
	list->count++;
}

static phys_addr_t pop(struct table_list *list)
{
	const phys_addr_t page = list->first;
	list->first = *(phys_addr_t *)port_phys_to_virt(page);
	list->count--;
	return page;
}

void table_stock_open(struct table_stock *stock, struct table_list *spare)
{
	FPG_CHECK(stock->pages.count == 0);
	stock->pages = *spare;
	*spare = (struct table_list){ 0 };
}

void table_stock_close(struct table_stock *stock, struct table_list *spare)
{
	*spare = stock->pages;
	stock->pages = (struct table_list){ 0 };
}

int table_stock_take(void *ctx, phys_addr_t *page)
{
	struct table_stock *stock = ctx;
	if (stock->pages.count == 0) {
		return -ENOMEM;
	}
	*page = pop(&stock->pages);
	return 0;
}

void table_stock_give(void *ctx, phys_addr_t page)
{
	struct table_stock *stock = ctx;
	push(&stock->pages, page);
}

static void *stock_virt(void *ctx, phys_addr_t page)
{
	(void)ctx;
	return port_phys_to_virt(page);
}

const struct pt_page_source table_stock_source = { table_stock_take, table_stock_give, stock_virt };

bool table_list_more(struct table_list *list, uint64_t wanted)
{
	if (list->count >= wanted) {
		return false;
	}
	while (list->count < wanted) {
		struct page *page = alloc_page(GFP_KERNEL | __GFP_NOWARN);
		if (page == NULL) {
			return false;
		}
		page->word |= PAGE_F_PT;
		push(list, page_to_phys(page));
	}
	return true;
}

static void give_to_memblock(phys_addr_t pa)
{
	unsigned long flags = spin_lock_irqsave(&late_lock);
	memblock_free_late(pa, PAGE_SIZE);
	spin_unlock_irqrestore(&late_lock, flags);
}

void table_list_free(struct table_list *list)
{
	while (list->count > 0) {
		const phys_addr_t pa = pop(list);
		struct page *page = pfn_to_page(phys_to_pfn(pa));
		if (page_word_state(page->word) == PAGE_ALLOCATED) {
			page->word &= ~PAGE_F_PT;
			__free_page(page);
		} else {
			give_to_memblock(pa);
		}
	}
}
