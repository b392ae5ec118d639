/* SPDX-License-Identifier: BSD-2-Clause */
/* The programs in the image, and how each is meant to end. */
#include "fpg/pagetable/user.h"

/** X(code, name, help, argument, what becomes of it) */
#define PROGRAMS(X)                                                                              \
	X(hello, "hello", "writes a line to the console", 0, EXITS)                              \
	X(touch, "touch", "uses ARG MiB by brk and mmap, all zero at first", 4, EXITS)           \
	X(stack, "stack", "uses ARG KiB of stack, which grows", 4096, EXITS)                     \
	X(count, "count",                                                                        \
	  "adds one to a word in each page of its data, ARG times (0: until told to stop)",      \
	  100000, EXITS)                                                                         \
	X(shared, "shared", "ARG harts in one space add to one word", 1, EXITS)                  \
	X(sums, "sums",                                                                          \
	  "writes and checks sums of pages of its own, ARG rounds (0: until told to stop)", 200, \
	  EXITS)                                                                                 \
	X(calls, "calls", "system calls that are refused", 0, EXITS)                             \
	X(stack, "overflow", "uses ARG KiB of stack, more than it may grow to", 16384,           \
	  KILLED(TRAP_STORE_PAGE_FAULT, USER_ANY_ADDR))                                          \
	X(null, "null", "reads address 0", 0, KILLED(TRAP_LOAD_PAGE_FAULT, 0))                   \
	X(bad_read, "bad-read", "reads where nothing is mapped", 0,                              \
	  KILLED(TRAP_LOAD_PAGE_FAULT, 0x30000000))                                              \
	X(bad_write, "bad-write", "writes to its own text", 0,                                   \
	  KILLED(TRAP_STORE_PAGE_FAULT, USER_TEXT_BASE))                                         \
	X(bad_exec, "bad-exec", "runs code in its data", 0,                                      \
	  KILLED(TRAP_INSN_PAGE_FAULT, USER_DATA_BASE))                                          \
	X(kernel_read, "kernel-read", "reads the kernel's image", 0,                             \
	  KILLED(TRAP_LOAD_PAGE_FAULT, 0xffffffff80000000))                                      \
	X(protect, "protect", "writes to memory that it made read-only", 0,                      \
	  KILLED(TRAP_STORE_PAGE_FAULT, USER_ANY_ADDR))                                          \
	X(unmapped, "unmapped", "reads memory that it gave back", 0,                             \
	  KILLED(TRAP_LOAD_PAGE_FAULT, USER_ANY_ADDR))                                           \
	X(illegal, "illegal", "runs an illegal instruction", 0,                                  \
	  KILLED(TRAP_ILLEGAL_INSN, USER_ANY_ADDR))                                              \
	X(loop, "loop", "runs until the time limit", 0, TIMED_OUT)

#define EXITS		   .killed = false
#define KILLED(why, where) .killed = true, .cause = (why), .addr = (where)
#define TIMED_OUT	   .killed = true, .timed_out = true, .cause = PORT_USER_TIMER

#define X(code, name, help, arg, ...) \
	extern const char user_code_##code[], user_code_##code##_end[];
PROGRAMS(X)
#undef X

const struct user_program user_programs[] = {
#define X(id, title, about, argument, ...)        \
	{                                         \
		.name = (title),                  \
		.help = (about),                  \
		.code = user_code_##id,           \
		.code_end = user_code_##id##_end, \
		.arg = (argument),                \
		__VA_ARGS__,                      \
	},
	PROGRAMS(X)
#undef X
		{ 0 },
};
