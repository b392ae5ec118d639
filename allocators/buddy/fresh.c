/* SPDX-License-Identifier: BSD-2-Clause */
/* The bit tree of fresh.h. */
#include "fresh.h"

size_t fresh_bytes(uint64_t bits)
{
	size_t words = 0;
	do {
		bits = bits_to_words(bits);
		words += bits;
	} while (bits > 1);
	return words * sizeof(uint64_t);
}

void fresh_init(struct fresh *f, uint64_t bits, uint64_t *words)
{
	f->bits = bits;
	f->count = 0;
	f->levels = 0;
	do {
		f->level[f->levels++] = words;
		bits = bits_to_words(bits);
		words += bits;
	} while (bits > 1);
}

void fresh_set_range(struct fresh *f, uint64_t from, uint64_t to)
{
	if (from >= to) {
		return;
	}
	f->count += to - from;
	for (uint32_t l = 0; l < f->levels; l++) {
		bits_set_range(f->level[l], from, to);
		from /= BITS_PER_WORD;
		to = (to - 1) / BITS_PER_WORD + 1;
	}
}

void fresh_clear(struct fresh *f, uint64_t bit)
{
	f->count--;
	for (uint32_t l = 0; l < f->levels; l++) {
		uint64_t *word = &f->level[l][bit / BITS_PER_WORD];
		*word &= ~(1ULL << (bit % BITS_PER_WORD));
		if (*word != 0) {
			return;
		}
		bit /= BITS_PER_WORD;
	}
}

uint64_t fresh_find(const struct fresh *f, uint64_t from)
{
	uint64_t bit = from;
	uint64_t limit = f->bits;
	uint32_t l = 0;
	if (from >= f->bits) {
		return f->bits;
	}
	/* Up, until a word has a set bit at or after the position. */
	for (;;) {
		uint64_t word = f->level[l][bit / BITS_PER_WORD] &
				bit_mask(bit % BITS_PER_WORD, BITS_PER_WORD);
		if (word != 0) {
			bit = bit / BITS_PER_WORD * BITS_PER_WORD + bit_lowest(word);
			break;
		}
		bit = bit / BITS_PER_WORD + 1;
		limit = bits_to_words(limit);
		if (++l == f->levels || bit >= limit) {
			return f->bits;
		}
	}
	/* Down again, along the lowest bits. */
	while (l > 0) {
		l--;
		bit = bit * BITS_PER_WORD + bit_lowest(f->level[l][bit]);
	}
	return bit;
}

bool fresh_consistent(const struct fresh *f)
{
	uint64_t count = 0;
	uint64_t words = bits_to_words(f->bits);
	for (uint64_t i = 0; i < words; i++) {
		count += bit_count(f->level[0][i]);
	}
	for (uint32_t l = 1; l < f->levels; l++) {
		for (uint64_t i = 0; i < words; i++) {
			if (bits_test(f->level[l], i) != (f->level[l - 1][i] != 0)) {
				return false;
			}
		}
		words = bits_to_words(words);
	}
	return count == f->count;
}
