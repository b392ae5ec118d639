/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Emptying the per-hart page caches. A hart touches only its own, and a handler may not take a lock: so each hart, in
 * its interrupt handler, unhooks its lists and leaves them beside the cache; whoever asked gives them to the backends.
 *
 * Several may ask at once, and one that asks may be held (harts_hold()) at any step, so no lock is kept from one end to
 * the other.
 *
 * Invariant: lists are left only by the cache's hart, interrupts off, or by who holds it; they are taken away, by one
 * exchange, with the zone's lock held. So whoever has the zone's lock finds a block in a cache, left beside it, or in
 * the backend.
 */
#include "page_cache_private.h"

#include "fpg/port/irq.h"

static inline uint32_t link_of(const struct page *page)
{
	return page != &page_cache_end ? (uint32_t)(page - frame_table) + 1 : 0;
}

static inline struct page *page_at(uint32_t link)
{
	return link != 0 ? &frame_table[link - 1] : (struct page *)(uintptr_t)&page_cache_end;
}

/** Leave @c's list beside it, before what somebody has not taken away yet. */
static void leave(struct page_cache *c)
{
	struct page *list = c->head;
	struct page *last = list;
	uint32_t before = __atomic_load_n(&c->given, __ATOMIC_RELAXED);
	if (list == &page_cache_end) {
		return;
	}
	__atomic_fetch_add(&page_caches_given, 1, __ATOMIC_RELAXED);
	while (before != 0 && last->next_cached != &page_cache_end) {
		last = last->next_cached;
	}
	if (before != 0) {
		last->next_cached = page_at(before);
	}
	/* Meanwhile it can only have become 0. */
	while (!__atomic_compare_exchange_n(&c->given, &before, link_of(list), false,
					    __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
		last->next_cached = page_at(before);
	}
	if (before != 0) {
		/* One list with what was there. */
		__atomic_fetch_sub(&page_caches_given, 1, __ATOMIC_RELAXED);
	}
	c->head = page_at(0);
}

/** Interrupts are off, or the caches' hart is held. */
static void give_up(struct page_caches *caches)
{
	uint32_t active = 0;
	for (uint32_t i = PAGE_CACHE_FIRST; i < caches->count; i++) {
		struct page_cache *c = &caches->cache[i];
		c->moved -= page_cache_blocks(c);
		leave(c);
		*page_cache_left(caches, c->zone) += (uint16_t)(c->limit << c->order);
		active += c->limit != 0;
		page_cache_set(c, 0, 0);
	}
	__atomic_fetch_sub(&page_caches_active, active, __ATOMIC_RELAXED);
}

static void give_up_here(void *arg)
{
	(void)arg;
	struct page_caches *caches = this_page_caches();
	if (caches->left != NULL) {
		give_up(caches);
	}
}

/** What was left beside @c goes to the backend. */
static void take_given(struct page_cache *c)
{
	unsigned long flags = spin_lock_irqsave(&c->zone->lock);
	struct page *list = page_at(__atomic_exchange_n(&c->given, 0, __ATOMIC_ACQUIRE));
	uint32_t blocks = 0;
	for (const struct page *page = list; page != &page_cache_end; page = page->next_cached) {
		blocks++;
	}
	if (blocks != 0) {
		page_cache_give_back(c, &list, blocks);
		__atomic_fetch_sub(&page_caches_given, 1, __ATOMIC_RELAXED);
	}
	spin_unlock_irqrestore(&c->zone->lock, flags);
}

/** The next hart that has caches of its own, from *@i on; NULL: there is none. */
static struct page_caches *next_caches(unsigned int *i)
{
	while (*i < PORT_MAX_HARTS) {
		struct hart *hart = hart_by_index((*i)++);
		if (hart == NULL) {
			break;
		}
		struct page_caches *caches = page_caches_in(hart);
		if (caches->left != NULL) {
			return caches;
		}
	}
	return NULL;
}

#define for_each_caches(i, caches) for ((i) = 0; ((caches) = next_caches(&(i))) != NULL;)

static void take_all_given(void)
{
	struct page_caches *caches;
	unsigned int i;
	for_each_caches(i, caches)
	{
		for (uint32_t k = PAGE_CACHE_FIRST; k < caches->count; k++) {
			if (__atomic_load_n(&caches->cache[k].given, __ATOMIC_RELAXED) != 0) {
				take_given(&caches->cache[k]);
			}
		}
	}
}

void page_cache_drain_all(void)
{
	if (page_cache_count != 0) {
		hart_call(harts_online(), give_up_here, NULL);
		take_all_given();
	}
}

void page_cache_drain_parked(void)
{
	struct page_caches *caches;
	unsigned int i;
	if (page_cache_count == 0) {
		return;
	}
	unsigned long irq = port_irq_save();
	for_each_caches(i, caches)
	{
		give_up(caches);
	}
	port_irq_restore(irq);
	take_all_given();
}

static void route_here(void *arg)
{
	(void)arg;
	page_caches_route(this_page_caches());
}

void page_cache_reroute_parked(void)
{
	struct page_caches *caches;
	unsigned int i;
	unsigned long irq = port_irq_save();
	for_each_caches(i, caches)
	{
		page_caches_route(caches);
	}
	port_irq_restore(irq);
}

void page_cache_reroute(void)
{
	if (page_cache_count != 0) {
		hart_call(harts_online(), route_here, NULL);
		page_cache_drain_all();
	}
}

/* ---- seeing ---------------------------------------------------------------------------------- */

bool page_cache_holds(const struct zone *zone)
{
	struct page_caches *caches;
	unsigned int i;
	for_each_caches(i, caches)
	{
		for (uint32_t k = 0; k < PAGE_CACHE_GROUP && zone->cache_base != 0; k++) {
			const struct page_cache *c = &caches->cache[zone->cache_base + k];
			if (page_cache_blocks(c) != 0 || c->given != 0) {
				return true;
			}
		}
	}
	return false;
}

uint64_t page_cache_pages(const struct zone *zone)
{
	struct page_caches *caches;
	unsigned int i;
	uint64_t pages = 0;
	for_each_caches(i, caches)
	{
		for (uint32_t k = PAGE_CACHE_FIRST; k < caches->count; k++) {
			const struct page_cache *c = &caches->cache[k];
			if (zone == NULL || c->zone == zone) {
				pages += (uint64_t)page_cache_blocks(c) << c->order;
			}
		}
	}
	return pages;
}

bool page_cache_info(unsigned int index, const struct zone *zone, enum migratetype type,
		     unsigned int order, struct page_cache_info *out)
{
	struct hart *hart = hart_by_index(index);
	if (hart == NULL || page_caches_in(hart)->left == NULL || zone->cache_base == 0 ||
	    type >= PAGE_CACHE_TYPES || order >= PAGE_CACHE_ORDERS) {
		return false;
	}
	const struct page_cache *c = page_cache_of(page_caches_in(hart), zone, type, order);
	*out = (struct page_cache_info){
		.blocks = page_cache_blocks(c),
		.limit = c->limit,
		.allocs = page_cache_allocs(c),
	};
	out->frees = out->blocks + out->allocs - c->moved;
	return true;
}

void zone_counters_read(const struct zone *zone, struct zone_counters *out)
{
	struct page_caches *caches;
	unsigned int i;
	*out = zone->counters;
	for_each_caches(i, caches)
	{
		for (uint32_t k = 0; k < PAGE_CACHE_GROUP && zone->cache_base != 0; k++) {
			const struct page_cache *c = &caches->cache[zone->cache_base + k];
			out->allocs += page_cache_allocs(c);
			out->frees += page_cache_blocks(c) + page_cache_allocs(c) - c->moved;
		}
	}
}
