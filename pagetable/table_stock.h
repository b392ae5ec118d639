/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Table pages from the page allocator, for tables that several harts change.
 *
 * Allocating may have to populate the frame table, which may not be done with a page-table lock held (rules.md,
 * Contexts and locks). So a call that runs out of table pages fails, says in pt.wanted how many it needs, and is tried
 * again with that many at hand:
 *
 *	struct table_list spare = { 0 };
 *	int err;
 *	do {
 *		flags = spin_lock_irqsave(&lock);
 *		table_stock_open(&stock, &spare);
 *		err = pt_map(&pt, …);
 *		fence as pt_fence_all() says; pt_reap(&pt);
 *		table_stock_close(&stock, &spare);
 *		spin_unlock_irqrestore(&lock, flags);
 *	} while (err == -ENOMEM && table_list_more(&spare, pt.wanted));
 *	table_list_free(&spare);
 *
 * Invariant: a stock is empty while its lock is free, so nobody takes what another call brought, and nothing is kept.
 */
#pragma once

#include "fpg/base/compiler.h"
#include "fpg/pagetable/pt.h"

/** Pages of one caller, linked through their first word in the linear map. All zero: none. */
struct table_list {
	phys_addr_t first;
	uint64_t count;
};

/** What the table_stock_source of one struct pt takes from and gives to; guarded by the lock of the tables. */
struct table_stock {
	struct table_list pages;
};

/** Context argument: the struct table_stock. Pages are reached through the linear map. */
extern const struct pt_page_source table_stock_source;
/** Its parts, for a source that reaches some pages another way. */
FPG_MUST_CHECK int table_stock_take(void *ctx, phys_addr_t *page);
void table_stock_give(void *ctx, phys_addr_t page);

/** Lock just taken: what the caller brings is the stock. */
void table_stock_open(struct table_stock *stock, struct table_list *spare);

/** Before the lock is given up: the stock is empty, and the caller has what is left and what came back. */
void table_stock_close(struct table_stock *stock, struct table_list *spare);

/**
 * Bring @list to at least @wanted pages. Context: no lock held
 * Return: false when there is no memory, or @list had that many already (the call wants something else): give up
 */
FPG_MUST_CHECK bool table_list_more(struct table_list *list, uint64_t wanted);

/**
 * Give all pages back, each to where it came from: the page allocator, or memblock (tables made at boot).
 * Context: no lock held
 */
void table_list_free(struct table_list *list);
