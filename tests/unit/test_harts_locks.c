/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves, on threads, that locks exclude, that debug builds see a wrong order, that log lines of several harts stay
 * whole, and that of several panics one is heard.
 */
#include "hart_machine.h"

#include "fpg/core/log.h"
#include "fpg/core/spinlock.h"

static struct spinlock one_lock = SPINLOCK_INIT;

/* ---- locks -------------------------------------------------------------------------------------------------- */

static struct {
	struct spinlock lock;
	uint64_t a, b;
} guarded;

static int count_guarded(void *arg)
{
	(void)arg;
	for (unsigned int i = 0; i < 2000; i++) {
		unsigned long flags = spin_lock_irqsave(&guarded.lock);
		EXPECT(guarded.a == guarded.b);
		guarded.a++;
		guarded.b++;
		spin_unlock_irqrestore(&guarded.lock, flags);
	}
	return 0;
}

static void lock_stress(void)
{
	start_harts(4);
	EXPECT(hart_run_mask(harts_online(), "locking", count_guarded, NULL, NULL) == 0);
	EXPECT(guarded.a == 8000 && guarded.b == 8000);
	EXPECT(!spin_is_locked(&guarded.lock));
	EXPECT(port_hart_head()->lock_depth == 0);
}

static void a_lock_excludes(void **state)
{
	(void)state;
	assert_passes(lock_stress);
}

static void take_two(uint32_t first_rank, uint32_t second_rank)
{
	struct spinlock first = { .rank = first_rank };
	struct spinlock second = { .rank = second_rank };
	unsigned long outer = spin_lock_irqsave(&first);
	unsigned long inner = spin_lock_irqsave(&second);
	/* In either order. */
	spin_unlock_irqrestore(&first, outer);
	spin_unlock_irqrestore(&second, inner);
	spinlock_expect_none("the end");
}

static void take_in_order(void)
{
	start_harts(1);
	take_two(LOCK_RANK(LOCK_MM, 7), LOCK_RANK(LOCK_PAGE_TABLE, 0));
	take_two(LOCK_RANK(LOCK_ZONE, 1), LOCK_RANK(LOCK_ZONE, 2));
	take_two(LOCK_RANK(LOCK_ZONE, 1), LOCK_RANK(LOCK_UNRANKED, 0));
	take_two(LOCK_RANK(LOCK_UNRANKED, 0), LOCK_RANK(LOCK_POPULATE, 0));
}

static void take_backwards(void)
{
	start_harts(1);
	take_two(LOCK_RANK(LOCK_ZONE, 0), LOCK_RANK(LOCK_MM, 3));
}

static void take_same_zone_twice(void)
{
	start_harts(1);
	take_two(LOCK_RANK(LOCK_ZONE, 4), LOCK_RANK(LOCK_ZONE, 4));
}

static void log_under_a_lock(void)
{
	struct spinlock mm = SPINLOCK_INIT_RANK(LOCK_MM);
	start_harts(1);
	unsigned long flags = spin_lock_irqsave(&mm);
	log_emit(LOG_INFO, "test", "under a lock");
	spin_unlock_irqrestore(&mm, flags);
}

static void lock_in_handler(void *arg)
{
	unsigned long flags = spin_lock_irqsave(arg);
	spin_unlock_irqrestore(arg, flags);
}

static void call_with_lock_inside(void)
{
	start_harts(2);
	hart_call(2, lock_in_handler, &one_lock);
}

static void a_wrong_order_of_locks_is_seen(void **state)
{
	(void)state;
	assert_passes(take_in_order);
	if (FPG_ENABLED(CONFIG_DEBUG_CHECKS)) {
		assert_panics(take_backwards,
			      "lock order: \"mm\" 3 taken while \"zone\" 0 is held");
		assert_panics(take_same_zone_twice, "\"zone\" 4 taken while \"zone\" 4 is held");
		assert_panics(log_under_a_lock, "\"log ring\" 0 taken while \"mm\" 0 is held");
		assert_panics(call_with_lock_inside, "taken in an interrupt handler");
	}
}

/* ---- the log and the end ------------------------------------------------------------------------------------ */

static int write_lines(void *arg)
{
	(void)arg;
	for (unsigned int i = 0; i < 200; i++) {
		log_emit(LOG_DEBUG, "test", "%u:%u the same again %u", hart_index(), i,
			 hart_index());
	}
	return 0;
}

static void check_line(void *ctx, enum log_level level, const char *line)
{
	unsigned int index;
	unsigned int number;
	unsigned int again;
	const char *at = strstr(line, "test: ");
	if (level == LOG_DEBUG && at != NULL) {
		EXPECT(sscanf(at, "test: %u:%u the same again %u", &index, &number, &again) == 3);
		EXPECT(index == again);
		++*(unsigned int *)ctx;
	}
}

static void log_from_all(void)
{
	unsigned int lines = 0;
	log_set_console_level(LOG_WARN);
	start_harts(4);
	EXPECT(hart_run_mask(harts_online(), "logging", write_lines, NULL, NULL) == 0);
	(void)log_walk(check_line, &lines);
	EXPECT(lines == 800);
}

static void log_lines_stay_whole(void **state)
{
	(void)state;
	assert_passes(log_from_all);
}

static uint32_t arrived;

static int panic_with_all(void *arg)
{
	(void)arg;
	__atomic_fetch_add(&arrived, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(&arrived, __ATOMIC_ACQUIRE) != harts_online_count()) {
		port_relax();
	}
	panic("index %u has had enough", hart_index());
}

static void panic_at_once(void)
{
	start_harts(4);
	(void)!hart_run_mask(harts_online(), "panic", panic_with_all, NULL, NULL);
}

static int panic_in_the_log(void *arg)
{
	(void)arg;
	panic("while another one logs");
}

static int log_for_ever(void *arg)
{
	(void)arg;
	while (hart_index() != 1) {
		log_emit(LOG_DEBUG, "test", "again and again");
	}
	return panic_in_the_log(NULL);
}

static void panic_while_others_log(void)
{
	log_set_console_level(LOG_WARN);
	start_harts(3);
	(void)!hart_run_mask(6, "logging", log_for_ever, NULL, NULL);
}

static void exit_elsewhere(void)
{
	start_harts(3);
	(void)!hart_run_on(2, "leaving", panic_in_the_log, NULL);
}

static unsigned int times_in_text(const char *part)
{
	unsigned int n = 0;
	for (const char *at = text; (at = strstr(at, part)) != NULL; at++) {
		n++;
	}
	return n;
}

static void one_panic_is_heard_and_another_gets_a_line(void **state)
{
	(void)state;
	assert_panics(panic_at_once, " has had enough\n");
	assert_int_equal(times_in_text("firstpage: exit 2\n"), 1);
	assert_int_equal(times_in_text("\npanic: hart "), 2);
	assert_int_equal(times_in_text(", at the same time: index "), 1);
	assert_panics(panic_while_others_log, ": while another one logs\n");
	assert_panics(exit_elsewhere,
		      "panic: hart 4005: while another one logs\nfirstpage: exit 2\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lock_excludes),
		cmocka_unit_test(a_wrong_order_of_locks_is_seen),
		cmocka_unit_test(log_lines_stay_whole),
		cmocka_unit_test(one_panic_is_heard_and_another_gets_a_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
