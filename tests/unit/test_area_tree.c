/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tree of areas against the plainest model there is, an array of bytes that says whose each address is: whatever is
 * inserted, removed and resized, look-ups and searches for a place answer as a scan of the array does, and every node
 * stays in balance and right about its subtree.
 */
#include "fpg/base/area_tree.h"
#include "fpg/base/range.h"
#include "sim.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SPACE 512U
#define AREAS 96U

/** 0: free; n + 1: area n's. */
static uint16_t owner[SPACE];
static struct area areas[AREAS];
static struct area_tree tree;

static void model_start(void)
{
	memset(owner, 0, sizeof(owner));
	memset(areas, 0, sizeof(areas));
	memset(&tree, 0, sizeof(tree));
}

static bool model_free(uint64_t start, uint64_t end, unsigned int but)
{
	for (uint64_t at = start; at < end; at++) {
		if (owner[at] != 0 && owner[at] != but) {
			return false;
		}
	}
	return true;
}

static void model_set(uint64_t start, uint64_t end, unsigned int who)
{
	for (uint64_t at = start; at < end; at++) {
		owner[at] = (uint16_t)who;
	}
}

static bool model_has(unsigned int i)
{
	return areas[i].end != 0;
}

/** A place is good when it is free, and the guard on both sides as far as there is space. */
static bool model_place(uint64_t at, uint64_t bytes, uint64_t guard)
{
	uint64_t start = at > guard ? at - guard : 0;
	uint64_t end = at + bytes + guard < SPACE ? at + bytes + guard : SPACE;
	return model_free(start, end, 0);
}

static int model_gap(uint64_t low, uint64_t high, uint64_t bytes, uint64_t align, uint64_t guard,
		     bool top, uint64_t *out)
{
	int found = -ENOMEM;
	for (uint64_t at = ALIGN_UP(low, align); at + bytes <= high; at += align) {
		if (model_place(at, bytes, guard)) {
			*out = at;
			found = 0;
			if (!top) {
				break;
			}
		}
	}
	return found;
}

static void check_finds(void)
{
	for (uint64_t at = 0; at < SPACE; at++) {
		uint64_t seen = at;
		while (seen < SPACE && owner[seen] == 0) {
			seen++;
		}
		const struct area *expected = seen < SPACE ? &areas[owner[seen] - 1] : NULL;
		assert_ptr_equal(area_find(&tree, at), expected);
	}
}

static void check_order(void)
{
	uint64_t count = 0;
	const struct area *prev = NULL;
	for (const struct area *a = area_first(&tree); a != NULL; a = area_next(a)) {
		assert_ptr_equal(area_prev(a), prev);
		prev = a;
		count++;
	}
	assert_ptr_equal(area_last(&tree), prev);
	assert_int_equal(count, tree.count);
}

static void check_gaps(uint64_t *seed)
{
	for (int i = 0; i < 8; i++) {
		uint64_t low = sim_random(seed) % SPACE;
		uint64_t high = low + 1 + sim_random(seed) % (SPACE - low);
		uint64_t bytes = 1 + sim_random(seed) % 24;
		uint64_t align = 1ULL << sim_random(seed) % 5;
		uint64_t guard = sim_random(seed) % 4;
		for (int top = 0; top < 2; top++) {
			uint64_t expected = 0;
			uint64_t got = 0;
			int err = model_gap(low, high, bytes, align, guard, top, &expected);
			int r = top ? area_find_gap_top(&tree, low, high, bytes, align, guard,
							&got) :
				      area_find_gap(&tree, low, high, bytes, align, guard, &got);
			assert_int_equal(r, err);
			assert_true(got == expected);
		}
	}
}

static void random_insert(uint64_t *seed, unsigned int i)
{
	uint64_t start = sim_random(seed) % SPACE;
	uint64_t bytes = sim_random(seed) % 9;
	uint64_t end = start + bytes < SPACE ? start + bytes : SPACE;
	areas[i] = (struct area){ .start = start, .end = end };
	int expected = bytes == 0 ? -EINVAL : model_free(start, end, 0) ? 0 : -EEXIST;
	int r = area_insert(&tree, &areas[i]);
	assert_int_equal(r, expected);
	if (r == 0) {
		model_set(start, end, i + 1);
	} else {
		areas[i] = (struct area){ 0 };
	}
}

static void random_resize(uint64_t *seed, unsigned int i)
{
	struct area *a = &areas[i];
	uint64_t start = a->start + sim_random(seed) % 5;
	uint64_t end = a->end + sim_random(seed) % 5;
	start = start > 2 ? start - 2 : 0;
	end = end > 2 ? end - 2 : 0;
	end = end < SPACE ? end : SPACE;
	/* It stays where it is in the order. */
	if (start >= a->end || end <= a->start || start >= end || !model_free(start, end, i + 1)) {
		return;
	}
	model_set(a->start, a->end, 0);
	area_resize(&tree, a, start, end);
	model_set(start, end, i + 1);
}

static void random_operations_agree_with_a_plain_array(void **state)
{
	(void)state;
	uint64_t seed = sim_seed(0xa1ea);
	model_start();
	for (int step = 0; step < 20000; step++) {
		unsigned int i = (unsigned int)(sim_random(&seed) % AREAS);
		/* Phases of growing and of shrinking, so that the tree is full and empty by turns. */
		bool shrink = sim_random(&seed) % 8 < (step / 1000 % 2 != 0 ? 5U : 2U);
		if (!model_has(i)) {
			random_insert(&seed, i);
		} else if (shrink) {
			model_set(areas[i].start, areas[i].end, 0);
			area_remove(&tree, &areas[i]);
			areas[i] = (struct area){ 0 };
		} else {
			random_resize(&seed, i);
		}
		const char *wrong = area_tree_wrong(&tree);
		if (wrong != NULL) {
			fail_msg("step %d: %s", step, wrong);
		}
		check_gaps(&seed);
		if (step % 64 == 0) {
			check_finds();
			check_order();
		}
	}
}

static void an_empty_tree_answers(void **state)
{
	uint64_t at = 7;
	(void)state;
	model_start();
	assert_null(area_find(&tree, 0));
	assert_null(area_first(&tree));
	assert_null(area_last(&tree));
	assert_null(area_tree_wrong(&tree));
	assert_int_equal(area_find_gap(&tree, 3, 100, 8, 8, 4, &at), 0);
	assert_int_equal(at, 8);
	assert_int_equal(area_find_gap_top(&tree, 3, 100, 8, 8, 4, &at), 0);
	assert_int_equal(at, 88);
}

static void neighbours_may_touch_but_not_overlap(void **state)
{
	struct area a = { .start = 10, .end = 20 };
	struct area b = { .start = 20, .end = 30 };
	struct area c = { .start = 29, .end = 31 };
	struct area empty = { .start = 40, .end = 40 };
	(void)state;
	model_start();
	assert_int_equal(area_insert(&tree, &a), 0);
	assert_int_equal(area_insert(&tree, &b), 0);
	assert_int_equal(area_insert(&tree, &c), -EEXIST);
	assert_int_equal(area_insert(&tree, &empty), -EINVAL);
	assert_int_equal(tree.count, 2);
	assert_ptr_equal(area_find(&tree, 19), &a);
	assert_ptr_equal(area_find(&tree, 20), &b);
	assert_null(area_find(&tree, 30));
}

static void the_ends_of_the_number_line_do_not_wrap(void **state)
{
	struct area top = { .start = UINT64_MAX - 15, .end = UINT64_MAX };
	struct area bottom = { .start = 0, .end = 16 };
	uint64_t at;
	(void)state;
	model_start();
	assert_int_equal(area_insert(&tree, &top), 0);
	assert_int_equal(area_insert(&tree, &bottom), 0);
	assert_int_equal(area_find_gap_top(&tree, 0, UINT64_MAX, 16, 16, 16, &at), 0);
	assert_true(at == UINT64_MAX - 15 - 32);
	assert_int_equal(area_find_gap(&tree, 0, UINT64_MAX, 16, 16, 16, &at), 0);
	assert_true(at == 32);
	assert_int_equal(area_find_gap(&tree, UINT64_MAX - 40, UINT64_MAX, 16, 16, 16, &at),
			 -ENOMEM);
	assert_int_equal(area_find_gap(&tree, 0, UINT64_MAX, 1, 1ULL << 63, 0, &at), 0);
	assert_true(at == 1ULL << 63);
	assert_int_equal(area_find_gap(&tree, 0, UINT64_MAX, UINT64_MAX, 1, UINT64_MAX, &at),
			 -ENOMEM);
	assert_int_equal(area_find_gap(&tree, 5, 5, 1, 1, 0, &at), -ENOMEM);
	assert_int_equal(area_find_gap(&tree, 0, 100, 0, 1, 0, &at), -ENOMEM);
}

static void ascending_and_descending_insertions_stay_balanced(void **state)
{
	enum {
		COUNT = 4096
	};
	struct area *many = calloc(COUNT, sizeof(*many));
	(void)state;
	for (int down = 0; down < 2; down++) {
		struct area_tree big = { 0 };
		for (uint64_t i = 0; i < COUNT; i++) {
			uint64_t at = (down ? COUNT - 1 - i : i) * 4;
			many[i] = (struct area){ .start = at, .end = at + 2 };
			assert_int_equal(area_insert(&big, &many[i]), 0);
		}
		assert_null(area_tree_wrong(&big));
		/* An AVL tree of 4096 nodes has at most 1.44 * log2(4098) levels. */
		assert_in_range(big.root->height, 13, 17);
		uint64_t at;
		assert_int_equal(area_find_gap(&big, 0, COUNT * 4, 3, 1, 0, &at), -ENOMEM);
		assert_int_equal(area_find_gap(&big, 0, COUNT * 4 + 2, 3, 1, 0, &at), 0);
		assert_true(at == COUNT * 4 - 2);
		for (uint64_t i = 0; i < COUNT; i++) {
			area_remove(&big, &many[i * 2731 % COUNT]);
		}
		assert_null(big.root);
		assert_null(area_tree_wrong(&big));
	}
	free(many);
}

static void damage_is_named(void **state)
{
	struct area a[7];
	(void)state;
	model_start();
	memset(a, 0, sizeof(a));
	for (uint64_t i = 0; i < 7; i++) {
		a[i].start = i * 10;
		a[i].end = i * 10 + 5;
		assert_int_equal(area_insert(&tree, &a[i]), 0);
	}
	tree.count++;
	assert_non_null(area_tree_wrong(&tree));
	tree.count--;
	a[3].gap++;
	assert_string_equal(area_tree_wrong(&tree), "a node is wrong about the largest gap");
	a[3].gap--;
	a[0].end = 12;
	assert_non_null(area_tree_wrong(&tree));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_tree_answers),
		cmocka_unit_test(neighbours_may_touch_but_not_overlap),
		cmocka_unit_test(the_ends_of_the_number_line_do_not_wrap),
		cmocka_unit_test(ascending_and_descending_insertions_stay_balanced),
		cmocka_unit_test(random_operations_agree_with_a_plain_array),
		cmocka_unit_test(damage_is_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
