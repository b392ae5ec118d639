/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pt_unmap and pt_protect: change what is mapped in a range, splitting leaves that reach out of it,
 * merging tables that say what one leaf can say, and taking empty tables out of use.
 *
 * A leaf is replaced by a complete table of the same translations, a table by an equal leaf: at
 * each moment an address outside the range translates as before, whatever hardware has cached.
 */
#include "pt_internal.h"

#include <errno.h>

/** Each leaf of a split is whole or split again. */
#define ANY_LEAF PT_MAX_LEVELS

struct change_op {
	struct pt *pt;
	bool remove;
	uint32_t prot;
	uint64_t tables;
};

static bool leaf_stays(const struct change_op *op, unsigned int level, pte_t pte)
{
	return !op->remove && pte_with_prot(level, pte, op->prot).v == pte.v;
}

static int change_plan(struct change_op *op, unsigned int level, const pte_t *table, uint64_t off,
		       uint64_t end)
{
	while (off < end) {
		const uint64_t next = pt_slot_end(off, end, level);
		const pte_t pte = table[pt_index(off, level)];
		if (pte_none(pte)) {
			/* a hole */
		} else if (pte_is_leaf(level, pte)) {
			if (!pt_slot_whole(off, next, level) && !leaf_stays(op, level, pte)) {
				op->tables += pt_fresh_tables(level, off, next, ANY_LEAF);
			}
		} else if (pte_is_foreign(level, pte)) {
			return -EPERM;
		} else if (level > 1) {
			/* A table of pages needs no tables and holds none. */
			int r = change_plan(op, level - 1, pt_child(op->pt, level, pte), off, next);
			if (r != 0) {
				return r;
			}
		}
		off = next;
	}
	return 0;
}

static void split(struct pt *pt, unsigned int level, pte_t *entry)
{
	phys_addr_t child;
	pte_t *entries = pt_table_new(pt, &child, false);
	pte_t pte = pte_leaf(level - 1, pte_phys(level, *entry), pte_prot(level, *entry));
	for (unsigned int i = 0; i < PT_ENTRIES; i++) {
		entries[i] = pte;
		pte = pte_next(level - 1, pte);
	}
	pt_publish_at(pt, level, entry, pte_pointer(level, child, false));
	pt->count.leaves[level]--;
	pt->count.leaves[level - 1] += PT_ENTRIES;
	pt->pointers_changed = true;
}

void pt_try_merge(struct pt *pt, unsigned int level, pte_t *entry)
{
	if (level > pt->merge_level || pt->merged_count == PT_MAX_MERGED || pt_is_kept(pt, level)) {
		return;
	}
	const phys_addr_t child = pte_phys(level, *entry);
	const pte_t *entries = pt_table(pt, child);
	const unsigned int below = level - 1;
	if (!pte_present(below, entries[0]) || !pte_is_leaf(below, entries[0])) {
		return;
	}
	pte_t pte = below == 0 ? pt_plain(entries[0], 0) : entries[0];
	if (!IS_ALIGNED(pte_phys(below, pte), pt_level_bytes(level))) {
		return;
	}
	const pte_t leaf = pte_leaf(level, pte_phys(below, pte), pte_prot(below, pte));
	unsigned int napot = 0;
	for (unsigned int i = 0; i < PT_ENTRIES; i++) {
		if (entries[i].v != pte.v) {
			if (below != 0 || pt_plain(entries[i], i).v != pte.v) {
				return;
			}
			napot++;
		}
		pte = pte_next(below, pte);
	}
	pt_publish_at(pt, level, entry, leaf);
	pt->merged[pt->merged_count++] = child;
	pt->count.tables--;
	pt->count.leaves[below] -= PT_ENTRIES - napot;
	pt->count.napot -= napot / PT_NAPOT_ENTRIES;
	pt->count.leaves[level]++;
	pt->pointers_changed = true;
}

static bool table_empty(const pte_t *entries)
{
	for (unsigned int i = 0; i < PT_ENTRIES; i++) {
		if (!pte_none(entries[i])) {
			return false;
		}
	}
	return true;
}

static void change_leaf(struct change_op *op, unsigned int level, pte_t *entry)
{
	struct pt *pt = op->pt;
	if (op->remove) {
		pt_publish_at(pt, level, entry, (pte_t){ 0 });
		pt->count.leaves[level]--;
	} else {
		pt_publish_at(pt, level, entry, pte_with_prot(level, *entry, op->prot));
	}
}

/** 64 KiB leaves in [off, end): whole ones are changed, those that reach out of it taken apart. */
static void change_napot(struct change_op *op, pte_t *table, uint64_t off, uint64_t end)
{
	struct pt *pt = op->pt;
	for (uint64_t next; off < end; off = next) {
		next = ALIGN_DOWN(off, PT_NAPOT_BYTES) + PT_NAPOT_BYTES;
		pte_t *entry = &table[pt_index(off, 0)];
		if (!pte_is_napot(0, *entry) || leaf_stays(op, 0, *entry)) {
			continue;
		}
		if (next > end || !IS_ALIGNED(off, PT_NAPOT_BYTES)) {
			pt_napot_split(pt, entry, off);
			continue;
		}
		pte_t pte = { 0 };
		if (!op->remove) {
			pte = pte_with_prot(0, *entry, op->prot);
		}
		for (unsigned int i = 0; i < PT_NAPOT_ENTRIES; i++) {
			pt_publish(&entry[i], pte);
		}
		pt->count.napot -= op->remove;
	}
}

/** The part of a table of level 0 that lies in [off, end). */
static void change_pages(struct change_op *op, pte_t *table, uint64_t off, uint64_t end)
{
	struct pt *pt = op->pt;
	if (pt->count.napot != 0) {
		change_napot(op, table, off, end);
	}
	pte_t *entry = &table[pt_index(off, 0)];
	const pte_t *last = entry + ((end - off) >> PAGE_SHIFT);
	if (op->remove) {
		uint64_t removed = 0;
		for (; entry < last; entry++) {
			if (!pte_none(*entry)) {
				pt_publish(entry, (pte_t){ 0 });
				removed++;
			}
		}
		pt->count.leaves[0] -= removed;
		return;
	}
	for (const uint32_t prot = op->prot; entry < last; entry++) {
		if (!pte_none(*entry)) {
			pt_publish(entry, pte_with_prot(0, *entry, prot));
		}
	}
}

static void change_commit(struct change_op *op, unsigned int level, pte_t *table, uint64_t off,
			  uint64_t end)
{
	struct pt *pt = op->pt;
	if (level == 0) {
		change_pages(op, table, off, end);
		return;
	}
	for (uint64_t next; off < end; off = next) {
		next = pt_slot_end(off, end, level);
		const bool whole = pt_slot_whole(off, next, level);
		pte_t *entry = &table[pt_index(off, level)];
		if (pte_none(*entry)) {
			continue;
		}
		if (pte_is_leaf(level, *entry)) {
			if (leaf_stays(op, level, *entry)) {
				continue;
			}
			if (whole) {
				change_leaf(op, level, entry);
				continue;
			}
			split(pt, level, entry);
		}
		const phys_addr_t child = pte_phys(level, *entry);
		pte_t *entries = pt_table(pt, child);
		change_commit(op, level - 1, entries, off, next);
		if (!op->remove) {
			pt_try_merge(pt, level, entry);
		} else if (!pt_is_kept(pt, level) && (whole || table_empty(entries))) {
			pt_publish_at(pt, level, entry, (pte_t){ 0 });
			pt_retire(pt, child);
		}
	}
}

/**
 * Single pages, as vmalloc and address spaces change them, without recursion. Return: false when more is to be done,
 * by the long way
 */
static bool change_quickly(struct change_op *op, uint64_t off, uint64_t end)
{
	struct pt *pt = op->pt;
	unsigned int level;
	if (!pt_one_page_table(off, end) || (!op->remove && pt->merge_level != 0)) {
		return false;
	}
	pte_t *table = pt_page_table(pt, off, &level);
	if (table == NULL) {
		return false;
	}
	change_pages(op, table, off, end);
	pt_widen_fence(pt, off, end);
	return !op->remove || !table_empty(table);
}

static int change(struct change_op *op, vaddr_t va, uint64_t bytes)
{
	struct pt *pt = op->pt;
	const uint64_t off = pt_offset(pt, va);
	const unsigned int root = pt_root_level(pt);
	pte_t *table = pt_table(pt, pt->root);
	if (pt_is_shared(pt, off)) {
		return -EPERM;
	}
	if (change_quickly(op, off, off + bytes)) {
		return 0;
	}
	int r = change_plan(op, root, table, off, off + bytes);
	if (r == 0) {
		r = pt_reserve(pt, op->tables);
	}
	if (r != 0) {
		return r;
	}
	change_commit(op, root, table, off, off + bytes);
	pt_reserve_done(pt);
	pt_widen_fence(pt, off, off + bytes);
	return 0;
}

int pt_unmap(struct pt *pt, vaddr_t va, uint64_t bytes)
{
	if (!pt_pages_ok(pt, va, bytes)) {
		return -EINVAL;
	}
	struct change_op op = { .pt = pt, .remove = true };
	return change(&op, va, bytes);
}

int pt_protect(struct pt *pt, vaddr_t va, uint64_t bytes, uint32_t prot)
{
	if (!pt_pages_ok(pt, va, bytes) || !pt_prot_ok(pt, prot)) {
		return -EINVAL;
	}
	struct change_op op = { .pt = pt, .prot = pt_leaf_prot(pt, prot) };
	return change(&op, va, bytes);
}
