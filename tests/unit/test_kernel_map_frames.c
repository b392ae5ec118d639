/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves that every record of the frame table reads as zero from the start, that populating gives
 * records pages of their own and touches no others, all or none; and that the dump of the map says
 * what the tables say.
 */
#include "kernel_machine.h"

#include "fpg/pagetable/dump.h"

#include <errno.h>

static int64_t takes_left;
static uint64_t takes;

static phys_addr_t take_frame(void *ctx)
{
	(void)ctx;
	if (takes_left-- == 0) {
		return 0;
	}
	takes++;
	const phys_addr_t page = memblock_phys_alloc(PAGE_SIZE, PAGE_SIZE);
	if (page != 0) {
		memset(port_phys_to_virt(page), 0xa5, PAGE_SIZE);
	}
	return page;
}

static void give_frame(void *ctx, phys_addr_t page)
{
	(void)ctx;
	takes--;
	assert_int_equal(memblock_phys_free(page, PAGE_SIZE), 0);
}

static struct pt_walk record_walk(uint64_t frame)
{
	struct pt_walk walk;
	const uint64_t at = (frame - (map.linear_base >> PAGE_SHIFT)) * sizeof(struct page);
	assert_int_equal(pt_walk(&map.pt, vaddr(map.layout->vmemmap.v + at), &walk), 0);
	assert_true(walk.mapped);
	return walk;
}

static void records_read_as_zero_until_populated_and_alone_afterwards(void **state)
{
	(void)state;
	for (size_t n = 0; n < ARRAY_SIZE(machine_layouts); n++) {
		machine_qemu_virt(SZ_1G);
		map.layout = machine_layouts[n];
		assert_int_equal(kernel_map_build(&map, &image), 0);
		assert_int_equal(kernel_map_activate(&map), 0);
		const uint64_t first = 0x80000;
		struct pt_walk walk = record_walk(first + 1000);
		assert_int_equal(walk.phys & ~(PAGE_SIZE - 1), map.zero.page);
		assert_int_equal(walk.prot, MEM_R | PT_GLOBAL);

		/* 600 frames from 1000 on touch 4 pages of records. */
		const struct pfn_range frames = { pfn(first + 1000), pfn(first + 1600) };
		/* The one under the root is there from the start. */
		const uint64_t tables = map.pt.mode->levels - 2;
		assert_false(frame_table_populated(frames));
		for (int64_t k = 0; k < (int64_t)(4 + tables); k++) {
			takes_left = k;
			takes = 0;
			const phys_addr_t reserved = memblock_reserved_size();
			assert_int_equal(frame_table_populate(frames, take_frame, give_frame, NULL),
					 -ENOMEM);
			assert_int_equal(takes, 0);
			assert_int_equal(memblock_reserved_size(), reserved);
			assert_int_equal(record_walk(first + 1000).phys, walk.phys);
		}
		takes_left = -1;
		takes = 0;
		assert_int_equal(frame_table_populate(frames, take_frame, give_frame, NULL), 0);
		assert_int_equal(takes, 4 + tables);
		assert_true(frame_table_populated(frames));
		assert_int_equal(frame_table_populate(frames, take_frame, give_frame, NULL), 0);
		assert_int_equal(takes, 4 + tables);
		for (uint64_t f = first; f < first + 4096; f += FRAME_TABLE_CHUNK) {
			const bool inside = f >= first + 768 && f < first + 1792;
			walk = record_walk(f);
			assert_int_equal(walk.prot, PT_GLOBAL | MEM_R | (inside ? MEM_W : 0));
			assert_int_equal((walk.phys & ~(PAGE_SIZE - 1)) == map.zero.page, !inside);
			const uint64_t *words = port_phys_to_virt(walk.phys & ~(PAGE_SIZE - 1));
			for (unsigned int i = 0; i < 512; i++) {
				assert_int_equal(words[i], 0);
			}
		}
		/*
		 * Beside it, only the pages that are missing; over an edge of tables, one more
		 * table.
		 */
		takes = 0;
		const struct pfn_range wide = { pfn(first), pfn(first + 131072 + 1) };
		assert_int_equal(frame_table_populate(wide, take_frame, give_frame, NULL), 0);
		assert_int_equal(takes, 512 - 4 + 1 + 1);
		assert_true(frame_table_populated(wide));
		struct pt_totals t;
		pt_totals(&map.pt, &t);
		assert_int_equal(t.zero_bytes,
				 pt_level_bytes(map.pt.mode->levels - 1U) - 513 * PAGE_SIZE);
		assert_int_equal(t.leaves[0], map.pt.count.leaves[0]);
		assert_int_equal(t.wx_pages, 0);
		machine_end(NULL);
	}
}

static void the_dump_shows_modes_leaves_and_each_level(void **state)
{
	(void)state;
	machine_qemu_virt(SZ_1G);
	assert_int_equal(kernel_map_build(&map, &image), 0);
	assert_int_equal(kernel_map_activate(&map), 0);
	static char text[20000];
	struct out_buffer b;
	out_buffer_init(&b, text, sizeof(text));
	pagetable_print(&b.out);
	assert_non_null(strstr(text, "sv39"));
	assert_non_null(strstr(text, "W+X pages: 0"));
	assert_non_null(strstr(text, "image"));
	assert_non_null(strstr(text, "shared zeros"));
	out_buffer_init(&b, text, sizeof(text));
	struct json j;
	json_init(&j, &b.out);
	json_object_begin(&j);
	pagetable_json(&j);
	json_object_end(&j);
	assert_non_null(strstr(text, "{\"mode\":\"sv39\","));
	assert_non_null(strstr(text, "\"wx_pages\":0"));
	assert_non_null(strstr(text, "\"leaves\":{"));
	assert_non_null(strstr(text, "\"ranges\":[{"));
	out_buffer_init(&b, text, sizeof(text));
	assert_int_equal(pagetable_print_walk(&b.out, vaddr(LINK + 0x1234)), 0);
	assert_non_null(strstr(text, "level 2"));
	assert_non_null(strstr(text, "0x80201234"));
	out_buffer_init(&b, text, sizeof(text));
	assert_int_equal(pagetable_print_walk(&b.out, vaddr(0x4000000000)), -EINVAL);
	out_buffer_init(&b, text, sizeof(text));
	assert_int_equal(pagetable_print_walk(&b.out, vaddr(0x1000)), 0);
	assert_non_null(strstr(text, "not mapped"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(records_read_as_zero_until_populated_and_alone_afterwards,
					  machine_end),
		cmocka_unit_test_teardown(the_dump_shows_modes_leaves_and_each_level, machine_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
