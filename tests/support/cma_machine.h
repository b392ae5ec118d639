/* SPDX-License-Identifier: BSD-2-Clause */
/* A simulated machine with one CMA area, for tests. One file a test binary includes this. */
#pragma once

#include "page_check.h"

#include "fpg/base/range.h"
#include "fpg/core/cma.h"
#include "fpg/core/memblock.h"
#include "fpg/core/page_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define CMA_RAM_BASE 0x80000000UL

struct cma_machine {
	const char *backend;
	phys_addr_t ram_bytes;
	phys_addr_t area_bytes;
	unsigned int order_per_bit;
	bool guaranteed;
};

/** Start it. Return: the area, active */
static inline struct cma *cma_machine_start(const struct cma_machine *machine)
{
	const struct sim_ram ram[] = { { CMA_RAM_BASE, machine->ram_bytes, 0 } };
	struct cma *cma = NULL;
	sim_start(ram, 1);
	assert_int_equal(memblock_reserve_owned(CMA_RAM_BASE, SZ_2M, MEMBLOCK_NONE,
						mem_owner(OWNER_IMAGE_TEXT, RULE_LINKED, -1)),
			 0);
	assert_int_equal(cma_declare_contiguous(0, machine->area_bytes, 0, 0,
						machine->order_per_bit, false, "test", &cma),
			 0);
	if (machine->guaranteed) {
		cma_set_guaranteed(cma);
	}
	assert_int_equal(page_alloc_init(machine->backend), 0);
	cma_activate();
	return cma;
}

static inline struct pfn_range cma_machine_frames(const struct cma *cma)
{
	const phys_addr_t base = cma_get_base(cma);
	return (struct pfn_range){ phys_to_pfn(base), phys_to_pfn(base + cma_get_size(cma)) };
}

static inline bool cma_machine_inside(const struct cma *cma, const struct page *page)
{
	const struct pfn_range frames = cma_machine_frames(cma);
	const pfn_t f = page_to_pfn(page);
	return f.n >= frames.start.n && f.n < frames.end.n;
}
