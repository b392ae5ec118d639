/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `crash`: end the run on purpose, so that tests see the guard page, W^X and the panic at work.
 * Nothing here returns when the machine does what it should; a crash that did not happen is a
 * failed command.
 */
#include "commands.h"

#include "fpg/base/assert.h"
#include "fpg/core/hart.h"
#include "fpg/core/page_alloc.h"
#include "fpg/core/panic.h"
#include "fpg/port/port.h"

#include <errno.h>
#include <string.h>

/** A pointer that compilers and checkers know nothing about; 0 until something is put there. */
static volatile uintptr_t hidden;

static FPG_NOINLINE uint64_t use_stack(volatile uint64_t depth)
{
	volatile char frame[512];
	frame[0] = (char)depth;
	/* The result is used after the call, so that it cannot become a loop. */
	return depth == UINT64_MAX ? 0 : use_stack(depth + 1) + (uint64_t)frame[0];
}

static void write_to_hidden(void)
{
	*(volatile uint32_t *)hidden = 0;
}

/** Faults with debug_pagealloc only. */
static FPG_NOINLINE void use_after_free(void)
{
	hidden = (uintptr_t)__get_free_pages(GFP_KERNEL, 0);
	if (hidden != 0) {
		free_pages((const void *)hidden, 0);
		hidden = *(volatile uint64_t *)(hidden + 64);
	}
}

static void execute_data(void)
{
	static const uint32_t code[] __attribute__((aligned(16))) = { 0x00008067 }; /* ret */
	hidden = (uintptr_t)code;
	((void (*)(void))hidden)();
}

/** All harts that take part are there, and none of them answers an IPI any more. */
static void meet_deaf(void)
{
	static uint32_t arrived;
	(void)port_irq_save();
	__atomic_fetch_add(&arrived, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(&arrived, __ATOMIC_ACQUIRE) < harts_online_count()) {
	}
}

static int panic_together(void *arg)
{
	(void)arg;
	meet_deaf();
	panic("hart index %u, with the others", hart_index());
}

static int panic_alone(void *arg)
{
	meet_deaf();
	if (hart_index() == *(const unsigned int *)arg) {
		panic("while others are stuck");
	}
	for (;;) {
		__asm__ volatile("" : : : "memory");
	}
}

static int crash_harts(const char *how)
{
	unsigned int caller = hart_index();
	if (strcmp(how, "held") == 0) {
		harts_hold();
		panic("while others are held");
	}
	return hart_run_mask(harts_online(), "crash",
			     strcmp(how, "harts") == 0 ? panic_together : panic_alone, &caller,
			     NULL);
}

int cmd_crash(struct monitor *m, int argc, char **argv)
{
	(void)argc;
	const char *how = argv[1];
	if (strcmp(how, "null") == 0) {
		write_to_hidden();
	} else if (strcmp(how, "text") == 0) {
		hidden = (uintptr_t)cmd_crash & ~(uintptr_t)3;
		write_to_hidden();
	} else if (strcmp(how, "exec") == 0) {
		execute_data();
	} else if (strcmp(how, "stack") == 0) {
		hidden = (uintptr_t)use_stack(0);
	} else if (strcmp(how, "freed") == 0) {
		use_after_free();
	} else if (strcmp(how, "panic") == 0) {
		panic("asked for by `crash panic`");
	} else if (strcmp(how, "check") == 0) {
		FPG_CHECK(argv[1] == NULL);
	} else if (strcmp(how, "harts") == 0 || strcmp(how, "stuck") == 0 ||
		   strcmp(how, "held") == 0) {
		int err = crash_harts(how);
		return monitor_fail(m, err, "not every hart can take part");
	} else {
		return monitor_fail(
			m, -EINVAL,
			"'%s' is none of null, text, exec, stack, freed, panic, check, harts, stuck, held",
			how);
	}
	return monitor_fail(m, -EFAULT, "still here: '%s' did not fault", how);
}
