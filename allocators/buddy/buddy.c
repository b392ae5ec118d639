/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * buddy: start, hand-over into it, and the helpers its parts share. See buddy.h for the invariants.
 *
 * Whole largest-order blocks are added as one bit each; only the ends of a run need records.
 */
#include "buddy.h"

#include "fpg/base/range.h"

#include <errno.h>
#include <string.h>

static uint64_t span_blocks(struct pfn_range span)
{
	return (ALIGN_UP(span.end.n, MAX_ORDER_NR_PAGES) -
		ALIGN_DOWN(span.start.n, MAX_ORDER_NR_PAGES)) >>
	       MAX_PAGE_ORDER;
}

/** Pages of the frame table that hold the records of so many largest-order blocks. */
static uint64_t span_chunks(uint64_t blocks)
{
	return ROUND_UP(blocks << MAX_PAGE_ORDER, FRAME_TABLE_CHUNK) / FRAME_TABLE_CHUNK;
}

/** The smallest that BUDDY_BUCKETS buckets of so many largest-order blocks each cover the span. */
static unsigned int bucket_shift(uint64_t blocks)
{
	unsigned int shift = 0;
	while (ROUND_UP(blocks, 1ULL << shift) >> shift > BUDDY_BUCKETS) {
		shift++;
	}
	return MAX_PAGE_ORDER + shift;
}

/** The fixed part of the metadata. */
static size_t head_bytes(uint64_t blocks)
{
	uint64_t frames = blocks << MAX_PAGE_ORDER;
	unsigned int shift = bucket_shift(blocks);
	return sizeof(struct buddy) +
	       (ROUND_UP(frames, 1ULL << shift) >> shift) * sizeof(struct buddy_bucket);
}

/** The bits behind it: fresh, cut, known. */
static size_t words_bytes(uint64_t blocks)
{
	return fresh_bytes(blocks) +
	       (bits_to_words(blocks) + bits_to_words(span_chunks(blocks))) * sizeof(uint64_t);
}

static size_t buddy_meta_bytes(const struct palloc_geometry *geometry)
{
	uint64_t blocks = span_blocks(geometry->span);
	return BUDDY_BUCKET_SIZE + head_bytes(blocks) + words_bytes(blocks);
}

/** The bits of `known` that bucket @i has are whole words; in small spans they are not, and were cleared at once. */
static bool known_by_bucket(const struct buddy *b)
{
	return b->bucket_shift >= FRAME_TABLE_CHUNK_ORDER + 6;
}

static int buddy_init(struct palloc *pa, void *meta, size_t bytes)
{
	struct palloc_geometry geometry = { .span = pa->span };
	if (bytes < buddy_meta_bytes(&geometry) || pa->pageblocks == NULL) {
		return -EINVAL;
	}
	struct buddy *b = (struct buddy *)ALIGN_UP((uintptr_t)meta, BUDDY_BUCKET_SIZE);
	uint64_t blocks = span_blocks(pa->span);
	uint64_t *words = (uint64_t *)((char *)b + head_bytes(blocks));
	memset(b, 0, sizeof(*b));
	b->base = ALIGN_DOWN(pa->span.start.n, MAX_ORDER_NR_PAGES);
	b->links = (struct page *)((uintptr_t)buddy_page(b->base) - sizeof(struct page));
	b->zone_bits = (uint64_t)pa->zone_id << PAGE_ZONE_SHIFT;
	b->held_bits = b->zone_bits | BUDDY_HELD;
	b->frames = blocks << MAX_PAGE_ORDER;
	b->map = pa->pageblocks;
	b->bucket_shift = bucket_shift(blocks);
	fresh_init(&b->fresh, blocks, words);
	b->cut = words + fresh_bytes(blocks) / sizeof(uint64_t);
	b->known = b->cut + bits_to_words(blocks);
	memset(words, 0,
	       known_by_bucket(b) ? (size_t)((char *)b->known - (char *)words) :
				    words_bytes(blocks));
	pa->priv = b;
	pa->cma_free_pages = 0;
	return 0;
}

bool buddy_lookup(const struct buddy *b, uint64_t n, struct buddy_block *out)
{
	uint64_t i = buddy_block_index(b, n);
	if (fresh_test(&b->fresh, i)) {
		out->start = b->base + (i << MAX_PAGE_ORDER);
		out->end = out->start + MAX_ORDER_NR_PAGES;
		out->word = 0;
		out->fresh = true;
		out->free = true;
		return true;
	}
	if (!bits_test(b->cut, i)) {
		return false;
	}
	/*
	 * Heads lie at multiples of their size: only those that clearing low bits of @n reaches can
	 * hold it.
	 */
	uint64_t head = n;
	for (;;) {
		uint64_t word = buddy_page(head)->word;
		if (buddy_owns(b, word)) {
			out->start = head;
			out->end = head + (1ULL << page_word_order(word));
			out->word = word;
			out->fresh = false;
			out->free = page_word_state(word) == PAGE_FREE;
			return out->end > n;
		}
		if (ALIGN_DOWN(head, MAX_ORDER_NR_PAGES) == head) {
			return false;
		}
		head &= head - 1;
	}
}

static void reach_bucket(struct buddy *b, uint64_t i)
{
	const uint64_t first = b->base + (i << b->bucket_shift);
	const uint64_t most = b->base + b->frames;
	const uint64_t last = first + (1ULL << b->bucket_shift);
	memset(&b->bucket[i], 0, sizeof(b->bucket[i]));
	if (known_by_bucket(b)) {
		const uint64_t words = bits_to_words(span_chunks(b->frames >> MAX_PAGE_ORDER));
		const uint64_t a_bucket = 1ULL << b->bucket_shift >> FRAME_TABLE_CHUNK_ORDER >> 6;
		const uint64_t from = i * a_bucket;
		const uint64_t count = words - from < a_bucket ? words - from : a_bucket;
		memset(b->known + from, 0, count * sizeof(uint64_t));
	}
	pageblock_touch(b->map, first, last < most ? last : most);
	b->ready[i / BITS_PER_WORD] |= 1ULL << (i % BITS_PER_WORD);
}

void buddy_reach_slow(struct buddy *b, uint64_t first, uint64_t last)
{
	for (uint64_t i = first; i <= last; i++) {
		if (!bits_test(b->ready, i)) {
			reach_bucket(b, i);
		}
	}
}

void buddy_mark_cut_slow(struct buddy *b, uint64_t start, uint64_t end)
{
	buddy_reach(b, start, end);
	bits_set_range(b->cut, buddy_block_index(b, start), buddy_block_index(b, end - 1) + 1);
}

void buddy_unfresh(struct buddy *b, uint64_t n)
{
	fresh_clear(&b->fresh, buddy_block_index(b, n));
	buddy_mark_cut(b, n, n + 1);
}

bool buddy_record_missing_slow(struct palloc *pa, uint64_t n)
{
	struct buddy *b = buddy_of(pa);
	struct pfn_range want = { pfn(n), pfn(n + 1) };
	if (!frame_table_populated(want)) {
		pa->want = want;
		return true;
	}
	uint64_t chunk = (n - b->base) >> FRAME_TABLE_CHUNK_ORDER;
	b->known[chunk / BITS_PER_WORD] |= 1ULL << (chunk % BITS_PER_WORD);
	return false;
}

bool buddy_pieces_missing(struct palloc *pa, uint64_t start, uint64_t end)
{
	uint64_t known = UINT64_MAX;
	if (start < end) {
		buddy_reach(buddy_of(pa), start, end);
	}
	while (start < end) {
		uint64_t chunk = start >> FRAME_TABLE_CHUNK_ORDER;
		if (chunk != known && buddy_record_missing(pa, start)) {
			return true;
		}
		known = chunk;
		start += 1ULL << buddy_piece_order(start, end);
	}
	return false;
}

void buddy_pieces_free(struct buddy *b, uint64_t start, uint64_t end)
{
	while (start < end) {
		unsigned int order = buddy_piece_order(start, end);
		buddy_list_add(b, start, order, pageblock_type(b->map, pfn(start)));
		start += 1ULL << order;
	}
}

uint64_t buddy_cma_frames(const struct buddy *b, uint64_t start, uint64_t end)
{
	uint64_t frames = 0;
	while (b->map->special != 0 && start < end) {
		uint64_t next = ALIGN_DOWN(start, PAGEBLOCK_NR_PAGES) + PAGEBLOCK_NR_PAGES;
		next = next < end ? next : end;
		frames += pageblock_type(b->map, pfn(start)) == MIGRATE_CMA ? next - start : 0;
		start = next;
	}
	return frames;
}

/** The part of [start, end) in the largest-order block @i, which has records, is managed in part. */
static bool block_managed(const struct buddy *b, uint64_t i, uint64_t start, uint64_t end)
{
	struct buddy_block block;
	const uint64_t first = b->base + (i << MAX_PAGE_ORDER);
	const uint64_t last = first + MAX_ORDER_NR_PAGES;
	start = first > start ? first : start;
	end = last < end ? last : end;
	if (buddy_lookup(b, start, &block)) {
		return true;
	}
	for (uint64_t n = start; n < end; n++) {
		if (buddy_owns(b, buddy_page(n)->word)) {
			return true;
		}
	}
	return false;
}

/** Some frame of [start, end) is managed already. Words at a time: memory may be large. */
static bool managed_already(const struct buddy *b, uint64_t start, uint64_t end)
{
	const uint64_t from = buddy_block_index(b, start);
	const uint64_t to = buddy_block_index(b, end - 1) + 1;
	if (fresh_find(&b->fresh, from) < to) {
		return true;
	}
	/* What was cut lies in buckets that were reached. */
	const unsigned int shift = (unsigned int)b->bucket_shift - MAX_PAGE_ORDER;
	const uint64_t buckets = ((to - 1) >> shift) + 1;
	for (uint64_t k = bits_find_set(b->ready, from >> shift, buckets); k != buckets;
	     k = bits_find_set(b->ready, k + 1, buckets)) {
		const uint64_t first = k << shift > from ? k << shift : from;
		const uint64_t end_of = (k + 1) << shift < to ? (k + 1) << shift : to;
		for (uint64_t i = bits_find_set(b->cut, first, end_of); i != end_of;
		     i = bits_find_set(b->cut, i + 1, end_of)) {
			if (block_managed(b, i, start, end)) {
				return true;
			}
		}
	}
	return false;
}

/** Pageblocks of special types end up in parts on lists: true when a record for that is missing. */
static bool special_missing(struct palloc *pa, uint64_t start, uint64_t end)
{
	const struct pageblock_map *map = buddy_of(pa)->map;
	while (start < end) {
		uint64_t next = ALIGN_DOWN(start, MAX_ORDER_NR_PAGES) + MAX_ORDER_NR_PAGES;
		next = next < end ? next : end;
		bool movable =
			pageblock_all_movable(map, (struct pfn_range){ pfn(start), pfn(next) });
		while (start < next) {
			buddy_reach(buddy_of(pa), start, start + 1);
			if (!movable && buddy_record_missing(pa, start)) {
				return true;
			}
			start = movable ?
					next :
					ALIGN_DOWN(start, PAGEBLOCK_NR_PAGES) + PAGEBLOCK_NR_PAGES;
		}
	}
	return false;
}

/**
 * Whole largest-order blocks: a run of bits, or, where a pageblock is not MOVABLE, blocks on lists.
 */
static void add_whole(struct palloc *pa, uint64_t start, uint64_t end)
{
	struct buddy *b = buddy_of(pa);
	if (start >= end) {
		return;
	}
	if (pageblock_all_movable(b->map, (struct pfn_range){ pfn(start), pfn(end) })) {
		fresh_set_range(&b->fresh, buddy_block_index(b, start), buddy_block_index(b, end));
		return;
	}
	for (uint64_t n = start; n < end; n += MAX_ORDER_NR_PAGES) {
		uint64_t next = n + MAX_ORDER_NR_PAGES;
		if (pageblock_all_movable(b->map, (struct pfn_range){ pfn(n), pfn(next) })) {
			fresh_set_range(&b->fresh, buddy_block_index(b, n),
					buddy_block_index(b, n) + 1);
		} else {
			buddy_mark_cut(b, n, next);
			buddy_merge_block(pa, n, MAX_PAGE_ORDER);
		}
	}
}

/** One frame behind all others: most runs of fragmented memory are so. */
static int add_free_page(struct palloc *pa, uint64_t n)
{
	struct buddy *b = buddy_of(pa);
	buddy_reach(b, n, n + 1);
	if (buddy_record_missing(pa, n)) {
		return -EAGAIN;
	}
	b->free_pages++;
	pa->cma_free_pages += pageblock_type_at(b->map, n - b->base) == MIGRATE_CMA;
	buddy_mark_cut(b, n, n + 1);
	buddy_merge_block(pa, n, 0);
	return 0;
}

static int add_free(struct palloc *pa, uint64_t start, uint64_t end)
{
	struct buddy *b = buddy_of(pa);
	if (end - start == 1 && start >= b->added_end) {
		return add_free_page(pa, start);
	}
	uint64_t whole = ALIGN_UP(start, MAX_ORDER_NR_PAGES);
	uint64_t whole_end = ALIGN_DOWN(end, MAX_ORDER_NR_PAGES);
	if (whole >= whole_end) {
		whole = end;
		whole_end = end;
	}
	if (start < b->added_end && managed_already(b, start, end)) {
		return -EINVAL;
	}
	if (buddy_pieces_missing(pa, start, whole) || buddy_pieces_missing(pa, whole_end, end) ||
	    (b->map->special != 0 && end - start > PAGEBLOCK_NR_PAGES &&
	     special_missing(pa, start, end))) {
		return -EAGAIN;
	}
	b->free_pages += end - start;
	pa->cma_free_pages += buddy_cma_frames(b, start, end);
	if (start < whole) {
		buddy_mark_cut(b, start, whole);
		buddy_merge_range(pa, start, whole);
	}
	if (whole_end < end) {
		buddy_mark_cut(b, whole_end, end);
		buddy_merge_range(pa, whole_end, end);
	}
	add_whole(pa, whole, whole_end);
	return 0;
}

/** The next frame of [n, end) that is head of a block somebody holds, or @end. */
static uint64_t next_head(const struct buddy *b, uint64_t n, uint64_t end)
{
	while (n < end) {
		if (n % FRAME_TABLE_CHUNK == 0 && !frame_populated(pfn(n))) {
			n += FRAME_TABLE_CHUNK;
			continue;
		}
		if (buddy_owns(b, buddy_page(n)->word)) {
			return n;
		}
		n++;
	}
	return end;
}

/**
 * Adopt [start, end): heads that are there stay, what lies between them becomes blocks.
 * @commit  false: only find out what is missing
 * @gaps    set when there is something between heads
 */
static int adopt(struct palloc *pa, uint64_t start, uint64_t end, bool commit, bool *gaps)
{
	struct buddy *b = buddy_of(pa);
	uint64_t n = start;
	while (n < end) {
		uint64_t head = next_head(b, n, end);
		*gaps = *gaps || head != n;
		if (!commit && buddy_pieces_missing(pa, n, head)) {
			return -EAGAIN;
		}
		while (commit && n < head) {
			unsigned int order = buddy_piece_order(n, head);
			buddy_record_used(b, n, order, pageblock_type(b->map, pfn(n)));
			n += 1ULL << order;
		}
		n = head;
		if (head < end) {
			uint64_t word = buddy_page(head)->word;
			n = head + (1ULL << page_word_order(word));
			if (n > end || page_word_state(word) == PAGE_FREE) {
				return -EINVAL;
			}
		}
	}
	return 0;
}

/** [start, end) is one block in use, and its head says so. */
static inline bool is_held_block(const struct buddy *b, uint64_t start, uint64_t end)
{
	const uint64_t word = buddy_page(start)->word;
	return (word & (PAGE_ZONE_MASK | BUDDY_HELD)) == b->held_bits &&
	       end - start == 1ULL << page_word_order(word) &&
	       !fresh_test(&b->fresh, buddy_block_index(b, start));
}

static int add_allocated(struct palloc *pa, uint64_t start, uint64_t end)
{
	struct buddy *b = buddy_of(pa);
	/* A block of several types is freed by pageblocks, and a whole one's free may not ask for records. */
	if ((start ^ (end - 1)) >> PAGEBLOCK_ORDER != 0 && b->map->special != 0 &&
	    special_missing(pa, start, end)) {
		return -EAGAIN;
	}
	if (start >= b->added_end && is_held_block(b, start, end)) {
		buddy_mark_cut(b, start, end);
		return 0;
	}
	for (uint64_t i = buddy_block_index(b, start); i <= buddy_block_index(b, end - 1); i++) {
		struct buddy_block block;
		uint64_t first = b->base + (i << MAX_PAGE_ORDER);
		uint64_t from = first > start ? first : start;
		/*
		 * Records alone do not tell: heads may be there to be adopted. Fresh and free ones
		 * contradict.
		 */
		if (buddy_lookup(b, from, &block) && (block.free || block.start < start)) {
			return -EINVAL;
		}
	}
	bool gaps = false;
	int err = adopt(pa, start, end, false, &gaps);
	if (err != 0) {
		return err;
	}
	buddy_mark_cut(b, start, end);
	return gaps ? adopt(pa, start, end, true, &gaps) : 0;
}

static int buddy_add(struct palloc *pa, const struct palloc_run *run)
{
	struct buddy *b = buddy_of(pa);
	uint64_t start = run->range.start.n;
	uint64_t end = run->range.end.n;
	int err = -EINVAL;
	if (!buddy_in_span(pa, run->range)) {
		return -EINVAL;
	}
	if (run->state == PALLOC_RUN_FREE) {
		err = add_free(pa, start, end);
	} else if (run->state == PALLOC_RUN_ALLOCATED) {
		err = add_allocated(pa, start, end);
	}
	if (err == 0) {
		b->managed_pages += end - start;
		b->added_end = end > b->added_end ? end : b->added_end;
	}
	return err;
}

const struct palloc_ops buddy_palloc_ops = {
	.name = "buddy",
	.title = "free lists by order and migratetype",
	.caps = PALLOC_CAP_FREE | PALLOC_CAP_ORDER | PALLOC_CAP_SUBFREE | PALLOC_CAP_CLAIM |
		PALLOC_CAP_CLASS | PALLOC_CAP_SHRINK | PALLOC_CAP_RECORDS | PALLOC_CAP_CLEARS,
	.max_order = MAX_PAGE_ORDER,
	.meta_bytes = buddy_meta_bytes,
	.init = buddy_init,
	.add = buddy_add,
	.alloc = buddy_alloc,
	.free = buddy_free,
	.claim = buddy_claim,
	.retag = buddy_retag,
	.shrink = buddy_shrink,
	.stats = buddy_stats,
	.walk = buddy_walk,
	.check = buddy_check,
};
