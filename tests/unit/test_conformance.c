/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves that every backend of this build has every property of the conformance suite, with records
 * populated on demand, with population failing now and then, at several alignments of the span, and
 * across each hand-over.
 */
#include "sim.h"
#include "tests/conformance/palloc/conformance.h"

#include "fpg/core/pageblock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

struct machine {
	/** Every so many populations one fails; 0: never. */
	uint64_t fail_every;
	uint64_t calls;
};

static int populate(void *ctx, struct pfn_range frames)
{
	struct machine *machine = ctx;
	machine->calls++;
	if (machine->fail_every != 0 && machine->calls > 32 &&
	    machine->calls % machine->fail_every == 0) {
		return -ENOMEM;
	}
	sim_frame_table_populate(frames);
	return 0;
}

static void reset(void *ctx)
{
	(void)ctx;
	sim_frame_table_reset();
}

static uint64_t steps_wanted(void)
{
	const char *text = getenv("FPG_STEPS");
	return text != NULL ? strtoull(text, NULL, 0) : 20000;
}

/** Give @env a machine with frames [@start, @end); @machine is its context. */
static void env_make(struct conformance_env *env, struct machine *machine, uint64_t start,
		     uint64_t end)
{
	*env = (struct conformance_env){
		.out = &to_stdout,
		.span = { pfn(start), pfn(end) },
		.zone_id = 0xabc,
		.steps = steps_wanted(),
		.check_every = 4096,
		.populate = populate,
		.reset = reset,
		.ctx = machine,
	};
	sim_frame_table_start(env->span);
	for (unsigned int i = 0; i < 2; i++) {
		env->meta_bytes[i] = 1 << 20;
		env->meta[i] = aligned_alloc(64, env->meta_bytes[i]);
	}
	env->pageblocks = malloc(pageblock_map_bytes(env->span));
	env->state = malloc(pfn_range_pages(env->span));
	env->blocks = calloc(CONFORMANCE_BLOCKS, sizeof(*env->blocks));
}

static void env_drop(struct conformance_env *env)
{
	free(env->meta[0]);
	free(env->meta[1]);
	free(env->pageblocks);
	free(env->state);
	free(env->blocks);
	sim_frame_table_stop();
}

static uint64_t seed;

static void every_backend_has_every_property(void **state)
{
	struct machine machine = { 0 };
	struct conformance_env env;
	(void)state;
	/* Odd ends, as RAM has them after firmware and image took theirs. */
	env_make(&env, &machine, 0x80203, 0x80203 + 5 * BLOCK + 77);
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
	struct machine machine = { 0 };
	struct conformance_env env;
	(void)state;
	env_make(&env, &machine, 0x80000, 0x80000 + 8 * BLOCK);
	env.seed = seed ^ 0x5555;
	assert_int_equal(conformance_run(palloc_table, &env).failed, 0);
	env_drop(&env);
}

static void random_runs_survive_populations_that_fail(void **state)
{
	(void)state;
	for (uint64_t every = 2; every < 6; every++) {
		struct machine machine = { .fail_every = every };
		struct conformance_env env;
		env_make(&env, &machine, 0x80101, 0x80101 + 6 * BLOCK);
		env.seed = seed + every;
		for (size_t i = 0; palloc_table[i] != NULL; i++) {
			uint8_t bytes[5 * 2000];
			uint64_t random = env.seed;
			for (size_t k = 0; k < sizeof(bytes); k++) {
				bytes[k] = (uint8_t)(sim_random(&random) >> 32);
			}
			/*
			 * The first populations are those of adding memory, which nobody can do
			 * without.
			 */
			machine.calls = 0;
			assert_true(
				conformance_run_bytes(palloc_table[i], &env, bytes, sizeof(bytes)));
		}
		env_drop(&env);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_backend_has_every_property),
		cmocka_unit_test(an_aligned_span_is_as_good),
		cmocka_unit_test(random_runs_survive_populations_that_fail),
	};
	seed = sim_seed(0x1234567890abcdef);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
