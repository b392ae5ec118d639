/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Places that nobody may touch: guard pages beside stacks, vmalloc areas and fixmap slots, holes of each part of the
 * layout, init memory after it was given back. Besides, hardware and the tables agree about addresses chosen at random.
 */
#include "protect.h"

#include "fpg/core/kernel_map_ops.h"
#include "fpg/core/page.h"
#include "fpg/pagetable/fixmap.h"
#include "fpg/pagetable/kernel_map.h"
#include "fpg/pagetable/vmalloc.h"

extern char __init_text_start[], __init_text_end[], __init_data_start[], __init_data_end[],
	__init_bss_start[], __init_bss_end[], __image_end[];

/* ---- guard pages --------------------------------------------------------------------------------------------- */

#define MOST_AREAS 256U

struct areas {
	uint32_t count;
	struct vm_area_info at[MOST_AREAS];
};
static struct areas areas;

static bool collect(void *ctx, const struct vm_area_info *area)
{
	struct areas *all = ctx;
	all->at[all->count++] = *area;
	return all->count < MOST_AREAS;
}

static int guard_pages_beside_stacks_and_areas_fault(struct out *out)
{
	unsigned int stacks = 0;
	areas.count = 0;
	vmalloc_for_each(collect, &areas);
	for (uint32_t i = 0; i < areas.count; i++) {
		const struct vm_area_info *a = &areas.at[i];
		uint64_t end = a->start.v + a->bytes;
		stacks += a->kind == VM_STACK;
		if (expect_nothing(out, a->start.v - 4) ||
		    expect_nothing(out, a->start.v - PAGE_SIZE) || expect_nothing(out, end) ||
		    expect_nothing(out, end + PAGE_SIZE - 4)) {
			return 1;
		}
	}
	out_printf(out, "# %u areas, %u of them stacks of harts\n", areas.count, stacks);
	return 0;
}

static int vmalloc_memory_is_guarded_not_executable_and_gone_when_freed(struct out *out)
{
	const uint64_t bytes = 3 * PAGE_SIZE;
	char *p = vmalloc(bytes - 100);
	KTAP_EXPECT(out, p != NULL);
	uint64_t at = (uint64_t)(uintptr_t)p;
	int bad = expect_nothing(out, at - 4) || expect_nothing(out, at - PAGE_SIZE) ||
		  expect_nothing(out, at + bytes) ||
		  expect_nothing(out, at + bytes + PAGE_SIZE - 4) ||
		  expect_works(out, do_write, at) || expect_works(out, do_write, at + bytes - 1) ||
		  expect_fault(out, do_execute, at, TRAP_INSN_PAGE_FAULT);
	vfree(p);
	return bad || expect_nothing(out, at) || expect_nothing(out, at + bytes - 4);
}

static int guard_pages_of_the_fixmap_fault_and_the_device_tree_is_read_only(struct out *out)
{
	static const unsigned int guards[] = { FIX_GUARD,	   FIX_DTB_END, FIX_DEVICE + 1,
					       FIX_DEVICE_END - 1, FIX_WINDOWS, FIX_END - 1 };
	for (size_t i = 0; i < ARRAY_SIZE(guards); i++) {
		uint64_t at = FIXMAP_BASE + (uint64_t)guards[i] * PAGE_SIZE;
		if (expect_nothing(out, at) || expect_nothing(out, at + PAGE_SIZE - 4)) {
			return 1;
		}
	}
	/* Past the static tables, to the end of the slot. */
	if (expect_nothing(out, FIXMAP_BASE + (uint64_t)FIX_END * PAGE_SIZE) ||
	    expect_nothing(out, FIXMAP_BASE + SZ_1G - 4)) {
		return 1;
	}
	uint64_t dtb = FIXMAP_BASE + (uint64_t)FIX_DTB * PAGE_SIZE;
	return expect_works(out, do_read, dtb) ||
	       expect_fault(out, do_write, dtb, TRAP_STORE_PAGE_FAULT) ||
	       expect_fault(out, do_execute, dtb, TRAP_INSN_PAGE_FAULT);
}

/* ---- holes --------------------------------------------------------------------------------------------------- */

static int holes_of_every_part_of_the_layout_fault(struct out *out)
{
	const struct vm_layout *l = kernel_map_active()->layout;
	const uint64_t image_end = ((uint64_t)(uintptr_t)__image_end + PAGE_SIZE - 1) &
				   ~(PAGE_SIZE - 1);
	const uint64_t half = (uint64_t)1 << (PAGE_SHIFT + 9 * l->mode->levels - 1);
	const uint64_t holes[] = {
		/* Between the parts, and at the edges of the halves. */
		half - 4, -half, l->vmemmap.v - 4, l->vmemmap.v + l->vmemmap_bytes,
		l->vmalloc.v + l->vmalloc_bytes - 4, l->linear.v - 4, l->linear.v + l->linear_bytes,
		FIXMAP_BASE - 4,
		/* Behind the image, up to where addresses end. */
		image_end, image_end + SZ_2M, FIXMAP_BASE + 2 * SZ_1G - 4, -PAGE_SIZE - 4
	};
	for (size_t i = 0; i < ARRAY_SIZE(holes); i++) {
		struct pt_walk walk;
		KTAP_EXPECT(out, pt_walk(kernel_pt(), vaddr(holes[i] & ~7ULL), &walk) == 0);
		/* The whole window is full on a machine with that much RAM; elsewhere nothing is there. */
		if (!walk.mapped && expect_nothing(out, holes[i])) {
			return 1;
		}
	}
	return 0;
}

static int addresses_in_the_hole_of_the_mode_fault(struct out *out)
{
	const uint64_t half = (uint64_t)1
			      << (PAGE_SHIFT + 9 * kernel_map_active()->layout->mode->levels - 1);
	/* Not canonical. Source: Privileged v1.12, 4.4.1: a page-fault exception. */
	return expect_fault(out, do_read, half, TRAP_LOAD_PAGE_FAULT) ||
	       expect_fault(out, do_write, half, TRAP_STORE_PAGE_FAULT) ||
	       expect_fault(out, do_read, -half - 8, TRAP_LOAD_PAGE_FAULT) ||
	       expect_fault(out, do_write, -half - 8, TRAP_STORE_PAGE_FAULT);
}

static int records_of_frames_without_memory_can_be_read_and_not_written(struct out *out)
{
	const struct kernel_map *map = kernel_map_active();
	const pfn_t last = phys_to_pfn(map->linear_base + map->layout->linear_bytes - 1);
	uint64_t at = (uint64_t)(uintptr_t)pfn_to_page(last);
	if (frame_table_populated((struct pfn_range){ last, pfn_add(last, 1) })) {
		return 0;
	}
	return expect_works(out, do_read, at) ||
	       expect_fault(out, do_write, at, TRAP_STORE_PAGE_FAULT) ||
	       expect_fault(out, do_execute, at, TRAP_INSN_PAGE_FAULT);
}

static int init_memory_is_gone_from_the_image_and_ordinary_memory(struct out *out)
{
	char *const parts[][2] = {
		{ __init_text_start, __init_text_end },
		{ __init_data_start, __init_data_end },
		{ __init_bss_start, __init_bss_end },
	};
	unsigned int pages = 0;
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		for (char *p = parts[i][0]; p < parts[i][1]; p += PAGE_SIZE, pages++) {
			uint64_t alias = linear_alias(p);
			if (expect_nothing(out, (uint64_t)(uintptr_t)p) ||
			    expect_nothing(out, (uint64_t)(uintptr_t)p + PAGE_SIZE - 4)) {
				return 1;
			}
			if (debug_pagealloc_enabled()) {
				continue;
			}
			if (expect_works(out, do_write_back, alias) ||
			    expect_fault(out, do_execute, alias, TRAP_INSN_PAGE_FAULT)) {
				return 1;
			}
		}
	}
	KTAP_EXPECT(out, pages > 0);
	return 0;
}

/* ---- tables and hardware ------------------------------------------------------------------------------------- */

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dULL;
}

/* Only what cannot do harm: reads, writes and jumps that the tables say must fault. */
static int agree_at(struct out *out, uint64_t address)
{
	struct pt_walk walk;
	KTAP_EXPECT(out, pt_walk(kernel_pt(), vaddr(address), &walk) == 0);
	if (!walk.mapped) {
		return expect_nothing(out, address);
	}
	return (walk.prot & MEM_R ? expect_works(out, do_read, address) :
				    expect_fault(out, do_read, address, TRAP_LOAD_PAGE_FAULT)) ||
	       (!(walk.prot & MEM_W) &&
		expect_fault(out, do_write, address, TRAP_STORE_PAGE_FAULT)) ||
	       (!(walk.prot & MEM_X) &&
		expect_fault(out, do_execute, address, TRAP_INSN_PAGE_FAULT));
}

static int tables_and_hardware_agree_at_random_addresses(struct out *out)
{
	const struct kernel_map *map = kernel_map_active();
	const struct vm_layout *l = map->layout;
	const uint64_t linear_bytes = map->linear_mapped_bytes + SZ_1G < l->linear_bytes ?
					      map->linear_mapped_bytes + SZ_1G :
					      l->linear_bytes;
	const struct {
		uint64_t base;
		uint64_t bytes;
	} parts[] = {
		{ l->vmemmap.v, l->vmemmap_bytes },
		{ l->vmalloc.v, 64 * PAGE_SIZE },
		{ l->linear.v, linear_bytes },
		{ FIXMAP_BASE, (uint64_t)FIX_DEVICE * PAGE_SIZE },
		{ FIXMAP_BASE + (uint64_t)FIX_WINDOWS * PAGE_SIZE,
		  (uint64_t)(FIX_END - FIX_WINDOWS) * PAGE_SIZE },
		{ FIXMAP_BASE + SZ_1G, 2 * SZ_2M },
		{ 0, SZ_1G },
	};
	uint64_t seed = 0x4650472d35;
	for (unsigned int i = 0; i < 200; i++) {
		for (size_t p = 0; p < ARRAY_SIZE(parts); p++) {
			uint64_t at = parts[p].base + next_random(&seed) % parts[p].bytes;
			if (agree_at(out, at & ~7ULL)) {
				return 1;
			}
		}
	}
	return 0;
}

const struct target_test target_tests_protect_places[] = {
	{ "guard_pages_beside_stacks_and_areas_fault", guard_pages_beside_stacks_and_areas_fault },
	{ "vmalloc_memory_is_guarded_not_executable_and_gone_when_freed",
	  vmalloc_memory_is_guarded_not_executable_and_gone_when_freed },
	{ "guard_pages_of_the_fixmap_fault_and_the_device_tree_is_read_only",
	  guard_pages_of_the_fixmap_fault_and_the_device_tree_is_read_only },
	{ "holes_of_every_part_of_the_layout_fault", holes_of_every_part_of_the_layout_fault },
	{ "addresses_in_the_hole_of_the_mode_fault", addresses_in_the_hole_of_the_mode_fault },
	{ "records_of_frames_without_memory_can_be_read_and_not_written",
	  records_of_frames_without_memory_can_be_read_and_not_written },
	{ "init_memory_is_gone_from_the_image_and_ordinary_memory",
	  init_memory_is_gone_from_the_image_and_ordinary_memory },
	{ "tables_and_hardware_agree_at_random_addresses",
	  tables_and_hardware_agree_at_random_addresses },
	{ 0 },
};
