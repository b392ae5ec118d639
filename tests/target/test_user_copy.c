/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copies from and to user memory move exactly the bytes asked for, at every alignment; one that meets a hole stops at
 * it, to the byte, unless the layer above makes the hole go away; nothing but such a copy reaches user memory.
 */
#include "ktap.h"
#include "user_space.h"

#include "fpg/port/port.h"
#include "fpg/port/trap.h"
#include "fpg/port/user.h"
#include "platform/riscv/hart.h"

#include <errno.h>
#include <string.h>

#define EDGE 96U

static unsigned char kernel_bytes[512];

static unsigned char pattern(size_t i)
{
	return (unsigned char)(i * 7 + 1);
}

static void fill(unsigned char *p, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++) {
		p[i] = pattern(i);
	}
}

/* Bytes [0, n) of @p follow the pattern, [n, end) are 0. */
static bool holds(const unsigned char *p, size_t n, size_t end)
{
	for (size_t i = 0; i < end; i++) {
		if (p[i] != (i < n ? pattern(i) : 0)) {
			return false;
		}
	}
	return true;
}

/* Run @test in a space with pages 0 and 1 mapped read-write and 2 a hole. */
static int in_space(struct out *out, int (*test)(struct out *out, struct user_space *us))
{
	static struct user_space us;
	int bad = 1;
	KTAP_EXPECT(out, user_space_enter(&us) == 0);
	if (user_space_map(&us, 0, LEAF_R | LEAF_W) == 0 &&
	    user_space_map(&us, 1, LEAF_R | LEAF_W) == 0) {
		bad = test(out, &us);
	} else {
		out_printf(out, "# no memory for user pages\n");
	}
	user_space_leave(&us);
	return bad;
}

/* @bytes at @offset of page 0, from and to a kernel buffer at @shift. */
static int copy_both_ways(struct out *out, struct user_space *us, size_t offset, size_t shift,
			  size_t bytes)
{
	unsigned char *kernel = kernel_bytes + shift;
	unsigned char *user = us->page[0] + offset;
	memset(us->page[0], 0, 512);
	memset(kernel_bytes, 0, sizeof(kernel_bytes));
	fill(kernel, bytes);
	KTAP_EXPECT(out, port_copy_to_user(user_va(0, offset), kernel, bytes) == 0);
	KTAP_EXPECT(out, holds(user, bytes, bytes + 16));
	KTAP_EXPECT(out, offset == 0 || user[-1] == 0);
	memset(kernel_bytes, 0, sizeof(kernel_bytes));
	KTAP_EXPECT(out, port_copy_from_user(kernel, user_va(0, offset), bytes) == 0);
	KTAP_EXPECT(out, holds(kernel, bytes, bytes + 16));
	KTAP_EXPECT(out, shift == 0 || kernel[-1] == 0);
	return 0;
}

static int every_alignment(struct out *out, struct user_space *us)
{
	static const unsigned short lengths[] = { 0,  1,  2,  7,  8,  9,   15,	16,  17, 63,
						  64, 65, 71, 72, 73, 127, 128, 129, 200 };
	for (size_t offset = 0; offset < 9; offset++) {
		for (size_t shift = 0; shift < 9; shift++) {
			for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
				if (copy_both_ways(out, us, offset, shift, lengths[i])) {
					return 1;
				}
			}
		}
	}
	return 0;
}

static int copies_move_every_alignment_and_length(struct out *out)
{
	return in_space(out, every_alignment);
}

/* The hole begins @before bytes after the start of a copy of @bytes. */
static int meet_hole(struct out *out, struct user_space *us, size_t before, size_t shift,
		     size_t bytes)
{
	vaddr_t at = vaddr(user_va(2, 0).v - before);
	unsigned char *kernel = kernel_bytes + shift;
	unsigned char *user = us->page[1] + PAGE_SIZE - before;
	size_t left = bytes > before ? bytes - before : 0;

	memset(us->page[1] + PAGE_SIZE - EDGE, 0, EDGE);
	fill(kernel, bytes);
	KTAP_EXPECT(out, port_copy_to_user(at, kernel, bytes) == left);
	KTAP_EXPECT(out, holds(user, bytes - left, before));
	memset(kernel_bytes, 0, sizeof(kernel_bytes));
	KTAP_EXPECT(out, port_copy_from_user(kernel, at, bytes) == left);
	KTAP_EXPECT(out, holds(kernel, bytes - left, bytes + 16));
	return 0;
}

static int every_edge(struct out *out, struct user_space *us)
{
	for (size_t before = 0; before <= EDGE; before++) {
		for (size_t shift = 0; shift < 8; shift++) {
			if (meet_hole(out, us, before, shift, 90) ||
			    meet_hole(out, us, before, shift, 200)) {
				return 1;
			}
		}
	}
	return 0;
}

static int copies_stop_at_a_hole_to_the_byte(struct out *out)
{
	return in_space(out, every_edge);
}

static int read_only(struct out *out, struct user_space *us)
{
	us->page[1][0] = 77;
	KTAP_EXPECT(out, user_space_map(us, 1, LEAF_R) == 0);
	KTAP_EXPECT(out, port_copy_from_user(kernel_bytes, user_va(1, 0), 100) == 0);
	KTAP_EXPECT(out, kernel_bytes[0] == 77);
	KTAP_EXPECT(out, port_copy_to_user(user_va(1, 0), kernel_bytes + 1, 100) == 100);
	KTAP_EXPECT(out, port_copy_to_user(user_va(0, PAGE_SIZE - 5), kernel_bytes, 100) == 95);
	KTAP_EXPECT(out, us->page[1][0] == 77);
	return 0;
}

static int copies_to_read_only_pages_end_there(struct out *out)
{
	return in_space(out, read_only);
}

static int only_lower_half(struct out *out, struct user_space *us)
{
	(void)us;
	uint64_t kernel = (uint64_t)(uintptr_t)kernel_bytes;
	const uint64_t bad[] = { kernel, 1ULL << 63,	   ~0ULL - 63,
				 ~0ULL,	 (1ULL << 63) - 8, (1ULL << 62) + 3 };
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		KTAP_EXPECT(out, port_copy_from_user(kernel_bytes, vaddr(bad[i]), 64) == 64);
		KTAP_EXPECT(out, port_copy_to_user(vaddr(bad[i]), kernel_bytes, 64) == 64);
	}
	KTAP_EXPECT(out, port_copy_from_user(kernel_bytes, user_va(0, 0), SIZE_MAX) == SIZE_MAX);
	KTAP_EXPECT(out, port_copy_to_user(vaddr(8), kernel_bytes, 16) == 16);
	return 0;
}

static int only_the_lower_half_is_user_memory(struct out *out)
{
	return in_space(out, only_lower_half);
}

static void load(void *arg)
{
	(void)*(volatile unsigned char *)arg;
}

static int the_door_is_shut(struct out *out)
{
	uint64_t cause = 0;
	uint64_t tval = 0;
	KTAP_EXPECT(out, trap_expect(load, vaddr_ptr(user_va(0, 3)), &cause, &tval) == -EFAULT);
	KTAP_EXPECT(out, cause == TRAP_LOAD_PAGE_FAULT && tval == user_va(0, 3).v);
	return 0;
}

/* At first, after a copy that worked, and after one that did not. */
static int direct_access(struct out *out, struct user_space *us)
{
	(void)us;
	if (the_door_is_shut(out)) {
		return 1;
	}
	KTAP_EXPECT(out, port_copy_from_user(kernel_bytes, user_va(0, 0), 8) == 0);
	if (the_door_is_shut(out)) {
		return 1;
	}
	KTAP_EXPECT(out, port_copy_from_user(kernel_bytes, user_va(2, 0), 8) == 8);
	return the_door_is_shut(out);
}

static int the_kernel_reaches_user_memory_by_copies_only(struct out *out)
{
	return in_space(out, direct_access);
}

extern char __rodata_start[];

static void copy_over_rodata(void *arg)
{
	*(size_t *)arg = port_copy_from_user(__rodata_start, user_va(0, 0), 8);
}

static void copy_from_nothing(void *arg)
{
	*(size_t *)arg = port_copy_to_user(user_va(0, 0), (const void *)8, 8);
}

static int kernel_side(struct out *out, struct user_space *us)
{
	(void)us;
	size_t result = 99;
	uint64_t cause = 0;
	KTAP_EXPECT(out, trap_expect(copy_over_rodata, &result, &cause, NULL) == -EFAULT);
	KTAP_EXPECT(out, cause == TRAP_STORE_PAGE_FAULT);
	KTAP_EXPECT(out, trap_expect(copy_from_nothing, &result, &cause, NULL) == -EFAULT);
	KTAP_EXPECT(out, cause == TRAP_LOAD_PAGE_FAULT && result == 99);
	return the_door_is_shut(out);
}

static int a_fault_on_the_kernels_side_is_no_users_fault(struct out *out)
{
	return in_space(out, kernel_side);
}

/* ---- faults that the layer above resolves ------------------------------------------------------------------- */

static struct {
	struct user_space *us;
	unsigned int calls;
	unsigned int wrong;
	unsigned int refuse_from;
} handler;

static void illegal(void *arg)
{
	(void)arg;
	__asm__ volatile(".4byte 0");
}

static bool resolve(const struct port_trap *trap)
{
	uint64_t index = (trap->tval - USER_BASE) / PAGE_SIZE;
	uint64_t cause = 0;
	handler.calls++;
	/* Traps of its own, user memory closed, a callable machine: as anywhere in the kernel. */
	if (trap_expect(illegal, NULL, &cause, NULL) != -EFAULT || cause != TRAP_ILLEGAL_INSN ||
	    trap_expect(load, vaddr_ptr(user_va(0, 0)), &cause, NULL) != -EFAULT ||
	    trap->from_user) {
		handler.wrong++;
	}
	if (index >= USER_PAGES || index >= handler.refuse_from) {
		return false;
	}
	if (port_copy_from_user(kernel_bytes, user_va(0, 0), 1) != 0) {
		handler.wrong++;
	}
	return user_space_map(handler.us, (unsigned int)index, LEAF_R | LEAF_W) == 0;
}

static int resolved(struct out *out, struct user_space *us)
{
	static unsigned char big[4 * PAGE_SIZE];
	vaddr_t start = user_va(1, PAGE_SIZE - 100);
	handler.us = us;
	handler.calls = 0;
	handler.wrong = 0;
	handler.refuse_from = 4;
	fill(big, sizeof(big));
	/* Pages 2 and 3 come on demand, 4 does not. */
	KTAP_EXPECT(out, port_copy_to_user(start, big, sizeof(big)) ==
				 sizeof(big) - 100 - 2 * PAGE_SIZE);
	KTAP_EXPECT(out, handler.calls == 3 && handler.wrong == 0);
	KTAP_EXPECT(out, memcmp(us->page[2], big + 100, PAGE_SIZE) == 0);
	KTAP_EXPECT(out, memcmp(us->page[3], big + 100 + PAGE_SIZE, PAGE_SIZE) == 0);
	user_space_unmap(us, 2);
	KTAP_EXPECT(out, port_copy_from_user(big, start, 2 * PAGE_SIZE) == 0);
	KTAP_EXPECT(out, handler.calls == 4 && handler.wrong == 0);
	KTAP_EXPECT(out, big[99] == pattern(99) && big[100] == 0 && big[99 + PAGE_SIZE] == 0);
	KTAP_EXPECT(out, big[100 + PAGE_SIZE] == pattern(100 + PAGE_SIZE));
	return the_door_is_shut(out);
}

static int a_resolved_fault_lets_the_copy_go_on(struct out *out)
{
	const struct trap_ops *before = trap_ops_registered();
	const struct trap_ops ours = { .fatal = before->fatal, .user_fault = resolve };
	port_trap_register(&ours);
	int bad = in_space(out, resolved);
	port_trap_register(before);
	return bad;
}

const struct target_test target_tests_user_copy[] = {
	{ "copies_move_every_alignment_and_length", copies_move_every_alignment_and_length },
	{ "copies_stop_at_a_hole_to_the_byte", copies_stop_at_a_hole_to_the_byte },
	{ "copies_to_read_only_pages_end_there", copies_to_read_only_pages_end_there },
	{ "only_the_lower_half_is_user_memory", only_the_lower_half_is_user_memory },
	{ "the_kernel_reaches_user_memory_by_copies_only",
	  the_kernel_reaches_user_memory_by_copies_only },
	{ "a_fault_on_the_kernels_side_is_no_users_fault",
	  a_fault_on_the_kernels_side_is_no_users_fault },
	{ "a_resolved_fault_lets_the_copy_go_on", a_resolved_fault_lets_the_copy_go_on },
	{ 0 },
};
