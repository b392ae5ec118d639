/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Boot arguments: the built-in ones (CONFIG_BOOTARGS), then those of the device tree; of two for the same thing the
 * later wins. Words are separated by blanks; double quotes keep blanks together anywhere in a word and are dropped:
 * run="a; b; poweroff". Sizes are bytes with K, M, G, T, P, E.
 *
 *   mem=SIZE                 use the first SIZE bytes of memory only (rounded down to pages)
 *   memmap=SIZE@BASE         SIZE bytes of memory at BASE more than the tree says
 *   memmap=SIZE!BASE         reserve ($ does the same); several may be given, with commas or words
 *   cma=SIZE[@BASE[-END]]    as Linux: at BASE exactly, or anywhere in [BASE, END)
 *   cma_guaranteed[=on|off]  that area is a guaranteed one (docs/cma.md)
 *   compaction_proactive=N   compact in idle time above N per cent of unusable free memory; 100: never
 *   kernelcore=, movablecore=SIZE|N%;  kernelcore=mirror
 *   satp=auto|sv39|sv48|sv57     memtest[=N]     loglevel=NAME|0..3     palloc=NAME     run="COMMANDS"
 *   console=auto|sbi         the UART of /chosen/stdout-path, or the firmware's console
 *   maxcpus=N     memblock=debug     debug_pagealloc[=on|off]     page_owner[=on|off]     firmware_guess=on|off
 *
 * An unknown or malformed argument is named in a warning and ignored.
 */
#pragma once

#include "fpg/base/compiler.h"
#include "fpg/base/types.h"
#include "fpg/core/log.h"

/** Bytes of all arguments together, with the zeros between them. */
#define BOOTARGS_MAX_BYTES 2048

#define BOOTARGS_MAX_MEMMAP 16

/** memmap=: one range. */
struct bootargs_range {
	struct phys_range range;
	/** Memory is added there; else the range is reserved. */
	bool add;
};

/** kernelcore= and movablecore=. */
struct bootargs_core {
	bool given;
	/** `value` is a percentage of memory (0..100), not bytes. */
	bool percent;
	/** kernelcore=mirror */
	bool mirror;
	uint64_t value;
};

/** cma=; size 0 means "no CMA area". */
struct bootargs_cma {
	bool given;
	uint64_t bytes;
	/** The area lies in [base, limit); limit 0: anywhere. */
	phys_addr_t base;
	phys_addr_t limit;
	/** cma=SIZE@BASE: exactly there. */
	bool fixed;
};

/** Wanted paging mode; the numbers are satp's MODE. Source: RISC-V Privileged v1.12, 4.1.11. */
enum bootargs_satp {
	SATP_AUTO = 0,
	SATP_SV39 = 8,
	SATP_SV48 = 9,
	SATP_SV57 = 10,
};

/** Strings point into `text`; the struct cannot be copied. */
struct bootargs {
	/** 0: no limit. */
	uint64_t mem_bytes;
	uint32_t memmap_count;
	struct bootargs_range memmap[BOOTARGS_MAX_MEMMAP];
	struct bootargs_cma cma;
	/** cma_guaranteed: cma='s area, or that of the build, is a guaranteed one. */
	bool cma_guaranteed;
	/** compaction_proactive=: per cent, 0 to 100. */
	bool compaction_proactive_given;
	uint32_t compaction_proactive;
	struct bootargs_core kernelcore;
	struct bootargs_core movablecore;
	enum bootargs_satp satp;
	/** Patterns to test memory with; 0: no test. */
	uint32_t memtest_patterns;
	/** Harts that may run, the boot hart among them; 0: all. */
	uint32_t max_harts;
	bool loglevel_given;
	enum log_level loglevel;
	bool debug_pagealloc;
	bool page_owner;
	bool memblock_debug;
	bool firmware_guess;
	/** console=sbi: stay on the firmware's console. */
	bool firmware_console;
	/** Number of the allocation of the boot that is to fail; 0: none. */
	uint64_t fail_boot;
	/** Name of a backend, or NULL. */
	const char *palloc;
	/** page_poison: fill free pages, check them when they are allocated. */
	bool page_poison;
	/** Commands, or NULL. */
	const char *run;
	/** Arguments that were ignored. */
	uint32_t ignored;
	uint32_t text_bytes;
	char text[BOOTARGS_MAX_BYTES];
};

/** No arguments at all. */
void bootargs_init(struct bootargs *args);

/**
 * Read more arguments; later ones win over earlier ones.
 * @line   may be NULL; not kept
 */
void bootargs_parse(struct bootargs *args, const char *line);

/** bootargs_init(), then CONFIG_BOOTARGS, then @line. */
void bootargs_read(struct bootargs *args, const char *line);
