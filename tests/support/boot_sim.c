/* SPDX-License-Identifier: BSD-2-Clause */
/* boot_memory_init() for tests and fuzzers; see the header. */
#include "boot_sim.h"

#include "fpg/base/range.h"
#include "fpg/core/memblock.h"
#include "fpg/port/port.h"

#include <errno.h>
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

const struct boot_sim boot_sim_default = {
	.load = 0x80200000,
	.image_bytes = 0x200000,
	.blob_phys = 0x82200000,
};

struct boot_memory boot_sim_memory;

/** RAM is made on demand, piece by piece; a piece mapped again is the same memory. */
#define MAX_PIECES 64
static struct piece {
	phys_addr_t base;
	size_t bytes;
	char *at;
} pieces[MAX_PIECES];
static uint32_t piece_count;

static struct kernel_image image;

static void *map(phys_addr_t base, size_t bytes)
{
	for (uint32_t i = 0; i < piece_count; i++) {
		struct piece *p = &pieces[i];
		if (base >= p->base && base - p->base <= p->bytes &&
		    bytes <= p->bytes - (base - p->base)) {
			return p->at + (base - p->base);
		}
	}
	if (piece_count == MAX_PIECES) {
		return NULL;
	}
	/* Not zeroed: RAM is not. */
	char *at = malloc(bytes);
	if (at == NULL) {
		return NULL;
	}
	memset(at, 0xa5, bytes);
	pieces[piece_count++] = (struct piece){ base, bytes, at };
	return at;
}

static void *map_linear(phys_addr_t base, size_t bytes)
{
	(void)bytes;
	return port_phys_to_virt(base);
}

static void unmap(void *va, size_t bytes)
{
	(void)va;
	(void)bytes;
}

void boot_sim_end(void)
{
	memblock_reset();
	for (uint32_t i = 0; i < piece_count; i++) {
		free(pieces[i].at);
	}
	piece_count = 0;
}

int boot_sim_run(const struct boot_sim *sim, const void *blob)
{
	boot_sim_end();
	/* The parts of a real image: text that may run, data that may be written, a guard page. */
	image = (struct kernel_image){
		.load = sim->load,
		.bytes = sim->image_bytes,
		.segment_count = 2,
		.segments = {
			{ .name = ".text", .pa = sim->load, .bytes = PAGE_SIZE, .prot = MEM_R | MEM_X, .owner = OWNER_IMAGE_TEXT },
			{ .name = ".bss", .pa = sim->load + PAGE_SIZE, .bytes = sim->image_bytes - PAGE_SIZE,
			  .prot = MEM_R | MEM_W, .owner = OWNER_IMAGE_BSS },
		},
	};
	struct boot_inputs in = {
		.blob = blob,
		.blob_phys = sim->blob_phys,
		.blob_bytes = fdt_totalsize(blob),
		.image = &image,
		.initrd = sim->initrd,
		.bootargs = sim->bootargs,
		.map = sim->no_access ? NULL :
		       sim->linear    ? map_linear :
					map,
		.unmap = sim->no_access ? NULL : unmap,
	};
	return boot_memory_init(&boot_sim_memory, &in);
}

/* ---- what must hold ------------------------------------------------------------------------------------------ */

static const char *table_wrong(const struct memblock_type *type)
{
	uint64_t sum = 0;
	for (unsigned long i = 0; i < memblock_used(type); i++) {
		const struct memblock_region *r = &type->regions[i];
		if (r->size == 0 || phys_range_overflows(r->base, r->size)) {
			return "a region is empty or wraps";
		}
		if (i > 0 && memblock_region_end(r - 1) > r->base) {
			return "regions overlap or are out of order";
		}
		sum += r->size;
	}
	return sum == type->total_size ? NULL : "total_size is not the sum";
}

struct rows {
	phys_addr_t end;
	uint64_t ram;
	uint64_t memory;
	const char *wrong;
};

static bool look_at_row(void *ctx, const struct boot_ram_row *row)
{
	struct rows *rows = ctx;
	if (row->range.size == 0 || row->range.base < rows->end ||
	    phys_range_overflows(row->range.base, row->range.size)) {
		rows->wrong = "rows of RAM overlap, are empty or out of order";
	}
	rows->end = phys_range_end(row->range);
	rows->ram += row->range.size;
	bool memory = row->fate == BOOT_RAM_MEMORY;
	rows->memory += memory ? row->range.size : 0;
	if (memory != memblock_is_memory(row->range.base) ||
	    memory != memblock_is_memory(rows->end - 1) ||
	    (memory && !memblock_is_region_memory(row->range.base, row->range.size)) ||
	    (!memory &&
	     memblock_overlaps_region(&memblock.memory, row->range.base, row->range.size))) {
		rows->wrong = "a row of RAM and memblock disagree";
	}
	return rows->wrong == NULL;
}

static bool reserved_by(struct phys_range range, enum owner_kind kind)
{
	phys_addr_t at = range.base;
	while (at < phys_range_end(range)) {
		const struct memblock_region *r = memblock_region_find(&memblock.reserved, at);
		if (r == NULL || (kind != OWNER_NONE && r->owner.kind != kind)) {
			return false;
		}
		at = memblock_region_end(r);
	}
	return true;
}

const char *boot_sim_wrong(void)
{
	const struct boot_memory *bm = &boot_sim_memory;
	struct rows rows = { 0 };
	const char *wrong = table_wrong(&memblock.memory);
	if (wrong == NULL) {
		wrong = table_wrong(&memblock.reserved);
	}
	if (wrong != NULL) {
		return wrong;
	}
	boot_memory_for_each_raw(bm, look_at_row, &rows);
	if (rows.wrong != NULL) {
		return rows.wrong;
	}
	if (rows.ram != bm->ram_bytes || rows.memory != bm->memory_bytes ||
	    rows.memory != memblock.memory.total_size) {
		return "sums of rows, facts and memblock differ";
	}
	if (!reserved_by((struct phys_range){ image.load, PAGE_SIZE }, OWNER_IMAGE_TEXT) ||
	    !reserved_by((struct phys_range){ image.load + PAGE_SIZE, image.bytes - PAGE_SIZE },
			 OWNER_IMAGE_BSS)) {
		return "the image is not reserved";
	}
	if (!reserved_by((struct phys_range){ bm->in.blob_phys, bm->in.blob_bytes }, OWNER_NONE)) {
		return "the blob is not reserved";
	}
	for (unsigned long i = 0; i < memblock_used(&memblock.memory); i++) {
		const struct memblock_region *r = &memblock.memory.regions[i];
		if (!IS_ALIGNED(r->base, PAGE_SIZE) &&
		    !IS_ALIGNED(memblock_region_end(r), PAGE_SIZE) && r->size < PAGE_SIZE &&
		    (i == 0 || memblock_region_end(r - 1) != r->base)) {
			return "a piece of memory holds no page";
		}
	}
	return NULL;
}
