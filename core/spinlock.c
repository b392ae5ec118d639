/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The slow side of spin locks: waiting, obeying a hold that came while a lock was in hand, and the check of the order of locks
 * (CONFIG_DEBUG_CHECKS), for which each hart remembers the ranks that it holds. Invariant: ranked
 * locks held are in strictly ascending order, the last one taken at the end; unranked ones are not remembered.
 */
#include "fpg/core/spinlock.h"

#include "hart_private.h"

#include "fpg/core/panic.h"

void spin_lock_wait(struct spinlock *lock)
{
	do {
		while (__atomic_load_n(&lock->locked, __ATOMIC_RELAXED) != 0) {
			port_relax();
		}
	} while (__atomic_exchange_n(&lock->locked, 1, __ATOMIC_ACQUIRE) != 0);
}

void spinlock_obey_hold(void)
{
	struct port_hart_head *head = port_hart_head();
	if (head->lock_depth == LOCK_DEPTH_HOLD_WANTED) {
		head->lock_depth = 0;
		hart_handle_ipi();
	}
}

static const char *rank_name(uint32_t rank)
{
	static const char *const names[] = {
#define X(id, text) [id] = text,
		LOCK_RANKS(X)
#undef X
	};
	uint32_t major = rank >> LOCK_MINOR_BITS;
	return major < LOCK_RANK_COUNT ? names[major] : "?";
}

static uint32_t minor(uint32_t rank)
{
	return rank & ((1U << LOCK_MINOR_BITS) - 1);
}

void spinlock_note_take(const struct spinlock *lock)
{
	struct hart_block *me = this_block();
	if (me == NULL) {
		return;
	}
	if (me->in_handler) {
		panic("lock order: \"%s\" %u taken in an interrupt handler", rank_name(lock->rank),
		      minor(lock->rank));
	}
	if (lock->rank == LOCK_RANK(LOCK_UNRANKED, 0)) {
		return;
	}
	if (me->lock_count != 0 && me->lock_rank[me->lock_count - 1] >= lock->rank) {
		uint32_t held = me->lock_rank[me->lock_count - 1];
		panic("lock order: \"%s\" %u taken while \"%s\" %u is held", rank_name(lock->rank),
		      minor(lock->rank), rank_name(held), minor(held));
	}
	FPG_CHECK(me->lock_count < HART_MAX_LOCKS);
	me->lock_rank[me->lock_count++] = lock->rank;
}

void spinlock_note_give(const struct spinlock *lock)
{
	struct hart_block *me = this_block();
	if (me == NULL || lock->rank == LOCK_RANK(LOCK_UNRANKED, 0)) {
		return;
	}
	/* Locks may be given back in any order. */
	for (uint32_t i = me->lock_count; i-- != 0;) {
		if (me->lock_rank[i] == lock->rank) {
			me->lock_count--;
			for (; i < me->lock_count; i++) {
				me->lock_rank[i] = me->lock_rank[i + 1];
			}
			return;
		}
	}
	panic("lock order: \"%s\" %u given back by a hart that does not hold it",
	      rank_name(lock->rank), minor(lock->rank));
}

void spinlock_expect_none(const char *what)
{
	struct hart_block *me = this_block();
	if (FPG_ENABLED(CONFIG_DEBUG_CHECKS) && me != NULL && me->lock_count != 0) {
		uint32_t held = me->lock_rank[me->lock_count - 1];
		panic("lock order: %s while \"%s\" %u is held", what, rank_name(held), minor(held));
	}
}
