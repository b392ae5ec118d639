/* SPDX-License-Identifier: BSD-2-Clause */
/* user.h: programs until they trap, and what a fault of a user copy leads to. */
#include "csr.h"
#include "hart.h"

#include "fpg/base/assert.h"
#include "fpg/port/port.h"

#include <stddef.h>

/* One instruction that may touch user memory; both relative to the word itself. */
struct ex_entry {
	int32_t insn;
	int32_t fixup;
};
extern const struct ex_entry __ex_table_start[], __ex_table_end[];

static_assert(offsetof(struct port_user_regs, x) == UREGS_X(0), "x");
static_assert(offsetof(struct port_user_regs, pc) == UREGS_PC, "pc");

/* Addresses with bit 63 clear: canonical ones are the lower half in every mode, others fault. */
static bool in_lower_half(uint64_t va, size_t bytes)
{
	uint64_t limit = 1ULL << 63;
	return va < limit && bytes <= limit - va;
}

size_t port_copy_from_user(void *dst, vaddr_t src, size_t bytes)
{
	return in_lower_half(src.v, bytes) ? user_copy_in(dst, src.v, bytes) : bytes;
}

size_t port_copy_to_user(vaddr_t dst, const void *src, size_t bytes)
{
	return in_lower_half(dst.v, bytes) ? user_copy_out(dst.v, src, bytes) : bytes;
}

/* Return: where to go on, or 0 when @pc is no instruction of a user copy. */
static uint64_t fixup_of(uint64_t pc)
{
	size_t bytes = (uintptr_t)__ex_table_end - (uintptr_t)__ex_table_start;
	for (size_t i = 0; i < bytes / sizeof(struct ex_entry); i++) {
		const struct ex_entry *e = &__ex_table_start[i];
		if ((uint64_t)(uintptr_t)&e->insn + (uint64_t)(int64_t)e->insn == pc) {
			return (uint64_t)(uintptr_t)&e->fixup + (uint64_t)(int64_t)e->fixup;
		}
	}
	return 0;
}

/* Ask the layer above, with interrupts as they were at the copy. */
static bool resolved_above(const struct trap_frame *frame)
{
	const struct trap_ops *ops = trap_ops_registered();
	const struct port_trap trap = {
		.cause = frame->cause,
		.tval = frame->tval,
		.epc = frame->epc,
		.sp = frame->x[2],
		.fp = (uint64_t)(uintptr_t)(frame + 1),
		.frame = frame,
	};
	if (ops == NULL || ops->user_fault == NULL) {
		return false;
	}
	if (frame->status & SSTATUS_SPIE) {
		csr_set(sstatus, SSTATUS_SIE);
	}
	bool resolved = ops->user_fault(&trap);
	csr_clear(sstatus, SSTATUS_SIE);
	return resolved;
}

bool user_copy_fault(struct trap_frame *frame)
{
	bool page_fault = frame->cause == TRAP_LOAD_PAGE_FAULT ||
			  frame->cause == TRAP_STORE_PAGE_FAULT;
	bool access_fault = frame->cause == TRAP_LOAD_ACCESS || frame->cause == TRAP_STORE_ACCESS;

	if ((!page_fault && !access_fault) || !in_lower_half(frame->tval, 1)) {
		return false;
	}
	uint64_t fixup = fixup_of(frame->epc);
	if (fixup == 0) {
		return false;
	}
	if (!page_fault || !resolved_above(frame)) {
		frame->epc = fixup;
	}
	return true;
}

/* Return: false when the program goes on. */
static bool ended(uint64_t cause)
{
	struct hart_area *hart = hart_self();
	if (!(cause & SCAUSE_INTERRUPT)) {
		return true;
	}
	interrupt_handle(cause);
	return hart->timer_came;
}

void port_user_run(struct port_user_regs *regs, struct port_trap *why)
{
	struct hart_area *hart = hart_self();
	unsigned long flags = port_irq_save();
	uint64_t cause = PORT_USER_TIMER;
	uint64_t tval = 0;

	FPG_CHECK(hart->user_regs == NULL);
	while (!hart->timer_came) {
		user_enter(regs);
		cause = csr_read(scause);
		tval = csr_read(stval);
		if (ended(cause)) {
			break;
		}
	}
	hart->user_regs = NULL;
	if (hart->timer_came && (cause & SCAUSE_INTERRUPT)) {
		hart->timer_came = false;
		cause = PORT_USER_TIMER;
		tval = 0;
	}
	*why = (struct port_trap){
		.cause = cause,
		.tval = tval,
		.epc = regs->pc,
		.sp = regs->x[2],
		.from_user = true,
		.frame = regs,
	};
	port_irq_restore(flags);
}
