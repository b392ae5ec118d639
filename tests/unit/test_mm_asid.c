/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves with a model of each hart's TLB, whose entries know which space filled them, that no hart
 * ever finds another space's entry under the number it runs with, that every hart which has entries
 * of a space is among those that are fenced for it, and that this holds through roll-overs, for
 * spaces that run on several harts, and where there are no ASIDs.
 */
#include "core/hart_private.h"
#include "mm_machine.h"

#include "fpg/core/page_cache.h"

#include <stdio.h>

#define HARTS  4
#define SPACES 12
#define STEPS  20000

static struct hart_block harts[HARTS];
static struct mm *spaces[SPACES];
/** Id of the space that filled the entries of a number; 0: none. One more for each space made. */
static uint64_t filled[HARTS][64];
static uint64_t serial[SPACES];
static uint64_t next_serial;
static uint64_t flushes;
/** A generation began since the hart switched last: it flushes before it runs anything else. */
static bool pending[HARTS];
static uint64_t roll_overs;

static void be_hart(unsigned int hart)
{
	harts[hart].hart.index = hart;
	port_hart_head()->index = hart;
	page_cache_hart_none(&harts[hart].hart);
	port_hart_set_local(&harts[hart]);
}

static void make_space(unsigned int i)
{
	spaces[i] = mm_create("space");
	assert_non_null(spaces[i]);
	serial[i] = ++next_serial;
}

static uint64_t flushes_so_far(void)
{
	struct host_fence_counts counts;
	host_fence_counts_read(&counts);
	return counts.local_all;
}

/** Everything with entries of @i under its number is fenced for it. */
static void check_fenced(unsigned int i)
{
	const struct mm *mm = spaces[i];
	for (unsigned int hart = 0; hart < HARTS; hart++) {
		const bool runs = (mm->active & hart_mask_of(hart)) != 0;
		if (filled[hart][mm->tlb.asid] == serial[i] && (runs || !pending[hart])) {
			assert_true((mm->tlb.harts & hart_mask_of(hart)) != 0);
		}
	}
}

static void switch_to(unsigned int hart, int space)
{
	be_hart(hart);
	struct mm *mm = space >= 0 ? spaces[space] : NULL;
	const struct mm *before = mm_current();
	flushes = flushes_so_far();
	mm_switch(mm);
	assert_ptr_equal(mm_current(), mm);
	if (mm_asid_info().roll_overs != roll_overs) {
		roll_overs = mm_asid_info().roll_overs;
		memset(pending, true, sizeof(pending));
	}
	if (flushes_so_far() != flushes) {
		memset(filled[hart], 0, sizeof(filled[hart]));
		pending[hart] = false;
	}
	assert_true(mm == before || !pending[hart]);
	if (mm == NULL || mm == before) {
		return;
	}
	const uint32_t asid = (uint32_t)(host_satp() >> 44) & 0xffff;
	assert_int_equal(asid, mm->tlb.asid);
	assert_true(asid < ARRAY_SIZE(filled[0]));
	uint64_t *entry = &filled[hart][asid];
	if (*entry != 0 && *entry != serial[space]) {
		fail_msg("hart %u finds entries of space %lu under ASID %u of space %lu", hart,
			 (unsigned long)*entry, asid, (unsigned long)serial[space]);
	}
	*entry = serial[space];
}

static bool runs(unsigned int space)
{
	return spaces[space]->active != 0;
}

static void run_model(uint32_t limit)
{
	uint64_t seed = sim_seed(0x61736964 + limit);
	host_set_asid_bits(16);
	mm_set_asid_limit(limit);
	memset(filled, 0, sizeof(filled));
	memset(pending, true, sizeof(pending));
	roll_overs = 0;
	for (unsigned int i = 0; i < SPACES; i++) {
		make_space(i);
	}
	for (unsigned int step = 0; step < STEPS; step++) {
		const unsigned int i = (unsigned int)(sim_random(&seed) % SPACES);
		const unsigned int hart = (unsigned int)(sim_random(&seed) % HARTS);
		const uint64_t what = sim_random(&seed) % 16;
		if (what == 0) {
			switch_to(hart, -1);
		} else if (what == 1 && !runs(i)) {
			mm_destroy(spaces[i]);
			make_space(i);
		} else {
			switch_to(hart, (int)i);
		}
		check_fenced(i);
	}
	for (unsigned int hart = 0; hart < HARTS; hart++) {
		switch_to(hart, -1);
	}
	for (unsigned int i = 0; i < SPACES; i++) {
		mm_destroy(spaces[i]);
	}
	be_hart(0);
}

static void no_hart_finds_entries_of_another_space(void **state)
{
	(void)state;
	/* As few as there may be: a number for each hart, and the kernel's. */
	run_model(HARTS + 1);
	assert_true(mm_asid_info().roll_overs > 100);
	run_model(SPACES / 2);
	run_model(SPACES + 2);
	run_model(40);
	mm_set_asid_limit(0);
}

static void without_asids_each_switch_flushes(void **state)
{
	(void)state;
	run_model(1);
	assert_int_equal(mm_asid_info().usable, 0);
	make_space(0);
	be_hart(0);
	flushes = flushes_so_far();
	mm_switch(spaces[0]);
	mm_switch(NULL);
	assert_int_equal(flushes_so_far(), flushes + 2);
	/* Flushed when it left: nobody has anything of it. */
	assert_int_equal(spaces[0]->tlb.harts, 0);
	mm_destroy(spaces[0]);
	mm_set_asid_limit(0);
}

static void harts_without_asids_are_believed(void **state)
{
	(void)state;
	host_set_asid_bits(0);
	assert_int_equal(mm_init(), 0);
	assert_int_equal(mm_asid_info().usable, 0);
	host_set_asid_bits(9);
	assert_int_equal(mm_init(), 0);
	assert_int_equal(mm_asid_info().usable, 511);
	host_set_asid_bits(16);
	assert_int_equal(mm_init(), 0);
}

/** The machine's own hart again. */
static int stop(void **state)
{
	hart_init();
	port_hart_head()->index = 0;
	return machine_stop(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(no_hart_finds_entries_of_another_space,
						machine_start, stop),
		cmocka_unit_test_setup_teardown(without_asids_each_switch_flushes, machine_start,
						stop),
		cmocka_unit_test_setup_teardown(harts_without_asids_are_believed, machine_start,
						stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
