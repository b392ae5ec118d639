/* SPDX-License-Identifier: BSD-2-Clause */
/* Proves where memblock allocates, what it refuses, and how it hands memory over at its end. */
#include "memblock_ram.h"

#include <errno.h>
#include <stdio.h>

static const struct mem_owner owner_a = { OWNER_PAGE_TABLES, 0, RULE_ALLOC, -1 };

static void address_zero_is_never_handed_out(void **state)
{
	(void)state;
	assert_int_equal(memblock_add(0, 0x3000), 0);
	memblock_set_bottom_up(true);
	assert_int_equal(memblock_phys_alloc(16, 16), 0x1000);
	memblock_set_bottom_up(false);
	assert_int_equal(memblock_phys_alloc(0x1000, 16), 0x2000);
	assert_int_equal(memblock_phys_alloc(0x1000, 16), 0);
	assert_int_equal(memblock_phys_alloc(0xff0, 16), 0x1010);
	assert_int_equal(memblock_phys_alloc(1, 1), 0);
}

static void before_the_linear_map_only_physical_allocations_work(void **state)
{
	(void)state;
	assert_int_equal(memblock_add(RAM_BASE, 0x10000), 0);
	port_linear_ready = false;
	assert_null(memblock_alloc(64, 64));
	assert_null(
		memblock_alloc_owned(64, 64, 0, MEMBLOCK_ALLOC_ACCESSIBLE, NUMA_NO_NODE, owner_a));
	assert_non_null(strstr(ram_log, "linear map is not on"));
	assert_int_equal(memblock_reserved_size(), 0);
	assert_int_equal(memblock_phys_alloc(64, 64), RAM_BASE + 0xffc0);
	port_linear_ready = true;
	memset(ram_bytes, 0xaa, 0x10000);
	uint8_t *p = memblock_alloc(100, 64);
	assert_ptr_equal(p, ram_bytes + 0xff40);
	assert_int_equal(p[0] | p[99], 0);
	assert_int_equal(p[100], 0xaa);
	p = memblock_alloc_raw(64, 64);
	assert_int_equal(p[0], 0xaa);
	memblock_free(p, 64);
	assert_int_equal(memblock_reserved_size(), 164);
}

static void limits_and_alignment_are_kept_and_the_lower_limit_may_be_given_up(void **state)
{
	(void)state;
	assert_int_equal(memblock_add(RAM_BASE, 0x100000), 0);
	assert_int_equal(memblock_phys_alloc_range(0x1000, 0x1000, RAM_BASE, RAM_BASE + 0x8000),
			 RAM_BASE + 0x7000);
	assert_int_equal(
		memblock_phys_alloc_range(0x1000, 0x100000, RAM_BASE + 1, RAM_BASE + 0x80000), 0);
	memblock_set_current_limit(RAM_BASE + 0x20000);
	assert_ptr_equal(memblock_alloc(16, 0x10000), ram_bytes + 0x10000);
	assert_ptr_equal(memblock_alloc_from(0x1000, 0x1000, RAM_BASE + 0x40000),
			 ram_bytes + 0x1f000);
	assert_int_equal(memblock_phys_alloc_range(0x1000, 0x1000, RAM_BASE + 0x40000, 0), 0);
	assert_int_equal(memblock_phys_alloc(0x1000, 3), 0);
	assert_int_equal(memblock_phys_alloc(0, 16), 0);
	assert_int_equal(memblock_phys_alloc(32, 0) % MEMBLOCK_DEFAULT_ALIGNMENT, 0);
	assert_non_null(strstr(ram_log, "alignment 0"));
}

static void nodes_mirrors_and_hotplug_steer_allocation(void **state)
{
	(void)state;
	assert_int_equal(memblock_add_node(RAM_BASE, 0x10000, 0, 0), 0);
	assert_int_equal(memblock_add_node(RAM_BASE + 0x10000, 0x10000, 1, 0), 0);
	assert_int_equal(memblock_phys_alloc_try_nid(0x1000, 0x1000, 0), RAM_BASE + 0xf000);
	assert_int_equal(memblock_phys_alloc_try_nid(0x10000, 0x1000, 0), RAM_BASE + 0x10000);
	assert_null(memblock_alloc_exact_nid_raw(0x1000, 0x1000, 0, 0, 1));
	assert_ptr_equal(memblock_alloc_exact_nid_raw(0x1000, 0x1000, 0, 0, 0), ram_bytes + 0xe000);
	assert_int_equal(memblock_mark_mirror(RAM_BASE, 0x1000), 0);
	assert_int_equal(memblock_phys_alloc(0x800, 0x800), RAM_BASE + 0x800);
	assert_int_equal(memblock_phys_alloc(0x1000, 0x1000), RAM_BASE + 0xd000);
	assert_int_equal(memblock_mark_nomap(RAM_BASE + 0xc000, 0x1000), 0);
	assert_int_equal(memblock_phys_alloc(0x1000, 0x1000), RAM_BASE + 0xb000);
	assert_int_equal(memblock_mark_hotplug(RAM_BASE + 0x2000, 0x9000), 0);
	movable_node_enabled = true;
	assert_int_equal(memblock_phys_alloc(0x1000, 0x1000), RAM_BASE + 0x1000);
	assert_int_equal(memblock_phys_alloc(0x1000, 0x1000), 0);
}

static void an_owner_of_memory_is_no_border_for_allocation(void **state)
{
	struct mem_owner first = mem_owner(OWNER_NONE, RULE_NODE_REG, 8);
	struct mem_owner second = mem_owner(OWNER_NONE, RULE_NODE_REG, 16);

	(void)state;
	assert_int_equal(memblock_add_owned(RAM_BASE, 0x1000, 0, 0, first), 0);
	assert_int_equal(memblock_add_owned(RAM_BASE + 0x1000, 0x1000, 0, 0, second), 0);
	assert_int_equal(memblock_used(&memblock.memory), 2);
	assert_int_equal(memblock_phys_alloc(0x2000, 0x1000), RAM_BASE);
}

static void a_failed_allocation_changes_nothing(void **state)
{
	static struct ram_snapshot before;

	(void)state;
	assert_int_equal(memblock_add(RAM_BASE, 0x10000), 0);
	for (unsigned int i = 0; i < INIT_MEMBLOCK_REGIONS; i++) {
		assert_int_equal(memblock_reserve(RAM_BASE + i * 0x20, 0x10), 0);
	}
	ram_snapshot_take(&before);
	assert_int_equal(memblock_phys_alloc(0x20000, 16), 0);
	assert_int_equal(memblock_phys_alloc(16, 16), 0);
	assert_null(memblock_alloc(16, 16));
	ram_snapshot_check(&before);
}

struct handed {
	phys_addr_t base;
	phys_addr_t size;
	int nid;
};
static struct handed handed[8];
static unsigned int handed_count;

static void take_over(void *ctx, phys_addr_t base, phys_addr_t size, int nid)
{
	assert_ptr_equal(ctx, handed);
	assert_true(handed_count < 8);
	handed[handed_count++] = (struct handed){ base, size, nid };
}

static void the_hand_over_gives_each_free_byte_once_in_maximal_ranges(void **state)
{
	(void)state;
	handed_count = 0;
	assert_int_equal(memblock_add_node(RAM_BASE, 0x10000, 0, 0), 0);
	assert_int_equal(memblock_add_node(RAM_BASE + 0x10000, 0x10000, 1, 0), 0);
	assert_int_equal(memblock_mark_hotplug(RAM_BASE + 0x4000, 0x1000), 0);
	assert_int_equal(memblock_mark_nomap(RAM_BASE + 0x18000, 0x1000), 0);
	assert_int_equal(memblock_mark_mirror(RAM_BASE + 0x1c000, 0x1000), 0);
	assert_int_equal(memblock_reserve(RAM_BASE, 0x1801), 0);
	memblock_set_release(take_over, handed);
	assert_int_equal(memblock_free_all(), 14 + 8 + 7);
	assert_int_equal(handed_count, 3);
	assert_int_equal(handed[0].base, RAM_BASE + 0x1801);
	assert_int_equal(handed[0].size, 0x10000 - 0x1801);
	assert_int_equal(handed[0].nid, 0);
	assert_int_equal(handed[1].size, 0x8000);
	assert_int_equal(handed[2].base, RAM_BASE + 0x19000);
	assert_int_equal(handed[2].size, 0x7000);
	assert_int_equal(handed[2].nid, 1);
}

static void after_the_hand_over_changes_are_refused(void **state)
{
	static struct ram_snapshot before;

	(void)state;
	assert_int_equal(memblock_add(RAM_BASE, 0x10000), 0);
	assert_int_equal(memblock_free_all(), 16);
	ram_snapshot_take(&before);
	assert_int_equal(memblock_add(0, 1), -EINVAL);
	assert_int_equal(memblock_reserve(0, 1), -EINVAL);
	assert_int_equal(memblock_reserve_owned(0, 1, 0, owner_a), -EINVAL);
	assert_int_equal(memblock_phys_free(RAM_BASE, 1), -EINVAL);
	assert_int_equal(memblock_remove(RAM_BASE, 1), -EINVAL);
	assert_int_equal(memblock_mark_nomap(RAM_BASE, 1), -EINVAL);
	assert_int_equal(memblock_phys_alloc(1, 1), 0);
	assert_int_equal(memblock_free_all(), 0);
	memblock_enforce_memory_limit(0x1000);
	memblock_trim_memory(0x100000);
	ram_snapshot_check(&before);
}

static void reservations_end_late_page_by_page(void **state)
{
	(void)state;
	handed_count = 0;
	assert_int_equal(memblock_add_node(RAM_BASE, 0x10000, 0, 0), 0);
	assert_int_equal(memblock_reserve(RAM_BASE, 0x10000), 0);
	memblock_set_release(take_over, handed);
	memblock_free_late(RAM_BASE, 0x1000);
	assert_int_equal(memblock_free_all(), 0);
	memblock_free_late(RAM_BASE + 0x3800, 0x2000);
	assert_int_equal(handed_count, 1);
	assert_int_equal(handed[0].base, RAM_BASE + 0x4000);
	assert_int_equal(handed[0].size, 0x1000);
	assert_false(memblock_is_reserved(RAM_BASE + 0x4000));
	assert_true(memblock_is_reserved(RAM_BASE + 0x3fff));
	memblock_free_late(RAM_BASE + 0x3000, 0x2000);
	assert_int_equal(handed_count, 1);
	assert_non_null(strstr(ram_log, "not all of it is reserved"));
}

static void discarding_gives_the_arrays_away(void **state)
{
	(void)state;
	handed_count = 0;
	assert_int_equal(memblock_add_node(RAM_BASE, 0x100000, 0, 0), 0);
	memblock_allow_resize();
	for (unsigned int i = 0; i < 150; i++) {
		assert_int_equal(memblock_reserve(0x1000 + i * 0x1000, 0x10), 0);
	}
	memblock_set_release(take_over, handed);
	assert_int_equal(memblock_free_all(), 256 - 2);
	memblock_discard();
	assert_int_equal(handed[handed_count - 1].size, 2 * 128 * sizeof(struct memblock_region));
	assert_int_equal(memblock_used(&memblock.memory), 0);
	assert_int_equal(memblock_used(&memblock.reserved), 0);
}

/** The last word of the line that begins with @function in the log. */
static void caller_in_log(const char *function, char *out, size_t bytes)
{
	const char *line = strstr(ram_log, function);
	assert_non_null(line);
	const char *end = strchr(line, '\n');
	assert_non_null(end);
	const char *word = end;
	while (word[-1] != ' ') {
		word--;
	}
	snprintf(out, bytes, "%.*s", (int)(end - word), word);
}

static void the_trace_of_an_allocation_names_who_asked(void **state)
{
	(void)state;
	char asked[64];
	char took[64];
	assert_int_equal(memblock_add(RAM_BASE, 0x10000), 0);
	memblock_debug = true;
	assert_non_null(
		memblock_alloc_owned(64, 64, 0, MEMBLOCK_ALLOC_ACCESSIBLE, NUMA_NO_NODE, owner_a));
	memblock_debug = false;
	caller_in_log("memblock_alloc_owned: ", asked, sizeof(asked));
	caller_in_log("memblock_reserve: ", took, sizeof(took));
	assert_string_equal(asked, took);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ram_test(address_zero_is_never_handed_out),
		ram_test(before_the_linear_map_only_physical_allocations_work),
		ram_test(limits_and_alignment_are_kept_and_the_lower_limit_may_be_given_up),
		ram_test(nodes_mirrors_and_hotplug_steer_allocation),
		ram_test(an_owner_of_memory_is_no_border_for_allocation),
		ram_test(a_failed_allocation_changes_nothing),
		ram_test(the_hand_over_gives_each_free_byte_once_in_maximal_ranges),
		ram_test(after_the_hand_over_changes_are_refused),
		ram_test(reservations_end_late_page_by_page),
		ram_test(discarding_gives_the_arrays_away),
		ram_test(the_trace_of_an_allocation_names_who_asked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
