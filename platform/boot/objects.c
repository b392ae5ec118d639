/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is made of pages once there are page allocators: the vmalloc window, address spaces, the other harts with their
 * stacks. Boot goes on without what fails, as far as it can; the loss is named.
 */
#define LOG_MODULE "boot"
#include "boot.h"

#include "fpg/base/errno.h"
#include "fpg/core/boot_memory.h"
#include "fpg/core/dma_coherent.h"
#include "fpg/core/hart.h"
#include "fpg/core/log.h"
#include "fpg/core/page_alloc.h"
#include "fpg/core/page_owner.h"
#include "fpg/core/panic.h"
#include "fpg/pagetable/debug_pagealloc.h"
#include "fpg/pagetable/kernel_map.h"
#include "fpg/pagetable/mm.h"
#include "fpg/pagetable/vmalloc.h"
#include "fpg/port/trap.h"

FPG_INIT void boot_debug_allocator(const struct boot_memory *bm, const struct kernel_map *map)
{
	int err = 0;
	if (map->small_leaves) {
		err = debug_pagealloc_init();
	} else if (bm->args.page_owner) {
		err = page_owner_init();
	}
	if (err != 0) {
		pr_debug("the allocator is not watched (%s)", errno_name(err));
	}
}

/* ---- does the firmware let us use memory types? ---- */

FPG_INIT static void read_page(void *arg)
{
	(void)*(volatile uint64_t *)arg;
}

/**
 * Svpbmt in the ISA string is not enough: unless firmware set menvcfg.PBMTE the bits are reserved, and a page with them
 * faults. Source: RISC-V Privileged v1.12, 3.1.18 and chapter 6. So one is tried.
 */
FPG_INIT static void check_memory_types(const struct kernel_map *map)
{
	if ((map->pt.known & PT_NONCACHED) == 0) {
		return;
	}
	struct page *page = alloc_page(GFP_KERNEL);
	void *at = page != NULL ? vmap(&page, 1, MEM_R | PT_NONCACHED) : NULL;
	if (at == NULL || trap_expect(read_page, at, NULL, NULL) != 0) {
		pr_warn("the harts have Svpbmt, but a non-cacheable page %s: memory types are as the machine has them",
			at == NULL ? "cannot be tried" : "faults (firmware keeps it off)");
		unsigned long flags = kernel_pt_lock();
		kernel_pt()->known &= ~(uint32_t)(PT_NONCACHED | PT_IO);
		kernel_pt_unlock(flags);
	} else {
		pr_info("Svpbmt: memory types by page");
	}
	vunmap(at);
	__free_page(page);
}

/** For good: nobody gives a hart's area back. Return: NULL, logged */
static void *hart_area(size_t bytes)
{
	return vzalloc(bytes);
}

static void hart_stack_free(char *low, size_t bytes)
{
	(void)bytes;
	vmalloc_stack_free(low);
}

FPG_INIT void boot_start_objects(const struct boot_memory *bm, const struct kernel_map *map)
{
	kernel_pt_hand_over();
	int err = vmalloc_init();
	if (err != 0) {
		panic("there is no vmalloc window (%s)", errno_name(err));
	}
	check_memory_types(map);
	const struct hart_start_env env = {
		.satp_mode = map->pt.mode->satp_mode,
		.root = map->pt.root,
		.max_harts = bm->args.max_harts,
		.stack_alloc = vmalloc_stack,
		.stack_free = hart_stack_free,
		.area_alloc = hart_area,
	};
	(void)harts_start(&bm->facts, &env);
	dma_coherent_init(bm, memremap_wc);
	err = mm_init();
	if (err != 0) {
		pr_warn("no address spaces: `user` and `mm` cannot work (%s)", errno_name(err));
	}
}
