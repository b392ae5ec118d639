/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves that address spaces which share the kernel's upper half see every change of it, and can change, count or free
 * nothing of it; and that a kernel with keep_root never takes a table away that copies of its root lead to.
 */
#include "pt_model_ops.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct pt_mode *const modes[] = { &pt_mode_sv39, &pt_mode_sv48, &pt_mode_sv57 };
static struct model m;
static struct pt user;

/** Table pages of the user's tables: a few, apart from the model's, which counts its own. */
#define USER_PAGES 64
#define USER_BASE  0x700000000000ULL
static FPG_ALIGNED(PAGE_SIZE) uint8_t user_pages[USER_PAGES][PAGE_SIZE];
static bool user_taken[USER_PAGES];
static unsigned int user_count;
static unsigned int user_limit;

static int user_take(void *ctx, phys_addr_t *page)
{
	(void)ctx;
	for (unsigned int i = 0; i < USER_PAGES && user_count < user_limit; i++) {
		if (!user_taken[i]) {
			user_taken[i] = true;
			user_count++;
			memset(user_pages[i], 0xc3, PAGE_SIZE);
			*page = USER_BASE + i * PAGE_SIZE;
			return 0;
		}
	}
	return -ENOMEM;
}

static void user_give(void *ctx, phys_addr_t page)
{
	(void)ctx;
	const uint64_t i = (page - USER_BASE) / PAGE_SIZE;
	assert_true(i < USER_PAGES && user_taken[i]);
	user_taken[i] = false;
	user_count--;
}

/** What is not the user's is the kernel's. */
static void *user_virt(void *ctx, phys_addr_t page)
{
	(void)ctx;
	if (page < USER_BASE) {
		return model_virt(&m, page);
	}
	const uint64_t i = (page - USER_BASE) / PAGE_SIZE;
	assert_true(i < USER_PAGES && user_taken[i]);
	return user_pages[i];
}

static const struct pt_page_source user_source = { user_take, user_give, user_virt };

static void start(unsigned int mode)
{
	user_limit = USER_PAGES;
	do {
		if (m.pt.root != 0) {
			model_end(&m);
		}
		model_start(&m, modes[mode], model_random(&m) + 7, PT_GLOBAL);
	} while (m.point[0] >> (m.pt.mode->va_bits - 1) == 0);
	m.pt.keep_root = true;
	assert_int_equal(pt_init_shared(&user, modes[mode], &user_source, NULL, &m.pt), 0);
}

static void end(void)
{
	pt_destroy(&user);
	assert_int_equal(user_count, 0);
	model_end(&m);
	memset(&m, 0, sizeof(m));
}

/** Both see the same at the beginning, in the middle and at the end of each cell. */
static void assert_same_view(void)
{
	for (unsigned int i = 0; i + 1 < m.points; i++) {
		const uint64_t bytes = m.point[i + 1] - m.point[i];
		const uint64_t at[] = { 0, ALIGN_DOWN(bytes / 2, PAGE_SIZE), bytes - 1 };
		for (unsigned int k = 0; k < ARRAY_SIZE(at); k++) {
			const vaddr_t va = model_va(&m, m.point[i] + at[k]);
			struct pt_walk a;
			struct pt_walk b;
			assert_int_equal(pt_walk(&m.pt, va, &a), 0);
			assert_int_equal(pt_walk(&user, va, &b), 0);
			assert_true(a.mapped == b.mapped && a.hidden == b.hidden);
			assert_true(a.phys == b.phys && a.prot == b.prot && a.level == b.level);
		}
	}
}

static void every_change_of_the_kernel_is_seen_in_all_address_spaces(void **state)
{
	(void)state;
	const char *env = getenv("FPG_SEED");
	const uint64_t seed = env != NULL ? strtoull(env, NULL, 0) : 20240301;
	print_message("seed %llu (FPG_SEED)\n", (unsigned long long)seed);
	m.seed = seed;
	for (unsigned int n = 0; n < 12; n++) {
		start(n % 3);
		m.pt.merge_level = (uint8_t)(n / 3);
		m.pt.napot = n % 2 != 0;
		for (unsigned int i = 0; i < 40; i++) {
			const struct model_op op = model_random_op(&m);
			const uint64_t version = m.pt.root_version;
			(void)model_step(&m, &op, -1);
			assert_int_equal(pt_share_again(&user), m.pt.root_version != version);
			assert_false(pt_share_again(&user));
			assert_same_view();
		}
		assert_int_equal(user.count.tables, 1);
		end();
	}
}

static void tables_made_beforehand_spare_copies_every_update(void **state)
{
	(void)state;
	for (unsigned int n = 0; n < 3; n++) {
		start(n);
		struct pt *pt = &m.pt;
		const unsigned int root = pt->mode->levels - 1U;
		const uint64_t slot = pt_level_bytes(root);
		const vaddr_t va = vaddr(-(slot * 8));
		const uint64_t before = model_hash(&m);
		m.takes_left = 2;
		assert_int_equal(pt_make_root_tables(pt, va, 3 * slot), -ENOMEM);
		assert_int_equal(pt->wanted, 3);
		assert_int_equal(model_hash(&m), before);
		m.takes_left = -1;
		assert_int_equal(pt_make_root_tables(pt, va, 3 * slot), 0);
		assert_int_equal(pt_make_root_tables(pt, va, 3 * slot), 0);
		assert_int_equal(pt->count.tables, 4);
		assert_true(pt_share_again(&user));
		pt_reap(pt);
		/* A whole slot of the root in one call: leaves below the table that is kept. */
		assert_int_equal(pt_map(pt, va, slot * 8, 2 * slot + SZ_4K, MEM_R, root), 0);
		assert_int_equal(pt->count.leaves[root], 0);
		assert_int_equal(pt->count.leaves[root - 1], 2 * PT_ENTRIES);
		assert_int_equal(pt_unmap(pt, va, 3 * slot), 0);
		pt_reap(pt);
		assert_int_equal(pt->count.tables, 4);
		assert_int_equal(m.taken_count, 4);
		assert_false(pt_share_again(&user));
		pt->keep_root = false;
		assert_int_equal(pt_make_root_tables(pt, va, slot), -EINVAL);
		end();
	}
}

static void a_kept_table_stays_when_a_leaf_could_replace_it(void **state)
{
	(void)state;
	start(0);
	struct pt *pt = &m.pt;
	const vaddr_t va = vaddr(-(4ULL * SZ_1G));
	pt->merge_level = 2;
	assert_int_equal(pt_map(pt, va, SZ_1G, SZ_1G - SZ_2M, MEM_R, 1), 0);
	assert_int_equal(
		pt_map(pt, vaddr(va.v + SZ_1G - SZ_2M), 2 * SZ_1G - SZ_2M, SZ_2M, MEM_R, 1), 0);
	assert_int_equal(pt->count.leaves[1], PT_ENTRIES);
	assert_int_equal(pt->count.leaves[2], 0);
	end();
}

static void the_shared_half_cannot_be_changed_counted_or_freed(void **state)
{
	(void)state;
	for (unsigned int n = 0; n < 3; n++) {
		start(n);
		struct pt *pt = &m.pt;
		const unsigned int root = pt->mode->levels - 1U;
		const uint64_t half = (uint64_t)1 << (pt->mode->va_bits - 1);
		const vaddr_t va = vaddr(-half);
		/* A leaf in the root itself, and a page. */
		assert_int_equal(pt_map(pt, va, 0, pt_level_bytes(root), MEM_R | MEM_W, root), 0);
		assert_int_equal(pt_map(pt, vaddr(-(uint64_t)SZ_2M), SZ_2M, SZ_4K, MEM_R, 0), 0);
		assert_true(pt_share_again(&user));
		pt_reap(pt);
		const uint64_t before = model_hash(&m);
		assert_int_equal(pt_map(&user, vaddr(-(uint64_t)SZ_4K), 0, SZ_4K, MEM_R, 0),
				 -EPERM);
		assert_int_equal(pt_unmap(&user, va, SZ_4K), -EPERM);
		assert_int_equal(pt_protect(&user, va, SZ_4K, MEM_R), -EPERM);
		assert_int_equal(pt_link_foreign(&user, vaddr(-(half / 2)), root - 1, SZ_4K),
				 -EPERM);
		assert_int_equal(pt_set_present(&user, vaddr(-(uint64_t)SZ_2M), SZ_4K, false), 0);
		assert_int_equal(pt_set_page(&user, vaddr(-(uint64_t)SZ_2M), 0, true), -EPERM);
		assert_int_equal(model_hash(&m), before);
		/* Its own half is empty, and what is mapped there is not global. */
		struct pt_totals t;
		pt_totals(&user, &t);
		assert_int_equal(t.runs, 0);
		assert_int_equal(pt_map(&user, vaddr(half - SZ_4K), 0, SZ_4K, MEM_R | MEM_U, 0), 0);
		pt_totals(&user, &t);
		assert_true(t.runs == 1 && t.mapped_bytes == SZ_4K && t.leaves[0] == 1);
		assert_int_equal(user.count.tables, pt->mode->levels);
		struct pt_walk w;
		assert_int_equal(pt_walk(&user, vaddr(half - 1), &w), 0);
		assert_true(w.mapped && w.prot == (MEM_R | MEM_U) && !w.step[0].foreign);
		assert_int_equal(pt_walk(&user, vaddr(-(uint64_t)SZ_2M), &w), 0);
		assert_true(w.mapped && w.step[0].foreign);
		end();
	}
}

static void sharing_needs_a_kernel_that_keeps_its_tables_and_a_page(void **state)
{
	(void)state;
	start(0);
	struct pt other;
	user_limit = user_count;
	assert_int_equal(pt_init_shared(&other, &pt_mode_sv39, &user_source, NULL, &m.pt), -ENOMEM);
	assert_int_equal(other.wanted, 1);
	user_limit = USER_PAGES;
	assert_int_equal(pt_init_shared(&other, &pt_mode_sv48, &user_source, NULL, &m.pt), -EINVAL);
	m.pt.keep_root = false;
	assert_int_equal(pt_init_shared(&other, &pt_mode_sv39, &user_source, NULL, &m.pt), -EINVAL);
	m.pt.keep_root = true;
	assert_int_equal(user_count, 1);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_change_of_the_kernel_is_seen_in_all_address_spaces),
		cmocka_unit_test(tables_made_beforehand_spare_copies_every_update),
		cmocka_unit_test(a_kept_table_stays_when_a_leaf_could_replace_it),
		cmocka_unit_test(the_shared_half_cannot_be_changed_counted_or_freed),
		cmocka_unit_test(sharing_needs_a_kernel_that_keeps_its_tables_and_a_page),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
