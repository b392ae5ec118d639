/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Facts from the device tree: one validation of the whole blob, one pass that collects, nothing quadratic in the
 * number of nodes, no allocation. Range lists are kept in static storage; a blob with more ranges than that is
 * collected again into storage that the caller gives (core/boot_memory.c finds it in RAM).
 *
 * All reading of properties goes through libfdt. Facts keep pointers and offsets into the blob, so the blob must stay
 * mapped. What is wrong in a blob is warned about by node, property and value, and the rest is used.
 */
#pragma once

#include "fpg/base/assert.h"
#include "fpg/base/compiler.h"
#include "fpg/base/types.h"
#include "fpg/core/owner.h"
#include "fpg/port/port.h"

/** Largest blob accepted; more is refused by name (rules.md, Device tree and memblock). */
#define DT_MAX_BYTES (4UL << 20)

/** Bytes of a version 17 header: what must be mapped for dt_check_header(). Source: Devicetree v0.4, 5.2. */
#define DT_HEADER_BYTES 40

#define DT_MAX_HARTS 64

/** Node numbers (numa-node-id) above this are taken for -1, with a warning. */
#define DT_MAX_NUMA_NODES 64

/** Ranges of each list that need no storage of the caller. */
#define DT_STATIC_RANGES 256

/** Ranges of linux,usable-memory-range that are kept. */
#define DT_MAX_USABLE_RANGES 8

/** Warnings about one blob that are printed; a last line counts the others. */
#define DT_MAX_WARNINGS 48

/** Long enough for any path we print; longer ones are cut and end in "...". */
#define DT_PATH_BYTES 256

enum dt_range_flags {
	DT_RANGE_NOMAP = 1 << 0,
	DT_RANGE_REUSABLE = 1 << 1,
	DT_RANGE_HOTPLUG = 1 << 2,
	/** compatible = "shared-dma-pool" */
	DT_RANGE_DMA_POOL = 1 << 3,
	DT_RANGE_CMA_DEFAULT = 1 << 4,
	DT_RANGE_DMA_DEFAULT = 1 << 5,
	/** No place yet: `base` is the alignment wanted (a power of two); the node may have alloc-ranges. */
	DT_RANGE_DYNAMIC = 1 << 6,
	/** A dynamic node with alloc-ranges; see dt_alloc_ranges(). */
	DT_RANGE_ALLOC_RANGES = 1 << 7,
	/** firstpage,guaranteed: see fpg/core/cma.h. Set by boot_memory_next_area() only. */
	DT_RANGE_GUARANTEED = 1 << 8,
};

/** One tuple of a memory node, of a reserved node, or one entry of the memory reservation block. */
struct dt_range {
	phys_addr_t base;
	phys_addr_t size;
	/** NUMA node, or -1. */
	int32_t nid;
	/** Structure-block offset of the node, -1 for the memory reservation block and for guesses. */
	int32_t node;
	uint16_t flags;
	uint16_t rule; /* enum owner_rule */
	uint16_t kind; /* enum owner_kind */
	/** Cells of a dynamic node's alloc-ranges. */
	uint8_t address_cells;
	uint8_t size_cells;
};

static_assert(sizeof(struct dt_range) == 32, "two ranges a 64-byte line; sorted as four words");

/** Ranges in the storage `at`; when `found` is more than `capacity`, the list is not complete. */
struct dt_list {
	struct dt_range *at;
	uint32_t count;
	uint32_t capacity;
	/** How many there would have been. */
	uint32_t found;
	/** Lowest base of all that were found. */
	phys_addr_t lowest;
};

/** A cpu node. */
struct dt_cpu {
	uint64_t hart;
	int32_t node;
	int32_t nid;
	/** status is okay or absent. */
	bool enabled;
	/** Has an mmu-type that is not riscv,none. */
	bool has_mmu;
	/** riscv,isa (or riscv,isa-base) begins with rv64. */
	bool rv64;
	/** Points into the blob; may be NULL. riscv,isa, else riscv,isa-base. */
	const char *isa;
	/** riscv,isa-extensions: strings one after the other, each terminated; may be NULL. */
	const char *isa_extensions;
	uint32_t isa_extensions_bytes;
	const char *mmu_type;
};

/** /chosen, read. Strings point into the blob and are terminated; NULL where absent. */
struct dt_chosen {
	int32_t node;
	const char *bootargs;
	const char *stdout_path;
	/** size 0: none. */
	struct phys_range initrd;
	const uint8_t *rng_seed;
	uint32_t rng_seed_bytes;
	/** Sorted, disjoint; memory outside of them is not used. None when usable_count is 0. */
	uint32_t usable_count;
	struct phys_range usable[DT_MAX_USABLE_RANGES];
};

/** Levels below the root at which the console can lie. */
#define DT_CONSOLE_DEPTH 8

/** The way down to the console's node, as far as it was found. */
struct dt_console_path {
	/** What is left of the path, and what follows that (behind an alias); NULL: not begun. */
	const char *rest;
	const char *then;
	uint32_t depth;
	int32_t node[DT_CONSOLE_DEPTH];
	bool found;
};

/** About 25 KiB: give it static storage. It points into itself, so it cannot be copied. */
struct dt_facts {
	const void *blob;
	size_t blob_bytes;
	/** Enabled memory; after dt_memory_union(), disjoint and ascending. */
	struct dt_list memory;
	/** The memory reservation block, then reserved nodes. */
	struct dt_list reserved;
	struct dt_chosen chosen;
	const char *model;
	/** The root's compatible: strings one after the other, each terminated. */
	const char *compatible;
	uint32_t compatible_bytes;
	/** /aliases, or -1. */
	int32_t aliases;
	/** Ticks a second, 0 when the tree does not say. */
	uint64_t timebase_hz;
	struct port_poweroff poweroff;
	struct dt_console_path console;
	uint32_t cpu_count;
	/** cpu nodes seen, also those beyond DT_MAX_HARTS. */
	uint32_t cpus_found;
	struct dt_cpu cpus[DT_MAX_HARTS];
	/** Highest node number of memory and cpus + 1; 0 when no node says. */
	uint32_t numa_nodes;
	/** A numa-distance-map-v1 was read; without one: 10 within a node, 20 between nodes. */
	bool has_distances;
	uint8_t distance[DT_MAX_NUMA_NODES][DT_MAX_NUMA_NODES];
	/** Warnings given, also those that were not printed. */
	uint32_t warnings;
	/** Collecting again: everything wrong was said the first time. */
	bool quiet;
	/** The memory list holds nodes without device_type, because no other memory was found. */
	bool untyped_memory;
	struct dt_range memory_static[DT_STATIC_RANGES];
	struct dt_range reserved_static[DT_STATIC_RANGES];
};

/* ---- validation -------------------------------------------------------------------------------------------- */

/** Why a blob is refused, for people; the same text in a panic and from fpg-map. */
struct dt_error {
	char text[160];
};

/** Is @a1 an address a blob can have: not 0, a multiple of 8? Return: 0 | -EINVAL with @err filled. */
FPG_MUST_CHECK int dt_check_address(phys_addr_t a1, struct dt_error *err);

/**
 * Check the header before anything else of the blob is touched; includes dt_check_address().
 *
 * @header     DT_HEADER_BYTES bytes, aligned to 8; not looked at when @a1 is refused
 * @totalsize  out, set only on success: bytes to map, at most DT_MAX_BYTES
 * Return:     0 | -EINVAL (address, magic, version) | -EFBIG (more than DT_MAX_BYTES) | -EBADMSG (too small), with
 *             @err filled
 */
FPG_MUST_CHECK int dt_check_header(phys_addr_t a1, const void *header, size_t *totalsize,
				   struct dt_error *err);

/**
 * Check the whole blob, every offset and length in it.
 *
 * @mapped  bytes readable at @blob
 * Return:  0 | -EBADMSG with @err filled
 */
FPG_MUST_CHECK int dt_check_blob(const void *blob, size_t mapped, struct dt_error *err);

/* ---- collecting -------------------------------------------------------------------------------------------- */

/**
 * One pass over a blob that dt_check_blob() accepted. Lists that outgrow DT_STATIC_RANGES are left incomplete: the
 * memory list then holds the largest ranges.
 *
 * @facts   overwritten
 * Context: boot hart only (the walk's state is static)
 * Return:  0 | -ENOSPC: `found` of a list is more than its capacity; collect it with dt_collect_into()
 */
FPG_MUST_CHECK int dt_collect(struct dt_facts *facts, const void *blob);

/**
 * Collect the range lists again, in silence, into other storage.
 *
 * @memory, @reserved  storage for the `found` of each list, or NULL to leave that list as it is
 * Return:  0 | -ENOSPC (cannot happen with that much room)
 */
FPG_MUST_CHECK int dt_collect_into(struct dt_facts *facts, struct dt_range *memory,
				   uint32_t memory_capacity, struct dt_range *reserved,
				   uint32_t reserved_capacity);

/**
 * Sort the memory list and cut overlaps out of it, in place: afterwards it is ascending and disjoint, its sum is the
 * RAM there is. Of overlapping ranges the one that begins first holds the bytes (of equal ones, the first in the
 * tree); an overlap is warned about. Neighbours of one node of the tree become one range.
 */
void dt_memory_union(struct dt_facts *facts);

/**
 * Sort the reserved list: those with a place first, ascending by address; then the dynamic ones in the order in which
 * to place them. Ranges of one node that overlap become one; overlaps of different nodes stay and are warned about.
 * Return: how many have a place
 */
uint32_t dt_reserved_sort(struct dt_facts *facts);

/** A dynamic node's alloc-ranges, from the next entry on. */
struct dt_alloc_ranges {
	const uint8_t *data;
	uint32_t bytes;
	uint8_t address_cells;
	uint8_t size_cells;
};

/** From its first entry; nothing to come for a node without alloc-ranges. */
struct dt_alloc_ranges dt_alloc_ranges(const struct dt_facts *facts,
				       const struct dt_range *dynamic);

/** Return: 0 | -ENOENT (no more entries) | -ERANGE (not an address range; go on with the next) */
FPG_MUST_CHECK int dt_alloc_ranges_next(struct dt_alloc_ranges *ranges, struct phys_range *out);

/* ---- looking for a free place while not everything is reserved yet ----------------------------------------- */

struct dt_hole_query {
	const struct dt_facts *facts;
	phys_addr_t bytes;
	/** A power of two. */
	phys_addr_t align;
	/** Image, blob, initrd, bootarg reservations and the like. */
	const struct phys_range *avoid;
	uint32_t avoid_count;
	/** Nothing at or above. */
	phys_addr_t limit;
	/** Prefer places near this address: the image lies there, so there is RAM. */
	phys_addr_t near;
	/** May be NULL: a last check of a place. */
	bool (*taken)(void *ctx, phys_addr_t base, phys_addr_t bytes);
	void *ctx;
};

/**
 * Find @bytes of enabled memory where the whole tree (every reg, the memory reservation block, initrd) shows nothing.
 * Walks the tree a bounded number of times. Places that
 * dynamic nodes could get by their alloc-ranges are taken only when there are no others.
 * Return: 0 | -ENOMEM
 */
FPG_MUST_CHECK int dt_find_hole(const struct dt_hole_query *query, phys_addr_t *out);

/* ---- asking ------------------------------------------------------------------------------------------------ */

/**
 * Path of the node at @node, for messages and `ledger why`; walks the tree, so never in a loop over nodes.
 * @buf  DT_PATH_BYTES is enough; at least 8
 * Return: @buf; "?" when there is no such node; control characters of names are replaced by '?', too
 */
const char *dt_node_path(const void *blob, int32_t node, char *buf, size_t buf_bytes);

/** The node that /chosen/stdout-path names, aliases and ":115200" resolved. Return: offset | -ENOENT */
int32_t dt_stdout_node(const struct dt_facts *facts);

/**
 * The address by which the device at @node reaches [phys, phys + bytes): through the dma-ranges of the buses above it. A bus
 * without dma-ranges, or with an empty one, changes nothing.
 * Context: any; walks the tree once a level
 * Return:  0 | -ERANGE: no entry of a bus, @where (out, its node), holds the range | -EINVAL: dma-ranges of @where is damaged
 */
FPG_MUST_CHECK int dt_phys_to_dma(const void *blob, int32_t node, struct phys_range phys,
				  uint64_t *dma, int32_t *where);

/** The node at an absolute path, or that an alias names. Walks the tree. Return: offset | -ENOENT */
int32_t dt_node_by_path(const struct dt_facts *facts, const char *path);

/**
 * The console's UART: the node that /chosen/stdout-path names by path or alias, when port_console_driver() knows it.
 * Its registers are found as the CPU sees them: reg through the ranges of all its parents, reg-offset added. A node that
 * cannot be used is warned about, by the property and value that are to blame. What stdout-path says of the line
 * (":115200n8") is not looked at: the firmware has set it up.
 *
 * @console  out; complete on success only
 * Context:  boot hart only (the walk's state is static), after the memory list is complete
 * Return:   0 | -ENOENT (no stdout-path, or, warned about, it names no node) | -ENOTSUP (no driver for it) | -EINVAL
 *           (warned about)
 * Source:   Linux Documentation/devicetree/bindings/serial/8250.yaml; Devicetree v0.4, 3.6 (/chosen), 2.3.4 to 2.3.8
 */
FPG_MUST_CHECK int dt_console(struct dt_facts *facts, struct port_console *console);

/** Warn about a node: its path, then the text. At most DT_MAX_WARNINGS about one blob are printed. -1: no node. */
void dt_warn(struct dt_facts *facts, int32_t node, const char *fmt, ...) FPG_PRINTF(3, 4);

/** NUMA distance: from the map, or 10 and 20. */
uint8_t dt_numa_distance(const struct dt_facts *facts, uint32_t from, uint32_t to);

/** The hart's ISA string names the extension @name ("svpbmt", "c"), whatever the case and version. */
bool dt_isa_has(const struct dt_cpu *cpu, const char *name);

/** Every hart that can run us (enabled, rv64, with an MMU) has it, and there is one. */
bool dt_isa_all_have(const struct dt_facts *facts, const char *name);

/** The cpu node of a hart, or NULL. */
const struct dt_cpu *dt_cpu_of_hart(const struct dt_facts *facts, uint64_t hart);
