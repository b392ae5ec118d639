/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bit arrays searched and filled a word at a time. Invariant: no word that holds no bit of the
 * range is touched.
 */
#include "fpg/base/bits.h"

const uint8_t bit_positions[64] = {
	0,  1,	48, 2,	57, 49, 28, 3,	61, 58, 50, 42, 38, 29, 17, 4,	62, 55, 59, 36, 53, 51,
	43, 22, 45, 39, 33, 30, 24, 18, 12, 5,	63, 47, 56, 27, 60, 41, 37, 16, 54, 35, 52, 21,
	44, 32, 23, 11, 46, 26, 40, 15, 34, 20, 31, 10, 25, 14, 19, 9,	13, 8,	7,  6,
};

/** First bit at or after @from that is set in words XOR @flip. */
static uint64_t find(const uint64_t *words, uint64_t from, uint64_t limit, uint64_t flip)
{
	if (from >= limit) {
		return limit;
	}
	uint64_t i = from / BITS_PER_WORD;
	uint64_t last = (limit - 1) / BITS_PER_WORD;
	uint64_t word = (words[i] ^ flip) & bit_mask(from % BITS_PER_WORD, BITS_PER_WORD);
	while (word == 0) {
		if (i == last) {
			return limit;
		}
		word = words[++i] ^ flip;
	}
	uint64_t bit = i * BITS_PER_WORD + bit_lowest(word);
	return bit < limit ? bit : limit;
}

uint64_t bits_find_set(const uint64_t *words, uint64_t from, uint64_t limit)
{
	return find(words, from, limit, 0);
}

uint64_t bits_find_clear(const uint64_t *words, uint64_t from, uint64_t limit)
{
	return find(words, from, limit, ~0ULL);
}

/** The partial words at both ends of [from, to), and the whole words between them. */
struct span {
	uint64_t first;
	uint64_t last;
	uint64_t first_mask;
	uint64_t last_mask;
};

static struct span span_of(uint64_t from, uint64_t to)
{
	struct span s = {
		.first = from / BITS_PER_WORD,
		.last = (to - 1) / BITS_PER_WORD,
		.first_mask = bit_mask(from % BITS_PER_WORD, BITS_PER_WORD),
		.last_mask = bit_mask(0, (unsigned int)((to - 1) % BITS_PER_WORD) + 1),
	};
	if (s.first == s.last) {
		s.first_mask &= s.last_mask;
		s.last_mask = s.first_mask;
	}
	return s;
}

/** Eight stores a round: filling a bitmap of 1 TiB is most of bootmem's start. */
static void fill(uint64_t *words, uint64_t from, uint64_t to, uint64_t value)
{
	uint64_t i = from;
	for (; i + 8 <= to; i += 8) {
		words[i] = value;
		words[i + 1] = value;
		words[i + 2] = value;
		words[i + 3] = value;
		words[i + 4] = value;
		words[i + 5] = value;
		words[i + 6] = value;
		words[i + 7] = value;
	}
	for (; i < to; i++) {
		words[i] = value;
	}
}

void bits_set_range(uint64_t *words, uint64_t from, uint64_t to)
{
	if (from >= to) {
		return;
	}
	struct span s = span_of(from, to);
	words[s.first] |= s.first_mask;
	words[s.last] |= s.last_mask;
	fill(words, s.first + 1, s.last, ~0ULL);
}

void bits_clear_range(uint64_t *words, uint64_t from, uint64_t to)
{
	if (from >= to) {
		return;
	}
	struct span s = span_of(from, to);
	words[s.first] &= ~s.first_mask;
	words[s.last] &= ~s.last_mask;
	fill(words, s.first + 1, s.last, 0);
}
