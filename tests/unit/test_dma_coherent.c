/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves which pools for devices a boot makes of a tree: JH7100's uncached alias (only over RAM that is no-map), a no-map
 * carve-out of an STM32, a pool without no-map; that devices find theirs by memory-region and learn addresses by dma-ranges;
 * that a pool gives each page to one holder only, aligned, cleared, and takes back only what it gave.
 */
#include "fpg/core/dma_coherent.h"

#include "fpg/base/range.h"
#include "fpg/core/bootmem.h"
#include "fpg/core/ledger.h"
#include "fpg/core/page_alloc.h"
#include "fpg/port/board.h"
#include "fpg/port/port.h"
#include "host.h"
#include "sim.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "boot_case.h"

#include <libfdt.h>

#define M SZ_1M
#define G SZ_1G

#define ALIAS 0x107a000000UL
#define RAM   0xfa000000UL

/** What stands for memory that only the pool maps. */
static char *mapped;
static phys_addr_t mapped_phys;

static void *fake_map(phys_addr_t phys, size_t bytes)
{
	mapped = aligned_alloc(PAGE_SIZE, bytes);
	mapped_phys = phys;
	memset(mapped, 0xa5, bytes);
	return mapped;
}

static void *no_map(phys_addr_t phys, size_t bytes)
{
	(void)phys;
	(void)bytes;
	return NULL;
}

/** @compatible: all its strings, or NULL. */
static void begin_machine(const char *compatible, size_t compatible_bytes, phys_addr_t base,
			  uint64_t bytes)
{
	assert_int_equal(host_ram_window(base, bytes), 0);
	assert_int_equal(host_ram_add(base, bytes), 0);
	begin();
	sim.linear = true;
	if (compatible != NULL) {
		dtb_bytes("compatible", compatible, compatible_bytes);
	}
	dtb_memory(base, bytes);
	dtb_reserved_memory();
	dtb_reserved("mmode_resv0@80000000", 0x80000000, 0x80000, "no-map");
}

static void pool(const char *name, uint64_t base, uint64_t bytes, const char *flag)
{
	dtb_node(name);
	dtb_string("compatible", "shared-dma-pool");
	dtb_u64s("reg", base, bytes);
	if (flag != NULL) {
		dtb_empty(flag);
	}
}

static void boot(dma_coherent_map_fn map)
{
	finish();
	sim_frame_table_start((struct pfn_range){ phys_to_pfn(memblock_start_of_DRAM()),
						  phys_to_pfn(memblock_end_of_DRAM()) });
	assert_int_equal(page_alloc_init("buddy"), 0);
	(void)free_all_bootmem();
	dma_coherent_init(&boot_sim_memory, map);
}

static int stop(void **state)
{
	(void)state;
	free(mapped);
	mapped = NULL;
	dma_coherent_reset();
	boot_sim_end();
	sim_stop();
	return 0;
}

static int count_one(struct dma_coherent_mem *mem, void *data)
{
	(void)mem;
	++*(unsigned int *)data;
	return 0;
}

static unsigned int pools(void)
{
	unsigned int count = 0;
	assert_int_equal(dma_coherent_for_each(count_one, &count), 0);
	return count;
}

static int32_t node(const char *path)
{
	const int32_t at = dt_node_by_path(&boot_sim_memory.facts, path);
	assert_true(at >= 0);
	return at;
}

static struct dma_coherent_mem *of(const char *path)
{
	return dma_coherent_of_device(&boot_sim_memory.facts, node(path));
}

/* ---- boards ---------------------------------------------------------------------------------- */

static void dma_ranges_of_jh7100(void)
{
	static const uint32_t cells[][6] = {
		{ 0, 0x80000000, 0, 0x80000000, 0, 0x7a000000 },
		{ 0, 0xfa000000, 0x10, 0x7a000000, 0, 0x01000000 },
		{ 0, 0xfb000000, 0, 0xfb000000, 7, 0x85000000 },
	};
	dtb_cells_of("dma-ranges", &cells[0][0], ARRAY_SIZE(cells) * 6);
}

static const char jh7100_names[] = "beagle,beaglev-starlight-jh7100-r0\0starfive,jh7100";

static void jh7100(bool reserved)
{
	begin_machine(jh7100_names, sizeof(jh7100_names), 2 * G, 2 * G);
	if (reserved) {
		dtb_reserved("dma-reserved@fa000000", RAM, 16 * M, "no-map");
	}
	pool("linux,dma@107a000000", ALIAS, 16 * M, "no-map");
	dtb_empty("linux,dma-default");
	dtb_end();
	dtb_end();
	dtb_node("soc");
	dtb_u32("#address-cells", 2);
	dtb_u32("#size-cells", 2);
	dtb_empty("ranges");
	dma_ranges_of_jh7100();
	dtb_node("gmac@10020000");
	dtb_end();
	dtb_end();
}

static void the_first_known_compatible_finds_the_board(void **state)
{
	(void)state;
	assert_string_equal(port_board_find(jh7100_names, sizeof(jh7100_names))->name,
			    "StarFive JH7100");
	/* The first string alone says nothing. */
	assert_null(port_board_find(jh7100_names, strlen(jh7100_names) + 1));
	assert_null(port_board_find(NULL, 0));
	const struct port_board *b = port_board_find("starfive,jh7110", sizeof("starfive,jh7110"));
	assert_string_equal(b->name, "StarFive JH7110");
	const struct phys_range ram =
		port_board_aliased(b, (struct phys_range){ 0x440000000 + 3 * M, M });
	assert_true(ram.base == 0x40000000 + 3 * M && ram.size == M);
	/* One byte too far, or before. */
	assert_true(port_board_aliased(b, (struct phys_range){ 0x640000000 - M, M + 1 }).size == 0);
	assert_true(port_board_aliased(b, (struct phys_range){ 0x440000000 - 1, 2 }).size == 0);
	assert_true(port_board_aliased(NULL, (struct phys_range){ 0x440000000, 1 }).size == 0);
}

static bool find_outside(void *ctx, const struct ledger_row *row)
{
	if (row->kind == LEDGER_OUTSIDE && row->base == ALIAS) {
		(void)ledger_holder(row, ctx, LEDGER_NAME_BYTES);
	}
	return true;
}

static void the_alias_of_no_map_ram_is_a_pool_of_its_own(void **state)
{
	char holder_text[LEDGER_NAME_BYTES] = "";
	struct dma_coherent_stats s;
	uint64_t dma = 0;
	int32_t where;
	phys_addr_t phys = 0;
	(void)state;
	jh7100(true);
	boot(fake_map);
	assert_int_equal(warnings_count(), 0);
	assert_int_equal(pools(), 1);
	assert_true(mapped_phys == ALIAS);
	struct dma_coherent_mem *mem = of("/soc/gmac@10020000");
	assert_non_null(mem);
	dma_coherent_stats_read(mem, &s);
	assert_true(s.remapped && s.is_default);
	assert_true(s.alias_of.base == RAM && s.alias_of.size == 16 * M);
	char *va = dma_alloc_from_coherent(mem, 3 * PAGE_SIZE + 1, &phys);
	assert_ptr_equal(va, mapped + (phys - ALIAS));
	assert_true(phys % (4 * PAGE_SIZE) == 0);
	/* Cleared, and not a byte beyond. */
	for (size_t i = 0; i < 4 * PAGE_SIZE; i++) {
		assert_int_equal(va[i], 0);
	}
	assert_int_equal((unsigned char)va[4 * PAGE_SIZE], 0xa5);
	/* What gmac is told: the RAM's own address, by the bus's second entry. */
	assert_int_equal(dt_phys_to_dma(boot_sim_memory.facts.blob, node("/soc/gmac@10020000"),
					(struct phys_range){ phys, 4 * PAGE_SIZE }, &dma, &where),
			 0);
	assert_true(dma == RAM + (phys - ALIAS));
	/* The RAM itself is in no entry, and no bus lies above /soc. */
	assert_int_equal(dt_phys_to_dma(boot_sim_memory.facts.blob, node("/soc/gmac@10020000"),
					(struct phys_range){ RAM, M }, &dma, &where),
			 -ERANGE);
	assert_int_equal(where, node("/soc"));
	assert_int_equal(dt_phys_to_dma(boot_sim_memory.facts.blob, node("/soc"),
					(struct phys_range){ RAM, M }, &dma, &where),
			 0);
	assert_true(dma == RAM);
	assert_int_equal(dma_release_from_coherent(mem, va, 3 * PAGE_SIZE + 1), 0);
	/* The ledger says what it is. */
	ledger_use_boot_memory(&boot_sim_memory);
	assert_int_equal(ledger_walk(find_outside, holder_text, NULL), 0);
	assert_string_equal(
		holder_text,
		"/reserved-memory/linux,dma@107a000000: uncached alias of 0xfa000000-0xfb000000");
	ledger_set_sources(NULL);
}

static void the_alias_of_memory_in_use_is_refused(void **state)
{
	(void)state;
	jh7100(false);
	boot(fake_map);
	assert_int_equal(pools(), 0);
	assert_null(mapped);
	assert_true(warned_of("linux,dma@107a000000"));
	assert_true(warned_of("may lie in the caches"));
	assert_null(of("/soc/gmac@10020000"));
}

static void a_pool_that_only_begins_in_the_alias_is_refused(void **state)
{
	(void)state;
	begin_machine(jh7100_names, sizeof(jh7100_names), 2 * G, G);
	pool("edge@11fff00000", 0x11fff00000, 2 * M, "no-map");
	dtb_end();
	dtb_end();
	boot(fake_map);
	assert_int_equal(pools(), 0);
	assert_true(warned_of("edge@11fff00000"));
	assert_true(warned_of("a part of it shows RAM a second time"));
}

static void a_carve_out_of_ram_is_for_the_device_that_names_it(void **state)
{
	struct dma_coherent_stats s;
	(void)state;
	begin_machine(NULL, 0, 2 * G, G);
	pool("vdev0buffer@90042000", 0x90042000, 0x4000, "no-map");
	dtb_u32("phandle", 1);
	dtb_end();
	pool("plain@91000000", 0x91000000, 0x10000, NULL);
	dtb_u32("phandle", 2);
	dtb_end();
	pool("reused@a0000000", 0xa0000000, 4 * M, "reusable");
	dtb_u32("phandle", 3);
	dtb_end();
	dtb_reserved("mcuram@90000000", 0x90000000, 0x40000, "no-map");
	dtb_end();
	dtb_node("m4@10000000");
	dtb_cells("memory-region", 3, 1);
	dtb_end();
	dtb_node("dsi@10000000");
	dtb_cells("memory-region", 2);
	dtb_end();
	dtb_node("uart@40010000");
	dtb_end();
	boot(fake_map);
	assert_int_equal(warnings_count(), 0);
	assert_int_equal(pools(), 2);
	dma_coherent_stats_read(of("/m4@10000000"), &s);
	assert_true(s.range.base == 0x90042000 && s.range.size == 0x4000 && s.remapped);
	assert_true(mapped_phys == 0x90042000);
	dma_coherent_stats_read(of("/dsi@10000000"), &s);
	assert_true(s.range.base == 0x91000000 && !s.remapped && s.alias_of.size == 0);
	phys_addr_t phys = 0;
	char *va = dma_alloc_from_coherent(of("/dsi@10000000"), PAGE_SIZE, &phys);
	assert_ptr_equal(va, port_phys_to_virt(phys));
	assert_null(of("/uart@40010000"));
}

static void what_cannot_be_a_pool_is_named_and_stays_reserved(void **state)
{
	(void)state;
	begin_machine(NULL, 0, 2 * G, G);
	pool("two@90000000", 0x90000000, 0x10000, "no-map");
	dtb_end();
	dtb_reserved("one@90008000", 0x90008000, 0x10000, "no-map");
	pool("odd@92000800", 0x92000800, 0x1000, "no-map");
	dtb_end();
	pool("far@93000000", 0x93000000, 0x1000, "no-map");
	dtb_end();
	/* RAM ends in its middle, so the linear map does, too. */
	pool("end@bfff0000", 0xbfff0000, 0x20000, NULL);
	dtb_end();
	dtb_end();
	boot(no_map);
	assert_int_equal(pools(), 0);
	assert_true(warned_of("two@90000000"));
	assert_true(warned_of("it overlaps /reserved-memory/one@90008000"));
	assert_true(warned_of("odd@92000800"));
	assert_true(warned_of("not made of whole pages"));
	assert_true(warned_of("far@93000000: no pool"));
	assert_true(warned_of("end@bfff0000"));
	assert_true(warned_of("a part of it is RAM"));
	assert_int_equal(holder(0x90000000), OWNER_RESERVED_NODE);
	assert_int_equal(holder(0x92000800), OWNER_RESERVED_NODE);
	assert_int_equal(holder(0x93000000), OWNER_RESERVED_NODE);
}

/* ---- one pool -------------------------------------------------------------------------------- */

#define POOL_PAGES 200U

static void each_page_has_one_holder(void **state)
{
	static struct {
		char *va;
		uint64_t pages;
	} held[POOL_PAGES];
	uint64_t seed = sim_seed(42);
	unsigned int count = 0;
	uint64_t in_use = 0;
	unsigned int refused = 0;
	(void)state;
	begin_machine(NULL, 0, 2 * G, G);
	pool("pool@90003000", 0x90003000, POOL_PAGES * PAGE_SIZE, "no-map");
	dtb_empty("linux,dma-default");
	dtb_end();
	dtb_end();
	boot(fake_map);
	struct dma_coherent_mem *mem = of("/");
	assert_non_null(mem);
	for (unsigned int step = 0; step < 20000; step++) {
		struct dma_coherent_stats s;
		if (sim_random(&seed) % 2 == 0 && count > 0) {
			const unsigned int i = (unsigned int)(sim_random(&seed) % count);
			assert_int_equal(dma_release_from_coherent(mem, held[i].va,
								   held[i].pages * PAGE_SIZE),
					 0);
			/* Twice: refused. */
			assert_int_equal(dma_release_from_coherent(mem, held[i].va, PAGE_SIZE),
					 -EINVAL);
			in_use -= held[i].pages;
			held[i] = held[--count];
		} else {
			const uint64_t pages = 1 + sim_random(&seed) % 40;
			phys_addr_t phys = 0;
			char *va = dma_alloc_from_coherent(mem, pages * PAGE_SIZE, &phys);
			refused += va == NULL;
			if (va != NULL) {
				uint64_t align = 1;
				while (align < pages) {
					align *= 2;
				}
				assert_true((phys - 0x90003000) % (align * PAGE_SIZE) == 0);
				assert_true(va >= mapped &&
					    va + pages * PAGE_SIZE <=
						    mapped + POOL_PAGES * PAGE_SIZE);
				for (unsigned int i = 0; i < count; i++) {
					assert_true(va + pages * PAGE_SIZE <= held[i].va ||
						    held[i].va + held[i].pages * PAGE_SIZE <= va);
				}
				held[count].va = va;
				held[count++].pages = pages;
				in_use += pages;
			}
		}
		dma_coherent_stats_read(mem, &s);
		assert_int_equal(s.used, in_use);
		assert_true(s.largest_free <= POOL_PAGES - in_use);
	}
	assert_true(refused > 0);
	while (count > 0) {
		count--;
		assert_int_equal(dma_release_from_coherent(mem, held[count].va,
							   held[count].pages * PAGE_SIZE),
				 0);
	}
	/* Alignment counts from the first byte of the pool, so all of it can be had. */
	phys_addr_t phys = 0;
	assert_non_null(dma_alloc_from_coherent(mem, POOL_PAGES * PAGE_SIZE, &phys));
	assert_true(phys == 0x90003000);
	assert_null(dma_alloc_from_coherent(mem, 0, &phys));
	assert_null(dma_alloc_from_coherent(mem, SIZE_MAX, &phys));
	assert_int_equal(dma_release_from_coherent(mem, mapped - PAGE_SIZE, PAGE_SIZE), -EINVAL);
	assert_int_equal(dma_release_from_coherent(mem, mapped + 1, PAGE_SIZE), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_known_compatible_finds_the_board),
		cmocka_unit_test_teardown(the_alias_of_no_map_ram_is_a_pool_of_its_own, stop),
		cmocka_unit_test_teardown(the_alias_of_memory_in_use_is_refused, stop),
		cmocka_unit_test_teardown(a_pool_that_only_begins_in_the_alias_is_refused, stop),
		cmocka_unit_test_teardown(a_carve_out_of_ram_is_for_the_device_that_names_it, stop),
		cmocka_unit_test_teardown(what_cannot_be_a_pool_is_named_and_stays_reserved, stop),
		cmocka_unit_test_teardown(each_page_has_one_holder, stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
