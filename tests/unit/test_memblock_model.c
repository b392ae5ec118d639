/* SPDX-License-Identifier: BSD-2-Clause */
/* Proves, on random sequences of calls, that memblock agrees with a model that keeps every 64 bytes by itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "memblock_model.h"

static uint64_t random_state;

static uint8_t random_u8(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint8_t)(random_state >> 32);
}

static void drop(struct out *out, const char *s, size_t n)
{
	(void)out;
	(void)s;
	(void)n;
}

static struct out nowhere = { .write = drop };

static void random_runs(uint8_t start, unsigned int runs)
{
	static struct memblock_model model;
	static uint8_t bytes[4096];
	const char *given = getenv("FPG_SEED");
	uint64_t seed = given != NULL ? strtoull(given, NULL, 0) : 0x5eed0003;

	fprintf(stderr, "FPG_SEED=0x%llx\n", (unsigned long long)seed);
	log_set_sink(&nowhere);
	for (unsigned int run = 0; run < runs; run++) {
		random_state = seed + run * 0x9e3779b97f4a7c15ULL + 1;
		size_t length = 200 + random_u8() * 8UL;
		for (size_t i = 0; i < length; i++) {
			bytes[i] = random_u8();
		}
		/* See model_prefill(). */
		bytes[0] = (uint8_t)(start | (bytes[0] & 0x3f));
		model_run(&model, bytes, length, 8, true);
	}
	log_set_sink(NULL);
}

static void random_calls_agree_with_the_model_in_tables_that_cannot_grow(void **state)
{
	(void)state;
	random_runs(0x80, 300);
}

static void random_calls_agree_with_the_model_in_growing_tables(void **state)
{
	(void)state;
	random_runs(0xc0, 600);
}

static void random_calls_agree_with_the_model_without_memory_at_first(void **state)
{
	(void)state;
	random_runs(0x40, 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_calls_agree_with_the_model_in_tables_that_cannot_grow),
		cmocka_unit_test(random_calls_agree_with_the_model_in_growing_tables),
		cmocka_unit_test(random_calls_agree_with_the_model_without_memory_at_first),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
