/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ledger: who holds each byte of RAM. It keeps no books of its own: a walk puts together, in
 * one sweep by address, the RAM that the device tree describes, what was cut from it, memblock's
 * tables and, after the hand-over, the page allocators' runs. What nobody explains is a row of its
 * own, and so is what two explain differently; either makes the sum a mismatch. A walk allocates
 * nothing and costs O(rows).
 *
 * Rows of RAM ascend and cover each byte once; adjacent rows that agree are one. Then come
 * reservations outside RAM.
 */
#pragma once

#include "fpg/base/assert.h"
#include "fpg/base/compiler.h"
#include "fpg/base/json.h"
#include "fpg/base/out.h"
#include "fpg/base/types.h"
#include "fpg/core/owner.h"

struct dt_facts;

/** What a row's bytes are. X(id, name) */
#define LEDGER_KINDS(X)                                                                                \
	/* memblock has them, nobody took them */                                                      \
	X(LEDGER_FREE, "free")                                                                         \
	/* `owner` took them */                                                                        \
	X(LEDGER_HELD, "held")                                                                         \
	/* no-map memory that nobody reserved */                                                       \
	X(LEDGER_NOMAP, "no-map")                                                                      \
	/* RAM that memblock did not get; `detail` is an enum boot_ram_fate */                         \
	X(LEDGER_CUT, "cut")                                                                           \
	/* given out by memblock, but not a whole page */                                              \
	X(LEDGER_ROUNDED, "page rounding")                                                             \
	/* of a zone's page allocator; `detail` is the backend's index in palloc_table */              \
	X(LEDGER_ZONE_FREE, "zone free")                                                               \
	X(LEDGER_ALLOCATED, "allocated")                                                               \
	X(LEDGER_CACHED, "cached")                                                                     \
	X(LEDGER_META, "backend metadata")                                                             \
	X(LEDGER_PADDING, "padding")                                                                   \
	/* allocated, and in use as a page table (PAGE_F_PT), or by the frame table (PAGE_F_TABLE) */  \
	X(LEDGER_TABLES, "page tables")                                                                \
	X(LEDGER_RECORDS, "frame table")                                                               \
	/* allocated pages that small boot allocations share */                                        \
	X(LEDGER_PACKED, "bootmem packed")                                                             \
	/* of a CMA area: lent and free, not lent and free, given out; lent and in use is ALLOCATED */ \
	X(LEDGER_CMA_FREE, "cma free")                                                                 \
	X(LEDGER_CMA_KEPT, "cma carve-out")                                                            \
	X(LEDGER_CMA_GIVEN, "cma given out")                                                           \
	/* memblock says nobody took them, and no zone knows them */                                   \
	X(LEDGER_UNEXPLAINED, "UNEXPLAINED")                                                           \
	/* reserved in memblock and in a page allocator's hands at once */                             \
	X(LEDGER_TWICE, "HELD TWICE")                                                                  \
	/* memory in memblock that nobody described */                                                 \
	X(LEDGER_UNDESCRIBED, "UNDESCRIBED")                                                           \
	/* reserved, but no RAM */                                                                     \
	X(LEDGER_OUTSIDE, "outside RAM")

enum ledger_kind {
#define X(id, name) id,
	LEDGER_KINDS(X)
#undef X
	LEDGER_KIND_COUNT
};

/** The bytes are in memblock.memory. */
#define LEDGER_IN_MEMORY 1
/** They must never be mapped. */
#define LEDGER_ROW_NOMAP 2
/** The row belongs to a zone, see `zone`. */
#define LEDGER_IN_ZONE	 4

struct ledger_row {
	phys_addr_t base;
	phys_addr_t size;
	/** Of HELD, TWICE and OUTSIDE. */
	struct mem_owner owner;
	uint8_t kind; /* enum ledger_kind */
	uint8_t flags;
	int16_t nid;
	uint16_t detail;
	/** enum zone_type */
	uint16_t zone;
};

static_assert(sizeof(struct ledger_row) == 32, "snapshots hold many");

struct ledger_totals {
	phys_addr_t ram_bytes;
	/** Of RAM, held by exactly one. */
	phys_addr_t accounted_bytes;
	/** What is wrong: unexplained, held twice, or memory that no source describes. */
	phys_addr_t mismatch_bytes;
	/** Not in RAM, not part of any sum. */
	phys_addr_t outside_bytes;
	uint32_t rows;
};

/* ---- where the facts come from ---- */

/** A range of RAM as the device tree (or a bootarg) describes it. */
struct ledger_ram {
	phys_addr_t base;
	phys_addr_t size;
	int32_t nid;
	/** Structure-block offset of the memory node, or -1. */
	int32_t node;
	/** enum boot_ram_fate: memory, or why not. */
	uint32_t fate;
};

/** Return false to stop the walk. */
typedef bool (*ledger_fn)(void *ctx, const struct ledger_row *row);

/**
 * A page allocator's part: calls @fn for each maximal run of frames it knows, ascending by address.
 * Of the row only base, size, kind (ZONE_FREE to CMA_GIVEN), nid, zone and
 * detail count.
 */
typedef void (*ledger_runs_fn)(ledger_fn fn, void *ctx);

/**
 * Registered by page_alloc_init() when memblock's free memory is the zones'; NULL: memblock gives
 * it out again.
 */
void ledger_set_runs(ledger_runs_fn runs);

struct port_board;
struct ledger_sources {
	/** For names of nodes; may be NULL. */
	const struct dt_facts *facts;
	/** For RAM that shows at other addresses, too; may be NULL. */
	const struct port_board *board;
	/**
	 * Range @i of RAM; ascending, disjoint; asked for in order. Return: false past the last.
	 */
	bool (*ram)(void *ctx, uint32_t i, struct ledger_ram *out);
	void *ctx;
};

struct boot_memory;
/** The usual sources: what boot_memory_init() found. @bm stays the caller's. */
void ledger_use_boot_memory(const struct boot_memory *bm);

/**
 * From now on the ledger is available; @sources stay the caller's. NULL: not available any more.
 */
void ledger_set_sources(const struct ledger_sources *sources);
bool ledger_available(void);

/* ---- asking ---- */

/**
 * Walk all rows as they are now. @totals may be NULL; incomplete when @fn stopped the walk. The other harts are held
 * meanwhile. Context of all walks, checks and snapshots: any hart, no lock held.
 * Return: 0 | -ENODEV (no sources yet)
 */
FPG_MUST_CHECK int ledger_walk(ledger_fn fn, void *ctx, struct ledger_totals *totals);

/** Return: 0 | -ENODEV | -EUCLEAN: the sum is off (a panic with CONFIG_LEDGER_PANIC_ON_MISMATCH) */
FPG_MUST_CHECK int ledger_check(struct ledger_totals *totals);

#define LEDGER_NAME_BYTES 320

/**
 * Who holds a row, for people: "firmware /reserved-memory/mmode_resv0@80000000", "free, Normal of
 * node 0, buddy".
 */
const char *ledger_holder(const struct ledger_row *row, char *buf, size_t buf_bytes);
const char *ledger_kind_name(enum ledger_kind kind);

/* ---- warnings ---- */

/**
 * Take log_set_observer() and keep warnings and errors as "module: text", as many as fit; the rest
 * is counted.
 */
void ledger_collect_warnings(void);
/** Warnings given so far, also those that did not fit. */
uint32_t ledger_warning_count(void);
/** Number @i of those that were kept, or NULL. */
const char *ledger_warning(uint32_t i);

/* ---- snapshots ---- */

#define LEDGER_SNAPSHOTS     16
#define LEDGER_SNAPSHOT_NAME 24

struct ledger_snapshot {
	char name[LEDGER_SNAPSHOT_NAME];
	struct ledger_totals totals;
	/** Rows of RAM, then those outside. */
	const struct ledger_row *rows;
	uint32_t inside;
	uint32_t outside;
	uint32_t warnings;
};

/**
 * More room for snapshots; page aligned or not, the ledger's for good. The first ones lie in .bss.
 */
void ledger_give_memory(void *memory, size_t bytes);

/**
 * Take room for later snapshots from memblock: several times the rows there are now, at most 1/256
 * of RAM. Needs the linear map. Return: 0 | -ENODEV (no sources yet) | -ENOMEM
 */
FPG_MUST_CHECK int ledger_reserve_memory(void);

/**
 * Keep the rows as they are now under @name; an older snapshot of that name is forgotten.
 * Return: 0 | -ENODEV (no sources yet) | -ENOSPC (no room; nothing kept)
 */
FPG_MUST_CHECK int ledger_snapshot(const char *name);

/** Snapshot @i in the order they were taken, or NULL; by name, or NULL. */
const struct ledger_snapshot *ledger_snapshot_at(uint32_t i);
const struct ledger_snapshot *ledger_snapshot_find(const char *name);

/** The rows of @snapshot, or as they are now when it is NULL. Return: as ledger_walk(). */
FPG_MUST_CHECK int ledger_walk_of(const struct ledger_snapshot *snapshot, ledger_fn fn, void *ctx);

/**
 * A range whose row differs; @from or @to is NULL where there was or is none. Return false to stop.
 */
typedef bool (*ledger_diff_fn)(void *ctx, struct phys_range range, const struct ledger_row *from,
			       const struct ledger_row *to);

/** What changed from @from to @to (NULL: now), ascending. Return: as ledger_walk(). */
FPG_MUST_CHECK int ledger_diff(const struct ledger_snapshot *from, const struct ledger_snapshot *to,
			       ledger_diff_fn fn, void *ctx);

/* ---- showing ---- */

/**
 * All rows, a sum by holder, and the last line `ledger: N of N bytes accounted for: exact` (or `… N
 * of M …: MISMATCH by D bytes`). Return: as ledger_check()
 */
FPG_MUST_CHECK int ledger_print(struct out *out);

/**
 * Members "ram_bytes", "accounted_bytes", "mismatch_bytes", "exact", "rows", "outside" of the open
 * object.
 */
FPG_MUST_CHECK int ledger_json(struct json *j);

/** One line: range, size, holder, since when and why. */
void ledger_print_row(struct out *out, const struct ledger_row *row);

/** Members of one row in the open object: base, size, state, holder, stage, rule, node, nomap. */
void ledger_row_json(struct json *j, const struct ledger_row *row);

/** Version of the map's format; grows when a member changes its meaning or goes away. */
#define LEDGER_MAP_VERSION 1

/**
 * The map, as one object: "version", "memory" [{base, size, node}], "reserved" [{base, size,
 * holder, nomap}], "memory_bytes", "usable_bytes", "warnings" [text]. It depends on the rows and
 * warnings of @snapshot (NULL: now) only, so that fpg-map and the image print the same bytes for
 * the same input. Return: as ledger_walk()
 */
FPG_MUST_CHECK int ledger_map_json(struct json *j, const struct ledger_snapshot *snapshot);

/**
 * Say in plain sentences who holds the byte at @address, since when, why, and who else wanted it.
 */
FPG_MUST_CHECK int ledger_why_print(struct out *out, phys_addr_t address);
/**
 * The same as members of the open object: "address", the row's (where there is one), "ram",
 * "sentences".
 */
FPG_MUST_CHECK int ledger_why_json(struct json *j, phys_addr_t address);
