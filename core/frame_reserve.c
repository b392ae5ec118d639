/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each zone keeps a few pages to back records that are written for the first time, because
 * population happens in the middle of an allocation. The pages are taken out under a lock of their
 * own and put back in afterwards, by ordinary allocations with no lock held; they come from zones
 * that hold unmovable memory.
 */
#include "page_alloc_private.h"

#include "fpg/base/range.h"
#include "fpg/core/fail_boot.h"

#include <errno.h>

bool frame_reserve_put(struct frame_reserve *reserve, phys_addr_t pa)
{
	unsigned long flags = spin_lock_irqsave(&reserve->lock);
	bool room = reserve->count + reserve->out < FRAME_RESERVE_PAGES;
	if (room) {
		reserve->pages[reserve->count++] = pa;
	}
	spin_unlock_irqrestore(&reserve->lock, flags);
	return room;
}

/** One population. */
struct taking {
	struct frame_reserve *reserve;
	/** Taken and not given back. */
	uint32_t pages;
};

static phys_addr_t reserve_take(void *ctx)
{
	struct taking *taking = ctx;
	struct frame_reserve *reserve = taking->reserve;
	phys_addr_t pa = 0;
	if (fail_boot_now("frame_table_populate: a page for records")) {
		return 0;
	}
	unsigned long flags = spin_lock_irqsave(&reserve->lock);
	if (reserve->count != 0) {
		pa = reserve->pages[--reserve->count];
		reserve->used++;
		reserve->out++;
		taking->pages++;
	}
	spin_unlock_irqrestore(&reserve->lock, flags);
	return pa;
}

static void reserve_give(void *ctx, phys_addr_t pa)
{
	struct taking *taking = ctx;
	struct frame_reserve *reserve = taking->reserve;
	unsigned long flags = spin_lock_irqsave(&reserve->lock);
	FPG_CHECK(taking->pages != 0);
	taking->pages--;
	reserve->out--;
	reserve->used--;
	reserve->pages[reserve->count++] = pa;
	spin_unlock_irqrestore(&reserve->lock, flags);
}

int zone_populate(struct zone *zone, struct pfn_range frames)
{
	struct taking taking = { &zone->reserve, 0 };
	int err = frame_table_populate(frames, reserve_take, reserve_give, &taking);
	if (taking.pages != 0) {
		unsigned long flags = spin_lock_irqsave(&zone->reserve.lock);
		zone->reserve.out -= taking.pages;
		spin_unlock_irqrestore(&zone->reserve.lock, flags);
	}
	return err;
}

int zone_populate_fn(void *ctx, struct pfn_range frames)
{
	return zone_populate(ctx, frames);
}

int zone_populate_all(struct zone *zone, struct pfn_range frames)
{
	uint64_t n = frames.start.n;
	while (n < frames.end.n) {
		uint64_t next = ALIGN_DOWN(n, FRAME_TABLE_CHUNK) + FRAME_TABLE_CHUNK;
		struct pfn_range part = { pfn(n), pfn(next < frames.end.n ? next : frames.end.n) };
		int err = zone_populate(zone, part);
		if (err != 0) {
			return err;
		}
		frame_reserve_refill(zone);
		n = next;
	}
	return 0;
}

void frame_reserve_refill_now(struct zone *zone)
{
	struct frame_reserve *reserve = &zone->reserve;
	if (reserve->count * 2 > reserve->goal ||
	    __atomic_exchange_n(&reserve->busy, 1, __ATOMIC_ACQUIRE) != 0) {
		return;
	}
	while (reserve->count < reserve->goal) {
		struct page *page = page_alloc_plain(zone->nid, GFP_NOWAIT | __GFP_NOWARN, 0);
		if (page == NULL) {
			break;
		}
		page_debug_taken_block(page, GFP_NOWAIT, 0, PAGE_DEBUG_CALLER);
		page->word |= PAGE_F_TABLE;
		if (!frame_reserve_put(reserve, page_to_phys(page))) {
			page->word &= ~PAGE_F_TABLE;
			__free_page(page);
			break;
		}
	}
	__atomic_store_n(&reserve->busy, 0, __ATOMIC_RELEASE);
}
