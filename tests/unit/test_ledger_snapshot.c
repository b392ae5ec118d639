/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves that snapshots keep a moment, that differences are exact to the byte, that the map depends
 * on a moment only and has the promised form, and that warnings are kept and counted.
 */
#include "ledger_fixture.h"

/* ---- snapshots and differences ---- */

struct change {
	phys_addr_t base;
	phys_addr_t size;
	int from;
	int to;
};

static struct change changes[32];
static uint32_t change_count;

static bool note_change(void *ctx, struct phys_range range, const struct ledger_row *from,
			const struct ledger_row *to)
{
	(void)ctx;
	changes[change_count++] = (struct change){ range.base, range.size,
						   from != NULL ? from->kind : -1,
						   to != NULL ? to->kind : -1 };
	return true;
}

static void a_difference_shows_exactly_what_changed(void **state)
{
	(void)state;
	small_board();
	assert_int_equal(ledger_snapshot("before"), 0);
	change_count = 0;
	assert_int_equal(ledger_diff(ledger_snapshot_find("before"), NULL, note_change, NULL), 0);
	assert_int_equal(change_count, 0);
	reserve(BASE + SZ_4M, 100, OWNER_BOOT, RULE_ALLOC);
	reserve(0x50000000, 7, OWNER_BOOT, RULE_ALLOC);
	assert_int_equal(memblock_phys_free(BASE + 0x7f000, SZ_4K), 0);
	assert_int_equal(memblock_phys_free(0x40000000, 16), 0);
	assert_int_equal(ledger_snapshot("after"), 0);
	static const struct change want[] = {
		{ BASE + 0x7f000, SZ_4K, LEDGER_HELD, LEDGER_FREE },
		{ BASE + SZ_4M, 100, LEDGER_FREE, LEDGER_HELD },
		{ 0x40000000, 16, LEDGER_OUTSIDE, -1 },
		{ 0x50000000, 7, -1, LEDGER_OUTSIDE },
	};
	for (int stored = 0; stored < 2; stored++) {
		const struct ledger_snapshot *to = stored ? ledger_snapshot_find("after") : NULL;
		change_count = 0;
		assert_int_equal(ledger_diff(ledger_snapshot_find("before"), to, note_change, NULL),
				 0);
		assert_int_equal(change_count, ARRAY_SIZE(want));
		for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
			assert_int_equal(changes[i].base, want[i].base);
			assert_int_equal(changes[i].size, want[i].size);
			assert_int_equal(changes[i].from, want[i].from);
			assert_int_equal(changes[i].to, want[i].to);
		}
	}
}

static void a_snapshot_of_the_same_name_replaces_the_older_one(void **state)
{
	(void)state;
	small_board();
	uint32_t before = 0;
	while (ledger_snapshot_at(before) != NULL) {
		before++;
	}
	for (int i = 0; i < 5000; i++) {
		assert_int_equal(ledger_snapshot("again"), 0);
	}
	assert_null(ledger_snapshot_at(before + 1));
	assert_int_equal(ledger_snapshot_find("again")->totals.ram_bytes, 64 * SZ_1M);
}

static void a_snapshot_without_room_is_refused_until_memory_is_given(void **state)
{
	(void)state;
	static struct ledger_row more[8192];
	add_ram(BASE, SZ_1G);
	assert_int_equal(memblock_add(BASE, SZ_1G), 0);
	memblock_allow_resize();
	memblock_set_current_limit(1);
	for (uint32_t i = 0; i < 60; i++) {
		reserve(BASE + i * 4 * SZ_4K, SZ_4K, OWNER_BOOT, RULE_ALLOC);
	}
	int err = 0;
	char name[8] = "fill-a";
	for (int i = 0; i < 12 && err == 0; i++) {
		name[5] = (char)('a' + i);
		err = ledger_snapshot(name);
	}
	assert_int_equal(err, -ENOSPC);
	assert_null(ledger_snapshot_find(name));
	ledger_give_memory(more, sizeof(more));
	assert_int_equal(ledger_snapshot(name), 0);
	assert_non_null(ledger_snapshot_find(name));
}

static void room_for_snapshots_comes_from_memblock_by_name(void **state)
{
	(void)state;
	void *memory = NULL;
	assert_int_equal(posix_memalign(&memory, SZ_2M, 64 * SZ_1M), 0);
	phys_addr_t base = (phys_addr_t)(uintptr_t)memory;
	add_ram(base, 64 * SZ_1M);
	assert_int_equal(memblock_add(base, 64 * SZ_1M), 0);
	assert_int_equal(ledger_reserve_memory(), 0);
	assert_int_equal(ledger_print(&sink.out), 0);
	assert_non_null(strstr(got, "64 KiB  ledger snapshots"));
	free(memory);
}

/* ---- the map ---- */

static void the_map_is_one_object_with_the_promised_members(void **state)
{
	(void)state;
	struct json j;
	small_board();
	assert_int_equal(memblock_reserve_owned(BASE + SZ_4M, SZ_4K, MEMBLOCK_NOMAP,
						mem_owner(OWNER_RESERVED_NODE, RULE_NONE, -1)),
			 0);
	log_emit(LOG_WARN, "test", "node \"x\" is odd");
	json_init(&j, &sink.out);
	assert_int_equal(ledger_map_json(&j, NULL), 0);
	assert_string_equal(
		got,
		"{\"version\":1,\"memory\":[{\"base\":\"0x80000000\",\"size\":\"0x4000000\",\"node\":0}],"
		"\"reserved\":["
		"{\"base\":\"0x80000000\",\"size\":\"0x80000\",\"holder\":\"firmware\",\"nomap\":false},"
		"{\"base\":\"0x80200000\",\"size\":\"0x1001\",\"holder\":\"image .text\",\"nomap\":false},"
		"{\"base\":\"0x80400000\",\"size\":\"0x1000\",\"holder\":\"reserved-memory\",\"nomap\":true},"
		"{\"base\":\"0x40000000\",\"size\":\"0x1000\",\"holder\":\"reserved-memory\",\"nomap\":false}],"
		"\"cut\":[],\"memory_bytes\":\"0x4000000\",\"usable_bytes\":\"0x3f7d000\","
		"\"warnings\":[\"test: node \\\"x\\\" is odd\"]}");
}

static void the_map_of_a_snapshot_is_that_of_its_moment(void **state)
{
	(void)state;
	static char now[4096];
	struct out_buffer b;
	struct json j;
	small_board();
	out_buffer_init(&b, now, sizeof(now));
	json_init(&j, &b.out);
	assert_int_equal(ledger_map_json(&j, NULL), 0);
	assert_int_equal(ledger_snapshot("moment"), 0);
	reserve(BASE + SZ_4M, SZ_1M, OWNER_BOOT, RULE_ALLOC);
	log_emit(LOG_WARN, "test", "later");
	json_init(&j, &sink.out);
	assert_int_equal(ledger_map_json(&j, ledger_snapshot_find("moment")), 0);
	assert_string_equal(got, now);
}

static void too_many_warnings_are_counted(void **state)
{
	(void)state;
	char text[1001];
	memset(text, 'w', 1000);
	text[1000] = '\0';
	log_set_sink(&sink.out);
	for (int i = 0; i < 100; i++) {
		log_emit(LOG_WARN, "test", "%.800s", text);
	}
	log_set_sink(NULL);
	assert_int_equal(ledger_warning_count(), 100);
	uint32_t kept = 0;
	while (ledger_warning(kept) != NULL) {
		assert_int_equal(strlen(ledger_warning(kept)), strlen("test: ") + 800);
		kept++;
	}
	assert_in_range(kept, 15, 99);
	small_board();
	struct json j;
	out_buffer_init(&sink, got, sizeof(got));
	json_init(&j, &sink.out);
	assert_int_equal(ledger_map_json(&j, NULL), 0);
	assert_non_null(strstr(got, " more warnings\"]}"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_difference_shows_exactly_what_changed, setup),
		cmocka_unit_test_setup(a_snapshot_of_the_same_name_replaces_the_older_one, setup),
		cmocka_unit_test_setup(a_snapshot_without_room_is_refused_until_memory_is_given,
				       setup),
		cmocka_unit_test_setup(room_for_snapshots_comes_from_memblock_by_name, setup),
		cmocka_unit_test_setup(the_map_is_one_object_with_the_promised_members, setup),
		cmocka_unit_test_setup(the_map_of_a_snapshot_is_that_of_its_moment, setup),
		cmocka_unit_test_setup(too_many_warnings_are_counted, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
