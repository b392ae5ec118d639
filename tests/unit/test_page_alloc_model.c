/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves, with every backend of this build, that random use of the whole front end agrees with a model that knows who
 * holds each page: allocations by order, node, bulk, exact size and exact frames, with all gfp flags and all forbidden
 * combinations of them, over nodes and zones of every kind, through per-hart caches, with fail_page_alloc, with frees
 * that must be refused, and with another backend taking over in the midst. Every page of a block carries its holder's
 * stamp from the allocation to the free. The same seed gives the same pages.
 */
#include "page_check.h"

#include "fpg/base/bits.h"
#include "fpg/base/range.h"
#include "fpg/core/fail_page_alloc.h"
#include "fpg/core/log.h"
#include "fpg/core/memblock.h"
#include "fpg/core/page_alloc.h"
#include "fpg/core/page_cache.h"
#include "fpg/core/palloc_handover.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

/** Below and above 4 GiB, so that there are DMA32 and Normal; parts of both nodes are Movable. */
#define LOW  0xfe000000UL
#define HIGH 0x100000000UL
#define EACH (24 * SZ_1M)

enum {
	SLOTS = 600,
	NODES = MAX_NUMNODES >= 2 ? 2 : 1
};

enum kind {
	KIND_BLOCK,
	KIND_EXACT,
	KIND_RANGE
};

struct slot {
	struct page *page;
	uint64_t pages;
	unsigned int order;
	enum kind kind;
	uint64_t stamp;
};

static const struct palloc_ops *backend;
static struct slot slots[SLOTS];
/** Who holds each frame from LOW on: a stamp, or 0. */
static uint64_t *holder;
static uint64_t frames;
static uint64_t random_state;
static uint64_t digest;
static uint64_t stamps;
static uint64_t held;
static uint64_t served;
static uint64_t refused_frees;

static uint64_t dice(uint64_t below)
{
	return (sim_random(&random_state) >> 16) % below;
}

static uint64_t index_of(pfn_t f)
{
	assert_true(f.n >= LOW / PAGE_SIZE && f.n - LOW / PAGE_SIZE < frames);
	return f.n - LOW / PAGE_SIZE;
}

static void start_machine(uint64_t seed)
{
	const struct sim_ram ram[] = {
		{ LOW, EACH, 0 },
		{ LOW + EACH, HIGH - LOW - EACH, NODES - 1 },
		{ HIGH, EACH, NODES - 1 },
		{ HIGH + EACH, EACH, 0 },
	};
	/* Thousands of requests are refused, each with a reason; errors are of wrong frees. */
	log_set_console_level(LOG_ERR);
	sim_start(ram, ARRAY_SIZE(ram));
	assert_int_equal(zone_movable_start_set(0, phys_to_pfn(HIGH + EACH + EACH / 2)), 0);
	assert_int_equal(page_alloc_init(backend->name), 0);
	frames = (HIGH + 2 * EACH - LOW) / PAGE_SIZE;
	holder = calloc(frames, sizeof(*holder));
	memset(slots, 0, sizeof(slots));
	random_state = seed;
	digest = stamps = held = served = refused_frees = 0;
}

static int stop_machine(void **state)
{
	fail_page_alloc_set(NULL);
	free(holder);
	holder = NULL;
	return page_check_stop(state);
}

/* ---- who holds what -------------------------------------------------------------------------- */

static uint64_t *words_of(uint64_t index)
{
	return port_phys_to_virt(LOW + index * PAGE_SIZE);
}

/** Every page was nobody's, and is @slot's now. */
static void take(struct slot *slot)
{
	const uint64_t first = index_of(page_to_pfn(slot->page));
	slot->stamp = ++stamps;
	for (uint64_t i = first; i < first + slot->pages; i++) {
		assert_int_equal(holder[i], 0);
		holder[i] = slot->stamp;
		words_of(i)[0] = slot->stamp;
		words_of(i)[PAGE_SIZE / sizeof(uint64_t) - 1] = ~slot->stamp;
	}
	held += slot->pages;
	served++;
	digest = (digest ^ first ^ slot->pages << 40) * 0x100000001b3ULL;
	digest ^= digest >> 29;
}

/** Every page still carries its stamp; nobody holds it from now on. */
static void leave(const struct slot *slot)
{
	const uint64_t first = index_of(page_to_pfn(slot->page));
	for (uint64_t i = first; i < first + slot->pages; i++) {
		assert_int_equal(holder[i], slot->stamp);
		assert_true(words_of(i)[0] == slot->stamp);
		assert_true(words_of(i)[PAGE_SIZE / sizeof(uint64_t) - 1] == ~slot->stamp);
		holder[i] = 0;
	}
	held -= slot->pages;
}

/** What came lies in a zone and on a node that the request allows, and is zero when that was asked for. */
static void judge(const struct slot *slot, gfp_t gfp, int nid)
{
	pfn_t f = page_to_pfn(slot->page);
	const struct zone *zone = pfn_to_zone(f);
	assert_null(gfp_refusal(gfp));
	assert_non_null(zone);
	assert_true(zone->type <= gfp_zone(gfp));
	assert_ptr_equal(pfn_to_zone(pfn_add(f, slot->pages - 1)), zone);
	assert_true(!(gfp & __GFP_THISNODE) || zone->nid == nid);
	for (uint64_t i = 0; (gfp & __GFP_ZERO) && i < slot->pages; i++) {
		const uint64_t *words = words_of(index_of(f) + i);
		for (size_t w = 0; w < PAGE_SIZE / sizeof(uint64_t); w += 37) {
			assert_true(words[w] == 0);
		}
	}
}

/** Any flags; those that are refused now and then. */
static gfp_t some_gfp(void)
{
	static const gfp_t sound[] = { GFP_KERNEL,	 GFP_ATOMIC,
				       GFP_NOWAIT,	 GFP_DMA32,
				       GFP_DMA,		 __GFP_RECLAIMABLE,
				       GFP_USER_MOVABLE, __GFP_MOVABLE | GFP_DMA32 };
	gfp_t gfp = sound[dice(ARRAY_SIZE(sound))];
	gfp |= dice(16) == 0 ? (gfp_t)dice(__GFP_ALL + 1) : 0;
	gfp |= dice(8) == 0 ? __GFP_ZERO : 0;
	gfp |= dice(8) == 0 ? __GFP_THISNODE : 0;
	return gfp | __GFP_NOWARN | (dice(200) == 0 ? __GFP_ALL + 1 : 0);
}

static void step_block(struct slot *slot)
{
	const gfp_t gfp = some_gfp();
	const int nid = (int)dice(NODES + 1);
	const bool here = dice(2) == 0;
	slot->order = dice(24) == 0 ? (unsigned int)dice(MAX_PAGE_ORDER + 2) :
				      (unsigned int)dice(5);
	slot->kind = KIND_BLOCK;
	slot->page = here ? alloc_pages(gfp, slot->order) : alloc_pages_node(nid, gfp, slot->order);
	if (slot->page != NULL) {
		assert_true(slot->order <= MAX_PAGE_ORDER);
		slot->pages = 1ULL << slot->order;
		assert_true(IS_ALIGNED(page_to_pfn(slot->page).n, slot->pages));
		judge(slot, gfp, here ? 0 : nid);
		take(slot);
	}
}

static void step_exact(struct slot *slot)
{
	const gfp_t gfp = some_gfp();
	const size_t bytes = dice(40) == 0 ? 0 : 1 + dice(dice(8) == 0 ? 700000 : 40000);
	void *at = alloc_pages_exact(bytes, gfp);
	slot->page = NULL;
	if (at != NULL) {
		assert_true(bytes != 0);
		slot->page = virt_to_page(at);
		slot->kind = KIND_EXACT;
		slot->order = 0;
		slot->pages = (bytes + PAGE_SIZE - 1) / PAGE_SIZE;
		judge(slot, gfp, 0);
		take(slot);
	}
}

/** Fill empty slots with single pages, as many as there are in a row. */
static void step_bulk(uint64_t from)
{
	struct page *pages[32] = { NULL };
	const gfp_t gfp = some_gfp();
	uint64_t count = 1 + dice(ARRAY_SIZE(pages));
	uint64_t room = 0;
	while (room < count && from + room < SLOTS && slots[from + room].page == NULL) {
		room++;
	}
	unsigned long got = alloc_pages_bulk(gfp, room, pages);
	for (uint64_t i = 0; i < got; i++) {
		struct slot *slot = &slots[from + i];
		*slot = (struct slot){ .page = pages[i], .pages = 1, .kind = KIND_BLOCK };
		judge(slot, gfp, 0);
		take(slot);
	}
	assert_true(got == ARRAY_SIZE(pages) || pages[got] == NULL);
}

/** Exact frames: served when nobody holds any of them, else the first one in the way is named. */
static void step_range(struct slot *slot)
{
	const gfp_t gfp = some_gfp();
	const uint64_t first = dice(frames);
	const uint64_t most = frames - first < 600 ? frames - first : 600;
	const uint64_t pages = dice(4) == 0 ? 1 + dice(most) : 1 + dice(most < 8 ? most : 8);
	const pfn_t start = pfn(LOW / PAGE_SIZE + first);
	const struct pfn_range range = { start, pfn_add(start, pages) };
	pfn_t blocker = pfn(0);
	int err = alloc_contig_range(range, gfp, &blocker);
	slot->page = NULL;
	if (err == 0) {
		assert_null(gfp_refusal(gfp));
		*slot = (struct slot){ .page = pfn_to_page(start),
				       .pages = pages,
				       .kind = KIND_RANGE };
		take(slot);
	} else if (err == -EBUSY) {
		assert_true(pfn_range_contains(range, blocker));
		for (uint64_t i = first; i < index_of(blocker); i++) {
			assert_int_equal(holder[i], 0);
		}
	} else {
		const uint32_t caps = pfn_to_zone(start)->palloc->ops->caps;
		assert_true(err == -EINVAL || err == -ENOMEM ||
			    (err == -ENOTSUP && !(caps & PALLOC_CAP_CLAIM)));
		assert_true(err != -EINVAL || gfp_refusal(gfp) != NULL ||
			    pfn_to_zone(start) != pfn_to_zone(pfn(range.end.n - 1)));
	}
}

static void give_back(struct slot *slot)
{
	leave(slot);
	switch (slot->kind) {
	case KIND_BLOCK:
		if (dice(2) == 0) {
			__free_pages(slot->page, slot->order);
		} else {
			free_pages(page_address(slot->page), slot->order);
		}
		break;
	case KIND_EXACT:
		free_pages_exact(page_address(slot->page), slot->pages * PAGE_SIZE);
		break;
	default: {
		pfn_t start = page_to_pfn(slot->page);
		struct pfn_range range = { start, pfn_add(start, slot->pages) };
		assert_int_equal(free_contig_range(range), 0);
	}
	}
	slot->page = NULL;
}

static void give_all_back(void)
{
	for (uint64_t k = 0; k < SLOTS; k++) {
		if (slots[k].page != NULL) {
			give_back(&slots[k]);
		}
	}
}

/** A free of another order, of a part, or of what nobody holds: refused, and nothing changes. */
static void step_wrong_free(const struct slot *slot)
{
	if (slot->page == NULL) {
		const uint64_t i = dice(frames);
		struct page *page = pfn_to_page(pfn(LOW / PAGE_SIZE + i));
		if (holder[i] != 0 || page_word_state(page->word) == PAGE_ALLOCATED) {
			return;
		}
		__free_pages(page, (unsigned int)dice(4));
	} else if (slot->kind == KIND_BLOCK && slot->order < MAX_PAGE_ORDER) {
		__free_pages(slot->page, slot->order + 1);
	} else {
		return;
	}
	refused_frees++;
	assert_int_equal(page_alloc_refused_frees(), refused_frees);
}

static void step_fail_rule(void)
{
	const struct fail_page_alloc_rule rule = { .ppm = 1 + (uint32_t)dice(300000),
						   .seed = 1 + dice(1000),
						   .with = dice(2) == 0 ? __GFP_MOVABLE : 0,
						   .min_order = (unsigned int)dice(3) };
	fail_page_alloc_set(dice(3) == 0 ? &rule : NULL);
}

static void step(void)
{
	const uint64_t k = dice(SLOTS);
	struct slot *slot = &slots[k];
	const uint64_t what = dice(1000);
	if (what < 2) {
		page_cache_drain_all();
	} else if (what < 4) {
		step_fail_rule();
	} else if (what < 19) {
		step_wrong_free(slot);
	} else if (slot->page != NULL) {
		give_back(slot);
	} else if (what < 60) {
		step_exact(slot);
	} else if (what < 160) {
		step_range(slot);
	} else if (what < 220) {
		step_bulk(k);
	} else {
		step_block(slot);
	}
}

/** Free frames that somebody holds. */
static bool count_foreign(void *ctx, struct zone *zone, const struct palloc_run *run)
{
	uint64_t *foreign = ctx;
	for (uint64_t n = run->range.start.n; n < run->range.end.n; n++) {
		*foreign += run->state == PALLOC_RUN_FREE && holder[index_of(pfn(n))] != 0;
	}
	return zone != NULL;
}

static void compare(void)
{
	uint64_t foreign = 0;
	page_check_all(UINT64_MAX);
	palloc_walk_all(count_foreign, &foreign);
	assert_int_equal(foreign, 0);
	assert_true(page_check_used() >= held);
	assert_int_equal(page_alloc_refused_frees(), refused_frees);
}

static void run_steps(uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		step();
		if (i % 4096 == 4095) {
			compare();
		}
	}
	compare();
}

static uint64_t steps_wanted(void)
{
	return getenv("FPG_STEPS") != NULL ? strtoull(getenv("FPG_STEPS"), NULL, 0) : 60000;
}

/* ---- properties ------------------------------------------------------------------------------ */

static uint64_t seed;

static void random_use_agrees_with_who_holds_what(void **state)
{
	(void)state;
	start_machine(seed);
	const uint64_t used = page_check_used();
	run_steps(steps_wanted());
	fail_page_alloc_set(NULL);
	give_all_back();
	page_cache_drain_all();
	compare();
	printf("# %llu of %llu requests served\n", (unsigned long long)served,
	       (unsigned long long)stamps);
	assert_int_equal(held, 0);
	/* What is in use beside that backs records. */
	assert_true(page_check_used() <= used + frames / FRAME_TABLE_CHUNK + 1);
	assert_true(served > steps_wanted() / 8);
}

static void the_same_calls_give_the_same_pages(void **state)
{
	uint64_t digests[2];
	for (int i = 0; i < 2; i++) {
		start_machine(seed + 1);
		run_steps(steps_wanted() / 8);
		digests[i] = digest;
		assert_true(served > 0);
		stop_machine(state);
	}
	assert_true(digests[0] == digests[1]);
	start_machine(seed + 1);
}

static int populate(void *ctx, struct pfn_range range)
{
	(void)ctx;
	sim_frame_table_populate(range);
	return 0;
}

struct moved {
	const struct palloc_ops *to;
	void *meta[MAX_NUMNODES * MAX_NR_ZONES];
	size_t count;
};

static void drop_metadata(struct moved *moved)
{
	while (moved->count > 0) {
		free(moved->meta[--moved->count]);
	}
}

static bool move_zone(void *ctx, struct zone *zone)
{
	struct moved *moved = ctx;
	struct palloc *next = &zone->instances[zone->palloc == &zone->instances[0]];
	struct palloc_geometry geometry = { .span = zone->span,
					    .harts = 1,
					    .max_runs = palloc_managed_runs(zone->palloc) + 64 };
	size_t bytes = moved->to->meta_bytes(&geometry);
	void *meta = calloc(1, bytes);
	*next = *zone->palloc;
	next->ops = moved->to;
	next->meta = moved->meta[moved->count++] = meta;
	next->meta_bytes = bytes;
	assert_int_equal(moved->to->init(next, meta, bytes), 0);
	assert_int_equal(palloc_handover(zone->palloc, next, populate, NULL), 0);
	zone->palloc = next;
	return true;
}

static void pages_held_survive_that_another_backend_takes_over(void **state)
{
	struct moved moved[2] = { { NULL } };
	(void)state;
	start_machine(seed + 2);
	unsigned int turn = 0;
	for (size_t b = 0; palloc_table[b] != NULL; b++) {
		const struct palloc_ops *const ways[] = { palloc_table[b], backend };
		for (size_t i = 0; i < ARRAY_SIZE(ways); i++, turn++) {
			run_steps(steps_wanted() / 16);
			page_cache_drain_all();
			struct moved old = moved[turn % 2];
			moved[turn % 2] = (struct moved){ .to = ways[i] };
			zone_for_each(move_zone, &moved[turn % 2]);
			drop_metadata(&old);
			compare();
		}
	}
	run_steps(steps_wanted() / 16);
	give_all_back();
	compare();
	assert_int_equal(held, 0);
	stop_machine(state);
	drop_metadata(&moved[0]);
	drop_metadata(&moved[1]);
	start_machine(seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(random_use_agrees_with_who_holds_what, stop_machine),
		cmocka_unit_test_teardown(the_same_calls_give_the_same_pages, stop_machine),
		cmocka_unit_test_teardown(pages_held_survive_that_another_backend_takes_over,
					  stop_machine),
	};
	int failed = 0;
	seed = sim_seed(0xa110c);
	for (size_t i = 0; palloc_table[i] != NULL; i++) {
		backend = palloc_table[i];
		printf("# with %s\n", backend->name);
		failed += cmocka_run_group_tests(tests, NULL, NULL);
	}
	return failed;
}
