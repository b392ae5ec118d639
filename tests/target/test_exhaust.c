/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All memory, in the largest blocks: until none is left, each handed out once, stamped at its ends, and back again to the
 * page. Proves on the way that the frame table has memory only for records that were written. Runs at any size, 1 TiB among
 * them: where there is more than 8 GiB only the first and the last word of each GiB are written, so that a simulator's host
 * need not have as much.
 */
#include "ktap.h"

#include "fpg/base/bits.h"
#include "fpg/base/parse.h"
#include "fpg/base/range.h"
#include "fpg/core/ledger.h"
#include "fpg/core/page_alloc.h"
#include "fpg/core/page_cache.h"
#include "fpg/pagetable/vmalloc.h"

#define GFP_ALL	    (GFP_USER_MOVABLE | __GFP_NOWARN | __GFP_MEMALLOC)
#define BLOCK_BYTES (PAGE_SIZE << MAX_PAGE_ORDER)

struct exhaust {
	struct out *out;
	/** Bit i: the i-th largest-order block from frame 0 on is held. */
	uint64_t *held;
	uint64_t limit;
	uint64_t blocks;
	/** Where words are written, as a multiple of bytes. */
	uint64_t stride;
	uint64_t wrong;
};

static bool highest_frame(void *ctx, struct zone *zone)
{
	uint64_t *end = ctx;
	*end = zone->span.end.n > *end ? zone->span.end.n : *end;
	return true;
}

static bool count_records(void *ctx, struct zone *zone)
{
	uint64_t *chunks = ctx;
	uint64_t n = ALIGN_DOWN(zone->span.start.n, FRAME_TABLE_CHUNK);
	for (; n < zone->span.end.n; n += FRAME_TABLE_CHUNK) {
		*chunks += frame_populated(pfn(n));
	}
	return true;
}

/** Pages that back records. */
static uint64_t frame_table_pages(void)
{
	uint64_t chunks = 0;
	zone_for_each(count_records, &chunks);
	return chunks;
}

/** Call @fn for each word of @block that is written: at most two. */
static void each_word(struct exhaust *e, uint64_t block,
		      void (*fn)(struct exhaust *e, uint64_t *word, uint64_t value))
{
	const phys_addr_t base = block * BLOCK_BYTES;
	char *at = port_phys_to_virt(base);
	if (base % e->stride == 0) {
		fn(e, (uint64_t *)(void *)at, base);
	}
	if ((base + BLOCK_BYTES) % e->stride == 0) {
		fn(e, (uint64_t *)(void *)(at + BLOCK_BYTES - sizeof(uint64_t)), ~base);
	}
}

static void write_word(struct exhaust *e, uint64_t *word, uint64_t value)
{
	(void)e;
	*word = value;
}

static void read_word(struct exhaust *e, uint64_t *word, uint64_t value)
{
	e->wrong += *word != value;
}

static int take_all(struct exhaust *e)
{
	struct page *page;
	e->blocks = 0;
	while ((page = alloc_pages(GFP_ALL, MAX_PAGE_ORDER)) != NULL) {
		const uint64_t block = page_to_pfn(page).n >> MAX_PAGE_ORDER;
		KTAP_EXPECT(e->out,
			    block < e->limit && page_to_pfn(page).n == block << MAX_PAGE_ORDER);
		KTAP_EXPECT(e->out, !bits_test(e->held, block));
		bits_set_range(e->held, block, block + 1);
		each_word(e, block, write_word);
		e->blocks++;
	}
	return 0;
}

static void check_all(struct exhaust *e)
{
	for (uint64_t i = bits_find_set(e->held, 0, e->limit); i != e->limit;
	     i = bits_find_set(e->held, i + 1, e->limit)) {
		each_word(e, i, read_word);
	}
}

static void free_all(struct exhaust *e)
{
	for (uint64_t i = bits_find_set(e->held, 0, e->limit); i != e->limit;
	     i = bits_find_set(e->held, i + 1, e->limit)) {
		bits_clear_range(e->held, i, i + 1);
		__free_pages(pfn_to_page(pfn(i << MAX_PAGE_ORDER)), MAX_PAGE_ORDER);
	}
}

static uint64_t free_now(void)
{
	page_cache_drain_all();
	return page_alloc_free_pages();
}

/** Largest blocks that are free and not kept from such requests. */
static bool count_largest(void *ctx, struct zone *zone)
{
	uint64_t blocks[MAX_PAGE_ORDER + 1];
	const uint64_t kept = zone->lowmem_reserve[gfp_zone(GFP_ALL)] + zone->highatomic_pages;
	const uint64_t most = kept != 0 ? (kept >> MAX_PAGE_ORDER) + 1 : 0;
	zone_free_blocks(zone, blocks);
	*(uint64_t *)ctx += blocks[MAX_PAGE_ORDER] > most ? blocks[MAX_PAGE_ORDER] - most : 0;
	return true;
}

static int exhaust_once(struct exhaust *e)
{
	struct ledger_totals totals;
	uint64_t left = 0;
	if (take_all(e) != 0) {
		return 1;
	}
	zone_for_each(count_largest, &left);
	check_all(e);
	int exact = ledger_check(&totals);
	free_all(e);
	KTAP_EXPECT(e->out, e->wrong == 0);
	KTAP_EXPECT(e->out, exact == 0);
	/* What is free yet lies in blocks that have pages in use. */
	KTAP_EXPECT(e->out, left == 0);
	KTAP_EXPECT(e->out, e->blocks != 0);
	return 0;
}

static int exhaust(struct exhaust *e)
{
	char size[3][24];
	struct ledger_totals totals;
	const uint64_t table = frame_table_pages();
	uint64_t table_after = table;
	uint64_t before = 0;
	bool settled = false;
	/* Rounds populate records, whose pages stay; one that populates none must leave nothing behind. */
	for (unsigned int i = 0; i < 6 && !settled; i++) {
		before = free_now();
		table_after = frame_table_pages();
		if (exhaust_once(e) != 0) {
			return 1;
		}
		settled = frame_table_pages() == table_after;
	}
	const uint64_t blocks = e->blocks;
	out_printf(
		e->out,
		"# %s: %llu blocks of order %u; the frame table has %s, before %s, of %s if all were\n",
		page_alloc_backend_name(), (unsigned long long)blocks, MAX_PAGE_ORDER,
		format_size(size[0], sizeof(size[0]), table_after * PAGE_SIZE),
		format_size(size[1], sizeof(size[1]), table * PAGE_SIZE),
		format_size(size[2], sizeof(size[2]),
			    page_alloc_managed_pages() * sizeof(struct page)));
	KTAP_EXPECT(e->out, blocks != 0 && settled);
	KTAP_EXPECT(e->out, free_now() == before);
	KTAP_EXPECT(e->out, ledger_check(&totals) == 0);
	return 0;
}

static int all_memory_is_handed_out_once_and_comes_back(struct out *out)
{
	struct exhaust e = { .out = out };
	uint64_t end = 0;
	zone_for_each(highest_frame, &end);
	e.limit = end >> MAX_PAGE_ORDER;
	e.stride = page_alloc_managed_pages() > 8 * SZ_1G / PAGE_SIZE ? SZ_1G : BLOCK_BYTES;
	e.held = vzalloc(bits_to_words(e.limit) * sizeof(uint64_t));
	KTAP_EXPECT(out, e.held != NULL);
	int bad = exhaust(&e);
	free_all(&e);
	vfree(e.held);
	return bad;
}

const struct target_test target_tests_exhaust[] = {
	{ "all_memory_is_handed_out_once_and_comes_back",
	  all_memory_is_handed_out_once_and_comes_back },
	{ 0 },
};
