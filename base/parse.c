/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers with K, M, G, T, P, E suffixes, and back again for people.
 *
 * Invariant: a value that does not fit in 64 bits is an error, never a wrapped number; what format_size() prints
 * without a '~' is exact.
 */
#include "fpg/base/parse.h"

#include "fpg/base/assert.h"
#include "fpg/base/out.h"

#include <errno.h>
#include <inttypes.h>

/** Powers of 1024, by letter. */
static const char units[] = "KMGTPE";

/** Five digits and more are not read but counted. */
#define LONG_NUMBER 10000

static unsigned int digit_value(char c)
{
	if (c >= '0' && c <= '9') {
		return (unsigned int)(c - '0');
	}
	if (c >= 'a' && c <= 'f') {
		return (unsigned int)(c - 'a') + 10;
	}
	if (c >= 'A' && c <= 'F') {
		return (unsigned int)(c - 'A') + 10;
	}
	return 16;
}

/** Bits to shift for a suffix letter, 0 for any other character. */
static unsigned int suffix_shift(char c)
{
	for (unsigned int i = 0; units[i] != '\0'; i++) {
		if (c == units[i] || c == units[i] + ('a' - 'A')) {
			return (i + 1) * 10;
		}
	}
	return 0;
}

int parse_size(const char *s, const char **end, uint64_t *value)
{
	unsigned int radix = 10;
	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
		radix = 16;
		s += 2;
	}
	if (digit_value(*s) >= radix) {
		return -EINVAL;
	}
	uint64_t v = 0;
	for (; digit_value(*s) < radix; s++) {
		unsigned int digit = digit_value(*s);
		if (v > (UINT64_MAX - digit) / radix) {
			return -ERANGE;
		}
		v = v * radix + digit;
	}
	/* In hexadecimal 'E' was a digit, so it can be a suffix after decimal digits only. */
	unsigned int shift = suffix_shift(*s);
	if (shift != 0) {
		if (v > UINT64_MAX >> shift) {
			return -ERANGE;
		}
		v <<= shift;
		s++;
	}
	if (end != NULL) {
		*end = s;
	}
	*value = v;
	return 0;
}

int parse_size_all(const char *s, uint64_t *value)
{
	const char *end;
	uint64_t v;
	int err = parse_size(s, &end, &v);
	if (err != 0) {
		return err;
	}
	if (*end != '\0') {
		return -EINVAL;
	}
	*value = v;
	return 0;
}

const char *format_size(char *buf, size_t buf_bytes, uint64_t bytes)
{
	struct out_buffer b;
	out_buffer_init(&b, buf, buf_bytes);
	unsigned int unit = ARRAY_SIZE(units) - 1;
	/* The largest unit of which the value is a whole number, or a whole number and a half. */
	while (unit > 0) {
		uint64_t half = 1ULL << (unit * 10 - 1);
		if (bytes >= 2 * half && bytes % half == 0) {
			break;
		}
		unit--;
	}
	if (bytes >> (unit * 10) < LONG_NUMBER) {
		uint64_t halves = unit != 0 ? bytes >> (unit * 10 - 1) : 2 * bytes;
		const char name[] = { ' ', unit != 0 ? units[unit - 1] : 'B', '\0' };
		/* The boot log has many of these, and text costs less than conversions. */
		out_printf(&b.out, "%" PRIu64, halves / 2);
		out_puts(&b.out, halves % 2 != 0 ? ".5" : "");
		out_puts(&b.out, name);
		out_puts(&b.out, unit != 0 ? "iB" : "");
		return buf;
	}
	/* Too long to be read: say that it is not exact. */
	unit = 1;
	while (unit < ARRAY_SIZE(units) - 1 && bytes >> (unit * 10) >= 1024) {
		unit++;
	}
	out_buffer_init(&b, buf, buf_bytes);
	uint64_t whole = bytes >> (unit * 10);
	uint64_t rest = bytes >> ((unit - 1) * 10) & 1023;
	out_printf(&b.out, "~%" PRIu64 ".%" PRIu64 " %ciB", whole, rest * 10 / 1024,
		   units[unit - 1]);
	return buf;
}
