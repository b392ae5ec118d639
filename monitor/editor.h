/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The line editor: bytes from a terminal in, finished lines out. It knows nothing of commands or
 * consoles: echo goes to a struct out, completion comes from a callback.
 *
 * Keys: printable ASCII, backspace, delete, left, right, home, end (and ^B ^F ^A ^E), up, down (^P
 * ^N) for history, ^U and ^K to delete to an end of the line, ^W for a word, ^L to redraw, ^C to
 * drop the line, tab to complete. CR, LF and CR LF each end a line once.
 */
#pragma once

#include "fpg/base/out.h"
#include "fpg/monitor/command.h"

#define EDITOR_HISTORY 16

enum editor_event {
	EDITOR_NONE,
	/** `line` is finished and terminated; the next byte begins a new one. */
	EDITOR_LINE,
	/** ^C, or the end of a line that was too long and is not to be run. */
	EDITOR_DROPPED,
};

/**
 * The @index-th completion of the @bytes bytes at @word, NULL past the last. @first: the word is
 * the first of its command.
 */
typedef const char *(*editor_complete_fn)(const char *word, size_t bytes, bool first, size_t index);

struct editor {
	struct out *out;
	const char *prompt;
	editor_complete_fn complete;
	/** Bytes in the line, and where the cursor stands in it. */
	size_t used;
	size_t cursor;
	/**
	 * Something did not fit: the line is not what was typed, and is dropped unless it is edited
	 * first.
	 */
	bool refused;
	bool last_was_cr;
	/** Progress through an escape sequence: 0 none, 1 after ESC, 2 after ESC [ or ESC O. */
	uint8_t escape;
	uint8_t escape_number;
	char line[MONITOR_LINE_BYTES];
	/**
	 * Lines entered, newest last; `history_at` counts back from the newest, 0 is the line being
	 * typed.
	 */
	uint32_t history_count;
	uint32_t history_at;
	char history[EDITOR_HISTORY][MONITOR_LINE_BYTES];
	/** What was being typed when the history was entered. */
	char draft[MONITOR_LINE_BYTES];
};

void editor_init(struct editor *e, struct out *out, const char *prompt,
		 editor_complete_fn complete);

/** Show the prompt and begin an empty line. */
void editor_start(struct editor *e);

/** Take one byte of input. */
enum editor_event editor_feed(struct editor *e, int byte);
