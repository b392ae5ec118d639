/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Blocks of the largest order that were never cut: one bit each, with summary levels of 64 bits a
 * bit above, so that the first one is found in a few steps at any size of memory and boot writes a
 * word for 64 blocks.
 *
 * Invariant: a summary bit is set exactly when its word below is not zero; the highest level is one
 * word.
 */
#pragma once

#include "fpg/base/bits.h"

#define FRESH_MAX_LEVELS 6U

struct fresh {
	uint64_t bits;
	uint64_t count;
	uint32_t levels;
	uint64_t *level[FRESH_MAX_LEVELS];
};

size_t fresh_bytes(uint64_t bits);

/** @words: zeroed, fresh_bytes(@bits) long. Afterwards no bit is set. */
void fresh_init(struct fresh *f, uint64_t bits, uint64_t *words);

/** Set bits [from, to), all clear before. */
void fresh_set_range(struct fresh *f, uint64_t from, uint64_t to);
void fresh_clear(struct fresh *f, uint64_t bit);

/** The first set bit at or after @from, or f->bits. */
uint64_t fresh_find(const struct fresh *f, uint64_t from);

/** Return: the levels agree with each other and with the count. */
bool fresh_consistent(const struct fresh *f);

static inline bool fresh_test(const struct fresh *f, uint64_t bit)
{
	return bits_test(f->level[0], bit);
}
