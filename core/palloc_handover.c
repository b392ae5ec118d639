/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hand-over between two instances: walk one, add to the other, compare. Everything that can fail
 * for want of memory comes first; what the old backend left in the frame table is wiped as it goes,
 * blocks in use keep their records.
 */
#include "fpg/core/palloc_handover.h"

#include "fpg/base/bits.h"
#include "fpg/base/errno.h"
#include "fpg/base/range.h"

/** Heads of the largest pieces of [start, end), one populate a chunk. */
static int populate_heads(uint64_t start, uint64_t end, palloc_populate_fn populate, void *ctx)
{
	while (start < end) {
		unsigned int order = range_piece_order(start, end, MAX_PAGE_ORDER);
		int err = populate(ctx, (struct pfn_range){ pfn(start), pfn(start + 1) });
		if (err != 0) {
			return err;
		}
		uint64_t chunk_end = ALIGN_DOWN(start, FRAME_TABLE_CHUNK) + FRAME_TABLE_CHUNK;
		start += 1ULL << order;
		/* Whatever else begins in this chunk is populated with it. */
		while (start < chunk_end && start < end) {
			start += 1ULL << range_piece_order(start, end, MAX_PAGE_ORDER);
		}
	}
	return 0;
}

int palloc_populate_edges(struct pfn_range run, palloc_populate_fn populate, void *ctx)
{
	uint64_t whole = ALIGN_UP(run.start.n, MAX_ORDER_NR_PAGES);
	uint64_t whole_end = ALIGN_DOWN(run.end.n, MAX_ORDER_NR_PAGES);
	if (whole >= whole_end) {
		return populate_heads(run.start.n, run.end.n, populate, ctx);
	}
	int err = populate_heads(run.start.n, whole, populate, ctx);
	return err != 0 ? err : populate_heads(whole_end, run.end.n, populate, ctx);
}

struct run_count {
	uint32_t runs;
	/** Where the last managed run ended. */
	uint64_t end;
};

static bool count_run(void *ctx, const struct palloc_run *run)
{
	struct run_count *c = ctx;
	if (run->state != PALLOC_RUN_HOLE && run->state != PALLOC_RUN_META) {
		c->runs += c->runs == 0 || c->end != run->range.start.n;
		c->end = run->range.end.n;
	}
	return true;
}

uint32_t palloc_managed_runs(const struct palloc *pa)
{
	struct run_count c = { 0 };
	pa->ops->walk(pa, count_run, &c);
	return c.runs;
}

struct handover {
	struct palloc *from;
	struct palloc *to;
	palloc_populate_fn populate;
	void *ctx;
	int err;
	struct palloc_moved moved;
	/** Both keep records: see move_run(). */
	bool wait;
	/** Free frames that @to has not got yet. */
	struct palloc_run waiting;
};

static bool is_free(const struct palloc_run *run)
{
	return run->state == PALLOC_RUN_FREE || run->state == PALLOC_RUN_PADDING;
}

/**
 * Where pageblocks have types, the head of each: a backend with records may have to take blocks over several types apart,
 * and the old one may have them whole, with a head at their start only. Return: 0 | what populate said
 */
static int populate_typed(const struct handover *h, struct pfn_range run)
{
	const struct pageblock_map *map = h->from->pageblocks;
	const uint64_t mapped_end = map->base.n + map->blocks * PAGEBLOCK_NR_PAGES;
	int err = 0;
	for (uint64_t n = run.start.n; map->special != 0 && err == 0 && n < run.end.n;) {
		const uint64_t block = ALIGN_DOWN(n, MAX_ORDER_NR_PAGES);
		uint64_t next = block + MAX_ORDER_NR_PAGES;
		next = next < mapped_end ? next : mapped_end;
		if (pageblock_all_movable(map, (struct pfn_range){ pfn(block), pfn(next) })) {
			n = next;
			continue;
		}
		err = h->populate(h->ctx, (struct pfn_range){ pfn(n), pfn(n + 1) });
		n = ALIGN_DOWN(n, PAGEBLOCK_NR_PAGES) + PAGEBLOCK_NR_PAGES;
	}
	return err;
}

static bool prepare_run(void *ctx, const struct palloc_run *run)
{
	struct handover *h = ctx;
	if (run->state == PALLOC_RUN_FREE || run->state == PALLOC_RUN_PADDING ||
	    run->state == PALLOC_RUN_ALLOCATED) {
		h->err = palloc_populate_edges(run->range, h->populate, h->ctx);
		h->err = h->err != 0 ? h->err : populate_typed(h, run->range);
	}
	return h->err == 0;
}

/** Add a run to the new backend. Return: h->err */
static int give_run(struct handover *h, const struct palloc_run *run)
{
	h->err = h->to->ops->add(h->to, run);
	while (h->err == -EAGAIN) {
		h->err = h->populate(h->ctx, h->to->want);
		if (h->err == 0) {
			h->err = h->to->ops->add(h->to, run);
		}
	}
	return h->err;
}

/** The old backend's records of free frames go. */
static void forget_free(struct pfn_range range)
{
	struct page *page = pfn_to_page(range.start);
	if (pfn_range_pages(range) == 1 && page->word != 0) {
		/* It says something, so it has memory of its own. */
		page->word = 0;
		page->second = 0;
		return;
	}
	frame_table_clear(range);
}

static int give_free(struct handover *h, struct pfn_range range, enum migratetype type)
{
	const struct palloc_run run = { range, PALLOC_RUN_FREE, type };
	/* Where the source keeps no records, there are none for what is free. */
	if (h->from->ops->caps & PALLOC_CAP_RECORDS) {
		forget_free(range);
	}
	h->moved.free_pages += pfn_range_pages(range);
	h->moved.runs++;
	return give_run(h, &run);
}

/** The free frames that wait go over. Return: h->err */
static int give_waiting(struct handover *h)
{
	const struct palloc_run run = h->waiting;
	h->waiting.range = (struct pfn_range){ pfn(0), pfn(0) };
	return run.range.start.n < run.range.end.n ? give_free(h, run.range, run.type) : h->err;
}

static int move_used(struct handover *h, const struct palloc_run *run)
{
	h->moved.used_pages += pfn_range_pages(run->range);
	h->moved.runs++;
	return give_run(h, run);
}

/**
 * Between backends that keep records, free neighbours of different types go over together: the records that the old one
 * left in the one would be taken for the new one's own while the other is added.
 */
static bool move_waiting(struct handover *h, const struct palloc_run *run)
{
	if (is_free(run) && h->waiting.range.end.n == run->range.start.n &&
	    h->waiting.range.start.n < h->waiting.range.end.n) {
		h->waiting.range.end = run->range.end;
		return true;
	}
	if (give_waiting(h) != 0) {
		return false;
	}
	if (is_free(run)) {
		h->waiting = (struct palloc_run){ run->range, PALLOC_RUN_FREE, run->type };
		return true;
	}
	return run->state != PALLOC_RUN_ALLOCATED || move_used(h, run) == 0;
}

static bool move_run(void *ctx, const struct palloc_run *run)
{
	struct handover *h = ctx;
	if (h->wait) {
		return move_waiting(h, run);
	}
	if (is_free(run)) {
		return give_free(h, run->range, run->type) == 0;
	}
	return run->state != PALLOC_RUN_ALLOCATED || move_used(h, run) == 0;
}

/** Wipe what @to wrote over free memory; only for a source that keeps no records itself. */
static bool wipe_run(void *ctx, const struct palloc_run *run)
{
	(void)ctx;
	if (is_free(run)) {
		frame_table_clear(run->range);
	}
	return true;
}

int palloc_handover_ready(struct palloc *from, const struct palloc *to, palloc_populate_fn populate,
			  void *ctx)
{
	struct handover h = { .from = from, .populate = populate, .ctx = ctx };
	if (to->ops->caps & PALLOC_CAP_RECORDS) {
		from->ops->walk(from, prepare_run, &h);
	}
	return h.err;
}

int palloc_handover_move(struct palloc *from, struct palloc *to, palloc_populate_fn populate,
			 void *ctx, struct palloc_moved *moved)
{
	struct handover h = { .from = from, .to = to, .populate = populate, .ctx = ctx };
	struct palloc_stats stats;
	if (from->span.start.n != to->span.start.n || from->span.end.n != to->span.end.n) {
		return -EINVAL;
	}
	from->ops->stats(from, &stats);
	if ((from->ops->caps & ~to->ops->caps & PALLOC_CAP_FREE) &&
	    stats.free_pages != stats.managed_pages) {
		return -ENOTSUP;
	}
	from->state = PALLOC_RETIRING;
	h.wait = (from->ops->caps & to->ops->caps & PALLOC_CAP_RECORDS) != 0;
	from->ops->walk(from, move_run, &h);
	if (h.err == 0 && h.wait) {
		(void)give_waiting(&h);
	}
	if (h.err != 0) {
		/*
		 * A source whose records are gone cannot serve on. Its free runs had records, so
		 * nothing was missing.
		 */
		FPG_CHECK(!(from->ops->caps & PALLOC_CAP_RECORDS));
		from->ops->walk(from, wipe_run, NULL);
		from->state = PALLOC_LIVE;
		return h.err;
	}
	from->state = PALLOC_RETIRED;
	to->state = PALLOC_LIVE;
	to->ops->stats(to, &stats);
	*moved = h.moved;
	bool same = stats.free_pages == moved->free_pages &&
		    stats.managed_pages == moved->free_pages + moved->used_pages;
	return same ? 0 : -EUCLEAN;
}

int palloc_handover(struct palloc *from, struct palloc *to, palloc_populate_fn populate, void *ctx)
{
	struct palloc_moved moved;
	int err = palloc_handover_ready(from, to, populate, ctx);
	return err != 0 ? err : palloc_handover_move(from, to, populate, ctx, &moved);
}
