/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Boot allocations by byte, as Linux had them before memblock: alloc_bootmem() and its kin, served by whichever backend
 * has PALLOC_CAP_PACK, from the moment page_alloc_init() gave it memory until free_all_bootmem() hands everything to
 * the backend that was chosen. With such a backend chosen for good they go on working.
 *
 * All memory is zeroed. Addresses are physical where Linux's are. What is less than a page shares pages; such a page
 * is one allocated page of order 0 to everybody else, which the ledger calls "bootmem packed", and it outlives a
 * change of the backend. All other pages of a boot allocation are single pages, each of which may be freed by any
 * means once bootmem is gone.
 *
 * Source: Linux 3.x Documentation of the boot memory allocator: include/linux/bootmem.h's names and meanings.
 */
#pragma once

#include "fpg/base/compiler.h"
#include "fpg/base/types.h"
#include "fpg/port/port.h"

/** Where ordinary boot allocations begin as long as there is room: above what only 32-bit devices could use. */
#define BOOTMEM_LOW_LIMIT 0x100000000ULL
/** Where "low" ones end. */
#define BOOTMEM_LOW_END	  0x100000000ULL
#define BOOTMEM_ALIGN	  64UL

/** A backend that packs is in service. */
bool bootmem_available(void);

/**
 * @size bytes at a multiple of @align (a power of two; 0: BOOTMEM_ALIGN), at or above @goal if that can be had, else
 * anywhere. Zone Movable gives nothing.
 *
 * Context: no zone lock held
 * Return:  NULL when there is none, or @align is no power of two; the plain one panics instead
 */
void *__alloc_bootmem_nopanic(unsigned long size, unsigned long align, phys_addr_t goal);
void *__alloc_bootmem(unsigned long size, unsigned long align, phys_addr_t goal);
/** Below 4 GiB. */
void *__alloc_bootmem_low(unsigned long size, unsigned long align, phys_addr_t goal);
/** From node @nid if it can be had, else from any. */
void *__alloc_bootmem_node_nopanic(int nid, unsigned long size, unsigned long align,
				   phys_addr_t goal);
void *__alloc_bootmem_node(int nid, unsigned long size, unsigned long align, phys_addr_t goal);

static inline void *alloc_bootmem(unsigned long size)
{
	return __alloc_bootmem(size, BOOTMEM_ALIGN, BOOTMEM_LOW_LIMIT);
}

static inline void *alloc_bootmem_nopanic(unsigned long size)
{
	return __alloc_bootmem_nopanic(size, BOOTMEM_ALIGN, BOOTMEM_LOW_LIMIT);
}

static inline void *alloc_bootmem_pages(unsigned long size)
{
	return __alloc_bootmem(size, PAGE_SIZE, BOOTMEM_LOW_LIMIT);
}

static inline void *alloc_bootmem_low(unsigned long size)
{
	return __alloc_bootmem_low(size, BOOTMEM_ALIGN, 0);
}

static inline void *alloc_bootmem_low_pages(unsigned long size)
{
	return __alloc_bootmem_low(size, PAGE_SIZE, 0);
}

static inline void *alloc_bootmem_node(int nid, unsigned long size)
{
	return __alloc_bootmem_node(nid, size, BOOTMEM_ALIGN, BOOTMEM_LOW_LIMIT);
}

/** Frames that are reserved already are no mistake. */
#define BOOTMEM_DEFAULT	  0
/** They are. */
#define BOOTMEM_EXCLUSIVE 1

/**
 * Reserve the frames that [@addr, @addr + @size) touches (rounded outwards).
 *
 * Return: 0 | -EBUSY (BOOTMEM_EXCLUSIVE: a frame is reserved already; it is named in the log) | -EINVAL (empty, or not
 *         all of it is in zones that can reserve) | -ENOMEM (no room for records); nothing changed on error
 */
FPG_MUST_CHECK int reserve_bootmem(phys_addr_t addr, phys_addr_t size, int flags);

/**
 * Free the frames that lie wholly within [@addr, @addr + @size) (rounded inwards), any part of one allocation or
 * reservation or of several. If one of them is no reserved single page, it is named in the log and nothing is freed.
 */
void free_bootmem(phys_addr_t addr, phys_addr_t size);

/**
 * The end of bootmem's rule: every zone's memory goes to the backend that was chosen, blocks in use stay their
 * owners', bootmem's own metadata follows last. The boot calls it once after page_alloc_init(); it does something when
 * CONFIG_PALLOC_BOOT or palloc=FIRST+NAME made another backend start than the one that serves in the end.
 *
 * Context: one hart runs
 * Return: pages that are free afterwards; 0: there was nothing to hand over, or it was refused, as the log says
 */
unsigned long free_all_bootmem(void);
