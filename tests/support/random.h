/* SPDX-License-Identifier: BSD-2-Clause */
/* The sequence of random numbers that all tests use, on the host and on the target: xorshift64*. */
#pragma once

#include <stdint.h>

/** The next number; *@state is not 0. */
static inline uint64_t xorshift64star(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dULL;
}
