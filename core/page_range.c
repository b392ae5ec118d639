/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages by address and in numbers; ranges that are no power of two: exact sizes and exact frames, as single pages. Records
 * of all frames are populated before anything is taken apart, so that giving back, in any parts, needs no memory.
 */
#define LOG_MODULE "page_alloc"
#include "page_cache_private.h"

#include "fpg/base/bits.h"
#include "fpg/base/range.h"
#include "fpg/core/fail_boot.h"
#include "fpg/core/log.h"

#include <errno.h>

bool frames_are_single_pages(const struct zone *zone, struct pfn_range frames)
{
	for (uint64_t n = frames.start.n; n < frames.end.n; n++) {
		if (!page_word_is_single(zone, pfn_to_page(pfn(n))->word)) {
			return false;
		}
	}
	return true;
}

static inline void make_single(struct page *page, uint64_t word)
{
	page->word = word;
	page->second = 0;
}

void frames_make_single(const struct zone *zone, struct pfn_range frames, unsigned int type)
{
	const uint64_t word = page_allocated_word(zone, 0, type);
	const uint64_t pages = pfn_range_pages(frames);
	struct page *const first = pfn_to_page(frames.start);
	struct page *const end = first + pages;
	struct page *page = first + 1;
	if (pages == 0) {
		return;
	}
	for (struct page *most = page + ALIGN_DOWN(pages - 1, 4); page != most; page += 4) {
		make_single(&page[0], word);
		make_single(&page[1], word);
		make_single(&page[2], word);
		make_single(&page[3], word);
	}
	for (; page != end; page++) {
		make_single(page, word);
	}
	first->second = 0;
	__atomic_store_n(&first->word, word, __ATOMIC_RELEASE);
}

void *__get_free_pages(gfp_t gfp, unsigned int order)
{
	struct page *page = page_alloc_debug_flags != 0 ?
				    page_alloc_any(gfp, order, PAGE_DEBUG_CALLER) :
				    alloc_pages(gfp, order);
	return page != NULL ? page_address(page) : NULL;
}

unsigned long alloc_pages_bulk(gfp_t gfp, unsigned long count, struct page **pages)
{
	const uint64_t pc = PAGE_DEBUG_CALLER;
	unsigned long i = 0;
	for (; i < count; i++) {
		if (pages[i] == NULL) {
			pages[i] = page_alloc_debug_flags != 0 ? page_alloc_any(gfp, 0, pc) :
								 alloc_pages(gfp, 0);
		}
		if (pages[i] == NULL) {
			break;
		}
	}
	return i;
}

void *alloc_pages_exact(size_t bytes, gfp_t gfp)
{
	if (bytes == 0 || bytes > PAGE_SIZE << MAX_PAGE_ORDER) {
		pr_warn("%zu bytes of exact pages refused: not within 1 to %lu", bytes,
			PAGE_SIZE << MAX_PAGE_ORDER);
		return NULL;
	}
	uint64_t pages = ALIGN_UP(bytes, PAGE_SIZE) / PAGE_SIZE;
	unsigned int order = log2_ceil(pages);
	const uint64_t pc = PAGE_DEBUG_CALLER;
	struct page *page = page_alloc_any(gfp, order, pc);
	if (page == NULL) {
		return NULL;
	}
	struct zone *zone = zone_by_id(page_word_zone(page->word));
	pfn_t first = page_to_pfn(page);
	struct pfn_range block = { first, pfn_add(first, 1ULL << order) };
	if (!zone_has(zone, PALLOC_CAP_FREE | PALLOC_CAP_SUBFREE)) {
		return page_address(page);
	}
	if (zone_populate_all(zone, block) != 0) {
		page_free_for(page, order, pc);
		return NULL;
	}
	frames_make_single(zone, block, gfp_migratetype(gfp));
	struct pfn_range rest = { pfn_add(first, pages), block.end };
	if (rest.start.n < rest.end.n) {
		FPG_CHECK(zone_free_range(zone, rest, pc) == 0);
	}
	return page_address(page);
}

struct zone *range_zone(struct pfn_range range)
{
	if (range.start.n >= range.end.n) {
		return NULL;
	}
	struct zone *zone = pfn_to_zone(range.start);
	if (zone == NULL || zone->palloc == NULL || range.end.n > zone->span.end.n) {
		return NULL;
	}
	return zone;
}

/** Single pages, all or none; free_contig_range() for @pc. */
static int free_range_for(struct pfn_range range, uint64_t pc)
{
	struct zone *zone = range_zone(range);
	return zone != NULL ? zone_free_range(zone, range, pc) : -EINVAL;
}

static bool whole_block(uint64_t word, unsigned int order)
{
	return page_word_state(word) == PAGE_ALLOCATED && page_word_order(word) == order;
}

void free_pages_exact(const void *addr, size_t bytes)
{
	if (addr == NULL) {
		return;
	}
	pfn_t first = phys_to_pfn(port_virt_to_phys(addr));
	uint64_t pages = ALIGN_UP(bytes, PAGE_SIZE) / PAGE_SIZE;
	const struct zone *zone = pages > 1 ? pfn_to_zone(first) : NULL;
	/* One block, when a backend served that could not take the rest of it back; no matter who serves now. */
	if (zone != NULL && whole_block(pfn_to_page(first)->word, log2_ceil(pages))) {
		page_free_for(pfn_to_page(first), log2_ceil(pages), PAGE_DEBUG_CALLER);
		return;
	}
	struct pfn_range range = { first, pfn_add(first, pages) };
	if (free_range_for(range, PAGE_DEBUG_CALLER) != 0) {
		pr_err("free of %llu pages at pfn 0x%llx refused: not all are single pages in use",
		       (unsigned long long)pages, (unsigned long long)first.n);
	}
}

int free_contig_range(struct pfn_range range)
{
	return free_range_for(range, PAGE_DEBUG_CALLER);
}
