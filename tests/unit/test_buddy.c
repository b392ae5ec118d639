/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves what is the buddy backend's own: fresh memory costs no record until it is cut, free blocks
 * merge, types keep to their pageblocks, failing is quick and exact, check() notices damage, and
 * the bit tree agrees with a plain array.
 */
#include "allocators/buddy/buddy.h"
#include "instance.h"
#include "sim.h"

#include "fpg/core/palloc_registry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BASE  0x80000UL
#define BLOCK MAX_ORDER_NR_PAGES

static struct instance it;

static void start(uint64_t frames)
{
	const struct palloc_ops *ops = palloc_find("buddy");
	assert_non_null(ops);
	instance_start(&it, ops, (struct pfn_range){ pfn(BASE), pfn(BASE + frames) });
}

static int stop(void **state)
{
	(void)state;
	instance_stop(&it);
	return 0;
}

static uint64_t free_pages(void)
{
	return buddy_of(&it.pa)->free_pages;
}

static void a_tebibyte_of_whole_blocks_needs_no_record(void **state)
{
	(void)state;
	start(1UL << 28);
	instance_add(&it, BASE, BASE + (1UL << 28));
	assert_int_equal(sim_populated_chunks(), 0);
	assert_int_equal(free_pages(), 1UL << 28);
	assert_true(it.pa.meta_bytes <= (1UL << 28) / 8);
	/*
	 * The first page cuts one block: a chunk for its head and one for each half that lies in
	 * another.
	 */
	assert_int_equal(instance_alloc(&it, 0, MIGRATE_MOVABLE), BASE);
	assert_true(sim_populated_chunks() <= 1 + MAX_PAGE_ORDER - FRAME_TABLE_CHUNK_ORDER);
}

static void allocations_stay_in_populated_memory_while_it_lasts(void **state)
{
	(void)state;
	start(64 * BLOCK);
	instance_add(&it, BASE, BASE + 64 * BLOCK);
	for (uint64_t i = 0; i < BLOCK; i++) {
		assert_true(instance_alloc(&it, 0, MIGRATE_MOVABLE) < BASE + BLOCK);
	}
	assert_int_equal(buddy_of(&it.pa)->fresh.count, 63);
	assert_true(instance_alloc(&it, 0, MIGRATE_MOVABLE) >= BASE + BLOCK);
	instance_check(&it);
}

static void freed_blocks_merge_up_to_the_largest(void **state)
{
	(void)state;
	start(4 * BLOCK);
	instance_add(&it, BASE, BASE + 4 * BLOCK);
	uint64_t a = instance_alloc(&it, 0, MIGRATE_UNMOVABLE);
	uint64_t b = instance_alloc(&it, 3, MIGRATE_UNMOVABLE);
	uint64_t c = instance_alloc(&it, 1, MIGRATE_UNMOVABLE);
	instance_free(&it, a, 0);
	instance_free(&it, c, 1);
	instance_free(&it, b, 3);
	struct buddy *buddy = buddy_of(&it.pa);
	for (unsigned int order = 0; order < MAX_PAGE_ORDER; order++) {
		for (unsigned int type = 0; type < MIGRATE_TYPE_COUNT; type++) {
			assert_int_equal(buddy->list[order][type].head, 0);
		}
	}
	instance_check(&it);
}

static void types_keep_to_pageblocks_of_their_own(void **state)
{
	(void)state;
	start(16 * BLOCK);
	instance_add(&it, BASE, BASE + 16 * BLOCK);
	static const enum migratetype types[] = { MIGRATE_MOVABLE, MIGRATE_UNMOVABLE,
						  MIGRATE_RECLAIMABLE };
	uint64_t blocks[3][8];
	for (unsigned int i = 0; i < 8; i++) {
		for (unsigned int t = 0; t < 3; t++) {
			blocks[t][i] = instance_alloc(&it, i % 4, types[t]);
			assert_int_equal(pageblock_type(&it.map, pfn(blocks[t][i])), types[t]);
		}
	}
	instance_check(&it);
	/* One pageblock each: 8 small blocks need no more, whoever asked in between. */
	for (unsigned int t = 0; t < 3; t++) {
		for (unsigned int i = 1; i < 8; i++) {
			assert_int_equal(blocks[t][i] / PAGEBLOCK_NR_PAGES,
					 blocks[t][0] / PAGEBLOCK_NR_PAGES);
		}
	}
}

static void the_last_pages_are_served_to_any_type(void **state)
{
	(void)state;
	start(2 * BLOCK);
	instance_add(&it, BASE + 5, BASE + 2 * BLOCK - 9);
	uint64_t got = 0;
	while (instance_alloc(&it, 0, (enum migratetype)(got % 3)) != 0) {
		got++;
	}
	assert_int_equal(got, 2 * BLOCK - 14);
	assert_int_equal(free_pages(), 0);
	instance_check(&it);
}

static void a_wholly_free_block_of_mixed_types_becomes_movable(void **state)
{
	(void)state;
	if (MAX_PAGE_ORDER == PAGEBLOCK_ORDER) {
		start(BLOCK);
		return;
	}
	start(BLOCK);
	instance_add(&it, BASE, BASE + BLOCK);
	uint64_t a = instance_alloc(&it, 0, MIGRATE_UNMOVABLE);
	uint64_t b = instance_alloc(&it, PAGEBLOCK_ORDER, MIGRATE_MOVABLE);
	assert_int_equal(pageblock_type(&it.map, pfn(a)), MIGRATE_UNMOVABLE);
	instance_free(&it, a, 0);
	instance_free(&it, b, PAGEBLOCK_ORDER);
	assert_int_equal(pageblock_type(&it.map, pfn(a)), MIGRATE_MOVABLE);
	assert_int_equal(it.map.special, 0);
	instance_check(&it);
}

/**
 * All of a fresh instance in use, in single pages: one pageblock by @first, then all the rest by MOVABLE.
 * Return: the first frame of @first's pageblock; *@movable: of a movable one
 */
static uint64_t fill(enum migratetype first, uint64_t *movable)
{
	start(2 * BLOCK);
	instance_add(&it, BASE, BASE + 2 * BLOCK);
	uint64_t own = instance_alloc(&it, 0, first) / PAGEBLOCK_NR_PAGES * PAGEBLOCK_NR_PAGES;
	for (unsigned int i = 1; i < PAGEBLOCK_NR_PAGES; i++) {
		assert_int_equal(instance_alloc(&it, 0, first) / PAGEBLOCK_NR_PAGES *
					 PAGEBLOCK_NR_PAGES,
				 own);
	}
	while (free_pages() != 0) {
		uint64_t n = instance_alloc(&it, 0, MIGRATE_MOVABLE);
		*movable = n / PAGEBLOCK_NR_PAGES * PAGEBLOCK_NR_PAGES;
		assert_int_not_equal(*movable, own);
	}
	return own;
}

static void free_singles(uint64_t from, uint64_t count, uint64_t step)
{
	for (uint64_t n = from; n < from + count * step; n += step) {
		instance_free(&it, n, 0);
	}
}

static bool lies_in(uint64_t n, uint64_t block)
{
	return n >= block && n < block + PAGEBLOCK_NR_PAGES;
}

static void what_cannot_move_leaves_movable_pageblocks_alone(void **state)
{
	static const enum migratetype pair[] = { MIGRATE_UNMOVABLE, MIGRATE_RECLAIMABLE };
	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		/* A hole of 8 pages beside one of 64. */
		uint64_t movable;
		uint64_t own = fill(pair[i], &movable);
		free_singles(own, 8, 1);
		free_singles(movable, 64, 1);
		assert_true(lies_in(instance_alloc(&it, 0, pair[1 - i]), own));
		assert_int_equal(pageblock_type(&it.map, pfn(own)), pair[1 - i]);
		assert_int_equal(pageblock_type(&it.map, pfn(movable)), MIGRATE_MOVABLE);
		instance_check(&it);
		instance_stop(&it);
		/* One of 4 is not worth it: the largest decides. */
		own = fill(pair[i], &movable);
		free_singles(own, 4, 1);
		free_singles(movable, 64, 1);
		assert_true(lies_in(instance_alloc(&it, 0, pair[1 - i]), movable));
		instance_check(&it);
		if (i == 0) {
			instance_stop(&it);
		}
	}
}

/** One movable page is wanted, @count pages of the only pageblock with holes are free. Return: its type afterwards */
static enum migratetype after_movable(uint64_t count, uint64_t step)
{
	uint64_t movable;
	uint64_t own = fill(MIGRATE_UNMOVABLE, &movable);
	free_singles(own, count, step);
	assert_true(lies_in(instance_alloc(&it, 0, MIGRATE_MOVABLE), own));
	instance_check(&it);
	return pageblock_type(&it.map, pfn(own));
}

static void movable_pages_take_over_what_is_half_free(void **state)
{
	(void)state;
	assert_int_equal(after_movable(PAGEBLOCK_NR_PAGES / 2, 1), MIGRATE_MOVABLE);
	instance_stop(&it);
	assert_int_equal(after_movable(PAGEBLOCK_NR_PAGES / 4, 1), MIGRATE_UNMOVABLE);
	instance_stop(&it);
	/* As many, but no hole is large: nobody looks. */
	assert_int_equal(after_movable(PAGEBLOCK_NR_PAGES / 2, 2), MIGRATE_UNMOVABLE);
}

/** Where an unmovable request that may use the atomic reserve is served from. */
static uint64_t alloc_atomic(unsigned int order)
{
	struct palloc_req req = { .pages = 1U << order,
				  .align_order = (uint8_t)order,
				  .type = MIGRATE_UNMOVABLE,
				  .flags = PALLOC_REQ_HIGH };
	struct palloc_block block = it.pa.ops->alloc(&it.pa, &req);
	assert_int_equal(block.err, 0);
	return block.start.n;
}

static void the_atomic_reserve_comes_before_mixing_pageblocks_for_blocks_only(void **state)
{
	uint64_t reserve;
	(void)state;
	uint64_t movable = fill(MIGRATE_MOVABLE, &reserve);
	assert_int_equal(it.pa.ops->retag(&it.pa,
					  (struct pfn_range){ pfn(reserve),
							      pfn(reserve + PAGEBLOCK_NR_PAGES) },
					  MIGRATE_HIGHATOMIC),
			 0);
	free_singles(movable, 4, 1);
	free_singles(reserve, 4, 1);
	assert_true(lies_in(alloc_atomic(1), reserve));
	assert_true(lies_in(alloc_atomic(0), movable));
	instance_check(&it);
}

static void check_notices_damage(void **state)
{
	const char *why;
	(void)state;
	start(4 * BLOCK);
	instance_add(&it, BASE, BASE + 4 * BLOCK);
	uint64_t a = instance_alloc(&it, 0, MIGRATE_MOVABLE);
	struct page *buddy_page_of_a = pfn_to_page(pfn(a ^ 1));
	struct page saved = *buddy_page_of_a;
	buddy_page_of_a->word = page_word_with_order(saved.word, 1);
	assert_int_not_equal(it.pa.ops->check(&it.pa, &why), 0);
	*buddy_page_of_a = saved;
	instance_check(&it);
	buddy_page_of_a->prev = 12;
	assert_int_not_equal(it.pa.ops->check(&it.pa, &why), 0);
	*buddy_page_of_a = saved;
	pfn_to_page(pfn(a + 5))->word = page_word(PAGE_ALLOCATED, 0, 0, 7);
	assert_int_not_equal(it.pa.ops->check(&it.pa, &why), 0);
	pfn_to_page(pfn(a + 5))->word = 0;
	buddy_of(&it.pa)->free_pages++;
	assert_int_not_equal(it.pa.ops->check(&it.pa, &why), 0);
	buddy_of(&it.pa)->free_pages--;
	pageblock_set_type(&it.map, pfn(BASE + 2 * BLOCK), MIGRATE_CMA);
	assert_int_not_equal(it.pa.ops->check(&it.pa, &why), 0);
	pageblock_set_type(&it.map, pfn(BASE + 2 * BLOCK), MIGRATE_MOVABLE);
	instance_check(&it);
}

static void another_zones_records_are_left_alone(void **state)
{
	(void)state;
	start(2 * BLOCK);
	sim_frame_table_populate((struct pfn_range){ pfn(BASE), pfn(BASE + 2 * BLOCK) });
	/* The upper half of a block belongs to another node, which has it free as one block. */
	struct page *foreign = pfn_to_page(pfn(BASE + BLOCK / 2));
	foreign->word = page_word(PAGE_FREE, MAX_PAGE_ORDER - 1, MIGRATE_MOVABLE, 9);
	instance_add(&it, BASE, BASE + BLOCK / 2);
	uint64_t a = instance_alloc(&it, MAX_PAGE_ORDER - 1, MIGRATE_MOVABLE);
	assert_int_equal(a, BASE);
	instance_free(&it, a, MAX_PAGE_ORDER - 1);
	assert_int_equal(foreign->word,
			 page_word(PAGE_FREE, MAX_PAGE_ORDER - 1, MIGRATE_MOVABLE, 9));
	assert_int_equal(instance_alloc(&it, MAX_PAGE_ORDER, MIGRATE_MOVABLE), 0);
	instance_check(&it);
	foreign->word = 0;
}

static void the_bit_tree_agrees_with_a_plain_array(void **state)
{
	static const uint64_t sizes[] = { 1, 63, 64, 65, 4095, 4097, 300000 };
	uint64_t random = sim_seed(0xf4e5);
	(void)state;
	start(BLOCK);
	for (size_t s = 0; s < ARRAY_SIZE(sizes); s++) {
		uint64_t bits = sizes[s];
		uint64_t *words = calloc(1, fresh_bytes(bits));
		uint8_t *model = calloc(1, bits);
		struct fresh f;
		fresh_init(&f, bits, words);
		for (unsigned int i = 0; i < 400; i++) {
			uint64_t at = (sim_random(&random) >> 20) % bits;
			uint64_t end = at;
			while (end < bits && end < at + i && !model[end]) {
				model[end++] = 1;
			}
			fresh_set_range(&f, at, end);
			for (unsigned int k = 0; k < i / 2; k++) {
				uint64_t bit = (sim_random(&random) >> 20) % bits;
				if (model[bit]) {
					fresh_clear(&f, bit);
					model[bit] = 0;
				}
			}
			uint64_t from = (sim_random(&random) >> 20) % bits;
			uint64_t expected = from;
			while (expected < bits && !model[expected]) {
				expected++;
			}
			assert_int_equal(fresh_find(&f, from), expected);
		}
		assert_true(fresh_consistent(&f));
		free(words);
		free(model);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_tebibyte_of_whole_blocks_needs_no_record, stop),
		cmocka_unit_test_teardown(allocations_stay_in_populated_memory_while_it_lasts,
					  stop),
		cmocka_unit_test_teardown(freed_blocks_merge_up_to_the_largest, stop),
		cmocka_unit_test_teardown(types_keep_to_pageblocks_of_their_own, stop),
		cmocka_unit_test_teardown(the_last_pages_are_served_to_any_type, stop),
		cmocka_unit_test_teardown(a_wholly_free_block_of_mixed_types_becomes_movable, stop),
		cmocka_unit_test_teardown(what_cannot_move_leaves_movable_pageblocks_alone, stop),
		cmocka_unit_test_teardown(movable_pages_take_over_what_is_half_free, stop),
		cmocka_unit_test_teardown(
			the_atomic_reserve_comes_before_mixing_pageblocks_for_blocks_only, stop),
		cmocka_unit_test_teardown(check_notices_damage, stop),
		cmocka_unit_test_teardown(another_zones_records_are_left_alone, stop),
		cmocka_unit_test_teardown(the_bit_tree_agrees_with_a_plain_array, stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
