/* SPDX-License-Identifier: BSD-2-Clause */
/* Rounding and overflow-checked ranges: the one place where `base + size` is computed from outside values. */
#pragma once

#include "fpg/base/types.h"

#define ROUND_DOWN(x, to) ((x) / (to) * (to))
#define ROUND_UP(x, to)	  ROUND_DOWN((x) + ((to)-1), to)
#define IS_POW2(x)	  ((x) != 0 && ((x) & ((x)-1)) == 0)

/* For powers of two, any integer type. */
#define ALIGN_DOWN(x, a) ((x) & ~((__typeof__(x))(a)-1))
#define ALIGN_UP(x, a)	 (((x) + ((__typeof__(x))(a)-1)) & ~((__typeof__(x))(a)-1))
#define IS_ALIGNED(x, a) (((x) & ((__typeof__(x))(a)-1)) == 0)

/**
 * Clamp [base, base + size) so that it does not pass the last physical address.
 * Return: the size, cut to PHYS_ADDR_MAX - base where base + size would overflow.
 */
static inline phys_addr_t phys_cap_size(phys_addr_t base, phys_addr_t size)
{
	return size > PHYS_ADDR_MAX - base ? PHYS_ADDR_MAX - base : size;
}

/** True when base + size does not fit in a phys_addr_t. */
static inline bool phys_range_overflows(phys_addr_t base, phys_addr_t size)
{
	return size > PHYS_ADDR_MAX - base;
}

static inline phys_addr_t phys_range_end(struct phys_range r)
{
	return r.base + r.size;
}

static inline bool phys_range_contains(struct phys_range r, phys_addr_t pa)
{
	return pa >= r.base && pa - r.base < r.size;
}

static inline bool phys_ranges_overlap(struct phys_range a, struct phys_range b)
{
	return a.size && b.size && a.base < phys_range_end(b) && b.base < phys_range_end(a);
}
