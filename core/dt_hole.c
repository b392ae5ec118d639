/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A free place while not everything is reserved yet: where the whole tree shows nothing.
 *
 * Candidates are spread over the enabled memory, some of them over the memory with the image. A walk shows each
 * everything that takes room; what lies in the way pushes the candidate past it, half of them upwards and half
 * downwards (trees list their nodes in either order). A candidate that a whole walk did not move is a free place. The
 * number of walks is bounded, so what the search costs is linear in the size of the tree.
 */
#include "dt_walk.h"

#include "fpg/base/range.h"

#include <errno.h>

#define CANDIDATES	32
#define NEAR_CANDIDATES 8
#define MAX_WALKS	16

struct candidate {
	phys_addr_t base;
	/** Its piece of memory. */
	phys_addr_t low;
	phys_addr_t high;
	bool down;
	bool dead;
	bool moved;
};

/** Boot hart only, one search at a time. */
FPG_INITBSS static struct hole_search {
	const struct dt_hole_query *query;
	/** Treat alloc-ranges of dynamic nodes as taken. */
	bool spare_alloc_ranges;
	uint32_t count;
	struct candidate at[CANDIDATES];
} search;

/** Put the candidate at or beyond @base in its direction; it dies when its memory ends there. */
FPG_INIT static void settle(struct candidate *c, phys_addr_t base)
{
	const struct dt_hole_query *q = search.query;
	phys_addr_t aligned = ALIGN_DOWN(base, q->align);
	if (!c->down && aligned != base) {
		aligned += q->align;
	}
	c->base = aligned;
	/* Address 0 is no place for anything. */
	c->dead = aligned == 0 || (!c->down && aligned < base) || aligned < c->low ||
		  aligned > c->high || c->high - aligned < q->bytes;
}

FPG_INIT static void push(struct candidate *c, phys_addr_t base, phys_addr_t end)
{
	phys_addr_t bytes = search.query->bytes;
	c->moved = true;
	if (!c->down) {
		settle(c, end);
	} else if (base < bytes) {
		c->dead = true;
	} else {
		settle(c, base - bytes);
	}
}

/** Something lies in [base, base + size). */
FPG_INIT static void show(phys_addr_t base, phys_addr_t size)
{
	phys_addr_t end = base + phys_cap_size(base, size);
	for (uint32_t i = 0; i < search.count; i++) {
		struct candidate *c = &search.at[i];
		if (!c->dead && base < c->base + search.query->bytes && c->base < end) {
			push(c, base, end);
		}
	}
}

FPG_INIT static void show_tuples(const struct dt_walk *w, enum dt_prop p)
{
	struct dt_tuples t = dt_tuples(dt_parent(w), w->props[p]);
	uint64_t base;
	uint64_t size;
	int got;
	while ((got = dt_tuple_next(&t, &base, &size)) != 0) {
		if (got < 0 || size == 0) {
			continue;
		}
		/* Both as it stands and as the CPU sees it: some trees leave ranges out. */
		show(base, size);
		uint64_t translated = base;
		if (dt_translate(w, w->depth - 1, &translated, size) && translated != base) {
			show(translated, size);
		}
	}
}

FPG_INIT static void show_tree(void)
{
	const struct dt_facts *facts = search.query->facts;
	struct dt_walk *w = dt_walk_begin(facts->blob);
	while (dt_walk_next(w)) {
		bool ram = w->depth == 1 &&
			   (dt_is_ram(w) || (facts->untyped_memory && dt_named(w, "memory")));
		if (w->depth > 0 && !ram && dt_has(w, P_REG)) {
			show_tuples(w, P_REG);
		}
		if (search.spare_alloc_ranges && dt_has(w, P_ALLOC_RANGES)) {
			show_tuples(w, P_ALLOC_RANGES);
		}
	}
}

FPG_INIT static void show_all(void)
{
	const struct dt_hole_query *q = search.query;
	uint64_t base;
	uint64_t size;
	for (uint32_t i = 0; i < q->avoid_count; i++) {
		if (q->avoid[i].size != 0) {
			show(q->avoid[i].base, q->avoid[i].size);
		}
	}
	if (q->facts->chosen.initrd.size != 0) {
		show(q->facts->chosen.initrd.base, q->facts->chosen.initrd.size);
	}
	for (int i = 0; dt_memreserve(q->facts->blob, i, &base, &size); i++) {
		if (size != 0) {
			show(base, size);
		}
	}
	show_tree();
	for (uint32_t i = 0; q->taken != NULL && i < search.count; i++) {
		struct candidate *c = &search.at[i];
		if (!c->dead && !c->moved && q->taken(q->ctx, c->base, q->bytes)) {
			push(c, c->base, c->base + q->bytes);
		}
	}
}

/* ---- where to begin ---------------------------------------------------------------------------------------- */

/** The part of @range below the limit and in usable range @u (anywhere when the tree names none). */
FPG_INIT static struct phys_range usable_part(const struct dt_range *range, uint32_t u)
{
	const struct dt_chosen *chosen = &search.query->facts->chosen;
	phys_addr_t low = range->base;
	phys_addr_t high = range->base + range->size;
	if (chosen->usable_count != 0) {
		phys_addr_t usable_end = phys_range_end(chosen->usable[u]);
		low = chosen->usable[u].base > low ? chosen->usable[u].base : low;
		high = usable_end < high ? usable_end : high;
	}
	high = search.query->limit < high ? search.query->limit : high;
	return (struct phys_range){ low, high > low ? high - low : 0 };
}

FPG_INIT static void add_candidate(struct phys_range piece, phys_addr_t offset)
{
	struct candidate *c = &search.at[search.count];
	*c = (struct candidate){
		.low = piece.base,
		.high = phys_range_end(piece),
		.down = search.count % 2 != 0,
	};
	search.count++;
	phys_addr_t room = piece.size - search.query->bytes;
	settle(c, piece.base + (offset < room ? offset : room));
}

/** Two candidates beside @near, one for each direction. */
FPG_INIT static void add_nearest(phys_addr_t near)
{
	const struct dt_list *memory = &search.query->facts->memory;
	for (uint32_t i = 0; i < memory->count; i++) {
		struct phys_range piece = usable_part(&memory->at[i], 0);
		if (phys_range_contains(piece, near) && piece.size >= search.query->bytes) {
			add_candidate(piece, near - piece.base);
			add_candidate(piece, near - piece.base);
			return;
		}
	}
}

/** Spread @count candidates evenly over the memory (only that with @only in it, unless that is NULL). */
FPG_INIT static void spread(uint32_t count, const phys_addr_t *only)
{
	const struct dt_list *memory = &search.query->facts->memory;
	uint32_t parts = search.query->facts->chosen.usable_count;
	parts = parts == 0 ? 1 : parts;
	uint64_t step = 0;
	uint64_t next = 0;
	/* First round: how much there is. Second round: a candidate every `step` bytes of it. */
	for (int round = 0; round < 2; round++) {
		uint64_t passed = 0;
		for (uint64_t i = 0; i < (uint64_t)memory->count * parts; i++) {
			struct phys_range piece =
				usable_part(&memory->at[i / parts], (uint32_t)(i % parts));
			if (piece.size < search.query->bytes ||
			    (only != NULL && !phys_range_contains(piece, *only))) {
				continue;
			}
			for (; round == 1 && count > 0 && next - passed < piece.size; count--) {
				add_candidate(piece, next - passed);
				next += step;
			}
			passed += piece.size;
		}
		if (round == 0) {
			step = passed / count > 0 ? passed / count : 1;
			next = step / 2;
		}
	}
}

FPG_INIT static bool find(phys_addr_t *out)
{
	const struct dt_hole_query *q = search.query;
	bool found = false;
	search.count = 0;
	add_nearest(q->near);
	spread(NEAR_CANDIDATES - search.count, &q->near);
	spread(CANDIDATES - search.count, NULL);
	for (int walk = 0; walk < MAX_WALKS && !found; walk++) {
		uint32_t alive = 0;
		phys_addr_t nearest = PHYS_ADDR_MAX;
		for (uint32_t i = 0; i < search.count; i++) {
			search.at[i].moved = false;
			alive += !search.at[i].dead;
		}
		if (alive == 0) {
			return false;
		}
		show_all();
		for (uint32_t i = 0; i < search.count; i++) {
			const struct candidate *c = &search.at[i];
			phys_addr_t far = c->base > q->near ? c->base - q->near : q->near - c->base;
			if (!c->dead && !c->moved && far < nearest) {
				nearest = far;
				*out = c->base;
				found = true;
			}
		}
	}
	return found;
}

FPG_INIT int dt_find_hole(const struct dt_hole_query *query, phys_addr_t *out)
{
	if (query->bytes == 0) {
		return -ENOMEM;
	}
	search.query = query;
	search.spare_alloc_ranges = true;
	if (find(out)) {
		return 0;
	}
	search.spare_alloc_ranges = false;
	return find(out) ? 0 : -ENOMEM;
}
