/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves that the calls on address spaces do what POSIX and Linux say on anonymous memory: places,
 * hints and fixed addresses, demand-zero pages, protection, the break, growing stacks, precise errors
 * of faults, and that every page comes back. test_mm_model.c does the same at random.
 */
#include "mm_machine.h"

#define RW (PROT_READ | PROT_WRITE)

static struct mm *space(void)
{
	struct mm *mm = mm_create("test");
	assert_non_null(mm);
	return mm;
}

static uint64_t map(struct mm *mm, uint64_t addr, uint64_t bytes, uint32_t prot, uint32_t flags)
{
	vaddr_t at = vaddr(0);
	assert_int_equal(mm_mmap(mm, vaddr(addr), bytes, prot, flags, &at), 0);
	assert_null(mm_wrong(mm));
	return at.v;
}

static int map_fails(struct mm *mm, uint64_t addr, uint64_t bytes, uint32_t prot, uint32_t flags)
{
	vaddr_t at = vaddr(0x1234);
	int err = mm_mmap(mm, vaddr(addr), bytes, prot, flags, &at);
	assert_int_not_equal(err, 0);
	assert_int_equal(at.v, 0x1234);
	assert_null(mm_wrong(mm));
	return err;
}

static void an_empty_space_costs_one_table_and_gives_it_back(void **state)
{
	(void)state;
	struct mm *mm = space();
	assert_int_equal(mm->pt.count.tables, 1);
	assert_int_equal(mm_count(), 1);
	mm_destroy(mm);
	machine_all_free();
}

static void new_memory_reads_as_zero_and_keeps_what_is_written(void **state)
{
	(void)state;
	struct mm *mm = space();
	const uint64_t at = map(mm, 0, 5 * PAGE_SIZE, RW, 0);
	uint64_t value = 1;
	assert_int_equal(mm->anon_pages, 0);
	assert_int_equal(machine_load(mm, at + 8, &value), 0);
	assert_int_equal(value, 0);
	assert_int_equal(machine_store(mm, at + 8, 77), 0);
	assert_int_equal(machine_store(mm, at + 4 * PAGE_SIZE, 78), 0);
	assert_int_equal(machine_load(mm, at + 8, &value), 0);
	assert_int_equal(value, 77);
	assert_int_equal(mm->anon_pages, 2);
	assert_null(mm_wrong(mm));
	mm_destroy(mm);
}

static void faults_say_exactly_what_is_wrong(void **state)
{
	(void)state;
	struct mm *mm = space();
	const uint64_t ro = map(mm, 0x100000, PAGE_SIZE, PROT_READ, MAP_FIXED);
	const uint64_t none = map(mm, 0x200000, PAGE_SIZE, PROT_NONE, MAP_FIXED);
	const uint64_t exec = map(mm, 0x300000, PAGE_SIZE, PROT_EXEC, MAP_FIXED);
	const uint64_t wo = map(mm, 0x400000, PAGE_SIZE, PROT_WRITE, MAP_FIXED);
	assert_int_equal(mm_fault(mm, vaddr(ro), MM_WRITE), -EACCES);
	assert_int_equal(mm_fault(mm, vaddr(ro), MM_EXEC), -EACCES);
	assert_int_equal(mm_fault(mm, vaddr(ro), MM_READ), 0);
	/* Also when the page is there. */
	assert_int_equal(mm_fault(mm, vaddr(ro), MM_WRITE), -EACCES);
	assert_int_equal(mm_fault(mm, vaddr(none), MM_READ), -EACCES);
	assert_int_equal(mm_fault(mm, vaddr(exec), MM_READ), -EACCES);
	assert_int_equal(mm_fault(mm, vaddr(exec), MM_EXEC), 0);
	assert_int_equal(mm_fault(mm, vaddr(wo), MM_READ), 0);
	assert_int_equal(mm_fault(mm, vaddr(0), MM_READ), -EFAULT);
	assert_int_equal(mm_fault(mm, vaddr(ro + PAGE_SIZE), MM_READ), -EFAULT);
	assert_int_equal(mm_fault(mm, vaddr(0xffffffff80000000), MM_READ), -EFAULT);
	assert_int_equal(mm_fault(mm, vaddr(1ULL << 40), MM_READ), -EFAULT);
	assert_int_equal(mm->anon_pages, 3);
	/* Somebody else was quicker: nothing to do, and nothing is done. */
	assert_int_equal(mm_fault(mm, vaddr(ro), MM_READ), 0);
	assert_int_equal(mm->anon_pages, 3);
	assert_null(mm_wrong(mm));
	mm_destroy(mm);
}

static void page_zero_and_the_kernels_half_are_never_given_out(void **state)
{
	(void)state;
	struct mm *mm = space();
	const uint64_t half = 1ULL << 38;
	assert_int_equal(map_fails(mm, 0, PAGE_SIZE, RW, MAP_FIXED), -EINVAL);
	assert_int_equal(map_fails(mm, 0, 2 * PAGE_SIZE, RW, MAP_FIXED), -EINVAL);
	assert_int_equal(map_fails(mm, half, PAGE_SIZE, RW, MAP_FIXED), -EINVAL);
	assert_int_equal(map_fails(mm, half - PAGE_SIZE, PAGE_SIZE, RW, MAP_FIXED), -EINVAL);
	assert_int_equal(map_fails(mm, half - 2 * PAGE_SIZE, 2 * PAGE_SIZE, RW, MAP_FIXED),
			 -EINVAL);
	assert_int_equal(map_fails(mm, -PAGE_SIZE, PAGE_SIZE, RW, MAP_FIXED), -EINVAL);
	assert_int_equal(map_fails(mm, 0x1008, PAGE_SIZE, RW, MAP_FIXED), -EINVAL);
	assert_int_equal(map_fails(mm, 0, 0, RW, 0), -EINVAL);
	assert_int_equal(map_fails(mm, 0, UINT64_MAX, RW, 0), -EINVAL);
	assert_int_equal(map_fails(mm, 0, PAGE_SIZE, 8, 0), -EINVAL);
	assert_int_equal(map_fails(mm, 0, PAGE_SIZE, RW, 1), -EINVAL);
	assert_int_equal(map(mm, PAGE_SIZE, PAGE_SIZE, RW, MAP_FIXED), PAGE_SIZE);
	assert_int_equal(map(mm, half - 2 * PAGE_SIZE, PAGE_SIZE, RW, MAP_FIXED),
			 half - 2 * PAGE_SIZE);
	/* As a hint none of these is an error. */
	assert_true(map(mm, 8, PAGE_SIZE, RW, 0) >= MM_MMAP_LOWEST);
	assert_true(map(mm, half, PAGE_SIZE, RW, 0) < half);
	mm_destroy(mm);
}

static void hints_are_followed_where_they_can_be(void **state)
{
	(void)state;
	struct mm *mm = space();
	assert_int_equal(map(mm, 0x500000, 2 * PAGE_SIZE, RW, 0), 0x500000);
	/* Taken: elsewhere. Rounded down: next door, and both are one area then. */
	const uint64_t other = map(mm, 0x501000, PAGE_SIZE, RW, 0);
	assert_int_not_equal(other, 0x501000);
	assert_int_equal(map(mm, 0x502abc, PAGE_SIZE, RW, 0), 0x502000);
	assert_int_equal(mm->areas.count, 2);
	/* No hint: as high as can be, under the stacks, downwards. */
	assert_int_equal(other, mm_highest(mm).v - MM_STACKS_BYTES - PAGE_SIZE);
	assert_int_equal(map(mm, 0, 3 * PAGE_SIZE, PROT_READ, 0), other - 3 * PAGE_SIZE);
	mm_destroy(mm);
}

static void fixed_replaces_and_noreplace_refuses(void **state)
{
	(void)state;
	struct mm *mm = space();
	uint64_t value = 0;
	const uint64_t at = map(mm, 0x600000, 4 * PAGE_SIZE, RW, MAP_FIXED);
	assert_int_equal(machine_store(mm, at, 1), 0);
	assert_int_equal(machine_store(mm, at + PAGE_SIZE, 2), 0);
	assert_int_equal(map_fails(mm, at + PAGE_SIZE, PAGE_SIZE, RW, MAP_FIXED_NOREPLACE),
			 -EEXIST);
	assert_int_equal(map_fails(mm, at - PAGE_SIZE, 2 * PAGE_SIZE, RW, MAP_FIXED_NOREPLACE),
			 -EEXIST);
	assert_int_equal(map(mm, at - PAGE_SIZE, PAGE_SIZE, RW, MAP_FIXED_NOREPLACE),
			 at - PAGE_SIZE);
	assert_int_equal(mm->areas.count, 1);
	assert_int_equal(map(mm, at + PAGE_SIZE, PAGE_SIZE, PROT_READ, MAP_FIXED), at + PAGE_SIZE);
	assert_int_equal(mm->areas.count, 3);
	assert_int_equal(machine_load(mm, at + PAGE_SIZE, &value), 0);
	assert_int_equal(value, 0);
	assert_int_equal(machine_load(mm, at, &value), 0);
	assert_int_equal(value, 1);
	mm_destroy(mm);
}

static void unmapping_splits_areas_and_frees_pages(void **state)
{
	(void)state;
	struct mm *mm = space();
	const uint64_t at = map(mm, 0x700000, 8 * PAGE_SIZE, RW, MAP_FIXED | MAP_POPULATE);
	assert_int_equal(mm->anon_pages, 8);
	assert_int_equal(mm_munmap(mm, vaddr(at + 2 * PAGE_SIZE), 3 * PAGE_SIZE), 0);
	assert_int_equal(mm->anon_pages, 5);
	assert_int_equal(mm->areas.count, 2);
	assert_int_equal(mm_fault(mm, vaddr(at + 2 * PAGE_SIZE), MM_READ), -EFAULT);
	assert_int_equal(mm_munmap(mm, vaddr(at + 2 * PAGE_SIZE), 3 * PAGE_SIZE), 0);
	assert_int_equal(mm_munmap(mm, vaddr(at), 0), -EINVAL);
	assert_int_equal(mm_munmap(mm, vaddr(at + 1), PAGE_SIZE), -EINVAL);
	assert_int_equal(mm_munmap(mm, vaddr(at), UINT64_MAX), -EINVAL);
	assert_null(mm_wrong(mm));
	assert_int_equal(mm_munmap(mm, vaddr(MM_LOWEST), mm_highest(mm).v - MM_LOWEST), 0);
	assert_int_equal(mm->anon_pages, 0);
	assert_int_equal(mm->pt.count.tables, 1);
	mm_destroy(mm);
}

static void protection_changes_what_is_mapped_and_what_will_be(void **state)
{
	(void)state;
	struct mm *mm = space();
	uint64_t value = 0;
	const uint64_t at = map(mm, 0x800000, 4 * PAGE_SIZE, RW, MAP_FIXED);
	assert_int_equal(machine_store(mm, at + PAGE_SIZE, 5), 0);
	assert_int_equal(mm_mprotect(mm, vaddr(at + PAGE_SIZE), 2 * PAGE_SIZE, PROT_READ), 0);
	assert_null(mm_wrong(mm));
	assert_int_equal(mm->areas.count, 3);
	assert_int_equal(machine_store(mm, at + PAGE_SIZE, 6), -EACCES);
	assert_int_equal(machine_store(mm, at + 2 * PAGE_SIZE, 6), -EACCES);
	assert_int_equal(mm_mprotect(mm, vaddr(at + PAGE_SIZE), PAGE_SIZE, PROT_NONE), 0);
	assert_int_equal(machine_load(mm, at + PAGE_SIZE, &value), -EACCES);
	assert_null(mm_wrong(mm));
	assert_int_equal(mm_mprotect(mm, vaddr(at), 4 * PAGE_SIZE, RW), 0);
	assert_null(mm_wrong(mm));
	assert_int_equal(mm->areas.count, 1);
	assert_int_equal(machine_load(mm, at + PAGE_SIZE, &value), 0);
	assert_int_equal(value, 5);
	/* A hole, a strange bit, the middle of a page; no bytes are no error. */
	assert_int_equal(mm_mprotect(mm, vaddr(at), 5 * PAGE_SIZE, PROT_READ), -ENOMEM);
	assert_int_equal(mm_mprotect(mm, vaddr(at - PAGE_SIZE), PAGE_SIZE, PROT_READ), -ENOMEM);
	assert_int_equal(mm_mprotect(mm, vaddr(at), PAGE_SIZE, 8), -EINVAL);
	assert_int_equal(mm_mprotect(mm, vaddr(at + 8), PAGE_SIZE, RW), -EINVAL);
	assert_int_equal(mm_mprotect(mm, vaddr(at), 0, PROT_READ), 0);
	assert_int_equal(machine_store(mm, at, 6), 0);
	mm_destroy(mm);
}

static void the_break_moves_where_it_can(void **state)
{
	(void)state;
	struct mm *mm = space();
	uint64_t value = 1;
	const uint64_t start = mm_brk(mm, vaddr(0)).v;
	assert_int_equal(start, MM_BRK_DEFAULT);
	assert_int_equal(mm_brk(mm, vaddr(start + 100)).v, start + 100);
	assert_int_equal(mm->areas.count, 1);
	assert_int_equal(mm_brk(mm, vaddr(start + 3 * PAGE_SIZE)).v, start + 3 * PAGE_SIZE);
	assert_int_equal(mm->areas.count, 1);
	assert_int_equal(machine_store(mm, start + 2 * PAGE_SIZE, 9), 0);
	assert_int_equal(mm_brk(mm, vaddr(start + 1)).v, start + 1);
	assert_int_equal(mm->anon_pages, 0);
	assert_int_equal(mm_brk(mm, vaddr(start + 3 * PAGE_SIZE)).v, start + 3 * PAGE_SIZE);
	assert_int_equal(machine_load(mm, start + 2 * PAGE_SIZE, &value), 0);
	assert_int_equal(value, 0);
	/* Below its start, past the end, into somebody else's memory: it stays. */
	assert_int_equal(mm_brk(mm, vaddr(start - 1)).v, start + 3 * PAGE_SIZE);
	assert_int_equal(mm_brk(mm, vaddr(UINT64_MAX)).v, start + 3 * PAGE_SIZE);
	map(mm, start + SZ_4M, PAGE_SIZE, RW, MAP_FIXED);
	assert_int_equal(mm_brk(mm, vaddr(start + SZ_4M + 1)).v, start + 3 * PAGE_SIZE);
	assert_int_equal(mm_brk(mm, vaddr(start)).v, start);
	assert_int_equal(mm->areas.count, 1);
	assert_null(mm_wrong(mm));
	mm_destroy(mm);
}

static void a_stack_grows_up_to_its_limit_and_keeps_its_distance(void **state)
{
	(void)state;
	struct mm *mm = space();
	const uint64_t top = 0x20000000;
	uint64_t at = map(mm, top - PAGE_SIZE, PAGE_SIZE, RW, MAP_FIXED | MAP_GROWSDOWN);
	assert_int_equal(machine_store(mm, at - 8, 1), 0);
	assert_int_equal(machine_store(mm, top - MM_STACK_LIMIT, 2), 0);
	assert_int_equal(mm->areas.count, 1);
	assert_int_equal(area_first(&mm->areas)->start, top - MM_STACK_LIMIT);
	assert_int_equal(mm_fault(mm, vaddr(top - MM_STACK_LIMIT - 8), MM_WRITE), -EFAULT);
	assert_null(mm_wrong(mm));

	/* Another one, with somebody's memory below. */
	const uint64_t low = 0x10000000;
	map(mm, low, PAGE_SIZE, RW, MAP_FIXED);
	map(mm, low + SZ_4M, PAGE_SIZE, RW, MAP_FIXED | MAP_GROWSDOWN);
	const uint64_t nearest = low + PAGE_SIZE + MM_STACK_GUARD;
	assert_int_equal(mm_fault(mm, vaddr(nearest - 1), MM_WRITE), -EFAULT);
	assert_int_equal(mm_fault(mm, vaddr(nearest), MM_EXEC), -EACCES);
	assert_int_equal(mm_fault(mm, vaddr(nearest), MM_WRITE), 0);
	assert_null(mm_wrong(mm));

	/* Nobody is given a place within the distance. */
	const uint64_t stack = map(mm, 0, PAGE_SIZE, RW, MAP_GROWSDOWN);
	at = map(mm, 0, PAGE_SIZE, RW, 0);
	assert_true(at + PAGE_SIZE + MM_STACK_GUARD <= stack || at >= stack + PAGE_SIZE);
	at = map(mm, stack - PAGE_SIZE, PAGE_SIZE, RW, 0);
	assert_int_not_equal(at, stack - PAGE_SIZE);
	mm_destroy(mm);
}

static void a_page_that_cannot_be_had_is_enomem_and_grows_nothing(void **state)
{
	(void)state;
	struct mm *mm = space();
	const uint64_t top = 0x20000000;
	map(mm, top - PAGE_SIZE, PAGE_SIZE, RW, MAP_FIXED | MAP_GROWSDOWN);
	for (uint64_t k = 1;; k++) {
		fail_boot_set(k);
		int err = mm_fault(mm, vaddr(top - 5 * PAGE_SIZE), MM_WRITE);
		(void)fail_boot_end();
		assert_null(mm_wrong(mm));
		if (err == 0) {
			/* The page, and a table for each level below the root. */
			assert_true(k >= 4);
			break;
		}
		assert_int_equal(err, -ENOMEM);
		assert_int_equal(mm->anon_pages, 0);
		assert_int_equal(mm->pt.count.tables, 1);
		assert_int_equal(area_first(&mm->areas)->start, top - PAGE_SIZE);
	}
	mm_destroy(mm);
}

static void a_space_that_cannot_be_made_leaves_nothing(void **state)
{
	(void)state;
	struct mm *mm = NULL;
	for (uint64_t k = 1; mm == NULL; k++) {
		mm_drain();
		fail_boot_set(k);
		mm = mm_create("test");
		(void)fail_boot_end();
		assert_true(k < 10 && (mm == NULL || k >= 3));
		if (mm == NULL) {
			machine_all_free();
		}
	}
	mm_destroy(mm);
}

static void the_kernel_reads_and_writes_any_space(void **state)
{
	(void)state;
	struct mm *mm = space();
	char text[3 * PAGE_SIZE];
	char back[3 * PAGE_SIZE];
	const uint64_t at = map(mm, 0x900000, 4 * PAGE_SIZE, PROT_EXEC, MAP_FIXED);
	for (size_t i = 0; i < sizeof(text); i++) {
		text[i] = (char)(i * 7 + i / 251);
	}
	assert_int_equal(mm_write(mm, vaddr(at + 100), text, sizeof(text)), 0);
	assert_int_equal(mm_mprotect(mm, vaddr(at), 4 * PAGE_SIZE, PROT_NONE), 0);
	assert_int_equal(mm_read(mm, vaddr(at + 100), back, sizeof(back)), 0);
	assert_memory_equal(text, back, sizeof(text));
	assert_int_equal(mm_write(mm, vaddr(at + 3 * PAGE_SIZE), text, 2 * PAGE_SIZE), -EFAULT);
	assert_null(mm_wrong(mm));
	mm_destroy(mm);
}

static void ids_are_given_again_only_when_free(void **state)
{
	(void)state;
	static struct mm *all[MM_MAX];
	unsigned int count = 0;
	while (count < 40) {
		all[count++] = space();
		for (unsigned int i = 0; i + 1 < count; i++) {
			assert_int_not_equal(mm_id(all[i]), mm_id(all[count - 1]));
		}
	}
	mm_destroy(all[7]);
	all[7] = space();
	for (unsigned int i = 0; i < count; i++) {
		assert_true(mm_id(all[i]) > 0 && mm_id(all[i]) < MM_MAX);
		mm_destroy(all[i]);
	}
}

#define MM_TEST(name) cmocka_unit_test_setup_teardown(name, machine_start, machine_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		MM_TEST(an_empty_space_costs_one_table_and_gives_it_back),
		MM_TEST(new_memory_reads_as_zero_and_keeps_what_is_written),
		MM_TEST(faults_say_exactly_what_is_wrong),
		MM_TEST(page_zero_and_the_kernels_half_are_never_given_out),
		MM_TEST(hints_are_followed_where_they_can_be),
		MM_TEST(fixed_replaces_and_noreplace_refuses),
		MM_TEST(unmapping_splits_areas_and_frees_pages),
		MM_TEST(protection_changes_what_is_mapped_and_what_will_be),
		MM_TEST(the_break_moves_where_it_can),
		MM_TEST(a_stack_grows_up_to_its_limit_and_keeps_its_distance),
		MM_TEST(a_page_that_cannot_be_had_is_enomem_and_grows_nothing),
		MM_TEST(a_space_that_cannot_be_made_leaves_nothing),
		MM_TEST(the_kernel_reads_and_writes_any_space),
		MM_TEST(ids_are_given_again_only_when_free),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
