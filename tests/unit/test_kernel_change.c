/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves that the kernel's tables can be changed after the hand-over: pages of tables come from the page allocator and
 * go back to where they came from, every failed allocation leaves everything as it was, all harts are fenced, copies of
 * root entries are told; and that the image's boot-only parts become free memory, or stay as they are.
 */
#include "vm_machine.h"

#include "fpg/base/range.h"
#include "fpg/core/fail_boot.h"

#include <errno.h>

/** Where the tests map: beyond the first table under the root. */
static vaddr_t place(uint64_t offset)
{
	return vaddr(map.layout->vmalloc.v + SZ_1G - SZ_2M + offset);
}

struct books {
	uint64_t used;
	phys_addr_t reserved;
	struct pt_counters count;
	struct pt_totals totals;
};

static struct books books(void)
{
	struct books b = { 0 };
	b.used = page_check_used();
	b.reserved = memblock_reserved_size();
	b.count = map.pt.count;
	pt_totals(&map.pt, &b.totals);
	return b;
}

static void assert_same(const struct books *a)
{
	const struct books b = books();
	assert_int_equal(a->used, b.used);
	assert_int_equal(a->reserved, b.reserved);
	assert_memory_equal(&a->count, &b.count, sizeof(b.count));
	assert_memory_equal(&a->totals, &b.totals, sizeof(b.totals));
}

static void start(const struct vm_layout *layout)
{
	const struct vm_machine_options how = { .layout = layout };
	vm_machine_start(64 * SZ_1M, &how);
	/* Tables under the root stay for good: have them now. */
	assert_int_equal(kernel_pt_map(place(0), 0x40000000, SZ_4M, MEM_R | MEM_W, 1), 0);
	assert_int_equal(kernel_pt_unmap(place(0), SZ_4M), 0);
}

static void changes_take_pages_of_the_page_allocator_and_give_them_back(void **state)
{
	(void)state;
	for (size_t n = 0; n < ARRAY_SIZE(machine_layouts); n++) {
		start(machine_layouts[n]);
		const struct books before = books();
		assert_int_equal(kernel_pt_map(place(PAGE_SIZE), 0x40001000, SZ_4M - PAGE_SIZE,
					       MEM_R | MEM_W, 1),
				 0);
		assert_true(page_check_used() > before.used);
		assert_int_equal(page_check_used() - before.used,
				 map.pt.count.tables - before.count.tables);
		assert_int_equal(memblock_reserved_size(), before.reserved);
		/* A 2 MiB leaf is split, and the halves get other permissions. */
		assert_int_equal(kernel_pt_protect(place(SZ_2M), SZ_1M, MEM_R), 0);
		struct pt_walk walk;
		assert_int_equal(pt_walk(&map.pt, place(SZ_2M + SZ_1M - 1), &walk), 0);
		assert_true(walk.mapped && walk.level == 0 && walk.prot == (MEM_R | PT_GLOBAL));
		assert_int_equal(pt_walk(&map.pt, place(SZ_2M + SZ_1M), &walk), 0);
		assert_true(walk.mapped && walk.prot == (MEM_R | MEM_W | PT_GLOBAL));
		assert_int_equal(kernel_pt_unmap(place(0), SZ_4M), 0);
		assert_same(&before);
		assert_int_equal(kernel_pt_map(place(0), 0x40000000, SZ_4M, MEM_W, 1), -EINVAL);
		assert_same(&before);
		(void)vm_machine_end(NULL);
	}
}

static void every_failed_allocation_leaves_all_as_it_was(void **state)
{
	(void)state;
	for (size_t n = 0; n < ARRAY_SIZE(machine_layouts); n++) {
		start(machine_layouts[n]);
		const struct books before = books();
		int err = -ENOMEM;
		unsigned int failed = 0;
		for (uint64_t k = 1; err != 0; k++) {
			fail_boot_set(k);
			/* Small leaves over an edge of three tables. */
			err = kernel_pt_map(place(PAGE_SIZE), 0x40001000, SZ_4M, MEM_R | MEM_W, 0);
			(void)fail_boot_end();
			if (err != 0) {
				assert_int_equal(err, -ENOMEM);
				assert_same(&before);
				failed++;
			}
		}
		assert_true(failed >= 3);
		assert_int_equal(kernel_pt_unmap(place(0), 2 * SZ_4M), 0);
		/* Of a change that has to split two leaves as well. */
		assert_int_equal(kernel_pt_map(place(0), 0x40000000, SZ_4M, MEM_R | MEM_W, 1), 0);
		const struct books whole = books();
		for (uint64_t k = 1; k <= 2; k++) {
			fail_boot_set(k);
			assert_int_equal(kernel_pt_unmap(place(SZ_1M), SZ_2M), -ENOMEM);
			(void)fail_boot_end();
			assert_same(&whole);
		}
		assert_int_equal(kernel_pt_unmap(place(0), SZ_4M), 0);
		assert_same(&before);
		(void)vm_machine_end(NULL);
	}
}

#define PAGES 700U

static void pages_anywhere_are_mapped_one_after_the_other_or_not_at_all(void **state)
{
	(void)state;
	static struct page *pages[PAGES];
	start(&vm_layout_sv39);
	for (unsigned int i = 0; i < PAGES; i++) {
		pages[i] = alloc_page(GFP_KERNEL);
		assert_non_null(pages[i]);
	}
	/* Runs, single pages, and some twice. */
	for (unsigned int i = 0; i < PAGES; i += 3) {
		struct page *other = pages[(i * 7) % PAGES];
		pages[(i * 7) % PAGES] = pages[i];
		pages[i] = other;
	}
	const struct books before = books();
	int err = -ENOMEM;
	unsigned int failed = 0;
	for (uint64_t k = 1; err != 0; k++) {
		fail_boot_set(k);
		err = kernel_pt_map_pages(place(PAGE_SIZE), pages, PAGES, MEM_R | MEM_W);
		(void)fail_boot_end();
		if (err != 0) {
			assert_int_equal(err, -ENOMEM);
			assert_same(&before);
			failed++;
		}
	}
	assert_int_equal(failed, 2);
	for (unsigned int i = 0; i < PAGES; i++) {
		struct pt_walk walk;
		assert_int_equal(pt_walk(&map.pt, place((i + 1) * PAGE_SIZE), &walk), 0);
		assert_true(walk.mapped);
		assert_int_equal(walk.phys, page_to_phys(pages[i]));
	}
	/* In the way of another: nothing of it is mapped. */
	assert_int_equal(kernel_pt_map_pages(place(0), pages, 2, MEM_R), -EEXIST);
	struct pt_walk walk;
	assert_int_equal(pt_walk(&map.pt, place(0), &walk), 0);
	assert_false(walk.mapped);
	assert_int_equal(kernel_pt_unmap(place(PAGE_SIZE), PAGES * PAGE_SIZE), 0);
	assert_same(&before);
}

static void map_with_memblock_pages(void)
{
	assert_int_equal(kernel_pt_map(place(0), 0x40000000, PAGE_SIZE, MEM_R, 0), 0);
}

static void tables_made_before_the_hand_over_go_back_to_memblock(void **state)
{
	(void)state;
	const struct vm_machine_options how = { .layout = &vm_layout_sv48,
						.before_pages = map_with_memblock_pages };
	vm_machine_start(64 * SZ_1M, &how);
	assert_int_equal(machine_table_bytes(), kernel_map_tables(&map) * PAGE_SIZE);
	const uint64_t free = page_alloc_free_pages();
	const uint64_t tables = kernel_map_tables(&map);
	assert_int_equal(kernel_pt_unmap(place(0), PAGE_SIZE), 0);
	/* The two below the one that stays under the root. */
	assert_int_equal(kernel_map_tables(&map), tables - 2);
	assert_int_equal(machine_table_bytes(), kernel_map_tables(&map) * PAGE_SIZE);
	assert_int_equal(page_alloc_free_pages(), free + 2);
}

static unsigned int root_changes;
static uint64_t root_version;

static void on_root_change(const struct pt *pt)
{
	assert_ptr_equal(pt, &map.pt);
	assert_true(pt->root_version != root_version);
	root_version = pt->root_version;
	root_changes++;
}

static void copies_are_told_of_new_root_entries_only(void **state)
{
	(void)state;
	start(&vm_layout_sv39);
	root_version = map.pt.root_version;
	root_changes = 0;
	kernel_pt_on_root_change(on_root_change);
	assert_int_equal(kernel_pt_map(place(0), 0x40000000, SZ_4M, MEM_R, 0), 0);
	assert_int_equal(root_changes, 0);
	/* Two GiB that had no table. */
	assert_int_equal(kernel_pt_map(place(3 * SZ_1G), 0x40000000, SZ_4M, MEM_R, 0), 0);
	assert_int_equal(root_changes, 1);
	assert_int_equal(kernel_pt_unmap(place(3 * SZ_1G), SZ_4M), 0);
	assert_int_equal(kernel_pt_map(place(3 * SZ_1G), 0x40000000, SZ_4M, MEM_R, 0), 0);
	assert_int_equal(root_changes, 1);
	kernel_pt_on_root_change(NULL);
	assert_int_equal(kernel_pt_map(place(9 * SZ_1G), 0x40000000, PAGE_SIZE, MEM_R, 0), 0);
	assert_int_equal(root_changes, 1);
}

static void each_change_is_fenced(void **state)
{
	(void)state;
	struct host_fence_counts before;
	struct host_fence_counts after;
	start(&vm_layout_sv39);
	assert_int_equal(kernel_pt_map(place(0), 0x40000000, SZ_64K, MEM_R, 0), 0);
	host_fence_counts_read(&before);
	assert_int_equal(kernel_pt_protect(place(0), PAGE_SIZE, MEM_R | MEM_W), 0);
	host_fence_counts_read(&after);
	assert_int_equal(after.local_ranges + after.local_all,
			 before.local_ranges + before.local_all + 1);
	assert_int_equal(after.local_all, before.local_all);
	/* Tables go: everything is fenced. */
	assert_int_equal(kernel_pt_unmap(place(0), SZ_64K), 0);
	host_fence_counts_read(&before);
	assert_int_equal(before.local_all, after.local_all + 1);
	/* Nothing was done. */
	assert_int_equal(kernel_pt_map(vaddr(1), 0, PAGE_SIZE, MEM_R, 0), -EINVAL);
	host_fence_counts_read(&after);
	assert_int_equal(before.local_all + before.local_ranges,
			 after.local_all + after.local_ranges);
}

/* ---- the image's boot-only parts ---- */

static void check_init_parts(bool freed)
{
	for (uint32_t i = 0; i < image.segment_count; i++) {
		const struct kernel_segment *s = &image.segments[i];
		const bool gone = freed && s->owner == OWNER_IMAGE_INIT;
		for (uint64_t at = 0; at < s->bytes; at += PAGE_SIZE) {
			struct pt_walk walk;
			assert_int_equal(pt_walk(&map.pt, vaddr(s->va.v + at), &walk), 0);
			assert_int_equal(walk.mapped, s->prot != 0 && !gone);
			assert_int_equal(
				pt_walk(&map.pt, vaddr(s->pa + at + map.linear_offset), &walk), 0);
			const uint32_t want = gone ? MEM_R | MEM_W : MEM_R | (s->prot & MEM_W);
			assert_int_equal(walk.mapped, s->prot != 0);
			assert_true(!walk.mapped || walk.prot == (want | PT_GLOBAL));
			assert_int_equal(memblock_is_reserved(s->pa + at), !gone);
		}
	}
}

static void boot_only_parts_of_the_image_become_free_memory(void **state)
{
	(void)state;
	for (size_t n = 0; n < ARRAY_SIZE(machine_layouts); n++) {
		start(machine_layouts[n]);
		check_init_parts(false);
		const uint64_t free = page_alloc_free_pages();
		assert_int_equal(free_initmem(&image), 0xa000);
		assert_int_equal(page_alloc_free_pages(), free + 10);
		check_init_parts(true);
		struct pt_totals t;
		pt_totals(&map.pt, &t);
		assert_int_equal(t.wx_pages, 0);
		(void)vm_machine_end(NULL);
	}
}

/** What is for the boot alone shares 2 MiB leaves of the linear map with what stays. */
static void large_image(void)
{
	const struct sim_ram ram = { VM_RAM_BASE, 64 * SZ_1M, 0 };
	sim_start(&ram, 1);
	memset(&map, 0, sizeof(map));
	machine_image(VM_RAM_BASE + SZ_2M);
	image.segment_count = 3;
	image.segments[0].bytes = SZ_2M;
	image.segments[1].bytes = SZ_2M;
	image.segments[2].bytes = SZ_2M;
	for (unsigned int i = 1; i < 3; i++) {
		image.segments[i].va = vaddr(image.segments[i - 1].va.v + SZ_2M);
		image.segments[i].pa = image.segments[i - 1].pa + SZ_2M;
	}
	/* The boundaries lie in the middle of leaves of the linear map. */
	image.segments[0].bytes -= SZ_64K;
	for (unsigned int i = 1; i < 3; i++) {
		image.segments[i].va.v -= SZ_64K;
		image.segments[i].pa -= SZ_64K;
	}
	assert_int_equal(memblock_reserve(image.load, 3 * SZ_2M), 0);
	image.segments[2].prot = MEM_R;
	assert_int_equal(kernel_map_build(&map, &image), 0);
	assert_int_equal(kernel_map_activate(&map), 0);
	sim_frame_table_start((struct pfn_range){ phys_to_pfn(VM_RAM_BASE),
						  phys_to_pfn(VM_RAM_BASE + 64 * SZ_1M) });
	assert_int_equal(page_alloc_init("buddy"), 0);
	kernel_pt_hand_over();
}

static void without_memory_for_tables_the_parts_stay_reserved(void **state)
{
	(void)state;
	uint64_t freed = 0;
	unsigned int kept = 0;
	for (uint64_t k = 1; freed == 0; k++) {
		large_image();
		const uint64_t free = page_alloc_free_pages();
		fail_boot_set(k);
		freed = free_initmem(&image);
		(void)fail_boot_end();
		if (freed == 0) {
			kept++;
			assert_int_equal(page_alloc_free_pages(), free);
			assert_true(memblock_is_reserved(image.segments[1].pa));
		} else {
			assert_int_equal(freed, SZ_2M);
			assert_true(page_alloc_free_pages() > free);
			assert_false(memblock_is_reserved(image.segments[1].pa));
		}
		(void)vm_machine_end(NULL);
	}
	assert_true(kept >= 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(
			changes_take_pages_of_the_page_allocator_and_give_them_back,
			vm_machine_end),
		cmocka_unit_test_teardown(every_failed_allocation_leaves_all_as_it_was,
					  vm_machine_end),
		cmocka_unit_test_teardown(
			pages_anywhere_are_mapped_one_after_the_other_or_not_at_all,
			vm_machine_end),
		cmocka_unit_test_teardown(tables_made_before_the_hand_over_go_back_to_memblock,
					  vm_machine_end),
		cmocka_unit_test_teardown(copies_are_told_of_new_root_entries_only, vm_machine_end),
		cmocka_unit_test_teardown(each_change_is_fenced, vm_machine_end),
		cmocka_unit_test_teardown(boot_only_parts_of_the_image_become_free_memory,
					  vm_machine_end),
		cmocka_unit_test_teardown(without_memory_for_tables_the_parts_stay_reserved,
					  vm_machine_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
