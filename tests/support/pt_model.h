/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A model of page tables for tests and fuzzers: an oracle that knows each page of a span, a source
 * of table pages that fails when told to, and checks that tables and oracle agree and that no page
 * is lost.
 *
 * The span is cut at a few dozen random points. Operations begin and end at points only, so all
 * pages between two neighbouring points always share one fate, and one cell of the oracle stands
 * for each of them. Header only, because it is compiled with the real and with the fake encoding.
 */
#pragma once

#include "fpg/base/assert.h"
#include "fpg/base/range.h"
#include "fpg/pagetable/pt.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef MODEL_PAGES
#define MODEL_PAGES 1500
#endif
#define MODEL_POINTS 40
#define MODEL_BASE   0x123400000000ULL

#define MODEL_ASSERT(expr)                                                                \
	do {                                                                              \
		if (!(expr)) {                                                            \
			fprintf(stderr, "%s:%d: model: %s\n", __FILE__, __LINE__, #expr); \
			abort();                                                          \
		}                                                                         \
	} while (0)

struct model_cell {
	bool mapped;
	phys_addr_t pa;
	uint32_t prot;
};

struct model {
	struct pt pt;
	uint64_t seed;
	/** Fuzzing: tables are checked at the end of a sequence, not after each operation. */
	bool quick;
	uint8_t *pages;
	bool taken[MODEL_PAGES];
	bool seen[MODEL_PAGES];
	uint32_t taken_count;
	/** Takes that still succeed; negative: as many as there are pages. */
	int64_t takes_left;
	unsigned int points;
	/** Cell i is [point[i], point[i + 1]). */
	uint64_t point[MODEL_POINTS];
	struct model_cell cell[MODEL_POINTS];
	/** Where model_check_runs() stands. */
	unsigned int cursor;
};

static inline uint64_t model_random(struct model *m)
{
	/* xorshift64* */
	m->seed ^= m->seed >> 12;
	m->seed ^= m->seed << 25;
	m->seed ^= m->seed >> 27;
	return m->seed * 0x2545f4914f6cdd1dULL;
}

static inline uint64_t model_below(struct model *m, uint64_t limit)
{
	return (model_random(m) >> 16) % limit;
}

/* ---- source of table pages ---- */

static inline int model_take(void *ctx, phys_addr_t *page)
{
	struct model *m = ctx;
	if (m->takes_left == 0 || m->taken_count == MODEL_PAGES) {
		return -ENOMEM;
	}
	m->takes_left -= m->takes_left > 0;
	unsigned int i = (unsigned int)model_below(m, MODEL_PAGES);
	while (m->taken[i]) {
		i = (i + 1) % MODEL_PAGES;
	}
	m->taken[i] = true;
	m->taken_count++;
	memset(m->pages + i * PAGE_SIZE, 0xa5, PAGE_SIZE);
	*page = MODEL_BASE + i * PAGE_SIZE;
	return 0;
}

static inline unsigned int model_page_index(const struct model *m, phys_addr_t page)
{
	MODEL_ASSERT(page >= MODEL_BASE && (page - MODEL_BASE) % PAGE_SIZE == 0);
	uint64_t i = (page - MODEL_BASE) / PAGE_SIZE;
	MODEL_ASSERT(i < MODEL_PAGES && m->taken[i]);
	return (unsigned int)i;
}

static inline void model_give(void *ctx, phys_addr_t page)
{
	struct model *m = ctx;
	unsigned int i = model_page_index(m, page);
	m->taken[i] = false;
	m->taken_count--;
	memset(m->pages + i * PAGE_SIZE, 0x5a, PAGE_SIZE);
}

static inline void *model_virt(void *ctx, phys_addr_t page)
{
	struct model *m = ctx;
	return m->pages + model_page_index(m, page) * PAGE_SIZE;
}

static const struct pt_page_source model_source = { model_take, model_give, model_virt };

/** A number for all that is in taken pages: equal before and after a call that failed. */
static inline uint64_t model_hash(const struct model *m)
{
	uint64_t h = 0xcbf29ce484222325ULL;
	for (unsigned int i = 0; i < MODEL_PAGES; i++) {
		if (!m->taken[i]) {
			continue;
		}
		const uint64_t *words = (const uint64_t *)(const void *)(m->pages + i * PAGE_SIZE);
		h = (h ^ i) * 0x100000001b3ULL;
		for (unsigned int k = 0; k < PT_ENTRIES; k++) {
			h = (h ^ words[k]) * 0x100000001b3ULL;
		}
	}
	return h;
}

/* ---- the oracle ---- */

static inline vaddr_t model_va(const struct model *m, uint64_t off)
{
	unsigned int unused = 64U - m->pt.mode->va_bits;
	return vaddr((uint64_t)((int64_t)(off << unused) >> unused));
}

static inline int model_compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a;
	uint64_t y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

/** Cut points around a random edge of a random level, in one half of the address space. */
static inline void model_cut(struct model *m)
{
	const unsigned int levels = m->pt.mode->levels;
	const unsigned int level = 1 + (unsigned int)model_below(m, levels - 1);
	const uint64_t half = (uint64_t)1 << (m->pt.mode->va_bits - 1);
	const uint64_t low = model_below(m, 2) * half;
	const uint64_t edge = ALIGN_DOWN(model_below(m, half), pt_level_bytes(level));
	uint64_t points[MODEL_POINTS];
	for (unsigned int i = 0; i < MODEL_POINTS; i++) {
		uint64_t at = edge;
		for (unsigned int l = 0; l <= level; l++) {
			uint64_t step = model_below(m, 3) << pt_level_shift(l);
			at = model_below(m, 2) != 0 ? at + step : at - step;
		}
		/* Once in a while the very end of the half. */
		points[i] = at > half || model_below(m, 50) == 0 ? half : at;
	}
	qsort(points, MODEL_POINTS, sizeof(points[0]), model_compare);
	m->points = 0;
	for (unsigned int i = 0; i < MODEL_POINTS; i++) {
		if (m->points == 0 || low + points[i] != m->point[m->points - 1]) {
			m->point[m->points++] = low + points[i];
		}
	}
	memset(m->cell, 0, sizeof(m->cell));
}

static inline void model_start(struct model *m, const struct pt_mode *mode, uint64_t seed,
			       uint32_t always)
{
	memset(m, 0, sizeof(*m));
	m->seed = seed * 0x9e3779b97f4a7c15ULL + 1;
	m->takes_left = -1;
	m->pages = aligned_alloc(PAGE_SIZE, MODEL_PAGES * PAGE_SIZE);
	MODEL_ASSERT(m->pages != NULL);
	int r = pt_init(&m->pt, mode, &model_source, m, always);
	MODEL_ASSERT(r == 0);
	m->pt.known = PT_PROT_ALL;
	do {
		model_cut(m);
	} while (m->points < 3);
}

static inline void model_end(struct model *m)
{
	pt_destroy(&m->pt);
	MODEL_ASSERT(m->taken_count == 0);
	free(m->pages);
}

static inline int model_check_run(void *ctx, const struct pt_run *run)
{
	struct model *m = ctx;
	uint64_t leaf_bytes = 0;
	for (unsigned int l = 0; l < PT_MAX_LEVELS; l++) {
		leaf_bytes += run->leaves[l] << pt_level_shift(l);
	}
	MODEL_ASSERT(leaf_bytes == run->bytes && !run->zero);
	uint64_t done = 0;
	while (m->cursor + 1 < m->points && !m->cell[m->cursor].mapped) {
		m->cursor++;
	}
	while (done < run->bytes) {
		MODEL_ASSERT(m->cursor + 1 < m->points);
		const struct model_cell *c = &m->cell[m->cursor];
		MODEL_ASSERT(c->mapped && c->prot == run->prot && c->pa == run->pa + done);
		MODEL_ASSERT(model_va(m, m->point[m->cursor]).v == run->va.v + done);
		done += m->point[m->cursor + 1] - m->point[m->cursor];
		m->cursor++;
	}
	MODEL_ASSERT(done == run->bytes);
	return 0;
}

/** Count what is reachable; no table but the root is empty. Return: entries present in @table */
static inline unsigned int model_check_table(struct model *m, unsigned int level, phys_addr_t table,
					     struct pt_counters *count)
{
	const unsigned int page = model_page_index(m, table);
	const pte_t *entries = model_virt(m, table);
	unsigned int present = 0;
	MODEL_ASSERT(!m->seen[page]);
	m->seen[page] = true;
	count->tables++;
	for (unsigned int i = 0; i < PT_ENTRIES; i++) {
		if (!pte_present(level, entries[i])) {
			MODEL_ASSERT(entries[i].v == 0);
			continue;
		}
		present++;
		if (pte_is_leaf(level, entries[i])) {
			MODEL_ASSERT(
				IS_ALIGNED(pte_phys(level, entries[i]), pt_level_bytes(level)));
			count->leaves[level]++;
			continue;
		}
		MODEL_ASSERT(level > 0 && !pte_is_foreign(level, entries[i]));
		MODEL_ASSERT(model_check_table(m, level - 1, pte_phys(level, entries[i]), count) >
			     0);
	}
	return present;
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

	/* A page in the middle of a random cell, walked as hardware does. */
	const unsigned int i = (unsigned int)model_below(m, m->points - 1);
	const uint64_t at = model_below(m, m->point[i + 1] - m->point[i]);
	struct pt_walk walk;
	MODEL_ASSERT(pt_walk(&m->pt, model_va(m, m->point[i] + at), &walk) == 0);
	MODEL_ASSERT(walk.mapped == m->cell[i].mapped);
	if (walk.mapped) {
		MODEL_ASSERT(walk.phys == m->cell[i].pa + at && walk.prot == m->cell[i].prot);
	}
}

/* ---- operations ---- */

enum model_op_kind {
	MODEL_MAP,
	MODEL_UNMAP,
	MODEL_PROTECT,
	MODEL_OP_KINDS
};

struct model_op {
	enum model_op_kind kind;
	/** Cells [from, to). */
	unsigned int from;
	unsigned int to;
	phys_addr_t pa;
	uint32_t prot;
	unsigned int max_leaf;
};

static inline uint32_t model_random_prot(struct model *m)
{
	static const uint32_t prots[] = { MEM_R, MEM_R | MEM_W, MEM_R | MEM_X, MEM_X,
					  MEM_R | MEM_W | PT_IO };
	return prots[model_below(m, sizeof(prots) / sizeof(prots[0]))] |
	       (model_below(m, 4) == 0 ? MEM_U : 0);
}

static inline struct model_op model_random_op(struct model *m)
{
	struct model_op op = { .kind = (enum model_op_kind)model_below(m, MODEL_OP_KINDS) };
	op.from = (unsigned int)model_below(m, m->points - 1);
	op.to = op.from + 1 +
		(unsigned int)model_below(m, 1 + model_below(m, m->points - 1 - op.from));
	op.prot = model_random_prot(m);
	op.max_leaf = (unsigned int)model_below(m, PT_MAX_LEVELS + 1);
	/*
	 * Alike with the virtual address up to a random level; often where the neighbour would go
	 * on.
	 */
	const uint64_t mask = pt_level_bytes((unsigned int)model_below(m, PT_MAX_LEVELS)) - 1;
	op.pa = (m->point[op.from] & mask) | (model_random(m) >> 9 & ~mask & ~(PAGE_SIZE - 1));
	if (op.from > 0 && m->cell[op.from - 1].mapped && model_below(m, 3) != 0) {
		const struct model_cell *c = &m->cell[op.from - 1];
		op.pa = c->pa + m->point[op.from] - m->point[op.from - 1];
		op.prot = c->prot & ~(uint32_t)PT_GLOBAL;
	}
	return op;
}

static inline int model_call(struct model *m, const struct model_op *op)
{
	const vaddr_t va = model_va(m, m->point[op->from]);
	const uint64_t bytes = m->point[op->to] - m->point[op->from];
	switch (op->kind) {
	case MODEL_MAP:
		return pt_map(&m->pt, va, op->pa, bytes, op->prot, op->max_leaf);
	case MODEL_UNMAP:
		return pt_unmap(&m->pt, va, bytes);
	default:
		return pt_protect(&m->pt, va, bytes, op->prot);
	}
}

/** What the call should say when memory suffices. */
static inline int model_expect(const struct model *m, const struct model_op *op)
{
	const uint64_t bytes = m->point[op->to] - m->point[op->from];
	const uint64_t phys_end = (uint64_t)1 << PT_PHYS_BITS;
	if (op->kind != MODEL_MAP) {
		return 0;
	}
	if (op->pa >= phys_end || bytes > phys_end - op->pa) {
		return -EINVAL;
	}
	for (unsigned int i = op->from; i < op->to; i++) {
		if (m->cell[i].mapped) {
			return -EEXIST;
		}
	}
	return 0;
}

static inline void model_apply(struct model *m, const struct model_op *op)
{
	for (unsigned int i = op->from; i < op->to; i++) {
		struct model_cell *c = &m->cell[i];
		const uint32_t prot = op->prot | m->pt.always;
		if (op->kind == MODEL_MAP) {
			*c = (struct model_cell){ true, op->pa + m->point[i] - m->point[op->from],
						  prot };
		} else if (op->kind == MODEL_UNMAP) {
			c->mapped = false;
		} else {
			c->prot = prot;
		}
	}
}

/**
 * Run one operation whose page source fails after @takes (negative: never); check all. Return: what
 * it said
 */
static inline int model_step(struct model *m, const struct model_op *op, int64_t takes)
{
	const int expect = model_expect(m, op);
	const uint64_t before = m->quick ? 0 : model_hash(m);
	const uint32_t taken = m->taken_count;
	m->takes_left = takes;
	const int r = model_call(m, op);
	m->takes_left = -1;
	if (r != 0) {
		MODEL_ASSERT(r == expect || (r == -ENOMEM && expect == 0));
		MODEL_ASSERT((m->quick || model_hash(m) == before) && m->taken_count == taken);
		return r;
	}
	MODEL_ASSERT(expect == 0);
	model_apply(m, op);
	if (m->pt.merged_count > 0 || m->pt.retired != 0) {
		MODEL_ASSERT(pt_fence_all(&m->pt));
	}
	pt_reap(&m->pt);
	if (!m->quick) {
		model_check(m);
	}
	return 0;
}
