/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What happens to frames while a debug aid is in force, in the order that makes its messages right: a page is shown and
 * looked at while its record still names the last owner, and hidden when the record names who freed it. debug_pagealloc
 * fills pages and looks at them itself, so page_poison has nothing to do while it is on.
 */
#include "page_alloc_private.h"

#include "fpg/core/kernel_map_ops.h"
#include "fpg/core/page_owner.h"
#include "fpg/core/page_poison.h"
#include "page_owner_private.h"

uint32_t page_debug_on;

void page_debug_set(uint32_t aids, bool on)
{
	page_debug_on = on ? page_debug_on | aids : page_debug_on & ~aids;
	page_alloc_debug_set(PAGE_ALLOC_WATCH, page_debug_on != 0);
}

void page_debug_alloc(struct pfn_range frames, gfp_t gfp, unsigned int order, uint64_t pc)
{
	if (page_debug_on & PAGE_DEBUG_MAP) {
		debug_pagealloc_alloc(frames);
	} else if (page_debug_on & PAGE_DEBUG_POISON) {
		page_poison_taken(frames);
	}
	page_owner_alloc(frames, gfp, order, pc);
}

void page_debug_free(struct pfn_range frames, uint64_t pc)
{
	page_owner_free(frames, pc);
	if (page_debug_on & PAGE_DEBUG_MAP) {
		debug_pagealloc_free(frames);
	} else if (page_debug_on & PAGE_DEBUG_POISON) {
		page_poison_given(frames);
	}
}

void page_debug_hand_over(struct pfn_range frames)
{
	if (page_debug_on & PAGE_DEBUG_MAP) {
		debug_pagealloc_hand_over(frames);
	}
}

void page_debug_reset(void)
{
	kernel_map_ops_register(NULL);
	page_owner_forget();
	page_poison_reset();
	page_debug_set(PAGE_DEBUG_OWNER | PAGE_DEBUG_MAP | PAGE_DEBUG_POISON, false);
}
