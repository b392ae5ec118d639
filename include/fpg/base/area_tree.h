/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Disjoint half-open areas of addresses in a balanced tree that knows its gaps: what vmalloc and address spaces are
 * made of. Nodes are the caller's, embedded in its own structures; nothing here allocates or locks. All operations cost
 * O(log n); looking for a place costs that for each gap that is large enough but for its alignment.
 */
#pragma once

#include "fpg/base/compiler.h"
#include "fpg/base/types.h"

struct area {
	uint64_t start;
	uint64_t end;

	/* private */
	struct area *parent, *left, *right;
	/** Lowest start, highest end and largest gap between areas of the subtree. */
	uint64_t low, high, gap;
	int32_t height;
};

struct area_tree {
	struct area *root;
	uint64_t count;
};

/** The area that holds @at, or else the first above it (Linux's find_vma); NULL when there is none. */
struct area *area_find(const struct area_tree *tree, uint64_t at);

struct area *area_first(const struct area_tree *tree);
struct area *area_last(const struct area_tree *tree);
struct area *area_next(const struct area *area);
struct area *area_prev(const struct area *area);

/** Return: 0 | -EEXIST (overlaps another) | -EINVAL (empty); nothing changed then */
FPG_MUST_CHECK int area_insert(struct area_tree *tree, struct area *area);
void area_remove(struct area_tree *tree, struct area *area);

/** Move an end of an area that is in the tree; the new range overlaps no other and is not empty (checked). */
void area_resize(struct area_tree *tree, struct area *area, uint64_t start, uint64_t end);

/**
 * The lowest (or highest) place for @bytes, aligned to @align (a power of two), within [low, high), that leaves @guard
 * bytes free on both sides of it towards other areas; none is needed towards the window's ends.
 * Return: 0 | -ENOMEM (no such place, or no bytes)
 */
FPG_MUST_CHECK int area_find_gap(const struct area_tree *tree, uint64_t low, uint64_t high,
				 uint64_t bytes, uint64_t align, uint64_t guard, uint64_t *out);
FPG_MUST_CHECK int area_find_gap_top(const struct area_tree *tree, uint64_t low, uint64_t high,
				     uint64_t bytes, uint64_t align, uint64_t guard, uint64_t *out);

/** Order, balance and what each node knows of its subtree. Return: NULL, or what is wrong. */
const char *area_tree_wrong(const struct area_tree *tree);
