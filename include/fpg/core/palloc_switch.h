/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Another page allocator takes over, at boot or under load: its metadata first, with everybody running; then the other
 * harts are held, every zone's memory is handed over and counted, and they go on. Nobody's request fails because of it,
 * and what was allocated before is freed through the new one. All zones change, or none does.
 */
#pragma once

#include "fpg/base/compiler.h"
#include "fpg/base/types.h"

struct palloc_switch_report {
	/** Who served before the call, and who after it when it succeeds. */
	const char *from;
	const char *to;
	/** That one serves already: nothing was done. */
	bool same;
	uint32_t zones;
	/** What changed hands: pages, and runs of one state. */
	uint64_t free_pages;
	uint64_t used_pages;
	uint64_t runs;
	/** The new metadata. */
	uint64_t meta_bytes;
	/** Instructions that this hart retired from the moment the others stood still until they went on; of all tries. */
	uint64_t pause_instructions;
	/** How often the others were held: more than once when records were missing. */
	uint32_t tries;
	/** On failure, for people. */
	char why[200];
};

/**
 * Let the backend called @name serve.
 *
 * @report  out, filled on every return
 * Context: any hart, not in a handler; no lock held; may not hold the other harts
 * Return:  0 (also when it serves already) | -ENODEV (before page_alloc_init()) | -ENOENT (no such backend) | -ENOTSUP
 *          (it can never take over) | -EBUSY (another switch is under way, pageblocks have types that it cannot
 *          keep apart, or a page that a CMA area lent cannot be moved) | -ENOMEM (metadata, records, or no memory to
 *          move what CMA areas lent to); except for 0 everything is as before, and @report->why says why
 * Source:  rules.md, Live switch
 */
FPG_MUST_CHECK int palloc_switch(const char *name, struct palloc_switch_report *report);

/* ---- where metadata comes from ---------------------------------------------------------------- */

/**
 * Memory that is contiguous in addresses only. Implemented by pagetable/, registered once there is a vmalloc window;
 * until then metadata is contiguous pages, from the backend that serves.
 */
struct palloc_meta_ops {
	/**
	 * Zeroed, whole pages, each with page.owner == PAGE_OWNER_META, for every hart to use. No lock held.
	 * Return: NULL when there is no memory
	 */
	void *(*take)(size_t bytes);
	void (*give)(const void *meta);
};

/** @ops NULL: there is none any more. */
void palloc_meta_register(const struct palloc_meta_ops *ops);
