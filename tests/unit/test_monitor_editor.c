/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves that the line editor hands over what a person sees: a small terminal model replays the
 * echo, and after every key its line and cursor must agree with the editor's.
 */
#include "monitor/editor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- a terminal of one line ---- */

static struct {
	struct out out;
	char line[4096];
	size_t used;
	size_t cursor;
	int bells;
	int state;
	size_t number;
} term;

static void term_byte(char c)
{
	if (term.state == 1) {
		term.state = c == '[' ? 2 : 0;
		term.number = 0;
	} else if (term.state == 2 && c >= '0' && c <= '9') {
		term.number = term.number * 10 + (size_t)(c - '0');
	} else if (term.state == 2) {
		term.state = 0;
		if (c == 'D') {
			assert_true(term.number != 0 && term.number <= term.cursor);
			term.cursor -= term.number;
		} else if (c == 'K') {
			term.used = term.cursor;
		} else {
			fail_msg("unknown escape %c", c);
		}
	} else if (c == 0x1b) {
		term.state = 1;
	} else if (c == '\a') {
		term.bells++;
	} else if (c == '\r') {
		term.cursor = 0;
	} else if (c == '\n') {
		term.cursor = 0;
		term.used = 0;
	} else {
		assert_true(term.cursor < sizeof(term.line));
		term.line[term.cursor++] = c;
		term.used = term.cursor > term.used ? term.cursor : term.used;
	}
}

static void term_write(struct out *out, const char *s, size_t n)
{
	(void)out;
	for (size_t i = 0; i < n; i++) {
		term_byte(s[i]);
	}
}

/* ---- the editor under test ---- */

static struct editor ed;

static const char *names(const char *word, size_t bytes, bool first, size_t index)
{
	static const char *const all[] = { "ledger", "log", "memblock", "zones" };
	for (size_t i = 0; first && i < 4; i++) {
		if (strncmp(all[i], word, bytes) == 0 && index-- == 0) {
			return all[i];
		}
	}
	return NULL;
}

static int setup(void **state)
{
	(void)state;
	memset(&term, 0, sizeof(term));
	term.out.write = term_write;
	editor_init(&ed, &term.out, "fpg> ", names);
	editor_start(&ed);
	return 0;
}

static void agree(void)
{
	assert_true(ed.cursor <= ed.used && ed.used < MONITOR_LINE_BYTES);
	assert_int_equal(term.used, 5 + ed.used);
	assert_int_equal(term.cursor, 5 + ed.cursor);
	assert_memory_equal(term.line, "fpg> ", 5);
	assert_memory_equal(term.line + 5, ed.line, ed.used);
}

/**
 * Feed keys; lines and drops restart the editor. Return: the last line, or NULL when the last was
 * dropped or none.
 */
static const char *type_bytes(const char *keys, size_t n)
{
	static char line[MONITOR_LINE_BYTES];
	const char *last = NULL;
	for (size_t i = 0; i < n; i++) {
		enum editor_event event = editor_feed(&ed, (unsigned char)keys[i]);
		if (event == EDITOR_LINE) {
			memcpy(line, ed.line, sizeof(line));
			last = line;
		} else if (event == EDITOR_DROPPED) {
			last = NULL;
		}
		if (event != EDITOR_NONE) {
			editor_start(&ed);
		}
		agree();
	}
	return last;
}

static const char *type(const char *keys)
{
	return type_bytes(keys, strlen(keys));
}

static void typing_and_backspace(void **state)
{
	(void)state;
	assert_string_equal(type("lex\x7f\bedger\r"), "ledger");
	assert_string_equal(type("\x7f\x7f"
				 "a\r"),
			    "a");
	assert_int_equal(term.bells, 2);
}

static void every_kind_of_line_end_counts_once(void **state)
{
	(void)state;
	assert_string_equal(type("a\r"), "a");
	assert_null(type("\n"));
	assert_string_equal(type("b\n"), "b");
	assert_string_equal(type("\n"), "");
	assert_string_equal(type("c\r\n"), "c");
	assert_string_equal(type("\r"), "");
}

static void the_cursor_moves_and_text_goes_where_it_is(void **state)
{
	(void)state;
	assert_string_equal(type("bd\x1b[Dc\x1b[H"
				 "a\x1b[Fe\r"),
			    "abcde");
	assert_string_equal(type("ac\x1b[1~\x1b[Cb\x1bOC\x1b[4~d\r"), "abcd");
	assert_string_equal(type("xab\x01\x1b[3~\x05z\r"), "abz");
	assert_string_equal(type("\x1b[D\x1b[C\x1b[C-\r"), "-");
}

static void deleting_to_the_ends(void **state)
{
	(void)state;
	assert_string_equal(type("abcdef\x02\x02\x15\r"), "ef");
	assert_string_equal(type("abcdef\x02\x02\x0b\r"), "abcd");
	assert_string_equal(type("alloc 3  \x17 4\r"), "alloc  4");
}

static void control_c_drops_the_line(void **state)
{
	(void)state;
	assert_null(type("poweroff\x03"));
	assert_string_equal(type("x\r"), "x");
}

static void history_goes_up_and_down_and_keeps_the_draft(void **state)
{
	(void)state;
	type("one\rtwo\rtwo\r\r");
	assert_string_equal(type("dra\x1b[A\x1b[A\x1b[A\x1b[B\x1b[Bft\r"), "draft");
	assert_string_equal(type("\x10\x10\x10\r"), "one");
	assert_string_equal(type("\x1b[A!\r"), "one!");
}

static void history_forgets_the_oldest_only(void **state)
{
	(void)state;
	char keys[8] = "lineX\r";
	for (int i = 0; i < EDITOR_HISTORY + 4; i++) {
		keys[4] = (char)('a' + i);
		type(keys);
	}
	for (int i = 0; i < EDITOR_HISTORY + 10; i++) {
		type("\x1b[A");
	}
	assert_string_equal(type("\r"), "linee");
}

static void tab_completes_command_names(void **state)
{
	(void)state;
	assert_string_equal(type("me\t\r"), "memblock ");
	assert_string_equal(type("l\te\t\r"), "ledger ");
	assert_string_equal(type("a; z\tx\r"), "a; zones x");
	int bells = term.bells;
	assert_string_equal(type("zones l\t\r"), "zones l");
	assert_string_equal(type("nope\t\r"), "nope");
	assert_int_equal(term.bells, bells + 2);
}

static void a_long_line_rings_the_bell_and_is_not_run(void **state)
{
	(void)state;
	char keys[MONITOR_LINE_BYTES + 10];
	memset(keys, 'k', sizeof(keys));
	assert_null(type_bytes(keys, MONITOR_LINE_BYTES - 1));
	assert_int_equal(term.bells, 0);
	type("overflow");
	assert_int_equal(term.bells, 8);
	assert_null(type("\r"));
	memset(keys, 'k', sizeof(keys));
	type_bytes(keys, sizeof(keys));
	assert_int_equal(strlen(type("\x7f\r")), MONITOR_LINE_BYTES - 2);
}

static void unknown_bytes_and_escapes_change_nothing(void **state)
{
	(void)state;
	assert_string_equal(type("a\x01\x1b[99;5Zb\xff\x80\x1b\x1b[Q\x1bqc\r"), "bca");
}

static void random_keys_never_break_the_picture(void **state)
{
	(void)state;
	const char *seed_text = getenv("FPG_SEED");
	uint64_t x = seed_text != NULL ? strtoull(seed_text, NULL, 0) : 20240601;
	print_message("FPG_SEED=%llu\n", (unsigned long long)x);
	static const char special[] =
		"\x1b[ABCDHF3~1;\x01\x02\x05\x06\x08\x0b\x0c\x0e\x10\x15\x17\x7f\t\r\nlmez ;";
	for (int i = 0; i < 200000; i++) {
		x = x * 6364136223846793005ULL + 1442695040888963407ULL;
		uint64_t r = x >> 33;
		char key = r % 3 != 0 ? special[r / 3 % (sizeof(special) - 1)] : (char)(r / 3);
		type_bytes(&key, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(typing_and_backspace, setup),
		cmocka_unit_test_setup(every_kind_of_line_end_counts_once, setup),
		cmocka_unit_test_setup(the_cursor_moves_and_text_goes_where_it_is, setup),
		cmocka_unit_test_setup(deleting_to_the_ends, setup),
		cmocka_unit_test_setup(control_c_drops_the_line, setup),
		cmocka_unit_test_setup(history_goes_up_and_down_and_keeps_the_draft, setup),
		cmocka_unit_test_setup(history_forgets_the_oldest_only, setup),
		cmocka_unit_test_setup(tab_completes_command_names, setup),
		cmocka_unit_test_setup(a_long_line_rings_the_bell_and_is_not_run, setup),
		cmocka_unit_test_setup(unknown_bytes_and_escapes_change_nothing, setup),
		cmocka_unit_test_setup(random_keys_never_break_the_picture, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
