/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * debug_pagealloc: free pages are not mapped, so a use after free faults and names the page's last owner. Core decides
 * when a page is free; how it is unmapped is pagetable/'s business and registered here (design.md, section 2).
 */
#pragma once

#include "fpg/base/types.h"
#include "fpg/port/trap.h"

struct kernel_map_ops {
	/**
	 * Show or hide whole pages of the linear map. Cannot fail: 4 KiB leaves were made at boot, nothing is allocated.
	 * Hiding fences this hart; before a hidden page is shown again to another hart, remote ones are fenced.
	 * Context: any hart, interrupts off, zone lock may be held.
	 */
	void (*map_pages)(struct pfn_range frames, bool show);
};

/** Registered once, before page_alloc_init(); NULL: pages stay mapped. */
void kernel_map_ops_register(const struct kernel_map_ops *ops);

/** debug_pagealloc is in force. */
bool debug_pagealloc_enabled(void);

/** Called by the front end when a block becomes free: poison it, then hide it; and when it is handed out: show it. */
void debug_pagealloc_free(struct pfn_range frames);
void debug_pagealloc_alloc(struct pfn_range frames);

/** For fatal traps: say whose page @address (of the linear map) was, if it is a hidden one. Return: false when not. */
bool debug_pagealloc_explain(struct out *out, uint64_t address);
