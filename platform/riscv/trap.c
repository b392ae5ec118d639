/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What happens to a trap of the kernel: interrupts are handled, faults of user copies are resolved or end the copy, what
 * trap_expect() waits for goes back there, any other goes to the registered hook. Traps from U-mode do not come here.
 */
#include "csr.h"
#include "hart.h"

#include "fpg/base/assert.h"
#include "fpg/port/port.h"
#include "fpg/port/trap.h"

#include <errno.h>

#define CHECK_OFFSET(type, member, offset) \
	static_assert(offsetof(type, member) == (offset), #member)

CHECK_OFFSET(struct trap_frame, epc, FRAME_EPC);
CHECK_OFFSET(struct trap_frame, status, FRAME_STATUS);
CHECK_OFFSET(struct trap_frame, cause, FRAME_CAUSE);
CHECK_OFFSET(struct trap_frame, tval, FRAME_TVAL);
CHECK_OFFSET(struct trap_frame, bad_stack, FRAME_BAD_STACK);
CHECK_OFFSET(struct trap_frame, marker, FRAME_MARKER);
CHECK_OFFSET(struct trap_frame, chain_fp, FRAME_CHAIN_FP);
CHECK_OFFSET(struct trap_frame, chain_pc, FRAME_CHAIN_PC);
static_assert(sizeof(struct trap_frame) == FRAME_BYTES && FRAME_BYTES % 16 == 0,
	      "sp stays 16-byte aligned");
CHECK_OFFSET(struct hart_area, head.id, HART_ID);
CHECK_OFFSET(struct hart_area, scratch[0], HART_SCRATCH0);
CHECK_OFFSET(struct hart_area, scratch[1], HART_SCRATCH1);
CHECK_OFFSET(struct hart_area, user_sp, HART_USER_SP);
CHECK_OFFSET(struct hart_area, user_regs, HART_USER_REGS);
CHECK_OFFSET(struct hart_area, stack.low, HART_STACK_LOW);
CHECK_OFFSET(struct hart_area, stack.top, HART_STACK_TOP);
CHECK_OFFSET(struct hart_area, emergency.low, HART_EMERGENCY_LOW);
CHECK_OFFSET(struct hart_area, emergency.top, HART_EMERGENCY_TOP);
CHECK_OFFSET(struct trap_recovery, s[0], RECOVERY_S(0));
CHECK_OFFSET(struct trap_recovery, sp, RECOVERY_SP);
CHECK_OFFSET(struct trap_recovery, ra, RECOVERY_RA);

/* Register numbers. Source: RISC-V psABI 1.0, integer register convention. */
enum reg {
	REG_RA = 1,
	REG_SP = 2,
	REG_GP = 3,
	REG_TP = 4,
	REG_S0 = 8,
	REG_S1 = 9,
	REG_A0 = 10,
	REG_S2 = 18
};

static const struct trap_ops *trap_ops;

void port_trap_register(const struct trap_ops *ops)
{
	FPG_CHECK(ops != NULL && ops->fatal != NULL);
	trap_ops = ops;
}

const struct trap_ops *trap_ops_registered(void)
{
	return trap_ops;
}

static void write_console(struct out *out, const char *s, size_t bytes)
{
	(void)out;
	port_console_write(s, bytes);
}

/* Nobody has registered yet: show the trap and end the run. */
FPG_NORETURN static void fatal_unregistered(const struct port_trap *trap)
{
	struct out out = { .write = write_console };
	static const char last_line[] = "firstpage: exit 2\n";
	port_trap_print(trap, &out);
	port_console_write(last_line, sizeof(last_line) - 1);
	port_exit(2);
}

/*
 * sp in the guard page: the stack was full when the trap came. A little above it: too full for a frame. A trap with
 * such an sp is an overflow whatever its cause was.
 */
static bool is_overflow(const struct hart_stack *stack, uint64_t sp)
{
	return sp >= (uint64_t)(uintptr_t)stack->guard &&
	       sp < (uint64_t)(uintptr_t)stack->low + FRAME_BYTES;
}

/* Make the frame return from trap_guarded_call() with -1. */
static void go_back(struct trap_frame *frame, struct hart_area *hart)
{
	struct trap_recovery *back = hart->recovery;
	back->cause = frame->cause;
	back->tval = frame->tval;
	hart->recovery = back->outer;

	frame->x[REG_RA] = back->ra;
	frame->x[REG_SP] = back->sp;
	frame->x[REG_S0] = back->s[0];
	frame->x[REG_S1] = back->s[1];
	for (size_t i = 2; i < ARRAY_SIZE(back->s); i++) {
		frame->x[REG_S2 + i - 2] = back->s[i];
	}
	frame->x[REG_A0] = (uint64_t)-1;
	frame->x[REG_TP] = (uint64_t)(uintptr_t)hart;
	__asm__("mv %0, gp" : "=r"(frame->x[REG_GP]));
	frame->epc = back->ra;
	frame->status = (frame->status | SSTATUS_SPP) & ~(uint64_t)SSTATUS_SUM;
	frame->status = back->irq ? frame->status | SSTATUS_SPIE :
				    frame->status & ~(uint64_t)SSTATUS_SPIE;
}

void trap_handle(struct trap_frame *frame)
{
	struct hart_area *hart = hart_self();

	if (frame->cause & SCAUSE_INTERRUPT) {
		interrupt_handle(frame->cause);
		return;
	}
	if (user_copy_fault(frame)) {
		return;
	}
	if (hart->recovery != NULL) {
		go_back(frame, hart);
		return;
	}
	uint64_t sp = frame->x[REG_SP];
	struct port_trap trap = {
		.cause = frame->cause,
		.tval = frame->tval,
		.epc = frame->epc,
		.sp = sp,
		.fp = (uint64_t)(uintptr_t)(frame + 1),
		.bad_stack = frame->bad_stack != 0,
		.stack_overflow = frame->bad_stack && (is_overflow(&hart->stack, sp) ||
						       is_overflow(&hart->emergency, sp)),
		.frame = frame,
	};
	if (trap_ops != NULL) {
		trap_ops->fatal(&trap);
	}
	fatal_unregistered(&trap);
}

int trap_expect(void (*fn)(void *arg), void *arg, uint64_t *cause, uint64_t *tval)
{
	struct hart_area *hart = hart_self();
	struct trap_recovery recovery = {
		.irq = csr_read(sstatus) & SSTATUS_SIE,
		.outer = hart->recovery,
	};
	hart->recovery = &recovery;
	__asm__ volatile("" : : : "memory");
	int trapped = trap_guarded_call(fn, arg, &recovery);
	__asm__ volatile("" : : : "memory");
	hart->recovery = recovery.outer;
	if (!trapped) {
		return 0;
	}
	if (cause != NULL) {
		*cause = recovery.cause;
	}
	if (tval != NULL) {
		*tval = recovery.tval;
	}
	return -EFAULT;
}
