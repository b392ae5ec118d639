/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is in a range of frames, read from its records without changing anything, and what is said of a frame that is in
 * the way. Nothing is locked: an answer may be out of date at once.
 */
#include "migrate_private.h"

#include "fpg/base/out.h"
#include "fpg/base/range.h"
#include "fpg/core/memblock.h"
#include "fpg/core/page_owner.h"
#include "fpg/core/zone.h"

#include <inttypes.h>

const char *migrate_reason_text(enum migrate_reason reason)
{
	static const char *const texts[] = {
#define X(id, words) [id] = (words),
		MIGRATE_REASONS(X)
#undef X
	};
	return reason < ARRAY_SIZE(texts) ? texts[reason] : "?";
}

/* ---- blockers -------------------------------------------------------------------------------- */

static const char *owner_name(const struct page *page, uint64_t word)
{
	uint32_t index;
	uint32_t owner;
	if (word & PAGE_F_PT) {
		return "page table";
	}
	if (word & PAGE_F_TABLE) {
		return "frame table";
	}
	const struct movable_ops *ops = movable_of(page, word, &index, &owner);
	if (ops != NULL) {
		return ops->name;
	}
	if (index != 0) {
		return "kernel";
	}
	return owner == PAGE_OWNER_PACKED ? "bootmem packed" :
	       owner == PAGE_OWNER_META	  ? "allocator metadata" :
	       owner == PAGE_OWNER_RANGE  ? "alloc_contig_range" :
					    "kernel";
}

FPG_NOINLINE void migrate_blocker_of(const struct page *page, enum migrate_reason reason,
				     struct migrate_blocker *out)
{
	const uint64_t word = __atomic_load_n(&page->word, __ATOMIC_RELAXED);
	*out = (struct migrate_blocker){
		.frame = page_to_pfn(page),
		.reason = reason,
		.owner = owner_name(page, word),
		.type = (uint8_t)page_word_type(word),
		.order = (uint8_t)page_word_order(word),
		.refs = (uint16_t)page_word_refs(word),
	};
	out->pinned_since_known = page_pinned_since(page, &out->pinned_since);
}

/** @f is no page of any allocator. */
static void reserved_blocker(pfn_t f, struct migrate_blocker *out)
{
	const struct zone *zone = pfn_to_zone(f);
	*out = (struct migrate_blocker){
		.frame = f,
		.reason = MIGRATE_REASON_RESERVED,
		.owner = memblock_is_map_memory(pfn_to_phys(f)) ? "memblock" : "no memory",
		.type = zone == NULL ? MIGRATE_UNMOVABLE :
				       (uint8_t)pageblock_type(&zone->pageblocks, f),
	};
}

void migrate_blocker_print(struct out *out, const struct migrate_blocker *b)
{
	out_printf(out, "pfn 0x%" PRIx64 ": %s (%s", b->frame.n, migrate_reason_text(b->reason),
		   b->owner);
	if (b->refs != 0) {
		out_printf(out, ", %s, order %u, %u reference%s",
			   migratetype_name((enum migratetype)b->type), b->order, b->refs,
			   b->refs == 1 ? "" : "s");
	}
	if (b->pinned_since_known) {
		out_printf(out, ", pinned for %" PRIu64 " s", b->pinned_since);
	} else if (b->reason == MIGRATE_REASON_PINNED) {
		out_puts(out, ", pinned since: not known");
	}
	out_puts(out, ")");
	if (b->refs != 0) {
		out_puts(out, "; ");
		page_owner_print(out, b->frame);
	}
}

/* ---- records in a row ------------------------------------------------------------------------ */

uint64_t frame_next_record(uint64_t n, uint64_t end)
{
	do {
		const uint64_t chunk_end = ALIGN_DOWN(n, FRAME_TABLE_CHUNK) + FRAME_TABLE_CHUNK;
		const uint64_t stop = chunk_end < end ? chunk_end : end;
		const struct page *page = pfn_to_page(pfn(n));
		if (!frame_populated(pfn(n))) {
			n = stop;
			continue;
		}
		for (; n < stop; n++, page++) {
			if (__atomic_load_n(&page->word, __ATOMIC_RELAXED) != 0) {
				return n;
			}
		}
	} while (n < end);
	return end;
}

/**
 * The head of the block that holds frame @n, whose record is zero; UINT64_MAX: there is none. Heads lie at multiples of
 * their size: only those that clearing low bits reaches can hold it.
 */
static uint64_t head_of(uint64_t n, uint64_t *word)
{
	for (uint64_t head = n; !IS_ALIGNED(head, MAX_ORDER_NR_PAGES);) {
		head &= head - 1;
		*word = __atomic_load_n(&pfn_to_page(pfn(head))->word, __ATOMIC_RELAXED);
		if (page_word_state(*word) != PAGE_NONE) {
			return head + (1ULL << page_word_order(*word)) > n ? head : UINT64_MAX;
		}
	}
	return UINT64_MAX;
}

static bool nobodys(pfn_t f, uint64_t frames)
{
	const phys_addr_t pa = pfn_to_phys(f);
	const phys_addr_t bytes = frames << PAGE_SHIFT;
	return !memblock_is_map_memory(pa) || !memblock_is_region_memory(pa, bytes) ||
	       memblock_is_region_reserved(pa, bytes);
}

/** Frames from @f on, up to @most, that are nobody's because one reservation holds them; at least 1. */
static uint64_t reserved_row(pfn_t f, uint64_t most)
{
	const struct memblock_region *r = memblock_region_find(&memblock.reserved, pfn_to_phys(f));
	if (r == NULL) {
		return 1;
	}
	const uint64_t end = phys_to_pfn(r->base + r->size).n;
	return end <= f.n + 1 ? 1 : (end < most ? end : most) - f.n;
}

/** No block holds @f: free memory that nobody has cut, or nobody's. */
static enum frame_use look_at_none(pfn_t f, uint64_t *frames, struct migrate_blocker *why)
{
	const uint64_t most = ALIGN_DOWN(f.n, MAX_ORDER_NR_PAGES) + MAX_ORDER_NR_PAGES;
	if (nobodys(f, 1)) {
		*frames = reserved_row(f, most);
		if (why != NULL) {
			reserved_blocker(f, why);
		}
		return FRAME_BLOCKED;
	}
	*frames = frame_next_record(f.n, most) - f.n;
	while (*frames > 1 && nobodys(f, *frames)) {
		*frames /= 2;
	}
	/* It may have become somebody's head meanwhile. */
	*frames = *frames != 0 ? *frames : 1;
	return FRAME_FREE;
}

/** Why the block in use cannot be moved; NONE: it can, as far as can be seen. */
static FPG_INLINE enum migrate_reason why_not(const struct page *page, uint64_t word)
{
	uint32_t index;
	uint32_t owner;
	if (unlikely(movable_of(page, word, &index, &owner) == NULL)) {
		return held_for_range(page) ? MIGRATE_REASON_BUSY : MIGRATE_REASON_UNMOVABLE;
	}
	return unlikely(page_word_refs(word) > 1) ? MIGRATE_REASON_PINNED : MIGRATE_REASON_NONE;
}

static enum frame_use look_at_used(const struct page *page, uint64_t word,
				   struct migrate_blocker *why)
{
	const enum migrate_reason reason = why_not(page, word);
	if (reason == MIGRATE_REASON_NONE) {
		return FRAME_MOVABLE;
	}
	if (why != NULL) {
		migrate_blocker_of(page, reason, why);
	}
	return FRAME_BLOCKED;
}

enum frame_use frame_look(pfn_t f, uint64_t *frames, struct migrate_blocker *why)
{
	const struct page *page = pfn_to_page(f);
	uint64_t word = __atomic_load_n(&page->word, __ATOMIC_RELAXED);
	uint64_t head = f.n;
	if (page_word_state(word) == PAGE_NONE) {
		head = head_of(f.n, &word);
		if (head == UINT64_MAX) {
			return look_at_none(f, frames, why);
		}
		page = pfn_to_page(pfn(head));
	}
	*frames = head + (1ULL << page_word_order(word)) - f.n;
	switch (page_word_state(word)) {
	case PAGE_FREE:
		return FRAME_FREE;
	case PAGE_CACHED:
		return FRAME_CACHED;
	default:
		return look_at_used(page, word, why);
	}
}

enum frame_use frame_row(pfn_t f, uint64_t *frames, struct migrate_blocker *why)
{
	const struct page *const first = pfn_to_page(f);
	const struct page *const end = first + *frames;
	const struct page *page = first;
	const uint64_t word = __atomic_load_n(&page->word, __ATOMIC_RELAXED);
	const uint64_t looked_at = PAGE_STATE_MASK | PAGE_ORDER_MASK | PAGE_TYPE_MASK |
				   PAGE_REF_MASK | MOVABLE_NEVER | PAGE_F_ANON;
	if ((word & (PAGE_STATE_MASK | PAGE_ORDER_MASK)) != page_word(PAGE_ALLOCATED, 0, 0, 0)) {
		return frame_look(f, frames, why);
	}
	const enum frame_use use = look_at_used(page, word, why);
	/* What of the second word makes pages alike: of programs' nothing, of owners who can move theirs who they are. */
	const uint64_t mask = (word & PAGE_F_ANON) != 0 ? 0 :
			      use == FRAME_MOVABLE	? UINT32_MAX :
							  UINT64_MAX;
	const uint64_t second = __atomic_load_n(&page->second, __ATOMIC_RELAXED);
	do {
		page++;
	} while (page != end &&
		 ((__atomic_load_n(&page->word, __ATOMIC_RELAXED) ^ word) & looked_at) == 0 &&
		 ((__atomic_load_n(&page->second, __ATOMIC_RELAXED) ^ second) & mask) == 0);
	*frames = (uint64_t)(page - first);
	return use;
}

FPG_NOINLINE bool migrate_gone_soon(const struct migrate_blocker *b, uint32_t *patience)
{
	struct migrate_blocker now = *b;
	uint64_t frames;
	if (!migrate_passes(b) || *patience < MIGRATE_PATIENCE_A_TRY) {
		return false;
	}
	*patience -= MIGRATE_PATIENCE_A_TRY;
	while (*patience != 0 && frame_look(b->frame, &frames, &now) == FRAME_BLOCKED &&
	       migrate_passes(&now)) {
		--*patience;
		port_relax();
	}
	return *patience != 0;
}

bool migrate_try_again(const struct migrate_blocker *b, uint32_t *patience)
{
	if (b->reason != MIGRATE_REASON_TAKEN || *patience < MIGRATE_PATIENCE_A_TRY) {
		return migrate_gone_soon(b, patience);
	}
	*patience -= MIGRATE_PATIENCE_A_TRY;
	port_relax();
	return true;
}

void migrate_look(struct pfn_range frames, struct migrate_estimate *out)
{
	uint64_t pages;
	*out = (struct migrate_estimate){ 0 };
	for (uint64_t n = frames.start.n; n < frames.end.n; n += pages) {
		const uint64_t most = frames.end.n - n;
		pages = most;
		const enum frame_use use = frame_row(pfn(n), &pages, NULL);
		if (use == FRAME_BLOCKED && out->blocker.reason == MIGRATE_REASON_NONE &&
		    frame_look(pfn(n), &pages, &out->blocker) != FRAME_BLOCKED) {
			/* It changed in between: as it is now. */
			out->blocker.reason = MIGRATE_REASON_NONE;
			pages = 0;
			continue;
		}
		pages = pages < most ? pages : most;
		out->free_pages += use == FRAME_FREE || use == FRAME_CACHED ? pages : 0;
		out->movable_pages += use == FRAME_MOVABLE ? pages : 0;
	}
}
