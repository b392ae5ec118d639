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

/**
 * Hide those of @count neighbours from @first on that @mm, which is locked, maps. Return: 0 | -EBUSY for the first that
 * cannot be; *@done: how many come before it, or before the first of somebody else
 */
static int hide_row(struct mm *mm, struct page *first, uint32_t count, uint32_t *done)
{
	const uint64_t anon = page_word(PAGE_ALLOCATED, 0, 0, 0) | PAGE_F_ANON;
	struct mm_leaf_cursor cursor = { 0 };
	uint32_t i = 0;
	int err = 0;
	for (; i < count; i++) {
		struct page *page = &first[i];
		const uint64_t word = __atomic_load_n(&page->word, __ATOMIC_ACQUIRE);
		const uint64_t mapping = __atomic_load_n(&page->mapping, __ATOMIC_RELAXED);
		if ((word & (PAGE_STATE_MASK | PAGE_F_ANON)) != anon ||
		    page_anon_mm(mapping) != mm->id) {
			break;
		}
		if (page_word_refs(word) != 1 || (word & PAGE_F_MIGRATING) != 0) {
			err = -EBUSY;
			break;
		}
		/* Pins are taken under the lock (mm_pin_page), so none can come now. */
		const vaddr_t addr = page_anon_address(mapping);
		mm_leaf_hide(mm_leaf_next(mm, &cursor, addr));
		page_flags_set(page, PAGE_F_MIGRATING);
		note_unfenced(mm, addr.v);
	}
	mm->migrating += i;
	*done = i;
	return err;
}

int rmap_migrate_unmap_many(struct page *first, uint32_t count, uint32_t *done)
{
	int err = 0;
	*done = 0;
	while (err == 0 && *done < count) {
		vaddr_t addr;
		unsigned long irq;
		uint32_t hidden;
		struct mm *mm = lock_mapping(first + *done, &addr, &irq);
		if (mm == NULL) {
			return -ENOENT;
		}
		err = hide_row(mm, first + *done, count - *done, &hidden);
		*done += hidden;
		unlock_mapping(mm, irq);
	}
	return err;
}

int rmap_migrate_unmap(struct page *page)
{
	uint32_t done;
	return rmap_migrate_unmap_many(page, 1, &done);
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

/** Settling marked pages of one space, which is locked. */
struct settling {
	struct mm *mm;
	/** Of the page before. */
	const struct area *area;
	struct mm_leaf_cursor cursor;
	/** Instructions that were fetched before are forgotten everywhere. */
	bool flushed;
};

/** @to takes the record's contents over from the marked page @from. */
static inline void pass_on(struct page *from, struct page *to)
{
	to->mapping = from->mapping;
	page_flags_set(to, PAGE_F_ANON);
	mm_page_detach(from);
}

/** The marked page's leaf leads to @to from now on, visible as its area says. */
static void settle(struct settling *s, struct page *from, struct page *to)
{
	const vaddr_t addr = page_anon_address(from->mapping);
	/* Areas do not change while pages are marked: the one of then is the one of now. */
	if (s->area == NULL || addr.v - s->area->start >= s->area->end - s->area->start) {
		s->area = area_find(&s->mm->areas, addr.v);
		FPG_CHECK(s->area != NULL && s->area->start <= addr.v);
	}
	const uint32_t prot = container_of(s->area, const struct mm_area, range)->prot;
	if (to != from) {
		pass_on(from, to);
	} else {
		page_flags_clear(from, PAGE_F_MIGRATING);
	}
	if (to != from && (prot & PROT_EXEC) != 0 && !s->flushed) {
		/* The copies, made before, are code just written, wherever it runs next. */
		flush_icache_mask(harts_online());
		s->flushed = true;
	}
	/* The copy before the entry that shows it: that is a release. */
	pte_t *leaf = mm_leaf_next(s->mm, &s->cursor, addr);
	FPG_DEBUG_CHECK(leaf != NULL && pte_is_hidden(0, *leaf));
	mm_leaf_show(leaf, to, prot != PROT_NONE);
}

/** Whose the marked page is: the mark keeps the record and the space as they are. */
static inline uint32_t marked_of(const struct page *page)
{
	FPG_CHECK((page->word & PAGE_F_MIGRATING) != 0);
	return page_anon_mm(page->mapping);
}

/** Marked pages, a lock for as many as are of one space. @to[i] may be @from[i]. */
static void settle_all(struct page *const from[], struct page *const to[], uint32_t count)
{
	for (uint32_t i = 0; i < count;) {
		const uint32_t id = marked_of(from[i]);
		struct settling s = { .mm = mm_with_marked(id) };
		const uint32_t first = i;
		const unsigned long irq = spin_lock_irqsave(&s.mm->lock);
		do {
			settle(&s, from[i], to[i]);
			i++;
		} while (i < count && marked_of(from[i]) == id);
		s.mm->migrating -= i - first;
		spin_unlock_irqrestore(&s.mm->lock, irq);
	}
}

void rmap_migrate_remap_many(struct page *const from[], struct page *const to[], uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		FPG_CHECK(from[i] != to[i] && page_word_refs(to[i]->word) == 1 &&
			  !page_is_anon(to[i]));
	}
	settle_all(from, to, count);
}

void rmap_migrate_remap(struct page *from, struct page *to)
{
	rmap_migrate_remap_many(&from, &to, 1);
}

void rmap_migrate_undo(struct page *page)
{
	settle_all(&page, &page, 1);
}
