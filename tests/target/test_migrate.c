/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Moving pages on the machine itself: the memory of a program that writes to it on another hart is taken away from under
 * it by alloc_contig_range(), again and again, and no write is lost; while harts allocate and free in the same zone, a
 * range of a kernel owner's pages is had, whole, and its contents are elsewhere.
 */
#include "smp.h"

#include "movable_owner.h"

#include "fpg/base/range.h"
#include "fpg/core/migrate.h"
#include "fpg/pagetable/user.h"

#include <string.h>

/** Times that pages of the program were in a range that was had. */
#define MOVES	  500U
#define ATTEMPTS  (20U * MOVES)
#define LONG_MS	  60000U
#define OWN_PAGES 128U
#define ROUNDS	  8U
/** What a hart that allocates waits in between: locks are not fair. */
#define PAUSE	  64U

/* ---- a program's pages ------------------------------------------------------------------------- */

static struct {
	const struct user_program *program;
	struct mm *mm;
	struct user_exit exit;
	unsigned int hart;
	/** Of the hart that moves. */
	uint64_t moved;
	int err;
	struct migrate_blocker blocker;
	/** The program has ended; atomic. */
	uint32_t done;
} far;

/** Have 1 << @order frames around the page at @va, spoil them, and give them back. Return: of alloc_contig_range() */
static int take_from_under(struct mm *mm, uint64_t va, unsigned int order)
{
	struct page *page;
	struct migrate_result result;
	int err = mm_pin_page(mm, vaddr(va), PROT_READ, &page);
	if (err != 0) {
		return err;
	}
	const pfn_t first = pfn(ALIGN_DOWN(page_to_pfn(page).n, 1ULL << order));
	const struct pfn_range range = { first, pfn_add(first, 1ULL << order) };
	mm_unpin_page(page);
	err = alloc_contig_range_report(range, GFP_KERNEL, &result);
	if (err == 0) {
		/* What was left must not be seen by the program any more. */
		memset(page_address(pfn_to_page(first)), 0xa5, PAGE_SIZE << order);
		far.moved += result.moved_pages;
		err = free_contig_range(range);
	}
	far.blocker = result.blocker;
	return err;
}

/** Until enough pages moved. A neighbour that stays is no failure: with order 0 there is none. */
static int move_program(struct mm *mm)
{
	int err = 0;
	for (unsigned int i = 0; i < ATTEMPTS && far.moved < MOVES; i++) {
		const uint64_t pages = USER_DATA_BYTES / PAGE_SIZE;
		err = take_from_under(mm, USER_DATA_BASE + i % pages * PAGE_SIZE, i % 5);
		if (err != 0 && (i % 5 == 0 || err != -EBUSY)) {
			return err;
		}
	}
	return far.moved >= MOVES ? 0 : -EBUSY;
}

static int both_parts(void *arg)
{
	(void)arg;
	if (hart_index() == far.hart) {
		int err = user_run(far.program, far.mm, 0, &far.exit);
		__atomic_store_n(&far.done, 1, __ATOMIC_RELEASE);
		return err;
	}
	uint64_t begun = 0;
	while (begun == 0 && __atomic_load_n(&far.done, __ATOMIC_ACQUIRE) == 0) {
		/* The program counts in the second word of its data. */
		if (mm_read(far.mm, vaddr(USER_DATA_BASE + 8), &begun, sizeof(begun)) != 0) {
			return -EFAULT;
		}
		port_relax();
	}
	far.err = move_program(far.mm);
	const uint64_t stop = 1;
	return mm_write(far.mm, vaddr(USER_DATA_BASE), &stop, sizeof(stop));
}

static int a_programs_memory_is_taken_from_under_it_and_no_write_is_lost(struct out *out)
{
	memset(&far, 0, sizeof(far));
	if (others() == 0) {
		return ktap_skip("one hart");
	}
	far.hart = (unsigned int)__builtin_ctzll(others());
	far.program = user_program_find("count");
	far.mm = user_load(far.program);
	KTAP_EXPECT(out, far.mm != NULL);
	user_set_time_limit(LONG_MS);
	const hart_mask_t mask = hart_mask_of(hart_index()) | hart_mask_of(far.hart);
	int err = hart_run_mask(mask, "test", both_parts, NULL, NULL);
	user_set_time_limit(10000);
	mm_destroy(far.mm);
	if (far.err != 0) {
		out_printf(out, "# error %d after %llu pages: ", far.err,
			   (unsigned long long)far.moved);
		migrate_blocker_print(out, &far.blocker);
		out_puts(out, "\n");
	}
	KTAP_EXPECT(out, err == 0 && far.err == 0);
	KTAP_EXPECT(out, user_exit_expected(far.program, &far.exit));
	return 0;
}

static int a_space_that_nobody_runs_keeps_its_contents(struct out *out)
{
	static uint64_t words[PAGE_SIZE / sizeof(uint64_t)];
	vaddr_t at;
	memset(&far, 0, sizeof(far));
	struct mm *mm = mm_create("test");
	KTAP_EXPECT(out, mm != NULL);
	KTAP_EXPECT(out, mm_mmap(mm, vaddr(0), PAGE_SIZE, PROT_READ | PROT_WRITE, 0, &at) == 0);
	for (uint64_t i = 0; i < ARRAY_SIZE(words); i++) {
		words[i] = movable_word(1, i);
	}
	KTAP_EXPECT(out, mm_write(mm, at, words, sizeof(words)) == 0);
	for (unsigned int i = 0; i < 20; i++) {
		KTAP_EXPECT(out, take_from_under(mm, at.v, 0) == 0);
	}
	KTAP_EXPECT(out, far.moved == 20);
	memset(words, 0, sizeof(words));
	KTAP_EXPECT(out, mm_read(mm, at, words, sizeof(words)) == 0);
	mm_destroy(mm);
	for (uint64_t i = 0; i < ARRAY_SIZE(words); i++) {
		KTAP_EXPECT(out, words[i] == movable_word(1, i));
	}
	return 0;
}

/* ---- a kernel owner's pages, with harts that allocate meanwhile ------------------------------------- */

static struct pfn_range own_range;
static uint32_t own_done;

/** Have the range, find the contents elsewhere, whole, and put them into the range again. */
static int empty_and_fill(void)
{
	int err = alloc_contig_range(own_range, GFP_USER_MOVABLE, NULL);
	for (uint32_t i = 0; err == 0 && i < OWN_PAGES; i++) {
		struct page *page = movable_intact(i) ? movable_take(i) : NULL;
		if (page == NULL) {
			return -EIO;
		}
		__free_page(page);
		movable_own(i, pfn_to_page(pfn_add(own_range.start, i)), 0, false);
	}
	return err;
}

/** One hart has the range again and again; the others allocate and free in its zone until it is done. */
static int churn(void *arg)
{
	struct page *held[16] = { 0 };
	uint64_t i = 0;
	if (hart_index() == *(unsigned int *)arg) {
		int err = 0;
		for (unsigned int round = 0; err == 0 && round < ROUNDS; round++) {
			err = empty_and_fill();
		}
		__atomic_store_n(&own_done, 1, __ATOMIC_RELEASE);
		return err;
	}
	while (__atomic_load_n(&own_done, __ATOMIC_ACQUIRE) == 0) {
		struct page **slot = &held[i++ % ARRAY_SIZE(held)];
		__free_page(*slot);
		*slot = alloc_page((i & 1 ? GFP_KERNEL : GFP_USER_MOVABLE) | __GFP_NOWARN);
		for (unsigned int k = 0; k < PAUSE; k++) {
			port_relax();
		}
	}
	for (i = 0; i < ARRAY_SIZE(held); i++) {
		__free_page(held[i]);
	}
	return 0;
}

static int a_range_is_had_while_others_allocate(struct out *out)
{
	unsigned int self = hart_index();
	movable_owner_start(false);
	struct page *page = alloc_pages(GFP_USER_MOVABLE, 7);
	KTAP_EXPECT(out, page != NULL);
	own_range = (struct pfn_range){ page_to_pfn(page), pfn_add(page_to_pfn(page), OWN_PAGES) };
	__free_pages(page, 7);
	KTAP_EXPECT(out, alloc_contig_range(own_range, GFP_USER_MOVABLE, NULL) == 0);
	for (uint32_t i = 0; i < OWN_PAGES; i++) {
		movable_own(i, pfn_to_page(pfn_add(own_range.start, i)), 0, false);
	}
	own_done = 0;
	int err = hart_run_mask(harts_online(), "test", churn, &self, NULL);
	for (uint32_t i = 0; i < OWN_PAGES; i++) {
		KTAP_EXPECT(out, movable_intact(i) && movable_free(i));
	}
	KTAP_EXPECT(out, err == 0 && movable_owner.wrong == NULL);
	return 0;
}

const struct target_test target_tests_migrate[] = {
	{ "a_programs_memory_is_taken_from_under_it_and_no_write_is_lost",
	  a_programs_memory_is_taken_from_under_it_and_no_write_is_lost },
	{ "a_space_that_nobody_runs_keeps_its_contents",
	  a_space_that_nobody_runs_keeps_its_contents },
	{ "a_range_is_had_while_others_allocate", a_range_is_had_while_others_allocate },
	{ 0 },
};
