/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The front end of the page allocators: zone choice, locks, records, zeroing, and the checks that
 * make a wrong free a message instead of corruption. What differs between backends ends here.
 *
 * Invariants: a block that a caller holds has a head in state PAGE_ALLOCATED with its order and a
 * reference count of at least 1, and zero records inside. The zone lock is not held while records
 * are populated.
 */
#define LOG_MODULE "page_alloc"
#include "page_alloc_private.h"
#include "zone_private.h"

#include "fpg/base/range.h"
#include "fpg/core/fail_boot.h"
#include "fpg/core/log.h"

#include <errno.h>

static const struct palloc_ops *backend;
/** Frees of frames that belong to no zone. */
static uint64_t foreign_frees;

void page_alloc_set_backend(const struct palloc_ops *ops)
{
	backend = ops;
	if (ops == NULL) {
		foreign_frees = 0;
	}
}

const struct palloc_ops *page_alloc_backend(void)
{
	return backend;
}

const char *page_alloc_backend_name(void)
{
	return backend != NULL ? backend->name : "none";
}

/* ---- allocating ------------------------------------------------------------------------------ */

/** Ask the zone's backend once. */
static struct palloc_block zone_try(struct zone *zone, const struct palloc_req *req,
				    struct pfn_range *want)
{
	struct palloc *pa = zone->palloc;
	unsigned long flags = spin_lock_irqsave(&zone->lock);
	struct palloc_block block = pa->ops->alloc(pa, req);
	if (likely(block.err == 0)) {
		zone->free_pages -= block.pages;
		zone->counters.allocs++;
	} else if (block.err == -EAGAIN) {
		*want = pa->want;
	} else {
		zone->counters.misses++;
	}
	spin_unlock_irqrestore(&zone->lock, flags);
	return block;
}

/** Undo an allocation that could not be recorded; with a backend that cannot free, the block stays out of use. */
static void zone_return(struct zone *zone, const struct palloc_block *block)
{
	struct pfn_range range = { block->start, pfn_add(block->start, block->pages) };
	if (!(zone->palloc->ops->caps & PALLOC_CAP_FREE)) {
		return;
	}
	unsigned long flags = spin_lock_irqsave(&zone->lock);
	FPG_CHECK(zone->palloc->ops->free(zone->palloc, range) == 0);
	zone->free_pages += block->pages;
	zone->counters.allocs--;
	zone->counters.misses++;
	spin_unlock_irqrestore(&zone->lock, flags);
}

/**
 * A block of @order from @zone, its head recorded as held by the caller; NULL when the zone has
 * none.
 */
static struct page *zone_alloc(struct zone *zone, unsigned int order, gfp_t gfp)
{
	enum migratetype type = gfp_migratetype(gfp);
	struct palloc_req req = {
		.pages = 1U << order,
		.align_order = (uint8_t)order,
		.type = (uint8_t)type,
		.flags = (gfp & __GFP_HIGH ? PALLOC_REQ_HIGH : 0) |
			 (gfp & __GFP_MOVABLE ? PALLOC_REQ_CMA : 0),
	};
	struct pfn_range want = { { 0 }, { 0 } };
	struct palloc_block block = zone_try(zone, &req, &want);
	while (unlikely(block.err == -EAGAIN)) {
		if (zone_populate(zone, want) != 0) {
			FPG_CHECK(!(req.flags & PALLOC_REQ_POPULATED));
			req.flags |= PALLOC_REQ_POPULATED;
		}
		block = zone_try(zone, &req, &want);
	}
	if (block.err != 0) {
		return NULL;
	}
	if (!zone_has(zone, PALLOC_CAP_RECORDS)) {
		struct pfn_range head = { block.start, pfn_add(block.start, 1) };
		if (zone_populate(zone, head) != 0) {
			zone_return(zone, &block);
			return NULL;
		}
	}
	struct page *page = pfn_to_page(block.start);
	page->word = page_allocated_word(zone, order, type);
	page->second = 0;
	return page;
}

static void clear_block(struct page *page, unsigned int order)
{
	char *at = page_address(page);
	for (unsigned long i = 0; i < 1UL << order; i++) {
		port_clear_page(at + i * PAGE_SIZE);
	}
}

static struct page *alloc_from(struct zone **list, gfp_t gfp, unsigned int order)
{
	enum zone_type highest = gfp_zone(gfp);
	int nid = (*list)->nid;
	for (; *list != NULL; list++) {
		struct zone *zone = *list;
		if (zone->type > highest || zone->palloc == NULL ||
		    order > zone->palloc->ops->max_order) {
			continue;
		}
		if ((gfp & __GFP_THISNODE) && zone->nid != nid) {
			continue;
		}
		struct page *page = zone_alloc(zone, order, gfp);
		if (likely(page != NULL)) {
			return page;
		}
	}
	return NULL;
}

/** Node @nid, or the nearest to it that has memory. */
static struct node *node_near(int nid)
{
	struct node *best = node_by_id(nid);
	if (best != NULL) {
		return best;
	}
	for (int i = 0; i < MAX_NUMNODES; i++) {
		struct node *node = node_by_id(i);
		if (node != NULL &&
		    (best == NULL || node_distance(nid, i) < node_distance(nid, best->nid))) {
			best = node;
		}
	}
	return best;
}

struct page *page_alloc_plain(int nid, gfp_t gfp, unsigned int order)
{
	bool elsewhere = ((gfp & __GFP_THISNODE) && node_by_id(nid) == NULL) ||
			 fail_boot_now("alloc_pages");
	struct node *node = elsewhere ? NULL : node_near(nid);
	return node != NULL ? alloc_from(node->zonelist, gfp, order) : NULL;
}

struct page *page_alloc_for(int nid, gfp_t gfp, unsigned int order, uint64_t pc)
{
	const char *refusal = gfp_refusal(gfp);
	if (refusal != NULL || order > MAX_PAGE_ORDER) {
		pr_warn("order %u with gfp 0x%x refused: %s", order, gfp,
			refusal != NULL ? refusal : "larger than the largest block");
		return NULL;
	}
	struct page *page = page_alloc_plain(nid, gfp, order);
	if (page == NULL) {
		if (!(gfp & __GFP_NOWARN)) {
			pr_warn("order %u with gfp 0x%x failed: %llu pages free", order, gfp,
				(unsigned long long)page_alloc_free_pages());
		}
		return NULL;
	}
	page_debug_taken_block(page, gfp, order, pc);
	frame_reserve_refill(zone_by_id(page_word_zone(page->word)));
	if (gfp & __GFP_ZERO) {
		clear_block(page, order);
	}
	return page;
}

struct page *alloc_pages_node(int nid, gfp_t gfp, unsigned int order)
{
	return page_alloc_for(nid, gfp, order, PAGE_DEBUG_CALLER);
}

struct page *alloc_pages(gfp_t gfp, unsigned int order)
{
	return page_alloc_for(0, gfp, order, PAGE_DEBUG_CALLER);
}

void *__get_free_pages(gfp_t gfp, unsigned int order)
{
	struct page *page = page_alloc_for(0, gfp, order, PAGE_DEBUG_CALLER);
	return page != NULL ? page_address(page) : NULL;
}

/* ---- freeing --------------------------------------------------------------------------------- */

/** The lock is held. */
static int free_locked(struct zone *zone, struct pfn_range range, uint64_t pc)
{
	int err = zone->palloc->ops->free(zone->palloc, range);
	if (likely(err == 0)) {
		zone->free_pages += pfn_range_pages(range);
		zone->counters.frees++;
		page_debug_given(range, pc);
	} else {
		zone->counters.refused++;
	}
	return err;
}

int zone_free_range(struct zone *zone, struct pfn_range range, uint64_t pc)
{
	unsigned long flags = spin_lock_irqsave(&zone->lock);
	int err = free_locked(zone, range, pc);
	spin_unlock_irqrestore(&zone->lock, flags);
	return err;
}

static void refuse_foreign(pfn_t f, unsigned int order)
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
	return IS_ALIGNED(f.n, 1ULL << order) ? NULL : "it is not aligned to its order";
}

/** Check and free in one go under the lock, so that of two frees of one block one is refused. */
static const char *zone_free_block(struct zone *zone, struct page *page, pfn_t f,
				   unsigned int order, uint64_t pc)
{
	unsigned long flags = spin_lock_irqsave(&zone->lock);
	uint64_t word = page->word;
	const char *why = free_fault(f, order, word);
	if (likely(why == NULL)) {
		struct pfn_range range = { f, pfn_add(f, 1ULL << order) };
		/*
		 * A backend with records of its own rewrites this one; for others nothing may be
		 * left.
		 */
		if (!zone_has(zone, PALLOC_CAP_RECORDS)) {
			page->word = 0;
		}
		if (unlikely(!zone_has(zone, PALLOC_CAP_FREE) ||
			     free_locked(zone, range, pc) != 0)) {
			page->word = word;
			why = "the backend refuses";
		}
	} else {
		zone->counters.refused++;
	}
	spin_unlock_irqrestore(&zone->lock, flags);
	return why;
}

void page_free_for(struct page *page, unsigned int order, uint64_t pc)
{
	if (page == NULL) {
		return;
	}
	pfn_t f = page_to_pfn(page);
	struct zone *zone = page >= frame_table ? pfn_to_zone(f) : NULL;
	if (unlikely(zone == NULL || zone->palloc == NULL)) {
		refuse_foreign(f, order);
		return;
	}
	const char *why = zone_free_block(zone, page, f, order, pc);
	if (unlikely(why != NULL)) {
		pr_err("free of pfn 0x%llx, order %u, refused: %s", (unsigned long long)f.n, order,
		       why);
	}
}

void __free_pages(struct page *page, unsigned int order)
{
	page_free_for(page, order, PAGE_DEBUG_CALLER);
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
	page_free_for(pfn_to_page(f), order, PAGE_DEBUG_CALLER);
}

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
