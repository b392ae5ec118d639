/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * debug_pagealloc: free pages are not mapped, so a use after free faults and names the page's last owner. Core decides
 * when a page is free; how it is unmapped is pagetable/'s business and registered here (design.md, section 2).
 *
 * A page that somebody gave back is filled with a pattern before it is hidden; what changed the pattern meanwhile (a
 * device, another mapping of the page, another hart just before it saw the change) is found when the page is handed out
 * again. Memory that was never handed out is hidden, not filled.
 */
#pragma once

#include "fpg/base/compiler.h"
#include "fpg/base/out.h"
#include "fpg/base/types.h"

struct kernel_map_ops {
	/**
	 * Show or hide whole pages of the linear map. Cannot fail: 4 KiB leaves were made at boot, nothing is allocated.
	 * Hiding fences this hart; showing fences all, so that none still believes that the page is hidden.
	 * Context: any hart, interrupts off or not, zone lock may be held.
	 */
	void (*map_pages)(struct pfn_range frames, bool show);
	/** True when @f is hidden now. Context: any, also a fatal trap */
	bool (*hidden)(pfn_t f);
};

/**
 * From now on free pages are hidden. Once, before page_alloc_init() and after page_owner_init(), by
 * debug_pagealloc_init() of pagetable/. NULL: pages stay mapped (tests that start over).
 */
void kernel_map_ops_register(const struct kernel_map_ops *ops);

/** debug_pagealloc is in force. */
bool debug_pagealloc_enabled(void);

/**
 * Called by the front end when a block becomes free: fill it, then hide it; and when it is handed out: show it, and look
 * whether it is as it was left. What is not is said in the log, with the page's last owner.
 */
void debug_pagealloc_free(struct pfn_range frames);
void debug_pagealloc_alloc(struct pfn_range frames);

/** Called when memblock's free memory becomes the zones': hide it. */
void debug_pagealloc_hand_over(struct pfn_range frames);

/** Pages that had changed while they were free. */
uint64_t debug_pagealloc_changed_pages(void);

/**
 * For fatal traps: one line that says whose page @address (of the linear map) was, if it is a hidden one. Takes no lock.
 * Return: false when it is not, and nothing was printed
 */
bool debug_pagealloc_explain(struct out *out, uint64_t address);
