/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who asks for compaction: requests that found nothing (direct), and harts that have nothing to do (proactive). Both
 * leave a zone alone for a while after compaction did not help: a request for 2, 4, … 64 attempts of its order or
 * larger ones (Linux: defer_compaction), idle harts for up to 64 intervals.
 */
#include "compaction_private.h"
#include "page_alloc_private.h"

#include "fpg/core/fragmentation.h"
#include "fpg/core/hart.h"
#include "fpg/core/page_cache.h"

#include <errno.h>

/** Above it, in thousandths, fragmentation is the reason; Linux's vm.extfrag_threshold is the same. */
#define FRAGMENTED	500
#define DEFER_MOST	6U
/** Pageblocks that a request, and a turn of an idle hart, look at; the next one goes on from there. */
#define DIRECT_LOOKS	4096U
#define IDLE_LOOKS	64U
/** Frames that tell at a time how fragmented a larger zone is: 4 GiB. */
#define SAMPLE		(1ULL << 20)
/** Milliseconds between two looks of idle harts. */
#define IDLE_INTERVAL	500U
/** Per cent below the threshold down to which idle harts compact, once they have begun. */
#define IDLE_HYSTERESIS 10U

/* ---- deferral -------------------------------------------------------------------------------- */

static bool is_deferred(struct compact_state *s, unsigned int order)
{
	if (order < s->order_failed || s->defer_shift == 0) {
		return false;
	}
	s->considered++;
	if (s->considered < 1U << s->defer_shift) {
		return true;
	}
	s->considered = 0;
	return false;
}

static void defer(struct compact_state *s, unsigned int order)
{
	s->considered = 0;
	s->defer_shift = s->defer_shift < DEFER_MOST ? s->defer_shift + 1 : DEFER_MOST;
	if (s->defer_shift == 1 || order < s->order_failed) {
		s->order_failed = order;
	}
}

static void helped(struct compact_state *s, unsigned int order)
{
	if (order >= s->order_failed) {
		s->considered = 0;
		s->defer_shift = 0;
	}
}

/* ---- direct ---------------------------------------------------------------------------------- */

/** There is memory enough, and what is free is in pieces. */
static bool is_fragmented(struct zone *zone, gfp_t gfp, unsigned int order)
{
	uint64_t blocks[MAX_PAGE_ORDER + 1];
	if (watermark_room(zone, gfp, WMARK_MIN) >> order == 0) {
		return false;
	}
	compact_count_free(zone, SAMPLE, blocks);
	return fragmentation_index(blocks, order) > FRAGMENTED;
}

/** Return: 0 | -ENOMEM: not now, or it did not help */
static int compact_one(struct zone *zone, gfp_t gfp, unsigned int order)
{
	struct compact_report report = { 0 };
	if (!zone_has(zone, PALLOC_CAP_CLAIM | PALLOC_CAP_SUBFREE) ||
	    is_deferred(&zone->compact, order)) {
		return -ENOMEM;
	}
	int err = -ENOMEM;
	if (is_fragmented(zone, gfp, order)) {
		/* From where the last one stopped; when that is near the end, once from the ends. */
		for (unsigned int pass = 0; err == -ENOMEM && pass < 2; pass++) {
			err = compact_run(zone, (int)order, false, DIRECT_LOOKS, &report);
		}
	}
	if (err == 0) {
		helped(&zone->compact, order);
	} else if (err == -ENOMEM || err == -EAGAIN) {
		defer(&zone->compact, order);
	}
	return err == 0 ? 0 : -ENOMEM;
}

int compact_for(gfp_t gfp, unsigned int order, int nid)
{
	const struct node *node = node_by_id(nid);
	/* Callers may have locks that owners of pages take, too. */
	if (node == NULL || order == 0 || order > MAX_PAGE_ORDER || hart_in_handler() ||
	    spin_locks_in_hand() != 0) {
		return -ENOMEM;
	}
	for (struct zone **z = node->zonelist; *z != NULL; z++) {
		if ((*z)->type <= gfp_zone(gfp) && (*z)->palloc != NULL &&
		    ((gfp & __GFP_THISNODE) == 0 || (*z)->nid == nid) &&
		    compact_one(*z, gfp, order) == 0) {
			return 0;
		}
	}
	return -ENOMEM;
}

/* ---- proactive ------------------------------------------------------------------------------- */

static struct {
	/** Per cent. */
	unsigned int threshold;
	/** One hart at a time; atomic. */
	uint32_t busy;
	/** The next look, and by how much intervals have grown, as a shift. */
	uint64_t next_ms;
	unsigned int backed_off;
	/** Zones are being compacted down to the threshold, less the hysteresis. */
	bool working;
	/** Since then: pages moved, and passes that moved none. */
	uint64_t moved;
} idle = { .threshold = CONFIG_COMPACTION_PROACTIVE };

void compaction_set_proactive(unsigned int percent)
{
	idle.threshold = percent < 100 ? percent : 100;
	idle.next_ms = 0;
	idle.backed_off = 0;
	idle.working = false;
}

unsigned int compaction_proactive(void)
{
	return idle.threshold;
}

/** More of the zone's free memory than @percent is no use to a request for a pageblock. */
static bool is_worse_than(struct zone *zone, unsigned int percent)
{
	uint64_t blocks[MAX_PAGE_ORDER + 1];
	compact_count_free(zone, SAMPLE, blocks);
	return zone->free_pages > zone->watermark[WMARK_HIGH] &&
	       unusable_free_index(blocks, PAGEBLOCK_ORDER) > percent * 10;
}

struct idle_look {
	unsigned int percent;
	/** Out: a zone has more to do now; a pass over one has ended. */
	bool more;
	bool ended;
};

static bool idle_zone(void *ctx, struct zone *zone)
{
	struct idle_look *look = ctx;
	struct compact_report report = { 0 };
	if (!zone_has(zone, PALLOC_CAP_CLAIM | PALLOC_CAP_SUBFREE) ||
	    !is_worse_than(zone, look->percent)) {
		return true;
	}
	int err = compact_run(zone, -1, false, IDLE_LOOKS, &report);
	idle.moved += report.moved_pages;
	look->more = err == -EAGAIN;
	look->ended = err != -EAGAIN;
	return false;
}

static bool idle_turn(uint64_t now_ms)
{
	struct idle_look look = { .percent = idle.threshold };
	if (!idle.working) {
		if (now_ms < idle.next_ms) {
			return false;
		}
		page_cache_drain_all();
		idle.moved = 0;
	} else {
		look.percent -= look.percent < IDLE_HYSTERESIS ? look.percent : IDLE_HYSTERESIS;
	}
	zone_for_each(idle_zone, &look);
	idle.working = look.more;
	if (!look.more) {
		const bool in_vain = look.ended && idle.moved == 0;
		idle.backed_off = !in_vain		       ? 0 :
				  idle.backed_off < DEFER_MOST ? idle.backed_off + 1 :
								 DEFER_MOST;
		idle.next_ms = now_ms + ((uint64_t)IDLE_INTERVAL << idle.backed_off);
	}
	return look.more;
}

bool compaction_idle(uint64_t now_ms)
{
	if (likely(idle.threshold >= 100) ||
	    __atomic_exchange_n(&idle.busy, 1, __ATOMIC_ACQUIRE) != 0) {
		return false;
	}
	const bool more = idle_turn(now_ms);
	__atomic_store_n(&idle.busy, 0, __ATOMIC_RELEASE);
	return more;
}
