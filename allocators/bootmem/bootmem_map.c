/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bootmem's books: bits, the counts and hints that follow them, and the table of what is managed. See bootmem.h for
 * what holds between them.
 */
#include "bootmem.h"

#include <errno.h>

/* ---- bits and counts ------------------------------------------------------------------------- */

/** Add @step for each frame of [from, to) to the counts of its regions. */
static void count(struct bootmem *b, uint64_t from, uint64_t to, uint32_t step)
{
	uint64_t r = bootmem_region(b, from);
	while (from < to) {
		uint64_t end = bootmem_region_start(b, r + 1);
		end = end < to ? end : to;
		b->free_in[r++] += (uint32_t)(end - from) * step;
		from = end;
	}
}

/** Whole words, as large blocks are; few enough that a loop is quicker than a call. */
static inline bool few_words(uint64_t from, uint64_t to)
{
	return (from | to) % BITS_PER_WORD == 0 && to - from <= 32 * BITS_PER_WORD;
}

static inline void fill(uint64_t *words, uint64_t from, uint64_t to, uint64_t value)
{
	uint64_t *end = words + to / BITS_PER_WORD;
	for (uint64_t *word = words + from / BITS_PER_WORD; word < end; word++) {
		*word = value;
	}
}

bool bootmem_all_used(const struct bootmem *b, uint64_t from, uint64_t to)
{
	if (!few_words(from, to)) {
		return bits_find_set(b->free_map, from, to) == to;
	}
	const uint64_t *end = b->free_map + to / BITS_PER_WORD;
	uint64_t any = 0;
	for (const uint64_t *word = b->free_map + from / BITS_PER_WORD; word < end; word++) {
		any |= *word;
	}
	return any == 0;
}

void bootmem_make_free(struct bootmem *b, uint64_t from, uint64_t to)
{
	if (few_words(from, to)) {
		fill(b->free_map, from, to, ~0ULL);
	} else {
		bits_set_range(b->free_map, from, to);
	}
	count(b, from, to, 1);
	bootmem_count_free(b, from, to - from);
}

void bootmem_make_used(struct bootmem *b, uint64_t from, uint64_t to)
{
	if (few_words(from, to)) {
		fill(b->free_map, from, to, 0);
	} else {
		bits_clear_range(b->free_map, from, to);
	}
	count(b, from, to, UINT32_MAX);
	b->free_pages -= to - from;
	if (from == b->low[0]) {
		b->low[0] = to;
	}
}

/* ---- what is managed ------------------------------------------------------------------------- */

/** Index of the first run that ends after @bit. */
static uint32_t run_after(const struct bootmem *b, uint64_t bit)
{
	uint32_t lo = 0;
	uint32_t hi = b->run_count;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (b->runs[mid].end > bit) {
			hi = mid;
		} else {
			lo = mid + 1;
		}
	}
	return lo;
}

bool bootmem_managed(struct bootmem *b, uint64_t from, uint64_t to)
{
	uint32_t i = run_after(b, from);
	if (i == b->run_count || b->runs[i].start > from || b->runs[i].end < to) {
		return false;
	}
	b->run_from = b->runs[i].start;
	b->run_bits = b->runs[i].end - b->runs[i].start;
	return true;
}

int bootmem_manage(struct bootmem *b, uint64_t from, uint64_t to)
{
	if (b->run_count != 0 && b->runs[b->run_count - 1].end == from) {
		/* Ascending, as a hand-over adds. */
		b->runs[b->run_count - 1].end = to;
		b->managed_pages += to - from;
		return 0;
	}
	uint32_t i = run_after(b, from);
	if (i < b->run_count && b->runs[i].start < to) {
		return -EINVAL;
	}
	bool join_prev = i > 0 && b->runs[i - 1].end == from;
	bool join_next = i < b->run_count && b->runs[i].start == to;
	if (join_prev && join_next) {
		b->runs[i - 1].end = b->runs[i].end;
		b->run_count--;
		for (uint32_t k = i; k < b->run_count; k++) {
			b->runs[k] = b->runs[k + 1];
		}
	} else if (join_prev) {
		b->runs[i - 1].end = to;
	} else if (join_next) {
		b->runs[i].start = from;
	} else {
		if (b->run_count == b->run_max) {
			return -ENOSPC;
		}
		for (uint32_t k = b->run_count; k > i; k--) {
			b->runs[k] = b->runs[k - 1];
		}
		b->runs[i] = (struct bootmem_run){ from, to };
		b->run_count++;
	}
	b->managed_pages += to - from;
	return 0;
}
