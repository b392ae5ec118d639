/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Spin locks of 32 bits, always taken with interrupts off (docs/locks.md, which also says why they are not fair). A hart
 * that waits calls port_relax(), which answers IPIs, so it cannot keep another one from an answer to hart_call().
 *
 * Invariants: a hart that holds or waits for a lock counts it in lock_depth, and is not parked by harts_hold() until it
 * has none: so the hart that parked the others finds every lock free. With CONFIG_DEBUG_CHECKS each hart takes ranked
 * locks in ascending order only, and none inside an IPI handler.
 */
#pragma once

#include "fpg/base/assert.h"
#include "fpg/base/types.h"
#include "fpg/port/harts.h"
#include "fpg/port/irq.h"
#include "fpg/port/port.h"

/**
 * The order, outermost first: a lock may be taken only while all ranked locks held have a lower rank (of equal ranks, a
 * lower minor number). The first two come first because rules.md wants them taken with none of the others held.
 * X(id, text)
 */
#define LOCK_RANKS(X)                                                                \
	/* not checked: tests, and locks that are nobody else's */                   \
	X(LOCK_UNRANKED, "unranked")                                                 \
	X(LOCK_POPULATE, "frame table population")                                   \
	X(LOCK_LOG, "log ring")                                                      \
	/* minor: the mm's id */                                                     \
	X(LOCK_MM, "mm")                                                             \
	X(LOCK_RMAP, "rmap")                                                         \
	/* area lists of the vmalloc window */                                       \
	X(LOCK_VMALLOC, "vmalloc")                                                   \
	X(LOCK_PAGE_TABLE, "page table")                                             \
	X(LOCK_CMA, "cma")                                                           \
	/* minor: node * MAX_NR_ZONES + zone */                                      \
	X(LOCK_ZONE, "zone")                                                         \
	/* nothing is taken under these: lists of spare pages, of objects, of ids */ \
	X(LOCK_LEAF, "leaf")

enum lock_rank {
#define X(id, text) id,
	LOCK_RANKS(X)
#undef X
	LOCK_RANK_COUNT
};

#define LOCK_MINOR_BITS	       16
/** Rank and minor number in one word; compares as the order does. */
#define LOCK_RANK(rank, minor) ((uint32_t)(rank) << LOCK_MINOR_BITS | ((uint32_t)(minor)&0xffff))

struct spinlock {
	/** 1: somebody has it; atomic. */
	uint32_t locked;
	/** LOCK_RANK(); 0: unranked. */
	uint32_t rank;
};

#define SPINLOCK_INIT_RANK(lock_rank)           \
	{                                       \
		.rank = LOCK_RANK(lock_rank, 0) \
	}
#define SPINLOCK_INIT SPINLOCK_INIT_RANK(LOCK_UNRANKED)

/** For locks inside objects made at run time. Not while anybody may use it. */
static inline void spin_lock_init(struct spinlock *lock, enum lock_rank rank, uint32_t minor)
{
	*lock = (struct spinlock){ .rank = LOCK_RANK(rank, minor) };
}

/** Debug builds: check the order and remember, or forget. */
void spinlock_note_take(const struct spinlock *lock);
void spinlock_note_give(const struct spinlock *lock);

/**
 * Debug builds: a failed check that names @what when this hart holds a ranked lock. For what may be called with none
 * held only.
 */
void spinlock_expect_none(const char *what);

/**
 * Set in lock_depth beside the count: harts_hold() came while it was not 0; obey when it is. So what is asked costs an
 * unlock one branch, and a hart that goes from lock to lock can still be held.
 */
#define LOCK_DEPTH_HOLD_WANTED 0x80000000U

static inline uint32_t spin_locks_in_hand(void)
{
	return port_hart_head()->lock_depth & ~LOCK_DEPTH_HOLD_WANTED;
}

/** The last step of an unlock after LOCK_DEPTH_HOLD_WANTED was set. Interrupts off. */
void spinlock_obey_hold(void);

/**
 * With a lock in hand: the hart is not held from here on until harts_hold_allow(), locks or not. For the moments in which
 * what others would see of it makes no sense: a block that has left a backend and has no record yet. Nests; nothing in
 * between may wait for other harts, except for a lock.
 */
static inline void harts_hold_defer(void)
{
	port_hart_head()->lock_depth++;
}

/** The end of harts_hold_defer(). Context: no lock held that was not held before it */
static inline void harts_hold_allow(void)
{
	unsigned long flags = port_irq_save_inline();
	uint32_t depth = --port_hart_head()->lock_depth;
	if (unlikely(depth & LOCK_DEPTH_HOLD_WANTED)) {
		spinlock_obey_hold();
	}
	port_irq_restore_inline(flags);
}

/** The lock was not free: wait for it. Out of line, so that those who find it free save no registers for it. */
void spin_lock_wait(struct spinlock *lock);

/** Return: the interrupt state for spin_unlock_irqrestore(). */
static inline FPG_MUST_CHECK unsigned long spin_lock_irqsave(struct spinlock *lock)
{
	unsigned long flags = port_irq_save_inline();
	if (FPG_ENABLED(CONFIG_DEBUG_CHECKS)) {
		spinlock_note_take(lock);
	}
	port_hart_head()->lock_depth++;
	if (unlikely(__atomic_exchange_n(&lock->locked, 1, __ATOMIC_ACQUIRE) != 0)) {
		spin_lock_wait(lock);
	}
	return flags;
}

static inline void spin_unlock_irqrestore(struct spinlock *lock, unsigned long flags)
{
	FPG_DEBUG_CHECK(lock->locked == 1);
	__atomic_store_n(&lock->locked, 0, __ATOMIC_RELEASE);
	uint32_t depth = --port_hart_head()->lock_depth;
	if (FPG_ENABLED(CONFIG_DEBUG_CHECKS)) {
		spinlock_note_give(lock);
	}
	if (unlikely(depth & LOCK_DEPTH_HOLD_WANTED)) {
		spinlock_obey_hold();
	}
	port_irq_restore_inline(flags);
}

static inline bool spin_is_locked(const struct spinlock *lock)
{
	return __atomic_load_n(&lock->locked, __ATOMIC_RELAXED) != 0;
}
