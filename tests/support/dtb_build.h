/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Blobs for tests, by libfdt's sequential-write functions: one at a time, in a static buffer. A mistake in the order of
 * calls aborts. Besides: what was warned about meanwhile.
 */
#pragma once

#include "fpg/base/types.h"

#define DTB_MAX_BYTES (4U << 20)

/** Begin a blob; dtb_memreserve() may follow, then dtb_root(). */
void dtb_start(void);
void dtb_memreserve(uint64_t base, uint64_t size);

/** The root node, left open. Cells above 4 are not written. */
void dtb_root(uint32_t address_cells, uint32_t size_cells);

void dtb_node(const char *name);
void dtb_end(void);
void dtb_empty(const char *name);
void dtb_u32(const char *name, uint32_t value);
void dtb_u64(const char *name, uint64_t value);
void dtb_string(const char *name, const char *value);
void dtb_bytes(const char *name, const void *value, size_t bytes);
void dtb_cells_of(const char *name, const uint32_t *cells, size_t count);
#define dtb_cells(name, ...)                                  \
	dtb_cells_of(name, (const uint32_t[]){ __VA_ARGS__ }, \
		     sizeof((const uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t))

/** A property of addresses and sizes in two cells each. */
void dtb_u64s_of(const char *name, const uint64_t *values, size_t count);
#define dtb_u64s(name, ...)                                  \
	dtb_u64s_of(name, (const uint64_t[]){ __VA_ARGS__ }, \
		    sizeof((const uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t))

/** A memory@ node of one range, two cells each. */
void dtb_memory(uint64_t base, uint64_t size);

/** /reserved-memory with two cells each and empty ranges, left open. */
void dtb_reserved_memory(void);

/** A child with one range; @flag is an empty property or NULL. */
void dtb_reserved(const char *name, uint64_t base, uint64_t size, const char *flag);

/** Close the root. Return: the finished blob, valid until dtb_start() */
const void *dtb_finish(void);

/** Keep warnings and errors from now on. */
void warnings_start(void);
uint32_t warnings_count(void);
/** One of them holds @text. */
bool warned_of(const char *text);
/** On standard error, for a test that is about to fail. */
void warnings_show(void);
