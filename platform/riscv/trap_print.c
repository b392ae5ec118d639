/* SPDX-License-Identifier: BSD-2-Clause */
/* A trap in words and numbers: names of causes, all registers, the CSRs that matter. */
#include "csr.h"
#include "hart.h"

#include "fpg/port/trap.h"

#include <assert.h>
#include <inttypes.h>

/* Source: RISC-V Privileged v1.12, table 4.2. */
static const char *const exceptions[] = {
	[0] = "instruction address misaligned",
	[1] = "instruction access fault (PMP or bus)",
	[2] = "illegal instruction",
	[3] = "breakpoint",
	[4] = "load address misaligned",
	[5] = "load access fault (PMP or bus)",
	[6] = "store address misaligned",
	[7] = "store access fault (PMP or bus)",
	[8] = "environment call from U-mode",
	[9] = "environment call from S-mode",
	[12] = "instruction page fault",
	[13] = "load page fault",
	[15] = "store page fault",
};

static const char *const interrupts[] = {
	[1] = "software interrupt",
	[5] = "timer interrupt",
	[9] = "external interrupt",
};

/* Source: RISC-V psABI 1.0, integer register convention. */
static const char *const registers[32] = {
	"zero", "ra", "sp", "gp", "tp",	 "t0",	"t1", "t2", "s0", "s1", "a0",
	"a1",	"a2", "a3", "a4", "a5",	 "a6",	"a7", "s2", "s3", "s4", "s5",
	"s6",	"s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
};

const char *port_trap_cause_name(uint64_t cause)
{
	const char *name = NULL;
	uint64_t code = cause & ~SCAUSE_INTERRUPT;
	if (cause & SCAUSE_INTERRUPT) {
		name = code < ARRAY_SIZE(interrupts) ? interrupts[code] : NULL;
	} else {
		name = code < ARRAY_SIZE(exceptions) ? exceptions[code] : NULL;
	}
	return name != NULL ? name : "unknown cause";
}

/* The frame of a trap from U-mode is a struct port_user_regs. */
static_assert(offsetof(struct trap_frame, x) == offsetof(struct port_user_regs, x), "x");
static_assert(offsetof(struct trap_frame, epc) == offsetof(struct port_user_regs, pc), "pc");

void port_trap_print(const struct port_trap *trap, struct out *out)
{
	const struct trap_frame *frame = trap->frame;
	const struct hart_area *hart = hart_self();

	out_printf(out,
		   "trap: %s, address 0x%" PRIx64 ", at 0x%" PRIx64 ", hart %" PRIu64
		   ", from %s-mode\n",
		   port_trap_cause_name(trap->cause), trap->tval, trap->epc, hart->head.id,
		   trap->from_user ? "U" : "S");
	if (trap->stack_overflow) {
		out_printf(out,
			   "  stack overflow: sp is in the guard page below the stack %p to %p\n",
			   (const void *)hart->stack.low, (const void *)hart->stack.top);
	} else if (trap->bad_stack) {
		out_printf(out, "  sp is outside the stack %p to %p\n",
			   (const void *)hart->stack.low, (const void *)hart->stack.top);
	}
	for (size_t i = 0; i < ARRAY_SIZE(registers); i++) {
		out_printf(out, " %4s %016" PRIx64 "%s", registers[i], i == 0 ? 0 : frame->x[i],
			   i % 4 == 3 ? "\n" : "");
	}
	if (trap->from_user) {
		return;
	}
	out_printf(out,
		   "  scause %" PRIx64 "  stval %" PRIx64 "  sepc %" PRIx64 "  sstatus %" PRIx64
		   "\n",
		   frame->cause, frame->tval, frame->epc, frame->status);
	out_printf(out, "  satp %" PRIx64 "  stvec %" PRIx64 "  sie %" PRIx64 "  sip %" PRIx64 "\n",
		   csr_read(satp), csr_read(stvec), csr_read(sie), csr_read(sip));
}
