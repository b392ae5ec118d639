/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests of several harts: a process of its own for each (harts start once, and some tests end in a panic), and a
 * machine with harts that are threads. One file a test binary includes this.
 */
#pragma once

#include "fpg/core/devicetree.h"
#include "fpg/core/hart.h"
#include "fpg/core/panic.h"
#include "host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define BOOT_HART 5U

/* ---- a process for each test -------------------------------------------------------------------------------- */

#define EXPECT(cond)                                                               \
	do {                                                                       \
		if (!(cond)) {                                                     \
			printf("%s:%d: expected %s\n", __FILE__, __LINE__, #cond); \
			end_child(99);                                             \
		}                                                                  \
	} while (0)

static FPG_UNUSED char text[65536];

static FPG_NORETURN void end_child_now(int code)
{
	fflush(stdout);
	_exit(code);
}

static FPG_UNUSED void end_child(int code)
{
	end_child_now(code);
}

static FPG_NORETURN void run_child(void (*fn)(void), int to)
{
	fflush(stdout);
	dup2(to, 1);
	host_set_exit_hook(end_child);
	panic_init();
	fn();
	end_child_now(0);
}

/** Run @fn in a child, what it prints goes to `text`. Return: its exit status, or -1 when a signal ended it */
static FPG_UNUSED int status_of(void (*fn)(void))
{
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	fflush(stdout);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(ends[0]);
		run_child(fn, ends[1]);
	}
	close(ends[1]);
	size_t used = 0;
	ssize_t got;
	while ((got = read(ends[0], text + used, sizeof(text) - 1 - used)) > 0) {
		used += (size_t)got;
	}
	text[used] = '\0';
	close(ends[0]);
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	if (code == 99 || code == -1) {
		print_error("%s", text);
	}
	return code;
}

#define assert_text(part) assert_non_null(strstr(text, part))
#define assert_passes(fn) assert_int_equal(status_of(fn), 0)
#define assert_panics(fn, part)                              \
	do {                                                 \
		assert_int_equal(status_of(fn), EXIT_PANIC); \
		assert_text(part);                           \
	} while (0)

/* ---- a machine ---------------------------------------------------------------------------------------------- */

static struct dt_facts facts = { .timebase_hz = 1000000000U };
static unsigned int stacks_out;
static unsigned int stacks_left = UINT32_MAX;

static char *take_stack(size_t bytes)
{
	if (stacks_left == 0) {
		return NULL;
	}
	stacks_left--;
	stacks_out++;
	return aligned_alloc(PAGE_SIZE, bytes);
}

static FPG_UNUSED void give_stack(char *low, size_t bytes)
{
	(void)bytes;
	stacks_out--;
	free(low);
}

static FPG_UNUSED void *take_area(size_t bytes)
{
	void *area = aligned_alloc(PAGE_SIZE, bytes);
	return area == NULL ? NULL : memset(area, 0, bytes);
}

static struct dt_cpu *add_cpu(uint64_t id)
{
	struct dt_cpu *cpu = &facts.cpus[facts.cpu_count++];
	*cpu = (struct dt_cpu){
		.hart = id,
		.nid = 1,
		.enabled = true,
		.has_mmu = true,
		.rv64 = true,
		.isa = "rv64imac",
		.mmu_type = "riscv,sv39",
	};
	return cpu;
}

/** @most: as maxcpus=, 0: no limit. */
static FPG_UNUSED unsigned int start_at_most(unsigned int most)
{
	const struct hart_start_env env = {
		.satp_mode = 8,
		.root = PAGE_SIZE,
		.max_harts = most,
		.stack_alloc = take_stack,
		.stack_free = give_stack,
		.area_alloc = take_area,
	};
	host_set_hart_id(BOOT_HART);
	hart_init();
	return harts_start(&facts, &env);
}

static FPG_UNUSED unsigned int start(void)
{
	return start_at_most(0);
}

/** @count harts in all. */
static FPG_UNUSED void start_harts(unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		add_cpu(BOOT_HART + (uint64_t)i * i * 1000);
	}
	EXPECT(start() == count);
	EXPECT(harts_online_count() == count);
}

static FPG_UNUSED hart_mask_t others(void)
{
	return harts_online() & ~hart_mask_of(hart_index());
}
