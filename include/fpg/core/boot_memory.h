/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the device tree and bootargs to memblock: memory first, ascending; then everything that is taken, each range
 * with its owner. The image's main.c and the host tool fpg-map call the same functions with the same inputs and get
 * the same tables, byte for byte.
 *
 * RAM is the union of the enabled memory tuples (and memmap=SIZE@BASE), to the byte. What of it does not become
 * memblock memory is a row of its own with the reason: bytes rounded off, cut by mem=, outside of
 * linux,usable-memory-range, outside of the address window.
 */
#pragma once

#include "fpg/base/compiler.h"
#include "fpg/base/types.h"
#include "fpg/core/bootargs.h"
#include "fpg/core/devicetree.h"
#include "fpg/core/image.h"
#include "fpg/core/owner.h"
#include "fpg/port/board.h"

/** What firmware and loader left. Everything stays where it is until boot is over. */
struct boot_inputs {
	/** Accepted by dt_check_blob(). */
	const void *blob;
	phys_addr_t blob_phys;
	/** Its totalsize. */
	size_t blob_bytes;
	const struct kernel_image *image;
	/** Instead of /chosen's, or NULL. */
	const struct phys_range *initrd;
	/** Instead of /chosen/bootargs, or NULL. */
	const char *bootargs;
	/**
	 * Reach RAM before the linear map is on: for range lists and memblock tables too large for static storage. NULL:
	 * such a tree is refused. On a host the memory need not be the tree's: zeroed memory remembered by its address will do.
	 */
	void *(*map)(phys_addr_t base, size_t bytes);
	void (*unmap)(void *va, size_t bytes);
};

/** An area that a node of /reserved-memory asks for and a later stage sets up. */
struct boot_area {
	struct phys_range range;
	int32_t node;
	/** enum dt_range_flags */
	uint16_t flags;
	/** For CMA (reusable shared-dma-pool); else for DMA (shared-dma-pool, linux,dma-default). */
	bool cma;
};

/** Large: give it static storage. It points into itself, so it cannot be copied. */
struct boot_memory {
	struct boot_inputs in;
	struct dt_facts facts;
	struct bootargs args;
	bool scanned;
	/** What is known of the board beyond its tree, or NULL. */
	const struct port_board *board;
	/** As reserved; size 0: none. */
	struct phys_range initrd;
	/** Reserved as firmware because nothing describes any; size 0: none. */
	struct phys_range guess;
	/** Union of memory, in bytes. */
	uint64_t ram_bytes;
	/** What became memblock memory. */
	uint64_t memory_bytes;
	/** Memory at and above this was cut by mem=; PHYS_ADDR_MAX: none. */
	phys_addr_t mem_end;
	/** Memory outside was cut by boot_memory_limit_window(). */
	struct phys_range window;
	/** Storage in RAM of the memory list and the reserved list; size 0: none. */
	struct phys_range memory_scratch;
	struct phys_range reserved_scratch;
	/** Where memblock's tables may grow: [next, end of arena). */
	struct phys_range arena;
	phys_addr_t arena_next;
	/** While looking for places: nothing at or above. */
	phys_addr_t place_limit;
};

/** Why a range of RAM is, or is not, memblock memory. X(id, words for the ledger) */
#define BOOT_RAM_FATES(X)                                           \
	X(BOOT_RAM_MEMORY, "memory")                                \
	X(BOOT_RAM_ROUNDED, "rounded off")                          \
	X(BOOT_RAM_CUT_MEM, "cut by mem=")                          \
	X(BOOT_RAM_CUT_USABLE, "outside linux,usable-memory-range") \
	X(BOOT_RAM_CUT_WINDOW, "beyond the address window")

enum boot_ram_fate {
#define X(id, name) id,
	BOOT_RAM_FATES(X)
#undef X
};

const char *boot_ram_fate_name(enum boot_ram_fate fate);

/** A stretch of RAM of one node with one fate. */
struct boot_ram_row {
	struct phys_range range;
	enum boot_ram_fate fate;
	/** As in memblock. */
	int32_t nid;
	/** Node of the tree, or -1 for memmap=. */
	int32_t node;
	bool hotplug;
};

/**
 * First half: facts and bootargs. Sets the boot stage. boot_memory_init() does it if it was not done; main.c calls it
 * first to have the timebase and the log level early.
 * @bm      overwritten; @in is copied
 * Return:  0 (what is wrong was warned about)
 */
FPG_MUST_CHECK int boot_memory_scan(struct boot_memory *bm, const struct boot_inputs *in);

/**
 * Second half: fill memblock, which must be empty. Sets the boot stage.
 *
 * Context: boot hart only
 * Return:  0 | -ENODATA (no usable memory) | -ENOMEM (no place for lists or tables): logged as an error
 * Owner:   afterwards memblock may be allocated from; its tables are reached through @in->map until
 *          boot_memory_relocate()
 */
FPG_MUST_CHECK int boot_memory_init(struct boot_memory *bm, const struct boot_inputs *in);

/** The linear map is on: reach lists (and memblock's tables) through it. */
void boot_memory_relocate(struct boot_memory *bm);

/**
 * Take memory outside of [base, base + size) out of memblock: the paging mode does not reach it.
 * Return: 0 | negative errno of memblock_remove()
 */
FPG_MUST_CHECK int boot_memory_limit_window(struct boot_memory *bm, phys_addr_t base,
					    phys_addr_t size);

/**
 * The next reserved range, from *@at on, of a node that asks for a CMA or DMA area; *@at: behind it. A node whose range is
 * cut by others has several. Context: boot hart, until the device tree's blob goes. Return: false when there is none
 */
bool boot_memory_next_area(const struct boot_memory *bm, phys_addr_t *at, struct boot_area *area);

/** A claim on bytes of @area: somebody else wanted them, or the area's node wanted others' bytes. NULL: none. */
struct memblock_region;
const struct memblock_region *boot_area_claim(struct phys_range area);

/** The first region in @range that is held for @node, or, when not @mine, for somebody else; NULL: there is none. */
const struct memblock_region *boot_area_held(const struct memblock_region *range, int node,
					     bool mine);

/** Somebody else, @owner, wants some of what @node describes: then what is left is not what was meant, and is no area. */
bool boot_area_rival(int node, struct mem_owner *owner);

/**
 * End the reservations of CMA nodes: for a build without CMA, where nobody could ever use that memory. Areas that another
 * reservation overlaps stay. To be called after the snapshot of the memblock stage.
 * Return: 0 | negative errno of memblock_phys_free()
 */
FPG_MUST_CHECK int boot_memory_release_cma(struct boot_memory *bm);

/** A walk over RAM, row by row; all zero before the first. */
struct boot_ram_walk {
	uint32_t index;
	phys_addr_t at;
	struct phys_range run;
};

/** The next row, by the rules of boot_memory_for_each_raw(). Return: false when there is none. */
bool boot_memory_next_raw(const struct boot_memory *bm, struct boot_ram_walk *walk,
			  struct boot_ram_row *row);

/** Return false to stop. */
typedef bool (*boot_ram_fn)(void *ctx, const struct boot_ram_row *row);

/** All of RAM, ascending, each byte once: the rows add up to ram_bytes. Valid at every later stage. */
void boot_memory_for_each_raw(const struct boot_memory *bm, boot_ram_fn fn, void *ctx);

/** The byte at @addr is RAM; with its row when @row is not NULL. */
bool boot_memory_find_raw(const struct boot_memory *bm, phys_addr_t addr, struct boot_ram_row *row);
