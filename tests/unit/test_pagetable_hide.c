/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves that hiding, showing and re-pointing 4 KiB leaves keeps all else about them and takes no memory, that 64 KiB
 * leaves (Svnapot) are made wherever they fit, and that changing a part of one first takes it apart and says that all
 * of it must be fenced.
 */
#include "pt_model_ops.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct pt_mode *const modes[] = { &pt_mode_sv39, &pt_mode_sv48, &pt_mode_sv57 };
static struct model m;

static struct pt *start(unsigned int mode, bool napot)
{
	model_start(&m, modes[mode], 1, PT_GLOBAL);
	m.pt.napot = napot;
	return &m.pt;
}

static struct pt_walk walk(vaddr_t va)
{
	struct pt_walk w;
	assert_int_equal(pt_walk(&m.pt, va, &w), 0);
	return w;
}

static void a_hidden_page_keeps_its_place_its_memory_and_its_permissions(void **state)
{
	(void)state;
	for (unsigned int n = 0; n < 3; n++) {
		struct pt *pt = start(n, false);
		const vaddr_t va = vaddr(0x7654000);
		const vaddr_t page = vaddr(va.v + 3 * SZ_4K);
		assert_int_equal(pt_map(pt, va, 0x80054000, 8 * SZ_4K, MEM_R | MEM_W, 0), 0);
		pt_reap(pt);
		m.takes_left = 0;
		assert_int_equal(pt_set_present(pt, page, 2 * SZ_4K, false), 2);
		struct pt_walk w = walk(vaddr(page.v + 0x123));
		assert_true(!w.mapped && w.hidden);
		assert_int_equal(w.phys, 0x80057123);
		assert_int_equal(w.prot, MEM_R | MEM_W | PT_GLOBAL);
		assert_false(pte_present(0, w.step[w.steps - 1].pte));
		/* Nothing was written but the entries: no lock is needed for it. */
		assert_int_equal(pt->fence_lo.v, pt->fence_hi.v);

		assert_int_equal(pt_map(pt, page, 0x1000, SZ_4K, MEM_R, 0), -EEXIST);
		assert_int_equal(pt_protect(pt, page, SZ_4K, MEM_R), 0);
		assert_true(walk(page).hidden);
		struct pt_totals t;
		pt_totals(pt, &t);
		assert_int_equal(t.hidden_bytes, 2 * SZ_4K);
		assert_int_equal(t.mapped_bytes, 6 * SZ_4K);
		assert_int_equal(t.leaves[0], 6);
		assert_int_equal(pt->count.leaves[0], 8);

		assert_int_equal(pt_set_present(pt, page, SZ_4K, true), 1);
		assert_int_equal(walk(page).prot, MEM_R | PT_GLOBAL);
		assert_true(walk(page).mapped && walk(vaddr(page.v + SZ_4K)).hidden);
		assert_int_equal(pt_unmap(pt, va, 8 * SZ_4K), 0);
		pt_reap(pt);
		assert_int_equal(m.taken_count, 1);
		m.takes_left = -1;
		model_end(&m);
	}
}

static void hiding_leaves_holes_and_large_leaves_alone_and_says_how_many_it_found(void **state)
{
	(void)state;
	struct pt *pt = start(0, false);
	const vaddr_t va = vaddr(SZ_1G - SZ_2M);
	assert_int_equal(pt_set_present(pt, va, SZ_1G, false), 0);
	assert_int_equal(pt_map(pt, va, SZ_1G - SZ_2M, SZ_2M + SZ_1G + 5 * SZ_4K, MEM_R, 2), 0);
	const uint64_t before = model_hash(&m);
	assert_int_equal(pt_set_present(pt, va, SZ_2M + SZ_1G, false), 0);
	assert_int_equal(pt_set_present(pt, vaddr(va.v + 1), SZ_4K, false), 0);
	assert_int_equal(pt_set_present(pt, vaddr((uint64_t)1 << 38), SZ_4K, false), 0);
	assert_int_equal(model_hash(&m), before);
	assert_int_equal(pt_set_present(pt, va, SZ_2M + SZ_1G + 9 * SZ_4K, false), 5);
	assert_int_equal(pt_set_present(pt, va, SZ_2M + SZ_1G + 9 * SZ_4K, true), 5);
	assert_int_equal(model_hash(&m), before);
	model_end(&m);
}

static void hidden_pages_are_never_merged_into_a_large_leaf(void **state)
{
	(void)state;
	struct pt *pt = start(1, false);
	pt->merge_level = 2;
	assert_int_equal(pt_map(pt, vaddr(SZ_2M), SZ_2M, SZ_2M - SZ_4K, MEM_R, 0), 0);
	for (uint64_t hidden = 0; hidden < SZ_2M - SZ_4K; hidden += SZ_2M / 2) {
		assert_int_equal(pt_set_present(pt, vaddr(SZ_2M + hidden), SZ_4K, false), 1);
		assert_int_equal(pt_map(pt, vaddr(2 * SZ_2M - SZ_4K), 2 * SZ_2M - SZ_4K, SZ_4K,
					MEM_R, 0),
				 0);
		assert_int_equal(pt->count.leaves[0], PT_ENTRIES);
		assert_int_equal(pt_set_present(pt, vaddr(SZ_2M + hidden), SZ_4K, true), 1);
		assert_int_equal(pt_unmap(pt, vaddr(2 * SZ_2M - SZ_4K), SZ_4K), 0);
	}
	assert_int_equal(pt_map(pt, vaddr(2 * SZ_2M - SZ_4K), 2 * SZ_2M - SZ_4K, SZ_4K, MEM_R, 0),
			 0);
	assert_int_equal(pt->count.leaves[1], 1);
	model_end(&m);
}

static void a_page_can_be_hidden_moved_and_shown_again_without_memory(void **state)
{
	(void)state;
	struct pt *pt = start(2, false);
	const vaddr_t va = vaddr(0x5000);
	assert_int_equal(pt_set_page(pt, va, 0x9000, true), -ENOENT);
	assert_int_equal(pt_map(pt, va, 0x80005000, SZ_4K, MEM_R | MEM_W | MEM_U, 0), 0);
	m.takes_left = 0;
	assert_int_equal(pt_set_present(pt, va, SZ_4K, false), 1);
	assert_int_equal(pt_set_page(pt, va, 0x90001000, true), 0);
	assert_true(walk(va).mapped);
	assert_int_equal(walk(va).phys, 0x90001000);
	assert_int_equal(walk(va).prot, MEM_R | MEM_W | MEM_U | PT_GLOBAL);
	assert_int_equal(pt_set_page(pt, va, 0xfffffffffff000, false), 0);
	assert_true(walk(va).hidden);
	assert_int_equal(walk(va).phys, 0xfffffffffff000);
	assert_int_equal(pt_set_page(pt, va, 1ULL << 56, true), -EINVAL);
	assert_int_equal(pt_set_page(pt, va, 0x800, true), -EINVAL);
	assert_int_equal(pt_set_page(pt, vaddr(0x5800), 0x1000, true), -EINVAL);
	assert_int_equal(pt_set_page(pt, vaddr(0x6000), 0x1000, true), -ENOENT);
	m.takes_left = -1;
	model_end(&m);
}

static void napot_leaves_are_made_wherever_sixteen_aligned_pages_agree(void **state)
{
	(void)state;
	static const struct {
		uint64_t va, pa, pages, napot;
	} cases[] = {
		{ 0x10000, 0x80010000, 16, 1 },	   { 0x10000, 0x80010000, 15, 0 },
		{ 0x11000, 0x80011000, 16, 0 },	   { 0x11000, 0x80011000, 31, 1 },
		{ 0x1f000, 0x8000f000, 34, 2 },	   { 0x10000, 0x80011000, 64, 0 },
		{ 0x200000, 0x80200000, 511, 31 }, { 0x1f1000, 0x800f1000, 1000, 61 },
	};
	for (unsigned int n = 0; n < ARRAY_SIZE(cases) * 3; n++) {
		struct pt *pt = start(n % 3, true);
		const uint64_t bytes = cases[n / 3].pages << PAGE_SHIFT;
		const vaddr_t va = vaddr(cases[n / 3].va);
		assert_int_equal(pt_map(pt, va, cases[n / 3].pa, bytes, MEM_R, 0), 0);
		assert_int_equal(pt->count.napot, cases[n / 3].napot);
		assert_int_equal(pt->count.leaves[0], cases[n / 3].pages - 16 * cases[n / 3].napot);
		for (uint64_t at = 0; at < bytes; at += SZ_4K) {
			assert_int_equal(walk(vaddr(va.v + at + 5)).phys, cases[n / 3].pa + at + 5);
		}
		struct pt_totals t;
		pt_totals(pt, &t);
		assert_int_equal(t.mapped_bytes, bytes);
		assert_int_equal(t.napot, cases[n / 3].napot);
		assert_int_equal(t.runs, 1);
		assert_int_equal(pt_unmap(pt, va, bytes), 0);
		assert_int_equal(pt->count.napot + pt->count.leaves[0], 0);
		model_end(&m);
	}
}

static void a_napot_entry_is_what_the_privileged_specification_says(void **state)
{
	(void)state;
	/* N in bit 63, ppn[3:0] = 1000b. Source: Privileged v1.12, chapter 5, table 5.1. */
	const pte_t pte = pte_napot(pte_leaf(0, 0x80010000, MEM_R));
	assert_true(pte.v == 0x80000000200060c3);
	assert_int_equal(pte_phys(0, pte), 0x80010000);
	assert_int_equal(pte_leaf_bytes(0, pte), SZ_64K);
	assert_int_equal(pte_prot(0, pte), MEM_R);
	/* A plain leaf keeps its bit 3 of the frame number. */
	assert_int_equal(pte_phys(0, pte_leaf(0, 0x80018000, MEM_R)), 0x80018000);
}

enum part_change {
	PART_UNMAP,
	PART_PROTECT,
	PART_HIDE,
	PART_SET_PAGE,
	PART_CHANGES
};

static void change_page(struct pt *pt, enum part_change how, vaddr_t page)
{
	switch (how) {
	case PART_UNMAP:
		assert_int_equal(pt_unmap(pt, page, SZ_4K), 0);
		break;
	case PART_PROTECT:
		assert_int_equal(pt_protect(pt, page, SZ_4K, MEM_R | MEM_W), 0);
		break;
	case PART_HIDE:
		assert_int_equal(pt_set_present(pt, page, SZ_4K, false), 1);
		break;
	default:
		assert_int_equal(pt_set_page(pt, page, 0x1000, true), 0);
	}
}

static void changing_a_part_of_a_napot_leaf_takes_it_apart_and_fences_all_of_it(void **state)
{
	(void)state;
	for (unsigned int n = 0; n < 3 * PART_CHANGES; n++) {
		struct pt *pt = start(n % 3, true);
		const vaddr_t va = vaddr(-(uint64_t)SZ_2M);
		const vaddr_t page = vaddr(-(uint64_t)SZ_4K);
		assert_int_equal(pt_map(pt, va, 0x80010000, 2 * SZ_64K, MEM_R, 0), 0);
		assert_int_equal(pt_map(pt, vaddr(-(uint64_t)SZ_64K), 0x80070000, SZ_64K, MEM_R, 0),
				 0);
		pt_reap(pt);
		m.takes_left = 0;
		change_page(pt, n / 3, page);
		m.takes_left = -1;
		assert_int_equal(pt->count.napot, 2);
		assert_int_equal(pt->count.leaves[0], n / 3 == PART_UNMAP ? 15 : 16);
		assert_true(pt->fence_lo.v == -(uint64_t)SZ_64K && pt->fence_hi.v == 0);
		assert_false(pt_fence_all(pt));
		for (uint64_t at = 0; at < SZ_64K - SZ_4K; at += SZ_4K) {
			const struct pt_walk w = walk(vaddr(at - SZ_64K));
			assert_true(w.mapped && !w.napot && w.phys == 0x80070000 + at);
			assert_int_equal(w.prot, MEM_R | PT_GLOBAL);
		}
		assert_true(walk(va).napot);
		model_end(&m);
	}
}

static void protecting_a_whole_napot_leaf_keeps_it(void **state)
{
	(void)state;
	struct pt *pt = start(0, true);
	assert_int_equal(pt_map(pt, vaddr(SZ_64K), SZ_64K, 3 * SZ_64K, MEM_R, 0), 0);
	pt_reap(pt);
	assert_int_equal(pt_protect(pt, vaddr(2 * SZ_64K), SZ_64K, MEM_R | MEM_W), 0);
	assert_int_equal(pt->count.napot, 3);
	assert_int_equal(walk(vaddr(2 * SZ_64K)).prot, MEM_R | MEM_W | PT_GLOBAL);
	assert_int_equal(walk(vaddr(SZ_64K)).prot, MEM_R | PT_GLOBAL);
	/* The permissions it has already are no reason to take one apart. */
	assert_int_equal(pt_protect(pt, vaddr(2 * SZ_64K + SZ_4K), SZ_4K, MEM_R | MEM_W), 0);
	assert_int_equal(pt->count.napot, 3);
	assert_int_equal(pt_set_present(pt, vaddr(SZ_64K), SZ_64K, true), 16);
	assert_int_equal(pt->count.napot, 3);
	model_end(&m);
}

static void napot_leaves_merge_into_a_large_leaf_and_one_splits_into_plain_pages(void **state)
{
	(void)state;
	struct pt *pt = start(0, true);
	pt->merge_level = 1;
	assert_int_equal(
		pt_map(pt, vaddr(SZ_2M + SZ_64K), SZ_2M + SZ_64K, SZ_2M - SZ_64K, MEM_R, 0), 0);
	assert_int_equal(pt->count.napot, 31);
	assert_int_equal(pt_map(pt, vaddr(SZ_2M), SZ_2M, SZ_64K - SZ_4K, MEM_R, 0), 0);
	assert_int_equal(pt_map(pt, vaddr(SZ_2M + SZ_64K - SZ_4K), SZ_2M + SZ_64K - SZ_4K, SZ_4K,
				MEM_R, 0),
			 0);
	assert_int_equal(pt->count.leaves[1], 1);
	assert_int_equal(pt->count.leaves[0] + pt->count.napot, 0);
	pt_reap(pt);
	assert_int_equal(pt_protect(pt, vaddr(SZ_2M), SZ_4K, MEM_R | MEM_W), 0);
	assert_int_equal(pt->count.leaves[0], PT_ENTRIES);
	assert_int_equal(pt->count.napot, 0);
	model_end(&m);
}

static void the_fence_range_takes_in_all_changes_since_it_was_taken(void **state)
{
	(void)state;
	struct pt *pt = start(0, false);
	assert_int_equal(pt->fence_lo.v, pt->fence_hi.v);
	assert_int_equal(pt_map(pt, vaddr(0x5000), 0x1000, SZ_4K, MEM_R, 0), 0);
	assert_int_equal(pt_map(pt, vaddr(0x9000), 0x1000, SZ_4K, MEM_R, 0), 0);
	assert_int_equal(pt_map(pt, vaddr(0x2000), 0x1000, SZ_4K, MEM_R, 0), 0);
	assert_true(pt->fence_lo.v == 0x2000 && pt->fence_hi.v == 0xa000);
	assert_int_equal(pt_map(pt, vaddr(0x2000), 0x1000, SZ_4K, MEM_R, 0), -EEXIST);
	pt_reap(pt);
	assert_int_equal(pt->fence_lo.v, pt->fence_hi.v);
	/* Ranges in both halves have none in common: everything is to be fenced. */
	assert_int_equal(pt_protect(pt, vaddr(0x2000), SZ_4K, MEM_R | MEM_W), 0);
	assert_false(pt_fence_all(pt));
	assert_int_equal(pt_unmap(pt, vaddr(-(uint64_t)SZ_4K), SZ_4K), 0);
	assert_true(pt_fence_all(pt));
	pt_reap(pt);
	model_end(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hidden_page_keeps_its_place_its_memory_and_its_permissions),
		cmocka_unit_test(
			hiding_leaves_holes_and_large_leaves_alone_and_says_how_many_it_found),
		cmocka_unit_test(hidden_pages_are_never_merged_into_a_large_leaf),
		cmocka_unit_test(a_page_can_be_hidden_moved_and_shown_again_without_memory),
		cmocka_unit_test(napot_leaves_are_made_wherever_sixteen_aligned_pages_agree),
		cmocka_unit_test(a_napot_entry_is_what_the_privileged_specification_says),
		cmocka_unit_test(
			changing_a_part_of_a_napot_leaf_takes_it_apart_and_fences_all_of_it),
		cmocka_unit_test(protecting_a_whole_napot_leaf_keeps_it),
		cmocka_unit_test(
			napot_leaves_merge_into_a_large_leaf_and_one_splits_into_plain_pages),
		cmocka_unit_test(the_fence_range_takes_in_all_changes_since_it_was_taken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
