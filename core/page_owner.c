/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page_owner: a record of 40 bytes for each frame of RAM, in arrays that memblock gives before the hand-over: one for
 * each run of memory, in more pieces where it has no room for one. Nothing is recorded of frames outside.
 *
 * Invariant: a record is written only by who takes or gives the frame, before anybody else can have it; so no lock.
 */
#define LOG_MODULE "page_owner"
#include "page_debug.h"
#include "page_owner_private.h"

#include "fpg/base/assert.h"
#include "fpg/base/parse.h"
#include "fpg/core/log.h"
#include "fpg/core/memblock.h"
#include "fpg/core/page_owner.h"
#include "fpg/core/symbols.h"
#include "fpg/core/zone.h"
#include "fpg/port/harts.h"

#include <errno.h>
#include <inttypes.h>

static_assert(sizeof(struct page_owner) == 40, "docs/debugging.md: 40 bytes a frame");

/** A piece of the array: the records of some frames in a row. */
struct piece {
	struct pfn_range frames;
	struct page_owner *records;
};

static struct {
	struct piece *pieces;
	uint32_t count;
	uint32_t room;
	uint64_t bytes;
} state;

/* ---- the arrays ------------------------------------------------------------------------------ */

FPG_INIT static void *take(uint64_t bytes)
{
	return memblock_alloc_owned(bytes, PAGE_SIZE, MEMBLOCK_LOW_LIMIT, MEMBLOCK_ALLOC_ACCESSIBLE,
				    NUMA_NO_NODE, mem_owner(OWNER_PAGE_OWNER, RULE_ALLOC, -1));
}

/** Records for the first of @frames, as many as fit in one piece. Return: how many; 0 when there is no memory */
FPG_INIT static uint64_t add_piece(struct pfn_range frames)
{
	uint64_t pages = pfn_range_pages(frames);
	struct page_owner *records = take(pages * sizeof(*records));
	while (records == NULL && pages > 1) {
		pages = (pages + 1) / 2;
		records = take(pages * sizeof(*records));
	}
	if (records == NULL || state.count == state.room) {
		memblock_free(records, records != NULL ? pages * sizeof(*records) : 0);
		return 0;
	}
	state.pieces[state.count++] = (struct piece){
		.frames = { frames.start, pfn_add(frames.start, pages) },
		.records = records,
	};
	state.bytes += pages * sizeof(*records);
	return pages;
}

struct filling {
	bool failed;
	uint32_t runs;
};

FPG_INIT static bool count_run(void *ctx, struct pfn_range frames, int nid)
{
	struct filling *f = ctx;
	(void)frames;
	(void)nid;
	f->runs++;
	return true;
}

FPG_INIT static bool add_run(void *ctx, struct pfn_range frames, int nid)
{
	struct filling *f = ctx;
	(void)nid;
	while (frames.start.n < frames.end.n) {
		uint64_t pages = add_piece(frames);
		if (pages == 0) {
			f->failed = true;
			return false;
		}
		frames.start = pfn_add(frames.start, pages);
	}
	return true;
}

FPG_INIT static void drop_arrays(void)
{
	for (uint32_t i = 0; i < state.count; i++) {
		const struct piece *p = &state.pieces[i];
		memblock_free(p->records, pfn_range_pages(p->frames) * sizeof(*p->records));
	}
	memblock_free(state.pieces, state.room * sizeof(*state.pieces));
	page_owner_forget();
}

FPG_INIT int page_owner_init(void)
{
	struct filling f = { 0 };
	char size[24];
	if (!FPG_ENABLED(CONFIG_PAGE_OWNER)) {
		pr_warn("this build records no owners (CONFIG_PAGE_OWNER)");
		return -ENOTSUP;
	}
	if (page_owner_enabled()) {
		return 0;
	}
	zone_for_each_memory(count_run, &f);
	state.room = f.runs * 4 + 16;
	state.pieces = take(state.room * sizeof(*state.pieces));
	if (state.pieces != NULL) {
		zone_for_each_memory(add_run, &f);
	}
	if (state.pieces == NULL || f.failed) {
		if (state.pieces != NULL) {
			drop_arrays();
		}
		pr_warn("off: no memory for a record of each page");
		return -ENOMEM;
	}
	page_debug_set(PAGE_DEBUG_OWNER, true);
	pr_info("on: %s for %" PRIu32 " run%s of memory",
		format_size(size, sizeof(size), state.bytes), f.runs, f.runs == 1 ? "" : "s");
	return 0;
}

void page_owner_forget(void)
{
	state.pieces = NULL;
	state.count = 0;
	state.room = 0;
	state.bytes = 0;
	page_debug_set(PAGE_DEBUG_OWNER, false);
}

bool page_owner_enabled(void)
{
	return FPG_ENABLED(CONFIG_PAGE_OWNER) && (page_debug_on & PAGE_DEBUG_OWNER) != 0;
}

/* ---- records --------------------------------------------------------------------------------- */

/** The piece that holds @f, or NULL; pieces ascend. */
static const struct piece *piece_of(pfn_t f)
{
	uint32_t low = 0;
	uint32_t high = state.count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct piece *p = &state.pieces[middle];
		if (pfn_range_contains(p->frames, f)) {
			return p;
		}
		if (f.n < p->frames.start.n) {
			high = middle;
		} else {
			low = middle + 1;
		}
	}
	return NULL;
}

static struct page_owner *record_of(pfn_t f)
{
	const struct piece *p = page_owner_enabled() ? piece_of(f) : NULL;
	return p != NULL ? &p->records[f.n - p->frames.start.n] : NULL;
}

const struct page_owner *page_owner_of(pfn_t f)
{
	return record_of(f);
}

/** The records of the first of @frames, and how many lie side by side; NULL and 1 where there are none. */
static struct page_owner *records_of(struct pfn_range frames, uint64_t *count)
{
	const struct piece *p = page_owner_enabled() ? piece_of(frames.start) : NULL;
	if (p == NULL) {
		*count = 1;
		return NULL;
	}
	uint64_t end = frames.end.n < p->frames.end.n ? frames.end.n : p->frames.end.n;
	*count = end - frames.start.n;
	return &p->records[frames.start.n - p->frames.start.n];
}

void page_owner_alloc(struct pfn_range frames, gfp_t gfp, unsigned int order, uint64_t pc)
{
	struct page_owner taken = {
		.alloc_pc = pc,
		.ticks = port_time_ticks(),
		.gfp = gfp,
		.order = (uint8_t)order,
		.hart = (uint8_t)port_hart_index(),
		.live = true,
	};
	while (frames.start.n < frames.end.n) {
		uint64_t count;
		struct page_owner *r = records_of(frames, &count);
		for (uint64_t i = 0; r != NULL && i < count; i++) {
			taken.free_pc = r[i].free_pc;
			r[i] = taken;
		}
		frames.start = pfn_add(frames.start, count);
	}
}

void page_owner_free(struct pfn_range frames, uint64_t pc)
{
	uint64_t now = port_time_ticks();
	uint8_t hart = (uint8_t)port_hart_index();
	while (frames.start.n < frames.end.n) {
		uint64_t count;
		struct page_owner *r = records_of(frames, &count);
		for (uint64_t i = 0; r != NULL && i < count; i++) {
			r[i].free_pc = pc;
			r[i].ticks = now;
			r[i].hart = hart;
			r[i].live = false;
		}
		frames.start = pfn_add(frames.start, count);
	}
}

void page_owner_pinned(pfn_t f)
{
	struct page_owner *r = record_of(f);
	if (r != NULL) {
		__atomic_store_n(&r->pin_ticks, port_time_ticks(), __ATOMIC_RELAXED);
	}
}

void page_owner_unpinned(pfn_t f, uint64_t since)
{
	struct page_owner *r = record_of(f);
	if (r != NULL) {
		/* Somebody may have pinned it anew meanwhile. */
		(void)__atomic_compare_exchange_n(&r->pin_ticks, &since, 0, false, __ATOMIC_RELAXED,
						  __ATOMIC_RELAXED);
	}
}

uint64_t page_owner_pin_ticks(pfn_t f)
{
	const struct page_owner *r = record_of(f);
	return r != NULL ? __atomic_load_n(&r->pin_ticks, __ATOMIC_RELAXED) : 0;
}

void page_owner_moved(pfn_t to, pfn_t from, unsigned int order)
{
	for (uint64_t i = 0; i < 1ULL << order; i++) {
		const struct page_owner *f = record_of(pfn_add(from, i));
		struct page_owner *t = record_of(pfn_add(to, i));
		if (f != NULL && t != NULL) {
			t->alloc_pc = f->alloc_pc;
			t->gfp = f->gfp;
		}
	}
}

/* ---- showing --------------------------------------------------------------------------------- */

static void print_when(struct out *out, const struct page_owner *r)
{
	uint64_t hz = log_timebase();
	if (hz != 0) {
		out_printf(out, " at %" PRIu64 ".%06" PRIu64 " s", r->ticks / hz,
			   r->ticks % hz * 1000000 / hz);
	}
	out_printf(out, " on hart index %u", r->hart);
}

void page_owner_print(struct out *out, pfn_t f)
{
	char name[96];
	const struct page_owner *r = page_owner_of(f);
	if (r == NULL) {
		out_puts(out, page_owner_enabled() ? "no page of RAM" : "page_owner off");
		return;
	}
	if (r->alloc_pc == 0) {
		out_puts(out, "never allocated");
	} else {
		out_printf(out, "allocated by %s (order %u, gfp 0x%x)",
			   symbol_format(name, sizeof(name), r->alloc_pc), r->order, r->gfp);
	}
	if (r->live) {
		print_when(out, r);
		out_puts(out, r->free_pc != 0 ? ", before that" : "");
	}
	if (r->free_pc != 0) {
		out_printf(out, "%s freed by %s", r->live ? "" : ",",
			   symbol_format(name, sizeof(name), r->free_pc));
	}
	if (!r->live && r->free_pc != 0) {
		print_when(out, r);
	}
}

const char *page_owner_text(char *text, pfn_t f)
{
	struct out_buffer b;
	out_buffer_init(&b, text, PAGE_OWNER_TEXT);
	page_owner_print(&b.out, f);
	return text;
}
