/* SPDX-License-Identifier: BSD-2-Clause */
/* Moving a zone's memory from one backend's instance to another's, blocks in use included. */
#pragma once

#include "fpg/base/compiler.h"
#include "fpg/core/palloc_ops.h"

/** Populate the records of @frames. Return: 0 | -ENOMEM */
typedef int (*palloc_populate_fn)(void *ctx, struct pfn_range frames);

/**
 * Disjoint runs of frames that @pa manages: what the geometry of a successor needs for max_runs, at
 * least.
 */
uint32_t palloc_managed_runs(const struct palloc *pa);

/** What changed hands. */
struct palloc_moved {
	uint64_t free_pages;
	uint64_t used_pages;
	/** Runs of one state (of one type, where free). */
	uint64_t runs;
};

/**
 * The first half of a hand-over: populate the records that @to will need. Changes nothing else, so others may use @from
 * in between; what they cut meanwhile may need more.
 *
 * Context: @from does not change during the call
 * Return:  0 | what @populate said
 */
FPG_MUST_CHECK int palloc_handover_ready(struct palloc *from, const struct palloc *to,
					 palloc_populate_fn populate, void *ctx);

/** The second half: palloc_handover() for a @from that palloc_handover_ready() has seen as it is. @moved: out, on 0 */
FPG_MUST_CHECK int palloc_handover_move(struct palloc *from, struct palloc *to,
					palloc_populate_fn populate, void *ctx,
					struct palloc_moved *moved);

/**
 * Everything @from manages becomes @to's: free frames (and padding) free, allocated ones allocated.
 * Blocks allocated before are freed through @to. Nobody else uses the two meanwhile.
 *
 * @to        just initialised, same span, zone and pageblocks, its geometry with room for
 *            palloc_managed_runs(@from)
 * @populate  for records that @to needs and @from did not
 * Return:    0, @from is RETIRED and @to LIVE | -ENOTSUP (blocks are in use and @to cannot free) | -ENOMEM (records) | -EINVAL (spans differ, or @to
 *            refuses a run): @from serves on, @to is to be thrown away | -EUCLEAN: counts differ
 *            afterwards, which is a bug
 */
FPG_MUST_CHECK int palloc_handover(struct palloc *from, struct palloc *to,
				   palloc_populate_fn populate, void *ctx);

/**
 * Populate the records that making @run free needs in a backend with PALLOC_CAP_RECORDS: the heads
 * of the pieces at both ends that are less than a largest-order block. Return: 0 | what @populate
 * said
 */
FPG_MUST_CHECK int palloc_populate_edges(struct pfn_range run, palloc_populate_fn populate,
					 void *ctx);
