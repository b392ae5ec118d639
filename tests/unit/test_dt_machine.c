/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves that /chosen, cpus, NUMA distances, aliases and the way to end the machine are read in every form in which
 * firmware writes them (rows H1 to H4, R18, R20), and that damaged values are named and left out.
 */
#include "dtb_build.h"

#include "fpg/core/devicetree.h"

#include <errno.h>
#include <libfdt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct dt_facts facts;

static void begin(void)
{
	warnings_start();
	dtb_start();
	dtb_root(2, 2);
}

static void finish(void)
{
	struct dt_error err;
	const void *blob = dtb_finish();
	assert_int_equal(dt_check_blob(blob, fdt_totalsize(blob), &err), 0);
	assert_int_equal(dt_collect(&facts, blob), 0);
}

/* ---- chosen ---- */

static void chosen_strings_and_seed_are_found(void **state)
{
	(void)state;
	begin();
	dtb_string("model", "a board");
	dtb_bytes("compatible", "vendor,board\0vendor,soc", 24);
	dtb_node("chosen");
	dtb_string("bootargs", "mem=1G run=\"a b\"");
	dtb_cells("rng-seed", 1, 2, 3, 4, 5, 6, 7, 8);
	dtb_end();
	finish();
	assert_string_equal(facts.model, "a board");
	assert_string_equal(facts.compatible, "vendor,board");
	assert_int_equal(facts.compatible_bytes, 24);
	assert_string_equal(facts.chosen.bootargs, "mem=1G run=\"a b\"");
	assert_int_equal(facts.chosen.rng_seed_bytes, 32);
	assert_int_equal(facts.chosen.rng_seed[3], 1);
	assert_int_equal(warnings_count(), 0);
}

static void a_tree_without_chosen_has_no_arguments(void **state)
{
	(void)state;
	begin();
	finish();
	assert_null(facts.chosen.bootargs);
	assert_int_equal(facts.chosen.node, -1);
	assert_int_equal(facts.chosen.initrd.size, 0);
	assert_int_equal(dt_stdout_node(&facts), -ENOENT);
}

static void strings_without_an_end_are_named_and_ignored(void **state)
{
	(void)state;
	begin();
	dtb_node("chosen");
	dtb_bytes("bootargs", "mem=1G", 6);
	dtb_end();
	finish();
	assert_null(facts.chosen.bootargs);
	assert_true(warned_of("/chosen: bootargs is not a terminated string"));
}

static void initrd_addresses_have_32_or_64_bits_each(void **state)
{
	(void)state;
	for (int form = 0; form < 4; form++) {
		begin();
		dtb_node("chosen");
		if (form & 1) {
			dtb_u64("linux,initrd-start", 0x84000000);
		} else {
			dtb_u32("linux,initrd-start", 0x84000000);
		}
		if (form & 2) {
			dtb_u64("linux,initrd-end", 0x84123457);
		} else {
			dtb_u32("linux,initrd-end", 0x84123457);
		}
		dtb_end();
		finish();
		assert_true(facts.chosen.initrd.base == 0x84000000);
		assert_true(facts.chosen.initrd.size == 0x123457);
		assert_int_equal(warnings_count(), 0);
	}
}

static void an_initrd_that_cannot_be_is_named(void **state)
{
	(void)state;
	begin();
	dtb_node("chosen");
	dtb_u64("linux,initrd-start", 0x84000000);
	dtb_u64("linux,initrd-end", 0x83000000);
	dtb_end();
	finish();
	assert_int_equal(facts.chosen.initrd.size, 0);
	assert_true(
		warned_of("linux,initrd-start 0x84000000 lies after linux,initrd-end 0x83000000"));

	begin();
	dtb_node("chosen");
	dtb_cells("linux,initrd-start", 0, 0, 0x84000000);
	dtb_u64("linux,initrd-end", 0x85000000);
	dtb_end();
	finish();
	assert_int_equal(facts.chosen.initrd.size, 0);
	assert_true(warned_of("linux,initrd-start of 12"));

	begin();
	dtb_node("chosen");
	dtb_u64("linux,initrd-start", 0x84000000);
	dtb_end();
	finish();
	assert_true(warned_of("only one of"));
}

static void usable_ranges_come_out_sorted_and_merged(void **state)
{
	(void)state;
	begin();
	dtb_node("chosen");
	dtb_u64s("linux,usable-memory-range", 0x90000000, 0x1000, 0x80000000, 0x1000, 0x80001000,
		 0x1000, 0, 0, 0x8fff0000, 0x20000);
	dtb_end();
	finish();
	assert_int_equal(facts.chosen.usable_count, 2);
	assert_true(facts.chosen.usable[0].base == 0x80000000 &&
		    facts.chosen.usable[0].size == 0x2000);
	assert_true(facts.chosen.usable[1].base == 0x8fff0000 &&
		    facts.chosen.usable[1].size == 0x20000);
}

static void more_usable_ranges_than_kept_are_named(void **state)
{
	uint64_t cells[40];
	(void)state;
	begin();
	dtb_node("chosen");
	for (uint64_t i = 0; i < 20; i++) {
		cells[2 * i] = 0x80000000 + (19 - i) * 0x10000;
		cells[2 * i + 1] = 0x1000;
	}
	dtb_u64s_of("linux,usable-memory-range", cells, 40);
	dtb_end();
	finish();
	assert_int_equal(facts.chosen.usable_count, DT_MAX_USABLE_RANGES);
	for (uint32_t i = 1; i < DT_MAX_USABLE_RANGES; i++) {
		assert_true(facts.chosen.usable[i - 1].base < facts.chosen.usable[i].base);
	}
	assert_true(warned_of("more than 8 ranges"));
}

static void the_console_is_found_by_path_and_by_alias(void **state)
{
	static const char *const paths[] = { "/soc/serial@10000000", "serial0:115200n8", "serial0",
					     "/soc/serial@10000000:9600" };
	(void)state;
	for (size_t i = 0; i < 4; i++) {
		begin();
		dtb_node("chosen");
		dtb_string("stdout-path", paths[i]);
		dtb_end();
		dtb_node("aliases");
		dtb_string("serial0", "/soc/serial@10000000");
		dtb_end();
		dtb_node("soc");
		dtb_node("serial@10000000");
		dtb_end();
		dtb_end();
		finish();
		assert_true(dt_stdout_node(&facts) > 0);
		assert_string_equal(fdt_get_name(facts.blob, dt_stdout_node(&facts), NULL),
				    "serial@10000000");
		assert_true(facts.aliases > 0);
	}
	begin();
	dtb_node("chosen");
	dtb_string("linux,stdout-path", "serial7");
	dtb_end();
	finish();
	assert_string_equal(facts.chosen.stdout_path, "serial7");
	assert_int_equal(dt_stdout_node(&facts), -ENOENT);
}

/* ---- cpus ---- */

static void cpu(const char *name, uint32_t reg, const char *isa, const char *mmu,
		const char *status)
{
	dtb_node(name);
	dtb_string("device_type", "cpu");
	dtb_u32("reg", reg);
	if (isa != NULL) {
		dtb_string("riscv,isa", isa);
	}
	if (mmu != NULL) {
		dtb_string("mmu-type", mmu);
	}
	if (status != NULL) {
		dtb_string("status", status);
	}
	dtb_end();
}

static void cpus_begin(void)
{
	begin();
	dtb_node("cpus");
	dtb_u32("#address-cells", 1);
	dtb_u32("#size-cells", 0);
}

static void harts_are_told_apart_by_mmu_isa_and_status(void **state)
{
	(void)state;
	cpus_begin();
	dtb_u32("timebase-frequency", 4000000);
	cpu("cpu@0", 0, "rv64imac", NULL, "disabled");
	cpu("cpu@1", 1, "rv64imafdc", "riscv,sv39", "okay");
	cpu("cpu@7", 7, "rv32imafc", "riscv,none", NULL);
	dtb_node("cpu-map");
	dtb_end();
	dtb_end();
	finish();
	assert_int_equal(facts.cpu_count, 3);
	assert_true(facts.timebase_hz == 4000000);
	const struct dt_cpu *c = dt_cpu_of_hart(&facts, 0);
	assert_true(c != NULL && !c->enabled && !c->has_mmu && c->rv64);
	c = dt_cpu_of_hart(&facts, 1);
	assert_true(c != NULL && c->enabled && c->has_mmu && c->rv64);
	assert_string_equal(c->mmu_type, "riscv,sv39");
	assert_string_equal(c->isa, "rv64imafdc");
	c = dt_cpu_of_hart(&facts, 7);
	assert_true(c != NULL && c->enabled && !c->has_mmu && !c->rv64);
	assert_null(dt_cpu_of_hart(&facts, 2));
	assert_int_equal(warnings_count(), 0);
}

static void the_new_isa_properties_are_read(void **state)
{
	(void)state;
	cpus_begin();
	dtb_node("cpu@0");
	dtb_string("device_type", "cpu");
	dtb_u32("reg", 0);
	dtb_string("riscv,isa-base", "rv64i");
	dtb_bytes("riscv,isa-extensions", "i\0m\0zicsr", 10);
	dtb_u64("timebase-frequency", 10000000);
	dtb_u32("numa-node-id", 3);
	dtb_end();
	dtb_end();
	finish();
	assert_true(facts.cpus[0].rv64);
	assert_string_equal(facts.cpus[0].isa, "rv64i");
	assert_int_equal(facts.cpus[0].isa_extensions_bytes, 10);
	assert_int_equal(facts.cpus[0].nid, 3);
	assert_int_equal(facts.numa_nodes, 4);
	assert_true(facts.timebase_hz == 10000000);
}

static void hart_numbers_can_have_64_bits(void **state)
{
	(void)state;
	begin();
	dtb_node("cpus");
	dtb_u32("#address-cells", 2);
	dtb_u32("#size-cells", 0);
	dtb_node("cpu@100000002");
	dtb_string("device_type", "cpu");
	dtb_u64("reg", 0x100000002);
	dtb_end();
	dtb_end();
	finish();
	assert_non_null(dt_cpu_of_hart(&facts, 0x100000002));
}

static void a_hart_described_twice_and_one_without_number_are_named(void **state)
{
	(void)state;
	cpus_begin();
	cpu("cpu@0", 0, "rv64imac", "riscv,sv39", NULL);
	cpu("cpu@1", 0, "rv64imac", "riscv,sv48", NULL);
	dtb_node("cpu@2");
	dtb_string("device_type", "cpu");
	dtb_end();
	dtb_end();
	finish();
	assert_int_equal(facts.cpu_count, 1);
	assert_string_equal(facts.cpus[0].mmu_type, "riscv,sv39");
	assert_true(warned_of("/cpus/cpu@1: hart 0 was described before"));
	assert_true(warned_of("/cpus/cpu@2: cpu without a sound reg"));
}

static void harts_beyond_the_limit_are_counted_and_named(void **state)
{
	(void)state;
	cpus_begin();
	for (uint32_t i = 0; i < DT_MAX_HARTS + 3; i++) {
		char name[16];
		snprintf(name, sizeof(name), "cpu@%x", i);
		cpu(name, 2 * i, "rv64imac", "riscv,sv39", NULL);
	}
	dtb_end();
	finish();
	assert_int_equal(facts.cpu_count, DT_MAX_HARTS);
	assert_int_equal(facts.cpus_found, DT_MAX_HARTS + 3);
	assert_int_equal(warnings_count(), 3);
}

static void a_timebase_that_is_no_frequency_is_named(void **state)
{
	(void)state;
	cpus_begin();
	dtb_u32("timebase-frequency", 0);
	dtb_end();
	finish();
	assert_true(facts.timebase_hz == 0);
	assert_true(warned_of("/cpus: timebase-frequency"));
}

/* ---- NUMA ---- */

static void distances_are_read_and_symmetric_unless_given_both_ways(void **state)
{
	(void)state;
	begin();
	dtb_node("distance-map");
	dtb_string("compatible", "numa-distance-map-v1");
	dtb_cells("distance-matrix", 0, 0, 10, 0, 1, 20, 1, 0, 30, 0, 2, 40, 1, 1, 10);
	dtb_end();
	finish();
	assert_true(facts.has_distances);
	assert_int_equal(dt_numa_distance(&facts, 0, 0), 10);
	assert_int_equal(dt_numa_distance(&facts, 0, 1), 20);
	assert_int_equal(dt_numa_distance(&facts, 1, 0), 30);
	assert_int_equal(dt_numa_distance(&facts, 2, 0), 40);
	assert_int_equal(dt_numa_distance(&facts, 1, 2), 20);
	assert_int_equal(dt_numa_distance(&facts, 2, 2), 10);
	assert_int_equal(warnings_count(), 0);
}

static void distances_that_cannot_be_are_named(void **state)
{
	(void)state;
	begin();
	dtb_node("distance-map");
	dtb_string("compatible", "numa-distance-map-v1");
	dtb_cells("distance-matrix", 0, 0, 11, 0, 1, 10, 0, 99, 20, 1, 0, 300, 0, 1, 15, 7);
	dtb_end();
	finish();
	assert_int_equal(dt_numa_distance(&facts, 0, 1), 15);
	assert_int_equal(dt_numa_distance(&facts, 1, 0), 15);
	assert_true(warned_of("/distance-map: distance-matrix: 0 to 0 is 11"));
	assert_int_equal(warnings_count(), 5);
}

/* ---- ending the machine ---- */

static void the_test_device_is_found_through_bus_ranges(void **state)
{
	(void)state;
	begin();
	dtb_node("soc");
	dtb_u32("#address-cells", 1);
	dtb_u32("#size-cells", 1);
	dtb_cells("ranges", 0x100000, 0x10, 0x00000000, 0x1000, 0x0, 0x0, 0x0, 0x100000);
	dtb_node("off@100");
	dtb_string("compatible", "sifive,test0");
	dtb_cells("reg", 0x100, 0x100);
	dtb_string("status", "disabled");
	dtb_end();
	dtb_node("test@100800");
	dtb_bytes("compatible", "sifive,test1\0sifive,test0\0syscon", 33);
	dtb_cells("reg", 0x100800, 0x100);
	dtb_end();
	dtb_end();
	dtb_node("htif");
	dtb_string("compatible", "ucb,htif0");
	dtb_end();
	finish();
	assert_true(facts.poweroff.sifive_test == 0x1000000800);
	assert_true(facts.poweroff.htif);
	assert_int_equal(warnings_count(), 0);
}

static void a_test_device_the_cpu_cannot_reach_is_not_used(void **state)
{
	(void)state;
	begin();
	dtb_node("bus");
	dtb_u32("#address-cells", 1);
	dtb_u32("#size-cells", 1);
	dtb_node("test@100000");
	dtb_string("compatible", "sifive,test0");
	dtb_cells("reg", 0x100000, 0x1000);
	dtb_end();
	dtb_end();
	finish();
	assert_true(facts.poweroff.sifive_test == 0);
	assert_true(warned_of("/bus/test@100000: reg is no address of the CPU"));
}

static void very_deep_nodes_are_passed_over_and_named(void **state)
{
	(void)state;
	begin();
	for (int i = 0; i < 5000; i++) {
		dtb_node("x");
	}
	for (int i = 0; i < 5000; i++) {
		dtb_end();
	}
	dtb_memory(0x80000000, 0x1000);
	finish();
	assert_int_equal(facts.memory.count, 1);
	assert_true(warned_of("/x/x/x: more than 32 levels deep, passed over: 4969 such nodes"));
}

static void a_path_too_long_for_the_buffer_shows_its_end(void **state)
{
	char buf[24];
	(void)state;
	begin();
	dtb_node("a-node-with-a-long-name");
	dtb_node("inner");
	dtb_end();
	dtb_end();
	finish();
	int inner = fdt_path_offset(facts.blob, "/a-node-with-a-long-name/inner");
	assert_string_equal(dt_node_path(facts.blob, inner, buf, sizeof(buf)), ".../inner");
	int outer = fdt_path_offset(facts.blob, "/a-node-with-a-long-name");
	assert_string_equal(dt_node_path(facts.blob, outer, buf, sizeof(buf)),
			    ".../a-node-with-a-lo...");
	assert_string_equal(dt_node_path(facts.blob, -1, buf, sizeof(buf)), "?");
	assert_string_equal(dt_node_path(facts.blob, 2, buf, sizeof(buf)), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chosen_strings_and_seed_are_found),
		cmocka_unit_test(a_tree_without_chosen_has_no_arguments),
		cmocka_unit_test(strings_without_an_end_are_named_and_ignored),
		cmocka_unit_test(initrd_addresses_have_32_or_64_bits_each),
		cmocka_unit_test(an_initrd_that_cannot_be_is_named),
		cmocka_unit_test(usable_ranges_come_out_sorted_and_merged),
		cmocka_unit_test(more_usable_ranges_than_kept_are_named),
		cmocka_unit_test(the_console_is_found_by_path_and_by_alias),
		cmocka_unit_test(harts_are_told_apart_by_mmu_isa_and_status),
		cmocka_unit_test(the_new_isa_properties_are_read),
		cmocka_unit_test(hart_numbers_can_have_64_bits),
		cmocka_unit_test(a_hart_described_twice_and_one_without_number_are_named),
		cmocka_unit_test(harts_beyond_the_limit_are_counted_and_named),
		cmocka_unit_test(a_timebase_that_is_no_frequency_is_named),
		cmocka_unit_test(distances_are_read_and_symmetric_unless_given_both_ways),
		cmocka_unit_test(distances_that_cannot_be_are_named),
		cmocka_unit_test(the_test_device_is_found_through_bus_ranges),
		cmocka_unit_test(a_test_device_the_cpu_cannot_reach_is_not_used),
		cmocka_unit_test(very_deep_nodes_are_passed_over_and_named),
		cmocka_unit_test(a_path_too_long_for_the_buffer_shows_its_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
