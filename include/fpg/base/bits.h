/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bit arithmetic in a few instructions. rv64imac has no count-zeros instruction and the compiler's
 * helper is a call, so the position of a bit comes from a multiplication and a table of 64 bytes.
 */
#pragma once

#include "fpg/base/types.h"

#define BITS_PER_WORD 64U

/** A de Bruijn sequence of order 6: each 6-bit window of it is different. */
#define BITS_DE_BRUIJN 0x03f79d71b4cb0a89ULL

/** bit_positions[(BITS_DE_BRUIJN << n) >> 58] == n */
extern const uint8_t bit_positions[64];

/** Position of the lowest set bit. @x is not 0. */
static inline unsigned int bit_lowest(uint64_t x)
{
	return bit_positions[((x & (0 - x)) * BITS_DE_BRUIJN) >> 58];
}

/** Position of the highest set bit. @x is not 0. */
static inline unsigned int bit_highest(uint64_t x)
{
	x |= x >> 1;
	x |= x >> 2;
	x |= x >> 4;
	x |= x >> 8;
	x |= x >> 16;
	x |= x >> 32;
	return bit_positions[((x ^ (x >> 1)) * BITS_DE_BRUIJN) >> 58];
}

/** Bits [from, to) of a word; 0 <= from <= to <= 64. */
static inline uint64_t bit_mask(unsigned int from, unsigned int to)
{
	uint64_t below_to = to >= BITS_PER_WORD ? ~0ULL : (1ULL << to) - 1;
	uint64_t below_from = from >= BITS_PER_WORD ? ~0ULL : (1ULL << from) - 1;
	return below_to & ~below_from;
}

static inline uint64_t bits_to_words(uint64_t bits)
{
	return (bits + BITS_PER_WORD - 1) / BITS_PER_WORD;
}

/** The largest k with 1 << k <= n. @n is not 0. */
static inline unsigned int log2_floor(uint64_t n)
{
	return bit_highest(n);
}

/** The smallest k with 1 << k >= n. @n is not 0. */
static inline unsigned int log2_ceil(uint64_t n)
{
	return n == 1 ? 0 : bit_highest(n - 1) + 1;
}

/** The largest order, at most @most, of a block of 1 << order that begins at @n, aligned, and ends at or before @end. */
static inline unsigned int range_piece_order(uint64_t n, uint64_t end, unsigned int most)
{
	unsigned int by_size = log2_floor(end - n);
	unsigned int by_align = n == 0 ? most : bit_lowest(n);
	unsigned int order = by_size < by_align ? by_size : by_align;
	return order < most ? order : most;
}

/** Set bits of @x. */
static inline unsigned int bit_count(uint64_t x)
{
	x -= (x >> 1) & 0x5555555555555555ULL;
	x = (x & 0x3333333333333333ULL) + ((x >> 2) & 0x3333333333333333ULL);
	x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fULL;
	return (unsigned int)((x * 0x0101010101010101ULL) >> 56);
}

/*
 * Bit arrays of words, found a word at a time. @limit is in bits; nothing at or past it is looked
 * at. Return of the searches: the position, or @limit.
 */
uint64_t bits_find_set(const uint64_t *words, uint64_t from, uint64_t limit);
uint64_t bits_find_clear(const uint64_t *words, uint64_t from, uint64_t limit);
void bits_set_range(uint64_t *words, uint64_t from, uint64_t to);
void bits_clear_range(uint64_t *words, uint64_t from, uint64_t to);

static inline bool bits_test(const uint64_t *words, uint64_t bit)
{
	return (words[bit / BITS_PER_WORD] >> (bit % BITS_PER_WORD)) & 1;
}
