/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs of a few instructions in U-mode: they see their registers and nothing else, every way of theirs to end comes
 * back with its cause, and the kernel's own registers and interrupt state survive.
 */
#include "ktap.h"
#include "user_space.h"

#include "fpg/port/harts.h"
#include "fpg/port/port.h"
#include "fpg/port/user.h"
#include "platform/riscv/hart.h"

#include <errno.h>
#include <string.h>

/* Instructions. Source: RISC-V Unprivileged v20191213, chapter 24. */
#define INSN_ECALL	  0x00000073U
#define INSN_SELF	  0x0000006fU /* j . */
#define INSN_ADDI_T0	  0x00128293U /* addi t0, t0, 1 */
#define INSN_LOAD_A1	  0x00053583U /* ld a1, 0(a0) */
#define INSN_STORE_A1	  0x00b53023U /* sd a1, 0(a0) */
#define INSN_JUMP_A0	  0x00050067U /* jr a0 */
#define INSN_READ_SSTATUS 0x100025f3U /* csrr a1, sstatus */
#define INSN_SRET	  0x10200073U
#define INSN_FLOAT_MOVE	  0xf2000053U /* fmv.d.x f0, x0 */
#define INSN_EBREAK	  0x00100073U
#define INSN_JUMP_BACK	  0xffdff06fU /* j .-4 */

/* Run @count instructions from the start of page 0, executable; page 1 is data, 2 a hole. */
static int run(struct out *out, const uint32_t *code, size_t count, struct port_user_regs *regs,
	       struct port_trap *why)
{
	static struct user_space us;
	KTAP_EXPECT(out, user_space_enter(&us) == 0);
	int err = user_space_map(&us, 0, LEAF_R | LEAF_X);
	err = err != 0 ? err : user_space_map(&us, 1, LEAF_R | LEAF_W);
	if (err == 0) {
		memcpy(us.page[0], code, count * sizeof(*code));
		port_fence_i();
		regs->pc = user_va(0, 0).v;
		port_user_run(regs, why);
	}
	user_space_leave(&us);
	KTAP_EXPECT(out, err == 0);
	KTAP_EXPECT(out, why->from_user && why->epc == regs->pc && why->sp == regs->x[2]);
	return 0;
}

static int registers_are_the_programs_own(struct out *out)
{
	static const uint32_t code[] = { INSN_ADDI_T0, INSN_ECALL };
	static struct port_user_regs regs;
	struct port_trap why;
	for (uint64_t i = 0; i < 32; i++) {
		regs.x[i] = 0xfedcba9800000000ULL ^ (i * 0x0101010101010101ULL);
	}
	struct port_user_regs want = regs;
	if (run(out, code, ARRAY_SIZE(code), &regs, &why)) {
		return 1;
	}
	want.x[5]++;
	want.pc = user_va(0, 4).v;
	KTAP_EXPECT(out, why.cause == TRAP_USER_ECALL);
	KTAP_EXPECT(out, memcmp(&regs, &want, sizeof(regs)) == 0);
	return 0;
}

static int kernel_registers_survive_a_program(struct out *out)
{
	static const uint32_t code[] = { INSN_ECALL };
	static volatile uint64_t seed[] = { 3, 5, 7, 11, 13, 17, 19, 23, 29, 31 };
	uint64_t a = seed[0], b = seed[1], c = seed[2], d = seed[3], e = seed[4];
	uint64_t f = seed[5], g = seed[6], h = seed[7], i = seed[8], j = seed[9];
	static struct port_user_regs regs;
	struct port_trap why;
	uint64_t index = port_hart_index();
	memset(&regs, 0xa5, sizeof(regs));
	if (run(out, code, ARRAY_SIZE(code), &regs, &why)) {
		return 1;
	}
	__asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e));
	__asm__ volatile("" : "+r"(f), "+r"(g), "+r"(h), "+r"(i), "+r"(j));
	KTAP_EXPECT(out, a == seed[0] && b == seed[1] && c == seed[2] && d == seed[3]);
	KTAP_EXPECT(out, e == seed[4] && f == seed[5] && g == seed[6] && h == seed[7]);
	KTAP_EXPECT(out, i == seed[8] && j == seed[9] && port_hart_index() == index);
	return 0;
}

struct ending {
	uint32_t insn;
	uint64_t a0;
	uint64_t cause;
	/** 0: what tval says of an instruction is the machine's business. */
	uint64_t tval;
};

static int every_ending_comes_back_with_its_cause(struct out *out)
{
	const uint64_t kernel = (uint64_t)(uintptr_t)registers_are_the_programs_own;
	const uint64_t hole = user_va(2, 8).v;
	const struct ending endings[] = {
		{ INSN_ECALL, 0, TRAP_USER_ECALL, 0 },
		{ INSN_EBREAK, 0, TRAP_BREAKPOINT, 0 },
		{ INSN_LOAD_A1, hole, TRAP_LOAD_PAGE_FAULT, hole },
		{ INSN_STORE_A1, hole, TRAP_STORE_PAGE_FAULT, hole },
		{ INSN_LOAD_A1, kernel & ~7ULL, TRAP_LOAD_PAGE_FAULT, kernel & ~7ULL },
		{ INSN_STORE_A1, kernel & ~7ULL, TRAP_STORE_PAGE_FAULT, kernel & ~7ULL },
		{ INSN_STORE_A1, user_va(0, 16).v, TRAP_STORE_PAGE_FAULT, user_va(0, 16).v },
		{ INSN_JUMP_A0, kernel, TRAP_INSN_PAGE_FAULT, kernel },
		{ INSN_JUMP_A0, user_va(1, 0).v, TRAP_INSN_PAGE_FAULT, user_va(1, 0).v },
		{ INSN_JUMP_A0, 1ULL << 62, TRAP_INSN_PAGE_FAULT, 1ULL << 62 },
		{ INSN_READ_SSTATUS, 0, TRAP_ILLEGAL_INSN, 0 },
		{ INSN_SRET, 0, TRAP_ILLEGAL_INSN, 0 },
		{ INSN_FLOAT_MOVE, 0, TRAP_ILLEGAL_INSN, 0 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(endings); i++) {
		static struct port_user_regs regs;
		struct port_trap why;
		memset(&regs, 0, sizeof(regs));
		regs.x[10] = endings[i].a0;
		if (run(out, &endings[i].insn, 1, &regs, &why)) {
			return 1;
		}
		if (why.cause != endings[i].cause ||
		    (endings[i].tval != 0 && why.tval != endings[i].tval)) {
			out_printf(out, "# ending %zu: cause %llu, tval 0x%llx\n", i,
				   (unsigned long long)why.cause, (unsigned long long)why.tval);
			return 1;
		}
	}
	return 0;
}

static int run_for(struct out *out, uint64_t ticks, struct port_user_regs *regs)
{
	static const uint32_t code[] = { INSN_ADDI_T0, INSN_JUMP_BACK };
	struct port_trap why;
	memset(regs, 0, sizeof(*regs));
	uint64_t until = port_time_ticks() + ticks;
	KTAP_EXPECT(out, port_timer_set(until));
	KTAP_EXPECT(out, port_ipi_send(hart_mask_of(port_hart_index())) == 0);
	int bad = run(out, code, ARRAY_SIZE(code), regs, &why);
	KTAP_EXPECT(out, port_timer_set(UINT64_MAX));
	KTAP_EXPECT(out, bad == 0);
	KTAP_EXPECT(out, why.cause == PORT_USER_TIMER);
	KTAP_EXPECT(out, port_time_ticks() >= until);
	KTAP_EXPECT(out, regs->pc == user_va(0, 0).v || regs->pc == user_va(0, 4).v);
	return 0;
}

static int the_timer_ends_a_program(struct out *out)
{
	static struct port_user_regs regs;
	uint64_t ticks = 10000;
	if (!port_timer_set(UINT64_MAX)) {
		return ktap_skip("the firmware has no timer");
	}
	/* Where the simulator stood still so long that the program did not begin, again with more time. */
	do {
		if (run_for(out, ticks, &regs)) {
			return 1;
		}
		ticks *= 4;
	} while (regs.x[5] == 0 && ticks < 100000000);
	KTAP_EXPECT(out, regs.x[5] > 0);
	return 0;
}

/* Spin until the timer came, for a while; a simulator may be late. */
static void spin_past_timer(void *arg)
{
	uint64_t *came = arg;
	const volatile bool *timer_came = &hart_self()->timer_came;
	uint64_t until = port_time_ticks() + 5000;
	if (!port_timer_set(until)) {
		return;
	}
	unsigned long flags = port_irq_save();
	port_irq_unmask();
	while (!*timer_came && port_time_ticks() < until + 20000000) {
		port_relax();
	}
	(void)port_irq_save();
	*came = *timer_came;
	port_irq_restore(flags);
}

static int an_interrupt_ends_no_expectation(struct out *out)
{
	static const uint32_t code[] = { INSN_SELF };
	static struct port_user_regs regs;
	struct port_trap why;
	uint64_t came = 2;
	KTAP_EXPECT(out, trap_expect(spin_past_timer, &came, NULL, NULL) == 0);
	if (came == 2) {
		return ktap_skip("the firmware has no timer");
	}
	KTAP_EXPECT(out, came == 1);
	/* The time was over before the program began. */
	memset(&regs, 0, sizeof(regs));
	KTAP_EXPECT(out, run(out, code, ARRAY_SIZE(code), &regs, &why) == 0);
	KTAP_EXPECT(out, why.cause == PORT_USER_TIMER && regs.pc == user_va(0, 0).v);
	KTAP_EXPECT(out, port_irq_unexpected() == 0);
	return 0;
}

static int interrupts_are_after_a_program_as_before(struct out *out)
{
	static const uint32_t code[] = { INSN_ECALL };
	static struct port_user_regs regs;
	struct port_trap why;
	unsigned long flags = port_irq_save();
	int bad = run(out, code, ARRAY_SIZE(code), &regs, &why);
	unsigned long masked = port_irq_save();
	port_irq_unmask();
	bad |= run(out, code, ARRAY_SIZE(code), &regs, &why);
	unsigned long unmasked = port_irq_save();
	port_irq_restore(flags);
	KTAP_EXPECT(out, bad == 0 && masked == 0 && unmasked != 0);
	return 0;
}

static int the_hart_tells_modes_and_asids(struct out *out)
{
	uint64_t satp;
	uint64_t again;
	__asm__ volatile("csrr %0, satp" : "=r"(satp));
	phys_addr_t root = satp << 20 >> 8;
	KTAP_EXPECT(out, port_asid_bits() <= 16);
	KTAP_EXPECT(out, port_asid_bits() == port_asid_bits());
	KTAP_EXPECT(out, port_address_space_probe((unsigned int)(satp >> 60), root));
	/* Reserved values. Source: Privileged v1.12, table 4.3. */
	KTAP_EXPECT(out, !port_address_space_probe(7, root));
	KTAP_EXPECT(out, !port_address_space_probe(12, root));
	KTAP_EXPECT(out, port_address_space_set(12, root, 0) == -ENOTSUP);
	__asm__ volatile("csrr %0, satp" : "=r"(again));
	KTAP_EXPECT(out, satp == again);
	return 0;
}

static FPG_NOINLINE uint64_t use_stack(void)
{
	volatile uint64_t words[100];
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		words[i] = i;
	}
	return words[7];
}

static int high_water_is_within_the_stack(struct out *out)
{
	size_t bytes = 0;
	uint64_t used = (uint64_t)(uintptr_t)hart_self()->stack.top -
			(uint64_t)(uintptr_t)__builtin_frame_address(0);
	KTAP_EXPECT(out, use_stack() == 7);
	size_t high = port_stack_high_water(NULL, &bytes);
	KTAP_EXPECT(out, bytes >= 16384 && high <= bytes);
	KTAP_EXPECT(out, high >= used + 100 * sizeof(uint64_t));
	KTAP_EXPECT(out, port_stack_high_water(hart_self(), &bytes) >= high);
	return 0;
}

const struct target_test target_tests_user_mode[] = {
	{ "registers_are_the_programs_own", registers_are_the_programs_own },
	{ "kernel_registers_survive_a_program", kernel_registers_survive_a_program },
	{ "every_ending_comes_back_with_its_cause", every_ending_comes_back_with_its_cause },
	{ "the_timer_ends_a_program", the_timer_ends_a_program },
	{ "an_interrupt_ends_no_expectation", an_interrupt_ends_no_expectation },
	{ "interrupts_are_after_a_program_as_before", interrupts_are_after_a_program_as_before },
	{ "the_hart_tells_modes_and_asids", the_hart_tells_modes_and_asids },
	{ "high_water_is_within_the_stack", high_water_is_within_the_stack },
	{ 0 },
};
