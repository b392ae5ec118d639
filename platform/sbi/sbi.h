/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls to the firmware. Source: RISC-V SBI v2.0; sections are named beside each. Answers come from outside: callers
 * check them and have a way on when they are wrong.
 */
#pragma once

#include "fpg/base/compiler.h"
#include "fpg/base/types.h"

/** Error codes, negative. Table 1. */
enum sbi_error {
	SBI_SUCCESS = 0,
	SBI_ERR_FAILED = -1,
	SBI_ERR_NOT_SUPPORTED = -2,
	SBI_ERR_INVALID_PARAM = -3,
	SBI_ERR_DENIED = -4,
	SBI_ERR_INVALID_ADDRESS = -5,
};

/** Extension ids. */
#define SBI_BASE		   0x10UL	/* chapter 4 */
#define SBI_DBCN		   0x4442434eUL /* chapter 12, debug console */
#define SBI_SRST		   0x53525354UL /* chapter 10, system reset */
#define SBI_LEGACY_CONSOLE_PUTCHAR 0x01UL	/* chapter 5 */
#define SBI_LEGACY_CONSOLE_GETCHAR 0x02UL
#define SBI_LEGACY_SYSTEM_SHUTDOWN 0x08UL

struct sbi_ret {
	long error;
	long value;
};

/** One call with up to three arguments. Chapter 3: all registers but a0 and a1 are kept. */
static inline struct sbi_ret sbi_call(unsigned long ext, unsigned long function, unsigned long arg0,
				      unsigned long arg1, unsigned long arg2)
{
	register unsigned long a0 __asm__("a0") = arg0;
	register unsigned long a1 __asm__("a1") = arg1;
	register unsigned long a2 __asm__("a2") = arg2;
	register unsigned long a6 __asm__("a6") = function;
	register unsigned long a7 __asm__("a7") = ext;
	__asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a6), "r"(a7) : "memory");
	return (struct sbi_ret){ .error = (long)a0, .value = (long)a1 };
}

/** The firmware has the base extension (v0.2 or later) and says that it has @ext. */
bool sbi_has(unsigned long ext);

/** What the console has: the debug console extension, or the legacy calls. */
bool sbi_console_is_dbcn(void);
/** Blocks until all bytes are taken, or drops them when the firmware has no console at all. Any context. */
void sbi_console_write(const char *s, size_t bytes);
/** Return: a byte, or -1 when there is none now. */
int sbi_console_read(void);

enum sbi_reset_type {
	SBI_RESET_SHUTDOWN = 0,
	SBI_RESET_COLD_REBOOT = 1
};
enum sbi_reset_reason {
	SBI_RESET_NO_REASON = 0,
	SBI_RESET_SYSTEM_FAILURE = 1
};

/** SRST. Returns when the firmware cannot. */
void sbi_system_reset(enum sbi_reset_type type, enum sbi_reset_reason reason);
/** The legacy call. Returns when the firmware cannot. */
void sbi_legacy_shutdown(void);
