/* SPDX-License-Identifier: BSD-2-Clause */
/* Proves who holds a byte, who else claimed it, and that no-map of any claim wins. */
#include "memblock_ram.h"

#include <errno.h>

#define RESERVED (&memblock.reserved)
#define CLAIMS	 (&memblock.claims)

static const struct mem_owner dtb = { OWNER_DTB, STAGE_MEMBLOCK, RULE_A1, -1 };
static const struct mem_owner initrd = { OWNER_INITRD, STAGE_MEMBLOCK, RULE_INITRD, -1 };
static const struct mem_owner node_a = { OWNER_RESERVED_NODE, STAGE_MEMBLOCK, RULE_NODE_REG, 100 };
static const struct mem_owner node_b = { OWNER_RESERVED_NODE, STAGE_MEMBLOCK, RULE_NODE_REG, 200 };

static void neighbours_of_different_owners_stay_apart(void **state)
{
	(void)state;
	assert_int_equal(memblock_reserve_owned(0x1000, 0x1000, 0, node_a), 0);
	assert_int_equal(memblock_reserve_owned(0x2000, 0x1000, 0, node_b), 0);
	assert_int_equal(memblock_reserve(0x3000, 0x1000), 0);
	assert_int_equal(memblock_reserve(0x4000, 0x1000), 0);
	assert_int_equal(memblock_reserve_owned(0, 0x1000, 0, node_a), 0);
	assert_int_equal(memblock_used(RESERVED), 3);
	ram_assert_region(RESERVED, 0, 0, 0x2000);
	ram_assert_region(RESERVED, 2, 0x3000, 0x2000);
	assert_int_equal(memblock_used(CLAIMS), 0);
}

static void the_first_owner_holds_and_the_second_is_a_claim(void **state)
{
	(void)state;
	assert_int_equal(memblock_reserve_owned(0x2000, 0x1000, 0, dtb), 0);
	assert_int_equal(memblock_reserve_owned(0x1000, 0x4000, 0, initrd), 0);
	assert_int_equal(memblock_used(RESERVED), 3);
	assert_int_equal(memblock_region_find(RESERVED, 0x2fff)->owner.kind, OWNER_DTB);
	assert_int_equal(memblock_region_find(RESERVED, 0x3000)->owner.kind, OWNER_INITRD);
	assert_int_equal(memblock_used(CLAIMS), 1);
	ram_assert_region(CLAIMS, 0, 0x2000, 0x1000);
	/* Again, or by the holder, or by nobody: no new claim. */
	assert_int_equal(memblock_reserve_owned(0x1000, 0x4000, 0, initrd), 0);
	assert_int_equal(memblock_reserve_owned(0x2800, 0x800, 0, dtb), 0);
	assert_int_equal(memblock_reserve(0x1000, 0x4000), 0);
	assert_int_equal(memblock_used(CLAIMS), 1);
}

static bool count_claim(void *ctx, const struct memblock_region *claim)
{
	unsigned int *counts = ctx;

	counts[claim->owner.kind]++;
	return counts[0]++ < 100;
}

static bool stop_at_first(void *ctx, const struct memblock_region *claim)
{
	(void)claim;
	++*(unsigned int *)ctx;
	return false;
}

static void claims_are_walked_by_address_and_asked_by_byte(void **state)
{
	unsigned int counts[OWNER_KIND_COUNT] = { 0 };
	unsigned int stops = 0;

	(void)state;
	assert_int_equal(memblock_reserve(0x1000, 0x4000), 0);
	assert_int_equal(memblock_reserve_owned(0x4000, 0x1000, 0, dtb), 0);
	assert_int_equal(memblock_reserve_owned(0x1800, 0x3000, 0, initrd), 0);
	assert_int_equal(memblock_reserve_owned(0x1000, 0x100, 0, node_a), 0);
	memblock_for_each_claim(count_claim, counts);
	assert_int_equal(counts[0], 3);
	assert_true(CLAIMS->regions[0].base < CLAIMS->regions[1].base);
	memblock_for_each_claim(stop_at_first, &stops);
	assert_int_equal(stops, 1);
	memset(counts, 0, sizeof(counts));
	memblock_claims_at(0x47ff, count_claim, counts);
	assert_int_equal(counts[OWNER_DTB], 1);
	assert_int_equal(counts[OWNER_INITRD], 1);
	assert_int_equal(counts[OWNER_RESERVED_NODE], 0);
	memset(counts, 0, sizeof(counts));
	memblock_claims_at(0x4800, count_claim, counts);
	assert_int_equal(counts[OWNER_INITRD], 0);
}

static void no_map_of_any_claim_wins(void **state)
{
	(void)state;
	assert_int_equal(memblock_add(0, 0x10000), 0);
	assert_int_equal(memblock_reserve_owned(0x2000, 0x2000, 0, dtb), 0);
	assert_int_equal(memblock_reserve_owned(0x1000, 0x2000, MEMBLOCK_NOMAP, node_a), 0);
	assert_int_equal(memblock_reserve_owned(0x1000, 0x4000, 0, node_b), 0);
	assert_false(memblock_is_map_memory(0x1000));
	assert_false(memblock_is_map_memory(0x2fff));
	assert_true(memblock_is_map_memory(0x3000));
	const struct memblock_region *r = memblock_region_find(RESERVED, 0x2000);
	assert_int_equal(r->owner.kind, OWNER_DTB);
	assert_int_equal(r->size, 0x1000);
	assert_true(memblock_is_nomap(r));
	assert_false(memblock_is_nomap(memblock_region_find(RESERVED, 0x3000)));
	assert_int_equal(memblock_used(CLAIMS), 2);
}

static void freeing_ends_reservation_and_claims(void **state)
{
	(void)state;
	assert_int_equal(memblock_reserve_owned(0x1000, 0x4000, 0, dtb), 0);
	assert_int_equal(memblock_reserve_owned(0x1000, 0x4000, 0, initrd), 0);
	assert_int_equal(memblock_reserve_owned(0x2000, 0x400, 0, node_a), 0);
	assert_int_equal(memblock_phys_free(0x2000, 0x1000), 0);
	assert_int_equal(memblock_used(RESERVED), 2);
	assert_int_equal(memblock_used(CLAIMS), 2);
	ram_assert_region(CLAIMS, 0, 0x1000, 0x1000);
	ram_assert_region(CLAIMS, 1, 0x3000, 0x2000);
	assert_int_equal(memblock_phys_free(0, PHYS_ADDR_MAX), 0);
	assert_int_equal(memblock_used(CLAIMS), 0);
	assert_int_equal(CLAIMS->total_size, 0);
}

static void hundreds_of_claims_live_in_memblock_memory(void **state)
{
	(void)state;
	assert_int_equal(memblock_add(RAM_BASE, RAM_BYTES), 0);
	memblock_allow_resize();
	assert_int_equal(memblock_reserve_owned(RAM_BASE, 0x100000, 0, dtb), 0);
	for (unsigned int i = 0; i < 700; i++) {
		struct mem_owner owner = { OWNER_RESERVED_NODE, 0, RULE_NODE_REG, (int32_t)i + 1 };
		assert_int_equal(memblock_reserve_owned(RAM_BASE + 0x10 * i, 0x1000, 0, owner), 0);
	}
	assert_int_equal(memblock_used(CLAIMS), 700);
	assert_int_equal(memblock_region_find(RESERVED, CLAIMS->array_phys)->owner.kind,
			 OWNER_MEMBLOCK);
}

static void the_same_name_at_another_stage_is_another_owner(void **state)
{
	(void)state;
	boot_stage_set(STAGE_MEMBLOCK);
	assert_int_equal(memblock_reserve_owned(0x1000, 0x1000, 0,
						mem_owner(OWNER_BOOT, RULE_ALLOC, -1)),
			 0);
	boot_stage_set(STAGE_PAGING);
	assert_int_equal(memblock_reserve_owned(0x2000, 0x1000, 0,
						mem_owner(OWNER_BOOT, RULE_ALLOC, -1)),
			 0);
	assert_int_equal(memblock_used(RESERVED), 2);
	assert_int_equal(RESERVED->regions[1].owner.stage, STAGE_PAGING);
	assert_string_equal(boot_stage_name(boot_stage_get()), "paging");
	assert_string_equal(owner_kind_name(OWNER_INITRD), "initrd");
	assert_string_equal(owner_rule_text(RULE_LINKED), "part of the loaded image");
	assert_string_equal(owner_kind_name((enum owner_kind)999), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ram_test(neighbours_of_different_owners_stay_apart),
		ram_test(the_first_owner_holds_and_the_second_is_a_claim),
		ram_test(claims_are_walked_by_address_and_asked_by_byte),
		ram_test(no_map_of_any_claim_wins),
		ram_test(freeing_ends_reservation_and_claims),
		ram_test(hundreds_of_claims_live_in_memblock_memory),
		ram_test(the_same_name_at_another_stage_is_another_owner),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
