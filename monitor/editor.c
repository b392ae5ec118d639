/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The line editor's keys. Invariant: cursor <= used < MONITOR_LINE_BYTES, and the terminal shows
 * the prompt, the line, and its cursor at `cursor`. A byte that does not fit rings the bell and
 * changes nothing; the line is then not what was typed, so it is not run.
 */
#include "editor.h"

#include <string.h>

#define CTRL(c) ((c)&0x1f)

void editor_init(struct editor *e, struct out *out, const char *prompt, editor_complete_fn complete)
{
	memset(e, 0, sizeof(*e));
	e->out = out;
	e->prompt = prompt;
	e->complete = complete;
}

void editor_start(struct editor *e)
{
	e->used = 0;
	e->cursor = 0;
	e->refused = false;
	e->history_at = 0;
	e->line[0] = '\0';
	out_puts(e->out, e->prompt);
}

static void bell(struct editor *e)
{
	out_puts(e->out, "\a");
}

/** Move the terminal's cursor @n to the left. */
static void cursor_left(struct editor *e, size_t n)
{
	if (n != 0) {
		out_printf(e->out, "\x1b[%zuD", n);
	}
}

/**
 * The terminal's cursor is at @from: show the line from there, blank the rest, and put the cursor
 * back.
 */
static void show_tail(struct editor *e, size_t from)
{
	e->out->write(e->out, e->line + from, e->used - from);
	out_puts(e->out, "\x1b[K");
	cursor_left(e, e->used - e->cursor);
}

static void redraw(struct editor *e)
{
	out_printf(e->out, "\r%s", e->prompt);
	show_tail(e, 0);
}

static void move_to(struct editor *e, size_t to)
{
	if (to < e->cursor) {
		cursor_left(e, e->cursor - to);
	} else {
		e->out->write(e->out, e->line + e->cursor, to - e->cursor);
	}
	e->cursor = to;
}

static void insert(struct editor *e, const char *s, size_t n)
{
	if (e->used + n >= MONITOR_LINE_BYTES) {
		bell(e);
		e->refused = true;
		return;
	}
	memmove(e->line + e->cursor + n, e->line + e->cursor, e->used - e->cursor);
	memcpy(e->line + e->cursor, s, n);
	e->used += n;
	size_t from = e->cursor;
	e->cursor += n;
	if (e->cursor == e->used) {
		e->out->write(e->out, s, n);
	} else {
		show_tail(e, from);
	}
}

/** Delete [from, to); the cursor ends at @from. */
static void delete (struct editor *e, size_t from, size_t to)
{
	if (from == to) {
		bell(e);
		return;
	}
	move_to(e, from);
	memmove(e->line + from, e->line + to, e->used - to);
	e->used -= to - from;
	e->refused = false;
	show_tail(e, from);
}

static size_t word_start(const struct editor *e)
{
	size_t at = e->cursor;
	while (at != 0 && e->line[at - 1] == ' ') {
		at--;
	}
	while (at != 0 && e->line[at - 1] != ' ') {
		at--;
	}
	return at;
}

/** The @back-th newest line, 1 the newest. */
static char *history_line(struct editor *e, uint32_t back)
{
	return e->history[(e->history_count - back) % EDITOR_HISTORY];
}

static void history_add(struct editor *e)
{
	bool same = e->history_count != 0 && strcmp(history_line(e, 1), e->line) == 0;
	if (e->used != 0 && !same) {
		memcpy(e->history[e->history_count % EDITOR_HISTORY], e->line, e->used + 1);
		e->history_count++;
	}
}

/** Go @older or newer by one. */
static void history_move(struct editor *e, bool older)
{
	uint32_t most = e->history_count < EDITOR_HISTORY ? e->history_count : EDITOR_HISTORY;
	if (older ? e->history_at == most : e->history_at == 0) {
		bell(e);
		return;
	}
	e->line[e->used] = '\0';
	if (e->history_at == 0) {
		memcpy(e->draft, e->line, e->used + 1);
	}
	e->history_at = older ? e->history_at + 1 : e->history_at - 1;
	const char *from = e->history_at == 0 ? e->draft : history_line(e, e->history_at);
	move_to(e, 0);
	e->used = strlen(from);
	memcpy(e->line, from, e->used);
	e->cursor = e->used;
	e->refused = false;
	show_tail(e, 0);
}

/** Where the word under completion begins, and whether it is the first of its command. */
static size_t completion_word(const struct editor *e, bool *first)
{
	size_t at = e->cursor;
	while (at != 0 && e->line[at - 1] != ' ' && e->line[at - 1] != ';') {
		at--;
	}
	size_t before = at;
	while (before != 0 && e->line[before - 1] == ' ') {
		before--;
	}
	*first = before == 0 || e->line[before - 1] == ';';
	return at;
}

static void list_completions(struct editor *e, const char *word, size_t bytes, bool first)
{
	const char *name;
	out_puts(e->out, "\n");
	for (size_t i = 0; (name = e->complete(word, bytes, first, i)) != NULL; i++) {
		out_printf(e->out, "%s%s", i != 0 ? "  " : "", name);
	}
	out_puts(e->out, "\n");
	redraw(e);
}

static void complete(struct editor *e)
{
	bool first;
	size_t at = completion_word(e, &first);
	const char *word = e->line + at;
	size_t bytes = e->cursor - at;
	const char *match = e->complete != NULL ? e->complete(word, bytes, first, 0) : NULL;
	if (match == NULL) {
		bell(e);
		return;
	}
	size_t common = strlen(match);
	const char *other;
	size_t count = 1;
	for (; (other = e->complete(word, bytes, first, count)) != NULL; count++) {
		size_t same = 0;
		while (same < common && match[same] == other[same]) {
			same++;
		}
		common = same;
	}
	if (count > 1 && common == bytes) {
		list_completions(e, word, bytes, first);
		return;
	}
	insert(e, match + bytes, common - bytes);
	if (count == 1) {
		insert(e, " ", 1);
	}
}

static enum editor_event end_line(struct editor *e)
{
	move_to(e, e->used);
	e->line[e->used] = '\0';
	out_puts(e->out, "\n");
	if (e->refused) {
		out_printf(e->out, "the line is longer than %d characters and was not run\n",
			   MONITOR_LINE_BYTES - 1);
		return EDITOR_DROPPED;
	}
	history_add(e);
	return EDITOR_LINE;
}

static void feed_escape(struct editor *e, int byte)
{
	if (byte == 0x1b) {
		e->escape = 1;
		return;
	}
	if (e->escape == 1) {
		e->escape = byte == '[' || byte == 'O' ? 2 : 0;
		e->escape_number = 0;
		return;
	}
	if ((byte >= '0' && byte <= '9') || byte == ';') {
		e->escape_number = byte == ';' ? 0 :
						 (uint8_t)(e->escape_number * 10 + (byte - '0'));
		return;
	}
	e->escape = 0;
	size_t left = e->cursor != 0 ? e->cursor - 1 : 0;
	size_t right = e->cursor < e->used ? e->cursor + 1 : e->used;
	bool tilde = byte == '~';
	if (byte == 'A' || byte == 'B') {
		history_move(e, byte == 'A');
	} else if (byte == 'C' || byte == 'D') {
		move_to(e, byte == 'C' ? right : left);
	} else if (byte == 'H' || (tilde && (e->escape_number == 1 || e->escape_number == 7))) {
		move_to(e, 0);
	} else if (byte == 'F' || (tilde && (e->escape_number == 4 || e->escape_number == 8))) {
		move_to(e, e->used);
	} else if (tilde && e->escape_number == 3) {
		delete (e, e->cursor, right);
	}
}

static void feed_control(struct editor *e, int byte)
{
	size_t left = e->cursor != 0 ? e->cursor - 1 : 0;
	size_t right = e->cursor < e->used ? e->cursor + 1 : e->used;
	switch (byte) {
	case 0x1b:
		e->escape = 1;
		break;
	case 0x7f:
	case '\b':
		delete (e, left, e->cursor);
		break;
	case '\t':
		complete(e);
		break;
	case CTRL('A'):
		move_to(e, 0);
		break;
	case CTRL('B'):
		move_to(e, left);
		break;
	case CTRL('E'):
		move_to(e, e->used);
		break;
	case CTRL('F'):
		move_to(e, right);
		break;
	case CTRL('K'):
		delete (e, e->cursor, e->used);
		break;
	case CTRL('L'):
		redraw(e);
		break;
	case CTRL('N'):
	case CTRL('P'):
		history_move(e, byte == CTRL('P'));
		break;
	case CTRL('U'):
		delete (e, 0, e->cursor);
		break;
	case CTRL('W'):
		delete (e, word_start(e), e->cursor);
		break;
	default:
		bell(e);
		break;
	}
}

enum editor_event editor_feed(struct editor *e, int byte)
{
	bool after_cr = e->last_was_cr;
	e->last_was_cr = byte == '\r';
	if (byte == '\n' && after_cr) {
		return EDITOR_NONE;
	}
	if (byte == '\r' || byte == '\n') {
		e->escape = 0;
		return end_line(e);
	}
	if (byte == CTRL('C')) {
		e->escape = 0;
		out_puts(e->out, "^C\n");
		return EDITOR_DROPPED;
	}
	if (e->escape != 0) {
		feed_escape(e, byte);
	} else if (byte >= 0x20 && byte < 0x7f) {
		char c = (char)byte;
		insert(e, &c, 1);
	} else {
		feed_control(e, byte);
	}
	return EDITOR_NONE;
}
