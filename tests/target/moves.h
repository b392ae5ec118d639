/* SPDX-License-Identifier: BSD-2-Clause */
/* What the command `cma_moves SECONDS` runs. */
#pragma once

#include "ktap.h"

/**
 * Move the pages of programs on all other harts by cma_alloc() for so long at least. Says what it did. Context: boot hart
 * Return: 0 | 1, having said why
 */
int moves_under_programs(struct out *out, uint64_t seconds);
