/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's map means what it says: what must fault does, with the right cause, and is survived; what must work
 * does. Each test performs a real access inside trap_expect().
 */
#include "ktap.h"

#include "fpg/core/memblock.h"
#include "fpg/port/port.h"
#include "fpg/port/trap.h"

#include <errno.h>
#include <string.h>

extern char __text_start[], __rodata_start[], __data_start[], __boot_stack_guard[];

struct access {
	uint64_t address;
	uint64_t sum;
	uint64_t bytes;
};

static void do_read(void *arg)
{
	struct access *a = arg;
	a->sum += *(volatile uint8_t *)(uintptr_t)a->address;
}

static void do_write(void *arg)
{
	struct access *a = arg;
	volatile uint8_t *p = (volatile uint8_t *)(uintptr_t)a->address;
	*p = 0x5a;
}

static void do_execute(void *arg)
{
	struct access *a = arg;
	((void (*)(void))(uintptr_t)a->address)();
}

/* Return: 0 when @fn on @address traps with @cause and the faulting address is the one touched. */
static int expect_fault(struct out *out, void (*fn)(void *), uint64_t address, uint64_t cause)
{
	struct access a = { .address = address };
	uint64_t got_cause = ~0ULL;
	uint64_t got_tval = 0;
	int rc = trap_expect(fn, &a, &got_cause, &got_tval);
	if (rc != -EFAULT || got_cause != cause || got_tval != address) {
		out_printf(
			out,
			"# 0x%llx: rc %d, cause %lld, tval 0x%llx; expected a trap with cause %llu\n",
			(unsigned long long)address, rc, (long long)got_cause,
			(unsigned long long)got_tval, (unsigned long long)cause);
		return 1;
	}
	return 0;
}

static uint64_t linear_alias(const void *image_symbol)
{
	return port_image_to_phys(image_symbol) + port_linear_offset;
}

static int writing_text_faults(struct out *out)
{
	return expect_fault(out, do_write, (uint64_t)(uintptr_t)__text_start,
			    TRAP_STORE_PAGE_FAULT);
}

static int writing_rodata_faults(struct out *out)
{
	return expect_fault(out, do_write, (uint64_t)(uintptr_t)__rodata_start,
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

static int executing_data_faults(struct out *out)
{
	return expect_fault(out, do_execute, (uint64_t)(uintptr_t)__data_start,
			    TRAP_INSN_PAGE_FAULT);
}

static int executing_the_linear_map_faults(struct out *out)
{
	return expect_fault(out, do_execute, linear_alias(__text_start), TRAP_INSN_PAGE_FAULT);
}

static int the_stack_guard_page_faults(struct out *out)
{
	if (expect_fault(out, do_read, (uint64_t)(uintptr_t)__boot_stack_guard,
			 TRAP_LOAD_PAGE_FAULT)) {
		return 1;
	}
	return expect_fault(out, do_write, linear_alias(__boot_stack_guard), TRAP_STORE_PAGE_FAULT);
}

static int address_zero_faults(struct out *out)
{
	return expect_fault(out, do_read, 0, TRAP_LOAD_PAGE_FAULT) ||
	       expect_fault(out, do_write, 0, TRAP_STORE_PAGE_FAULT) ||
	       expect_fault(out, do_execute, 0, TRAP_INSN_PAGE_FAULT);
}

static int the_last_page_of_the_address_space_faults(struct out *out)
{
	return expect_fault(out, do_read, ~0ULL - 8, TRAP_LOAD_PAGE_FAULT);
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
		    expect_fault(out, do_read, r->base + r->size - 1 + port_linear_offset,
				 TRAP_LOAD_PAGE_FAULT)) {
			return 1;
		}
	}
	KTAP_EXPECT(out, tried > 0);
	return 0;
}

/* Sums one byte of each page of a whole range; a hole in the map traps. */
static void do_read_pages(void *arg)
{
	struct access *a = arg;
	for (uint64_t at = a->address; at < a->address + a->bytes; at += PAGE_SIZE) {
		a->sum += *(volatile uint8_t *)(uintptr_t)at;
	}
}

static int every_mapped_page_of_ram_can_be_read(struct out *out)
{
	phys_addr_t guard = port_image_to_phys(__boot_stack_guard);
	for (size_t i = 0; i < memblock.memory.cnt; i++) {
		const struct memblock_region *r = &memblock.memory.regions[i];
		if (r->flags & MEMBLOCK_NOMAP) {
			continue;
		}
		phys_addr_t at = (r->base + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
		phys_addr_t end = (r->base + r->size) & ~(PAGE_SIZE - 1);
		while (at < end) {
			struct access a = { at + port_linear_offset, 0, end - at };
			uint64_t tval = 0;
			int rc = trap_expect(do_read_pages, &a, NULL, &tval);
			if (rc == 0) {
				break;
			}
			/* The only holes are guard pages: the image's stacks have them. */
			phys_addr_t hole = tval - port_linear_offset;
			if (hole < guard || hole >= guard + SZ_64K) {
				out_printf(out, "# physical 0x%llx is not mapped\n",
					   (unsigned long long)hole);
				return 1;
			}
			at = (hole & ~(PAGE_SIZE - 1)) + PAGE_SIZE;
		}
	}
	return 0;
}

static int data_and_stack_can_be_written(struct out *out)
{
	static uint64_t in_data = 1;
	volatile uint64_t on_stack = 2;
	struct access a = { (uint64_t)(uintptr_t)&in_data, 0, 0 };
	KTAP_EXPECT(out, trap_expect(do_write, &a, NULL, NULL) == 0);
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
	{ "executing_data_faults", executing_data_faults },
	{ "executing_the_linear_map_faults", executing_the_linear_map_faults },
	{ "the_stack_guard_page_faults", the_stack_guard_page_faults },
	{ "address_zero_faults", address_zero_faults },
	{ "the_last_page_of_the_address_space_faults", the_last_page_of_the_address_space_faults },
	{ "no_map_memory_is_not_in_the_linear_map", no_map_memory_is_not_in_the_linear_map },
	{ "every_mapped_page_of_ram_can_be_read", every_mapped_page_of_ram_can_be_read },
	{ "data_and_stack_can_be_written", data_and_stack_can_be_written },
	{ 0 },
};
