/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Instances of a backend that is to take over, and their metadata: where it comes from and goes back to. A zone has room
 * for two instances; the spare one has metadata only between palloc_spare_make() and palloc_spare_drop().
 */
#include "page_alloc_private.h"
#include "palloc_switch_private.h"

#include "fpg/base/bits.h"
#include "fpg/base/range.h"
#include "fpg/core/bootmem.h"
#include "fpg/core/hart.h"
#include "fpg/core/memblock.h"
#include "fpg/core/palloc_handover.h"

#include <errno.h>
#include <string.h>

/** Room for runs that memory given back late may add: each split makes one, and so does the page it leaves half used. */
#define SPARE_RUNS (2U * MEMBLOCK_LATE_SPLITS)

static const struct palloc_meta_ops *meta_ops;

void palloc_meta_register(const struct palloc_meta_ops *ops)
{
	FPG_CHECK(ops == NULL || (ops->take != NULL && ops->give != NULL));
	meta_ops = ops;
}

/* ---- memory ---------------------------------------------------------------------------------- */

/** As long as there is no better: contiguous pages, single ones to everybody else. */
static void *take_pages(int nid, size_t bytes)
{
	char *meta = __alloc_bootmem_node_nopanic(nid, bytes, PAGE_SIZE, BOOTMEM_LOW_LIMIT);
	if (meta == NULL) {
		meta = alloc_pages_exact(bytes, GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN);
	}
	for (size_t i = 0; meta != NULL && i < bytes; i += PAGE_SIZE) {
		virt_to_page(meta + i)->owner = PAGE_OWNER_META;
	}
	return meta;
}

/** @bytes: whole pages */
static void take_meta(struct palloc *pa, size_t bytes)
{
	pa->meta_bytes = bytes;
	pa->meta_source = meta_ops != NULL ? PALLOC_META_MAPPED : PALLOC_META_PAGES;
	pa->meta = meta_ops != NULL ? meta_ops->take(bytes) : take_pages(pa->nid, bytes);
}

static void give_meta(const struct palloc *pa)
{
	const size_t bytes = ALIGN_UP(pa->meta_bytes, PAGE_SIZE);
	switch (pa->meta_source) {
	case PALLOC_META_MEMBLOCK:
		memblock_free_late(port_virt_to_phys(pa->meta), bytes);
		break;
	case PALLOC_META_PAGES:
		free_pages_exact(pa->meta, bytes);
		break;
	default:
		FPG_CHECK(pa->meta_source == PALLOC_META_MAPPED && meta_ops != NULL);
		meta_ops->give(pa->meta);
		break;
	}
}

/* ---- instances ------------------------------------------------------------------------------- */

int palloc_empty(struct palloc *pa)
{
	memset(pa->meta, 0, pa->meta_bytes);
	pa->state = PALLOC_EMPTY;
	return pa->ops->init(pa, pa->meta, pa->meta_bytes);
}

static uint32_t managed_runs(struct zone *zone)
{
	unsigned long flags = spin_lock_irqsave(&zone->lock);
	uint32_t runs = palloc_managed_runs(zone->palloc);
	spin_unlock_irqrestore(&zone->lock, flags);
	return runs;
}

int palloc_spare_make(struct zone *zone, const struct palloc_ops *ops)
{
	const struct palloc_geometry geometry = {
		.span = zone->span,
		.harts = bit_highest(harts_online()) + 1,
		.max_runs = managed_runs(zone) + SPARE_RUNS,
	};
	struct palloc *pa = palloc_spare(zone);
	/* One by one: who looked at it when it served may look once more, and finds some backend. */
	pa->ops = ops;
	pa->span = zone->span;
	pa->nid = zone->nid;
	pa->zone_id = zone->id;
	pa->state = PALLOC_EMPTY;
	pa->pageblocks = &zone->pageblocks;
	take_meta(pa, ALIGN_UP(ops->meta_bytes(&geometry), PAGE_SIZE));
	if (pa->meta == NULL) {
		return -ENOMEM;
	}
	int err = ops->init(pa, pa->meta, pa->meta_bytes);
	if (err != 0) {
		palloc_spare_drop(zone);
	}
	return err;
}

void palloc_spare_drop(struct zone *zone)
{
	struct palloc *pa = palloc_spare(zone);
	if (pa->meta != NULL) {
		FPG_CHECK(pa->state != PALLOC_LIVE);
		give_meta(pa);
		pa->meta = NULL;
		pa->priv = NULL;
		pa->state = PALLOC_EMPTY;
	}
}
