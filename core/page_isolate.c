/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Changing the migratetype of whole pageblocks, isolation included.
 *
 * Invariant: while any pageblock of a zone is ISOLATE, no hart's cache takes back blocks of that zone, and none holds
 * any of such a pageblock; so what is freed in an isolated pageblock stays there, and nothing is handed out of it.
 *
 * Order: first no cache takes blocks back, then the type changes, then all caches are drained. A cache that was being
 * filled from the pageblock meanwhile is either drained with the others, or finds that out and gives the run back.
 */
#include "page_cache_private.h"

#include "fpg/base/range.h"

#include <errno.h>

static uint32_t isolated_in(const struct zone *zone, struct pfn_range range)
{
	uint32_t blocks = 0;
	for (uint64_t n = range.start.n; n < range.end.n; n += PAGEBLOCK_NR_PAGES) {
		blocks += pageblock_type(&zone->pageblocks, pfn(n)) == MIGRATE_ISOLATE;
	}
	return blocks;
}

/** So many more, or, wrapping, fewer; when the count begins or ends to be 0, all harts learn it. */
static void add_isolated(struct zone *zone, uint32_t more)
{
	unsigned long flags = spin_lock_irqsave(&zone->lock);
	const uint32_t was = zone->isolated_blocks;
	zone->isolated_blocks = was + more;
	spin_unlock_irqrestore(&zone->lock, flags);
	if ((was != 0) != (was + more != 0)) {
		page_cache_reroute();
	}
}

static int retag(struct zone *zone, struct pfn_range range, enum migratetype type)
{
	struct pfn_range want;
	int err;
	do {
		unsigned long flags = spin_lock_irqsave(&zone->lock);
		struct palloc *pa = zone->palloc;
		err = zone_has(zone, PALLOC_CAP_CLASS) ? pa->ops->retag(pa, range, type) : -ENOTSUP;
		want = pa->want;
		spin_unlock_irqrestore(&zone->lock, flags);
		if (err == -EAGAIN && zone_populate_all(zone, want) != 0) {
			err = -ENOMEM;
		}
	} while (err == -EAGAIN);
	return err;
}

int zone_retag(struct zone *zone, struct pfn_range range, enum migratetype type)
{
	if (!IS_ALIGNED(range.start.n | range.end.n, PAGEBLOCK_NR_PAGES) ||
	    range.start.n >= range.end.n || range.start.n < zone->span.start.n ||
	    range.end.n > zone->span.end.n || type >= MIGRATE_TYPE_COUNT) {
		return -EINVAL;
	}
	if (!zone_has(zone, PALLOC_CAP_CLASS)) {
		return -ENOTSUP;
	}
	uint32_t blocks = (uint32_t)(pfn_range_pages(range) >> PAGEBLOCK_ORDER);
	uint32_t before = isolated_in(zone, range);
	uint32_t now = type == MIGRATE_ISOLATE ? blocks : 0;
	if (now > before) {
		add_isolated(zone, now - before);
	}
	int err = retag(zone, range, type);
	if (err != 0 && now > before) {
		add_isolated(zone, before - now);
	} else if (now > before) {
		page_cache_drain_all();
	} else if (err == 0 && now < before) {
		add_isolated(zone, now - before);
	}
	return err;
}
