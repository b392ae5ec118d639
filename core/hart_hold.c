/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Holding the other harts for a while, and stopping them for good.
 *
 * One word says who holds: the holder's index + 1 in the low byte (0: nobody) and the number of the hold above. A hart
 * that obeys writes that word into its block and waits until it changes, so the holder knows from the word alone that
 * the hart obeys this hold and not one before. A hart with a lock in hand, or waiting for one, goes on and obeys when
 * it gives back the last one.
 */
#include "hart_private.h"

#include "fpg/base/assert.h"
#include "fpg/base/bits.h"
#include "fpg/core/panic.h"
#include "fpg/core/spinlock.h"
#include "fpg/port/port.h"

#define HOLDER_MASK 0xffULL
#define HOLD_STEP   0x100ULL

#define HOLD_SECONDS 30U
#define STOP_SECONDS 2U

static_assert(PORT_MAX_HARTS < HOLDER_MASK, "an index + 1 fits the low byte");

static uint64_t hold_word;
/** Only the holder looks. */
static uint32_t hold_depth;

/** Index + 1 of the hart that stops the others; atomic. */
static uint32_t stopper;
static hart_mask_t stopped;

static uint64_t holder_of(uint64_t word)
{
	return word & HOLDER_MASK;
}

bool hart_holds_others(void)
{
	uint64_t word = __atomic_load_n(&hold_word, __ATOMIC_RELAXED);
	return holder_of(word) == hart_index() + 1U;
}

bool hart_obey_hold(struct hart_block *me)
{
	uint64_t word = __atomic_load_n(&hold_word, __ATOMIC_ACQUIRE);
	uint64_t holder = holder_of(word);
	if (holder == 0 || holder == me->hart.index + 1U) {
		return false;
	}
	if (spin_locks_in_hand() != 0) {
		port_hart_head()->lock_depth |= LOCK_DEPTH_HOLD_WANTED;
		return false;
	}
	__atomic_store_n(&me->held, word, __ATOMIC_RELEASE);
	while (__atomic_load_n(&hold_word, __ATOMIC_ACQUIRE) == word) {
		hart_obey_stop();
		hart_answer_calls(me, hart_mask_of((unsigned int)holder - 1));
		port_relax();
	}
	return true;
}

/** Harts of @mask that do not obey @word yet. */
static hart_mask_t not_held(hart_mask_t mask, uint64_t word)
{
	for (hart_mask_t m = mask; m != 0; m &= m - 1) {
		unsigned int index = bit_lowest(m);
		if (__atomic_load_n(&hart_block(index)->held, __ATOMIC_ACQUIRE) == word) {
			mask &= ~hart_mask_of(index);
		}
	}
	return mask;
}

void harts_hold(void)
{
	struct hart_block *me = this_block();
	if (me == NULL) {
		/* Before hart_init(), and in host tools: there are no others. */
		return;
	}
	if (hart_holds_others()) {
		hold_depth++;
		return;
	}
	FPG_CHECK(!me->in_handler && spin_locks_in_hand() == 0);
	uint64_t word;
	for (;;) {
		uint64_t now = __atomic_load_n(&hold_word, __ATOMIC_RELAXED);
		word = (now & ~HOLDER_MASK) + HOLD_STEP + me->hart.index + 1U;
		if (holder_of(now) == 0 &&
		    __atomic_compare_exchange_n(&hold_word, &now, word, false, __ATOMIC_SEQ_CST,
						__ATOMIC_RELAXED)) {
			break;
		}
		port_relax();
	}
	hold_depth = 1;
	hart_mask_t left = harts_online() & ~hart_mask_of(me->hart.index);
	struct hart_wait wait = { 0 };
	while ((left = not_held(left, word)) != 0) {
		if (hart_wait_retry(&wait)) {
			hart_kick(left);
		}
		if (hart_wait_round(&wait, HOLD_SECONDS)) {
			panic("harts 0x%llx cannot be held", (unsigned long long)left);
		}
	}
}

void harts_release(void)
{
	if (this_block() == NULL) {
		return;
	}
	FPG_CHECK(hart_holds_others() && hold_depth != 0);
	if (--hold_depth == 0) {
		uint64_t word = __atomic_load_n(&hold_word, __ATOMIC_RELAXED);
		__atomic_store_n(&hold_word, word & ~HOLDER_MASK, __ATOMIC_RELEASE);
	}
}

/* ---- the end ----------------------------------------------------------------------------------------------- */

void hart_stop_self(void)
{
	__atomic_fetch_or(&stopped, hart_mask_of(hart_index()), __ATOMIC_RELEASE);
	port_hart_stop();
}

void hart_obey_stop(void)
{
	uint32_t who = __atomic_load_n(&stopper, __ATOMIC_ACQUIRE);
	if (who != 0 && who != hart_index() + 1U) {
		hart_stop_self();
	}
}

hart_mask_t harts_stop_others(void)
{
	uint32_t me = hart_index() + 1U;
	uint32_t nobody = 0;
	if (!__atomic_compare_exchange_n(&stopper, &nobody, me, false, __ATOMIC_SEQ_CST,
					 __ATOMIC_SEQ_CST) &&
	    nobody != me) {
		hart_stop_self();
	}
	hart_mask_t others = harts_online() & ~hart_mask_of(hart_index());
	hart_mask_t left;
	struct hart_wait wait = { 0 };
	while ((left = others & ~__atomic_load_n(&stopped, __ATOMIC_ACQUIRE)) != 0) {
		if (hart_wait_retry(&wait)) {
			/* Nothing better can be done about a refusal now. */
			(void)!port_ipi_send(left);
		}
		if (hart_wait_round(&wait, STOP_SECONDS)) {
			break;
		}
	}
	hart_set_alone();
	return left;
}
