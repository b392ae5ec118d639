/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The arrays behind memblock's tables: static ones at first, then twice as big as often as it takes.
 *
 * All arrays that must grow or move for one change come from one piece of memory, found before anything changes; so a
 * change gets everything or nothing. That piece is reserved for OWNER_MEMBLOCK. No array ever lies in the range that
 * the change is about: one that does is moved out first.
 */
#define LOG_MODULE "memblock"
#include "memblock_private.h"

#include "fpg/core/log.h"
#include "fpg/port/port.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define INIT_MEMBLOCK_CLAIMS 32

static struct memblock_region memory_static[INIT_MEMBLOCK_REGIONS];
static struct memblock_region reserved_static[INIT_MEMBLOCK_REGIONS];
static struct memblock_region claims_static[INIT_MEMBLOCK_CLAIMS];

#define EMPTY_TYPE(array, title)                                                         \
	{                                                                                \
		.cnt = MEMBLOCK_EMPTY_CNT, .max = ARRAY_SIZE(array), .regions = (array), \
		.name = (title)                                                          \
	}

struct memblock memblock = {
	.current_limit = MEMBLOCK_ALLOC_ANYWHERE,
	.memory = EMPTY_TYPE(memory_static, "memory"),
	.reserved = EMPTY_TYPE(reserved_static, "reserved"),
	.claims = EMPTY_TYPE(claims_static, "claims"),
};

enum {
	TABLE_MEMORY,
	TABLE_RESERVED,
	TABLE_CLAIMS,
	TABLES,
};

static struct memblock_type *const tables[TABLES] = {
	[TABLE_MEMORY] = &memblock.memory,
	[TABLE_RESERVED] = &memblock.reserved,
	[TABLE_CLAIMS] = &memblock.claims,
};

/** What is to happen to the arrays: entries[t] is the new size of table t, 0 where the old array stays. */
struct grow_plan {
	unsigned long entries[TABLES];
	struct memblock_region *array[TABLES];
	phys_addr_t phys;
	phys_addr_t bytes;
	/** No place in here. */
	phys_addr_t avoid;
	phys_addr_t avoid_bytes;
};

bool memblock_array_is_static(const struct memblock_type *type)
{
	return type->regions == memory_static || type->regions == reserved_static ||
	       type->regions == claims_static;
}

static size_t bytes_for(unsigned long entries)
{
	return ALIGN_UP(entries * sizeof(struct memblock_region), PAGE_SIZE);
}

size_t memblock_array_bytes(const struct memblock_type *type)
{
	return bytes_for(type->max);
}

static bool array_overlaps(const struct memblock_type *type, phys_addr_t base, phys_addr_t size)
{
	return !memblock_array_is_static(type) &&
	       phys_ranges_overlap((struct phys_range){ type->array_phys,
							memblock_array_bytes(type) },
				   (struct phys_range){ base, size });
}

/* ---- where -------------------------------------------------------------------------------------------------- */

/* As Linux: above the range to avoid if possible, else below it. */
static phys_addr_t search_place(const struct grow_plan *plan)
{
	phys_addr_t limit = memblock.current_limit;
	phys_addr_t above = plan->avoid + plan->avoid_bytes;
	phys_addr_t place = memblock_find_in_range(above, limit, plan->bytes, PAGE_SIZE);

	if (place == 0 && plan->avoid_bytes > 0) {
		phys_addr_t below = plan->avoid < limit ? plan->avoid : limit;
		/* An end of 0 would mean "no limit". */
		place = below > PAGE_SIZE ?
				memblock_find_in_range(0, below, plan->bytes, PAGE_SIZE) :
				0;
	}
	return place;
}

static int find_place(struct grow_plan *plan)
{
	if (memblock_state.find_place == NULL) {
		plan->phys = memblock_state.can_resize ? search_place(plan) : 0;
		return plan->phys != 0 ? 0 : -ENOMEM;
	}
	phys_addr_t place = 0;
	int err = memblock_state.find_place(memblock_state.find_ctx, plan->bytes, plan->avoid,
					    plan->avoid_bytes, &place);
	if (err != 0) {
		return -ENOMEM;
	}
	struct phys_range found = { place, plan->bytes };
	struct phys_range avoid = { plan->avoid, plan->avoid_bytes };
	if (place == 0 || !IS_ALIGNED(place, PAGE_SIZE) ||
	    phys_range_overflows(place, plan->bytes) || phys_ranges_overlap(found, avoid) ||
	    memblock_is_region_reserved(place, plan->bytes)) {
		pr_err("place 0x%" PRIx64 "+0x%" PRIx64 " for tables is not free", place,
		       plan->bytes);
		return -ENOMEM;
	}
	plan->phys = place;
	return 0;
}

/* ---- access ------------------------------------------------------------------------------------------------- */

static void unmap_new(const struct grow_plan *plan, unsigned int below)
{
	for (unsigned int t = 0; t < below; t++) {
		if (plan->entries[t] != 0 && memblock_state.map != NULL &&
		    memblock_state.unmap != NULL) {
			memblock_state.unmap(plan->array[t], bytes_for(plan->entries[t]));
		}
	}
}

static int map_new(struct grow_plan *plan)
{
	phys_addr_t phys = plan->phys;

	for (unsigned int t = 0; t < TABLES; t++) {
		if (plan->entries[t] == 0) {
			continue;
		}
		size_t bytes = bytes_for(plan->entries[t]);
		if (memblock_state.map != NULL) {
			plan->array[t] = memblock_state.map(phys, bytes);
		} else {
			plan->array[t] = port_linear_ready ? port_phys_to_virt(phys) : NULL;
		}
		if (plan->array[t] == NULL) {
			pr_err("cannot reach 0x%" PRIx64 "+0x%zx for a bigger table", phys, bytes);
			unmap_new(plan, t);
			return -ENOMEM;
		}
		phys += bytes;
	}
	return 0;
}

static void unmap_old(const struct memblock_type *type)
{
	if (type->array_mapped && memblock_state.unmap != NULL) {
		memblock_state.unmap(type->regions, memblock_array_bytes(type));
	}
}

/* ---- plan and commit ---------------------------------------------------------------------------------------- */

static void plan_table(struct grow_plan *plan, unsigned int t, unsigned long need, bool move)
{
	const struct memblock_type *type = tables[t];
	unsigned long want = memblock_used(type) + need;
	unsigned long entries = type->max;

	while (entries < want) {
		entries *= 2;
	}
	if (entries > type->max || move) {
		/* Use the page to its end. */
		plan->entries[t] = bytes_for(entries) / sizeof(struct memblock_region);
	}
}

/* Growing reserves one piece and ends the reservations of old arrays, each of which may split a region. */
static void plan_all(struct grow_plan *plan, const unsigned long need[TABLES],
		     const bool move[TABLES])
{
	for (unsigned int t = 0; t < TABLES; t++) {
		plan_table(plan, t, need[t], move[t]);
	}
	if (plan->entries[TABLE_MEMORY] != 0 || plan->entries[TABLE_CLAIMS] != 0 ||
	    plan->entries[TABLE_RESERVED] != 0) {
		unsigned long extra = 1;
		for (unsigned int t = 0; t < TABLES; t++) {
			extra += !memblock_array_is_static(tables[t]) + (unsigned long)move[t];
		}
		plan_table(plan, TABLE_RESERVED, need[TABLE_RESERVED] + extra,
			   move[TABLE_RESERVED]);
	}
	for (unsigned int t = 0; t < TABLES; t++) {
		plan->bytes += plan->entries[t] != 0 ? bytes_for(plan->entries[t]) : 0;
	}
}

/* Return: false, and nothing done, when there is no entry left. */
static bool reserve_piece(phys_addr_t base, phys_addr_t bytes)
{
	struct memblock_type *type = &memblock.reserved;
	struct memblock_region like = {
		.nid = FPG_ENABLED(CONFIG_NUMA) ? MAX_NUMNODES : 0,
		.owner = mem_owner(OWNER_MEMBLOCK, RULE_ALLOC, -1),
	};

	if (memblock_used(type) + memblock_table_insert_need(type, base, base + bytes, &like) >
	    type->max) {
		return false;
	}
	memblock_table_insert(type, base, base + bytes, &like);
	return true;
}

static void commit(const struct grow_plan *plan)
{
	struct phys_range old[TABLES] = { 0 };
	phys_addr_t phys = plan->phys;

	for (unsigned int t = 0; t < TABLES; t++) {
		struct memblock_type *type = tables[t];
		if (plan->entries[t] == 0) {
			continue;
		}
		memcpy(plan->array[t], type->regions,
		       (memblock_used(type) > 0 ? memblock_used(type) : 1) *
			       sizeof(type->regions[0]));
		if (!memblock_array_is_static(type)) {
			old[t] =
				(struct phys_range){ type->array_phys, memblock_array_bytes(type) };
			unmap_old(type);
		}
		type->regions = plan->array[t];
		type->max = plan->entries[t];
		type->array_phys = phys;
		type->array_mapped = memblock_state.map != NULL;
		phys += bytes_for(plan->entries[t]);
		if (memblock_tracing()) {
			pr_info("%s has room for %lu entries at [0x%016" PRIx64 "-0x%016" PRIx64
				"]",
				type->name, type->max, type->array_phys, phys - 1);
		}
	}
	bool reserved = reserve_piece(plan->phys, plan->bytes);
	FPG_CHECK(reserved);
	for (unsigned int t = 0; t < TABLES; t++) {
		if (old[t].size != 0) {
			memblock_table_remove(&memblock.reserved, old[t].base,
					      phys_range_end(old[t]));
		}
	}
}

static int carry_out(struct grow_plan *plan)
{
	struct mem_owner owner = mem_owner(OWNER_MEMBLOCK, RULE_ALLOC, -1);
	int err = memblock_alloc_fails("memblock_double_array", plan->bytes, owner) ?
			  -ENOMEM :
			  find_place(plan);

	if (err == 0) {
		err = map_new(plan);
	}
	if (err == 0) {
		commit(plan);
	}
	return err;
}

int memblock_room(const struct memblock_room *room)
{
	const unsigned long need[TABLES] = { room->memory, room->reserved, room->claims };
	bool move[TABLES] = { false };
	bool any = false;

	for (unsigned int t = 0; t < TABLES; t++) {
		move[t] = array_overlaps(tables[t], room->base, room->size);
		any |= move[t] || memblock_used(tables[t]) + need[t] > tables[t]->max;
	}
	if (!any) {
		return 0;
	}
	struct grow_plan plan = { .avoid = room->base, .avoid_bytes = room->size };
	plan_all(&plan, need, move);
	int err = carry_out(&plan);
	if (err != 0) {
		pr_err("no place for 0x%" PRIx64
		       " bytes of tables (memory %lu, reserved %lu, claims %lu entries)",
		       plan.bytes, memblock_used(&memblock.memory),
		       memblock_used(&memblock.reserved), memblock_used(&memblock.claims));
	}
	return err;
}

int memblock_double_array(struct memblock_type *type, phys_addr_t new_area_start,
			  phys_addr_t new_area_size)
{
	unsigned long need = 2 * type->max - memblock_used(type);

	return memblock_room(&(struct memblock_room){
		.memory = type == &memblock.memory ? need : 0,
		.reserved = type == &memblock.reserved ? need : 0,
		.claims = type == &memblock.claims ? need : 0,
		.base = new_area_start,
		.size = new_area_size,
	});
}

/* ---- whole life --------------------------------------------------------------------------------------------- */

static bool in_mappable_memory(phys_addr_t base, phys_addr_t size)
{
	while (size > 0) {
		const struct memblock_region *r = memblock_region_find(&memblock.memory, base);
		if (r == NULL || memblock_is_nomap(r)) {
			return false;
		}
		phys_addr_t left = memblock_region_end(r) - base;
		base += left;
		size -= left < size ? left : size;
	}
	return true;
}

/* The cut took the reservations of these arrays, and left their entries. */
static void keep_reserved(const bool which[TABLES])
{
	for (unsigned int t = 0; t < TABLES; t++) {
		if (which[t] &&
		    !reserve_piece(tables[t]->array_phys, memblock_array_bytes(tables[t]))) {
			pr_err("array of %s is not reserved", tables[t]->name);
		}
	}
}

void memblock_arrays_settle(void)
{
	const unsigned long need[TABLES] = { 0 };
	bool move[TABLES];
	bool any = false;

	for (unsigned int t = 0; t < TABLES; t++) {
		move[t] =
			!memblock_array_is_static(tables[t]) &&
			!in_mappable_memory(tables[t]->array_phys, memblock_array_bytes(tables[t]));
		any |= move[t];
	}
	if (!any) {
		return;
	}
	struct grow_plan plan = { 0 };
	plan_all(&plan, need, move);
	if (carry_out(&plan) != 0) {
		pr_err("tables stay in memory that was cut off: no place for 0x%" PRIx64 " bytes",
		       plan.bytes);
		keep_reserved(move);
	}
}

void memblock_arrays_forget(void)
{
	static struct memblock_region *const start[TABLES] = { memory_static, reserved_static,
							       claims_static };

	for (unsigned int t = 0; t < TABLES; t++) {
		unsigned long entries = t == TABLE_CLAIMS ? INIT_MEMBLOCK_CLAIMS :
							    INIT_MEMBLOCK_REGIONS;
		memset(start[t], 0, entries * sizeof(*start[t]));
		tables[t]->regions = start[t];
		tables[t]->max = entries;
		tables[t]->cnt = MEMBLOCK_EMPTY_CNT;
		tables[t]->total_size = 0;
		tables[t]->array_phys = 0;
		tables[t]->array_mapped = false;
	}
}

void memblock_relocate_arrays(void)
{
	for (unsigned int t = 0; t < TABLES; t++) {
		struct memblock_type *type = tables[t];
		if (!memblock_array_is_static(type) && type->array_mapped) {
			struct memblock_region *linear = port_phys_to_virt(type->array_phys);
			unmap_old(type);
			type->regions = linear;
			type->array_mapped = false;
		}
	}
	memblock_set_array_access(NULL, NULL);
}

void memblock_allow_resize(void)
{
	memblock_state.can_resize = true;
}

void memblock_set_array_place(memblock_place_fn find, void *ctx)
{
	memblock_state.find_place = find;
	memblock_state.find_ctx = ctx;
}

void memblock_set_alloc_filter(memblock_alloc_filter_fn fails)
{
	memblock_state.alloc_fails = fails;
}

void memblock_set_array_access(void *(*map)(phys_addr_t base, size_t bytes),
			       void (*unmap)(void *va, size_t bytes))
{
	memblock_state.map = map;
	memblock_state.unmap = unmap;
}
