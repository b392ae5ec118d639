/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves that sorting orders every kind of input, keeps each element whole, and needs O(n log n) comparisons for all of
 * them; and that a heap stays one when its top is replaced.
 */
#include "fpg/base/sort.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MANY 10000

struct element {
	uint64_t key;
	/** Must move with its key. */
	uint64_t shadow[3];
};

static struct element elements[MANY];
static uint64_t comparisons;
static uint64_t random_state;

static uint64_t next_random(void)
{
	random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
	return random_state >> 11;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = ((const struct element *)a)->key;
	uint64_t y = ((const struct element *)b)->key;
	comparisons++;
	return x < y ? -1 : x > y;
}

static void fill(size_t n, uint64_t (*key)(size_t i))
{
	for (size_t i = 0; i < n; i++) {
		uint64_t k = key(i);
		elements[i] = (struct element){ k, { k ^ 1, k ^ 2, k ^ 3 } };
	}
}

static void check_sorted(size_t n, uint64_t sum)
{
	uint64_t log2 = 1;
	for (size_t i = 0; i < n; i++) {
		assert_true(i == 0 || elements[i - 1].key <= elements[i].key);
		for (uint64_t s = 0; s < 3; s++) {
			assert_true(elements[i].shadow[s] == (elements[i].key ^ (s + 1)));
		}
		sum -= elements[i].key;
	}
	assert_true(sum == 0);
	while (n >> log2 != 0) {
		log2++;
	}
	assert_true(comparisons <= 2 * n * log2 + 2 * n);
}

static void sort_and_check(size_t n, uint64_t (*key)(size_t i))
{
	uint64_t sum = 0;
	fill(n, key);
	for (size_t i = 0; i < n; i++) {
		sum += elements[i].key;
	}
	comparisons = 0;
	sort_elements(elements, n, sizeof(elements[0]), compare);
	check_sorted(n, sum);
}

static uint64_t ascending(size_t i)
{
	return i;
}

static uint64_t descending(size_t i)
{
	return MANY - i;
}

static uint64_t equal(size_t i)
{
	(void)i;
	return 42;
}

static uint64_t organ_pipe(size_t i)
{
	return i < MANY / 2 ? i : MANY - i;
}

static uint64_t few_values(size_t i)
{
	(void)i;
	return next_random() % 5;
}

static uint64_t any(size_t i)
{
	(void)i;
	return next_random();
}

static void every_order_of_input_is_sorted_within_the_bound(void **state)
{
	static uint64_t (*const keys[])(size_t) = { ascending,	descending, equal,
						    organ_pipe, few_values, any };
	(void)state;
	for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
		for (size_t n = 0; n < 70; n++) {
			sort_and_check(n, keys[k]);
		}
		sort_and_check(MANY, keys[k]);
	}
}

static void elements_of_every_allowed_size_are_sorted(void **state)
{
	static uint64_t words[8 * 100];
	(void)state;
	for (size_t size = 8; size <= SORT_MAX_BYTES; size += 8) {
		for (size_t i = 0; i < 100 * size / 8; i++) {
			words[i] = next_random();
		}
		sort_elements(words, 100, size, compare);
		for (size_t i = 1; i < 100; i++) {
			assert_true(words[(i - 1) * size / 8] <= words[i * size / 8]);
		}
	}
}

static void a_heap_keeps_the_last_element_on_top_when_it_is_replaced(void **state)
{
	(void)state;
	fill(300, any);
	sort_heap_make(elements, 300, sizeof(elements[0]), compare);
	for (int round = 0; round < 2000; round++) {
		for (size_t i = 1; i < 300; i++) {
			assert_true(elements[(i - 1) / 2].key >= elements[i].key);
		}
		elements[0].key = next_random();
		sort_heap_replaced(elements, 300, sizeof(elements[0]), compare);
	}
}

static void a_heap_grows_one_by_one(void **state)
{
	(void)state;
	fill(300, any);
	for (size_t n = 1; n <= 300; n++) {
		sort_heap_added(elements, n, sizeof(elements[0]), compare);
		for (size_t i = 1; i < n; i++) {
			assert_true(elements[(i - 1) / 2].key >= elements[i].key);
		}
	}
}

int main(void)
{
	const char *seed = getenv("FPG_SEED");
	random_state = seed != NULL ? strtoull(seed, NULL, 0) : 1;
	printf("seed %llu\n", (unsigned long long)random_state);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_order_of_input_is_sorted_within_the_bound),
		cmocka_unit_test(elements_of_every_allowed_size_are_sorted),
		cmocka_unit_test(a_heap_grows_one_by_one),
		cmocka_unit_test(a_heap_keeps_the_last_element_on_top_when_it_is_replaced),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
