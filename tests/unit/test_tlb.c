/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves what each flush asks of this hart and of the others: whole pages, exact up to the threshold and everything past it,
 * only harts that are online and, for an address space, only those that used it; and that a firmware that cannot fence
 * ends the run.
 */
#include "hart_machine.h"

#include "fpg/pagetable/tlb.h"

static struct host_fence_counts before;

static struct host_fence_counts since(void)
{
	struct host_fence_counts now;
	host_fence_counts_read(&now);
	now.local_all -= before.local_all;
	now.local_ranges -= before.local_ranges;
	now.local_asid -= before.local_asid;
	now.local_asid_ranges -= before.local_asid_ranges;
	now.remote -= before.remote;
	now.remote_fence_i -= before.remote_fence_i;
	now.fence_i -= before.fence_i;
	return now;
}

static void mark(void)
{
	host_fence_counts_read(&before);
}

static bool last_was(hart_mask_t mask, uint64_t va, uint64_t bytes, uint32_t asid)
{
	struct host_remote_fence last = since().last;
	return last.mask == mask && last.va.v == va && last.bytes == bytes && last.asid == asid;
}

static void kernel_ranges(void)
{
	const uint64_t most = (uint64_t)tlb_flush_all_threshold_pages * PAGE_SIZE;
	start_harts(3);
	mark();
	flush_tlb_kernel_range(vaddr(0xffffffc800000000), 0);
	EXPECT(since().remote == 0 && since().local_ranges == 0);
	/* Two bytes on either side of a page's edge are two pages. */
	flush_tlb_kernel_range(vaddr(0xffffffc800000fff), 2);
	EXPECT(last_was(6, 0xffffffc800000000, 2 * PAGE_SIZE, PORT_ASID_ALL));
	EXPECT(since().remote == 1 && since().local_ranges == 1 && since().local_all == 0);
	flush_tlb_kernel_range(vaddr(0xffffffc800000000), most);
	EXPECT(last_was(6, 0xffffffc800000000, most, PORT_ASID_ALL) && since().local_ranges == 2);
	mark();
	flush_tlb_kernel_range(vaddr(0xffffffc800000001), most);
	EXPECT(last_was(6, 0, PORT_TLB_ALL, PORT_ASID_ALL));
	flush_tlb_kernel_range(vaddr(0xffffffc800000000), UINT64_MAX);
	EXPECT(last_was(6, 0, PORT_TLB_ALL, PORT_ASID_ALL));
	flush_tlb_all();
	EXPECT(since().local_all == 3 && since().local_ranges == 0 && since().remote == 3);
}

static void kernel_ranges_reach_every_hart_exactly_up_to_the_threshold(void **state)
{
	(void)state;
	assert_passes(kernel_ranges);
}

static int enter(void *arg)
{
	tlb_context_enter(arg);
	return 0;
}

static void spaces(void)
{
	struct tlb_context tlb = { .asid = 7 };
	start_harts(4);
	mark();
	flush_tlb_mm(&tlb);
	flush_tlb_mm_range(&tlb, vaddr(0x1000), PAGE_SIZE);
	EXPECT(since().remote == 0 && since().local_asid == 0 && since().local_asid_ranges == 0);

	EXPECT(hart_run_on(2, "entering", enter, &tlb) == 0);
	flush_tlb_mm_range(&tlb, vaddr(0x1800), PAGE_SIZE);
	EXPECT(last_was(4, 0x1000, 2 * PAGE_SIZE, 7));
	EXPECT(since().local_asid_ranges == 0);

	tlb_context_enter(&tlb);
	flush_tlb_mm(&tlb);
	EXPECT(last_was(4, 0, PORT_TLB_ALL, 7) && since().local_asid == 1);
	tlb_context_leave(&tlb);
	flush_tlb_mm(&tlb);
	EXPECT(since().local_asid == 1 && since().remote == 3 && since().local_all == 0);
}

static void a_space_is_fenced_where_it_was_used_only(void **state)
{
	(void)state;
	assert_passes(spaces);
}

static void code(void)
{
	start_harts(2);
	mark();
	flush_icache_mask(1);
	EXPECT(since().fence_i == 1 && since().remote_fence_i == 0);
	flush_icache_mask(~(hart_mask_t)0);
	EXPECT(since().fence_i == 2 && since().remote_fence_i == 1);
}

static void new_code_is_fenced_here_and_where_it_is_wanted(void **state)
{
	(void)state;
	assert_passes(code);
}

static void refused_fence(void)
{
	start_harts(2);
	host_set_remote_fences(false);
	flush_tlb_all();
}

static void a_firmware_that_cannot_fence_ends_the_run(void **state)
{
	(void)state;
	assert_panics(refused_fence, "the firmware refuses to fence harts 0x2");
}

static void counted(void)
{
	struct tlb_counters counters;
	start_harts(2);
	flush_tlb_kernel_range(vaddr(0xffffffc800000000), 3 * PAGE_SIZE);
	flush_tlb_all();
	tlb_counters_read(&counters);
	EXPECT(counters.local_ranges == 1 && counters.remote_ranges == 1 && counters.pages == 3);
	EXPECT(counters.local_all == 1 && counters.remote_all == 1);
}

static void flushes_are_counted(void **state)
{
	(void)state;
	assert_passes(counted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kernel_ranges_reach_every_hart_exactly_up_to_the_threshold),
		cmocka_unit_test(a_space_is_fenced_where_it_was_used_only),
		cmocka_unit_test(new_code_is_fenced_here_and_where_it_is_wanted),
		cmocka_unit_test(a_firmware_that_cannot_fence_ends_the_run),
		cmocka_unit_test(flushes_are_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
