/* SPDX-License-Identifier: BSD-2-Clause */
/* The state that the boot left: memblock, the ledger, the frame table and the page tables, as the hart sees them. */
#include "ktap.h"

#include "fpg/core/ledger.h"
#include "fpg/core/memblock.h"
#include "fpg/core/page.h"
#include "fpg/core/zone.h"
#include "fpg/pagetable/fixmap.h"
#include "fpg/pagetable/kernel_map.h"

#include <errno.h>

static int the_ledger_is_exact(struct out *out)
{
	struct ledger_totals totals;
	KTAP_EXPECT(out, ledger_check(&totals) == 0);
	KTAP_EXPECT(out, totals.accounted_bytes == totals.ram_bytes);
	KTAP_EXPECT(out, totals.mismatch_bytes == 0);
	KTAP_EXPECT(out, totals.ram_bytes >= memblock_phys_mem_size());
	return 0;
}

static int memblock_only_answers_after_the_hand_over(struct out *out)
{
	phys_addr_t reserved = memblock_reserved_size();
	phys_addr_t start = memblock_start_of_DRAM();
	KTAP_EXPECT(out, memblock_reserve(start, PAGE_SIZE) == -EINVAL);
	KTAP_EXPECT(out, memblock_add(memblock_end_of_DRAM(), PAGE_SIZE) == -EINVAL);
	KTAP_EXPECT(out, memblock_phys_alloc(PAGE_SIZE, PAGE_SIZE) == 0);
	KTAP_EXPECT(out, memblock_reserved_size() == reserved);
	KTAP_EXPECT(out, memblock_is_memory(start));
	return 0;
}

static int no_page_is_writable_and_executable(struct out *out)
{
	struct pt_totals totals;
	pt_totals(kernel_pt(), &totals);
	KTAP_EXPECT(out, totals.wx_pages == 0);
	return 0;
}

struct records {
	struct out *out;
	uint64_t looked_at;
	uint64_t wrong;
};

/* A frame whose record was never populated reads as zero; both ends of each zone can be read. */
static bool read_records(void *ctx, struct zone *zone)
{
	struct records *r = ctx;
	uint64_t pages = zone_spanned_pages(zone);
	uint64_t step = pages / 512 + 1;
	for (uint64_t i = 0; i < pages; i += step) {
		pfn_t frame = pfn_add(zone->span.start, i);
		const struct page *page = pfn_to_page(frame);
		bool zero = page->word == 0 && page->second == 0;
		r->looked_at++;
		if (page_to_pfn(page).n != frame.n || (!frame_populated(frame) && !zero)) {
			r->wrong++;
		}
	}
	return true;
}

static int unpopulated_records_read_as_zero(struct out *out)
{
	struct records r = { .out = out };
	zone_for_each(read_records, &r);
	KTAP_EXPECT(out, r.looked_at > 0);
	KTAP_EXPECT(out, r.wrong == 0);
	return 0;
}

static int no_early_window_is_left_open(struct out *out)
{
	KTAP_EXPECT(out, early_remap_in_use() == 0);
	return 0;
}

const struct target_test target_tests_memory[] = {
	{ "the_ledger_is_exact", the_ledger_is_exact },
	{ "memblock_only_answers_after_the_hand_over", memblock_only_answers_after_the_hand_over },
	{ "no_page_is_writable_and_executable", no_page_is_writable_and_executable },
	{ "unpopulated_records_read_as_zero", unpopulated_records_read_as_zero },
	{ "no_early_window_is_left_open", no_early_window_is_left_open },
	{ 0 },
};
