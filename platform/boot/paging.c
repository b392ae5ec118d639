/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the early tables to the final ones: which mode, which memory, build, switch.
 *
 * The hart is asked for a mode by writing satp while the early tables are in force: a root of each deeper mode leads,
 * by its last entry, to the early Sv39 root, so all that is in use now stays where it is. Nothing is believed of the
 * device tree's mmu-type.
 */
#define LOG_MODULE "boot"
#include "boot.h"

#include "fpg/base/errno.h"
#include "fpg/base/parse.h"
#include "fpg/base/range.h"
#include "fpg/core/boot_memory.h"
#include "fpg/core/log.h"
#include "fpg/core/memblock.h"
#include "fpg/core/panic.h"
#include "fpg/pagetable/debug_pagealloc.h"
#include "fpg/pagetable/fixmap.h"
#include "fpg/pagetable/kernel_map.h"
#include "fpg/port/port.h"

#include <inttypes.h>

/* ---- asking the hart ---- */

/* The early tables use the top 4 GiB only, which in each mode is what the root's last entry leads to. */
FPG_INITBSS static pte_t probe_sv48[PT_ENTRIES] FPG_ALIGNED(4096);
FPG_INITBSS static pte_t probe_sv57[PT_ENTRIES] FPG_ALIGNED(4096);

static_assert(FIXMAP_BASE >= (uint64_t) - (1L << 39),
	      "one root entry of Sv48 and Sv57 leads to it");

/** Modes that a probe found, and the switch did not; bit n for satp mode n. */
FPG_INITBSS static uint32_t refused_modes;

FPG_INIT static bool hart_has(const struct vm_layout *layout)
{
	const unsigned int mode = layout->mode->satp_mode;
	if ((refused_modes & (uint32_t)1 << mode) != 0) {
		return false;
	}
	if (layout == &vm_layout_sv39) {
		/* It is on. */
		return true;
	}
	probe_sv48[PT_ENTRIES - 1] = pte_pointer(3, port_image_to_phys(early_root_table), false);
	probe_sv57[PT_ENTRIES - 1] = pte_pointer(4, port_image_to_phys(probe_sv48), false);
	return port_address_space_probe(
		mode, port_image_to_phys(layout == &vm_layout_sv48 ? probe_sv48 : probe_sv57));
}

FPG_INIT static const struct vm_layout *choose_layout(const struct boot_memory *bm)
{
	const phys_addr_t base = ALIGN_DOWN(memblock_start_of_DRAM(), LINEAR_BASE_ALIGN);
	const uint64_t span = memblock_end_of_DRAM() - base;
	struct vm_choice choice = vm_layout_choose(bm->args.satp, span, hart_has);
	if (choice.layout == NULL) {
		panic("this hart refuses every paging mode");
	}
	if (choice.refused != NULL) {
		pr_warn("satp=%s: this hart refuses it; %s is used", choice.refused->mode->name,
			choice.layout->mode->name);
	}
	pr_debug("RAM spans %#" PRIx64 " bytes from %#" PRIx64 ": %s%s", span, base,
		 choice.layout->mode->name,
		 choice.covers ? "" : ", which does not reach all of it");
	return choice.layout;
}

/** What the window cannot show leaves memblock first, so that nothing is allocated there. */
FPG_INIT static void limit_to_window(struct boot_memory *bm, const struct vm_layout *layout)
{
	const phys_addr_t base = ALIGN_DOWN(memblock_start_of_DRAM(), LINEAR_BASE_ALIGN);
	if (memblock_end_of_DRAM() - base <= layout->linear_bytes) {
		return;
	}
	char size[24];
	const phys_addr_t before = memblock_phys_mem_size();
	int err = boot_memory_limit_window(bm, base, layout->linear_bytes);
	if (err != 0) {
		panic("memory beyond the linear window cannot be set aside (%s)", errno_name(err));
	}
	pr_warn("%s of RAM from %#" PRIx64
		" on lie beyond the linear window of %s%s and are not used",
		format_size(size, sizeof(size), before - memblock_phys_mem_size()),
		base + layout->linear_bytes, layout->mode->name,
		bm->args.satp == layout->mode->satp_mode ? " (satp=)" :
							   ", the most that this hart has,");
}

/** The first page of the address space is never mapped, so RAM there is of no use to anybody. */
FPG_INIT static void keep_page_zero(void)
{
	if (!memblock_is_map_memory(0)) {
		return;
	}
	int err = memblock_reserve_owned(0, PAGE_SIZE, MEMBLOCK_NONE,
					 mem_owner(OWNER_PAGE_ZERO, RULE_PAGE_ZERO, -1));
	if (err != 0) {
		panic("physical page 0 cannot be kept back (%s)", errno_name(err));
	}
}

/* ---- build and switch ---- */

FPG_INIT static void log_map(const struct kernel_map *map)
{
	char size[24];
	pr_info("%s on: linear map of %s at %#" PRIx64 ", %" PRIu64 " pages of tables",
		map->pt.mode->name, format_size(size, sizeof(size), map->linear_mapped_bytes),
		map->linear_base + map->linear_offset, kernel_map_tables(map));
}

FPG_INIT void boot_switch_tables(struct boot_memory *bm, struct kernel_map *map,
				 const struct kernel_image *image)
{
	keep_page_zero();
	*map = (struct kernel_map){ .small_leaves =
					    debug_pagealloc_wanted(bm->args.debug_pagealloc) };
	if (dt_isa_all_have(&bm->facts, "svpbmt")) {
		map->memory_types = PT_NONCACHED | PT_IO;
	}
	map->napot = dt_isa_all_have(&bm->facts, "svnapot");
	for (;;) {
		map->layout = choose_layout(bm);
		limit_to_window(bm, map->layout);
		int err = kernel_map_build(map, image);
		if (err == -ENOMEM && map->small_leaves) {
			pr_warn("no memory for tables of 4 KiB leaves: no debug_pagealloc");
			map->small_leaves = false;
			err = kernel_map_build(map, image);
		}
		if (err != 0) {
			panic("the kernel's page tables cannot be built (%s)", errno_name(err));
		}
		boot_debug_map(map);
		err = kernel_map_activate(map);
		if (err == 0) {
			break;
		}
		pr_warn("this hart refuses %s after all (%s)", map->layout->mode->name,
			errno_name(err));
		refused_modes |= (uint32_t)1 << map->layout->mode->satp_mode;
		kernel_map_abandon(map);
	}
	boot_memory_relocate(bm);
	log_map(map);
}
