/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The vmalloc window over real tables: what is mapped there is exactly what was asked for, with guards; every failed
 * allocation, at whatever point, leaves tables, pages and areas as they were; ends are fenced on all harts; nonsense is
 * refused by name.
 */
#include "vm_books.h"

#include "fpg/base/range.h"
#include "fpg/core/fail_boot.h"
#include "fpg/core/kernel_map_ops.h"

#include <errno.h>

/* ---- vmalloc --------------------------------------------------------------------------------- */

static void pages_are_mapped_writable_between_guards(void **state)
{
	static const size_t sizes[] = { 1, 4095, 4096, 4097, 65536, 300 * 4096, 3 * SZ_1M + 5 };
	(void)state;
	start(&plain);
	const struct books before = books();
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		char *p = vmalloc(sizes[i]);
		const uint64_t whole = ALIGN_UP(sizes[i], PAGE_SIZE);
		assert_non_null(p);
		check_area(p, whole, MEM_R | MEM_W);
		/* Each page is somebody's, once. */
		for (uint64_t at = 0; at < whole; at += PAGE_SIZE) {
			phys_addr_t pa = vm_machine_walk(p + at).phys;
			uint64_t *word = port_phys_to_virt(pa);
			assert_true(IS_ALIGNED(pa, PAGE_SIZE));
			assert_int_equal(page_word_state(pfn_to_page(phys_to_pfn(pa))->word),
					 PAGE_ALLOCATED);
			assert_int_not_equal(*word, 0x5eed5eed + i);
			*word = 0x5eed5eed + i;
		}
		vfree(p);
		assert_false(vm_machine_walk(p).mapped);
		assert_same(&before);
	}
	assert_int_equal(page_check_warnings, 0);
}

static void vzalloc_gives_zeroed_pages(void **state)
{
	(void)state;
	start(&plain);
	for (int round = 0; round < 2; round++) {
		char *p = vzalloc(20 * PAGE_SIZE);
		assert_non_null(p);
		for (uint64_t at = 0; at < 20 * PAGE_SIZE; at += PAGE_SIZE) {
			char *page = port_phys_to_virt(vm_machine_walk(p + at).phys);
			for (uint64_t i = 0; i < PAGE_SIZE; i++) {
				assert_int_equal(page[i], 0);
			}
			memset(page, 0xee, PAGE_SIZE);
		}
		vfree(p);
	}
}

static void stacks_have_guards_and_their_own_end(void **state)
{
	(void)state;
	start(&plain);
	const struct books before = books();
	char *a = vmalloc_stack(16384);
	char *b = vmalloc_stack(4096);
	check_area(a, 16384, MEM_R | MEM_W);
	check_area(b, 4096, MEM_R | MEM_W);
	vfree(a);
	assert_non_null(strstr(page_check_warning, "refused: the area there is of another kind"));
	vmalloc_stack_free(a);
	vmalloc_stack_free(b);
	assert_same(&before);
}

/* ---- failing --------------------------------------------------------------------------------- */

/** Let the k-th allocation fail, for each k until none does. @fn: 0 done | -1 failed; undoes what it did. */
static void fail_each(int (*fn)(void))
{
	const struct books before = books();
	uint64_t k = 1;
	for (;; k++) {
		fail_boot_set(k);
		int r = fn();
		bool failed = fail_boot_count() >= k;
		(void)fail_boot_end();
		assert_int_equal(r, failed ? -1 : 0);
		assert_same(&before);
		if (!failed) {
			break;
		}
	}
	/* A record and a table at least. */
	assert_true(k > 2);
}

static int vmalloc_and_free(void)
{
	void *p = vmalloc(150 * PAGE_SIZE);
	vfree(p);
	return p != NULL ? 0 : -1;
}

static int vmap_and_unmap(void)
{
	struct page *pages[5];
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
		pages[i] = pfn_to_page(pfn((VM_RAM_BASE + 32 * SZ_1M) / PAGE_SIZE + 3 * i));
	}
	void *p = vmap(pages, ARRAY_SIZE(pages), MEM_R | MEM_W);
	vunmap(p);
	return p != NULL ? 0 : -1;
}

static int ioremap_and_unmap(void)
{
	void *p = ioremap(0x10000000, 3 * PAGE_SIZE);
	iounmap(p);
	return p != NULL ? 0 : -1;
}

static int stack_and_free(void)
{
	char *p = vmalloc_stack(16384);
	vmalloc_stack_free(p);
	return p != NULL ? 0 : -1;
}

static void every_failed_allocation_leaves_all_as_it_was(void **state)
{
	static const struct vm_layout *const layouts[] = { &vm_layout_sv39, &vm_layout_sv48,
							   &vm_layout_sv57 };
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(layouts); i++) {
		const struct vm_machine_options how = { .layout = layouts[i] };
		start(&how);
		fail_each(vmalloc_and_free);
		fail_each(vmap_and_unmap);
		fail_each(ioremap_and_unmap);
		fail_each(stack_and_free);
		(void)vm_machine_end(NULL);
	}
}

static void when_memory_runs_out_nothing_is_lost(void **state)
{
	(void)state;
	start(&plain);
	const struct books before = books();
	assert_null(vmalloc(page_alloc_free_pages() * PAGE_SIZE));
	assert_non_null(strstr(page_check_warning, "no free pages"));
	assert_same(&before);
	assert_null(vmalloc(SIZE_MAX));
	assert_non_null(strstr(page_check_warning, "more than there is memory"));
	assert_null(vmalloc(0));
	assert_null(vmalloc(64 * SZ_1M));
	assert_same(&before);
	unsigned int warnings = page_check_warnings;
	assert_null(__vmalloc(SIZE_MAX, GFP_KERNEL | __GFP_NOWARN));
	assert_int_equal(page_check_warnings, warnings);
	assert_null(__vmalloc(PAGE_SIZE, __GFP_DMA | __GFP_DMA32));
	assert_same(&before);
}

static void wrong_ends_are_refused_by_name(void **state)
{
	static const char wrong[] = "";
	(void)state;
	start(&plain);
	char *p = vmalloc(3 * PAGE_SIZE);
	const struct books before = books();
	const struct {
		const void *at;
		const char *why;
	} bad[] = {
		{ p + 1, "not the start" },   { p + PAGE_SIZE, "not the start" },
		{ p - PAGE_SIZE, "no area" }, { p + 3 * PAGE_SIZE, "no area" },
		{ wrong, "no area" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		page_check_warning[0] = '\0';
		vfree(bad[i].at);
		assert_non_null(strstr(page_check_warning, "refused"));
		assert_non_null(strstr(page_check_warning, bad[i].why));
	}
	vunmap(p);
	assert_non_null(strstr(page_check_warning, "another kind"));
	iounmap(p);
	assert_non_null(strstr(page_check_warning, "iounmap"));
	assert_same(&before);
	vfree(p);
	vfree(p);
	assert_non_null(strstr(page_check_warning, "no area"));
	vfree(NULL);
	vunmap(NULL);
	iounmap(NULL);
	vmalloc_stack_free(NULL);
}

/* ---- vmap ----------------------------------------------------------------------------------- */

static void vmap_maps_pages_in_the_order_given(void **state)
{
	struct page *pages[40];
	const struct vm_machine_options types = { .layout = &vm_layout_sv48,
						  .memory_types = PT_NONCACHED | PT_IO };
	(void)state;
	start(&types);
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
		pages[i] = alloc_page(GFP_KERNEL);
	}
	for (size_t i = 0; i < ARRAY_SIZE(pages); i += 2) {
		struct page *t = pages[i];
		pages[i] = pages[i + 1];
		pages[i + 1] = t;
	}
	const struct books before = books();
	char *ro = vmap(pages, ARRAY_SIZE(pages), MEM_R);
	char *nc = vmap(pages, ARRAY_SIZE(pages), MEM_R | MEM_W | PT_NONCACHED);
	check_area(ro, sizeof(pages) / sizeof(pages[0]) * PAGE_SIZE, MEM_R);
	check_area(nc, ARRAY_SIZE(pages) * PAGE_SIZE, MEM_R | MEM_W | PT_NONCACHED);
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
		assert_int_equal(vm_machine_walk(ro + i * PAGE_SIZE).phys, page_to_phys(pages[i]));
		assert_int_equal(vm_machine_walk(nc + i * PAGE_SIZE).phys, page_to_phys(pages[i]));
	}
	vunmap(ro);
	vunmap(nc);
	assert_same(&before);
	assert_null(vmap(pages, 0, MEM_R));
	assert_null(vmap(pages, 1, MEM_W));
	assert_null(vmap(pages, 1, MEM_R | MEM_X));
	assert_null(vmap(pages, 1, 0));
	assert_same(&before);
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
		__free_page(pages[i]);
	}
}

/* ---- areas ----------------------------------------------------------------------------------- */

struct seen {
	struct vm_area_info areas[8];
	unsigned int count;
	unsigned int stop_at;
};

static bool see(void *ctx, const struct vm_area_info *area)
{
	struct seen *s = ctx;
	s->areas[s->count++] = *area;
	return s->count != s->stop_at;
}

static void areas_are_shown_ascending_with_what_they_are(void **state)
{
	struct seen seen = { .stop_at = 8 };
	struct page *page;
	(void)state;
	start(&plain);
	page = alloc_page(GFP_KERNEL);
	void *a = vmalloc(5000);
	void *b = ioremap(0x10000010, 4);
	void *c = vmap(&page, 1, MEM_R);
	char *d = vmalloc_stack(16384);
	vmalloc_for_each(see, &seen);
	assert_int_equal(seen.count, 4);
	static const enum vm_area_kind kinds[] = { VM_ALLOC, VM_IOREMAP, VM_MAP, VM_STACK };
	static const uint64_t bytes[] = { 8192, 4096, 4096, 16384 };
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(seen.areas[i].kind, kinds[i]);
		assert_int_equal(seen.areas[i].bytes, bytes[i]);
		assert_true(seen.areas[i].caller != 0);
		assert_true(i == 0 || seen.areas[i].start.v >= seen.areas[i - 1].start.v +
								       seen.areas[i - 1].bytes +
								       PAGE_SIZE);
	}
	assert_int_equal(seen.areas[1].phys, 0x10000000);
	assert_int_equal(seen.areas[2].prot, MEM_R);
	assert_string_equal(vm_area_kind_name(VM_STACK), "stack");
	seen = (struct seen){ .stop_at = 2 };
	vmalloc_for_each(see, &seen);
	assert_int_equal(seen.count, 2);
	vfree(a);
	iounmap(b);
	vunmap(c);
	vmalloc_stack_free(d);
	__free_page(page);
}

static void random_areas_never_meet(void **state)
{
	enum {
		MOST = 64
	};
	static struct {
		char *at;
		uint64_t bytes;
		uint64_t mark;
	} live[MOST];
	uint64_t seed = sim_seed(0x7a110c);
	(void)state;
	start(&plain);
	const struct books before = books();
	for (int step = 0; step < 3000; step++) {
		unsigned int i = (unsigned int)(sim_random(&seed) % MOST);
		if (live[i].at == NULL) {
			uint64_t pages = 1 + sim_random(&seed) % 40;
			live[i].at = vmalloc(pages * PAGE_SIZE);
			if (live[i].at == NULL) {
				continue;
			}
			live[i].bytes = pages * PAGE_SIZE;
			live[i].mark = sim_random(&seed);
			check_area(live[i].at, live[i].bytes, MEM_R | MEM_W);
			for (uint64_t at = 0; at < live[i].bytes; at += PAGE_SIZE) {
				*(uint64_t *)port_phys_to_virt(
					vm_machine_walk(live[i].at + at).phys) = live[i].mark ^ at;
			}
			continue;
		}
		for (uint64_t at = 0; at < live[i].bytes; at += PAGE_SIZE) {
			assert_true(*(uint64_t *)port_phys_to_virt(
					    vm_machine_walk(live[i].at + at).phys) ==
				    (live[i].mark ^ at));
		}
		vfree(live[i].at);
		live[i].at = NULL;
	}
	for (unsigned int i = 0; i < MOST; i++) {
		vfree(live[i].at);
		live[i].at = NULL;
	}
	assert_same(&before);
}

static struct {
	const char *area;
	uint64_t fences;
	unsigned int pages;
} ending;

static uint64_t fences_so_far(void)
{
	struct host_fence_counts counts;
	host_fence_counts_read(&counts);
	return counts.local_all + counts.local_ranges;
}

/** A page becomes free while the area ends: nobody may reach it there any more. */
static void watch_page(struct pfn_range frames, bool show)
{
	(void)frames;
	if (!show && ending.area != NULL) {
		assert_true(fences_so_far() > ending.fences);
		for (uint64_t i = 0; i < 4; i++) {
			assert_false(vm_machine_walk(ending.area + i * PAGE_SIZE).mapped);
		}
		ending.pages++;
	}
}

static bool nothing_hidden(pfn_t f)
{
	(void)f;
	return false;
}

static void watch_pages(void)
{
	static const struct kernel_map_ops ops = { watch_page, nothing_hidden };
	kernel_map_ops_register(&ops);
}

static void ends_are_fenced_before_pages_are_free(void **state)
{
	const struct vm_machine_options how = { .layout = &vm_layout_sv39,
						.before_pages = watch_pages };
	(void)state;
	ending.area = NULL;
	start(&how);
	char *p = vmalloc(4 * PAGE_SIZE);
	ending.fences = fences_so_far();
	ending.pages = 0;
	ending.area = p;
	vfree(p);
	ending.area = NULL;
	/* The table of the area's leaves is among them. */
	assert_in_range(ending.pages, 4, 6);
}

static void before_the_start_calls_fail(void **state)
{
	(void)state;
	assert_null(vmalloc(0));
	assert_null(ioremap(0x10000000, 4));
	assert_int_equal(vmalloc_init(), -ENODEV);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(before_the_start_calls_fail),
		cmocka_unit_test_teardown(pages_are_mapped_writable_between_guards, vm_machine_end),
		cmocka_unit_test_teardown(vzalloc_gives_zeroed_pages, vm_machine_end),
		cmocka_unit_test_teardown(stacks_have_guards_and_their_own_end, vm_machine_end),
		cmocka_unit_test(every_failed_allocation_leaves_all_as_it_was),
		cmocka_unit_test_teardown(when_memory_runs_out_nothing_is_lost, vm_machine_end),
		cmocka_unit_test_teardown(wrong_ends_are_refused_by_name, vm_machine_end),
		cmocka_unit_test_teardown(vmap_maps_pages_in_the_order_given, vm_machine_end),
		cmocka_unit_test_teardown(areas_are_shown_ascending_with_what_they_are,
					  vm_machine_end),
		cmocka_unit_test_teardown(random_areas_never_meet, vm_machine_end),
		cmocka_unit_test_teardown(ends_are_fenced_before_pages_are_free, vm_machine_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
