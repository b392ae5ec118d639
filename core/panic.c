/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The end of a run. Everything here writes to the console directly: a panic may come from inside
 * the log, from a trap on the emergency stack, or before anything else is up. A panic stops the other
 * harts first, waiting for none of their locks and for two seconds at most. A panic inside a panic
 * prints one line and ends; one on another hart at the same time adds one line.
 */
#define LOG_MODULE "panic"
#include "fpg/core/panic.h"

#include "hart_private.h"

#include "fpg/base/assert.h"
#include "fpg/core/kernel_map_ops.h"
#include "fpg/core/log.h"
#include "fpg/core/symbols.h"
#include "fpg/port/port.h"
#include "fpg/port/trap.h"

/** Index + 1 of the hart that panicked first; atomic. */
static uint32_t panicker;

/** What a second hart had to say while the first one was at it: one line. */
static struct {
	/** 0: free, 1: being written, 2: can be read; atomic. */
	uint32_t state;
	uint64_t hart;
	char text[200];
} second;

void firstpage_exit(int code)
{
	(void)harts_stop_others();
	uint32_t who = __atomic_load_n(&panicker, __ATOMIC_ACQUIRE);
	log_break();
	if (who != 0) {
		/* Also when another hart was on its way to a panic just now. */
		code = EXIT_PANIC;
	}
	out_printf(console_out(), "firstpage: exit %d\n", code);
	port_exit(code);
}

/** For a panic inside a panic: past the log's lock, whatever state it is in. */
static void write_direct(struct out *out, const char *s, size_t n)
{
	(void)out;
	port_console_write(s, n);
}

/** Leave a line for the hart that panics already, and stop. */
static FPG_NORETURN void panic_second(const char *fmt, va_list ap)
{
	uint32_t unused = 0;
	if (__atomic_compare_exchange_n(&second.state, &unused, 1, false, __ATOMIC_ACQUIRE,
					__ATOMIC_RELAXED)) {
		struct out_buffer b;
		out_buffer_init(&b, second.text, sizeof(second.text));
		out_vprintf(&b.out, fmt, ap);
		second.hart = port_hart_id();
		__atomic_store_n(&second.state, 2, __ATOMIC_RELEASE);
	}
	hart_stop_self();
}

/**
 * The first line of every panic. A second one on the same hart gets one line and the end; on another hart, one line
 * after the first one's backtrace.
 * @what  for a panic inside a panic, when formatting may be what failed
 */
static void panic_begin(const char *what, const char *fmt, va_list ap)
{
	(void)port_irq_save();
	uint32_t me = port_hart_index() + 1;
	uint32_t who = 0;
	struct out *out = console_out();
	struct out direct = { write_direct };
	if (!__atomic_compare_exchange_n(&panicker, &who, me, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_ACQUIRE)) {
		if (who != me) {
			panic_second(fmt, ap);
		}
		static uint32_t nested;
		if (nested++ == 0) {
			out_printf(&direct, "\npanic inside a panic: %s\nfirstpage: exit %d\n",
				   what, EXIT_PANIC);
		}
		port_exit(EXIT_PANIC);
	}
	hart_mask_t running = harts_stop_others();
	log_break();
	out_printf(out, "panic: hart %llu: ", (unsigned long long)port_hart_id());
	out_vprintf(out, fmt, ap);
	out_puts(out, "\n");
	if (running != 0) {
		out_printf(out, "panic: harts 0x%llx (by index) did not stop\n",
			   (unsigned long long)running);
	}
}

static void panic_begin_trap(const char *cause, const char *fmt, ...) FPG_PRINTF(2, 3);
static void panic_begin_trap(const char *cause, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	panic_begin(cause, fmt, ap);
	va_end(ap);
}

static FPG_NORETURN void panic_end(uint64_t fp)
{
	struct out *out = console_out();
	backtrace_print(out, fp);
	if (__atomic_load_n(&second.state, __ATOMIC_ACQUIRE) == 2) {
		out_printf(out, "panic: hart %llu, at the same time: %s\n",
			   (unsigned long long)second.hart, second.text);
	}
	firstpage_exit(EXIT_PANIC);
}

void panic(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	panic_begin(fmt, fmt, ap);
	va_end(ap);
	panic_end(port_frame_pointer());
}

static void fatal_trap(const struct port_trap *trap)
{
	char name[96];
	const char *cause = port_trap_cause_name(trap->cause);
	panic_begin_trap(cause, "%s at %s, address 0x%llx", cause,
			 symbol_format(name, sizeof(name), trap->epc),
			 (unsigned long long)trap->tval);
	if (trap->stack_overflow) {
		out_printf(console_out(), "panic: stack overflow on hart %llu\n",
			   (unsigned long long)port_hart_id());
	}
	(void)debug_pagealloc_explain(console_out(), trap->tval);
	port_trap_print(trap, console_out());
	panic_end(trap->fp);
}

static void failed_check(const char *expr, const char *file, int line)
{
	panic("check failed: %s (%s:%d)", expr, file, line);
}

static struct trap_ops trap_hooks = { .fatal = fatal_trap };

void panic_set_user_fault(bool (*fn)(const struct port_trap *trap))
{
	__atomic_store_n(&trap_hooks.user_fault, fn, __ATOMIC_RELEASE);
}

void panic_init(void)
{
	port_trap_register(&trap_hooks);
	fpg_set_check_hook(failed_check);
}
