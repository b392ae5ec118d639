/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Per-hart caches of free blocks of orders 0 to 3, in front of each zone whose backend keeps none itself. See
 * core/page_cache_private.h for how they work; here is what others may ask of them.
 */
#pragma once

#include "fpg/base/compiler.h"
#include "fpg/base/types.h"
#include "fpg/core/zone.h"

struct hart;

/** Orders 0 to 3. */
#define PAGE_CACHE_ORDERS 4U
/** UNMOVABLE, MOVABLE and RECLAIMABLE. */
#define PAGE_CACHE_TYPES  3U
/** Most pages that a hart holds of a zone. */
#define PAGE_CACHE_PAGES  256U

/**
 * Give a hart the empty set: all its requests take the slow path. For every hart, before it may allocate (the boot
 * hart: in hart_init()). Touches @hart's slot only.
 */
void page_cache_hart_none(struct hart *hart);

/** page_alloc_init() was called. */
bool page_cache_possible(void);

/**
 * Give the calling hart caches of its own, from the page allocator. Once, when the hart is online; a hart without
 * works, but slowly. Return: 0 (also when it has some) | -ENOMEM | -ENODEV (before page_alloc_init())
 */
FPG_MUST_CHECK int page_cache_hart_start(void);

/**
 * Give back to the backends what all harts have cached. Context: no lock held; interrupts other harts (hart_call), also
 * held ones
 */
void page_cache_drain_all(void);

/** The same while the caller holds all other harts parked: nobody is interrupted. */
void page_cache_drain_parked(void);

/** Pages in all harts' caches, of one zone or of all (@zone NULL). A moment later it may be otherwise. */
uint64_t page_cache_pages(const struct zone *zone);

/** One cache as reports show it. */
struct page_cache_info {
	uint32_t blocks;
	/** Blocks it may hold; 0 while it is not in use. */
	uint32_t limit;
	uint64_t allocs;
	uint64_t frees;
};

/** Return: false when hart @hart_index has no such cache */
bool page_cache_info(unsigned int hart_index, const struct zone *zone, enum migratetype type,
		     unsigned int order, struct page_cache_info *out);
