/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The early Sv39 tables, filled with translation off. This code runs at the load address, not where it is linked:
 * every address it takes is relative to pc and comes out physical, so it may use no table of pointers, no jump table
 * and no initialised pointer. Nothing here can fail.
 */
#include "boot.h"

#include "fpg/base/assert.h"
#include "fpg/base/range.h"
#include "fpg/pagetable/fixmap.h"

/* Sv39: 9 bits of index a level, 8 bytes an entry. Source: RISC-V Privileged v1.12, 4.4.1 and figures 4.18 to 4.21. */
#define TABLE_ENTRIES	512U
#define SV39_SATP_MODE	8ULL
#define SATP_MODE_SHIFT 60

#define PTE_V 0x01ULL
#define PTE_R 0x02ULL
#define PTE_W 0x04ULL
#define PTE_X 0x08ULL
#define PTE_G 0x20ULL
/* Set in leaves, since hardware may fault instead of setting them; never in pointers, where they are reserved. */
#define PTE_A 0x40ULL
#define PTE_D 0x80ULL

FPG_INITBSS uint64_t early_root_table[TABLE_ENTRIES] FPG_ALIGNED(4096);
FPG_INITBSS static uint64_t early_image_table[TABLE_ENTRIES] FPG_ALIGNED(4096);

extern char __image_start[], __image_end[];

FPG_INIT static inline uint64_t pte_of(phys_addr_t pa, uint64_t bits)
{
	return (pa >> PAGE_SHIFT) << 10 | bits;
}

FPG_INIT static inline phys_addr_t here(const void *p)
{
	return (phys_addr_t)(uintptr_t)p;
}

FPG_INIT uint64_t early_paging_init(phys_addr_t load, uint64_t link)
{
	uint64_t bytes = here(__image_end) - here(__image_start);
	uint64_t leaf = PTE_V | PTE_R | PTE_W | PTE_X | PTE_G | PTE_A | PTE_D;

	for (uint64_t done = 0; done < bytes; done += SZ_2M) {
		early_image_table[((link + done) / SZ_2M) % TABLE_ENTRIES] =
			pte_of(load + done, leaf);
	}
	early_root_table[(link / SZ_1G) % TABLE_ENTRIES] = pte_of(here(early_image_table), PTE_V);

	for (uint32_t i = 0; i < FIXMAP_L0_TABLES; i++) {
		fixmap_tables.l1[(FIXMAP_BASE / SZ_2M + i) % TABLE_ENTRIES] =
			pte_of(here(fixmap_tables.l0[i]), PTE_V);
	}
	early_root_table[(FIXMAP_BASE / SZ_1G) % TABLE_ENTRIES] =
		pte_of(here(fixmap_tables.l1), PTE_V);

	return SV39_SATP_MODE << SATP_MODE_SHIFT | here(early_root_table) >> PAGE_SHIFT;
}
