/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * debug_pagealloc's part above the machine: the pattern that free pages hold, and what is said when it changed or when a
 * hidden page is touched. Who hides pages is registered (see the header); which pages hold the pattern is known from
 * their owner's record: those that somebody gave back.
 */
#define LOG_MODULE "debug_pagealloc"
#include "fpg/core/kernel_map_ops.h"

#include "page_debug.h"

#include "fpg/base/assert.h"
#include "fpg/core/log.h"
#include "fpg/core/page_owner.h"
#include "fpg/core/zone.h"
#include "fpg/port/port.h"

#include <string.h>

#define POISON_WORD (0x0101010101010101ULL * DEBUG_PAGEALLOC_POISON)
#define PAGE_WORDS  (PAGE_SIZE / sizeof(uint64_t))

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

static void *address_of(pfn_t f)
{
	return port_phys_to_virt(pfn_to_phys(f));
}

/* ---- freeing --------------------------------------------------------------------------------- */

void debug_pagealloc_free(struct pfn_range frames)
{
	memset(address_of(frames.start), DEBUG_PAGEALLOC_POISON,
	       pfn_range_pages(frames) << PAGE_SHIFT);
	ops->map_pages(frames, false);
}

void debug_pagealloc_hand_over(struct pfn_range frames)
{
	ops->map_pages(frames, false);
}

/* ---- handing out ----------------------------------------------------------------------------- */

/** Offset of the first byte of the page that is not as free pages are; PAGE_SIZE: none. */
static unsigned int first_change(const void *page)
{
	const uint64_t *words = page;
	const uint8_t *bytes = page;
	for (unsigned int w = 0; w < PAGE_WORDS; w++) {
		if (likely(words[w] == POISON_WORD)) {
			continue;
		}
		unsigned int at = w * sizeof(uint64_t);
		while (bytes[at] == DEBUG_PAGEALLOC_POISON) {
			at++;
		}
		return at;
	}
	return PAGE_SIZE;
}

static void report_change(pfn_t f, unsigned int at)
{
	char who[400];
	struct out_buffer b;
	out_buffer_init(&b, who, sizeof(who));
	page_owner_print(&b.out, f);
	__atomic_fetch_add(&changed_pages, 1, __ATOMIC_RELAXED);
	pr_err("pfn 0x%llx was written to after it was freed: byte 0x%x is 0x%02x instead of 0x%02x; %s",
	       (unsigned long long)f.n, at, ((const uint8_t *)address_of(f))[at],
	       DEBUG_PAGEALLOC_POISON, who);
}

void debug_pagealloc_alloc(struct pfn_range frames)
{
	ops->map_pages(frames, true);
	for (; frames.start.n < frames.end.n; frames.start.n++) {
		const struct page_owner *last = page_owner_of(frames.start);
		if (last == NULL || last->live || last->free_pc == 0) {
			continue;
		}
		unsigned int at = first_change(address_of(frames.start));
		if (unlikely(at < PAGE_SIZE)) {
			report_change(frames.start, at);
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
