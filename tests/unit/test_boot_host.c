/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves that the whole boot, from the blob to the monitor, survives each of its allocations failing: it ends at the
 * prompt, with commands that work, an exact ledger and the loss named in the log, or in a panic that says which step
 * cannot go on. For machines of every mode, with small and with many ranges, one and several harts.
 */
#include "host_boot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COMMANDS "ledger; zones; harts; alloc 3 4; free all; pagetable; ledger"

/** Far more than any boot makes. */
#define NEVER 1000000U

static struct host_boot boot;
/** What a boot has to offer when nothing fails. */
static struct {
	unsigned long long free_kib;
	unsigned long harts;
	char story[HOST_BOOT_LOG];
} whole;
static char this_story[HOST_BOOT_LOG];

static const struct host_machine small = {
	.name = "small", .bootargs = "", .satp_mode = 8, .ram_bytes = 64 * SZ_1M, .harts = 3
};
static const struct host_machine many_ranges = { .name = "many ranges",
						 .bootargs = "satp=sv48 palloc=bootmem",
						 .satp_mode = 9,
						 .ram_bytes = 96 * SZ_1M,
						 .harts = 1,
						 .reserved_nodes = 300 };
static const struct host_machine two_nodes = { .name = "two nodes",
					       .bootargs = "satp=sv57 memtest=1",
					       .satp_mode = 10,
					       .ram_bytes = 48 * SZ_1M,
					       .far_bytes = 16 * SZ_1M,
					       .harts = 2 };
static const struct host_machine debug = { .name = "debug",
					   .bootargs = "debug_pagealloc page_owner",
					   .satp_mode = 8,
					   .ram_bytes = 64 * SZ_1M,
					   .harts = 2 };

/* ---- reading the log ----------------------------------------------------------------------------------------- */

/** Copy the line that @at lies in. */
static void line_at(const char *at, char *line, size_t room)
{
	while (at > boot.log && at[-1] != '\n') {
		at--;
	}
	(void)snprintf(line, room, "%.*s", (int)strcspn(at, "\r\n"), at);
}

/** A warning or error of anybody but fail_boot itself. */
static bool somebody_complained(void)
{
	char line[512];
	const char *words[] = { ": warning: ", ": error: " };
	for (size_t w = 0; w < 2; w++) {
		for (const char *at = strstr(boot.log, words[w]); at != NULL;
		     at = strstr(at + 1, words[w])) {
			line_at(at, line, sizeof(line));
			if (strstr(line, "] fail_boot: ") == NULL) {
				return true;
			}
		}
	}
	return false;
}

static unsigned int count_of(const char *text)
{
	unsigned int n = 0;
	for (const char *at = strstr(boot.log, text); at != NULL; at = strstr(at + 1, text)) {
		n++;
	}
	return n;
}

/**
 * The boot's log without times, numbers and what memblock shows: what happened, not how much of it.
 * @story  takes it, at least HOST_BOOT_LOG
 */
static void read_story(char *story)
{
	size_t used = 0;
	for (const char *at = boot.log; *at != '\0';) {
		const char *text = *at == '[' ? strstr(at, "] ") : NULL;
		size_t bytes = strcspn(at, "\n");
		bool told = text != NULL && text < at + bytes &&
			    strncmp(text, "] memblock: ", 12) != 0 &&
			    strncmp(text, "] fail_boot: ", 13) != 0;
		for (const char *p = text; told && p < at + bytes;) {
			size_t word = strcspn(p, " \n");
			size_t digits = strcspn(p, "0123456789");
			if (digits >= word) {
				memcpy(story + used, p, word);
				used += word;
			}
			story[used++] = ' ';
			p += word + 1;
		}
		if (told) {
			story[used++] = '\n';
		}
		at += bytes + (at[bytes] == '\n');
	}
	story[used] = '\0';
}

static void offers(unsigned long long *free_kib, unsigned long *harts)
{
	const char *memory = strstr(boot.log, "Memory: ");
	const char *online = strstr(boot.log, " harts online");
	*free_kib = memory != NULL ? strtoull(memory + 8, NULL, 10) : 0;
	while (online != NULL && online[-1] != ' ') {
		online--;
	}
	*harts = online != NULL ? strtoul(online, NULL, 10) : 1;
}

/* ---- judging ------------------------------------------------------------------------------------------------- */

static void must(bool good, const struct host_machine *m, unsigned long k, const char *what)
{
	if (!good) {
		fprintf(stderr, "%s, fail_boot=%lu: %s; status %d, signal %d. Its log:\n%s\n",
			m->name, k, what, boot.status, boot.signal, boot.log);
		fail();
	}
}

static void judge_prompt(const struct host_machine *m, unsigned long k)
{
	unsigned long long free_kib;
	unsigned long harts;
	offers(&free_kib, &harts);
	must(count_of("bytes accounted for: exact") == 2, m, k, "the ledger is not exact");
	must(strstr(boot.log, "MISMATCH") == NULL, m, k, "the ledger is off");
	if (somebody_complained()) {
		return;
	}
	/* Another way was found, and nothing is missing. */
	must(free_kib + 64 >= whole.free_kib && harts == whole.harts, m, k,
	     "harts or memory were lost in silence");
	read_story(this_story);
	must(strcmp(this_story, whole.story) == 0, m, k, "the boot did something else in silence");
}

/** Return: false when nothing failed, because there are fewer allocations. */
static bool judge(const struct host_machine *m, unsigned long k)
{
	char line[512];
	char wanted[64];
	must(boot.exited, m, k, "it crashed, or it hangs");
	must(strstr(boot.log, "AddressSanitizer") == NULL &&
		     strstr(boot.log, "runtime error") == NULL,
	     m, k, "a sanitizer complains");
	if (strstr(boot.log, ": none failed, the boot made ") != NULL) {
		must(boot.status == 0, m, k, "a boot in which nothing fails fails");
		return false;
	}
	(void)snprintf(wanted, sizeof(wanted), "] fail_boot: warning: allocation %lu (", k);
	const char *named = strstr(boot.log, wanted);
	must(named != NULL, m, k, "the allocation is not named");
	line_at(named, line, sizeof(line));
	const char *panic = strstr(boot.log, "panic: ");
	if (panic == NULL) {
		must(boot.status == 0, m, k, "no panic, but it failed");
		judge_prompt(m, k);
		printf("%s: exit 0%s: %s\n", m->name, somebody_complained() ? "" : ", nothing lost",
		       line);
		return true;
	}
	must(boot.status == 2, m, k, "a panic has status 2");
	must(strstr(boot.log, "panic inside a panic") == NULL &&
		     strstr(boot.log, "check failed") == NULL,
	     m, k, "the panic is a failed check");
	printf("%s: exit 2: %s\n", m->name, line);
	return true;
}

static void every_allocation_fails_in_turn(const struct host_machine *m)
{
	host_boot_run(m, NEVER, COMMANDS, &boot);
	must(!judge(m, NEVER), m, NEVER, "that many allocations");
	must(!somebody_complained(), m, NEVER, "a whole boot complains");
	offers(&whole.free_kib, &whole.harts);
	read_story(whole.story);
	judge_prompt(m, NEVER);
	must(whole.free_kib > 0 && whole.harts == m->harts, m, NEVER, "harts or memory missing");
	unsigned long k = 1;
	do {
		host_boot_run(m, k, COMMANDS, &boot);
	} while (judge(m, k) && k++ < NEVER);
	assert_true(k > 10);
	print_message("%s: %lu allocations, each failed once\n", m->name, k - 1);
}

static void a_small_machine_survives_each_failed_allocation(void **state)
{
	(void)state;
	every_allocation_fails_in_turn(&small);
}

static void a_tree_of_many_ranges_survives_each_failed_allocation(void **state)
{
	(void)state;
	every_allocation_fails_in_turn(&many_ranges);
}

static void two_nodes_survive_each_failed_allocation(void **state)
{
	(void)state;
	every_allocation_fails_in_turn(&two_nodes);
}

static void debugging_aids_survive_each_failed_allocation(void **state)
{
	(void)state;
	every_allocation_fails_in_turn(&debug);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_small_machine_survives_each_failed_allocation),
		cmocka_unit_test(a_tree_of_many_ranges_survives_each_failed_allocation),
		cmocka_unit_test(two_nodes_survive_each_failed_allocation),
		cmocka_unit_test(debugging_aids_survive_each_failed_allocation),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
