/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What memblock needs from the rest of Firstpage, for a program that has memblock alone (Linux's own tests of it):
 * physical addresses equal pointers, and errors and warnings go to stderr when MEMBLOCK_LOG is set in the environment.
 */
#include "fpg/base/assert.h"
#include "fpg/core/log.h"
#include "fpg/core/symbols.h"
#include "fpg/port/port.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

uint64_t port_linear_offset;
bool port_linear_ready = true;

void log_emit(enum log_level level, const char *module, const char *fmt, ...)
{
	va_list ap;

	if (getenv("MEMBLOCK_LOG") == NULL) {
		return;
	}
	va_start(ap, fmt);
	fprintf(stderr, "%d %s: ", (int)level, module);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
}

const char *symbol_format(char *buf, size_t buf_bytes, uint64_t pc)
{
	snprintf(buf, buf_bytes, "0x%" PRIx64, pc);
	return buf;
}

void fpg_check_failed(const char *expr, const char *file, int line)
{
	fprintf(stderr, "%s:%d: check failed: %s\n", file, line, expr);
	abort();
}
