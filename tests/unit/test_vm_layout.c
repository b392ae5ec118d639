/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves that the layouts of all modes are what the map relies on (canonical, apart from each other, the frame table in
 * one root entry, the image and the fixmap in the last one), and that the mode with the fewest levels is chosen that the
 * hart has and that holds RAM.
 */
#include "fpg/base/range.h"
#include "fpg/pagetable/fixmap.h"
#include "fpg/pagetable/kernel_map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct vm_layout *const layouts[] = { &vm_layout_sv39, &vm_layout_sv48,
						   &vm_layout_sv57 };

#define TIB ((uint64_t)1 << 40)

struct part {
	uint64_t base;
	uint64_t bytes;
};

static void parts_are_canonical_and_apart(void **state)
{
	(void)state;
	for (size_t n = 0; n < ARRAY_SIZE(layouts); n++) {
		const struct vm_layout *l = layouts[n];
		const uint64_t upper = ~(uint64_t)0 << (l->mode->va_bits - 1);
		/* Ascending. */
		const struct part parts[] = {
			{ l->vmemmap.v, l->vmemmap_bytes },
			{ l->vmalloc.v, l->vmalloc_bytes },
			{ l->linear.v, l->linear_bytes },
			{ FIXMAP_BASE, SZ_1G },
		};
		uint64_t end = upper;
		for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
			assert_true(parts[i].base >= end);
			assert_true(parts[i].bytes > 0);
			end = parts[i].base + parts[i].bytes;
			assert_true(end > parts[i].base);
		}
		assert_true(end <= 0xffffffff80000000);
	}
}

static void the_frame_table_has_one_root_entry_and_holds_the_window(void **state)
{
	(void)state;
	for (size_t n = 0; n < ARRAY_SIZE(layouts); n++) {
		const struct vm_layout *l = layouts[n];
		const uint64_t entry = pt_level_bytes(l->mode->levels - 1U);
		assert_int_equal(l->vmemmap_bytes, entry);
		assert_true(IS_ALIGNED(l->vmemmap.v, entry));
		assert_true(l->linear_bytes / PAGE_SIZE * sizeof(struct page) <= entry);
		assert_true(IS_ALIGNED(l->linear.v, LINEAR_BASE_ALIGN));
		assert_true(l->linear_leaf < l->mode->levels && l->linear_leaf >= 2);
		/* Nothing else lies in that entry. */
		assert_true(l->vmalloc.v >= l->vmemmap.v + entry);
	}
}

static void deeper_modes_hold_more_and_share_the_top(void **state)
{
	(void)state;
	for (size_t n = 1; n < ARRAY_SIZE(layouts); n++) {
		assert_true(layouts[n]->linear_bytes > layouts[n - 1]->linear_bytes);
		assert_int_equal(layouts[n]->mode->levels, layouts[n - 1]->mode->levels + 1);
	}
	/* Sv57 reaches half of what can be addressed: RISC-V Privileged v1.12, 4.6.1, 56 bits. */
	assert_int_equal(vm_layout_sv57.linear_bytes, (uint64_t)1 << 55);
}

static void regions_have_names(void **state)
{
	(void)state;
	for (size_t n = 0; n < ARRAY_SIZE(layouts); n++) {
		const struct vm_layout *l = layouts[n];
		assert_string_equal(vm_layout_region(l, l->linear), "linear map");
		assert_string_equal(vm_layout_region(l, vaddr(l->linear.v - 1)), "vmalloc");
		assert_string_equal(vm_layout_region(l, vaddr(l->linear.v + l->linear_bytes)), "");
		assert_string_equal(vm_layout_region(l, l->vmemmap), "frame table");
		assert_string_equal(vm_layout_region(l, vaddr(FIXMAP_BASE)), "fixmap");
		assert_string_equal(vm_layout_region(l, vaddr(0xffffffff80000000)), "image");
		assert_string_equal(vm_layout_region(l, vaddr(-PAGE_SIZE)), "");
		assert_string_equal(vm_layout_region(l, vaddr(0x1000)), "");
	}
}

/** Bit n: the hart has satp mode n; and which it was asked for. */
static uint32_t modes;
static uint32_t asked;

static bool has(const struct vm_layout *layout)
{
	asked |= (uint32_t)1 << layout->mode->satp_mode;
	return (modes >> layout->mode->satp_mode & 1) != 0;
}

static struct vm_choice choose(uint32_t hart, unsigned int satp, uint64_t span)
{
	modes = hart;
	asked = 0;
	return vm_layout_choose(satp, span, has);
}

#define SV39 (1U << 8)
#define SV48 (1U << 9)
#define SV57 (1U << 10)
#define ALL  (SV39 | SV48 | SV57)

static void the_fewest_levels_that_hold_ram_are_chosen(void **state)
{
	(void)state;
	static const struct {
		uint64_t span;
		const struct vm_layout *want;
		uint32_t asked;
	} cases[] = {
		{ SZ_1G, &vm_layout_sv39, SV39 },
		{ 124 * SZ_1G, &vm_layout_sv39, SV39 },
		{ 124 * SZ_1G + 1, &vm_layout_sv48, SV39 | SV48 },
		{ TIB, &vm_layout_sv48, SV39 | SV48 },
		{ 64 * TIB, &vm_layout_sv48, SV39 | SV48 },
		{ 64 * TIB + PAGE_SIZE, &vm_layout_sv57, ALL },
		{ (uint64_t)1 << 55, &vm_layout_sv57, ALL },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct vm_choice c = choose(ALL, 0, cases[i].span);
		assert_ptr_equal(c.layout, cases[i].want);
		assert_true(c.covers);
		assert_null(c.refused);
		assert_int_equal(asked, cases[i].asked);
	}
	assert_false(choose(ALL, 0, ((uint64_t)1 << 55) + 1).covers);
}

static void a_hart_without_levels_enough_gives_the_most_it_has(void **state)
{
	(void)state;
	struct vm_choice c = choose(SV39, 0, TIB);
	assert_ptr_equal(c.layout, &vm_layout_sv39);
	assert_false(c.covers);
	c = choose(SV39 | SV48, 0, 65 * TIB);
	assert_ptr_equal(c.layout, &vm_layout_sv48);
	assert_false(c.covers);
	c = choose(SV39 | SV57, 0, TIB);
	assert_ptr_equal(c.layout, &vm_layout_sv57);
	assert_true(c.covers);
	assert_null(choose(0, 0, TIB).layout);
}

static void a_mode_that_is_asked_for_is_taken_or_named(void **state)
{
	(void)state;
	struct vm_choice c = choose(ALL, 10, SZ_1G);
	assert_ptr_equal(c.layout, &vm_layout_sv57);
	assert_true(c.covers);
	assert_null(c.refused);
	/* Also one that is too small. */
	c = choose(ALL, 8, TIB);
	assert_ptr_equal(c.layout, &vm_layout_sv39);
	assert_false(c.covers);
	/* Refused: as if nothing had been asked for. */
	c = choose(SV39 | SV48, 10, TIB);
	assert_ptr_equal(c.refused, &vm_layout_sv57);
	assert_ptr_equal(c.layout, &vm_layout_sv48);
	c = choose(SV39, 9, SZ_1G);
	assert_ptr_equal(c.refused, &vm_layout_sv48);
	assert_ptr_equal(c.layout, &vm_layout_sv39);
	assert_true(c.covers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_are_canonical_and_apart),
		cmocka_unit_test(the_frame_table_has_one_root_entry_and_holds_the_window),
		cmocka_unit_test(deeper_modes_hold_more_and_share_the_top),
		cmocka_unit_test(regions_have_names),
		cmocka_unit_test(the_fewest_levels_that_hold_ram_are_chosen),
		cmocka_unit_test(a_hart_without_levels_enough_gives_the_most_it_has),
		cmocka_unit_test(a_mode_that_is_asked_for_is_taken_or_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
