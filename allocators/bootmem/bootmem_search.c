/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bootmem's search: the lowest place that fits, a word at a time, regions that cannot serve passed over, and a memory
 * of where it is useless to look, so that neither a full nor a fragmented bitmap is gone through twice.
 */
#include "bootmem.h"

/** In a word: where aligned blocks of an order can begin. */
static const uint64_t block_starts[] = {
	~0ULL,
	0x5555555555555555ULL,
	0x1111111111111111ULL,
	0x0101010101010101ULL,
	0x0001000100010001ULL,
	0x0000000100000001ULL,
};

#define WORD_ORDER 6U

uint64_t bootmem_next_free(const struct bootmem *b, uint64_t from, uint64_t limit)
{
	while (from < limit) {
		uint64_t r = bootmem_region(b, from);
		uint64_t end = bootmem_region_start(b, r + 1);
		end = end < limit ? end : limit;
		if (b->free_in[r] != 0) {
			uint64_t found = bits_find_set(b->free_map, from, end);
			if (found != end) {
				return found;
			}
		}
		const uint64_t last = bootmem_region(b, limit - 1);
		do {
			r++;
		} while (r <= last && b->free_in[r] == 0);
		from = r <= last ? bootmem_region_start(b, r) : limit;
	}
	return limit;
}

uint64_t bootmem_next_used(const struct bootmem *b, uint64_t from, uint64_t limit)
{
	while (from < limit) {
		uint64_t r = bootmem_region(b, from);
		uint64_t end = bootmem_region_start(b, r + 1);
		end = end < limit ? end : limit;
		/* A region whose frames are all free is no look at its bits worth. */
		if (b->free_in[r] >> b->region_order == 0) {
			uint64_t found = bits_find_clear(b->free_map, from, end);
			if (found != end) {
				return found;
			}
		}
		from = end;
	}
	return limit;
}

/* ---- aligned blocks -------------------------------------------------------------------------- */

/** Blocks smaller than a word; @from is where one may begin. */
static uint64_t block_in_words(const struct bootmem *b, unsigned int order, uint64_t from,
			       uint64_t end)
{
	const uint64_t last = (end - 1) / BITS_PER_WORD;
	uint64_t i = from / BITS_PER_WORD;
	uint64_t word = b->free_map[i] & ~0ULL << from % BITS_PER_WORD;
	for (;;) {
		for (unsigned int k = 0; k < order && word != 0; k++) {
			word &= word >> (1U << k);
		}
		word &= block_starts[order];
		if (word != 0) {
			uint64_t bit = i * BITS_PER_WORD + bit_lowest(word);
			return bit < end ? bit : BOOTMEM_NONE;
		}
		if (i == last) {
			return BOOTMEM_NONE;
		}
		word = b->free_map[++i];
	}
}

/** Blocks of whole words. */
static uint64_t block_of_words(const struct bootmem *b, unsigned int order, uint64_t from,
			       uint64_t end)
{
	const uint64_t words = 1ULL << (order - WORD_ORDER);
	for (uint64_t i = from / BITS_PER_WORD; i * BITS_PER_WORD < end; i += words) {
		uint64_t k = 0;
		while (k < words && b->free_map[i + k] == ~0ULL) {
			k++;
		}
		if (k == words) {
			return i * BITS_PER_WORD;
		}
	}
	return BOOTMEM_NONE;
}

/** Blocks that fit into a region. */
static uint64_t small_block(const struct bootmem *b, unsigned int order, uint64_t from,
			    uint64_t limit)
{
	const uint32_t pages = 1U << order;
	while (from < limit) {
		uint64_t r = bootmem_region(b, from);
		uint64_t end = bootmem_region_start(b, r + 1);
		if (b->free_in[r] >= pages) {
			if (b->free_in[r] >> b->region_order != 0) {
				return from;
			}
			end = end < limit ? end : limit;
			uint64_t found = order < WORD_ORDER ? block_in_words(b, order, from, end) :
							      block_of_words(b, order, from, end);
			if (found != BOOTMEM_NONE) {
				return found;
			}
		}
		do {
			r++;
		} while (r < b->regions && b->free_in[r] < pages);
		from = r < b->regions ? bootmem_region_start(b, r) : limit;
	}
	return BOOTMEM_NONE;
}

/** Blocks of several regions. */
static uint64_t large_block(const struct bootmem *b, unsigned int order, uint64_t from,
			    uint64_t limit)
{
	const uint64_t many = 1ULL << (order - b->region_order);
	for (; from < limit; from += 1ULL << order) {
		uint64_t r = bootmem_region(b, from);
		uint64_t k = 0;
		while (k < many && b->free_in[r + k] >> b->region_order != 0) {
			k++;
		}
		if (k == many) {
			return from;
		}
	}
	return BOOTMEM_NONE;
}

uint64_t bootmem_find_block(const struct bootmem *b, unsigned int order, uint64_t from,
			    uint64_t limit)
{
	/* What begins later would end past the last bit. */
	const uint64_t room = b->bits >> order != 0 ? b->bits - (1ULL << order) + 1 : 0;
	limit = limit < room ? limit : room;
	from = bootmem_align(b, from, order);
	return order <= b->region_order ? small_block(b, order, from, limit) :
					  large_block(b, order, from, limit);
}

/* ---- any run --------------------------------------------------------------------------------- */

uint64_t bootmem_find_run(const struct bootmem *b, uint64_t pages, unsigned int align_order,
			  uint64_t from, uint64_t limit)
{
	while (from < limit) {
		uint64_t start = bootmem_next_free(b, from, limit);
		if (start == limit) {
			break;
		}
		uint64_t aligned = bootmem_align(b, start, align_order);
		if (aligned >= limit || pages > limit - aligned) {
			break;
		}
		uint64_t end = bits_find_clear(b->free_map, aligned, aligned + pages);
		if (end == aligned + pages) {
			return aligned;
		}
		from = end + 1;
	}
	return BOOTMEM_NONE;
}

/* ---- with hints ------------------------------------------------------------------------------ */

/** What became free may have made blocks below where the last search of an order ended. */
static FPG_NOINLINE void put_low_right(struct bootmem *b)
{
	const uint64_t frame = b->base + b->freed_from;
	for (unsigned int order = 1; order <= MAX_PAGE_ORDER; order++) {
		uint64_t start = frame >> order << order;
		start = start > b->base ? start - b->base : 0;
		if (start < b->low[order]) {
			b->low[order] = start;
		}
	}
	b->freed_from = BOOTMEM_NONE;
}

static uint64_t block_from_hint(struct bootmem *b, unsigned int order)
{
	if (b->freed_from < b->low[order]) {
		put_low_right(b);
	}
	uint64_t from = b->low[order] > b->low[0] ? b->low[order] : b->low[0];
	if (from >= b->bits) {
		return BOOTMEM_NONE;
	}
	uint64_t found = bootmem_find_block(b, order, from, b->bits);
	if (found != BOOTMEM_NONE) {
		b->low[order] = found;
		return found;
	}
	for (unsigned int larger = order; larger <= MAX_PAGE_ORDER; larger++) {
		b->low[larger] = b->bits;
	}
	return BOOTMEM_NONE;
}

/** The lowest place where one block of the smallest size fits, as much of it as is free in a row. */
static uint64_t run_from_hint(struct bootmem *b, uint32_t *pages, unsigned int align_order)
{
	uint64_t found;
	if (align_order == 0) {
		found = bootmem_next_free(b, b->low[0], b->bits);
		b->low[0] = found;
		found = found != b->bits ? found : BOOTMEM_NONE;
	} else {
		found = block_from_hint(b, align_order);
	}
	if (found != BOOTMEM_NONE && *pages > 1U << align_order) {
		uint64_t end = found + *pages < b->bits ? found + *pages : b->bits;
		end = bits_find_clear(b->free_map, found, end);
		*pages = 1U << log2_floor(end - found);
	}
	return found;
}

/** Requests that are no blocks. A run of n frames holds an aligned block of half as many, which low[] knows about. */
static FPG_NOINLINE uint64_t odd_run(struct bootmem *b, uint32_t pages, unsigned int align_order)
{
	if (b->failed_pages != 0 && pages >= b->failed_pages &&
	    align_order >= b->failed_align_order) {
		return BOOTMEM_NONE;
	}
	if (b->freed_from != BOOTMEM_NONE) {
		put_low_right(b);
	}
	unsigned int inner = log2_floor(((uint64_t)pages + 1) / 2);
	uint64_t before = (1ULL << inner) - 1;
	uint64_t from = b->low[inner] > before ? b->low[inner] - before : 0;
	from = from > b->low[0] ? from : b->low[0];
	uint64_t found = bootmem_find_run(b, pages, align_order, from, b->bits);
	if (found == BOOTMEM_NONE) {
		b->failed_pages = pages;
		b->failed_align_order = align_order;
	}
	return found;
}

uint64_t bootmem_find(struct bootmem *b, uint32_t *pages, unsigned int align_order, bool fewer)
{
	if (fewer || (*pages == 1 && align_order == 0)) {
		return run_from_hint(b, pages, align_order);
	}
	if (*pages == 1U << align_order) {
		return block_from_hint(b, align_order);
	}
	if (*pages > b->free_pages) {
		return BOOTMEM_NONE;
	}
	if ((*pages & (*pages - 1)) == 0 && align_order < log2_floor(*pages)) {
		unsigned int order = log2_floor(*pages);
		uint64_t found = block_from_hint(b, order);
		if (found != BOOTMEM_NONE) {
			return found;
		}
	}
	return odd_run(b, *pages, align_order);
}
