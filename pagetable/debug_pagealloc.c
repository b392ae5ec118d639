/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hiding free pages of the linear map, from any hart and under a zone's lock: one store for each page, no memory, no lock
 * of the tables (4 KiB leaves throughout, never merged, so entries of different pages are independent).
 *
 * Fences: a page is hidden for this hart at once. Other harts may use it from their TLB until they are fenced, which is
 * left to a page that is handed out, itself or a later one, since that needs a fence on all harts in any case: an invalid
 * entry may be cached as well as a valid one (Privileged v1.12, 4.2.1). What was hidden since the last one is remembered
 * as a range, and goes with it when that costs little or is overdue.
 */
#define LOG_MODULE "debug_pagealloc"
#include "fpg/pagetable/debug_pagealloc.h"

#include "fpg/base/parse.h"
#include "fpg/core/hart.h"
#include "fpg/core/kernel_map_ops.h"
#include "fpg/core/log.h"
#include "fpg/core/memblock.h"
#include "fpg/core/page_owner.h"
#include "fpg/core/spinlock.h"
#include "fpg/pagetable/kernel_map.h"
#include "fpg/pagetable/tlb.h"
#include "fpg/port/port.h"

#include <errno.h>

/** Pages hidden that other harts were not fenced for, at most, before the next fence is for everything. */
#define LAZY_PAGES 64U

/** What was hidden that other harts were not fenced for: how many pages, and the range that they lie in. */
static struct {
	struct spinlock lock;
	uint64_t pages;
	uint64_t low, high;
} unfenced = { .lock = SPINLOCK_INIT_RANK(LOCK_LEAF), .low = UINT64_MAX };

/** The linear map's address of @f: in the tables, that is; a host keeps its memory elsewhere. */
static vaddr_t linear_address(pfn_t f)
{
	return vaddr(pfn_to_phys(f) + kernel_map_active()->linear_offset);
}

static bool alone(void)
{
	/* The entries changed before come first: a hart that joins sets its bit, then looks at tables. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return (harts_online() & ~hart_mask_of(port_hart_index())) == 0;
}

static void flush_here(vaddr_t va, uint64_t bytes)
{
	if (bytes >> PAGE_SHIFT > tlb_flush_all_threshold_pages) {
		port_tlb_flush_all();
	} else {
		port_tlb_flush_range(va, bytes);
	}
}

static void remember(uint64_t low, uint64_t high)
{
	unsigned long flags = spin_lock_irqsave(&unfenced.lock);
	unfenced.pages += (high - low) >> PAGE_SHIFT;
	unfenced.low = low < unfenced.low ? low : unfenced.low;
	unfenced.high = high > unfenced.high ? high : unfenced.high;
	spin_unlock_irqrestore(&unfenced.lock, flags);
}

/**
 * Harts are about to be fenced for [*low, *high): widen it to what is remembered, if that makes a small range, or if
 * much is remembered (the fence is one for everything then).
 */
static void add_remembered(uint64_t *low, uint64_t *high)
{
	unsigned long flags = spin_lock_irqsave(&unfenced.lock);
	uint64_t all_low = *low < unfenced.low ? *low : unfenced.low;
	uint64_t all_high = *high > unfenced.high ? *high : unfenced.high;
	if (unfenced.pages >= LAZY_PAGES || all_high - all_low <= LAZY_PAGES * PAGE_SIZE) {
		*low = all_low;
		*high = all_high;
		unfenced.pages = 0;
		unfenced.low = UINT64_MAX;
		unfenced.high = 0;
	}
	spin_unlock_irqrestore(&unfenced.lock, flags);
}

static void map_pages(struct pfn_range frames, bool show)
{
	const vaddr_t va = linear_address(frames.start);
	const uint64_t bytes = pfn_range_pages(frames) << PAGE_SHIFT;
	uint64_t low = va.v;
	uint64_t high = va.v + bytes;
	FPG_CHECK(pt_set_present(kernel_pt(), va, bytes, show) == bytes >> PAGE_SHIFT);
	if (!show) {
		flush_here(va, bytes);
		if (!alone()) {
			remember(low, high);
		}
		return;
	}
	if (alone()) {
		flush_here(va, bytes);
		return;
	}
	add_remembered(&low, &high);
	flush_tlb_kernel_range(vaddr(low), high - low);
}

static bool hidden(pfn_t f)
{
	struct pt_walk walk;
	return pt_walk(kernel_pt(), linear_address(f), &walk) == 0 && walk.hidden;
}

static const struct kernel_map_ops map_ops = { .map_pages = map_pages, .hidden = hidden };

FPG_INIT bool debug_pagealloc_wanted(bool asked)
{
	char ram[24];
	char most[24];
	if (!asked) {
		return false;
	}
	if (!FPG_ENABLED(CONFIG_DEBUG_PAGEALLOC)) {
		pr_warn("refused: this build keeps free pages mapped (CONFIG_DEBUG_PAGEALLOC)");
		return false;
	}
	const uint64_t bytes = memblock_phys_mem_size();
	if (bytes > DEBUG_PAGEALLOC_MAX_BYTES) {
		pr_warn("refused: 4 KiB leaves for %s of RAM would take too many tables, %s is the most",
			format_size(ram, sizeof(ram), bytes),
			format_size(most, sizeof(most), DEBUG_PAGEALLOC_MAX_BYTES));
		return false;
	}
	return true;
}

FPG_INIT int debug_pagealloc_init(void)
{
	const struct kernel_map *map = kernel_map_active();
	if (!FPG_ENABLED(CONFIG_DEBUG_PAGEALLOC)) {
		return -ENOTSUP;
	}
	if (map == NULL || !map->small_leaves || map->pt.napot || map->pt.merge_level != 0) {
		pr_warn("off: the linear map has large leaves");
		return -EINVAL;
	}
	int err = page_owner_init();
	if (err != 0) {
		pr_warn("off: it needs a record of each page");
		return err;
	}
	kernel_map_ops_register(&map_ops);
	pr_info("on: free pages are not mapped");
	return 0;
}
