/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fail_boot=k: the k-th allocation of the boot fails, counted over memblock, table pages and pages from 1, until the
 * monitor starts. A boot must survive it with the loss named, or end in a panic that names the call.
 */
#pragma once

#include "fpg/base/compiler.h"
#include "fpg/base/types.h"

/** 0: nothing fails. Counting begins anew. */
void fail_boot_set(uint64_t k);

/**
 * Every allocating function of the boot asks this first.
 * @what  the function and what it wanted: "memblock_alloc: page tables"
 * Return: true when it must fail now (logged once: "fail_boot: allocation 17 (memblock_alloc: …) fails")
 */
bool fail_boot_now(const char *what);

/** The boot is over: count no more. Return: allocations counted. */
uint64_t fail_boot_end(void);

/** Allocations counted so far. */
uint64_t fail_boot_count(void);
