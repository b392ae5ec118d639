/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Simulated machines for tests of the kernel's map: memory that memblock knows and that can be
 * touched, and an image with segments as ours has them. One machine at a time; machine_end() is
 * each test's teardown.
 */
#pragma once

#include "host.h"

#include "fpg/core/memblock.h"
#include "fpg/pagetable/fixmap.h"
#include "fpg/pagetable/kernel_map.h"
#include "fpg/port/port.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LINK 0xffffffff80000000ULL

static const struct vm_layout *const machine_layouts[] = { &vm_layout_sv39, &vm_layout_sv48,
							   &vm_layout_sv57 };

static struct kernel_image image;
static struct kernel_map map;

/** An image as ours is: text, rodata, data, what is for the boot alone, a guard page below the stack, bss. */
static inline void machine_image(phys_addr_t load)
{
	static const struct {
		const char *name;
		uint64_t bytes;
		uint8_t prot;
		uint16_t owner;
	} parts[] = {
		{ ".text", 0x31000, MEM_R | MEM_X, OWNER_IMAGE_TEXT },
		{ ".init.text", 0x3000, MEM_R | MEM_X, OWNER_IMAGE_INIT },
		{ ".rodata", 0x12000, MEM_R, OWNER_IMAGE_RODATA },
		{ ".data", 0x4000, MEM_R | MEM_W, OWNER_IMAGE_DATA },
		{ ".init.data", 0x2000, MEM_R | MEM_W, OWNER_IMAGE_INIT },
		{ ".init.bss", 0x5000, MEM_R | MEM_W, OWNER_IMAGE_INIT },
		{ "guard", 0x1000, 0, OWNER_IMAGE_BSS },
		{ ".bss", 0x2c3000, MEM_R | MEM_W, OWNER_IMAGE_BSS },
	};
	image = (struct kernel_image){ .load = load };
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		image.segments[i] = (struct kernel_segment){
			.name = parts[i].name,
			.va = vaddr(LINK + image.bytes),
			.pa = load + image.bytes,
			.bytes = parts[i].bytes,
			.prot = parts[i].prot,
			.owner = parts[i].owner,
		};
		image.bytes += parts[i].bytes;
		image.segment_count++;
	}
	assert_int_equal(memblock_reserve(load, image.bytes), 0);
}

/** Simulated memory that can be touched, known to memblock. */
static inline void machine_ram(phys_addr_t base, uint64_t bytes)
{
	assert_int_equal(host_ram_add(base, bytes), 0);
	assert_int_equal(memblock_add(base, bytes), 0);
}

static inline void machine_nomap(phys_addr_t base, uint64_t bytes)
{
	assert_int_equal(memblock_mark_nomap(base, bytes), 0);
}

static inline void machine_start(phys_addr_t base, uint64_t bytes)
{
	memblock_reset();
	assert_int_equal(host_ram_window(base, bytes), 0);
	memset(&map, 0, sizeof(map));
}

static inline int machine_end(void **state)
{
	(void)state;
	memblock_reset();
	host_ram_release();
	return early_remap_in_use() != 0;
}

static inline uint64_t machine_table_bytes(void)
{
	uint64_t bytes = 0;
	for (unsigned long i = 0; i < memblock.reserved.cnt; i++) {
		const struct memblock_region *r = &memblock.reserved.regions[i];
		bytes += r->owner.kind == OWNER_PAGE_TABLES ? r->size : 0;
	}
	return bytes;
}

static inline void machine_qemu_virt(uint64_t bytes)
{
	machine_start(0x80000000, bytes);
	machine_ram(0x80000000, bytes);
	machine_nomap(0x80000000, 0x80000);
	machine_image(0x80200000);
}
