/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves, by walking the tables for every page of simulated machines, that the kernel's map holds
 * all usable memory and nothing else: no firmware, no page 0, no guard page, no W+X, read-only
 * aliases of what is read-only; in all modes, for tidy and for random memory; and that its failures
 * give back what they took.
 */
#include "kernel_machine.h"

#include "fpg/base/range.h"

#include <errno.h>

static const struct kernel_segment *segment_of(phys_addr_t pa)
{
	for (uint32_t i = 0; i < image.segment_count; i++) {
		const struct kernel_segment *s = &image.segments[i];
		if (pa >= s->pa && pa < s->pa + s->bytes) {
			return s;
		}
	}
	return NULL;
}

/**
 * Every byte of the page is memory that may be mapped. Regions are looked at by hand: another way
 * than the plan's.
 */
static bool page_is_usable(phys_addr_t page)
{
	phys_addr_t at = page;
	for (unsigned long i = 0; i < memblock.memory.cnt; i++) {
		const struct memblock_region *r = &memblock.memory.regions[i];
		if (at >= r->base && at < r->base + r->size && !(r->flags & MEMBLOCK_NOMAP)) {
			at = r->base + r->size;
		}
	}
	return at >= page + PAGE_SIZE && page != 0;
}

/** Each page of [from, to) appears in the linear map as it must. */
static uint64_t check_linear(phys_addr_t from, phys_addr_t to)
{
	uint64_t mapped = 0;
	for (phys_addr_t pa = from; pa < to; pa += PAGE_SIZE) {
		const struct kernel_segment *s = segment_of(pa);
		struct pt_walk walk;
		uint32_t want = page_is_usable(pa) ? MEM_R | MEM_W : 0;
		if (s != NULL && want != 0) {
			want = s->prot == 0 ? 0 : MEM_R | (s->prot & MEM_W);
		}
		assert_int_equal(pt_walk(&map.pt, vaddr(pa + map.linear_offset), &walk), 0);
		if (walk.mapped != (want != 0)) {
			print_error("page 0x%llx\n", (unsigned long long)pa);
		}
		assert_int_equal(walk.mapped, want != 0);
		if (walk.mapped) {
			assert_int_equal(walk.phys, pa);
			assert_int_equal(walk.prot, want | PT_GLOBAL);
			mapped++;
		}
	}
	return mapped * PAGE_SIZE;
}

static void check_image(void)
{
	for (uint32_t i = 0; i < image.segment_count; i++) {
		const struct kernel_segment *s = &image.segments[i];
		for (uint64_t at = 0; at < s->bytes; at += PAGE_SIZE) {
			struct pt_walk walk;
			assert_int_equal(pt_walk(&map.pt, vaddr(s->va.v + at), &walk), 0);
			assert_int_equal(walk.mapped, s->prot != 0);
			if (walk.mapped) {
				assert_int_equal(walk.phys, s->pa + at);
				assert_int_equal(walk.prot, s->prot | PT_GLOBAL);
			}
		}
	}
}

/**
 * What holds of any map; nothing is mapped outside of the regions, and only the image is
 * executable.
 */
static int check_run(void *ctx, const struct pt_run *run)
{
	(void)ctx;
	const char *region = vm_layout_region(map.layout, run->va);
	assert_string_equal(region,
			    vm_layout_region(map.layout, vaddr(run->va.v + run->bytes - 1)));
	assert_string_not_equal(region, "");
	assert_string_not_equal(region, "vmalloc");
	assert_true((run->prot & PT_GLOBAL) != 0 && (run->prot & MEM_U) == 0);
	if ((run->prot & MEM_X) != 0) {
		assert_string_equal(region, "image");
	}
	assert_int_equal(run->zero, strcmp(region, "frame table") == 0);
	return 0;
}

static void check_whole(phys_addr_t from, phys_addr_t to)
{
	struct pt_totals t;
	struct pt_walk walk;
	assert_int_equal(check_linear(from, to), map.linear_mapped_bytes);
	check_image();
	assert_int_equal(pt_for_each_run(&map.pt, check_run, NULL), 0);
	pt_totals(&map.pt, &t);
	assert_int_equal(t.wx_pages, 0);
	assert_int_equal(t.zero_bytes, pt_level_bytes(map.pt.mode->levels - 1U));
	assert_int_equal(pt_walk(&map.pt, vaddr(-PAGE_SIZE), &walk), 0);
	assert_false(walk.mapped);
	/* The slot leads to the static tables in every mode. */
	assert_int_equal(pt_walk(&map.pt, vaddr(FIXMAP_BASE), &walk), 0);
	assert_int_equal(walk.step[map.pt.mode->levels - 2].table,
			 port_image_to_phys(fixmap_tables.l1));
}

static void every_page_of_a_1_gib_machine_is_mapped_as_it_must_be_in_each_mode(void **state)
{
	(void)state;
	for (size_t n = 0; n < ARRAY_SIZE(machine_layouts); n++) {
		machine_qemu_virt(SZ_1G);
		map.layout = machine_layouts[n];
		assert_int_equal(kernel_map_build(&map, &image), 0);
		check_whole(0x80000000 - SZ_4M, 0xc0000000 + SZ_4M);
		assert_int_equal(map.linear_base, 0x80000000);
		assert_int_equal(kernel_map_unreachable(&map, NULL, NULL), 0);
		assert_int_equal(kernel_map_activate(&map), 0);
		assert_int_equal(early_remap_in_use(), 0);
		assert_int_equal(machine_table_bytes(), kernel_map_tables(&map) * PAGE_SIZE);
		assert_in_range(kernel_map_tables(&map), 8, 16);
		(void)check_linear(0x80000000, 0x80800000);
		(void)check_linear(0xbfe00000, 0xc0000000);
		machine_end(NULL);
	}
}

static void memory_below_the_image_and_page_0_and_ragged_edges_are_handled(void **state)
{
	(void)state;
	machine_start(0, SZ_1G);
	machine_ram(0, 0x20000000);
	/* Two nodes meet in the middle of a page: the page is whole memory all the same. */
	machine_ram(0x30000123, 0x1000000);
	assert_int_equal(memblock_add_node(0x31000123, 0x1000ffe, 0, MEMBLOCK_HOTPLUG), 0);
	assert_int_equal(host_ram_add(0x31000123, 0x1000ffe), 0);
	machine_nomap(0x7fff, 2);
	machine_nomap(0x10000800, 0x1000);
	machine_nomap(0x1ffffff8, 8);
	machine_image(0x08000000);
	assert_int_equal(kernel_map_build(&map, &image), 0);
	check_whole(0, SZ_1G);
	assert_int_equal(map.linear_base, 0);
	assert_int_equal(kernel_map_activate(&map), 0);
}

static void memory_beyond_the_window_is_reported_not_mapped(void **state)
{
	(void)state;
	machine_start(0x80000000, 256 * SZ_1G);
	machine_ram(0x80000000, SZ_64K * 1024);
	machine_image(0x80200000);
	const phys_addr_t window_end = 0x80000000 + 124 * SZ_1G;
	assert_int_equal(memblock_add(window_end - 3 * SZ_1G, 8 * SZ_1G), 0);
	/* Table pages must not come from there, although memblock likes the top. */
	assert_int_equal(memblock_reserve(window_end - 3 * SZ_1G, 3 * SZ_1G), 0);
	assert_int_equal(kernel_map_build(&map, &image), 0);
	assert_int_equal(kernel_map_unreachable(&map, NULL, NULL), 5 * SZ_1G);
	struct pt_walk walk;
	assert_int_equal(pt_walk(&map.pt, vaddr(window_end - SZ_1G + map.linear_offset), &walk), 0);
	assert_true(walk.mapped && walk.level == 2);
	assert_int_equal(pt_walk(&map.pt, vaddr(window_end + map.linear_offset), &walk), 0);
	assert_false(walk.mapped);
	kernel_map_abandon(&map);
	/* A deeper mode reaches it (the simulation cannot hold tables there). */
	assert_int_equal(memblock_reserve(window_end, 5 * SZ_1G), 0);
	map.layout = &vm_layout_sv48;
	assert_int_equal(kernel_map_build(&map, &image), 0);
	assert_int_equal(kernel_map_unreachable(&map, NULL, NULL), 0);
	kernel_map_abandon(&map);
	assert_int_equal(machine_table_bytes(), 0);
}

static void a_tib_takes_a_handful_of_tables(void **state)
{
	(void)state;
	machine_start(0x80000000, SZ_1G);
	machine_ram(0x80000000, SZ_1G);
	machine_nomap(0x80000000, 0x80000);
	machine_image(0x80200000);
	assert_int_equal(memblock_add(0xc0000000, 1023 * SZ_1G), 0);
	memblock_set_current_limit(0xc0000000);
	map.layout = &vm_layout_sv48;
	assert_int_equal(kernel_map_build(&map, &image), 0);
	assert_int_equal(map.pt.count.leaves[2], 1023);
	assert_in_range(kernel_map_tables(&map), 8, 24);
	kernel_map_abandon(&map);
	memblock_set_current_limit(MEMBLOCK_ALLOC_ANYWHERE);
}

/** Largest leaves, and none that covers a byte that is not usable memory. */
static int check_leaves(void *ctx, const struct pt_run *run)
{
	(void)ctx;
	if (run->zero || strcmp(vm_layout_region(map.layout, run->va), "linear map") != 0) {
		return 0;
	}
	for (uint64_t at = 0; at < run->bytes;) {
		struct pt_walk walk;
		assert_int_equal(pt_walk(&map.pt, vaddr(run->va.v + at), &walk), 0);
		const uint64_t bytes = pt_level_bytes(walk.level);
		const phys_addr_t base = ALIGN_DOWN(walk.phys, bytes);
		assert_true(walk.mapped);
		/* Its ends and, for what lies between, no region edge in it. */
		assert_true(page_is_usable(base) && page_is_usable(base + bytes - PAGE_SIZE));
		for (unsigned long i = 0; i < memblock.memory.cnt; i++) {
			const struct memblock_region *r = &memblock.memory.regions[i];
			if ((r->flags & MEMBLOCK_NOMAP) != 0) {
				assert_true(r->base + r->size <= base || r->base >= base + bytes);
			}
		}
		at += bytes - (run->va.v + at) % bytes;
	}
	return 0;
}

static void no_leaf_reaches_into_firmware_or_other_no_map_memory(void **state)
{
	(void)state;
	/* Firmware at the start of a GiB, at its end, in its middle, one page, and guessed: 2 MiB below the image. */
	static const struct phys_range nomap[] = {
		{ 0x80000000, 0x80000 },    { 0xbfff0000, 0x10000 },
		{ 0x140000000, PAGE_SIZE }, { 0x1a0200000, SZ_2M },
		{ 0x1ffffff00, 0x100 },	    { 0x200000000 - PAGE_SIZE, 2 * PAGE_SIZE },
		{ 0x80000000, SZ_2M },
	};
	for (size_t n = 0; n < ARRAY_SIZE(machine_layouts); n++) {
		for (size_t i = 0; i < ARRAY_SIZE(nomap); i++) {
			machine_start(0x80000000, SZ_1G);
			machine_ram(0x80000000, SZ_1G);
			assert_int_equal(memblock_add(0xc0000000, 7 * SZ_1G), 0);
			memblock_set_current_limit(0xbff00000);
			machine_nomap(nomap[i].base, nomap[i].size);
			machine_image(0x80200000);
			map.layout = machine_layouts[n];
			assert_int_equal(kernel_map_build(&map, &image), 0);
			assert_int_equal(pt_for_each_run(&map.pt, check_leaves, NULL), 0);
			/* The GiB of the image is cut up anyway; what is whole elsewhere is one leaf. */
			const uint64_t cut = (nomap[i].base >= 0xc0000000) +
					     (nomap[i].base + nomap[i].size > 0x200000000);
			assert_int_equal(map.pt.count.leaves[2], 7 - cut);
			kernel_map_abandon(&map);
			memblock_set_current_limit(MEMBLOCK_ALLOC_ANYWHERE);
			machine_end(NULL);
		}
	}
}

static void small_leaves_leave_nothing_to_split(void **state)
{
	(void)state;
	for (size_t n = 0; n < ARRAY_SIZE(machine_layouts); n++) {
		machine_qemu_virt(64 * SZ_1M);
		map.layout = machine_layouts[n];
		map.small_leaves = true;
		map.napot = true;
		assert_int_equal(kernel_map_build(&map, &image), 0);
		check_whole(0x80000000, 0x84000000);
		struct pt_walk walk;
		for (phys_addr_t pa = 0x80600000; pa < 0x84000000; pa += SZ_1M) {
			assert_int_equal(pt_walk(&map.pt, vaddr(pa + map.linear_offset), &walk), 0);
			assert_true(walk.mapped && walk.level == 0 && !walk.napot);
		}
		assert_true(map.small_leaves && map.napot && !map.pt.napot);
		kernel_map_abandon(&map);
		assert_true(map.small_leaves && map.layout == machine_layouts[n]);
		machine_end(NULL);
	}
}

static void memory_types_are_known_only_where_they_were_said(void **state)
{
	(void)state;
	machine_qemu_virt(16 * SZ_1M);
	assert_int_equal(kernel_map_build(&map, &image), 0);
	assert_int_equal(map.pt.known & (PT_NONCACHED | PT_IO), 0);
	kernel_map_abandon(&map);
	map.memory_types = PT_NONCACHED | PT_IO | MEM_U;
	map.napot = true;
	assert_int_equal(kernel_map_build(&map, &image), 0);
	assert_int_equal(map.pt.known & (PT_NONCACHED | PT_IO), PT_NONCACHED | PT_IO);
	assert_true(map.pt.napot && map.pt.keep_root && map.pt.count.napot > 0);
	check_whole(0x80000000, 0x81000000);
	kernel_map_abandon(&map);
}

static void a_refused_mode_can_be_abandoned_for_another(void **state)
{
	(void)state;
	machine_qemu_virt(64 * SZ_1M);
	const phys_addr_t reserved = memblock_reserved_size();
	host_set_satp_modes((uint32_t)1 << 8);
	map.layout = &vm_layout_sv57;
	assert_int_equal(kernel_map_build(&map, &image), 0);
	assert_int_equal(kernel_map_activate(&map), -ENOTSUP);
	kernel_map_abandon(&map);
	assert_int_equal(memblock_reserved_size(), reserved);
	assert_int_equal(early_remap_in_use(), 0);
	map.layout = &vm_layout_sv39;
	assert_int_equal(kernel_map_build(&map, &image), 0);
	assert_int_equal(kernel_map_activate(&map), 0);
	host_set_satp_modes(UINT32_MAX);
	assert_int_equal(machine_table_bytes(), kernel_map_tables(&map) * PAGE_SIZE);
	(void)check_linear(0x80000000, 0x84000000);
}

static void random_memory_is_mapped_page_by_page_as_the_oracle_says(void **state)
{
	(void)state;
	const char *env = getenv("FPG_SEED");
	unsigned int seed = env != NULL ? (unsigned int)strtoul(env, NULL, 0) : 815;
	print_message("seed %u (FPG_SEED)\n", seed);
	srand(seed);
	for (unsigned int n = 0; n < 24; n++) {
		const phys_addr_t base = (phys_addr_t)(rand() % 3) * 0x7fe00000;
		const uint64_t bytes = 96 * SZ_1M;
		machine_start(base, bytes);
		machine_ram(base, bytes);
		machine_image(base + SZ_2M * (1 + (unsigned int)rand() % 20));
		for (unsigned int i = 0; i < 30; i++) {
			const phys_addr_t at = base + (unsigned int)rand() % bytes;
			const uint64_t size =
				1 + (unsigned int)rand() % (rand() % 2 != 0 ? 0x3000 : 0x300000);
			const bool hits_image = at < image.load + image.bytes &&
						at + size > image.load;
			if (hits_image || at + size > base + bytes) {
				continue;
			}
			if (rand() % 2 != 0) {
				machine_nomap(at, size);
			} else {
				assert_int_equal(memblock_remove(at, size), 0);
			}
		}
		map.layout = machine_layouts[n % 3];
		assert_int_equal(kernel_map_build(&map, &image), 0);
		check_whole(base, base + bytes);
		assert_int_equal(kernel_map_activate(&map), 0);
		assert_int_equal(machine_table_bytes(), kernel_map_tables(&map) * PAGE_SIZE);
		machine_end(NULL);
	}
}

static void every_shortage_of_memory_fails_and_gives_everything_back(void **state)
{
	(void)state;
	bool done = false;
	for (uint64_t pages = 0; !done; pages++) {
		machine_qemu_virt(16 * SZ_1M);
		machine_nomap(0x80800800, 0x1000);
		/* Leave only @pages free, one here and one there. */
		assert_int_equal(memblock_reserve(0x80000000, 16 * SZ_1M), 0);
		for (uint64_t i = 0; i < pages; i++) {
			assert_int_equal(
				memblock_phys_free(0x80a00000 + 2 * i * PAGE_SIZE, PAGE_SIZE), 0);
		}
		const phys_addr_t reserved = memblock_reserved_size();
		const int r = kernel_map_build(&map, &image);
		done = r == 0;
		if (!done) {
			assert_int_equal(r, -ENOMEM);
			assert_int_equal(memblock_reserved_size(), reserved);
			assert_int_equal(early_remap_in_use(), 0);
		} else {
			check_whole(0x80000000, 0x81000000);
			kernel_map_abandon(&map);
			assert_int_equal(memblock_reserved_size(), reserved);
		}
		machine_end(NULL);
		assert_true(pages < 64);
	}
}

static void senseless_segments_are_refused(void **state)
{
	(void)state;
	machine_qemu_virt(64 * SZ_1M);
	const struct kernel_image good = image;
	image.segments[0].prot = MEM_R | MEM_W | MEM_X;
	assert_int_equal(kernel_map_build(&map, &image), -EINVAL);
	image = good;
	image.segments[1].va = image.segments[0].va;
	assert_int_equal(kernel_map_build(&map, &image), -EINVAL);
	image = good;
	image.segments[1].bytes += 1;
	assert_int_equal(kernel_map_build(&map, &image), -EINVAL);
	image = good;
	struct kernel_segment *last = &image.segments[image.segment_count - 1];
	last->va = vaddr(-last->bytes);
	assert_int_equal(kernel_map_build(&map, &image), -EINVAL);
	last->va = vaddr(-last->bytes - PAGE_SIZE);
	assert_int_equal(kernel_map_build(&map, &image), 0);
	kernel_map_abandon(&map);
	assert_int_equal(machine_table_bytes(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(
			every_page_of_a_1_gib_machine_is_mapped_as_it_must_be_in_each_mode,
			machine_end),
		cmocka_unit_test_teardown(
			memory_below_the_image_and_page_0_and_ragged_edges_are_handled,
			machine_end),
		cmocka_unit_test_teardown(memory_beyond_the_window_is_reported_not_mapped,
					  machine_end),
		cmocka_unit_test_teardown(a_tib_takes_a_handful_of_tables, machine_end),
		cmocka_unit_test_teardown(no_leaf_reaches_into_firmware_or_other_no_map_memory,
					  machine_end),
		cmocka_unit_test_teardown(small_leaves_leave_nothing_to_split, machine_end),
		cmocka_unit_test_teardown(memory_types_are_known_only_where_they_were_said,
					  machine_end),
		cmocka_unit_test_teardown(a_refused_mode_can_be_abandoned_for_another, machine_end),
		cmocka_unit_test_teardown(random_memory_is_mapped_page_by_page_as_the_oracle_says,
					  machine_end),
		cmocka_unit_test_teardown(every_shortage_of_memory_fails_and_gives_everything_back,
					  machine_end),
		cmocka_unit_test_teardown(senseless_segments_are_refused, machine_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
