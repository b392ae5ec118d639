/* SPDX-License-Identifier: BSD-2-Clause */
/* The `ktap` monitor command: runs the target tests, prints KTAP version 1, fails if one failed. */
#include "ktap.h"

#include "moves.h"
#include "switches.h"

#include "fpg/base/parse.h"
#include "fpg/monitor/command.h"

#include <errno.h>
#include <string.h>

static const struct target_test *const tables[] = {
	target_tests_smp,
	target_tests_remap,
	target_tests_string,
	target_tests_user_copy,
	target_tests_user_mode,
	target_tests_trap,
	target_tests_protect,
	target_tests_protect_places,
	target_tests_mm,
	target_tests_vmalloc,
	target_tests_debug_pagealloc,
	target_tests_memory,
	target_tests_palloc,
	target_tests_switch,
	target_tests_exhaust,
	target_tests_conformance,
	target_tests_migrate,
	target_tests_compaction,
#ifdef CONFIG_CMA
	target_tests_cma_sums,
	target_tests_cma,
#endif
};

#define SKIPPED 2

static const char *skipped_because;

int ktap_skip(const char *why)
{
	skipped_because = why;
	return SKIPPED;
}

static bool wanted(const struct target_test *test, int argc, char **argv)
{
	if (argc < 2) {
		return true;
	}
	for (int i = 1; i < argc; i++) {
		if (strstr(test->name, argv[i]) != NULL) {
			return true;
		}
	}
	return false;
}

static unsigned int count(int argc, char **argv)
{
	unsigned int n = 0;
	for (size_t t = 0; t < ARRAY_SIZE(tables); t++) {
		for (const struct target_test *test = tables[t]; test->name != NULL; test++) {
			n += wanted(test, argc, argv);
		}
	}
	return n;
}

static int run_ktap(struct monitor *m, int argc, char **argv)
{
	unsigned int total = count(argc, argv);
	unsigned int number = 0;
	unsigned int failed = 0;
	unsigned int skipped = 0;
	if (total == 0) {
		out_printf(m->out, "ktap: no test has such a name\n");
		return -ENOENT;
	}
	out_printf(m->out, "KTAP version 1\n1..%u\n", total);
	for (size_t t = 0; t < ARRAY_SIZE(tables); t++) {
		for (const struct target_test *test = tables[t]; test->name != NULL; test++) {
			if (!wanted(test, argc, argv)) {
				continue;
			}
			const int result = test->run(m->out);
			const bool skip = result == SKIPPED;
			const bool bad = result != 0 && !skip;
			skipped += skip;
			failed += bad;
			out_printf(m->out, "%s %u %s%s%s\n", bad ? "not ok" : "ok", ++number,
				   test->name, skip ? " # SKIP " : "", skip ? skipped_because : "");
		}
	}
	if (!FPG_ENABLED(CONFIG_CMA)) {
		out_printf(m->out, "# skip: the tests of CMA: this build has none (CONFIG_CMA)\n");
	}
	out_printf(m->out, "# %u passed, %u failed, %u skipped\n", number - failed - skipped,
		   failed, skipped);
	return failed ? -EIO : 0;
}

static int run_switches(struct monitor *m, int argc, char **argv)
{
	uint64_t count = 0;
	(void)argc;
	if (parse_size_all(argv[1], &count) != 0 || count == 0 || count > UINT32_MAX) {
		return monitor_fail(m, -EINVAL, "'%s' is no number of switches", argv[1]);
	}
	int bad = switches_under_load(m->out, (uint32_t)count);
	out_printf(m->out, "%s switches\n", bad ? "not ok" : "ok");
	return bad ? -EIO : 0;
}

#ifdef CONFIG_CMA
static int run_moves(struct monitor *m, int argc, char **argv)
{
	uint64_t seconds = 0;
	(void)argc;
	if (parse_size_all(argv[1], &seconds) != 0 || seconds > UINT32_MAX) {
		return monitor_fail(m, -EINVAL, "'%s' is no number of seconds", argv[1]);
	}
	int bad = moves_under_programs(m->out, seconds);
	out_printf(m->out, "%s cma_moves\n", bad ? "not ok" : "ok");
	return bad ? -EIO : 0;
}
#endif

const struct monitor_command monitor_commands_tests[] = {
#ifdef CONFIG_CMA
	{ "cma_moves", "SECONDS",
	  "move the pages of programs on all other harts by cma_alloc for so long, and look for lost writes",
	  1, 1, run_moves },
#endif
	{ "switches", "N", "let the page allocators take turns N times while all harts load them",
	  1, 1, run_switches },
	{ "ktap", "[NAME...]",
	  "run the tests built into this image: all, or those whose name has NAME", 0,
	  MONITOR_WORDS, run_ktap },
	{ "conformance", "OPERATIONS [SEED]",
	  "random operations on each page-allocator backend, checked against a model", 1, 2,
	  conformance_command },
	{ 0 },
};
