/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves that formatted output agrees with the C library's snprintf for every conversion we use,
 * that no byte of a long result is lost, and that a full buffer says how much did not fit.
 */
#include "fpg/base/out.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char got[8192];
static struct out_buffer sink;

static int setup(void **state)
{
	(void)state;
	out_buffer_init(&sink, got, sizeof(got));
	return 0;
}

#define SAME_AS_LIBC(...)                                  \
	do {                                               \
		char want[512];                            \
		snprintf(want, sizeof(want), __VA_ARGS__); \
		out_buffer_init(&sink, got, sizeof(got));  \
		out_printf(&sink.out, __VA_ARGS__);        \
		assert_string_equal(got, want);            \
	} while (0)

static void integers_are_formatted_as_by_the_c_library(void **state)
{
	(void)state;
	SAME_AS_LIBC("%d %i %u", -1, 0, 4294967295u);
	SAME_AS_LIBC("%ld %lu %lld %llu", INT64_MIN, UINT64_MAX, (long long)INT64_MAX,
		     (unsigned long long)UINT64_MAX);
	SAME_AS_LIBC("%hhu %hhd %hu %hd", (unsigned char)255, (signed char)-128,
		     (unsigned short)65535, (short)-32768);
	SAME_AS_LIBC("%zu %zx %jx %td", (size_t)1 << 63, (size_t)255, (uintmax_t)7, (ptrdiff_t)-9);
	SAME_AS_LIBC("%x %X %#x %#X %o %#o", 0xbeefu, 0xbeefu, 0xbeefu, 0xbeefu, 8u, 8u);
	SAME_AS_LIBC("%#x|%#o|%x", 0u, 9u, 0u);
}

static void width_precision_and_flags_are_those_of_the_c_library(void **state)
{
	(void)state;
	SAME_AS_LIBC("[%8d][%-8d][%08d][%+d][% d]", 42, 42, -42, 42, 42);
	SAME_AS_LIBC("[%.5d][%8.5d][%-8.5d][%8.0d]", 42, -42, 42, 7);
	SAME_AS_LIBC("[%#018llx][%#10x][%-#10x|]", 0x80000000ULL, 0xffu, 0xffu);
	SAME_AS_LIBC("[%*d][%-*d][%*d][%.*d]", 6, 1, 6, 2, -6, 3, 4, 5);
	SAME_AS_LIBC("[%4lu.%06lu]", 12ul, 34ul);
	SAME_AS_LIBC("[%10s][%-10s][%.3s][%10.2s][%.*s]", "abc", "abc", "abcdef", "abcdef", 4,
		     "abcdef");
	SAME_AS_LIBC("[%c][%3c][%-3c][%%]", 'x', 'y', 'z');
	SAME_AS_LIBC("%p", (void *)(uintptr_t)0x80200000u);
}

static void a_string_is_never_read_past_its_precision(void **state)
{
	(void)state;
	char *four = malloc(4);
	memcpy(four, "abcd", 4);
	out_printf(&sink.out, "%.4s", four);
	free(four);
	assert_string_equal(got, "abcd");
}

static void random_integers_agree_with_the_c_library(void **state)
{
	(void)state;
	const char *seed_text = getenv("FPG_SEED");
	uint64_t x = seed_text != NULL ? strtoull(seed_text, NULL, 0) : 88172645463325252ULL;
	print_message("FPG_SEED=%llu\n", (unsigned long long)x);
	for (int i = 0; i < 20000; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		uint64_t v = x >> (i % 64);
		SAME_AS_LIBC("%*llx %lld %.*llu %o", i % 20, (unsigned long long)v, (long long)v,
			     i % 23, (unsigned long long)v, (unsigned int)v);
	}
}

static void a_long_result_arrives_whole(void **state)
{
	(void)state;
	char text[3001];
	memset(text, 'a', 3000);
	text[1234] = 'b';
	text[3000] = '\0';
	out_printf(&sink.out, "<%s|%4000d>", text, 7);
	assert_int_equal(sink.overflow, 0);
	assert_int_equal(sink.used, 1 + 3000 + 1 + 4000 + 1);
	assert_memory_equal(got + 1, text, 3000);
	assert_string_equal(got + sink.used - 3, " 7>");
}

static void a_full_buffer_counts_what_did_not_fit(void **state)
{
	(void)state;
	char small[8];
	struct out_buffer b;
	out_buffer_init(&b, small, sizeof(small));
	out_printf(&b.out, "%s", "0123456789");
	out_puts(&b.out, "xyz");
	assert_string_equal(small, "0123456");
	assert_int_equal(b.used, 7);
	assert_int_equal(b.overflow, 6);
	out_buffer_init(&b, small, 1);
	out_puts(&b.out, "abc");
	assert_string_equal(small, "");
	assert_int_equal(b.overflow, 3);
}

static void an_unknown_conversion_is_shown_and_takes_no_argument(void **state)
{
	(void)state;
	const char *volatile fmt = "a %y b %5";
	_Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wformat-security\"")
		_Pragma("GCC diagnostic ignored \"-Wformat-nonliteral\"")
			out_printf(&sink.out, fmt);
	_Pragma("GCC diagnostic pop") assert_string_equal(got, "a %y b %5");
}

static void null_is_printed_as_such(void **state)
{
	(void)state;
	const char *volatile none = NULL;
	out_printf(&sink.out, "%s", none);
	assert_string_equal(got, "(null)");
}

static void control_characters_are_hidden(void **state)
{
	char text[] = "a\x1b[2J\n\xc3\xa9\x7f";
	(void)state;
	out_hide_controls(text);
	assert_string_equal(text, "a?[2J?\xc3\xa9?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(integers_are_formatted_as_by_the_c_library, setup),
		cmocka_unit_test_setup(width_precision_and_flags_are_those_of_the_c_library, setup),
		cmocka_unit_test_setup(a_string_is_never_read_past_its_precision, setup),
		cmocka_unit_test_setup(random_integers_agree_with_the_c_library, setup),
		cmocka_unit_test_setup(a_long_result_arrives_whole, setup),
		cmocka_unit_test_setup(a_full_buffer_counts_what_did_not_fit, setup),
		cmocka_unit_test_setup(an_unknown_conversion_is_shown_and_takes_no_argument, setup),
		cmocka_unit_test_setup(null_is_printed_as_such, setup),
		cmocka_unit_test(control_characters_are_hidden),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
