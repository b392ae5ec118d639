/* SPDX-License-Identifier: BSD-2-Clause */
/* The operations of pt_model.h: made up at random, run on the tables and on the oracle, and compared. */
#pragma once

#include "pt_model_check.h"

enum model_op_kind {
	MODEL_MAP,
	MODEL_UNMAP,
	MODEL_PROTECT,
	MODEL_HIDE,
	MODEL_SHOW,
	MODEL_SET_PAGE,
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
	/** Of MODEL_SET_PAGE. */
	bool present;
};

static inline uint64_t model_op_bytes(const struct model *m, const struct model_op *op)
{
	return m->point[op->to] - m->point[op->from];
}

/** The cell before @op's first one goes on, in memory and in permissions, as if mapped with it. */
static inline void model_go_on(const struct model *m, struct model_op *op)
{
	if (op->from > 0 && m->cell[op->from - 1].mapped) {
		const struct model_cell *c = &m->cell[op->from - 1];
		op->pa = c->pa + m->point[op->from] - m->point[op->from - 1];
		op->prot = c->prot & ~(uint32_t)PT_GLOBAL;
	}
}

/** Alike with the virtual address up to a level, or to 64 KiB; @where says the rest. */
static inline void model_align(const struct model *m, struct model_op *op, unsigned int level,
			       uint64_t where)
{
	const uint64_t bytes = level < PT_MAX_LEVELS ? pt_level_bytes(level) : PT_NAPOT_BYTES;
	op->pa = (m->point[op->from] & (bytes - 1)) | (where & ~(bytes - 1) & ~(PAGE_SIZE - 1));
}

static inline struct model_op model_random_op(struct model *m)
{
	static const uint32_t prots[] = { MEM_R, MEM_R | MEM_W, MEM_R | MEM_X, MEM_X,
					  MEM_R | MEM_W | PT_IO };
	/* Half of them are maps and unmaps. */
	const uint64_t kind = model_below(m, MODEL_OP_KINDS + 2);
	struct model_op op = { .kind = (enum model_op_kind)(kind % MODEL_OP_KINDS) };
	op.from = (unsigned int)model_below(m, m->points - 1);
	op.to = op.from + 1 +
		(unsigned int)model_below(m, 1 + model_below(m, m->points - 1 - op.from));
	op.prot = prots[model_below(m, ARRAY_SIZE(prots))] | (model_below(m, 4) == 0 ? MEM_U : 0);
	op.max_leaf = (unsigned int)model_below(m, PT_MAX_LEVELS + 1);
	op.present = model_below(m, 2) != 0;
	model_align(m, &op, (unsigned int)model_below(m, PT_MAX_LEVELS + 1), model_random(m) >> 9);
	if (model_below(m, 3) != 0) {
		model_go_on(m, &op);
	}
	return op;
}

/** Leaves of a cell that are looked at. */
#define MODEL_WALKS 300

/** What a cell is made of. */
enum model_leaves {
	MODEL_SMALL,
	MODEL_LARGE,
	MODEL_MIXED
};

/** Large: no leaf is of level 0. Mixed: both, or too many to look at. */
static inline enum model_leaves model_leaves_of(const struct model *m, unsigned int cell)
{
	bool small = false;
	bool large = false;
	unsigned int walks = 0;
	for (uint64_t at = m->point[cell]; at < m->point[cell + 1];) {
		struct pt_walk walk;
		MODEL_ASSERT(pt_walk(&m->pt, model_va(m, at), &walk) == 0);
		MODEL_ASSERT(walk.mapped || walk.hidden);
		small |= walk.level == 0;
		large |= walk.level != 0;
		if ((small && large) || ++walks > MODEL_WALKS) {
			return MODEL_MIXED;
		}
		const uint64_t bytes = walk.napot ? PT_NAPOT_BYTES : pt_level_bytes(walk.level);
		at = ALIGN_DOWN(at, bytes) + bytes;
	}
	return small ? MODEL_SMALL : MODEL_LARGE;
}

/**
 * An operation on 4 KiB leaves does to each cell all or nothing, else the oracle could not follow.
 * Return: pages that it will find, or -1 when it is not to be tried
 */
static inline int64_t model_small_pages(struct model *m, const struct model_op *op)
{
	uint64_t pages = 0;
	for (unsigned int i = op->from; i < op->to; i++) {
		m->small[i] = false;
		if (!m->cell[i].mapped) {
			continue;
		}
		switch (model_leaves_of(m, i)) {
		case MODEL_SMALL:
			m->small[i] = true;
			pages += (m->point[i + 1] - m->point[i]) >> PAGE_SHIFT;
			break;
		case MODEL_LARGE:
			break;
		default:
			return -1;
		}
	}
	return (int64_t)pages;
}

static inline int model_call(struct model *m, const struct model_op *op)
{
	const vaddr_t va = model_va(m, m->point[op->from]);
	const uint64_t bytes = model_op_bytes(m, op);
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
	const uint64_t bytes = model_op_bytes(m, op);
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
			const phys_addr_t pa = op->pa + m->point[i] - m->point[op->from];
			*c = (struct model_cell){ .mapped = true, .pa = pa, .prot = prot };
		} else if (op->kind == MODEL_UNMAP) {
			*c = (struct model_cell){ 0 };
		} else {
			c->prot = prot;
		}
	}
}

/**
 * The range that a change of @op's must have fenced: its own, and all of the 64 KiB leaves at its
 * ends if a part of them changes. Before the call.
 */
static inline void model_fence(const struct model *m, const struct model_op *op, uint64_t *off,
			       uint64_t *end)
{
	struct pt_walk walk;
	*off = m->point[op->from];
	*end = m->point[op->to];
	const uint64_t group = ALIGN_DOWN(*off, PT_NAPOT_BYTES);
	const uint64_t last = *end - 1;
	const bool changes = op->kind != MODEL_PROTECT;
	MODEL_ASSERT(pt_walk(&m->pt, model_va(m, *off), &walk) == 0);
	if (walk.napot && (changes || walk.prot != (op->prot | m->pt.always))) {
		*off = group;
	}
	MODEL_ASSERT(pt_walk(&m->pt, model_va(m, last), &walk) == 0);
	if (walk.napot && (changes || walk.prot != (op->prot | m->pt.always))) {
		*end = ALIGN_DOWN(last, PT_NAPOT_BYTES) + PT_NAPOT_BYTES;
	}
}

/** Hide, show, or point one page elsewhere: never fails, takes no page. */
static inline void model_small_step(struct model *m, const struct model_op *op)
{
	const vaddr_t va = model_va(m, m->point[op->from]);
	const uint64_t bytes = model_op_bytes(m, op);
	const int64_t pages = model_small_pages(m, op);
	const uint32_t taken = m->taken_count;
	uint64_t off;
	uint64_t end;
	if (pages < 0) {
		return;
	}
	model_fence(m, op, &off, &end);
	if (op->kind == MODEL_SET_PAGE) {
		const phys_addr_t pa = op->pa & (((uint64_t)1 << PT_PHYS_BITS) - PAGE_SIZE);
		if (bytes != PAGE_SIZE) {
			return;
		}
		const int r = pt_set_page(&m->pt, va, pa, op->present);
		MODEL_ASSERT(r == (pages == 1 ? 0 : -ENOENT));
		if (r == 0) {
			m->cell[op->from].pa = pa;
			m->cell[op->from].hidden = !op->present;
		}
	} else {
		const bool show = op->kind == MODEL_SHOW;
		MODEL_ASSERT(pt_set_present(&m->pt, va, bytes, show) == (uint64_t)pages);
		for (unsigned int i = op->from; i < op->to; i++) {
			m->cell[i].hidden = m->small[i] ? !show : m->cell[i].hidden;
		}
		if (!show && off < m->point[op->from]) {
			model_check_fenced(m, off, off + PT_NAPOT_BYTES);
		}
		if (!show && end > m->point[op->to]) {
			model_check_fenced(m, end - PT_NAPOT_BYTES, end);
		}
	}
	MODEL_ASSERT(m->taken_count == taken && m->pt.retired == 0 && m->pt.merged_count == 0);
}

/**
 * Run one operation whose page source fails after @takes (negative: never); check all. Return: what
 * it said
 */
static inline int model_step(struct model *m, const struct model_op *op, int64_t takes)
{
	const uint64_t version = m->pt.root_version;
	memcpy(m->root, model_root(m), sizeof(m->root));
	if (op->kind >= MODEL_HIDE) {
		model_small_step(m, op);
		model_check_root(m, version);
		pt_reap(&m->pt);
		if (!m->quick) {
			model_check(m);
		}
		return 0;
	}
	const int expect = model_expect(m, op);
	const uint64_t before = m->quick ? 0 : model_hash(m);
	const uint32_t taken = m->taken_count;
	uint64_t off;
	uint64_t end;
	model_fence(m, op, &off, &end);
	m->takes_left = takes;
	const int r = model_call(m, op);
	m->takes_left = -1;
	model_check_root(m, version);
	if (r != 0) {
		MODEL_ASSERT(r == expect || (r == -ENOMEM && expect == 0));
		MODEL_ASSERT(r != -ENOMEM || taken + m->pt.wanted > MODEL_PAGES ||
			     (takes >= 0 && m->pt.wanted > (uint64_t)takes));
		MODEL_ASSERT((m->quick || model_hash(m) == before) && m->taken_count == taken);
		return r;
	}
	MODEL_ASSERT(expect == 0);
	model_apply(m, op);
	model_check_fenced(m, off, end);
	if (m->pt.merged_count > 0 || m->pt.retired != 0) {
		MODEL_ASSERT(pt_fence_all(&m->pt));
	}
	pt_reap(&m->pt);
	if (!m->quick) {
		model_check(m);
	}
	return 0;
}
