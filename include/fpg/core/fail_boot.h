/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fail_boot=k: the k-th allocation of the boot fails, counted over memblock, early windows, table pages and pages from
 * 1, until the monitor starts. A boot must survive it with the loss named, or end in a panic that names the call.
 * Nothing is counted before fail_boot_set(), after fail_boot_end(), or without CONFIG_FAIL_BOOT.
 */
#pragma once

#include "fpg/base/compiler.h"
#include "fpg/base/types.h"

/** 0: nothing fails. Counting begins anew. */
void fail_boot_set(uint64_t k);

/** The boot is under way; read by fail_boot_now() only. */
extern uint32_t fail_boot_counting;
/** What fail_boot_now() does while the boot is under way. */
bool fail_boot_count_one(const char *what);

/**
 * Every allocating function of the boot asks this first. Context: any hart, a log line may follow.
 * @what  the function and what it wanted: "memblock_alloc: page tables"
 * Return: true when it must fail now (logged once: "fail_boot: allocation 17 (memblock_alloc: …) fails")
 */
static inline bool fail_boot_now(const char *what)
{
	return FPG_ENABLED(CONFIG_FAIL_BOOT) &&
	       unlikely(__atomic_load_n(&fail_boot_counting, __ATOMIC_RELAXED) != 0) &&
	       fail_boot_count_one(what);
}

/**
 * The boot is over: count no more; says so when k was never reached ("fail_boot=900: none failed, the boot made 411
 * allocations"). Return: allocations counted.
 */
uint64_t fail_boot_end(void);

/** Allocations counted so far. */
uint64_t fail_boot_count(void);
