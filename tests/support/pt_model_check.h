/* SPDX-License-Identifier: BSD-2-Clause */
/* The checks of pt_model.h: tables, oracle and counters agree, and no table page is lost. */
#pragma once

#include "pt_model.h"

static inline int model_check_run(void *ctx, const struct pt_run *run)
{
	struct model *m = ctx;
	uint64_t leaf_bytes = run->napot * PT_NAPOT_BYTES;
	for (unsigned int l = 0; l < PT_MAX_LEVELS; l++) {
		leaf_bytes += run->leaves[l] << pt_level_shift(l);
	}
	MODEL_ASSERT(leaf_bytes == run->bytes && !run->zero);
	MODEL_ASSERT(!run->hidden || run->leaves[0] << PAGE_SHIFT == run->bytes);
	uint64_t done = 0;
	while (m->cursor + 1 < m->points && !m->cell[m->cursor].mapped) {
		m->cursor++;
	}
	while (done < run->bytes) {
		MODEL_ASSERT(m->cursor + 1 < m->points);
		const struct model_cell *c = &m->cell[m->cursor];
		MODEL_ASSERT(c->mapped && c->hidden == run->hidden && c->prot == run->prot);
		MODEL_ASSERT(c->pa == run->pa + done);
		MODEL_ASSERT(model_va(m, m->point[m->cursor]).v == run->va.v + done);
		done += m->point[m->cursor + 1] - m->point[m->cursor];
		m->cursor++;
	}
	MODEL_ASSERT(done == run->bytes);
	return 0;
}

/** The entries of 64 KiB leaves come in aligned, equal groups. Return: such entries at @i, 0 or 16 */
static inline unsigned int model_check_napot(const struct model *m, const pte_t *entries,
					     unsigned int i)
{
	if (!pte_is_napot(0, entries[i])) {
		return 0;
	}
	MODEL_ASSERT(m->pt.napot && i % PT_NAPOT_ENTRIES == 0);
	MODEL_ASSERT(IS_ALIGNED(pte_phys(0, entries[i]), PT_NAPOT_BYTES));
	for (unsigned int k = 1; k < PT_NAPOT_ENTRIES; k++) {
		MODEL_ASSERT(entries[i + k].v == entries[i].v);
	}
	return PT_NAPOT_ENTRIES;
}

/** Count what is reachable; no table but the root is empty. Return: there is something in @table */
static inline bool model_check_table(struct model *m, unsigned int level, phys_addr_t table,
				     struct pt_counters *count)
{
	const unsigned int page = model_page_index(m, table);
	const pte_t *entries = model_virt(m, table);
	const bool may_be_empty = m->pt.keep_root && level == m->pt.mode->levels - 1U;
	bool present = false;
	MODEL_ASSERT(!m->seen[page]);
	m->seen[page] = true;
	count->tables++;
	for (unsigned int i = 0; i < PT_ENTRIES; i++) {
		const pte_t pte = entries[i];
		if (pte_none(pte)) {
			continue;
		}
		present = true;
		MODEL_ASSERT(pte_present(level, pte) || pte_is_hidden(level, pte));
		if (!pte_is_leaf(level, pte)) {
			MODEL_ASSERT(level > 0 && !pte_is_foreign(level, pte));
			const bool any =
				model_check_table(m, level - 1, pte_phys(level, pte), count);
			MODEL_ASSERT(any || may_be_empty);
			continue;
		}
		if (level == 0 && model_check_napot(m, entries, i) != 0) {
			count->napot++;
			i += PT_NAPOT_ENTRIES - 1;
			continue;
		}
		MODEL_ASSERT(!pte_is_napot(level, pte));
		MODEL_ASSERT(IS_ALIGNED(pte_phys(level, pte), pt_level_bytes(level)));
		count->leaves[level]++;
	}
	return present;
}

/** A page in the middle of a random cell, walked as hardware does. */
static inline void model_check_walk(struct model *m)
{
	const unsigned int i = (unsigned int)model_below(m, m->points - 1);
	const uint64_t at = model_below(m, m->point[i + 1] - m->point[i]);
	const struct model_cell *c = &m->cell[i];
	struct pt_walk walk;
	MODEL_ASSERT(pt_walk(&m->pt, model_va(m, m->point[i] + at), &walk) == 0);
	MODEL_ASSERT(walk.mapped == (c->mapped && !c->hidden));
	MODEL_ASSERT(walk.hidden == (c->mapped && c->hidden));
	if (c->mapped) {
		MODEL_ASSERT(walk.phys == c->pa + at && walk.prot == c->prot);
	}
}

/** Tables, oracle and counters agree, and each taken page is in use. */
static inline void model_check(struct model *m)
{
	struct pt_counters count = { 0 };
	memset(m->seen, 0, sizeof(m->seen));
	(void)model_check_table(m, m->pt.mode->levels - 1U, m->pt.root, &count);
	MODEL_ASSERT(memcmp(&count, &m->pt.count, sizeof(count)) == 0);
	MODEL_ASSERT(count.tables == m->taken_count);

	m->cursor = 0;
	MODEL_ASSERT(pt_for_each_run(&m->pt, model_check_run, m) == 0);
	for (; m->cursor + 1 < m->points; m->cursor++) {
		MODEL_ASSERT(!m->cell[m->cursor].mapped);
	}
	model_check_walk(m);
}

static inline pte_t *model_root(struct model *m)
{
	return model_virt(m, m->pt.root);
}

/** After an operation: kept tables are still there, and no root entry changed in secret. */
static inline void model_check_root(struct model *m, uint64_t version_before)
{
	const unsigned int root = m->pt.mode->levels - 1U;
	const pte_t *now = model_root(m);
	if (memcmp(m->root, now, sizeof(m->root)) == 0) {
		return;
	}
	MODEL_ASSERT(m->pt.root_version > version_before);
	for (unsigned int i = 0; m->pt.keep_root && i < PT_ENTRIES; i++) {
		if (!pte_none(m->root[i]) && !pte_is_leaf(root, m->root[i])) {
			MODEL_ASSERT(now[i].v == m->root[i].v);
		}
	}
}

/** [off, end) is to be fenced, or everything is. */
static inline void model_check_fenced(const struct model *m, uint64_t off, uint64_t end)
{
	const vaddr_t va = model_va(m, off);
	const uint64_t bytes = m->pt.fence_hi.v - m->pt.fence_lo.v;
	MODEL_ASSERT(va.v - m->pt.fence_lo.v <= bytes);
	MODEL_ASSERT(va.v - m->pt.fence_lo.v + (end - off) <= bytes);
}
