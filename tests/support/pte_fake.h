/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An encoding of page-table entries that differs at each level: a tag names the level and all bits
 * are rotated by it, so an entry that is read or written with the wrong level is caught at once.
 * Used by tests through FPG_PTE_HEADER.
 */
#pragma once

#include "fpg/base/assert.h"
#include "fpg/base/compiler.h"

#define FAKE_PRESENT ((uint64_t)1 << 63)
#define FAKE_LEAF    ((uint64_t)1 << 62)
#define FAKE_FOREIGN ((uint64_t)1 << 61)
#define FAKE_TAG(l)  ((uint64_t)((l) + 1) << 58)
#define FAKE_NAPOT   ((uint64_t)1 << 57)

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
	if (likely(pte.v == 0)) {
		return 0;
	}
	unsigned int by = 3 * level + 1;
	uint64_t v = pte.v >> by | pte.v << (64 - by);
	FPG_CHECK((v & FAKE_TAG_MASK) == FAKE_TAG(level));
	/* Only leaves of level 0 are hidden, and none of 64 KiB. */
	FPG_CHECK((v & FAKE_PRESENT) != 0 ||
		  (level == 0 && (v & (FAKE_LEAF | FAKE_NAPOT)) == FAKE_LEAF));
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
	return (fake_read(level, pte) & FAKE_PRESENT) != 0;
}

static inline bool pte_is_hidden(unsigned int level, pte_t pte)
{
	return !pte_none(pte) && !pte_present(level, pte);
}

static inline bool pte_is_napot(unsigned int level, pte_t pte)
{
	return (fake_read(level, pte) & FAKE_NAPOT) != 0;
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

static inline pte_t pte_show(unsigned int level, pte_t pte, bool show)
{
	uint64_t v = fake_read(level, pte);
	FPG_CHECK(level == 0 && (v & FAKE_LEAF) != 0);
	return (pte_t){ fake_rotate(level, (v & ~FAKE_PRESENT) | (show ? FAKE_PRESENT : 0)) };
}

static inline pte_t pte_with_phys(unsigned int level, pte_t pte, phys_addr_t pa)
{
	const uint64_t pfns = ((uint64_t)1 << 44) - 1;
	uint64_t v = fake_read(level, pte);
	FPG_CHECK((v & FAKE_LEAF) != 0 && (v & FAKE_NAPOT) == 0 &&
		  (pa & (pt_level_bytes(level) - 1)) == 0);
	v &= ~(pfns << FAKE_PFN_SHIFT);
	return (pte_t){ fake_rotate(level, v | (pa >> PAGE_SHIFT & pfns) << FAKE_PFN_SHIFT) };
}

static inline pte_t pte_with_prot(unsigned int level, pte_t pte, uint32_t prot)
{
	uint64_t v = fake_read(level, pte);
	FPG_CHECK((v & FAKE_LEAF) != 0 && prot < 128);
	v &= ~((uint64_t)127 << FAKE_PROT_SHIFT);
	return (pte_t){ fake_rotate(level, v | (uint64_t)prot << FAKE_PROT_SHIFT) };
}

static inline pte_t pte_napot(pte_t pte)
{
	FPG_CHECK((pte_phys(0, pte) & (PT_NAPOT_BYTES - 1)) == 0 && !pte_is_napot(0, pte));
	return (pte_t){ fake_rotate(0, fake_read(0, pte) | FAKE_NAPOT) };
}

static inline pte_t pte_next(unsigned int level, pte_t pte)
{
	FPG_CHECK(!pte_is_napot(level, pte));
	phys_addr_t pa = pte_phys(level, pte) + pt_level_bytes(level);
	return fake_make(level, FAKE_LEAF, pa & (((uint64_t)1 << PT_PHYS_BITS) - 1),
			 pte_prot(level, pte));
}

static inline pte_t pte_pointer(unsigned int level, phys_addr_t table, bool foreign)
{
	FPG_CHECK(level > 0);
	return fake_make(level, foreign ? FAKE_FOREIGN : 0, table, 0);
}
