/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Single 4 KiB leaves: hidden, shown, pointed elsewhere. Nothing is taken, freed, split or merged here (but a 64 KiB
 * leaf is taken apart), so these calls cannot fail for memory; with 64 KiB leaves off they write the entries asked for,
 * one store each, and nothing else, so debug_pagealloc may call them from any hart without the tables' lock.
 */
#include "pt_internal.h"

#include <errno.h>

/** What is there now, as a plain leaf of its own, or nothing. */
static pte_t plain_leaf(struct pt *pt, pte_t *entry, uint64_t off)
{
	if (pte_is_napot(0, *entry)) {
		pt_napot_split(pt, entry, off);
	}
	return *entry;
}

uint64_t pt_set_present(struct pt *pt, vaddr_t va, uint64_t bytes, bool present)
{
	uint64_t off = pt_offset(pt, va);
	uint64_t pages = 0;
	if (!pt_pages_ok(pt, va, bytes) || pt_is_shared(pt, off)) {
		return 0;
	}
	for (const uint64_t end = off + bytes; off < end;) {
		unsigned int level;
		pte_t *table = pt_page_table(pt, off, &level);
		if (table == NULL) {
			off = pt_slot_end(off, end, level);
			continue;
		}
		for (const uint64_t next = pt_slot_end(off, end, 1); off < next; off += PAGE_SIZE) {
			pte_t *entry = &table[pt_index(off, 0)];
			if (pte_none(*entry)) {
				continue;
			}
			/* A 64 KiB leaf that is to stay present stays whole. */
			if (!present || !pte_is_napot(0, *entry)) {
				const pte_t pte = plain_leaf(pt, entry, off);
				pt_publish(entry, pte_show(0, pte, present));
			}
			pages++;
		}
	}
	return pages;
}

int pt_set_page(struct pt *pt, vaddr_t va, phys_addr_t pa, bool present)
{
	const uint64_t off = pt_offset(pt, va);
	if (!pt_pages_ok(pt, va, PAGE_SIZE) || !IS_ALIGNED(pa, PAGE_SIZE) ||
	    pa >> PT_PHYS_BITS != 0) {
		return -EINVAL;
	}
	if (pt_is_shared(pt, off)) {
		return -EPERM;
	}
	unsigned int level;
	pte_t *table = pt_page_table(pt, off, &level);
	pte_t *entry = table != NULL ? &table[pt_index(off, 0)] : NULL;
	if (entry == NULL || pte_none(*entry)) {
		return -ENOENT;
	}
	const pte_t pte = plain_leaf(pt, entry, off);
	pt_publish(entry, pte_show(0, pte_leaf(0, pa, pte_prot(0, pte)), present));
	return 0;
}
