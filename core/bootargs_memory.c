/* SPDX-License-Identifier: BSD-2-Clause */
/* Values of the arguments about memory: sizes, ranges, percentages. */
#include "bootargs_private.h"

#include "fpg/base/parse.h"
#include "fpg/base/range.h"

#include <errno.h>
#include <string.h>

FPG_INIT int bootargs_mem(struct bootargs *args, const char *value)
{
	uint64_t bytes;
	if (value == NULL || parse_size_all(value, &bytes) != 0 || bytes < PAGE_SIZE) {
		return -EINVAL;
	}
	args->mem_bytes = ALIGN_DOWN(bytes, PAGE_SIZE);
	return 0;
}

/** SIZE@BASE, SIZE!BASE or SIZE$BASE, up to a comma or the end. */
FPG_INIT static int memmap_entry(const char **s, struct bootargs_range *out)
{
	uint64_t size;
	uint64_t base;
	if (parse_size(*s, s, &size) != 0 || size == 0) {
		return -EINVAL;
	}
	char kind = **s;
	if (kind != '@' && kind != '!' && kind != '$') {
		return -EINVAL;
	}
	if (parse_size(*s + 1, s, &base) != 0 || phys_range_overflows(base, size)) {
		return -EINVAL;
	}
	*out = (struct bootargs_range){ { base, size }, kind == '@' };
	return 0;
}

FPG_INIT int bootargs_memmap(struct bootargs *args, const char *value)
{
	uint32_t count = args->memmap_count;
	if (value == NULL) {
		return -EINVAL;
	}
	for (;;) {
		if (count == BOOTARGS_MAX_MEMMAP ||
		    memmap_entry(&value, &args->memmap[count]) != 0) {
			return -EINVAL;
		}
		count++;
		if (*value == '\0') {
			break;
		}
		if (*value++ != ',') {
			return -EINVAL;
		}
	}
	args->memmap_count = count;
	return 0;
}

FPG_INIT int bootargs_cma(struct bootargs *args, const char *value)
{
	struct bootargs_cma cma = { .given = true };
	if (value == NULL || parse_size(value, &value, &cma.bytes) != 0) {
		return -EINVAL;
	}
	if (*value == '@') {
		if (parse_size(value + 1, &value, &cma.base) != 0 ||
		    phys_range_overflows(cma.base, cma.bytes)) {
			return -EINVAL;
		}
		cma.limit = cma.base + cma.bytes;
		cma.fixed = true;
		if (*value == '-') {
			if (parse_size(value + 1, &value, &cma.limit) != 0 ||
			    cma.limit < cma.base + cma.bytes) {
				return -EINVAL;
			}
			cma.fixed = false;
		}
	}
	if (*value != '\0') {
		return -EINVAL;
	}
	args->cma = cma;
	return 0;
}

FPG_INIT static int core_value(struct bootargs_core *out, const char *value, bool mirror)
{
	struct bootargs_core core = { .given = true };
	const char *end;
	if (value == NULL) {
		return -EINVAL;
	}
	if (mirror && strcmp(value, "mirror") == 0) {
		core.mirror = true;
		*out = core;
		return 0;
	}
	if (parse_size(value, &end, &core.value) != 0) {
		return -EINVAL;
	}
	if (*end == '%') {
		core.percent = true;
		end++;
	}
	if (*end != '\0' || (core.percent && core.value > 100)) {
		return -EINVAL;
	}
	*out = core;
	return 0;
}

FPG_INIT int bootargs_kernelcore(struct bootargs *args, const char *value)
{
	return core_value(&args->kernelcore, value, true);
}

FPG_INIT int bootargs_movablecore(struct bootargs *args, const char *value)
{
	return core_value(&args->movablecore, value, false);
}
