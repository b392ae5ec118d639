/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves that each known argument is read with its units, that quotes keep blanks together wherever they stand, that the
 * later of two wins, and that whatever is unknown or malformed is named in a warning and changes nothing.
 */
#include "dtb_build.h"

#include "fpg/core/bootargs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct bootargs args;

static const struct bootargs *read_args(const char *line)
{
	warnings_start();
	bootargs_init(&args);
	bootargs_parse(&args, line);
	return &args;
}

static void no_arguments_mean_the_defaults(void **state)
{
	static const char *const nothing[] = { NULL, "", "   \t\n " };
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		const struct bootargs *a = read_args(nothing[i]);
		assert_true(a->mem_bytes == 0 && a->memmap_count == 0 && !a->cma.given &&
			    a->run == NULL);
		assert_true(a->palloc == NULL && a->satp == SATP_AUTO && a->firmware_guess);
		assert_int_equal(a->ignored, 0);
		assert_int_equal(warnings_count(), 0);
	}
}

static void quotes_keep_blanks_and_are_dropped(void **state)
{
	(void)state;
	assert_string_equal(read_args("run=\"a; b; poweroff\" mem=1G")->run, "a; b; poweroff");
	assert_true(args.mem_bytes == 1ULL << 30);
	assert_string_equal(read_args("\"run=a b\"")->run, "a b");
	assert_string_equal(read_args("run=led\"ger  d\"iff")->run, "ledger  diff");
	assert_string_equal(read_args("run=\"\"a")->run, "a");
	assert_null(read_args("run=\"\"")->run);
	assert_int_equal(warnings_count(), 0);
}

static void a_missing_quote_is_named_and_its_word_ignored(void **state)
{
	(void)state;
	assert_null(read_args("mem=1G run=\"a; b")->run);
	assert_true(args.mem_bytes == 1ULL << 30);
	assert_true(warned_of("a quote is missing"));
	assert_true(warned_of("run=a; b"));
}

static void the_later_of_two_wins(void **state)
{
	(void)state;
	assert_true(read_args("mem=1G mem=2G")->mem_bytes == 2ULL << 30);
	bootargs_parse(&args, "mem=3G palloc=buddy");
	assert_true(args.mem_bytes == 3ULL << 30);
	assert_string_equal(args.palloc, "buddy");
	bootargs_parse(&args, "palloc=bootmem mem=wrong");
	assert_string_equal(args.palloc, "bootmem");
	assert_true(args.mem_bytes == 3ULL << 30);
}

static void mem_is_rounded_down_to_pages_and_needs_one(void **state)
{
	(void)state;
	assert_true(read_args("mem=8191")->mem_bytes == 4096);
	assert_true(read_args("mem=0")->mem_bytes == 0);
	assert_true(warned_of("mem=0"));
	assert_true(read_args("mem")->mem_bytes == 0);
	assert_int_equal(args.ignored, 1);
}

static void memmap_takes_several_ranges(void **state)
{
	(void)state;
	const struct bootargs *a =
		read_args("memmap=64M@0x100000000,1M!0x80400000 memmap=4K$0x90000000");
	assert_int_equal(a->memmap_count, 3);
	assert_true(a->memmap[0].add && a->memmap[0].range.base == 1ULL << 32 &&
		    a->memmap[0].range.size == 64 << 20);
	assert_true(!a->memmap[1].add && a->memmap[1].range.base == 0x80400000);
	assert_true(!a->memmap[2].add && a->memmap[2].range.size == 4096);
	assert_int_equal(warnings_count(), 0);
}

static void a_malformed_memmap_adds_none_of_its_ranges(void **state)
{
	static const char *const wrong[] = {
		"memmap",
		"memmap=",
		"memmap=64M",
		"memmap=0@0x1000",
		"memmap=1M#0x1000",
		"memmap=1M@",
		"memmap=1M@0x1000,",
		"memmap=1M@0x1000,1M",
		"memmap=1M@0xffffffffffffffff",
		"memmap=exactmap",
		"memmap=1M@0x1000x",
	};
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(read_args(wrong[i])->memmap_count, 0);
		assert_true(warned_of(wrong[i]));
	}
}

static void more_ranges_than_fit_are_refused_by_name(void **state)
{
	char line[2000] = "";
	(void)state;
	for (int i = 0; i < BOOTARGS_MAX_MEMMAP + 1; i++) {
		snprintf(line + strlen(line), sizeof(line) - strlen(line), " memmap=1M!%dM", i + 1);
	}
	assert_int_equal(read_args(line)->memmap_count, BOOTARGS_MAX_MEMMAP);
	assert_int_equal(warnings_count(), 1);
	assert_true(warned_of("memmap=1M!17M"));
}

static void cma_takes_size_place_and_limit_as_linux(void **state)
{
	(void)state;
	const struct bootargs_cma *c = &read_args("cma=64M")->cma;
	assert_true(c->given && c->bytes == 64 << 20 && c->base == 0 && c->limit == 0 && !c->fixed);
	c = &read_args("cma=64M@1G")->cma;
	assert_true(c->fixed && c->base == 1 << 30 && c->limit == (1 << 30) + (64 << 20));
	c = &read_args("cma=64M@1G-2G")->cma;
	assert_true(!c->fixed && c->base == 1 << 30 && c->limit == 1ULL << 31);
	assert_true(read_args("cma=0")->cma.given);
	static const char *const wrong[] = { "cma=",	    "cma=@1G",	     "cma=64M@",
					     "cma=64M@1G-", "cma=64M@1G-1G", "cma=64M-2G" };
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_false(read_args(wrong[i])->cma.given);
		assert_true(warned_of(wrong[i]));
	}
}

static void movable_and_kernel_core_take_bytes_and_percents(void **state)
{
	(void)state;
	const struct bootargs *a = read_args("kernelcore=512M movablecore=30%");
	assert_true(a->kernelcore.given && !a->kernelcore.percent &&
		    a->kernelcore.value == 512 << 20);
	assert_true(a->movablecore.percent && a->movablecore.value == 30);
	assert_true(read_args("kernelcore=mirror")->kernelcore.mirror);
	assert_false(read_args("movablecore=mirror")->movablecore.given);
	assert_false(read_args("movablecore=101%")->movablecore.given);
	assert_false(read_args("kernelcore=5%x")->kernelcore.given);
}

static void switches_and_names_are_read(void **state)
{
	(void)state;
	const struct bootargs *a = read_args(
		"satp=sv48 memtest=4 loglevel=debug debug_pagealloc memblock=debug firmware_guess=off");
	assert_int_equal(a->satp, SATP_SV48);
	assert_int_equal(a->memtest_patterns, 4);
	assert_true(a->loglevel_given && a->loglevel == LOG_DEBUG);
	assert_true(a->debug_pagealloc && a->memblock_debug && !a->firmware_guess);
	assert_true(read_args("memtest")->memtest_patterns > 1);
	assert_true(read_args("debug_pagealloc=on")->debug_pagealloc);
	assert_false(read_args("debug_pagealloc debug_pagealloc=off")->debug_pagealloc);
	assert_true(read_args("page_owner")->page_owner);
	assert_false(read_args("page_owner page_owner=off")->page_owner);
	assert_false(read_args("page_owner=perhaps")->page_owner);
	assert_true(read_args("loglevel=1")->loglevel == LOG_WARN);
	assert_int_equal(read_args("fail_boot=17")->fail_boot, 17);
	assert_int_equal(read_args("maxcpus=3")->max_harts, 3);
	assert_false(read_args("maxcpus=3")->firmware_console);
	assert_true(read_args("console=auto console=sbi")->firmware_console);
	assert_false(read_args("console=sbi console=auto")->firmware_console);
	assert_int_equal(read_args("fail_boot=17")->max_harts, 0);
	assert_int_equal(read_args("fail_boot=17 fail_boot=0")->fail_boot, 0);
	assert_int_equal(warnings_count(), 0);
}

static void malformed_switches_are_named_and_change_nothing(void **state)
{
	static const char *const wrong[] = {
		"satp=sv32",	  "satp",     "memtest=x",	     "memtest=-1",
		"loglevel=9",	  "loglevel", "memblock=1",	     "memblock",
		"palloc=",	  "palloc",   "debug_pagealloc=yes", "firmware_guess=maybe",
		"firmware_guess", "run",      "fail_boot",	     "fail_boot=each",
		"maxcpus=0",	  "maxcpus",  "maxcpus=all",	     "console",
	};
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		const struct bootargs *a = read_args(wrong[i]);
		assert_int_equal(a->ignored, 1);
		assert_true(warned_of(wrong[i]));
		assert_true(a->satp == SATP_AUTO && a->memtest_patterns == 0 && !a->loglevel_given);
		assert_true(a->firmware_guess && !a->memblock_debug && !a->debug_pagealloc);
		assert_int_equal(a->fail_boot, 0);
		assert_int_equal(a->max_harts, 0);
		assert_false(a->firmware_console);
	}
}

static void the_arguments_of_linux_are_named_in_one_warning(void **state)
{
	(void)state;
	read_args(
		"earlycon console=ttyS0,115200n8 root=/dev/mmcblk0p2 rw quiet mem=64M memory=3 me=4 -- init");
	assert_int_equal(warnings_count(), 1);
	assert_true(warned_of(
		"earlycon console=ttyS0,115200n8 root=/dev/mmcblk0p2 rw quiet memory=3 me=4 -- init"));
	assert_true(args.mem_bytes == 64 << 20);
	assert_int_equal(args.ignored, 9);
}

static void every_word_of_a_long_line_is_taken_or_named(void **state)
{
	char line[6000] = "";
	(void)state;
	for (int i = 0; i < 400; i++) {
		snprintf(line + strlen(line), sizeof(line) - strlen(line), "unknown%d ", i);
	}
	strcat(line, "mem=1G");
	assert_true(read_args(line)->mem_bytes == 1ULL << 30);
	assert_int_equal(args.ignored, 400);
	assert_true(warned_of("unknown0 "));
	assert_true(warned_of("unknown399"));
}

static void text_beyond_the_room_is_cut_at_a_word_and_said(void **state)
{
	static char line[3000];
	(void)state;
	strcpy(line, "palloc=buddy run=\"");
	memset(line + strlen(line), 'a', 2500);
	strcat(line, "\" mem=1G");
	const struct bootargs *a = read_args(line);
	assert_string_equal(a->palloc, "buddy");
	assert_null(a->run);
	assert_true(a->mem_bytes == 0);
	assert_true(warned_of("more than 2047 characters"));
}

static void compaction_takes_a_percentage(void **state)
{
	(void)state;
	assert_false(read_args("mem=1G")->compaction_proactive_given);
	assert_true(read_args("compaction_proactive=0")->compaction_proactive_given);
	assert_int_equal(read_args("compaction_proactive=100")->compaction_proactive, 100);
	assert_int_equal(read_args("compaction_proactive=35")->compaction_proactive, 35);
	static const char *const wrong[] = { "compaction_proactive",
					     "compaction_proactive=", "compaction_proactive=101",
					     "compaction_proactive=x" };
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		assert_false(read_args(wrong[i])->compaction_proactive_given);
		assert_true(warned_of("compaction_proactive"));
	}
}

static void strings_stay_when_more_is_read(void **state)
{
	(void)state;
	char first[] = "palloc=buddy run=\"one two\"";
	read_args(first);
	memset(first, 'x', sizeof(first) - 1);
	bootargs_parse(&args, "mem=1G foo bar=\"b c\" memtest");
	assert_string_equal(args.palloc, "buddy");
	assert_string_equal(args.run, "one two");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(compaction_takes_a_percentage),
		cmocka_unit_test(no_arguments_mean_the_defaults),
		cmocka_unit_test(quotes_keep_blanks_and_are_dropped),
		cmocka_unit_test(a_missing_quote_is_named_and_its_word_ignored),
		cmocka_unit_test(the_later_of_two_wins),
		cmocka_unit_test(mem_is_rounded_down_to_pages_and_needs_one),
		cmocka_unit_test(memmap_takes_several_ranges),
		cmocka_unit_test(a_malformed_memmap_adds_none_of_its_ranges),
		cmocka_unit_test(more_ranges_than_fit_are_refused_by_name),
		cmocka_unit_test(cma_takes_size_place_and_limit_as_linux),
		cmocka_unit_test(movable_and_kernel_core_take_bytes_and_percents),
		cmocka_unit_test(switches_and_names_are_read),
		cmocka_unit_test(malformed_switches_are_named_and_change_nothing),
		cmocka_unit_test(the_arguments_of_linux_are_named_in_one_warning),
		cmocka_unit_test(every_word_of_a_long_line_is_taken_or_named),
		cmocka_unit_test(text_beyond_the_room_is_cut_at_a_word_and_said),
		cmocka_unit_test(strings_stay_when_more_is_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
