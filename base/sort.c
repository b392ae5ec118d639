/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Heap sort, bottom-up: the hole left by the top sinks along the larger children to a leaf without comparing the
 * element to be placed, which then rises to its place. That saves almost half of the comparisons, because an element
 * taken from the end of a heap belongs near the bottom.
 *
 * Invariant of a heap: element i does not go before elements 2i + 1 and 2i + 2.
 */
#include "fpg/base/sort.h"

#include "fpg/base/assert.h"

#define SORT_WORDS (SORT_MAX_BYTES / sizeof(uint64_t))

static inline void copy_element(uint64_t *to, const uint64_t *from, size_t words)
{
	for (size_t i = 0; i < words; i++) {
		to[i] = from[i];
	}
}

/** Put @value where it belongs in the heap whose top @hole is free; both subheaps of @hole are heaps. */
static void sink(uint64_t *base, size_t hole, size_t count, size_t words, sort_cmp_fn cmp,
		 const uint64_t *value)
{
	size_t top = hole;
	size_t child;
	while ((child = 2 * hole + 2) < count) {
		if (cmp(base + child * words, base + (child - 1) * words) < 0) {
			child--;
		}
		copy_element(base + hole * words, base + child * words, words);
		hole = child;
	}
	if (child == count) {
		copy_element(base + hole * words, base + (child - 1) * words, words);
		hole = child - 1;
	}
	while (hole > top) {
		size_t parent = (hole - 1) / 2;
		if (cmp(base + parent * words, value) >= 0) {
			break;
		}
		copy_element(base + hole * words, base + parent * words, words);
		hole = parent;
	}
	copy_element(base + hole * words, value, words);
}

void sort_heap_make(void *base, size_t count, size_t bytes, sort_cmp_fn cmp)
{
	uint64_t value[SORT_WORDS];
	size_t words = bytes / sizeof(uint64_t);
	FPG_CHECK(bytes % sizeof(uint64_t) == 0 && bytes <= SORT_MAX_BYTES);
	for (size_t i = count / 2; i-- > 0;) {
		copy_element(value, (uint64_t *)base + i * words, words);
		sink(base, i, count, words, cmp, value);
	}
}

void sort_heap_added(void *base, size_t count, size_t bytes, sort_cmp_fn cmp)
{
	uint64_t value[SORT_WORDS];
	size_t words = bytes / sizeof(uint64_t);
	uint64_t *elements = base;
	size_t hole = count - 1;
	copy_element(value, elements + hole * words, words);
	while (hole > 0 && cmp(elements + (hole - 1) / 2 * words, value) < 0) {
		copy_element(elements + hole * words, elements + (hole - 1) / 2 * words, words);
		hole = (hole - 1) / 2;
	}
	copy_element(elements + hole * words, value, words);
}

void sort_heap_replaced(void *base, size_t count, size_t bytes, sort_cmp_fn cmp)
{
	uint64_t value[SORT_WORDS];
	size_t words = bytes / sizeof(uint64_t);
	copy_element(value, base, words);
	sink(base, 0, count, words, cmp, value);
}

void sort_elements(void *base, size_t count, size_t bytes, sort_cmp_fn cmp)
{
	uint64_t value[SORT_WORDS];
	size_t words = bytes / sizeof(uint64_t);
	uint64_t *elements = base;
	sort_heap_make(base, count, bytes, cmp);
	while (count > 1) {
		count--;
		copy_element(value, elements + count * words, words);
		copy_element(elements + count * words, elements, words);
		sink(elements, 0, count, words, cmp, value);
	}
}
