/* SPDX-License-Identifier: BSD-2-Clause */
/* What the command `switches N` runs. */
#pragma once

#include "ktap.h"

/**
 * Let the backends take turns @switches times while all harts allocate and free. Says what it did. Context: boot hart
 * Return: 0 | 1, having said why
 */
int switches_under_load(struct out *out, uint32_t switches);
