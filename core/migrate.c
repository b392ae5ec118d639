/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Moving pages, a batch at a time: isolate, fence once for each kind of owner, then target, copy, hand over.
 *
 * Invariants: a block is in a batch exactly while it is isolated; when a step fails, every block of the batch that was
 * not moved is put back before the call returns. No lock is held, so any record may change between two looks at it:
 * owners decide.
 */
#include "migrate_private.h"
#include "page_debug.h"
#include "page_owner_private.h"

#include "fpg/base/range.h"
#include "fpg/port/port.h"

#include <errno.h>

struct batch {
	const struct migrate_control *control;
	struct migrate_result *result;
	/** Kinds of owners in it: bits by index in movable_table. */
	uint64_t kinds;
	uint32_t count;
	struct page *from[MIGRATE_BATCH];
};

static_assert(MOVABLE_OPS_MAX < 64, "a bit for each kind of owner");

/** How often a record is looked at again that changes under our eyes. */
#define LOOKS 8U

static FPG_NOINLINE int blocked(const struct batch *b, const struct page *page,
				enum migrate_reason reason)
{
	migrate_blocker_of(page, reason, &b->result->blocker);
	return reason == MIGRATE_REASON_NO_TARGET ? -ENOMEM : -EBUSY;
}

/* ---- isolating ------------------------------------------------------------------------------- */

/** It can go the way that the caller wants. */
static inline bool may_go(const struct batch *b, const struct movable_ops *ops)
{
	return ops != NULL && (b->control->target != NULL || ops->discard != NULL);
}

/** The block at @page was not isolated, because of @err. Return: as isolate() */
static FPG_NOINLINE int isolate_again(struct batch *b, struct page *page, int err)
{
	for (unsigned int look = 0; look < LOOKS && err != -EBUSY; look++) {
		const uint64_t word = __atomic_load_n(&page->word, __ATOMIC_ACQUIRE);
		uint32_t index;
		uint32_t owner;
		if (page_word_state(word) != PAGE_ALLOCATED || held_for_range(page)) {
			return 0;
		}
		const struct movable_ops *ops = movable_of(page, word, &index, &owner);
		if (!may_go(b, ops)) {
			return blocked(b, page, MIGRATE_REASON_UNMOVABLE);
		}
		err = ops->isolate(page, owner);
		if (err == 0) {
			b->kinds |= 1ULL << index;
			b->from[b->count++] = page;
			return 0;
		}
		/* It was given away: what is it now? */
		port_relax();
	}
	return blocked(b, page, page_pinned(page) ? MIGRATE_REASON_PINNED : MIGRATE_REASON_BUSY);
}

/** The block at @page was in use, as @word. Return: 0: it is in the batch, or not in use any more | -EBUSY */
static FPG_INLINE int isolate(struct batch *b, struct page *page, uint64_t word)
{
	uint32_t index;
	uint32_t owner;
	const struct movable_ops *ops = movable_of(page, word, &index, &owner);
	int err = likely(may_go(b, ops)) ? ops->isolate(page, owner) : -ENOENT;
	if (unlikely(err != 0)) {
		return isolate_again(b, page, err);
	}
	b->kinds |= 1ULL << index;
	b->from[b->count++] = page;
	return 0;
}

/** Fill the batch from the blocks at *@at on. Return: 0 | -EBUSY; *@at is where it stopped */
static int collect(struct batch *b, struct page **at, struct page *end)
{
	struct page *page = *at;
	int err = 0;
	b->count = 0;
	b->kinds = 0;
	while (page < end && b->count < MIGRATE_BATCH) {
		const uint64_t word = __atomic_load_n(&page->word, __ATOMIC_ACQUIRE);
		const enum page_state state = page_word_state(word);
		if (unlikely(state == PAGE_NONE)) {
			page = pfn_to_page(
				pfn(frame_next_record(page_to_pfn(page).n, page_to_pfn(end).n)));
			continue;
		}
		if (state == PAGE_ALLOCATED) {
			err = isolate(b, page, word);
			if (unlikely(err != 0)) {
				break;
			}
		}
		page += 1UL << page_word_order(word);
	}
	*at = page;
	return err;
}

static void fence(const struct batch *b)
{
	for (uint64_t kinds = b->kinds; kinds != 0; kinds &= kinds - 1) {
		const struct movable_ops *ops = movable_table[__builtin_ctzll(kinds)];
		if (ops->fence != NULL) {
			ops->fence();
		}
	}
}

/* ---- moving ---------------------------------------------------------------------------------- */

/** @from is isolated. Return: 0: it is the caller's, who knows | -ENOMEM | -EBUSY: isolated still */
static int move(const struct batch *b, struct page *from)
{
	const struct migrate_control *control = b->control;
	const uint64_t word = from->word;
	const unsigned int order = page_word_order(word);
	uint32_t index;
	uint32_t owner;
	const struct movable_ops *ops = movable_of(from, word, &index, &owner);
	if (ops->discard != NULL && (control->discard || control->target == NULL)) {
		ops->discard(from, owner);
		b->result->discarded_pages += 1ULL << order;
	} else {
		struct page *to = control->target(control->ctx, from, order);
		if (unlikely(to == NULL)) {
			return blocked(b, from, MIGRATE_REASON_NO_TARGET);
		}
		if (page_debug_any()) {
			page_owner_moved(page_to_pfn(to), page_to_pfn(from), order);
		}
		if (index != 0) {
			page_set_movable(to, index, owner);
		}
		if (unlikely(ops->migrate(to, from, owner) != 0)) {
			page_clear_movable(to);
			control->untarget(control->ctx, to, order);
			return blocked(b, from, MIGRATE_REASON_REFUSED);
		}
		b->result->moved_pages += 1ULL << order;
	}
	page_clear_movable(from);
	control->emptied(control->ctx, from, order);
	return 0;
}

/** Blocks @from and on of the batch stay where they are. */
static void put_back(const struct batch *b, uint32_t from)
{
	for (uint32_t i = from; i < b->count; i++) {
		uint32_t index;
		uint32_t owner;
		struct page *page = b->from[i];
		movable_of(page, page->word, &index, &owner)->putback(page, owner);
	}
}

static int move_all(const struct batch *b)
{
	fence(b);
	for (uint32_t i = 0; i < b->count; i++) {
		int err = move(b, b->from[i]);
		if (unlikely(err != 0)) {
			put_back(b, i);
			return err;
		}
	}
	return 0;
}

int migrate_frames(struct pfn_range frames, const struct migrate_control *control,
		   struct migrate_result *result)
{
	struct batch b;
	struct page *at = pfn_to_page(frames.start);
	struct page *end = pfn_to_page(frames.end);
	int err = 0;
	b.control = control;
	b.result = result;
	while (err == 0 && at < end) {
		err = collect(&b, &at, end);
		if (likely(err == 0)) {
			err = move_all(&b);
		} else {
			put_back(&b, 0);
		}
	}
	return err;
}
