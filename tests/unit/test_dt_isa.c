/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves that extensions are found in ISA strings as the specification and the device-tree bindings write them, whole
 * names only, and that a machine has one only when every hart that can run us has it.
 */
#include "fpg/core/devicetree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool has(const char *isa, const char *name)
{
	struct dt_cpu cpu = { .isa = isa };
	return dt_isa_has(&cpu, name);
}

static void names_of_several_letters_are_found_whole(void **state)
{
	(void)state;
	const char *isa = "rv64imafdc_zicsr_zifencei_svinval_svpbmt_sstc";
	assert_true(has(isa, "svpbmt"));
	assert_true(has(isa, "svinval"));
	assert_true(has(isa, "zicsr"));
	assert_true(has(isa, "sstc"));
	assert_false(has(isa, "svnapot"));
	assert_false(has(isa, "svpbm"));
	assert_false(has(isa, "vpbmt"));
	assert_false(has(isa, "svpbmt_sstc"));
	assert_false(has(isa, "ss"));
	assert_false(has(isa, ""));
	assert_false(has("rv64imafdc_svpbmtx", "svpbmt"));
	assert_false(has("rv64imafdc_xsvpbmt", "svpbmt"));
	assert_true(has("rv64imafdczicsr_svpbmt", "zicsr"));
	assert_true(has("rv64imafdczicsr_svpbmt", "svpbmt"));
	assert_true(has("rv64imac__svpbmt_", "svpbmt"));
}

static void case_and_versions_do_not_matter(void **state)
{
	(void)state;
	assert_true(has("RV64IMAC_SvPbmt", "svpbmt"));
	assert_true(has("rv64imac_svpbmt1p0_sstc1", "svpbmt"));
	assert_true(has("rv64imac_svpbmt1p0_sstc1", "sstc"));
	assert_true(has("rv64imac_svpbmt12p34", "svpbmt"));
	assert_true(has("rv64i2p1_m2p0_a2_c2p0_svpbmt", "svpbmt"));
	assert_true(has("rv64i2p1m2p0a2c2p0_svpbmt", "c"));
	assert_true(has("rv64i2p1m2p0a2c2p0_svpbmt", "m"));
	assert_false(has("rv64i2p1m2p0a2c2p0_svpbmt", "p"));
	assert_true(has("rv64ip_zicsr", "p"));
	assert_false(has("rv64imac_1p0", "svpbmt"));
	assert_false(has("rv64imac_zp0", "z"));
}

static void single_letters_are_not_found_in_long_names(void **state)
{
	(void)state;
	assert_true(has("rv64imac_zbb", "c"));
	assert_false(has("rv64ima_zbb_zca", "c"));
	assert_false(has("rv64ima_zbb", "b"));
	assert_true(has("rv64gc", "d"));
	assert_true(has("rv64gc", "i"));
	assert_false(has("rv64gc", "v"));
	assert_true(has("rv64imafdch_svpbmt", "h"));
}

static void privilege_modes_of_old_strings_hide_nothing(void **state)
{
	(void)state;
	assert_true(has("rv64imafdcsu_svpbmt", "svpbmt"));
	assert_true(has("rv64imafdcsuh", "h"));
	assert_true(has("rv64imafdcsu", "c"));
}

static void what_is_no_isa_string_names_nothing(void **state)
{
	(void)state;
	assert_false(has(NULL, "svpbmt"));
	assert_false(has("", "svpbmt"));
	assert_false(has("svpbmt", "svpbmt"));
	assert_false(has("rv", "v"));
	assert_false(has("rv64", "svpbmt"));
	assert_false(has("x86_svpbmt", "svpbmt"));
}

static void the_list_of_extensions_comes_first(void **state)
{
	(void)state;
	static const char list[] = "i\0m\0a\0svpbmt\0zicbom";
	struct dt_cpu cpu = {
		.isa = "rv64imac_svnapot",
		.isa_extensions = list,
		.isa_extensions_bytes = sizeof(list),
	};
	assert_true(dt_isa_has(&cpu, "svpbmt"));
	assert_true(dt_isa_has(&cpu, "zicbom"));
	assert_true(dt_isa_has(&cpu, "i"));
	assert_false(dt_isa_has(&cpu, "svnapot"));
	assert_false(dt_isa_has(&cpu, "svp"));
	/* Not terminated: no byte behind it is read. */
	char *bytes = malloc(4);
	assert_non_null(bytes);
	memcpy(bytes, "m\0sv", 4);
	cpu.isa_extensions = bytes;
	cpu.isa_extensions_bytes = 4;
	assert_false(dt_isa_has(&cpu, "svpbmt"));
	assert_true(dt_isa_has(&cpu, "sv"));
	free(bytes);
}

static void all_harts_that_can_run_us_must_have_it(void **state)
{
	(void)state;
	static struct dt_facts facts;
	const struct dt_cpu good = {
		.enabled = true, .has_mmu = true, .rv64 = true, .isa = "rv64gc_svpbmt"
	};
	assert_false(dt_isa_all_have(&facts, "svpbmt"));
	facts.cpus[0] = facts.cpus[1] = facts.cpus[2] = good;
	facts.cpu_count = 3;
	assert_true(dt_isa_all_have(&facts, "svpbmt"));
	facts.cpus[1].isa = "rv64gc";
	assert_false(dt_isa_all_have(&facts, "svpbmt"));
	facts.cpus[1].enabled = false;
	assert_true(dt_isa_all_have(&facts, "svpbmt"));
	facts.cpus[1].enabled = true;
	facts.cpus[1].has_mmu = false;
	assert_true(dt_isa_all_have(&facts, "svpbmt"));
	facts.cpus[1].has_mmu = true;
	facts.cpus[1].rv64 = false;
	assert_true(dt_isa_all_have(&facts, "svpbmt"));
	facts.cpus[0].enabled = facts.cpus[2].enabled = false;
	assert_false(dt_isa_all_have(&facts, "svpbmt"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_several_letters_are_found_whole),
		cmocka_unit_test(case_and_versions_do_not_matter),
		cmocka_unit_test(single_letters_are_not_found_in_long_names),
		cmocka_unit_test(privilege_modes_of_old_strings_hide_nothing),
		cmocka_unit_test(what_is_no_isa_string_names_nothing),
		cmocka_unit_test(the_list_of_extensions_comes_first),
		cmocka_unit_test(all_harts_that_can_run_us_must_have_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
