/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves that log lines have the promised form, that the ring keeps whole lines and counts the lost
 * ones, that held lines come out in order, and that logging from inside the log does not hang.
 */
#define LOG_MODULE "test"
#include "fpg/core/log.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char got[1 << 22];
static struct out_buffer sink;

static int setup(void **state)
{
	(void)state;
	out_buffer_init(&sink, got, sizeof(got));
	log_set_sink(&sink.out);
	log_set_observer(NULL, NULL);
	log_set_console_level(LOG_INFO);
	log_set_timebase(0);
	return 0;
}

static void a_line_before_the_timebase_shows_no_time(void **state)
{
	(void)state;
	pr_info("%d bytes", 42);
	assert_string_equal(got, "[   -.------] test: 42 bytes\n");
}

static void a_line_after_it_shows_seconds_and_microseconds(void **state)
{
	(void)state;
	log_set_timebase(1000000000);
	pr_info("x");
	unsigned int seconds, micro;
	char text[16];
	assert_int_equal(sscanf(got, "[%u.%06u] test: %15s", &seconds, &micro, text), 3);
	assert_true(micro < 1000000);
	assert_non_null(strchr(got, '.'));
	assert_memory_equal(strchr(got, '.') + 7, "] test: x\n", 11);
}

static void warnings_and_errors_say_so(void **state)
{
	(void)state;
	pr_warn("a");
	pr_err("b");
	assert_string_equal(got, "[   -.------] test: warning: a\n[   -.------] test: error: b\n");
}

static void the_console_level_keeps_lines_off_the_console_but_not_out_of_the_ring(void **state)
{
	(void)state;
	static char dump[1 << 21];
	struct out_buffer b;
	pr_debug("quiet one");
	assert_string_equal(got, "");
	log_set_console_level(LOG_DEBUG);
	pr_debug("loud one");
	assert_string_equal(got, "[   -.------] test: loud one\n");
	out_buffer_init(&b, dump, sizeof(dump));
	log_dump(&b.out);
	assert_non_null(strstr(dump, "test: quiet one\n[   -.------] test: loud one\n"));
}

static void control_characters_cannot_make_a_second_line(void **state)
{
	(void)state;
	pr_info("node %s", "a\nfirstpage: exit 0\r\x1b[2J");
	assert_string_equal(got, "[   -.------] test: node a?firstpage: exit 0??[2J\n");
}

static void a_very_long_line_says_how_much_was_cut(void **state)
{
	(void)state;
	static char text[5001];
	memset(text, 'z', 5000);
	pr_info("%s", text);
	size_t shown = strspn(strchr(got, 'z'), "z");
	unsigned int cut;
	assert_int_equal(sscanf(strchr(got, 'z') + shown, " [%u more bytes]", &cut), 1);
	assert_int_equal(shown + cut, 5000);
	assert_int_equal(got[sink.used - 1], '\n');
}

static void held_lines_appear_in_order_when_released(void **state)
{
	(void)state;
	log_console_hold(true);
	pr_info("1");
	pr_debug("not for the console");
	pr_warn("2");
	assert_string_equal(got, "");
	log_console_hold(false);
	assert_string_equal(got, "[   -.------] test: 1\n[   -.------] test: warning: 2\n");
	pr_info("3");
	assert_non_null(strstr(got, "test: 3\n"));
}

static void overwritten_held_lines_are_counted(void **state)
{
	(void)state;
	char text[101];
	memset(text, 'q', 100);
	text[100] = '\0';
	log_console_hold(true);
	for (int i = 0; i < 20000; i++) {
		pr_info("%s %d", text, i);
	}
	log_console_hold(false);
	unsigned int lost;
	assert_int_equal(sscanf(got, "log: %u lines were overwritten before they could be shown\n",
				&lost),
			 1);
	char *line = strchr(got, '\n') + 1;
	char want[160];
	for (unsigned int i = lost; i < 20000; i++) {
		size_t n = (size_t)snprintf(want, sizeof(want), "[   -.------] test: %s %u\n", text,
					    i);
		assert_memory_equal(line, want, n);
		line += n;
	}
	assert_string_equal(line, "");
}

static void the_dump_begins_at_a_whole_line(void **state)
{
	(void)state;
	static char dump[1 << 21];
	struct out_buffer b;
	char text[301];
	memset(text, 'w', 300);
	log_set_console_level(LOG_ERR);
	for (int i = 0; i < 40000; i++) {
		pr_info("%.*s|", i % 300, text);
	}
	out_buffer_init(&b, dump, sizeof(dump));
	log_dump(&b.out);
	unsigned int lost;
	assert_int_equal(sscanf(dump, "log: %u older lines were overwritten\n", &lost), 1);
	for (char *line = strchr(dump, '\n') + 1; *line != '\0'; line = strchr(line, '\n') + 1) {
		assert_memory_equal(line, "[   -.------] test: ", 20);
		assert_memory_equal(strchr(line, '\n') - 1, "|\n", 2);
	}
}

static int observed;

static void log_again(void *ctx, enum log_level level, const char *module, const char *text)
{
	assert_ptr_equal(ctx, &observed);
	assert_int_equal(level, LOG_WARN);
	assert_string_equal(module, "test");
	assert_string_equal(text, "node has 3 cells");
	observed++;
	pr_info("seen");
}

static void the_observer_gets_the_text_alone_and_may_log(void **state)
{
	(void)state;
	log_set_observer(log_again, &observed);
	pr_warn("node has %d cells", 3);
	pr_info("not a warning");
	assert_int_equal(observed, 1);
	assert_non_null(strstr(got, "test: seen\n"));
}

static void levels_are_known_by_name_and_number(void **state)
{
	(void)state;
	enum log_level level = LOG_INFO;
	assert_int_equal(log_level_by_name("debug", &level), 0);
	assert_int_equal(level, LOG_DEBUG);
	assert_int_equal(log_level_by_name("warn", &level), 0);
	assert_int_equal(level, LOG_WARN);
	assert_int_equal(log_level_by_name("0", &level), 0);
	assert_int_equal(level, LOG_ERR);
	assert_int_equal(log_level_by_name("4", &level), -EINVAL);
	assert_int_equal(log_level_by_name("", &level), -EINVAL);
	assert_int_equal(level, LOG_ERR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_line_before_the_timebase_shows_no_time, setup),
		cmocka_unit_test_setup(a_line_after_it_shows_seconds_and_microseconds, setup),
		cmocka_unit_test_setup(warnings_and_errors_say_so, setup),
		cmocka_unit_test_setup(
			the_console_level_keeps_lines_off_the_console_but_not_out_of_the_ring,
			setup),
		cmocka_unit_test_setup(control_characters_cannot_make_a_second_line, setup),
		cmocka_unit_test_setup(a_very_long_line_says_how_much_was_cut, setup),
		cmocka_unit_test_setup(held_lines_appear_in_order_when_released, setup),
		cmocka_unit_test_setup(overwritten_held_lines_are_counted, setup),
		cmocka_unit_test_setup(the_dump_begins_at_a_whole_line, setup),
		cmocka_unit_test_setup(the_observer_gets_the_text_alone_and_may_log, setup),
		cmocka_unit_test_setup(levels_are_known_by_name_and_number, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
