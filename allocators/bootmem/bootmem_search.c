/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bootmem's search: first fit for single frames, next fit for runs, a word at a time, and a memory
 * of what cannot succeed, so that a request that failed keeps failing at once until a frame becomes
 * free.
 */
#include "bootmem.h"

#include "fpg/base/range.h"

/**
 * The first fit that begins in [from, limit). It may end past @limit. Return: its first bit, or
 * b->bits.
 */
static uint64_t find_between(const struct bootmem *b, uint64_t from, uint64_t limit, uint64_t pages,
			     unsigned int align_order)
{
	uint64_t align = 1ULL << align_order;
	while (from < limit) {
		uint64_t start = bits_find_set(b->free_map, from, limit);
		if (start == limit) {
			break;
		}
		uint64_t aligned = ALIGN_UP(b->base + start, align) - b->base;
		if (aligned >= limit || pages > b->bits - aligned) {
			break;
		}
		uint64_t end = bits_find_clear(b->free_map, aligned, aligned + pages);
		if (end == aligned + pages) {
			return aligned;
		}
		from = end + 1;
	}
	return b->bits;
}

uint64_t bootmem_find_first(const struct bootmem *b, uint64_t pages, unsigned int align_order)
{
	return find_between(b, b->first_free, b->bits, pages, align_order);
}

uint64_t bootmem_find(struct bootmem *b, uint64_t pages, unsigned int align_order)
{
	if (pages > b->free_pages) {
		return b->bits;
	}
	if (b->failed_pages != 0 && pages >= b->failed_pages &&
	    align_order >= b->failed_align_order) {
		return b->bits;
	}
	uint64_t found = b->bits;
	if (pages == 1 && align_order == 0) {
		found = bits_find_set(b->free_map, b->first_free, b->bits);
		b->first_free = found;
		return found;
	}
	if (b->next > b->first_free) {
		found = find_between(b, b->next, b->bits, pages, align_order);
	}
	if (found == b->bits) {
		uint64_t limit = b->next > b->first_free ? b->next : b->bits;
		found = find_between(b, b->first_free, limit, pages, align_order);
	}
	if (found == b->bits) {
		b->failed_pages = (uint32_t)pages;
		b->failed_align_order = align_order;
	} else {
		b->next = found + pages;
	}
	return found;
}
