/* SPDX-License-Identifier: BSD-2-Clause */
/* Growing the table of harts: for hart_start.c and tests. */
#pragma once

#include "hart_private.h"

/** Give @block the next index. Context: boot hart. Return: false when the table is full */
FPG_MUST_CHECK bool hart_table_add(struct hart_block *block);

/** What a started hart runs first. @arg: its struct hart_block. */
FPG_NORETURN void hart_main(void *arg);
