/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves that the JSON writer puts commas, nesting and escapes right, for any bytes, on one line.
 */
#include "fpg/base/assert.h"
#include "fpg/base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static char got[4096];
static struct out_buffer sink;
static struct json j;
static jmp_buf check_failed;

static void on_check(const char *expr, const char *file, int line)
{
	(void)expr;
	(void)file;
	(void)line;
	longjmp(check_failed, 1);
}

static int setup(void **state)
{
	(void)state;
	out_buffer_init(&sink, got, sizeof(got));
	json_init(&j, &sink.out);
	fpg_set_check_hook(on_check);
	return 0;
}

static void commas_stand_between_values_only(void **state)
{
	(void)state;
	json_object_begin(&j);
	json_kv_u64(&j, "a", 1);
	json_key(&j, "b");
	json_array_begin(&j);
	json_array_begin(&j);
	json_array_end(&j);
	json_object_begin(&j);
	json_object_end(&j);
	json_i64(&j, -5);
	json_array_end(&j);
	json_kv_bool(&j, "c", true);
	json_kv_bool(&j, "d", false);
	json_object_end(&j);
	assert_string_equal(got, "{\"a\":1,\"b\":[[],{},-5],\"c\":true,\"d\":false}");
}

static void addresses_are_hex_strings_without_leading_zeros(void **state)
{
	(void)state;
	json_array_begin(&j);
	json_hex(&j, 0);
	json_hex(&j, 0x80000000);
	json_hex(&j, UINT64_MAX);
	json_array_end(&j);
	assert_string_equal(got, "[\"0x0\",\"0x80000000\",\"0xffffffffffffffff\"]");
}

static void quotes_backslashes_and_control_bytes_are_escaped(void **state)
{
	(void)state;
	json_string(&j, "a\"b\\c\nd\te\x01\x7f");
	assert_string_equal(got, "\"a\\\"b\\\\c\\nd\\te\\u0001\\u007f\"");
}

static void valid_utf8_passes_and_other_bytes_are_escaped(void **state)
{
	(void)state;
	json_string(&j, "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80|\xff\xc0\xaf\xed\xa0\x80\xe2\x82");
	assert_string_equal(got, "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80|"
				 "\\u00ff\\u00c0\\u00af\\u00ed\\u00a0\\u0080\\u00e2\\u0082\"");
}

static void a_missing_string_is_null(void **state)
{
	(void)state;
	json_object_begin(&j);
	json_kv_string(&j, "k", NULL);
	json_kv_string(&j, "l", "");
	json_kv_hex(&j, "m", 16);
	json_object_end(&j);
	assert_string_equal(got, "{\"k\":null,\"l\":\"\",\"m\":\"0x10\"}");
}

static void wrong_nesting_is_caught(void **state)
{
	(void)state;
	if (setjmp(check_failed) == 0) {
		json_object_end(&j);
		fail();
	}
	json_init(&j, &sink.out);
	if (setjmp(check_failed) == 0) {
		for (int i = 0; i < JSON_MAX_DEPTH + 1; i++) {
			json_array_begin(&j);
		}
		fail();
	}
	json_init(&j, &sink.out);
	json_object_begin(&j);
	json_key(&j, "k");
	if (setjmp(check_failed) == 0) {
		json_object_end(&j);
		fail();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(commas_stand_between_values_only, setup),
		cmocka_unit_test_setup(addresses_are_hex_strings_without_leading_zeros, setup),
		cmocka_unit_test_setup(quotes_backslashes_and_control_bytes_are_escaped, setup),
		cmocka_unit_test_setup(valid_utf8_passes_and_other_bytes_are_escaped, setup),
		cmocka_unit_test_setup(a_missing_string_is_null, setup),
		cmocka_unit_test_setup(wrong_nesting_is_caught, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
