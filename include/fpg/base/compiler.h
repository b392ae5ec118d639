/* SPDX-License-Identifier: BSD-2-Clause */
/* Compiler attributes, and FPG_ENABLED() for Kconfig symbols, so that both branches always compile. */
#pragma once

#define FPG_MUST_CHECK	     __attribute__((warn_unused_result))
#define FPG_PRINTF(fmt, arg) __attribute__((format(printf, fmt, arg)))
#define FPG_NORETURN	     __attribute__((noreturn))
#define FPG_PACKED	     __attribute__((packed))
#define FPG_UNUSED	     __attribute__((unused))
#define FPG_NOINLINE	     __attribute__((noinline))
#define FPG_INLINE	     inline __attribute__((always_inline))
#define FPG_ALIGNED(bytes)   __attribute__((aligned(bytes)))

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/** The compiler takes the integer @x as it is, and does not compute it anew where it is used. For counted paths. */
#define FPG_OPAQUE(x) __asm__("" : "+r"(x))

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#endif

#ifndef container_of
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#endif

/*
 * FPG_ENABLED(CONFIG_X): 1 when the Kconfig bool is y (defined as 1 in the generated header), else 0. For use in
 * `if`, not in `#if`: the branch that is off is still compiled and then dropped.
 */
#define FPG_ENABLED(option)	      FPG_ENABLED_1(option)
#define FPG_ENABLED_1(value)	      FPG_ENABLED_2(FPG_ENABLED_ARG_##value)
#define FPG_ENABLED_ARG_1	      0,
#define FPG_ENABLED_2(...)	      FPG_ENABLED_3(__VA_ARGS__ 1, 0, 0)
#define FPG_ENABLED_3(junk, val, ...) (val)

/*
 * Code and data of the boot alone: on the target it lies apart, and its memory is free memory once the monitor runs
 * (pagetable/initmem.c). Nothing that stays may call it or keep a pointer into it.
 *
 * FPG_INIT: functions. FPG_INITDATA: variables that begin with a value. FPG_INITBSS: variables that begin as zero (they
 * take no room in the file). FPG_INITCONST: constants.
 */
#if defined(FPG_HOSTED)
#define FPG_INIT
#define FPG_INITDATA
#define FPG_INITBSS
#define FPG_INITCONST
#else
#define FPG_INIT      __attribute__((section(".init.text")))
#define FPG_INITDATA  __attribute__((section(".init.data")))
#define FPG_INITBSS   __attribute__((section(".bss..init")))
#define FPG_INITCONST __attribute__((section(".init.rodata")))
#endif
