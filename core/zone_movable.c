/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much of each node is for movable allocations only: kernelcore= and movablecore=, with Linux's meaning.
 *
 * Invariant: what the kernel is to keep is taken from the lowest memory of each node, so zone Movable is one piece at
 * the node's end. Cost: memory regions times nodes, once.
 */
#define LOG_MODULE "zone"
#include "zone_private.h"

#include "fpg/base/range.h"
#include "fpg/core/bootargs.h"
#include "fpg/core/log.h"

#include <string.h>

struct spread {
	/** Frames below can never be movable: they are in lower zones than the highest one. */
	uint64_t usable_start;
	uint64_t total_pages;
	uint32_t nodes;
	uint64_t node_mask;
	/** What the kernel still has to get, of all nodes and of the one that is looked at. */
	uint64_t wanted;
	uint64_t wanted_here;
	int nid;
	uint64_t start[MAX_NUMNODES];
	uint64_t end[MAX_NUMNODES];
};

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static bool look(void *ctx, struct pfn_range frames, int nid)
{
	struct spread *s = ctx;
	s->total_pages += pfn_range_pages(frames);
	s->nodes += !(s->node_mask >> nid & 1);
	s->node_mask |= 1ULL << nid;
	s->end[nid] = frames.end.n > s->end[nid] ? frames.end.n : s->end[nid];
	uint64_t zone_start = zone_lowest_frame(frames.end.n - 1);
	s->usable_start = zone_start > s->usable_start ? zone_start : s->usable_start;
	return true;
}

/** The kernel's part of one run of memory: movable memory of the node begins behind it. */
static bool give(void *ctx, struct pfn_range frames, int nid)
{
	struct spread *s = ctx;
	uint64_t from = frames.start.n > s->start[nid] ? frames.start.n : s->start[nid];
	if (nid != s->nid || from >= frames.end.n) {
		return true;
	}
	if (from < s->usable_start) {
		uint64_t low = least(frames.end.n, s->usable_start) - from;
		s->wanted_here -= least(low, s->wanted_here);
		s->wanted -= least(low, s->wanted);
		if (frames.end.n <= s->usable_start) {
			s->start[nid] = frames.end.n;
			return true;
		}
		from = s->usable_start;
	}
	uint64_t pages = least(frames.end.n - from, s->wanted_here);
	s->start[nid] = from + pages;
	s->wanted -= least(s->wanted, pages);
	s->wanted_here -= pages;
	return s->wanted_here != 0;
}

/** As long as some node has room for its share of what is left. */
static void spread_evenly(struct spread *s)
{
	for (uint32_t nodes = s->nodes; nodes != 0; nodes--) {
		uint64_t share = s->wanted / nodes;
		for (int nid = 0; nid < MAX_NUMNODES; nid++) {
			if (!(s->node_mask >> nid & 1)) {
				continue;
			}
			share = s->wanted < share ? s->wanted / nodes : share;
			s->nid = nid;
			s->wanted_here = share;
			zone_for_each_memory(give, s);
		}
		if (s->wanted <= nodes - 1) {
			return;
		}
	}
}

static uint64_t core_pages(const struct bootargs_core *core, uint64_t total)
{
	if (!core->given || core->mirror) {
		return 0;
	}
	return core->percent ? total / 100 * core->value + total % 100 * core->value / 100 :
			       core->value >> PAGE_SHIFT;
}

void zone_movable_size(const struct bootargs_core *kernelcore,
		       const struct bootargs_core *movablecore)
{
	/* Too large for a stack where there may be many nodes. One hart, once. */
	static struct spread s;
	memset(&s, 0, sizeof(s));
	zone_for_each_memory(look, &s);
	if (kernelcore->mirror) {
		pr_warn("kernelcore=mirror: no memory is known to be mirrored; ignored");
	}
	uint64_t kernel = core_pages(kernelcore, s.total_pages);
	uint64_t movable =
		least(ALIGN_UP(core_pages(movablecore, s.total_pages), MAX_ORDER_NR_PAGES),
		      s.total_pages);
	if (movable != 0 && s.total_pages - movable > kernel) {
		kernel = s.total_pages - movable;
	}
	if (kernel == 0 || kernel >= s.total_pages) {
		if (kernel != 0 || movable != 0) {
			pr_warn("kernelcore= and movablecore= leave no memory to %s: ignored",
				kernel != 0 ? "zone Movable" : "the kernel");
		}
		return;
	}
	s.wanted = kernel;
	spread_evenly(&s);
	for (int nid = 0; nid < MAX_NUMNODES; nid++) {
		uint64_t start = ALIGN_UP(s.start[nid], MAX_ORDER_NR_PAGES);
		if (start != 0 && start < s.end[nid]) {
			FPG_CHECK(zone_movable_start_set(nid, pfn(start)) == 0);
		}
	}
}
