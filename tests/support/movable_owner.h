/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An owner of movable pages for tests and benchmarks, on a host and on the target: an array of blocks whose contents are
 * known, in two kinds, of which one lets its pages go without a copy. Steps can be made to fail, by their number.
 *
 * Invariant: entry i's block is marked with i, its contents are stamped with i (movable_stamp), and while it is isolated
 * nobody but the mover has it. One file a test binary includes this.
 */
#pragma once

#include "fpg/core/movable.h"
#include "fpg/core/page_alloc.h"
#include "fpg/core/spinlock.h"

#include <errno.h>

#ifndef MOVABLE_MOST
#define MOVABLE_MOST 4096U
#endif

enum movable_step {
	MOVABLE_ISOLATE,
	MOVABLE_MIGRATE,
	MOVABLE_STEPS
};

struct movable_entry {
	/** NULL: free, or gone by discard(). */
	struct page *page;
	uint8_t order;
	bool isolated;
	bool discardable;
};

static struct {
	struct spinlock lock;
	uint32_t kind[2];
	struct movable_entry entry[MOVABLE_MOST];
	/** Calls of each step, and how many of them fail, from which on (from 1). */
	uint64_t calls[MOVABLE_STEPS];
	uint64_t fail_at[MOVABLE_STEPS];
	uint64_t fail_for[MOVABLE_STEPS];
	/** Called after a block was moved; may be NULL. */
	void (*moved)(uint32_t owner);
	/** The same after a block was let go. */
	void (*discarded)(uint32_t owner);
	uint64_t fences;
	uint64_t putbacks;
	/** A rule of the protocol was broken; the last one. */
	const char *wrong;
} movable_owner;

static inline bool movable_fails(enum movable_step step)
{
	const uint64_t call = ++movable_owner.calls[step];
	return unlikely(call - movable_owner.fail_at[step] < movable_owner.fail_for[step]);
}

static inline uint64_t movable_word(uint32_t i, uint64_t k)
{
	return (i + 1) * 0x9e3779b97f4a7c15ULL + k * 0xff51afd7ed558ccdULL;
}

/** Fill a block with what entry @i's contents are. */
static inline void movable_stamp(const struct page *page, unsigned int order, uint32_t i)
{
	uint64_t *at = page_address(page);
	for (uint64_t k = 0; k < (PAGE_SIZE << order) / sizeof(*at); k++) {
		at[k] = movable_word(i, k);
	}
}

static inline bool movable_intact(uint32_t i)
{
	const struct movable_entry *e = &movable_owner.entry[i];
	const uint64_t *at = page_address(e->page);
	for (uint64_t k = 0; k < (PAGE_SIZE << e->order) / sizeof(*at); k++) {
		if (at[k] != movable_word(i, k)) {
			return false;
		}
	}
	return true;
}

/* ---- struct movable_ops ---- */

static inline int movable_isolate_locked(struct page *page, uint32_t owner)
{
	struct movable_entry *e = &movable_owner.entry[owner];
	if (unlikely(owner >= MOVABLE_MOST || e->page != page)) {
		return -ENOENT;
	}
	if (unlikely(page_pinned(page) || e->isolated || movable_fails(MOVABLE_ISOLATE))) {
		return -EBUSY;
	}
	e->isolated = true;
	return 0;
}

static int movable_isolate(struct page *page, uint32_t owner)
{
	unsigned long flags = spin_lock_irqsave(&movable_owner.lock);
	int err = movable_isolate_locked(page, owner);
	spin_unlock_irqrestore(&movable_owner.lock, flags);
	return err;
}

static int movable_isolate_many(struct page *first, uint32_t count, uint32_t *done)
{
	int err = 0;
	uint32_t i = 0;
	unsigned long flags = spin_lock_irqsave(&movable_owner.lock);
	for (; i < count && err == 0; i++) {
		err = movable_isolate_locked(&first[i], first[i].owner);
	}
	spin_unlock_irqrestore(&movable_owner.lock, flags);
	*done = err == 0 ? i : i - 1;
	return err;
}

static void movable_fence(void)
{
	movable_owner.fences++;
}

/** The entry of an isolated block. */
static inline struct movable_entry *movable_entry_of(const struct page *page, uint32_t owner)
{
	struct movable_entry *e = &movable_owner.entry[owner];
	if (e->page != page || !e->isolated) {
		movable_owner.wrong = "a step on a block that is not isolated";
	}
	return e;
}

static int movable_migrate(struct page *to, struct page *from, uint32_t owner)
{
	if (movable_fails(MOVABLE_MIGRATE)) {
		return -EIO;
	}
	struct movable_entry *e = movable_entry_of(from, owner);
	page_copy(to, from, e->order);
	unsigned long flags = spin_lock_irqsave(&movable_owner.lock);
	e->page = to;
	e->isolated = false;
	spin_unlock_irqrestore(&movable_owner.lock, flags);
	if (unlikely(movable_owner.moved != NULL)) {
		movable_owner.moved(owner);
	}
	return 0;
}

static uint32_t movable_migrate_many(struct page *const to[], struct page *const from[],
				     uint32_t count)
{
	uint32_t moved = 0;
	for (; moved < count && !movable_fails(MOVABLE_MIGRATE); moved++) {
		(void)movable_entry_of(from[moved], from[moved]->owner);
		page_copy(to[moved], from[moved], 0);
	}
	unsigned long flags = spin_lock_irqsave(&movable_owner.lock);
	for (uint32_t i = 0; i < moved; i++) {
		struct movable_entry *e = &movable_owner.entry[from[i]->owner];
		e->page = to[i];
		e->isolated = false;
	}
	spin_unlock_irqrestore(&movable_owner.lock, flags);
	for (uint32_t i = 0; unlikely(movable_owner.moved != NULL) && i < moved; i++) {
		movable_owner.moved(from[i]->owner);
	}
	return moved;
}

static void movable_putback(struct page *page, uint32_t owner)
{
	struct movable_entry *e = movable_entry_of(page, owner);
	unsigned long flags = spin_lock_irqsave(&movable_owner.lock);
	e->isolated = false;
	movable_owner.putbacks++;
	spin_unlock_irqrestore(&movable_owner.lock, flags);
}

static void movable_discard(struct page *page, uint32_t owner)
{
	struct movable_entry *e = movable_entry_of(page, owner);
	unsigned long flags = spin_lock_irqsave(&movable_owner.lock);
	e->isolated = false;
	e->page = NULL;
	spin_unlock_irqrestore(&movable_owner.lock, flags);
	if (unlikely(movable_owner.discarded != NULL)) {
		movable_owner.discarded(owner);
	}
}

static const struct movable_ops movable_kinds[2] = {
	{
		.name = "test pages",
		.isolate = movable_isolate,
		.fence = movable_fence,
		.migrate = movable_migrate,
		.putback = movable_putback,
		.isolate_many = movable_isolate_many,
		.migrate_many = movable_migrate_many,
	},
	{
		.name = "test cache",
		.isolate = movable_isolate,
		.migrate = movable_migrate,
		.putback = movable_putback,
		.discard = movable_discard,
	},
};

/* ---- for tests ---- */

/** Let the calls @at to @at + @count - 1 of @step from now on fail. */
static inline void movable_fail(enum movable_step step, uint64_t at, uint64_t count)
{
	movable_owner.calls[step] = 0;
	movable_owner.fail_at[step] = at;
	movable_owner.fail_for[step] = count;
}

/** Empty, both kinds registered. @again: all owners were forgotten since the last time (movable_reset()) */
static inline void movable_owner_start(bool again)
{
	for (uint32_t i = 0; i < MOVABLE_MOST; i++) {
		movable_owner.entry[i] = (struct movable_entry){ 0 };
	}
	for (unsigned int i = 0; i < MOVABLE_STEPS; i++) {
		movable_owner.calls[i] = 0;
		movable_owner.fail_for[i] = 0;
	}
	movable_owner.wrong = NULL;
	movable_owner.moved = NULL;
	movable_owner.discarded = NULL;
	movable_owner.fences = 0;
	movable_owner.putbacks = 0;
	for (unsigned int i = 0; i < 2; i++) {
		if (again || movable_owner.kind[i] == 0) {
			movable_owner.kind[i] = movable_ops_register(&movable_kinds[i]);
		}
	}
}

/** Entry @i owns @page, allocated with @order, from now on; contents are stamped. */
static inline void movable_own(uint32_t i, struct page *page, unsigned int order, bool discardable)
{
	struct movable_entry *e = &movable_owner.entry[i];
	movable_stamp(page, order, i);
	unsigned long flags = spin_lock_irqsave(&movable_owner.lock);
	*e = (struct movable_entry){ .page = page,
				     .order = (uint8_t)order,
				     .discardable = discardable };
	page_set_movable(page, movable_owner.kind[discardable], i);
	spin_unlock_irqrestore(&movable_owner.lock, flags);
}

/** A block of its own for entry @i. Return: false: no memory */
static inline bool movable_alloc(uint32_t i, gfp_t gfp, unsigned int order, bool discardable)
{
	struct page *page = alloc_pages(gfp, order);
	if (page != NULL) {
		movable_own(i, page, order, discardable);
	}
	return page != NULL;
}

/** Take a block from entry @i, to free it. Return: NULL: it has none, or it is being moved just now */
static inline struct page *movable_take(uint32_t i)
{
	struct movable_entry *e = &movable_owner.entry[i];
	unsigned long flags = spin_lock_irqsave(&movable_owner.lock);
	struct page *page = e->isolated ? NULL : e->page;
	if (page != NULL) {
		page_clear_movable(page);
		e->page = NULL;
	}
	spin_unlock_irqrestore(&movable_owner.lock, flags);
	return page;
}

/** Return: false: it has none, or it is being moved */
static inline bool movable_free(uint32_t i)
{
	const unsigned int order = movable_owner.entry[i].order;
	struct page *page = movable_take(i);
	if (page != NULL) {
		__free_pages(page, order);
	}
	return page != NULL;
}

/** Pin entry @i's block. Return: NULL: it has none, or it is being moved */
static inline struct page *movable_pin(uint32_t i)
{
	struct movable_entry *e = &movable_owner.entry[i];
	unsigned long flags = spin_lock_irqsave(&movable_owner.lock);
	struct page *page = e->isolated ? NULL : e->page;
	if (page != NULL) {
		get_page(page);
	}
	spin_unlock_irqrestore(&movable_owner.lock, flags);
	return page;
}
