/* SPDX-License-Identifier: BSD-2-Clause */
/* Proves that starting a hart and setting the timer end in a sound answer whatever the firmware says. */
#include "sbi_fake.h"

static void starting_a_hart_tells_why_not(void **state)
{
	(void)state;
	static const struct {
		long error;
		int err;
	} answers[] = {
		{ SBI_SUCCESS, 0 },
		{ SBI_ERR_NOT_SUPPORTED, -ENOTSUP },
		{ SBI_ERR_INVALID_PARAM, -EINVAL },
		{ SBI_ERR_INVALID_ADDRESS, -EINVAL },
		{ SBI_ERR_ALREADY_AVAILABLE, -EALREADY },
		{ SBI_ERR_ALREADY_STARTED, -EALREADY },
		{ SBI_ERR_FAILED, -EIO },
		{ SBI_ERR_DENIED, -EIO },
		{ 1, -EIO },
		{ LONG_MIN, -EIO },
		{ LONG_MAX, -EIO },
	};
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		fw.answer.error = answers[i].error;
		assert_int_equal(sbi_hart_start(5, 0x80201000, 0x80203000), answers[i].err);
		const struct call want = { .ext = 0x48534d, .arg = { 5, 0x80201000, 0x80203000 } };
		assert_memory_equal(&fw.call[fw.calls - 1], &want, sizeof(want));
	}
}

static void only_a_stopped_hart_may_be_started(void **state)
{
	(void)state;
	for (long s = 0; s < 7; s++) {
		fw.status = (struct sbi_ret){ .value = s };
		assert_int_equal(sbi_hart_may_start(1), s == 1 ? 0 : -EALREADY);
	}
	fw.status = (struct sbi_ret){ .error = SBI_ERR_INVALID_PARAM };
	assert_int_equal(sbi_hart_may_start(1), -EINVAL);
	/* Answers that make no sense leave it to the start. */
	fw.status = (struct sbi_ret){ .error = SBI_ERR_NOT_SUPPORTED };
	assert_int_equal(sbi_hart_may_start(1), 0);
	fw.status = (struct sbi_ret){ .value = 7 };
	assert_int_equal(sbi_hart_may_start(1), 0);
}

static void nonsense_states_are_unknown(void **state)
{
	(void)state;
	static const long states[] = { -1, 7, 99, LONG_MAX, LONG_MIN };
	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		fw.status = (struct sbi_ret){ .value = states[i] };
		assert_string_equal(sbi_hart_status_name(3), "unknown");
	}
	fw.status = (struct sbi_ret){ .error = -77, .value = 1 };
	assert_string_equal(sbi_hart_status_name(3), "unknown");
	fw.status = (struct sbi_ret){ .value = 0 };
	assert_string_equal(sbi_hart_status_name(3), "started");
	fw.status = (struct sbi_ret){ .value = 6 };
	assert_string_equal(sbi_hart_status_name(3), "resume pending");
}

static void the_timer_says_when_it_was_not_set(void **state)
{
	(void)state;
	assert_true(sbi_set_timer(UINT64_MAX));
	const struct call want = { .ext = 0x54494d45, .arg = { UINT64_MAX } };
	assert_memory_equal(&fw.call[0], &want, sizeof(want));
	fw.answer.error = SBI_ERR_FAILED;
	assert_false(sbi_set_timer(1));
	fw.answer.error = 0;
	assert_true(sbi_set_timer(1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(starting_a_hart_tells_why_not, fw_setup),
		cmocka_unit_test_setup(only_a_stopped_hart_may_be_started, fw_setup),
		cmocka_unit_test_setup(nonsense_states_are_unknown, fw_setup),
		cmocka_unit_test_setup(the_timer_says_when_it_was_not_set, fw_setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
