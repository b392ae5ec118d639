/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves for several harts what test_page_cache.c proves for one: blocks may be freed on another hart than they were
 * allocated on, a hart without caches of its own works, whoever runs short gets what the others hold, harts may drain
 * and be held while all allocate, and no block is handed out twice. Harts are threads; each test is a process.
 */
#include "hart_machine.h"
#include "page_check.h"

#include "fpg/base/range.h"
#include "fpg/core/memblock.h"
#include "fpg/core/page_alloc.h"
#include "fpg/core/page_cache.h"
#include "fpg/core/spinlock.h"

#include <stdatomic.h>

#define RAM_BASE 0x80000000UL
#define HARTS	 4U

static const struct palloc_ops *backend;

/* ---- asking one hart ---------------------------------------------------------------------------------------- */

struct work {
	struct page *page;
	gfp_t gfp;
	unsigned int order;
};

static int do_alloc(void *arg)
{
	struct work *work = arg;
	work->page = alloc_pages(work->gfp, work->order);
	return 0;
}

static struct page *alloc_on(unsigned int hart, gfp_t gfp, unsigned int order)
{
	struct work work = { NULL, gfp, order };
	EXPECT(hart_run_on(hart, "alloc", do_alloc, &work) == 0);
	return work.page;
}

static int do_free(void *arg)
{
	const struct work *work = arg;
	__free_pages(work->page, work->order);
	return 0;
}

/** Single pages: each hart by another way. */
static int do_free_somehow(void *arg)
{
	const struct work *work = arg;
	const pfn_t f = page_to_pfn(work->page);
	if (hart_index() % 2 == 0 || work->order != 0) {
		return do_free(arg);
	}
	/* Refused or not: the counters tell. */
	(void)!free_contig_range((struct pfn_range){ f, pfn_add(f, 1) });
	return 0;
}

static void free_on(unsigned int hart, struct page *page, unsigned int order)
{
	struct work work = { page, 0, order };
	EXPECT(hart_run_on(hart, "free", do_free, &work) == 0);
}

static int lose_caches(void *arg)
{
	(void)arg;
	EXPECT(page_cache_hart_start() == 0);
	page_cache_hart_none(this_hart());
	return 0;
}

/** Harts 0 to HARTS - 2 have caches, the last one has none. */
static struct zone *start_all(void)
{
	const struct sim_ram ram[] = { { RAM_BASE, 64 * SZ_1M, 0 } };
	page_check_start(backend, ram, 1);
	for (unsigned int i = 0; i < HARTS; i++) {
		add_cpu(BOOT_HART + i)->nid = 0;
	}
	EXPECT(start() == HARTS);
	EXPECT(hart_run_on(HARTS - 1, "no caches", lose_caches, NULL) == 0);
	return node_by_id(0)->zonelist[0];
}

/* ---- one after the other ------------------------------------------------------------------------------------ */

static void free_anywhere(void)
{
	start_all();
	for (unsigned int from = 0; from < HARTS; from++) {
		for (unsigned int to = 0; to < HARTS; to++) {
			for (unsigned int order = 0; order < 5; order++) {
				struct page *page = alloc_on(from, GFP_KERNEL, order);
				EXPECT(page != NULL);
				free_on(to, page, order);
				free_on(from, page, order);
			}
		}
	}
	EXPECT(page_alloc_refused_frees() == HARTS * HARTS * 5);
	page_check_all(UINT64_MAX);
}

static void a_block_may_be_freed_anywhere(void **state)
{
	(void)state;
	assert_passes(free_anywhere);
}

#if MAX_NUMNODES >= 2

/** The boot hart's requests begin at its own node, by whichever way they go. */
static void boot_on_node_1(void)
{
	const struct sim_ram ram[] = { { RAM_BASE, 32 * SZ_1M, 0 },
				       { RAM_BASE + 64 * SZ_1M, 32 * SZ_1M, 1 } };
	host_set_hart_id(BOOT_HART);
	hart_init();
	EXPECT(!hart_boot_node(&facts));
	add_cpu(BOOT_HART);
	add_cpu(BOOT_HART + 1)->nid = 0;
	EXPECT(hart_boot_node(&facts));
	page_check_start(backend, ram, ARRAY_SIZE(ram));
	EXPECT(start() == 2);
	for (unsigned int order = 0; order < 6; order++) {
		for (unsigned int hart = 0; hart < 2; hart++) {
			struct page *page = alloc_on(hart, GFP_KERNEL, order);
			EXPECT(pfn_to_zone(page_to_pfn(page))->nid == (hart == 0 ? 1 : 0));
			free_on(hart, page, order);
		}
	}
	void *exact = alloc_pages_exact(5 * PAGE_SIZE, GFP_KERNEL);
	EXPECT(pfn_to_zone(page_to_pfn(virt_to_page(exact)))->nid == 1);
	free_pages_exact(exact, 5 * PAGE_SIZE);
	struct page *page = alloc_pages_node(NUMA_NO_NODE, GFP_KERNEL, 0);
	EXPECT(pfn_to_zone(page_to_pfn(page))->nid == 1);
	__free_page(page);
	page_check_all(UINT64_MAX);
}

static void requests_begin_at_the_hart_s_node(void **state)
{
	(void)state;
	assert_passes(boot_on_node_1);
}

#endif

static void run_short(void)
{
	struct zone *zone = start_all();
	for (unsigned int hart = 0; hart < HARTS - 1; hart++) {
		free_on(hart, alloc_on(hart, GFP_KERNEL, 0), 0);
		free_on(hart, alloc_on(hart, GFP_USER_MOVABLE, 1), 1);
	}
	EXPECT(page_cache_pages(zone) > 0 || !zone->cached);
	while (alloc_pages(GFP_NOWAIT | __GFP_NOWARN | __GFP_MEMALLOC, 0) != NULL) {
	}
	EXPECT(page_cache_pages(NULL) == 0);
	EXPECT(zone->free_pages == 0);
	page_check_all(UINT64_MAX);
}

static void whoever_runs_short_gets_what_others_hold(void **state)
{
	(void)state;
	assert_passes(run_short);
}

static void drain_parked(void)
{
	struct zone *zone = start_all();
	for (unsigned int hart = 0; hart < HARTS - 1; hart++) {
		free_on(hart, alloc_on(hart, GFP_KERNEL, 3), 3);
	}
	uint64_t free_pages_before = page_alloc_free_pages();
	harts_hold();
	page_cache_drain_parked();
	EXPECT(page_cache_pages(NULL) == 0);
	EXPECT(zone->free_pages == free_pages_before);
	harts_release();
	page_check_all(UINT64_MAX);
}

static void parked_harts_are_drained_without_asking(void **state)
{
	(void)state;
	assert_passes(drain_parked);
}

/* ---- all at once -------------------------------------------------------------------------------------------- */

enum {
	SLOTS = 1024,
	STEPS = 12000
};

struct slot {
	struct page *page;
	unsigned int order;
	uint64_t mark;
};

static struct spinlock slots_lock = SPINLOCK_INIT;
static struct slot slots[SLOTS];
static _Atomic uint64_t seed;
static _Atomic uint64_t marks;

/** What slot @k held; @now is in it. */
static struct slot exchange(unsigned int k, struct slot now)
{
	unsigned long flags = spin_lock_irqsave(&slots_lock);
	struct slot before = slots[k];
	slots[k] = now;
	spin_unlock_irqrestore(&slots_lock, flags);
	return before;
}

static void drop(struct slot slot)
{
	if (slot.page != NULL) {
		uint64_t *at = page_address(slot.page);
		size_t last = (PAGE_SIZE << slot.order) / sizeof(*at) - 1;
		EXPECT(at[0] == slot.mark && at[last] == slot.mark);
		__free_pages(slot.page, slot.order);
	}
}

static struct slot make(uint64_t r)
{
	static const gfp_t kinds[] = { GFP_KERNEL, GFP_USER_MOVABLE, __GFP_RECLAIMABLE,
				       GFP_ATOMIC };
	struct slot slot = { .order = (r & 31) == 0 ? 6 : (unsigned int)(r & 3) };
	slot.page = alloc_pages(kinds[r >> 10 & 3] | __GFP_NOWARN, slot.order);
	if (slot.page != NULL) {
		uint64_t *at = page_address(slot.page);
		slot.mark = atomic_fetch_add(&marks, 1) + 1;
		at[0] = slot.mark;
		at[(PAGE_SIZE << slot.order) / sizeof(*at) - 1] = slot.mark;
	}
	return slot;
}

static int churn(void *arg)
{
	(void)arg;
	uint64_t random = atomic_load(&seed) + hart_index();
	for (uint64_t i = 0; i < STEPS; i++) {
		uint64_t r = sim_random(&random) >> 16;
		unsigned int k = (unsigned int)(r % SLOTS);
		struct slot none = { NULL };
		drop(exchange(k, (r >> 12 & 1) != 0 ? none : make(r >> 16)));
		if ((r >> 40 & 255) == 0) {
			page_cache_drain_all();
		}
		if ((r >> 40 & 1023) == 1) {
			harts_hold();
			page_check_all(UINT64_MAX);
			harts_release();
		}
	}
	return 0;
}

static void churn_on_all(void)
{
	start_all();
	atomic_store(&seed, sim_seed(0x4a27));
	EXPECT(hart_run_mask(harts_online(), "churn", churn, NULL, NULL) == 0);
	EXPECT(page_alloc_refused_frees() == 0);
	for (unsigned int k = 0; k < SLOTS; k++) {
		drop(exchange(k, (struct slot){ NULL }));
	}
	page_check_all(UINT64_MAX);
	page_cache_drain_all();
	EXPECT(page_cache_pages(NULL) == 0);
}

static void no_block_is_handed_out_twice(void **state)
{
	(void)state;
	assert_passes(churn_on_all);
}

/* ---- isolation ---------------------------------------------------------------------------------------------- */

enum {
	BURST = 200,
	ISOLATIONS = 300
};

/** Odd while the pageblock is isolated for sure. */
static _Atomic uint64_t isolation;
static _Atomic uint64_t isolated_pfn;
static _Atomic uint64_t taken_last;
static _Atomic bool isolating;

static bool in_isolated(const struct page *page)
{
	return page_to_pfn(page).n - atomic_load(&isolated_pfn) < PAGEBLOCK_NR_PAGES;
}

/** Empty the caches and fill them again and again; nothing may come from an isolated pageblock. */
static void burst(void)
{
	struct page *pages[BURST];
	for (unsigned int i = 0; i < BURST; i++) {
		uint64_t before = atomic_load(&isolation);
		pages[i] = alloc_pages(GFP_USER_MOVABLE, 0);
		EXPECT(pages[i] != NULL);
		bool wrong = before % 2 == 1 && in_isolated(pages[i]);
		EXPECT(!(wrong && atomic_load(&isolation) == before));
	}
	atomic_store(&taken_last, page_to_pfn(pages[BURST / 2]).n);
	for (unsigned int i = 0; i < BURST; i++) {
		__free_pages(pages[i], 0);
	}
}

static void isolate_often(void)
{
	for (unsigned int i = 0; i < ISOLATIONS; i++) {
		pfn_t f = pfn(ALIGN_DOWN(atomic_load(&taken_last), PAGEBLOCK_NR_PAGES));
		struct pfn_range range = { f, pfn_add(f, PAGEBLOCK_NR_PAGES) };
		struct zone *zone = pfn_to_zone(f);
		if (zone == NULL || range.end.n > zone->span.end.n) {
			continue;
		}
		enum migratetype was = pageblock_type(&zone->pageblocks, f);
		EXPECT(zone_retag(zone, range, MIGRATE_ISOLATE) == 0);
		atomic_store(&isolated_pfn, f.n);
		atomic_fetch_add(&isolation, 1);
		burst();
		atomic_fetch_add(&isolation, 1);
		EXPECT(zone_retag(zone, range, was) == 0);
	}
	atomic_store(&isolating, false);
}

static int burst_or_isolate(void *arg)
{
	(void)arg;
	if (hart_index() == 0) {
		burst();
		isolate_often();
	}
	while (atomic_load(&isolating)) {
		burst();
	}
	return 0;
}

static void isolate_under_load(void)
{
	if ((backend->caps & PALLOC_CAP_CLASS) == 0) {
		return;
	}
	start_all();
	atomic_store(&isolating, true);
	EXPECT(hart_run_mask(harts_online(), "isolate", burst_or_isolate, NULL, NULL) == 0);
	EXPECT(page_alloc_refused_frees() == 0);
	page_check_all(UINT64_MAX);
}

static void nothing_comes_from_an_isolated_pageblock(void **state)
{
	(void)state;
	assert_passes(isolate_under_load);
}

static void double_free_at_once(void)
{
	struct page *page;
	start_all();
	for (unsigned int i = 0; i < 60; i++) {
		uint64_t refused = page_alloc_refused_frees();
		page = alloc_pages(GFP_KERNEL, i & 3);
		struct work work = { page, 0, i & 3 };
		EXPECT(page != NULL);
		EXPECT(hart_run_mask(harts_online() & 7, "free", do_free_somehow, &work, NULL) ==
		       0);
		EXPECT(page_alloc_refused_frees() == refused + 2);
	}
	page_check_all(UINT64_MAX);
}

static void of_several_frees_at_once_one_is_taken(void **state)
{
	(void)state;
	assert_passes(double_free_at_once);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_block_may_be_freed_anywhere),
#if MAX_NUMNODES >= 2
		cmocka_unit_test(requests_begin_at_the_hart_s_node),
#endif
		cmocka_unit_test(whoever_runs_short_gets_what_others_hold),
		cmocka_unit_test(parked_harts_are_drained_without_asking),
		cmocka_unit_test(no_block_is_handed_out_twice),
		cmocka_unit_test(nothing_comes_from_an_isolated_pageblock),
		cmocka_unit_test(of_several_frees_at_once_one_is_taken),
	};
	return PAGE_CHECK_WITH_EACH(backend, tests);
}
