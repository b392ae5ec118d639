/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves that `pagetable` shows what is mapped, as text and as JSON: merged ranges whose sizes add up, permissions,
 * sizes of leaves with 64 KiB ones among them, hidden pages, no W+X page; and that `pagetable walk` shows each level,
 * and says why where there is nothing.
 */
#include "vm_machine.h"

#include "fpg/monitor/command.h"
#include "fpg/pagetable/dump.h"

#include <errno.h>
#include <stdio.h>

static char got[1 << 16];
static struct out_buffer sink;
static struct monitor m;

static void start(const struct vm_layout *layout, bool small, bool napot)
{
	const struct vm_machine_options how = { .layout = layout,
						.memory_types = PT_NONCACHED | PT_IO,
						.small_leaves = small,
						.napot = napot };
	vm_machine_start(64 * SZ_1M, &how);
	out_buffer_init(&sink, got, sizeof(got));
	monitor_init(&m, &sink.out);
}

/** Run @line; what it answers is in got. */
static int answer(const char *line)
{
	out_buffer_init(&sink, got, sizeof(got));
	const int r = monitor_run_line(&m, line);
	assert_int_equal(sink.overflow, 0);
	return r;
}

static bool says(const char *text)
{
	return strstr(got, text) != NULL;
}

static unsigned int times(const char *text)
{
	unsigned int n = 0;
	for (const char *at = got; (at = strstr(at, text)) != NULL; at++) {
		n++;
	}
	return n;
}

static void the_text_names_mode_tables_leaves_and_every_part(void **state)
{
	(void)state;
	for (size_t n = 0; n < ARRAY_SIZE(machine_layouts); n++) {
		char text[64];
		start(machine_layouts[n], false, false);
		assert_int_equal(answer("pagetable"), 0);
		snprintf(text, sizeof(text), "%s, root table at 0x%llx, ", map.pt.mode->name,
			 (unsigned long long)map.pt.root);
		assert_true(strstr(got, text) == got);
		snprintf(text, sizeof(text), "%llu pages of tables",
			 (unsigned long long)kernel_map_tables(&map));
		assert_true(says(text));
		assert_true(says(" x 2M, ") && says(" x 4K\n"));
		assert_true(says("r-x--") || says("r-x-g"));
		assert_true(says(" linear map ") && says(" image ") && says(" frame table"));
		assert_true(says("W+X pages: 0\n"));
		assert_false(says("hidden") || says("64K"));
		assert_int_equal(vm_machine_end(NULL), 0);
	}
}

/** Adds up what follows each "@key":"0x in the array of ranges. */
static uint64_t sum_of(const char *key)
{
	char text[32];
	uint64_t sum = 0;
	const char *at = strstr(got, "\"ranges\":[");
	assert_non_null(at);
	snprintf(text, sizeof(text), "\"%s\":\"0x", key);
	while ((at = strstr(at, text)) != NULL) {
		at += strlen(text);
		sum += strtoull(at, NULL, 16);
	}
	return sum;
}

static void the_ranges_of_the_json_add_up_to_its_totals(void **state)
{
	(void)state;
	for (size_t n = 0; n < ARRAY_SIZE(machine_layouts); n++) {
		char text[96];
		struct pt_totals t;
		start(machine_layouts[n], true, false);
		m.json = true;
		assert_int_equal(answer("pagetable"), 0);
		const unsigned int ranges = times("\"va\":");
		void *page = __get_free_pages(GFP_KERNEL, 2);
		assert_non_null(page);
		assert_int_equal(pt_set_present(&map.pt,
						vaddr(port_virt_to_phys(page) + map.linear_offset),
						4 * PAGE_SIZE, false),
				 4);
		assert_int_equal(answer("pagetable"), 0);
		pt_totals(&map.pt, &t);
		assert_int_equal(sum_of("bytes"), t.mapped_bytes + t.zero_bytes + t.hidden_bytes);
		assert_int_equal(sum_of("hidden_bytes"), 4 * PAGE_SIZE);
		snprintf(text, sizeof(text), "\"mode\":\"%s\"", map.pt.mode->name);
		assert_true(says(text) && says("\"wx_pages\":0,"));
		/* Members of the answer itself, not of one inside it. */
		assert_true(says("\"command\":\"pagetable\",\"version\":1,\"mode\":"));
		snprintf(text, sizeof(text), "\"leaves\":{\"4K\":%llu,\"64K\":0,\"2M\":",
			 (unsigned long long)t.leaves[0]);
		assert_true(says(text));
		assert_true(says("\"hidden_bytes\":\"0x4000\",\"linear_offset\""));
		/* Hidden pages do not cut the linear map in pieces. */
		assert_int_equal(times("\"va\":"), ranges);
		assert_int_equal(vm_machine_end(NULL), 0);
	}
}

static void hidden_pages_are_counted_in_the_line_they_belong_to(void **state)
{
	(void)state;
	start(&vm_layout_sv39, true, false);
	const vaddr_t va = vaddr(VM_RAM_BASE + 32 * SZ_1M + map.linear_offset);
	for (uint64_t i = 0; i < 10; i++) {
		assert_int_equal(pt_set_present(&map.pt, vaddr(va.v + 2 * i * PAGE_SIZE), PAGE_SIZE,
						false),
				 1);
	}
	assert_int_equal(answer("pagetable"), 0);
	assert_true(says(" x 4K, 10 pages hidden\n"));
	assert_true(says(", hidden: 40 KiB\n"));
	char line[64];
	snprintf(line, sizeof(line), "pagetable walk 0x%llx", (unsigned long long)va.v + 5);
	assert_int_equal(answer(line), 0);
	assert_true(says("leaf of 4K, rw--g, hidden: its V bit was taken away\n"));
	assert_true(says("(linear map): not mapped; physical 0x82000005 when it is shown again\n"));
	m.json = true;
	assert_int_equal(answer(line), 0);
	assert_true(says("\"mapped\":false,\"hidden\":true,\"physical\":\"0x82000005\""));
	assert_int_equal(vm_machine_end(NULL), 0);
}

static void leaves_of_64_kib_have_their_own_count_and_name(void **state)
{
	(void)state;
	start(&vm_layout_sv39, false, true);
	assert_true(map.pt.count.napot > 0);
	assert_int_equal(answer("pagetable"), 0);
	char text[64];
	struct pt_totals t;
	pt_totals(&map.pt, &t);
	snprintf(text, sizeof(text), ", %llu x 64K, %llu x 4K\n", (unsigned long long)t.napot,
		 (unsigned long long)t.leaves[0]);
	assert_true(says(text));
	struct pt_walk walk = { 0 };
	phys_addr_t at = VM_RAM_BASE;
	for (; !walk.napot; at += SZ_64K) {
		assert_int_equal(pt_walk(&map.pt, vaddr(at + map.linear_offset), &walk), 0);
	}
	at += 0x5678 - SZ_64K;
	snprintf(text, sizeof(text), "pagetable walk 0x%llx",
		 (unsigned long long)(at + map.linear_offset));
	assert_int_equal(answer(text), 0);
	snprintf(text, sizeof(text), "(linear map): physical 0x%llx\n", (unsigned long long)at);
	assert_true(says("leaf of 64K, r") && says(text));
	m.json = true;
	assert_int_equal(answer("pagetable"), 0);
	snprintf(text, sizeof(text), "\"64K\":%llu,\"2M\":", (unsigned long long)t.napot);
	assert_true(says(text));
	assert_int_equal(vm_machine_end(NULL), 0);
}

static void pages_that_lie_scattered_are_one_line_for_people_and_exact_for_scripts(void **state)
{
	(void)state;
	start(&vm_layout_sv39, false, false);
	const vaddr_t va = vaddr(vm_layout_sv39.vmalloc.v + SZ_1G);
	for (uint64_t i = 0; i < 8; i++) {
		const phys_addr_t pa = VM_RAM_BASE + (i ^ 1) * PAGE_SIZE;
		assert_int_equal(kernel_pt_map(vaddr(va.v + i * PAGE_SIZE), pa, PAGE_SIZE,
					       MEM_R | MEM_W, 0),
				 0);
	}
	assert_int_equal(answer("pagetable"), 0);
	assert_int_equal(times(" vmalloc "), 1);
	assert_true(says("8 pieces") && says("32 KiB rw--g    vmalloc     8 x 4K\n"));
	m.json = true;
	assert_int_equal(answer("pagetable"), 0);
	assert_int_equal(times("\"region\":\"vmalloc\""), 8);
	assert_int_equal(vm_machine_end(NULL), 0);
}

static void a_walk_shows_each_level_down_to_the_leaf_or_to_where_nothing_is(void **state)
{
	(void)state;
	for (size_t n = 0; n < ARRAY_SIZE(machine_layouts); n++) {
		start(machine_layouts[n], false, false);
		assert_int_equal(answer("pagetable walk 0xffffffff80000123"), 0);
		assert_int_equal(times("  level "), map.pt.mode->levels);
		assert_int_equal(times(": leaf of 4K, r-x-g\n"), 1);
		assert_true(says("\n0xffffffff80000123 (image): physical 0x80200123\n"));
		assert_int_equal(answer("pagetable walk 0x1000"), 0);
		assert_int_equal(times("  level "), 1);
		assert_true(says(": nothing\n0x1000: not mapped\n"));
		assert_int_equal(answer("pagetable walk 0xfff"), 0);
		assert_int_equal(answer("pagetable walk 0x123456789abcdef0"), -EINVAL);
		m.json = true;
		assert_int_equal(answer("pagetable walk 0xffffffff80000123"), 0);
		assert_int_equal(times("\"level\":"), map.pt.mode->levels);
		assert_true(says("\"region\":\"image\"") && says("\"leaf\":\"4K\""));
		assert_true(says("\"mapped\":true,\"hidden\":false,\"physical\":\"0x80200123\""));
		assert_int_equal(vm_machine_end(NULL), 0);
	}
}

static void what_cannot_be_walked_is_refused_with_the_reason(void **state)
{
	(void)state;
	start(&vm_layout_sv39, false, false);
	assert_int_equal(answer("pagetable walk 0x8000000000"), -EINVAL);
	assert_true(says("0x8000000000 is not canonical in sv39: bits 63 to 38 must all be equal"));
	assert_int_equal(answer("pagetable walk here"), -EINVAL);
	assert_true(says("'here' is not an address"));
	assert_int_equal(answer("pagetable walk"), -EINVAL);
	assert_int_equal(answer("pagetable all"), -EINVAL);
	assert_true(says("usage: pagetable [walk ADDRESS]"));
	assert_int_equal(vm_machine_end(NULL), 0);
}

static void a_writable_and_executable_page_is_counted_and_pointed_out(void **state)
{
	(void)state;
	start(&vm_layout_sv39, false, false);
	const vaddr_t va = vaddr(vm_layout_sv39.vmalloc.v + SZ_1G);
	map.pt.allow_wx = true;
	assert_int_equal(kernel_pt_map(va, VM_RAM_BASE, 3 * PAGE_SIZE, MEM_R | MEM_W | MEM_X, 0),
			 0);
	assert_int_equal(answer("pagetable"), 0);
	assert_true(says("W+X pages: 3, and there should be none\n"));
	m.json = true;
	assert_int_equal(answer("pagetable"), 0);
	assert_true(says("\"wx_pages\":3,"));
	assert_int_equal(vm_machine_end(NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_text_names_mode_tables_leaves_and_every_part),
		cmocka_unit_test(the_ranges_of_the_json_add_up_to_its_totals),
		cmocka_unit_test(hidden_pages_are_counted_in_the_line_they_belong_to),
		cmocka_unit_test(leaves_of_64_kib_have_their_own_count_and_name),
		cmocka_unit_test(
			pages_that_lie_scattered_are_one_line_for_people_and_exact_for_scripts),
		cmocka_unit_test(a_walk_shows_each_level_down_to_the_leaf_or_to_where_nothing_is),
		cmocka_unit_test(what_cannot_be_walked_is_refused_with_the_reason),
		cmocka_unit_test(a_writable_and_executable_page_is_counted_and_pointed_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
