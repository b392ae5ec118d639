/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sweep: one pass by ascending address over sorted lists, all advanced together.
 *
 * Invariant: `pos` is the first byte not yet classified; each cursor stands at the first range of
 * its list that ends above `pos`. classify() looks at no more than the front ranges and says how
 * far they stay the same, so each range is stepped over once and the cost is the number of ranges
 * plus the number of rows.
 */
#define LOG_MODULE "ledger"
#include "ledger_private.h"

#include "fpg/base/range.h"
#include "fpg/core/boot_memory.h"
#include "fpg/core/hart.h"
#include "fpg/core/log.h"
#include "fpg/core/memblock.h"
#include "fpg/core/panic.h"

#include "fpg/base/errno.h"
#include <string.h>

static const struct ledger_sources *ledger_from;
/** NULL before the hand-over. */
static ledger_runs_fn ledger_runs;

struct sweep {
	ledger_fn fn;
	void *ctx;
	struct ledger_totals totals;
	/** The row being put together; size 0: none. */
	struct ledger_row pending;
	bool stopped;
	phys_addr_t pos;
	uint32_t ram_index;
	bool has_ram;
	struct ledger_ram ram;
	unsigned long memory_index;
	unsigned long reserved_index;
};

void ledger_set_sources(const struct ledger_sources *sources)
{
	ledger_from = sources;
}

const struct ledger_sources *ledger_sources(void)
{
	return ledger_from;
}

bool ledger_available(void)
{
	return ledger_from != NULL;
}

void ledger_set_runs(ledger_runs_fn runs)
{
	ledger_runs = runs;
}

bool ledger_rows_agree(const struct ledger_row *a, const struct ledger_row *b)
{
	return a->kind == b->kind && a->flags == b->flags && a->nid == b->nid &&
	       a->detail == b->detail && a->zone == b->zone && mem_owner_equal(a->owner, b->owner);
}

/** What the row means for the sums. */
static void count(struct ledger_totals *t, const struct ledger_row *row)
{
	t->rows++;
	switch (row->kind) {
	case LEDGER_OUTSIDE:
		t->outside_bytes += row->size;
		break;
	case LEDGER_UNDESCRIBED:
		t->mismatch_bytes += row->size;
		break;
	case LEDGER_UNEXPLAINED:
	case LEDGER_TWICE:
		t->ram_bytes += row->size;
		t->mismatch_bytes += row->size;
		break;
	default:
		t->ram_bytes += row->size;
		t->accounted_bytes += row->size;
		break;
	}
}

static void flush(struct sweep *s)
{
	if (s->pending.size != 0 && !s->stopped) {
		count(&s->totals, &s->pending);
		s->stopped = s->fn != NULL && !s->fn(s->ctx, &s->pending);
	}
	s->pending.size = 0;
}

static void emit(struct sweep *s, const struct ledger_row *row)
{
	struct ledger_row *p = &s->pending;
	if (p->size != 0 && p->base + p->size == row->base && ledger_rows_agree(p, row)) {
		p->size += row->size;
		return;
	}
	flush(s);
	*p = *row;
}

static void next_ram(struct sweep *s)
{
	s->has_ram = ledger_from->ram(ledger_from->ctx, s->ram_index++, &s->ram);
}

/** Move each cursor past what ends at or below `pos`. */
static void catch_up(struct sweep *s)
{
	while (s->has_ram && s->ram.base + s->ram.size <= s->pos) {
		next_ram(s);
	}
	while (s->memory_index < memblock_used(&memblock.memory) &&
	       memblock_region_end(&memblock.memory.regions[s->memory_index]) <= s->pos) {
		s->memory_index++;
	}
	while (s->reserved_index < memblock_used(&memblock.reserved) &&
	       memblock_region_end(&memblock.reserved.regions[s->reserved_index]) <= s->pos) {
		s->reserved_index++;
	}
}

/**
 * Is `pos` in [base, base + size), a range that ends above it? Lowers *@until to where that
 * changes.
 */
static bool covers(const struct sweep *s, phys_addr_t base, phys_addr_t size, phys_addr_t *until)
{
	phys_addr_t edge = base <= s->pos ? base + size : base;
	*until = edge < *until ? edge : *until;
	return base <= s->pos;
}

static const struct memblock_region *front(const struct sweep *s, const struct memblock_type *type,
					   unsigned long index, phys_addr_t *until)
{
	if (index >= memblock_used(type)) {
		return NULL;
	}
	const struct memblock_region *r = &type->regions[index];
	return covers(s, r->base, r->size, until) ? r : NULL;
}

/** Lent to a page allocator while memblock still has it as reserved: both are right. */
static bool is_lent(const struct memblock_region *reserved)
{
	return reserved->owner.kind == OWNER_CMA;
}

/** RAM that memblock has. @run: what a zone says of these frames, NULL when it says nothing. */
static void classify_memory(struct ledger_row *row, const struct memblock_region *reserved,
			    const struct ledger_row *run)
{
	if (run != NULL && (reserved == NULL || is_lent(reserved))) {
		row->kind = run->kind;
		row->detail = run->detail;
		row->zone = run->zone;
		row->nid = run->nid;
		row->flags |= LEDGER_IN_ZONE;
	} else if (run != NULL) {
		row->kind = LEDGER_TWICE;
	} else if (reserved != NULL) {
		row->kind = LEDGER_HELD;
	} else if (row->flags & LEDGER_ROW_NOMAP) {
		row->kind = LEDGER_NOMAP;
	} else if (ledger_runs == NULL) {
		row->kind = LEDGER_FREE;
	} else {
		/*
		 * Whole pages are a zone's after the hand-over; see split_rounding() for the rest.
		 */
		row->kind = LEDGER_UNEXPLAINED;
	}
	if (reserved != NULL) {
		row->owner = reserved->owner;
	}
}

/**
 * Bytes that no zone knows: those beside the whole pages were lost to rounding. Cut the row there.
 */
static void split_rounding(struct ledger_row *row)
{
	phys_addr_t first = ALIGN_UP(row->base, PAGE_SIZE);
	phys_addr_t end = row->base + row->size;
	if (row->base != first) {
		row->kind = LEDGER_ROUNDED;
		row->size = (first < end ? first : end) - row->base;
	} else if (row->size < PAGE_SIZE) {
		row->kind = LEDGER_ROUNDED;
	} else {
		row->size = ALIGN_DOWN(row->size, PAGE_SIZE);
	}
}

/**
 * Classify the bytes from `pos` on, up to @until at most.
 * Return: false when nothing is there (no row); row->size is set either way
 */
static bool classify(struct sweep *s, phys_addr_t until, const struct ledger_row *run,
		     struct ledger_row *row)
{
	bool in_ram = s->has_ram && covers(s, s->ram.base, s->ram.size, &until);
	const struct memblock_region *memory = front(s, &memblock.memory, s->memory_index, &until);
	const struct memblock_region *reserved =
		front(s, &memblock.reserved, s->reserved_index, &until);
	*row = (struct ledger_row){ .base = s->pos, .size = until - s->pos };
	if (memory != NULL) {
		row->nid =
			(int16_t)(memory->nid < 0 || memory->nid >= MAX_NUMNODES ? 0 : memory->nid);
		row->flags |= LEDGER_IN_MEMORY |
			      (memory->flags & MEMBLOCK_NOMAP ? LEDGER_ROW_NOMAP : 0);
	}
	if (reserved != NULL && reserved->flags & MEMBLOCK_NOMAP) {
		row->flags |= LEDGER_ROW_NOMAP;
	}
	if (!in_ram) {
		row->kind = memory != NULL ? LEDGER_UNDESCRIBED : LEDGER_OUTSIDE;
		return memory != NULL;
	}
	if (memory != NULL) {
		classify_memory(row, reserved, run);
		if (row->kind == LEDGER_UNEXPLAINED) {
			split_rounding(row);
		}
		return true;
	}
	if (reserved != NULL) {
		row->kind = LEDGER_HELD;
		row->owner = reserved->owner;
	} else {
		/* Said to be memory, but memblock does not have it: nobody answers for it. */
		row->kind = s->ram.fate == BOOT_RAM_MEMORY ? LEDGER_UNEXPLAINED : LEDGER_CUT;
		row->detail = (uint16_t)s->ram.fate;
		row->nid = (int16_t)(s->ram.nid < 0 ? 0 : s->ram.nid);
	}
	return true;
}

/**
 * Go on to @end; the frames from `pos` to there are @run, or unknown to any zone when it is NULL.
 */
static void advance(struct sweep *s, phys_addr_t end, const struct ledger_row *run)
{
	while (s->pos < end && !s->stopped) {
		struct ledger_row row;
		catch_up(s);
		if (classify(s, end, run, &row)) {
			emit(s, &row);
		}
		s->pos += row.size;
	}
}

static bool on_run(void *ctx, const struct ledger_row *run)
{
	struct sweep *s = ctx;
	advance(s, run->base, NULL);
	phys_addr_t end = run->base + run->size;
	if (s->pos < end) {
		advance(s, end, run);
	}
	return !s->stopped;
}

/** Second pass: what is reserved where there is no RAM. */
static void sweep_outside(struct sweep *s)
{
	s->ram_index = 0;
	next_ram(s);
	for (unsigned long i = 0; i < memblock_used(&memblock.reserved) && !s->stopped; i++) {
		const struct memblock_region *r = &memblock.reserved.regions[i];
		s->pos = r->base;
		while (s->pos < memblock_region_end(r) && !s->stopped) {
			phys_addr_t until = memblock_region_end(r);
			while (s->has_ram && s->ram.base + s->ram.size <= s->pos) {
				next_ram(s);
			}
			if (!s->has_ram || !covers(s, s->ram.base, s->ram.size, &until)) {
				struct ledger_row row = { .base = s->pos,
							  .size = until - s->pos,
							  .owner = r->owner,
							  .kind = LEDGER_OUTSIDE };
				row.flags = r->flags & MEMBLOCK_NOMAP ? LEDGER_ROW_NOMAP : 0;
				emit(s, &row);
			}
			s->pos = until;
		}
	}
	flush(s);
}

int ledger_walk(ledger_fn fn, void *ctx, struct ledger_totals *totals)
{
	struct sweep s = { .fn = fn, .ctx = ctx };
	if (ledger_from == NULL) {
		return -ENODEV;
	}
	harts_hold();
	next_ram(&s);
	if (ledger_runs != NULL) {
		ledger_runs(on_run, &s);
	}
	advance(&s, PHYS_ADDR_MAX, NULL);
	flush(&s);
	sweep_outside(&s);
	harts_release();
	if (totals != NULL) {
		*totals = s.totals;
	}
	return 0;
}

int ledger_check(struct ledger_totals *totals)
{
	struct ledger_totals t;
	int err = ledger_walk(NULL, NULL, &t);
	if (err != 0) {
		return err;
	}
	if (totals != NULL) {
		*totals = t;
	}
	if (t.mismatch_bytes == 0) {
		return 0;
	}
	if (FPG_ENABLED(CONFIG_LEDGER_PANIC_ON_MISMATCH)) {
		panic("ledger: %llu of %llu bytes accounted for: MISMATCH by %llu bytes",
		      (unsigned long long)t.accounted_bytes, (unsigned long long)t.ram_bytes,
		      (unsigned long long)t.mismatch_bytes);
	}
	return -EUCLEAN;
}
