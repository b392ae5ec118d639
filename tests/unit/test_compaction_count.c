/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves, with every backend that can claim, that compaction's count of free blocks is that of the backend, in one go or
 * in parts that go round the zone, and that it takes no lock, so that nobody waits for it however large a zone is.
 */
#include "contig_machine.h"

#include "core/compaction_private.h"

#define ROUNDS 40U

static uint64_t random_state;

/** Blocks of all orders come and go; the caches are empty then. */
static void churn(void)
{
	for (unsigned int i = 0; i < 600; i++) {
		const uint64_t r = sim_random(&random_state) >> 8;
		const uint32_t e = (uint32_t)(r % 1000);
		if (movable_owner.entry[e].page != NULL) {
			assert_true(movable_free(e));
		} else {
			(void)movable_alloc(e, GFP_USER_MOVABLE | __GFP_NOWARN,
					    (unsigned int)(r >> 20) % (MAX_PAGE_ORDER / 2), false);
		}
	}
	page_cache_drain_all();
}

static void the_count_is_the_backends(void **state)
{
	(void)state;
	uint64_t counted[MAX_PAGE_ORDER + 1];
	uint64_t real[MAX_PAGE_ORDER + 1];
	start_machine();
	for (unsigned int i = 0; i < ROUNDS; i++) {
		churn();
		zone_free_blocks(the_zone(), real);
		compact_count_free(the_zone(), UINT64_MAX, counted);
		assert_memory_equal(counted, real, sizeof(real));
	}
}

static void parts_go_round_the_zone(void **state)
{
	(void)state;
	uint64_t counted[MAX_PAGE_ORDER + 1];
	uint64_t real[MAX_PAGE_ORDER + 1];
	start_machine();
	for (unsigned int i = 0; i < ROUNDS; i++) {
		uint64_t pages = 0;
		uint64_t all = 0;
		churn();
		zone_free_blocks(the_zone(), real);
		/* As many parts as there are largest blocks: none is cut. */
		for (uint64_t n = 0; n < ALL_FRAMES; n += MAX_ORDER_NR_PAGES) {
			compact_count_free(the_zone(), MAX_ORDER_NR_PAGES, counted);
			for (unsigned int k = 0; k <= MAX_PAGE_ORDER; k++) {
				pages += counted[k] << k;
			}
		}
		for (unsigned int k = 0; k <= MAX_PAGE_ORDER; k++) {
			all += real[k] << k;
		}
		assert_int_equal(pages, all);
	}
}

static void the_zones_lock_is_not_taken(void **state)
{
	(void)state;
	uint64_t counted[MAX_PAGE_ORDER + 1];
	uint64_t locked[MAX_PAGE_ORDER + 1];
	start_machine();
	churn();
	compact_count_free(the_zone(), UINT64_MAX, counted);
	unsigned long flags = spin_lock_irqsave(&the_zone()->lock);
	compact_count_free(the_zone(), UINT64_MAX, locked);
	spin_unlock_irqrestore(&the_zone()->lock, flags);
	assert_memory_equal(counted, locked, sizeof(counted));
}

#define TEST(fn) cmocka_unit_test_teardown(fn, page_check_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_count_is_the_backends),
		TEST(parts_go_round_the_zone),
		TEST(the_zones_lock_is_not_taken),
	};
	random_state = sim_seed(0xc0c0);
	return contig_run(tests, ARRAY_SIZE(tests));
}
