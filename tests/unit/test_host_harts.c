/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves that the harts simulated by threads keep the contracts of port/harts.h and port/user.h that tests of the layers
 * above rely on: interrupts come where they are unmasked or polled and nowhere else, none is lost, sleeps end.
 */
#include "host.h"

#include "fpg/port/port.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define HARTS 4U

static _Atomic uint64_t handled[PORT_MAX_HARTS];
static _Atomic uint32_t arrived;
static _Atomic uint32_t told;
static char areas[HARTS][PORT_HART_AREA_ALIGN] FPG_ALIGNED(PORT_HART_AREA_ALIGN);

static void on_ipi(void)
{
	assert_int_equal(port_irq_save(), 0);
	atomic_fetch_add(&handled[port_hart_index()], 1);
}

static void park(void *arg)
{
	assert_ptr_equal(port_hart_head()->local, arg);
	port_irq_enable_sources();
	atomic_fetch_add(&arrived, 1);
	for (;;) {
		(void)port_irq_save();
		port_wait_for_interrupt();
		port_ipi_poll();
		port_irq_unmask();
	}
}

/* Each round of work ends in an answer; a lost wake-up hangs the test. */
static void answer(void *arg)
{
	(void)arg;
	uint32_t seen = 0;
	for (;;) {
		(void)port_irq_save();
		uint32_t now = atomic_load(&told);
		if (now == seen) {
			port_wait_for_interrupt();
			port_ipi_poll();
		} else {
			seen = now;
			atomic_fetch_add(&arrived, 1);
		}
		port_irq_unmask();
	}
}

static int start(unsigned int index, uint64_t id, void (*entry)(void *arg))
{
	const struct port_hart_start how = {
		.id = id,
		.index = index,
		.area = areas[index],
		.local = areas[index],
		.satp_mode = 8,
		.entry = entry,
		.arg = areas[index],
	};
	return port_hart_start(&how);
}

static void wait_until(_Atomic uint32_t *what, uint32_t value)
{
	while (atomic_load(what) != value) {
		port_relax();
	}
}

static int setup(void **state)
{
	(void)state;
	atomic_store(&arrived, 0);
	atomic_store(&told, 0);
	memset(handled, 0, sizeof(handled));
	return 0;
}

static int stop(void **state)
{
	(void)state;
	host_harts_stop();
	host_set_hsm(true);
	host_set_satp_modes(UINT32_MAX);
	return 0;
}

static void started_harts_arrive_as_themselves(void **state)
{
	(void)state;
	for (unsigned int i = 1; i < HARTS; i++) {
		assert_int_equal(start(i, 100 * i, park), 0);
	}
	wait_until(&arrived, HARTS - 1);
	assert_string_equal(port_hart_status(200), "started");
	assert_string_equal(port_hart_status(201), "stopped");
	assert_int_equal(start(1, 7, park), -EALREADY);
	assert_int_equal(start(0, 7, park), -EINVAL);
	host_harts_stop();
	assert_string_equal(port_hart_status(200), "stopped");
	assert_int_equal(start(1, 7, park), 0);
}

static void harts_that_cannot_start_say_so(void **state)
{
	(void)state;
	host_set_hsm(false);
	assert_false(port_hsm_available());
	assert_int_equal(start(1, 1, park), -ENOTSUP);
	host_set_hsm(true);
	host_set_satp_modes(1U << 9);
	assert_int_equal(start(1, 1, park), 0);
	while (!port_hart_refused(areas[1])) {
		port_relax();
	}
	assert_false(port_hart_refused(areas[2]));
	assert_string_equal(port_hart_status(1), "stopped");
}

static void a_masked_hart_gets_its_ipi_when_it_unmasks_or_polls(void **state)
{
	(void)state;
	port_irq_enable_sources();
	unsigned long flags = port_irq_save();
	assert_int_equal(port_ipi_send(1), 0);
	assert_int_equal(handled[0], 0);
	port_ipi_poll();
	assert_int_equal(handled[0], 1);
	assert_int_equal(port_ipi_send(1), 0);
	assert_int_equal(port_ipi_send(1), 0);
	port_irq_unmask();
	assert_int_equal(handled[0], 2);
	/* Unmasked: at once. */
	assert_int_equal(port_ipi_send(1), 0);
	assert_int_equal(handled[0], 3);
	unsigned long unmasked = port_irq_save();
	assert_true(unmasked != 0);
	assert_int_equal(port_ipi_send(1), 0);
	port_relax();
	assert_int_equal(handled[0], 4);
	assert_int_equal(port_irq_save(), 0);
	port_irq_restore(flags);
}

static void no_wake_up_is_lost(void **state)
{
	(void)state;
	for (unsigned int i = 1; i < HARTS; i++) {
		assert_int_equal(start(i, i, answer), 0);
	}
	for (uint32_t round = 1; round <= 3000; round++) {
		atomic_store(&arrived, 0);
		atomic_store(&told, round);
		assert_int_equal(port_ipi_send(~(hart_mask_t)1), 0);
		wait_until(&arrived, HARTS - 1);
	}
}

static void the_timer_ends_a_sleep_and_a_program(void **state)
{
	(void)state;
	struct port_user_regs regs = { .pc = 0x1000, .x[2] = 0x2000 };
	struct port_trap why;
	uint64_t until = port_time_ticks() + 2000000;
	assert_true(port_timer_set(until));
	unsigned long flags = port_irq_save();
	while (port_time_ticks() < until) {
		port_wait_for_interrupt();
	}
	port_user_run(&regs, &why);
	assert_true(why.cause == PORT_USER_TIMER && why.from_user && why.epc == 0x1000);
	port_user_run(&regs, &why);
	assert_true(why.cause == TRAP_ILLEGAL_INSN && why.sp == 0x2000);
	port_irq_restore(flags);
}

static void remote_fences_leave_the_caller_out(void **state)
{
	(void)state;
	struct host_fence_counts before;
	struct host_fence_counts after;
	host_fence_counts_read(&before);
	assert_int_equal(port_remote_tlb_flush(1, vaddr(0), PORT_TLB_ALL, PORT_ASID_ALL), 0);
	assert_int_equal(port_remote_tlb_flush(7, vaddr(0x5000), 0x2000, 3), 0);
	host_fence_counts_read(&after);
	assert_int_equal(after.remote, before.remote + 1);
	assert_int_equal(after.last.mask, 6);
	assert_true(after.last.va.v == 0x5000 && after.last.bytes == 0x2000);
	host_set_remote_fences(false);
	assert_int_equal(port_remote_tlb_flush(2, vaddr(0), PORT_TLB_ALL, 0), -EIO);
	host_set_remote_fences(true);
}

/* ---- user memory: pages 1 and 2 of the lower half, 2 on demand ---------------------------------------------- */

static unsigned char user_page[2][PAGE_SIZE];
static bool second_is_there;
static unsigned int faults;

static void *reach(vaddr_t va, bool write)
{
	uint64_t page = va.v / PAGE_SIZE;
	(void)write;
	if (page == 1 || (page == 2 && second_is_there)) {
		return &user_page[page - 1][va.v % PAGE_SIZE];
	}
	return NULL;
}

static bool resolve(const struct port_trap *trap)
{
	faults++;
	second_is_there |= trap->tval / PAGE_SIZE == 2;
	return trap->tval / PAGE_SIZE == 2;
}

static void user_copies_fault_pages_in_and_count_the_rest(void **state)
{
	(void)state;
	static const struct trap_ops ops = { .user_fault = resolve };
	static unsigned char kernel[3 * PAGE_SIZE];
	port_trap_register(&ops);
	host_set_user_memory(reach);
	memset(kernel, 0x5a, sizeof(kernel));
	assert_int_equal(port_copy_to_user(vaddr(0x1ff0), kernel, 3 * PAGE_SIZE),
			 2 * PAGE_SIZE - 16);
	assert_int_equal(faults, 2);
	assert_true(user_page[0][0xff0] == 0x5a && user_page[0][0xfef] == 0);
	assert_int_equal(user_page[1][PAGE_SIZE - 1], 0x5a);
	assert_int_equal(port_copy_from_user(kernel, vaddr(0x1000), 2 * PAGE_SIZE), 0);
	assert_int_equal(kernel[0], 0);
	assert_int_equal(port_copy_from_user(kernel, vaddr(1ULL << 63), 1), 1);
	assert_int_equal(port_copy_from_user(kernel, vaddr(0x1000), SIZE_MAX), SIZE_MAX);
	host_set_user_memory(NULL);
	assert_int_equal(port_copy_from_user(kernel, vaddr(0x1000), 8), 8);
	port_trap_register(NULL);
}

int main(void)
{
	port_ipi_register(on_ipi);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(started_harts_arrive_as_themselves, setup, stop),
		cmocka_unit_test_setup_teardown(harts_that_cannot_start_say_so, setup, stop),
		cmocka_unit_test_setup_teardown(a_masked_hart_gets_its_ipi_when_it_unmasks_or_polls,
						setup, stop),
		cmocka_unit_test_setup_teardown(no_wake_up_is_lost, setup, stop),
		cmocka_unit_test_setup_teardown(the_timer_ends_a_sleep_and_a_program, setup, stop),
		cmocka_unit_test_setup_teardown(remote_fences_leave_the_caller_out, setup, stop),
		cmocka_unit_test_setup_teardown(user_copies_fault_pages_in_and_count_the_rest,
						setup, stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
