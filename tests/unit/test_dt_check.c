/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves that no blob is believed before its address, header and every offset in it were found sound, and that each
 * refusal names the value (rows B7 and B8 of the odd inputs).
 */
#include "dtb_build.h"

#include "fpg/core/devicetree.h"

#include <errno.h>
#include <libfdt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WHERE 0x87e00000ULL

static struct dt_error error;
static struct fdt_header header;

static const void *small_blob(void)
{
	dtb_start();
	dtb_root(2, 2);
	dtb_string("model", "test");
	dtb_memory(0x80000000, 0x10000000);
	return dtb_finish();
}

static int check_header(phys_addr_t a1)
{
	size_t total = 0;
	memset(&error, 0, sizeof(error));
	return dt_check_header(a1, &header, &total, &error);
}

static int setup(void **state)
{
	(void)state;
	memcpy(&header, small_blob(), sizeof(header));
	return 0;
}

static void says(const char *text)
{
	if (strstr(error.text, text) == NULL) {
		fail_msg("\"%s\" does not say \"%s\"", error.text, text);
	}
}

static void a_sound_header_tells_the_size_of_the_blob(void **state)
{
	size_t total = 0;
	(void)state;
	assert_int_equal(dt_check_header(WHERE, &header, &total, &error), 0);
	assert_int_equal(total, fdt_totalsize(&header));
	assert_int_equal(dt_check_blob(small_blob(), total, &error), 0);
}

static void address_0_and_odd_addresses_are_refused_unseen(void **state)
{
	size_t total;
	(void)state;
	assert_int_equal(dt_check_header(0, NULL, &total, &error), -EINVAL);
	says("a1 is 0");
	assert_int_equal(dt_check_header(WHERE + 4, NULL, &total, &error), -EINVAL);
	says("0x87e00004");
	assert_int_equal(dt_check_address(WHERE + 8, &error), 0);
}

static void a_wrong_magic_is_named_with_its_place(void **state)
{
	(void)state;
	fdt_set_magic(&header, 0xedfe0dd0);
	assert_int_equal(check_header(WHERE), -EINVAL);
	says("0xedfe0dd0");
	says("0x87e00000");
	memset(&header, 0, sizeof(header));
	assert_int_equal(check_header(WHERE), -EINVAL);
}

static void versions_of_the_future_are_refused(void **state)
{
	(void)state;
	fdt_set_version(&header, 18);
	assert_int_equal(check_header(WHERE), 0);
	fdt_set_last_comp_version(&header, 18);
	assert_int_equal(check_header(WHERE), -EINVAL);
	says("version 18");
	fdt_set_version(&header, 1);
	fdt_set_last_comp_version(&header, 1);
	assert_int_equal(check_header(WHERE), -EINVAL);
}

static void sizes_that_cannot_be_are_named(void **state)
{
	(void)state;
	fdt_set_totalsize(&header, 0xffffffff);
	assert_int_equal(check_header(WHERE), -EFBIG);
	says("0xffffffff");
	fdt_set_totalsize(&header, DT_MAX_BYTES + 1);
	assert_int_equal(check_header(WHERE), -EFBIG);
	fdt_set_totalsize(&header, DT_MAX_BYTES);
	assert_int_equal(check_header(WHERE), 0);
	fdt_set_totalsize(&header, 39);
	assert_int_equal(check_header(WHERE), -EBADMSG);
	says("0x27");
	fdt_set_totalsize(&header, 0x1000);
	assert_int_equal(check_header(0xfffffffffffff800), -EBADMSG);
	says("end of the address space");
}

static void every_truncation_of_a_blob_is_refused(void **state)
{
	const char *blob = small_blob();
	size_t total = fdt_totalsize(blob);
	(void)state;
	for (size_t n = 0; n < total; n++) {
		void *part = malloc(n + 8);
		memcpy(part, blob, n);
		assert_int_equal(dt_check_blob(part, n, &error), -EBADMSG);
		free(part);
	}
}

static void every_word_of_a_blob_can_be_anything_without_harm(void **state)
{
	static const uint32_t words[] = { 0, 1,		 2,	     3,		 4,
					  9, 0x7fffffff, 0x80000000, 0xfffffffc, 0xffffffff };
	static struct dt_facts facts;
	const char *blob = small_blob();
	size_t total = fdt_totalsize(blob);
	uint64_t *copy = malloc(total);
	(void)state;
	warnings_start();
	for (size_t at = 0; at + 4 <= total; at += 4) {
		for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++) {
			memcpy(copy, blob, total);
			fdt32_st((fdt32_t *)((char *)copy + at), words[w]);
			size_t size;
			if (dt_check_header(WHERE, copy, &size, &error) == 0 &&
			    dt_check_blob(copy, total, &error) == 0) {
				(void)!dt_collect(&facts, copy);
			}
		}
	}
	free(copy);
}

static void a_blob_without_a_root_is_refused(void **state)
{
	uint64_t buffer[32] = { 0 };
	(void)state;
	fdt_create(buffer, sizeof(buffer));
	fdt_finish_reservemap(buffer);
	assert_int_equal(fdt_finish(buffer), 0);
	assert_int_equal(dt_check_blob(buffer, fdt_totalsize(buffer), &error), -EBADMSG);
}

static void names_of_megabytes_are_refused_before_they_cost_time(void **state)
{
	uint32_t bytes = 1 << 20;
	char *blob = calloc(1, bytes);
	(void)state;
	memcpy(blob, small_blob(), fdt_totalsize(small_blob()));
	memset(blob + fdt_off_dt_strings(blob), 'a', bytes - fdt_off_dt_strings(blob));
	fdt_set_totalsize(blob, bytes);
	fdt_set_size_dt_strings(blob, bytes - fdt_off_dt_strings(blob));
	assert_int_equal(dt_check_blob(blob, bytes, &error), -EBADMSG);
	says("property names");
	free(blob);
}

/** Moved by two bytes as a whole, the structure block would be read in words across their edges. */
static void blocks_off_their_alignment_are_refused(void **state)
{
	(void)state;
	const char *blob = small_blob();
	size_t total = fdt_totalsize(blob);
	uint32_t at = fdt_off_dt_struct(blob);
	char *moved = aligned_alloc(8, (total + 15) / 8 * 8);
	assert_non_null(moved);
	memcpy(moved, blob, at);
	memset(moved + at, 0, 2);
	memcpy(moved + at + 2, blob + at, total - at);
	fdt_set_off_dt_struct(moved, at + 2);
	fdt_set_off_dt_strings(moved, fdt_off_dt_strings(blob) + 2);
	fdt_set_totalsize(moved, (uint32_t)total + 2);
	assert_int_equal(dt_check_blob(moved, total + 2, &error), -EBADMSG);
	says("multiples of 4 and 8");
	free(moved);
}

static void slack_after_the_blob_is_no_fault(void **state)
{
	const void *blob = small_blob();
	uint32_t bytes = fdt_totalsize(blob) + 4096;
	uint64_t *large = malloc(bytes);
	(void)state;
	/* B4: OpenSBI enlarges the blob and leaves what was there in the gap. */
	memset(large, 0xa5, bytes);
	memcpy(large, blob, fdt_totalsize(blob));
	fdt_set_totalsize(large, bytes);
	assert_int_equal(dt_check_blob(large, bytes, &error), 0);
	free(large);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_sound_header_tells_the_size_of_the_blob, setup),
		cmocka_unit_test_setup(address_0_and_odd_addresses_are_refused_unseen, setup),
		cmocka_unit_test_setup(a_wrong_magic_is_named_with_its_place, setup),
		cmocka_unit_test_setup(versions_of_the_future_are_refused, setup),
		cmocka_unit_test_setup(sizes_that_cannot_be_are_named, setup),
		cmocka_unit_test(every_truncation_of_a_blob_is_refused),
		cmocka_unit_test(every_word_of_a_blob_can_be_anything_without_harm),
		cmocka_unit_test(a_blob_without_a_root_is_refused),
		cmocka_unit_test(names_of_megabytes_are_refused_before_they_cost_time),
		cmocka_unit_test(blocks_off_their_alignment_are_refused),
		cmocka_unit_test(slack_after_the_blob_is_no_fault),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
