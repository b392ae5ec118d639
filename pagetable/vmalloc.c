/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmalloc, vmap and stacks: single pages side by side in the vmalloc window.
 *
 * Pages of a vmalloc area are remembered by the page tables alone. When the area ends they are gathered from there into
 * a list through their own first words (their contents are dead), then unmapped, then, when no hart can reach them any
 * more, freed. Unmapping whole 4 KiB leaves takes no memory, so an end cannot fail.
 */
#define LOG_MODULE "vmalloc"
#include "vm_area.h"

#include "fpg/base/errno.h"
#include "fpg/base/range.h"
#include "fpg/core/log.h"
#include "fpg/core/page_alloc.h"
#include "fpg/pagetable/kernel_map.h"

#include <errno.h>

/** Pages taken, or looked up, at a time. */
#define BATCH 64U

#define CALLER ((uint64_t)(uintptr_t)__builtin_return_address(0))

/* ---- ending ---------------------------------------------------------------------------------- */

/** The pages mapped from @va on, as a list, the last one first. */
static phys_addr_t gather(vaddr_t va, uint64_t bytes)
{
	phys_addr_t list = 0;
	while (bytes != 0) {
		unsigned long flags = kernel_pt_lock();
		for (unsigned int i = 0; i < BATCH && bytes != 0; i++) {
			struct pt_walk walk;
			FPG_CHECK(pt_walk(kernel_pt(), va, &walk) == 0 && walk.mapped &&
				  walk.level == 0);
			*(phys_addr_t *)port_phys_to_virt(walk.phys) = list;
			list = walk.phys;
			va.v += PAGE_SIZE;
			bytes -= PAGE_SIZE;
		}
		kernel_pt_unlock(flags);
	}
	return list;
}

static void free_list(phys_addr_t list)
{
	while (list != 0) {
		phys_addr_t next = *(phys_addr_t *)port_phys_to_virt(list);
		__free_page(pfn_to_page(phys_to_pfn(list)));
		list = next;
	}
}

/** Unmap, and fence all harts. */
static void unmap(vaddr_t va, uint64_t bytes)
{
	FPG_CHECK(bytes == 0 || kernel_pt_unmap(va, bytes) == 0);
}

/** Unmap and free the first @bytes of @area, which are whole pages of the page allocator. */
static void drop_pages(const struct vm_area *area, uint64_t bytes)
{
	phys_addr_t list = gather(vm_area_start(area), bytes);
	unmap(vm_area_start(area), bytes);
	free_list(list);
}

/* ---- beginning ------------------------------------------------------------------------------- */

/** Up to BATCH pages. Return: how many there were */
static unsigned int take_batch(struct page **pages, uint64_t wanted, gfp_t gfp)
{
	unsigned int n = 0;
	while (n < BATCH && n < wanted) {
		pages[n] = alloc_page(gfp | __GFP_NOWARN);
		if (pages[n] == NULL) {
			break;
		}
		n++;
	}
	return n;
}

static void give_batch(struct page **pages, unsigned int n)
{
	while (n > 0) {
		__free_page(pages[--n]);
	}
}

/** Fill @area with pages. Return: NULL, or why not, with none mapped and none kept */
static const char *fill(const struct vm_area *area, gfp_t gfp)
{
	struct page *pages[BATCH];
	const char *why = NULL;
	uint64_t done = 0;
	const uint64_t bytes = vm_area_bytes(area);
	while (done < bytes && why == NULL) {
		const uint64_t left = (bytes - done) / PAGE_SIZE;
		const uint64_t want = left < BATCH ? left : BATCH;
		unsigned int n = take_batch(pages, want, gfp);
		if (n < want) {
			why = "no free pages";
		} else if (kernel_pt_map_pages(vaddr(area->range.start + done), pages, n,
					       area->prot) != 0) {
			why = "no memory for page tables";
		} else {
			done += n * PAGE_SIZE;
			continue;
		}
		give_batch(pages, n);
	}
	if (why != NULL) {
		drop_pages(area, done);
	}
	return why;
}

static void *begin(size_t bytes, gfp_t gfp, enum vm_area_kind kind, uint64_t caller)
{
	const char *why = gfp_refusal(gfp);
	struct vm_area *area = NULL;
	if (why == NULL && bytes == 0) {
		why = "no bytes at all";
	} else if (why == NULL && (bytes - 1) / PAGE_SIZE >= page_alloc_managed_pages()) {
		why = "more than there is memory";
	}
	if (why == NULL) {
		area = vm_area_take(ALIGN_UP(bytes, PAGE_SIZE), PAGE_SIZE, kind, caller, &why);
	}
	if (area != NULL) {
		area->prot = vm_area_prot(MEM_R | MEM_W);
		why = fill(area, gfp);
		if (why != NULL) {
			vm_area_give(area);
			area = NULL;
		}
	}
	if (area == NULL) {
		if (!(gfp & __GFP_NOWARN)) {
			pr_warn("%s of %zu bytes failed: %s", vm_area_kind_name(kind), bytes, why);
		}
		return NULL;
	}
	return vaddr_ptr(vm_area_start(area));
}

static void end(const void *addr, enum vm_area_kind kind, const char *call)
{
	struct vm_area *area = addr != NULL ? vm_area_condemn(addr, kind, call) : NULL;
	if (area != NULL) {
		drop_pages(area, vm_area_bytes(area));
		vm_area_give(area);
	}
}

void *__vmalloc(size_t bytes, gfp_t gfp)
{
	return begin(bytes, gfp, VM_ALLOC, CALLER);
}

void *vmalloc(size_t bytes)
{
	return begin(bytes, GFP_KERNEL, VM_ALLOC, CALLER);
}

void *vzalloc(size_t bytes)
{
	return begin(bytes, GFP_KERNEL | __GFP_ZERO, VM_ALLOC, CALLER);
}

void vfree(const void *addr)
{
	end(addr, VM_ALLOC, "vfree");
}

char *vmalloc_stack(size_t bytes)
{
	return begin(bytes, GFP_KERNEL, VM_STACK, CALLER);
}

void vmalloc_stack_free(char *low)
{
	end(low, VM_STACK, "vmalloc_stack_free");
}

/* ---- vmap ------------------------------------------------------------------------------------ */

void *vmap(struct page *const *pages, unsigned int count, uint32_t prot)
{
	const char *why = NULL;
	struct vm_area *area = NULL;
	if (count == 0) {
		why = "no pages at all";
	} else if ((prot & ~(uint32_t)(MEM_R | MEM_W | PT_NONCACHED)) != 0 || !(prot & MEM_R)) {
		why = "permissions other than read, write, non-cacheable";
	} else {
		area = vm_area_take((uint64_t)count * PAGE_SIZE, PAGE_SIZE, VM_MAP, CALLER, &why);
	}
	if (area != NULL) {
		area->prot = vm_area_prot(prot);
		int err = kernel_pt_map_pages(vm_area_start(area), pages, count, area->prot);
		if (err == 0) {
			return vaddr_ptr(vm_area_start(area));
		}
		why = err == -ENOMEM ? "no memory for page tables" : errno_name(err);
		vm_area_give(area);
	}
	pr_warn("vmap of %u pages failed: %s", count, why);
	return NULL;
}

void vunmap(const void *addr)
{
	struct vm_area *area = addr != NULL ? vm_area_condemn(addr, VM_MAP, "vunmap") : NULL;
	if (area != NULL) {
		unmap(vm_area_start(area), vm_area_bytes(area));
		vm_area_give(area);
	}
}
