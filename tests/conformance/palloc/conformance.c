/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs the suite's properties on backends and reports each as a line `ok - backend: property`. */
#include "model.h"

#include "fpg/core/palloc_registry.h"

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
	out_printf(env->out, "# %s (0x%llx), after %llu operations, seed 0x%llx\n",
		   m->wrong != NULL ? m->wrong : "it does not hold",
		   (unsigned long long)m->wrong_pfn, (unsigned long long)m->operations,
		   (unsigned long long)env->seed);
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

bool conformance_run_bytes(const struct palloc_ops *ops, struct conformance_env *env,
			   const uint8_t *data, size_t bytes)
{
	struct model m = { 0 };
	if (!model_start(&m, ops, env, 0) || !model_add_memory(&m)) {
		return false;
	}
	for (size_t i = 0; i + 5 <= bytes; i += 5) {
		uint64_t b = (uint64_t)data[i + 1] << 8 | data[i + 2];
		uint64_t c = (uint64_t)data[i + 3] << 8 | data[i + 4];
		if (!model_step(&m, data[i], b, c)) {
			return false;
		}
	}
	return model_verify(&m);
}
