/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * buddy: runs in order, and counts. Fresh and untouched blocks pass 64 at a time; records are read
 * only in cut ones.
 */
#include "buddy.h"

#include "fpg/base/range.h"

/** Joins what the walk finds into maximal runs. */
struct joiner {
	palloc_walk_fn fn;
	void *ctx;
	struct palloc_run run;
	bool any;
	bool stopped;
};

static void flush(struct joiner *j)
{
	if (j->any && !j->stopped) {
		j->stopped = !j->fn(j->ctx, &j->run);
	}
	j->any = false;
}

static void see(struct joiner *j, uint64_t start, uint64_t end, enum palloc_run_state state,
		unsigned int type)
{
	if (j->any &&
	    (j->run.state != state || (state == PALLOC_RUN_FREE && j->run.type != type))) {
		flush(j);
	}
	if (!j->any) {
		j->any = true;
		j->run.range.start = pfn(start);
		j->run.state = state;
		j->run.type = state == PALLOC_RUN_FREE ? (enum migratetype)type : MIGRATE_UNMOVABLE;
	}
	j->run.range.end = pfn(end);
}

static void see_records(const struct buddy *b, struct joiner *j, uint64_t start, uint64_t end)
{
	for (uint64_t n = start; n < end && !j->stopped;) {
		uint64_t word = buddy_page(n)->word;
		uint64_t next = n + 1;
		if (buddy_owns(b, word)) {
			bool free = page_word_state(word) == PAGE_FREE;
			next = n + (1ULL << page_word_order(word));
			see(j, n, next, free ? PALLOC_RUN_FREE : PALLOC_RUN_ALLOCATED,
			    page_word_type(word));
		} else {
			if (n % FRAME_TABLE_CHUNK == 0 && !frame_populated(pfn(n))) {
				next = n + FRAME_TABLE_CHUNK < end ? n + FRAME_TABLE_CHUNK : end;
			}
			see(j, n, next, PALLOC_RUN_HOLE, 0);
		}
		n = next;
	}
}

/**
 * Up to which largest-order block the one at @i and its followers are alike: all fresh, or neither
 * fresh nor cut.
 */
static uint64_t alike_until(const struct buddy *b, uint64_t i)
{
	if (fresh_test(&b->fresh, i)) {
		return bits_find_clear(b->fresh.level[0], i, b->fresh.bits);
	}
	uint64_t fresh = fresh_find(&b->fresh, i);
	return bits_find_set(b->cut, i, fresh);
}

void buddy_walk(const struct palloc *pa, palloc_walk_fn fn, void *ctx)
{
	const struct buddy *b = buddy_of(pa);
	struct joiner j = { .fn = fn, .ctx = ctx };
	uint64_t i = 0;
	while (i < b->fresh.bits && !j.stopped) {
		bool fresh = fresh_test(&b->fresh, i);
		bool records = !fresh && bits_test(b->cut, i);
		uint64_t until = records ? i + 1 : alike_until(b, i);
		uint64_t start = b->base + (i << MAX_PAGE_ORDER);
		uint64_t end = b->base + (until << MAX_PAGE_ORDER);
		start = start > pa->span.start.n ? start : pa->span.start.n;
		end = end < pa->span.end.n ? end : pa->span.end.n;
		if (records) {
			see_records(b, &j, start, end);
		} else {
			see(&j, start, end, fresh ? PALLOC_RUN_FREE : PALLOC_RUN_HOLE,
			    MIGRATE_MOVABLE);
		}
		i = until;
	}
	flush(&j);
}

void buddy_stats(const struct palloc *pa, struct palloc_stats *out)
{
	const struct buddy *b = buddy_of(pa);
	uint32_t orders = b->fresh.count != 0 ? 1U << MAX_PAGE_ORDER : 0;
	for (unsigned int type = 0; type < MIGRATE_TYPE_COUNT; type++) {
		orders |= buddy_orders(b, type);
	}
	*out = (struct palloc_stats){
		.managed_pages = b->managed_pages,
		.free_pages = b->free_pages,
		.largest_free_pages = orders == 0 ? 0 : 1ULL << bit_highest(orders),
		.meta_bytes = pa->meta_bytes,
		.exact = true,
	};
}
