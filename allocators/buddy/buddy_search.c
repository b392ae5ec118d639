/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * buddy: finding a block that no list of the own type has. The own type's lists first, then fresh memory, then other
 * types' blocks by the fallback table; what is cut off goes back on lists.
 *
 * Raiding keeps types together. Whole free pageblocks are taken over, the smallest that do. Then what cannot be moved
 * goes to the other type that cannot, as long as that has blocks that are worth it, so that movable pageblocks stay
 * movable; only then does the largest block decide. Inside a pageblock, its free blocks are taken over by a type that
 * cannot move, so that it does not raid another one soon; by a movable one when the block found is large and at least
 * half of the pageblock is free or of that type, whatever the size of the request; else only one block is taken. The
 * same calls always give the same answers. docs/fragmentation.md has the rules as a table, and what they bring.
 */
#include "buddy.h"

#include "fpg/base/range.h"

#include <errno.h>

#define FALLBACK_END MIGRATE_TYPE_COUNT

/** Whom a type raids, in this order. HIGHATOMIC, CMA and ISOLATE neither raid nor are raided. */
static const uint8_t fallbacks[MIGRATE_TYPE_COUNT][3] = {
	[MIGRATE_UNMOVABLE] = { MIGRATE_RECLAIMABLE, MIGRATE_MOVABLE, FALLBACK_END },
	[MIGRATE_MOVABLE] = { MIGRATE_RECLAIMABLE, MIGRATE_UNMOVABLE, FALLBACK_END },
	[MIGRATE_RECLAIMABLE] = { MIGRATE_UNMOVABLE, MIGRATE_MOVABLE, FALLBACK_END },
	[MIGRATE_HIGHATOMIC] = { FALLBACK_END, FALLBACK_END, FALLBACK_END },
	[MIGRATE_CMA] = { FALLBACK_END, FALLBACK_END, FALLBACK_END },
	[MIGRATE_ISOLATE] = { FALLBACK_END, FALLBACK_END, FALLBACK_END },
};

/** Whom a type raids before all others, for parts of pageblocks of at least AKIN_LEAST_ORDER. */
static const uint8_t akin[MIGRATE_TYPE_COUNT] = {
	[MIGRATE_UNMOVABLE] = MIGRATE_RECLAIMABLE,
	[MIGRATE_MOVABLE] = FALLBACK_END,
	[MIGRATE_RECLAIMABLE] = MIGRATE_UNMOVABLE,
	[MIGRATE_HIGHATOMIC] = FALLBACK_END,
	[MIGRATE_CMA] = FALLBACK_END,
	[MIGRATE_ISOLATE] = FALLBACK_END,
};

/** Smaller ones would cost a search each. */
#define AKIN_LEAST_ORDER    3U
/** A movable request that finds a smaller block does not look at the pageblock around it. */
#define WEIGHED_LEAST_ORDER (PAGEBLOCK_ORDER / 2)

/** A free block that can serve a request, not taken yet. */
struct candidate {
	uint64_t n;
	unsigned int order;
	/** Of its list. */
	unsigned int type;
	bool fresh;
};

/**
 * Records that cutting the block down to @order would write: the upper half at each step, and the
 * block itself. Only halves of at least a chunk's frames lie in another chunk than the block's
 * head.
 */
static inline bool halves_missing(struct palloc *pa, uint64_t n, unsigned int from_order,
				  unsigned int order)
{
	for (unsigned int k = from_order; k > order && k > FRAME_TABLE_CHUNK_ORDER; k--) {
		if (buddy_record_missing(pa, n + (1ULL << (k - 1)))) {
			return true;
		}
	}
	return false;
}

static bool cut_missing(struct palloc *pa, const struct candidate *c, unsigned int order)
{
	if (c->fresh) {
		buddy_reach(buddy_of(pa), c->n, c->n + 1);
	}
	return (c->fresh && buddy_record_missing(pa, c->n)) ||
	       halves_missing(pa, c->n, c->order, order);
}

/** What a search ends with. */
enum found {
	FOUND,
	FOUND_NOTHING,
	FOUND_MISSING
};

/**
 * The first block of the list that can be cut; with PALLOC_REQ_POPULATED those that cannot are
 * passed over.
 */
static enum found try_one(struct palloc *pa, const struct buddy_list *list, unsigned int from_order,
			  unsigned int type, unsigned int order, uint32_t flags,
			  struct candidate *c)
{
	struct buddy *b = buddy_of(pa);
	uint32_t link = list->head;
	while (link != 0) {
		struct page *page = buddy_link_page(b, link);
		*c = (struct candidate){ page_to_pfn(page).n, from_order, type, false };
		if (!cut_missing(pa, c, order)) {
			return FOUND;
		}
		if (!(flags & PALLOC_REQ_POPULATED)) {
			return FOUND_MISSING;
		}
		link = page->next;
	}
	return FOUND_NOTHING;
}

/** The same for all blocks of one order and type, the lowest bucket first. */
static enum found try_list(struct palloc *pa, unsigned int from_order, unsigned int type,
			   unsigned int order, uint32_t flags, struct candidate *c)
{
	struct buddy *b = buddy_of(pa);
	if (from_order >= PAGEBLOCK_ORDER) {
		return try_one(pa, &b->list[from_order][type], from_order, type, order, flags, c);
	}
	buddy_for_each_hole(i, b, type)
	{
		enum found found = try_one(pa, &b->bucket[i].list[from_order][type], from_order,
					   type, order, flags, c);
		if (found != FOUND_NOTHING) {
			return found;
		}
	}
	return FOUND_NOTHING;
}

static enum found try_fresh(struct palloc *pa, unsigned int order, uint32_t flags,
			    struct candidate *c)
{
	struct buddy *b = buddy_of(pa);
	uint64_t i = fresh_find(&b->fresh, 0);
	while (i < b->fresh.bits) {
		*c = (struct candidate){ b->base + (i << MAX_PAGE_ORDER), MAX_PAGE_ORDER,
					 MIGRATE_MOVABLE, true };
		if (!cut_missing(pa, c, order)) {
			return FOUND;
		}
		if (!(flags & PALLOC_REQ_POPULATED)) {
			return FOUND_MISSING;
		}
		i = fresh_find(&b->fresh, i + 1);
	}
	return FOUND_NOTHING;
}

/** One bucket's blocks of @type from @order on, the smallest first. */
static enum found try_bucket(struct palloc *pa, const struct buddy_bucket *bucket,
			     unsigned int type, unsigned int order, uint32_t flags,
			     struct candidate *c)
{
	uint32_t orders = (uint32_t)bucket->orders[type] >> order << order;
	enum found found = FOUND_NOTHING;
	for (; orders != 0 && found == FOUND_NOTHING; orders &= orders - 1) {
		unsigned int from = bit_lowest(orders);
		found = try_one(pa, &bucket->list[from][type], from, type, order, flags, c);
	}
	return found;
}

/** Holes of one type, the lowest bucket first, then whole pageblocks, the smallest first. */
static enum found try_type(struct palloc *pa, unsigned int type, unsigned int order, uint32_t flags,
			   struct candidate *c)
{
	const struct buddy *b = buddy_of(pa);
	uint32_t orders = b->nonempty[type] >> order << order;
	buddy_for_each_hole(i, b, type)
	{
		enum found found = try_bucket(pa, &b->bucket[i], type, order, flags, c);
		if (found != FOUND_NOTHING) {
			return found;
		}
	}
	while (orders != 0) {
		enum found found = try_list(pa, bit_lowest(orders), type, order, flags, c);
		if (found != FOUND_NOTHING) {
			return found;
		}
		orders &= orders - 1;
	}
	return FOUND_NOTHING;
}

/** Blocks of exactly @from_order of the types that @type raids. */
static enum found try_raid(struct palloc *pa, unsigned int from_order, unsigned int type,
			   unsigned int order, uint32_t flags, struct candidate *c)
{
	const uint8_t *raided = fallbacks[type];
	for (; *raided != FALLBACK_END; raided++) {
		enum found found = try_list(pa, from_order, *raided, order, flags, c);
		if (found != FOUND_NOTHING) {
			return found;
		}
	}
	return FOUND_NOTHING;
}

static uint32_t raided_orders(const struct buddy *b, unsigned int type)
{
	uint32_t orders = 0;
	for (const uint8_t *raided = fallbacks[type]; *raided != FALLBACK_END; raided++) {
		orders |= buddy_orders(b, *raided);
	}
	return orders;
}

/** A part of a pageblock of the type that is raided before all others, the largest. */
static enum found try_akin(struct palloc *pa, unsigned int type, unsigned int order, uint32_t flags,
			   struct candidate *c)
{
	enum found found = FOUND_NOTHING;
	if (akin[type] == FALLBACK_END) {
		return FOUND_NOTHING;
	}
	const unsigned int least = order > AKIN_LEAST_ORDER ? order : AKIN_LEAST_ORDER;
	const uint32_t parts = (1U << PAGEBLOCK_ORDER) - 1;
	uint32_t orders = (buddy_orders(buddy_of(pa), akin[type]) & parts) >> least << least;
	while (orders != 0 && found == FOUND_NOTHING) {
		unsigned int k = bit_highest(orders);
		found = try_list(pa, k, akin[type], order, flags, c);
		orders &= ~(1U << k);
	}
	return found;
}

/**
 * Another type's block: the smallest of whole pageblocks, then fresh memory, then a part of one: of the type that is
 * akin, then the largest.
 */
static enum found find_raid(struct palloc *pa, unsigned int type, unsigned int order,
			    uint32_t flags, struct candidate *c)
{
	uint32_t all = raided_orders(buddy_of(pa), type) >> order << order;
	uint32_t orders = all >> PAGEBLOCK_ORDER << PAGEBLOCK_ORDER;
	enum found found = FOUND_NOTHING;
	for (; orders != 0 && found == FOUND_NOTHING; orders &= orders - 1) {
		found = try_raid(pa, bit_lowest(orders), type, order, flags, c);
	}
	if (found == FOUND_NOTHING && fallbacks[type][0] != FALLBACK_END) {
		found = try_fresh(pa, order, flags, c);
	}
	if (found != FOUND_NOTHING || (flags & PALLOC_REQ_UNMIXED)) {
		return found;
	}
	found = try_akin(pa, type, order, flags, c);
	orders = all & ((1U << PAGEBLOCK_ORDER) - 1);
	while (orders != 0 && found == FOUND_NOTHING) {
		unsigned int k = bit_highest(orders);
		found = try_raid(pa, k, type, order, flags, c);
		orders &= ~(1U << k);
	}
	return found;
}

/**
 * The reserve for atomic requests serves its own before they mix pageblocks; single pages come from it last, for they are
 * easily had elsewhere.
 */
static enum found find(struct palloc *pa, unsigned int type, unsigned int order, uint32_t flags,
		       struct candidate *c)
{
	const bool reserve = (flags & PALLOC_REQ_HIGH) != 0;
	enum found found = try_type(pa, type, order, flags, c);
	if (found == FOUND_NOTHING && type == MIGRATE_MOVABLE) {
		found = try_fresh(pa, order, flags, c);
	}
	if (found == FOUND_NOTHING && (flags & PALLOC_REQ_CMA) && type == MIGRATE_MOVABLE) {
		found = try_type(pa, MIGRATE_CMA, order, flags, c);
	}
	if (found == FOUND_NOTHING && reserve && order > 0) {
		found = try_type(pa, MIGRATE_HIGHATOMIC, order, flags, c);
	}
	if (found == FOUND_NOTHING) {
		found = find_raid(pa, type, order, flags, c);
	}
	if (found == FOUND_NOTHING && reserve && order == 0) {
		found = try_type(pa, MIGRATE_HIGHATOMIC, order, flags, c);
	}
	return found;
}

/** Frames of the pageblock at @block that are free, and those in use that asked for @type. */
static void weigh(const struct palloc *pa, uint64_t block, unsigned int type, uint64_t *free,
		  uint64_t *alike)
{
	const struct buddy *b = buddy_of(pa);
	uint64_t end = block + PAGEBLOCK_NR_PAGES;
	*free = 0;
	*alike = 0;
	for (uint64_t n = block; n < end;) {
		uint64_t word = buddy_page(n)->word;
		if (!buddy_owns(b, word)) {
			n++;
			continue;
		}
		uint64_t pages = 1ULL << page_word_order(word);
		if (page_word_state(word) == PAGE_FREE) {
			*free += pages;
		} else if (page_word_type(word) == type) {
			*alike += pages;
		}
		n += pages;
	}
}

/** Move the free blocks of the pageblock at @block to @type's lists and give it that type. */
static void take_over(struct buddy *b, uint64_t block, unsigned int type)
{
	uint64_t end = block + PAGEBLOCK_NR_PAGES;
	for (uint64_t n = block; n < end;) {
		uint64_t word = buddy_page(n)->word;
		if (!buddy_owns(b, word)) {
			n++;
			continue;
		}
		unsigned int order = page_word_order(word);
		if (page_word_state(word) == PAGE_FREE) {
			buddy_list_del(b, n);
			buddy_list_add(b, n, order, type);
		}
		n += 1ULL << order;
	}
	pageblock_set_type(b->map, pfn(block), (enum migratetype)type);
}

/**
 * Settle which type the part of a pageblock that is being raided belongs to. Return: its type from
 * now on.
 */
static unsigned int raid_part(struct palloc *pa, const struct candidate *c, unsigned int type)
{
	uint64_t block = ALIGN_DOWN(c->n, PAGEBLOCK_NR_PAGES);
	uint64_t free, alike;
	if (type == MIGRATE_MOVABLE && c->order < WEIGHED_LEAST_ORDER) {
		return c->type;
	}
	weigh(pa, block, type, &free, &alike);
	if (type == MIGRATE_MOVABLE && free + alike < PAGEBLOCK_NR_PAGES / 2) {
		return c->type;
	}
	take_over(buddy_of(pa), block, type);
	return type;
}

/**
 * Cut the block, off its list, down to @order at its start. Upper halves keep the types of their
 * pageblocks.
 */
static void cut(struct buddy *b, uint64_t n, unsigned int from_order, unsigned int order)
{
	for (unsigned int k = from_order; k-- > order;) {
		uint64_t half = n + (1ULL << k);
		buddy_list_add(b, half, k, pageblock_type_at(b->map, half - b->base));
	}
}

static unsigned int take(struct palloc *pa, const struct candidate *c, unsigned int type,
			 unsigned int order)
{
	struct buddy *b = buddy_of(pa);
	unsigned int from_order = c->order;
	unsigned int from_type = c->type;
	bool raid = from_type != type && !buddy_keeps_apart(from_type);
	if (raid && c->order < PAGEBLOCK_ORDER) {
		from_type = raid_part(pa, c, type);
	}
	if (c->fresh) {
		buddy_unfresh(b, c->n);
	} else {
		buddy_list_del(b, c->n);
	}
	if (raid && from_order >= PAGEBLOCK_ORDER) {
		unsigned int whole = order > PAGEBLOCK_ORDER ? order : PAGEBLOCK_ORDER;
		cut(b, c->n, from_order, whole);
		pageblock_set_range(b->map,
				    (struct pfn_range){ pfn(c->n), pfn(c->n + (1ULL << whole)) },
				    (enum migratetype)type);
		from_order = whole;
		from_type = type;
	}
	cut(b, c->n, from_order, order);
	buddy_record_used(b, c->n, order, type);
	b->free_pages -= 1ULL << order;
	if (c->type == MIGRATE_CMA) {
		pa->cma_free_pages -= 1ULL << order;
	}
	return from_type;
}

struct palloc_block buddy_alloc_searching(struct palloc *pa, const struct palloc_req *req)
{
	struct palloc_block block = { .pages = req->pages };
	struct candidate c;
	unsigned int order = req->pages == 0 ? 0 : bit_lowest(req->pages);
	if (!IS_POW2(req->pages) || order > MAX_PAGE_ORDER || req->align_order > order ||
	    req->type >= MIGRATE_TYPE_COUNT) {
		block.err = -EINVAL;
		return block;
	}
	/* From fresh memory and other types a whole run, if there is one; then whatever there is. */
	enum found found = find(pa, req->type, order, req->flags, &c);
	while (found == FOUND_NOTHING && (req->flags & PALLOC_REQ_FEWER) &&
	       order > req->align_order) {
		order--;
		found = find(pa, req->type, order, req->flags, &c);
	}
	if (found != FOUND) {
		block.err = found == FOUND_MISSING ? -EAGAIN : -ENOMEM;
		return block;
	}
	block.pages = 1U << order;
	block.type = (uint8_t)take(pa, &c, req->type, order);
	block.start = pfn(c.n);
	return block;
}
