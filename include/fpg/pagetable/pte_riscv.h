/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hardware's encoding of an entry: the same at each level and in Sv39, Sv48 and Sv57.
 *
 * Leaves carry A and D from the start, so neither hardware that updates them nor hardware that
 * traps instead matters; pointers to tables carry neither, nor U or G, which are reserved or
 * ignored there.
 * Source: RISC-V Privileged v1.12, 4.3.1 (bits), 4.4.1 (Sv39 format), 4.3.2 (a leaf is an entry
 * with R or X).
 */
#pragma once

#define PTE_V	    ((uint64_t)1 << 0)
#define PTE_R	    ((uint64_t)1 << 1)
#define PTE_W	    ((uint64_t)1 << 2)
#define PTE_X	    ((uint64_t)1 << 3)
#define PTE_U	    ((uint64_t)1 << 4)
#define PTE_G	    ((uint64_t)1 << 5)
#define PTE_A	    ((uint64_t)1 << 6)
#define PTE_D	    ((uint64_t)1 << 7)
/**
 * RSW, bit 8, in a pointer: the table below belongs to someone else. Bits 9..8 are software's
 * (4.3.1).
 */
#define PTE_FOREIGN ((uint64_t)1 << 8)
/**
 * Svpbmt's memory type, bits 62..61: 0 as the PMAs say, 1 NC, 2 IO. Source: Privileged v1.12,
 * chapter 6.
 */
#define PTE_PBMT_NC ((uint64_t)1 << 61)
#define PTE_PBMT_IO ((uint64_t)2 << 61)
/**
 * Svnapot: 16 equal level-0 leaves that together map 64 KiB of contiguous, aligned memory: N set,
 * ppn[3:0] = 0b1000. At other levels N is reserved.
 * Source: RISC-V Privileged v1.12, chapter 5, table 5.1.
 */
#define PTE_N	    ((uint64_t)1 << 63)
#define PTE_N_64K   ((uint64_t)8 << PTE_PPN_SHIFT)

#define PTE_PPN_SHIFT 10
#define PTE_PPN_MASK  ((((uint64_t)1 << 44) - 1) << PTE_PPN_SHIFT)

static_assert(MEM_R << 1 == PTE_R && MEM_W << 1 == PTE_W && MEM_X << 1 == PTE_X &&
		      MEM_U << 1 == PTE_U && PT_GLOBAL << 1 == PTE_G,
	      "permissions are stored one bit up: Privileged v1.12, 4.3.1");

/** R, W, X, U, G of a prot, in place. */
#define PTE_PROT_MASK (PTE_R | PTE_W | PTE_X | PTE_U | PTE_G)

/** Hardware follows it. */
static inline bool pte_present(unsigned int level, pte_t pte)
{
	(void)level;
	return (pte.v & PTE_V) != 0;
}

/**
 * A leaf of level 0 with V taken away: hardware sees no mapping, software everything that was said.
 * Source: Privileged v1.12, 4.3.1: where V is 0, all other bits are software's.
 */
static inline bool pte_is_hidden(unsigned int level, pte_t pte)
{
	return !pte_none(pte) && !pte_present(level, pte);
}

/** A present leaf hidden, or a hidden one present. */
static inline pte_t pte_show(unsigned int level, pte_t pte, bool show)
{
	(void)level;
	return (pte_t){ (pte.v & ~PTE_V) | (show ? PTE_V : 0) };
}

/** @pte is there, hidden or not. */
static inline bool pte_is_leaf(unsigned int level, pte_t pte)
{
	(void)level;
	return (pte.v & (PTE_R | PTE_X)) != 0;
}

/** @pte is one of the 16 of a 64 KiB leaf. */
static inline bool pte_is_napot(unsigned int level, pte_t pte)
{
	(void)level;
	return (pte.v & PTE_N) != 0;
}

/** Where a leaf or pointer leads; each of the 16 entries of a 64 KiB leaf leads to its first byte. */
static inline phys_addr_t pte_phys(unsigned int level, pte_t pte)
{
	(void)level;
	/* ppn[3] is 1 in a 64 KiB leaf, and says how large it is. */
	const uint64_t size_bit = (pte.v >> 63) * PTE_N_64K;
	return (pte.v & PTE_PPN_MASK & ~size_bit) << (PAGE_SHIFT - PTE_PPN_SHIFT);
}

/** enum mem_prot and enum pt_prot bits of a leaf. */
static inline uint32_t pte_prot(unsigned int level, pte_t pte)
{
	(void)level;
	uint32_t prot = (uint32_t)((pte.v & PTE_PROT_MASK) >> 1);
	prot |= pte.v & PTE_PBMT_NC ? PT_NONCACHED : 0;
	prot |= pte.v & PTE_PBMT_IO ? PT_IO : 0;
	return prot;
}

/** @pte is a pointer: the table below is not freed or changed through it. */
static inline bool pte_is_foreign(unsigned int level, pte_t pte)
{
	(void)level;
	return (pte.v & PTE_FOREIGN) != 0;
}

/** Bits of a leaf that say @prot. */
static inline uint64_t pte_prot_bits(uint32_t prot)
{
	return (((uint64_t)prot << 1) & PTE_PROT_MASK) | (prot & PT_NONCACHED ? PTE_PBMT_NC : 0) |
	       (prot & PT_IO ? PTE_PBMT_IO : 0);
}

/** A leaf of @level at @pa, which is aligned to the leaf. */
static inline pte_t pte_leaf(unsigned int level, phys_addr_t pa, uint32_t prot)
{
	(void)level;
	return (pte_t){ pa >> (PAGE_SHIFT - PTE_PPN_SHIFT) | PTE_V | PTE_A | PTE_D |
			pte_prot_bits(prot) };
}

/** The same leaf, hidden or not, no part of one of 64 KiB, leading to @pa. */
static inline pte_t pte_with_phys(unsigned int level, pte_t pte, phys_addr_t pa)
{
	(void)level;
	return (pte_t){ (pte.v & ~PTE_PPN_MASK) | pa >> (PAGE_SHIFT - PTE_PPN_SHIFT) };
}

/** The same leaf, hidden or not, of 64 KiB or not, with other permissions. */
static inline pte_t pte_with_prot(unsigned int level, pte_t pte, uint32_t prot)
{
	(void)level;
	return (pte_t){ (pte.v & ~(PTE_PROT_MASK | PTE_PBMT_NC | PTE_PBMT_IO)) |
			pte_prot_bits(prot) };
}

/** The leaf that continues @pte at the next address. */
static inline pte_t pte_next(unsigned int level, pte_t pte)
{
	return (pte_t){ pte.v + (pt_level_bytes(level) >> (PAGE_SHIFT - PTE_PPN_SHIFT)) };
}

/** Each of the 16 entries of the 64 KiB leaf that begins like @pte, a plain leaf of level 0. */
static inline pte_t pte_napot(pte_t pte)
{
	return (pte_t){ pte.v | PTE_N | PTE_N_64K };
}

/** An entry of @level that points to the table of level - 1 at @table. */
static inline pte_t pte_pointer(unsigned int level, phys_addr_t table, bool foreign)
{
	(void)level;
	return (pte_t){ (table >> (PAGE_SHIFT - PTE_PPN_SHIFT)) | PTE_V |
			(foreign ? PTE_FOREIGN : 0) };
}
