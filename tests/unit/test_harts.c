/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves, on threads, that each hart the device tree offers is started or named with the reason, and that calls, work
 * and holds reach every hart whatever the others do.
 */
#include "hart_machine.h"

#include "fpg/core/spinlock.h"

#include <errno.h>

/* ---- starting ----------------------------------------------------------------------------------------------- */

static void start_sparse(void)
{
	add_cpu(3)->enabled = false;
	add_cpu(1ULL << 40);
	add_cpu(BOOT_HART);
	add_cpu(4)->mmu_type = NULL;
	add_cpu(6)->has_mmu = false;
	add_cpu(8)->rv64 = false;
	add_cpu(7);
	EXPECT(start() == 3);
	EXPECT(harts_online() == 7);
	EXPECT(hart_by_index(0)->id == BOOT_HART && hart_by_index(0)->nid == 1);
	EXPECT(hart_by_index(1)->id == 1ULL << 40);
	EXPECT(hart_by_index(2)->id == 7);
	EXPECT(hart_by_id(3)->state == HART_UNUSED && hart_by_id(3)->index > 2);
	EXPECT(hart_by_id(8)->why_not != NULL);
	EXPECT(hart_by_id(9) == NULL && hart_by_index(7) == NULL);
}

static void harts_that_cannot_run_us_are_left_alone_and_named(void **state)
{
	(void)state;
	assert_passes(start_sparse);
	assert_text("hart 3 is left alone: disabled in the device tree");
	assert_text("hart 4 is left alone: no mmu-type in the device tree");
	assert_text("hart 6 is left alone: it has no MMU");
	assert_text("hart 8 is left alone: it is not rv64");
	assert_text("3 harts online");
}

static void start_without_hsm(void)
{
	host_set_hsm(false);
	add_cpu(BOOT_HART);
	add_cpu(6);
	EXPECT(start() == 1);
	EXPECT(hart_by_id(6)->state == HART_UNUSED);
}

static void firmware_without_hsm_means_one_hart_and_says_so(void **state)
{
	(void)state;
	assert_passes(start_without_hsm);
	assert_text("one hart: the firmware has no hart state management (HSM)");
}

static void start_two_of_four(void)
{
	add_cpu(BOOT_HART);
	add_cpu(4)->enabled = false;
	add_cpu(6);
	add_cpu(7);
	EXPECT(start_at_most(2) == 2);
	EXPECT(hart_by_id(6)->state == HART_ONLINE);
	EXPECT(hart_by_id(7)->state == HART_UNUSED && hart_by_id(4)->state == HART_UNUSED);
}

static void no_more_harts_run_than_are_allowed(void **state)
{
	(void)state;
	assert_passes(start_two_of_four);
	assert_text("hart 7 is left alone: maxcpus= allows no more");
	assert_text("hart 4 is left alone: disabled in the device tree");
}

static void start_in_a_refused_mode(void)
{
	host_set_satp_modes(1U << 9);
	add_cpu(BOOT_HART);
	add_cpu(6);
	EXPECT(start() == 1);
	EXPECT(hart_by_id(6)->state == HART_REFUSED);
}

static void a_hart_without_the_paging_mode_is_named(void **state)
{
	(void)state;
	assert_passes(start_in_a_refused_mode);
	assert_text("hart 6 is not used: it refuses the paging mode in use");
}

static void start_with_one_lost(void)
{
	add_cpu(BOOT_HART);
	add_cpu(6);
	add_cpu(7);
	host_set_trouble(6, HOST_HART_LOST);
	EXPECT(start() == 2);
	EXPECT(hart_by_id(6)->state == HART_REFUSED);
	EXPECT(harts_online() == 5);
}

static void a_hart_that_never_comes_is_waited_for_two_seconds_and_named(void **state)
{
	(void)state;
	uint64_t before = port_time_ticks();
	assert_passes(start_with_one_lost);
	assert_true(port_time_ticks() - before >= 2000000000ULL);
	assert_text("hart 6 is not used: it did not arrive within two seconds");
}

static void start_with_one_astray(void)
{
	add_cpu(BOOT_HART);
	add_cpu(6);
	host_set_trouble(6, HOST_HART_STRAYS);
	EXPECT(start() == 2);
	EXPECT(hart_by_id(6)->state == HART_ONLINE);
}

static void a_hart_that_stops_before_it_comes_is_asked_again(void **state)
{
	(void)state;
	assert_passes(start_with_one_astray);
}

static void start_without_stacks(void)
{
	/* Enough for one hart, and for half of the next one's. */
	stacks_left = 3;
	add_cpu(BOOT_HART);
	for (uint64_t id = 6; id < 9; id++) {
		add_cpu(id);
	}
	EXPECT(start() == 2);
	EXPECT(stacks_out == 2);
}

static void without_memory_the_boot_goes_on_with_fewer_harts(void **state)
{
	(void)state;
	assert_passes(start_without_stacks);
	assert_text("hart 7 is not used: no memory for its stacks");
	assert_text("hart 8 is not used: no memory for its stacks");
}

static void start_not_described(void)
{
	add_cpu(6);
	EXPECT(start() == 2);
	EXPECT(hart_by_index(0)->id == BOOT_HART && hart_by_index(0)->nid == -1);
}

static void start_too_many(void)
{
	while (facts.cpu_count < PORT_MAX_HARTS) {
		add_cpu(100 + facts.cpu_count);
	}
	EXPECT(start() == PORT_MAX_HARTS);
	EXPECT(harts_online() == ~(hart_mask_t)0);
	EXPECT(hart_by_index(PORT_MAX_HARTS) == NULL);
}

static void a_boot_hart_that_the_tree_forgot_runs_all_the_same(void **state)
{
	(void)state;
	assert_passes(start_not_described);
	assert_text("the device tree does not describe hart 5, which runs this");
	assert_passes(start_too_many);
	assert_text("hart 163 is not used: there is room for 64");
}

/* ---- calls and work ----------------------------------------------------------------------------------------- */

static uint32_t counts[PORT_MAX_HARTS];

static void count_here(void *arg)
{
	counts[hart_index()] += arg == counts && hart_in_handler();
}

static void call_each(void)
{
	start_harts(4);
	for (uint32_t round = 1; round <= 500; round++) {
		hart_call(~(hart_mask_t)0, count_here, counts);
		for (unsigned int i = 0; i < 4; i++) {
			EXPECT(counts[i] == round);
		}
	}
	hart_call(others(), count_here, counts);
	EXPECT(counts[0] == 500 && counts[3] == 501);
	EXPECT(hart_by_index(2)->calls == 501);
	hart_call(0, count_here, counts);
}

static int call_all(void *arg)
{
	for (unsigned int i = 0; i < *(const unsigned int *)arg; i++) {
		hart_call(others(), count_here, counts);
	}
	return 0;
}

static void call_storm_of(unsigned int harts, unsigned int rounds)
{
	start_harts(harts);
	EXPECT(hart_run_mask(harts_online(), "storm", call_all, &rounds, NULL) == 0);
	for (unsigned int i = 0; i < harts; i++) {
		EXPECT(counts[i] == (harts - 1) * rounds);
	}
}

static void call_storm_of_two(void)
{
	call_storm_of(2, 5000);
}

static void call_storm_of_eight(void)
{
	call_storm_of(8, 300);
}

static void calls_reach_each_hart_also_when_all_call_at_once(void **state)
{
	(void)state;
	assert_passes(call_each);
	assert_passes(call_storm_of_two);
	assert_passes(call_storm_of_eight);
}

static void call_again(void *arg)
{
	hart_call(1, count_here, arg);
}

static void call_from_a_call(void)
{
	start_harts(2);
	hart_call(1, call_again, counts);
}

static struct spinlock one_lock = SPINLOCK_INIT;

static void call_with_a_lock(void)
{
	start_harts(1);
	unsigned long flags = spin_lock_irqsave(&one_lock);
	hart_call(1, count_here, counts);
	spin_unlock_irqrestore(&one_lock, flags);
}

static void hold_with_a_lock(void)
{
	start_harts(1);
	unsigned long flags = spin_lock_irqsave(&one_lock);
	harts_hold();
	spin_unlock_irqrestore(&one_lock, flags);
}

static void calls_where_they_could_not_end_are_refused(void **state)
{
	(void)state;
	assert_panics(call_from_a_call, "check failed");
	assert_panics(call_with_a_lock, "check failed");
	assert_panics(hold_with_a_lock, "check failed");
}

static int tell(void *arg)
{
	(void)arg;
	return 100 + (int)hart_index();
}

static int ask_the_others(void *arg)
{
	/* The boot hart waits and is busy, this one may run it directly, the third is idle. */
	(void)arg;
	EXPECT(hart_run_on(0, "inner", tell, NULL) == -EBUSY);
	EXPECT(hart_run_on(1, "inner", tell, NULL) == 101);
	EXPECT(hart_run_on(2, "inner", tell, NULL) == 102);
	EXPECT(hart_run_mask(7, "inner", tell, NULL, NULL) == -EBUSY);
	EXPECT(strcmp(this_hart()->doing, "outer") == 0);
	return 7;
}

static void run_work(void)
{
	int results[PORT_MAX_HARTS] = { 0 };
	start_harts(3);
	EXPECT(hart_run_mask(7, "telling", tell, NULL, results) == 100);
	EXPECT(results[0] == 100 && results[1] == 101 && results[2] == 102 && results[3] == 0);
	EXPECT(hart_run_on(1, "outer", ask_the_others, NULL) == 7);
	EXPECT(hart_run_on(3, "nobody", tell, NULL) == -ENODEV);
	EXPECT(hart_run_on(PORT_MAX_HARTS, "nobody", tell, NULL) == -ENODEV);
	EXPECT(hart_run_mask(8, "nobody", tell, NULL, NULL) == -ENODEV);
	EXPECT(hart_run_mask(0, "nothing", tell, NULL, NULL) == 0);
	EXPECT(strcmp(hart_by_index(1)->doing, "idle") == 0);
	EXPECT(hart_by_index(2)->works == 2);
}

static void work_goes_to_idle_harts_only(void **state)
{
	(void)state;
	assert_passes(run_work);
}

/* ---- holding ------------------------------------------------------------------------------------------------ */

static struct {
	struct spinlock lock;
	uint64_t steps[PORT_MAX_HARTS];
	uint32_t holders_done;
} held;

static uint64_t steps_of_others(void)
{
	uint64_t sum = 0;
	for (unsigned int i = 0; i < PORT_MAX_HARTS; i++) {
		sum += i == hart_index() ? 0 : __atomic_load_n(&held.steps[i], __ATOMIC_RELAXED);
	}
	return sum;
}

static void step(void)
{
	unsigned long flags = spin_lock_irqsave(&held.lock);
	uint64_t *mine = &held.steps[hart_index()];
	__atomic_store_n(mine, *mine + 1, __ATOMIC_RELAXED);
	spin_unlock_irqrestore(&held.lock, flags);
	port_relax();
}

static void hold_once(void)
{
	harts_hold();
	uint64_t before = steps_of_others();
	EXPECT(!spin_is_locked(&held.lock));
	step();
	harts_hold();
	hart_call(others(), count_here, counts);
	harts_release();
	for (unsigned int i = 0; i < 20; i++) {
		port_relax();
	}
	EXPECT(steps_of_others() == before);
	harts_release();
}

static int hold_or_step(void *arg)
{
	(void)arg;
	if (hart_index() < 2) {
		for (unsigned int i = 0; i < 100; i++) {
			hold_once();
			step();
		}
		__atomic_fetch_add(&held.holders_done, 1, __ATOMIC_RELEASE);
	}
	while (__atomic_load_n(&held.holders_done, __ATOMIC_ACQUIRE) != 2) {
		step();
	}
	return 0;
}

static void two_hold_the_rest(void)
{
	start_harts(4);
	EXPECT(hart_run_mask(harts_online(), "holding", hold_or_step, NULL, NULL) == 0);
	/* Others may have been answering one holder's call when the other one's came. */
	EXPECT(counts[2] == 200 && counts[3] == 200);
}

static void held_harts_stand_still_hold_no_lock_and_answer_the_holder(void **state)
{
	(void)state;
	assert_passes(two_hold_the_rest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(harts_that_cannot_run_us_are_left_alone_and_named),
		cmocka_unit_test(no_more_harts_run_than_are_allowed),
		cmocka_unit_test(firmware_without_hsm_means_one_hart_and_says_so),
		cmocka_unit_test(a_hart_without_the_paging_mode_is_named),
		cmocka_unit_test(a_hart_that_never_comes_is_waited_for_two_seconds_and_named),
		cmocka_unit_test(a_hart_that_stops_before_it_comes_is_asked_again),
		cmocka_unit_test(without_memory_the_boot_goes_on_with_fewer_harts),
		cmocka_unit_test(a_boot_hart_that_the_tree_forgot_runs_all_the_same),
		cmocka_unit_test(calls_reach_each_hart_also_when_all_call_at_once),
		cmocka_unit_test(calls_where_they_could_not_end_are_refused),
		cmocka_unit_test(work_goes_to_idle_harts_only),
		cmocka_unit_test(held_harts_stand_still_hold_no_lock_and_answer_the_holder),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
