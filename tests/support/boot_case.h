/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A boot_memory test case: begin() starts a tree and the usual simulation, finish() runs it and insists on a sound
 * result, the rest asks who holds what. Include after <cmocka.h>, in one test program each.
 */
#pragma once

#include "boot_sim.h"
#include "dtb_build.h"

#include "fpg/base/compiler.h"
#include "fpg/core/memblock.h"

static struct boot_sim sim;

static void begin(void)
{
	warnings_start();
	sim = boot_sim_default;
	dtb_start();
	dtb_root(2, 2);
}

/** 1 GiB at 2 GiB, and firmware that describes itself. */
static FPG_UNUSED void begin_usual(void)
{
	begin();
	dtb_memory(0x80000000, 0x40000000);
	dtb_reserved_memory();
	dtb_reserved("mmode_resv0@80000000", 0x80000000, 0x80000, "no-map");
}

static void finish(void)
{
	const void *blob = dtb_finish();
	int err = boot_sim_run(&sim, blob);
	if (err != 0) {
		warnings_show();
	}
	assert_int_equal(err, 0);
	if (boot_sim_wrong() != NULL) {
		fail_msg("%s", boot_sim_wrong());
	}
}

static FPG_UNUSED enum owner_kind holder(phys_addr_t addr)
{
	const struct memblock_region *r = memblock_region_find(&memblock.reserved, addr);
	return r != NULL ? (enum owner_kind)r->owner.kind : OWNER_NONE;
}

/** [base, base + size) is held by @kind, and the bytes around it are not part of that reservation. */
static FPG_UNUSED void held_exactly(phys_addr_t base, phys_addr_t size, enum owner_kind kind)
{
	const struct memblock_region *r = memblock_region_find(&memblock.reserved, base);
	assert_non_null(r);
	assert_true(r->base == base);
	assert_true(r->size == size);
	assert_int_equal(r->owner.kind, kind);
}

static FPG_UNUSED bool is_nomap(phys_addr_t addr)
{
	return memblock_is_memory(addr) && !memblock_is_map_memory(addr);
}
