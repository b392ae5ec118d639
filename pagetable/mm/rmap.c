/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a page to its one mapping, and moving it elsewhere while its program runs.
 *
 * Migration of a batch: rmap_migrate_unmap() hides each leaf and marks each page; one
 * rmap_migrate_fence(); then nobody can write the pages any more, so their contents may be copied;
 * rmap_migrate_remap() lets the leaf lead to the copy, or rmap_migrate_undo() to the old page again.
 * A fault in between sees the mark and waits (fault.c), and calls that change areas wait until no
 * page is marked (mm_lock_settled).
 *
 * Invariants: mm->migrating counts its marked pages; a marked page's leaf is hidden and leads to it;
 * a space with marked pages is not destroyed; its bit in unfenced[] is set exactly while its hidden range is not empty.
 */
#include "mm_private.h"

#include "fpg/base/errno.h"
#include "fpg/core/hart.h"
#include "fpg/port/port.h"

/** A bit for each id of a space some of whose pages were hidden since they were fenced. */
static uint64_t unfenced[MM_MAX / 64];
static struct spinlock unfenced_lock = SPINLOCK_INIT_RANK(LOCK_LEAF);

int rmap_of(const struct page *page, struct mm **mm, vaddr_t *addr)
{
	const uint64_t mapping = __atomic_load_n(&page->mapping, __ATOMIC_RELAXED);
	if (!page_is_anon(page)) {
		return -ENOENT;
	}
	struct mm *found = mm_visit(page_anon_mm(mapping));
	if (found == NULL) {
		return -ENOENT;
	}
	mm_leave(found);
	*mm = found;
	*addr = page_anon_address(mapping);
	return 0;
}

/**
 * The space that maps @page, locked and kept. Only under the lock the record holds still, so it is
 * read once without and checked once with. Return: NULL: no anonymous page (any more)
 */
static struct mm *lock_mapping(const struct page *page, vaddr_t *addr, unsigned long *irq)
{
	const uint64_t mapping = __atomic_load_n(&page->mapping, __ATOMIC_RELAXED);
	struct mm *mm = page_is_anon(page) ? mm_visit(page_anon_mm(mapping)) : NULL;
	if (mm == NULL) {
		return NULL;
	}
	*addr = page_anon_address(mapping);
	*irq = spin_lock_irqsave(&mm->lock);
	if (page_is_anon(page) && page->mapping == mapping) {
		FPG_DEBUG_CHECK(mm_page_at(mm, *addr) == page);
		return mm;
	}
	spin_unlock_irqrestore(&mm->lock, *irq);
	mm_leave(mm);
	return NULL;
}

static void unlock_mapping(struct mm *mm, unsigned long irq)
{
	spin_unlock_irqrestore(&mm->lock, irq);
	mm_leave(mm);
}

/** The page at @at was hidden; the space's lock is held. */
static inline void note_unfenced(struct mm *mm, uint64_t at)
{
	if (likely(mm->hidden_lo != mm->hidden_hi)) {
		mm->hidden_lo = at < mm->hidden_lo ? at : mm->hidden_lo;
		mm->hidden_hi = at >= mm->hidden_hi ? at + PAGE_SIZE : mm->hidden_hi;
		return;
	}
	mm->hidden_lo = at;
	mm->hidden_hi = at + PAGE_SIZE;
	unsigned long irq = spin_lock_irqsave(&unfenced_lock);
	unfenced[mm->id / 64] |= 1ULL << (mm->id % 64);
	spin_unlock_irqrestore(&unfenced_lock, irq);
}

int rmap_migrate_unmap(struct page *page)
{
	vaddr_t addr;
	unsigned long irq;
	struct mm *mm = lock_mapping(page, &addr, &irq);
	if (mm == NULL) {
		return -ENOENT;
	}
	int err = -EBUSY;
	const uint64_t word = __atomic_load_n(&page->word, __ATOMIC_RELAXED);
	if (page_word_refs(word) == 1 && (word & PAGE_F_MIGRATING) == 0) {
		/* Pins are taken under the lock (mm_pin_page), so none can come now. */
		mm_leaf_hide(mm_leaf(mm, addr));
		page_flags_set(page, PAGE_F_MIGRATING);
		mm->migrating++;
		note_unfenced(mm, addr.v);
		err = 0;
	}
	unlock_mapping(mm, irq);
	return err;
}

/** The bit goes after the fence: a hart that finds it clear may rely on what another one fenced. */
static void fence_hidden(struct mm *mm)
{
	unsigned long irq = spin_lock_irqsave(&mm->lock);
	if (mm->hidden_lo != mm->hidden_hi) {
		flush_tlb_mm_range(&mm->tlb, vaddr(mm->hidden_lo), mm->hidden_hi - mm->hidden_lo);
		mm->hidden_lo = mm->hidden_hi;
	}
	unsigned long inner = spin_lock_irqsave(&unfenced_lock);
	__atomic_store_n(&unfenced[mm->id / 64], unfenced[mm->id / 64] & ~(1ULL << (mm->id % 64)),
			 __ATOMIC_RELEASE);
	spin_unlock_irqrestore(&unfenced_lock, inner);
	spin_unlock_irqrestore(&mm->lock, irq);
}

void rmap_migrate_fence(void)
{
	for (uint32_t i = 0; i < ARRAY_SIZE(unfenced); i++) {
		/* What the caller hid it finds here itself. */
		uint64_t word = __atomic_load_n(&unfenced[i], __ATOMIC_ACQUIRE);
		for (uint32_t bit = 0; word != 0; bit++, word >>= 1) {
			struct mm *mm = (word & 1) != 0 ? mm_visit(i * 64 + bit) : NULL;
			if (mm != NULL) {
				fence_hidden(mm);
				mm_leave(mm);
			}
		}
	}
}

/** The marked page's leaf leads to @to from now on, visible as its area says. */
static void settle(struct page *from, struct page *to)
{
	/* The mark keeps the record and the space as they are. */
	FPG_CHECK((from->word & PAGE_F_MIGRATING) != 0);
	const vaddr_t addr = page_anon_address(from->mapping);
	struct mm *mm = mm_with_marked(page_anon_mm(from->mapping));
	const unsigned long irq = spin_lock_irqsave(&mm->lock);
	/* Areas do not change while pages are marked: the one of then is the one of now. */
	const struct area *area = area_find(&mm->areas, addr.v);
	FPG_CHECK(area != NULL && area->start <= addr.v);
	if (to != from) {
		mm_page_detach(from);
		mm->anon_pages--;
		mm_page_attach(mm, to, addr);
	} else {
		page_flags_clear(from, PAGE_F_MIGRATING);
	}
	const uint32_t prot = container_of(area, const struct mm_area, range)->prot;
	if (to != from && (prot & PROT_EXEC) != 0) {
		/* The copy is code just written, wherever it runs next. */
		flush_icache_mask(harts_online());
	}
	/* The copy before the entry that shows it, as in mm_map_page(). */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	pte_t *leaf = mm_leaf(mm, addr);
	FPG_DEBUG_CHECK(leaf != NULL && pte_is_hidden(0, *leaf));
	mm_leaf_show(leaf, to, prot != PROT_NONE);
	mm->migrating--;
	spin_unlock_irqrestore(&mm->lock, irq);
}

void rmap_migrate_remap(struct page *from, struct page *to)
{
	FPG_CHECK(from != to && page_word_refs(to->word) == 1 && !page_is_anon(to));
	settle(from, to);
}

void rmap_migrate_undo(struct page *page)
{
	settle(page, page);
}
