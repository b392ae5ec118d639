/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory nodes. As in Linux, RAM is what root-level nodes with device_type "memory" say that are not disabled:
 * linux,usable-memory if present, else reg. What only looks like RAM is warned about and left out: such nodes deeper
 * in the tree, on-chip memories, nodes without device_type (unless there is no other memory).
 */
#define LOG_MODULE "dt"
#include "dt_walk.h"

#include "fpg/base/range.h"
#include "fpg/core/log.h"

#include <inttypes.h>
#include <libfdt.h>
#include <string.h>

/** Words in names and compatibles of memories inside a chip, which are no DRAM whatever their device_type. */
FPG_INITCONST static const char *const on_chip_words[] = {
	"sram", "bram", "dtim", "itim", "lim", "l2lim", "tcm", "itcm", "dtcm", "ocm",
};

FPG_INIT static bool is_word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/** One of the words of @text, split at everything but letters and digits, is an on-chip word (digits after it allowed). */
FPG_INIT static bool has_on_chip_word(const char *text, size_t bytes)
{
	for (size_t at = 0; at < bytes;) {
		size_t end = at;
		while (end < bytes && is_word_char(text[end])) {
			end++;
		}
		size_t letters = end;
		while (letters > at && text[letters - 1] >= '0' && text[letters - 1] <= '9') {
			letters--;
		}
		for (size_t i = 0; i < ARRAY_SIZE(on_chip_words); i++) {
			if (letters - at == strlen(on_chip_words[i]) &&
			    strncmp(text + at, on_chip_words[i], letters - at) == 0) {
				return true;
			}
		}
		at = end + 1;
	}
	return false;
}

FPG_INIT static bool is_on_chip(const struct dt_walk *w)
{
	if (has_on_chip_word(w->name, w->base_name_bytes)) {
		return true;
	}
	return dt_has(w, P_COMPATIBLE) &&
	       has_on_chip_word((const char *)w->props[P_COMPATIBLE].data,
				w->props[P_COMPATIBLE].bytes);
}

FPG_INIT static bool is_typed(const struct dt_walk *w)
{
	const char *type = dt_string(w, P_DEVICE_TYPE);
	return type != NULL && strcmp(type, "memory") == 0;
}

/** Named like memory, and says nothing of what it is. */
FPG_INIT static bool is_untyped(const struct dt_walk *w)
{
	return w->depth == 1 && !dt_has(w, P_DEVICE_TYPE) && dt_named(w, "memory") &&
	       dt_has(w, P_REG);
}

FPG_INIT bool dt_is_ram(const struct dt_walk *w)
{
	return w->depth == 1 && dt_enabled(w) && is_typed(w) && !is_on_chip(w);
}

FPG_INIT int32_t dt_numa_node(struct dt_facts *facts, const struct dt_walk *w)
{
	uint64_t nid;
	if (!dt_has(w, P_NUMA_NODE_ID)) {
		return -1;
	}
	if (w->props[P_NUMA_NODE_ID].bytes != sizeof(fdt32_t) ||
	    !dt_number(w, P_NUMA_NODE_ID, &nid)) {
		dt_warn(facts, w->node, "numa-node-id is not one cell: ignored");
		return -1;
	}
	if (nid >= DT_MAX_NUMA_NODES) {
		dt_warn(facts, w->node, "numa-node-id %" PRIu64 " is above %d: ignored", nid,
			DT_MAX_NUMA_NODES - 1);
		return -1;
	}
	if (nid + 1 > facts->numa_nodes) {
		facts->numa_nodes = (uint32_t)nid + 1;
	}
	return (int32_t)nid;
}

/** The number after '@' of a node's name. */
FPG_INIT static bool unit_address(const struct dt_walk *w, uint64_t *address)
{
	const char *s = w->name + w->base_name_bytes;
	uint64_t v = 0;
	if (*s++ != '@' || *s == '\0') {
		return false;
	}
	for (; *s != '\0'; s++) {
		unsigned int digit = 16;
		if (*s >= '0' && *s <= '9') {
			digit = (unsigned int)(*s - '0');
		} else if (*s >= 'a' && *s <= 'f') {
			digit = (unsigned int)(*s - 'a') + 10;
		}
		if (digit > 15 || v >> 60 != 0) {
			return false;
		}
		v = v << 4 | digit;
	}
	*address = v;
	return true;
}

/**
 * Was reg written with 64-bit cells although the root says 1 and 1? Then, read as the root says, pairs of tuples that
 * begin at the same small address come out, and the node's unit address is found in the 64-bit reading only.
 */
FPG_INIT static bool is_64bit_reg(const struct dt_walk *w, const struct dt_tuples *t)
{
	uint64_t unit = 0;
	bool named = unit_address(w, &unit);
	bool differs = false;
	if (t->address_cells != 1 || t->size_cells != 1 || t->value.bytes == 0 ||
	    t->value.bytes % 16 != 0) {
		return false;
	}
	for (uint32_t at = 0; at < t->value.bytes; at += 16) {
		const fdt32_t *cell = (const fdt32_t *)(t->value.data + at);
		uint64_t base = (uint64_t)fdt32_ld(cell) << 32 | fdt32_ld(cell + 1);
		if (at == 0 && named && unit == base && unit != fdt32_ld(cell)) {
			return true;
		}
		if (fdt32_ld(cell) != 0 || fdt32_ld(cell + 2) != 0) {
			return false;
		}
		/* <0 0 0 size> is an empty range and the right one when read as the root says. */
		differs |= base != 0;
	}
	return differs;
}

FPG_INIT static void add_tuple(struct dt_facts *facts, const struct dt_walk *w,
			       struct dt_range *range, const char *prop)
{
	if (range->size == 0) {
		/* A place kept for firmware to fill in; nothing is lost. */
		return;
	}
	if (phys_range_overflows(range->base, range->size)) {
		dt_warn(facts, w->node,
			"%s: %#" PRIx64 " bytes at %#" PRIx64
			" pass the end of the address space: cut",
			prop, range->size, range->base);
		range->size = phys_cap_size(range->base, range->size);
		if (range->size == 0) {
			return;
		}
	}
	dt_list_add(&facts->memory, range);
}

FPG_INIT static void collect_tuples(struct dt_facts *facts, const struct dt_walk *w)
{
	const char *prop = dt_has(w, P_USABLE_MEMORY) ? "linux,usable-memory" : "reg";
	enum dt_prop p = dt_has(w, P_USABLE_MEMORY) ? P_USABLE_MEMORY : P_REG;
	if (!dt_has(w, p)) {
		dt_warn(facts, w->node, "memory node without reg: ignored");
		return;
	}
	struct dt_tuples t = dt_tuples(dt_parent(w), w->props[p]);
	if (is_64bit_reg(w, &t)) {
		dt_warn(facts, w->node,
			"%s is written with 64-bit cells, but the root says 32: read as 64", prop);
		t.address_cells = 2;
		t.size_cells = 2;
	}
	if (dt_tuple_bytes(&t) == 0) {
		dt_warn(facts, w->node,
			"%s: the root's #address-cells and #size-cells make no range: ignored",
			prop);
		return;
	}
	struct dt_range range = {
		.nid = dt_numa_node(facts, w),
		.node = w->node,
		.flags = dt_has(w, P_HOTPLUGGABLE) ? DT_RANGE_HOTPLUG : 0,
		.rule = RULE_NODE_REG,
	};
	int got;
	while ((got = dt_tuple_next(&t, &range.base, &range.size)) != 0) {
		if (got < 0) {
			dt_warn(facts, w->node, "%s: a range of more than 64 bits is ignored",
				prop);
			continue;
		}
		add_tuple(facts, w, &range, prop);
	}
	if (t.value.bytes != 0) {
		dt_warn(facts, w->node,
			"%s: the last %" PRIu32 " bytes are no whole range of %" PRIu32 ": ignored",
			prop, t.value.bytes, dt_tuple_bytes(&t));
	}
}

FPG_INIT void dt_collect_memory(struct dt_facts *facts, const struct dt_walk *w)
{
	if (facts->untyped_memory) {
		if (is_untyped(w) && dt_enabled(w)) {
			dt_warn(facts, w->node,
				"no other memory, so this node without device_type is taken for RAM");
			collect_tuples(facts, w);
		}
		return;
	}
	if (is_untyped(w) && dt_enabled(w)) {
		dt_warn(facts, w->node,
			"named memory, but without device_type \"memory\": not taken for RAM");
		return;
	}
	if (!is_typed(w) || !dt_enabled(w)) {
		return;
	}
	if (w->depth != 1) {
		dt_warn(facts, w->node,
			"device_type \"memory\" below the root level: not taken for RAM");
	} else if (is_on_chip(w)) {
		dt_warn(facts, w->node,
			"device_type \"memory\" on an on-chip memory: not taken for RAM");
	} else {
		collect_tuples(facts, w);
	}
}
