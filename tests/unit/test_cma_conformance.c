/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves that the CMA overlay has every property of the conformance suite, with the frames for itself (a carve-out) and
 * over each backend that keeps no records of its own.
 */
#include "sim.h"
#include "tests/conformance/palloc/conformance.h"

#include "fpg/core/pageblock.h"
#include "fpg/core/palloc_registry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FIRST 0x80003UL
#define PAGES (8 * MAX_ORDER_NR_PAGES + 5)

static void write_stdout(struct out *out, const char *s, size_t n)
{
	(void)out;
	fwrite(s, 1, n, stdout);
}

static struct out to_stdout = { .write = write_stdout };

static const struct palloc_ops *parent_ops;
static struct palloc parent;

/** The overlay's init(), over a fresh instance of parent_ops. */
static int init_over_parent(struct palloc *pa, void *meta, size_t bytes)
{
	struct palloc_geometry geometry = { .span = pa->span, .harts = 1, .max_runs = 64 };
	size_t parent_bytes = parent_ops->meta_bytes(&geometry);
	free(parent.meta);
	parent = *pa;
	parent.ops = parent_ops;
	parent.meta = aligned_alloc(64, (parent_bytes + 63) / 64 * 64);
	parent.meta_bytes = parent_bytes;
	memset(parent.meta, 0, parent_bytes);
	int err = parent_ops->init(&parent, parent.meta, parent_bytes);
	pa->parent = &parent;
	return err != 0 ? err : palloc_find("cma")->init(pa, meta, bytes);
}

static void run(const struct palloc_ops *ops)
{
	struct conformance_env env = {
		.out = &to_stdout,
		.span = { pfn(FIRST), pfn(FIRST + PAGES) },
		.zone_id = 0xabc,
		.seed = sim_seed(0x1234567890abcdef),
		.steps = 20000,
		.check_every = 4096,
		.populate = sim_env_populate,
		.reset = sim_env_reset,
	};
	sim_frame_table_start(env.span);
	for (unsigned int i = 0; i < 2; i++) {
		env.meta_bytes[i] = 1 << 20;
		env.meta[i] = aligned_alloc(64, env.meta_bytes[i]);
	}
	env.pageblocks = calloc(1, pageblock_map_bytes(env.span));
	env.state = calloc(1, PAGES);
	env.blocks = calloc(CONFORMANCE_BLOCKS, sizeof(*env.blocks));
	env.history = calloc(CONFORMANCE_HISTORY, sizeof(*env.history));
	struct conformance_result result = conformance_run_one(ops, &env);
	free(env.meta[0]);
	free(env.meta[1]);
	free(env.pageblocks);
	free(env.state);
	free(env.blocks);
	free(env.history);
	sim_frame_table_stop();
	assert_int_equal(result.failed, 0);
	assert_true(result.passed > 5);
}

static void a_carve_out_has_every_property(void **state)
{
	(void)state;
	run(palloc_find("cma"));
}

static void so_has_an_overlay_on_each_backend_without_records(void **state)
{
	(void)state;
	static struct palloc_ops over;
	unsigned int parents = 0;
	for (size_t i = 0; palloc_table[i] != NULL; i++) {
		parent_ops = palloc_table[i];
		if (parent_ops->caps & PALLOC_CAP_CLAIM) {
			over = *palloc_find("cma");
			over.init = init_over_parent;
			run(&over);
			parents++;
		}
	}
	assert_true(parents > 0);
	free(parent.meta);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_carve_out_has_every_property),
		cmocka_unit_test(so_has_an_overlay_on_each_backend_without_records),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
