/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves that programs are loaded, run, served and killed as they should be (the test plays the
 * program), that copies have the program's rights and no others, that pins and moves of pages keep
 * contents and counts, and that a run which lacks memory leaves nothing.
 */
#include "mm_machine.h"

#include "fpg/pagetable/user.h"

#define RW (PROT_READ | PROT_WRITE)
/* Values of Linux that programs see. */
#define A0 10
#define A7 17

static const char code[] = "this is code\n";
static const struct user_program program = { .name = "played",
					     .code = code,
					     .code_end = code + sizeof(code),
					     .killed = true,
					     .cause = TRAP_LOAD_PAGE_FAULT,
					     .addr = 0x1000000 };

/* ---- the played program ------------------------------------------------------------------------- */

static const struct call {
	uint64_t number, arg[4];
	int64_t result;
} * script;
static unsigned int script_at;
static unsigned int script_count;
static int64_t last_result;

/** Each call in turn; then it does what kills it. */
static void play(struct port_user_regs *regs, struct port_trap *why)
{
	if (script_at > 0) {
		last_result = (int64_t)regs->x[A0];
		assert_int_equal(last_result, script[script_at - 1].result);
	}
	if (script_at == script_count) {
		*why = (struct port_trap){ .cause = program.cause, .tval = program.addr };
		return;
	}
	regs->x[A7] = script[script_at].number;
	memcpy(&regs->x[A0], script[script_at].arg, sizeof(script[0].arg));
	script_at++;
	*why = (struct port_trap){ .cause = TRAP_USER_ECALL };
}

static void *reach(vaddr_t va, bool write)
{
	phys_addr_t pa;
	return machine_allows(mm_current(), va, write ? MM_WRITE : MM_READ, &pa) ?
		       port_phys_to_virt(pa) :
		       NULL;
}

static void play_script(const struct call *calls, unsigned int count)
{
	script = calls;
	script_at = 0;
	script_count = count;
	host_set_user_program(play);
	host_set_user_memory(reach);
}

static void calls_give_results_and_the_fault_at_the_end_kills(void **state)
{
	(void)state;
	static const struct call calls[] = {
		{ USER_HART, { 0 }, 0 },
		{ USER_YIELD, { 0 }, 0 },
		{ USER_BRK, { 0 }, USER_DATA_BASE + USER_DATA_BYTES },
		{ USER_BRK, { 0x30000 }, 0x30000 },
		{ USER_WRITE, { 1, 0x2f000, 1 }, 1 },
		{ USER_WRITE, { 1, USER_TEXT_BASE, sizeof(code) - 1 }, sizeof(code) - 1 },
		{ USER_WRITE, { 1, 0x30000, 1 }, -EFAULT },
		{ USER_WRITE, { 3, USER_TEXT_BASE, 1 }, -EBADF },
		{ USER_MMAP, { 0x500000, 4096, 3, 0x22 | MAP_FIXED }, 0x500000 },
		{ USER_MMAP, { 0x500000, 4096, 1ULL << 32 | 3, 0x10 }, -EINVAL },
		{ USER_MMAP, { 0, 4096, 3, 0x40 }, -EINVAL },
		{ USER_MPROTECT, { 0x500000, 4096, 1 }, 0 },
		{ USER_MPROTECT, { 0x500000, 8192, 1 }, -ENOMEM },
		{ USER_MUNMAP, { 0x500000, 4096 }, 0 },
		{ USER_MUNMAP, { 0x500800, 4096 }, -EINVAL },
		{ 12345, { 0 }, -38 },
	};
	struct user_exit exit;
	char text[USER_EXIT_TEXT];
	play_script(calls, ARRAY_SIZE(calls));
	assert_int_equal(user_run(&program, NULL, 0, &exit), 0);
	assert_int_equal(script_at, ARRAY_SIZE(calls));
	assert_true(user_exit_expected(&program, &exit));
	assert_int_equal(exit.status, -EFAULT);
	assert_null(mm_current());
	(void)user_exit_text(text, sizeof(text), &exit);
	assert_non_null(strstr(text, "at 0x1000000, pc 0x10"));
	assert_non_null(strstr(text, ": no memory there"));
	machine_all_free();
}

static void exit_ends_with_its_status(void **state)
{
	(void)state;
	static const struct call calls[] = { { USER_EXIT, { 0xfffffff9 }, 0 } };
	struct user_exit exit;
	char text[USER_EXIT_TEXT];
	play_script(calls, 1);
	assert_int_equal(user_run(&program, NULL, 0, &exit), 0);
	assert_false(exit.killed);
	assert_int_equal(exit.status, -7);
	assert_false(user_exit_expected(&program, &exit));
	assert_string_equal(user_exit_text(text, sizeof(text), &exit), "exit -7");
}

static void an_illegal_instruction_kills_and_says_so(void **state)
{
	(void)state;
	struct user_exit exit;
	host_set_user_program(NULL);
	assert_int_equal(user_run(&program, NULL, 0, &exit), 0);
	assert_true(exit.killed);
	assert_int_equal(exit.cause, TRAP_ILLEGAL_INSN);
	assert_int_equal(exit.pc.v, USER_TEXT_BASE);
	assert_false(user_exit_expected(&program, &exit));
}

static void a_space_is_run_again_only_with_its_own_program(void **state)
{
	(void)state;
	static const struct call calls[] = { { USER_EXIT, { 0 }, 0 } };
	struct user_exit exit;
	struct user_program other = program;
	struct mm *mm = user_load(&program);
	char text[sizeof(code)];
	assert_non_null(mm);
	assert_int_equal(mm_read(mm, vaddr(USER_TEXT_BASE), text, sizeof(text)), 0);
	assert_memory_equal(text, code, sizeof(code));
	play_script(calls, 1);
	assert_int_equal(user_run(&program, mm, 0, &exit), 0);
	assert_null(mm_wrong(mm));
	const uint64_t areas = mm->areas.count;
	play_script(calls, 1);
	assert_int_equal(user_run(&program, mm, 0, &exit), 0);
	assert_int_equal(mm->areas.count, areas);
	assert_int_equal(user_run(&other, mm, 0, &exit), -ENOEXEC);
	mm_destroy(mm);
	other.code_end = other.code;
	assert_null(user_load(&other));
}

static void a_run_that_lacks_memory_leaves_nothing(void **state)
{
	(void)state;
	static const struct call calls[] = { { USER_EXIT, { 0 }, 0 } };
	struct user_exit exit;
	int err = -1;
	for (uint64_t k = 1; err != 0; k++) {
		assert_true(k < 100);
		mm_drain();
		play_script(calls, 1);
		fail_boot_set(k);
		err = user_run(&program, NULL, 0, &exit);
		(void)fail_boot_end();
		assert_true(err == 0 || err == -ENOMEM);
		machine_all_free();
	}
}

/* ---- copies ------------------------------------------------------------------------------------- */

static void copies_fault_pages_in_and_respect_protection(void **state)
{
	(void)state;
	vaddr_t at;
	char buf[64] = "some words";
	struct mm *mm = mm_create("test");
	host_set_user_memory(reach);
	assert_int_equal(mm_mmap(mm, vaddr(0x100000), 2 * PAGE_SIZE, RW, MAP_FIXED, &at), 0);
	assert_int_equal(mm_mmap(mm, vaddr(0x200000), PAGE_SIZE, PROT_READ, MAP_FIXED, &at), 0);
	assert_int_equal(copy_to_user(vaddr(0x100000), buf, 8), -EFAULT);
	mm_switch(mm);
	assert_int_equal(copy_to_user(vaddr(0x101000 - 5), buf, sizeof(buf)), 0);
	assert_int_equal(mm->anon_pages, 2);
	memset(buf, 0, sizeof(buf));
	assert_int_equal(copy_from_user(buf, vaddr(0x101000 - 5), sizeof(buf)), 0);
	assert_string_equal(buf, "some words");
	assert_int_equal(copy_to_user(vaddr(0x200000), buf, 1), -EFAULT);
	assert_int_equal(copy_from_user(buf, vaddr(0x200000), sizeof(buf)), 0);
	assert_int_equal(copy_from_user(buf, vaddr(0x200ff0), 17), -EFAULT);
	mm_switch(NULL);
	mm_destroy(mm);
}

/* ---- pins and moves ------------------------------------------------------------------------------ */

static void a_pinned_page_stays_and_outlives_its_mapping(void **state)
{
	(void)state;
	vaddr_t at;
	struct page *page = NULL;
	struct mm *owner;
	struct mm *mm = mm_create("test");
	assert_int_equal(mm_mmap(mm, vaddr(0x100000), PAGE_SIZE, PROT_READ, MAP_FIXED, &at), 0);
	assert_int_equal(mm_pin_page(mm, vaddr(0x100008), PROT_WRITE, &page), -EACCES);
	assert_int_equal(mm_pin_page(mm, vaddr(0x101000), PROT_READ, &page), -EFAULT);
	assert_null(page);
	assert_int_equal(mm_pin_page(mm, vaddr(0x100008), PROT_READ, &page), 0);
	assert_int_equal(page_word_refs(page->word), 2);
	assert_int_equal(rmap_migrate_unmap(page), -EBUSY);
	assert_int_equal(mm_munmap(mm, vaddr(0x100000), PAGE_SIZE), 0);
	assert_int_equal(page_word_refs(page->word), 1);
	assert_int_equal(rmap_of(page, &owner, &at), -ENOENT);
	assert_int_equal(rmap_migrate_unmap(page), -ENOENT);
	mm_destroy(mm);
	mm_drain();
	assert_int_equal(page_alloc_free_pages(), machine_free_pages - 1);
	mm_unpin_page(page);
}

static void moves_fence_only_what_moved_and_where_it_is_used(void **state)
{
	(void)state;
	vaddr_t at;
	struct host_fence_counts before;
	struct host_fence_counts after;
	struct mm *mm = mm_create("test");
	struct mm *idle = mm_create("idle");
	struct page *page[2];
	assert_int_equal(
		mm_mmap(mm, vaddr(0x100000), 8 * PAGE_SIZE, RW, MAP_FIXED | MAP_POPULATE, &at), 0);
	mm_switch(mm);
	for (unsigned int i = 0; i < 2; i++) {
		page[i] = mm_page_at(mm, vaddr(0x100000 + (2 + i) * PAGE_SIZE));
		assert_int_equal(rmap_migrate_unmap(page[i]), 0);
	}
	host_fence_counts_read(&before);
	rmap_migrate_fence();
	rmap_migrate_fence();
	host_fence_counts_read(&after);
	assert_int_equal(after.local_asid_ranges, before.local_asid_ranges + 1);
	assert_int_equal(after.local_asid, before.local_asid);
	assert_int_equal(after.local_all, before.local_all);
	assert_int_equal(mm->migrating, 2);
	rmap_migrate_undo(page[0]);
	rmap_migrate_undo(page[1]);
	assert_int_equal(mm->migrating, 0);
	assert_null(mm_wrong(mm));
	mm_switch(NULL);
	mm_destroy(idle);
	mm_destroy(mm);
}

#define NEIGHBOURS 8U

/** @mm[0] and @mm[1] get neighbours as their memory from 0x100000 on, in turns. Return: the first */
static struct page *make_neighbours(struct mm *mm[2])
{
	vaddr_t at;
	void *memory = alloc_pages_exact(NEIGHBOURS * PAGE_SIZE, GFP_KERNEL);
	assert_non_null(memory);
	struct page *first = virt_to_page(memory);
	for (unsigned int i = 0; i < NEIGHBOURS; i++) {
		const vaddr_t va = vaddr(0x100000 + i * PAGE_SIZE);
		assert_int_equal(
			mm_mmap(mm[i % 2], va, PAGE_SIZE, RW, MAP_FIXED | MAP_POPULATE, &at), 0);
		struct page *page = mm_page_at(mm[i % 2], va);
		assert_int_equal(rmap_migrate_unmap(page), 0);
		rmap_migrate_fence();
		rmap_migrate_remap(page, &first[i]);
		__free_page(page);
	}
	return first;
}

static void neighbours_of_several_spaces_move_up_to_a_pinned_one(void **state)
{
	(void)state;
	const unsigned int pinned = 5;
	struct mm *mm[2] = { mm_create("even"), mm_create("odd") };
	struct page *first = make_neighbours(mm);
	struct page *from[NEIGHBOURS];
	struct page *to[NEIGHBOURS];
	struct page *pin;
	uint32_t done;
	const vaddr_t va = vaddr(0x100000 + pinned * PAGE_SIZE);
	assert_int_equal(mm_pin_page(mm[pinned % 2], va, PROT_READ, &pin), 0);
	assert_ptr_equal(pin, &first[pinned]);
	assert_int_equal(rmap_migrate_unmap_many(first, NEIGHBOURS, &done), -EBUSY);
	assert_int_equal(done, pinned);
	assert_int_equal(mm[0]->migrating, 3);
	assert_int_equal(mm[1]->migrating, 2);
	rmap_migrate_fence();
	rmap_migrate_undo(&first[0]);
	for (unsigned int i = 1; i < pinned; i++) {
		from[i] = &first[i];
		to[i] = alloc_page(GFP_KERNEL);
		assert_non_null(to[i]);
	}
	rmap_migrate_remap_many(from + 1, to + 1, pinned - 1);
	assert_int_equal(mm[0]->migrating + mm[1]->migrating, 0);
	for (unsigned int i = 0; i < NEIGHBOURS; i++) {
		struct page *now = i != 0 && i < pinned ? to[i] : &first[i];
		assert_ptr_equal(mm_page_at(mm[i % 2], vaddr(0x100000 + i * PAGE_SIZE)), now);
	}
	/* The second one was left: it is nobody's memory any more. */
	assert_int_equal(rmap_migrate_unmap_many(first, NEIGHBOURS, &done), -ENOENT);
	assert_int_equal(done, 1);
	rmap_migrate_fence();
	rmap_migrate_undo(&first[0]);
	assert_null(mm_wrong(mm[0]));
	assert_null(mm_wrong(mm[1]));
	mm_unpin_page(pin);
	for (unsigned int i = 1; i < pinned; i++) {
		__free_page(from[i]);
	}
	mm_destroy(mm[0]);
	mm_destroy(mm[1]);
}

static void pages_to_execute_are_fenced_for_fetches(void **state)
{
	(void)state;
	vaddr_t at;
	struct host_fence_counts before;
	struct host_fence_counts after;
	struct mm *mm = mm_create("test");
	host_fence_counts_read(&before);
	assert_int_equal(mm_mmap(mm, vaddr(0x100000), PAGE_SIZE, RW, MAP_FIXED | MAP_POPULATE, &at),
			 0);
	host_fence_counts_read(&after);
	assert_int_equal(after.fence_i, before.fence_i);
	assert_int_equal(mm_mmap(mm, vaddr(0x200000), PAGE_SIZE, PROT_EXEC, MAP_FIXED, &at), 0);
	assert_int_equal(mm_fault(mm, vaddr(0x200000), MM_EXEC), 0);
	host_fence_counts_read(&after);
	assert_true(after.fence_i > before.fence_i);
	mm_destroy(mm);
}

static void pages_that_are_nobodys_memory_have_no_mapping(void **state)
{
	(void)state;
	struct mm *mm;
	vaddr_t at;
	struct page *page = alloc_page(GFP_KERNEL);
	assert_non_null(page);
	assert_int_equal(rmap_of(page, &mm, &at), -ENOENT);
	assert_int_equal(rmap_migrate_unmap(page), -ENOENT);
	__free_page(page);
	assert_int_equal(rmap_migrate_unmap(page), -ENOENT);
}

#define MM_TEST(name) cmocka_unit_test_setup_teardown(name, machine_start, machine_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		MM_TEST(calls_give_results_and_the_fault_at_the_end_kills),
		MM_TEST(exit_ends_with_its_status),
		MM_TEST(an_illegal_instruction_kills_and_says_so),
		MM_TEST(a_space_is_run_again_only_with_its_own_program),
		MM_TEST(a_run_that_lacks_memory_leaves_nothing),
		MM_TEST(copies_fault_pages_in_and_respect_protection),
		MM_TEST(a_pinned_page_stays_and_outlives_its_mapping),
		MM_TEST(moves_fence_only_what_moved_and_where_it_is_used),
		MM_TEST(neighbours_of_several_spaces_move_up_to_a_pinned_one),
		MM_TEST(pages_to_execute_are_fenced_for_fetches),
		MM_TEST(pages_that_are_nobodys_memory_have_no_mapping),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
