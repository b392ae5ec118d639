/* SPDX-License-Identifier: BSD-2-Clause */
/* Private to core/bootargs*.c: readers of values. Each returns 0, or -EINVAL and changes nothing. */
#pragma once

#include "fpg/core/bootargs.h"

/* @value is NULL for a word without '='. */
FPG_MUST_CHECK int bootargs_mem(struct bootargs *args, const char *value);
FPG_MUST_CHECK int bootargs_memmap(struct bootargs *args, const char *value);
FPG_MUST_CHECK int bootargs_cma(struct bootargs *args, const char *value);
FPG_MUST_CHECK int bootargs_kernelcore(struct bootargs *args, const char *value);
FPG_MUST_CHECK int bootargs_movablecore(struct bootargs *args, const char *value);
