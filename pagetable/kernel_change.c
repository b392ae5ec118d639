/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Changes of the kernel's tables while several harts use them.
 *
 * Invariants: the tables change only under kernel_lock; what was changed is fenced on every hart before the lock is
 * given up, and only then pages of tables go back; no page is allocated or freed with the lock held. Root entries are
 * only added (pt.keep_root), and copies of them are told before anybody can use what they lead to.
 */
#include "kernel_pages.h"
#include "table_stock.h"

#include "fpg/core/spinlock.h"
#include "fpg/pagetable/tlb.h"

#include <errno.h>

static struct spinlock kernel_lock = SPINLOCK_INIT_RANK(LOCK_PAGE_TABLE);
static void (*root_changed)(const struct pt *pt);

unsigned long kernel_pt_lock(void)
{
	return spin_lock_irqsave(&kernel_lock);
}

void kernel_pt_unlock(unsigned long flags)
{
	spin_unlock_irqrestore(&kernel_lock, flags);
}

void kernel_pt_on_root_change(void (*fn)(const struct pt *pt))
{
	unsigned long flags = kernel_pt_lock();
	root_changed = fn;
	kernel_pt_unlock(flags);
}

static void fence_and_reap(struct pt *pt)
{
	if (pt_fence_all(pt)) {
		flush_tlb_all();
	} else if (pt->fence_lo.v != pt->fence_hi.v) {
		flush_tlb_kernel_range(pt->fence_lo, pt->fence_hi.v - pt->fence_lo.v);
	}
	pt_reap(pt);
}

int kernel_pt_change(int (*fn)(struct pt *pt, void *arg), void *arg)
{
	struct pt *pt = kernel_pt();
	struct table_list spare = { 0 };
	uint64_t wanted;
	int err;
	do {
		unsigned long flags = kernel_pt_lock();
		const uint64_t root = pt->root_version;
		kernel_pages_open(&spare);
		pt->wanted = 0;
		err = fn(pt, arg);
		wanted = pt->wanted;
		if (root != pt->root_version && root_changed != NULL) {
			root_changed(pt);
		}
		fence_and_reap(pt);
		kernel_pages_close(&spare);
		kernel_pt_unlock(flags);
	} while (err == -ENOMEM && kernel_pages_more(&spare, wanted));
	table_list_free(&spare);
	return err;
}

/* ---- the usual changes ---- */

struct range_op {
	vaddr_t va;
	phys_addr_t pa;
	uint64_t bytes;
	uint32_t prot;
	unsigned int max_leaf_level;
};

static int do_map(struct pt *pt, void *arg)
{
	const struct range_op *op = arg;
	return pt_map(pt, op->va, op->pa, op->bytes, op->prot, op->max_leaf_level);
}

static int do_unmap(struct pt *pt, void *arg)
{
	const struct range_op *op = arg;
	return pt_unmap(pt, op->va, op->bytes);
}

static int do_protect(struct pt *pt, void *arg)
{
	const struct range_op *op = arg;
	return pt_protect(pt, op->va, op->bytes, op->prot);
}

int kernel_pt_map(vaddr_t va, phys_addr_t pa, uint64_t bytes, uint32_t prot,
		  unsigned int max_leaf_level)
{
	struct range_op op = { va, pa, bytes, prot, max_leaf_level };
	return kernel_pt_change(do_map, &op);
}

int kernel_pt_unmap(vaddr_t va, uint64_t bytes)
{
	struct range_op op = { .va = va, .bytes = bytes };
	return kernel_pt_change(do_unmap, &op);
}

int kernel_pt_protect(vaddr_t va, uint64_t bytes, uint32_t prot)
{
	struct range_op op = { .va = va, .bytes = bytes, .prot = prot };
	return kernel_pt_change(do_protect, &op);
}

struct pages_op {
	vaddr_t va;
	struct page *const *pages;
	uint64_t count;
	uint32_t prot;
	/** Mapped so far: these stay when the rest has to wait for table pages. */
	uint64_t done;
};

/** Pages from @first on that follow each other in memory. */
static uint64_t run_length(const struct pages_op *op, uint64_t first)
{
	uint64_t n = 1;
	while (first + n < op->count && page_to_phys(op->pages[first + n]) ==
						page_to_phys(op->pages[first]) + n * PAGE_SIZE) {
		n++;
	}
	return n;
}

static int do_map_pages(struct pt *pt, void *arg)
{
	struct pages_op *op = arg;
	while (op->done < op->count) {
		const uint64_t n = run_length(op, op->done);
		int err = pt_map(pt, vaddr(op->va.v + op->done * PAGE_SIZE),
				 page_to_phys(op->pages[op->done]), n * PAGE_SIZE, op->prot, 0);
		if (err != 0) {
			return err;
		}
		op->done += n;
	}
	return 0;
}

int kernel_pt_map_pages(vaddr_t va, struct page *const *pages, uint64_t count, uint32_t prot)
{
	struct pages_op op = { va, pages, count, prot, 0 };
	int err = kernel_pt_change(do_map_pages, &op);
	if (err != 0 && op.done != 0) {
		/* Whole small leaves: nothing is split, so it cannot fail. */
		FPG_CHECK(kernel_pt_unmap(va, op.done * PAGE_SIZE) == 0);
	}
	return err;
}
