/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves, against a firmware played here, that IPIs and fences reach it as the SBI specification has them: every hart of
 * a set exactly once, however sparse the ids; the legacy calls where there is nothing else; and never a lesser fence
 * than was asked for.
 */
#include "sbi_fake.h"

#define IDS 64

static uint64_t rng_state;

static uint64_t rng(void)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	rng_state ^= rng_state << 17;
	return rng_state;
}

static uint64_t seed(void)
{
	const char *given = getenv("FPG_SEED");
	uint64_t value = given != NULL ? strtoull(given, NULL, 0) : 0x5b1ULL;
	printf("seed %#llx\n", (unsigned long long)value);
	return value != 0 ? value : 1;
}

/* Different ids: dense, or in clusters, or anywhere. */
static void make_ids(uint64_t ids[IDS])
{
	unsigned int kind = (unsigned int)(rng() % 4);
	for (size_t i = 0; i < IDS; i++) {
		bool again;
		do {
			uint64_t r = rng();
			ids[i] = kind == 0 ? r % 64 :
				 kind == 1 ? r % 200 :
				 kind == 2 ? (r % 4 << 32) + (r >> 8) % 100 :
					     r - (r == UINT64_MAX);
			again = false;
			for (size_t j = 0; j < i; j++) {
				again |= ids[j] == ids[i];
			}
		} while (again);
	}
}

static unsigned int times_named(uint64_t id)
{
	unsigned int n = 0;
	for (unsigned int i = 0; i < fw.calls; i++) {
		n += names(&fw.call[i], id);
	}
	return n;
}

static uint64_t bits_named(void)
{
	uint64_t n = 0;
	for (unsigned int i = 0; i < fw.calls; i++) {
		n += (uint64_t)__builtin_popcountll(fw.call[i].arg[0]);
	}
	return n;
}

/* The fewest windows of 64 that hold all: greedily from the lowest id. */
static unsigned int fewest_windows(const uint64_t *ids, uint64_t mask)
{
	unsigned int windows = 0;
	while (mask != 0) {
		uint64_t low = UINT64_MAX;
		for (size_t i = 0; i < IDS; i++) {
			if ((mask >> i & 1) && ids[i] < low) {
				low = ids[i];
			}
		}
		for (size_t i = 0; i < IDS; i++) {
			if (ids[i] - low < 64) {
				mask &= ~(1ULL << i);
			}
		}
		windows++;
	}
	return windows;
}

static void every_hart_of_a_set_is_named_once_in_the_fewest_calls(void **state)
{
	rng_state = seed();
	for (int round = 0; round < 2000; round++) {
		uint64_t ids[IDS];
		uint64_t mask = rng();
		mask &= rng();
		(void)fw_setup(state);
		make_ids(ids);
		switch (round % 3) {
		case 0:
			assert_int_equal(sbi_send_ipi(ids, mask), 0);
			break;
		case 1:
			assert_int_equal(sbi_remote_fence_i(ids, mask), 0);
			break;
		default: {
			const struct sbi_fence fence = { 0x1000, 0x2000, SBI_ASID_ALL };
			assert_int_equal(sbi_remote_sfence(ids, mask, &fence), 0);
		}
		}
		for (size_t i = 0; i < IDS; i++) {
			assert_int_equal(times_named(ids[i]), mask >> i & 1);
		}
		assert_int_equal(bits_named(), __builtin_popcountll(mask));
		assert_int_equal(fw.calls, fewest_windows(ids, mask));
	}
}

static const uint64_t few[IDS] = { 4, 7, 1000, 1063, 1064 };
#define FEW 0x1fULL

static void arguments_are_where_the_specification_has_them(void **state)
{
	(void)state;
	const struct sbi_fence one = { 0x4000, 0x3000, 9 };
	const struct sbi_fence all = { 0, SBI_FENCE_ALL, SBI_ASID_ALL };
	assert_int_equal(sbi_send_ipi(few, 3), 0);
	assert_int_equal(sbi_remote_fence_i(few, 4), 0);
	assert_int_equal(sbi_remote_sfence(few, 2, &one), 0);
	assert_int_equal(sbi_remote_sfence(few, 1, &all), 0);
	const struct call want[] = {
		{ .ext = 0x735049, .function = 0, .arg = { 9, 4 } },
		{ .ext = 0x52464e43, .function = 0, .arg = { 1, 1000 } },
		{ .ext = 0x52464e43, .function = 2, .arg = { 1, 7, 0x4000, 0x3000, 9 } },
		{ .ext = 0x52464e43, .function = 1, .arg = { 1, 4, 0, UINT64_MAX, UINT64_MAX } },
	};
	assert_int_equal(fw.calls, ARRAY_SIZE(want));
	assert_memory_equal(fw.call, want, sizeof(want));
}

static void an_empty_set_asks_nobody(void **state)
{
	(void)state;
	const struct sbi_fence all = { 0, SBI_FENCE_ALL, SBI_ASID_ALL };
	fw.base = false;
	assert_int_equal(sbi_send_ipi(few, 0), 0);
	assert_int_equal(sbi_remote_fence_i(few, 0), 0);
	assert_int_equal(sbi_remote_sfence(few, 0, &all), 0);
	assert_int_equal(fw.calls + fw.probes, 0);
}

static void firmware_is_probed_once(void **state)
{
	(void)state;
	const struct sbi_fence all = { 0, SBI_FENCE_ALL, SBI_ASID_ALL };
	for (int i = 0; i < 5; i++) {
		assert_int_equal(sbi_send_ipi(few, 1), 0);
		assert_int_equal(sbi_remote_sfence(few, 1, &all), 0);
		assert_int_equal(sbi_remote_fence_i(few, 1), 0);
		assert_true(sbi_hsm_available());
		assert_true(sbi_set_timer(5));
	}
	/* Version and probe, for each of IPI, RFENCE, HSM, TIME. */
	assert_int_equal(fw.probes, 8);
}

static void expect_legacy(unsigned long ext, unsigned long mask)
{
	const struct call *last = &fw.call[fw.calls - 1];
	assert_int_equal(last->ext, ext);
	assert_int_equal(last->function, 0);
	assert_int_equal(last->legacy_mask, mask);
}

/* The four legacy calls, on harts with ids 4 and 7. */
static void all_calls_are_legacy(void)
{
	const struct sbi_fence one = { 0x4000, 0x3000, 9 };
	const struct sbi_fence all = { 0, SBI_FENCE_ALL, SBI_ASID_ALL };
	assert_int_equal(sbi_send_ipi(few, 3), 0);
	expect_legacy(4, 0x90);
	assert_int_equal(sbi_remote_fence_i(few, 3), 0);
	expect_legacy(5, 0x90);
	assert_int_equal(sbi_remote_sfence(few, 2, &all), 0);
	expect_legacy(6, 0x80);
	assert_int_equal(fw.call[fw.calls - 1].arg[2], UINT64_MAX);
	assert_int_equal(sbi_remote_sfence(few, 1, &one), 0);
	expect_legacy(7, 0x10);
	const unsigned long rest[] = { 0x4000, 0x3000, 9 };
	assert_memory_equal(&fw.call[fw.calls - 1].arg[1], rest, sizeof(rest));
	assert_true(sbi_set_timer(77));
	assert_int_equal(fw.call[fw.calls - 1].ext, 0);
	assert_int_equal(fw.call[fw.calls - 1].arg[0], 77);
}

static void firmware_of_version_0_1_gets_legacy_calls(void **state)
{
	(void)state;
	fw.base = false;
	fw.legacy = true;
	fw.hsm = fw.ipi = fw.rfence = fw.time = false;
	all_calls_are_legacy();
	assert_int_equal(fw.calls, 5);
	assert_false(sbi_hsm_available());
	assert_int_equal(sbi_hart_may_start(4), -ENOTSUP);
	assert_int_equal(sbi_hart_start(4, 0x80200000, 1), -ENOTSUP);
	assert_string_equal(sbi_hart_status_name(4), "unknown");
	sbi_hart_stop();
	assert_int_equal(fw.calls, 5);
}

static void firmware_with_legacy_extensions_gets_legacy_calls(void **state)
{
	(void)state;
	fw.legacy = true;
	fw.ipi = fw.rfence = fw.time = false;
	all_calls_are_legacy();
	assert_int_equal(fw.calls, 5);
}

static void legacy_calls_refuse_ids_they_cannot_name(void **state)
{
	(void)state;
	const struct sbi_fence all = { 0, SBI_FENCE_ALL, SBI_ASID_ALL };
	fw.base = false;
	fw.legacy = true;
	assert_int_equal(sbi_send_ipi(few, FEW), -ENOTSUP);
	assert_int_equal(sbi_remote_sfence(few, 4, &all), -ENOTSUP);
	assert_int_equal(fw.calls, 0);
}

static void no_way_at_all_is_not_supported(void **state)
{
	(void)state;
	const struct sbi_fence all = { 0, SBI_FENCE_ALL, SBI_ASID_ALL };
	fw.ipi = fw.rfence = fw.time = false;
	assert_int_equal(sbi_send_ipi(few, 1), -ENOTSUP);
	assert_int_equal(sbi_remote_fence_i(few, 1), -ENOTSUP);
	assert_int_equal(sbi_remote_sfence(few, 1, &all), -ENOTSUP);
	assert_false(sbi_set_timer(1));
	assert_int_equal(fw.calls, 0);
}

static void a_broken_promise_leads_to_the_legacy_call(void **state)
{
	(void)state;
	fw.broken = true;
	fw.legacy = true;
	all_calls_are_legacy();
	unsigned int calls = fw.calls;
	/* And is not believed again. */
	all_calls_are_legacy();
	assert_int_equal(fw.calls, calls + 5);
}

static void a_broken_promise_without_legacy_calls_is_not_supported(void **state)
{
	(void)state;
	const struct sbi_fence all = { 0, SBI_FENCE_ALL, SBI_ASID_ALL };
	fw.broken = true;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(sbi_send_ipi(few, FEW), -ENOTSUP);
		assert_int_equal(sbi_remote_sfence(few, FEW, &all), -ENOTSUP);
		assert_int_equal(sbi_remote_fence_i(few, FEW), -ENOTSUP);
		assert_false(sbi_set_timer(1));
	}
	assert_int_equal(fw.calls, 3);
}

static void refused_fences_become_wider_ones(void **state)
{
	(void)state;
	const struct sbi_fence one = { 0x4000, 0x3000, 9 };
	fw.refuse_range = SBI_ERR_INVALID_ADDRESS;
	assert_int_equal(sbi_remote_sfence(few, 3, &one), 0);
	const struct call *last = &fw.call[fw.calls - 1];
	assert_int_equal(last->function, RFENCE_SFENCE_ASID);
	assert_true(last->arg[2] == 0 && last->arg[3] == UINT64_MAX && last->arg[4] == 9);
	fw.refuse_asid = SBI_ERR_NOT_SUPPORTED;
	assert_int_equal(sbi_remote_sfence(few, 3, &one), 0);
	last = &fw.call[fw.calls - 1];
	assert_int_equal(last->function, RFENCE_SFENCE);
	assert_true(last->arg[0] == 9 && last->arg[2] == 0 && last->arg[3] == UINT64_MAX);
	/* The next still begins with the exact one. */
	fw.refuse_range = fw.refuse_asid = 0;
	assert_int_equal(sbi_remote_sfence(few, 3, &one), 0);
	assert_int_equal(fw.call[fw.calls - 1].function, RFENCE_SFENCE_ASID);
	assert_int_equal(fw.call[fw.calls - 1].arg[3], 0x3000);
}

static void a_refused_window_is_told_and_the_others_are_served(void **state)
{
	(void)state;
	const struct sbi_fence one = { 0x4000, 0x3000, 9 };
	fw.refused_id = 1000;
	assert_int_equal(sbi_send_ipi(few, FEW), -EIO);
	assert_int_equal(sbi_remote_fence_i(few, FEW), -EIO);
	assert_int_equal(times_named(4), 2);
	assert_int_equal(times_named(1064), 2);
	assert_int_equal(sbi_remote_sfence(few, FEW, &one), -EIO);
	assert_int_equal(times_named(4), 3);
	assert_int_equal(times_named(1064), 3);
	assert_int_equal(sbi_send_ipi(few, 0x13), 0);
}

static void the_id_that_means_all_harts_is_never_named(void **state)
{
	(void)state;
	uint64_t ids[IDS] = { UINT64_MAX, 3 };
	const struct sbi_fence all = { 0, SBI_FENCE_ALL, SBI_ASID_ALL };
	assert_int_equal(sbi_send_ipi(ids, 1), -EIO);
	assert_int_equal(sbi_remote_fence_i(ids, 1), -EIO);
	assert_int_equal(sbi_remote_sfence(ids, 1, &all), -EIO);
	assert_int_equal(fw.calls, 0);
	assert_int_equal(sbi_send_ipi(ids, 3), -EIO);
	assert_int_equal(fw.calls, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(every_hart_of_a_set_is_named_once_in_the_fewest_calls,
				       fw_setup),
		cmocka_unit_test_setup(arguments_are_where_the_specification_has_them, fw_setup),
		cmocka_unit_test_setup(an_empty_set_asks_nobody, fw_setup),
		cmocka_unit_test_setup(firmware_is_probed_once, fw_setup),
		cmocka_unit_test_setup(firmware_of_version_0_1_gets_legacy_calls, fw_setup),
		cmocka_unit_test_setup(firmware_with_legacy_extensions_gets_legacy_calls, fw_setup),
		cmocka_unit_test_setup(legacy_calls_refuse_ids_they_cannot_name, fw_setup),
		cmocka_unit_test_setup(no_way_at_all_is_not_supported, fw_setup),
		cmocka_unit_test_setup(a_broken_promise_leads_to_the_legacy_call, fw_setup),
		cmocka_unit_test_setup(a_broken_promise_without_legacy_calls_is_not_supported,
				       fw_setup),
		cmocka_unit_test_setup(refused_fences_become_wider_ones, fw_setup),
		cmocka_unit_test_setup(a_refused_window_is_told_and_the_others_are_served,
				       fw_setup),
		cmocka_unit_test_setup(the_id_that_means_all_harts_is_never_named, fw_setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
