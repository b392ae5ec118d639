/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names for code addresses. The table comes from the build's second link: offsets from the image's
 * start, ascending, each with an index into one block of names. Hosts have none.
 */
#include "fpg/core/symbols.h"

#include "fpg/port/trap.h"

#include <string.h>

#define BACKTRACE_MAX 32

/**
 * The image's first byte and the end of its code, from the linker script, and the table of the
 * second link.
 */
#if defined(FPG_HOSTED)
static const char __image_start[1], __init_text_end[1];
static const uint32_t fpg_symbol_count;
static const uint32_t fpg_symbol_offset[1], fpg_symbol_name[1];
static const char fpg_symbol_strings[1];
#else
extern const char __image_start[], __init_text_end[];
extern const uint32_t fpg_symbol_count;
extern const uint32_t fpg_symbol_offset[], fpg_symbol_name[];
extern const char fpg_symbol_strings[];
#endif

size_t symbol_search(const uint32_t *offsets, size_t count, uint32_t offset)
{
	size_t low = 0;
	size_t high = count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (offsets[middle] <= offset) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

const char *symbol_lookup(uint64_t pc, uint64_t *offset)
{
	uint64_t start = (uint64_t)(uintptr_t)__image_start;
	uint64_t end = (uint64_t)(uintptr_t)__init_text_end;
	if (pc < start || pc >= end) {
		return NULL;
	}
	uint32_t at = (uint32_t)(pc - start);
	size_t found = symbol_search(fpg_symbol_offset, fpg_symbol_count, at);
	if (found == 0) {
		return NULL;
	}
	if (offset != NULL) {
		*offset = at - fpg_symbol_offset[found - 1];
	}
	return &fpg_symbol_strings[fpg_symbol_name[found - 1]];
}

const char *symbol_format(char *buf, size_t buf_bytes, uint64_t pc)
{
	struct out_buffer b;
	uint64_t offset = 0;
	out_buffer_init(&b, buf, buf_bytes);
	const char *name = symbol_lookup(pc, &offset);
	if (name == NULL) {
		out_printf(&b.out, "0x%llx", (unsigned long long)pc);
	} else {
		out_printf(&b.out, "%s+0x%llx", name, (unsigned long long)offset);
	}
	return buf;
}

/**
 * As symbol_format(), for a return address: a call at a function's very end returns to the next
 * function.
 */
static const char *caller_format(char *buf, size_t buf_bytes, uint64_t pc)
{
	struct out_buffer b;
	uint64_t offset = 0;
	const char *name = symbol_lookup(pc - 1, &offset);
	if (name == NULL) {
		return symbol_format(buf, buf_bytes, pc);
	}
	out_buffer_init(&b, buf, buf_bytes);
	out_printf(&b.out, "%s+0x%llx", name, (unsigned long long)offset + 1);
	return buf;
}

void backtrace_print(struct out *out, uint64_t fp)
{
	uint64_t pcs[BACKTRACE_MAX];
	size_t count = port_backtrace(fp, pcs, BACKTRACE_MAX);
	size_t again = 0;
	for (size_t i = 0; i < count; i++) {
		if (i != 0 && i + 1 < count && pcs[i] == pcs[i - 1]) {
			again++;
			continue;
		}
		if (again != 0) {
			out_printf(out, "      %zu more of the same\n", again);
			again = 0;
		}
		char name[96];
		out_printf(out, "  %2zu: 0x%016llx %s\n", i, (unsigned long long)pcs[i],
			   caller_format(name, sizeof(name), pcs[i]));
	}
	if (count == BACKTRACE_MAX) {
		out_puts(out, "  ...\n");
	}
}
