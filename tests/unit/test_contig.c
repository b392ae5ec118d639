/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves, with every backend that can claim, that alloc_contig_range() gets a range exactly when nothing in it is unmovable
 * or pinned, names the first such block otherwise, and loses no contents: against a model, with random layouts, windows
 * and pins.
 */
#include "contig_machine.h"

#define FIXED 60U

/* ---- the model ------------------------------------------------------------------------------- */

enum use {
	USE_FREE,
	USE_MOVABLE,
	USE_PINNED,
	USE_FIXED,
	USE_RESERVED,
};

static struct {
	uint64_t random;
	bool pinned[ENTRIES];
	/** Unmovable blocks. */
	struct page *fixed[FIXED];
	unsigned int fixed_order[FIXED];
	/** What each frame is, and the frame of its block's head. */
	uint8_t use[ALL_FRAMES];
	uint64_t head[ALL_FRAMES];
} model;

static uint64_t below(uint64_t n)
{
	return sim_random(&model.random) % n;
}

static void mark(const struct page *page, unsigned int order, enum use use)
{
	const uint64_t head = page_to_pfn(page).n;
	for (uint64_t i = 0; i < 1ULL << order; i++) {
		model.use[head - FIRST_FRAME + i] = (uint8_t)use;
		model.head[head - FIRST_FRAME + i] = head;
	}
}

/** From what the test holds, what memblock holds, and the pages that the allocator took for its records. */
static void model_map(void)
{
	for (uint64_t i = 0; i < ALL_FRAMES; i++) {
		const pfn_t f = pfn(FIRST_FRAME + i);
		const struct page *page = pfn_to_page(f);
		model.use[i] = memblock_is_region_reserved(pfn_to_phys(f), PAGE_SIZE) ?
				       USE_RESERVED :
			       page_word_state(page->word) == PAGE_ALLOCATED &&
					       (page->word & PAGE_F_TABLE) != 0 ?
				       USE_FIXED :
				       USE_FREE;
		model.head[i] = f.n;
	}
	for (uint32_t i = 0; i < ENTRIES; i++) {
		const struct movable_entry *e = &movable_owner.entry[i];
		if (e->page != NULL) {
			mark(e->page, e->order, model.pinned[i] ? USE_PINNED : USE_MOVABLE);
		}
	}
	for (uint32_t i = 0; i < FIXED; i++) {
		if (model.fixed[i] != NULL) {
			mark(model.fixed[i], model.fixed_order[i], USE_FIXED);
		}
	}
}

/** The first frame of @range that cannot be had, or its end. */
static uint64_t model_blocked(struct pfn_range range)
{
	uint64_t n = range.start.n;
	while (n < range.end.n && model.use[n - FIRST_FRAME] <= USE_MOVABLE) {
		n++;
	}
	return n;
}

static enum migrate_reason model_reason(enum use use)
{
	return use == USE_PINNED   ? MIGRATE_REASON_PINNED :
	       use == USE_RESERVED ? MIGRATE_REASON_RESERVED :
				     MIGRATE_REASON_UNMOVABLE;
}

/** Take or give one thing at random. */
static void model_step(void)
{
	const uint32_t i = (uint32_t)below(ENTRIES);
	const uint32_t k = (uint32_t)below(FIXED);
	const struct movable_entry *e = &movable_owner.entry[i];
	switch (below(8)) {
	case 0:
		if (e->page != NULL && below(8) == 0) {
			if (model.pinned[i]) {
				put_page(e->page);
			} else {
				assert_non_null(movable_pin(i));
			}
			model.pinned[i] = !model.pinned[i];
		}
		break;
	case 1:
		if (model.fixed[k] != NULL) {
			__free_pages(model.fixed[k], model.fixed_order[k]);
			model.fixed[k] = NULL;
		} else if (below(4) == 0) {
			model.fixed_order[k] = (unsigned int)below(4);
			model.fixed[k] = alloc_pages(GFP_KERNEL, model.fixed_order[k]);
		}
		break;
	case 2:
		if (e->page != NULL && !model.pinned[i]) {
			assert_true(movable_free(i));
		}
		break;
	default:
		if (e->page == NULL) {
			const unsigned int order = (unsigned int)(below(4) == 0 ? below(5) : 0);
			assert_true(movable_alloc(i, GFP_USER_MOVABLE, order, false));
		}
		break;
	}
}

static void model_start(uint64_t seed)
{
	memset(&model, 0, sizeof(model));
	model.random = sim_seed(seed);
	start_machine();
	for (uint32_t i = 0; i < 4 * ENTRIES; i++) {
		model_step();
	}
}

static void model_end(void)
{
	all_intact();
	for (uint32_t i = 0; i < ENTRIES; i++) {
		if (model.pinned[i]) {
			put_page(movable_owner.entry[i].page);
		}
		if (movable_owner.entry[i].page != NULL) {
			assert_true(movable_free(i));
		}
	}
	for (uint32_t i = 0; i < FIXED; i++) {
		if (model.fixed[i] != NULL) {
			__free_pages(model.fixed[i], model.fixed_order[i]);
		}
	}
	page_check_all(page_check_used());
	/* What is left backs records. */
	assert_true(page_check_used() <= ALL_FRAMES / FRAME_TABLE_CHUNK + 2 * FRAME_RESERVE_PAGES);
	assert_int_equal(page_alloc_refused_frees(), 0);
}

/* ---- properties ------------------------------------------------------------------------------ */

static struct pfn_range random_window(void)
{
	static const uint64_t most[] = { 1, 8, 64, 512, 2048 };
	const uint64_t count = 1 + below(most[below(ARRAY_SIZE(most))]);
	const uint64_t first = below(16) == 0 ? below(1024) : 1024 + below(ALL_FRAMES - 1024);
	return frames_at(FIRST_FRAME + first,
			 count < ALL_FRAMES - first ? count : ALL_FRAMES - first);
}

static void window_is_taken(struct pfn_range window, uint64_t to_move,
			    const struct migrate_result *result)
{
	for (uint64_t n = window.start.n; n < window.end.n; n++) {
		const struct page *page = pfn_to_page(pfn(n));
		assert_int_equal(page_word_state(page->word), PAGE_ALLOCATED);
		assert_int_equal(page_word_order(page->word), 0);
		assert_int_equal(page_word_refs(page->word), 1);
		assert_int_equal(page->second, 0);
	}
	for (uint32_t i = 0; i < ENTRIES; i++) {
		const struct movable_entry *e = &movable_owner.entry[i];
		if (e->page != NULL) {
			const uint64_t n = page_to_pfn(e->page).n;
			assert_true(n >= window.end.n || n + (1ULL << e->order) <= window.start.n);
		}
	}
	assert_int_equal(result->moved_pages, to_move);
}

/** Pages of movable blocks that have frames in @window. */
static uint64_t pages_to_move(struct pfn_range window)
{
	uint64_t pages = 0;
	for (uint32_t i = 0; i < ENTRIES; i++) {
		const struct movable_entry *e = &movable_owner.entry[i];
		if (e->page != NULL) {
			const uint64_t n = page_to_pfn(e->page).n;
			const uint64_t end = n + (1ULL << e->order);
			pages += n < window.end.n && end > window.start.n ? end - n : 0;
		}
	}
	return pages;
}

/** One window. Return: it could be had */
static bool try_window(struct pfn_range window)
{
	struct migrate_result result;
	/* Records first: that takes pages, which are in the way afterwards. */
	if (below(2) == 0) {
		page_cache_drain_all();
	}
	sim_frame_table_populate(window);
	model_map();
	const uint64_t blocked = model_blocked(window);
	const uint64_t to_move = pages_to_move(window);
	int err = alloc_contig_range_report(window, GFP_USER_MOVABLE, &result);
	if (blocked == window.end.n) {
		assert_int_equal(err, 0);
		window_is_taken(window, to_move, &result);
		return true;
	}
	assert_int_equal(err, -EBUSY);
	assert_int_equal(result.blocker.reason,
			 model_reason((enum use)model.use[blocked - FIRST_FRAME]));
	assert_int_equal(result.blocker.frame.n, model.head[blocked - FIRST_FRAME]);
	assert_int_equal(result.moved_pages, 0);
	return false;
}

static void windows_are_had_exactly_when_all_in_them_can_move(void **state)
{
	(void)state;
	uint64_t had = 0;
	model_start(0xc0471);
	for (unsigned int round = 0; round < 400; round++) {
		for (unsigned int k = 0; k < 12; k++) {
			model_step();
		}
		const struct pfn_range window = random_window();
		if (try_window(window)) {
			had++;
			assert_int_equal(free_contig_range(window), 0);
		}
		if (round % 16 == 0) {
			all_intact();
			page_check_all(UINT64_MAX);
		}
	}
	printf("%s: %u of 400 windows\n", backend->name, (unsigned int)had);
	assert_in_range(had, 100, 390);
	model_end();
}

#define TEST(fn) cmocka_unit_test_teardown(fn, page_check_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(windows_are_had_exactly_when_all_in_them_can_move),
	};
	return contig_run(tests, ARRAY_SIZE(tests));
}
