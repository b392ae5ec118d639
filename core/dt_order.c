/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Order in the collected lists, so that memblock can be filled from its lower end up: memory as a union of disjoint
 * ranges, reservations ascending, dynamic nodes in the order of their placing.
 */
#include "dt_walk.h"

#include "fpg/base/assert.h"
#include "fpg/base/sort.h"

#include <inttypes.h>
#include <string.h>

FPG_INIT static int compare_u64(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

/** Total: by address, then by place in the tree (the memory reservation block is -1), then by size. */
FPG_INIT static int by_address(const void *a, const void *b)
{
	const struct dt_range *x = a;
	const struct dt_range *y = b;
	if (x->base != y->base) {
		return x->base < y->base ? -1 : 1;
	}
	if (x->node != y->node) {
		return x->node < y->node ? -1 : 1;
	}
	return compare_u64(x->size, y->size);
}

FPG_INIT static int by_place_in_tree(const void *a, const void *b)
{
	const struct dt_range *x = a;
	const struct dt_range *y = b;
	if (x->node != y->node) {
		return x->node < y->node ? -1 : 1;
	}
	return by_address(a, b);
}

/**
 * Those with a place come first. A dynamic node with alloc-ranges has fewer places to go than one without, and a large
 * one fewer than a small one, so they choose first.
 */
FPG_INIT static int reserved_order(const void *a, const void *b)
{
	const struct dt_range *x = a;
	const struct dt_range *y = b;
	bool x_dynamic = x->flags & DT_RANGE_DYNAMIC;
	bool y_dynamic = y->flags & DT_RANGE_DYNAMIC;
	if (x_dynamic != y_dynamic) {
		return x_dynamic ? 1 : -1;
	}
	if (!x_dynamic) {
		return by_address(a, b);
	}
	bool x_bound = x->flags & DT_RANGE_ALLOC_RANGES;
	bool y_bound = y->flags & DT_RANGE_ALLOC_RANGES;
	if (x_bound != y_bound) {
		return x_bound ? -1 : 1;
	}
	if (x->size != y->size) {
		return x->size > y->size ? -1 : 1;
	}
	return by_place_in_tree(a, b);
}

FPG_INIT static bool one_range(const struct dt_range *last, const struct dt_range *next)
{
	return last->base + last->size == next->base && last->node == next->node &&
	       last->nid == next->nid && last->flags == next->flags;
}

FPG_INIT void dt_memory_union(struct dt_facts *facts)
{
	struct dt_list *list = &facts->memory;
	uint32_t kept = 0;
	FPG_CHECK(list->found <= list->capacity);
	sort_elements(list->at, list->count, sizeof(list->at[0]), by_address);
	for (uint32_t i = 0; i < list->count; i++) {
		struct dt_range next = list->at[i];
		struct dt_range *last = kept > 0 ? &list->at[kept - 1] : NULL;
		phys_addr_t end = last != NULL ? last->base + last->size : 0;
		if (last != NULL && next.base < end) {
			dt_warn(facts, next.node,
				"memory %#" PRIx64 "+%#" PRIx64 " overlaps memory %#" PRIx64
				"+%#" PRIx64,
				next.base, next.size, last->base, last->size);
			if (next.size <= end - next.base) {
				continue;
			}
			next.size -= end - next.base;
			next.base = end;
		}
		if (last != NULL && one_range(last, &next)) {
			last->size += next.size;
		} else {
			list->at[kept++] = next;
		}
	}
	list->count = kept;
	list->found = kept;
}

/** Ranges [from, to) hang together by overlaps. Said of each that meets another node's. */
FPG_INIT static void warn_cluster(struct dt_facts *facts, uint32_t from, uint32_t to)
{
	struct dt_range *at = facts->reserved.at;
	uint32_t farthest = from;
	for (uint32_t i = from + 1; i < to; i++) {
		const struct dt_range *a = &at[farthest];
		const struct dt_range *b = &at[i];
		/* The memory reservation block repeats what nodes say on many boards. */
		if (a->node >= 0 && b->node >= 0 && a->node != b->node &&
		    b->base < a->base + a->size) {
			dt_warn(facts, b->node,
				"reserved %#" PRIx64 "+%#" PRIx64 " overlaps reserved %#" PRIx64
				"+%#" PRIx64,
				b->base, b->size, a->base, a->size);
		}
		if (b->base + b->size > a->base + a->size) {
			farthest = i;
		}
	}
}

/** Of ranges [from, to), make one of those that overlap and are of one node. Return: how many are left */
FPG_INIT static uint32_t unite_nodes(struct dt_range *at, uint32_t from, uint32_t to)
{
	uint32_t last = from;
	sort_elements(at + from, to - from, sizeof(*at), by_place_in_tree);
	for (uint32_t i = from + 1; i < to; i++) {
		phys_addr_t end = at[last].base + at[last].size;
		if (at[i].node != at[last].node || at[i].base >= end) {
			at[++last] = at[i];
		} else if (at[i].base + at[i].size > end) {
			at[last].size = at[i].base + at[i].size - at[last].base;
		}
	}
	sort_elements(at + from, last + 1 - from, sizeof(*at), by_address);
	return last + 1 - from;
}

/** The ranges with a place that hang together with range @from. Return: the end of them */
FPG_INIT static uint32_t cluster_end(const struct dt_list *list, uint32_t from, uint32_t placed)
{
	phys_addr_t end = list->at[from].base + list->at[from].size;
	uint32_t i = from + 1;
	for (; i < placed && list->at[i].base < end; i++) {
		phys_addr_t its_end = list->at[i].base + list->at[i].size;
		end = its_end > end ? its_end : end;
	}
	return i;
}

FPG_INIT uint32_t dt_reserved_sort(struct dt_facts *facts)
{
	struct dt_list *list = &facts->reserved;
	uint32_t placed = 0;
	uint32_t kept = 0;
	FPG_CHECK(list->found <= list->capacity);
	sort_elements(list->at, list->count, sizeof(list->at[0]), reserved_order);
	while (placed < list->count && !(list->at[placed].flags & DT_RANGE_DYNAMIC)) {
		placed++;
	}
	for (uint32_t from = 0; from < placed;) {
		uint32_t to = cluster_end(list, from, placed);
		uint32_t left = 1;
		if (to - from > 1) {
			warn_cluster(facts, from, to);
			left = unite_nodes(list->at, from, to);
		}
		memmove(&list->at[kept], &list->at[from], left * sizeof(list->at[0]));
		kept += left;
		from = to;
	}
	memmove(&list->at[kept], &list->at[placed], (list->count - placed) * sizeof(list->at[0]));
	list->count -= placed - kept;
	list->found = list->count;
	return kept;
}
