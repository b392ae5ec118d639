/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Freeing what no cache takes back: large blocks, pages of isolated pageblocks, whatever is debugged, and every wrong
 * free, which becomes a message instead of corruption.
 *
 * Invariant: a block is freed by whoever changes its record from allocated to cached, in one atomic step; of two harts
 * that free the same block one is refused, whichever paths they take.
 */
#define LOG_MODULE "page_alloc"
#include "page_cache_private.h"
#include "zone_private.h"

#include "fpg/base/range.h"
#include "fpg/core/log.h"
#include "fpg/core/page_owner.h"

#include <errno.h>

/** Frees of frames that belong to no zone. */
static uint64_t foreign_frees;

static FPG_NOINLINE void refuse_foreign(pfn_t f, unsigned int order)
{
	__atomic_fetch_add(&foreign_frees, 1, __ATOMIC_RELAXED);
	pr_err("free of pfn 0x%llx, order %u, refused: no page of any zone",
	       (unsigned long long)f.n, order);
}

/** What is wrong with freeing a block whose head's record is @word; NULL when nothing is. */
static const char *free_fault(pfn_t f, unsigned int order, uint64_t word)
{
	switch (page_word_state(word)) {
	case PAGE_ALLOCATED:
		break;
	case PAGE_FREE:
	case PAGE_CACHED:
		return "it is free already (double free)";
	default:
		return "no block that was allocated begins there (double free, or inside a block)";
	}
	if (order > MAX_PAGE_ORDER || page_word_order(word) != order) {
		return "it was allocated with another order";
	}
	if (page_word_refs(word) != 1) {
		return "its reference count is not 1";
	}
	if (word & PAGE_F_IN_USE) {
		return word & PAGE_F_PT	   ? "it is a page table" :
		       word & PAGE_F_TABLE ? "it holds records of the frame table" :
					     "it is mapped in a program's address space";
	}
	return IS_ALIGNED(f.n, 1ULL << order) ? NULL : "it is not aligned to its order";
}

static FPG_NOINLINE void refuse(struct page *page, unsigned int order, uint64_t word,
				const char *why)
{
	pfn_t f = page_to_pfn(page);
	struct zone *zone = page_word_state(word) != PAGE_NONE ? zone_by_id(page_word_zone(word)) :
								 NULL;
	zone = zone != NULL ? zone : pfn_to_zone(f);
	if (zone == NULL || zone->palloc == NULL) {
		refuse_foreign(f, order);
		return;
	}
	char who[PAGE_OWNER_TEXT];
	__atomic_fetch_add(&zone->counters.refused, 1, __ATOMIC_RELAXED);
	pr_err("free of pfn 0x%llx, order %u, refused: %s (its record: order %u, %u references); %s",
	       (unsigned long long)f.n, order, why != NULL ? why : "the backend refuses",
	       page_word_order(word), page_word_refs(word), page_owner_text(who, f));
}

/** It is none that can be freed, or it just became one, or the backend refuses. */
static FPG_NOINLINE void refuse_free(struct page *page, unsigned int order, uint64_t word)
{
	if (page == NULL) {
		return;
	}
	if (page < frame_table) {
		refuse_foreign(page_to_pfn(page), order);
		return;
	}
	refuse(page, order, word, free_fault(page_to_pfn(page), order, word));
}

/**
 * The lock is held. The record says that a caller holds the block; make it ours. A block that caches may take back has
 * its record changed without the lock, too.
 */
static inline bool take_record(struct page *page, uint64_t word)
{
	if (word >> PAGE_CACHE_SHIFT == 0) {
		return page->word == word;
	}
	uint64_t ours = word - ((uint64_t)(PAGE_ALLOCATED - PAGE_CACHED) << PAGE_STATE_SHIFT) -
			(1ULL << PAGE_REF_SHIFT);
	return __atomic_compare_exchange_n(&page->word, &word, ours, false, __ATOMIC_RELAXED,
					   __ATOMIC_RELAXED);
}

/** Back to what it was before take_record(), if that changed it. The lock is held. */
static inline void put_record_back(struct page *page)
{
	if (page_word_state(page->word) == PAGE_CACHED) {
		page->word += ((uint64_t)(PAGE_ALLOCATED - PAGE_CACHED) << PAGE_STATE_SHIFT) +
			      (1ULL << PAGE_REF_SHIFT);
	}
}

/** The lock is held. Make the records of single pages ours. Return: how many, from the first on */
static uint64_t take_single_pages(const struct zone *zone, struct pfn_range range)
{
	const uint64_t pages = pfn_range_pages(range);
	struct page *page = pfn_to_page(range.start);
	for (uint64_t i = 0; i < pages; i++) {
		uint64_t word = __atomic_load_n(&page[i].word, __ATOMIC_RELAXED);
		if (!page_word_is_single(zone, word) || !take_record(&page[i], word)) {
			return i;
		}
	}
	return pages;
}

int zone_free_range(struct zone *zone, struct pfn_range range, uint64_t pc)
{
	const uint64_t pages = pfn_range_pages(range);
	struct page *page = pfn_to_page(range.start);
	unsigned long flags = spin_lock_irqsave(&zone->lock);
	struct palloc *pa = zone->palloc;
	uint64_t taken = take_single_pages(zone, range);
	const bool can = taken == pages && (pa->ops->caps & PALLOC_CAP_FREE);
	int err = can ? pa->ops->free(pa, range) : -EINVAL;
	if (likely(err == 0)) {
		if (!(pa->ops->caps & PALLOC_CAP_RECORDS)) {
			frame_table_clear(range);
		}
		zone->free_pages += pages;
		zone->counters.frees++;
		page_debug_given(range, pc);
	} else {
		for (uint64_t i = 0; i < taken; i++) {
			put_record_back(&page[i]);
		}
		__atomic_fetch_add(&zone->counters.refused, 1, __ATOMIC_RELAXED);
	}
	spin_unlock_irqrestore(&zone->lock, flags);
	return err;
}

/** The lock is held, the record is ours. A backend with records of its own rewrites it; else nothing may be left. */
static FPG_NOINLINE int free_without_records(struct palloc *pa, struct page *page,
					     struct pfn_range range)
{
	uint64_t word = page->word;
	uint64_t second = page->second;
	page->word = 0;
	page->second = 0;
	int err = pa->ops->caps & PALLOC_CAP_FREE ? pa->ops->free(pa, range) : -ENOTSUP;
	if (err != 0) {
		page->word = word;
		page->second = second;
	}
	return err;
}

static FPG_NOINLINE void unlock_and_refuse(struct zone *zone, unsigned long flags,
					   struct page *page, unsigned int order, uint64_t word)
{
	spin_unlock_irqrestore(&zone->lock, flags);
	if (page->word != word) {
		refuse_free(page, order, page->word);
		return;
	}
	refuse(page, order, word, NULL);
}

/** Any block, by any caller, whatever is debugged. */
void page_free_for(struct page *page, unsigned int order, uint64_t pc)
{
	if (unlikely(page == NULL || page < frame_table || order > MAX_PAGE_ORDER)) {
		refuse_free(page, order, page != NULL && page >= frame_table ? page->word : 0);
		return;
	}
	const uint64_t looked_at = PAGE_STATE_MASK | PAGE_ORDER_MASK | PAGE_REF_MASK |
				   PAGE_F_IN_USE;
	const uint64_t wanted = page_word(PAGE_ALLOCATED, order, 0, 0) | 1ULL << PAGE_REF_SHIFT;
	const uint64_t word = __atomic_load_n(&page->word, __ATOMIC_RELAXED);
	struct zone *zone = zone_of_word(word);
	if (unlikely((word & looked_at) != wanted || zone == NULL)) {
		refuse_free(page, order, word);
		return;
	}
	const unsigned long flags = spin_lock_irqsave(&zone->lock);
	struct palloc *pa = zone->palloc;
	if (unlikely(pa == NULL || !take_record(page, word))) {
		unlock_and_refuse(zone, flags, page, order, word);
		return;
	}
	const pfn_t f = page_to_pfn(page);
	const struct pfn_range range = { f, pfn_add(f, 1ULL << order) };
	int err = zone_has(zone, PALLOC_CAP_RECORDS) ? pa->ops->free(pa, range) :
						       free_without_records(pa, page, range);
	if (unlikely(err != 0)) {
		page->word = word;
		unlock_and_refuse(zone, flags, page, order, word);
		return;
	}
	zone->free_pages += 1ULL << order;
	zone->counters.frees++;
	page_debug_given(range, pc);
	spin_unlock_irqrestore(&zone->lock, flags);
}

/** A plain block that is in nobody's cache is freed here; all else by a tail call. */
void page_free_slow(struct page *page, unsigned int order)
{
	struct page *const table = frame_table;
	if (unlikely(page < table || page_alloc_debug_flags != 0)) {
		page_free_for(page, order, PAGE_DEBUG_CALLER);
		return;
	}
	const uint64_t word = __atomic_load_n(&page->word, __ATOMIC_RELAXED);
	struct zone *zone = zone_of_word(word);
	/* One reference, no cache, nobody uses it. */
	const uint64_t looked_at = ~(PAGE_TYPE_MASK | PAGE_ZONE_MASK);
	if (unlikely((word & looked_at) !=
			     (page_word(PAGE_ALLOCATED, order, 0, 0) | 1ULL << PAGE_REF_SHIFT) ||
		     zone == NULL)) {
		page_free_for(page, order, PAGE_DEBUG_CALLER);
		return;
	}
	const uint64_t n = frame_table_first.n + (uint64_t)(page - table);
	const unsigned long flags = spin_lock_irqsave(&zone->lock);
	struct palloc *pa = zone->palloc;
	const struct palloc_ops *ops = pa->ops;
	/* All frees of such a block take the lock, so a look is enough to be the only one. */
	if (unlikely(page->word != word)) {
		spin_unlock_irqrestore(&zone->lock, flags);
		page_free_for(page, order, 0);
		return;
	}
	const uint64_t pages = 1UL << order;
	const struct pfn_range range = { { n }, { n + pages } };
	int err = likely(ops->caps & PALLOC_CAP_RECORDS) ? ops->free(pa, range) :
							   free_without_records(pa, page, range);
	if (unlikely(err != 0)) {
		unlock_and_refuse(zone, flags, page, order, word);
		return;
	}
	zone->free_pages += pages;
	zone->counters.frees++;
	spin_unlock_irqrestore(&zone->lock, flags);
}

void page_free_odd(struct page *page, const struct page_cache *c, uint64_t word)
{
	uint64_t cached = c->cached_word;
	if (word != cached) {
		/* Back to what it was, unless somebody was quicker. */
		(void)__atomic_compare_exchange_n(&page->word, &cached, word, false,
						  __ATOMIC_RELAXED, __ATOMIC_RELAXED);
	}
	page_free_for(page, c->order, PAGE_DEBUG_CALLER);
}

void free_pages(const void *addr, unsigned int order)
{
	if (addr == NULL) {
		return;
	}
	pfn_t f = phys_to_pfn(port_virt_to_phys(addr));
	if (!IS_ALIGNED((uintptr_t)addr, PAGE_SIZE) || pfn_to_zone(f) == NULL) {
		refuse_foreign(f, order);
		return;
	}
	if (page_alloc_debug_flags != 0) {
		page_free_for(pfn_to_page(f), order, PAGE_DEBUG_CALLER);
		return;
	}
	__free_pages(pfn_to_page(f), order);
}

/* ---- counting -------------------------------------------------------------------------------- */

static bool sum_refused(void *ctx, struct zone *zone)
{
	*(uint64_t *)ctx += zone->counters.refused;
	return true;
}

uint64_t page_alloc_refused_frees(void)
{
	uint64_t sum = foreign_frees;
	zone_for_each(sum_refused, &sum);
	return sum;
}

void page_free_reset(void)
{
	foreign_frees = 0;
}
