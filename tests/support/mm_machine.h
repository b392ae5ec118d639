/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A simulated machine for tests of address spaces: RAM, the page allocator, one hart, and accesses as
 * hardware makes them: through the space's own tables, with a fault where they say no. Ends with a
 * check that every page came back.
 */
#pragma once

#include "host.h"
#include "pagetable/mm/mm_private.h"
#include "sim.h"

#include "fpg/core/fail_boot.h"
#include "fpg/core/hart.h"
#include "fpg/core/log.h"
#include "fpg/core/page_alloc.h"
#include "fpg/core/panic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#define MACHINE_RAM_BASE  0x80000000UL
#define MACHINE_RAM_BYTES (24 * SZ_1M)

static uint64_t machine_free_pages;

static inline void machine_quiet(struct out *out, const char *s, size_t n)
{
	(void)out;
	(void)s;
	(void)n;
}

/** Allocate everything once, so that the frame table has taken what it needs. */
static inline void machine_warm_up(void)
{
	struct page *all = NULL;
	struct page *page;
	while ((page = alloc_page(GFP_USER_MOVABLE | __GFP_NOWARN)) != NULL) {
		page->second = all != NULL ? page_to_pfn(all).n : 0;
		all = page;
	}
	while (all != NULL) {
		page = all;
		all = page->second != 0 ? pfn_to_page(pfn(page->second)) : NULL;
		__free_page(page);
	}
}

static inline int machine_start(void **state)
{
	(void)state;
	static struct out sink = { .write = machine_quiet };
	const struct sim_ram ram[] = { { MACHINE_RAM_BASE, MACHINE_RAM_BYTES, 0 } };
	log_set_sink(&sink);
	sim_start(ram, 1);
	hart_init();
	panic_init();
	assert_int_equal(page_alloc_init("buddy"), 0);
	machine_warm_up();
	machine_free_pages = page_alloc_free_pages();
	assert_int_equal(mm_init(), 0);
	return 0;
}

/** Everything that was taken is free again. */
static inline void machine_all_free(void)
{
	mm_drain();
	assert_int_equal(mm_count(), 0);
	assert_int_equal(page_alloc_free_pages(), machine_free_pages);
	assert_int_equal(page_alloc_refused_frees(), 0);
}

static inline int machine_stop(void **state)
{
	(void)state;
	machine_all_free();
	sim_stop();
	log_set_sink(NULL);
	return 0;
}

/** The leaf at @va allows @access. */
static inline bool machine_allows(const struct mm *mm, vaddr_t va, enum mm_access access,
				  phys_addr_t *pa)
{
	static const uint32_t bits[] = { MEM_R, MEM_W, MEM_X };
	struct pt_walk w;
	if (pt_walk(&mm->pt, va, &w) != 0 || !w.mapped || (w.prot & MEM_U) == 0 ||
	    (w.prot & bits[access]) == 0) {
		return false;
	}
	*pa = w.phys;
	return true;
}

/** One access, with as many faults as it takes. Return: 0 with *@p | what mm_fault() said */
static inline int machine_access(struct mm *mm, vaddr_t va, enum mm_access access, uint64_t **p)
{
	phys_addr_t pa;
	for (int faults = 0; !machine_allows(mm, va, access, &pa); faults++) {
		/* A fault that is resolved once must not come again. */
		assert_true(faults < 1);
		int err = mm_fault(mm, va, access);
		if (err != 0) {
			return err;
		}
	}
	*p = port_phys_to_virt(pa);
	return 0;
}

static inline int machine_store(struct mm *mm, uint64_t va, uint64_t value)
{
	uint64_t *p;
	int err = machine_access(mm, vaddr(va), MM_WRITE, &p);
	if (err == 0) {
		*p = value;
	}
	return err;
}

static inline int machine_load(struct mm *mm, uint64_t va, uint64_t *value)
{
	uint64_t *p;
	int err = machine_access(mm, vaddr(va), MM_READ, &p);
	if (err == 0) {
		*value = *p;
	}
	return err;
}

/** What must hold of a space at any time: areas, leaves and records agree. Return: NULL, or what is wrong */
const char *mm_wrong(const struct mm *mm);
