/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What bootmem can say about itself: runs in order, counts, and a check of every invariant in
 * bootmem.h.
 */
#include "bootmem.h"

#include "fpg/base/errno.h"

static bool emit(const struct bootmem *b, palloc_walk_fn fn, void *ctx, uint64_t from, uint64_t to,
		 enum palloc_run_state state)
{
	if (from == to) {
		return true;
	}
	struct palloc_run run = {
		.range = { pfn(b->base + from), pfn(b->base + to) },
		.state = state,
		.type = state == PALLOC_RUN_FREE ? MIGRATE_MOVABLE : MIGRATE_UNMOVABLE,
	};
	return fn(ctx, &run);
}

/**
 * Free and allocated runs of the managed frames [from, to). Return: false when the walk was
 * stopped.
 */
static bool walk_managed(const struct bootmem *b, palloc_walk_fn fn, void *ctx, uint64_t from,
			 uint64_t to)
{
	while (from < to) {
		uint64_t free = bits_find_set(b->free_map, from, to);
		if (!emit(b, fn, ctx, from, free, PALLOC_RUN_ALLOCATED)) {
			return false;
		}
		uint64_t used = bits_find_clear(b->free_map, free, to);
		if (!emit(b, fn, ctx, free, used, PALLOC_RUN_FREE)) {
			return false;
		}
		from = used;
	}
	return true;
}

void bootmem_walk(const struct palloc *pa, palloc_walk_fn fn, void *ctx)
{
	const struct bootmem *b = bootmem_of(pa);
	uint64_t done = 0;
	for (uint32_t i = 0; i < b->run_count; i++) {
		const struct bootmem_run *run = &b->runs[i];
		if (!emit(b, fn, ctx, done, run->start, PALLOC_RUN_HOLE) ||
		    !walk_managed(b, fn, ctx, run->start, run->end)) {
			return;
		}
		done = run->end;
	}
	(void)emit(b, fn, ctx, done, b->bits, PALLOC_RUN_HOLE);
}

static bool see_free(void *ctx, const struct palloc_run *run)
{
	uint64_t *largest = ctx;
	if (run->state == PALLOC_RUN_FREE && pfn_range_pages(run->range) > *largest) {
		*largest = pfn_range_pages(run->range);
	}
	return true;
}

void bootmem_stats(const struct palloc *pa, struct palloc_stats *out)
{
	const struct bootmem *b = bootmem_of(pa);
	*out = (struct palloc_stats){
		.managed_pages = b->managed_pages,
		.free_pages = b->free_pages,
		.meta_bytes = pa->meta_bytes,
		.exact = true,
	};
	bootmem_walk(pa, see_free, &out->largest_free_pages);
}

int bootmem_check(const struct palloc *pa, const char **why)
{
	const struct bootmem *b = bootmem_of(pa);
	uint64_t managed = 0;
	uint64_t free = 0;
	uint64_t done = 0;
	*why = NULL;
	for (uint32_t i = 0; i < b->run_count; i++) {
		const struct bootmem_run *run = &b->runs[i];
		if (run->start >= run->end || run->end > b->bits || (i > 0 && run->start <= done)) {
			*why = "managed runs are not ascending and apart";
			return -EUCLEAN;
		}
		if (bits_find_set(b->free_map, done, run->start) != run->start) {
			*why = "a frame that is not managed is marked free";
			return -EUCLEAN;
		}
		managed += run->end - run->start;
		done = run->end;
	}
	if (bits_find_set(b->free_map, done, b->bits) != b->bits) {
		*why = "a frame past the managed ones is marked free";
	}
	for (uint64_t i = 0; i < bits_to_words(b->bits); i++) {
		free += bit_count(b->free_map[i]);
	}
	if (managed != b->managed_pages || b->run_count > b->run_max) {
		*why = "managed_pages differs from the managed runs";
	} else if (free != b->free_pages) {
		*why = "free_pages differs from the bitmap";
	} else if (bits_find_set(b->free_map, 0, b->first_free) != b->first_free) {
		*why = "a frame below first_free is free";
	}
	return *why == NULL ? 0 : -EUCLEAN;
}
