/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The image and the linear map mean what they say: what must fault does, with the right cause, and is survived; what
 * must work does, for every byte of mapped RAM. Guard pages and holes of all other places: test_protect_places.c.
 */
#include "protect.h"

#include "fpg/core/kernel_map_ops.h"
#include "fpg/core/memblock.h"
#include "fpg/pagetable/kernel_map.h"

extern char __text_start[], __rodata_start[], __rodata_end[], __data_start[], __image_start[],
	__image_end[], __boot_stack_guard[], __emergency_stack_guard[];

static int writing_text_faults(struct out *out)
{
	return expect_fault(out, do_write, (uint64_t)(uintptr_t)__text_start,
			    TRAP_STORE_PAGE_FAULT);
}

static int writing_rodata_faults(struct out *out)
{
	return expect_fault(out, do_write, (uint64_t)(uintptr_t)__rodata_start,
			    TRAP_STORE_PAGE_FAULT) ||
	       expect_fault(out, do_write, (uint64_t)(uintptr_t)__rodata_end - 1,
			    TRAP_STORE_PAGE_FAULT);
}

static int writing_the_linear_alias_of_text_faults(struct out *out)
{
	return expect_fault(out, do_write, linear_alias(__text_start), TRAP_STORE_PAGE_FAULT);
}

static int writing_the_linear_alias_of_rodata_faults(struct out *out)
{
	return expect_fault(out, do_write, linear_alias(__rodata_start), TRAP_STORE_PAGE_FAULT);
}

static int executing_data_and_rodata_faults(struct out *out)
{
	uint64_t on_stack = 0;
	return expect_fault(out, do_execute, (uint64_t)(uintptr_t)__data_start,
			    TRAP_INSN_PAGE_FAULT) ||
	       expect_fault(out, do_execute, (uint64_t)(uintptr_t)__rodata_start,
			    TRAP_INSN_PAGE_FAULT) ||
	       expect_fault(out, do_execute, (uint64_t)(uintptr_t)&on_stack, TRAP_INSN_PAGE_FAULT);
}

static int executing_the_linear_map_faults(struct out *out)
{
	return expect_fault(out, do_execute, linear_alias(__text_start), TRAP_INSN_PAGE_FAULT) ||
	       expect_fault(out, do_execute, linear_alias(__data_start), TRAP_INSN_PAGE_FAULT);
}

static int guard_pages_of_the_image_fault(struct out *out)
{
	char *const guards[] = { __boot_stack_guard, __emergency_stack_guard };
	for (size_t i = 0; i < ARRAY_SIZE(guards); i++) {
		uint64_t at = (uint64_t)(uintptr_t)guards[i];
		uint64_t alias = linear_alias(guards[i]);
		if (expect_nothing(out, at) || expect_nothing(out, at + PAGE_SIZE - 4) ||
		    expect_nothing(out, alias) || expect_nothing(out, alias + PAGE_SIZE - 4)) {
			return 1;
		}
	}
	return 0;
}

static int address_zero_faults(struct out *out)
{
	const struct kernel_map *map = kernel_map_active();
	if (expect_nothing(out, 0) || expect_nothing(out, PAGE_SIZE - 4)) {
		return 1;
	}
	/* Physical page 0, where the window shows it. */
	return map->linear_base == 0 && expect_nothing(out, port_linear_offset);
}

static int the_last_page_of_the_address_space_faults(struct out *out)
{
	return expect_nothing(out, -PAGE_SIZE) || expect_nothing(out, ~0ULL - 7);
}

static int no_map_memory_is_not_in_the_linear_map(struct out *out)
{
	unsigned int tried = 0;
	for (size_t i = 0; i < memblock.memory.cnt; i++) {
		const struct memblock_region *r = &memblock.memory.regions[i];
		if (r->size == 0 || !(r->flags & MEMBLOCK_NOMAP)) {
			continue;
		}
		tried++;
		if (expect_fault(out, do_read, r->base + port_linear_offset,
				 TRAP_LOAD_PAGE_FAULT) ||
		    expect_fault(out, do_write, r->base + port_linear_offset,
				 TRAP_STORE_PAGE_FAULT) ||
		    expect_fault(out, do_read, r->base + r->size - 1 + port_linear_offset,
				 TRAP_LOAD_PAGE_FAULT)) {
			return 1;
		}
	}
	/* Every firmware of ours keeps its own memory from us. */
	KTAP_EXPECT(out, tried > 0);
	return 0;
}

/* ---- every byte ---------------------------------------------------------------------------------------------- */

/* Reads every byte of whole pages, eight at a time; a hole in the map traps. */
static void do_read_all(void *arg)
{
	struct access *a = arg;
	const volatile uint64_t *p = (const volatile uint64_t *)(uintptr_t)a->address;
	const volatile uint64_t *end = p + a->bytes / sizeof(*p);
	uint64_t sum = 0;
	for (; p < end; p += 8) {
		sum += p[0] + p[1] + p[2] + p[3] + p[4] + p[5] + p[6] + p[7];
	}
	a->sum += sum;
}

/* The only pages of memory that are not mapped: the image's guard pages, and free pages with debug_pagealloc. */
static bool may_be_missing(phys_addr_t pa)
{
	const phys_addr_t boot = port_image_to_phys(__boot_stack_guard);
	const phys_addr_t emergency = port_image_to_phys(__emergency_stack_guard);
	struct pt_walk walk;
	if (pa - boot < PAGE_SIZE || pa - emergency < PAGE_SIZE) {
		return true;
	}
	return debug_pagealloc_enabled() &&
	       pt_walk(kernel_pt(), vaddr(pa + port_linear_offset), &walk) == 0 && walk.hidden;
}

static int read_region(struct out *out, phys_addr_t at, phys_addr_t end, uint64_t *read)
{
	while (at < end) {
		struct access a = { at + port_linear_offset, 0, end - at };
		uint64_t cause = 0;
		uint64_t tval = 0;
		int rc = trap_expect(do_read_all, &a, &cause, &tval);
		if (rc == 0) {
			*read += end - at;
			break;
		}
		phys_addr_t hole = tval - port_linear_offset;
		if (cause != TRAP_LOAD_PAGE_FAULT || hole < at || hole >= end ||
		    !may_be_missing(hole)) {
			out_printf(out, "# physical 0x%llx cannot be read: cause %llu\n",
				   (unsigned long long)hole, (unsigned long long)cause);
			return 1;
		}
		hole &= ~(PAGE_SIZE - 1);
		*read += hole - at;
		at = hole + PAGE_SIZE;
	}
	return 0;
}

static int every_mapped_byte_of_ram_can_be_read(struct out *out)
{
	uint64_t read = 0;
	uint64_t wanted = 0;
	uint64_t start = 0;
	uint64_t end = 0;
	/* Neighbours that differ in flags only are one range: a page may lie across. */
	for (size_t i = 0; i <= memblock.memory.cnt; i++) {
		const struct memblock_region *r = &memblock.memory.regions[i];
		bool more = i < memblock.memory.cnt;
		if (more && !(r->flags & MEMBLOCK_NOMAP) && r->base == end) {
			end += r->size;
			continue;
		}
		phys_addr_t first = (start + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
		phys_addr_t last = end & ~(PAGE_SIZE - 1);
		first = first == 0 ? PAGE_SIZE : first;
		if (first < last) {
			wanted += last - first;
			if (read_region(out, first, last, &read)) {
				return 1;
			}
		}
		if (more && !(r->flags & MEMBLOCK_NOMAP)) {
			start = r->base;
			end = r->base + r->size;
		} else {
			start = end = 0;
		}
	}
	out_printf(out, "# %llu of %llu KiB of memory read\n", (unsigned long long)(read / 1024),
		   (unsigned long long)(wanted / 1024));
	KTAP_EXPECT(out, wanted > 0);
	KTAP_EXPECT(out, debug_pagealloc_enabled() || wanted - read == 2 * PAGE_SIZE);
	return 0;
}

static int data_and_stack_can_be_written(struct out *out)
{
	static uint64_t in_data = 1;
	volatile uint64_t on_stack = 2;
	if (expect_works(out, do_write, (uint64_t)(uintptr_t)&in_data)) {
		return 1;
	}
	KTAP_EXPECT(out, (in_data & 0xff) == 0x5a);
	on_stack = on_stack + 1;
	KTAP_EXPECT(out, on_stack == 3);
	return 0;
}

const struct target_test target_tests_protect[] = {
	{ "writing_text_faults", writing_text_faults },
	{ "writing_rodata_faults", writing_rodata_faults },
	{ "writing_the_linear_alias_of_text_faults", writing_the_linear_alias_of_text_faults },
	{ "writing_the_linear_alias_of_rodata_faults", writing_the_linear_alias_of_rodata_faults },
	{ "executing_data_and_rodata_faults", executing_data_and_rodata_faults },
	{ "executing_the_linear_map_faults", executing_the_linear_map_faults },
	{ "guard_pages_of_the_image_fault", guard_pages_of_the_image_fault },
	{ "address_zero_faults", address_zero_faults },
	{ "the_last_page_of_the_address_space_faults", the_last_page_of_the_address_space_faults },
	{ "no_map_memory_is_not_in_the_linear_map", no_map_memory_is_not_in_the_linear_map },
	{ "every_mapped_byte_of_ram_can_be_read", every_mapped_byte_of_ram_can_be_read },
	{ "data_and_stack_can_be_written", data_and_stack_can_be_written },
	{ 0 },
};
