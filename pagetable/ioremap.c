/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ioremap: device registers in the vmalloc window. Memory is refused: it has a cacheable mapping already, and two
 * mappings of one page that differ in their memory type lose writes (Privileged v1.12, chapter 6, Svpbmt).
 */
#define LOG_MODULE "ioremap"
#include "vm_area.h"

#include "fpg/base/errno.h"
#include "fpg/base/range.h"
#include "fpg/core/log.h"
#include "fpg/core/memblock.h"
#include "fpg/core/memblock_iter.h"
#include "fpg/pagetable/kernel_map.h"

#include <errno.h>

#define CALLER ((uint64_t)(uintptr_t)__builtin_return_address(0))

/** Memory of [first, last) has a mapping of its own, or, unless @no_map is allowed, is memory at all. */
static bool is_ram(phys_addr_t first, phys_addr_t last, bool no_map)
{
	if (!no_map) {
		return memblock_overlaps_region(&memblock.memory, first, last - first);
	}
	uint64_t i;
	phys_addr_t start;
	phys_addr_t end;
	for_each_mem_range(i, &start, &end) {
		if (start < last && first < end) {
			return true;
		}
	}
	return false;
}

/** Why [phys, phys + bytes) cannot be mapped here; NULL when it can. */
static const char *refusal(phys_addr_t phys, uint64_t bytes, bool no_map)
{
	const phys_addr_t limit = (phys_addr_t)1 << PT_PHYS_BITS;
	if (bytes == 0) {
		return "no bytes at all";
	}
	if (phys >= limit || bytes > limit - phys) {
		return "there are no such addresses";
	}
	/* A leaf covers whole pages, so what shares a page with memory is refused, too. */
	const phys_addr_t first = ALIGN_DOWN(phys, PAGE_SIZE);
	const phys_addr_t last = ALIGN_UP(phys + bytes, PAGE_SIZE);
	return is_ram(first, last, no_map) ? "it is RAM" : NULL;
}

static void *map(phys_addr_t phys, size_t bytes, uint32_t prot, bool no_map, uint64_t caller)
{
	const char *why = refusal(phys, bytes, no_map);
	struct vm_area *area = NULL;
	const phys_addr_t first = ALIGN_DOWN(phys, PAGE_SIZE);
	if (why == NULL) {
		const uint64_t whole = ALIGN_UP(phys + bytes, PAGE_SIZE) - first;
		const bool large = whole >= SZ_2M && IS_ALIGNED(first, SZ_2M);
		area = vm_area_take(whole, large ? SZ_2M : PAGE_SIZE, VM_IOREMAP, caller, &why);
	}
	if (area != NULL) {
		area->prot = vm_area_prot(prot);
		area->phys = first;
		int err = kernel_pt_map(vm_area_start(area), first, vm_area_bytes(area), area->prot,
					1);
		if (err == 0) {
			return (char *)vaddr_ptr(vm_area_start(area)) + (phys - first);
		}
		why = err == -ENOMEM ? "no memory for page tables" : errno_name(err);
		vm_area_give(area);
	}
	pr_warn("0x%llx, %zu bytes, refused: %s", (unsigned long long)phys, bytes, why);
	return NULL;
}

void *ioremap(phys_addr_t phys, size_t bytes)
{
	return map(phys, bytes, MEM_R | MEM_W | PT_IO, false, CALLER);
}

void *ioremap_wc(phys_addr_t phys, size_t bytes)
{
	return map(phys, bytes, MEM_R | MEM_W | PT_NONCACHED, false, CALLER);
}

void *memremap_wc(phys_addr_t phys, size_t bytes)
{
	return map(phys, bytes, MEM_R | MEM_W | PT_NONCACHED, true, CALLER);
}

void iounmap(const void *addr)
{
	struct vm_area *area = addr != NULL ? vm_area_condemn(addr, VM_IOREMAP, "iounmap") : NULL;
	if (area != NULL) {
		/* Leaves end where the area does, so nothing is split and it cannot fail. */
		FPG_CHECK(kernel_pt_unmap(vm_area_start(area), vm_area_bytes(area)) == 0);
		vm_area_give(area);
	}
}
