/* SPDX-License-Identifier: BSD-2-Clause */
/* Which backend takes the memory over from memblock, when another is to serve in the end. */
#pragma once

#include "fpg/core/palloc_ops.h"

/** Copy the name of who starts ("": nobody in particular) to @first. Return: the choice of who serves in the end */
const char *bootmem_route(const char *choice, char *first, size_t bytes);

/** Who starts, given a name and who serves in the end; what cannot be is said in the log. */
const struct palloc_ops *bootmem_first(const char *first, const struct palloc_ops *last);

void bootmem_route_reset(void);
