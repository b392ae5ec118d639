/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Places between areas: from one hole that is large enough to the next, each step O(log n). A hole that is large
 * enough is refused only for its alignment, or because it reaches out of the window; holes whose ends have the
 * alignment asked for (pages in a window of pages) need one step.
 */
#include "fpg/base/area_tree.h"
#include "fpg/base/assert.h"
#include "fpg/base/range.h"

#include <errno.h>

struct want {
	uint64_t low, high;
	uint64_t bytes, align, guard;
	/** A hole between two areas is at least this wide, or of no use. */
	uint64_t hole;
};

static int want_init(struct want *w, uint64_t low, uint64_t high, uint64_t bytes, uint64_t align,
		     uint64_t guard)
{
	FPG_CHECK(IS_POW2(align));
	*w = (struct want){ low, high, bytes, align, guard, 0 };
	if (bytes == 0 || low >= high || bytes > high - low ||
	    __builtin_add_overflow(bytes, guard, &w->hole) ||
	    __builtin_add_overflow(w->hole, guard, &w->hole)) {
		return -ENOMEM;
	}
	return 0;
}

/** What may be used between two neighbours (NULL: the window's edge): [*from, *to). Return: is it enough? */
static bool usable(const struct want *w, const struct area *prev, const struct area *next,
		   uint64_t *from, uint64_t *to)
{
	*from = w->low;
	*to = w->high;
	if (prev != NULL && __builtin_add_overflow(prev->end, w->guard, from)) {
		return false;
	}
	*from = *from > w->low ? *from : w->low;
	if (next != NULL) {
		uint64_t limit = next->start > w->guard ? next->start - w->guard : 0;
		*to = limit < w->high ? limit : w->high;
	}
	return *from < *to && *to - *from >= w->bytes;
}

/* ---- upwards --------------------------------------------------------------------------------- */

static struct area *last_of(struct area *n)
{
	while (n->right != NULL) {
		n = n->right;
	}
	return n;
}

static struct area *first_of(struct area *n)
{
	while (n->left != NULL) {
		n = n->left;
	}
	return n;
}

/** The area below the lowest hole of @hole or more inside the subtree @n, which has one. */
static struct area *lowest_hole(struct area *n, uint64_t hole)
{
	for (;;) {
		if (n->left != NULL && n->left->gap >= hole) {
			n = n->left;
		} else if (n->left != NULL && n->start - n->left->high >= hole) {
			return last_of(n->left);
		} else if (n->right->low - n->end >= hole) {
			return n;
		} else {
			n = n->right;
		}
	}
}

/** The first area from @n upwards that has a hole of @hole or more above it, or the last area of all. */
static struct area *hole_above(struct area *n, uint64_t hole)
{
	for (;;) {
		if (n->right != NULL) {
			if (n->right->low - n->end >= hole) {
				return n;
			}
			if (n->right->gap >= hole) {
				return lowest_hole(n->right, hole);
			}
		}
		struct area *top = n;
		while (top->parent != NULL && top->parent->right == top) {
			top = top->parent;
		}
		if (top->parent == NULL || top->parent->start - top->high >= hole) {
			return last_of(top);
		}
		n = top->parent;
	}
}

int area_find_gap(const struct area_tree *tree, uint64_t low, uint64_t high, uint64_t bytes,
		  uint64_t align, uint64_t guard, uint64_t *out)
{
	struct want w;
	if (want_init(&w, low, high, bytes, align, guard) != 0) {
		return -ENOMEM;
	}
	struct area *next = area_find(tree, low);
	struct area *prev = next != NULL ? area_prev(next) : area_last(tree);
	for (;;) {
		uint64_t from;
		uint64_t to;
		if (usable(&w, prev, next, &from, &to) && from <= UINT64_MAX - (align - 1)) {
			uint64_t at = ALIGN_UP(from, align);
			if (at < to && to - at >= bytes) {
				*out = at;
				return 0;
			}
		}
		if (next == NULL) {
			return -ENOMEM;
		}
		prev = hole_above(next, w.hole);
		if (prev->end >= high) {
			return -ENOMEM;
		}
		next = area_next(prev);
	}
}

/* ---- downwards ------------------------------------------------------------------------------- */

/** The area above the highest hole of @hole or more inside the subtree @n, which has one. */
static struct area *highest_hole(struct area *n, uint64_t hole)
{
	for (;;) {
		if (n->right != NULL && n->right->gap >= hole) {
			n = n->right;
		} else if (n->right != NULL && n->right->low - n->end >= hole) {
			return first_of(n->right);
		} else if (n->start - n->left->high >= hole) {
			return n;
		} else {
			n = n->left;
		}
	}
}

/** The first area from @n downwards that has a hole of @hole or more below it, or the first area of all. */
static struct area *hole_below(struct area *n, uint64_t hole)
{
	for (;;) {
		if (n->left != NULL) {
			if (n->start - n->left->high >= hole) {
				return n;
			}
			if (n->left->gap >= hole) {
				return highest_hole(n->left, hole);
			}
		}
		struct area *top = n;
		while (top->parent != NULL && top->parent->left == top) {
			top = top->parent;
		}
		if (top->parent == NULL || top->low - top->parent->end >= hole) {
			return first_of(top);
		}
		n = top->parent;
	}
}

int area_find_gap_top(const struct area_tree *tree, uint64_t low, uint64_t high, uint64_t bytes,
		      uint64_t align, uint64_t guard, uint64_t *out)
{
	struct want w;
	if (want_init(&w, low, high, bytes, align, guard) != 0) {
		return -ENOMEM;
	}
	/* The highest area that begins below the window's end, and what follows it. */
	struct area *next = area_find(tree, high - 1);
	if (next != NULL && next->start < high) {
		next = area_next(next);
	}
	struct area *prev = next != NULL ? area_prev(next) : area_last(tree);
	for (;;) {
		uint64_t from;
		uint64_t to;
		if (usable(&w, prev, next, &from, &to)) {
			uint64_t at = ALIGN_DOWN(to - bytes, align);
			if (at >= from) {
				*out = at;
				return 0;
			}
		}
		if (prev == NULL) {
			return -ENOMEM;
		}
		next = hole_below(prev, w.hole);
		if (next->start <= low) {
			return -ENOMEM;
		}
		prev = area_prev(next);
	}
}
