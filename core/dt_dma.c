/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses as devices see them. From the root towards the device each bus with dma-ranges changes an address of its
 * parent's side into one of its own. Source: Devicetree Specification v0.4, 2.3.9 (dma-ranges).
 */
#include "dt_walk.h"

#include <errno.h>
#include <libfdt.h>

int32_t dt_node_by_path(const struct dt_facts *facts, const char *path)
{
	const int node = fdt_path_offset(facts->blob, path);
	return node < 0 ? -ENOENT : node;
}

/** Cells of one entry: of the bus's side, of its parent's side, of the size. */
struct entry_cells {
	uint32_t child;
	uint32_t parent;
	uint32_t size;
};

static int change(const uint8_t *p, uint32_t bytes, struct entry_cells cells, uint64_t size,
		  uint64_t *address)
{
	const uint32_t step = (cells.child + cells.parent + cells.size) * (uint32_t)sizeof(fdt32_t);
	if (step == 0 || bytes % step != 0) {
		return -EINVAL;
	}
	for (; bytes != 0; bytes -= step, p += step) {
		const uint8_t *parent = p + cells.child * sizeof(fdt32_t);
		uint64_t to;
		uint64_t from;
		uint64_t span;
		if (!dt_cells(p, cells.child, &to) || !dt_cells(parent, cells.parent, &from) ||
		    !dt_cells(parent + cells.parent * sizeof(fdt32_t), cells.size, &span)) {
			continue;
		}
		const uint64_t offset = *address - from;
		if (*address >= from && offset < span && size <= span - offset &&
		    offset <= UINT64_MAX - to) {
			*address = to + offset;
			return 0;
		}
	}
	return -ERANGE;
}

int dt_phys_to_dma(const void *blob, int32_t node, struct phys_range phys, uint64_t *dma,
		   int32_t *where)
{
	const int depth = fdt_node_depth(blob, node);
	uint64_t address = phys.base;
	*where = 0;
	for (int level = 1; level < depth; level++) {
		const int bus = fdt_supernode_atdepth_offset(blob, node, level, NULL);
		const int above = fdt_supernode_atdepth_offset(blob, node, level - 1, NULL);
		int bytes = 0;
		const uint8_t *ranges = fdt_getprop(blob, bus, "dma-ranges", &bytes);
		const int child = fdt_address_cells(blob, bus);
		const int parent = fdt_address_cells(blob, above);
		const int size = fdt_size_cells(blob, bus);
		if (ranges == NULL || bytes == 0) {
			continue;
		}
		*where = bus;
		if (child < 0 || parent < 0 || size < 0) {
			return -EINVAL;
		}
		const int err = change(ranges, (uint32_t)bytes,
				       (struct entry_cells){ (uint32_t)child, (uint32_t)parent,
							     (uint32_t)size },
				       phys.size, &address);
		if (err != 0) {
			return err;
		}
	}
	*dma = address;
	return depth < 0 ? -EINVAL : 0;
}
