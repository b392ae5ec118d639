/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page allocator on the simulated machine: started with the usual reservations, and checked as
 * a whole.
 */
#pragma once

#include "fpg/core/palloc_ops.h"
#include "sim.h"

/** Text and count of warnings and errors since page_check_start(). */
extern char page_check_warning[256];
extern unsigned int page_check_warnings;

/** cmocka_run_group_tests() of the array @tests with each backend of the build in @variable. Value: how many failed */
#define PAGE_CHECK_WITH_EACH(variable, tests)                                 \
	({                                                                    \
		int failed_ = 0;                                              \
		for (size_t i_ = 0; palloc_table[i_] != NULL; i_++) {         \
			(variable) = palloc_table[i_];                        \
			printf("# with %s\\n", (variable)->name);             \
			failed_ += cmocka_run_group_tests(tests, NULL, NULL); \
		}                                                             \
		failed_;                                                      \
	})

/** A machine with @ram, some of the first range reserved, served by @backend. */
void page_check_start(const struct palloc_ops *backend, const struct sim_ram *ram, size_t count);

/** A test's teardown. */
int page_check_stop(void **state);

/**
 * Walk, counts, free blocks and the backends' own checks agree; @used pages are in use (UINT64_MAX:
 * any number).
 */
void page_check_all(uint64_t used);

/** Pages in use. */
uint64_t page_check_used(void);
