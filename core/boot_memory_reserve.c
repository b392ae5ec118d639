/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reservations, each with its owner: image segments, blob, initrd; then the memory reservation block and reserved
 * nodes, ascending; the guess about firmware; memmap=; last the nodes that only say how much they want.
 *
 * Reservations are exact to the byte; core/boot_memory_overlap.c has those of the tree. Of overlapping ones the first holds the bytes and the later is kept by memblock
 * as a claim. No-map is about pages, so no-map memory is rounded outwards.
 */
#define LOG_MODULE "memory"
#include "boot_memory_private.h"

#include "fpg/base/range.h"
#include "fpg/core/log.h"
#include "fpg/core/memblock.h"
#include "fpg/core/pageblock.h"

#include <errno.h>
#include <inttypes.h>

/** A CMA area is lent by whole pageblocks. */
#define CMA_ALIGN (PAGEBLOCK_NR_PAGES * PAGE_SIZE)

/** Distance from the start of RAM at which firmware starts its payload: what text_offset in the image header asks for. */
#define PAYLOAD_OFFSET SZ_2M

FPG_INIT int boot_reserve(const struct boot_reservation *r)
{
	struct phys_range range = r->range;
	enum memblock_flags flags = r->nomap ? MEMBLOCK_NOMAP : MEMBLOCK_NONE;
	int err = r->unclaimed ?
			  memblock_reserve_unclaimed(range.base, range.size, flags, r->owner) :
			  memblock_reserve_owned(range.base, range.size, flags, r->owner);
	phys_addr_t first = ALIGN_DOWN(range.base, PAGE_SIZE);
	phys_addr_t end = phys_range_end(range);
	phys_addr_t last = end > ALIGN_DOWN(PHYS_ADDR_MAX, PAGE_SIZE) ? PHYS_ADDR_MAX :
									ALIGN_UP(end, PAGE_SIZE);
	if (err == 0 && r->nomap && (first != range.base || last != end)) {
		err = memblock_mark_nomap(first, last - first);
	}
	return err;
}

FPG_INIT static int reserve(struct phys_range range, bool nomap, struct mem_owner owner)
{
	return boot_reserve(
		&(struct boot_reservation){ .range = range, .owner = owner, .nomap = nomap });
}

/* ---- what was loaded ----------------------------------------------------------------------------------------- */

FPG_INIT static struct phys_range image_range(const struct boot_memory *bm)
{
	return (struct phys_range){ bm->in.image->load, bm->in.image->bytes };
}

FPG_INIT static struct phys_range blob_range(const struct boot_memory *bm)
{
	return (struct phys_range){ bm->in.blob_phys, bm->in.blob_bytes };
}

FPG_INIT static void warn_overlap(const char *what, struct phys_range a, const char *other,
				  struct phys_range b)
{
	if (phys_ranges_overlap(a, b)) {
		pr_warn("%s at %#" PRIx64 "+%#" PRIx64 " overlaps %s at %#" PRIx64 "+%#" PRIx64,
			what, a.base, a.size, other, b.base, b.size);
	}
}

FPG_INIT static int reserve_image(struct boot_memory *bm)
{
	const struct kernel_image *image = bm->in.image;
	struct phys_range run = boot_ram_run(bm, image->load);
	if (run.size == 0 || phys_range_end(run) - image->load < image->bytes) {
		pr_warn("the image at %#" PRIx64 "+%#" PRIx64
			" does not lie in memory the tree describes",
			image->load, image->bytes);
	}
	for (uint32_t i = 0; i < image->segment_count; i++) {
		const struct kernel_segment *s = &image->segments[i];
		int err = reserve((struct phys_range){ s->pa, s->bytes }, false,
				  mem_owner((enum owner_kind)s->owner, RULE_LINKED, -1));
		if (err != 0) {
			return err;
		}
	}
	return 0;
}

FPG_INIT static int reserve_loaded(struct boot_memory *bm)
{
	int err = reserve_image(bm);
	warn_overlap("device tree", blob_range(bm), "the image", image_range(bm));
	if (err == 0) {
		err = reserve(blob_range(bm), false, mem_owner(OWNER_DTB, RULE_A1, -1));
	}
	if (err == 0 && bm->initrd.size != 0) {
		warn_overlap("initrd", bm->initrd, "the image", image_range(bm));
		warn_overlap("initrd", bm->initrd, "the device tree", blob_range(bm));
		if (boot_ram_run(bm, bm->initrd.base).size == 0) {
			pr_warn("initrd at %#" PRIx64 "+%#" PRIx64
				" does not lie in memory the tree describes",
				bm->initrd.base, bm->initrd.size);
		}
		err = reserve(bm->initrd, false,
			      mem_owner(OWNER_INITRD, RULE_INITRD, bm->facts.chosen.node));
	}
	return err;
}

/* ---- what the tree reserves ---------------------------------------------------------------------------------- */

FPG_INIT static bool is_cma(const struct dt_range *r)
{
	return (r->flags & DT_RANGE_DMA_POOL) && (r->flags & DT_RANGE_REUSABLE);
}

FPG_INIT struct mem_owner boot_range_owner(const struct dt_range *r)
{
	return mem_owner(is_cma(r) ? OWNER_CMA : (enum owner_kind)r->kind, (enum owner_rule)r->rule,
			 r->node);
}

FPG_INIT void boot_meet_listed(struct boot_memory *bm, const struct dt_range *r)
{
	struct phys_range range = { r->base, r->size };
	if (phys_ranges_overlap(range, image_range(bm))) {
		dt_warn(&bm->facts, r->node, "%s%#" PRIx64 "+%#" PRIx64 " overlaps the image",
			r->node < 0 ? "memory reservation block: " : "reserved ", r->base, r->size);
	}
}

/**
 * Some firmware neither describes its memory nor can bear it being used. When the payload was started 2 MiB above the
 * start of RAM and nothing in the tree is about the bytes before it, they are taken to be firmware.
 * Return: size 0 when there is nothing to guess
 */
FPG_INIT static struct phys_range guess_firmware(const struct boot_memory *bm, uint32_t placed)
{
	phys_addr_t load = bm->in.image->load;
	struct phys_range run = boot_ram_run(bm, load);
	if (!FPG_ENABLED(CONFIG_FIRMWARE_GUESS) || !bm->args.firmware_guess || run.size == 0 ||
	    load - run.base != PAYLOAD_OFFSET) {
		return (struct phys_range){ 0, 0 };
	}
	struct phys_range guess = { run.base, load - run.base };
	for (uint32_t i = 0; i < placed; i++) {
		const struct dt_range *r = &bm->facts.reserved.at[i];
		if (phys_ranges_overlap(guess, (struct phys_range){ r->base, r->size })) {
			return (struct phys_range){ 0, 0 };
		}
	}
	return guess;
}

FPG_INIT static int reserve_guess(struct boot_memory *bm, struct phys_range guess)
{
	if (guess.size == 0) {
		return 0;
	}
	pr_warn("nothing describes the firmware: %#" PRIx64 "+%#" PRIx64
		" below the image is taken to be its (firmware_guess=off keeps it free)",
		guess.base, guess.size);
	bm->guess = guess;
	return reserve(guess, true, mem_owner(OWNER_FIRMWARE, RULE_FIRMWARE_GUESS, -1));
}

FPG_INIT static int reserve_memmap(struct boot_memory *bm)
{
	for (uint32_t i = 0; i < bm->args.memmap_count; i++) {
		const struct bootargs_range *m = &bm->args.memmap[i];
		if (m->add) {
			continue;
		}
		warn_overlap("memmap=", m->range, "the image", image_range(bm));
		int err = reserve(m->range, false, mem_owner(OWNER_BOOTARG, RULE_BOOTARG, -1));
		if (err != 0) {
			return err;
		}
	}
	return 0;
}

FPG_INIT int boot_reserve_static(struct boot_memory *bm, uint32_t placed)
{
	struct phys_range guess = guess_firmware(bm, placed);
	int err = reserve_loaded(bm);
	if (err == 0) {
		err = boot_reserve_listed(bm, placed);
	}
	if (err == 0) {
		err = reserve_guess(bm, guess);
	}
	if (err == 0) {
		err = reserve_memmap(bm);
	}
	return err;
}

/* ---- nodes that only say how much ------------------------------------------------------------------------------ */

/** Regions that all searches for places may look at together: trees that are meant to boot need a small part of it. */
#define PLACE_PATIENCE (1UL << 24)

/** One more search, which looks at each region at most once. Return: false when that is too many; none is left then */
FPG_INIT static bool may_search(uint64_t *patience)
{
	uint64_t regions = memblock_used(&memblock.memory) + memblock_used(&memblock.reserved);
	bool may = *patience >= regions;
	*patience = may ? *patience - regions : 0;
	return may;
}

/** First of the node's alloc-ranges that has room, from its top down; anywhere without alloc-ranges. 0: none. */
FPG_INIT static phys_addr_t place_dynamic(const struct boot_memory *bm, const struct dt_range *r,
					  uint64_t bytes, phys_addr_t align, uint64_t *patience)
{
	struct mem_owner owner = boot_range_owner(r);
	if (!(r->flags & DT_RANGE_ALLOC_RANGES)) {
		return !may_search(patience) ?
			       0 :
			       memblock_phys_alloc_owned(bytes, align, 0, MEMBLOCK_ALLOC_ANYWHERE,
							 NUMA_NO_NODE, owner);
	}
	struct dt_alloc_ranges ranges = dt_alloc_ranges(&bm->facts, r);
	for (;;) {
		struct phys_range range;
		int err = dt_alloc_ranges_next(&ranges, &range);
		if (err == -ENOENT) {
			return 0;
		}
		phys_addr_t got = 0;
		if (err == 0 && range.size >= bytes) {
			if (!may_search(patience)) {
				return 0;
			}
			got = memblock_phys_alloc_owned(bytes, align, range.base,
							phys_range_end(range), NUMA_NO_NODE, owner);
		}
		if (got != 0) {
			return got;
		}
	}
}

FPG_INIT int boot_reserve_dynamic(struct boot_memory *bm, uint32_t placed)
{
	const struct dt_list *list = &bm->facts.reserved;
	uint64_t patience = PLACE_PATIENCE;
	for (uint32_t i = placed; i < list->count; i++) {
		const struct dt_range *r = &list->at[i];
		bool cma = is_cma(r);
		phys_addr_t align = cma && r->base < CMA_ALIGN ? CMA_ALIGN : r->base;
		uint64_t bytes = r->size;
		uint64_t unit = cma ? CMA_ALIGN : PAGE_SIZE;
		phys_addr_t base = 0;
		if (bytes <= UINT64_MAX - unit) {
			bytes = ALIGN_UP(bytes, unit);
			base = place_dynamic(bm, r, bytes, align, &patience);
		}
		if (base == 0) {
			dt_warn(&bm->facts, r->node,
				"no place for %#" PRIx64 " bytes aligned to %#" PRIx64 "%s%s",
				r->size, align,
				r->flags & DT_RANGE_ALLOC_RANGES ? " in its alloc-ranges" : "",
				patience == 0 ? ": too many ranges to look through" : "");
			continue;
		}
		struct phys_range range = { base, bytes };
		pr_info("%#" PRIx64 "+%#" PRIx64
			" is the place of a reserved node that asked for %#" PRIx64 " bytes",
			base, bytes, r->size);
		int err = r->flags & DT_RANGE_NOMAP ? reserve(range, true, boot_range_owner(r)) : 0;
		if (err != 0) {
			return err;
		}
	}
	return 0;
}
