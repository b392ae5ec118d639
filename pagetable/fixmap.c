/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fixmap slot: the blob's fixed place and the early windows.
 *
 * Invariants: windows[] ascends by first page; a page between two windows is never mapped; a page
 * of the slot is mapped exactly when it belongs to an open window or to the mapped blob. On a host
 * there is no translation: the tables are kept all the same, and pointers are those of simulated
 * memory.
 */
#define LOG_MODULE "fixmap"
#include "fpg/pagetable/fixmap.h"

#include "fpg/base/range.h"
#include "fpg/core/fail_boot.h"
#include "fpg/core/log.h"
#include "fpg/pagetable/pte.h"
#include "fpg/port/port.h"

#include <string.h>

struct fixmap_tables fixmap_tables FPG_ALIGNED(PAGE_SIZE);

struct window {
	uint16_t first;
	uint16_t pages;
	phys_addr_t phys;
	uint64_t bytes;
};

static struct {
	struct window windows[FIXMAP_MAX_WINDOWS];
	uint32_t count;
	uint32_t pages;
	uint32_t most_windows;
	uint32_t most_pages;
	uint32_t dtb_pages;
	/** Pages of devices in use, from FIX_DEVICE on in steps of two. */
	uint32_t devices;
} fixmap;

static pte_t *slot_entry(unsigned int page)
{
	return (pte_t *)&fixmap_tables.l0[page / FIXMAP_TABLE_ENTRIES][page % FIXMAP_TABLE_ENTRIES];
}

static void slots_set(unsigned int page, unsigned int pages, phys_addr_t phys, uint32_t prot)
{
	for (unsigned int i = 0; i < pages; i++) {
		*slot_entry(page + i) = pte_leaf(0, phys + i * PAGE_SIZE, prot | PT_GLOBAL);
	}
	/* An absent entry may be cached as well. Source: Privileged v1.12, 4.2.1. */
	port_tlb_flush_range(vaddr(FIXMAP_BASE + page * PAGE_SIZE), pages * PAGE_SIZE);
}

static void slots_clear(unsigned int page, unsigned int pages)
{
	for (unsigned int i = 0; i < pages; i++) {
		*slot_entry(page + i) = (pte_t){ 0 };
	}
	port_tlb_flush_range(vaddr(FIXMAP_BASE + page * PAGE_SIZE), pages * PAGE_SIZE);
}

static void *slot_pointer(unsigned int page, phys_addr_t phys)
{
	if (FPG_ENABLED(FPG_HOSTED)) {
		return port_phys_to_virt(phys);
	}
	return vaddr_ptr(vaddr(FIXMAP_BASE + page * PAGE_SIZE + phys % PAGE_SIZE));
}

/** Whole pages that hold [phys, phys + bytes), or 0 when there is no such range. */
static uint64_t pages_of(phys_addr_t phys, uint64_t bytes)
{
	const uint64_t phys_end = (uint64_t)1 << PT_PHYS_BITS;
	if (bytes == 0 || phys >= phys_end || bytes > phys_end - phys) {
		return 0;
	}
	return (ALIGN_UP(phys + bytes, PAGE_SIZE) - ALIGN_DOWN(phys, PAGE_SIZE)) >> PAGE_SHIFT;
}

const void *fixmap_map_dtb(phys_addr_t phys, size_t bytes)
{
	const uint64_t pages = pages_of(phys, bytes);
	if (pages == 0 || bytes > FIXMAP_DTB_BYTES) {
		pr_warn("device tree blob at 0x%llx, 0x%llx bytes: cannot be mapped "
			"(1 to 0x%llx bytes below 2^%u)",
			(unsigned long long)phys, (unsigned long long)bytes,
			(unsigned long long)FIXMAP_DTB_BYTES, PT_PHYS_BITS);
		return NULL;
	}
	slots_clear(FIX_DTB, fixmap.dtb_pages);
	fixmap.dtb_pages = (uint32_t)pages;
	slots_set(FIX_DTB, fixmap.dtb_pages, ALIGN_DOWN(phys, PAGE_SIZE), MEM_R);
	return slot_pointer(FIX_DTB, phys);
}

void *fixmap_map_device(phys_addr_t phys, size_t bytes)
{
	const phys_addr_t page = ALIGN_DOWN(phys, PAGE_SIZE);
	unsigned int slot = FIX_DEVICE;
	while (slot < FIX_DEVICE + 2 * fixmap.devices && pte_phys(0, *slot_entry(slot)) != page) {
		slot += 2;
	}
	if (pages_of(phys, bytes) != 1 || slot == FIX_DEVICE_END) {
		pr_warn("device registers at 0x%llx, 0x%llx bytes: no place (%u of %u pages used)",
			(unsigned long long)phys, (unsigned long long)bytes, fixmap.devices,
			FIXMAP_DEVICES);
		return NULL;
	}
	if (slot == FIX_DEVICE + 2 * fixmap.devices) {
		fixmap.devices++;
		slots_set(slot, 1, page, MEM_R | MEM_W);
	}
	return slot_pointer(slot, phys);
}

/** Find the first hole of @pages and a guard page. Return: index for the new window, or -1 */
static int window_place(uint64_t pages, uint16_t *first)
{
	uint32_t page = FIX_WINDOWS;
	for (uint32_t i = 0; i <= fixmap.count; i++) {
		const uint32_t end = i < fixmap.count ? fixmap.windows[i].first : (uint32_t)FIX_END;
		if (end - page > pages) {
			*first = (uint16_t)page;
			return (int)i;
		}
		if (i < fixmap.count) {
			page = end + fixmap.windows[i].pages + 1;
		}
	}
	return -1;
}

static void *window_open(phys_addr_t phys, size_t bytes, uint32_t prot)
{
	const uint64_t pages = pages_of(phys, bytes);
	uint16_t first = 0;
	int at = -1;
	if (pages != 0 && fixmap.count < FIXMAP_MAX_WINDOWS && !fail_boot_now("early_memremap")) {
		at = window_place(pages, &first);
	}
	if (at < 0) {
		pr_warn("no early window for 0x%llx bytes at 0x%llx "
			"(%u of %u windows open, %u pages)",
			(unsigned long long)bytes, (unsigned long long)phys, fixmap.count,
			FIXMAP_MAX_WINDOWS, fixmap.pages);
		return NULL;
	}
	struct window *w = &fixmap.windows[at];
	memmove(w + 1, w, (fixmap.count - (uint32_t)at) * sizeof(*w));
	*w = (struct window){
		.first = first, .pages = (uint16_t)pages, .phys = phys, .bytes = bytes
	};
	fixmap.count++;
	fixmap.pages += w->pages;
	fixmap.most_windows = fixmap.count > fixmap.most_windows ? fixmap.count :
								   fixmap.most_windows;
	fixmap.most_pages = fixmap.pages > fixmap.most_pages ? fixmap.pages : fixmap.most_pages;
	slots_set(first, w->pages, ALIGN_DOWN(phys, PAGE_SIZE), prot);
	return slot_pointer(first, phys);
}

void *early_memremap(phys_addr_t phys, size_t bytes)
{
	return window_open(phys, bytes, MEM_R | MEM_W);
}

const void *early_memremap_ro(phys_addr_t phys, size_t bytes)
{
	return window_open(phys, bytes, MEM_R);
}

void *early_ioremap(phys_addr_t phys, size_t bytes)
{
	return window_open(phys, bytes, MEM_R | MEM_W);
}

void early_memunmap(const void *p, size_t bytes)
{
	if (p == NULL) {
		return;
	}
	for (uint32_t i = 0; i < fixmap.count; i++) {
		struct window *w = &fixmap.windows[i];
		if (w->bytes != bytes || slot_pointer(w->first, w->phys) != p) {
			continue;
		}
		slots_clear(w->first, w->pages);
		fixmap.pages -= w->pages;
		fixmap.count--;
		memmove(w, w + 1, (fixmap.count - i) * sizeof(*w));
		return;
	}
	pr_warn("0x%llx, 0x%llx bytes: no open early window", (unsigned long long)(uintptr_t)p,
		(unsigned long long)bytes);
}

uint32_t early_remap_in_use(void)
{
	return fixmap.count;
}

void early_remap_high_water(uint32_t *windows, uint32_t *pages)
{
	*windows = fixmap.most_windows;
	*pages = fixmap.most_pages;
}

uint32_t early_remap_check_leaks(void)
{
	for (uint32_t i = 0; i < fixmap.count; i++) {
		const struct window *w = &fixmap.windows[i];
		pr_warn("early window on 0x%llx, 0x%llx bytes, was never closed",
			(unsigned long long)w->phys, (unsigned long long)w->bytes);
	}
	return fixmap.count;
}
