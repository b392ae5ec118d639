/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page-table entries: permissions, the three modes described by their levels, and the encoding of
 * one entry.
 *
 * Level 0 entries are 4 KiB leaves; a leaf at level n covers 4 KiB << (9 * n). The encoding takes
 * the level although the hardware's is the same at each: host tests replace it (FPG_PTE_HEADER) by
 * one that differs per level, so that code which mixes levels up fails there. An absent entry is
 * all zero in every encoding; one that is neither absent nor present is a hidden leaf.
 */
#pragma once

#include "fpg/base/assert.h"
#include "fpg/base/types.h"
#include "fpg/core/image.h"

/** One entry. */
typedef struct {
	uint64_t v;
} pte_t;

/** Source: RISC-V Privileged v1.12, 4.6 (Sv57 has five levels, the most). */
#define PT_MAX_LEVELS 5U
#define PT_ENTRIES    512U

/**
 * What a leaf allows and how it behaves: enum mem_prot (core/image.h) and these. MEM_R, MEM_W and
 * MEM_X mean what they do there; MEM_W without MEM_R is reserved (Privileged v1.12, 4.3.1).
 */
enum pt_prot {
	/** In every address space. */
	PT_GLOBAL = 1 << 4,
	/** Svpbmt: non-cacheable memory. */
	PT_NONCACHED = 1 << 5,
	/** Svpbmt: device registers, strongly ordered. */
	PT_IO = 1 << 6,
};
#define PT_PROT_ACCESS (MEM_R | MEM_W | MEM_X)
#define PT_PROT_ALL    (PT_PROT_ACCESS | MEM_U | PT_GLOBAL | PT_NONCACHED | PT_IO)

/** A translation mode. Everything else about it follows from the number of levels. */
struct pt_mode {
	const char *name;
	uint8_t levels;
	/** Bits of a virtual address that are translated; the bits above copy the top one. */
	uint8_t va_bits;
	/** satp.MODE. Source: Privileged v1.12, table 4.4. */
	uint8_t satp_mode;
};
extern const struct pt_mode pt_mode_sv39;
extern const struct pt_mode pt_mode_sv48;
extern const struct pt_mode pt_mode_sv57;

/**
 * Physical addresses have 56 bits: 44 bits of PPN. Source: Privileged v1.12, 4.3.1, 4.4.1, 4.5.1,
 * 4.6.1.
 */
#define PT_PHYS_BITS 56U

static inline unsigned int pt_level_shift(unsigned int level)
{
	return PAGE_SHIFT + 9 * level;
}

/** Bytes one entry of @level covers. */
static inline uint64_t pt_level_bytes(unsigned int level)
{
	return (uint64_t)1 << pt_level_shift(level);
}

/** "4K", "2M", "1G", "512G", "256T". */
const char *pt_level_name(unsigned int level);

/**
 * Entries of level 0 that one 64 KiB leaf takes, and its bytes. Source: Privileged v1.12, chapter 5
 * (Svnapot).
 */
#define PT_NAPOT_ENTRIES 16U
#define PT_NAPOT_BYTES	 (PT_NAPOT_ENTRIES * PAGE_SIZE)

static inline bool pte_none(pte_t pte)
{
	return pte.v == 0;
}

#ifdef FPG_PTE_HEADER
#include FPG_PTE_HEADER
#else
#include "fpg/pagetable/pte_riscv.h"
#endif

/** Bytes that a leaf maps. */
static inline uint64_t pte_leaf_bytes(unsigned int level, pte_t pte)
{
	return pte_is_napot(level, pte) ? PT_NAPOT_BYTES : pt_level_bytes(level);
}
