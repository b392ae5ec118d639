/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A simulated machine with the kernel's final tables and the page allocator over it, as after the boot, for tests of
 * what changes the kernel's tables. The tables are real; nobody translates by them, so tests walk them.
 */
#pragma once

#include "page_check.h"

#include "fpg/core/page_alloc.h"
#include "fpg/pagetable/vmalloc.h"

/* Last: it has a global called map. */
#include "kernel_machine.h"

#define VM_RAM_BASE 0x80000000UL

struct vm_machine_options {
	const struct vm_layout *layout;
	uint32_t memory_types;
	bool small_leaves;
	bool napot;
	/** Called between the tables and the page allocator, as debug aids are at boot; may be NULL. */
	void (*before_pages)(void);
};

static inline void vm_machine_start(uint64_t bytes, const struct vm_machine_options *how)
{
	const struct sim_ram ram = { VM_RAM_BASE, bytes, 0 };
	sim_start(&ram, 1);
	memset(&map, 0, sizeof(map));
	map.layout = how->layout;
	map.memory_types = how->memory_types;
	map.small_leaves = how->small_leaves;
	map.napot = how->napot;
	machine_image(VM_RAM_BASE + SZ_2M);
	assert_int_equal(kernel_map_build(&map, &image), 0);
	assert_int_equal(kernel_map_activate(&map), 0);
	/* Records where the host can reach them; all there, so that the page allocator takes none for its own. */
	const struct pfn_range frames = { phys_to_pfn(VM_RAM_BASE),
					  phys_to_pfn(VM_RAM_BASE + bytes) };
	sim_frame_table_start(frames);
	sim_frame_table_populate(frames);
	if (how->before_pages != NULL) {
		how->before_pages();
	}
	assert_int_equal(page_alloc_init("buddy"), 0);
	kernel_pt_hand_over();
}

static inline int vm_machine_end(void **state)
{
	/* What it keeps lies in this machine's memory. */
	vmalloc_drain();
	(void)page_check_stop(state);
	return early_remap_in_use() != 0;
}

/** What the kernel's tables say about an address. */
static inline struct pt_walk vm_machine_walk(const void *at)
{
	struct pt_walk walk;
	assert_int_equal(pt_walk(kernel_pt(), vaddr_of(at), &walk), 0);
	return walk;
}
