/* SPDX-License-Identifier: BSD-2-Clause */
/* Proves that messages name each errno code we use, whatever its sign, and never an empty text. */
#include "fpg/base/errno.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void codes_have_their_names_with_either_sign(void **state)
{
	(void)state;
	assert_string_equal(errno_name(-EINVAL), "-EINVAL");
	assert_string_equal(errno_name(EINVAL), "-EINVAL");
	assert_string_equal(errno_name(-ENOMEM), "-ENOMEM");
	assert_string_equal(errno_name(-ENODATA), "-ENODATA");
	assert_string_equal(errno_name(-ENOTSUP), "-ENOTSUP");
	assert_string_equal(errno_name(-EUCLEAN), "-EUCLEAN");
}

static void any_other_number_gets_words(void **state)
{
	(void)state;
	assert_string_equal(errno_name(0), "an unknown error");
	for (int err = -200; err <= 200; err++) {
		assert_true(strlen(errno_name(err)) > 2);
		assert_string_equal(errno_name(err), errno_name(-err));
	}
	assert_string_equal(errno_name(INT32_MIN), "an unknown error");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(codes_have_their_names_with_either_sign),
		cmocka_unit_test(any_other_number_gets_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
