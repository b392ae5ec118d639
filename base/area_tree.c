/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Areas in an AVL tree. Each node knows the span of its subtree and the largest hole between two areas of it, so that
 * a place of a given size is found by going down, not along.
 *
 * Invariants: areas ascend and do not overlap; the heights of two siblings differ by one at most; low, high, gap and
 * height of a node follow from its own range and its children's.
 */
#include "fpg/base/area_tree.h"

#include "fpg/base/assert.h"
#include "fpg/base/range.h"

#include <errno.h>

/* ---- what a node knows ----------------------------------------------------------------------- */

static int32_t height_of(const struct area *n)
{
	return n != NULL ? n->height : 0;
}

static int32_t tallest(const struct area *n)
{
	int32_t left = height_of(n->left);
	int32_t right = height_of(n->right);
	return 1 + (left > right ? left : right);
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/** The largest hole of the subtree, from what the children know. */
static uint64_t widest(const struct area *n)
{
	uint64_t gap = 0;
	if (n->left != NULL) {
		gap = larger(n->left->gap, n->start - n->left->high);
	}
	if (n->right != NULL) {
		gap = larger(gap, larger(n->right->gap, n->right->low - n->end));
	}
	return gap;
}

static void update(struct area *n)
{
	n->low = n->left != NULL ? n->left->low : n->start;
	n->high = n->right != NULL ? n->right->high : n->end;
	n->gap = widest(n);
	n->height = tallest(n);
}

static struct area *leftmost(struct area *n)
{
	while (n->left != NULL) {
		n = n->left;
	}
	return n;
}

static struct area *rightmost(struct area *n)
{
	while (n->right != NULL) {
		n = n->right;
	}
	return n;
}

/* ---- balance --------------------------------------------------------------------------------- */

/** @n takes the place of @old below @old's parent. @n may be NULL. */
static void replace_child(struct area_tree *tree, const struct area *old, struct area *n)
{
	struct area *parent = old->parent;
	if (parent == NULL) {
		tree->root = n;
	} else if (parent->left == old) {
		parent->left = n;
	} else {
		parent->right = n;
	}
	if (n != NULL) {
		n->parent = parent;
	}
}

/** The right child becomes the top. */
static struct area *rotate_left(struct area_tree *tree, struct area *n)
{
	struct area *top = n->right;
	replace_child(tree, n, top);
	n->right = top->left;
	if (n->right != NULL) {
		n->right->parent = n;
	}
	top->left = n;
	n->parent = top;
	update(n);
	update(top);
	return top;
}

static struct area *rotate_right(struct area_tree *tree, struct area *n)
{
	struct area *top = n->left;
	replace_child(tree, n, top);
	n->left = top->right;
	if (n->left != NULL) {
		n->left->parent = n;
	}
	top->right = n;
	n->parent = top;
	update(n);
	update(top);
	return top;
}

/** Bring the nodes from @n to the root up to date, and into balance. */
static void repair(struct area_tree *tree, struct area *n)
{
	for (; n != NULL; n = n->parent) {
		update(n);
		int32_t lean = height_of(n->left) - height_of(n->right);
		if (lean > 1) {
			if (height_of(n->left->left) < height_of(n->left->right)) {
				rotate_left(tree, n->left);
			}
			n = rotate_right(tree, n);
		} else if (lean < -1) {
			if (height_of(n->right->right) < height_of(n->right->left)) {
				rotate_right(tree, n->right);
			}
			n = rotate_left(tree, n);
		}
	}
}

/* ---- finding --------------------------------------------------------------------------------- */

struct area *area_find(const struct area_tree *tree, uint64_t at)
{
	struct area *found = NULL;
	struct area *n = tree->root;
	while (n != NULL) {
		if (n->end > at) {
			found = n;
			n = n->left;
		} else {
			n = n->right;
		}
	}
	return found;
}

struct area *area_first(const struct area_tree *tree)
{
	return tree->root != NULL ? leftmost(tree->root) : NULL;
}

struct area *area_last(const struct area_tree *tree)
{
	return tree->root != NULL ? rightmost(tree->root) : NULL;
}

struct area *area_next(const struct area *area)
{
	if (area->right != NULL) {
		return leftmost(area->right);
	}
	while (area->parent != NULL && area->parent->right == area) {
		area = area->parent;
	}
	return area->parent;
}

struct area *area_prev(const struct area *area)
{
	if (area->left != NULL) {
		return rightmost(area->left);
	}
	while (area->parent != NULL && area->parent->left == area) {
		area = area->parent;
	}
	return area->parent;
}

/* ---- changing -------------------------------------------------------------------------------- */

int area_insert(struct area_tree *tree, struct area *area)
{
	if (area->start >= area->end) {
		return -EINVAL;
	}
	const struct area *above = area_find(tree, area->start);
	if (above != NULL && above->start < area->end) {
		return -EEXIST;
	}
	struct area **link = &tree->root;
	struct area *parent = NULL;
	while (*link != NULL) {
		parent = *link;
		link = area->start < parent->start ? &parent->left : &parent->right;
	}
	area->parent = parent;
	area->left = NULL;
	area->right = NULL;
	*link = area;
	tree->count++;
	repair(tree, area);
	return 0;
}

void area_remove(struct area_tree *tree, struct area *area)
{
	struct area *changed = area->parent;
	if (area->left == NULL || area->right == NULL) {
		replace_child(tree, area, area->left != NULL ? area->left : area->right);
	} else {
		/* The next area, which has no left child, takes this one's place. */
		struct area *next = leftmost(area->right);
		changed = next;
		if (next != area->right) {
			changed = next->parent;
			replace_child(tree, next, next->right);
			next->right = area->right;
			next->right->parent = next;
		}
		next->left = area->left;
		next->left->parent = next;
		replace_child(tree, area, next);
	}
	area->parent = NULL;
	area->left = NULL;
	area->right = NULL;
	tree->count--;
	repair(tree, changed);
}

void area_resize(struct area_tree *tree, struct area *area, uint64_t start, uint64_t end)
{
	const struct area *prev = area_prev(area);
	const struct area *next = area_next(area);
	FPG_CHECK(start < end && (prev == NULL || prev->end <= start) &&
		  (next == NULL || end <= next->start));
	area->start = start;
	area->end = end;
	repair(tree, area);
}

/* ---- is it sound ----------------------------------------------------------------------------- */

static const char *node_wrong(const struct area *n)
{
	int32_t lean = height_of(n->left) - height_of(n->right);
	if (n->start >= n->end) {
		return "an area is empty";
	}
	if ((n->left != NULL && n->left->parent != n) ||
	    (n->right != NULL && n->right->parent != n)) {
		return "a child does not know its parent";
	}
	if (lean > 1 || lean < -1 || n->height != tallest(n)) {
		return "the tree is out of balance";
	}
	if (n->low != (n->left != NULL ? n->left->low : n->start) ||
	    n->high != (n->right != NULL ? n->right->high : n->end)) {
		return "a node is wrong about the span of its subtree";
	}
	return n->gap != widest(n) ? "a node is wrong about the largest gap" : NULL;
}

const char *area_tree_wrong(const struct area_tree *tree)
{
	uint64_t count = 0;
	uint64_t end = 0;
	for (const struct area *n = area_first(tree); n != NULL; n = area_next(n)) {
		const char *why = node_wrong(n);
		if (why != NULL) {
			return why;
		}
		if (n->start < end) {
			return "areas overlap, or do not ascend";
		}
		end = n->end;
		if (++count > tree->count) {
			break;
		}
	}
	if (tree->root != NULL && tree->root->parent != NULL) {
		return "the root has a parent";
	}
	return count != tree->count ? "the count is wrong" : NULL;
}
