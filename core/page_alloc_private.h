/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the front end's files: the reserve of record pages, and freeing by range. */
#pragma once

#include "fpg/core/page_alloc.h"
#include "page_debug.h"

/**
 * Populate the records of @frames from the zone's reserve. No zone lock held. Return: 0 | -ENOMEM
 */
FPG_MUST_CHECK int zone_populate(struct zone *zone, struct pfn_range frames);

/** A palloc_populate_fn; @ctx is the zone. */
int zone_populate_fn(void *ctx, struct pfn_range frames);

/** Put a page into the zone's reserve. Return: false when it is full. */
bool frame_reserve_put(struct frame_reserve *reserve, phys_addr_t pa);

/** Fill the reserve up again when half of it is gone. No zone lock held. */
void frame_reserve_refill(struct zone *zone);

/**
 * The same for a range of any size, refilling the reserve in between. Parts may be done on failure,
 * which is harmless.
 */
FPG_MUST_CHECK int zone_populate_all(struct zone *zone, struct pfn_range frames);

/** alloc_pages_node() without checks, warnings, debug aids, zeroing and refilling. */
struct page *page_alloc_plain(int nid, gfp_t gfp, unsigned int order);

/** alloc_pages_node() and __free_pages() on behalf of @pc. */
struct page *page_alloc_for(int nid, gfp_t gfp, unsigned int order, uint64_t pc);
void page_free_for(struct page *page, unsigned int order, uint64_t pc);

/** The zone's backend, when there is one. */
static inline bool zone_has(const struct zone *zone, uint32_t caps)
{
	return zone->palloc != NULL && (zone->palloc->ops->caps & caps) == caps;
}

/** The word of a block that a caller holds. */
static inline uint64_t page_allocated_word(const struct zone *zone, unsigned int order,
					   unsigned int type)
{
	return page_word(PAGE_ALLOCATED, order, type, zone->id) | 1ULL << PAGE_REF_SHIFT;
}

/** Every record of @frames is a single page that a caller holds alone. */
bool frames_are_single_pages(const struct zone *zone, struct pfn_range frames);

/** Make each frame of an allocated range a page of its own; records are populated. */
void frames_make_single(const struct zone *zone, struct pfn_range frames, unsigned int type);

/** Give a checked range back, for @pc. Return: 0 | -EINVAL, nothing changed; counted as refused */
FPG_MUST_CHECK int zone_free_range(struct zone *zone, struct pfn_range range, uint64_t pc);

/** Name of the backend in service, for messages. */
void page_alloc_set_backend(const struct palloc_ops *ops);
const struct palloc_ops *page_alloc_backend(void);
