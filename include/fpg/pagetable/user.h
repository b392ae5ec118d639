/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs in U-mode: those built into the image, how they are loaded and run, and how they end.
 * A hart runs one program at a time, to its end; a program may run on several harts at once in one
 * address space.
 */
#pragma once

#include "fpg/pagetable/mm.h"

/**
 * Where a program finds itself: text is readable and executable, data readable and writable, zeroed
 * at the start. pagetable/mm/programs/program.inc repeats these.
 */
#define USER_TEXT_BASE	0x10000UL
#define USER_DATA_BASE	0x20000UL
#define USER_DATA_BYTES (4 * PAGE_SIZE)

/** System calls: a7 is the number, a0 to a5 arguments, a0 the result or a negative errno. */
enum user_call {
	/* Linux's numbers for riscv64. Source: Linux 6.1, include/uapi/asm-generic/unistd.h. */
	USER_WRITE = 64,
	USER_EXIT = 93,
	USER_YIELD = 124,
	USER_BRK = 214,
	USER_MUNMAP = 215,
	USER_MMAP = 222,
	USER_MPROTECT = 226,
	/** Ours: the index of the hart this runs on. */
	USER_HART = 1000,
};

/** How a program ended. */
struct user_exit {
	/** It did not say exit. */
	bool killed;
	/** Time limit reached. */
	bool timed_out;
	/** What it said; or why a page fault was not resolved (-EFAULT, -EACCES, -ENOMEM). */
	int64_t status;
	/** Of the trap that killed it. */
	uint64_t cause;
	vaddr_t addr;
	vaddr_t pc;
};

/** A program built into the image, and what becomes of it when all is well. */
struct user_program {
	const char *name;
	const char *help;
	/** Position-independent; begins at its entry. */
	const char *code;
	const char *code_end;
	/** What its argument is when none is given. */
	uint64_t arg;
	/** It is meant to be killed, by this cause at this address (USER_ANY_ADDR: wherever). */
	bool killed;
	bool timed_out;
	uint64_t cause;
	uint64_t addr;
};
#define USER_ANY_ADDR UINT64_MAX

/** Ends with name == NULL; empty on hosts. */
extern const struct user_program user_programs[];
/** Return: NULL when there is none of that name */
const struct user_program *user_program_find(const char *name);

/** @exit is how @program is meant to end with its own argument. */
bool user_exit_expected(const struct user_program *program, const struct user_exit *exit);

/**
 * A fresh address space with @program in it, for user_run() on one or several harts.
 * Return: NULL, logged. Owner: the caller, until mm_destroy()
 */
struct mm *user_load(const struct user_program *program);

/**
 * Run @program to its end on this hart, in an address space of its own (@mm NULL) or in one that
 * user_load() made and others may run too; each hart has its own stack there.
 *
 * Context: no lock held; a hart that runs no other program
 * Return:  0 with *@out | -ENOMEM | -ENOEXEC (@mm holds another program)
 */
FPG_MUST_CHECK int user_run(const struct user_program *program, struct mm *mm, uint64_t arg,
			    struct user_exit *out);

/** How long a program may run; 10 seconds at the start. 0: no limit. */
void user_set_time_limit(uint64_t milliseconds);
uint64_t user_time_limit(void);

/** "exit 0", or why it was killed: "killed: load page fault at 0x0, pc 0x10004: no memory there". */
#define USER_EXIT_TEXT 160
const char *user_exit_text(char *buf, size_t bytes, const struct user_exit *exit);
