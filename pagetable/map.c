/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pt_map: a plan that checks every entry and counts the tables to come, then a commit by range.
 *
 * The plan reads each existing entry of the range once; tables that are still to be made are
 * counted by arithmetic. The commit writes a run of leaves in one tight loop and shows a new table
 * only when its part of it is complete.
 */
#include "pt_internal.h"

#include <errno.h>

struct map_op {
	struct pt *pt;
	/** Physical address - offset, modulo 2^64. */
	uint64_t delta;
	uint32_t prot;
	/**
	 * Largest level at which offset and physical address are aligned alike, and that the caller
	 * allows.
	 */
	unsigned int leaf;
	/** They agree modulo 64 KiB, and leaves of that size are wanted. */
	bool napot;
	uint64_t tables;
};

/** Tables of a whole entry of @level that is not a leaf. */
static uint64_t whole_tables(unsigned int level, unsigned int leaf)
{
	uint64_t tables = 0;
	for (unsigned int l = leaf + 1; l <= level; l++) {
		tables = 1 + (l > leaf + 1 ? PT_ENTRIES * tables : 0);
	}
	return tables;
}

uint64_t pt_fresh_tables(unsigned int level, uint64_t off, uint64_t end, unsigned int leaf)
{
	const unsigned int below = level - 1;
	uint64_t tables = 1;
	if (below == 0) {
		return tables;
	}
	if (!IS_ALIGNED(off, pt_level_bytes(below))) {
		const uint64_t head = pt_slot_end(off, end, below);
		tables += pt_fresh_tables(below, off, head, leaf);
		off = head;
	}
	if (off < end && !IS_ALIGNED(end, pt_level_bytes(below))) {
		const uint64_t tail = ALIGN_DOWN(end, pt_level_bytes(below));
		tables += pt_fresh_tables(below, tail, end, leaf);
		end = tail;
	}
	if (below > leaf && off < end) {
		tables += ((end - off) >> pt_level_shift(below)) * whole_tables(below, leaf);
	}
	return tables;
}

/** Entries from @entry on, which is that of @level at @off, that become leaves. */
static uint64_t leaf_count(const struct map_op *op, unsigned int level, const pte_t *entry,
			   uint64_t off, uint64_t end)
{
	if (level > op->leaf || !IS_ALIGNED(off, pt_level_bytes(level))) {
		return 0;
	}
	const uint64_t leaves = (end - off) >> pt_level_shift(level);
	if (!pt_is_kept(op->pt, level)) {
		return leaves;
	}
	/* A kept table may be empty; what it covers gets smaller leaves. */
	uint64_t absent = 0;
	while (absent < leaves && pte_none(entry[absent])) {
		absent++;
	}
	return absent;
}

static int map_plan(struct map_op *op, unsigned int level, const pte_t *table, uint64_t off,
		    uint64_t end)
{
	while (off < end) {
		const pte_t *entry = &table[pt_index(off, level)];
		const uint64_t leaves = leaf_count(op, level, entry, off, end);
		if (leaves > 0) {
			/* An entry maps something: no table but a kept one is empty. */
			for (const pte_t *last = entry + leaves; entry < last; entry++) {
				if (unlikely(!pte_none(*entry))) {
					return -EEXIST;
				}
			}
			off += leaves << pt_level_shift(level);
			continue;
		}
		const uint64_t next = pt_slot_end(off, end, level);
		if (pte_none(*entry)) {
			op->tables += pt_fresh_tables(level, off, next, op->leaf);
		} else if (pte_is_leaf(level, *entry) || pte_is_foreign(level, *entry)) {
			return -EEXIST;
		} else {
			int r = map_plan(op, level - 1, pt_child(op->pt, level, *entry), off, next);
			if (r != 0) {
				return r;
			}
		}
		off = next;
	}
	return 0;
}

/** Write @leaves leaves from @off on, all in one table. */
static inline void fill_leaves(struct map_op *op, unsigned int level, pte_t *entry, uint64_t off,
			       uint64_t leaves)
{
	pte_t pte = pte_leaf(level, off + op->delta, op->prot);
	for (const pte_t *last = entry + leaves; entry < last; entry++) {
		*entry = pte;
		pte = pte_next(level, pte);
	}
	op->pt->count.leaves[level] += leaves;
}

/** The same at level 0, with 64 KiB leaves wherever 16 aligned pages are covered. */
static void fill_napot(struct map_op *op, pte_t *entry, uint64_t off, uint64_t pages)
{
	const uint64_t head = (ALIGN_UP(off, PT_NAPOT_BYTES) - off) >> PAGE_SHIFT;
	if (pages < head + PT_NAPOT_ENTRIES) {
		fill_leaves(op, 0, entry, off, pages);
		return;
	}
	fill_leaves(op, 0, entry, off, head);
	entry += head;
	off += head << PAGE_SHIFT;
	pages -= head;
	for (; pages >= PT_NAPOT_ENTRIES; pages -= PT_NAPOT_ENTRIES) {
		const pte_t pte = pte_napot(pte_leaf(0, off + op->delta, op->prot));
		for (unsigned int i = 0; i < PT_NAPOT_ENTRIES; i++) {
			*entry++ = pte;
		}
		off += PT_NAPOT_BYTES;
		op->pt->count.napot++;
	}
	fill_leaves(op, 0, entry, off, pages);
}

static void map_commit(struct map_op *op, unsigned int level, pte_t *table, uint64_t off,
		       uint64_t end, bool fresh)
{
	struct pt *pt = op->pt;
	while (off < end) {
		pte_t *entry = &table[pt_index(off, level)];
		const uint64_t leaves = leaf_count(op, level, entry, off, end);
		if (leaves > 0) {
			if (level == 0 && op->napot) {
				fill_napot(op, entry, off, leaves);
			} else {
				fill_leaves(op, level, entry, off, leaves);
			}
			if (level == pt_root_level(pt)) {
				pt_root_changed(pt);
			}
			off += leaves << pt_level_shift(level);
			continue;
		}
		const uint64_t next = pt_slot_end(off, end, level);
		if (fresh || pte_none(*entry)) {
			phys_addr_t child;
			pte_t *entries = pt_table_new(pt, &child, !pt_slot_whole(off, next, level));
			map_commit(op, level - 1, entries, off, next, true);
			pt_publish_at(pt, level, entry, pte_pointer(level, child, false));
			pt->pointers_changed = true;
		} else {
			map_commit(op, level - 1, pt_child(pt, level, *entry), off, next, false);
			pt_try_merge(pt, level, entry);
		}
		off = next;
	}
}

/** Pages into a table that is there already, without recursion. Return: false when that is not all */
static bool map_quickly(struct map_op *op, uint64_t off, uint64_t end, int *result)
{
	struct pt *pt = op->pt;
	unsigned int level;
	if (!pt_one_page_table(off, end) || pt->merge_level != 0) {
		return false;
	}
	pte_t *table = pt_page_table(pt, off, &level);
	if (table == NULL) {
		return false;
	}
	pte_t *entry = &table[pt_index(off, 0)];
	const uint64_t pages = (end - off) >> PAGE_SHIFT;
	for (uint64_t i = 0; i < pages; i++) {
		if (unlikely(!pte_none(entry[i]))) {
			*result = -EEXIST;
			return true;
		}
	}
	if (op->napot) {
		fill_napot(op, entry, off, pages);
	} else {
		fill_leaves(op, 0, entry, off, pages);
	}
	pt_widen_fence(pt, off, end);
	*result = 0;
	return true;
}

int pt_map(struct pt *pt, vaddr_t va, phys_addr_t pa, uint64_t bytes, uint32_t prot,
	   unsigned int max_leaf_level)
{
	const uint64_t phys_end = (uint64_t)1 << PT_PHYS_BITS;
	if (!pt_pages_ok(pt, va, bytes) || !pt_prot_ok(pt, prot)) {
		return -EINVAL;
	}
	if (!IS_ALIGNED(pa, PAGE_SIZE) || pa >= phys_end || bytes > phys_end - pa) {
		return -EINVAL;
	}
	const uint64_t off = pt_offset(pt, va);
	const unsigned int root = pt_root_level(pt);
	if (pt_is_shared(pt, off)) {
		return -EPERM;
	}
	struct map_op op = {
		.pt = pt,
		.delta = pa - off,
		.prot = pt_leaf_prot(pt, prot),
		.leaf = max_leaf_level < root ? max_leaf_level : root,
		.napot = pt->napot && IS_ALIGNED(off ^ pa, PT_NAPOT_BYTES),
	};
	while (!IS_ALIGNED(off ^ pa, pt_level_bytes(op.leaf))) {
		op.leaf--;
	}
	pte_t *table = pt_table(pt, pt->root);
	int r;
	if (map_quickly(&op, off, off + bytes, &r)) {
		return r;
	}
	r = map_plan(&op, root, table, off, off + bytes);
	if (r == 0) {
		r = pt_reserve(pt, op.tables);
	}
	if (r != 0) {
		return r;
	}
	map_commit(&op, root, table, off, off + bytes, false);
	pt_reserve_done(pt);
	pt_widen_fence(pt, off, off + bytes);
	return 0;
}

int pt_link_foreign(struct pt *pt, vaddr_t va, unsigned int level, phys_addr_t table)
{
	const unsigned int root = pt_root_level(pt);
	if (level >= root || !IS_ALIGNED(table, PAGE_SIZE) || table == 0 ||
	    table >> PT_PHYS_BITS != 0) {
		return -EINVAL;
	}
	const uint64_t bytes = pt_level_bytes(level + 1);
	if (!IS_ALIGNED(va.v, bytes) || !pt_range_ok(pt, va, bytes)) {
		return -EINVAL;
	}
	const uint64_t off = pt_offset(pt, va);
	if (pt_is_shared(pt, off)) {
		return -EPERM;
	}
	unsigned int l = root;
	pte_t *entry = &pt_table(pt, pt->root)[pt_index(off, l)];
	for (; l > level + 1 && !pte_none(*entry); l--) {
		if (pte_is_leaf(l, *entry) || pte_is_foreign(l, *entry)) {
			return -EEXIST;
		}
		entry = &pt_child(pt, l, *entry)[pt_index(off, l - 1)];
	}
	if (!pte_none(*entry)) {
		return -EEXIST;
	}
	int r = pt_reserve(pt, l - (level + 1));
	if (r != 0) {
		return r;
	}
	phys_addr_t below = table;
	bool foreign = true;
	for (unsigned int k = level + 1; k < l; k++) {
		phys_addr_t made;
		pt_table_new(pt, &made, true)[pt_index(off, k)] = pte_pointer(k, below, foreign);
		below = made;
		foreign = false;
	}
	pt_publish_at(pt, l, entry, pte_pointer(l, below, foreign));
	pt->pointers_changed = true;
	pt_reserve_done(pt);
	return 0;
}
