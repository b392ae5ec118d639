/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ioremap over real tables: registers come out at the same place in their page, with the memory type that the hart has,
 * in the largest leaves that fit; memory and nonsense are refused by name, and change nothing.
 */
#include "vm_books.h"

#include "fpg/base/range.h"

static void registers_keep_their_offset_and_get_their_type(void **state)
{
	(void)state;
	for (uint32_t types = 0; types <= 1; types++) {
		const struct vm_machine_options how = {
			.layout = &vm_layout_sv39,
			.memory_types = types ? PT_NONCACHED | PT_IO : 0,
		};
		start(&how);
		const struct books before = books();
		char *uart = ioremap(0x10000005, 4);
		assert_int_equal(vaddr_of(uart).v & (PAGE_SIZE - 1), 5);
		check_area(uart - 5, PAGE_SIZE, MEM_R | MEM_W | (types ? PT_IO : 0));
		assert_int_equal(vm_machine_walk(uart).phys, 0x10000005);
		/* Across a page. */
		char *two = ioremap(0x10000ffc, 8);
		check_area(two - 0xffc, 2 * PAGE_SIZE, MEM_R | MEM_W | (types ? PT_IO : 0));
		char *wc = ioremap_wc(0x40000000, 64 * SZ_1M);
		check_area(wc, 64 * SZ_1M, MEM_R | MEM_W | (types ? PT_NONCACHED : 0));
		assert_int_equal(vm_machine_walk(wc).level, 1);
		iounmap(uart);
		iounmap(two);
		iounmap(wc);
		assert_same(&before);
		assert_int_equal(page_check_warnings, 0);
		(void)vm_machine_end(NULL);
	}
}

static void memory_is_no_register(void **state)
{
	const struct {
		phys_addr_t phys;
		size_t bytes;
		const char *why;
	} bad[] = {
		{ VM_RAM_BASE, 4, "it is RAM" },
		{ VM_RAM_BASE + 17, 4, "it is RAM" },
		{ VM_RAM_BASE + 64 * SZ_1M - 1, 1, "it is RAM" },
		{ VM_RAM_BASE - 1, 2, "it is RAM" },
		{ VM_RAM_BASE - SZ_1G, 2 * SZ_1G, "it is RAM" },
		{ 0x10000000, 0, "no bytes" },
		{ 1ULL << 56, 1, "no such addresses" },
		{ (1ULL << 56) - 1, 2, "no such addresses" },
		{ 0x10000000, SIZE_MAX, "no such addresses" },
		{ 0x100000000, 1ULL << 55, "no room" },
	};
	(void)state;
	start(&plain);
	const struct books before = books();
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		page_check_warning[0] = '\0';
		assert_null(ioremap(bad[i].phys, bad[i].bytes));
		assert_non_null(strstr(page_check_warning, bad[i].why));
	}
	assert_same(&before);
	/* The page before memory, and the last page there is. */
	iounmap(ioremap(VM_RAM_BASE - PAGE_SIZE, PAGE_SIZE));
	iounmap(ioremap((1ULL << 56) - PAGE_SIZE, PAGE_SIZE));
	assert_same(&before);
}

#define HIDDEN (VM_RAM_BASE + 32 * SZ_1M)

static void hide(void)
{
	assert_int_equal(memblock_mark_nomap(HIDDEN, SZ_1M), 0);
}

/** Of no-map RAM there is no other mapping, of other RAM there is. */
static void no_map_ram_can_be_mapped_and_other_ram_cannot(void **state)
{
	(void)state;
	const struct vm_machine_options how = { .layout = &vm_layout_sv39, .before_pages = hide };
	const phys_addr_t hidden = HIDDEN;
	start(&how);
	const struct books before = books();
	assert_null(memremap_wc(VM_RAM_BASE, PAGE_SIZE));
	assert_null(memremap_wc(hidden - 1, 2));
	assert_null(memremap_wc(hidden, SZ_1M + 1));
	assert_int_equal(page_check_warnings, 3);
	assert_null(ioremap(hidden, PAGE_SIZE));
	assert_same(&before);
	char *va = memremap_wc(hidden, SZ_1M);
	check_area(va, SZ_1M, MEM_R | MEM_W);
	assert_int_equal(vm_machine_walk(va).phys, hidden);
	iounmap(va);
	assert_same(&before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(registers_keep_their_offset_and_get_their_type),
		cmocka_unit_test_teardown(memory_is_no_register, vm_machine_end),
		cmocka_unit_test_teardown(no_map_ram_can_be_mapped_and_other_ram_cannot,
					  vm_machine_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
