/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves what `cma` answers: areas with what is given out, lent and free, and a bitmap that agrees; `cma why` says what a
 * request would get and what is in its way, and changes nothing; alloc and release are refused in words when they are wrong;
 * JSON says the same as text.
 */
#define MOVABLE_MOST 16384U
#include "cma_machine.h"
#include "movable_owner.h"

#include "fpg/monitor/command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct cma_machine usual = { "buddy", 128 * SZ_1M, 8 * SZ_1M, 0, false };

static char got[1 << 16];
static struct out_buffer sink;
static struct monitor m;
static struct cma *area;

static int setup(void **state)
{
	(void)state;
	area = cma_machine_start(&usual);
	movable_owner_start(true);
	out_buffer_init(&sink, got, sizeof(got));
	monitor_init(&m, &sink.out);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	sim_stop();
	return 0;
}

/** Run @line; what it answers is in got. */
static int answer(const char *line)
{
	out_buffer_init(&sink, got, sizeof(got));
	return monitor_run_line(&m, line);
}

#define assert_answer(part)                                   \
	do {                                                  \
		if (strstr(got, part) == NULL) {              \
			fail_msg("no '%s' in %s", part, got); \
		}                                             \
	} while (0)

static unsigned long long first_frame(void)
{
	return cma_machine_frames(area).start.n;
}

/** Answers that name a frame: @format has one %llx. */
static void assert_answer_of(const char *format, unsigned long long frame)
{
	char part[128];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	(void)snprintf(part, sizeof(part), format, frame);
#pragma GCC diagnostic pop
	assert_answer(part);
}

/** Characters @c of the bitmap. */
static unsigned int in_map(char c)
{
	unsigned int count = 0;
	for (const char *at = strstr(got, "  0x"); at != NULL; at = strstr(at, "\n  0x")) {
		at = strchr(at + 3, ' ') + 1;
		for (; *at != '\n' && *at != '\0'; at++) {
			count += *at == c;
		}
	}
	return count;
}

static void areas_are_shown_with_a_map_that_agrees(void **state)
{
	(void)state;
	const struct pfn_range frames = cma_machine_frames(area);
	assert_non_null(cma_alloc(area, 100, 0, false));
	const struct pfn_range lent = { pfn_add(frames.start, 512), pfn_add(frames.start, 562) };
	assert_int_equal(alloc_contig_range(lent, GFP_USER_MOVABLE, NULL), 0);
	for (uint32_t i = 0; i < 50; i++) {
		movable_own(i, pfn_to_page(pfn_add(lent.start, i)), 0, false);
	}
	assert_non_null(movable_pin(7));
	assert_int_equal(answer("cma"), 0);
	assert_answer("test");
	assert_answer("2048 pages, lent, order_per_bit 0");
	assert_answer("given out 100, lent and in use 50, free 1898");
	assert_answer("1 allocations, 0 failures, 0 releases");
	assert_answer("a character is 1 page:");
	assert_int_equal(in_map('#'), 100);
	assert_int_equal(in_map('m'), 49);
	assert_int_equal(in_map('X'), 1);
	assert_int_equal(in_map('.'), 1898);
	assert_answer("no default area");

	assert_int_equal(answer("json on"), 0);
	assert_int_equal(answer("cma"), 0);
	assert_answer("\"name\":\"test\"");
	assert_answer("\"default\":false");
	assert_answer("\"pages\":2048");
	assert_answer("\"mode\":\"lent\"");
	assert_answer("\"given_out\":100");
	assert_answer("\"borrowed\":50");
	assert_answer("\"free_pages\":1898");
	assert_answer_of("\"given\":[[%llu,100]]", first_frame());
}

static void why_says_what_is_in_the_way_and_changes_nothing(void **state)
{
	(void)state;
	const struct pfn_range frames = cma_machine_frames(area);
	struct cma_stats before;
	struct cma_stats after;
	assert_int_equal(alloc_contig_range(frames, GFP_USER_MOVABLE, NULL), 0);
	for (uint32_t i = 0; i < pfn_range_pages(frames); i++) {
		movable_own(i, pfn_to_page(pfn_add(frames.start, i)), 0, false);
	}
	assert_non_null(movable_pin(1000));
	cma_stats_read(area, &before);
	assert_int_equal(answer("cma why test 512"), 0);
	assert_answer("it can be had; 512 pages have to be moved");
	assert_int_equal(answer("cma why test 2048"), 0);
	assert_answer("it cannot be had: -EBUSY, something is in the way wherever it could be");
	assert_answer_of("in the way: pfn 0x%llx: ", first_frame() + 1000);
	assert_answer("test pages");
	assert_answer("2 references");
	assert_answer("most in a row that could be had: 1047 pages; not given out: 2048");
	assert_int_equal(answer("cma why test 4096"), 0);
	assert_answer("it cannot be had: -ENOMEM, no such run of pages");
	assert_int_equal(answer("json on"), 0);
	assert_int_equal(answer("cma why test 2048"), 0);
	assert_answer("\"result\":\"-EBUSY\"");
	assert_answer("\"would_suffice\":1047");
	assert_answer_of("\"pfn\":%llu", first_frame() + 1000);
	assert_answer("\"owner\":\"test pages\"");
	assert_answer("\"refs\":2");
	cma_stats_read(area, &after);
	assert_memory_equal(&before, &after, sizeof(before));
}

static void alloc_and_release_are_tried_and_refused_in_words(void **state)
{
	(void)state;
	char line[64];
	assert_int_equal(answer("cma alloc test 64 4"), 0);
	assert_answer_of("pfn 0x%llx: 64 pages, 0 of them moved away", first_frame());
	(void)snprintf(line, sizeof(line), "cma release test %llu 65", first_frame());
	assert_int_not_equal(answer(line), 0);
	assert_answer("not all of these pages were given out by test");
	(void)snprintf(line, sizeof(line), "cma release test %llu", first_frame());
	assert_int_not_equal(answer(line), 0);
	assert_answer("release AREA PFN COUNT");
	(void)snprintf(line, sizeof(line), "cma release test %llu 64", first_frame());
	assert_int_equal(answer(line), 0);
	static const struct {
		const char *line;
		const char *part;
	} wrong[] = {
		{ "cma why", "say why, alloc or release" },
		{ "cma why nothere 1", "there is no area 'nothere'" },
		{ "cma why default 1", "there is no area 'default'" },
		{ "cma why test x", "'x' is no number" },
		{ "cma why test 1 60", "alignments are orders from 0 to" },
		{ "cma lose test 1", "'lose' is none of why, alloc, release" },
		{ "cma alloc test 4096", "4096 pages: -ENOMEM; 2048 could be had" },
		{ "cma release test 1 1", "not all of these pages were given out by test" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		assert_int_not_equal(answer(wrong[i].line), 0);
		assert_answer(wrong[i].part);
	}
	struct cma_stats s;
	cma_stats_read(area, &s);
	assert_int_equal(s.given_out, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(areas_are_shown_with_a_map_that_agrees, setup,
						stop),
		cmocka_unit_test_setup_teardown(why_says_what_is_in_the_way_and_changes_nothing,
						setup, stop),
		cmocka_unit_test_setup_teardown(alloc_and_release_are_tried_and_refused_in_words,
						setup, stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
