/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who allocated a page, who freed it, when and on which hart: a side array that exists only when asked for (bootarg
 * page_owner, or debug_pagealloc). Without it reports say "page_owner off".
 */
#pragma once

#include "fpg/base/out.h"
#include "fpg/base/types.h"
#include "fpg/core/gfp.h"

struct page_owner {
	/** Return addresses of the callers of alloc_pages() and of __free_pages(); 0: never. */
	uint64_t alloc_pc, free_pc;
	/** port_time_ticks() of the last of the two. */
	uint64_t ticks;
	/** When the pin that stands was taken (get_page); 0: it is not pinned. Atomic. */
	uint64_t pin_ticks;
	gfp_t gfp;
	uint8_t order;
	uint8_t hart;
	/** It is allocated now. */
	bool live;
	uint8_t reserved;
};

/**
 * Take the array from memblock; before memblock_free_all(). Costs 40 bytes a frame of RAM.
 * Return: 0 | -ENOMEM (page_owner stays off, said in the log)
 */
FPG_MUST_CHECK int page_owner_init(void);
bool page_owner_enabled(void);
void page_owner_alloc(struct pfn_range frames, gfp_t gfp, unsigned int order, uint64_t pc);
void page_owner_free(struct pfn_range frames, uint64_t pc);
/** Return: NULL when off, or @f is not covered. */
const struct page_owner *page_owner_of(pfn_t f);
/** "allocated by alloc_caller+0x12 (order 0, gfp 0x…, hart 1), freed by …" or "page_owner off". */
void page_owner_print(struct out *out, pfn_t f);

/** Bytes that the text of page_owner_print() fits in. */
#define PAGE_OWNER_TEXT 400
/** The same into @text, of PAGE_OWNER_TEXT bytes. Return: @text. Context: any; takes no lock */
const char *page_owner_text(char *text, pfn_t f);
