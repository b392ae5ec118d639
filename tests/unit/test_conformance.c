/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves that every backend of this build has every property of the conformance suite, at several alignments of the
 * span and across each hand-over, and agrees with the model in a million random operations (FPG_OPERATIONS says how
 * many), with memory of every shape, with populations that fail, and with hand-overs in their midst.
 */
#include "sim.h"
#include "tests/conformance/palloc/conformance.h"

#include "fpg/core/pageblock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <errno.h>

static void write_stdout(struct out *out, const char *s, size_t n)
{
	(void)out;
	fwrite(s, 1, n, stdout);
}

static struct out to_stdout = { .write = write_stdout };

/** Spans are multiples of this. */
#define BLOCK (MAX_ORDER_NR_PAGES > 1024 ? MAX_ORDER_NR_PAGES : 1024)

static uint64_t number_wanted(const char *variable, uint64_t standard)
{
	const char *text = getenv(variable);
	return text != NULL ? strtoull(text, NULL, 0) : standard;
}

/** Give @env a machine with frames [@start, @end). */
static void env_make(struct conformance_env *env, uint64_t start, uint64_t end)
{
	*env = (struct conformance_env){
		.out = &to_stdout,
		.span = { pfn(start), pfn(end) },
		.zone_id = 0xabc,
		.steps = number_wanted("FPG_STEPS", 20000),
		.check_every = 4096,
		.populate = sim_env_populate,
		.reset = sim_env_reset,
	};
	sim_frame_table_start(env->span);
	for (unsigned int i = 0; i < 2; i++) {
		env->meta_bytes[i] = 1 << 20;
		env->meta[i] = aligned_alloc(64, env->meta_bytes[i]);
	}
	env->pageblocks = malloc(pageblock_map_bytes(env->span));
	env->state = malloc(pfn_range_pages(env->span));
	env->blocks = calloc(CONFORMANCE_BLOCKS, sizeof(*env->blocks));
	env->history = calloc(CONFORMANCE_HISTORY, sizeof(*env->history));
}

static void env_drop(struct conformance_env *env)
{
	free(env->meta[0]);
	free(env->meta[1]);
	free(env->pageblocks);
	free(env->state);
	free(env->blocks);
	free(env->history);
	sim_frame_table_stop();
}

static uint64_t seed;

static void every_backend_has_every_property(void **state)
{
	struct conformance_env env;
	(void)state;
	/* Odd ends, as RAM has them after firmware and image took theirs. */
	env_make(&env, 0x80203, 0x80203 + 5 * BLOCK + 77);
	env.seed = seed;
	env.check_every = 512;
	struct conformance_result result = conformance_run(palloc_table, &env);
	printf("# %llu operations\n", (unsigned long long)result.operations);
	assert_int_equal(result.failed, 0);
	assert_true(result.passed > 10);
	env_drop(&env);
}

static void an_aligned_span_is_as_good(void **state)
{
	struct conformance_env env;
	(void)state;
	env_make(&env, 0x80000, 0x80000 + 8 * BLOCK);
	env.seed = seed ^ 0x5555;
	assert_int_equal(conformance_run(palloc_table, &env).failed, 0);
	env_drop(&env);
}

static void a_million_operations_agree_with_the_model(void **state)
{
	const uint64_t operations = number_wanted("FPG_OPERATIONS", 1000000);
	struct conformance_env env;
	(void)state;
	env_make(&env, 0x80203, 0x80203 + 5 * BLOCK + 77);
	env.table = palloc_table;
	env.seed = seed;
	for (size_t i = 0; palloc_table[i] != NULL; i++) {
		clock_t begin = clock();
		struct conformance_result result =
			conformance_run_long(palloc_table[i], &env, operations);
		printf("# %s: %llu operations in %llu rounds with %llu hand-overs, %.1f s\n",
		       palloc_table[i]->name, (unsigned long long)result.operations,
		       (unsigned long long)result.passed, (unsigned long long)result.handovers,
		       (double)(clock() - begin) / CLOCKS_PER_SEC);
		assert_int_equal(result.failed, 0);
		assert_true(result.operations >= operations);
	}
	env_drop(&env);
}

static void the_same_seed_gives_the_same_answers(void **state)
{
	struct conformance_env env;
	(void)state;
	env_make(&env, 0x80203, 0x80203 + 5 * BLOCK + 77);
	env.table = palloc_table;
	env.seed = seed ^ 0xd161;
	for (size_t i = 0; palloc_table[i] != NULL; i++) {
		uint64_t first = conformance_run_long(palloc_table[i], &env, 200000).answers;
		struct conformance_result second =
			conformance_run_long(palloc_table[i], &env, 200000);
		assert_int_equal(second.failed, 0);
		assert_true(first == second.answers);
	}
	env_drop(&env);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_backend_has_every_property),
		cmocka_unit_test(an_aligned_span_is_as_good),
		cmocka_unit_test(a_million_operations_agree_with_the_model),
		cmocka_unit_test(the_same_seed_gives_the_same_answers),
	};
	seed = sim_seed(0x1234567890abcdef);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
