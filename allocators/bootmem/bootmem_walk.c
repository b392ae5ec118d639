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

/** The end of what is, from @from on, as free (@flip ~0) or as used (0) as the walk wants; most often in the same word. */
static inline uint64_t next_other(const struct bootmem *b, uint64_t from, uint64_t to,
				  uint64_t flip)
{
	const uint64_t word = (b->free_map[from / BITS_PER_WORD] ^ flip) >> from % BITS_PER_WORD;
	if (word != 0) {
		const uint64_t bit = from + bit_lowest(word);
		return bit < to ? bit : to;
	}
	return flip == 0 ? bootmem_next_free(b, from, to) : bootmem_next_used(b, from, to);
}

/**
 * Free and allocated runs of the managed frames [from, to). Return: false when the walk was
 * stopped.
 */
static bool walk_managed(const struct bootmem *b, palloc_walk_fn fn, void *ctx, uint64_t from,
			 uint64_t to)
{
	while (from < to) {
		uint64_t free = next_other(b, from, to, 0);
		if (!emit(b, fn, ctx, from, free, PALLOC_RUN_ALLOCATED)) {
			return false;
		}
		uint64_t used = free < to ? next_other(b, free, to, ~0ULL) : to;
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
	uint64_t done = b->first;
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

/** Bits in a row that are set within a word. */
static uint64_t longest_in(uint64_t word)
{
	uint64_t bits = 0;
	for (; word != 0; word &= word << 1) {
		bits++;
	}
	return bits;
}

struct free_run {
	uint64_t best;
	/** Up to the last bit seen. */
	uint64_t now;
};

static void see_words(struct free_run *run, const uint64_t *words, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		const uint64_t word = words[i];
		if (word == ~0ULL) {
			run->now += BITS_PER_WORD;
			continue;
		}
		run->now += bit_lowest(~word);
		run->best = run->now > run->best ? run->now : run->best;
		const uint64_t inside = longest_in(word);
		run->best = inside > run->best ? inside : run->best;
		run->now = BITS_PER_WORD - 1 - bit_highest(~word);
	}
}

/** The longest run of free frames, a region or a word at a time: what is not managed is not marked free. */
static uint64_t largest_free(const struct bootmem *b)
{
	struct free_run run = { 0 };
	for (uint32_t r = 0; r < b->regions; r++) {
		const uint64_t from = bootmem_region_start(b, r);
		uint64_t to = bootmem_region_start(b, (uint64_t)r + 1);
		to = to < b->bits ? to : b->bits;
		if (b->free_in[r] == to - from) {
			run.now += to - from;
		} else if (b->free_in[r] == 0) {
			run.best = run.now > run.best ? run.now : run.best;
			run.now = 0;
		} else {
			see_words(&run, b->free_map + from / BITS_PER_WORD,
				  bits_to_words(to - from));
		}
	}
	return run.now > run.best ? run.now : run.best;
}

void bootmem_stats(const struct palloc *pa, struct palloc_stats *out)
{
	const struct bootmem *b = bootmem_of(pa);
	*out = (struct palloc_stats){
		.managed_pages = b->managed_pages,
		.free_pages = b->free_pages,
		.meta_bytes = pa->meta_bytes,
		.largest_free_pages = largest_free(b),
		.exact = true,
	};
}

/** Managed runs ascend and are apart, and nothing else is marked free. *@managed: their pages */
static const char *check_runs(const struct bootmem *b, uint64_t *managed)
{
	uint64_t done = 0;
	for (uint32_t i = 0; i < b->run_count; i++) {
		const struct bootmem_run *run = &b->runs[i];
		if (run->start >= run->end || run->end > b->bits || run->start < b->first ||
		    (i > 0 && run->start <= done)) {
			return "managed runs are not ascending and apart";
		}
		if (bits_find_set(b->free_map, done, run->start) != run->start) {
			return "a frame that is not managed is marked free";
		}
		*managed += run->end - run->start;
		done = run->end;
	}
	return bits_find_set(b->free_map, done, b->bits) != b->bits ?
		       "a frame past the managed ones is marked free" :
		       NULL;
}

/** Counts of each region, and their sum. */
static const char *check_counts(const struct bootmem *b)
{
	uint64_t sum = 0;
	for (uint32_t r = 0; r < b->regions; r++) {
		uint64_t bit = bootmem_region_start(b, r);
		uint64_t end = bootmem_region_start(b, (uint64_t)r + 1);
		uint32_t free = 0;
		end = end < b->bits ? end : b->bits;
		while (bit < end) {
			uint64_t from = bits_find_set(b->free_map, bit, end);
			bit = bits_find_clear(b->free_map, from, end);
			free += (uint32_t)(bit - from);
		}
		if (free != b->free_in[r]) {
			return "a region's count differs from the bitmap";
		}
		sum += free;
	}
	return sum != b->free_pages ? "free_pages differs from the bitmap" : NULL;
}

/** Where searches begin: nothing that fits lies below. */
static const char *check_hints(const struct bootmem *b)
{
	if (bootmem_next_free(b, 0, b->low[0]) != b->low[0]) {
		return "a frame below low[0] is free";
	}
	for (unsigned int order = 1; order <= MAX_PAGE_ORDER; order++) {
		uint64_t low = b->low[order] < b->freed_from ? b->low[order] : b->freed_from;
		/* A block that ends past what became free may begin before it. */
		uint64_t start = (b->base + low) >> order << order;
		low = start > b->base ? start - b->base : 0;
		if (bootmem_find_block(b, order, 0, low) != BOOTMEM_NONE) {
			return "a free block lies below where its order is searched";
		}
	}
	return NULL;
}

int bootmem_check(const struct palloc *pa, const char **why)
{
	const struct bootmem *b = bootmem_of(pa);
	uint64_t managed = 0;
	*why = check_runs(b, &managed);
	if (*why == NULL && (managed != b->managed_pages || b->run_count > b->run_max)) {
		*why = "managed_pages differs from the managed runs";
	}
	if (*why == NULL) {
		*why = check_counts(b);
	}
	if (*why == NULL) {
		*why = check_hints(b);
	}
	if (*why == NULL && b->pack_bit != BOOTMEM_NONE &&
	    (b->pack_bit >= b->bits || bits_test(b->free_map, b->pack_bit) ||
	     b->pack_end >> PAGE_SHIFT != b->base + b->pack_bit)) {
		*why = "the page that small requests share is not in use";
	}
	return *why == NULL ? 0 : -EUCLEAN;
}
