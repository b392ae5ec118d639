/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The chain of frame pointers. Source: RISC-V psABI 1.0, frame pointer convention: s0 is the caller's sp, ra lies at
 * s0 - 8, the caller's s0 at s0 - 16. A leaf stores no ra: its caller's s0 lies at s0 - 8.
 *
 * Only aligned words inside this hart's two stacks are read, and the chain must rise within a stack and may leave the
 * emergency stack once, so a corrupt chain ends the walk.
 */
#include "hart.h"

#include "fpg/port/trap.h"

extern char __text_start[], __init_text_end[];

static const struct hart_stack *stack_of(uint64_t fp)
{
	const struct hart_area *hart = hart_self();
	const struct hart_stack *const stacks[] = { &hart->stack, &hart->emergency };
	for (size_t i = 0; i < ARRAY_SIZE(stacks); i++) {
		uint64_t low = (uint64_t)(uintptr_t)stacks[i]->low;
		uint64_t top = (uint64_t)(uintptr_t)stacks[i]->top;
		if (fp > low && fp <= top && fp - low >= 16 && fp % 8 == 0) {
			return stacks[i];
		}
	}
	return NULL;
}

static uint64_t word_at(uint64_t address)
{
	return *(const uint64_t *)(uintptr_t)address;
}

/* The trap frame that ends at @fp, or NULL when an ordinary frame does. */
static const struct trap_frame *trap_frame_at(const struct hart_stack *stack, uint64_t fp)
{
	if (fp - (uint64_t)(uintptr_t)stack->low < sizeof(struct trap_frame)) {
		return NULL;
	}
	const struct trap_frame *frame =
		(const struct trap_frame *)(uintptr_t)(fp - sizeof(struct trap_frame));
	return frame->marker == (uint64_t)(uintptr_t)trap_entry ? frame : NULL;
}

static bool in_text(uint64_t pc)
{
	return pc >= (uint64_t)(uintptr_t)__text_start && pc < (uint64_t)(uintptr_t)__init_text_end;
}

/*
 * What comes after the pc of a trap: a function without a frame of its own (a leaf, or a jump into nowhere) has its
 * caller only in ra. Return: the pc to store besides, or 0; moves @fp past a leaf's frame.
 */
static uint64_t caller_of_trapped(const struct trap_frame *frame, uint64_t *fp)
{
	uint64_t ra = frame->x[1];
	if (!in_text(frame->epc)) {
		return ra;
	}
	if (stack_of(*fp) != NULL && stack_of(word_at(*fp - 8)) != NULL) {
		*fp = word_at(*fp - 8);
		return ra;
	}
	return 0;
}

size_t port_backtrace(uint64_t fp, uint64_t *pcs, size_t max)
{
	const struct hart_stack *stack = stack_of(fp);
	size_t count = 0;

	while (stack != NULL && count < max) {
		const struct trap_frame *trap = trap_frame_at(stack, fp);
		uint64_t pc = word_at(fp - 8);
		uint64_t next = word_at(fp - 16);
		if (trap == NULL && pc == 0) {
			break;
		}
		pcs[count++] = pc;
		if (trap != NULL) {
			uint64_t also = caller_of_trapped(trap, &next);
			if (also != 0 && count < max) {
				pcs[count++] = also;
			}
		}
		const struct hart_stack *next_stack = stack_of(next);
		if (next_stack == stack ? next <= fp : stack != &hart_self()->emergency) {
			break;
		}
		fp = next;
		stack = next_stack;
	}
	return count;
}
