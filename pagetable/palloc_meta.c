/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Metadata for a page allocator that takes over while the machine runs: single pages side by side in the vmalloc window,
 * so that no block of its size has to be free.
 */
#include "palloc_meta.h"
#include "fpg/base/range.h"
#include "fpg/core/palloc_switch.h"
#include "fpg/pagetable/kernel_map.h"
#include "fpg/pagetable/vmalloc.h"

static void mark(const char *meta, size_t bytes)
{
	for (size_t i = 0; i < bytes; i += PAGE_SIZE) {
		struct pt_walk walk;
		unsigned long flags = kernel_pt_lock();
		int err = pt_walk(kernel_pt(), vaddr_of(meta + i), &walk);
		kernel_pt_unlock(flags);
		FPG_CHECK(err == 0 && walk.mapped);
		pfn_to_page(phys_to_pfn(walk.phys))->owner = PAGE_OWNER_META;
	}
}

static void *take(size_t bytes)
{
	char *meta = __vmalloc(bytes, GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN);
	if (meta != NULL) {
		mark(meta, bytes);
	}
	return meta;
}

static const struct palloc_meta_ops ops = { .take = take, .give = vfree };

void palloc_meta_start(void)
{
	palloc_meta_register(&ops);
}
