/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of an address space share: its struct, its areas, and how calls prepare and leave.
 *
 * Whoever changes a space brings what the change may need (struct mm_supply: area records, data
 * pages, table pages), because nothing is allocated under its lock; what the change takes out of
 * use leaves in the same supply and is freed after the lock. So a call that lacks something fails
 * before it changed anything.
 */
#pragma once

#include "../table_stock.h"

#include "fpg/base/area_tree.h"
#include "fpg/base/range.h"
#include "fpg/core/object_pool.h"
#include "fpg/core/spinlock.h"
#include "fpg/pagetable/mm.h"
#include "fpg/pagetable/tlb.h"

#define MM_NAME_BYTES 24

/** Flags of an area. */
#define MM_AREA_GROWSDOWN 1U
#define MM_AREA_HEAP	  2U

struct mm_area {
	/** First, so that a node of the tree is its area. */
	struct area range;
	uint32_t prot;
	/** MM_AREA_… */
	uint32_t flags;
	/** In a supply. */
	struct mm_area *next;
};

struct mm {
	/** Guards everything below but what says otherwise. */
	struct spinlock lock;
	uint32_t id;
	struct tlb_context tlb;
	/** Generation << 16 | ASID; asid.c's, under its lock. 0: never had one. */
	uint64_t asid_context;
	struct pt pt;
	struct table_stock stock;
	struct area_tree areas;
	/** Pages mapped or hidden. */
	uint64_t anon_pages;
	uint64_t faults;
	/** Pages hidden for migration now, and where some are that nobody fenced yet; equal: none. */
	uint64_t migrating;
	uint64_t hidden_lo;
	uint64_t hidden_hi;
	vaddr_t brk_start;
	vaddr_t brk_end;
	/** Lookups by id that are under way; atomic. */
	uint32_t visitors;
	/** Harts that have it as their space in force; atomic. */
	hart_mask_t active;
	char name[MM_NAME_BYTES];
	/** The program in it, see user_load(). */
	const struct user_program *program;
};

static inline struct mm_area *mm_area_of(struct area *area)
{
	return container_of(area, struct mm_area, range);
}

/* ---- what calls bring and take away ------------------------------------------------------------ */

struct mm_supply {
	struct mm_area *areas;
	/**
	 * Data pages, zeroed, and those that were taken out of use; linked through the second word of
	 * their records.
	 */
	struct page *pages;
	struct page *gone;
	struct table_list tables;
};

/** Bring @areas records and @pages zeroed pages. No lock held. Return: 0 | -ENOMEM, none kept */
FPG_MUST_CHECK int mm_supply_fill(struct mm_supply *supply, unsigned int areas, uint64_t pages);
/** Free everything in it. No lock held. */
void mm_supply_free(struct mm_supply *supply);

struct mm_area *mm_supply_take_area(struct mm_supply *supply);
void mm_supply_give_area(struct mm_supply *supply, struct mm_area *area);
struct page *mm_supply_take_page(struct mm_supply *supply);
/** Give back a page that mm_supply_take_page() gave and nobody used. */
void mm_supply_give_page(struct mm_supply *supply, struct page *page);
/** A page that was somebody's memory. */
void mm_supply_page_gone(struct mm_supply *supply, struct page *page);

/** Give back the page that a pool of areas and mms keep. */
void mm_supply_drain(void);

/** Take the lock; what @supply has of tables is at hand until mm_unlock(). */
FPG_MUST_CHECK unsigned long mm_lock(struct mm *mm, struct mm_supply *supply);
/** As mm_lock(), but waits, polling, until no page is under migration. */
FPG_MUST_CHECK unsigned long mm_lock_settled(struct mm *mm, struct mm_supply *supply);
void mm_unlock(struct mm *mm, struct mm_supply *supply, unsigned long flags);

/* ---- areas: the lock is held ------------------------------------------------------------------- */

/** Addresses that areas may have: not the first page, and not the last of the lower half. */
#define MM_LOWEST PAGE_SIZE
vaddr_t mm_highest(const struct mm *mm);
/** [addr, addr + bytes) is page aligned, not empty, and where areas may be. */
bool mm_range_ok(const struct mm *mm, vaddr_t addr, uint64_t bytes);

/** Every byte of [start, end) is in an area. */
bool mm_covered(const struct mm *mm, uint64_t start, uint64_t end);
/**
 * Cut areas at the edges of [start, end); takes at most two records of @supply. Afterwards no area
 * reaches across an edge.
 */
void mm_cut(struct mm *mm, uint64_t start, uint64_t end, struct mm_supply *supply);
/** Drop the areas of [start, end), which were cut there, and their pages; fences. */
void mm_clear(struct mm *mm, uint64_t start, uint64_t end, struct mm_supply *supply);
/** Add an area; joined to neighbours that are alike. Takes at most one record. */
void mm_add(struct mm *mm, uint64_t start, uint64_t end, uint32_t prot, uint32_t flags,
	    struct mm_supply *supply);
/** Join @area with its neighbours where they are alike; records left over go to @supply. */
void mm_join(struct mm *mm, struct mm_area *area, struct mm_supply *supply);

/** The leaf permissions of PROT_… bits; PROT_NONE: any, and the leaf is hidden. */
uint32_t mm_leaf_prot(uint32_t prot);

/* ---- pages: the lock is held ------------------------------------------------------------------- */

/**
 * Map @page at @addr, where nothing is mapped, and make it anonymous memory of @mm. Nothing is
 * fenced. Return: 0 | -ENOMEM (tables: @supply needs mm->pt.wanted)
 */
FPG_MUST_CHECK int mm_map_page(struct mm *mm, vaddr_t addr, struct page *page, uint32_t prot);

/** The anonymous page at @addr, hidden or not, or NULL. */
struct page *mm_page_at(const struct mm *mm, vaddr_t addr);

/** The entry of the leaf at @addr, hidden or not; NULL: there is no table for it. */
static inline pte_t *mm_leaf(const struct mm *mm, vaddr_t addr)
{
	/* A space's tables come from table_stock_source, which finds them in the linear map. */
	pte_t *table = port_phys_to_virt(mm->pt.root);
	for (unsigned int level = mm->pt.mode->levels - 1U; level > 0; level--) {
		const pte_t pte = table[addr.v >> pt_level_shift(level) & (PT_ENTRIES - 1)];
		if (!pte_present(level, pte)) {
			return NULL;
		}
		table = port_phys_to_virt(pte_phys(level, pte));
	}
	return &table[addr.v >> PAGE_SHIFT & (PT_ENTRIES - 1)];
}

/** mm_leaf(), again and again: the table found last, and which addresses it is for. */
struct mm_leaf_cursor {
	pte_t *table;
	uint64_t region;
};

static inline pte_t *mm_leaf_next(const struct mm *mm, struct mm_leaf_cursor *cursor, vaddr_t addr)
{
	const uint64_t region = addr.v >> pt_level_shift(1);
	const uint64_t i = addr.v >> PAGE_SHIFT & (PT_ENTRIES - 1);
	if (cursor->table == NULL || cursor->region != region) {
		pte_t *leaf = mm_leaf(mm, addr);
		cursor->table = leaf != NULL ? leaf - i : NULL;
		cursor->region = region;
		return leaf;
	}
	return &cursor->table[i];
}

static inline void mm_leaf_hide(pte_t *leaf)
{
	FPG_CHECK(leaf != NULL && !pte_none(*leaf));
	__atomic_store_n(&leaf->v, pte_show(0, *leaf, false).v, __ATOMIC_RELEASE);
}

/** Let a leaf, with the permissions it has, lead to @page, visible to hardware or not. */
static inline void mm_leaf_show(pte_t *leaf, const struct page *page, bool show)
{
	FPG_CHECK(leaf != NULL && !pte_none(*leaf));
	const pte_t pte = pte_with_phys(0, *leaf, page_to_phys(page));
	__atomic_store_n(&leaf->v, pte_show(0, pte, show).v, __ATOMIC_RELEASE);
}

/** Unmap all pages of [start, end) into @supply, after the harts that used the mm were fenced. */
void mm_unmap_pages(struct mm *mm, uint64_t start, uint64_t end, struct mm_supply *supply);

/** Call @fn for each leaf of the lower half in [start, end), ascending, hidden ones too. */
void mm_for_each_leaf(const struct mm *mm, uint64_t start, uint64_t end,
		      void (*fn)(void *ctx, vaddr_t va, phys_addr_t pa), void *ctx);

/** Fence what the tables changed since the last time, then let go of tables. */
void mm_fence(struct mm *mm);
/** The same where entries were only added: other harts fault and find out by themselves. */
void mm_fence_here(struct mm *mm);

/** Begin and end being an anonymous page. */
void mm_page_attach(struct mm *mm, struct page *page, vaddr_t addr);
void mm_page_detach(struct page *page);

/* ---- all spaces -------------------------------------------------------------------------------- */

/** The space with @id, which stays until mm_leave(); NULL: none. */
struct mm *mm_visit(uint32_t id);
void mm_leave(struct mm *mm);
/** The space with @id, which a page under migration keeps from being destroyed. */
struct mm *mm_with_marked(uint32_t id);

/** Ask the harts how many ASIDs they have. */
void mm_asid_init(void);

/** Let migration move anonymous pages. */
void mm_movable_init(void);
