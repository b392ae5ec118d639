/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves that with debug checks a function of struct movable_ops that comes back into what moves pages ends in a panic
 * that names the call, whichever function and whichever call it is.
 */
#define MOVABLE_MOST 16384U
#include "cma_machine.h"
#include "hart_machine.h"
#include "movable_owner.h"

#include "fpg/core/compaction.h"
#include "fpg/core/palloc_switch.h"

#include <string.h>

#ifndef CONFIG_DEBUG_CHECKS
#error "host tests are built with debug checks"
#endif

static struct cma *area;
static void (*come_back)(void);

static void on_moved(uint32_t owner)
{
	(void)owner;
	come_back();
}

/** An area full of pages of an owner who does what may not be done when one was moved, or was let go. */
static void start_owner(bool guaranteed)
{
	const struct cma_machine machine = { "buddy", 128 * SZ_1M, 4 * SZ_1M, 0, guaranteed };
	area = cma_machine_start(&machine);
	movable_owner_start(true);
	const struct pfn_range frames = cma_machine_frames(area);
	if (!guaranteed) {
		EXPECT(alloc_contig_range(frames, GFP_USER_MOVABLE, NULL) == 0);
	}
	for (uint64_t n = frames.start.n; n < frames.end.n; n++) {
		const uint32_t i = (uint32_t)(n - frames.start.n);
		struct page *page = guaranteed ? cma_borrow(area, movable_owner.kind[1], i) :
						 pfn_to_page(pfn(n));
		movable_own(i, page, 0, guaranteed);
	}
	movable_owner.moved = on_moved;
	movable_owner.discarded = on_moved;
}

static void call_contig(void)
{
	(void)!alloc_contig_range(cma_machine_frames(area), GFP_USER_MOVABLE, NULL);
}

static void call_cma_alloc(void)
{
	(void)cma_alloc(area, 1, 0, true);
}

static void call_cma_release(void)
{
	(void)cma_release(area, pfn_to_page(cma_machine_frames(area).start), 1);
}

static void call_compact(void)
{
	struct compact_report report;
	(void)!compact_zone(pfn_to_zone(cma_machine_frames(area).start), -1, &report);
}

static void call_switch(void)
{
	static struct palloc_switch_report report;
	(void)!palloc_switch("bootmem", &report);
}

static void while_moving(void)
{
	start_owner(false);
	(void)cma_alloc(area, 16, 0, true);
}

static void while_discarding(void)
{
	start_owner(true);
	(void)cma_alloc(area, 16, 0, true);
}

static void who_comes_back_is_named(void **state)
{
	(void)state;
	static const struct {
		void (*call)(void);
		const char *name;
	} calls[] = {
		{ call_contig, "alloc_contig_range()" },
		{ call_cma_alloc, "cma_alloc(), cma_release() or cma_why()" },
		{ call_cma_release, "cma_alloc(), cma_release() or cma_why()" },
		{ call_compact, "compact_zone()" },
		{ call_switch, "palloc_switch()" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		char message[128];
		(void)snprintf(message, sizeof(message),
			       "%s called from a function of struct movable_ops", calls[i].name);
		come_back = calls[i].call;
		assert_panics(while_moving, message);
		assert_panics(while_discarding, message);
	}
}

static struct page *other;

/** Ordinary memory is anybody's. */
static void call_alloc(void)
{
	if (other != NULL) {
		__free_pages(other, 0);
	}
	other = alloc_pages(GFP_KERNEL, 0);
}

static void after_moving(void)
{
	start_owner(false);
	struct page *page = cma_alloc(area, 16, 0, true);
	EXPECT(page != NULL);
	EXPECT(cma_release(area, page, 16));
	call_contig();
	call_compact();
	call_switch();
}

static void ordinary_memory_may_be_asked_for_and_afterwards_everything(void **state)
{
	(void)state;
	come_back = call_alloc;
	assert_passes(after_moving);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_comes_back_is_named),
		cmocka_unit_test(ordinary_memory_may_be_asked_for_and_afterwards_everything),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
