/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves what the monitor's own commands answer about memory: `memblock` says in words what a range is and which node
 * describes it, `free` counts only what was freed and fails when a block was refused, `buddyinfo` names its columns,
 * `palloc` names every capability, `ledger diff` says when nothing changed, `harts` tells what runs from what could.
 */
#include "boot_sim.h"
#include "dtb_build.h"
#include "page_check.h"

#include "fpg/core/ledger.h"
#include "fpg/core/memblock.h"
#include "fpg/core/page_alloc.h"
#include "fpg/monitor/command.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char got[1 << 16];
static struct out_buffer sink;
static struct monitor m;

static int setup(void **state)
{
	(void)state;
	out_buffer_init(&sink, got, sizeof(got));
	monitor_init(&m, &sink.out);
	return 0;
}

/** Run @line; what it answers is in got. */
static int answer(const char *line)
{
	out_buffer_init(&sink, got, sizeof(got));
	return monitor_run_line(&m, line);
}

static void start_board(void)
{
	dtb_start();
	dtb_root(2, 2);
	dtb_memory(0x80000000, SZ_1G);
	dtb_memory(0xc0000000, SZ_1G);
	dtb_memory(0x200000000, SZ_1G);
	dtb_reserved_memory();
	dtb_reserved("vpu@90000000", 0x90000000, SZ_1M, "no-map");
	dtb_end();
	dtb_node("cpus");
	dtb_u32("#address-cells", 1);
	dtb_u32("#size-cells", 0);
	for (uint32_t hart = 0; hart < 2; hart++) {
		dtb_node(hart == 0 ? "cpu@0" : "cpu@1");
		dtb_string("device_type", "cpu");
		dtb_u32("reg", hart);
		dtb_string("riscv,isa", "rv64imac");
		dtb_string("mmu-type", "riscv,sv48");
		dtb_end();
	}
	dtb_end();
	assert_int_equal(boot_sim_run(&boot_sim_default, dtb_finish()), 0);
	ledger_use_boot_memory(&boot_sim_memory);
	monitor_set_facts(&boot_sim_memory.facts);
}

static int stop_board(void **state)
{
	(void)state;
	monitor_set_facts(NULL);
	ledger_set_sources(NULL);
	boot_sim_end();
	memblock_reset();
	return 0;
}

static void start_allocator(void)
{
	const struct sim_ram ram[] = { { 0x80000000, 64 * SZ_1M, 0 } };
	page_check_start(palloc_table[0], ram, 1);
}

/* ---- the board ---- */

static void memblock_says_in_words_what_ranges_are(void **state)
{
	(void)state;
	start_board();
	assert_int_equal(answer("memblock"), 0);
	assert_non_null(strstr(got, "[0x0000000080200000-0x000000008fffffff]    254 MiB  node 0  "
				    "/memory@80000000\n"));
	assert_non_null(strstr(got, "[0x0000000090000000-0x00000000900fffff]      1 MiB  node 0  "
				    "/memory@80000000, nomap\n"));
	assert_non_null(strstr(got, "[0x00000000c0000000-0x00000000ffffffff]      1 GiB  node 0  "
				    "/memory@c0000000\n"));
	assert_non_null(strstr(got, "1 GiB  node 0  /memory@200000000\n"));
	assert_non_null(strstr(got, "[0x0000000090000000-0x00000000900fffff]      1 MiB  "
				    "/reserved-memory/vpu@90000000, nomap\n"));
	assert_null(strstr(got, "none"));
	assert_null(strstr(got, "0x4 "));
}

static void memblock_in_json_has_flags_as_number_and_words(void **state)
{
	(void)state;
	start_board();
	m.json = true;
	assert_int_equal(answer("memblock"), 0);
	assert_non_null(strstr(got, "{\"base\":\"0x90000000\",\"size\":\"0x100000\",\"node\":0,"
				    "\"flags\":4,\"flag_names\":[\"nomap\"],"
				    "\"path\":\"/memory@80000000\"}"));
	assert_non_null(
		strstr(got, "\"flags\":0,\"flag_names\":[],\"holder\":\"device tree blob\"}"));
}

static void memory_that_no_node_describes_is_said_to_be_so(void **state)
{
	(void)state;
	assert_int_equal(memblock_add(0x70000000, SZ_4K), 0);
	assert_int_equal(memblock_mark_mirror(0x70000000, SZ_4K), 0);
	assert_int_equal(memblock_mark_hotplug(0x70000000, SZ_4K), 0);
	assert_int_equal(answer("memblock"), 0);
	assert_non_null(strstr(got, "no node of the device tree, hotplug, mirror\n"));
}

static void a_diff_without_changes_says_so(void **state)
{
	(void)state;
	start_board();
	assert_int_equal(answer("ledger snapshot here; ledger diff here"), 0);
	assert_string_equal(got, "from 'here' to 'now':\n  no change\n");
	assert_int_equal(memblock_reserve(0xa0000000, SZ_4K), 0);
	assert_int_equal(answer("ledger diff here"), 0);
	assert_null(strstr(got, "no change"));
	assert_non_null(strstr(got, "4 KiB  free -> reserved, nobody named\n"));
}

static void harts_tells_what_runs_from_what_could(void **state)
{
	(void)state;
	start_board();
	assert_int_equal(answer("harts"), 0);
	assert_non_null(strstr(got, "  running this\n"));
	assert_non_null(
		strstr(got, "    -      1    0            -       -      -  not started\n"));
	assert_non_null(strstr(got, "hart 0 and on: isa rv64imac, mmu-type riscv,sv48\n"));
	assert_non_null(strstr(got, "paging mode in use: "));
}

/* ---- the page allocator ---- */

static void freeing_counts_what_was_freed(void **state)
{
	(void)state;
	start_allocator();
	uint64_t used = page_check_used();
	assert_int_equal(answer("alloc 0 3; alloc 2; free all"), 0);
	assert_non_null(strstr(got, "  4 blocks freed\n"));
	assert_int_equal(page_check_used(), used);
	assert_int_equal(answer("free all"), 0);
	assert_string_equal(got, "  0 blocks freed\n");
}

/** Free the newest block of `alloc` behind the monitor's back. Return: its page */
static struct page *steal_newest(void)
{
	const char *at = strstr(got, "address ");
	assert_non_null(at);
	struct page *page = pfn_to_page(phys_to_pfn(strtoull(at + strlen("address "), NULL, 16)));
	__free_pages(page, 0);
	return page;
}

static void a_block_that_was_refused_is_not_counted_and_fails_the_command(void **state)
{
	(void)state;
	start_allocator();
	uint64_t used = page_check_used();
	assert_int_equal(answer("alloc 0 3"), 0);
	struct page *stolen = steal_newest();
	unsigned long long pfn = page_to_pfn(stolen).n;
	assert_int_equal(answer("free all"), -EBUSY);
	assert_string_equal(got,
			    "  2 blocks freed\nfree: 1 of 3 refused (the log says why), kept\n");
	m.json = true;
	assert_int_equal(answer("free all"), -EBUSY);
	assert_string_equal(
		got, "@json {\"command\":\"free\",\"version\":1,\"freed\":0,\"refused\":1}\n");
	m.json = false;
	char line[40];
	struct out_buffer b;
	out_buffer_init(&b, line, sizeof(line));
	out_printf(&b.out, "free 0x%llx", pfn);
	assert_int_equal(answer(line), -EBUSY);
	assert_string_equal(got, "free: refused (the log says why), kept\n");
	assert_int_equal(page_check_used(), used);
	/* Make the block one of the monitor's again, so that no later test meets it. */
	struct pfn_range only = { { pfn }, { pfn + 1 } };
	assert_int_equal(alloc_contig_range(only, GFP_KERNEL, NULL), 0);
	assert_int_equal(answer("free all"), 0);
	assert_string_equal(got, "  1 block freed\n");
}

static void buddyinfo_names_its_columns(void **state)
{
	(void)state;
	start_allocator();
	assert_int_equal(answer("buddyinfo"), 0);
	const char *row = strchr(got, '\n') + 1;
	assert_memory_equal(got, "free blocks of order       0      1      2 ", 43);
	/* The columns end at the same place. */
	assert_int_equal(row - got, strlen(row));
}

static void zones_are_told_as_linux_tells_them(void **state)
{
	static const struct {
		const char *command;
		const char *text;
		const char *json;
	} seen[] = {
		{ "pagetypeinfo", "type    Unmovable ", "\"mixed\":" },
		{ "compact", "0 pages moved, 0 pageblocks emptied of ", "\"moved_pages\":0," },
		{ "extfrag", "unusable      0.000 ", "\"fragmentation_permille\":[-1000," },
		{ "zoneinfo",
		  "  hart 0, Unmovable, order 0: ", "\"caches\":[{\"hart\":0,\"type\":" },
	};
	(void)state;
	start_allocator();
	assert_int_equal(answer("alloc 0 1"), 0);
	for (size_t i = 0; i < ARRAY_SIZE(seen); i++) {
		assert_int_equal(answer(seen[i].command), 0);
		assert_non_null(strstr(got, seen[i].text));
		m.json = true;
		assert_int_equal(answer(seen[i].command), 0);
		m.json = false;
		assert_non_null(strstr(got, seen[i].json));
		assert_memory_equal(got, "@json {", 7);
	}
	assert_int_equal(answer("free all"), 0);
}

static void every_capability_of_a_backend_is_named(void **state)
{
	(void)state;
	start_allocator();
	assert_int_equal(answer("palloc"), 0);
	const char *at = got;
	for (size_t i = 0; palloc_table[i] != NULL; i++) {
		at = strstr(at, " can:");
		assert_non_null(at);
		at += strlen(" can:");
		int words = 0;
		for (; *at != '\n'; at++) {
			words += *at == ' ';
		}
		assert_int_equal(words, __builtin_popcount(palloc_table[i]->caps));
	}
}

#define board_test(f)	  cmocka_unit_test_setup_teardown(f, setup, stop_board)
#define allocator_test(f) cmocka_unit_test_setup_teardown(f, setup, page_check_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		board_test(memblock_says_in_words_what_ranges_are),
		board_test(memblock_in_json_has_flags_as_number_and_words),
		board_test(memory_that_no_node_describes_is_said_to_be_so),
		board_test(a_diff_without_changes_says_so),
		board_test(harts_tells_what_runs_from_what_could),
		allocator_test(freeing_counts_what_was_freed),
		allocator_test(a_block_that_was_refused_is_not_counted_and_fails_the_command),
		allocator_test(buddyinfo_names_its_columns),
		allocator_test(zones_are_told_as_linux_tells_them),
		allocator_test(every_capability_of_a_backend_is_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
