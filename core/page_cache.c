/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Per-hart page caches, the slow half: filling an empty cache with a run from the backend, giving back what is too
 * much, and sharing a hart's 256 pages a zone between its caches. See page_cache_private.h.
 *
 * Runs, not pages: a cache is filled from blocks of up to 64 frames, cut here; what is given back is joined to runs
 * first, and a run whose frames are one block again goes to the backend as one block.
 */
#include "page_cache_private.h"

#include "fpg/base/bits.h"
#include "fpg/port/irq.h"

#include <errno.h>

/** Pages that move at once between a cache and the backend. */
#define BATCH_PAGES 64U
/** What a cache may hold where there is room, and what it gets by taking from others. */
#define LIMIT_PAGES 128U
#define LEAST_PAGES 32U

static_assert(BATCH_PAGES <= FRAME_TABLE_CHUNK, "a run's records lie in two pages at most");

const struct page page_cache_end;

/* ---- giving back ----------------------------------------------------------------------------- */

static inline struct page *next_of(struct page *page)
{
	return page->next_cached;
}

/** Take the record of a block out of the way: it is inside a run now. */
static inline void absorb(struct page *page)
{
	page->word = 0;
	page->second = 0;
}

/** Heads of the largest blocks of a run whose other records are zero. */
static void mark_pieces(uint64_t word, struct page *first, struct page *end)
{
	uint64_t n = page_to_pfn(first).n;
	uint64_t last = page_to_pfn(end).n;
	word &= ~PAGE_CACHE_MASK;
	while (n < last) {
		unsigned int order = range_piece_order(n, last, MAX_PAGE_ORDER);
		pfn_to_page(pfn(n))->word = page_word_with_order(word, order);
		n += 1ULL << order;
	}
}

/** What a list is being made of. */
struct run {
	struct page *low;
	struct page *high;
	struct page *next;
	uint32_t blocks;
};

/** A burst of frees in order, upwards or downwards: the run that begins with @low, of at most @most blocks. */
static FPG_NOINLINE void join(struct run *run, struct page *low, uint32_t most, long step,
			      bool records)
{
	const uint64_t word = low->word;
	struct page *high = low + step;
	struct page *next = next_of(low);
	uint32_t left = most - 1;
	absorb(low);
	for (; left != 0 && next == low - step; left--) {
		low = next;
		next = next_of(next);
		absorb(low);
	}
	for (; left != 0 && next == high; left--) {
		high = next + step;
		next = next_of(next);
		absorb(high - step);
	}
	if (records) {
		mark_pieces(word, low, high);
	}
	*run = (struct run){ low, high, next, most - left };
}

/** @list's blocks to the backend, which keeps records, or does not. Return: what follows them */
static FPG_INLINE struct page *give_list(const struct page_cache *c, struct page *page,
					 uint32_t blocks, const bool records)
{
	struct palloc *pa = c->zone->palloc;
	int (*const give)(struct palloc *, struct pfn_range) = pa->ops->free;
	const long step = 1L << c->order;
	/* What added to a record's address, shifted, makes its frame: one addition a block. */
	const uintptr_t frames = ((uintptr_t)frame_table_first.n << 4) - (uintptr_t)frame_table;
	uint32_t left = blocks;
	static_assert(sizeof(struct page) == 16,
		      "a record's address, shifted by four, counts frames");
	while (left != 0) {
		struct page *next = page->next_cached;
		uint64_t n = ((uintptr_t)page + frames) >> 4;
		uint64_t pages = (uint64_t)step;
		if (next == page - step || next == page + step) {
			struct run run;
			join(&run, page, left, step, records);
			n = page_to_pfn(run.low).n;
			pages = (uint64_t)(run.high - run.low);
			next = run.next;
			left -= run.blocks - 1;
		} else if (!records) {
			absorb(page);
		}
		page = next;
		left--;
		FPG_CHECK(give(pa, (struct pfn_range){ { n }, { n + pages } }) == 0);
	}
	return page;
}

static FPG_NOINLINE struct page *give_without_records(const struct page_cache *c, struct page *page,
						      uint32_t blocks)
{
	return give_list(c, page, blocks, false);
}

/** The zone lock is held. */
void page_cache_give_back(struct page_cache *c, struct page **list, uint32_t blocks)
{
	struct zone *zone = c->zone;
	const bool records = (zone->palloc->ops->caps & PALLOC_CAP_RECORDS) != 0;
	*list = records ? give_list(c, *list, blocks, true) :
			  give_without_records(c, *list, blocks);
	zone->free_pages += (uint64_t)blocks << c->order;
}

/** Give back @blocks of the calling hart's cache. The list is not touched before the lock is held. */
static void flush(struct page_cache *c, uint32_t blocks)
{
	struct zone *zone = c->zone;
	unsigned long flags = spin_lock_irqsave(&zone->lock);
	/* What was there before the lock may have been drained meanwhile. */
	const uint32_t there = page_cache_blocks(c);
	blocks = blocks < there ? blocks : there;
	page_cache_give_back(c, &c->head, blocks);
	c->moved -= blocks;
	c->tally -= blocks;
	spin_unlock_irqrestore(&zone->lock, flags);
}

/* ---- sharing a hart's pages of a zone -------------------------------------------------------- */

/** The cache of the zone with the largest limit in pages, @c excluded. */
static struct page_cache *richest(struct page_caches *caches, const struct page_cache *c)
{
	struct page_cache *group = &caches->cache[c->zone->cache_base];
	struct page_cache *best = NULL;
	for (unsigned int i = 0; i < PAGE_CACHE_GROUP; i++) {
		struct page_cache *other = &group[i];
		if (other != c &&
		    (best == NULL || other->limit << other->order > best->limit << best->order)) {
			best = other;
		}
	}
	return best;
}

/** Make it so that the limits leave room for @c; what others hold beyond their new limits goes back. */
static void make_room(struct page_caches *caches, struct page_cache *c)
{
	uint16_t *left = page_cache_left(caches, c->zone);
	while (*left < LEAST_PAGES) {
		struct page_cache *other = richest(caches, c);
		uint32_t limit = other->limit / 2U;
		if (limit == 0) {
			break;
		}
		uint32_t blocks = page_cache_blocks(other);
		if (blocks >= limit) {
			flush(other, blocks - limit + 1);
		}
		unsigned long irq = port_irq_save_hot();
		blocks = page_cache_blocks(other);
		if (other->limit > limit && blocks < limit) {
			*left = (uint16_t)(*left + ((other->limit - limit) << other->order));
			page_cache_set(other, blocks, limit);
		}
		port_irq_restore_hot(irq);
	}
}

/** Raise @c's limit to what there is room for. Interrupts off. */
static void raise_limit(struct page_caches *caches, struct page_cache *c)
{
	uint16_t *left = page_cache_left(caches, c->zone);
	uint32_t most = LIMIT_PAGES >> c->order;
	uint32_t more = *left >> c->order;
	uint32_t limit = c->limit + more < most ? c->limit + more : most;
	if (limit > c->limit) {
		*left = (uint16_t)(*left - ((limit - c->limit) << c->order));
		if (c->limit == 0) {
			__atomic_fetch_add(&page_caches_active, 1, __ATOMIC_RELAXED);
		}
		page_cache_set(c, page_cache_blocks(c), limit);
	}
}

/* ---- filling --------------------------------------------------------------------------------- */

/** A run for @c, its records populated, as zone_get() leaves it. Return: err 0, or why not */
static struct palloc_block get_run(struct page_cache *c, uint32_t pages, uint32_t flags)
{
	struct zone *zone = c->zone;
	struct palloc_req req = {
		.pages = pages,
		.align_order = c->order,
		.type = c->type,
		.hart = (uint16_t)this_hart()->index,
		.flags = PALLOC_REQ_FEWER | flags,
	};
	struct palloc_block block = { .err = -ENOMEM };
	if (c->type == MIGRATE_MOVABLE && cma_goes_first(zone)) {
		req.type = MIGRATE_CMA;
		block = zone_get(zone, &req);
		req.type = MIGRATE_MOVABLE;
	}
	if (block.err != 0) {
		block = zone_get(zone, &req);
	}
	while (block.err == -ENOMEM && req.pages >> 1 >= 1U << c->order) {
		req.pages >>= 1;
		block = zone_get(zone, &req);
	}
	if (block.err == 0 && !block.recorded) {
		struct pfn_range run = { block.start, pfn_add(block.start, block.pages) };
		if (zone_populate(zone, run) != 0) {
			zone_put(zone, run, false);
			harts_hold_allow();
			block.err = -ENOMEM;
		}
	}
	return block;
}

/** One block of a run: the next one follows it. */
static inline struct page *link_block(struct page *page, long step, uint64_t word)
{
	struct page *next = page + step;
	page->word = word;
	page->next_cached = next;
	return next;
}

/** Cut a run into blocks on top of the list, the lowest first. Interrupts off. */
static void push_run(struct page_cache *c, const struct palloc_block *block)
{
	const long step = 1L << c->order;
	const uint64_t word = c->cached_word;
	const uint32_t blocks = block->pages >> c->order;
	struct page *first = pfn_to_page(block->start);
	struct page *end = first + ((long)blocks << c->order);
	struct page *page = first;
	if (blocks % 4 == 0) {
		/* Four a turn: this loop is most of what a refill costs. */
		while (page != end) {
			page = link_block(page, step, word);
			page = link_block(page, step, word);
			page = link_block(page, step, word);
			page = link_block(page, step, word);
		}
	}
	while (page != end) {
		page = link_block(page, step, word);
	}
	(end - step)->next_cached = c->head;
	c->head = first;
	c->moved += blocks;
	c->tally += blocks;
}

/** Fill the empty @c, with at most @most pages. @flags: PALLOC_REQ_UNMIXED or 0 */
static void fill(struct page_caches *caches, struct page_cache *c, uint64_t most, uint32_t flags)
{
	struct zone *zone = c->zone;
	if (c->limit == 0) {
		make_room(caches, c);
	}
	unsigned long irq = port_irq_save_hot();
	raise_limit(caches, c);
	uint32_t limit = c->limit;
	port_irq_restore_hot(irq);
	uint32_t want = (limit + 1) / 2 << c->order;
	want = want < BATCH_PAGES ? want : BATCH_PAGES;
	want = want < most ? want : (uint32_t)most;
	while (limit > 1 && want >> c->order != 0) {
		uint32_t pages = 1U << log2_floor(want);
		struct palloc_block block = get_run(c, pages, flags);
		if (block.err != 0) {
			break;
		}
		irq = port_irq_save_hot();
		/* Somebody drained meanwhile, perhaps to isolate just these frames: they are given back as all others were. */
		const bool drained = c->limit == 0 || !zone->cached;
		if (likely(!drained)) {
			push_run(c, &block);
		}
		port_irq_restore_hot(irq);
		if (unlikely(drained)) {
			zone_put(zone,
				 (struct pfn_range){ block.start,
						     pfn_add(block.start, block.pages) },
				 false);
		}
		if (!block.recorded) {
			harts_hold_allow();
		}
		if (unlikely(drained)) {
			break;
		}
		want -= block.pages;
	}
}

static struct page *pop(struct page_cache *c)
{
	unsigned long irq = port_irq_save_hot();
	struct page *page = c->head;
	if (page == &page_cache_end) {
		page = NULL;
	} else {
		FPG_CHECK(page->word == c->cached_word);
		c->head = page->next_cached;
		page->word = c->used_word;
		page->second = 0;
		c->tally += PAGE_CACHE_ONE_OUT;
	}
	port_irq_restore_hot(irq);
	return page;
}

struct page *page_cache_take(struct zone *zone, gfp_t gfp, unsigned int order, uint64_t most,
			     uint32_t flags)
{
	struct page_caches *caches = this_page_caches();
	if (unlikely(caches->left == NULL)) {
		return NULL;
	}
	struct page_cache *c = page_cache_of(caches, zone, gfp_migratetype(gfp), order);
	struct page *page = pop(c);
	if (page == NULL && most >> order != 0) {
		fill(caches, c, most, flags);
		page = pop(c);
	}
	return page;
}

/* ---- a full cache ---------------------------------------------------------------------------- */

/*
 * The newest blocks go: after a burst of frees in order they are one run, and back in the backend as one block. A hart
 * that frees and allocates in turns never comes here.
 */

void page_cache_full(struct page_cache *c)
{
	struct page_caches *caches = this_page_caches();
	if (c->limit == 0) {
		make_room(caches, c);
		unsigned long irq = port_irq_save_hot();
		raise_limit(caches, c);
		port_irq_restore_hot(irq);
	}
	uint32_t blocks = page_cache_blocks(c);
	if (blocks >= c->limit) {
		uint32_t batch = BATCH_PAGES >> c->order;
		uint32_t keep = c->limit / 2U;
		flush(c, blocks - keep < batch ? blocks - keep : batch);
	}
}
