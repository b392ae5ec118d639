/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the files of CMA: an area, and what is done to it with its zone's lock held. */
#pragma once

#include "fpg/core/cma.h"
#include "movable_private.h"
#include "page_alloc_private.h"

struct cma {
	struct cma *next;
	char name[CMA_MAX_NAME];
	struct pfn_range range;
	unsigned int order_per_bit;
	/** Node of the device tree, or -1. */
	int32_t node;
	/** NULL until cma_activate(), and for an area that cannot be used. */
	struct zone *zone;
	/** The overlay's instance; guarded by the zone's lock, like all that follows but the counters. */
	struct palloc pa;
	/** Free frames are the zone's, of type MIGRATE_CMA; else all frames are the area's. */
	bool lent;
	bool guaranteed;
	/** Pages that are given out, or marked to be. */
	uint64_t given;
	/** Guaranteed: frames that cma_borrow() gave, and where it looks next. */
	uint64_t borrowed;
	uint64_t borrow_next;
	/** Atomic. */
	uint64_t allocs;
	uint64_t failures;
	uint64_t releases;
	uint64_t pages_moved;
	uint64_t pages_discarded;
};

extern struct cma *cma_list;
extern struct cma *cma_default_area;

/** Set in cma_gate while the page allocator is changed; the rest counts who allocates, releases or looks. Atomic. */
#define CMA_GATE_SHUT 0x80000000U
extern uint32_t cma_gate;
/** The gate was shut: step back, wait, and step in. */
void cma_enter_wait(void);

/**
 * From here to cma_leave() areas stay lent or carve-outs, and the same page allocator serves their zones. Waits while a
 * change is under way. No lock held: who shuts the gate waits for movable owners, who may want it.
 */
static inline void cma_enter(void)
{
	movable_expect_outside("cma_alloc(), cma_release() or cma_why()");
	if (unlikely(__atomic_fetch_add(&cma_gate, 1, __ATOMIC_ACQUIRE) & CMA_GATE_SHUT)) {
		cma_enter_wait();
	}
}

static inline void cma_leave(void)
{
	__atomic_fetch_sub(&cma_gate, 1, __ATOMIC_RELEASE);
}

static inline const struct palloc_overlay_ops *cma_overlay(const struct cma *cma)
{
	return cma->pa.ops->overlay;
}

static inline void cma_count(uint64_t *counter, uint64_t by)
{
	__atomic_fetch_add(counter, by, __ATOMIC_RELAXED);
}

/** Take the zone's lock; the overlay stands over the zone's allocator of the moment. */
static inline FPG_MUST_CHECK unsigned long cma_lock(struct cma *cma)
{
	unsigned long flags = spin_lock_irqsave(&cma->zone->lock);
	cma->pa.parent = cma->lent ? cma->zone->palloc : NULL;
	return flags;
}

static inline void cma_unlock(struct cma *cma, unsigned long flags)
{
	spin_unlock_irqrestore(&cma->zone->lock, flags);
}

/** What a page allocator must be able to do for areas to be lent over it. */
#define CMA_LENDER_CAPS (PALLOC_CAP_CLAIM | PALLOC_CAP_CLASS | PALLOC_CAP_FREE | PALLOC_CAP_SUBFREE)

/** The zone's allocator can lend. */
static inline bool cma_zone_lends(const struct zone *zone)
{
	return zone_has(zone, CMA_LENDER_CAPS);
}

/** All frames of @range are single pages of the area with one reference. */
bool cma_are_single(const struct cma *cma, struct pfn_range frames);

/** As many frames as @pages are given out for: whole granules. */
static inline uint64_t cma_round(const struct cma *cma, uint64_t pages)
{
	const uint64_t granule = 1ULL << cma->order_per_bit;
	return (pages + granule - 1) & ~(granule - 1);
}

/** Make an area of memory that is reserved and was checked. Return: 0 | -ENOMEM, logged */
FPG_MUST_CHECK int cma_make(struct phys_range range, unsigned int order_per_bit, const char *name,
			    int32_t node, struct cma **out);

/** Why memory that is reserved cannot be an area; NULL: it can. */
const char *cma_range_fault(struct phys_range range, unsigned int order_per_bit);

/** The request as the overlay wants it. */
static inline struct palloc_req cma_request(unsigned long count, unsigned int align)
{
	return (struct palloc_req){ .pages = (uint32_t)count,
				    .align_order = (uint8_t)align,
				    .type = MIGRATE_CMA };
}

/** cma_alloc() where free frames alone do not do: by moving. Return: 0 with *@out | negative errno, @report filled */
FPG_MUST_CHECK int cma_alloc_moving(struct cma *cma, const struct palloc_req *req,
				    struct cma_report *report, struct pfn_range *out);

/** Look at the area: the cheapest window, or what is in the way everywhere. Return: report->err */
int cma_look(struct cma *cma, const struct palloc_req *req, const struct pfn_range *known,
	     unsigned int known_count, struct palloc_window *window, struct cma_report *report);
