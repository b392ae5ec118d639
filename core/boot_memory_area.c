/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Areas for CMA and DMA that nodes ask for. Nothing is kept about them: memblock knows who holds what, and the node says
 * what for, so there may be as many as memblock can hold.
 */
#define LOG_MODULE "memory"
#include "boot_memory_private.h"

#include "fpg/base/range.h"
#include "fpg/core/log.h"
#include "fpg/core/memblock.h"

#include <errno.h>
#include <inttypes.h>
#include <libfdt.h>

FPG_INIT static uint16_t flags_of(const void *blob, int node)
{
	static const struct {
		const char *name;
		uint16_t flag;
	} properties[] = {
		{ "reusable", DT_RANGE_REUSABLE },
		{ "no-map", DT_RANGE_NOMAP },
		{ "linux,cma-default", DT_RANGE_CMA_DEFAULT },
		{ "linux,dma-default", DT_RANGE_DMA_DEFAULT },
		{ "firstpage,guaranteed", DT_RANGE_GUARANTEED },
	};
	uint16_t flags = 0;
	for (size_t i = 0; i < ARRAY_SIZE(properties); i++) {
		if (fdt_getprop(blob, node, properties[i].name, NULL) != NULL) {
			flags |= properties[i].flag;
		}
	}
	if (fdt_node_check_compatible(blob, node, "shared-dma-pool") == 0) {
		flags |= DT_RANGE_DMA_POOL;
	}
	return flags;
}

FPG_INIT bool boot_memory_next_area(const struct boot_memory *bm, phys_addr_t *at,
				    struct boot_area *area)
{
	const struct memblock_type *reserved = &memblock.reserved;
	for (unsigned long i = memblock_region_index(reserved, *at); i < memblock_used(reserved);
	     i++) {
		const struct memblock_region *r = &reserved->regions[i];
		const bool cma = r->owner.kind == OWNER_CMA;
		if (r->owner.node < 0 || (!cma && r->owner.kind != OWNER_RESERVED_NODE)) {
			continue;
		}
		const uint16_t flags = flags_of(bm->facts.blob, r->owner.node);
		if (cma || (flags & (DT_RANGE_DMA_POOL | DT_RANGE_DMA_DEFAULT))) {
			*area = (struct boot_area){
				{ r->base, r->size }, r->owner.node, flags, cma
			};
			*at = r->base + r->size;
			return true;
		}
	}
	return false;
}

struct overlap {
	struct phys_range area;
	const struct memblock_region *claim;
};

static bool find_overlap(void *ctx, const struct memblock_region *claim)
{
	struct overlap *o = ctx;
	if (phys_ranges_overlap(o->area, (struct phys_range){ claim->base, claim->size })) {
		o->claim = claim;
	}
	return o->claim == NULL;
}

const struct memblock_region *boot_area_claim(struct phys_range area)
{
	struct overlap o = { .area = area };
	memblock_for_each_claim(find_overlap, &o);
	return o.claim;
}

FPG_INIT const struct memblock_region *boot_area_held(const struct memblock_region *range, int node,
						      bool mine)
{
	const struct memblock_type *reserved = &memblock.reserved;
	for (unsigned long i = memblock_region_index(reserved, range->base);
	     i < memblock_used(reserved) && reserved->regions[i].base < range->base + range->size;
	     i++) {
		if ((reserved->regions[i].owner.node == node) == mine) {
			return &reserved->regions[i];
		}
	}
	return NULL;
}

struct rival {
	int node;
	bool found;
	struct mem_owner owner;
};

FPG_INIT static bool find_rival(void *ctx, const struct memblock_region *claim)
{
	struct rival *r = ctx;
	/* Who came later has the claim; the other one holds the bytes. */
	const bool later = claim->owner.node == r->node;
	const struct memblock_region *held = boot_area_held(claim, r->node, !later);
	if (held != NULL) {
		r->found = true;
		r->owner = later ? held->owner : claim->owner;
	}
	return !r->found;
}

FPG_INIT bool boot_area_rival(int node, struct mem_owner *owner)
{
	struct rival r = { .node = node };
	memblock_for_each_claim(find_rival, &r);
	*owner = r.owner;
	return r.found;
}

FPG_INIT int boot_memory_release_cma(struct boot_memory *bm)
{
	struct boot_area area;
	phys_addr_t at = 0;
	int err = 0;
	while (err == 0 && boot_memory_next_area(bm, &at, &area)) {
		if (!area.cma || boot_area_claim(area.range) != NULL) {
			continue;
		}
		char path[DT_PATH_BYTES];
		pr_info("no CMA in this build: %#" PRIx64 "+%#" PRIx64 " of %s is free",
			area.range.base, area.range.size,
			dt_node_path(bm->facts.blob, area.node, path, sizeof(path)));
		err = memblock_phys_free(area.range.base, area.range.size);
	}
	return err;
}
