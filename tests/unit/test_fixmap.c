/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves that the fixmap's tables map exactly the pages of the open windows and of the blob, at the
 * right places, with a guard page after each, and that running out, leaking and closing wrongly are
 * noticed.
 */
#include "host.h"

#include "fpg/pagetable/fixmap.h"
#include "fpg/pagetable/pte.h"
#include "fpg/port/port.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define RAM	  0x80000000ULL
#define RAM_BYTES (64 * SZ_1M)

static pte_t slot(unsigned int page)
{
	return (pte_t){ fixmap_tables.l0[page / 512][page % 512] };
}

static unsigned int mapped_slots(unsigned int from, unsigned int to)
{
	unsigned int n = 0;
	for (unsigned int i = from; i < to; i++) {
		n += pte_present(0, slot(i));
	}
	return n;
}

/** The slot that maps @pa, from @from on. */
static unsigned int find_slot(unsigned int from, phys_addr_t pa)
{
	while (from < FIX_END && !(pte_present(0, slot(from)) && pte_phys(0, slot(from)) == pa)) {
		from++;
	}
	return from;
}

static int setup(void **state)
{
	(void)state;
	return host_ram_window(RAM, RAM_BYTES) || host_ram_add(RAM, RAM_BYTES);
}

static int teardown(void **state)
{
	(void)state;
	host_ram_release();
	return early_remap_in_use() != 0 || mapped_slots(FIX_WINDOWS, FIX_END) != 0;
}

static void a_window_maps_whole_pages_and_points_at_the_byte_asked_for(void **state)
{
	(void)state;
	char *p = early_memremap(RAM + 0x1ffe, 4);
	assert_ptr_equal(p, port_phys_to_virt(RAM + 0x1ffe));
	p[3] = 1;
	assert_int_equal(mapped_slots(FIX_WINDOWS, FIX_END), 2);
	unsigned int s = find_slot(FIX_WINDOWS, RAM + 0x1000);
	assert_int_equal(slot(s).v, pte_leaf(0, RAM + 0x1000, MEM_R | MEM_W | PT_GLOBAL).v);
	assert_int_equal(slot(s + 1).v, pte_leaf(0, RAM + 0x2000, MEM_R | MEM_W | PT_GLOBAL).v);
	const void *ro = early_memremap_ro(RAM + 0x5000, 1);
	s = find_slot(FIX_WINDOWS, RAM + 0x5000);
	assert_int_equal(pte_prot(0, slot(s)), MEM_R | PT_GLOBAL);
	void *io = early_ioremap(RAM + 0x6004, 4);
	assert_int_equal(early_remap_in_use(), 3);
	early_memunmap(io, 4);
	early_memunmap(ro, 1);
	early_memunmap(p, 4);
}

static void an_unmapped_page_follows_each_window(void **state)
{
	(void)state;
	void *p[FIXMAP_MAX_WINDOWS];
	for (unsigned int i = 0; i < FIXMAP_MAX_WINDOWS; i++) {
		p[i] = early_memremap(RAM + i * SZ_64K, SZ_4K * (1 + i % 3));
		assert_non_null(p[i]);
		unsigned int s = find_slot(FIX_WINDOWS, RAM + i * SZ_64K);
		assert_false(pte_present(0, slot(s - 1)));
		assert_false(pte_present(0, slot(s + 1 + i % 3)));
	}
	assert_null(early_memremap(RAM, 1));
	/* A window in the middle goes and comes back. */
	early_memunmap(p[7], SZ_4K * (1 + 7 % 3));
	p[7] = early_memremap(RAM + 7 * SZ_64K, SZ_4K * (1 + 7 % 3));
	assert_non_null(p[7]);
	for (unsigned int i = 0; i < FIXMAP_MAX_WINDOWS; i++) {
		early_memunmap(p[i], SZ_4K * (1 + i % 3));
	}
	uint32_t windows;
	uint32_t pages;
	early_remap_high_water(&windows, &pages);
	assert_int_equal(windows, FIXMAP_MAX_WINDOWS);
	assert_true(pages >= FIXMAP_MAX_WINDOWS);
}

static void windows_hold_at_least_8_mib_and_say_no_when_full(void **state)
{
	(void)state;
	void *p = early_memremap(RAM + 1, 8 * SZ_1M);
	assert_non_null(p);
	assert_null(early_memremap(RAM, FIXMAP_WINDOW_BYTES - 8 * SZ_1M));
	early_memunmap(p, 8 * SZ_1M);
	assert_null(early_memremap(RAM, FIXMAP_WINDOW_BYTES));
	p = early_memremap(RAM, FIXMAP_WINDOW_BYTES - SZ_4K);
	assert_non_null(p);
	early_memunmap(p, FIXMAP_WINDOW_BYTES - SZ_4K);
}

static void senseless_ranges_are_refused(void **state)
{
	(void)state;
	assert_null(early_memremap(RAM, 0));
	assert_null(early_memremap(PHYS_ADDR_MAX - 1, 4));
	assert_null(early_memremap((1ULL << 56) - 1, 2));
	assert_null(early_memremap(RAM, SIZE_MAX));
	assert_null(fixmap_map_dtb(RAM, 0));
	assert_null(fixmap_map_dtb(RAM, FIXMAP_DTB_BYTES + 1));
}

static void closing_what_is_not_open_changes_nothing(void **state)
{
	(void)state;
	char *p = early_memremap(RAM, SZ_4K);
	early_memunmap(NULL, 1);
	early_memunmap(p + 1, SZ_4K);
	early_memunmap(p, SZ_4K + 1);
	assert_int_equal(early_remap_in_use(), 1);
	assert_int_equal(early_remap_check_leaks(), 1);
	early_memunmap(p, SZ_4K);
	early_memunmap(p, SZ_4K);
	assert_int_equal(early_remap_check_leaks(), 0);
}

static void the_blob_has_one_place_and_is_read_only(void **state)
{
	(void)state;
	/*
	 * First its header, then all of it: the largest there may be, across a page edge at both
	 * ends.
	 */
	const void *p = fixmap_map_dtb(RAM + 0xff8, 40);
	assert_ptr_equal(p, port_phys_to_virt(RAM + 0xff8));
	assert_int_equal(mapped_slots(0, FIX_END), 2);
	p = fixmap_map_dtb(RAM + 0xff8, FIXMAP_DTB_BYTES);
	assert_non_null(p);
	assert_int_equal(mapped_slots(FIX_DTB, FIX_DTB_END), (FIXMAP_DTB_BYTES >> PAGE_SHIFT) + 1);
	assert_int_equal(slot(FIX_DTB).v, pte_leaf(0, RAM, MEM_R | PT_GLOBAL).v);
	assert_false(pte_present(0, slot(FIX_GUARD)));
	assert_false(pte_present(0, slot(FIX_DTB_END)));
	assert_int_equal(early_remap_in_use(), 0);
	p = fixmap_map_dtb(RAM + 8, 40);
	assert_non_null(p);
	assert_int_equal(mapped_slots(FIX_DTB, FIX_DTB_END), 1);
}

static void device_pages_stay_and_are_shared_until_places_run_out(void **state)
{
	(void)state;
	assert_null(fixmap_map_device(RAM + 0xffe, 4));
	for (unsigned int i = 0; i < FIXMAP_DEVICES; i++) {
		const phys_addr_t at = RAM + i * SZ_64K;
		assert_ptr_equal(fixmap_map_device(at + 4, 4), port_phys_to_virt(at + 4));
		assert_ptr_equal(fixmap_map_device(at + 0xff8, 8), port_phys_to_virt(at + 0xff8));
		assert_int_equal(slot(FIX_DEVICE + 2 * i).v,
				 pte_leaf(0, at, MEM_R | MEM_W | PT_GLOBAL).v);
	}
	assert_null(fixmap_map_device(RAM + SZ_1M, 4));
	assert_non_null(fixmap_map_device(RAM, 4));
	assert_int_equal(mapped_slots(FIX_DEVICE, FIX_DEVICE_END), FIXMAP_DEVICES);
	assert_int_equal(early_remap_in_use(), 0);
}

static void random_windows_map_what_they_say(void **state)
{
	(void)state;
	const char *env = getenv("FPG_SEED");
	unsigned int seed = env != NULL ? (unsigned int)strtoul(env, NULL, 0) : 4711;
	print_message("seed %u (FPG_SEED)\n", seed);
	srand(seed);
	struct {
		void *p;
		size_t bytes;
		unsigned int pages;
	} open[40] = { 0 };
	unsigned int pages = 0;
	for (unsigned int n = 0; n < 3000; n++) {
		const unsigned int i = (unsigned int)rand() % ARRAY_SIZE(open);
		if (open[i].p != NULL) {
			early_memunmap(open[i].p, open[i].bytes);
			open[i].p = NULL;
			pages -= open[i].pages;
		} else {
			/* One MiB a window, so that no two open ones begin at the same byte. */
			const phys_addr_t at = RAM + i * SZ_1M + (unsigned int)rand() % 5000;
			open[i].bytes =
				1 + (unsigned int)rand() % (rand() % 3 == 0 ? 1000000 : 9000);
			open[i].p = early_memremap(at, open[i].bytes);
			if (open[i].p != NULL) {
				open[i].pages =
					(unsigned int)((at % SZ_4K + open[i].bytes + SZ_4K - 1) /
						       SZ_4K);
				pages += open[i].pages;
				*((volatile char *)open[i].p + open[i].bytes - 1) = 1;
			}
		}
		if (n % 16 == 0) {
			assert_int_equal(mapped_slots(FIX_WINDOWS, FIX_END), pages);
		}
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(open); i++) {
		early_memunmap(open[i].p, open[i].bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_window_maps_whole_pages_and_points_at_the_byte_asked_for, setup,
			teardown),
		cmocka_unit_test_setup_teardown(an_unmapped_page_follows_each_window, setup,
						teardown),
		cmocka_unit_test_setup_teardown(windows_hold_at_least_8_mib_and_say_no_when_full,
						setup, teardown),
		cmocka_unit_test_setup_teardown(senseless_ranges_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(closing_what_is_not_open_changes_nothing, setup,
						teardown),
		cmocka_unit_test_setup_teardown(the_blob_has_one_place_and_is_read_only, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			device_pages_stay_and_are_shared_until_places_run_out, setup, teardown),
		cmocka_unit_test_setup_teardown(random_windows_map_what_they_say, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
