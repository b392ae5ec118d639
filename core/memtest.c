/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Early memory test. Whole free ranges are written before they are read back, so that addresses which are really the
 * same cell are found too. Only words that are free at that moment are touched: reserving a bad range can make a memblock
 * table move into the range under test, and then the rest of it is looked up and written anew.
 */
#define LOG_MODULE "memtest"
#include "fpg/core/memtest.h"

#include "fpg/base/assert.h"
#include "fpg/base/range.h"
#include "fpg/core/log.h"
#include "fpg/core/memblock.h"
#include "fpg/port/port.h"

#include <inttypes.h>

/* Passes run from the last entry to the first, so that tested memory ends up zeroed. The set is Linux's. */
static const uint64_t patterns[] = {
	0,
	0xffffffffffffffff,
	0x5555555555555555,
	0xaaaaaaaaaaaaaaaa,
	0x1111111111111111,
	0x2222222222222222,
	0x4444444444444444,
	0x8888888888888888,
	0x3333333333333333,
	0x6666666666666666,
	0x9999999999999999,
	0xcccccccccccccccc,
	0x7777777777777777,
	0xbbbbbbbbbbbbbbbb,
	0xdddddddddddddddd,
	0xeeeeeeeeeeeeeeee,
	0x7a6c7258554e494c,
};
static_assert(ARRAY_SIZE(patterns) == MEMTEST_PATTERNS, "memtest.h tells the number");

static unsigned int memtest_passes;
static uint64_t bad_bytes;
static void (*fault_hook)(phys_addr_t base, phys_addr_t end);

FPG_INIT void memtest_set_passes(unsigned int passes)
{
	memtest_passes = passes;
}

uint64_t memtest_bad_bytes(void)
{
	return bad_bytes;
}

void memtest_set_fault_hook(void (*fn)(phys_addr_t base, phys_addr_t end))
{
	fault_hook = fn;
}

static volatile uint64_t *word_at(phys_addr_t pa)
{
	return port_phys_to_virt(pa);
}

static void reserve_bad(uint64_t pattern, phys_addr_t base, phys_addr_t end)
{
	int err = memblock_reserve_owned(base, end - base, MEMBLOCK_NONE,
					 mem_owner(OWNER_MEMTEST, RULE_MEMTEST, -1));

	bad_bytes += end - base;
	pr_err("pattern 0x%016" PRIx64 " read back wrong at [0x%016" PRIx64 "-0x%016" PRIx64
	       "]: %s",
	       pattern, base, end - 1, err == 0 ? "reserved" : "cannot be reserved");
}

/* First word of [pos, end) that reads back right (or wrong); @end when there is none. */
static phys_addr_t skip_words(uint64_t pattern, phys_addr_t pos, phys_addr_t end, bool right)
{
	while (pos < end && (*word_at(pos) == pattern) == right) {
		pos += sizeof(uint64_t);
	}
	return pos;
}

/* Return: how far the range is tested. */
static phys_addr_t test_range(uint64_t pattern, phys_addr_t base, phys_addr_t end)
{
	const struct memblock_region *tables = memblock.reserved.regions;
	phys_addr_t pos = base;

	for (phys_addr_t pa = base; pa < end; pa += sizeof(uint64_t)) {
		*word_at(pa) = pattern;
	}
	if (fault_hook != NULL) {
		fault_hook(base, end);
	}
	while ((pos = skip_words(pattern, pos, end, true)) < end) {
		phys_addr_t bad_end = skip_words(pattern, pos, end, false);
		reserve_bad(pattern, pos, bad_end);
		pos = bad_end;
		if (memblock.reserved.regions != tables) {
			break;
		}
	}
	return pos;
}

static void test_pass(uint64_t pattern, phys_addr_t start, phys_addr_t end)
{
	phys_addr_t base;
	phys_addr_t stop;

	/* The index of a walk is the address it goes on from. */
	for (uint64_t i = start;;) {
		__next_mem_range(&i, NUMA_NO_NODE, MEMBLOCK_NONE, &memblock.memory,
				 &memblock.reserved, &base, &stop, NULL);
		if (i == UINT64_MAX || base >= end) {
			return;
		}
		phys_addr_t first = ALIGN_UP(base, sizeof(uint64_t));
		phys_addr_t last = ALIGN_DOWN(stop < end ? stop : end, sizeof(uint64_t));
		if (first < last) {
			phys_addr_t tested = test_range(pattern, first, last);
			i = tested < last ? tested : i;
		}
	}
}

FPG_INIT void early_memtest(phys_addr_t start, phys_addr_t end)
{
	if (memtest_passes == 0) {
		return;
	}
	if (!port_linear_ready) {
		pr_err("cannot run before the linear map is on");
		return;
	}
	pr_info("%u passes over free memory of [0x%016" PRIx64 "-0x%016" PRIx64 "]", memtest_passes,
		start, end - 1);
	for (unsigned int pass = memtest_passes; pass > 0; pass--) {
		test_pass(patterns[(pass - 1) % MEMTEST_PATTERNS], start, end);
	}
	pr_info("0x%" PRIx64 " bytes are bad", bad_bytes);
}
