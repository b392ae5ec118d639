/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One backend instance over frames of the simulated frame table, for tests of a backend's own
 * behaviour.
 */
#pragma once

#include "fpg/core/palloc_ops.h"

struct instance {
	struct palloc pa;
	struct pageblock_map map;
	void *words;
};

/**
 * An instance over @span, records populated on demand by instance_alloc(). Ends the test when it
 * cannot be had.
 */
void instance_start(struct instance *it, const struct palloc_ops *ops, struct pfn_range span);
void instance_stop(struct instance *it);

/** Add free frames [start, end). */
void instance_add(struct instance *it, uint64_t start, uint64_t end);

/** Allocate 1 << @order frames; 0 when there are none. */
uint64_t instance_alloc(struct instance *it, unsigned int order, enum migratetype type);
void instance_free(struct instance *it, uint64_t start, unsigned int order);

/** The backend's own check must pass. */
void instance_check(const struct instance *it);
