/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the page-table core share: offsets, table access, the reserve of prepared
 * pages.
 *
 * Inside the core an address is its translated bits alone ("offset", 0 .. 2^va_bits), so half-open
 * ranges never wrap.
 */
#pragma once

#include "fpg/base/range.h"
#include "fpg/pagetable/pt.h"

#include <stddef.h>

static inline unsigned int pt_root_level(const struct pt *pt)
{
	return pt->mode->levels - 1U;
}

static inline uint64_t pt_offset(const struct pt *pt, vaddr_t va)
{
	return va.v & (((uint64_t)1 << pt->mode->va_bits) - 1);
}

/** The bits above the translated ones copy the top one. Source: Privileged v1.12, 4.4.1. */
static inline vaddr_t pt_vaddr(const struct pt *pt, uint64_t off)
{
	unsigned int unused = 64U - pt->mode->va_bits;
	return vaddr((uint64_t)((int64_t)(off << unused) >> unused));
}

static inline unsigned int pt_index(uint64_t off, unsigned int level)
{
	return (unsigned int)(off >> pt_level_shift(level)) & (PT_ENTRIES - 1);
}

/** End of the part of [off, end) that the entry of @level at @off covers. */
static inline uint64_t pt_slot_end(uint64_t off, uint64_t end, unsigned int level)
{
	uint64_t next = ALIGN_DOWN(off, pt_level_bytes(level)) + pt_level_bytes(level);
	return next < end ? next : end;
}

/** [off, end), which lies in one entry of @level, is all that the entry covers. */
static inline bool pt_slot_whole(uint64_t off, uint64_t end, unsigned int level)
{
	return end - off == pt_level_bytes(level);
}

static inline pte_t *pt_table(const struct pt *pt, phys_addr_t table)
{
	return pt->source->virt(pt->source_ctx, table);
}

/** The table that an entry of @level points to. */
static inline pte_t *pt_child(const struct pt *pt, unsigned int level, pte_t pte)
{
	return pt_table(pt, pte_phys(level, pte));
}

/**
 * Show an entry to hardware on any hart, after what it leads to was written.
 */
static inline void pt_publish(pte_t *entry, pte_t pte)
{
	__atomic_store_n(&entry->v, pte.v, __ATOMIC_RELEASE);
}

/** Whoever copies root entries of @pt can see that one has changed. After the change. */
static inline void pt_root_changed(struct pt *pt)
{
	__atomic_store_n(&pt->root_version, pt->root_version + 1, __ATOMIC_RELEASE);
}

/** pt_publish() for an entry that may lie in the root. */
static inline void pt_publish_at(struct pt *pt, unsigned int level, pte_t *entry, pte_t pte)
{
	pt_publish(entry, pte);
	if (level == pt_root_level(pt)) {
		pt_root_changed(pt);
	}
}

/** The entry of @level at @off is one of those that pt_init_shared() copied. */
static inline bool pt_is_shared(const struct pt *pt, uint64_t off)
{
	return pt->kernel != NULL && off >> (pt->mode->va_bits - 1) != 0;
}

/** Tables that an entry of @level points to are kept when they are empty, and not merged. */
static inline bool pt_is_kept(const struct pt *pt, unsigned int level)
{
	return pt->keep_root && level == pt_root_level(pt);
}

/** @pte, entry @index of a table of level 0, as the plain leaf that maps the same page. */
static inline pte_t pt_plain(pte_t pte, unsigned int index)
{
	if (!pte_is_napot(0, pte)) {
		return pte;
	}
	return pte_leaf(0, pte_phys(0, pte) + index % PT_NAPOT_ENTRIES * PAGE_SIZE,
			pte_prot(0, pte));
}

/**
 * The table of 4 KiB leaves for @off, if there is one of our own; else NULL, and *@level says at which level there is
 * none.
 */
pte_t *pt_page_table(const struct pt *pt, uint64_t off, unsigned int *level);

/** [off, end) lies under one entry of level 1. */
static inline bool pt_one_page_table(uint64_t off, uint64_t end)
{
	return ((off ^ (end - 1)) >> pt_level_shift(1)) == 0;
}

/** The caller has to fence [off, end) as well. */
void pt_widen_fence(struct pt *pt, uint64_t off, uint64_t end);

/**
 * Rewrite the 64 KiB leaf around @off, of which @entry is a part, as 16 plain leaves of the same
 * translation; whatever mix of both hardware sees meanwhile says the same. The fence range takes it
 * in.
 */
void pt_napot_split(struct pt *pt, pte_t *entry, uint64_t off);

/** What leaves get when @prot is asked for. */
static inline uint32_t pt_leaf_prot(const struct pt *pt, uint32_t prot)
{
	return (prot | pt->always) & pt->known;
}

bool pt_prot_ok(const struct pt *pt, uint32_t prot);

/** Page aligned and pt_range_ok(). */
bool pt_pages_ok(const struct pt *pt, vaddr_t va, uint64_t bytes);

/** Fields of an empty @pt without a root. */
void pt_clear(struct pt *pt, const struct pt_mode *mode, const struct pt_page_source *source,
	      void *ctx);

/** Take @pages for the call under way. Return: 0 | -ENOMEM, with none taken and pt->wanted set */
FPG_MUST_CHECK int pt_reserve(struct pt *pt, uint64_t pages);

/** The commit must have used exactly what the plan counted. */
void pt_reserve_done(const struct pt *pt);

/**
 * A table out of the reserve, counted. @cleared: all entries absent; else arbitrary, and the caller
 * fills all.
 */
pte_t *pt_table_new(struct pt *pt, phys_addr_t *table, bool cleared);

/** A table taken out of use, whose range maps nothing any more; given back by pt_reap(). */
void pt_retire(struct pt *pt, phys_addr_t table);

/**
 * Tables needed below an absent entry of @level (at least 1) to map [off, end), which lies in that
 * entry and is not made one leaf there, with leaves of at most @leaf.
 */
uint64_t pt_fresh_tables(unsigned int level, uint64_t off, uint64_t end, unsigned int leaf);

/**
 * Turn the pointer @entry of @level into one leaf if the table below says the same and merging is
 * allowed.
 */
void pt_try_merge(struct pt *pt, unsigned int level, pte_t *entry);
