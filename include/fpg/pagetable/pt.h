/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page tables of one address space: map, unmap and protect by range, walk, and see.
 *
 * Invariants: no entry maps what nobody asked for; no table but the root is empty, none but foreign
 * ones is shared; a call that fails has changed nothing. Fallible work (checks, taking every table
 * page) comes first, then a commit that cannot fail. Ranges are filled by recursion over tables,
 * never by a walk per leaf.
 *
 * TLB: nothing here flushes. After pt_map the caller fences the range (an invalid entry may be
 * cached too); after pt_unmap and pt_protect it fences, on every hart that uses the tables, as
 * pt_fence_all says. Then pt_reap() gives back the table pages that the call took out of use; until
 * then hardware may still read them.
 * Source: RISC-V Privileged v1.12, 4.2.1 (SFENCE.VMA: with an address it orders leaf entries only).
 *
 * Context of all calls: the caller holds the lock of the address space.
 */
#pragma once

#include "fpg/base/compiler.h"
#include "fpg/pagetable/pte.h"

/** Where table pages come from and how they are reached. */
struct pt_page_source {
	/** Give the caller a page: aligned, not page 0, content arbitrary. Return: 0 | -ENOMEM */
	int (*take)(void *ctx, phys_addr_t *page);
	/** Take back a page that take() gave. */
	void (*give)(void *ctx, phys_addr_t page);
	/**
	 * Address through which the table at @page is read and written. Never NULL for a table that
	 * is linked.
	 */
	void *(*virt)(void *ctx, phys_addr_t page);
};

struct pt_counters {
	/** Pages owned by these tables, the root among them. */
	uint64_t tables;
	/** Leaves by level, those in foreign tables not counted. */
	uint64_t leaves[PT_MAX_LEVELS];
};

/**
 * Tables that read as one page of zeros everywhere: table[n] is of level n, each entry of it the
 * same.
 */
struct pt_zero {
	phys_addr_t page;
	phys_addr_t table[PT_MAX_LEVELS];
};

/** At most two tables a level can become whole leaves in one call. */
#define PT_MAX_MERGED (2 * (PT_MAX_LEVELS - 1))

struct pt {
	const struct pt_mode *mode;
	phys_addr_t root;
	const struct pt_page_source *source;
	void *source_ctx;
	/** Added to each leaf: PT_GLOBAL for kernel tables. */
	uint32_t always;
	/**
	 * Bits of a prot that the hart knows; others are dropped (PT_NONCACHED and PT_IO without
	 * Svpbmt).
	 */
	uint32_t known;
	/** Largest level that pt_map and pt_protect may merge small leaves to; 0: never. */
	uint8_t merge_level;
	/** Leaves with MEM_W and MEM_X are accepted. */
	bool allow_wx;
	struct pt_counters count;
	/** Shared zero tables, or NULL; only for pt_for_each_run(). */
	const struct pt_zero *zero;

	/* private */
	/** Pages taken for the call under way; linked through their first word. */
	phys_addr_t reserve;
	uint64_t reserved;
	/**
	 * Emptied tables waiting for pt_reap(); linked through their first word, which reads as an
	 * absent entry.
	 */
	phys_addr_t retired;
	/**
	 * Merged tables waiting for pt_reap(): still right for stale walks, so they are left as
	 * they are.
	 */
	phys_addr_t merged[PT_MAX_MERGED];
	uint8_t merged_count;
	/** Entries that point to tables changed since the last pt_reap(). */
	bool pointers_changed;
};

/**
 * Start empty tables.
 *
 * @always  prot bits added to each leaf
 * Return:  0 | -ENOMEM
 * Owner:   the caller; pt_destroy() ends it
 */
FPG_MUST_CHECK int pt_init(struct pt *pt, const struct pt_mode *mode,
			   const struct pt_page_source *source, void *ctx, uint32_t always);

/** Give back every table. Not in use by any hart. Foreign tables stay. */
void pt_destroy(struct pt *pt);

/**
 * Map [va, va + bytes) to [pa, pa + bytes), with the largest leaves that alignment allows up to
 * @max_leaf_level.
 *
 * Return: 0 | -EINVAL | -EEXIST (part of it is mapped already) | -ENOMEM (no table page); after an
 *         error the tables are as before. -EINVAL: not page aligned, empty, not canonical or across
 *         the hole, physical end past 2^56, no access at all, MEM_W without MEM_R, MEM_W with MEM_X
 *         (unless allow_wx), unknown bits
 */
FPG_MUST_CHECK int pt_map(struct pt *pt, vaddr_t va, phys_addr_t pa, uint64_t bytes, uint32_t prot,
			  unsigned int max_leaf_level);

/**
 * Remove what is mapped in [va, va + bytes); holes are skipped, leaves that reach out of it are
 * split.
 *
 * Return: 0 | -EINVAL (as pt_map) | -EPERM (reaches into a foreign table) | -ENOMEM (for
 *         splitting); unchanged then
 */
FPG_MUST_CHECK int pt_unmap(struct pt *pt, vaddr_t va, uint64_t bytes);

/**
 * Give what is mapped in [va, va + bytes) the permissions @prot; holes are skipped. Return: as
 * pt_unmap
 */
FPG_MUST_CHECK int pt_protect(struct pt *pt, vaddr_t va, uint64_t bytes, uint32_t prot);

/**
 * Enter somebody else's table of @level at @va, which is aligned to what that table covers. pt_map
 * and the others leave it alone; it is never freed here.
 *
 * Return: 0 | -EINVAL | -EEXIST | -ENOMEM; unchanged then
 */
FPG_MUST_CHECK int pt_link_foreign(struct pt *pt, vaddr_t va, unsigned int level,
				   phys_addr_t table);

/** True when the fence before pt_reap() must be a full one; a range is enough otherwise. */
static inline bool pt_fence_all(const struct pt *pt)
{
	return pt->pointers_changed;
}

/** After the fence: give back tables that are no longer used. */
void pt_reap(struct pt *pt);

/** [va, va + bytes) is not empty, canonical and on one side of the hole. */
bool pt_range_ok(const struct pt *pt, vaddr_t va, uint64_t bytes);

struct pt_step {
	unsigned int level;
	phys_addr_t table;
	unsigned int index;
	pte_t pte;
	bool foreign;
};

/** One address followed through the tables. */
struct pt_walk {
	struct pt_step step[PT_MAX_LEVELS];
	unsigned int steps;
	bool mapped;
	/* of the leaf, when mapped */
	unsigned int level;
	phys_addr_t phys;
	uint32_t prot;
};

/** Follow @va as hardware does. Return: 0 (see @out->mapped) | -EINVAL (not canonical) */
FPG_MUST_CHECK int pt_walk(const struct pt *pt, vaddr_t va, struct pt_walk *out);

/**
 * A maximal range of neighbours with the same permissions and going on in physical memory, or all
 * shared zeros.
 */
struct pt_run {
	vaddr_t va;
	phys_addr_t pa;
	uint64_t bytes;
	uint32_t prot;
	/** Reads as the shared zero page; pa and leaves say nothing then. */
	bool zero;
	uint64_t leaves[PT_MAX_LEVELS];
};

/**
 * Show each run, ascending, from the lower half to the upper.
 *
 * @fn      a result other than 0 ends the walk
 * Return:  0 | what @fn returned
 */
int pt_for_each_run(const struct pt *pt, int (*fn)(void *ctx, const struct pt_run *run), void *ctx);

struct pt_totals {
	uint64_t runs;
	uint64_t mapped_bytes;
	uint64_t zero_bytes;
	/** 4 KiB pages that are writable and executable at once: must be 0. */
	uint64_t wx_pages;
	uint64_t leaves[PT_MAX_LEVELS];
};

/** Count what is really there, by a walk. */
void pt_totals(const struct pt *pt, struct pt_totals *totals);
