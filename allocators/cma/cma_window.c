/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CMA: the window with the fewest pages to move. One pass: the window slides up over the area, what enters is looked at
 * and added, what leaves is looked at again and taken off, a row of frames that are alike at a time. A frame that cannot
 * be had restarts the window behind it.
 *
 * Nothing is locked, so a frame may change between the two looks: a cost is an estimate, never below 0.
 */
#include "cma.h"

#include <errno.h>

/** Frames that are looked at ahead of what a window needs: they are needed when it slides on. */
#define LOOK_AHEAD 64U

/** Frames that were found alike. */
struct row {
	uint64_t start;
	uint64_t end;
	enum palloc_look_cost cost;
};

struct slide {
	const struct cma_pool *pool;
	const struct palloc_look *look;
	/** Frames of a window; windows begin at multiples of `align`. */
	uint64_t width;
	uint64_t align;
	uint64_t end;
	/** The window's first frame, and up to where it was looked at. */
	uint64_t start;
	uint64_t head;
	uint64_t cost;
	/** What was looked at last where frames enter and where they leave. */
	struct row entering;
	struct row leaving;
	/** Where the frames that can be had began, and what lies before them; UINT64_MAX: nothing does. */
	uint64_t run_start;
	uint64_t run_blocker;
	/** The longest such run, aligned, and what is at its end (or beginning). */
	uint64_t longest;
	uint64_t longest_blocker;
	/** Frames that the bitmap says may be given out, found last. */
	uint64_t room_start;
	uint64_t room_end;
};

/** The frames from @n on that are alike: *@row. */
static void look_at_row(struct slide *s, uint64_t n, uint64_t limit, struct row *row)
{
	const struct cma_pool *pool = s->pool;
	uint64_t frames;
	row->start = n;
	if (unlikely(n < s->room_start || n >= s->room_end)) {
		const uint64_t g = (n - pool->base) >> pool->shift;
		const uint64_t given = bits_find_clear(pool->free, g, pool->granules);
		if (given == g) {
			const uint64_t next = bits_find_set(pool->free, g, pool->granules);
			row->end = cma_granule_frame(pool, next);
			row->cost = PALLOC_LOOK_BLOCKED;
			return;
		}
		s->room_start = n;
		s->room_end = cma_granule_frame(pool, given);
	}
	const uint64_t most = (s->room_end < limit ? s->room_end : limit) - n;
	frames = most;
	row->cost = s->look->look(s->look->ctx, pfn(n), &frames);
	row->end = n + (row->cost == PALLOC_LOOK_BLOCKED || frames < most ? frames : most);
}

/** What frame @n costs, and how many from it on; not far beyond @limit. */
static inline enum palloc_look_cost look_at(struct slide *s, struct row *row, uint64_t n,
					    uint64_t limit, uint64_t *frames)
{
	if (n < row->start || n >= row->end) {
		look_at_row(s, n, limit + LOOK_AHEAD, row);
	}
	*frames = row->end - n;
	return row->cost;
}

/** The run of frames that can be had ends at @at, because of @blocker. */
static void end_run(struct slide *s, uint64_t at, uint64_t blocker)
{
	/* In whole granules, as they are given out. */
	const uint64_t length =
		at > s->run_start ? (at - s->run_start) >> s->pool->shift << s->pool->shift : 0;
	if (length > s->longest || (s->longest == 0 && s->longest_blocker == UINT64_MAX)) {
		s->longest = length;
		s->longest_blocker = blocker != UINT64_MAX ? blocker : s->run_blocker;
	}
}

/** Begin again at or after @at; @blocker lies before it. */
static void restart(struct slide *s, uint64_t at, uint64_t blocker)
{
	s->start = ALIGN_UP(at, s->align);
	s->head = s->start;
	s->cost = 0;
	s->run_start = s->start;
	s->run_blocker = blocker;
}

/** Look on until the window is whole. Return: false when the end came first, or a frame that cannot be had */
static bool fill_window(struct slide *s)
{
	const uint64_t stop = s->start + s->width < s->end ? s->start + s->width : s->end;
	while (s->head < stop) {
		uint64_t frames;
		const uint64_t at = s->head;
		const enum palloc_look_cost cost = look_at(s, &s->entering, at, stop, &frames);
		if (cost == PALLOC_LOOK_BLOCKED) {
			end_run(s, at, at);
			restart(s, at + frames, at + frames - 1);
			return false;
		}
		frames = frames < stop - at ? frames : stop - at;
		s->cost += cost == PALLOC_LOOK_MOVABLE ? frames : 0;
		s->head += frames;
	}
	return s->head - s->start == s->width;
}

/** Move the window up over places that cost no less than this one: as far as both rows reach. Return: by how much */
static uint64_t skip(struct slide *s)
{
	const struct row *in = &s->entering;
	const struct row *out = &s->leaving;
	if (s->head < in->start || s->head >= in->end || s->start < out->start ||
	    s->start >= out->end || in->cost == PALLOC_LOOK_BLOCKED ||
	    out->cost == PALLOC_LOOK_BLOCKED ||
	    (in->cost == PALLOC_LOOK_FREE && out->cost == PALLOC_LOOK_MOVABLE)) {
		return 0;
	}
	const uint64_t entering = in->end - s->head;
	const uint64_t leaving = out->end - s->start;
	const uint64_t by = (entering < leaving ? entering : leaving) & ~(s->align - 1);
	s->cost += in->cost != out->cost ? by : 0;
	s->start += by;
	s->head += by;
	return by;
}

/** Move the window up by one place, or by more when none of them costs less. */
static void advance(struct slide *s)
{
	if (skip(s) != 0) {
		return;
	}
	const uint64_t next = s->start + s->align;
	for (uint64_t n = s->start; n < next && n < s->head;) {
		const uint64_t limit = next < s->head ? next : s->head;
		uint64_t frames;
		const enum palloc_look_cost cost = look_at(s, &s->leaving, n, limit, &frames);
		frames = frames < limit - n ? frames : limit - n;
		if (cost == PALLOC_LOOK_MOVABLE) {
			s->cost = s->cost > frames ? s->cost - frames : 0;
		}
		n += frames;
	}
	s->start = next;
	if (s->head < next) {
		s->head = next;
		s->cost = 0;
	}
}

int cma_window(const struct palloc *pa, const struct palloc_req *req,
	       const struct palloc_look *look, struct palloc_window *out)
{
	const struct cma_pool *pool = cma_pool_of(pa);
	const uint64_t granules = cma_request_granules(pool, req);
	const unsigned int order = req->align_order > pool->shift ? req->align_order : pool->shift;
	struct slide s = {
		.pool = pool,
		.look = look,
		.width = granules << pool->shift,
		.align = 1ULL << order,
		.end = cma_granule_frame(pool, pool->granules),
		.longest_blocker = UINT64_MAX,
	};
	*out = (struct palloc_window){ .cost = UINT64_MAX };
	if (granules == 0) {
		return -EINVAL;
	}
	/* What lies below was given out. */
	const uint64_t low = cma_granule_frame(pool, pool->low);
	restart(&s, low, pool->low != 0 ? low - 1 : UINT64_MAX);
	while (s.start < s.end) {
		if (!fill_window(&s)) {
			if (s.head >= s.end && s.start < s.end) {
				break;
			}
			continue;
		}
		if (s.cost < out->cost) {
			out->cost = s.cost;
			out->range = (struct pfn_range){ pfn(s.start), pfn(s.start + s.width) };
		}
		if (out->cost <= look->least) {
			return 0;
		}
		advance(&s);
	}
	end_run(&s, s.end, UINT64_MAX);
	out->suffice = s.longest;
	out->blocker = pfn(s.longest_blocker);
	return out->cost != UINT64_MAX ? 0 : -EBUSY;
}
