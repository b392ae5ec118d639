/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any line as boot arguments: nothing is read or written out of bounds, and what was taken is in range. Half of the
 * inputs are split into two lines, read one after the other.
 */
#include "fpg/base/range.h"
#include "fpg/core/bootargs.h"
#include "fpg/core/log.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct bootargs args;
static uint32_t warnings;

static void drop(struct out *out, const char *s, size_t n)
{
	(void)out;
	(void)s;
	(void)n;
}

static void count(void *ctx, enum log_level level, const char *module, const char *text)
{
	(void)ctx;
	(void)module;
	(void)text;
	warnings += level <= LOG_WARN;
}

static void must(bool ok)
{
	if (!ok) {
		abort();
	}
}

static void check_string(const char *s)
{
	if (s != NULL) {
		must(s >= args.text && s < args.text + args.text_bytes);
		must(memchr(s, '\0', (size_t)(args.text + args.text_bytes - s)) != NULL);
	}
}

static void check_args(void)
{
	must(args.text_bytes <= BOOTARGS_MAX_BYTES);
	check_string(args.run);
	check_string(args.palloc);
	must(args.mem_bytes % PAGE_SIZE == 0);
	must(args.memmap_count <= BOOTARGS_MAX_MEMMAP);
	for (uint32_t i = 0; i < args.memmap_count; i++) {
		must(args.memmap[i].range.size != 0);
		must(!phys_range_overflows(args.memmap[i].range.base, args.memmap[i].range.size));
	}
	must(!args.kernelcore.percent || args.kernelcore.value <= 100);
	must(!args.movablecore.percent || args.movablecore.value <= 100);
	must(args.cma.limit == 0 || args.cma.limit - args.cma.base >= args.cma.bytes);
	must((args.ignored == 0) == (warnings == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct out nowhere = { drop };
	static char line[8192];
	log_set_sink(&nowhere);
	log_set_observer(count, NULL);
	size = size < sizeof(line) ? size : sizeof(line) - 1;
	memcpy(line, data, size);
	line[size] = '\0';
	warnings = 0;
	bootargs_init(&args);
	bootargs_parse(&args, line);
	check_args();
	size_t first = strlen(line);
	if (first < size) {
		bootargs_parse(&args, line + first + 1);
		check_args();
	}
	return 0;
}
