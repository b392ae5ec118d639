/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A trap inside trap_expect() comes back with its cause and address and leaves the caller's registers as they were, from
 * a wild sp, a wild tp or a full stack too; calls nest; backtraces pass through and end.
 */
#include "ktap.h"

#include "fpg/port/port.h"
#include "fpg/port/trap.h"

#include <errno.h>
#include <string.h>

extern char __boot_stack_guard[], __boot_stack[];

static void illegal(void *arg)
{
	(void)arg;
	__asm__ volatile(".4byte 0");
}

static void breakpoint(void *arg)
{
	(void)arg;
	__asm__ volatile(".option push\n\t.option norvc\n\tebreak\n\t.option pop");
}

static FPG_NOINLINE void store(void *arg)
{
	*(volatile uint64_t *)arg = 1;
}

static void wild_sp(void *arg)
{
	__asm__ volatile("mv sp, %0\n\tsd ra, 0(sp)" : : "r"(arg) : "memory");
}

static void wild_tp(void *arg)
{
	__asm__ volatile("mv tp, %0\n\tsd ra, 0(tp)" : : "r"(arg) : "memory");
}

/* Spoils every register that a callee must keep, then traps. */
static void spoil_registers(void *arg)
{
	(void)arg;
	__asm__ volatile(
		"li s0, 1\n\tli s1, 2\n\tli s2, 3\n\tli s3, 4\n\tli s4, 5\n\tli s5, 6\n\t"
		"li s6, 7\n\tli s7, 8\n\tli s8, 9\n\tli s9, 10\n\tli s10, 11\n\tli s11, 12\n\t"
		"li ra, 13\n\tli gp, 14\n\tli sp, 16\n\t.4byte 0");
}

static int expect(struct out *out, void (*fn)(void *), uint64_t arg, uint64_t cause, uint64_t tval)
{
	uint64_t got_cause = ~0ULL;
	uint64_t got_tval = ~0ULL;
	int rc = trap_expect(fn, (void *)(uintptr_t)arg, &got_cause, &got_tval);
	KTAP_EXPECT(out, rc == -EFAULT);
	KTAP_EXPECT(out, got_cause == cause);
	KTAP_EXPECT(out, got_tval == tval);
	return 0;
}

static int causes_and_addresses_are_told(struct out *out)
{
	uint64_t cause = 0;
	KTAP_EXPECT(out, trap_expect(illegal, NULL, &cause, NULL) == -EFAULT);
	KTAP_EXPECT(out, cause == TRAP_ILLEGAL_INSN);
	KTAP_EXPECT(out, trap_expect(breakpoint, NULL, &cause, NULL) == -EFAULT);
	KTAP_EXPECT(out, cause == TRAP_BREAKPOINT);
	return expect(out, store, 8, TRAP_STORE_PAGE_FAULT, 8);
}

static int wild_pointers_in_sp_and_tp_are_survived(struct out *out)
{
	uint64_t hart = port_hart_id();
	if (expect(out, wild_sp, 16, TRAP_STORE_PAGE_FAULT, 16) ||
	    expect(out, wild_tp, 16, TRAP_STORE_PAGE_FAULT, 16)) {
		return 1;
	}
	KTAP_EXPECT(out, port_hart_id() == hart);
	return 0;
}

/* Compares eight numbers with those they were read from; out of line, so that the numbers must exist. */
static volatile uint64_t values[] = { 3, 5, 7, 11, 13, 17, 19, 23 };

static FPG_NOINLINE bool unchanged(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
				   uint64_t f, uint64_t g, uint64_t h)
{
	const uint64_t kept[] = { a, b, c, d, e, f, g, h };
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
		if (kept[i] != values[i]) {
			return false;
		}
	}
	return true;
}

static int registers_are_kept_across_a_trap(struct out *out)
{
	/* Read once and needed after the call: in registers that a callee must keep. */
	uint64_t a = values[0], b = values[1], c = values[2], d = values[3];
	uint64_t e = values[4], f = values[5], g = values[6], h = values[7];
	uint64_t gp_before;
	uint64_t gp_after;
	uint64_t cause = 0;
	__asm__ volatile("mv %0, gp" : "=r"(gp_before));
	int rc = trap_expect(spoil_registers, NULL, &cause, NULL);
	__asm__ volatile("mv %0, gp" : "=r"(gp_after));
	KTAP_EXPECT(out, rc == -EFAULT && cause == TRAP_ILLEGAL_INSN);
	KTAP_EXPECT(out, gp_after == gp_before);
	KTAP_EXPECT(out, unchanged(a, b, c, d, e, f, g, h));
	return 0;
}

struct nest {
	void *store_to;
	int inner_rc;
	uint64_t inner_cause;
};

static void nest_and_store(void *arg)
{
	struct nest *n = arg;
	n->inner_rc = trap_expect(illegal, NULL, &n->inner_cause, NULL);
	store(n->store_to);
}

static int expectations_nest(struct out *out)
{
	struct nest n = { .store_to = (void *)24 };
	uint64_t cause = 0;
	KTAP_EXPECT(out, trap_expect(nest_and_store, &n, &cause, NULL) == -EFAULT);
	KTAP_EXPECT(out, cause == TRAP_STORE_PAGE_FAULT);
	KTAP_EXPECT(out, n.inner_rc == -EFAULT && n.inner_cause == TRAP_ILLEGAL_INSN);
	return 0;
}

static FPG_NOINLINE uint64_t recurse(volatile uint64_t depth)
{
	volatile uint8_t frame[256];
	frame[0] = (uint8_t)depth;
	return depth == UINT64_MAX ? 0 : recurse(depth + 1) + frame[0];
}

static void overflow(void *arg)
{
	*(volatile uint64_t *)arg = recurse(0);
}

static int a_stack_overflow_hits_the_guard_and_is_survived(struct out *out)
{
	uint64_t result = 0;
	uint64_t cause = 0;
	uint64_t tval = 0;
	KTAP_EXPECT(out, trap_expect(overflow, &result, &cause, &tval) == -EFAULT);
	KTAP_EXPECT(out, cause == TRAP_STORE_PAGE_FAULT);
	KTAP_EXPECT(out, tval >= (uint64_t)(uintptr_t)__boot_stack_guard);
	KTAP_EXPECT(out, tval < (uint64_t)(uintptr_t)__boot_stack);
	return 0;
}

static int interrupts_stay_as_they_were(struct out *out)
{
	unsigned long flags = port_irq_save();
	KTAP_EXPECT(out, trap_expect(illegal, NULL, NULL, NULL) == -EFAULT);
	unsigned long masked = port_irq_save();
	KTAP_EXPECT(out, masked == 0);
	port_irq_restore(flags);
	return 0;
}

/* Two callers of known place; each adds after its call, so that none is a tail call. */
static FPG_NOINLINE size_t walk_here(uint64_t *pcs, size_t max)
{
	size_t n = port_backtrace(port_frame_pointer(), pcs, max);
	__asm__ volatile("" : "+r"(n));
	return n;
}

static FPG_NOINLINE size_t walk_from_below(uint64_t *pcs, size_t max)
{
	size_t n = walk_here(pcs, max);
	__asm__ volatile("" : "+r"(n));
	return n;
}

static bool follows(uint64_t pc, const void *function)
{
	uint64_t start = (uint64_t)(uintptr_t)function;
	return pc > start && pc < start + 256;
}

static int backtraces_find_callers_and_end(struct out *out)
{
	uint64_t pcs[64];
	size_t n = walk_from_below(pcs, ARRAY_SIZE(pcs));
	KTAP_EXPECT(out, n >= 2 && n < ARRAY_SIZE(pcs));
	KTAP_EXPECT(out, follows(pcs[0], (const void *)(uintptr_t)walk_from_below));
	KTAP_EXPECT(out, follows(pcs[1], (const void *)(uintptr_t)backtraces_find_callers_and_end));
	for (size_t i = 0; i < n; i++) {
		KTAP_EXPECT(out, pcs[i] != 0);
	}
	return 0;
}

static int a_corrupt_frame_pointer_ends_a_backtrace(struct out *out)
{
	static const uint64_t wild[] = { 0, 1, 16, 0x8000000000000000, ~0ULL, ~0ULL - 7 };
	uint64_t pcs[4];
	for (size_t i = 0; i < ARRAY_SIZE(wild); i++) {
		KTAP_EXPECT(out, port_backtrace(wild[i], pcs, ARRAY_SIZE(pcs)) == 0);
	}
	uint64_t guard = (uint64_t)(uintptr_t)__boot_stack_guard;
	KTAP_EXPECT(out, port_backtrace(guard + 64, pcs, ARRAY_SIZE(pcs)) == 0);
	KTAP_EXPECT(out,
		    port_backtrace((uint64_t)(uintptr_t)__boot_stack, pcs, ARRAY_SIZE(pcs)) == 0);
	return 0;
}

const struct target_test target_tests_trap[] = {
	{ "causes_and_addresses_are_told", causes_and_addresses_are_told },
	{ "wild_pointers_in_sp_and_tp_are_survived", wild_pointers_in_sp_and_tp_are_survived },
	{ "registers_are_kept_across_a_trap", registers_are_kept_across_a_trap },
	{ "expectations_nest", expectations_nest },
	{ "a_stack_overflow_hits_the_guard_and_is_survived",
	  a_stack_overflow_hits_the_guard_and_is_survived },
	{ "interrupts_stay_as_they_were", interrupts_stay_as_they_were },
	{ "backtraces_find_callers_and_end", backtraces_find_callers_and_end },
	{ "a_corrupt_frame_pointer_ends_a_backtrace", a_corrupt_frame_pointer_ends_a_backtrace },
	{ 0 },
};
