/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers as people type them: decimal, 0x hex, with K, M, G, T, P suffix (powers of 1024), as Linux's memparse(). */
#pragma once

#include "fpg/base/compiler.h"
#include "fpg/base/types.h"

/**
 * Parse an unsigned number with an optional suffix.
 *
 * @s     text; need not end after the number
 * @end   out, may be NULL: first character not taken
 * @value out, set only on success
 * Return: 0 | -EINVAL (no digit) | -ERANGE (does not fit in 64 bits)
 */
FPG_MUST_CHECK int parse_size(const char *s, const char **end, uint64_t *value);

/** The same, and the whole string must be taken. Return: 0 | -EINVAL | -ERANGE */
FPG_MUST_CHECK int parse_size_all(const char *s, uint64_t *value);

/**
 * A byte count for people: "64 KiB", "1.5 GiB", "4097 B"; where that would take five digits or more, "~15.9 GiB", cut
 * down to one decimal. @buf at least 16 bytes. Return: @buf.
 */
const char *format_size(char *buf, size_t buf_bytes, uint64_t bytes);
