/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls on other harts by IPI. A hart that asks fills its own request and sets its bit in each target's `callers`; a
 * target takes the bits, runs the requests, and clears its own bit in `pending` of each. So there is no queue to run
 * full, nothing to allocate and no lock. Whoever waits polls, so two harts that ask each other both get their answer.
 */
#include "hart_private.h"

#include "fpg/base/assert.h"
#include "fpg/base/bits.h"
#include "fpg/core/panic.h"
#include "fpg/core/spinlock.h"
#include "fpg/port/port.h"

/** A hart that lets a call wait for so long is broken. */
#define ANSWER_SECONDS 30U

bool hart_in_handler(void)
{
	struct hart_block *me = this_block();
	return me != NULL && me->in_handler;
}

void hart_kick(hart_mask_t mask)
{
	/* The firmware's own fence orders its device write; ours orders what the IPI is about. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	int err = port_ipi_send(mask);
	if (err != 0) {
		panic("the firmware refuses an IPI to harts 0x%llx (%d)", (unsigned long long)mask,
		      err);
	}
}

void hart_answer_calls(struct hart_block *me, hart_mask_t from)
{
	hart_mask_t mine = ~hart_mask_of(me->hart.index);
	hart_mask_t todo;
	while ((todo = __atomic_load_n(&me->callers, __ATOMIC_RELAXED) & from) != 0) {
		todo &= __atomic_fetch_and(&me->callers, ~todo, __ATOMIC_ACQUIRE);
		for (; todo != 0; todo &= todo - 1) {
			struct hart_request *request = &hart_block(bit_lowest(todo))->request;
			request->fn(request->arg);
			me->hart.calls++;
			__atomic_fetch_and(&request->pending, mine, __ATOMIC_RELEASE);
		}
	}
}

/* An IPI that comes while this runs is not lost: everything is looked at again before it returns. */
void hart_handle_ipi(void)
{
	struct hart_block *me = this_block();
	if (me == NULL || me->in_handler) {
		return;
	}
	me->in_handler = true;
	do {
		hart_obey_stop();
		hart_answer_calls(me, ~(hart_mask_t)0);
	} while (hart_obey_hold(me));
	me->in_handler = false;
}

static void call_here(struct hart_block *me, void (*fn)(void *arg), void *arg)
{
	unsigned long flags = port_irq_save();
	me->in_handler = true;
	fn(arg);
	me->hart.calls++;
	me->in_handler = false;
	/* In case @fn polled. */
	hart_handle_ipi();
	port_irq_restore(flags);
}

static void wait_for_answers(struct hart_request *request)
{
	struct hart_wait wait = { 0 };
	hart_mask_t pending;
	while ((pending = __atomic_load_n(&request->pending, __ATOMIC_ACQUIRE)) != 0) {
		if (hart_wait_round(&wait, ANSWER_SECONDS)) {
			panic("harts 0x%llx do not answer a call", (unsigned long long)pending);
		}
	}
}

void hart_call(hart_mask_t mask, void (*fn)(void *arg), void *arg)
{
	struct hart_block *me = this_block();
	FPG_CHECK(me != NULL && !me->in_handler && spin_locks_in_hand() == 0);
	hart_mask_t self = hart_mask_of(me->hart.index);
	mask &= harts_online();
	hart_mask_t others = mask & ~self;
	if (others != 0) {
		me->request.fn = fn;
		me->request.arg = arg;
		__atomic_store_n(&me->request.pending, others, __ATOMIC_RELAXED);
		for (hart_mask_t m = others; m != 0; m &= m - 1) {
			__atomic_fetch_or(&hart_block(bit_lowest(m))->callers, self,
					  __ATOMIC_RELEASE);
		}
		hart_kick(others);
	}
	if (mask & self) {
		call_here(me, fn, arg);
	}
	if (others != 0) {
		wait_for_answers(&me->request);
	}
}
