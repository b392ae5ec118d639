/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Harts at work together: each answers each call, also when all call at once; locks exclude; held
 * harts stand still and hold nothing; work goes to idle harts only; log lines stay whole; a trap or a full stack on any
 * hart is survived inside trap_expect(). On a machine with one hart the same tests run with nobody else.
 */
#include "smp.h"

#include "fpg/base/bits.h"
#include "fpg/base/parse.h"
#include "fpg/core/log.h"
#include "fpg/core/spinlock.h"
#include "fpg/port/trap.h"

#include <errno.h>
#include <string.h>

static int no_hart_was_lost(struct out *out)
{
	unsigned int online = 0;
	const struct hart *hart;
	for (unsigned int i = 0; (hart = hart_by_index(i)) != NULL; i++) {
		bool here = (harts_online() & hart_mask_of(i)) != 0;
		KTAP_EXPECT(out, hart->index == i);
		KTAP_EXPECT(out, hart_by_id(hart->id) == hart);
		KTAP_EXPECT(out, here == (hart->state == HART_ONLINE));
		KTAP_EXPECT(out, here || hart->why_not != NULL);
		KTAP_EXPECT(out, hart->state != HART_REFUSED);
		online += here;
	}
	KTAP_EXPECT(out, online == harts_online_count());
	out_printf(out, "# %u harts online\n", online);
	return 0;
}

/* ---- calls -------------------------------------------------------------------------------------------------- */

static struct {
	uint32_t calls[PORT_MAX_HARTS];
	uint32_t wrong;
} called;

static void count_call(void *arg)
{
	called.calls[hart_index()]++;
	if (arg != &called || !hart_in_handler()) {
		__atomic_fetch_add(&called.wrong, 1, __ATOMIC_RELAXED);
	}
}

static int a_call_reaches_each_hart_once(struct out *out)
{
	enum {
		ROUNDS = 1000
	};
	memset(&called, 0, sizeof(called));
	for (uint32_t round = 1; round <= ROUNDS; round++) {
		hart_call(harts_online(), count_call, &called);
		for (hart_mask_t m = harts_online(); m != 0; m &= m - 1) {
			KTAP_EXPECT(out, called.calls[bit_lowest(m)] == round);
		}
	}
	hart_call(others(), count_call, &called);
	KTAP_EXPECT(out, called.calls[hart_index()] == ROUNDS);
	KTAP_EXPECT(out, called.wrong == 0);
	return 0;
}

static struct gate gate;
static uint32_t answers[PORT_MAX_HARTS];

static void answer(void *arg)
{
	(void)arg;
	/* Only this hart's handler writes it. */
	answers[hart_index()]++;
}

/* Simulators share few processors among harts that all wait for each other: the more there are, the fewer rounds. */
static unsigned int storm_rounds(void)
{
	unsigned int count = harts_online_count();
	return count <= 2 ? 4000 : 2000 / count;
}

static int call_all(void *arg)
{
	(void)arg;
	unsigned int rounds = storm_rounds();
	gate_pass(&gate);
	for (unsigned int i = 0; i < rounds; i++) {
		hart_call(others(), answer, NULL);
	}
	gate_pass(&gate);
	return 0;
}

static int all_harts_calling_all_get_every_answer(struct out *out)
{
	memset(answers, 0, sizeof(answers));
	KTAP_EXPECT(out, hart_run_mask(harts_online(), "call storm", call_all, NULL, NULL) == 0);
	uint32_t expected = (harts_online_count() - 1) * storm_rounds();
	for (hart_mask_t m = harts_online(); m != 0; m &= m - 1) {
		KTAP_EXPECT(out, answers[bit_lowest(m)] == expected);
	}
	return 0;
}

/* ---- locks -------------------------------------------------------------------------------------------------- */

static struct spinlock counter_lock = SPINLOCK_INIT;
static struct {
	volatile uint64_t a;
	volatile uint64_t b;
} guarded;

enum {
	LOCK_ROUNDS = 20000
};

static int count_guarded(void *arg)
{
	(void)arg;
	gate_pass(&gate);
	for (unsigned int i = 0; i < LOCK_ROUNDS; i++) {
		unsigned long flags = spin_lock_irqsave(&counter_lock);
		guarded.a = guarded.a + 1;
		bool torn = guarded.b + 1 != guarded.a;
		guarded.b = guarded.b + 1;
		spin_unlock_irqrestore(&counter_lock, flags);
		if (torn) {
			return -EIO;
		}
	}
	return 0;
}

static int a_spin_lock_excludes_the_others(struct out *out)
{
	guarded.a = guarded.b = 0;
	uint64_t start = port_time_ticks();
	KTAP_EXPECT(out, hart_run_mask(harts_online(), "locking", count_guarded, NULL, NULL) == 0);
	KTAP_EXPECT(out, guarded.a == (uint64_t)harts_online_count() * LOCK_ROUNDS);
	KTAP_EXPECT(out, !spin_is_locked(&counter_lock));
	out_printf(out, "# %u harts, %d rounds each: %llu ticks\n", harts_online_count(),
		   LOCK_ROUNDS, (unsigned long long)(port_time_ticks() - start));
	return 0;
}

/* ---- holding ------------------------------------------------------------------------------------------------ */

enum {
	HOLDS = 40
};

static struct {
	uint32_t stop;
	volatile uint32_t steps[PORT_MAX_HARTS];
	uint32_t moved;
	uint32_t locked;
} held;

static void look_while_held(void)
{
	uint32_t before[PORT_MAX_HARTS];
	harts_hold();
	for (unsigned int i = 0; i < PORT_MAX_HARTS; i++) {
		before[i] = held.steps[i];
	}
	/* Free, and it can be taken. */
	held.locked += spin_is_locked(&counter_lock);
	unsigned long flags = spin_lock_irqsave(&counter_lock);
	spin_unlock_irqrestore(&counter_lock, flags);
	harts_hold();
	hart_call(others(), answer, NULL);
	harts_release();
	for (unsigned int i = 0; i < 200; i++) {
		port_relax();
	}
	for (unsigned int i = 0; i < PORT_MAX_HARTS; i++) {
		held.moved += i != hart_index() && before[i] != held.steps[i];
	}
	harts_release();
}

static int hold_or_step(void *arg)
{
	(void)arg;
	gate_pass(&gate);
	unsigned int index = hart_index();
	if (index < 2) {
		for (unsigned int i = 0; i < HOLDS; i++) {
			held.steps[index]++;
			look_while_held();
		}
		__atomic_fetch_add(&held.stop, 1, __ATOMIC_RELEASE);
	}
	uint32_t holders = harts_online_count() < 2 ? 1 : 2;
	while (__atomic_load_n(&held.stop, __ATOMIC_ACQUIRE) < holders) {
		unsigned long flags = spin_lock_irqsave(&counter_lock);
		held.steps[index]++;
		spin_unlock_irqrestore(&counter_lock, flags);
		port_relax();
	}
	return 0;
}

static int held_harts_stand_still_and_hold_no_lock(struct out *out)
{
	memset(&held, 0, sizeof(held));
	KTAP_EXPECT(out, hart_run_mask(harts_online(), "holding", hold_or_step, NULL, NULL) == 0);
	KTAP_EXPECT(out, held.moved == 0);
	KTAP_EXPECT(out, held.locked == 0);
	return 0;
}

/* ---- work --------------------------------------------------------------------------------------------------- */

static int tell_index(void *arg)
{
	(void)arg;
	return (int)hart_index() + 1;
}

static int try_busy(void *arg)
{
	/* Everybody is at it: nobody is idle, and whoever asks may run it itself. */
	(void)arg;
	gate_pass(&gate);
	int err = 0;
	for (hart_mask_t m = others(); m != 0; m &= m - 1) {
		err = err != 0							     ? err :
		      hart_run_on(bit_lowest(m), "busy", tell_index, NULL) == -EBUSY ? 0 :
										       -EIO;
	}
	gate_pass(&gate);
	return err;
}

static int work_runs_where_it_was_sent(struct out *out)
{
	int results[PORT_MAX_HARTS];
	hart_mask_t all = harts_online();
	KTAP_EXPECT(out, hart_run_mask(all, "telling", tell_index, NULL, results) == 1);
	for (hart_mask_t m = all; m != 0; m &= m - 1) {
		unsigned int i = bit_lowest(m);
		KTAP_EXPECT(out, results[i] == (int)i + 1);
		KTAP_EXPECT(out, hart_run_on(i, "telling", tell_index, NULL) == (int)i + 1);
	}
	KTAP_EXPECT(out, hart_run_on(PORT_MAX_HARTS, "nobody", tell_index, NULL) == -ENODEV);
	if (all != ~(hart_mask_t)0) {
		unsigned int off = bit_lowest(~all);
		KTAP_EXPECT(out, hart_run_on(off, "nobody", tell_index, NULL) == -ENODEV);
	}
	KTAP_EXPECT(out, hart_run_mask(all, "busy", try_busy, NULL, NULL) == 0);
	return 0;
}

/* ---- the log ------------------------------------------------------------------------------------------------ */

#define PATTERN "the quick brown hart jumps over the lazy log"

enum {
	LINES = 100
};

static int write_lines(void *arg)
{
	(void)arg;
	gate_pass(&gate);
	for (unsigned int i = 0; i < LINES; i++) {
		log_emit(LOG_DEBUG, "smp", "%u/%u " PATTERN " %u", hart_index(), i, hart_index());
	}
	return 0;
}

struct line_check {
	uint32_t whole;
	uint32_t torn;
};

static void check_line(void *ctx, enum log_level level, const char *line)
{
	struct line_check *check = ctx;
	const char *text = strstr(line, "smp: ");
	if (level != LOG_DEBUG || text == NULL) {
		return;
	}
	/* "INDEX/NUMBER PATTERN INDEX", nothing else. */
	const char *pattern = strstr(text, " " PATTERN " ");
	const char *last = pattern != NULL ? pattern + strlen(" " PATTERN " ") : NULL;
	uint64_t first_index = 0;
	uint64_t last_index = 1;
	bool whole = last != NULL && parse_size(text + strlen("smp: "), NULL, &first_index) == 0 &&
		     parse_size_all(last, &last_index) == 0 && first_index == last_index;
	check->whole += whole;
	check->torn += !whole;
}

static int log_lines_of_several_harts_stay_whole(struct out *out)
{
	const uint32_t room = CONFIG_LOG_RING_KIB * 1024U / 128U / 2U;
	const uint32_t least = room < LINES ? room : LINES;
	struct line_check check = { 0 };
	enum log_level level = log_console_level();
	log_set_console_level(LOG_WARN);
	int err = hart_run_mask(harts_online(), "logging", write_lines, NULL, NULL);
	log_set_console_level(level);
	KTAP_EXPECT(out, err == 0);
	(void)log_walk(check_line, &check);
	KTAP_EXPECT(out, check.torn == 0);
	/* A small ring may have lost the first ones; a line is shorter than 128 bytes. */
	KTAP_EXPECT(out, check.whole >= least && check.whole != 0);
	return 0;
}

/* ---- traps -------------------------------------------------------------------------------------------------- */

static void read_null(void *arg)
{
	(void)*(volatile uint64_t *)arg;
}

static FPG_NOINLINE uint64_t use_stack(volatile uint64_t depth)
{
	volatile char frame[512];
	frame[0] = (char)depth;
	return depth == UINT64_MAX ? 0 : use_stack(depth + 1) + (uint64_t)frame[0];
}

static void overflow(void *arg)
{
	(void)arg;
	(void)use_stack(0);
}

static int trap_twice(void *arg)
{
	uint64_t cause = 0;
	uint64_t tval = 1;
	(void)arg;
	gate_pass(&gate);
	for (unsigned int i = 0; i < 100; i++) {
		if (trap_expect(read_null, NULL, &cause, &tval) != -EFAULT ||
		    cause != TRAP_LOAD_PAGE_FAULT || tval != 0) {
			return -EIO;
		}
	}
	if (trap_expect(overflow, NULL, &cause, NULL) != -EFAULT ||
	    (cause != TRAP_STORE_PAGE_FAULT && cause != TRAP_LOAD_PAGE_FAULT)) {
		return -EFAULT;
	}
	size_t bytes;
	size_t used = port_stack_high_water(NULL, &bytes);
	return used + 1024 > bytes && this_hart()->index == hart_index() ? 0 : -ERANGE;
}

static int traps_and_full_stacks_on_all_harts_are_survived(struct out *out)
{
	KTAP_EXPECT(out, hart_run_mask(harts_online(), "trapping", trap_twice, NULL, NULL) == 0);
	return 0;
}

const struct target_test target_tests_smp[] = {
	{ "no_hart_was_lost", no_hart_was_lost },
	{ "a_call_reaches_each_hart_once", a_call_reaches_each_hart_once },
	{ "all_harts_calling_all_get_every_answer", all_harts_calling_all_get_every_answer },
	{ "a_spin_lock_excludes_the_others", a_spin_lock_excludes_the_others },
	{ "held_harts_stand_still_and_hold_no_lock", held_harts_stand_still_and_hold_no_lock },
	{ "work_runs_where_it_was_sent", work_runs_where_it_was_sent },
	{ "log_lines_of_several_harts_stay_whole", log_lines_of_several_harts_stay_whole },
	{ "traps_and_full_stacks_on_all_harts_are_survived",
	  traps_and_full_stacks_on_all_harts_are_survived },
	{ 0 },
};
