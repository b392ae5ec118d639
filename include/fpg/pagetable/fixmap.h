/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fixmap: virtual addresses that exist before any allocator does. One GiB slot, static tables,
 * 4 KiB leaves; the early root and the final one share the same tables, so what is mapped here
 * stays mapped across the switch.
 *
 * Before the MMU is on, the early tables link fixmap_tables.l1 into the root entry of FIXMAP_BASE
 * and each fixmap_tables.l0[i] into l1[i], by physical address (pointer entries: V only). Nothing
 * else is done to them there. The slot lies in the top 2^38 bytes, so deeper modes reach the same
 * l1 through tables of their own.
 */
#pragma once

#include "fpg/base/assert.h"
#include "fpg/base/compiler.h"
#include "fpg/base/types.h"

/** First address of the slot: root entry 509 of Sv39. */
#define FIXMAP_BASE 0xffffffff40000000UL

/** 4 KiB leaves in one table. Source: RISC-V Privileged v1.12, 4.4.1 (2^9 entries of 8 bytes). */
#define FIXMAP_TABLE_ENTRIES 512U

/**
 * Tables of 4 KiB leaves: 2 MiB of addresses each. All tables of the kernel's map are open while it is built, 16 MiB
 * where debug_pagealloc wants 4 KiB leaves for 8 GiB.
 */
#define FIXMAP_L0_TABLES 12U

/** Largest device tree blob, which may begin anywhere in a page; equals DT_MAX_BYTES of core. */
#define FIXMAP_DTB_BYTES (4UL << 20)

/** Pages of device registers that can be mapped for good. */
#define FIXMAP_DEVICES 8U

/**
 * Places known at compile time, in pages from FIXMAP_BASE. A page is left unmapped between places,
 * so that running past the end of one faults.
 */
enum fixmap_slot {
	FIX_GUARD = 0,
	FIX_DTB = 1,
	FIX_DTB_END = FIX_DTB + (FIXMAP_DTB_BYTES >> PAGE_SHIFT) + 1,
	/** Device registers for good: a page each, and an unmapped one after it. */
	FIX_DEVICE = FIX_DTB_END + 1,
	FIX_DEVICE_END = FIX_DEVICE + 2 * FIXMAP_DEVICES,
	/** From here on: early_memremap() windows. */
	FIX_WINDOWS = FIX_DEVICE_END,
	FIX_END = FIXMAP_L0_TABLES * FIXMAP_TABLE_ENTRIES,
};

/** Bytes of windows; a window needs one guard page besides its own. */
#define FIXMAP_WINDOW_BYTES ((uint64_t)(FIX_END - FIX_WINDOWS) << PAGE_SHIFT)

/** Windows open at once. */
#define FIXMAP_MAX_WINDOWS 64U

static_assert(FIXMAP_WINDOW_BYTES >= (18UL << 20), "windows: tables for 4 KiB leaves of 8 GiB");

/** Tables of the slot, in .bss; 4 KiB aligned as hardware wants them (Privileged v1.12, 4.3.2). */
struct fixmap_tables {
	uint64_t l1[FIXMAP_TABLE_ENTRIES];
	uint64_t l0[FIXMAP_L0_TABLES][FIXMAP_TABLE_ENTRIES];
};
extern struct fixmap_tables fixmap_tables;

/**
 * Map the device tree blob at its fixed place, read-only. A later call replaces an earlier one
 * (first the header, then the whole blob); a blob in the middle of a page comes out at the same
 * place within it.
 *
 * Context: boot hart only, like all of this file
 * Return:  the blob's first byte, or NULL with a logged reason (empty, more than FIXMAP_DTB_BYTES,
 *          wraps)
 */
const void *fixmap_map_dtb(phys_addr_t phys, size_t bytes);

/**
 * Map device registers for good, for those that must work to the very end (power-off). They lie in
 * one page; registers of one page share a place.
 *
 * Return: the address of byte @phys, or NULL with a logged reason (across pages, places used up)
 */
void *fixmap_map_device(phys_addr_t phys, size_t bytes);

/**
 * Open a window on @bytes at @phys: RAM, cacheable, read and write. Any alignment; a window holds
 * whole pages.
 *
 * Return: the address of byte @phys, or NULL with a logged reason (empty, wraps, windows full)
 * Owner:  the caller closes it with early_memunmap()
 */
void *early_memremap(phys_addr_t phys, size_t bytes);

/** The same, read-only. */
const void *early_memremap_ro(phys_addr_t phys, size_t bytes);

/**
 * The same for device registers, read and write; the memory type is what the PMAs say (no Svpbmt
 * this early).
 */
void *early_ioremap(phys_addr_t phys, size_t bytes);

/**
 * Close a window. @p is what early_memremap(), early_memremap_ro() or early_ioremap() returned;
 * NULL is ignored, an address that is no open window is logged and ignored. @bytes must be the size
 * it was opened with.
 */
void early_memunmap(const void *p, size_t bytes);

/** Windows open now: 0 at the end of boot, else something leaks. */
uint32_t early_remap_in_use(void);

/** Most windows, and most pages in windows, that were ever open at once. */
void early_remap_high_water(uint32_t *windows, uint32_t *pages);

/** Log a warning for each window still open (physical range). Return: how many. */
uint32_t early_remap_check_leaks(void);
