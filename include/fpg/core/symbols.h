/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The on-target symbol table, made by a second link: names for backtraces and for
 * `memblock=debug`'s callers.
 */
#pragma once

#include "fpg/base/out.h"

/**
 * The function that holds @pc.
 * @offset  out, may be NULL: bytes from its start
 * Return: its name, or NULL when unknown (also on hosts, where there is no table)
 */
const char *symbol_lookup(uint64_t pc, uint64_t *offset);

/** "name+0x12" or "0x…". @buf_bytes at least 24. Return: @buf. */
const char *symbol_format(char *buf, size_t buf_bytes, uint64_t pc);

/** Print the frames found from frame pointer @fp, one a line. */
void backtrace_print(struct out *out, uint64_t fp);

/**
 * How many of the ascending @offsets are at or below @offset: the symbol wanted is the one before.
 * O(log n).
 */
size_t symbol_search(const uint32_t *offsets, size_t count, uint32_t offset);
