/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves the bit arithmetic at every position, and searches and fills of bit arrays against a
 * bit-by-bit model.
 */
#include "sim.h"

#include "fpg/base/bits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void positions_and_logarithms_are_right_everywhere(void **state)
{
	(void)state;
	for (unsigned int n = 0; n < 64; n++) {
		uint64_t bit = 1ULL << n;
		assert_int_equal(bit_lowest(bit), n);
		assert_int_equal(bit_highest(bit), n);
		assert_int_equal(bit_lowest(bit | 1ULL << 63), n);
		assert_int_equal(bit_highest(bit | 1), n);
		assert_int_equal(log2_floor(bit), n);
		assert_int_equal(log2_ceil(bit), n);
		if (n > 1) {
			assert_int_equal(log2_floor(bit - 1), n - 1);
			assert_int_equal(log2_ceil(bit - 1), n);
			assert_int_equal(log2_ceil(bit + 1), n + 1);
		}
		assert_int_equal(bit_count(bit - 1), n);
		assert_true(bit_mask(n, 64) == ~(bit - 1));
		assert_true(bit_mask(0, n) == bit - 1);
		assert_true(bit_mask(n, n) == 0);
	}
	assert_int_equal(bit_count(~0ULL), 64);
	assert_true(bit_mask(0, 64) == ~0ULL && bit_mask(64, 64) == 0);
}

enum {
	BITS = 700
};

static uint64_t model_find(const uint8_t *model, uint64_t from, uint64_t limit, uint8_t value)
{
	while (from < limit && model[from] != value) {
		from++;
	}
	return from < limit ? from : limit;
}

static void arrays_agree_with_a_bit_by_bit_model(void **state)
{
	uint64_t words[BITS / 64 + 3];
	uint8_t model[BITS];
	uint64_t random = sim_seed(0xb175);
	(void)state;
	memset(words, 0, sizeof(words));
	memset(model, 0, sizeof(model));
	words[0] = words[BITS / 64 + 2] = 0xdeadbeef;
	for (unsigned int i = 0; i < 20000; i++) {
		uint64_t from = (sim_random(&random) >> 32) % (BITS + 1);
		uint64_t to = (sim_random(&random) >> 32) % (BITS + 1);
		bool set = sim_random(&random) >> 63;
		if (i % 3 != 0) {
			to = from + to % 70 < BITS ? from + to % 70 : BITS;
		}
		for (uint64_t k = from; k < to; k++) {
			model[k] = set;
		}
		(set ? bits_set_range : bits_clear_range)(words + 1, from, to);
		uint64_t at = (sim_random(&random) >> 32) % BITS;
		uint64_t limit = (sim_random(&random) >> 32) % (BITS + 1);
		assert_int_equal(bits_find_set(words + 1, at, limit),
				 model_find(model, at, limit, 1));
		assert_int_equal(bits_find_clear(words + 1, at, limit),
				 model_find(model, at, limit, 0));
		assert_int_equal(bits_test(words + 1, at), model[at]);
	}
	assert_true(words[0] == 0xdeadbeef && words[BITS / 64 + 2] == 0xdeadbeef);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(positions_and_logarithms_are_right_everywhere),
		cmocka_unit_test(arrays_agree_with_a_bit_by_bit_model),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
