/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between the files of memblock: the table primitives, the room they need, and the state that is not public.
 *
 * Every change is made in two steps: count the entries it needs, get room for them (memblock_room(), the only step that
 * can fail), then change the tables.
 */
#pragma once

#include "fpg/base/assert.h"
#include "fpg/base/range.h"
#include "fpg/core/memblock.h"

static_assert(sizeof(struct memblock_region) == 32,
	      "a page holds 128 entries; tables double in whole pages");

struct memblock_state {
	memblock_place_fn find_place;
	void *find_ctx;
	void *(*map)(phys_addr_t base, size_t bytes);
	void (*unmap)(void *va, size_t bytes);
	memblock_release_fn release;
	memblock_alloc_filter_fn alloc_fails;
	void *release_ctx;
	/** memblock_allow_resize() was called. */
	bool can_resize;
	/** Some memory is mirrored; allocations try it first. */
	bool has_mirror;
	/** memblock_free_all() was called. */
	bool handed_over;
};
extern struct memblock_state memblock_state;

/* ---- one table (memblock_table.c) --------------------------------------------------------------------------- */

/** Flags, node and owner agree: touching neighbours merge. */
bool memblock_region_alike(const struct memblock_region *a, const struct memblock_region *b);

/** Most entries that inserting, isolating, or removing the range can add; 0 when the table may even shrink. */
unsigned long memblock_table_insert_need(const struct memblock_type *type, phys_addr_t base,
					 phys_addr_t end, const struct memblock_region *like);
unsigned long memblock_table_isolate_need(const struct memblock_type *type, phys_addr_t base,
					  phys_addr_t end);
unsigned long memblock_table_remove_need(const struct memblock_type *type, phys_addr_t base,
					 phys_addr_t end);

/** Insert behind all others. Return: false when the range is not there, or there is no entry left. */
bool memblock_table_append(struct memblock_type *type, phys_addr_t base, phys_addr_t end,
			   const struct memblock_region *like);

/** Cover the parts of the range that no region covers with regions like @like. There is room. */
void memblock_table_insert(struct memblock_type *type, phys_addr_t base, phys_addr_t end,
			   const struct memblock_region *like);

/** Split regions so that [*@from, *@to) are those inside the range. There is room. */
void memblock_table_isolate(struct memblock_type *type, phys_addr_t base, phys_addr_t end,
			    unsigned long *from, unsigned long *to);

/** Merge what touches and is alike among regions [@from, @to) and the neighbours on both sides. */
void memblock_table_merge(struct memblock_type *type, unsigned long from, unsigned long to);

/** Take the range out. There is room. */
void memblock_table_remove(struct memblock_type *type, phys_addr_t base, phys_addr_t end);

/** Take entries [@from, @to) out. */
void memblock_table_delete(struct memblock_type *type, unsigned long from, unsigned long to);

/** Make @n the number of entries in use. */
void memblock_table_set_used(struct memblock_type *type, unsigned long n);

/* ---- room (memblock_grow.c) --------------------------------------------------------------------------------- */

/** Entries that a change adds to each table at most, and a range that no array may lie in (size 0: none). */
struct memblock_room {
	unsigned long memory;
	unsigned long reserved;
	unsigned long claims;
	phys_addr_t base;
	phys_addr_t size;
};

/**
 * Make sure that a change fits. Arrays that lie in the range move out of it.
 * Return: 0 | -ENOMEM (nothing changed)
 */
FPG_MUST_CHECK int memblock_room(const struct memblock_room *room);

/** Move arrays that lie outside mappable memory back into it, where that is possible. */
void memblock_arrays_settle(void);

/** Back to the static tables, empty. */
void memblock_arrays_forget(void);

bool memblock_array_is_static(const struct memblock_type *type);
size_t memblock_array_bytes(const struct memblock_type *type);

/* ---- changes (memblock.c, memblock_owner.c) ----------------------------------------------------------------- */

/** Insert into memory or reserved, growing the table. Return: 0 | -ENOMEM | -EINVAL */
FPG_MUST_CHECK int memblock_insert(struct memblock_type *type, phys_addr_t base, phys_addr_t size,
				   const struct memblock_region *like);

/** Set and clear flags of @type's regions in the range. Return: 0 | -ENOMEM | -EINVAL */
FPG_MUST_CHECK int memblock_setclr_flags(struct memblock_type *type, phys_addr_t base,
					 phys_addr_t size, enum memblock_flags set,
					 enum memblock_flags clear);

/** True, with an error in the log, after the hand-over. */
bool memblock_refuse(const char *what);

/** Claims: entries needed to drop the range from them, and the dropping. */
unsigned long memblock_claims_drop_need(phys_addr_t base, phys_addr_t end);
void memblock_claims_drop(phys_addr_t base, phys_addr_t end);

/* ---- search (memblock_alloc.c) and walks (memblock_iter.c) -------------------------------------------------- */

/** A walk in progress: maximal ranges of @a without @b. */
struct memblock_cursor {
	const struct memblock_type *a;
	const struct memblock_type *b;
	int nid;
	enum memblock_flags flags;
	/** Next regions to look at: indices up, counts of those still below down. */
	unsigned long ia;
	unsigned long ib;
	/** Upwards: nothing below is given. Downwards: nothing at or above. */
	phys_addr_t pos;
	/** The run of a's regions being cut, when run_end > run_base. */
	phys_addr_t run_base;
	phys_addr_t run_end;
	int run_nid;
};

struct memblock_piece {
	phys_addr_t base;
	phys_addr_t end;
	int nid;
};

void memblock_cursor_up(struct memblock_cursor *c, phys_addr_t from);
void memblock_cursor_down(struct memblock_cursor *c, phys_addr_t below);
bool memblock_cursor_next_up(struct memblock_cursor *c, struct memblock_piece *piece);
bool memblock_cursor_next_down(struct memblock_cursor *c, struct memblock_piece *piece);

/** The filter wants this call to fail. */
static inline bool memblock_alloc_fails(const char *function, phys_addr_t bytes,
					struct mem_owner owner)
{
	return FPG_ENABLED(CONFIG_FAIL_BOOT) && unlikely(memblock_state.alloc_fails != NULL) &&
	       memblock_state.alloc_fails(function, bytes, owner);
}

/** Free place in [start, end), by direction; 0 when there is none. */
phys_addr_t memblock_find_in_range_node(phys_addr_t size, phys_addr_t align, phys_addr_t start,
					phys_addr_t end, int nid, enum memblock_flags flags);

/* ---- tracing ------------------------------------------------------------------------------------------------ */

/** memblock=debug is on, and built in. */
static inline bool memblock_tracing(void)
{
	return FPG_ENABLED(CONFIG_MEMBLOCK_DEBUG) && unlikely(memblock_debug);
}

/** Log `function: [first-last] caller` with memblock=debug. */
#define memblock_trace(base, size)                                                               \
	do {                                                                                     \
		if (memblock_tracing()) {                                                        \
			memblock_trace_range(__func__, base, size, __builtin_return_address(0)); \
		}                                                                                \
	} while (0)
void memblock_trace_range(const char *function, phys_addr_t base, phys_addr_t size,
			  const void *caller);
