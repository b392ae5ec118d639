/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A simulated machine for host tests: RAM at physical addresses of one's choice, memblock filled
 * with it, and a frame table that can be read everywhere but crashes the test when a record is
 * written that was not populated.
 */
#pragma once

#include "fpg/base/types.h"

struct sim_ram {
	phys_addr_t base;
	phys_addr_t size;
	int nid;
};

/**
 * Lay out the machine from scratch: everything that an earlier one left in memblock, zones and page
 * allocator is forgotten. RAM reads as zero. Ends the test program when the host refuses.
 */
void sim_start(const struct sim_ram *ram, size_t count);

/** Drop RAM and frame table. */
void sim_stop(void);

/** Only a frame table, for @frames (start rounded down to 1 GiB, end up to the largest block). */
void sim_frame_table_start(struct pfn_range frames);
void sim_frame_table_stop(void);

/** All records zero and unpopulated again. */
void sim_frame_table_reset(void);

/** Populate records by hand. */
void sim_frame_table_populate(struct pfn_range frames);

/** The two for the conformance suite's environment; @ctx is not looked at. Return: 0 */
int sim_env_populate(void *ctx, struct pfn_range frames);
void sim_env_reset(void *ctx);

/** Let the next @calls populations succeed and all later ones fail; negative: never fail. */
void sim_populate_budget(long calls);

/** Chunks populated since the table was started or reset. */
uint64_t sim_populated_chunks(void);
/** Pages that populations took. */
uint64_t sim_populate_pages(void);

/** FPG_SEED from the environment, else @standard; printed, so that a failure can be replayed. */
uint64_t sim_seed(uint64_t standard);

/** The next number of a sequence (xorshift64*); *@state is not 0. */
uint64_t sim_random(uint64_t *state);
