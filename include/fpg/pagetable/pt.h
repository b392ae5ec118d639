/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page tables of one address space: map, unmap and protect by range, hide and show, walk, and see.
 *
 * Invariants: no entry maps what nobody asked for; no table but the root is empty (see keep_root),
 * none but foreign ones is shared; a call that fails has changed nothing. Fallible work (checks,
 * taking every table page) comes first, then a commit that cannot fail. Ranges are filled by
 * recursion over tables, never by a walk per leaf.
 *
 * TLB: nothing here flushes. Each call that changes entries adds what must be fenced to
 * [fence_lo, fence_hi): the range that was asked for (after pt_map too: an invalid entry may be
 * cached), widened to whole 64 KiB leaves of which a part was changed. The caller fences that on
 * every hart that uses the tables, or everything where pt_fence_all() says so. Then pt_reap() gives
 * back the table pages that were taken out of use; until then hardware may still read them.
 * Source: RISC-V Privileged v1.12, 4.2.1 (SFENCE.VMA: with an address it orders leaf entries only).
 *
 * A level-0 leaf can be hidden (pt_set_present): hardware sees no mapping, while the entry keeps
 * physical address and permissions. It counts as a leaf in pt->count and holds its place: pt_map
 * over it is -EEXIST, pt_protect changes what it will allow, pt_unmap removes it.
 *
 * Context of all calls but pt_set_present and pt_set_page: the caller holds the lock of the address
 * space.
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
	/** Leaves by level, hidden ones among them, those in foreign tables not. */
	uint64_t leaves[PT_MAX_LEVELS];
	/** 64 KiB leaves; their 16 entries are not in leaves[0]. */
	uint64_t napot;
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
	/**
	 * The hart has Svnapot: pt_map makes 64 KiB leaves where 16 aligned pages agree with physical
	 * memory. Off where single pages are hidden from several harts (pt_set_present).
	 */
	bool napot;
	/**
	 * Others copy root entries (pt_init_shared): a table directly under the root stays when it is
	 * empty, and is not merged into a leaf. Set before the first pt_map.
	 */
	bool keep_root;
	struct pt_counters count;
	/** Shared zero tables, or NULL; only for pt_for_each_run(). */
	const struct pt_zero *zero;

	/* out */
	/**
	 * Pages that the last call which said -ENOMEM needed in all, so that a stock can be filled
	 * outside locks and the call tried again.
	 */
	uint64_t wanted;
	/**
	 * What to fence, all changes since the last pt_reap() together; equal: nothing. fence_hi is 0
	 * at the very top, so fence_hi.v - fence_lo.v is always the length.
	 */
	vaddr_t fence_lo;
	vaddr_t fence_hi;
	/**
	 * Grows after each change of a root entry, so that copies can follow: pt_share_again(). Read
	 * with acquire.
	 */
	uint64_t root_version;

	/* private */
	/** Whose upper half this shares, or NULL. */
	const struct pt *kernel;
	/** Its root_version when its root entries were copied. */
	uint64_t kernel_version;
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

/**
 * Start tables whose upper half is that of @kernel: root entries are copied, what they lead to is
 * shared and never counted, changed, freed or shown as runs here; every change there is -EPERM.
 * Leaves of the lower half carry no PT_GLOBAL. known and napot are the kernel's.
 *
 * @kernel  of the same mode, with keep_root; outlives this. Its lock is held, or nothing changes it
 * Return:  0 | -ENOMEM (one page) | -EINVAL (another mode, no keep_root)
 * Owner:   the caller; pt_destroy() ends it
 */
FPG_MUST_CHECK int pt_init_shared(struct pt *pt, const struct pt_mode *mode,
				  const struct pt_page_source *source, void *ctx,
				  const struct pt *kernel);

/**
 * Copy the kernel's root entries again if they changed since; tables of pt_init_shared().
 *
 * Context: the caller excludes others who call this for @pt; the kernel's lock need not be held (a
 *          change under way is seen by the next call)
 * Return:  true when entries were copied: translations of the upper half that this hart made
 *          through @pt need a full fence
 */
bool pt_share_again(struct pt *pt);

/**
 * Make the tables directly under the root for [va, va + bytes) now, so that what is mapped there
 * later changes no root entry (the way to spare copies an update). Needs keep_root.
 *
 * Return: 0 | -EINVAL (as pt_map; no keep_root) | -ENOMEM; unchanged then
 */
FPG_MUST_CHECK int pt_make_root_tables(struct pt *pt, vaddr_t va, uint64_t bytes);

/** Give back every table. Not in use by any hart. Foreign and shared tables stay. */
void pt_destroy(struct pt *pt);

/**
 * Map [va, va + bytes) to [pa, pa + bytes), with the largest leaves that alignment allows up to
 * @max_leaf_level (64 KiB leaves belong to level 0: pt->napot).
 *
 * Return: 0 | -EINVAL | -EEXIST (part of it is mapped already, or hidden) | -ENOMEM (no table page:
 *         pt->wanted) | -EPERM (the shared half); after an error the tables are as before. -EINVAL: not page aligned, empty, not canonical or across
 *         the hole, physical end past 2^56, no access at all, MEM_W without MEM_R, MEM_W with MEM_X
 *         (unless allow_wx), unknown bits
 */
FPG_MUST_CHECK int pt_map(struct pt *pt, vaddr_t va, phys_addr_t pa, uint64_t bytes, uint32_t prot,
			  unsigned int max_leaf_level);

/**
 * Remove what is mapped or hidden in [va, va + bytes); holes are skipped, leaves that reach out of
 * it are split. A 64 KiB leaf is first rewritten as 16 plain ones, which needs no memory; the fence
 * then covers all of it. Splitting a larger leaf makes plain 4 KiB leaves.
 *
 * Return: 0 | -EINVAL (as pt_map) | -EPERM (reaches into a foreign table, or the shared half) |
 *         -ENOMEM (for splitting: pt->wanted); unchanged then
 */
FPG_MUST_CHECK int pt_unmap(struct pt *pt, vaddr_t va, uint64_t bytes);

/**
 * Give what is mapped or hidden in [va, va + bytes) the permissions @prot; holes are skipped.
 * Return: as pt_unmap
 */
FPG_MUST_CHECK int pt_protect(struct pt *pt, vaddr_t va, uint64_t bytes, uint32_t prot);

/**
 * Hide the 4 KiB leaves of [va, va + bytes), or make them present again; all else about them stays.
 * Never takes or frees a table; holes and larger leaves are left as they are; a 64 KiB leaf becomes
 * 16 plain ones first. The caller fences the range itself (and what a 64 KiB leaf added to the fence
 * range).
 *
 * @va, @bytes  page aligned, canonical, on one side of the hole
 * Context: no lock, if no other call changes these pages or splits, merges or frees tables here
 *          (merge_level 0, no pt_unmap near by), and napot is off: then only the entries asked for
 *          are written, one store each, and nothing of @pt. Else the lock
 * Return:  4 KiB leaves in the range, which now are as asked. Less than its pages: something else
 *          is mapped there, or nothing; 0 for a bad range, and in the shared half
 */
uint64_t pt_set_present(struct pt *pt, vaddr_t va, uint64_t bytes, bool present);

/**
 * Let the 4 KiB leaf at @va, hidden or not, lead to @pa from now on, with its permissions, present
 * or hidden: what migration does. Cannot run out of memory. The page is added to the fence range
 * only where a 64 KiB leaf had to be rewritten; the caller fences it.
 *
 * Context: as pt_set_present
 * Return:  0 | -ENOENT (no 4 KiB leaf there) | -EINVAL | -EPERM (the shared half); unchanged then
 */
FPG_MUST_CHECK int pt_set_page(struct pt *pt, vaddr_t va, phys_addr_t pa, bool present);

/**
 * Enter somebody else's table of @level at @va, which is aligned to what that table covers. pt_map
 * and the others leave it alone; it is never freed here.
 *
 * Return: 0 | -EINVAL | -EEXIST | -ENOMEM | -EPERM (the shared half); unchanged then
 */
FPG_MUST_CHECK int pt_link_foreign(struct pt *pt, vaddr_t va, unsigned int level,
				   phys_addr_t table);

/** True when the fence before pt_reap() must be a full one; [fence_lo, fence_hi) is enough otherwise. */
static inline bool pt_fence_all(const struct pt *pt)
{
	return pt->pointers_changed;
}

/** After the fence: give back tables that are no longer used; the next fence range begins empty. */
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
	/** There is a leaf, but hardware does not see it (pt_set_present); mapped is false then. */
	bool hidden;
	/** The leaf is a part of a 64 KiB one. */
	bool napot;
	/* of the leaf, when mapped or hidden */
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
	/** Hidden leaves: not mapped for hardware, in runs of their own. */
	bool hidden;
	/** As in struct pt_counters. */
	uint64_t leaves[PT_MAX_LEVELS];
	uint64_t napot;
};

/**
 * Show each run, ascending, from the lower half to the upper; not the half that is shared with the
 * kernel.
 *
 * @fn      a result other than 0 ends the walk
 * Return:  0 | what @fn returned
 */
int pt_for_each_run(const struct pt *pt, int (*fn)(void *ctx, const struct pt_run *run), void *ctx);

/** Hidden leaves are in hidden_bytes only. */
struct pt_totals {
	uint64_t runs;
	uint64_t mapped_bytes;
	uint64_t hidden_bytes;
	uint64_t zero_bytes;
	/** 4 KiB pages that are writable and executable at once: must be 0. */
	uint64_t wx_pages;
	uint64_t leaves[PT_MAX_LEVELS];
	uint64_t napot;
};

/** Count what is really there, by a walk. */
void pt_totals(const struct pt *pt, struct pt_totals *totals);
