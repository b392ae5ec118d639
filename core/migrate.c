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
	/** How many of them isolate_many() did. */
	uint32_t singles;
	struct page *from[MIGRATE_BATCH];
};

static_assert(MOVABLE_OPS_MAX < 64, "a bit for each kind of owner");

/** Targets that are taken at once for single pages of one owner. */
#define TARGETS 16U

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

static inline int call_isolate(const struct movable_ops *ops, struct page *page, uint32_t owner)
{
	movable_call_begin();
	int err = ops->isolate(page, owner);
	movable_call_end();
	return err;
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
		err = call_isolate(ops, page, owner);
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

/**
 * The block at @page was in use, as @word. Return: 0: it is in the batch, or not in use any more | -EBUSY. *@page: behind
 * it
 */
static FPG_INLINE int isolate_one(struct batch *b, struct page **page, uint64_t word,
				  const struct movable_ops *ops, uint32_t index, uint32_t owner)
{
	int err = likely(may_go(b, ops)) ? call_isolate(ops, *page, owner) : -ENOENT;
	if (unlikely(err != 0)) {
		err = isolate_again(b, *page, err);
	} else {
		b->kinds |= 1ULL << index;
		b->from[b->count++] = *page;
	}
	*page += err == 0 ? 1UL << page_word_order(word) : 0;
	return err;
}

/** Behind the single pages from @page on, which was one as @word, that are of one kind of owner: @index. */
static FPG_INLINE struct page *single_row(struct page *page, const struct page *end, uint64_t word,
					  uint32_t index)
{
	const uint64_t looked_at = PAGE_STATE_MASK | PAGE_ORDER_MASK | MOVABLE_NEVER | PAGE_F_ANON;
	uint64_t differs;
	do {
		page++;
		if (page == end) {
			break;
		}
		differs = (__atomic_load_n(&page->word, __ATOMIC_RELAXED) ^ word) & looked_at;
		if (index != 0) {
			differs |= __atomic_load_n(&page->movable_ops, __ATOMIC_RELAXED) ^ index;
		}
	} while (differs == 0);
	return page;
}

/** The same for a row of single pages of one owner that can take many. */
static FPG_INLINE int isolate_row(struct batch *b, struct page **at, struct page *end,
				  uint64_t word, const struct movable_ops *ops, uint32_t index)
{
	struct page *page = *at;
	const uint32_t most = MIGRATE_BATCH - b->count;
	uint32_t done = 0;
	end = end - page > most ? page + most : end;
	end = single_row(page, end, word, index);
	movable_call_begin();
	int err = ops->isolate_many(page, (uint32_t)(end - page), &done);
	movable_call_end();
	b->kinds |= done != 0 ? 1ULL << index : 0;
	b->singles += done;
	for (end = page + done; page != end; page++) {
		b->from[b->count++] = page;
	}
	if (unlikely(err != 0)) {
		err = isolate_again(b, page, err);
		page += err == 0 ? 1 : 0;
	}
	*at = page;
	return err;
}

/** The block at *@at was in use, as @word: it, or a row from it on. *@at: behind what was seen to */
static FPG_INLINE int isolate(struct batch *b, struct page **at, struct page *end, uint64_t word)
{
	uint32_t index;
	uint32_t owner;
	const struct movable_ops *ops = movable_of(*at, word, &index, &owner);
	if (ops != NULL && ops->isolate_many != NULL && page_word_order(word) == 0 &&
	    b->control->targets != NULL) {
		return isolate_row(b, at, end, word, ops, index);
	}
	return isolate_one(b, at, word, ops, index, owner);
}

/** Fill the batch from the blocks at *@at on. Return: 0 | -EBUSY; *@at is where it stopped */
static int collect(struct batch *b, struct page **at, struct page *end)
{
	int err = 0;
	b->count = 0;
	b->singles = 0;
	b->kinds = 0;
	while (err == 0 && *at < end && b->count < MIGRATE_BATCH) {
		const uint64_t word = __atomic_load_n(&(*at)->word, __ATOMIC_ACQUIRE);
		const enum page_state state = page_word_state(word);
		if (unlikely(state == PAGE_NONE)) {
			*at = pfn_to_page(
				pfn(frame_next_record(page_to_pfn(*at).n, page_to_pfn(end).n)));
		} else if (state == PAGE_ALLOCATED) {
			err = isolate(b, at, end, word);
		} else {
			*at += 1UL << page_word_order(word);
		}
	}
	return err;
}

static void fence(const struct batch *b)
{
	movable_call_begin();
	for (uint64_t kinds = b->kinds; kinds != 0; kinds &= kinds - 1) {
		const struct movable_ops *ops = movable_table[__builtin_ctzll(kinds)];
		if (ops->fence != NULL) {
			ops->fence();
		}
	}
	movable_call_end();
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
		movable_call_begin();
		ops->discard(from, owner);
		movable_call_end();
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
		movable_call_begin();
		const int err = ops->migrate(to, from, owner);
		movable_call_end();
		if (unlikely(err != 0)) {
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
	movable_call_begin();
	for (uint32_t i = from; i < b->count; i++) {
		uint32_t index;
		uint32_t owner;
		struct page *page = b->from[i];
		movable_of(page, page->word, &index, &owner)->putback(page, owner);
	}
	movable_call_end();
}

/** Single pages [@at, @at + @count) of the batch, of one kind. Return: 0 | as move(), and how many were moved in *@moved */
static int move_singles(const struct batch *b, uint32_t index, uint32_t at, uint32_t count,
			uint32_t *moved)
{
	const struct migrate_control *control = b->control;
	struct page *const *from = b->from + at;
	struct page *to[TARGETS];
	uint32_t done = 0;
	const uint32_t got = control->targets(control->ctx, from, to, count);
	for (uint32_t i = 0; index != 0 && i < got; i++) {
		__atomic_store_n(&to[i]->second, from[i]->second, __ATOMIC_RELEASE);
	}
	if (likely(got != 0)) {
		movable_call_begin();
		done = movable_table[index]->migrate_many(to, from, got);
		movable_call_end();
	}
	for (uint32_t i = 0; i < done; i++) {
		page_clear_movable(from[i]);
	}
	for (uint32_t i = done; i < got; i++) {
		page_clear_movable(to[i]);
		control->untarget(control->ctx, to[i], 0);
	}
	b->result->moved_pages += done;
	*moved = done;
	control->emptied_many(control->ctx, from, done);
	if (likely(done == count)) {
		return 0;
	}
	return blocked(b, from[done],
		       done < got ? MIGRATE_REASON_REFUSED : MIGRATE_REASON_NO_TARGET);
}

/** The batch is single pages of one kind, which one call can move. */
static bool moves_as_one(const struct batch *b)
{
	return b->singles == b->count && b->count != 0 && IS_POW2(b->kinds) &&
	       !b->control->discard && !page_debug_any();
}

static int move_all(const struct batch *b)
{
	fence(b);
	const bool many = moves_as_one(b);
	const uint32_t index = many ? (uint32_t)__builtin_ctzll(b->kinds) : 0;
	int err = 0;
	for (uint32_t i = 0; err == 0 && i < b->count;) {
		uint32_t moved;
		if (likely(many)) {
			const uint32_t left = b->count - i;
			err = move_singles(b, index, i, left < TARGETS ? left : TARGETS, &moved);
		} else {
			err = move(b, b->from[i]);
			moved = err == 0;
		}
		i += moved;
		if (unlikely(err != 0)) {
			put_back(b, i);
		}
	}
	return err;
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
