/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory reservation block and the children of /reserved-memory.
 *
 * Linux drops all reserved nodes when the cells of /reserved-memory differ from the root's or ranges is absent. Losing
 * a reservation is worse than an odd one, so here everything that can be understood is honoured, with a warning.
 */
#include "dt_walk.h"

#include "fpg/base/range.h"

#include <errno.h>
#include <inttypes.h>
#include <libfdt.h>
#include <string.h>

/** Alignment of a dynamic node that asks for none. */
#define DEFAULT_ALIGNMENT PAGE_SIZE

FPG_INIT static void add_reserved(struct dt_facts *facts, struct dt_range *range, const char *prop)
{
	if (range->size == 0) {
		return;
	}
	if (phys_range_overflows(range->base, range->size)) {
		dt_warn(facts, range->node,
			"%s: %#" PRIx64 " bytes at %#" PRIx64
			" pass the end of the address space: cut",
			prop, range->size, range->base);
		range->size = phys_cap_size(range->base, range->size);
	}
	if (range->size != 0) {
		dt_list_add(&facts->reserved, range);
	}
}

FPG_INIT bool dt_memreserve(const void *blob, int i, uint64_t *base, uint64_t *size)
{
	uint64_t block = fdt_off_mem_rsvmap(blob);
	uint64_t end = block + ((uint64_t)i + 1) * sizeof(struct fdt_reserve_entry);
	if ((fdt_off_dt_struct(blob) >= block && end > fdt_off_dt_struct(blob)) ||
	    (fdt_off_dt_strings(blob) >= block && end > fdt_off_dt_strings(blob)) ||
	    end > fdt_totalsize(blob)) {
		return false;
	}
	return fdt_get_mem_rsv(blob, i, base, size) == 0 && (*base != 0 || *size != 0);
}

FPG_INIT void dt_collect_memreserve(struct dt_facts *facts)
{
	struct dt_range range = {
		.nid = -1,
		.node = -1,
		.rule = RULE_MEMRESERVE,
		.kind = OWNER_MEMRESERVE,
	};
	for (int i = 0; dt_memreserve(facts->blob, i, &range.base, &range.size); i++) {
		add_reserved(facts, &range, "memory reservation block");
	}
}

FPG_INIT void dt_check_reserved_memory(struct dt_facts *facts, const struct dt_walk *w)
{
	const struct dt_level *here = dt_here(w);
	const struct dt_level *root = dt_parent(w);
	if (here->cells_absent) {
		dt_warn(facts, w->node,
			"without #address-cells or #size-cells: read with the root's");
	} else if (here->address_cells == DT_BAD_CELLS || here->size_cells == DT_BAD_CELLS) {
		dt_warn(facts, w->node,
			"#address-cells or #size-cells is not a number from 0 to 4");
	} else if (here->address_cells != root->address_cells ||
		   here->size_cells != root->size_cells) {
		dt_warn(facts, w->node,
			"#address-cells %u and #size-cells %u differ from the root's %u and %u: read as written",
			here->address_cells, here->size_cells, root->address_cells,
			root->size_cells);
	}
	if (!here->has_ranges) {
		dt_warn(facts, w->node, "without ranges: addresses are taken as they stand");
	} else if (here->ranges.bytes != 0) {
		dt_warn(facts, w->node, "ranges is not empty: addresses are translated");
	}
}

FPG_INIT static bool name_begins(const struct dt_walk *w, const char *prefix)
{
	return strncmp(w->name, prefix, strlen(prefix)) == 0;
}

/** Flags, rule and kind from the node's properties. */
FPG_INIT static struct dt_range reserved_kind(struct dt_facts *facts, const struct dt_walk *w)
{
	struct dt_range range = {
		.nid = -1,
		.node = w->node,
		.rule = RULE_NODE_REG,
		.kind = OWNER_RESERVED_NODE,
	};
	/* OpenSBI's names for its own memory, since 0.9 and before. Not every version adds no-map. */
	bool firmware = name_begins(w, "mmode_resv") || name_begins(w, "mmode_pmp");
	range.flags = (uint16_t)((dt_has(w, P_NO_MAP) || firmware ? DT_RANGE_NOMAP : 0) |
				 (dt_has(w, P_REUSABLE) ? DT_RANGE_REUSABLE : 0) |
				 (dt_is_compatible(w, "shared-dma-pool") ? DT_RANGE_DMA_POOL : 0) |
				 (dt_has(w, P_CMA_DEFAULT) ? DT_RANGE_CMA_DEFAULT : 0) |
				 (dt_has(w, P_DMA_DEFAULT) ? DT_RANGE_DMA_DEFAULT : 0));
	if (firmware) {
		range.kind = OWNER_FIRMWARE;
	}
	if (dt_has(w, P_NO_MAP) && dt_has(w, P_REUSABLE)) {
		dt_warn(facts, w->node,
			"no-map and reusable exclude each other: reusable is ignored");
		range.flags &= (uint16_t)~DT_RANGE_REUSABLE;
	}
	if (dt_has(w, P_CMA_DEFAULT) && (range.flags & (DT_RANGE_DMA_POOL | DT_RANGE_REUSABLE)) !=
						(DT_RANGE_DMA_POOL | DT_RANGE_REUSABLE)) {
		dt_warn(facts, w->node,
			"linux,cma-default: no CMA area, because it is no reusable shared-dma-pool");
	}
	return range;
}

FPG_INIT static void collect_static(struct dt_facts *facts, const struct dt_walk *w,
				    struct dt_range *range)
{
	const struct dt_level *parent = dt_parent(w);
	struct dt_tuples t = dt_tuples(parent, w->props[P_REG]);
	if (dt_tuple_bytes(&t) == 0) {
		dt_warn(facts, w->node,
			"reg: #address-cells and #size-cells make no range: ignored");
		return;
	}
	int got;
	while ((got = dt_tuple_next(&t, &range->base, &range->size)) != 0) {
		if (got < 0) {
			dt_warn(facts, w->node, "reg: a range of more than 64 bits is ignored");
			continue;
		}
		if (parent->has_ranges &&
		    !dt_translate_once(parent, &w->levels[0], &range->base, range->size)) {
			dt_warn(facts, w->node,
				"reg: %#" PRIx64 " is in no entry of ranges: taken as it stands",
				range->base);
		}
		add_reserved(facts, range, "reg");
	}
	if (t.value.bytes != 0) {
		dt_warn(facts, w->node,
			"reg: the last %" PRIu32 " bytes are no whole range of %" PRIu32
			": ignored",
			t.value.bytes, dt_tuple_bytes(&t));
	}
}

FPG_INIT static void collect_dynamic(struct dt_facts *facts, const struct dt_walk *w,
				     struct dt_range *range)
{
	uint64_t alignment = DEFAULT_ALIGNMENT;
	if (!dt_number(w, P_SIZE, &range->size) || range->size == 0) {
		dt_warn(facts, w->node, "size is not a number of bytes: ignored");
		return;
	}
	if (dt_has(w, P_ALIGNMENT) &&
	    (!dt_number(w, P_ALIGNMENT, &alignment) || (alignment != 0 && !IS_POW2(alignment)))) {
		dt_warn(facts, w->node, "alignment is not a power of two: %#lx is used",
			DEFAULT_ALIGNMENT);
		alignment = DEFAULT_ALIGNMENT;
	}
	range->base = alignment > DEFAULT_ALIGNMENT ? alignment : DEFAULT_ALIGNMENT;
	range->rule = RULE_NODE_DYNAMIC;
	range->flags |= DT_RANGE_DYNAMIC;
	if (dt_has(w, P_ALLOC_RANGES)) {
		struct dt_tuples t = dt_tuples(dt_parent(w), w->props[P_ALLOC_RANGES]);
		uint32_t bytes = dt_tuple_bytes(&t);
		if (bytes == 0 || t.value.bytes == 0 || t.value.bytes % bytes != 0) {
			dt_warn(facts, w->node,
				"alloc-ranges of %" PRIu32
				" bytes is no list of ranges of %" PRIu32,
				t.value.bytes, bytes);
		}
		if (bytes != 0 && t.value.bytes >= bytes) {
			range->flags |= DT_RANGE_ALLOC_RANGES;
			range->address_cells = t.address_cells;
			range->size_cells = t.size_cells;
		}
	}
	dt_list_add(&facts->reserved, range);
}

FPG_INIT void dt_collect_reserved(struct dt_facts *facts, const struct dt_walk *w)
{
	if (!dt_enabled(w)) {
		return;
	}
	struct dt_range range = reserved_kind(facts, w);
	if (dt_has(w, P_REG)) {
		collect_static(facts, w, &range);
	} else if (dt_has(w, P_SIZE)) {
		collect_dynamic(facts, w, &range);
	} else {
		dt_warn(facts, w->node, "reserved node with neither reg nor size: ignored");
	}
}

FPG_INIT struct dt_alloc_ranges dt_alloc_ranges(const struct dt_facts *facts,
						const struct dt_range *dynamic)
{
	int bytes = 0;
	const void *data = NULL;
	if (dynamic->flags & DT_RANGE_ALLOC_RANGES) {
		data = fdt_getprop(facts->blob, dynamic->node, "alloc-ranges", &bytes);
	}
	return (struct dt_alloc_ranges){
		.data = data,
		.bytes = data != NULL ? (uint32_t)bytes : 0,
		.address_cells = dynamic->address_cells,
		.size_cells = dynamic->size_cells,
	};
}

FPG_INIT int dt_alloc_ranges_next(struct dt_alloc_ranges *ranges, struct phys_range *out)
{
	struct dt_tuples t = {
		.value = { ranges->data, ranges->bytes },
		.address_cells = ranges->address_cells,
		.size_cells = ranges->size_cells,
	};
	int got = dt_tuple_next(&t, &out->base, &out->size);
	ranges->data = t.value.data;
	ranges->bytes = t.value.bytes;
	if (got <= 0) {
		return got == 0 ? -ENOENT : got;
	}
	out->size = phys_cap_size(out->base, out->size);
	return 0;
}
