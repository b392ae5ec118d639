# SPDX-License-Identifier: BSD-2-Clause
# What a program outside needs to build memblock alone; printed by `make -s memblock-env`.
# Linux's tests from 6.10 on expect an empty table to count 0 entries: add -DMEMBLOCK_EMPTY_CNT=0 to the flags.

MEMBLOCK_SOURCES  := $(addprefix core/,memblock.c memblock_table.c memblock_grow.c memblock_iter.c memblock_alloc.c \
		memblock_owner.c memblock_query.c memblock_limit.c memblock_handover.c memblock_debug.c owner.c) \
		tests/conformance/memblock_env.c
MEMBLOCK_INCLUDES := include
MEMBLOCK_FLAGS    := -std=gnu17 -DFPG_HOSTED=1
