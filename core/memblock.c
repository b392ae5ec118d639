/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memblock's two tables and the calls that change them. Each gets the room it needs first, then changes the tables;
 * what can fail comes before anything changes.
 */
#define LOG_MODULE "memblock"
#include "memblock_private.h"

#include "fpg/core/log.h"

#include <errno.h>
#include <inttypes.h>

bool memblock_debug;
/* Weak: a program that embeds memblock may have its own. */
__attribute__((weak)) bool movable_node_enabled;
struct memblock_state memblock_state;

bool memblock_refuse(const char *what)
{
	if (memblock_state.handed_over) {
		pr_err("%s refused: memory belongs to the page allocators now", what);
	}
	return memblock_state.handed_over;
}

/* Without NUMA all memory is node 0's, and reservations have no node of their own. */
static int table_nid(int nid)
{
	return FPG_ENABLED(CONFIG_NUMA) ? nid : 0;
}

int memblock_insert(struct memblock_type *type, phys_addr_t base, phys_addr_t size,
		    const struct memblock_region *like)
{
	phys_addr_t end = base + phys_cap_size(base, size);
	struct memblock_room room = { 0 };

	if (memblock_refuse(type->name)) {
		return -EINVAL;
	}
	if (base == end || memblock_table_append(type, base, end, like)) {
		return 0;
	}
	if (type == &memblock.reserved) {
		room.reserved = memblock_table_insert_need(type, base, end, like);
		room.base = base;
		room.size = end - base;
	} else {
		room.memory = memblock_table_insert_need(type, base, end, like);
	}
	int err = memblock_room(&room);
	if (err == 0) {
		memblock_table_insert(type, base, end, like);
	}
	return err;
}

/* ---- memory ------------------------------------------------------------------------------------------------- */

/* Two tuples give the same bytes to different nodes: the first keeps them. */
static void warn_other_node(phys_addr_t base, phys_addr_t end, int nid)
{
	unsigned long n = memblock_used(&memblock.memory);

	if (n == 0 || memblock_region_end(&memblock.memory.regions[n - 1]) <= base) {
		return;
	}
	for (unsigned long i = memblock_region_index(&memblock.memory, base); i < n; i++) {
		const struct memblock_region *r = &memblock.memory.regions[i];
		if (r->base >= end) {
			break;
		}
		if (r->nid != nid) {
			pr_warn("memory 0x%" PRIx64 "+0x%" PRIx64
				" of node %d overlaps memory of node %d, which keeps it",
				base, end - base, nid, r->nid);
			break;
		}
	}
}

static int add_memory(phys_addr_t base, phys_addr_t size, int nid, enum memblock_flags flags,
		      struct mem_owner owner)
{
	struct memblock_region like = { .flags = flags, .nid = table_nid(nid), .owner = owner };

	warn_other_node(base, base + phys_cap_size(base, size), like.nid);
	return memblock_insert(&memblock.memory, base, size, &like);
}

int memblock_add(phys_addr_t base, phys_addr_t size)
{
	memblock_trace(base, size);
	return add_memory(base, size, MAX_NUMNODES, MEMBLOCK_NONE, (struct mem_owner){ 0 });
}

int memblock_add_node(phys_addr_t base, phys_addr_t size, int nid, enum memblock_flags flags)
{
	memblock_trace(base, size);
	return add_memory(base, size, nid, flags, (struct mem_owner){ 0 });
}

int memblock_add_owned(phys_addr_t base, phys_addr_t size, int nid, enum memblock_flags flags,
		       struct mem_owner owner)
{
	memblock_trace(base, size);
	return add_memory(base, size, nid, flags, owner);
}

int memblock_remove(phys_addr_t base, phys_addr_t size)
{
	struct memblock_type *type = &memblock.memory;
	phys_addr_t end = base + phys_cap_size(base, size);

	memblock_trace(base, size);
	if (memblock_refuse("memblock_remove")) {
		return -EINVAL;
	}
	if (base == end) {
		return 0;
	}
	struct memblock_room room = {
		.memory = memblock_table_remove_need(type, base, end),
		.base = base,
		.size = end - base,
	};
	int err = memblock_room(&room);
	if (err == 0) {
		memblock_table_remove(type, base, end);
	}
	return err;
}

/* ---- reservations ------------------------------------------------------------------------------------------- */

int memblock_reserve(phys_addr_t base, phys_addr_t size)
{
	struct memblock_region like = { .nid = table_nid(MAX_NUMNODES) };

	memblock_trace(base, size);
	return memblock_insert(&memblock.reserved, base, size, &like);
}

static int end_reservation(phys_addr_t base, phys_addr_t size)
{
	struct memblock_type *type = &memblock.reserved;
	phys_addr_t end = base + phys_cap_size(base, size);

	if (memblock_refuse("memblock_free")) {
		return -EINVAL;
	}
	if (base == end) {
		return 0;
	}
	struct memblock_room room = {
		.reserved = memblock_table_remove_need(type, base, end),
		.claims = memblock_claims_drop_need(base, end),
	};
	int err = memblock_room(&room);
	if (err == 0) {
		memblock_table_remove(type, base, end);
		memblock_claims_drop(base, end);
	}
	return err;
}

int memblock_phys_free(phys_addr_t base, phys_addr_t size)
{
	memblock_trace(base, size);
	return end_reservation(base, size);
}

/* ---- flags and nodes ---------------------------------------------------------------------------------------- */

static int isolate(struct memblock_type *type, phys_addr_t base, phys_addr_t end,
		   bool keep_arrays_out, unsigned long *from, unsigned long *to)
{
	unsigned long need = memblock_table_isolate_need(type, base, end);
	struct memblock_room room = { 0 };

	if (type == &memblock.reserved) {
		room.reserved = need;
	} else {
		room.memory = need;
	}
	if (keep_arrays_out) {
		room.base = base;
		room.size = end - base;
	}
	int err = memblock_room(&room);
	if (err == 0) {
		memblock_table_isolate(type, base, end, from, to);
	}
	return err;
}

int memblock_setclr_flags(struct memblock_type *type, phys_addr_t base, phys_addr_t size,
			  enum memblock_flags set, enum memblock_flags clear)
{
	phys_addr_t end = base + phys_cap_size(base, size);
	unsigned long from;
	unsigned long to;

	if (memblock_refuse("a change of flags")) {
		return -EINVAL;
	}
	int err = isolate(type, base, end, set & MEMBLOCK_NOMAP, &from, &to);
	if (err != 0) {
		return err;
	}
	for (unsigned long i = from; i < to; i++) {
		type->regions[i].flags = (type->regions[i].flags & ~clear) | set;
	}
	memblock_table_merge(type, from, to);
	return 0;
}

int memblock_mark_hotplug(phys_addr_t base, phys_addr_t size)
{
	memblock_trace(base, size);
	return memblock_setclr_flags(&memblock.memory, base, size, MEMBLOCK_HOTPLUG, MEMBLOCK_NONE);
}

int memblock_clear_hotplug(phys_addr_t base, phys_addr_t size)
{
	memblock_trace(base, size);
	return memblock_setclr_flags(&memblock.memory, base, size, MEMBLOCK_NONE, MEMBLOCK_HOTPLUG);
}

int memblock_mark_mirror(phys_addr_t base, phys_addr_t size)
{
	memblock_trace(base, size);
	int err =
		memblock_setclr_flags(&memblock.memory, base, size, MEMBLOCK_MIRROR, MEMBLOCK_NONE);
	if (err == 0) {
		memblock_state.has_mirror = true;
	}
	return err;
}

int memblock_mark_nomap(phys_addr_t base, phys_addr_t size)
{
	memblock_trace(base, size);
	return memblock_setclr_flags(&memblock.memory, base, size, MEMBLOCK_NOMAP, MEMBLOCK_NONE);
}

int memblock_clear_nomap(phys_addr_t base, phys_addr_t size)
{
	memblock_trace(base, size);
	return memblock_setclr_flags(&memblock.memory, base, size, MEMBLOCK_NONE, MEMBLOCK_NOMAP);
}

int memblock_reserved_mark_noinit(phys_addr_t base, phys_addr_t size)
{
	memblock_trace(base, size);
	return memblock_setclr_flags(&memblock.reserved, base, size, MEMBLOCK_RSRV_NOINIT,
				     MEMBLOCK_NONE);
}

int memblock_set_node(phys_addr_t base, phys_addr_t size, struct memblock_type *type, int nid)
{
	phys_addr_t end = base + phys_cap_size(base, size);
	unsigned long from;
	unsigned long to;

	memblock_trace(base, size);
	if (memblock_refuse("memblock_set_node") || !FPG_ENABLED(CONFIG_NUMA)) {
		return memblock_state.handed_over ? -EINVAL : 0;
	}
	int err = isolate(type, base, end, false, &from, &to);
	if (err != 0) {
		return err;
	}
	for (unsigned long i = from; i < to; i++) {
		type->regions[i].nid = nid;
	}
	memblock_table_merge(type, from, to);
	return 0;
}

/* ---- settings ----------------------------------------------------------------------------------------------- */

bool memblock_has_mirror(void)
{
	return memblock_state.has_mirror;
}

void memblock_set_current_limit(phys_addr_t limit)
{
	memblock.current_limit = limit;
}

phys_addr_t memblock_get_current_limit(void)
{
	return memblock.current_limit;
}

void memblock_reset(void)
{
	memblock_arrays_forget();
	memblock.bottom_up = false;
	memblock.current_limit = MEMBLOCK_ALLOC_ANYWHERE;
	memblock_state = (struct memblock_state){ 0 };
}
