/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Benchmarks that run on the target, counted in retired instructions: tables of named functions, each printing lines
 * `BENCH name n`. Under QEMU's -icount on one hart a count repeats to the digit (docs/performance.md).
 *
 * A new file of rows: a table `const struct bench bench_rows_<topic>[]` here and in bench.c. Goals are in goals.txt.
 */
#pragma once

#include "fpg/base/out.h"
#include "fpg/base/types.h"

struct bench_report {
	struct out *out;
	/** Lines printed by the row that runs. */
	unsigned int lines;
	/** What the row is about is not there: no line is expected. */
	bool left_out;
};

struct bench {
	/**
	 * "pagetable.leaf_2m": what `bench NAME...` chooses by. A row that measures several things (each backend, each
	 * size) prints lines that begin with something else, or go on behind its name.
	 */
	const char *name;
	/** Return: 0 with at least one line printed | negative errno, having printed why */
	int (*run)(struct bench_report *report);
};

/** End of each table: name == NULL. */
extern const struct bench bench_rows_boot[];
extern const struct bench bench_rows_migrate[];
#ifdef CONFIG_COMPACTION
extern const struct bench bench_rows_compaction[];
#endif
extern const struct bench bench_rows_pagetable[];
extern const struct bench bench_rows_palloc[];
extern const struct bench bench_rows_switch[];
extern const struct bench bench_rows_tlb[];
extern const struct bench bench_rows_cma[];

/**
 * Measure what happens between the two calls; interrupts are off meanwhile. Not in a timed region: printing, logging,
 * SBI calls, wfi.
 */
struct bench_timer {
	unsigned long irq;
	uint64_t begin;
};
void bench_begin(struct bench_timer *timer);
/** Return: instructions, those of the two calls themselves taken off */
uint64_t bench_end(const struct bench_timer *timer);

/** Print `BENCH name n`: n = @instructions / @times, rounded up. */
void bench_line(struct bench_report *report, const char *name, uint64_t instructions,
		uint64_t times);

/** Print why a row cannot be measured. Return: @err */
int bench_fail(struct bench_report *report, int err, const char *why);

/**
 * Move @pages pages of the space, from @at on, to the frames from @first on, which are the caller's and become the space's.
 * Return: 0 | negative errno of mm_pin_page() or migrate_frames()
 */
struct mm;
int bench_move_into(struct mm *mm, vaddr_t at, uint64_t pages, pfn_t first);
