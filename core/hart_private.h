/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of core/hart*.c share: a hart's whole block, and bounded waiting. */
#pragma once

#include "fpg/core/hart.h"

/** Most locks that a hart can hold at once; checked in debug builds. */
#define HART_MAX_LOCKS 16

/** A call that this hart asks of others; it has one at a time, because it waits for it. */
struct hart_request {
	void (*fn)(void *arg);
	void *arg;
	/** Harts that have not run it yet; atomic. fn and arg stay while it is not 0. */
	hart_mask_t pending;
};

enum work_state {
	/** Not online yet, or never parked: the boot hart. */
	WORK_NONE,
	WORK_IDLE,
	/** Somebody fills it in. */
	WORK_CLAIMED,
	WORK_READY,
	/** The result can be read; whoever claimed it makes it idle again. */
	WORK_DONE,
};

struct hart_work {
	/** enum work_state, atomic. */
	uint32_t state;
	int result;
	int (*fn)(void *arg);
	void *arg;
	const char *name;
};

struct hart_block {
	struct hart hart;
	/** How it was started, to do it again. Boot hart only. */
	struct port_hart_start start;
	struct hart_request request;
	uint32_t starts;
	/** Somebody's call runs on it, or it is held. Only the hart itself looks. */
	bool in_handler;
	/** Ranks of the locks held, in the order they were taken (debug builds). */
	uint32_t lock_count;
	uint32_t lock_rank[HART_MAX_LOCKS];

	/* What others write to ask of this hart, in a line of its own. */

	/** Bit n: hart n's request is for this hart, too; atomic. */
	hart_mask_t callers FPG_ALIGNED(64);
	/** The word of the hold that this hart has obeyed, see hart_hold.c; atomic. */
	uint64_t held;
	struct hart_work work;
};

static inline struct hart_block *this_block(void)
{
	return (struct hart_block *)port_hart_head()->local;
}

/** NULL past the last. */
struct hart_block *hart_block(unsigned int index);

/** The harts of @mask are online: from harts_online() of now on. */
void hart_set_online(hart_mask_t mask);

/** After others were stopped: only this hart is left. */
void hart_set_alone(void);

/* ---- waiting ---------------------------------------------------------------------------------------------- */

/** Ticks of port_time_ticks() a second; 0 while it is not known. */
extern uint64_t hart_ticks_hz;

/** Begin with zero. */
struct hart_wait {
	uint64_t rounds;
	uint64_t last_ticks;
	uint64_t ticks;
};

/**
 * One round of waiting: port_relax(). Return: true when @seconds have passed and enough rounds were waited, too. A
 * round counts for an eighth of a second at most, so neither a clock that jumps nor being held ends the wait early.
 */
bool hart_wait_round(struct hart_wait *wait, unsigned int seconds);

/** Now and then: ask again. */
static inline bool hart_wait_retry(const struct hart_wait *wait)
{
	return wait->rounds % 4096 == 0;
}

/* ---- asking ----------------------------------------------------------------------------------------------- */

/** What an IPI calls; also called directly where one may have been swallowed. Interrupts off. */
void hart_handle_ipi(void);

/** IPI to @mask; a firmware that refuses it is a panic: nothing else reaches a hart. */
void hart_kick(hart_mask_t mask);

/** Run what the harts of @from have asked of this one. */
void hart_answer_calls(struct hart_block *me, hart_mask_t from);

/** Somebody holds the harts, and this one can be held: wait for the release. Return: false when there was none */
bool hart_obey_hold(struct hart_block *me);

/** This hart is the one between harts_hold() and harts_release(). */
bool hart_holds_others(void);

/** A panic wants this hart to stop: does so. */
void hart_obey_stop(void);

/** Stop this hart, and tell harts_stop_others(). */
FPG_NORETURN void hart_stop_self(void);
