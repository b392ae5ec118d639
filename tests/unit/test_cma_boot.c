/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves which CMA areas a boot makes of a device tree, cma= and the configuration: pools of boards as the reserved-memory
 * bindings of dt-schema say (JH7100, Allwinner, STM32), every form of cma=, sizes by the menu's four rules; and that what is
 * no area is named by its node's path and stays reserved.
 */
#include "fpg/core/cma.h"

#include "fpg/base/range.h"
#include "fpg/core/page_alloc.h"
#include "fpg/port/port.h"
#include "host.h"
#include "sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "boot_case.h"

#include <libfdt.h>

#define M SZ_1M
#define G SZ_1G

/** RAM that is there, whatever the tree says. */
static void begin_at(phys_addr_t base, uint64_t bytes)
{
	assert_int_equal(host_ram_window(base, bytes), 0);
	assert_int_equal(host_ram_add(base, bytes), 0);
	begin();
	sim.linear = true;
	dtb_memory(base, bytes);
	dtb_reserved_memory();
}

static void begin_ram(void)
{
	begin_at(2 * G, G);
	dtb_reserved("mmode_resv0@80000000", 0x80000000, 0x80000, "no-map");
}

/** A shared-dma-pool, left open. */
static void pool(const char *name, const char *flag)
{
	dtb_node(name);
	dtb_string("compatible", "shared-dma-pool");
	if (flag != NULL) {
		dtb_empty(flag);
	}
}

static void pool_at(const char *name, const char *flag, uint64_t base, uint64_t bytes)
{
	pool(name, flag);
	dtb_u64s("reg", base, bytes);
	dtb_end();
}

/** What the boot does up to the page allocator; /reserved-memory was closed. */
static void boot(void)
{
	finish();
	cma_reserve(&boot_sim_memory);
	cma_boot(&boot_sim_memory);
}

static int stop(void **state)
{
	(void)state;
	cma_reset();
	boot_sim_end();
	sim_stop();
	return 0;
}

static int count_area(struct cma *cma, void *data)
{
	(void)cma;
	++*(unsigned int *)data;
	return 0;
}

static unsigned int areas(void)
{
	unsigned int count = 0;
	assert_int_equal(cma_for_each_area(count_area, &count), 0);
	return count;
}

static void area_is(const struct cma *cma, const char *name, phys_addr_t base, uint64_t bytes)
{
	assert_non_null(cma);
	assert_string_equal(cma_get_name(cma), name);
	assert_int_equal(cma_get_base(cma), base);
	assert_int_equal(cma_get_size(cma), bytes);
	held_exactly(base, bytes, OWNER_CMA);
}

/** Bytes of the first area that cma=@text makes in 1 GiB at 2 GiB; 0: none. */
static uint64_t area_of(const char *text, phys_addr_t *base)
{
	(void)stop(NULL);
	begin_ram();
	dtb_end();
	sim.bootargs = text;
	boot();
	assert_true(areas() <= 1);
	*base = cma_default() != NULL ? cma_get_base(cma_default()) : 0;
	return cma_default() != NULL ? cma_get_size(cma_default()) : 0;
}

/* ---- boards ---- */

/** Its default pool, and the uncached alias of memory as a no-map pool, which is no RAM. */
static void jh7100(void **state)
{
	(void)state;
	begin_at(2 * G, G);
	dtb_reserved("mmode_resv0@80000000", 0x80000000, 0x80000, "no-map");
	pool("linux,cma", "reusable");
	dtb_u64("size", 0x10000000);
	dtb_u64("alignment", 0x1000);
	dtb_u64s("alloc-ranges", 0xa0000000, 0x10000000);
	dtb_empty("linux,cma-default");
	dtb_end();
	pool("dma-reserved@107a000000", "no-map");
	dtb_u64s("reg", 0x107a000000, 0x1000000);
	dtb_u32("phandle", 7);
	dtb_end();
	dtb_end();
	dtb_node("gmac@10020000");
	dtb_u32("memory-region", 7);
	dtb_end();
	boot();
	assert_int_equal(warnings_count(), 0);
	assert_int_equal(areas(), 1);
	area_is(cma_default(), "linux,cma", 0xa0000000, 0x10000000);
	/* It takes nothing away, and nothing of it is memory. */
	assert_false(memblock_is_memory(0x107a000000));
	assert_int_equal(boot_sim_memory.memory_bytes, G);
	assert_null(cma_by_name("dma-reserved@107a000000"));
	assert_null(cma_of_frame(phys_to_pfn(0x107a000000)));
}

/** A default pool somewhere in the first 256 MiB, with cells of 1 as these boards have them. */
static void allwinner(void **state)
{
	(void)state;
	assert_int_equal(host_ram_window(G, G), 0);
	assert_int_equal(host_ram_add(G, G), 0);
	warnings_start();
	sim = boot_sim_default;
	sim.linear = true;
	sim.load = 0x40200000;
	sim.blob_phys = 0x4a000000;
	dtb_start();
	dtb_root(1, 1);
	dtb_node("memory@40000000");
	dtb_string("device_type", "memory");
	dtb_cells("reg", 0x40000000, 0x40000000);
	dtb_end();
	dtb_node("reserved-memory");
	dtb_u32("#address-cells", 1);
	dtb_u32("#size-cells", 1);
	dtb_empty("ranges");
	dtb_node("mmode_resv0@40000000");
	dtb_cells("reg", 0x40000000, 0x80000);
	dtb_empty("no-map");
	dtb_end();
	pool("default-pool", "reusable");
	dtb_cells("size", 0x6000000);
	dtb_cells("alloc-ranges", 0x40000000, 0x10000000);
	dtb_empty("linux,cma-default");
	dtb_end();
	dtb_end();
	boot();
	assert_int_equal(warnings_count(), 0);
	assert_int_equal(areas(), 1);
	const phys_addr_t base = cma_get_base(cma_default());
	assert_true(base >= 0x40000000 && base + 0x6000000 <= 0x50000000);
	area_is(cma_default(), "default-pool", base, 0x6000000);
}

/** Carve-outs of a coprocessor, and a pool of the GPU's own, each reached from its device by memory-region. */
static void stm32(void **state)
{
	(void)state;
	begin_ram();
	pool("vdev0buffer@90042000", "no-map");
	dtb_u64s("reg", 0x90042000, 0x4000);
	dtb_u32("phandle", 1);
	dtb_end();
	dtb_node("mcuram@90000000");
	dtb_u64s("reg", 0x90000000, 0x40000);
	dtb_empty("no-map");
	dtb_u32("phandle", 2);
	dtb_end();
	pool("gpu-pool", "reusable");
	dtb_u64("size", 16 * M);
	dtb_u64("alignment", 4 * M);
	dtb_u32("phandle", 3);
	dtb_end();
	dtb_end();
	dtb_node("m4@10000000");
	dtb_cells("memory-region", 2, 1);
	dtb_end();
	dtb_node("gpu@59000000");
	dtb_cells("memory-region", 1, 3);
	dtb_end();
	dtb_node("uart@40010000");
	dtb_end();
	sim.bootargs = "cma=32M";
	boot();
	const void *blob = boot_sim_memory.facts.blob;
	assert_int_equal(warnings_count(), 0);
	/* Not mapped, nobody's, no areas. */
	held_exactly(0x90042000, 0x4000, OWNER_RESERVED_NODE);
	held_exactly(0x90000000, 0x40000, OWNER_RESERVED_NODE);
	assert_false(memblock_is_map_memory(0x90042000));
	assert_false(memblock_is_map_memory(0x90000000));
	assert_int_equal(areas(), 2);
	struct cma *gpu = cma_by_name("gpu-pool");
	assert_non_null(gpu);
	assert_int_equal(cma_get_base(gpu) % (4 * M), 0);
	assert_int_equal(cma_get_size(gpu), 16 * M);
	assert_string_equal(cma_get_name(cma_default()), "reserved");
	assert_ptr_equal(cma_of_device(&boot_sim_memory, fdt_path_offset(blob, "/gpu@59000000")),
			 gpu);
	assert_ptr_equal(cma_of_device(&boot_sim_memory, fdt_path_offset(blob, "/uart@40010000")),
			 cma_default());
}

/* ---- the tree ---- */

static void the_tree_s_default_pool_replaces_the_configuration_s_but_not_cma(void **state)
{
	(void)state;
	begin_ram();
	pool("pool@90000000", "reusable");
	dtb_u64s("reg", 0x90000000, 4 * M);
	dtb_empty("linux,cma-default");
	dtb_empty("firstpage,guaranteed");
	dtb_end();
	pool_at("other@a0000000", "reusable", 0xa0000000, 2 * M);
	dtb_end();
	sim.bootargs = "cma=8M@2816M";
	boot();
	assert_int_equal(areas(), 3);
	area_is(cma_default(), "pool@90000000", 0x90000000, 4 * M);
	area_is(cma_by_name("other@a0000000"), "other@a0000000", 0xa0000000, 2 * M);
	area_is(cma_by_name("reserved"), "reserved", 0xb0000000, 8 * M);
	struct cma_stats s;
	cma_stats_read(cma_default(), &s);
	assert_true(s.guaranteed);
	cma_stats_read(cma_by_name("reserved"), &s);
	assert_false(s.guaranteed);
}

static void what_is_no_area_is_named_and_stays_reserved(void **state)
{
	(void)state;
	begin_ram();
	pool("plain@90000000", NULL);
	dtb_u64s("reg", 0x90000000, 4 * M);
	dtb_empty("linux,cma-default");
	dtb_end();
	pool_at("odd@91000000", "reusable", 0x91000000, 3 * M);
	pool_at("shifted@92100000", "reusable", 0x92100000, 4 * M);
	pool_at("pool@93000000", "reusable", 0x93000000, 8 * M);
	dtb_reserved("carve@93200000", 0x93200000, 2 * M, "no-map");
	/* The other order: then the pool holds the rest only. */
	dtb_reserved("carve@95200000", 0x95200000, 2 * M, "no-map");
	pool_at("pool@95000000", "reusable", 0x95000000, 8 * M);
	dtb_reserved("carve@96000000", 0x96000000, 4 * M, "no-map");
	pool_at("pool@96000000", "reusable", 0x96000000, 4 * M);
	pool("both@94000000", "reusable");
	dtb_u64s("reg", 0x94000000, 4 * M);
	dtb_empty("no-map");
	dtb_end();
	pool("large", "reusable");
	dtb_u64("size", 2 * G);
	dtb_end();
	pool_at("away@10000000", "reusable", 0x10000000, 4 * M);
	dtb_end();
	boot();
	assert_int_equal(areas(), 0);
	assert_null(cma_default());
	assert_true(warned_of("/reserved-memory/plain@90000000: linux,cma-default: no CMA area"));
	assert_true(warned_of("/reserved-memory/odd@91000000: 0x91000000+0x300000 is no CMA area"));
	assert_true(warned_of("/reserved-memory/shifted@92100000: 0x92100000+0x400000 is no CMA"));
	assert_true(warned_of("not made of whole pageblocks"));
	assert_true(warned_of("/reserved-memory/pool@93000000: "));
	assert_true(warned_of("it overlaps /reserved-memory/carve@93200000"));
	assert_true(warned_of("/reserved-memory/pool@95000000: "));
	assert_true(warned_of("it overlaps /reserved-memory/carve@95200000"));
	assert_true(warned_of("/reserved-memory/pool@96000000: "));
	assert_true(warned_of("others hold all of its memory"));
	assert_true(warned_of("/reserved-memory/both@94000000: no-map and reusable exclude"));
	assert_true(warned_of("/reserved-memory/large: no place for"));
	assert_true(warned_of("/reserved-memory/away@10000000: "));
	static const phys_addr_t still[] = { 0x90000000, 0x91000000, 0x92100000,
					     0x93000000, 0x93200000, 0x93400000,
					     0x94000000, 0x95000000, 0x95400000 };
	for (size_t i = 0; i < ARRAY_SIZE(still); i++) {
		assert_true(memblock_is_reserved(still[i]));
	}
}

/* ---- cma= and the menu ---- */

static void cma_says_size_place_and_limit(void **state)
{
	(void)state;
	phys_addr_t base;
	assert_int_equal(area_of("", &base), CONFIG_CMA_SIZE_MBYTES * M);
	assert_int_equal(area_of("cma=0", &base), 0);
	assert_int_equal(area_of("cma=64M", &base), 64 * M);
	assert_true(base >= 2 * G && base + 64 * M <= 3 * G && base % (2 * M) == 0);
	/* Rounded up to pageblocks. */
	assert_int_equal(area_of("cma=3M", &base), 4 * M);
	assert_int_equal(area_of("cma=4096K", &base), 4 * M);
	assert_int_equal(area_of("cma=64M@0xa0000000", &base), 64 * M);
	assert_int_equal(base, 0xa0000000);
	assert_int_equal(area_of("cma=64M@0x90000000-0x98000000", &base), 64 * M);
	assert_true(base >= 0x90000000 && base + 64 * M <= 0x98000000);
	assert_int_equal(warnings_count(), 0);
	/* What cannot be is said, and there is none. */
	assert_int_equal(area_of("cma=64M@0x90000000-0x92000000", &base), 0);
	assert_true(warned_of("malformed, ignored: cma="));
	assert_int_equal(area_of("cma=64M@0x80000000-0x84000000", &base), 0);
	assert_true(warned_of("no place is large enough"));
	assert_int_equal(area_of("cma=2G", &base), 0);
	assert_true(warned_of("cma=: no CMA area of 2 GiB"));
	assert_int_equal(area_of("cma=64M@0xa0100000", &base), 0);
	assert_true(warned_of("no multiple of a pageblock"));
	assert_int_equal(area_of("cma=64M@0x80000000", &base), 0);
	assert_true(warned_of("the place is taken, or no memory"));
	assert_int_equal(area_of("cma=64M@0x10000000", &base), 0);
	assert_true(warned_of("the place is taken, or no memory"));
	assert_int_equal(area_of("cma=0xffffffffffffffff", &base), 0);
	assert_true(warnings_count() > 0);
}

static void bootargs_make_that_area_a_guaranteed_one(void **state)
{
	(void)state;
	phys_addr_t base;
	struct cma_stats s;
	assert_int_equal(area_of("cma=4M cma_guaranteed", &base), 4 * M);
	cma_stats_read(cma_default(), &s);
	assert_true(s.guaranteed);
	assert_int_equal(area_of("cma=4M", &base), 4 * M);
	cma_stats_read(cma_default(), &s);
	assert_false(s.guaranteed);
}

static void the_menu_s_rules_say_how_large(void **state)
{
	(void)state;
	static const struct {
		enum cma_size_rule rule;
		uint64_t ram;
		uint64_t mbytes;
		unsigned int percentage;
		uint64_t bytes;
	} cases[] = {
		{ CMA_SIZE_MBYTES, G, 0, 50, 0 },
		{ CMA_SIZE_MBYTES, G, 16, 50, 16 * M },
		{ CMA_SIZE_PERCENTAGE, 100 * M, 16, 10, 10 * M },
		{ CMA_SIZE_PERCENTAGE, 100 * M, 16, 100, 100 * M },
		{ CMA_SIZE_PERCENTAGE, 100 * M, 16, 0, 0 },
		{ CMA_SIZE_SMALLER, 100 * M, 16, 10, 10 * M },
		{ CMA_SIZE_SMALLER, 1000 * M, 16, 10, 16 * M },
		{ CMA_SIZE_LARGER, 100 * M, 16, 10, 16 * M },
		{ CMA_SIZE_LARGER, 1000 * M, 16, 10, 100 * M },
		/* No overflow: all there can be. */
		{ CMA_SIZE_PERCENTAGE, 1ULL << 55, 0, 100, (1ULL << 55) / 100 * 100 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(cma_size_of(cases[i].rule, cases[i].ram, cases[i].mbytes,
					     cases[i].percentage),
				 cases[i].bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(jh7100, stop),
		cmocka_unit_test_teardown(allwinner, stop),
		cmocka_unit_test_teardown(stm32, stop),
		cmocka_unit_test_teardown(
			the_tree_s_default_pool_replaces_the_configuration_s_but_not_cma, stop),
		cmocka_unit_test_teardown(what_is_no_area_is_named_and_stays_reserved, stop),
		cmocka_unit_test_teardown(cma_says_size_place_and_limit, stop),
		cmocka_unit_test_teardown(bootargs_make_that_area_a_guaranteed_one, stop),
		cmocka_unit_test_teardown(the_menu_s_rules_say_how_large, stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
