/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The JSON writer. Invariant: bit d of `comma` is set exactly when a value was written at depth d
 * since that depth was entered, and `after_key` exactly between a key and its value. Nesting
 * mistakes are bugs of the caller and are checked. Source: RFC 8259.
 */
#include "fpg/base/json.h"

#include "fpg/base/assert.h"

#include <string.h>

void json_init(struct json *j, struct out *out)
{
	*j = (struct json){ .out = out };
}

/** What stands before any value: a comma, unless it is the first or follows its key. */
static void before_value(struct json *j)
{
	if (j->after_key) {
		j->after_key = false;
		return;
	}
	if (j->comma & (1u << j->depth)) {
		out_puts(j->out, ",");
	}
	j->comma |= 1u << j->depth;
}

static void open(struct json *j, const char *bracket)
{
	before_value(j);
	FPG_CHECK(j->depth + 1 < JSON_MAX_DEPTH);
	j->depth++;
	j->comma &= ~(1u << j->depth);
	out_puts(j->out, bracket);
}

static void close(struct json *j, const char *bracket)
{
	FPG_CHECK(j->depth != 0 && !j->after_key);
	j->depth--;
	out_puts(j->out, bracket);
}

void json_object_begin(struct json *j)
{
	open(j, "{");
}

void json_object_end(struct json *j)
{
	close(j, "}");
}

void json_array_begin(struct json *j)
{
	open(j, "[");
}

void json_array_end(struct json *j)
{
	close(j, "]");
}

/** Bytes of the well-formed UTF-8 sequence at @s, or 0. Source: RFC 3629, section 4. */
static size_t utf8_sequence(const unsigned char *s)
{
	size_t n = s[0] < 0x80 ? 1 :
		   s[0] < 0xc2 ? 0 :
		   s[0] < 0xe0 ? 2 :
		   s[0] < 0xf0 ? 3 :
		   s[0] < 0xf5 ? 4 :
				 0;
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80) {
			return 0;
		}
	}
	bool bad = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
		   (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f);
	return n > 1 && bad ? 0 : n;
}

static void quoted(struct json *j, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	out_puts(j->out, "\"");
	while (*s != '\0') {
		const unsigned char *plain = s;
		size_t n;
		while (*s >= 0x20 && *s != '"' && *s != '\\' && *s != 0x7f &&
		       (n = utf8_sequence(s)) != 0) {
			s += n;
		}
		if (s != plain) {
			j->out->write(j->out, (const char *)plain, (size_t)(s - plain));
			continue;
		}
		if (*s == '"' || *s == '\\') {
			out_printf(j->out, "\\%c", *s);
		} else if (*s == '\n' || *s == '\t') {
			out_puts(j->out, *s == '\n' ? "\\n" : "\\t");
		} else {
			out_printf(j->out, "\\u%04x", *s);
		}
		s++;
	}
	out_puts(j->out, "\"");
}

void json_key(struct json *j, const char *key)
{
	FPG_CHECK(j->depth != 0 && !j->after_key);
	before_value(j);
	quoted(j, key);
	out_puts(j->out, ":");
	j->after_key = true;
}

void json_u64(struct json *j, uint64_t value)
{
	before_value(j);
	out_printf(j->out, "%llu", (unsigned long long)value);
}

void json_i64(struct json *j, int64_t value)
{
	before_value(j);
	out_printf(j->out, "%lld", (long long)value);
}

void json_bool(struct json *j, bool value)
{
	before_value(j);
	out_puts(j->out, value ? "true" : "false");
}

void json_string(struct json *j, const char *s)
{
	before_value(j);
	if (s == NULL) {
		out_puts(j->out, "null");
	} else {
		quoted(j, s);
	}
}

void json_bytes(struct json *j, const void *bytes, size_t count)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *from = bytes;
	char piece[64];
	size_t used = 0;
	before_value(j);
	out_puts(j->out, "\"");
	for (size_t i = 0; i < count; i++) {
		piece[used++] = digits[from[i] >> 4];
		piece[used++] = digits[from[i] & 15];
		if (used == sizeof(piece) || i + 1 == count) {
			j->out->write(j->out, piece, used);
			used = 0;
		}
	}
	out_puts(j->out, "\"");
}

void json_hex(struct json *j, uint64_t value)
{
	before_value(j);
	out_printf(j->out, "\"0x%llx\"", (unsigned long long)value);
}

void json_kv_i64(struct json *j, const char *key, int64_t value)
{
	json_key(j, key);
	json_i64(j, value);
}

void json_kv_u64(struct json *j, const char *key, uint64_t value)
{
	json_key(j, key);
	json_u64(j, value);
}

void json_kv_bool(struct json *j, const char *key, bool value)
{
	json_key(j, key);
	json_bool(j, value);
}

void json_kv_string(struct json *j, const char *key, const char *s)
{
	json_key(j, key);
	json_string(j, s);
}

void json_kv_hex(struct json *j, const char *key, uint64_t value)
{
	json_key(j, key);
	json_hex(j, value);
}
