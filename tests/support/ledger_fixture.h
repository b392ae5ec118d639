/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sources for the ledger by hand: RAM, runs and reservations that a test lists. Each test file has
 * its own copy of the state. Call setup() before each test.
 */
#pragma once

#include "fpg/base/range.h"
#include "fpg/core/boot_memory.h"
#include "fpg/core/ledger.h"
#include "fpg/core/log.h"
#include "fpg/core/memblock.h"
#include "fpg/core/zone.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BASE 0x80000000ULL

static struct ledger_ram ram[256];
static uint32_t ram_count;
static struct ledger_row runs[64];
static uint32_t run_count;

static bool get_ram(void *ctx, uint32_t i, struct ledger_ram *out)
{
	(void)ctx;
	if (i < ram_count) {
		*out = ram[i];
	}
	return i < ram_count;
}

static inline void give_runs(ledger_fn fn, void *ctx)
{
	for (uint32_t i = 0; i < run_count && fn(ctx, &runs[i]); i++) {
	}
}

static const struct ledger_sources sources = { .ram = get_ram };

static char got[1 << 20];
static struct out_buffer sink;

static int setup(void **state)
{
	(void)state;
	out_buffer_init(&sink, got, sizeof(got));
	memblock_reset();
	boot_stage_set(STAGE_MEMBLOCK);
	ram_count = 0;
	run_count = 0;
	ledger_set_sources(&sources);
	ledger_set_runs(NULL);
	ledger_collect_warnings();
	log_set_console_level(LOG_ERR);
	return 0;
}

static inline void add_ram(phys_addr_t base, phys_addr_t size)
{
	ram[ram_count++] = (struct ledger_ram){ base, size, -1, -1, BOOT_RAM_MEMORY };
}

static inline void add_cut(phys_addr_t base, phys_addr_t size, enum boot_ram_fate fate)
{
	ram[ram_count++] = (struct ledger_ram){ base, size, -1, -1, fate };
}

static inline void add_run(phys_addr_t base, phys_addr_t size, enum ledger_kind kind)
{
	runs[run_count++] = (struct ledger_row){
		.base = base, .size = size, .kind = (uint8_t)kind, .zone = ZONE_NORMAL
	};
}

static inline void reserve(phys_addr_t base, phys_addr_t size, enum owner_kind kind,
			   enum owner_rule rule)
{
	assert_int_equal(
		memblock_reserve_owned(base, size, MEMBLOCK_NONE, mem_owner(kind, rule, -1)), 0);
}

/** 64 MiB at BASE with firmware, image, and a reservation outside RAM. */
static inline void small_board(void)
{
	add_ram(BASE, 64 * SZ_1M);
	assert_int_equal(memblock_add(BASE, 64 * SZ_1M), 0);
	reserve(BASE, 0x80000, OWNER_FIRMWARE, RULE_FIRMWARE_GUESS);
	reserve(BASE + SZ_2M, 0x1001, OWNER_IMAGE_TEXT, RULE_LINKED);
	reserve(0x40000000, SZ_4K, OWNER_RESERVED_NODE, RULE_NONE);
}
