/* SPDX-License-Identifier: BSD-2-Clause */
/* The load of switch_load.h. */
#include "switch_load.h"

#include "fpg/core/spinlock.h"

#include <errno.h>

enum kind {
	/** alloc_pages(), or a page of alloc_pages_bulk(). */
	BLOCK,
	/** alloc_pages_exact(), given back as a whole. */
	EXACT,
	/** The same, given back page by page. */
	PARTS,
	/** alloc_contig_range(). */
	CONTIG,
};

#define LARGE_ORDER  (MAX_PAGE_ORDER < 9 ? MAX_PAGE_ORDER : 9)
#define BULK	     8U
#define EXACT_MOST   20U
#define CONTIG_EVERY 32U

/** What harts pass on to each other. */
#define SHARED 64U
static struct spinlock shared_lock = SPINLOCK_INIT;
static struct switch_slot shared[SHARED];

static uint64_t next_random(struct switch_load *load)
{
	uint64_t x = load->random;
	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	load->random = x;
	return x * 0x2545f4914f6cdd1dULL >> 16;
}

static bool is_wrong(struct switch_load *load, const char *what, const struct page *page)
{
	if (load->wrong == NULL) {
		load->wrong = what;
		load->wrong_pfn = page != NULL ? page_to_pfn(page).n : 0;
	}
	return false;
}

/* ---- stamps ---------------------------------------------------------------------------------- */

/** Words of a page that are stamped: the first, one in the middle, the last. */
static const uint32_t places[] = { 0, 255, PAGE_SIZE / sizeof(uint64_t) - 1 };

static uint64_t stamp_of(const struct switch_slot *slot, uint64_t page, uint32_t place)
{
	uint64_t x = slot->sequence << 8 ^ slot->hart;
	return (x << 32 ^ (page_to_pfn(slot->page).n + page) << 4 ^ place) * 0x9e3779b97f4a7c15ULL;
}

static volatile uint64_t *words_of(const struct switch_slot *slot, uint64_t page)
{
	return page_address(slot->page + page);
}

static void stamp(const struct switch_slot *slot)
{
	for (uint64_t i = 0; i < slot->pages; i++) {
		for (uint32_t k = 0; k < ARRAY_SIZE(places); k++) {
			words_of(slot, i)[places[k]] = stamp_of(slot, i, k);
		}
	}
}

static bool check(struct switch_load *load, const struct switch_slot *slot)
{
	for (uint64_t i = 0; i < slot->pages; i++) {
		for (uint32_t k = 0; k < ARRAY_SIZE(places); k++) {
			if (words_of(slot, i)[places[k]] != stamp_of(slot, i, k)) {
				return is_wrong(load, "a page has another one's stamp",
						slot->page + i);
			}
		}
	}
	uint64_t word = slot->page->word;
	if (page_word_state(word) != PAGE_ALLOCATED || page_word_order(word) != slot->order) {
		return is_wrong(load, "the record does not say what was taken", slot->page);
	}
	return true;
}

/* ---- taking ---------------------------------------------------------------------------------- */

static void hold(struct switch_load *load, struct switch_slot *slot, struct page *page,
		 uint32_t pages, enum kind kind)
{
	*slot = (struct switch_slot){
		.page = page,
		.sequence = ++load->sequence,
		.pages = pages,
		.kind = (uint8_t)kind,
		.order = (uint8_t)page_word_order(page->word),
		.hart = load->hart,
	};
	stamp(slot);
	load->served++;
}

static gfp_t kind_of_memory(uint64_t r)
{
	static const gfp_t kinds[] = { GFP_KERNEL, GFP_USER_MOVABLE, __GFP_RECLAIMABLE,
				       GFP_ATOMIC };
	return kinds[r % ARRAY_SIZE(kinds)] | __GFP_NOWARN;
}

static bool take_block(struct switch_load *load, struct switch_slot *slot, uint64_t r)
{
	const unsigned int order = (r >> 8) % 64 == 0 ? LARGE_ORDER : (r >> 8) % 4;
	const bool zeroed = (r >> 16) % 8 == 0;
	struct page *page = alloc_pages(kind_of_memory(r) | (zeroed ? __GFP_ZERO : 0), order);
	if (page == NULL) {
		load->failed++;
		return true;
	}
	for (uint32_t k = 0; zeroed && k < ARRAY_SIZE(places); k++) {
		const uint64_t *words = page_address(page);
		if (words[places[k]] != 0) {
			return is_wrong(load, "a page that should be zero is not", page);
		}
	}
	hold(load, slot, page, 1U << order, BLOCK);
	if (slot->order != order) {
		return is_wrong(load, "a block has another order than asked for", page);
	}
	return true;
}

static bool take_exact(struct switch_load *load, struct switch_slot *slot, uint64_t r)
{
	const uint32_t pages = 1 + (uint32_t)((r >> 8) % EXACT_MOST);
	void *at = alloc_pages_exact(pages * PAGE_SIZE, kind_of_memory(r));
	if (at == NULL) {
		load->failed++;
		return true;
	}
	struct page *page = virt_to_page(at);
	const bool single = pages == 1 || page_word_order(page->word) == 0;
	hold(load, slot, page, pages, single && (r >> 20) % 2 != 0 ? PARTS : EXACT);
	return true;
}

static bool take_bulk(struct switch_load *load, uint32_t at, uint64_t r)
{
	struct page *pages[BULK] = { NULL };
	unsigned long got = alloc_pages_bulk(kind_of_memory(r), BULK, pages);
	load->failed += got < BULK;
	for (uint32_t i = 0; i < got; i++) {
		struct switch_slot *slot = &load->slot[(at + i) % load->slots];
		if (slot->page == NULL) {
			hold(load, slot, pages[i], 1, BLOCK);
		} else {
			__free_page(pages[i]);
		}
	}
	return true;
}

/** Exactly these frames, which were somebody's a moment ago. */
static bool take_contig(struct switch_load *load, struct switch_slot *slot, struct page *page,
			uint32_t pages)
{
	const pfn_t first = page_to_pfn(page);
	int err = alloc_contig_range((struct pfn_range){ first, pfn_add(first, pages) }, GFP_KERNEL,
				     NULL);
	if (err == 0) {
		hold(load, slot, page, pages, CONTIG);
	} else if (err != -EBUSY && err != -ENOTSUP && err != -ENOMEM) {
		return is_wrong(load, "alloc_contig_range() answers what it should not", page);
	} else {
		load->failed++;
	}
	return true;
}

/* ---- giving back ----------------------------------------------------------------------------- */

static bool give(struct switch_load *load, struct switch_slot *slot)
{
	const struct switch_slot s = *slot;
	slot->page = NULL;
	if (!check(load, &s)) {
		return false;
	}
	const pfn_t first = page_to_pfn(s.page);
	switch (s.kind) {
	case BLOCK:
		__free_pages(s.page, s.order);
		break;
	case EXACT:
		free_pages_exact(page_address(s.page), s.pages * PAGE_SIZE);
		break;
	case PARTS:
		for (uint32_t i = 0; i < s.pages; i++) {
			__free_page(s.page + (s.sequence % 2 != 0 ? i : s.pages - 1 - i));
		}
		break;
	default:
		if (free_contig_range((struct pfn_range){ first, pfn_add(first, s.pages) }) != 0) {
			return is_wrong(load, "a range that was taken cannot be given back",
					s.page);
		}
		break;
	}
	return true;
}

static void pass_on(struct switch_slot *slot, uint64_t r)
{
	unsigned long flags = spin_lock_irqsave(&shared_lock);
	struct switch_slot other = shared[r % SHARED];
	shared[r % SHARED] = *slot;
	spin_unlock_irqrestore(&shared_lock, flags);
	*slot = other;
}

/* ---- the whole ------------------------------------------------------------------------------- */

void switch_load_start(struct switch_load *load, unsigned int hart, uint64_t seed, uint32_t slots)
{
	load->random = (seed + 1) * 0x9e3779b97f4a7c15ULL ^ (uint64_t)(hart + 1) << 40;
	load->hart = (uint16_t)hart;
	load->slots = slots < SWITCH_SLOTS ? slots : SWITCH_SLOTS;
}

bool switch_load_step(struct switch_load *load)
{
	const uint64_t r = next_random(load);
	const uint32_t at = (uint32_t)(r >> 24) % load->slots;
	struct switch_slot *slot = &load->slot[at];
	if (slot->page != NULL) {
		struct page *page = slot->page;
		const uint32_t pages = slot->pages;
		switch (r % 8) {
		case 0:
			pass_on(slot, r >> 3);
			return true;
		case 1:
			return check(load, slot);
		case 2:
			/* Seldom: what is in the way may be cached, and then all harts are asked. */
			return give(load, slot) && ((r >> 8) % CONTIG_EVERY != 0 ||
						    take_contig(load, slot, page, pages));
		default:
			return give(load, slot);
		}
	}
	switch (r % 8) {
	case 0:
		return take_exact(load, slot, r >> 3);
	case 1:
		return take_bulk(load, at, r >> 3);
	default:
		return take_block(load, slot, r >> 3);
	}
}

bool switch_load_end(struct switch_load *load)
{
	for (uint32_t i = 0; i < load->slots; i++) {
		if (load->slot[i].page != NULL && !give(load, &load->slot[i])) {
			return false;
		}
	}
	return true;
}

bool switch_load_end_shared(struct switch_load *load)
{
	for (uint32_t i = 0; i < SHARED; i++) {
		if (shared[i].page != NULL && !give(load, &shared[i])) {
			return false;
		}
	}
	return true;
}
