/* SPDX-License-Identifier: BSD-2-Clause */
/* Early memory test (`memtest=`): patterns written to all free memory and read back; what differs is reserved. */
#pragma once

#include "fpg/base/types.h"

/** Number of different patterns; the count `memtest=` without a number stands for. More passes repeat them. */
#define MEMTEST_PATTERNS 17

/** How many passes early_memtest() makes; 0, the start value, switches it off. */
void memtest_set_passes(unsigned int passes);

/**
 * Test the free memory of [start, end), the last pass with zeros. Runs between the linear map and the hand-over; the
 * memory's contents are lost. Bad ranges are reserved for OWNER_MEMTEST and logged.
 */
void early_memtest(phys_addr_t start, phys_addr_t end);

/** Bytes found bad so far. */
uint64_t memtest_bad_bytes(void);

/** For tests: called between writing and reading back each range, may break memory in it. NULL ends it. */
void memtest_set_fault_hook(void (*fn)(phys_addr_t base, phys_addr_t end));
