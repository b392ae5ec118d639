/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The end of memblock's rule: free memory goes to the page allocators, byte ranges as they are (the receiver rounds);
 * afterwards the tables tell who held what, and single reservations can still end.
 */
#define LOG_MODULE "memblock"
#include "memblock_private.h"

#include "fpg/core/log.h"

#include <errno.h>
#include <inttypes.h>

void memblock_set_release(memblock_release_fn fn, void *ctx)
{
	memblock_state.release = fn;
	memblock_state.release_ctx = ctx;
}

static void release(const struct memblock_piece *piece)
{
	if (memblock_state.release != NULL && piece->base < piece->end) {
		memblock_state.release(memblock_state.release_ctx, piece->base,
				       piece->end - piece->base, piece->nid);
	}
}

static unsigned long whole_pages(const struct memblock_piece *piece)
{
	unsigned long first = (piece->base >> PAGE_SHIFT) + ((piece->base & (PAGE_SIZE - 1)) != 0);
	unsigned long end = piece->end >> PAGE_SHIFT;

	return end > first ? end - first : 0;
}

/* Pieces that touch within a node are given as one, whatever their flags. */
static unsigned long release_walk(struct memblock_cursor *c, phys_addr_t from, phys_addr_t end)
{
	struct memblock_piece held = { 0 };
	struct memblock_piece piece;
	unsigned long pages = 0;

	memblock_cursor_up(c, from);
	while (memblock_cursor_next_up(c, &piece) && piece.base < end) {
		piece.end = piece.end < end ? piece.end : end;
		if (held.end == piece.base && held.nid == piece.nid) {
			held.end = piece.end;
			continue;
		}
		pages += whole_pages(&held);
		release(&held);
		held = piece;
	}
	pages += whole_pages(&held);
	release(&held);
	return pages;
}

unsigned long memblock_free_all(void)
{
	struct memblock_cursor c = { .a = &memblock.memory,
				     .b = &memblock.reserved,
				     .nid = NUMA_NO_NODE };
	struct memblock_room spare = { .reserved = MEMBLOCK_LATE_SPLITS };

	if (memblock_refuse("memblock_free_all")) {
		return 0;
	}
	if (memblock_clear_hotplug(0, PHYS_ADDR_MAX) != 0 || memblock_room(&spare) != 0) {
		pr_warn("fewer than %d reservations can end after the hand-over",
			MEMBLOCK_LATE_SPLITS);
	}
	memblock_state.handed_over = true;
	return release_walk(&c, 0, PHYS_ADDR_MAX);
}

static bool all_reserved(phys_addr_t base, phys_addr_t end)
{
	while (base < end) {
		const struct memblock_region *r = memblock_region_find(&memblock.reserved, base);
		if (r == NULL) {
			return false;
		}
		base = memblock_region_end(r);
	}
	return true;
}

/* The reservation of whole pages ends; memory among them that may be mapped is handed over. */
static int end_late(phys_addr_t base, phys_addr_t end)
{
	struct memblock_cursor c = { .a = &memblock.memory, .nid = NUMA_NO_NODE };

	if (!all_reserved(base, end)) {
		return -EINVAL;
	}
	if (memblock_used(&memblock.reserved) +
			    memblock_table_remove_need(&memblock.reserved, base, end) >
		    memblock.reserved.max ||
	    memblock_used(&memblock.claims) + memblock_claims_drop_need(base, end) >
		    memblock.claims.max) {
		return -ENOMEM;
	}
	memblock_table_remove(&memblock.reserved, base, end);
	memblock_claims_drop(base, end);
	release_walk(&c, base, end);
	return 0;
}

void memblock_free_late(phys_addr_t base, phys_addr_t size)
{
	phys_addr_t start = ALIGN_UP(base, PAGE_SIZE);
	phys_addr_t end = ALIGN_DOWN(base + phys_cap_size(base, size), PAGE_SIZE);

	memblock_trace(base, size);
	if (!memblock_state.handed_over) {
		pr_err("memblock_free_late is for the time after memblock_free_all");
		return;
	}
	if (start < base || start >= end) {
		return;
	}
	int err = end_late(start, end);
	if (err != 0) {
		pr_err("[0x%016" PRIx64 "-0x%016" PRIx64 "] stays as it is: %s", start, end - 1,
		       err == -EINVAL ? "not all of it is reserved" :
					"no entry left to split a reservation");
	}
}

void memblock_discard(void)
{
	struct memblock_type *const types[] = { &memblock.memory, &memblock.reserved,
						&memblock.claims };
	struct phys_range arrays[ARRAY_SIZE(types)] = { 0 };
	int nids[ARRAY_SIZE(types)] = { 0 };

	if (!memblock_state.handed_over) {
		pr_err("memblock_discard is for the time after memblock_free_all");
		return;
	}
	for (unsigned int t = 0; t < ARRAY_SIZE(types); t++) {
		if (memblock_array_is_static(types[t])) {
			continue;
		}
		const struct memblock_region *r =
			memblock_region_find(&memblock.memory, types[t]->array_phys);
		arrays[t] =
			(struct phys_range){ types[t]->array_phys, memblock_array_bytes(types[t]) };
		nids[t] = r != NULL ? r->nid : NUMA_NO_NODE;
	}
	memblock_arrays_forget();
	for (unsigned int t = 0; t < ARRAY_SIZE(types); t++) {
		release(&(struct memblock_piece){ arrays[t].base, phys_range_end(arrays[t]),
						  nids[t] });
	}
}
