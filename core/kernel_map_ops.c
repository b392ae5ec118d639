/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * debug_pagealloc's part above the machine: when pages are hidden, and what is said when a hidden page is touched. Who hides pages is registered (see the header); which pages hold the pattern is known from
 * their owner's record: those that somebody gave back.
 */
#define LOG_MODULE "debug_pagealloc"
#include "fpg/core/kernel_map_ops.h"

#include "page_debug.h"

#include "fpg/base/assert.h"
#include "fpg/core/log.h"
#include "fpg/core/page_owner.h"
#include "fpg/core/page_poison.h"
#include "fpg/core/zone.h"
#include "fpg/port/port.h"

static const struct kernel_map_ops *ops;
static uint64_t changed_pages;

void kernel_map_ops_register(const struct kernel_map_ops *new_ops)
{
	FPG_CHECK(new_ops == NULL || (new_ops->map_pages != NULL && new_ops->hidden != NULL));
	ops = new_ops;
	changed_pages = 0;
	page_debug_set(PAGE_DEBUG_MAP, ops != NULL);
}

bool debug_pagealloc_enabled(void)
{
	return ops != NULL;
}

uint64_t debug_pagealloc_changed_pages(void)
{
	return __atomic_load_n(&changed_pages, __ATOMIC_RELAXED);
}

/* ---- freeing --------------------------------------------------------------------------------- */

void debug_pagealloc_free(struct pfn_range frames)
{
	page_poison_fill(frames);
	ops->map_pages(frames, false);
}

void debug_pagealloc_hand_over(struct pfn_range frames)
{
	ops->map_pages(frames, false);
}

/* ---- handing out ----------------------------------------------------------------------------- */

void debug_pagealloc_alloc(struct pfn_range frames)
{
	ops->map_pages(frames, true);
	for (; frames.start.n < frames.end.n; frames.start.n++) {
		const struct page_owner *last = page_owner_of(frames.start);
		if (last == NULL || last->live || last->free_pc == 0) {
			continue;
		}
		if (unlikely(!page_poison_check(frames.start))) {
			__atomic_fetch_add(&changed_pages, 1, __ATOMIC_RELAXED);
		}
	}
}

/* ---- explaining ------------------------------------------------------------------------------ */

bool debug_pagealloc_explain(struct out *out, uint64_t address)
{
	if (ops == NULL) {
		return false;
	}
	pfn_t f = phys_to_pfn(address - port_linear_offset);
	if (pfn_to_zone(f) == NULL || !ops->hidden(f)) {
		return false;
	}
	out_printf(out, "debug_pagealloc: 0x%llx lies in a free page, pfn 0x%llx: ",
		   (unsigned long long)address, (unsigned long long)f.n);
	page_owner_print(out, f);
	out_puts(out, "\n");
	return true;
}
