/* SPDX-License-Identifier: BSD-2-Clause */
/* Proves that tables grow without limit, only where they may, and that a call without room for that changes nothing. */
#include "memblock_ram.h"

#include <errno.h>
#include <stdio.h>

#define RESERVED (&memblock.reserved)
#define FAR	 0x100000000UL

static int reserve_nth(unsigned int i)
{
	return memblock_reserve(FAR + i * 0x100UL, 0x10);
}

static void fill_reserved(unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		assert_int_equal(reserve_nth(i), 0);
	}
}

static void tables_do_not_grow_unasked(void **state)
{
	static struct ram_snapshot before;

	(void)state;
	assert_int_equal(memblock_add(RAM_BASE, RAM_BYTES), 0);
	fill_reserved(INIT_MEMBLOCK_REGIONS);
	ram_snapshot_take(&before);
	assert_int_equal(reserve_nth(200), -ENOMEM);
	assert_int_equal(memblock_reserve_owned(FAR + 0x80, 1, MEMBLOCK_NOMAP,
						mem_owner(OWNER_DTB, RULE_A1, -1)),
			 -ENOMEM);
	assert_int_equal(memblock_phys_free(FAR + 1, 1), -ENOMEM);
	assert_int_equal(memblock_reserved_mark_noinit(FAR + 1, 1), -ENOMEM);
	ram_snapshot_check(&before);
	/* What needs no entry still works. */
	assert_int_equal(memblock_reserve(FAR + 0x10, 0xf0), 0);
	assert_int_equal(memblock_used(RESERVED), INIT_MEMBLOCK_REGIONS - 1);
}

static void ten_thousand_ranges_in_any_order_are_kept(void **state)
{
	(void)state;
	assert_int_equal(memblock_add(RAM_BASE, RAM_BYTES), 0);
	memblock_allow_resize();
	for (unsigned int i = 0; i < 10000; i++) {
		/* 7919 is prime to 10000: every place once. */
		phys_addr_t place = FAR + i * 7919UL % 10000 * 0x100;
		assert_int_equal(memblock_add_node(place, 0x80, 0, 0), 0);
		assert_int_equal(memblock_reserve(place + 0x20, 0x20), 0);
	}
	assert_int_equal(memblock_used(&memblock.memory), 10001);
	assert_int_equal(memblock.memory.total_size, RAM_BYTES + 10000UL * 0x80);
	phys_addr_t arrays = 0;
	for (unsigned int t = 0; t < 2; t++) {
		assert_int_equal(ram_type(t)->max, 16384);
		arrays += ram_type(t)->max * sizeof(struct memblock_region);
		assert_true(memblock_is_region_memory(ram_type(t)->array_phys, 16384 * 32));
	}
	/* Old arrays were given back. */
	assert_int_equal(memblock_reserved_size(), 10000UL * 0x20 + arrays);
	assert_int_equal(memblock_region_find(RESERVED, memblock.memory.array_phys)->owner.kind,
			 OWNER_MEMBLOCK);
}

static void an_array_goes_beside_the_range_when_only_that_is_free(void **state)
{
	const phys_addr_t bytes = 2 * INIT_MEMBLOCK_REGIONS * sizeof(struct memblock_region);

	(void)state;
	for (unsigned int above = 0; above < 2; above++) {
		assert_int_equal(ram_setup(NULL), 0);
		assert_int_equal(memblock_add(RAM_BASE, 0x1000 + bytes), 0);
		memblock_allow_resize();
		fill_reserved(INIT_MEMBLOCK_REGIONS);
		phys_addr_t base = above ? RAM_BASE : RAM_BASE + bytes;
		assert_int_equal(memblock_reserve(base, 0x1000), 0);
		assert_int_equal(RESERVED->array_phys, above ? RAM_BASE + 0x1000 : RAM_BASE);
		assert_true(memblock_is_region_reserved(base, 0x1000));
		/* One byte less, and there is no place. */
		assert_int_equal(ram_setup(NULL), 0);
		assert_int_equal(memblock_add(RAM_BASE, 0x1000 + bytes), 0);
		memblock_allow_resize();
		fill_reserved(INIT_MEMBLOCK_REGIONS);
		assert_int_equal(memblock_reserve(above ? RAM_BASE : RAM_BASE + bytes - 1, 0x1001),
				 -ENOMEM);
		assert_int_equal(memblock_used(RESERVED), INIT_MEMBLOCK_REGIONS);
	}
}

struct places {
	phys_addr_t next;
	unsigned int calls;
	unsigned int fail_at;
	phys_addr_t exclude_base;
	phys_addr_t exclude_size;
};

static int find_place(void *ctx, phys_addr_t bytes, phys_addr_t exclude_base,
		      phys_addr_t exclude_size, phys_addr_t *out)
{
	struct places *p = ctx;

	assert_int_equal(bytes % PAGE_SIZE, 0);
	p->exclude_base = exclude_base;
	p->exclude_size = exclude_size;
	if (++p->calls == p->fail_at) {
		return -ENOMEM;
	}
	*out = p->next;
	p->next += bytes;
	return 0;
}

static void while_reservations_are_collected_the_place_is_asked_for(void **state)
{
	static struct ram_snapshot before;
	struct places places = { .next = RAM_BASE + 0x10000 };

	(void)state;
	assert_int_equal(memblock_add(RAM_BASE, RAM_BYTES), 0);
	memblock_allow_resize();
	memblock_set_array_place(find_place, &places);
	fill_reserved(INIT_MEMBLOCK_REGIONS + 1);
	assert_int_equal(places.calls, 1);
	assert_int_equal(RESERVED->array_phys, RAM_BASE + 0x10000);
	assert_int_equal(places.exclude_base, FAR + INIT_MEMBLOCK_REGIONS * 0x100);
	assert_int_equal(places.exclude_size, 0x10);
	fill_reserved(2 * INIT_MEMBLOCK_REGIONS - 1);
	/* No place, and places that are taken, inside the range, unaligned or none: refused, nothing changed. */
	const phys_addr_t bad[] = { 0, RAM_BASE + 0x10000, RAM_BASE + 0x20010, RAM_BASE + 0x40000 };
	ram_snapshot_take(&before);
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		places.next = bad[i];
		assert_int_equal(memblock_reserve(RAM_BASE + 0x41000, 0x10), -ENOMEM);
	}
	places.fail_at = places.calls + 1;
	assert_int_equal(memblock_reserve(RAM_BASE + 0x41000, 0x10), -ENOMEM);
	ram_snapshot_check(&before);
}

static unsigned int mapped;
static unsigned int map_calls;
static unsigned int map_fail_at;

static void *map(phys_addr_t base, size_t bytes)
{
	(void)bytes;
	if (++map_calls == map_fail_at) {
		return NULL;
	}
	mapped++;
	return port_phys_to_virt(base);
}

static void unmap(void *va, size_t bytes)
{
	assert_true((uint8_t *)va >= ram_bytes && (uint8_t *)va + bytes <= ram_bytes + RAM_BYTES);
	mapped--;
}

static void before_the_linear_map_arrays_are_reached_through_the_hook(void **state)
{
	static struct ram_snapshot before;

	(void)state;
	mapped = 0;
	map_calls = 0;
	map_fail_at = 0;
	assert_int_equal(memblock_add(RAM_BASE, RAM_BYTES), 0);
	memblock_allow_resize();
	fill_reserved(INIT_MEMBLOCK_REGIONS);
	port_linear_ready = false;
	ram_snapshot_take(&before);
	assert_int_equal(reserve_nth(200), -ENOMEM);
	ram_snapshot_check(&before);
	memblock_set_array_access(map, unmap);
	/* Both tables must grow for one call; the second array cannot be reached. */
	for (unsigned int i = 0; i < INIT_MEMBLOCK_REGIONS - 1; i++) {
		assert_int_equal(memblock_add(FAR + i * 0x100UL, 0x80), 0);
	}
	ram_snapshot_take(&before);
	map_fail_at = 2;
	assert_int_equal(memblock_add(FAR * 2, 0x80), -ENOMEM);
	assert_int_equal(mapped, 0);
	ram_snapshot_check(&before);
	assert_int_equal(memblock_add(FAR * 2, 0x80), 0);
	assert_int_equal(mapped, 2);
	assert_int_equal(memblock.memory.max, 2 * INIT_MEMBLOCK_REGIONS);
	assert_int_equal(RESERVED->max, 2 * INIT_MEMBLOCK_REGIONS);
	fill_reserved(1000);
	assert_int_equal(mapped, 2);
	port_linear_ready = true;
	memblock_relocate_arrays();
	assert_int_equal(mapped, 0);
	assert_ptr_equal(RESERVED->regions, port_phys_to_virt(RESERVED->array_phys));
	fill_reserved(3000);
	assert_int_equal(memblock_used(RESERVED), 3000 + 2);
	assert_int_equal(mapped, 0);
}

static void arrays_move_out_of_a_range_that_is_taken_or_goes(void **state)
{
	struct mem_owner fw = mem_owner(OWNER_FIRMWARE, RULE_NODE_REG, 8);

	(void)state;
	assert_int_equal(memblock_add(RAM_BASE, RAM_BYTES), 0);
	memblock_allow_resize();
	fill_reserved(200);
	for (unsigned int i = 0; i < 3; i++) {
		phys_addr_t at = RESERVED->array_phys;
		phys_addr_t total = memblock_reserved_size();
		if (i == 0) {
			assert_int_equal(memblock_reserve_owned(at - 0x800, 0x1000, 0, fw), 0);
			assert_int_equal(memblock_region_find(RESERVED, at)->owner.kind,
					 OWNER_FIRMWARE);
			total += 0x1000;
		} else if (i == 1) {
			assert_int_equal(memblock_remove(at + 0x100, 0x10), 0);
		} else {
			assert_int_equal(memblock_mark_nomap(at, 0x1000), 0);
		}
		assert_int_not_equal(RESERVED->array_phys, at);
		assert_int_equal(memblock_reserved_size(), total);
		assert_int_equal(memblock_used(&memblock.claims), 0);
	}
	phys_addr_t at = RESERVED->array_phys;
	memblock_enforce_memory_limit(0x100000);
	assert_true(RESERVED->array_phys < at && RESERVED->array_phys < RAM_BASE + 0x100000);
	assert_true(memblock_is_region_reserved(RESERVED->array_phys, 1));
}

static void three_hundred_nodes_with_the_last_where_arrays_would_go_are_exact(void **state)
{
	struct mem_owner owner = mem_owner(OWNER_RESERVED_NODE, RULE_NODE_REG, 8);
	struct places places = { .next = RAM_BASE };

	(void)state;
	assert_int_equal(memblock_add(RAM_BASE, RAM_BYTES), 0);
	memblock_allow_resize();
	memblock_set_array_place(find_place, &places);
	for (unsigned int i = 0; i < 299; i++) {
		owner.node += 4;
		assert_int_equal(memblock_reserve_owned(RAM_BASE + 0x100000 + i * 0x1000UL, 0x1000,
							0, owner),
				 0);
	}
	/* The top of RAM, where a search from the top would have put them. */
	owner.node += 4;
	assert_int_equal(memblock_reserve_owned(RAM_BASE + RAM_BYTES - 0x20000, 0x20000, 0, owner),
			 0);
	assert_int_equal(memblock_used(&memblock.claims), 0);
	assert_int_equal(memblock_reserved_size(),
			 299 * 0x1000 + 0x20000 + 512 * sizeof(struct memblock_region));
	assert_int_equal(memblock_region_find(RESERVED, RAM_BASE + RAM_BYTES - 1)->owner.node,
			 owner.node);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ram_test(tables_do_not_grow_unasked),
		ram_test(ten_thousand_ranges_in_any_order_are_kept),
		ram_test(an_array_goes_beside_the_range_when_only_that_is_free),
		ram_test(while_reservations_are_collected_the_place_is_asked_for),
		ram_test(before_the_linear_map_arrays_are_reached_through_the_hook),
		ram_test(arrays_move_out_of_a_range_that_is_taken_or_goes),
		ram_test(three_hundred_nodes_with_the_last_where_arrays_would_go_are_exact),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
