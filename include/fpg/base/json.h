/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A JSON writer without memory: commas and quoting are its own business, nesting is checked. One
 * line, no blanks, so that one answer is one `@json ` line. Addresses and byte counts are hex
 * strings ("0x80000000"), because JavaScript's numbers end at 2^53; counts are plain numbers.
 */
#pragma once

#include "fpg/base/out.h"

#define JSON_MAX_DEPTH 16

struct json {
	struct out *out;
	uint32_t depth;
	/** Bit d: something was already written at depth d, so the next value needs a comma. */
	uint32_t comma;
	bool after_key;
};

void json_init(struct json *j, struct out *out);
void json_object_begin(struct json *j);
void json_object_end(struct json *j);
void json_array_begin(struct json *j);
void json_array_end(struct json *j);
void json_key(struct json *j, const char *key);
void json_u64(struct json *j, uint64_t value);
void json_i64(struct json *j, int64_t value);
void json_bool(struct json *j, bool value);
/**
 * A string value; control characters, quotes and bytes that are not UTF-8 are escaped. NULL becomes
 * null.
 */
void json_string(struct json *j, const char *s);
/** Bytes as one string of hex digits, two a byte. */
void json_bytes(struct json *j, const void *bytes, size_t count);
/** "0x…" in lower case without leading zeros. */
void json_hex(struct json *j, uint64_t value);

/* key and value in one call */
void json_kv_i64(struct json *j, const char *key, int64_t value);
void json_kv_u64(struct json *j, const char *key, uint64_t value);
void json_kv_bool(struct json *j, const char *key, bool value);
void json_kv_string(struct json *j, const char *key, const char *s);
void json_kv_hex(struct json *j, const char *key, uint64_t value);
