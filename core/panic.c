/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The end of a run. Everything here writes to the console directly: a panic may come from inside
 * the log, from a trap on the emergency stack, or before anything else is up. A panic inside a
 * panic prints one line and ends.
 */
#define LOG_MODULE "panic"
#include "fpg/core/panic.h"

#include "fpg/base/assert.h"
#include "fpg/core/log.h"
#include "fpg/core/symbols.h"
#include "fpg/port/port.h"
#include "fpg/port/trap.h"

#include <stdatomic.h>

static _Atomic uint32_t panics;

void firstpage_exit(int code)
{
	log_break();
	out_printf(console_out(), "firstpage: exit %d\n", code);
	port_exit(code);
}

/** First words of every panic. A second one, from whichever hart, gets one line and the end. */
static void panic_begin(const char *what)
{
	(void)port_irq_save();
	if (atomic_fetch_add_explicit(&panics, 1, memory_order_relaxed) != 0) {
		if (atomic_load_explicit(&panics, memory_order_relaxed) == 2) {
			out_printf(console_out(),
				   "\npanic inside a panic: %s\nfirstpage: exit %d\n", what,
				   EXIT_PANIC);
		}
		port_exit(EXIT_PANIC);
	}
	log_break();
}

static FPG_NORETURN void panic_end(uint64_t fp)
{
	backtrace_print(console_out(), fp);
	firstpage_exit(EXIT_PANIC);
}

void panic(const char *fmt, ...)
{
	panic_begin(fmt);
	struct out *out = console_out();
	out_printf(out, "panic: hart %llu: ", (unsigned long long)port_hart_id());
	va_list ap;
	va_start(ap, fmt);
	out_vprintf(out, fmt, ap);
	va_end(ap);
	out_puts(out, "\n");
	panic_end(port_frame_pointer());
}

/**
 * The trap came because the stack was used up: sp had left it, and what was touched lies next to
 * sp.
 */
static bool is_stack_overflow(const struct port_trap *trap)
{
	bool fault = trap->cause == TRAP_STORE_PAGE_FAULT || trap->cause == TRAP_LOAD_PAGE_FAULT ||
		     trap->cause == TRAP_STORE_ACCESS || trap->cause == TRAP_LOAD_ACCESS;
	uint64_t distance = trap->tval > trap->sp ? trap->tval - trap->sp : trap->sp - trap->tval;
	return trap->bad_stack && fault && distance < 2 * PAGE_SIZE;
}

static void fatal_trap(const struct port_trap *trap)
{
	panic_begin(port_trap_cause_name(trap->cause));
	struct out *out = console_out();
	char name[96];
	unsigned long long hart = port_hart_id();
	if (is_stack_overflow(trap)) {
		out_printf(out, "panic: stack overflow on hart %llu\n", hart);
	}
	out_printf(out, "panic: hart %llu: %s at %s, address 0x%llx\n", hart,
		   port_trap_cause_name(trap->cause), symbol_format(name, sizeof(name), trap->epc),
		   (unsigned long long)trap->tval);
	port_trap_print(trap, out);
	panic_end(trap->fp);
}

static void failed_check(const char *expr, const char *file, int line)
{
	panic("check failed: %s (%s:%d)", expr, file, line);
}

void panic_init(void)
{
	static const struct trap_ops ops = { .fatal = fatal_trap };
	port_trap_register(&ops);
	fpg_set_check_hook(failed_check);
}
