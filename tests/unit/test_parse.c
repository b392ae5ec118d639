/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves that sizes are read as Linux's memparse() reads them except where that would wrap, that they stop at the
 * right character, and that sizes for people are exact or say that they are not.
 */
#include "fpg/base/parse.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static uint64_t number(const char *s)
{
	uint64_t v = 12345;
	assert_int_equal(parse_size_all(s, &v), 0);
	return v;
}

static void decimal_and_hexadecimal_numbers_are_read(void **state)
{
	(void)state;
	assert_true(number("0") == 0);
	assert_true(number("4096") == 4096);
	assert_true(number("0x80200000") == 0x80200000);
	assert_true(number("0XfF") == 255);
	assert_true(number("010") == 10);
	assert_true(number("18446744073709551615") == UINT64_MAX);
	assert_true(number("0xffffffffffffffff") == UINT64_MAX);
}

static void suffixes_are_powers_of_1024_in_either_case(void **state)
{
	(void)state;
	assert_true(number("1K") == 1024);
	assert_true(number("2m") == 2 << 20);
	assert_true(number("3G") == 3ULL << 30);
	assert_true(number("4t") == 4ULL << 40);
	assert_true(number("5P") == 5ULL << 50);
	assert_true(number("15E") == 15ULL << 60);
	assert_true(number("0x10M") == 16 << 20);
}

static void numbers_that_do_not_fit_are_refused_and_leave_the_result_alone(void **state)
{
	static const char *const large[] = { "18446744073709551616", "0x10000000000000000", "16E",
					     "99999999999999999999K", "17179869184G" };
	(void)state;
	for (size_t i = 0; i < sizeof(large) / sizeof(large[0]); i++) {
		uint64_t v = 7;
		assert_int_equal(parse_size_all(large[i], &v), -ERANGE);
		assert_true(v == 7);
	}
}

static void text_that_is_no_number_is_refused(void **state)
{
	static const char *const wrong[] = { "",   "K",	 "x",  "0x",  "0xg", "-1",
					     "+1", " 1", "1 ", "1KK", "12q" };
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		uint64_t v = 7;
		assert_int_equal(parse_size_all(wrong[i], &v), -EINVAL);
		assert_true(v == 7);
	}
}

static void the_first_character_not_taken_is_told(void **state)
{
	const char *end;
	uint64_t v;
	(void)state;
	assert_int_equal(parse_size("64M@0x80000000", &end, &v), 0);
	assert_true(v == 64 << 20);
	assert_string_equal(end, "@0x80000000");
	assert_int_equal(parse_size("50%", &end, &v), 0);
	assert_string_equal(end, "%");
}

static void sizes_for_people_are_whole_or_half_units(void **state)
{
	char buf[24];
	(void)state;
	assert_string_equal(format_size(buf, sizeof(buf), 0), "0 B");
	assert_string_equal(format_size(buf, sizeof(buf), 1023), "1023 B");
	assert_string_equal(format_size(buf, sizeof(buf), 4097), "4097 B");
	assert_string_equal(format_size(buf, sizeof(buf), 65536), "64 KiB");
	assert_string_equal(format_size(buf, sizeof(buf), 3ULL << 29), "1.5 GiB");
	assert_string_equal(format_size(buf, sizeof(buf), 0x7fe00000), "2046 MiB");
	assert_string_equal(format_size(buf, sizeof(buf), 1ULL << 63), "8 EiB");
	assert_string_equal(format_size(buf, sizeof(buf), 9999), "9999 B");
}

static void a_size_too_long_for_the_buffer_says_that_it_is_not_exact(void **state)
{
	char buf[16];
	(void)state;
	assert_string_equal(format_size(buf, sizeof(buf), UINT64_MAX), "~15.9 EiB");
	assert_string_equal(format_size(buf, sizeof(buf), (1ULL << 50) + 1), "~1.0 PiB");
	assert_string_equal(format_size(buf, sizeof(buf), 10001), "~9.7 KiB");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decimal_and_hexadecimal_numbers_are_read),
		cmocka_unit_test(suffixes_are_powers_of_1024_in_either_case),
		cmocka_unit_test(numbers_that_do_not_fit_are_refused_and_leave_the_result_alone),
		cmocka_unit_test(text_that_is_no_number_is_refused),
		cmocka_unit_test(the_first_character_not_taken_is_told),
		cmocka_unit_test(sizes_for_people_are_whole_or_half_units),
		cmocka_unit_test(a_size_too_long_for_the_buffer_says_that_it_is_not_exact),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
