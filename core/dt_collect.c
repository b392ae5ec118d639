/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one pass that collects: each node is shown to the part of the collection that it is about.
 *
 * Invariant: a second pass (for range lists that outgrew their static storage) sees the same ranges in the same order
 * and says nothing.
 */
#define LOG_MODULE "dt"
#include "dt_walk.h"

#include "fpg/base/sort.h"
#include "fpg/core/log.h"

#include <errno.h>
#include <inttypes.h>
#include <libfdt.h>
#include <string.h>

#define LOCAL_DISTANCE	10
#define REMOTE_DISTANCE 20

const char *dt_node_path(const void *blob, int32_t node, char *buf, size_t buf_bytes)
{
	int err = node < 0 ? node : fdt_get_path(blob, node, buf, (int)buf_bytes);
	if (err == -FDT_ERR_NOSPACE) {
		/* What fits of the node's own name is worth more than the start of its path. */
		struct out_buffer b;
		const char *name = fdt_get_name(blob, node, NULL);
		out_buffer_init(&b, buf, buf_bytes - 3);
		out_printf(&b.out, ".../%s", name != NULL ? name : "?");
		memcpy(buf + b.used, "...", b.overflow != 0 ? 4 : 0);
	} else if (err < 0) {
		memcpy(buf, "?", 2);
	}
	out_hide_controls(buf);
	return buf;
}

FPG_INIT void dt_warn(struct dt_facts *facts, int32_t node, const char *fmt, ...)
{
	if (facts->quiet || ++facts->warnings > DT_MAX_WARNINGS) {
		return;
	}
	char text[200];
	char path[DT_PATH_BYTES];
	struct out_buffer b;
	va_list ap;
	out_buffer_init(&b, text, sizeof(text));
	va_start(ap, fmt);
	out_vprintf(&b.out, fmt, ap);
	va_end(ap);
	if (node < 0) {
		pr_warn("%s", text);
	} else {
		pr_warn("%s: %s", dt_node_path(facts->blob, node, path, sizeof(path)), text);
	}
}

/** Order of a heap of ranges with the smallest on top. */
FPG_INIT static int smaller_last(const void *a, const void *b)
{
	const struct dt_range *x = a;
	const struct dt_range *y = b;
	return x->size == y->size ? 0 : x->size < y->size ? 1 : -1;
}

/** Ranges that continue each other are one. */
FPG_INIT static bool continues(const struct dt_range *last, const struct dt_range *next)
{
	return last->node == next->node && last->kind == next->kind && last->flags == next->flags &&
	       last->nid == next->nid && !(next->flags & DT_RANGE_DYNAMIC) && next->node >= 0 &&
	       last->base + last->size == next->base;
}

FPG_INIT void dt_list_add(struct dt_list *list, const struct dt_range *range)
{
	if (range->base < list->lowest) {
		list->lowest = range->base;
	}
	if (list->found == list->count && list->count > 0 &&
	    continues(&list->at[list->count - 1], range)) {
		list->at[list->count - 1].size += range->size;
		return;
	}
	list->found++;
	if (list->count < list->capacity) {
		list->at[list->count++] = *range;
		return;
	}
	/* Not complete any more. The largest ranges are kept: among them a place for all is looked for. */
	if (list->found == list->capacity + 1) {
		sort_heap_make(list->at, list->count, sizeof(*range), smaller_last);
	}
	if (list->count > 0 && range->size > list->at[0].size) {
		list->at[0] = *range;
		sort_heap_replaced(list->at, list->count, sizeof(*range), smaller_last);
	}
}

FPG_INIT static void collect_root(struct dt_facts *facts, const struct dt_walk *w)
{
	const struct dt_level *root = dt_here(w);
	facts->model = dt_string(w, P_MODEL);
	facts->compatible = dt_string(w, P_COMPATIBLE);
	facts->compatible_bytes = facts->compatible != NULL ? w->props[P_COMPATIBLE].bytes : 0;
	if (root->address_cells == DT_BAD_CELLS || root->size_cells == DT_BAD_CELLS) {
		dt_warn(facts, w->node,
			"#address-cells or #size-cells is not a number from 0 to 4");
	}
}

FPG_INIT static void collect_timebase(struct dt_facts *facts, const struct dt_walk *w)
{
	uint64_t hz;
	if (facts->timebase_hz != 0 || !dt_has(w, P_TIMEBASE)) {
		return;
	}
	if (!dt_number(w, P_TIMEBASE, &hz) || hz == 0) {
		dt_warn(facts, w->node, "timebase-frequency is not a number of ticks: ignored");
		return;
	}
	facts->timebase_hz = hz;
}

/** Range lists only: what a second pass is for. */
FPG_INIT static void collect_ranges(struct dt_facts *facts, const struct dt_walk *w)
{
	const struct dt_level *here = dt_here(w);
	if (here->class == DT_RESERVED_MEMORY) {
		dt_check_reserved_memory(facts, w);
	} else if (here->class == DT_RESERVED_NODE) {
		dt_collect_reserved(facts, w);
	} else {
		dt_collect_memory(facts, w);
	}
}

FPG_INIT static void collect_node(struct dt_facts *facts, const struct dt_walk *w)
{
	switch ((enum dt_class)dt_here(w)->class) {
	case DT_ROOT:
		collect_root(facts, w);
		break;
	case DT_CHOSEN:
		dt_collect_chosen(facts, w);
		break;
	case DT_ALIASES:
		facts->aliases = w->node;
		break;
	case DT_CPUS:
		collect_timebase(facts, w);
		break;
	case DT_CPU:
		collect_timebase(facts, w);
		dt_collect_cpu(facts, w);
		break;
	case DT_RESERVED_MEMORY:
	case DT_RESERVED_NODE:
		collect_ranges(facts, w);
		break;
	case DT_OTHER:
		collect_ranges(facts, w);
		dt_collect_console(facts, w);
		if (dt_has(w, P_COMPATIBLE)) {
			dt_collect_poweroff(facts, w);
			dt_collect_distances(facts, w);
		}
		break;
	}
}

FPG_INIT static void use_storage(struct dt_list *list, struct dt_range *at, uint32_t capacity)
{
	*list = (struct dt_list){ .at = at, .capacity = capacity, .lowest = PHYS_ADDR_MAX };
}

FPG_INIT static void facts_init(struct dt_facts *facts, const void *blob)
{
	memset(facts, 0, offsetof(struct dt_facts, memory_static));
	facts->blob = blob;
	facts->blob_bytes = fdt_totalsize(blob);
	use_storage(&facts->memory, facts->memory_static, DT_STATIC_RANGES);
	use_storage(&facts->reserved, facts->reserved_static, DT_STATIC_RANGES);
	facts->aliases = -1;
	facts->chosen.node = -1;
}

FPG_INIT static int complete(const struct dt_facts *facts)
{
	return facts->memory.found > facts->memory.capacity ||
			       facts->reserved.found > facts->reserved.capacity ?
		       -ENOSPC :
		       0;
}

/** What the walk did not look at. */
FPG_INIT static void warn_passed_over(struct dt_facts *facts, const struct dt_walk *w)
{
	if (w->too_deep != 0) {
		dt_warn(facts, w->first_too_deep,
			"more than %d levels deep, passed over: %" PRIu32 " such node%s",
			DT_MAX_DEPTH, w->too_deep, w->too_deep == 1 ? "" : "s");
	}
	if (dt_translate_gave_up()) {
		dt_warn(facts, -1,
			"ranges is too long for the number of addresses: not all are translated");
	}
}

FPG_INIT int dt_collect(struct dt_facts *facts, const void *blob)
{
	facts_init(facts, blob);
	dt_collect_memreserve(facts);
	struct dt_walk *w = dt_walk_begin(blob);
	while (dt_walk_next(w)) {
		collect_node(facts, w);
	}
	warn_passed_over(facts, w);
	if (facts->memory.found == 0) {
		/* Better a memory node without device_type than no memory. */
		facts->untyped_memory = true;
		w = dt_walk_begin(blob);
		while (dt_walk_next(w)) {
			if (w->depth == 1) {
				dt_collect_memory(facts, w);
			}
		}
	}
	if (facts->warnings > DT_MAX_WARNINGS) {
		pr_warn("%" PRIu32 " more warnings about the device tree are not shown",
			facts->warnings - DT_MAX_WARNINGS);
	}
	return complete(facts);
}

FPG_INIT int dt_collect_into(struct dt_facts *facts, struct dt_range *memory,
			     uint32_t memory_capacity, struct dt_range *reserved,
			     uint32_t reserved_capacity)
{
	struct dt_list kept_memory = facts->memory;
	struct dt_list kept_reserved = facts->reserved;
	use_storage(&facts->memory, memory, memory != NULL ? memory_capacity : 0);
	use_storage(&facts->reserved, reserved, reserved != NULL ? reserved_capacity : 0);
	facts->quiet = true;
	dt_collect_memreserve(facts);
	struct dt_walk *w = dt_walk_begin(facts->blob);
	while (dt_walk_next(w)) {
		if (dt_here(w)->class != DT_ROOT && w->depth <= 2) {
			collect_ranges(facts, w);
		}
	}
	facts->quiet = false;
	if (memory == NULL) {
		facts->memory = kept_memory;
	}
	if (reserved == NULL) {
		facts->reserved = kept_reserved;
	}
	return complete(facts);
}

FPG_INIT uint8_t dt_numa_distance(const struct dt_facts *facts, uint32_t from, uint32_t to)
{
	if (facts->has_distances && from < DT_MAX_NUMA_NODES && to < DT_MAX_NUMA_NODES &&
	    facts->distance[from][to] != 0) {
		return facts->distance[from][to];
	}
	return from == to ? LOCAL_DISTANCE : REMOTE_DISTANCE;
}
