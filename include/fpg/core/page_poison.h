/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page_poison: free pages hold a pattern, which is looked at when they are allocated; who writes to memory after
 * freeing it is found out then. Needs no other mapping and no other backend than those in use (debug_pagealloc finds
 * the same at once, and costs more).
 *
 * Invariant: a frame's bit is set while the pattern was put there and nobody has been given the frame since. Memory
 * that was never allocated has no pattern: starting costs nothing per page.
 */
#pragma once

#include "fpg/base/compiler.h"
#include "fpg/base/types.h"

#define PAGE_POISON_BYTE 0xaaU

/**
 * Take a bit a frame from memblock and begin; before page_alloc_init(). From then on all requests take the slow path.
 * Return: 0 (also when it is on already) | -ENOTSUP (this build has none) | -ENOMEM; said in the log
 */
FPG_MUST_CHECK int page_poison_init(void);
bool page_poison_enabled(void);

/** Pages found written to since the start. */
uint64_t page_poison_hits(void);

/** Off, nothing known. For tests that start over. */
void page_poison_reset(void);

/* ---- the pattern, also debug_pagealloc's ---- */

/** Fill @frames with it. */
void page_poison_fill(struct pfn_range frames);
/** Return: @f holds it; otherwise the log says what was changed, and whose page it was (with page_owner) */
FPG_MUST_CHECK bool page_poison_check(pfn_t f);

/* ---- for the front end: between these two the frames are their user's ---- */

/** Nobody has touched @frames yet: what was written to them while they were free is reported. */
void page_poison_taken(struct pfn_range frames);
/** Nobody else can get @frames yet. */
void page_poison_given(struct pfn_range frames);
