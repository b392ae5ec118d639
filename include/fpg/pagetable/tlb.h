/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fences for a change of tables: on this hart and on the others that may have it cached, exact ranges up to a measured
 * threshold, everything beyond it. Names and meanings are Linux's. Table pages may be given back only after these
 * return. None of these takes a lock or waits for an IPI of ours (SBI RFENCE), so they may be called with locks held.
 *
 * Order of things for the caller: store the entry, then call. The stores are ordered before the look at who is
 * concerned here, so a hart that joins meanwhile (tlb_context_enter(), or one that comes online) sees the new entry.
 */
#pragma once

#include "fpg/base/types.h"
#include "fpg/port/harts.h"

/** Ranges of more pages than this are flushed as a whole; docs/performance.md has the measurement. */
extern uint32_t tlb_flush_all_threshold_pages;

/** Kernel leaves are global: every online hart. */
void flush_tlb_kernel_range(vaddr_t start, uint64_t bytes);
void flush_tlb_all(void);

/** Which harts may have translations of an address space cached, and under which number. struct mm embeds it. */
struct tlb_context {
	/** Harts that ran it since its ASID was given out; atomic. */
	hart_mask_t harts;
	/** Atomic; 0 where the hart has no ASIDs. */
	uint32_t asid;
};

/**
 * This hart is about to switch to the address space: from now on it is fenced, too. Call before satp is written and
 * before a table is looked at.
 */
static inline void tlb_context_enter(struct tlb_context *tlb)
{
	__atomic_fetch_or(&tlb->harts, hart_mask_of(port_hart_index()), __ATOMIC_SEQ_CST);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/** This hart has flushed the address space's ASID, and does not run it. */
static inline void tlb_context_leave(struct tlb_context *tlb)
{
	__atomic_fetch_and(&tlb->harts, ~hart_mask_of(port_hart_index()), __ATOMIC_SEQ_CST);
}

/** Only the harts that used the address space since its ASID was given out. */
void flush_tlb_mm(const struct tlb_context *tlb);
void flush_tlb_mm_range(const struct tlb_context *tlb, vaddr_t start, uint64_t bytes);

/** After code was written: here and on the harts of @mask. */
void flush_icache_mask(hart_mask_t mask);

struct tlb_counters {
	uint64_t local_ranges, local_all, remote_ranges, remote_all, pages;
};
void tlb_counters_read(struct tlb_counters *out);
