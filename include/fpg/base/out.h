/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where text goes: a writer that the console, a host file, a string buffer or a test implements.
 * Modules that have something to show take a struct out and know nothing of consoles.
 */
#pragma once

#include "fpg/base/compiler.h"
#include "fpg/base/types.h"

#include <stdarg.h>

struct out {
	/**
	 * Write @n bytes of @s (not terminated). Never fails; a full sink drops and remembers it.
	 */
	void (*write)(struct out *out, const char *s, size_t n);
};

void out_puts(struct out *out, const char *s);

/**
 * Formatted output, any length: a result past the internal buffer is written in pieces, never cut
 * in silence.
 */
void out_printf(struct out *out, const char *fmt, ...) FPG_PRINTF(2, 3);
void out_vprintf(struct out *out, const char *fmt, va_list ap) FPG_PRINTF(2, 0);

/**
 * A sink that fills a caller's buffer, always terminated; `overflow` counts the bytes that did not
 * fit.
 */
struct out_buffer {
	struct out out;
	char *buf;
	size_t size;
	size_t used;
	size_t overflow;
};

/** @size must be at least 1. The buffer stays the caller's. */
void out_buffer_init(struct out_buffer *b, char *buf, size_t size);

/** Text from outside (names of nodes) must not steer a terminal: control characters in @s become '?'. */
void out_hide_controls(char *s);
