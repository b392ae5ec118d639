/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the page allocators' front end tells the debug aids (page_owner, page_poison, debug_pagealloc) what becomes of frames: three
 * moments, each one test of a flag while they are off. All that the front end has to know is here.
 *
 * Rules for the caller: frames are "taken" before anybody touches them and with no lock held; "given" once it is sure
 * that they become free and before anybody else can get them (the zone's lock may be held). Frames in a hart's cache
 * count as free.
 */
#pragma once

#include "fpg/base/compiler.h"
#include "fpg/core/gfp.h"
#include "fpg/core/page.h"

/** What page_debug_on is made of. */
#define PAGE_DEBUG_OWNER  1U
#define PAGE_DEBUG_MAP	  2U
#define PAGE_DEBUG_POISON 4U

/** Which aids are in force; set by page_debug_set() while one hart runs, read everywhere. */
extern uint32_t page_debug_on;

/** In a public function, or one that it was left for by a tail call: who called it. */
#define PAGE_DEBUG_CALLER ((uint64_t)(uintptr_t)__builtin_return_address(0))

/** Switch PAGE_DEBUG_… on or off: while one is on, all requests and frees pass by here. Context: no lock held */
void page_debug_set(uint32_t aids, bool on);

void page_debug_alloc(struct pfn_range frames, gfp_t gfp, unsigned int order, uint64_t pc);
void page_debug_free(struct pfn_range frames, uint64_t pc);
void page_debug_hand_over(struct pfn_range frames);

/** Everything off, nothing known. For tests that start over. */
void page_debug_reset(void);

static inline bool page_debug_any(void)
{
	return (FPG_ENABLED(CONFIG_PAGE_OWNER) || FPG_ENABLED(CONFIG_PAGE_POISON)) &&
	       unlikely(page_debug_on != 0);
}

/** @frames, taken as blocks of @order, are their caller's now. */
static inline void page_debug_taken(struct pfn_range frames, gfp_t gfp, unsigned int order,
				    uint64_t pc)
{
	if (page_debug_any()) {
		page_debug_alloc(frames, gfp, order, pc);
	}
}

/** A block of one caller. */
static inline void page_debug_taken_block(const struct page *page, gfp_t gfp, unsigned int order,
					  uint64_t pc)
{
	if (page_debug_any()) {
		pfn_t f = page_to_pfn(page);
		page_debug_alloc((struct pfn_range){ f, pfn_add(f, 1ULL << order) }, gfp, order,
				 pc);
	}
}

/** @frames are free now; nobody else can have them yet. */
static inline void page_debug_given(struct pfn_range frames, uint64_t pc)
{
	if (page_debug_any()) {
		page_debug_free(frames, pc);
	}
}

/** @frames, which were memblock's, are free now. */
static inline void page_debug_handed_over(struct pfn_range frames)
{
	if (page_debug_any()) {
		page_debug_hand_over(frames);
	}
}
