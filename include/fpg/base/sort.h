/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sorting in place, without memory, without recursion, and in O(n log n) for every input: heap sort. Not stable, so
 * a caller that cares for the order of equals makes its comparison a total order.
 */
#pragma once

#include "fpg/base/types.h"

/** Largest element, in bytes. */
#define SORT_MAX_BYTES 64

/** Return: < 0, 0 or > 0 as @a goes before, equals or goes after @b. */
typedef int (*sort_cmp_fn)(const void *a, const void *b);

/**
 * Sort @count elements of @bytes each, ascending by @cmp.
 *
 * @base   aligned to 8 bytes
 * @bytes  a multiple of 8, at most SORT_MAX_BYTES
 */
void sort_elements(void *base, size_t count, size_t bytes, sort_cmp_fn cmp);

/** Make a heap: the element that goes last by @cmp lies first, and each goes after (or equals) those below it. */
void sort_heap_make(void *base, size_t count, size_t bytes, sort_cmp_fn cmp);

/** The last of @count elements is new, the others are a heap: restore the heap in O(log n). */
void sort_heap_added(void *base, size_t count, size_t bytes, sort_cmp_fn cmp);

/** The first element of a heap was replaced: restore the heap in O(log n). */
void sort_heap_replaced(void *base, size_t count, size_t bytes, sort_cmp_fn cmp);
