/* SPDX-License-Identifier: BSD-2-Clause */
/* Proves that page_poison reports each page written to while it was free, once, and no other, with every backend. */
#include "sim.h"

#include "fpg/core/page_alloc.h"
#include "fpg/core/page_poison.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void writes_to_free_pages_are_reported(void **state)
{
	const struct sim_ram ram[] = { { 0x80000000UL, 32 * SZ_1M, 0 } };
	(void)state;
	for (size_t i = 0; palloc_table[i] != NULL; i++) {
		if (!(palloc_table[i]->caps & PALLOC_CAP_FREE)) {
			continue;
		}
		sim_start(ram, 1);
		assert_int_equal(page_poison_init(), 0);
		assert_int_equal(page_alloc_init(palloc_table[i]->name), 0);
		for (unsigned int order = 0; order <= 4; order += 4) {
			struct page *page = alloc_pages(GFP_KERNEL, order);
			assert_non_null(page);
			unsigned char *p = page_address(page);
			struct pfn_range frames = { page_to_pfn(page),
						    pfn_add(page_to_pfn(page), 1UL << order) };
			memset(p, 1, PAGE_SIZE << order);
			__free_pages(page, order);
			assert_int_equal(p[0], PAGE_POISON_BYTE);
			assert_int_equal(p[(PAGE_SIZE << order) - 1], PAGE_POISON_BYTE);
			uint64_t hits = page_poison_hits();
			page_poison_taken(frames);
			assert_int_equal(page_poison_hits(), hits);
			page_poison_given(frames);
			p[(PAGE_SIZE << order) - 3] = 7;
			while (page_poison_hits() == hits) {
				assert_non_null(alloc_pages(GFP_KERNEL | __GFP_NOWARN, order));
			}
			assert_int_equal(page_poison_hits(), hits + 1);
		}
		sim_stop();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_to_free_pages_are_reported),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
