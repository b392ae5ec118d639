/* SPDX-License-Identifier: BSD-2-Clause */
/* The `bench` monitor command: runs the rows, all or those named, and fails if one could not be measured. */
#include "bench.h"

#include "fpg/base/errno.h"
#include "fpg/monitor/command.h"
#include "fpg/port/port.h"

#include <errno.h>
#include <string.h>

static const struct bench *const tables[] = {
	bench_rows_boot,       bench_rows_palloc, bench_rows_migrate,
#ifdef CONFIG_COMPACTION
	bench_rows_compaction,
#endif
#ifdef CONFIG_CMA
	bench_rows_cma,
#endif
	bench_rows_pagetable,  bench_rows_tlb,	  bench_rows_switch,
};

/** Instructions that an empty region counts; the same each time. */
static uint64_t overhead;

void bench_begin(struct bench_timer *timer)
{
	timer->irq = port_irq_save();
	timer->begin = port_instret();
}

uint64_t bench_end(const struct bench_timer *timer)
{
	const uint64_t instructions = port_instret() - timer->begin;
	port_irq_restore(timer->irq);
	return instructions > overhead ? instructions - overhead : 0;
}

void bench_line(struct bench_report *report, const char *name, uint64_t instructions,
		uint64_t times)
{
	report->lines++;
	out_printf(report->out, "BENCH %s %llu\n", name,
		   (unsigned long long)((instructions + times - 1) / times));
}

int bench_fail(struct bench_report *report, int err, const char *why)
{
	out_printf(report->out, "bench: %s (%s)\n", why, errno_name(err));
	return err;
}

static bool wanted(const struct bench *row, int argc, char **argv)
{
	bool all = true;
	for (int i = 1; i < argc; i++) {
		all = false;
		if (strstr(row->name, argv[i]) != NULL) {
			return true;
		}
	}
	return all;
}

static void calibrate(void)
{
	struct bench_timer timer;
	overhead = 0;
	/* The first one loads the code; under -icount it makes no difference, elsewhere it does. */
	for (int i = 0; i < 2; i++) {
		bench_begin(&timer);
		const uint64_t empty = bench_end(&timer);
		overhead = i == 1 ? empty : 0;
	}
}

static int run_bench(struct monitor *m, int argc, char **argv)
{
	unsigned int rows = 0;
	unsigned int failed = 0;
	calibrate();
	for (size_t t = 0; t < ARRAY_SIZE(tables); t++) {
		for (const struct bench *row = tables[t]; row->name != NULL; row++) {
			struct bench_report report = { .out = m->out };
			if (!wanted(row, argc, argv)) {
				continue;
			}
			rows++;
			int r = row->run(&report);
			if (r != 0 || (report.lines == 0 && !report.left_out)) {
				out_printf(m->out, "bench: %s was not measured\n", row->name);
				failed++;
			}
		}
	}
	if (rows == 0) {
		return monitor_fail(m, -ENOENT, "no row has such a name");
	}
	return failed != 0 ? -EIO : 0;
}

const struct monitor_command monitor_commands_bench[] = {
	{ "bench", "[NAME...]",
	  "count instructions: every row built into this image, or those whose name has NAME", 0,
	  MONITOR_WORDS, run_bench },
	{ 0 },
};
