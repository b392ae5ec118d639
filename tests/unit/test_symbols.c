/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves the symbol search at every edge, that an unknown address is shown as a number, and how a
 * panic ends.
 */
#include "fpg/base/assert.h"
#include "fpg/core/panic.h"
#include "fpg/core/symbols.h"
#include "host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void the_search_finds_the_symbol_at_or_below(void **state)
{
	(void)state;
	static const uint32_t offsets[] = { 0, 16, 16, 32, 0xfffffff0 };
	assert_int_equal(symbol_search(offsets, 0, 5), 0);
	assert_int_equal(symbol_search(offsets, 5, 0), 1);
	assert_int_equal(symbol_search(offsets, 5, 15), 1);
	assert_int_equal(symbol_search(offsets, 5, 16), 3);
	assert_int_equal(symbol_search(offsets, 5, 31), 3);
	assert_int_equal(symbol_search(offsets, 5, 32), 4);
	assert_int_equal(symbol_search(offsets, 5, 0xffffffff), 5);
	assert_int_equal(symbol_search(offsets + 1, 4, 3), 0);
}

static void an_address_outside_the_image_is_a_number(void **state)
{
	(void)state;
	char buf[24];
	assert_null(symbol_lookup(0, NULL));
	assert_null(symbol_lookup(UINT64_MAX, NULL));
	assert_string_equal(symbol_format(buf, sizeof(buf), 0x80200000), "0x80200000");
	assert_string_equal(symbol_format(buf, sizeof(buf), UINT64_MAX), "0xffffffffffffffff");
}

static jmp_buf ended;
static int exit_code;

static void on_exit_hook(int code)
{
	exit_code = code;
	longjmp(ended, 1);
}

/** Run @fn with stdout in a file and hand back what it printed. */
static const char *output_of(void (*fn)(void))
{
	static char text[4096];
	fflush(stdout);
	int saved = dup(1);
	FILE *file = tmpfile();
	assert_non_null(file);
	dup2(fileno(file), 1);
	host_set_exit_hook(on_exit_hook);
	if (setjmp(ended) == 0) {
		fn();
	}
	fflush(stdout);
	dup2(saved, 1);
	close(saved);
	rewind(file);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	return text;
}

static void end_well(void)
{
	firstpage_exit(0);
}

static void end_in_panic(void)
{
	panic("no %s at 0x%x", "memory", 0x80000000u);
}

static void end_in_a_check(void)
{
	panic_init();
	FPG_CHECK(1 + 1 == 3);
}

static void the_last_line_is_the_exit_status(void **state)
{
	(void)state;
	assert_string_equal(output_of(end_well), "firstpage: exit 0\n");
	assert_int_equal(exit_code, EXIT_OK);
}

static void a_panic_says_why_and_a_second_one_is_short(void **state)
{
	(void)state;
	const char *text = output_of(end_in_panic);
	assert_string_equal(text, "panic: hart 0: no memory at 0x80000000\nfirstpage: exit 2\n");
	assert_int_equal(exit_code, EXIT_PANIC);
	text = output_of(end_in_a_check);
	assert_string_equal(
		text, "\npanic inside a panic: check failed: %s (%s:%d)\nfirstpage: exit 2\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_search_finds_the_symbol_at_or_below),
		cmocka_unit_test(an_address_outside_the_image_is_a_number),
		cmocka_unit_test(the_last_line_is_the_exit_status),
		cmocka_unit_test(a_panic_says_why_and_a_second_one_is_short),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
