/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The frame table's place and its population, by way of the hook table that pagetable/ (or a test)
 * registers. Invariant: population has a lock of its own, taken with no other ranked lock held.
 */
#include "fpg/base/range.h"
#include "fpg/core/page.h"
#include "fpg/core/spinlock.h"

#include <errno.h>

struct page *frame_table;
pfn_t frame_table_first;

static const struct vmemmap_ops *vmemmap;
static struct spinlock populate_lock = SPINLOCK_INIT_RANK(LOCK_POPULATE);

void frame_table_register(const struct vmemmap_ops *ops, struct page *table, pfn_t first)
{
	FPG_CHECK(ops == NULL || (ops->populate != NULL && ops->populated != NULL));
	FPG_CHECK(IS_ALIGNED(first.n, MAX_ORDER_NR_PAGES) &&
		  IS_ALIGNED(first.n, FRAME_TABLE_CHUNK));
	vmemmap = ops;
	frame_table = table;
	frame_table_first = first;
}

bool frame_table_populated(struct pfn_range frames)
{
	return vmemmap != NULL && vmemmap->populated(frames);
}

int frame_table_populate(struct pfn_range frames, phys_addr_t (*take)(void *ctx),
			 void (*give)(void *ctx, phys_addr_t pa), void *ctx)
{
	if (vmemmap == NULL) {
		return -ENOMEM;
	}
	unsigned long flags = spin_lock_irqsave(&populate_lock);
	/* What is populated already is left alone, at no more cost than asking first. */
	int err = vmemmap->populate(frames, take, give, ctx);
	spin_unlock_irqrestore(&populate_lock, flags);
	return err;
}

void frame_table_clear(struct pfn_range frames)
{
	uint64_t n = frames.start.n;
	while (n < frames.end.n) {
		uint64_t next = ALIGN_DOWN(n, FRAME_TABLE_CHUNK) + FRAME_TABLE_CHUNK;
		next = next < frames.end.n ? next : frames.end.n;
		if (frame_populated(pfn(n))) {
			for (struct page *p = pfn_to_page(pfn(n)); n < next; n++, p++) {
				p->word = 0;
				p->second = 0;
			}
		}
		n = next;
	}
}
