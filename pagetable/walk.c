/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Seeing what tables say: one address level by level, or all of it as merged runs. Nothing is
 * changed.
 */
#include "pt_internal.h"

#include <errno.h>

int pt_walk(const struct pt *pt, vaddr_t va, struct pt_walk *out)
{
	*out = (struct pt_walk){ 0 };
	if (!pt_range_ok(pt, va, 1)) {
		return -EINVAL;
	}
	const uint64_t off = pt_offset(pt, va);
	phys_addr_t table = pt->root;
	for (unsigned int level = pt_root_level(pt);; level--) {
		const unsigned int index = pt_index(off, level);
		const pte_t pte = pt_table(pt, table)[index];
		struct pt_step *step = &out->step[out->steps++];
		*step = (struct pt_step){
			.level = level, .table = table, .index = index, .pte = pte
		};
		if (!pte_present(level, pte)) {
			return 0;
		}
		if (pte_is_leaf(level, pte)) {
			out->mapped = true;
			out->level = level;
			out->phys = pte_phys(level, pte) + (off & (pt_level_bytes(level) - 1));
			out->prot = pte_prot(level, pte);
			return 0;
		}
		if (level == 0) {
			/*
			 * A pointer at level 0 is a fault. Source: Privileged v1.12, 4.3.2, step 4.
			 */
			return 0;
		}
		step->foreign = pte_is_foreign(level, pte);
		table = pte_phys(level, pte);
	}
}

struct run_walk {
	const struct pt *pt;
	int (*fn)(void *ctx, const struct pt_run *run);
	void *ctx;
	struct pt_run run;
};

static int run_flush(struct run_walk *w)
{
	int r = w->run.bytes != 0 ? w->fn(w->ctx, &w->run) : 0;
	w->run.bytes = 0;
	return r;
}

/** Lengthen the current run by @bytes at @off, or begin another. */
static int run_add(struct run_walk *w, uint64_t off, phys_addr_t pa, uint64_t bytes, uint32_t prot,
		   bool zero)
{
	const vaddr_t va = pt_vaddr(w->pt, off);
	struct pt_run *run = &w->run;
	const bool goes_on = run->bytes != 0 && run->va.v + run->bytes == va.v &&
			     run->prot == prot && run->zero == zero &&
			     (zero || run->pa + run->bytes == pa);
	if (!goes_on) {
		int r = run_flush(w);
		if (r != 0) {
			return r;
		}
		*run = (struct pt_run){ .va = va, .pa = pa, .prot = prot, .zero = zero };
	}
	run->bytes += bytes;
	return 0;
}

static int run_table(struct run_walk *w, unsigned int level, phys_addr_t table, uint64_t off)
{
	const struct pt_zero *zero = w->pt->zero;
	const pte_t *entries = pt_table(w->pt, table);
	const uint64_t bytes = pt_level_bytes(level);
	for (unsigned int i = 0; i < PT_ENTRIES; i++, off += bytes) {
		const pte_t pte = entries[i];
		int r = 0;
		if (!pte_present(level, pte)) {
			continue;
		}
		const phys_addr_t pa = pte_phys(level, pte);
		if (pte_is_leaf(level, pte)) {
			/*
			 * Whoever may write the page sees it as a page of memory (early windows,
			 * the linear map).
			 */
			const uint32_t prot = pte_prot(level, pte);
			const bool is_zero = zero != NULL && level == 0 && pa == zero->page &&
					     (prot & MEM_W) == 0;
			r = run_add(w, off, pa, bytes, prot, is_zero);
			w->run.leaves[level] += !is_zero;
		} else if (zero != NULL && level > 0 && pa == zero->table[level - 1]) {
			r = run_add(w, off, zero->page, bytes, pt_leaf_prot(w->pt, MEM_R), true);
		} else if (level > 0) {
			r = run_table(w, level - 1, pa, off);
		}
		if (r != 0) {
			return r;
		}
	}
	return 0;
}

int pt_for_each_run(const struct pt *pt, int (*fn)(void *ctx, const struct pt_run *run), void *ctx)
{
	struct run_walk w = { .pt = pt, .fn = fn, .ctx = ctx };
	int r = run_table(&w, pt_root_level(pt), pt->root, 0);
	return r != 0 ? r : run_flush(&w);
}

static int total_add(void *ctx, const struct pt_run *run)
{
	struct pt_totals *t = ctx;
	t->runs++;
	if (run->zero) {
		t->zero_bytes += run->bytes;
		return 0;
	}
	t->mapped_bytes += run->bytes;
	if ((run->prot & (MEM_W | MEM_X)) == (MEM_W | MEM_X)) {
		t->wx_pages += run->bytes >> PAGE_SHIFT;
	}
	for (unsigned int level = 0; level < PT_MAX_LEVELS; level++) {
		t->leaves[level] += run->leaves[level];
	}
	return 0;
}

void pt_totals(const struct pt *pt, struct pt_totals *totals)
{
	*totals = (struct pt_totals){ 0 };
	int r = pt_for_each_run(pt, total_add, totals);
	FPG_CHECK(r == 0);
}
