/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Places in RAM while not everything that takes RAM is known to memblock: storage for range lists beyond the static
 * one, and room for memblock's tables. All come from dt_find_hole(), which looks at the whole tree; besides, nothing
 * is put into the image, blob, initrd, memmap= reservations, beyond mem=, or where firmware would be if the tree does
 * not describe it.
 *
 * Invariant: a tree with no more than DT_STATIC_RANGES ranges of each sort and small tables needs no place, and no walk.
 */
#define LOG_MODULE "memory"
#include "boot_memory_private.h"

#include "fpg/base/range.h"
#include "fpg/core/fail_boot.h"
#include "fpg/core/log.h"
#include "fpg/core/memblock.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/** Image, blob, initrd, firmware, two scratches, arena, one of the caller; and memmap=. */
#define MAX_AVOID (8 + BOOTARGS_MAX_MEMMAP)

/** Regions that are not in any list: image segments, blob, initrd, guess, tables. */
#define OTHER_REGIONS (KERNEL_IMAGE_MAX_SEGMENTS + 16)

FPG_INIT static bool is_reserved(void *ctx, phys_addr_t base, phys_addr_t bytes)
{
	(void)ctx;
	return memblock_is_region_reserved(base, bytes);
}

FPG_INIT static int find_hole(const struct boot_memory *bm, phys_addr_t bytes,
			      struct phys_range exclude, phys_addr_t *out)
{
	const struct kernel_image *image = bm->in.image;
	phys_addr_t firmware = image->load < SZ_2M ? 0 : image->load - SZ_2M;
	struct phys_range avoid[MAX_AVOID] = {
		{ image->load, image->bytes },
		{ bm->in.blob_phys, bm->in.blob_bytes },
		bm->initrd,
		/* Where firmware lies when nobody says so; see boot_reserve_static(). */
		{ firmware, image->load - firmware },
		bm->memory_scratch,
		bm->reserved_scratch,
		bm->arena,
		exclude,
	};
	uint32_t count = MAX_AVOID - BOOTARGS_MAX_MEMMAP;
	for (uint32_t i = 0; i < bm->args.memmap_count; i++) {
		if (!bm->args.memmap[i].add) {
			avoid[count++] = bm->args.memmap[i].range;
		}
	}
	struct dt_hole_query query = {
		.facts = &bm->facts,
		.bytes = bytes,
		.align = PAGE_SIZE,
		.avoid = avoid,
		.avoid_count = count,
		.limit = bm->place_limit,
		.near = image->load,
		.taken = is_reserved,
	};
	return dt_find_hole(&query, out);
}

/** memblock asks where a bigger table may lie. */
FPG_INIT static int find_place(void *ctx, phys_addr_t bytes, phys_addr_t exclude_base,
			       phys_addr_t exclude_size, phys_addr_t *out)
{
	struct boot_memory *bm = ctx;
	struct phys_range exclude = { exclude_base, exclude_size };
	struct phys_range place = { bm->arena_next, bytes };
	if (phys_range_end(bm->arena) - bm->arena_next >= bytes &&
	    !phys_ranges_overlap(place, exclude) &&
	    !memblock_is_region_reserved(place.base, bytes)) {
		bm->arena_next += bytes;
		*out = place.base;
		return 0;
	}
	return find_hole(bm, bytes, exclude, out);
}

/**
 * One place for all tables that are going to grow, so that the tree is not searched again for each time one doubles.
 * It is a hint: not reserved, and when there is none that large, places are looked for one by one.
 */
FPG_INIT static void get_arena(struct boot_memory *bm, uint64_t memory, uint64_t reserved)
{
	/* Each no-map range can split a piece of memory, each overlap a reservation. */
	uint64_t memory_regions = memory + 2 * reserved;
	uint64_t reserved_regions = 2 * reserved + OTHER_REGIONS;
	if (memory_regions <= INIT_MEMBLOCK_REGIONS && reserved_regions <= INIT_MEMBLOCK_REGIONS) {
		return;
	}
	/* A table doubles until it is less than twice too large; all its places together are less than twice that. */
	uint64_t regions = 4 * (memory_regions + reserved_regions + reserved);
	phys_addr_t bytes = ALIGN_UP(regions * sizeof(struct memblock_region), PAGE_SIZE);
	phys_addr_t base;
	if (find_hole(bm, bytes, (struct phys_range){ 0, 0 }, &base) == 0) {
		bm->arena = (struct phys_range){ base, bytes };
		bm->arena_next = base;
	}
}

FPG_INIT static phys_addr_t list_bytes(uint32_t ranges)
{
	return ALIGN_UP((phys_addr_t)ranges * sizeof(struct dt_range), PAGE_SIZE);
}

FPG_INIT static void *map_scratch(const struct boot_memory *bm, struct phys_range scratch)
{
	return bm->in.map != NULL && scratch.size != 0 ? bm->in.map(scratch.base, scratch.size) :
							 NULL;
}

/** Find and map storage for the lists that need it, and collect them into it. */
FPG_INIT static int get_lists(struct boot_memory *bm, uint32_t memory, uint32_t reserved)
{
	phys_addr_t base;
	phys_addr_t memory_bytes = list_bytes(memory);
	phys_addr_t bytes = memory_bytes + list_bytes(reserved);
	if (fail_boot_now("boot_memory: lists of ranges") ||
	    find_hole(bm, bytes, (struct phys_range){ 0, 0 }, &base) != 0) {
		pr_err("no free place of %#" PRIx64 " bytes for lists of %" PRIu32 " ranges", bytes,
		       memory + reserved);
		return -ENOMEM;
	}
	bm->memory_scratch = (struct phys_range){ base, memory_bytes };
	bm->reserved_scratch = (struct phys_range){ base + memory_bytes, bytes - memory_bytes };
	void *memory_at = map_scratch(bm, bm->memory_scratch);
	void *reserved_at = map_scratch(bm, bm->reserved_scratch);
	if ((memory_at == NULL && memory != 0) || (reserved_at == NULL && reserved != 0)) {
		pr_err("cannot reach %#" PRIx64 "+%#" PRIx64 " for lists", base, bytes);
		return -ENOMEM;
	}
	return dt_collect_into(&bm->facts, memory_at, memory, reserved_at, reserved) == 0 ? 0 :
											    -ENOMEM;
}

/** memmap=SIZE@BASE is memory like the tree's; there is room. */
FPG_INIT static void append_memmap(struct boot_memory *bm)
{
	struct dt_list *list = &bm->facts.memory;
	for (uint32_t i = 0; i < bm->args.memmap_count; i++) {
		if (bm->args.memmap[i].add) {
			list->at[list->count++] = (struct dt_range){
				.base = bm->args.memmap[i].range.base,
				.size = bm->args.memmap[i].range.size,
				.nid = -1,
				.node = -1,
				.rule = RULE_BOOTARG,
			};
			list->found++;
		}
	}
}

FPG_INIT int boot_scratch_get(struct boot_memory *bm)
{
	const struct dt_list *memory = &bm->facts.memory;
	const struct dt_list *reserved = &bm->facts.reserved;
	uint32_t memory_need = memory->found;
	for (uint32_t i = 0; i < bm->args.memmap_count; i++) {
		memory_need += bm->args.memmap[i].add;
	}
	if (bm->args.mem_bytes != 0 && !phys_range_overflows(memory->lowest, bm->args.mem_bytes)) {
		/* Holes move the limit up, never down. */
		bm->place_limit = memory->lowest + bm->args.mem_bytes;
	}
	uint32_t memory_list = memory_need > memory->capacity ? memory_need : 0;
	uint32_t reserved_list = reserved->found > reserved->capacity ? reserved->found : 0;
	if (memory_list != 0 || reserved_list != 0) {
		int err = get_lists(bm, memory_list, reserved_list);
		if (err != 0) {
			return err;
		}
	}
	append_memmap(bm);
	get_arena(bm, memory_need, reserved->found);
	if (bm->in.map != NULL) {
		/* Without a way to reach them, larger tables are refused. */
		memblock_set_array_place(find_place, bm);
	}
	return 0;
}

FPG_INIT int boot_scratch_reserve(struct boot_memory *bm)
{
	struct mem_owner owner = mem_owner(OWNER_SCRATCH, RULE_ALLOC, -1);
	int err = 0;
	if (bm->memory_scratch.size != 0) {
		err = memblock_reserve_owned(bm->memory_scratch.base, bm->memory_scratch.size,
					     MEMBLOCK_NONE, owner);
	}
	if (err == 0 && bm->reserved_scratch.size != 0) {
		err = memblock_reserve_owned(bm->reserved_scratch.base, bm->reserved_scratch.size,
					     MEMBLOCK_NONE, owner);
	}
	return err;
}

FPG_INIT static void unmap_scratch(const struct boot_memory *bm, void *at,
				   struct phys_range scratch)
{
	if (bm->in.unmap != NULL) {
		bm->in.unmap(at, scratch.size);
	}
}

/** The memory list is asked for the ledger's rows ever after: keep it, in as little memory as it needs. */
FPG_INIT static int shrink_memory_list(struct boot_memory *bm)
{
	struct dt_list *list = &bm->facts.memory;
	struct phys_range old = bm->memory_scratch;
	phys_addr_t bytes = list_bytes(list->count);
	if (list->count <= DT_STATIC_RANGES) {
		memcpy(bm->facts.memory_static, list->at, list->count * sizeof(list->at[0]));
		unmap_scratch(bm, list->at, old);
		list->at = bm->facts.memory_static;
		list->capacity = DT_STATIC_RANGES;
		bm->memory_scratch = (struct phys_range){ 0, 0 };
		return memblock_phys_free(old.base, old.size);
	}
	if (bytes == old.size) {
		return 0;
	}
	unmap_scratch(bm, list->at, old);
	bm->memory_scratch.size = bytes;
	list->at = map_scratch(bm, bm->memory_scratch);
	list->capacity = list->count;
	return list->at != NULL ? memblock_phys_free(old.base + bytes, old.size - bytes) : -ENOMEM;
}

FPG_INIT int boot_scratch_give_back(struct boot_memory *bm)
{
	struct phys_range reserved = bm->reserved_scratch;
	int err = 0;
	if (reserved.size != 0) {
		unmap_scratch(bm, bm->facts.reserved.at, reserved);
		bm->facts.reserved.at = bm->facts.reserved_static;
		bm->facts.reserved.count = 0;
		bm->reserved_scratch = (struct phys_range){ 0, 0 };
		err = memblock_phys_free(reserved.base, reserved.size);
	}
	if (err == 0 && bm->memory_scratch.size != 0) {
		err = shrink_memory_list(bm);
	}
	bm->arena = (struct phys_range){ 0, 0 };
	bm->arena_next = 0;
	memblock_set_array_place(NULL, NULL);
	memblock_allow_resize();
	return err;
}
