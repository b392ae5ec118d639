/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests of the vmalloc window: a machine to begin with, what a failed call must leave alone, and how an area looks. */
#pragma once

#include "vm_machine.h"

#include "fpg/core/log.h"

#include <stdio.h>

static const struct vm_machine_options plain = { .layout = &vm_layout_sv39 };

static inline void books_on_log(void *ctx, enum log_level level, const char *module,
				const char *text)
{
	(void)ctx;
	(void)level;
	snprintf(page_check_warning, sizeof(page_check_warning), "%s: %s", module, text);
	page_check_warnings++;
}

/** Everything that a call which fails must leave alone. */
struct books {
	uint64_t pages_used;
	struct pt_counters tables;
	struct pt_totals totals;
	unsigned int areas;
};

static inline bool books_count_area(void *ctx, const struct vm_area_info *area)
{
	(void)area;
	(*(unsigned int *)ctx)++;
	return true;
}

static inline struct books books(void)
{
	struct books b = { 0 };
	vmalloc_drain();
	b.pages_used = page_check_used();
	b.tables = kernel_pt()->count;
	pt_totals(kernel_pt(), &b.totals);
	vmalloc_for_each(books_count_area, &b.areas);
	return b;
}

static inline void assert_same(const struct books *before)
{
	struct books now = books();
	assert_int_equal(now.pages_used, before->pages_used);
	assert_int_equal(now.areas, before->areas);
	assert_memory_equal(&now.tables, &before->tables, sizeof(now.tables));
	assert_memory_equal(&now.totals, &before->totals, sizeof(now.totals));
}

static inline void start(const struct vm_machine_options *how)
{
	vm_machine_start(64 * SZ_1M, how);
	page_check_warnings = 0;
	log_set_observer(books_on_log, NULL);
	assert_int_equal(vmalloc_init(), 0);
	/* Tables directly under the root stay for good; later books compare to this. */
	vfree(vmalloc(1));
}

/** Mapped with @prot, as pages or larger, and nothing beside it. */
static inline void check_area(const char *p, uint64_t bytes, uint32_t prot)
{
	const vaddr_t window = kernel_map_active()->layout->vmalloc;
	const uint64_t end = window.v + kernel_map_active()->layout->vmalloc_bytes;
	assert_true(vaddr_of(p).v >= window.v + PAGE_SIZE);
	assert_true(vaddr_of(p).v + bytes <= end - PAGE_SIZE);
	assert_false(vm_machine_walk(p - 1).mapped);
	assert_false(vm_machine_walk(p + bytes).mapped);
	for (uint64_t at = 0; at < bytes; at += PAGE_SIZE) {
		struct pt_walk walk = vm_machine_walk(p + at);
		assert_true(walk.mapped);
		assert_int_equal(walk.prot, prot | PT_GLOBAL);
	}
}
