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
		if (pte_none(pte)) {
			return 0;
		}
		if (pte_is_leaf(level, pte)) {
			out->mapped = pte_present(level, pte);
			out->hidden = !out->mapped;
			out->napot = pte_is_napot(level, pte);
			out->level = level;
			out->phys = pte_phys(level, pte) + (off & (pte_leaf_bytes(level, pte) - 1));
			out->prot = pte_prot(level, pte);
			return 0;
		}
		if (level == 0) {
			/*
			 * A pointer at level 0 is a fault. Source: Privileged v1.12, 4.3.2, step 4.
			 */
			return 0;
		}
		step->foreign = pte_is_foreign(level, pte) ||
				(out->steps == 1 && pt_is_shared(pt, off));
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

/** Make @next, of which va and bytes are set, a part of the current run, or begin another. */
static int run_add(struct run_walk *w, const struct pt_run *next)
{
	struct pt_run *run = &w->run;
	const bool goes_on = run->bytes != 0 && run->va.v + run->bytes == next->va.v &&
			     run->prot == next->prot && run->zero == next->zero &&
			     run->hidden == next->hidden &&
			     (run->zero || run->pa + run->bytes == next->pa);
	if (!goes_on) {
		int r = run_flush(w);
		if (r != 0) {
			return r;
		}
		*run = *next;
		return 0;
	}
	run->bytes += next->bytes;
	return 0;
}

static int run_leaf(struct run_walk *w, unsigned int level, pte_t pte, uint64_t off)
{
	const struct pt_zero *zero = w->pt->zero;
	struct pt_run leaf = {
		.va = pt_vaddr(w->pt, off),
		.pa = pte_phys(level, pte),
		.bytes = pte_leaf_bytes(level, pte),
		.prot = pte_prot(level, pte),
		.hidden = !pte_present(level, pte),
	};
	/* Whoever may write the page sees it as a page of memory (early windows, the linear map). */
	leaf.zero = zero != NULL && level == 0 && leaf.pa == zero->page && (leaf.prot & MEM_W) == 0;
	int r = run_add(w, &leaf);
	if (pte_is_napot(level, pte)) {
		w->run.napot++;
	} else {
		w->run.leaves[level] += !leaf.zero;
	}
	return r;
}

static int run_table(struct run_walk *w, unsigned int level, phys_addr_t table, uint64_t off)
{
	const struct pt_zero *zero = w->pt->zero;
	const pte_t *entries = pt_table(w->pt, table);
	for (unsigned int i = 0; i < PT_ENTRIES; i++) {
		const pte_t pte = entries[i];
		const uint64_t at = off + i * pt_level_bytes(level);
		int r = 0;
		if (pte_none(pte) || pt_is_shared(w->pt, at)) {
			continue;
		}
		const phys_addr_t pa = pte_phys(level, pte);
		if (pte_is_leaf(level, pte)) {
			r = run_leaf(w, level, pte, at);
			i += pte_is_napot(level, pte) ? PT_NAPOT_ENTRIES - 1 : 0;
		} else if (zero != NULL && level > 0 && pa == zero->table[level - 1]) {
			const struct pt_run zeros = {
				.va = pt_vaddr(w->pt, at),
				.pa = zero->page,
				.bytes = pt_level_bytes(level),
				.prot = pt_leaf_prot(w->pt, MEM_R),
				.zero = true,
			};
			r = run_add(w, &zeros);
		} else if (level > 0) {
			r = run_table(w, level - 1, pa, at);
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
	if (run->zero || run->hidden) {
		*(run->zero ? &t->zero_bytes : &t->hidden_bytes) += run->bytes;
		return 0;
	}
	t->mapped_bytes += run->bytes;
	if ((run->prot & (MEM_W | MEM_X)) == (MEM_W | MEM_X)) {
		t->wx_pages += run->bytes >> PAGE_SHIFT;
	}
	for (unsigned int level = 0; level < PT_MAX_LEVELS; level++) {
		t->leaves[level] += run->leaves[level];
	}
	t->napot += run->napot;
	return 0;
}

void pt_totals(const struct pt *pt, struct pt_totals *totals)
{
	*totals = (struct pt_totals){ 0 };
	int r = pt_for_each_run(pt, total_add, totals);
	FPG_CHECK(r == 0);
}
