/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The order of things, from the first C on the high side to the prompt. Each step is somebody else's; here they are
 * only called, and what fails ends the run with the step's name. A ledger snapshot closes each stage. What must outlive
 * the boot is boot_main() itself, and the facts that it hands to the monitor.
 */
#define LOG_MODULE "boot"
#include "boot.h"

#include "fpg/base/errno.h"
#include "fpg/base/parse.h"
#include "fpg/core/boot_memory.h"
#include "fpg/core/boot_phase.h"
#include "fpg/core/bootmem.h"
#include "fpg/core/cma.h"
#include "fpg/core/compaction.h"
#include "fpg/core/fail_boot.h"
#include "fpg/core/hart.h"
#include "fpg/core/ledger.h"
#include "fpg/core/log.h"
#include "fpg/core/memblock.h"
#include "fpg/core/memtest.h"
#include "fpg/core/page_alloc.h"
#include "fpg/core/page_poison.h"
#include "fpg/core/panic.h"
#include "fpg/monitor/command.h"
#include "fpg/pagetable/fixmap.h"
#include "fpg/pagetable/kernel_map.h"
#include "fpg/port/port.h"

#include <inttypes.h>

/** More regions than this are counted in the boot log, not listed. */
#define LOGGED_REGIONS 64

static struct kernel_image image;
static struct boot_memory memory;
static struct kernel_map map;

static void snapshot(const char *name)
{
	int err = ledger_snapshot(name);
	if (err == -ENOSPC) {
		pr_info("no room for the ledger snapshot \"%s\"", name);
	} else if (err != 0) {
		pr_warn("ledger snapshot \"%s\" failed (%s)", name, errno_name(err));
	}
}

FPG_INIT static void unmap_window(void *va, size_t bytes)
{
	early_memunmap(va, bytes);
}

/** Facts first: with them the log has a clock, the run an end, and bootargs are known. */
FPG_INIT static void read_device_tree(phys_addr_t a1)
{
	struct boot_inputs in = {
		.blob_phys = a1,
		.image = &image,
		.map = early_memremap,
		.unmap = unmap_window,
	};
	in.blob = boot_map_blob(a1, &in.blob_bytes);
	pr_info("device tree at %#" PRIx64 ", %zu bytes", a1, in.blob_bytes);
	int err = boot_memory_scan(&memory, &in);
	if (err != 0) {
		panic("the device tree cannot be used (%s)", errno_name(err));
	}
	fail_boot_set(memory.args.fail_boot);
	log_set_timebase(memory.facts.timebase_hz);
	if (memory.args.loglevel_given) {
		log_set_console_level(memory.args.loglevel);
	}
	port_set_mmio_map(fixmap_map_device);
	port_set_poweroff(&memory.facts.poweroff);
	pr_info("machine: %s, %" PRIu32 " hart%s",
		memory.facts.model != NULL ? memory.facts.model : "no model in the device tree",
		memory.facts.cpus_found, memory.facts.cpus_found == 1 ? "" : "s");
	if (memory.board != NULL) {
		boot_notice_board(memory.board);
	}
	boot_notice_unused(&memory.args);
	boot_debug_facts(&memory.facts);
}

FPG_INIT static void log_ram(void)
{
	char ram[24];
	char used[24];
	(void)format_size(ram, sizeof(ram), memory.ram_bytes);
	if (memory.memory_bytes == memory.ram_bytes) {
		pr_info("RAM: %s", ram);
	} else {
		pr_info("RAM: %s, of which memblock gets %s (`ledger` says why)", ram,
			format_size(used, sizeof(used), memory.memory_bytes));
	}
	boot_debug_memory(&memory);
}

FPG_INIT static void fill_memblock(void)
{
	memblock_debug = memory.args.memblock_debug;
	int err = boot_memory_init(&memory, &memory.in);
	if (err != 0) {
		panic("no memory to boot with (%s)", errno_name(err));
	}
	ledger_use_boot_memory(&memory);
	log_ram();
	snapshot("memblock");
	if (memblock.memory.cnt + memblock.reserved.cnt <= LOGGED_REGIONS || memblock_debug) {
		__memblock_dump_all();
	} else {
		pr_info("%lu memory and %lu reserved regions; `memblock` lists them",
			memblock.memory.cnt, memblock.reserved.cnt);
	}
	if (FPG_ENABLED(CONFIG_CMA)) {
		cma_reserve(&memory);
		return;
	}
	err = boot_memory_release_cma(&memory);
	if (err != 0) {
		pr_warn("CMA nodes keep their memory (%s)", errno_name(err));
	}
}

FPG_INIT static void switch_tables(void)
{
	boot_stage_set(STAGE_PAGING);
	boot_switch_tables(&memory, &map, &image);
	boot_set_console(&memory);
	if (ledger_reserve_memory() != 0) {
		pr_warn("no memory for ledger snapshots: later ones may be missing");
	}
	snapshot("paging");
}

FPG_INIT static void start_page_allocator(void)
{
	boot_stage_set(STAGE_ZONES);
	const struct dt_facts *facts = &memory.facts;
	for (uint32_t from = 0; from < facts->numa_nodes; from++) {
		for (uint32_t to = 0; to < facts->numa_nodes; to++) {
			uint8_t distance = dt_numa_distance(facts, from, to);
			if (node_distance_set((int)from, (int)to, distance) != 0) {
				pr_warn("numa-distance-map-v1: distance %u from node %u to node %u is ignored",
					distance, from, to);
			}
		}
	}
	zone_movable_size(&memory.args.kernelcore, &memory.args.movablecore);
	/* Where its requests begin; that it is missing in the device tree is said when harts are started. */
	(void)hart_boot_node(facts);
	uint64_t tables = kernel_map_tables(&map);
	if (memory.args.page_poison && page_poison_init() != 0) {
		pr_warn("page_poison stays off");
	}
	if (FPG_ENABLED(CONFIG_CMA)) {
		cma_boot(&memory);
	}
	int err = page_alloc_init(memory.args.palloc);
	if (err != 0) {
		panic("no page allocator can be started (%s)", errno_name(err));
	}
	(void)free_all_bootmem();
	if (FPG_ENABLED(CONFIG_COMPACTION) && memory.args.compaction_proactive_given) {
		compaction_set_proactive(memory.args.compaction_proactive);
	}
	if (FPG_ENABLED(CONFIG_CMA)) {
		cma_activate();
	}
	/* The allocators are ready when they have served somebody. */
	struct page *first = alloc_pages(GFP_KERNEL, 0);
	if (first == NULL) {
		panic("the page allocator has no page");
	}
	__free_pages(first, 0);
	boot_phase_end(STAGE_PALLOC);
	pr_info("Memory: %" PRIu64 "K/%" PRIu64 "K available, served by %s",
		page_alloc_free_pages() * (PAGE_SIZE / 1024), memory.ram_bytes / 1024,
		page_alloc_backend_name());
	if (kernel_map_tables(&map) != tables) {
		pr_info("the frame table took %" PRIu64 " more pages of tables: %" PRIu64 " now",
			kernel_map_tables(&map) - tables, kernel_map_tables(&map));
	}
	snapshot("page allocators");
}

/** Everything up to the page allocators and what is made of them. Boot memory: gone when the monitor runs. */
FPG_INIT FPG_NOINLINE static void boot_up(uint64_t hart, phys_addr_t dtb, phys_addr_t load)
{
	boot_phase_start();
	hart_init();
	panic_init();
	ledger_collect_warnings();
	pr_info("Firstpage on hart %" PRIu64 ", loaded at %#" PRIx64 ", console: %s", hart, load,
		port_console_name());
	kernel_image_describe(&image, load);
	read_device_tree(dtb);
	fill_memblock();
	switch_tables();
	if (FPG_ENABLED(CONFIG_MEMTEST)) {
		memtest_set_passes(memory.args.memtest_patterns);
		early_memtest(memblock_start_of_DRAM(), memblock_end_of_DRAM());
	}
	boot_debug_allocator(&memory, &map);
	start_page_allocator();
	boot_stage_set(STAGE_OBJECTS);
	boot_start_objects(&memory, &map);
	(void)early_remap_check_leaks();
	boot_debug_windows();
}

void boot_main(uint64_t hart, phys_addr_t dtb, phys_addr_t load)
{
	boot_up(hart, dtb, load);
	(void)free_initmem(&image);
	(void)fail_boot_end();
	snapshot("boot");
	boot_stage_set(STAGE_MONITOR);
	monitor_set_facts(&memory.facts);
	monitor_main(memory.args.run);
}
