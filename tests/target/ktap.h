/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests that run on the target: tables of named functions, reported as KTAP lines. */
#pragma once

#include "fpg/base/out.h"
#include "fpg/monitor/command.h"

struct target_test {
	/** A property, with underscores: "writing_text_faults". */
	const char *name;
	/** Return: 0 passed | 1 failed, having printed why as a `# …` line | ktap_skip(why): there was nothing to test */
	int (*run)(struct out *out);
};

/** End of each table: name == NULL. */
extern const struct target_test target_tests_string[];
extern const struct target_test target_tests_trap[];
extern const struct target_test target_tests_protect[];
extern const struct target_test target_tests_protect_places[];
extern const struct target_test target_tests_memory[];
extern const struct target_test target_tests_migrate[];
extern const struct target_test target_tests_compaction[];
extern const struct target_test target_tests_cma[];
extern const struct target_test target_tests_cma_sums[];
extern const struct target_test target_tests_mm[];
extern const struct target_test target_tests_palloc[];
extern const struct target_test target_tests_switch[];
extern const struct target_test target_tests_exhaust[];
extern const struct target_test target_tests_conformance[];
extern const struct target_test target_tests_user_copy[];
extern const struct target_test target_tests_user_mode[];
extern const struct target_test target_tests_smp[];
extern const struct target_test target_tests_remap[];
extern const struct target_test target_tests_vmalloc[];
extern const struct target_test target_tests_debug_pagealloc[];

/** The command `conformance OPERATIONS [SEED]`: random operations on each backend, checked against a model. */
int conformance_command(struct monitor *m, int argc, char **argv);

/** The running test cannot be made here; neither passed nor failed. Return: what the test is to return */
int ktap_skip(const char *why);

/** Fails the running test with a line that says where and what. For use inside target_test.run. */
#define KTAP_EXPECT(out, cond)                                                                  \
	do {                                                                                    \
		if (!(cond)) {                                                                  \
			out_printf((out), "# %s:%d: expected %s\n", __FILE__, __LINE__, #cond); \
			return 1;                                                               \
		}                                                                               \
	} while (0)
