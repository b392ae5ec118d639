/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fences for a change of tables: on this hart and on the others that may have it cached, exact ranges up to a measured
 * threshold, everything beyond it. Names and meanings are Linux's. Table pages may be given back only after these
 * return. None of these takes a lock or waits for an IPI of ours (SBI RFENCE), so they may be called with locks held.
 */
#pragma once

#include "fpg/base/types.h"
#include "fpg/port/harts.h"

/** Ranges of more pages than this are flushed as a whole; docs/performance.md has the measurement. */
extern uint32_t tlb_flush_all_threshold_pages;

/** Kernel leaves are global: every online hart. */
void flush_tlb_kernel_range(vaddr_t start, uint64_t bytes);
void flush_tlb_all(void);

struct mm;
/** Only the harts that used @mm since its ASID was given out. */
void flush_tlb_mm(struct mm *mm);
void flush_tlb_mm_range(struct mm *mm, vaddr_t start, uint64_t bytes);

/** After code was written: here and on the harts of @mask. */
void flush_icache_mask(hart_mask_t mask);

struct tlb_counters {
	uint64_t local_ranges, local_all, remote_ranges, remote_all, pages;
};
void tlb_counters_read(struct tlb_counters *out);
