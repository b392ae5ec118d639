/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs: loaded into a space, run on this hart until they say exit or are killed. What a trap
 * means is decided here: a page fault that can be resolved and a system call let the program go on,
 * the time limit and everything else ends it.
 */
#define LOG_MODULE "user"
#include "mm_private.h"
#include "syscall.h"

#include "fpg/base/errno.h"
#include "fpg/core/hart.h"
#include "fpg/core/log.h"
#include "fpg/pagetable/user.h"
#include "fpg/port/port.h"

#include <string.h>

/** A stack begins with this much; the rest grows. */
#define STACK_BYTES (2 * PAGE_SIZE)

/* Register numbers. Source: RISC-V psABI 1.0, integer register convention. */
enum {
	REG_SP = 2,
	REG_A0 = 10,
	REG_A1 = 11
};

static uint64_t time_limit_ms = 10000;

void user_set_time_limit(uint64_t milliseconds)
{
	time_limit_ms = milliseconds;
}

uint64_t user_time_limit(void)
{
	return time_limit_ms;
}

const struct user_program *user_program_find(const char *name)
{
	for (const struct user_program *p = user_programs; p->name != NULL; p++) {
		if (strcmp(p->name, name) == 0) {
			return p;
		}
	}
	return NULL;
}

/* ---- loading ----------------------------------------------------------------------------------- */

static int map_fixed(struct mm *mm, uint64_t at, uint64_t bytes, uint32_t prot, uint32_t flags)
{
	vaddr_t got;
	return mm_mmap(mm, vaddr(at), bytes, prot, MAP_FIXED | flags, &got);
}

static int load(struct mm *mm, const struct user_program *program)
{
	const size_t bytes = (size_t)(program->code_end - program->code);
	if (bytes == 0 || bytes > USER_DATA_BASE - USER_TEXT_BASE) {
		return -ENOEXEC;
	}
	int err = map_fixed(mm, USER_TEXT_BASE, bytes, PROT_READ | PROT_EXEC, 0);
	if (err == 0) {
		err = mm_write(mm, vaddr(USER_TEXT_BASE), program->code, bytes);
	}
	if (err == 0) {
		err = map_fixed(mm, USER_DATA_BASE, USER_DATA_BYTES, PROT_READ | PROT_WRITE, 0);
	}
	if (err == 0) {
		mm_set_brk(mm, vaddr(USER_DATA_BASE + USER_DATA_BYTES));
		mm->program = program;
		/* Any hart may be asked to run it. */
		flush_icache_mask(harts_online());
	}
	return err;
}

struct mm *user_load(const struct user_program *program)
{
	struct mm *mm = mm_create(program->name);
	int err = mm != NULL ? load(mm, program) : 0;
	if (err != 0) {
		pr_warn("'%s' cannot be loaded (%s)", program->name, errno_name(err));
		mm_destroy(mm);
		return NULL;
	}
	return mm;
}

/* ---- running ----------------------------------------------------------------------------------- */

/** The end of this hart's stack in @mm. */
static uint64_t stack_top(const struct mm *mm)
{
	return mm_highest(mm).v - hart_index() * MM_STACK_PLACE;
}

static struct user_exit killed_by(const struct port_trap *why, int err)
{
	return (struct user_exit){
		.killed = true,
		.timed_out = why->cause == PORT_USER_TIMER,
		.status = err,
		.cause = why->cause,
		.addr = vaddr(why->tval),
		.pc = vaddr(why->epc),
	};
}

static void run_to_end(struct mm *mm, struct port_user_regs *regs, struct user_exit *out)
{
	struct port_trap why;
	for (;;) {
		port_user_run(regs, &why);
		if (why.cause == TRAP_USER_ECALL) {
			if (user_syscall(mm, regs, out)) {
				return;
			}
			continue;
		}
		int err = mm_fault_trap(mm, &why);
		if (err != 0) {
			*out = killed_by(&why, err);
			return;
		}
	}
}

static void set_deadline(void)
{
	const uint64_t hz = log_timebase();
	const uint64_t now = port_time_ticks();
	uint64_t at = UINT64_MAX;
	if (hz < 1000 || time_limit_ms == 0 ||
	    __builtin_mul_overflow(time_limit_ms, hz / 1000, &at) ||
	    __builtin_add_overflow(at, now, &at)) {
		at = UINT64_MAX;
	}
	(void)port_timer_set(at);
}

int user_run(const struct user_program *program, struct mm *mm, uint64_t arg, struct user_exit *out)
{
	struct mm *own = mm == NULL ? user_load(program) : NULL;
	mm = own != NULL ? own : mm;
	if (mm == NULL) {
		return -ENOMEM;
	}
	if (mm->program != program) {
		return -ENOEXEC;
	}
	const uint64_t top = stack_top(mm);
	int err = map_fixed(mm, top - STACK_BYTES, STACK_BYTES, PROT_READ | PROT_WRITE,
			    MAP_GROWSDOWN);
	if (err == 0) {
		struct port_user_regs regs = { .pc = USER_TEXT_BASE };
		regs.x[REG_SP] = top;
		regs.x[REG_A0] = arg;
		regs.x[REG_A1] = hart_index();
		mm_switch(mm);
		set_deadline();
		run_to_end(mm, &regs, out);
		(void)port_timer_set(UINT64_MAX);
		mm_switch(NULL);
		if (own == NULL) {
			/* Without memory to say so it stays: the next run here replaces it. */
			(void)!mm_munmap(mm, vaddr(top - MM_STACK_LIMIT), MM_STACK_LIMIT);
		}
	}
	mm_destroy(own);
	return err;
}

/* ---- how it ended ------------------------------------------------------------------------------ */

bool user_exit_expected(const struct user_program *program, const struct user_exit *exit)
{
	if (exit->killed != program->killed || exit->timed_out != program->timed_out) {
		return false;
	}
	if (!exit->killed) {
		return exit->status == 0;
	}
	return exit->timed_out ||
	       (exit->cause == program->cause &&
		(program->addr == USER_ANY_ADDR || exit->addr.v == program->addr));
}

static const char *fault_reason(int64_t status)
{
	switch (status) {
	case -EFAULT:
		return ": no memory there";
	case -EACCES:
		return ": not allowed there";
	case -ENOMEM:
		return ": no memory left";
	default:
		return "";
	}
}

const char *user_exit_text(char *buf, size_t bytes, const struct user_exit *exit)
{
	struct out_buffer b;
	out_buffer_init(&b, buf, bytes);
	const unsigned long long pc = exit->pc.v;
	if (!exit->killed) {
		out_printf(&b.out, "exit %lld", (long long)exit->status);
	} else if (exit->timed_out) {
		out_printf(&b.out, "killed: still running after %llu ms, pc 0x%llx",
			   (unsigned long long)time_limit_ms, pc);
	} else {
		out_printf(&b.out, "killed: %s at 0x%llx, pc 0x%llx%s",
			   port_trap_cause_name(exit->cause), (unsigned long long)exit->addr.v, pc,
			   fault_reason(exit->status));
	}
	return buf;
}
