/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fail_page_alloc: let chosen page allocations fail, to see whether their callers survive it. One rule at a time; while
 * there is one, no request is served from a per-hart cache. Repeatable: the same rule and the same requests fail alike.
 */
#pragma once

#include "fpg/base/types.h"
#include "fpg/core/gfp.h"

struct fail_page_alloc_rule {
	/** Every so many-th request that matches fails; 0: by chance. */
	uint64_t nth;
	/** Of a million matching requests so many fail; when nth is 0. */
	uint32_t ppm;
	/** Failures until the rule is spent; 0: no end. */
	uint64_t times;
	/** Not 0. */
	uint64_t seed;
	/** A request matches when it has all of `with`, none of `without`, and at least min_order. */
	gfp_t with;
	gfp_t without;
	unsigned int min_order;
};

struct fail_page_alloc_state {
	bool on;
	struct fail_page_alloc_rule rule;
	uint64_t matched;
	uint64_t failed;
};

/** NULL: none. Counting begins anew. Context: no zone lock held */
void fail_page_alloc_set(const struct fail_page_alloc_rule *rule);
void fail_page_alloc_get(struct fail_page_alloc_state *out);

/** The front end asks this for each request, while a rule is set. Return: it must fail */
bool fail_page_alloc_now(gfp_t gfp, unsigned int order);
