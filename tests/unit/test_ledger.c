/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves that the ledger shows each byte of RAM exactly once from any mixture of RAM, cuts, memory,
 * reservations and page-allocator runs (against a byte-by-byte oracle), that it finds what is
 * unexplained or held twice to the byte, and what its answers look like.
 */
#include "ledger_fixture.h"

/* ---- tests ---- */

static void it_says_when_it_is_not_available(void **state)
{
	(void)state;
	ledger_set_sources(NULL);
	assert_false(ledger_available());
	assert_int_equal(ledger_check(NULL), -ENODEV);
	assert_int_equal(ledger_print(&sink.out), -ENODEV);
	assert_int_equal(ledger_snapshot("x"), -ENODEV);
}

static void the_table_ends_with_an_exact_sum(void **state)
{
	(void)state;
	small_board();
	assert_int_equal(ledger_print(&sink.out), 0);
	assert_non_null(strstr(
		got,
		"0x000080000000-0x000080080000    512 KiB  firmware  (since memblock; no node "
		"describes the firmware: everything below the load address is taken to be its)\n"));
	assert_non_null(strstr(
		got, "0x000080200000-0x000080201001     4097 B  image .text  (since memblock; "
		     "part of the "
		     "loaded image)\n"));
	assert_non_null(strstr(
		got, "reserved outside RAM (part of no sum):\n  0x000040000000-0x000040001000"));
	const char *last = "\nledger: 67108864 of 67108864 bytes accounted for: exact\n";
	assert_string_equal(got + sink.used - strlen(last), last);
}

static void what_was_cut_has_rows_that_say_why(void **state)
{
	(void)state;
	add_cut(BASE + 0x100, 0xf00, BOOT_RAM_ROUNDED);
	add_ram(BASE + SZ_4K, 7 * SZ_4K);
	add_cut(BASE + 8 * SZ_4K, 0x100, BOOT_RAM_ROUNDED);
	add_ram(BASE + SZ_1G, SZ_2M);
	add_cut(BASE + SZ_1G + SZ_2M, SZ_1G - SZ_2M, BOOT_RAM_CUT_MEM);
	assert_int_equal(memblock_add(BASE + SZ_4K, 7 * SZ_4K), 0);
	assert_int_equal(memblock_add(BASE + SZ_1G, SZ_2M), 0);
	struct ledger_totals t;
	assert_int_equal(ledger_check(&t), 0);
	assert_int_equal(t.ram_bytes, 8 * SZ_4K + SZ_1G);
	assert_int_equal(t.accounted_bytes, t.ram_bytes);
	assert_int_equal(ledger_print(&sink.out), 0);
	assert_non_null(strstr(got, "0x000080000100-0x000080001000     3840 B  rounded off\n"));
	assert_non_null(strstr(got, "0x0000c0200000-0x000100000000   1022 MiB  cut by mem=\n"));
}

static void after_the_hand_over_zones_hold_the_free_memory(void **state)
{
	(void)state;
	small_board();
	ledger_set_runs(give_runs);
	add_run(BASE + 0x80000, SZ_2M - 0x80000, LEDGER_ZONE_FREE);
	add_run(BASE + SZ_2M + 2 * SZ_4K, SZ_4K, LEDGER_ALLOCATED);
	add_run(BASE + SZ_2M + 3 * SZ_4K, SZ_4K, LEDGER_CACHED);
	add_run(BASE + SZ_2M + 4 * SZ_4K, 62 * SZ_1M - 4 * SZ_4K, LEDGER_ZONE_FREE);
	struct ledger_totals t;
	assert_int_equal(ledger_check(&t), 0);
	assert_int_equal(t.accounted_bytes, 64 * SZ_1M);
	assert_int_equal(ledger_print(&sink.out), 0);
	assert_non_null(strstr(got, "0x000080201001-0x000080202000     4095 B  page rounding\n"));
	assert_non_null(
		strstr(got, "0x000080202000-0x000080203000      4 KiB  allocated, Normal, "));
}

static void a_page_that_nobody_knows_is_a_mismatch_of_its_size(void **state)
{
	(void)state;
	small_board();
	ledger_set_runs(give_runs);
	add_run(BASE + 0x80000, SZ_2M - 0x80000, LEDGER_ZONE_FREE);
	add_run(BASE + SZ_2M + 2 * SZ_4K, 60 * SZ_1M, LEDGER_ZONE_FREE);
	struct ledger_totals t;
	assert_int_equal(ledger_walk(NULL, NULL, &t), 0);
	assert_int_equal(t.mismatch_bytes, 2 * SZ_1M - 2 * SZ_4K);
	assert_int_equal(t.accounted_bytes + t.mismatch_bytes, 64 * SZ_1M);
}

static void a_page_held_twice_is_a_mismatch_of_its_size(void **state)
{
	(void)state;
	small_board();
	ledger_set_runs(give_runs);
	add_run(BASE + 0x7f000, SZ_2M - 0x7f000 + SZ_4K, LEDGER_ZONE_FREE);
	add_run(BASE + SZ_2M + 2 * SZ_4K, 62 * SZ_1M - 2 * SZ_4K, LEDGER_ZONE_FREE);
	struct ledger_totals t;
	assert_int_equal(ledger_walk(NULL, NULL, &t), 0);
	assert_int_equal(t.mismatch_bytes, 2 * SZ_4K);
}

static void lent_cma_pages_are_the_zones(void **state)
{
	(void)state;
	add_ram(BASE, SZ_4M);
	assert_int_equal(memblock_add(BASE, SZ_4M), 0);
	reserve(BASE, SZ_2M, OWNER_CMA, RULE_BOOTARG);
	ledger_set_runs(give_runs);
	add_run(BASE, SZ_4M, LEDGER_ZONE_FREE);
	assert_int_equal(ledger_check(NULL), 0);
}

static void memory_that_no_source_describes_is_a_mismatch(void **state)
{
	(void)state;
	small_board();
	assert_int_equal(memblock_add(BASE + SZ_1G, SZ_4K), 0);
	struct ledger_totals t;
	assert_int_equal(ledger_walk(NULL, NULL, &t), 0);
	assert_int_equal(t.mismatch_bytes, SZ_4K);
	assert_int_equal(t.accounted_bytes, 64 * SZ_1M);
}

/* ---- the oracle ---- */

#define SPACE 4096

struct oracle {
	uint8_t kind[SPACE];
	uint16_t holder[SPACE];
	unsigned int seen[SPACE];
	phys_addr_t end;
	bool outside;
	struct ledger_row last;
};

static bool compare_row(void *ctx, const struct ledger_row *row)
{
	struct oracle *o = ctx;
	if (row->kind == LEDGER_OUTSIDE && !o->outside) {
		o->outside = true;
		o->end = 0;
		o->last.size = 0;
	}
	assert_true(row->size != 0 && row->base >= o->end);
	bool mergeable = o->last.size != 0 && o->end == row->base && o->last.kind == row->kind &&
			 o->last.flags == row->flags && o->last.detail == row->detail &&
			 mem_owner_equal(o->last.owner, row->owner);
	assert_false(mergeable);
	o->last = *row;
	o->end = row->base + row->size;
	for (phys_addr_t a = row->base; a < o->end; a++) {
		assert_int_equal(o->kind[a - BASE], row->kind);
		assert_int_equal(o->holder[a - BASE], row->owner.kind);
		o->seen[a - BASE]++;
	}
	return true;
}

static uint64_t seed_state;

static uint32_t random_below(uint32_t n)
{
	seed_state = seed_state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(seed_state >> 33) % n;
}

static void any_mixture_covers_each_byte_of_ram_once(void **state)
{
	(void)state;
	const char *seed_text = getenv("FPG_SEED");
	seed_state = seed_text != NULL ? strtoull(seed_text, NULL, 0) : 42;
	print_message("FPG_SEED=%llu\n", (unsigned long long)seed_state);
	static struct oracle o;
	for (int round = 0; round < 300; round++) {
		setup(NULL);
		memset(&o, 0, sizeof(o));
		memset(o.kind, 0xff, sizeof(o.kind));
		for (uint32_t at = random_below(100); at < SPACE - 300; at += random_below(200)) {
			uint32_t size = 1 + random_below(200);
			uint32_t skip = random_below(3) == 0 ? random_below(size) : 0;
			skip = random_below(8) == 0 ? size : skip;
			memset(o.kind + at, LEDGER_CUT, skip);
			memset(o.kind + at + skip, LEDGER_FREE, size - skip);
			if (skip != 0) {
				add_cut(BASE + at, skip, BOOT_RAM_CUT_MEM);
			}
			if (skip != size) {
				add_ram(BASE + at + skip, size - skip);
				assert_int_equal(memblock_add(BASE + at + skip, size - skip), 0);
			}
			at += size;
		}
		for (uint32_t i = random_below(30); i != 0; i--) {
			uint32_t at = random_below(SPACE - 100);
			uint32_t size = 1 + random_below(100);
			uint16_t kind = (uint16_t)(OWNER_FIRMWARE + random_below(4));
			reserve(BASE + at, size, (enum owner_kind)kind, RULE_NONE);
			for (uint32_t a = at; a < at + size; a++) {
				if (o.holder[a] == 0) {
					o.holder[a] = kind;
					o.kind[a] = o.kind[a] == 0xff ||
								    o.kind[a] == LEDGER_OUTSIDE ?
							    LEDGER_OUTSIDE :
							    LEDGER_HELD;
				}
			}
		}
		struct ledger_totals t;
		assert_int_equal(ledger_walk(compare_row, &o, &t), 0);
		phys_addr_t ram_bytes = 0;
		for (uint32_t a = 0; a < SPACE; a++) {
			assert_int_equal(o.seen[a], o.kind[a] != 0xff);
			ram_bytes += o.kind[a] != 0xff && o.kind[a] != LEDGER_OUTSIDE;
		}
		assert_int_equal(t.ram_bytes, ram_bytes);
		assert_int_equal(t.mismatch_bytes, 0);
	}
}

static void why_answers_in_sentences(void **state)
{
	(void)state;
	small_board();
	reserve(BASE + SZ_2M, SZ_2M, OWNER_BOOTARG, RULE_BOOTARG);
	assert_int_equal(ledger_why_print(&sink.out, BASE + 5), 0);
	assert_non_null(strstr(got, "held by 'firmware' since the stage 'memblock'.\n"));
	assert_non_null(strstr(got, "firmware_guess=off in the bootargs frees it."));
	assert_non_null(strstr(got, "part of the RAM at 0x80000000-0x84000000 (64 MiB)"));
	out_buffer_init(&sink, got, sizeof(got));
	assert_int_equal(ledger_why_print(&sink.out, BASE + SZ_2M), 0);
	assert_non_null(strstr(got, "Claimed as well, later, by 'bootargs reserve'"));
	out_buffer_init(&sink, got, sizeof(got));
	assert_int_equal(ledger_why_print(&sink.out, 0x180000000), 0);
	assert_non_null(strstr(got, "The nearest RAM is 0x80000000-0x84000000 (64 MiB), node 0."));
	assert_non_null(strstr(got, "no enabled memory node describes this address"));
	assert_non_null(strstr(
		got, "The device tree describes 64 MiB of RAM in 1 range between 0x80000000 and "
		     "0x84000000."));
}

static void of_many_claims_the_first_are_told_and_the_others_counted(void **state)
{
	(void)state;
	small_board();
	for (uint64_t i = 1; i <= 20; i++) {
		reserve(BASE, i * SZ_4K, OWNER_BOOTARG, RULE_BOOTARG);
	}
	assert_int_equal(ledger_why_print(&sink.out, BASE), 0);
	assert_non_null(strstr(got, "0x80000000-0x80010000.\n"));
	assert_null(strstr(got, "0x80000000-0x80011000.\n"));
	assert_non_null(strstr(got, "And by 4 more.\n"));
}

static void nobody_is_told_to_remove_the_node_of_the_firmware(void **state)
{
	(void)state;
	small_board();
	reserve(BASE + 8 * SZ_1M, SZ_1M, OWNER_FIRMWARE, RULE_NODE_REG);
	reserve(BASE + 9 * SZ_1M, SZ_1M, OWNER_RESERVED_NODE, RULE_NODE_REG);
	assert_int_equal(ledger_why_print(&sink.out, BASE + 8 * SZ_1M), 0);
	assert_non_null(strstr(got, "runs in M-mode"));
	assert_null(strstr(got, "change or remove that node"));
	assert_int_equal(ledger_why_print(&sink.out, BASE + 9 * SZ_1M), 0);
	assert_non_null(strstr(got, "change or remove that node"));
}

static void the_json_of_the_rows_adds_up(void **state)
{
	(void)state;
	struct json j;
	add_ram(BASE, SZ_2M);
	assert_int_equal(memblock_add(BASE, SZ_2M), 0);
	reserve(BASE, SZ_4K, OWNER_DTB, RULE_A1);
	json_init(&j, &sink.out);
	json_object_begin(&j);
	assert_int_equal(ledger_json(&j), 0);
	json_object_end(&j);
	assert_string_equal(
		got,
		"{\"rows\":[{\"base\":\"0x80000000\",\"size\":\"0x1000\",\"state\":\"held\",\"holder\":"
		"\"device tree blob\",\"stage\":\"memblock\",\"rule\":\"passed by firmware in a1\","
		"\"node\":0,\"nomap\":false},{\"base\":\"0x80001000\",\"size\":\"0x1ff000\",\"state\":"
		"\"free\",\"holder\":\"free\",\"node\":0,\"nomap\":false}],\"outside\":[],"
		"\"ram_bytes\":\"0x200000\",\"accounted_bytes\":\"0x200000\","
		"\"mismatch_bytes\":\"0x0\",\"exact\":true}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(it_says_when_it_is_not_available, setup),
		cmocka_unit_test_setup(the_table_ends_with_an_exact_sum, setup),
		cmocka_unit_test_setup(what_was_cut_has_rows_that_say_why, setup),
		cmocka_unit_test_setup(after_the_hand_over_zones_hold_the_free_memory, setup),
		cmocka_unit_test_setup(a_page_that_nobody_knows_is_a_mismatch_of_its_size, setup),
		cmocka_unit_test_setup(a_page_held_twice_is_a_mismatch_of_its_size, setup),
		cmocka_unit_test_setup(lent_cma_pages_are_the_zones, setup),
		cmocka_unit_test_setup(memory_that_no_source_describes_is_a_mismatch, setup),
		cmocka_unit_test_setup(any_mixture_covers_each_byte_of_ram_once, setup),
		cmocka_unit_test_setup(why_answers_in_sentences, setup),
		cmocka_unit_test_setup(of_many_claims_the_first_are_told_and_the_others_counted,
				       setup),
		cmocka_unit_test_setup(nobody_is_told_to_remove_the_node_of_the_firmware, setup),
		cmocka_unit_test_setup(the_json_of_the_rows_adds_up, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
