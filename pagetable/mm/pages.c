/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages of an address space: mapped, unmapped, found, pinned. All leaves of the lower half are 4 KiB
 * and lead to anonymous pages, each of which is mapped once.
 *
 * Invariants: a page's record names (mm, address) exactly while the leaf there leads to it; a page
 * leaves the space only after the harts that used it were fenced; a leaf is hidden when its area
 * allows nothing, or while the page is under migration.
 */
#include "mm_private.h"

#include "fpg/base/errno.h"
#include "fpg/core/hart.h"
#include "fpg/core/movable.h"
#include "fpg/core/page_alloc.h"
#include "fpg/port/port.h"

/*
 * Writable and not readable is reserved, so PROT_WRITE reads as well; PROT_EXEC alone is executable
 * only. Source: RISC-V Privileged v1.12, 4.3.1 and table 4.5.
 */
uint32_t mm_leaf_prot(uint32_t prot)
{
	uint32_t leaf = MEM_U;
	leaf |= prot & (PROT_READ | PROT_WRITE) ? MEM_R : 0;
	leaf |= prot & PROT_WRITE ? MEM_W : 0;
	leaf |= prot & PROT_EXEC ? MEM_X : 0;
	/* Hidden: what it would allow does not count, but an entry has to allow something. */
	return leaf != MEM_U ? leaf : MEM_U | MEM_R;
}

void mm_page_attach(struct mm *mm, struct page *page, vaddr_t addr)
{
	page->mapping = page_anon_mapping(mm->id, addr);
	page_flags_set(page, PAGE_F_ANON);
	mm->anon_pages++;
}

void mm_page_detach(struct page *page)
{
	page_flags_clear(page, PAGE_F_ANON | PAGE_F_MIGRATING);
	page->mapping = 0;
}

int mm_map_page(struct mm *mm, vaddr_t addr, struct page *page, uint32_t prot)
{
	/*
	 * The page's contents before the entry, also for another hart's table walk. Source: RISC-V
	 * Privileged v1.12, 4.2.1 (implicit reads are ordered by fences before the store they see).
	 */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	if ((prot & PROT_EXEC) != 0) {
		/* Some hart may have fetched other code from this memory: somebody else's. */
		flush_icache_mask(harts_online());
	}
	int err = pt_map(&mm->pt, addr, page_to_phys(page), PAGE_SIZE, mm_leaf_prot(prot), 0);
	if (err != 0) {
		FPG_CHECK(err == -ENOMEM);
		return err;
	}
	if (prot == PROT_NONE) {
		FPG_CHECK(pt_set_present(&mm->pt, addr, PAGE_SIZE, false) == 1);
	}
	mm_page_attach(mm, page, addr);
	return 0;
}

struct page *mm_page_at(const struct mm *mm, vaddr_t addr)
{
	struct pt_walk walk;
	if (pt_walk(&mm->pt, addr, &walk) != 0 || !(walk.mapped || walk.hidden) ||
	    (walk.prot & MEM_U) == 0) {
		return NULL;
	}
	return pfn_to_page(phys_to_pfn(walk.phys));
}

/* ---- leaves of a range ------------------------------------------------------------------------- */

struct leaf_walk {
	const struct pt *pt;
	uint64_t end;
	void (*fn)(void *ctx, vaddr_t va, phys_addr_t pa);
	void *ctx;
};

static void leaves_of(const struct leaf_walk *w, unsigned int level, phys_addr_t table, uint64_t at)
{
	const pte_t *entries = w->pt->source->virt(w->pt->source_ctx, table);
	const uint64_t bytes = pt_level_bytes(level);
	unsigned int i = (unsigned int)(at >> pt_level_shift(level)) & (PT_ENTRIES - 1);
	for (; i < PT_ENTRIES && at < w->end; i++, at = ALIGN_DOWN(at, bytes) + bytes) {
		const pte_t pte = entries[i];
		if (level > 0) {
			if (pte_present(level, pte)) {
				leaves_of(w, level - 1, pte_phys(level, pte), at);
			}
		} else if (pte_present(level, pte) || pte_is_hidden(level, pte)) {
			w->fn(w->ctx, vaddr(at), pte_phys(level, pte));
		}
	}
}

void mm_for_each_leaf(const struct mm *mm, uint64_t start, uint64_t end,
		      void (*fn)(void *ctx, vaddr_t va, phys_addr_t pa), void *ctx)
{
	const struct leaf_walk w = { &mm->pt, end, fn, ctx };
	leaves_of(&w, mm->pt.mode->levels - 1U, mm->pt.root, start);
}

struct unmapping {
	struct mm *mm;
	struct mm_supply *supply;
	uint64_t pages;
};

static void take_away(void *ctx, vaddr_t va, phys_addr_t pa)
{
	struct unmapping *u = ctx;
	struct page *page = pfn_to_page(phys_to_pfn(pa));
	FPG_CHECK(page->mapping == page_anon_mapping(u->mm->id, va));
	mm_page_detach(page);
	mm_supply_page_gone(u->supply, page);
	u->pages++;
}

void mm_unmap_pages(struct mm *mm, uint64_t start, uint64_t end, struct mm_supply *supply)
{
	struct unmapping u = { .mm = mm, .supply = supply };
	mm_for_each_leaf(mm, start, end, take_away, &u);
	if (u.pages == 0) {
		return;
	}
	mm->anon_pages -= u.pages;
	FPG_CHECK(pt_unmap(&mm->pt, vaddr(start), end - start) == 0);
	mm_fence(mm);
}

/* ---- fences ------------------------------------------------------------------------------------ */

void mm_fence(struct mm *mm)
{
	struct pt *pt = &mm->pt;
	if (pt_fence_all(pt)) {
		flush_tlb_mm(&mm->tlb);
	} else if (pt->fence_hi.v != pt->fence_lo.v) {
		flush_tlb_mm_range(&mm->tlb, pt->fence_lo, pt->fence_hi.v - pt->fence_lo.v);
	}
	pt_reap(pt);
}

void mm_fence_here(struct mm *mm)
{
	struct pt *pt = &mm->pt;
	if (mm_current() == mm) {
		/*
		 * An entry that was not valid may be cached all the same; an address orders leaf
		 * entries only. Source: RISC-V Privileged v1.12, 4.2.1.
		 */
		if (pt_fence_all(pt)) {
			port_tlb_flush_asid(mm->tlb.asid);
		} else if (pt->fence_hi.v != pt->fence_lo.v) {
			port_tlb_flush_asid_range(mm->tlb.asid, pt->fence_lo,
						  pt->fence_hi.v - pt->fence_lo.v);
		}
	}
	pt_reap(pt);
}

/* ---- pins -------------------------------------------------------------------------------------- */

void mm_unpin_page(struct page *page)
{
	if (!put_page_unless_last(page)) {
		/* Ours is the last: nobody else can find the page. */
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		__free_page(page);
	}
}
