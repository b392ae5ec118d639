/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs the suite's properties on backends and reports each as a line `ok - backend: property`. */
#include "model.h"

#include "fpg/core/palloc_registry.h"

/** The last operations, the oldest first. */
static void show_history(struct conformance_env *env, const struct model *m)
{
	uint64_t i = m->operations > CONFORMANCE_HISTORY ? m->operations - CONFORMANCE_HISTORY : 0;
	for (; i < m->operations; i++) {
		const struct conformance_op *op = &env->history[i % CONFORMANCE_HISTORY];
		if (op->name != NULL) {
			out_printf(env->out, "#   %llu: %s 0x%llx-0x%llx (0x%x): %d\n",
				   (unsigned long long)i, op->name, (unsigned long long)op->start,
				   (unsigned long long)op->end, op->how, op->err);
		}
	}
}

static void report(struct conformance_result *result, struct conformance_env *env,
		   const struct model *m, const char *who, const char *what, bool holds)
{
	if (holds && m->wrong == NULL) {
		result->passed++;
		out_printf(env->out, "ok - %s: %s\n", who, what);
		return;
	}
	result->failed++;
	out_printf(env->out, "not ok - %s: %s\n", who, what);
	out_printf(env->out, "# %s (0x%llx), after %llu operations, seed FPG_SEED=0x%llx\n",
		   m->wrong != NULL ? m->wrong : "it does not hold",
		   (unsigned long long)m->wrong_pfn, (unsigned long long)m->operations,
		   (unsigned long long)env->seed);
	show_history(env, m);
}

static void run_table(struct conformance_result *result, struct conformance_env *env,
		      struct model *m, const struct palloc_ops *ops,
		      const struct property *properties)
{
	for (const struct property *p = properties; p->name != NULL; p++) {
		if ((ops->caps & p->caps) != p->caps) {
			continue;
		}
		bool holds = model_start(m, ops, env, 0) && p->holds(m);
		report(result, env, m, ops->name, p->name, holds && model_guards(m));
		result->operations += m->operations;
		m->operations = 0;
	}
}

struct conformance_result conformance_run_one(const struct palloc_ops *ops,
					      struct conformance_env *env)
{
	struct conformance_result result = { 0 };
	struct model m = { 0 };
	const struct palloc_ops *const table[] = { ops, NULL };
	struct palloc_fault fault = { 0 };
	bool valid = palloc_registry_validate(table, &fault) == 0;
	m.wrong = fault.field;
	report(&result, env, &m, ops->name != NULL ? ops->name : "?",
	       "capabilities_match_functions", valid);
	if (valid) {
		run_table(&result, env, &m, ops, conformance_basic);
		run_table(&result, env, &m, ops, conformance_ranges);
	}
	return result;
}

static void add_up(struct conformance_result *sum, struct conformance_result part)
{
	sum->passed += part.passed;
	sum->failed += part.failed;
	sum->operations += part.operations;
}

struct conformance_result conformance_run(const struct palloc_ops *const *table,
					  struct conformance_env *env)
{
	struct conformance_result result = { 0 };
	for (size_t i = 0; table[i] != NULL; i++) {
		add_up(&result, conformance_run_one(table[i], env));
	}
	for (size_t i = 0; table[i] != NULL && result.failed == 0; i++) {
		for (size_t k = 0; table[k] != NULL; k++) {
			struct model m = { 0 };
			bool holds = handover_conserves(env, table[i], table[k], &m);
			report(&result, env, &m, table[i]->name, table[k]->name, holds);
			result.operations += m.operations;
		}
	}
	return result;
}

/* ---- long runs ------------------------------------------------------------------------------- */

#define ROUND_STEPS 65536

/** A span somewhere in @whole: as it is, or of any size down to a single frame. */
static struct pfn_range some_span(struct pfn_range whole, uint64_t random)
{
	static const uint8_t shrink[] = { 0, 0, 0, 1, 2, 4, 7, 63 };
	const uint64_t all = pfn_range_pages(whole);
	const uint64_t most = all >> shrink[random % ARRAY_SIZE(shrink)];
	random /= ARRAY_SIZE(shrink);
	if (most == all) {
		return whole;
	}
	const uint64_t pages = most == 0 ? 1 + random % 3 : 1 + random % most;
	const uint64_t from = random / 7 % (all - pages + 1);
	return (struct pfn_range){ pfn_add(whole.start, from), pfn_add(whole.start, from + pages) };
}

/** What may happen in a round: @how chooses. */
static void choose(struct conformance_env *round, const struct conformance_env *env, uint64_t how)
{
	static const uint8_t deny[] = { 0, 0, 2, 3, 7, 40 };
	round->span = some_span(env->span, how / 128);
	round->table = how % 2 == 0 ? env->table : NULL;
	round->deny_every = deny[how / 2 % ARRAY_SIZE(deny)];
}

/** Memory as the round has it. Nothing is denied before it is there: nobody can do without. */
static bool start_round(struct model *m, const struct palloc_ops *ops, struct conformance_env *env)
{
	if (!model_start(m, ops, env, 0) || !model_add_shape(m)) {
		return false;
	}
	m->deny_every = env->deny_every;
	return true;
}

struct conformance_result conformance_run_long(const struct palloc_ops *ops,
					       struct conformance_env *env, uint64_t operations)
{
	struct conformance_result result = { 0 };
	uint64_t seed = env->seed;
	while (result.operations < operations && result.failed == 0) {
		struct conformance_env round = *env;
		struct model m = { .random = seed };
		round.seed = seed;
		seed = model_random(&m);
		choose(&round, env, model_random(&m) >> 16);
		uint64_t steps = operations - result.operations + 16;
		bool holds = start_round(&m, ops, &round) &&
			     model_random_run(&m, steps < ROUND_STEPS ? steps : ROUND_STEPS) &&
			     model_verify(&m) &&
			     (!model_can(&m, PALLOC_CAP_FREE) || model_free_all(&m)) &&
			     model_verify(&m);
		if (!holds) {
			report(&result, &round, &m, ops->name, "random operations", false);
		}
		/* Memory that never was, or that cannot be given back, has no operations. */
		result.operations += m.home_operations != 0 ? m.home_operations : 1;
		result.handovers += m.handovers;
		result.answers = (result.answers ^ m.answers) * 0x100000001b3ULL;
		result.passed += holds;
	}
	return result;
}

bool conformance_run_bytes(const struct palloc_ops *ops, struct conformance_env *env,
			   const uint8_t *data, size_t bytes)
{
	struct model m = { 0 };
	struct conformance_env run = *env;
	struct conformance_result result = { 0 };
	uint64_t how = 0;
	size_t i = 0;
	for (; i < 3 && i < bytes; i++) {
		how = how << 8 | data[i];
	}
	choose(&run, env, how);
	run.seed = how + 1;
	bool holds = start_round(&m, ops, &run);
	for (; holds && i + 5 <= bytes; i += 5) {
		uint64_t b = (uint64_t)data[i + 1] << 8 | data[i + 2];
		uint64_t c = (uint64_t)data[i + 3] << 8 | data[i + 4];
		holds = model_step(&m, data[i], b, c);
	}
	holds = holds && model_verify(&m);
	if (!holds) {
		report(&result, &run, &m, ops->name, "a sequence of operations", false);
	}
	return holds;
}
