/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hot paths of the page allocators: a block of order 0 to 3 from the calling hart's cache, and back into it.
 * page_cache_private.h says how the caches work; whatever is not just that is somebody else's, reached by a tail call.
 *
 * Every instruction here is counted (design.md, section 4: 60 a pair). So this file is compiled without frame
 * pointers: its functions call nothing, and a backtrace from a slow path begins with the right caller anyhow.
 */
#include "page_cache_private.h"

#include "fpg/port/irq.h"

static_assert(__GFP_NOWARN == 1U << GFP_PLACE_BITS &&
		      __GFP_DIRECT_RECLAIM == 2U << GFP_PLACE_BITS && PAGE_CACHE_ORDERS == 4,
	      "alloc_pages: what is left of gfp above the place bits is at most 3, and so is order");

/** As the calling convention passes them, sign-extended: no instruction is spent on widening. */
static inline uint64_t as_passed(uint32_t v)
{
	return (uint64_t)(int64_t)(int32_t)v;
}

struct page *alloc_pages(gfp_t gfp, unsigned int order)
{
	/* One test for both: an order that is not cached, and flags that want more than a page. */
	if (unlikely((as_passed(gfp) >> GFP_PLACE_BITS | as_passed(order)) >= PAGE_CACHE_ORDERS)) {
		return page_alloc_slow(gfp, order);
	}
	struct page_caches *caches = this_page_caches();
	struct page_cache *c = caches->fast[gfp & GFP_PLACE_MASK] + as_passed(order);
	unsigned long irq = port_irq_save_hot();
	struct page *page = c->head;
	if (unlikely(page->word != c->cached_word)) {
		port_irq_restore_hot(irq);
		return page_alloc_slow(gfp, order);
	}
	struct page *next = page->next_cached;
	page->word = c->used_word;
	page->second = 0;
	c->head = next;
	c->tally += PAGE_CACHE_ONE_OUT;
	port_irq_restore_hot(irq);
	return page;
}

void __free_pages(struct page *page, unsigned int order)
{
	struct page_caches *caches = this_page_caches();
	/* NULL is below the table, too. */
	if (unlikely(page < caches->table)) {
		page_free_slow(page, order);
		return;
	}
	struct page_cache *c =
		page_cache_of_word(caches, __atomic_load_n(&page->word, __ATOMIC_RELAXED));
	if (unlikely(c->order != order)) {
		page_free_slow(page, order);
		return;
	}
	unsigned long irq = port_irq_save_hot();
	/* One of two harts that free the same block gets what it expects. */
	uint64_t word = __atomic_exchange_n(&page->word, c->cached_word, __ATOMIC_RELAXED);
	if (unlikely(word != c->free_word)) {
		port_irq_restore_hot(irq);
		page_free_odd(page, c, word);
		return;
	}
	page->next_cached = c->head;
	c->head = page;
	c->tally += 1;
	bool full = (c->tally & PAGE_CACHE_FULL) != 0;
	port_irq_restore_hot(irq);
	if (unlikely(full)) {
		page_cache_full(c);
	}
}
