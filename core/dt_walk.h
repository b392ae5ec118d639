/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Private to core/dt_*.c: one walk over the structure block, node by node, with the properties we know of each node
 * at hand and the cells, ranges and status of its parents on a stack.
 *
 * Invariants: the blob passed dt_check_blob(); nothing is looked up by walking again. Nodes deeper than DT_MAX_DEPTH
 * are passed over and counted. Properties after a node's first subnode are not seen, as in libfdt.
 */
#pragma once

#include "fpg/core/devicetree.h"

#define DT_MAX_DEPTH 32

/** Cells that no sound tree has: #address-cells or #size-cells was damaged. */
#define DT_BAD_CELLS 0xff

/** Property names we read. X(id, name) */
#define DT_PROPS(X)                                    \
	X(P_ADDRESS_CELLS, "#address-cells")           \
	X(P_SIZE_CELLS, "#size-cells")                 \
	X(P_ALIGNMENT, "alignment")                    \
	X(P_ALLOC_RANGES, "alloc-ranges")              \
	X(P_BOOTARGS, "bootargs")                      \
	X(P_BIG_ENDIAN, "big-endian")                  \
	X(P_COMPATIBLE, "compatible")                  \
	X(P_DEVICE_TYPE, "device_type")                \
	X(P_DISTANCE_MATRIX, "distance-matrix")        \
	X(P_HOTPLUGGABLE, "hotpluggable")              \
	X(P_CMA_DEFAULT, "linux,cma-default")          \
	X(P_DMA_DEFAULT, "linux,dma-default")          \
	X(P_INITRD_START, "linux,initrd-start")        \
	X(P_INITRD_END, "linux,initrd-end")            \
	X(P_LINUX_STDOUT, "linux,stdout-path")         \
	X(P_USABLE_MEMORY, "linux,usable-memory")      \
	X(P_USABLE_RANGE, "linux,usable-memory-range") \
	X(P_MMU_TYPE, "mmu-type")                      \
	X(P_MODEL, "model")                            \
	X(P_NO_MAP, "no-map")                          \
	X(P_NUMA_NODE_ID, "numa-node-id")              \
	X(P_RANGES, "ranges")                          \
	X(P_REG, "reg")                                \
	X(P_REUSABLE, "reusable")                      \
	X(P_ISA, "riscv,isa")                          \
	X(P_ISA_BASE, "riscv,isa-base")                \
	X(P_ISA_EXTENSIONS, "riscv,isa-extensions")    \
	X(P_RNG_SEED, "rng-seed")                      \
	X(P_REG_SHIFT, "reg-shift")                    \
	X(P_REG_IO_WIDTH, "reg-io-width")              \
	X(P_REG_OFFSET, "reg-offset")                  \
	X(P_SIZE, "size")                              \
	X(P_STATUS, "status")                          \
	X(P_STDOUT_PATH, "stdout-path")                \
	X(P_TIMEBASE, "timebase-frequency")

enum dt_prop {
#define X(id, name) id,
	DT_PROPS(X)
#undef X
	DT_PROP_COUNT
};

static_assert(DT_PROP_COUNT <= 64, "`present` is one word");

/** What a node is by its place in the tree. */
enum dt_class {
	DT_OTHER,
	DT_ROOT,
	DT_CHOSEN,
	DT_ALIASES,
	DT_CPUS,
	/** Child of /cpus. */
	DT_CPU,
	DT_RESERVED_MEMORY,
	/** Child of /reserved-memory. */
	DT_RESERVED_NODE,
};

struct dt_value {
	const uint8_t *data;
	uint32_t bytes;
};

/** What a node says about its children. */
struct dt_level {
	int32_t node;
	uint8_t class; /* enum dt_class */
	uint8_t address_cells;
	uint8_t size_cells;
	/** #address-cells or #size-cells is absent, so a default was taken. */
	bool cells_absent;
	/** The node and all above are enabled. */
	bool enabled;
	bool has_ranges;
	struct dt_value ranges;
};

struct dt_walk {
	const void *blob;
	int next;
	/** Nodes passed over because they lie too deep, and the first of them (-1: none). */
	uint32_t too_deep;
	int32_t first_too_deep;
	/** The node the walk stands at: */
	int32_t node;
	int depth;
	const char *name;
	/** Characters before '@'. */
	uint32_t base_name_bytes;
	/** Bit p: props[p] is valid. */
	uint64_t present;
	struct dt_value props[DT_PROP_COUNT];
	/** levels[depth] is the node itself, levels[depth - 1] its parent. */
	struct dt_level levels[DT_MAX_DEPTH];
};

/**
 * Start a walk; dt_walk_next() then goes to the root.
 * Return: the one walk there is (3 KiB, too much for a stack): boot hart only, one at a time
 */
struct dt_walk *dt_walk_begin(const void *blob);

/** Go to the next node. Return: false at the end. */
bool dt_walk_next(struct dt_walk *w);

/** Go from the root down a chain of nodes, by their offsets; @depth 1 is a child of the root. Return: false when damaged */
bool dt_walk_down(struct dt_walk *w, const int32_t *nodes, uint32_t depth);

static inline bool dt_has(const struct dt_walk *w, enum dt_prop p)
{
	return w->present >> p & 1;
}

static inline const struct dt_level *dt_here(const struct dt_walk *w)
{
	return &w->levels[w->depth];
}

/** The parent; of the root, the root itself. */
static inline const struct dt_level *dt_parent(const struct dt_walk *w)
{
	return &w->levels[w->depth > 0 ? w->depth - 1 : 0];
}

/** The property as a terminated string, or NULL when it is absent or not terminated. */
const char *dt_string(const struct dt_walk *w, enum dt_prop p);

/** One of the strings of compatible is @name. */
bool dt_is_compatible(const struct dt_walk *w, const char *name);

/** The part of the name before '@' is @name. */
bool dt_named(const struct dt_walk *w, const char *name);

/** Status of the node itself: absent, "okay" or "ok" (Devicetree v0.4, 2.3.4). */
bool dt_enabled(const struct dt_walk *w);

/** A 32-bit or 64-bit number by the property's length. Return: false when it has another length. */
bool dt_number(const struct dt_walk *w, enum dt_prop p, uint64_t *value);

/** Big-endian cells, any alignment. Return: false when the number has more than 64 bits. */
bool dt_cells(const uint8_t *p, uint32_t cells, uint64_t *value);

/** Which tuple of a list of (address, size) is read next. */
struct dt_tuples {
	struct dt_value value;
	uint8_t address_cells;
	uint8_t size_cells;
};

/** The tuples of @value with the cells that @parent gives its children. */
struct dt_tuples dt_tuples(const struct dt_level *parent, struct dt_value value);

/** Bytes of one tuple; 0 when the cells make no tuple with a size (such a list has none). */
uint32_t dt_tuple_bytes(const struct dt_tuples *t);

/** Take the next whole tuple. Return: 1 | 0 at the end (`value.bytes` then counts what is left over) | -ERANGE: taken,
 *  but address or size has more than 64 bits */
int dt_tuple_next(struct dt_tuples *t, uint64_t *base, uint64_t *size);

/**
 * Translate [base, base + size) of a child of levels[depth] to a CPU address through the ranges of all levels up to
 * the root. Return: false when a ranges does not hold it, or a bus has none (the address means nothing to the CPU).
 */
bool dt_translate(const struct dt_walk *w, int depth, uint64_t *base, uint64_t size);

/**
 * Through the ranges of @level alone; @parent gives the cells on its other side. A walk has patience for so many entries
 * of ranges only, or it would be quadratic where long ranges meet long lists; afterwards nothing is translated any more.
 */
bool dt_translate_once(const struct dt_level *level, const struct dt_level *parent, uint64_t *base,
		       uint64_t size);

/** A walk begins: patience is new. */
void dt_translate_begin(void);
/** The patience of this walk ended. */
bool dt_translate_gave_up(void);

/* ---- parts of the collection, each called at the nodes it is about ------------------------------------------ */

void dt_list_add(struct dt_list *list, const struct dt_range *range);

/** Takes what counts as RAM, warns about what only looks like it. */
void dt_collect_memory(struct dt_facts *facts, const struct dt_walk *w);
/**
 * Entry @i of the memory reservation block; empty ones (size 0) are entries, too: only address and size 0 end it
 * (Devicetree v0.4, 5.3.2), or the next block does. Return: false when there is no such entry.
 */
bool dt_memreserve(const void *blob, int i, uint64_t *base, uint64_t *size);
void dt_collect_memreserve(struct dt_facts *facts);
void dt_check_reserved_memory(struct dt_facts *facts, const struct dt_walk *w);
void dt_collect_reserved(struct dt_facts *facts, const struct dt_walk *w);
void dt_collect_chosen(struct dt_facts *facts, const struct dt_walk *w);
void dt_collect_cpu(struct dt_facts *facts, const struct dt_walk *w);
void dt_collect_distances(struct dt_facts *facts, const struct dt_walk *w);
void dt_collect_poweroff(struct dt_facts *facts, const struct dt_walk *w);
/** Compare each node that comes by with the path of the console. */
void dt_collect_console(struct dt_facts *facts, const struct dt_walk *w);

/** numa-node-id of a node: -1 when absent; warned about and -1 when too large. */
int32_t dt_numa_node(struct dt_facts *facts, const struct dt_walk *w);

/** The node is RAM by the same rules as dt_collect_memory(), without warnings. */
bool dt_is_ram(const struct dt_walk *w);
