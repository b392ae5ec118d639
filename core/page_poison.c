/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page_poison: the bits, the pattern, and the report. A bit is changed by whoever takes or gives the frame, one at a
 * time; neighbours' bits share a word, so words are changed atomically.
 */
#define LOG_MODULE "page_poison"
#include "fpg/core/page_poison.h"

#include "page_debug.h"

#include "fpg/base/bits.h"
#include "fpg/base/out.h"
#include "fpg/core/log.h"
#include "fpg/core/memblock.h"
#include "fpg/core/page_owner.h"
#include "fpg/core/zone.h"
#include "fpg/port/port.h"

#include <errno.h>
#include <string.h>

#define POISON_WORD (PAGE_POISON_BYTE * 0x0101010101010101ULL)
#define WORDS	    (PAGE_SIZE / sizeof(uint64_t))

static struct {
	struct pfn_range frames;
	uint64_t *bits;
	uint64_t hits;
} state;

FPG_INIT static bool add_memory(void *ctx, struct pfn_range frames, int nid)
{
	struct pfn_range *all = ctx;
	(void)nid;
	all->start = all->end.n == 0 || frames.start.n < all->start.n ? frames.start : all->start;
	all->end = frames.end.n > all->end.n ? frames.end : all->end;
	return true;
}

FPG_INIT int page_poison_init(void)
{
	struct pfn_range all = { { 0 }, { 0 } };
	if (!FPG_ENABLED(CONFIG_PAGE_POISON)) {
		pr_warn("this build poisons no pages (CONFIG_PAGE_POISON)");
		return -ENOTSUP;
	}
	if (state.bits != NULL) {
		return 0;
	}
	zone_for_each_memory(add_memory, &all);
	uint64_t bytes = bits_to_words(pfn_range_pages(all)) * sizeof(uint64_t);
	state.bits = memblock_alloc_owned(bytes, PAGE_SIZE, MEMBLOCK_LOW_LIMIT,
					  MEMBLOCK_ALLOC_ACCESSIBLE, NUMA_NO_NODE,
					  mem_owner(OWNER_ZONES, RULE_ALLOC, -1));
	if (state.bits == NULL) {
		pr_warn("off: no memory for a bit of each page");
		return -ENOMEM;
	}
	state.frames = all;
	page_debug_set(PAGE_DEBUG_POISON, true);
	pr_info("on: free pages hold 0x%x", PAGE_POISON_BYTE);
	return 0;
}

bool page_poison_enabled(void)
{
	return state.bits != NULL;
}

uint64_t page_poison_hits(void)
{
	return __atomic_load_n(&state.hits, __ATOMIC_RELAXED);
}

void page_poison_reset(void)
{
	state.bits = NULL;
	state.hits = 0;
}

/** The word and the bit of frame @n; NULL: it has none. */
static uint64_t *word_of(uint64_t n, uint64_t *bit)
{
	if (state.bits == NULL || n < state.frames.start.n || n >= state.frames.end.n) {
		return NULL;
	}
	n -= state.frames.start.n;
	*bit = 1ULL << n % BITS_PER_WORD;
	return &state.bits[n / BITS_PER_WORD];
}

/* ---- the pattern ----------------------------------------------------------------------------- */

static void *address_of(pfn_t f)
{
	return port_phys_to_virt(pfn_to_phys(f));
}

void page_poison_fill(struct pfn_range frames)
{
	memset(address_of(frames.start), PAGE_POISON_BYTE, pfn_range_pages(frames) << PAGE_SHIFT);
}

/** The bytes from @at on are not as free pages are. */
static FPG_NOINLINE void report(pfn_t f, unsigned int at)
{
	const uint8_t *bytes = address_of(f);
	unsigned int last = PAGE_SIZE - 1;
	while (last > at && bytes[last] == PAGE_POISON_BYTE) {
		last--;
	}
	char who[PAGE_OWNER_TEXT];
	pr_err("pfn 0x%llx was written to after it was freed: byte 0x%x is 0x%02x instead of 0x%02x, the last change at 0x%x; %s",
	       (unsigned long long)f.n, at, bytes[at], PAGE_POISON_BYTE, last,
	       page_owner_text(who, f));
}

bool page_poison_check(pfn_t f)
{
	const uint64_t *words = address_of(f);
	for (unsigned int w = 0; w < WORDS; w++) {
		if (unlikely(words[w] != POISON_WORD)) {
			unsigned int at = w * sizeof(uint64_t);
			while (((const uint8_t *)words)[at] == PAGE_POISON_BYTE) {
				at++;
			}
			report(f, at);
			return false;
		}
	}
	return true;
}

/* ---- taken and given ------------------------------------------------------------------------- */

void page_poison_taken(struct pfn_range frames)
{
	for (uint64_t n = frames.start.n; n < frames.end.n; n++) {
		uint64_t bit = 0;
		uint64_t *word = word_of(n, &bit);
		if (word == NULL || !(__atomic_fetch_and(word, ~bit, __ATOMIC_RELAXED) & bit)) {
			continue;
		}
		if (!page_poison_check(pfn(n))) {
			__atomic_fetch_add(&state.hits, 1, __ATOMIC_RELAXED);
		}
	}
}

void page_poison_given(struct pfn_range frames)
{
	for (uint64_t n = frames.start.n; n < frames.end.n; n++) {
		uint64_t bit = 0;
		uint64_t *word = word_of(n, &bit);
		if (word == NULL) {
			continue;
		}
		page_poison_fill((struct pfn_range){ pfn(n), pfn(n + 1) });
		__atomic_fetch_or(word, bit, __ATOMIC_RELAXED);
	}
}
