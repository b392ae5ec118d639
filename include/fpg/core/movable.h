/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Movable pages: allocated pages whose owner can let them be somewhere else. Kernel owners register a struct movable_ops
 * and say of each page that it is theirs; anonymous user pages (PAGE_F_ANON) have one table of their own, registered by
 * the address spaces.
 *
 * The protocol of moving one page (core/migrate.c is the only caller of these functions):
 *
 *	isolate -> fence (once for a batch) -> migrate  -> the old page is the mover's
 *	                                    \-> putback -> as before
 *	isolate -> discard                              -> the old page is the mover's, its contents are gone
 *
 * From a successful isolate() until migrate() or discard() succeeds, or putback(), the owner neither frees the page nor
 * touches its contents, nor lets anybody pin it. All synchronisation is the owner's: between the mover's look at the
 * record and isolate() the page may have been freed and be somebody else's, so isolate() checks under the owner's own
 * lock that it still owns @page as @owner, and that nobody pins it.
 *
 * Several movers may be at work: one that finds a page isolated by another is told -EBUSY.
 *
 * None of them may call cma_*(), alloc_contig_range(), compact_*() or palloc_switch(): whoever moves is in one of these.
 * Debug builds check it (CONFIG_DEBUG_CHECKS).
 *
 * A pin is a reference above the first: whoever needs a page to stay where it is takes one under the owner's lock.
 */
#pragma once

#include "fpg/base/compiler.h"
#include "fpg/core/page.h"

struct movable_ops {
	/** For reports: who owns such pages. */
	const char *name;
	/**
	 * Return: 0: @page stays as it is until one of the others is called | -ENOENT (it is not @owner's, or not any
	 * more) | -EBUSY (pinned, or in use for a moment)
	 */
	int (*isolate)(struct page *page, uint32_t owner);
	/** Nobody can write to any page isolated before from now on. NULL: isolate() was enough. */
	void (*fence)(void);
	/**
	 * Copy the contents (page_copy) and put @to in @from's place. @to: of the same order, one reference, marked with
	 * page_set_movable() as @from was (a page of a program: not marked); from the return on it may be freed or moved
	 * again. @from's mark is the mover's to clear.
	 * Return: 0: @to is the owner's, @from the mover's | negative errno: nothing changed, @from is isolated still
	 */
	int (*migrate)(struct page *to, struct page *from, uint32_t owner);
	void (*putback)(struct page *page, uint32_t owner);
	/**
	 * Let an isolated page go without a copy; it cannot fail. NULL: the owner needs the contents. Only owners with
	 * discard() may borrow from guaranteed CMA areas.
	 */
	void (*discard)(struct page *page, uint32_t owner);

	/*
	 * Optional, and only together: the same for many single pages, for owners to whom a lock a page would be dear. They
	 * do what isolate() and migrate() of each would, in this order, up to the first that fails.
	 */
	/**
	 * @count neighbours from @first on, each of which was marked as this owner's when it was looked at; page->owner is
	 * whose it was. *@done: how many were isolated, from the first on; the others are untouched.
	 * Return: 0: all | why @first[*@done] was not, as isolate()
	 */
	int (*isolate_many)(struct page *first, uint32_t count, uint32_t *done);
	/** Return: how many were moved, from the first on; the others are isolated still */
	uint32_t (*migrate_many)(struct page *const to[], struct page *const from[],
				 uint32_t count);
};

/** Most kinds of kernel owners. */
#define MOVABLE_OPS_MAX 32U

/**
 * @ops stays valid for good. Context: start, one hart. Return: what page_set_movable() wants, from 1 on | 0: there are
 * MOVABLE_OPS_MAX already, or a function is missing (logged)
 */
uint32_t movable_ops_register(const struct movable_ops *ops);
/** Who moves anonymous user pages; once, by the address spaces. `owner` is 0 for these. */
void movable_anon_register(const struct movable_ops *ops);
/** Forget all. For tests that start over. */
void movable_reset(void);

/**
 * The caller's block @page (allocated, one reference) is movable from now on. @owner: any number the owner likes.
 * Take it back with page_clear_movable() before freeing the block; not while it is isolated.
 */
static inline void page_set_movable(struct page *page, uint32_t ops, uint32_t owner)
{
	FPG_DEBUG_CHECK(ops - 1 < MOVABLE_OPS_MAX && !page_is_anon(page));
	__atomic_store_n(&page->second, (uint64_t)owner << 32 | ops, __ATOMIC_RELEASE);
}

static inline void page_clear_movable(struct page *page)
{
	__atomic_store_n(&page->second, 0, __ATOMIC_RELAXED);
}

/** The table of a block in use and its owner's number; NULL: not movable. May be out of date at once, see above. */
const struct movable_ops *page_movable(const struct page *page, uint32_t *owner);

/**
 * One reference more or less. The owner's lock is held at get_page() (so that no isolate() runs), and the count never
 * reaches 0 this way (checked). With page_owner, the time of the first pin is remembered: page_pinned_since().
 */
void get_page(struct page *page);
void put_page(struct page *page);
/** For owners whose pages outlive them while pinned. Return: false: it is the last reference, nothing was changed */
FPG_MUST_CHECK bool put_page_unless_last(struct page *page);
static inline bool page_pinned(const struct page *page)
{
	return page_word_refs(__atomic_load_n(&page->word, __ATOMIC_RELAXED)) > 1;
}
/** Seconds since the pin that stands was taken; false: not known (page_owner is off), or not pinned. */
bool page_pinned_since(const struct page *page, uint64_t *seconds);

/** Contents of 1 << @order pages, through the linear map. */
void page_copy_block(struct page *to, const struct page *from, unsigned int order);
static inline void page_copy(struct page *to, const struct page *from, unsigned int order)
{
	if (likely(order == 0)) {
		port_copy_page(page_address(to), page_address(from));
	} else {
		page_copy_block(to, from, order);
	}
}
