/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines of the boot log that are no step of the boot: boot arguments that this build understands and does not act on,
 * and, for loglevel=debug, what the device tree said and what the steps took.
 */
#define LOG_MODULE "boot"
#include "boot.h"

#include "fpg/base/parse.h"
#include "fpg/core/boot_memory.h"
#include "fpg/core/log.h"
#include "fpg/core/memblock.h"
#include "fpg/pagetable/fixmap.h"
#include "fpg/pagetable/kernel_map.h"
#include "fpg/port/board.h"

#include <inttypes.h>

/** Ranges, and cpus, that are shown one by one. */
#define SHOWN 16

FPG_INIT static void unused(bool given, const char *name, const char *why)
{
	if (given) {
		log_emit(LOG_INFO, "bootargs", "%s is understood, but this build %s: ignored", name,
			 why);
	}
}

FPG_INIT void boot_notice_unused(const struct bootargs *args)
{
	unused(args->cma.given && args->cma.bytes != 0 && !FPG_ENABLED(CONFIG_CMA),
	       "cma=", "has no CMA (CONFIG_CMA)");
	unused(args->cma_guaranteed && !FPG_ENABLED(CONFIG_CMA), "cma_guaranteed",
	       "has no CMA (CONFIG_CMA)");
	unused(args->compaction_proactive_given && !FPG_ENABLED(CONFIG_COMPACTION),
	       "compaction_proactive=", "has no compaction (CONFIG_COMPACTION)");
	unused(args->memtest_patterns != 0 && !FPG_ENABLED(CONFIG_MEMTEST),
	       "memtest=", "has no memory test (CONFIG_MEMTEST)");
	unused(args->fail_boot != 0 && !FPG_ENABLED(CONFIG_FAIL_BOOT),
	       "fail_boot=", "lets no allocation fail (CONFIG_FAIL_BOOT)");
	unused(args->memblock_debug && !FPG_ENABLED(CONFIG_MEMBLOCK_DEBUG), "memblock=debug",
	       "does not trace memblock (CONFIG_MEMBLOCK_DEBUG)");
}

FPG_INIT void boot_notice_board(const struct port_board *board)
{
	const struct port_alias *alias = &board->uncached;
	if (alias->ram.size == 0) {
		pr_info("board: %s", board->name);
		return;
	}
	pr_info("board: %s, RAM from %#" PRIx64 " on is uncached from %#" PRIx64 " on", board->name,
		alias->ram.base, alias->at);
}

FPG_INIT static void debug_ranges(const char *what, const struct dt_list *list)
{
	char size[24];
	pr_debug("%s: %" PRIu32 " range%s", what, list->found, list->found == 1 ? "" : "s");
	for (uint32_t i = 0; i < list->count && i < SHOWN; i++) {
		const struct dt_range *r = &list->at[i];
		pr_debug("  %#" PRIx64 "+%#" PRIx64 " (%s)%s%s", r->base, r->size,
			 format_size(size, sizeof(size), r->size),
			 r->flags & DT_RANGE_NOMAP ? ", no-map" : "",
			 r->flags & DT_RANGE_DYNAMIC ? ", place to be chosen" : "");
	}
	if (list->found > SHOWN) {
		pr_debug("  and %" PRIu32 " more", list->found - SHOWN);
	}
}

FPG_INIT static const char *or_none(const char *text)
{
	return text != NULL ? text : "none";
}

FPG_INIT void boot_debug_facts(const struct dt_facts *facts)
{
	char size[24];
	debug_ranges("memory in the device tree", &facts->memory);
	debug_ranges("reserved in the device tree", &facts->reserved);
	for (uint32_t i = 0; i < facts->cpu_count && i < SHOWN; i++) {
		const struct dt_cpu *cpu = &facts->cpus[i];
		pr_debug("hart %" PRIu64 ": %s, mmu-type %s%s", cpu->hart, or_none(cpu->isa),
			 or_none(cpu->mmu_type), cpu->enabled ? "" : ", disabled");
	}
	pr_debug("timebase %" PRIu64 " Hz, %" PRIu32 " cpu nodes, %" PRIu32 " NUMA nodes",
		 facts->timebase_hz, facts->cpus_found, facts->numa_nodes);
	const struct dt_chosen *chosen = &facts->chosen;
	pr_debug("chosen: stdout-path %s, initrd %s", or_none(chosen->stdout_path),
		 chosen->initrd.size != 0 ? format_size(size, sizeof(size), chosen->initrd.size) :
					    "none");
	pr_debug("chosen: bootargs %s", or_none(chosen->bootargs));
}

FPG_INIT void boot_debug_memory(const struct boot_memory *bm)
{
	if (bm->memory_scratch.size != 0 || bm->reserved_scratch.size != 0) {
		pr_debug("range lists in RAM: memory %#" PRIx64 "+%#" PRIx64 ", reserved %#" PRIx64
			 "+%#" PRIx64,
			 bm->memory_scratch.base, bm->memory_scratch.size,
			 bm->reserved_scratch.base, bm->reserved_scratch.size);
	}
	pr_debug("memblock's arrays: room for %lu memory and %lu reserved regions, %lu claims used",
		 memblock.memory.max, memblock.reserved.max, memblock_used(&memblock.claims));
}

FPG_INIT void boot_debug_map(const struct kernel_map *map)
{
	for (uint32_t i = 0; i < map->chunks; i++) {
		const struct kernel_map_chunk *c = &map->chunk[i];
		pr_debug("page tables, chunk %" PRIu32 " at %#" PRIx64 ": %" PRIu32 " of %" PRIu32
			 " pages used",
			 i, c->base, c->used, c->pages);
	}
	pr_debug("linear map: %" PRIu64 " instructions (they repeat under -icount only)",
		 map->linear_instructions);
	pr_debug("root table at %#" PRIx64 ", linear map: virtual - physical = %#" PRIx64,
		 map->pt.root, map->linear_offset);
}

FPG_INIT void boot_debug_windows(void)
{
	uint32_t windows;
	uint32_t pages;
	early_remap_high_water(&windows, &pages);
	pr_debug("early windows: at most %" PRIu32 " of %u open at once, at most %" PRIu32
		 " of %" PRIu64 " pages",
		 windows, FIXMAP_MAX_WINDOWS, pages, FIXMAP_WINDOW_BYTES >> PAGE_SHIFT);
}
