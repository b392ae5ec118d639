/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parking loop, and work that others give to a parked hart. Invariant: work.state goes idle, claimed, ready, done,
 * idle; the hart that claimed it does every step but ready to done, which is the parked hart's. A parked hart sleeps in
 * wfi with interrupts masked, and looks for work between masking and sleeping, so no wake-up is lost.
 */
#include "hart_private.h"

#include "fpg/base/assert.h"
#include "fpg/base/bits.h"
#include "fpg/core/spinlock.h"
#include "fpg/port/port.h"

#include <errno.h>

static void run_work(struct hart_block *me)
{
	struct hart_work *work = &me->work;
	__atomic_store_n(&me->hart.doing, work->name, __ATOMIC_RELAXED);
	work->result = work->fn(work->arg);
	FPG_CHECK(spin_locks_in_hand() == 0);
	me->hart.works++;
	__atomic_store_n(&me->hart.doing, "idle", __ATOMIC_RELAXED);
	__atomic_store_n(&work->state, WORK_DONE, __ATOMIC_RELEASE);
}

void hart_park_loop(void *arg)
{
	struct hart_block *me = this_block();
	(void)arg;
	for (;;) {
		unsigned long flags = port_irq_save();
		bool ready = __atomic_load_n(&me->work.state, __ATOMIC_ACQUIRE) == WORK_READY;
		if (!ready) {
			port_wait_for_interrupt();
			port_ipi_poll();
		}
		port_irq_restore(flags);
		if (ready) {
			run_work(me);
		}
	}
}

/* ---- giving work ------------------------------------------------------------------------------------------- */

/** Return: false when one of them is not idle; none is claimed then. */
static bool claim(hart_mask_t mask)
{
	for (hart_mask_t m = mask; m != 0; m &= m - 1) {
		hart_mask_t bit = m & (0 - m);
		uint32_t idle = WORK_IDLE;
		if (__atomic_compare_exchange_n(&hart_block(bit_lowest(m))->work.state, &idle,
						WORK_CLAIMED, false, __ATOMIC_ACQUIRE,
						__ATOMIC_RELAXED)) {
			continue;
		}
		for (m = mask & (bit - 1); m != 0; m &= m - 1) {
			__atomic_store_n(&hart_block(bit_lowest(m))->work.state, WORK_IDLE,
					 __ATOMIC_RELEASE);
		}
		return false;
	}
	return true;
}

static void start(hart_mask_t mask, const char *name, int (*fn)(void *arg), void *arg)
{
	for (hart_mask_t m = mask; m != 0; m &= m - 1) {
		struct hart_work *work = &hart_block(bit_lowest(m))->work;
		work->fn = fn;
		work->arg = arg;
		work->name = name;
		__atomic_store_n(&work->state, WORK_READY, __ATOMIC_RELEASE);
	}
	hart_kick(mask);
}

static int finish(struct hart_block *block)
{
	while (__atomic_load_n(&block->work.state, __ATOMIC_ACQUIRE) != WORK_DONE) {
		port_relax();
	}
	int result = block->work.result;
	__atomic_store_n(&block->work.state, WORK_IDLE, __ATOMIC_RELEASE);
	return result;
}

static int run_here(struct hart_block *me, const char *name, int (*fn)(void *arg), void *arg)
{
	const char *before = __atomic_load_n(&me->hart.doing, __ATOMIC_RELAXED);
	__atomic_store_n(&me->hart.doing, name, __ATOMIC_RELAXED);
	int result = fn(arg);
	me->hart.works++;
	__atomic_store_n(&me->hart.doing, before, __ATOMIC_RELAXED);
	return result;
}

int hart_run_mask(hart_mask_t mask, const char *name, int (*fn)(void *arg), void *arg, int *results)
{
	struct hart_block *me = this_block();
	FPG_CHECK(me != NULL && !me->in_handler && spin_locks_in_hand() == 0);
	hart_mask_t self = hart_mask_of(me->hart.index);
	hart_mask_t others = mask & ~self;
	if ((mask & ~harts_online()) != 0) {
		return -ENODEV;
	}
	if (others != 0) {
		FPG_CHECK(!hart_holds_others());
		if (!claim(others)) {
			return -EBUSY;
		}
		start(others, name, fn, arg);
	}
	int here = mask & self ? run_here(me, name, fn, arg) : 0;
	int first = 0;
	for (hart_mask_t m = mask; m != 0; m &= m - 1) {
		unsigned int index = bit_lowest(m);
		int result = index == me->hart.index ? here : finish(hart_block(index));
		first = first != 0 ? first : result;
		if (results != NULL) {
			results[index] = result;
		}
	}
	return first;
}

int hart_run_on(unsigned int index, const char *name, int (*fn)(void *arg), void *arg)
{
	if (index >= PORT_MAX_HARTS) {
		return -ENODEV;
	}
	return hart_run_mask(hart_mask_of(index), name, fn, arg, NULL);
}
