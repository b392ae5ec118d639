/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a flush of a range costs beside a flush of everything. A fence by page costs instructions, which are counted; a
 * full one costs the translations that are in use and must be looked up again, and no instruction shows that. So those
 * are counted apart, from the tables: with the accessed bits of all leaves cleared, the leaves that get theirs set
 * again are the ones that were refilled. docs/performance.md says what follows for tlb_flush_all_threshold_pages.
 */
#include "bench.h"

#include "fpg/core/page_alloc.h"
#include "fpg/pagetable/kernel_map.h"
#include "fpg/pagetable/tlb.h"
#include "fpg/pagetable/vmalloc.h"
#include "fpg/port/port.h"
#include "fpg/port/trap.h"

#include <errno.h>

#define RANGE_PAGES 64U

static int range_page(struct bench_report *report)
{
	struct bench_timer timer;
	char *area = vmalloc(RANGE_PAGES * PAGE_SIZE);
	if (area == NULL) {
		return bench_fail(report, -ENOMEM, "no memory");
	}
	bench_begin(&timer);
	port_tlb_flush_range(vaddr_of(area), RANGE_PAGES * PAGE_SIZE);
	bench_line(report, "tlb.range_page", bench_end(&timer), RANGE_PAGES);
	vfree(area);
	return 0;
}

static int all(struct bench_report *report)
{
	struct bench_timer timer;
	bench_begin(&timer);
	port_tlb_flush_all();
	bench_line(report, "tlb.all", bench_end(&timer), 1);
	return 0;
}

static int flush_page(struct bench_report *report)
{
	struct bench_timer timer;
	bench_begin(&timer);
	flush_tlb_kernel_range(vaddr_of(&timer), PAGE_SIZE);
	bench_line(report, "tlb.flush_kernel_page", bench_end(&timer), 1);
	return 0;
}

/* ---- refills ------------------------------------------------------------------------------------------------ */

enum bits {
	CLEAR,
	COUNT,
	SET
};

/** Do it to the accessed bit of each leaf below @table. Return: leaves that have it set */
static uint64_t each_leaf(const struct pt *pt, unsigned int level, pte_t *table, enum bits what)
{
	uint64_t accessed = 0;
	for (unsigned int i = 0; i < PT_ENTRIES; i++) {
		pte_t pte = { __atomic_load_n(&table[i].v, __ATOMIC_RELAXED) };
		if (!pte_present(level, pte)) {
			continue;
		}
		if (!pte_is_leaf(level, pte)) {
			const phys_addr_t below = pte_phys(level, pte);
			if (pt->zero == NULL || below != pt->zero->table[level - 1]) {
				accessed +=
					each_leaf(pt, level - 1, port_phys_to_virt(below), what);
			}
		} else if (what == COUNT) {
			accessed += (pte.v & PTE_A) != 0;
		} else if (what == CLEAR) {
			__atomic_fetch_and(&table[i].v, ~PTE_A, __ATOMIC_RELAXED);
		} else {
			__atomic_fetch_or(&table[i].v, PTE_A, __ATOMIC_RELAXED);
		}
	}
	return accessed;
}

static uint64_t each(enum bits what)
{
	const struct pt *pt = kernel_pt();
	uint64_t n = each_leaf(pt, pt->mode->levels - 1U, port_phys_to_virt(pt->root), what);
	flush_tlb_all();
	return n;
}

static void touch(void *arg)
{
	(void)*(volatile uint8_t *)arg;
}

/** Harts may fault instead of setting the bit. Source: RISC-V Privileged v1.12, 4.3.1. */
static int hart_sets_bits(void *page)
{
	struct pt_walk walk;
	if (pt_walk(kernel_pt(), vaddr_of(page), &walk) != 0 || !walk.mapped) {
		return 0;
	}
	const struct pt_step *last = &walk.step[walk.steps - 1];
	pte_t *leaf = (pte_t *)port_phys_to_virt(last->table) + last->index;
	__atomic_fetch_and(&leaf->v, ~PTE_A, __ATOMIC_RELAXED);
	flush_tlb_all();
	int err = trap_expect(touch, page, NULL, NULL);
	bool set = (__atomic_load_n(&leaf->v, __ATOMIC_RELAXED) & PTE_A) != 0;
	__atomic_fetch_or(&leaf->v, PTE_A, __ATOMIC_RELAXED);
	flush_tlb_all();
	return err == 0 && set;
}

static int vmalloc_and_vfree(void)
{
	void *area = vmalloc(16 * PAGE_SIZE);
	vfree(area);
	return area != NULL ? 0 : -ENOMEM;
}

static int alloc_and_free(void)
{
	struct page *page = alloc_page(GFP_KERNEL);
	if (page != NULL) {
		__free_page(page);
	}
	return page != NULL ? 0 : -ENOMEM;
}

/** Not instructions: translations that @work looks up after everything was flushed. */
static int refills(struct bench_report *report, const char *name, int (*work)(void))
{
	/* What is made at the first call only is there already then. */
	int err = work();
	void *page = vmalloc(PAGE_SIZE);
	if (err != 0 || page == NULL) {
		vfree(page);
		return bench_fail(report, -ENOMEM, "no memory");
	}
	int sets = hart_sets_bits(page);
	vfree(page);
	if (!sets) {
		return bench_fail(report, -ENOTSUP, "this hart does not set accessed bits");
	}
	unsigned long irq = port_irq_save();
	(void)each(CLEAR);
	port_irq_restore(irq);
	err = work();
	irq = port_irq_save();
	uint64_t n = each(COUNT);
	(void)each(SET);
	port_irq_restore(irq);
	if (err == 0) {
		bench_line(report, name, n, 1);
	}
	return err;
}

static int refills_vmalloc(struct bench_report *report)
{
	return refills(report, "tlb.refills_vmalloc", vmalloc_and_vfree);
}

static int refills_alloc(struct bench_report *report)
{
	return refills(report, "tlb.refills_alloc", alloc_and_free);
}

const struct bench bench_rows_tlb[] = {
	{ "tlb.range_page", range_page },	 { "tlb.all", all },
	{ "tlb.flush_kernel_page", flush_page }, { "tlb.refills_vmalloc", refills_vmalloc },
	{ "tlb.refills_alloc", refills_alloc },	 { 0 },
};
