/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any sequence of operations on every backend, checked against the conformance suite's model: the first byte of the
 * input chooses backend and alignment of the span, three more memory's shape, whether populations fail and whether
 * other backends take over; then come five bytes an operation.
 */
#include "sim.h"
#include "tests/conformance/palloc/conformance.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MOST_PAGES (5 * (MAX_ORDER_NR_PAGES > 1024 ? MAX_ORDER_NR_PAGES : 1024) + 64)

static void drop(struct out *out, const char *s, size_t n)
{
	(void)out;
	fwrite(s, 1, n, stderr);
}

static struct out to_stderr = { .write = drop };

static void env_make(struct conformance_env *env)
{
	static const uint64_t first = 0x80000;
	sim_frame_table_start((struct pfn_range){ pfn(first), pfn(first + MOST_PAGES + 64) });
	for (unsigned int i = 0; i < 2; i++) {
		env->meta_bytes[i] = 1 << 20;
		env->meta[i] = aligned_alloc(64, env->meta_bytes[i]);
	}
	env->pageblocks = malloc(MOST_PAGES);
	env->state = malloc(MOST_PAGES);
	env->blocks = calloc(CONFORMANCE_BLOCKS, sizeof(*env->blocks));
	env->history = calloc(CONFORMANCE_HISTORY, sizeof(*env->history));
	env->table = palloc_table;
	env->out = &to_stderr;
	env->zone_id = 5;
	env->check_every = 64;
	env->populate = sim_env_populate;
	env->reset = sim_env_reset;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct conformance_env env;
	size_t backends = 0;
	if (env.out == NULL) {
		env_make(&env);
	}
	while (palloc_table[backends] != NULL) {
		backends++;
	}
	if (size == 0) {
		return 0;
	}
	uint64_t first = 0x80000 + data[0] / backends % 64;
	env.span = (struct pfn_range){ pfn(first), pfn(first + MOST_PAGES - 64 + data[0] % 61) };
	env.seed = 1;
	if (!conformance_run_bytes(palloc_table[data[0] % backends], &env, data + 1, size - 1)) {
		abort();
	}
	return 0;
}
