/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * debug_pagealloc's part in the page tables: the leaves of free pages are hidden and those of all others present, other
 * harts are fenced when a page is handed out and not before, and where it cannot work it refuses and says why.
 */
#include "vm_machine.h"

#include "fpg/base/range.h"
#include "fpg/core/kernel_map_ops.h"
#include "fpg/core/log.h"
#include "fpg/core/page_owner.h"
#include "fpg/pagetable/debug_pagealloc.h"

#include <errno.h>
#include <stdio.h>

static void on_log(void *ctx, enum log_level level, const char *module, const char *text)
{
	(void)ctx;
	(void)level;
	snprintf(page_check_warning, sizeof(page_check_warning), "%s: %s", module, text);
	page_check_warnings++;
}

static void watch_log(void)
{
	page_check_warning[0] = '\0';
	page_check_warnings = 0;
	log_set_observer(on_log, NULL);
}

static void init_aid(void)
{
	assert_true(debug_pagealloc_wanted(true));
	assert_int_equal(debug_pagealloc_init(), 0);
}

static void start(const struct vm_layout *layout)
{
	const struct vm_machine_options how = {
		.layout = layout, .small_leaves = true, .napot = true, .before_pages = init_aid
	};
	watch_log();
	vm_machine_start(64 * SZ_1M, &how);
}

static struct pt_walk linear_walk(pfn_t f)
{
	struct pt_walk walk;
	const vaddr_t va = vaddr(pfn_to_phys(f) + kernel_map_active()->linear_offset);
	assert_int_equal(pt_walk(kernel_pt(), va, &walk), 0);
	return walk;
}

static bool check_run(void *ctx, struct zone *zone, const struct palloc_run *run)
{
	(void)zone;
	bool free = run->state == PALLOC_RUN_FREE;
	for (uint64_t n = run->range.start.n; n < run->range.end.n; n++) {
		struct pt_walk walk = linear_walk(pfn(n));
		assert_int_equal(walk.mapped, !free);
		assert_int_equal(walk.hidden, free);
		assert_int_equal(walk.level, 0);
		assert_int_equal(walk.phys, pfn_to_phys(pfn(n)));
		assert_int_equal(walk.prot, MEM_R | MEM_W | PT_GLOBAL);
		*(uint64_t *)ctx += free;
	}
	return true;
}

static void check_all(void)
{
	struct pt_totals totals;
	uint64_t free_pages = 0;
	palloc_walk_all(check_run, &free_pages);
	assert_int_equal(free_pages, page_alloc_free_pages());
	pt_totals(kernel_pt(), &totals);
	assert_int_equal(totals.hidden_bytes, free_pages * PAGE_SIZE);
}

static void leaves_follow_the_page_allocator(void **state)
{
	static const struct vm_layout *const layouts[] = { &vm_layout_sv39, &vm_layout_sv48,
							   &vm_layout_sv57 };
	uint64_t seed = sim_seed(0x1eaf);
	(void)state;
	for (size_t l = 0; l < ARRAY_SIZE(layouts); l++) {
		static char *live[100];
		start(layouts[l]);
		check_all();
		assert_int_equal(vmalloc_init(), 0);
		for (int step = 0; step < 2000; step++) {
			unsigned int i = (unsigned int)(sim_random(&seed) % ARRAY_SIZE(live));
			if (live[i] != NULL) {
				free_pages(live[i], i % 4);
				live[i] = NULL;
			} else {
				live[i] = __get_free_pages(GFP_KERNEL | __GFP_ZERO, i % 4);
				assert_non_null(live[i]);
			}
			if (step % 200 == 0) {
				vfree(vzalloc(30 * PAGE_SIZE));
				check_all();
			}
		}
		check_all();
		memset(live, 0, sizeof(live));
		assert_int_equal(debug_pagealloc_changed_pages(), 0);
		assert_int_equal(page_check_warnings, 0);
		(void)vm_machine_end(NULL);
	}
}

static void hidden_pages_are_explained(void **state)
{
	char text[500];
	struct out_buffer b;
	(void)state;
	start(&vm_layout_sv39);
	char *p = __get_free_pages(GFP_KERNEL, 0);
	out_buffer_init(&b, text, sizeof(text));
	assert_false(debug_pagealloc_explain(&b.out, vaddr_of(p).v));
	free_pages(p, 0);
	assert_true(debug_pagealloc_explain(&b.out, vaddr_of(p).v + 17));
	assert_non_null(strstr(text, "lies in a free page"));
	assert_non_null(strstr(text, "freed by"));
}

static void it_is_refused_where_it_cannot_work(void **state)
{
	const struct vm_machine_options large = { .layout = &vm_layout_sv39 };
	(void)state;
	watch_log();
	assert_false(debug_pagealloc_wanted(false));
	assert_int_equal(page_check_warnings, 0);
	memblock_reset();
	assert_int_equal(memblock_add(0x80000000, DEBUG_PAGEALLOC_MAX_BYTES), 0);
	assert_true(debug_pagealloc_wanted(true));
	assert_int_equal(memblock_add(0x80000000 + DEBUG_PAGEALLOC_MAX_BYTES, PAGE_SIZE), 0);
	assert_false(debug_pagealloc_wanted(true));
	assert_non_null(strstr(page_check_warning, "refused: 4 KiB leaves for "));
	memblock_reset();
	vm_machine_start(64 * SZ_1M, &large);
	watch_log();
	assert_int_equal(debug_pagealloc_init(), -EINVAL);
	assert_non_null(strstr(page_check_warning, "large leaves"));
	assert_false(debug_pagealloc_enabled());
	assert_false(page_owner_enabled());
}

static void take_all_memory(void)
{
	while (memblock_phys_alloc(PAGE_SIZE, PAGE_SIZE) != 0) {
	}
	assert_int_equal(debug_pagealloc_init(), -ENOMEM);
	assert_false(debug_pagealloc_enabled());
	/* Enough for the page allocator to start. */
	assert_int_equal(memblock_phys_free(VM_RAM_BASE + 32 * SZ_1M, 16 * SZ_1M), 0);
}

static void without_memory_for_records_it_stays_off(void **state)
{
	const struct vm_machine_options how = { .layout = &vm_layout_sv39,
						.small_leaves = true,
						.before_pages = take_all_memory };
	struct pt_totals totals;
	(void)state;
	watch_log();
	vm_machine_start(64 * SZ_1M, &how);
	assert_non_null(strstr(page_check_warning, "off: it needs a record of each page"));
	pt_totals(kernel_pt(), &totals);
	assert_int_equal(totals.hidden_bytes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leaves_follow_the_page_allocator),
		cmocka_unit_test_teardown(hidden_pages_are_explained, vm_machine_end),
		cmocka_unit_test_teardown(it_is_refused_where_it_cannot_work, vm_machine_end),
		cmocka_unit_test_teardown(without_memory_for_records_it_stays_off, vm_machine_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
