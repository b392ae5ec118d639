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
	SBI_ERR_ALREADY_AVAILABLE = -6,
	SBI_ERR_ALREADY_STARTED = -7,
	SBI_ERR_ALREADY_STOPPED = -8,
};

/** Extension ids. */
#define SBI_BASE		   0x10UL	/* chapter 4 */
#define SBI_DBCN		   0x4442434eUL /* chapter 12, debug console */
#define SBI_SRST		   0x53525354UL /* chapter 10, system reset */
#define SBI_TIME		   0x54494d45UL /* chapter 6, timer */
#define SBI_IPI			   0x00735049UL /* chapter 7, IPI */
#define SBI_RFENCE		   0x52464e43UL /* chapter 8, remote fences */
#define SBI_HSM			   0x0048534dUL /* chapter 9, hart state management */
#define SBI_LEGACY_SET_TIMER	   0x00UL	/* chapter 5 */
#define SBI_LEGACY_CONSOLE_PUTCHAR 0x01UL
#define SBI_LEGACY_CONSOLE_GETCHAR 0x02UL
#define SBI_LEGACY_SEND_IPI	   0x04UL
#define SBI_LEGACY_FENCE_I	   0x05UL
#define SBI_LEGACY_SFENCE	   0x06UL
#define SBI_LEGACY_SFENCE_ASID	   0x07UL
#define SBI_LEGACY_SYSTEM_SHUTDOWN 0x08UL

struct sbi_ret {
	long error;
	long value;
};

#if defined(FPG_HOSTED)
/** Tests play the firmware. */
struct sbi_ret sbi_call5(unsigned long ext, unsigned long function, const unsigned long arg[5]);
#else
/** One call with five arguments. Chapter 3: all registers but a0 and a1 are kept. */
static inline struct sbi_ret sbi_call5(unsigned long ext, unsigned long function,
				       const unsigned long arg[5])
{
	register unsigned long a0 __asm__("a0") = arg[0];
	register unsigned long a1 __asm__("a1") = arg[1];
	register unsigned long a2 __asm__("a2") = arg[2];
	register unsigned long a3 __asm__("a3") = arg[3];
	register unsigned long a4 __asm__("a4") = arg[4];
	register unsigned long a6 __asm__("a6") = function;
	register unsigned long a7 __asm__("a7") = ext;
	__asm__ volatile("ecall"
			 : "+r"(a0), "+r"(a1)
			 : "r"(a2), "r"(a3), "r"(a4), "r"(a6), "r"(a7)
			 : "memory");
	return (struct sbi_ret){ .error = (long)a0, .value = (long)a1 };
}
#endif

/** One call with up to three arguments. */
static inline struct sbi_ret sbi_call(unsigned long ext, unsigned long function, unsigned long arg0,
				      unsigned long arg1, unsigned long arg2)
{
	const unsigned long arg[5] = { arg0, arg1, arg2 };
	return sbi_call5(ext, function, arg);
}

/** The firmware has the base extension (v0.2 or later) and says that it has @ext. */
bool sbi_has(unsigned long ext);

/** Which of two ways there is to the same end; what was found is kept, so the firmware is asked once. */
enum sbi_way {
	SBI_WAY_UNKNOWN,
	SBI_WAY_EXTENSION,
	SBI_WAY_LEGACY,
	SBI_WAY_NONE
};

/**
 * The extension @ext, else the legacy call @legacy (chapter 5), which firmware without the base extension always has.
 * @way  remembers; starts as SBI_WAY_UNKNOWN
 */
enum sbi_way sbi_way_to(_Atomic uint32_t *way, unsigned long ext, unsigned long legacy);

/** Remember that the firmware promised @ext and then said that it is not supported. Return: the way that is left */
enum sbi_way sbi_way_distrust(_Atomic uint32_t *way, unsigned long legacy);

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

/* ---- harts ------------------------------------------------------------------------------------------------ */

/** HSM. Chapter 9; the state numbers are those of its table. */
bool sbi_hsm_available(void);

/**
 * Whether a start of hart @id makes sense: asked before anything is prepared for it.
 * Return: 0 | -ENOTSUP (no HSM) | -EINVAL (no such hart) | -EALREADY (it is not stopped)
 */
FPG_MUST_CHECK int sbi_hart_may_start(uint64_t id);

/** Return: 0 | -ENOTSUP | -EINVAL (no such hart, or no such address) | -EALREADY | -EIO */
FPG_MUST_CHECK int sbi_hart_start(uint64_t id, phys_addr_t entry, uint64_t opaque);

/** Stop this hart. Returns when the firmware cannot. */
void sbi_hart_stop(void);

/** "started", "stopped", …; "unknown" when the firmware cannot tell. */
const char *sbi_hart_status_name(uint64_t id);

/** Interrupt this hart at @ticks; UINT64_MAX: never. Return: false when the firmware cannot */
bool sbi_set_timer(uint64_t ticks);

/*
 * Calls for sets of harts: bit n of @mask is the hart with id ids[n], n < 64. Ids are any numbers: the firmware is
 * asked once for each window of 64 that holds some. The legacy calls know ids below 64 only.
 * Return: 0 | -ENOTSUP (no such call, or a legacy one and an id past 63) | -EIO (refused; some may have got it)
 */
FPG_MUST_CHECK int sbi_send_ipi(const uint64_t *ids, uint64_t mask);
FPG_MUST_CHECK int sbi_remote_fence_i(const uint64_t *ids, uint64_t mask);

#define SBI_FENCE_ALL UINT64_MAX
#define SBI_ASID_ALL  UINT64_MAX

/** [start, start + bytes) in whole pages, or SBI_FENCE_ALL bytes from 0; of one ASID or SBI_ASID_ALL. */
struct sbi_fence {
	uint64_t start;
	uint64_t bytes;
	uint64_t asid;
};
/** Where the firmware refuses the exact fence, a wider one is asked for: never less is fenced than was asked. */
FPG_MUST_CHECK int sbi_remote_sfence(const uint64_t *ids, uint64_t mask,
				     const struct sbi_fence *fence);
