/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Making the per-hart page caches: which zones have any, their numbers, each hart's set, and the routes from gfp flags
 * to them. A hart that has no set of its own shares one in which everything takes the slow path.
 *
 * Invariants: numbers never change while zones live, so records stay right across a change of backend; a shared empty
 * set is as long as a real one, because any hart may be asked to free what another allocated.
 */
#define LOG_MODULE "page_alloc"
#include "page_cache_private.h"
#include "zone_private.h"

#include "fpg/base/range.h"
#include "fpg/core/log.h"
#include "fpg/core/memblock.h"
#include "fpg/port/irq.h"

#include <errno.h>
#include <string.h>

/** No record is like this: its state does not exist. */
#define NO_WORD	 UINT64_MAX
/** No order is. */
#define NO_ORDER UINT8_MAX

uint32_t page_cache_count;
uint32_t page_caches_active;
uint32_t page_caches_given;
uint32_t page_alloc_debug_flags;

/** Before there are zones; fast[] leads to cache[0..3], which refuse. */
static FPG_ALIGNED(64) unsigned char early_none[sizeof(struct page_caches) +
						PAGE_CACHE_FIRST * sizeof(struct page_cache)];
static struct page_caches *none;

static struct page *list_end(void)
{
	return (struct page *)(uintptr_t)&page_cache_end;
}

static void make_refusing(struct page_caches *caches, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		caches->cache[i] = (struct page_cache){
			.head = list_end(),
			.tally = PAGE_CACHE_FULL,
			.cached_word = NO_WORD,
			.used_word = NO_WORD,
			.free_word = NO_WORD,
			.order = NO_ORDER,
		};
	}
	for (size_t i = 0; i < ARRAY_SIZE(caches->fast); i++) {
		caches->fast[i] = &caches->cache[0];
	}
	caches->count = count;
	caches->left = NULL;
	caches->node = NULL;
}

static struct page_caches *empty_set(void)
{
	if (none == NULL) {
		none = (struct page_caches *)(void *)early_none;
		make_refusing(none, PAGE_CACHE_FIRST);
		/* Every page is below: no record is looked at. */
		none->table = (const struct page *)UINTPTR_MAX;
	}
	return none;
}

void page_cache_hart_none(struct hart *hart)
{
	hart->slot[HART_SLOT_PAGE_CACHE] = empty_set()->cache;
}

/* ---- a hart's set ---------------------------------------------------------------------------- */

static uint32_t groups(void)
{
	return (page_cache_count - PAGE_CACHE_FIRST) / PAGE_CACHE_GROUP;
}

size_t page_caches_bytes(void)
{
	size_t bytes = sizeof(struct page_caches) + page_cache_count * sizeof(struct page_cache);
	return ALIGN_UP(bytes + groups() * sizeof(uint16_t), 64);
}

static void make_group(struct page_caches *caches, struct zone *zone)
{
	for (unsigned int type = 0; type < PAGE_CACHE_TYPES; type++) {
		for (unsigned int order = 0; order < PAGE_CACHE_ORDERS; order++) {
			struct page_cache *c = page_cache_of(caches, zone, type, order);
			uint64_t index = (uint64_t)(c - caches->cache) << PAGE_CACHE_SHIFT;
			*c = (struct page_cache){
				.head = list_end(),
				.tally = PAGE_CACHE_FULL,
				.cached_word = page_word(PAGE_CACHED, order, type, zone->id) |
					       index,
				.used_word = page_allocated_word(zone, order, type) | index,
				.zone = zone,
				.order = (uint8_t)order,
				.type = (uint8_t)type,
			};
		}
	}
	*page_cache_left(caches, zone) = PAGE_CACHE_PAGES;
}

static bool make_zone(void *ctx, struct zone *zone)
{
	if (zone->cache_base != 0) {
		make_group(ctx, zone);
	}
	return true;
}

void page_caches_make(struct page_caches *caches, int nid)
{
	make_refusing(caches, page_cache_count);
	caches->table = frame_table;
	caches->left = (uint16_t *)(void *)&caches->cache[page_cache_count];
	/* A hart that no node is said for belongs to node 0. */
	caches->node = node_by_id(nid >= 0 ? nid : 0);
	zone_for_each(make_zone, caches);
	page_caches_route(caches);
}

/* ---- routes ---------------------------------------------------------------------------------- */

/** The first zone that @place allows; NULL when it has no caches, or flags contradict each other. */
static const struct zone *first_zone(const struct page_caches *caches, gfp_t place)
{
	enum zone_type highest = gfp_zone(place);
	if (caches->node == NULL || highest == MAX_NR_ZONES) {
		return NULL;
	}
	for (struct zone **z = caches->node->zonelist; *z != NULL; z++) {
		if ((*z)->type <= highest) {
			bool elsewhere = (*z)->nid != caches->node->nid;
			return (place & __GFP_THISNODE) && elsewhere ? NULL : *z;
		}
	}
	return NULL;
}

void page_caches_route(struct page_caches *caches)
{
	const bool debug = page_alloc_debug_flags != 0;
	if (caches->left == NULL) {
		return;
	}
	for (gfp_t place = 0; place < ARRAY_SIZE(caches->fast); place++) {
		const struct zone *zone = debug ? NULL : first_zone(caches, place);
		bool has = zone != NULL && zone->cached;
		caches->fast[place] = has ? page_cache_of(caches, zone, gfp_migratetype(place), 0) :
					    &caches->cache[0];
	}
	for (uint32_t i = PAGE_CACHE_FIRST; i < caches->count; i++) {
		struct page_cache *c = &caches->cache[i];
		bool taken_back = !debug && c->zone->cached && c->zone->isolated_blocks == 0;
		c->free_word = taken_back ? c->used_word : NO_WORD;
	}
}

/* ---- all harts ------------------------------------------------------------------------------- */

bool page_cache_zone_set(struct zone *zone)
{
	bool was = zone->cached;
	zone->cached = zone->cache_base != 0 && zone_has(zone, PALLOC_CAP_FREE) &&
		       !zone_has(zone, PALLOC_CAP_HART);
	return zone->cached != was;
}

/** Whatever serves now: another backend may want caches. */
static bool number_zone(void *ctx, struct zone *zone)
{
	uint32_t *next = ctx;
	zone->cache_base = 0;
	if (*next + PAGE_CACHE_GROUP <= 1U << (64 - PAGE_CACHE_SHIFT)) {
		zone->cache_base = *next;
		*next += PAGE_CACHE_GROUP;
	}
	page_cache_zone_set(zone);
	return true;
}

static struct page_caches *boot_set(int nid)
{
	return memblock_alloc_owned(page_caches_bytes(), 64, MEMBLOCK_LOW_LIMIT,
				    MEMBLOCK_ALLOC_ACCESSIBLE, nid,
				    mem_owner(OWNER_HART, RULE_ALLOC, -1));
}

int page_cache_init(void)
{
	uint32_t count = PAGE_CACHE_FIRST;
	int nid = this_hart()->nid;
	zone_for_each(number_zone, &count);
	page_cache_count = count;
	struct page_caches *empty = boot_set(NUMA_NO_NODE);
	struct page_caches *own = boot_set(nid >= 0 ? nid : NUMA_NO_NODE);
	if (empty == NULL || own == NULL) {
		page_cache_count = 0;
		pr_err("no memory for the page caches of this hart");
		return -ENOMEM;
	}
	make_refusing(empty, count);
	empty->table = frame_table;
	none = empty;
	for (unsigned int i = 0; i < PORT_MAX_HARTS && hart_by_index(i) != NULL; i++) {
		page_cache_hart_none(hart_by_index(i));
	}
	page_caches_make(own, nid);
	this_hart()->slot[HART_SLOT_PAGE_CACHE] = own->cache;
	return 0;
}

bool page_cache_possible(void)
{
	return page_cache_count != 0;
}

int page_cache_hart_start(void)
{
	struct hart *hart = this_hart();
	if (page_cache_count == 0) {
		return -ENODEV;
	}
	if (page_caches_in(hart)->left != NULL) {
		return 0;
	}
	struct page_caches *caches =
		alloc_pages_exact(page_caches_bytes(), GFP_KERNEL | __GFP_ZERO);
	if (caches == NULL) {
		return -ENOMEM;
	}
	page_caches_make(caches, hart->nid);
	unsigned long irq = port_irq_save_hot();
	hart->slot[HART_SLOT_PAGE_CACHE] = caches->cache;
	/* Once more: something may have been rerouted meanwhile. */
	page_caches_route(caches);
	port_irq_restore_hot(irq);
	return 0;
}

void page_cache_reset(void)
{
	none = NULL;
	page_cache_count = 0;
	page_caches_active = 0;
	page_caches_given = 0;
	page_alloc_debug_flags = 0;
	for (unsigned int i = 0; i < PORT_MAX_HARTS && hart_by_index(i) != NULL; i++) {
		page_cache_hart_none(hart_by_index(i));
	}
}

void page_alloc_debug_set(uint32_t flags, bool on)
{
	if ((page_alloc_debug_flags & flags) == (on ? flags : 0)) {
		return;
	}
	if (on) {
		__atomic_fetch_or(&page_alloc_debug_flags, flags, __ATOMIC_RELAXED);
	} else {
		__atomic_fetch_and(&page_alloc_debug_flags, ~flags, __ATOMIC_RELAXED);
	}
	page_cache_reroute();
}
