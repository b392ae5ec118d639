/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves how a line becomes commands: words, quotes, semicolons, limits, the stop at the first
 * failure, the echo, and that with `json on` each command answers with exactly one line. Uses a
 * command table of its own.
 */
#include "fpg/monitor/command.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static char got[1 << 16];
static struct out_buffer sink;
static struct monitor m;

static int cmd_say(struct monitor *mon, int argc, char **argv)
{
	if (mon->json) {
		struct json *j = monitor_json_begin(mon);
		json_key(j, "words");
		json_array_begin(j);
		for (int i = 1; i < argc; i++) {
			json_string(j, argv[i]);
		}
		json_array_end(j);
		monitor_json_end(mon);
		return 0;
	}
	for (int i = 1; i < argc; i++) {
		out_printf(mon->out, "<%s>", argv[i]);
	}
	out_puts(mon->out, "\n");
	return 0;
}

static int cmd_fail(struct monitor *mon, int argc, char **argv)
{
	(void)argc;
	return monitor_fail(mon, -EBUSY, "frame %s is \"busy\"", argv[1]);
}

static int cmd_quiet(struct monitor *mon, int argc, char **argv)
{
	(void)mon;
	(void)argc;
	(void)argv;
	return 0;
}

static const struct monitor_command table_a[] = {
	{ "say", "WORD…", "print the words", 0, 255, cmd_say },
	{ "fail", "WHAT", "fail", 1, 1, cmd_fail },
	{ 0 },
};

static const struct monitor_command table_b[] = {
	{ "quiet", "", "nothing", 0, 0, cmd_quiet },
	{ 0 },
};

const struct monitor_command *const monitor_tables[] = { table_a, table_b, NULL };

static int setup(void **state)
{
	(void)state;
	out_buffer_init(&sink, got, sizeof(got));
	monitor_init(&m, &sink.out);
	return 0;
}

static void words_are_separated_by_blanks(void **state)
{
	(void)state;
	assert_int_equal(monitor_run_line(&m, "  say a  bb\tccc "), 0);
	assert_string_equal(got, "<a><bb><ccc>\n");
}

static void quotes_group_and_may_hold_anything(void **state)
{
	(void)state;
	assert_int_equal(monitor_run_line(&m, "say \"a; b\" 'c \"d' e\"f g\"h ''"), 0);
	assert_string_equal(got, "<a; b><c \"d><ef gh><>\n");
}

static void semicolons_separate_and_empty_commands_are_nothing(void **state)
{
	(void)state;
	assert_int_equal(monitor_run_line(&m, ";; say a;say b ; ;quiet;"), 0);
	assert_string_equal(got, "<a>\n<b>\n");
	assert_int_equal(monitor_run_line(&m, ""), 0);
	assert_int_equal(monitor_run_line(&m, "   "), 0);
}

static void the_first_failure_stops_the_line(void **state)
{
	(void)state;
	assert_int_equal(monitor_run_line(&m, "say a; fail 7; say b"), -EBUSY);
	assert_string_equal(got, "<a>\nfail: frame 7 is \"busy\"\n");
}

static void an_unknown_command_is_named(void **state)
{
	(void)state;
	assert_int_equal(monitor_run_line(&m, "nonsense x; say b"), -ENOENT);
	assert_string_equal(got, "monitor: unknown command 'nonsense'; `help` lists them\n");
}

static void a_wrong_number_of_words_shows_the_usage(void **state)
{
	(void)state;
	assert_int_equal(monitor_run_line(&m, "fail"), -EINVAL);
	assert_int_equal(monitor_run_line(&m, "quiet please"), -EINVAL);
	assert_string_equal(got, "fail: usage: fail WHAT\nquiet: usage: quiet\n");
}

static void an_open_quote_is_refused(void **state)
{
	(void)state;
	assert_int_equal(monitor_run_line(&m, "say 'a b"), -EINVAL);
	assert_string_equal(got, "monitor: a quote does not end\n");
}

static void a_command_that_is_too_long_is_refused_not_cut(void **state)
{
	(void)state;
	char line[4 * MONITOR_LINE_BYTES];
	memset(line, 'x', sizeof(line));
	memcpy(line, "say ", 4);
	line[MONITOR_LINE_BYTES - 1] = '\0';
	assert_int_equal(monitor_run_line(&m, line), 0);
	assert_int_equal(sink.used, MONITOR_LINE_BYTES - 5 + 3);
	line[MONITOR_LINE_BYTES - 1] = 'x';
	line[MONITOR_LINE_BYTES] = '\0';
	assert_int_equal(monitor_run_line(&m, line), -E2BIG);
	for (size_t i = 3; i < sizeof(line) - 1; i++) {
		line[i] = i % 2 ? ' ' : 'y';
	}
	line[3 + 2 * (MONITOR_WORDS - 1)] = '\0';
	assert_int_equal(monitor_run_line(&m, line), 0);
	line[3 + 2 * (MONITOR_WORDS - 1)] = ' ';
	line[3 + 2 * MONITOR_WORDS] = '\0';
	assert_int_equal(monitor_run_line(&m, line), -E2BIG);
}

static void a_line_may_be_longer_than_one_command(void **state)
{
	(void)state;
	char line[8000];
	size_t n = 0;
	for (int i = 0; i < 900; i++) {
		memcpy(line + n, "say a; ", 7);
		n += 7;
	}
	line[n] = '\0';
	assert_int_equal(monitor_run_line(&m, line), 0);
	assert_int_equal(sink.used, 900 * 4);
}

static void with_json_every_command_gives_exactly_one_line(void **state)
{
	(void)state;
	m.json = true;
	assert_int_equal(monitor_run_line(&m, "say a 'b c'; quiet; fail 7"), -EBUSY);
	assert_string_equal(got,
			    "@json {\"command\":\"say\",\"version\":1,\"words\":[\"a\",\"b c\"]}\n"
			    "@json {\"command\":\"quiet\",\"version\":1}\n"
			    "@json {\"command\":\"fail\",\"version\":1,"
			    "\"error\":\"frame 7 is \\\"busy\\\"\"}\n");
	out_buffer_init(&sink, got, sizeof(got));
	assert_int_equal(monitor_run_line(&m, "what"), -ENOENT);
	assert_string_equal(got, "@json {\"command\":null,\"version\":1,"
				 "\"error\":\"unknown command 'what'; `help` lists them\"}\n");
}

static void with_echo_each_command_stands_before_its_answer(void **state)
{
	(void)state;
	m.echo = true;
	assert_int_equal(monitor_run_line(&m,
					  ";  say a  'b; c'\t;;quiet; say \x1b[2J ; fail 7; say"),
			 -EBUSY);
	assert_string_equal(got, "fpg> say a  'b; c'\n<a><b; c>\nfpg> quiet\n"
				 "fpg> say ?[2J\n<\x1b[2J>\n"
				 "fpg> fail 7\nfail: frame 7 is \"busy\"\n");
	out_buffer_init(&sink, got, sizeof(got));
	assert_int_equal(monitor_run_line(&m, "what"), -ENOENT);
	assert_string_equal(got, "fpg> what\nmonitor: unknown command 'what'; `help` lists them\n");
	out_buffer_init(&sink, got, sizeof(got));
	m.json = true;
	assert_int_equal(monitor_run_line(&m, "quiet"), 0);
	assert_string_equal(got, "@json {\"command\":\"quiet\",\"version\":1}\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(words_are_separated_by_blanks, setup),
		cmocka_unit_test_setup(quotes_group_and_may_hold_anything, setup),
		cmocka_unit_test_setup(semicolons_separate_and_empty_commands_are_nothing, setup),
		cmocka_unit_test_setup(the_first_failure_stops_the_line, setup),
		cmocka_unit_test_setup(an_unknown_command_is_named, setup),
		cmocka_unit_test_setup(a_wrong_number_of_words_shows_the_usage, setup),
		cmocka_unit_test_setup(an_open_quote_is_refused, setup),
		cmocka_unit_test_setup(a_command_that_is_too_long_is_refused_not_cut, setup),
		cmocka_unit_test_setup(a_line_may_be_longer_than_one_command, setup),
		cmocka_unit_test_setup(with_json_every_command_gives_exactly_one_line, setup),
		cmocka_unit_test_setup(with_echo_each_command_stands_before_its_answer, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
