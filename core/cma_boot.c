/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which areas there are: those of the device tree, which the memblock stage has reserved, and that of cma= or of the
 * build's configuration. First memory is reserved, before anybody else allocates; areas are made of it when the linear
 * map is on.
 */
#define LOG_MODULE "cma"
#include "cma_private.h"

#include "fpg/base/parse.h"
#include "fpg/base/range.h"
#include "fpg/core/boot_memory.h"
#include "fpg/core/log.h"
#include "fpg/core/memblock.h"

#include <errno.h>
#include <inttypes.h>
#include <libfdt.h>
#include <string.h>

#ifndef CONFIG_CMA_SIZE_MBYTES
#define CONFIG_CMA_SIZE_MBYTES 0
#endif
#ifndef CONFIG_CMA_SIZE_PERCENTAGE
#define CONFIG_CMA_SIZE_PERCENTAGE 0
#endif

#define AREA_ALIGN (PAGEBLOCK_NR_PAGES * PAGE_SIZE)

/* ---- how large ------------------------------------------------------------------------------- */

FPG_INIT uint64_t cma_size_of(enum cma_size_rule rule, uint64_t ram_bytes, uint64_t mbytes,
			      unsigned int percentage)
{
	const uint64_t fixed = mbytes * SZ_1M;
	const uint64_t share = ram_bytes / 100 * percentage;
	switch (rule) {
	case CMA_SIZE_PERCENTAGE:
		return share;
	case CMA_SIZE_SMALLER:
		return share < fixed ? share : fixed;
	case CMA_SIZE_LARGER:
		return share > fixed ? share : fixed;
	default:
		return fixed;
	}
}

FPG_INIT static enum cma_size_rule configured_rule(void)
{
	return FPG_ENABLED(CONFIG_CMA_SIZE_SEL_PERCENTAGE) ? CMA_SIZE_PERCENTAGE :
	       FPG_ENABLED(CONFIG_CMA_SIZE_SEL_MIN)	   ? CMA_SIZE_SMALLER :
	       FPG_ENABLED(CONFIG_CMA_SIZE_SEL_MAX)	   ? CMA_SIZE_LARGER :
							     CMA_SIZE_MBYTES;
}

FPG_INIT static bool tree_has_default(const struct boot_memory *bm)
{
	struct boot_area area;
	phys_addr_t at = 0;
	while (boot_memory_next_area(bm, &at, &area)) {
		if (area.cma && (area.flags & DT_RANGE_CMA_DEFAULT)) {
			return true;
		}
	}
	return false;
}

/* ---- reserving ------------------------------------------------------------------------------- */

FPG_INIT static int reserve_fixed(phys_addr_t base, phys_addr_t size, struct mem_owner owner)
{
	const struct phys_range range = { base, size };
	if (!IS_ALIGNED(base, AREA_ALIGN) || phys_range_overflows(base, size)) {
		return -EINVAL;
	}
	if (memblock_is_region_reserved(base, size) || !memblock_is_region_memory(base, size)) {
		return -EBUSY;
	}
	return memblock_reserve_owned(range.base, range.size, MEMBLOCK_NONE, owner);
}

/** Below 4 GiB when there is room, because devices can reach that; the area lies in one zone so. */
FPG_INIT static int reserve_anywhere(const struct bootargs_cma *want, phys_addr_t size,
				     struct mem_owner owner)
{
	const phys_addr_t most = want->limit != 0 ? want->limit : MEMBLOCK_ALLOC_ANYWHERE;
	const phys_addr_t low = most < 4 * SZ_1G ? most : 4 * SZ_1G;
	phys_addr_t got = 0;
	if (want->base < low) {
		got = memblock_find_in_range(want->base, low, size, AREA_ALIGN);
	}
	if (got == 0) {
		const phys_addr_t from = want->base > low ? want->base : low;
		got = from < most ? memblock_find_in_range(from, most, size, AREA_ALIGN) : 0;
	}
	return got == 0 ? -ENOMEM : memblock_reserve_owned(got, size, MEMBLOCK_NONE, owner);
}

FPG_INIT void cma_reserve(struct boot_memory *bm)
{
	struct bootargs_cma want = bm->args.cma;
	struct mem_owner owner = mem_owner(OWNER_CMA, RULE_BOOTARG, -1);
	const char *who = "cma=";
	char size[24];
	if (!want.given) {
		want.bytes = tree_has_default(bm) ? 0 :
						    cma_size_of(configured_rule(), bm->ram_bytes,
								CONFIG_CMA_SIZE_MBYTES,
								CONFIG_CMA_SIZE_PERCENTAGE);
		owner = mem_owner(OWNER_CMA, RULE_CONFIG, -1);
		who = "the configuration's area";
	}
	if (want.bytes == 0) {
		return;
	}
	int err = -ENOMEM;
	if (want.bytes <= PHYS_ADDR_MAX - AREA_ALIGN) {
		const phys_addr_t bytes = ALIGN_UP(want.bytes, AREA_ALIGN);
		err = want.fixed ? reserve_fixed(want.base, bytes, owner) :
				   reserve_anywhere(&want, bytes, owner);
	}
	if (err != 0) {
		pr_warn("%s: no CMA area of %s: %s", who,
			format_size(size, sizeof(size), want.bytes),
			err == -EINVAL ? "its place is no multiple of a pageblock" :
			err == -EBUSY  ? "the place is taken, or no memory" :
					 "no place is large enough");
	}
}

/* ---- making areas ---------------------------------------------------------------------------- */

FPG_INIT static const char *path_of(const struct boot_memory *bm, int node,
				    char path[DT_PATH_BYTES])
{
	return dt_node_path(bm->facts.blob, node, path, DT_PATH_BYTES);
}

/** The last part of the node's path, as Linux names areas. */
FPG_INIT static const char *name_of(const char *path)
{
	const char *last = strrchr(path, '/');
	return last != NULL ? last + 1 : path;
}

FPG_INIT static void refuse(const char *path, struct phys_range range, const char *why,
			    const char *whose)
{
	pr_warn("%s: %#" PRIx64 "+%#" PRIx64 " is no CMA area and stays reserved: %s%s", path,
		range.base, range.size, why, whose);
}

/** A node's range. Return: the area, or NULL: it was refused. */
FPG_INIT static struct cma *make_of_node(const struct boot_memory *bm, const struct boot_area *area)
{
	char path[DT_PATH_BYTES];
	char other[DT_PATH_BYTES];
	struct mem_owner rival;
	struct cma *cma = NULL;
	const char *fault = cma_range_fault(area->range, 0);
	(void)path_of(bm, area->node, path);
	if (boot_area_rival(area->node, &rival)) {
		refuse(path, area->range, "it overlaps ",
		       rival.node >= 0 ? path_of(bm, rival.node, other) :
					 owner_kind_name((enum owner_kind)rival.kind));
	} else if (fault != NULL) {
		refuse(path, area->range, fault, "");
	} else if (cma_make(area->range, 0, name_of(path), area->node, &cma) == 0 &&
		   (area->flags & DT_RANGE_GUARANTEED)) {
		cma_set_guaranteed(cma);
	}
	return cma;
}

FPG_INIT static void make_of_tree(const struct boot_memory *bm)
{
	struct boot_area area;
	phys_addr_t at = 0;
	while (boot_memory_next_area(bm, &at, &area)) {
		struct cma *cma = area.cma ? make_of_node(bm, &area) : NULL;
		if (cma != NULL && (area.flags & DT_RANGE_CMA_DEFAULT) &&
		    cma_default_area == NULL) {
			cma_default_area = cma;
		}
	}
}

/** Nodes that got nothing at all: others hold every byte. */
FPG_INIT static bool name_lost(void *ctx, const struct memblock_region *claim)
{
	const struct boot_memory *bm = ctx;
	const struct phys_range range = { claim->base, claim->size };
	char path[DT_PATH_BYTES];
	if (claim->owner.kind != OWNER_CMA || claim->owner.node < 0 ||
	    boot_area_held(claim, claim->owner.node, true) != NULL) {
		return true;
	}
	refuse(path_of(bm, claim->owner.node, path), range, "others hold all of its memory", "");
	return true;
}

/** The range of cma= or of the configuration; size 0: none. */
FPG_INIT static struct phys_range reserved_for_default(void)
{
	const struct memblock_type *reserved = &memblock.reserved;
	for (unsigned long i = 0; i < memblock_used(reserved); i++) {
		const struct memblock_region *r = &reserved->regions[i];
		if (r->owner.kind == OWNER_CMA && r->owner.node < 0 &&
		    r->owner.rule != RULE_ALLOC) {
			return (struct phys_range){ r->base, r->size };
		}
	}
	return (struct phys_range){ 0, 0 };
}

FPG_INIT void cma_boot(struct boot_memory *bm)
{
	struct cma *cma = NULL;
	make_of_tree(bm);
	memblock_for_each_claim(name_lost, bm);
	const struct phys_range range = reserved_for_default();
	if (range.size == 0) {
		return;
	}
	const char *fault = cma_range_fault(range, 0);
	if (fault != NULL) {
		refuse("cma=", range, fault, "");
	} else if (cma_make(range, 0, "reserved", -1, &cma) == 0) {
		if (bm->args.cma_guaranteed || FPG_ENABLED(CONFIG_CMA_GUARANTEED)) {
			cma_set_guaranteed(cma);
		}
		cma_default_area = cma_default_area != NULL ? cma_default_area : cma;
	}
}

struct cma *cma_of_device(const struct boot_memory *bm, int node)
{
	int bytes = 0;
	const fdt32_t *phandles = fdt_getprop(bm->facts.blob, node, "memory-region", &bytes);
	for (int i = 0; phandles != NULL && i < bytes / (int)sizeof(*phandles); i++) {
		const int region =
			fdt_node_offset_by_phandle(bm->facts.blob, fdt32_ld(&phandles[i]));
		for (struct cma *cma = cma_list; region >= 0 && cma != NULL; cma = cma->next) {
			if (cma->node == region) {
				return cma;
			}
		}
	}
	return cma_default_area;
}
