/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves that buddy keeps memory whole under random loads, better than Linux's rule does, that the same seed gives the
 * same answers, and that the two indices of fragmentation and the counts by migratetype mean what Linux means.
 */
#include "page_check.h"
#include "sim.h"
#include "tests/frag/frag.h"

#include "fpg/core/fragmentation.h"
#include "fpg/core/log.h"
#include "fpg/core/page_alloc.h"
#include "fpg/core/page_cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RAM_BYTES (256UL * SZ_1M)

extern const struct palloc_ops buddy_palloc_ops;

static struct frag_state run(struct frag_target *t, enum frag_start start, enum frag_step step,
			     unsigned int rounds, uint64_t seed)
{
	const struct frag_load load = { start, step, 85, 10, rounds, seed };
	struct frag_state before;
	struct frag_state after;
	assert_int_equal(frag_reallocate(t, &load, &before, &after), 0);
	t->stop(t->ctx);
	return after;
}

/* 256 MiB: one pageblock is 2.6 % of what is free, so whole is counted in pageblocks here. */
static void scattered_memory_becomes_whole_again(void **state)
{
	const uint64_t seed = sim_seed(7);
	(void)state;
	for (int step = FRAG_ONE_BY_ONE; step <= FRAG_ROUND_BY_ROUND; step++) {
		struct frag_target t;
		frag_target_backend(&t, &buddy_palloc_ops, RAM_BYTES);
		struct frag_state s = run(&t, FRAG_SCATTERED, (enum frag_step)step, 100, seed);
		assert_true(s.whole_pages + 2 * PAGEBLOCK_NR_PAGES > s.free_pages);
		frag_target_linux(&t, RAM_BYTES, true);
		s = run(&t, FRAG_SCATTERED, (enum frag_step)step, 100, seed);
		assert_true(s.whole_pages * 2 < s.free_pages);
	}
}

static void caches_in_front_leave_rounds_whole(void **state)
{
	struct frag_target t;
	(void)state;
	frag_target_front(&t, &buddy_palloc_ops, RAM_BYTES);
	struct frag_state s = run(&t, FRAG_SCATTERED, FRAG_ROUND_BY_ROUND, 100, sim_seed(8));
	assert_true(s.whole_pages + 3 * PAGEBLOCK_NR_PAGES > s.free_pages);
}

static void the_same_seed_gives_the_same_answers(void **state)
{
	(void)state;
	for (size_t i = 0; palloc_table[i] != NULL; i++) {
		uint64_t digest[3];
		for (unsigned int k = 0; k < 3; k++) {
			struct frag_target t;
			frag_target_backend(&t, palloc_table[i], 64UL * SZ_1M);
			digest[k] =
				run(&t, FRAG_PACKED, FRAG_ROUND_BY_ROUND, 3, k == 2 ? 10 : 9).digest;
		}
		assert_true(digest[0] == digest[1]);
		assert_true(digest[0] != digest[2]);
	}
}

static void indices_are_those_of_linux(void **state)
{
	uint64_t blocks[MAX_PAGE_ORDER + 1] = { 0 };
	(void)state;
	assert_int_equal(unusable_free_index(blocks, 0), 1000);
	assert_int_equal(fragmentation_index(blocks, 3), 0);
	blocks[0] = 100;
	blocks[2] = 25;
	assert_int_equal(unusable_free_index(blocks, 0), 0);
	assert_int_equal(unusable_free_index(blocks, 1), 500);
	assert_int_equal(unusable_free_index(blocks, 3), 1000);
	assert_int_equal(fragmentation_index(blocks, 2), -1000);
	/* 1000 - (1000 + 200 * 1000 / 8) / 125 */
	assert_int_equal(fragmentation_index(blocks, 3), 792);
	/* Too little memory rather than broken memory. */
	memset(blocks, 0, sizeof(blocks));
	blocks[2] = 1;
	assert_int_equal(fragmentation_index(blocks, 9), 1000 - (1000 + 4000 / 512));
}

static void pageblocks_with_foreign_pages_are_mixed(void **state)
{
	static struct zone_page_types types;
	const struct sim_ram ram[] = { { 0x80000000, 64 * SZ_1M, 0 } };
	(void)state;
	page_check_start(&buddy_palloc_ops, ram, 1);
	struct zone *zone = node_by_id(0)->zonelist[0];
	zone_page_types(zone, &types);
	uint64_t mixed = types.mixed[MIGRATE_MOVABLE];
	struct page *page = alloc_pages(GFP_KERNEL, 4);
	const struct pfn_range range = {
		pfn(page_to_pfn(page).n / PAGEBLOCK_NR_PAGES * PAGEBLOCK_NR_PAGES),
		pfn((page_to_pfn(page).n / PAGEBLOCK_NR_PAGES + 1) * PAGEBLOCK_NR_PAGES)
	};
	zone_page_types(zone, &types);
	assert_int_equal(types.mixed[MIGRATE_UNMOVABLE], 0);
	uint64_t unmovable = types.pageblocks[MIGRATE_UNMOVABLE];
	assert_true(unmovable != 0);
	assert_true(types.free_blocks[MIGRATE_UNMOVABLE][4] != 0);
	assert_int_equal(zone_retag(zone, range, MIGRATE_MOVABLE), 0);
	zone_page_types(zone, &types);
	assert_int_equal(types.mixed[MIGRATE_MOVABLE], mixed + 1);
	assert_int_equal(types.pageblocks[MIGRATE_UNMOVABLE], unmovable - 1);
	uint64_t all = 0;
	for (unsigned int type = 0; type < MIGRATE_TYPE_COUNT; type++) {
		all += types.pageblocks[type];
	}
	assert_int_equal(all, 64 * SZ_1M / PAGE_SIZE / PAGEBLOCK_NR_PAGES);
	__free_pages(page, 4);
	(void)page_check_stop(NULL);
}

static unsigned int mixed_pageblocks(struct zone *zone)
{
	static struct zone_page_types types;
	unsigned int sum = 0;
	zone_page_types(zone, &types);
	for (unsigned int type = 0; type < MIGRATE_TYPE_COUNT; type++) {
		sum += (unsigned int)types.mixed[type];
	}
	return sum;
}

static void another_zone_goes_before_mixing(void **state)
{
	static struct page *held[128 * SZ_1M / PAGE_SIZE];
	const struct sim_ram ram[] = { { 0x100000000ULL - 64 * SZ_1M, 128 * SZ_1M, 0 } };
	size_t count = 0;
	(void)state;
	page_check_start(&buddy_palloc_ops, ram, 1);
	struct zone *high = node_by_id(0)->zonelist[0];
	struct zone *low = node_by_id(0)->zonelist[1];
	assert_non_null(low);
	struct page *page = alloc_pages(GFP_USER_MOVABLE, 0);
	while (pfn_to_zone(page_to_pfn(page)) == high) {
		held[count++] = page;
		page = alloc_pages(GFP_USER_MOVABLE, 0);
		assert_non_null(page);
	}
	/* Holes all over the first zone: there is room, but for a movable page only. */
	for (size_t i = 0; i < count; i += 16) {
		__free_pages(held[i], 0);
	}
	const unsigned int before = mixed_pageblocks(high);
	struct page *movable = alloc_pages(GFP_USER_MOVABLE, 0);
	assert_ptr_equal(pfn_to_zone(page_to_pfn(movable)), high);
	/* More than an unmovable pageblock that may be there holds, fewer than there are holes. */
	static struct page *unmovable[PAGEBLOCK_NR_PAGES + 64];
	assert_true(ARRAY_SIZE(unmovable) < count / 16);
	for (size_t i = 0; i < ARRAY_SIZE(unmovable); i++) {
		unmovable[i] = alloc_pages(GFP_KERNEL, 0);
		assert_non_null(unmovable[i]);
	}
	assert_ptr_equal(pfn_to_zone(page_to_pfn(unmovable[ARRAY_SIZE(unmovable) - 1])), low);
	assert_int_equal(mixed_pageblocks(high), before);
	for (size_t i = 0; i < ARRAY_SIZE(unmovable); i++) {
		__free_pages(unmovable[i], 0);
	}
	__free_pages(movable, 0);
	__free_pages(page, 0);
	for (size_t i = 0; i < count; i++) {
		if (i % 16 != 0) {
			__free_pages(held[i], 0);
		}
	}
	(void)page_check_stop(NULL);
}

/** (b), behind caches and without, against Linux's rule likewise. */
static void fewer_pageblocks_have_foreign_pages_than_with_linux(void **state)
{
	const uint64_t seed = sim_seed(11);
	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		const bool caches = i % 2 != 0;
		const struct frag_load load = {
			.full = i < 2 ? 85 : 95, .share = 10, .rounds = 40, .seed = seed
		};
		struct frag_target t;
		struct frag_state ours;
		struct frag_state theirs;
		if (caches) {
			frag_target_front(&t, &buddy_palloc_ops, RAM_BYTES);
		} else {
			frag_target_backend(&t, &buddy_palloc_ops, RAM_BYTES);
		}
		assert_int_equal(frag_mixed(&t, &load, &ours), 0);
		t.stop(t.ctx);
		frag_target_linux(&t, RAM_BYTES, caches);
		assert_int_equal(frag_mixed(&t, &load, &theirs), 0);
		t.stop(t.ctx);
		print_message("%u %% full%s: %u.%u %% against %u.%u %%\n", load.full,
			      caches ? ", caches" : "",
			      frag_permille(ours.mixed_blocks, ours.used_blocks) / 10,
			      frag_permille(ours.mixed_blocks, ours.used_blocks) % 10,
			      frag_permille(theirs.mixed_blocks, theirs.used_blocks) / 10,
			      frag_permille(theirs.mixed_blocks, theirs.used_blocks) % 10);
		assert_true(ours.mixed_blocks < theirs.mixed_blocks);
		assert_true(frag_permille(ours.mixed_blocks, ours.used_blocks) <
			    (i < 2 ? 200 : 500));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scattered_memory_becomes_whole_again),
		cmocka_unit_test(caches_in_front_leave_rounds_whole),
		cmocka_unit_test(the_same_seed_gives_the_same_answers),
		cmocka_unit_test(indices_are_those_of_linux),
		cmocka_unit_test(pageblocks_with_foreign_pages_are_mixed),
		cmocka_unit_test(another_zone_goes_before_mixing),
		cmocka_unit_test(fewer_pageblocks_have_foreign_pages_than_with_linux),
	};
	log_set_console_level(LOG_ERR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
