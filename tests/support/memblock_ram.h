/* SPDX-License-Identifier: BSD-2-Clause */
/* For memblock's tests: an empty memblock, simulated RAM at a physical address, snapshots of the tables, a captured log. */
#pragma once

#include "fpg/core/log.h"
#include "fpg/core/memblock.h"
#include "fpg/port/port.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RAM_BASE  0x80000000UL
#define RAM_BYTES (4UL << 20)

static uint8_t ram_bytes[RAM_BYTES] FPG_ALIGNED(4096);
static char ram_log[65536];
static struct out_buffer ram_log_out;

/** Start over; physical RAM_BASE.. is ram_bytes. */
static inline int ram_setup(void **state)
{
	(void)state;
	memblock_reset();
	memblock_debug = false;
	movable_node_enabled = false;
	boot_stage_set(STAGE_ENTRY);
	port_linear_offset = (uint64_t)(uintptr_t)ram_bytes - RAM_BASE;
	port_linear_ready = true;
	out_buffer_init(&ram_log_out, ram_log, sizeof(ram_log));
	log_set_sink(&ram_log_out.out);
	return 0;
}

static inline int ram_teardown(void **state)
{
	(void)state;
	memblock_reset();
	memblock_debug = false;
	log_set_sink(NULL);
	port_linear_offset = 0;
	return 0;
}

/** The tables as they are, to compare with later. */
struct ram_snapshot {
	struct memblock state;
	struct memblock_region entries[3][4096];
};

static inline const struct memblock_type *ram_type(unsigned int t)
{
	return t == 0 ? &memblock.memory : t == 1 ? &memblock.reserved : &memblock.claims;
}

static inline void ram_snapshot_take(struct ram_snapshot *s)
{
	s->state = memblock;
	for (unsigned int t = 0; t < 3; t++) {
		assert_true(ram_type(t)->cnt <= 4096);
		memcpy(s->entries[t], ram_type(t)->regions,
		       ram_type(t)->cnt * sizeof(s->entries[t][0]));
	}
}

static inline void ram_snapshot_check(const struct ram_snapshot *s)
{
	assert_memory_equal(&s->state, &memblock, sizeof(memblock));
	for (unsigned int t = 0; t < 3; t++) {
		assert_memory_equal(s->entries[t], ram_type(t)->regions,
				    ram_type(t)->cnt * sizeof(s->entries[t][0]));
	}
}

static inline void ram_assert_region(const struct memblock_type *type, unsigned long i,
				     phys_addr_t base, phys_addr_t size)
{
	assert_true(i < type->cnt);
	assert_int_equal(type->regions[i].base, base);
	assert_int_equal(type->regions[i].size, size);
}

#define ram_test(f) cmocka_unit_test_setup_teardown(f, ram_setup, ram_teardown)
