/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves that map, unmap and protect do to every page of a range what they say and nothing to any
 * other, with the largest leaves, in Sv39, Sv48 and Sv57; and that a call that fails, for whatever
 * reason, changes nothing. test_pagetable_fake.c runs the same with an encoding in which a level
 * mix-up fails.
 */
#include "pt_model_ops.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct pt_mode *const modes[] = { &pt_mode_sv39, &pt_mode_sv48, &pt_mode_sv57 };

static uint64_t test_seed(void)
{
	const char *env = getenv("FPG_SEED");
	uint64_t seed = env != NULL ? strtoull(env, NULL, 0) : 20240229;
	print_message("seed %llu (FPG_SEED)\n", (unsigned long long)seed);
	return seed;
}

static uint64_t mapped_bytes(const struct pt *pt)
{
	struct pt_totals t;
	pt_totals(pt, &t);
	return t.mapped_bytes;
}

static void random_sequences_agree_with_a_per_page_oracle(void **state)
{
	(void)state;
	const uint64_t seed = test_seed();
	for (unsigned int n = 0; n < 48; n++) {
		static struct model m;
		model_start(&m, modes[n % 3], seed + n, n % 2 ? PT_GLOBAL : 0);
		m.pt.merge_level = (uint8_t)(n / 3 % 6);
		m.pt.napot = n / 2 % 2 != 0;
		m.pt.keep_root = n / 4 % 2 != 0;
		for (unsigned int i = 0; i < 64; i++) {
			const struct model_op op = model_random_op(&m);
			int64_t takes = model_below(&m, 3) == 0 ? (int64_t)model_below(&m, 6) : -1;
			(void)model_step(&m, &op, takes);
		}
		model_end(&m);
	}
}

static void every_failing_table_page_leaves_the_tables_as_they_were(void **state)
{
	(void)state;
	const uint64_t seed = test_seed();
	unsigned int failed = 0;
	for (unsigned int n = 0; n < 12; n++) {
		static struct model m;
		model_start(&m, modes[n % 3], seed + 1000 + n, PT_GLOBAL);
		m.pt.merge_level = PT_MAX_LEVELS;
		m.pt.napot = n / 3 % 2 != 0;
		m.pt.keep_root = n / 6 % 2 != 0;
		for (unsigned int i = 0; i < 24; i++) {
			const struct model_op op = model_random_op(&m);
			/* Each take in turn fails; the first failure already says how many there are. */
			if (model_step(&m, &op, 0) != -ENOMEM ||
			    m.taken_count + m.pt.wanted > MODEL_PAGES) {
				continue;
			}
			const int64_t wanted = (int64_t)m.pt.wanted;
			for (int64_t takes = 1; takes < wanted; takes++) {
				assert_int_equal(model_step(&m, &op, takes), -ENOMEM);
				assert_int_equal(m.pt.wanted, wanted);
				failed++;
			}
			assert_int_equal(model_step(&m, &op, wanted), 0);
		}
		model_end(&m);
	}
	assert_true(failed > 100);
}

static void unmapping_everything_leaves_only_the_root(void **state)
{
	(void)state;
	const uint64_t seed = test_seed();
	for (unsigned int n = 0; n < 12; n++) {
		static struct model m;
		model_start(&m, modes[n % 3], seed + 2000 + n, 0);
		for (unsigned int i = 0; i < 32; i++) {
			const struct model_op op = model_random_op(&m);
			(void)model_step(&m, &op, -1);
		}
		m.pt.napot = n % 2 != 0;
		const struct model_op all = { .kind = MODEL_UNMAP, .to = m.points - 1 };
		assert_int_equal(model_step(&m, &all, -1), 0);
		assert_int_equal(m.taken_count, 1);
		assert_int_equal(mapped_bytes(&m.pt), 0);
		model_end(&m);
	}
}

/** Leaves by level that a range needs at least: at each address the largest aligned one. */
static void fewest_leaves(const struct pt *pt, vaddr_t va, phys_addr_t pa, uint64_t bytes,
			  unsigned int max, uint64_t *leaves)
{
	while (bytes > 0) {
		unsigned int level = max < pt->mode->levels ? max : pt->mode->levels - 1U;
		while (!IS_ALIGNED(va.v | pa, pt_level_bytes(level)) ||
		       bytes < pt_level_bytes(level)) {
			level--;
		}
		leaves[level]++;
		va.v += pt_level_bytes(level);
		pa += pt_level_bytes(level);
		bytes -= pt_level_bytes(level);
	}
}

static void map_uses_the_largest_leaves_that_alignment_allows(void **state)
{
	(void)state;
	static const struct {
		uint64_t va;
		phys_addr_t pa;
		uint64_t bytes;
		unsigned int max;
	} cases[] = {
		{ 0x40000000, 0x80000000, SZ_1G, 4 },
		{ 0x40000000, 0x80000000, SZ_1G, 1 },
		{ 0x40000000, 0x80200000, SZ_1G, 4 },
		{ 0x40001000, 0x80001000, 3 * SZ_1G, 4 },
		{ 0x3ffff000, 0x7ffff000, SZ_1G + 2 * SZ_4K, 4 },
		{ 0x40000000, 0x80001000, SZ_4M, 4 },
		{ 0x401ff000, 0x801ff000, SZ_2M + SZ_4K, 4 },
		{ 0x201000, 0x601000, SZ_4M, 0 },
	};
	for (unsigned int n = 0; n < ARRAY_SIZE(cases) * 3; n++) {
		static struct model m;
		uint64_t leaves[PT_MAX_LEVELS] = { 0 };
		model_start(&m, modes[n % 3], n + 1, 0);
		const vaddr_t va = vaddr(cases[n / 3].va);
		const uint64_t bytes = cases[n / 3].bytes;
		fewest_leaves(&m.pt, va, cases[n / 3].pa, bytes, cases[n / 3].max, leaves);
		assert_int_equal(pt_map(&m.pt, va, cases[n / 3].pa, bytes, MEM_R, cases[n / 3].max),
				 0);
		assert_memory_equal(leaves, m.pt.count.leaves, sizeof(leaves));
		assert_int_equal(mapped_bytes(&m.pt), bytes);
		model_end(&m);
	}
}

static void mapping_over_one_mapped_page_changes_nothing(void **state)
{
	(void)state;
	static struct model m;
	model_start(&m, &pt_mode_sv39, 1, 0);
	const vaddr_t va = vaddr(0xffffffc000000000);
	assert_int_equal(
		pt_map(&m.pt, vaddr(va.v + 777 * SZ_2M + 5 * SZ_4K), 0x1000, SZ_4K, MEM_R, 0), 0);
	const uint64_t before = model_hash(&m);
	assert_int_equal(pt_map(&m.pt, va, 0x40000000, 4 * SZ_1G, MEM_R, 2), -EEXIST);
	assert_int_equal(pt_map(&m.pt, va, 0x40001000, 4 * SZ_1G, MEM_R, 2), -EEXIST);
	assert_int_equal(model_hash(&m), before);
	model_end(&m);
}

static void bad_arguments_are_refused_and_change_nothing(void **state)
{
	(void)state;
	for (unsigned int n = 0; n < 3; n++) {
		static struct model m;
		model_start(&m, modes[n], 1, 0);
		struct pt *pt = &m.pt;
		const uint64_t half = (uint64_t)1 << (pt->mode->va_bits - 1);
		const uint64_t before = model_hash(&m);
		assert_int_equal(pt_map(pt, vaddr(0x1001), 0x1000, SZ_4K, MEM_R, 0), -EINVAL);
		assert_int_equal(pt_map(pt, vaddr(0x1000), 0x1001, SZ_4K, MEM_R, 0), -EINVAL);
		assert_int_equal(pt_map(pt, vaddr(0x1000), 0x1000, 1, MEM_R, 0), -EINVAL);
		assert_int_equal(pt_map(pt, vaddr(0x1000), 0x1000, 0, MEM_R, 0), -EINVAL);
		assert_int_equal(pt_map(pt, vaddr(half), 0x1000, SZ_4K, MEM_R, 0), -EINVAL);
		assert_int_equal(pt_map(pt, vaddr(half - SZ_4K), 0x1000, 2 * SZ_4K, MEM_R, 0),
				 -EINVAL);
		assert_int_equal(pt_map(pt, vaddr(-half - SZ_4K), 0x1000, SZ_4K, MEM_R, 0),
				 -EINVAL);
		assert_int_equal(pt_map(pt, vaddr(-SZ_4K), 0x1000, 2 * SZ_4K, MEM_R, 0), -EINVAL);
		assert_int_equal(pt_map(pt, vaddr(2 * SZ_4K), 0, -SZ_4K, MEM_R, 0), -EINVAL);
		assert_int_equal(pt_map(pt, vaddr(0), 1ULL << 56, SZ_4K, MEM_R, 0), -EINVAL);
		assert_int_equal(pt_map(pt, vaddr(0), (1ULL << 56) - SZ_4K, 2 * SZ_4K, MEM_R, 0),
				 -EINVAL);
		assert_int_equal(pt_map(pt, vaddr(0), 0x1000, SZ_4K, 0, 0), -EINVAL);
		assert_int_equal(pt_map(pt, vaddr(0), 0x1000, SZ_4K, MEM_W, 0), -EINVAL);
		assert_int_equal(pt_map(pt, vaddr(0), 0x1000, SZ_4K, MEM_R | 0x100, 0), -EINVAL);
		assert_int_equal(pt_map(pt, vaddr(0), 0x1000, SZ_4K, MEM_R | MEM_W | MEM_X, 0),
				 -EINVAL);
		assert_int_equal(pt_unmap(pt, vaddr(half), SZ_4K), -EINVAL);
		assert_int_equal(pt_protect(pt, vaddr(0x1000), SZ_4K + 1, MEM_R), -EINVAL);
		assert_int_equal(pt_protect(pt, vaddr(0x1000), SZ_4K, MEM_W), -EINVAL);
		assert_int_equal(model_hash(&m), before);
		/* The ends of both halves themselves are fine. */
		assert_int_equal(pt_map(pt, vaddr(half - SZ_4K), 0x1000, SZ_4K, MEM_R, 0), 0);
		assert_int_equal(pt_map(pt, vaddr(-half), 0x1000, SZ_4K, MEM_R, 0), 0);
		assert_int_equal(pt_map(pt, vaddr(-SZ_4K), (1ULL << 56) - SZ_4K, SZ_4K, MEM_R, 0),
				 0);
		model_end(&m);
	}
}

static void protecting_a_page_splits_its_leaf_and_undoing_it_merges_back(void **state)
{
	(void)state;
	for (unsigned int n = 0; n < 3; n++) {
		static struct model m;
		model_start(&m, modes[n], 1, 0);
		struct pt *pt = &m.pt;
		const unsigned int top = pt->mode->levels - 1U;
		pt->merge_level = (uint8_t)top;
		const uint64_t bytes = pt_level_bytes(top);
		const vaddr_t va = vaddr(bytes);
		assert_int_equal(pt_map(pt, va, bytes, bytes, MEM_R, top), 0);
		assert_int_equal(pt->count.tables, 1);
		const vaddr_t page = vaddr(va.v + bytes / 2 - SZ_4K);
		assert_int_equal(pt_protect(pt, page, SZ_4K, MEM_R | MEM_W), 0);
		assert_int_equal(pt->count.tables, 1 + top);
		assert_true(pt_fence_all(pt));
		struct pt_walk walk;
		assert_int_equal(pt_walk(pt, page, &walk), 0);
		assert_int_equal(walk.prot, MEM_R | MEM_W);
		assert_int_equal(walk.steps, top + 1);
		assert_int_equal(walk.phys, page.v);
		pt_reap(pt);
		assert_int_equal(pt_protect(pt, page, SZ_4K, MEM_R), 0);
		assert_int_equal(pt->count.tables, 1);
		assert_int_equal(m.taken_count, 1 + top);
		pt_reap(pt);
		assert_int_equal(m.taken_count, 1);
		assert_int_equal(pt->count.leaves[top], 1);
		model_end(&m);
	}
}

static void neighbours_mapped_one_by_one_become_one_leaf_up_to_the_allowed_level(void **state)
{
	(void)state;
	for (unsigned int merge_level = 0; merge_level < 3; merge_level++) {
		static struct model m;
		model_start(&m, &pt_mode_sv48, 1, 0);
		struct pt *pt = &m.pt;
		pt->merge_level = (uint8_t)merge_level;
		assert_int_equal(
			pt_map(pt, vaddr(0x40001000), 0x80001000, SZ_1G - 2 * SZ_4K, MEM_R, 4), 0);
		assert_int_equal(pt_map(pt, vaddr(0x40000000), 0x80000000, SZ_4K, MEM_R, 4), 0);
		pt_reap(pt);
		assert_int_equal(pt->count.leaves[0],
				 2 * PT_ENTRIES - 1 - (merge_level > 0 ? PT_ENTRIES : 0));
		assert_int_equal(pt_map(pt, vaddr(0x7ffff000), 0xbffff000, SZ_4K, MEM_R, 4), 0);
		pt_reap(pt);
		assert_int_equal(pt->count.leaves[0], merge_level < 1 ? 2 * PT_ENTRIES : 0);
		assert_int_equal(pt->count.leaves[2], merge_level == 2);
		assert_int_equal(mapped_bytes(pt), SZ_1G);
		model_end(&m);
	}
}

static void foreign_tables_are_walked_but_never_changed_or_freed(void **state)
{
	(void)state;
	for (unsigned int n = 0; n < 3; n++) {
		static struct model m;
		model_start(&m, modes[n], 1, PT_GLOBAL);
		struct pt *pt = &m.pt;
		phys_addr_t table;
		assert_int_equal(model_take(&m, &table), 0);
		pte_t *entries = model_virt(&m, table);
		memset(entries, 0, PAGE_SIZE);
		entries[3] = pte_leaf(1, 0x40000000, MEM_R);
		const vaddr_t va = vaddr(0xffffffff40000000);
		for (int64_t k = 0; k < pt->mode->levels - 3; k++) {
			const uint64_t before = model_hash(&m);
			m.takes_left = k;
			assert_int_equal(pt_link_foreign(pt, va, 1, table), -ENOMEM);
			assert_int_equal(model_hash(&m), before);
		}
		m.takes_left = -1;
		assert_int_equal(pt_link_foreign(pt, va, 1, table), 0);
		assert_int_equal(pt_link_foreign(pt, va, 1, table), -EEXIST);
		assert_int_equal(pt_link_foreign(pt, vaddr(va.v + SZ_2M), 1, table), -EINVAL);
		assert_int_equal(pt->count.tables, pt->mode->levels - 2);
		struct pt_walk walk;
		assert_int_equal(pt_walk(pt, vaddr(va.v + 3 * SZ_2M + 0x123), &walk), 0);
		assert_true(walk.mapped && walk.phys == 0x40000123 && walk.level == 1);
		assert_true(walk.step[walk.steps - 2].foreign);
		const uint64_t before = model_hash(&m);
		assert_int_equal(pt_map(pt, va, 0x1000, SZ_4K, MEM_R, 0), -EEXIST);
		assert_int_equal(pt_map(pt, va, 0x40000000, SZ_1G, MEM_R, 2), -EEXIST);
		assert_int_equal(pt_unmap(pt, vaddr(va.v - SZ_2M), SZ_4M), -EPERM);
		assert_int_equal(pt_protect(pt, vaddr(va.v + 3 * SZ_2M), SZ_2M, MEM_R | MEM_W),
				 -EPERM);
		assert_int_equal(model_hash(&m), before);
		/* What lies beside it is ours. */
		assert_int_equal(pt_map(pt, vaddr(va.v + SZ_1G), 0x1000, SZ_4K, MEM_R, 0), 0);
		assert_int_equal(pt_unmap(pt, vaddr(va.v + SZ_1G), SZ_4K), 0);
		pt_destroy(pt);
		assert_int_equal(m.taken_count, 1);
		model_give(&m, table);
	}
}

static void writable_and_executable_pages_are_refused_or_counted(void **state)
{
	(void)state;
	static struct model m;
	model_start(&m, &pt_mode_sv48, 1, 0);
	assert_int_equal(pt_map(&m.pt, vaddr(SZ_2M), SZ_2M, SZ_4M, MEM_R | MEM_X, 1), 0);
	assert_int_equal(pt_protect(&m.pt, vaddr(SZ_2M), SZ_2M, MEM_R | MEM_W | MEM_X), -EINVAL);
	m.pt.allow_wx = true;
	assert_int_equal(pt_protect(&m.pt, vaddr(SZ_2M), SZ_2M + SZ_4K, MEM_R | MEM_W | MEM_X), 0);
	struct pt_totals t;
	pt_totals(&m.pt, &t);
	assert_int_equal(t.wx_pages, 513);
	assert_int_equal(t.runs, 2);
	model_end(&m);
}

static void shared_zero_tables_are_one_run_however_large(void **state)
{
	(void)state;
	static struct model m;
	model_start(&m, &pt_mode_sv39, 1, PT_GLOBAL);
	struct pt_zero zero = { 0 };
	assert_int_equal(model_take(&m, &zero.page), 0);
	assert_int_equal(model_take(&m, &zero.table[0]), 0);
	assert_int_equal(model_take(&m, &zero.table[1]), 0);
	for (unsigned int i = 0; i < PT_ENTRIES; i++) {
		((pte_t *)model_virt(&m, zero.table[0]))[i] =
			pte_leaf(0, zero.page, MEM_R | PT_GLOBAL);
		((pte_t *)model_virt(&m, zero.table[1]))[i] = pte_pointer(1, zero.table[0], true);
	}
	assert_int_equal(pt_link_foreign(&m.pt, vaddr(0xffffffc400000000), 1, zero.table[1]), 0);
	assert_int_equal(pt_link_foreign(&m.pt, vaddr(0xffffffc440000000), 1, zero.table[1]), 0);
	assert_int_equal(pt_link_foreign(&m.pt, vaddr(0xffffffc480000000), 0, zero.table[0]), 0);
	m.pt.zero = &zero;
	struct pt_totals t;
	pt_totals(&m.pt, &t);
	assert_int_equal(t.runs, 1);
	assert_int_equal(t.zero_bytes, 2 * SZ_1G + SZ_2M);
	assert_int_equal(t.mapped_bytes, 0);
	pt_destroy(&m.pt);
	assert_int_equal(m.taken_count, 3);
}

#ifndef FPG_PTE_HEADER
static void entries_are_what_the_privileged_specification_says(void **state)
{
	(void)state;
	/*
	 * V R W X U G A D from bit 0 on; the frame number from bit 10 on (4.4.1); Svpbmt in bits
	 * 62..61.
	 */
	assert_int_equal(pte_leaf(0, 0x80001000, MEM_R).v, 0x200004c3);
	assert_int_equal(pte_leaf(1, 0x80200000, MEM_R | MEM_W | PT_GLOBAL).v, 0x200800e7);
	assert_int_equal(pte_leaf(2, 0xc0000000, MEM_R | MEM_X | MEM_U).v, 0x300000db);
	assert_int_equal(pte_leaf(0, 0xfffffffffff000, MEM_R | MEM_W | PT_IO).v,
			 0x403ffffffffffcc7);
	assert_int_equal(pte_leaf(0, 0x1000, MEM_R | MEM_W | PT_NONCACHED).v, 0x20000000000004c7);
	assert_int_equal(pte_pointer(2, 0x80001000, false).v, 0x20000401);
	assert_int_equal(pte_pointer(1, 0x80001000, true).v & 0xff, 0x01);
	assert_int_equal(pte_next(1, pte_leaf(1, 0x80200000, MEM_R)).v,
			 pte_leaf(1, 0x80400000, MEM_R).v);
	assert_int_equal(pt_mode_sv39.satp_mode, 8);
	assert_int_equal(pt_mode_sv48.satp_mode, 9);
	assert_int_equal(pt_mode_sv57.satp_mode, 10);
}

static void memory_types_are_dropped_where_the_hart_has_no_svpbmt(void **state)
{
	(void)state;
	static struct model m;
	struct pt_walk walk;
	model_start(&m, &pt_mode_sv39, 1, 0);
	m.pt.known = PT_PROT_ALL & ~(uint32_t)(PT_NONCACHED | PT_IO);
	assert_int_equal(pt_map(&m.pt, vaddr(0x1000), 0x1000, SZ_4K, MEM_R | MEM_W | PT_IO, 0), 0);
	assert_int_equal(pt_walk(&m.pt, vaddr(0x1000), &walk), 0);
	assert_int_equal(walk.step[walk.steps - 1].pte.v >> 54, 0);
	model_end(&m);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_sequences_agree_with_a_per_page_oracle),
		cmocka_unit_test(every_failing_table_page_leaves_the_tables_as_they_were),
		cmocka_unit_test(unmapping_everything_leaves_only_the_root),
		cmocka_unit_test(map_uses_the_largest_leaves_that_alignment_allows),
		cmocka_unit_test(mapping_over_one_mapped_page_changes_nothing),
		cmocka_unit_test(bad_arguments_are_refused_and_change_nothing),
		cmocka_unit_test(protecting_a_page_splits_its_leaf_and_undoing_it_merges_back),
		cmocka_unit_test(
			neighbours_mapped_one_by_one_become_one_leaf_up_to_the_allowed_level),
		cmocka_unit_test(foreign_tables_are_walked_but_never_changed_or_freed),
		cmocka_unit_test(writable_and_executable_pages_are_refused_or_counted),
		cmocka_unit_test(shared_zero_tables_are_one_run_however_large),
#ifndef FPG_PTE_HEADER
		cmocka_unit_test(entries_are_what_the_privileged_specification_says),
		cmocka_unit_test(memory_types_are_dropped_where_the_hart_has_no_svpbmt),
#endif
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
