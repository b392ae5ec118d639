/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An encoding of page-table entries that differs at each level: a tag names the level and all bits
 * are rotated by it, so an entry that is read or written with the wrong level is caught at once.
 * Used by tests through FPG_PTE_HEADER.
 */
#pragma once

#include "fpg/base/assert.h"

#define FAKE_PRESENT ((uint64_t)1 << 63)
#define FAKE_LEAF    ((uint64_t)1 << 62)
#define FAKE_FOREIGN ((uint64_t)1 << 61)
#define FAKE_TAG(l)  ((uint64_t)((l) + 1) << 58)

#define FAKE_TAG_MASK	((uint64_t)7 << 58)
/*
 * Below the tag: frame number in bits 9..52, permissions in bits 1..7; then all is rotated by the
 * level.
 */
#define FAKE_PFN_SHIFT	9
#define FAKE_PROT_SHIFT 1

static inline uint64_t fake_rotate(unsigned int level, uint64_t v)
{
	unsigned int by = 3 * level + 1;
	return v << by | v >> (64 - by);
}

static inline uint64_t fake_read(unsigned int level, pte_t pte)
{
	unsigned int by = 3 * level + 1;
	uint64_t v = pte.v >> by | pte.v << (64 - by);
	FPG_CHECK(v == 0 || ((v & FAKE_PRESENT) != 0 && (v & FAKE_TAG_MASK) == FAKE_TAG(level)));
	return v;
}

static inline pte_t fake_make(unsigned int level, uint64_t kind, phys_addr_t pa, uint32_t prot)
{
	FPG_CHECK(pa >> PT_PHYS_BITS == 0 && (pa & (PAGE_SIZE - 1)) == 0 && prot < 128);
	uint64_t v = FAKE_PRESENT | kind | FAKE_TAG(level);
	v |= (pa >> PAGE_SHIFT) << FAKE_PFN_SHIFT | (uint64_t)prot << FAKE_PROT_SHIFT;
	return (pte_t){ fake_rotate(level, v) };
}

static inline bool pte_present(unsigned int level, pte_t pte)
{
	return fake_read(level, pte) != 0;
}

static inline bool pte_is_leaf(unsigned int level, pte_t pte)
{
	return (fake_read(level, pte) & FAKE_LEAF) != 0;
}

static inline bool pte_is_foreign(unsigned int level, pte_t pte)
{
	return (fake_read(level, pte) & FAKE_FOREIGN) != 0;
}

static inline phys_addr_t pte_phys(unsigned int level, pte_t pte)
{
	return ((fake_read(level, pte) >> FAKE_PFN_SHIFT) & (((uint64_t)1 << 44) - 1))
	       << PAGE_SHIFT;
}

static inline uint32_t pte_prot(unsigned int level, pte_t pte)
{
	return (uint32_t)(fake_read(level, pte) >> FAKE_PROT_SHIFT) & 127;
}

static inline pte_t pte_leaf(unsigned int level, phys_addr_t pa, uint32_t prot)
{
	FPG_CHECK((pa & (pt_level_bytes(level) - 1)) == 0);
	return fake_make(level, FAKE_LEAF, pa, prot);
}

static inline pte_t pte_next(unsigned int level, pte_t pte)
{
	phys_addr_t pa = pte_phys(level, pte) + pt_level_bytes(level);
	return fake_make(level, FAKE_LEAF, pa & (((uint64_t)1 << PT_PHYS_BITS) - 1),
			 pte_prot(level, pte));
}

static inline pte_t pte_pointer(unsigned int level, phys_addr_t table, bool foreign)
{
	FPG_CHECK(level > 0);
	return fake_make(level, foreign ? FAKE_FOREIGN : 0, table, 0);
}
