/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Snapshots and their differences. Invariant: a pool is filled from its start and never emptied,
 * and a snapshot's rows are consecutive in one pool. The first pool is part of .bss, because the
 * first snapshot comes before the first allocation; ledger_give_memory() brings a bigger one.
 */
#define LOG_MODULE "ledger"
#include "ledger_private.h"

#include "fpg/base/range.h"
#include "fpg/core/hart.h"
#include "fpg/core/log.h"
#include "fpg/core/memblock.h"

#include <errno.h>
#include <string.h>

#ifndef CONFIG_LEDGER_EARLY_ROWS
#define CONFIG_LEDGER_EARLY_ROWS 1024
#endif

#define POOLS 4

/** What ledger_reserve_memory() takes: so many times the rows there are, or so many bytes. */
#define ROOM_FOR_SNAPSHOTS 8
#define LEAST_POOL_BYTES   SZ_64K

struct pool {
	struct ledger_row *rows;
	size_t capacity;
	size_t used;
};

static struct ledger_row early_rows[CONFIG_LEDGER_EARLY_ROWS];
static struct pool pools[POOLS] = { { early_rows, CONFIG_LEDGER_EARLY_ROWS, 0 } };
static uint32_t pool_count = 1;
static struct ledger_snapshot snapshots[LEDGER_SNAPSHOTS];
static uint32_t snapshot_count;

void ledger_give_memory(void *memory, size_t bytes)
{
	if (pool_count == POOLS) {
		pr_warn("no use for %zu more bytes", bytes);
		return;
	}
	pools[pool_count++] = (struct pool){ memory, bytes / sizeof(struct ledger_row), 0 };
}

int ledger_reserve_memory(void)
{
	struct ledger_totals t;
	int err = ledger_walk(NULL, NULL, &t);
	if (err != 0) {
		return err;
	}
	phys_addr_t bytes = (phys_addr_t)t.rows * ROOM_FOR_SNAPSHOTS * sizeof(struct ledger_row);
	bytes = bytes < LEAST_POOL_BYTES ? LEAST_POOL_BYTES : ALIGN_UP(bytes, PAGE_SIZE);
	bytes = bytes > t.ram_bytes / 256 ? ALIGN_DOWN(t.ram_bytes / 256, PAGE_SIZE) : bytes;
	void *memory = bytes == 0 ? NULL :
				    memblock_alloc_owned(bytes, PAGE_SIZE, 0,
							 MEMBLOCK_ALLOC_ACCESSIBLE, NUMA_NO_NODE,
							 mem_owner(OWNER_LEDGER, RULE_ALLOC, -1));
	if (memory == NULL) {
		return -ENOMEM;
	}
	ledger_give_memory(memory, bytes);
	return 0;
}

/** Filling the rest of a pool with rows. */
struct filling {
	struct pool *pool;
	struct ledger_snapshot *snapshot;
	bool full;
};

static bool keep_row(void *ctx, const struct ledger_row *row)
{
	struct filling *f = ctx;
	size_t at = f->pool->used + f->snapshot->inside + f->snapshot->outside;
	if (at == f->pool->capacity) {
		f->full = true;
		return false;
	}
	f->pool->rows[at] = *row;
	if (row->kind == LEDGER_OUTSIDE) {
		f->snapshot->outside++;
	} else {
		f->snapshot->inside++;
	}
	return true;
}

/**
 * Remove the older snapshot of that name, if any. When its rows lie right before those of @next,
 * these move down.
 * Return: rows of the pool that became free
 */
static uint32_t replace(struct ledger_snapshot *next)
{
	for (uint32_t i = 0; i < snapshot_count; i++) {
		struct ledger_snapshot *old = &snapshots[i];
		if (strcmp(old->name, next->name) != 0) {
			continue;
		}
		uint32_t freed = 0;
		if (old->rows + old->inside + old->outside == next->rows) {
			struct ledger_row *to = (struct ledger_row *)(uintptr_t)old->rows;
			freed = old->inside + old->outside;
			memmove(to, next->rows, (next->inside + next->outside) * sizeof(*to));
			next->rows = to;
		}
		snapshot_count--;
		memmove(old, old + 1, (snapshot_count - i) * sizeof(*old));
		return freed;
	}
	return 0;
}

static int fill(struct pool *pool, const char *name, struct ledger_snapshot *out)
{
	struct filling f = { .pool = pool, .snapshot = out };
	memset(out, 0, sizeof(*out));
	out->rows = pool->rows + pool->used;
	out->warnings = ledger_warning_count();
	int err = ledger_walk(keep_row, &f, &out->totals);
	if (err != 0 || f.full) {
		return err != 0 ? err : -ENOSPC;
	}
	size_t length = strlen(name);
	length = length < sizeof(out->name) ? length : sizeof(out->name) - 1;
	memcpy(out->name, name, length);
	return 0;
}

static int take(const char *name)
{
	struct ledger_snapshot s;
	struct pool *pool = pools;
	int err = -ENOSPC;
	for (uint32_t i = 0; i < pool_count && err == -ENOSPC; i++) {
		pool = &pools[i];
		err = fill(pool, name, &s);
	}
	if (err != 0) {
		return err;
	}
	if (snapshot_count == LEDGER_SNAPSHOTS && ledger_snapshot_find(s.name) == NULL) {
		return -ENOSPC;
	}
	pool->used += s.inside + s.outside;
	pool->used -= replace(&s);
	snapshots[snapshot_count++] = s;
	return 0;
}

int ledger_snapshot(const char *name)
{
	harts_hold();
	int err = take(name);
	harts_release();
	return err;
}

const struct ledger_snapshot *ledger_snapshot_at(uint32_t i)
{
	return i < snapshot_count ? &snapshots[i] : NULL;
}

const struct ledger_snapshot *ledger_snapshot_find(const char *name)
{
	for (uint32_t i = 0; i < snapshot_count; i++) {
		if (strcmp(snapshots[i].name, name) == 0) {
			return &snapshots[i];
		}
	}
	return NULL;
}

int ledger_walk_of(const struct ledger_snapshot *snapshot, ledger_fn fn, void *ctx)
{
	if (snapshot == NULL) {
		return ledger_walk(fn, ctx, NULL);
	}
	for (uint32_t i = 0; i < snapshot->inside + snapshot->outside; i++) {
		if (!fn(ctx, &snapshot->rows[i])) {
			break;
		}
	}
	return 0;
}

/* ---- differences ---- */

struct diff {
	ledger_diff_fn fn;
	void *ctx;
	/**
	 * The part of the older snapshot that is compared now: rows of RAM first, then those
	 * outside.
	 */
	const struct ledger_row *at;
	const struct ledger_row *end;
	const struct ledger_row *outside_end;
	bool in_outside;
	/** Bytes below this were compared. */
	phys_addr_t pos;
	/** The difference being put together; size 0: none. */
	struct phys_range range;
	const struct ledger_row *from;
	struct ledger_row to;
	bool has_to;
	bool stopped;
};

static void diff_flush(struct diff *d)
{
	if (d->range.size != 0 && !d->stopped) {
		d->stopped = !d->fn(d->ctx, d->range, d->from, d->has_to ? &d->to : NULL);
	}
	d->range.size = 0;
}

/** The bytes [pos, until) were @from and are @to. */
static void diff_piece(struct diff *d, phys_addr_t until, const struct ledger_row *from,
		       const struct ledger_row *to)
{
	bool same = from != NULL && to != NULL ? ledger_rows_agree(from, to) : from == to;
	if (!same && until > d->pos) {
		bool goes_on = d->range.size != 0 && d->range.base + d->range.size == d->pos &&
			       d->from == from && d->has_to == (to != NULL) &&
			       (to == NULL || ledger_rows_agree(&d->to, to));
		if (!goes_on) {
			diff_flush(d);
			d->range.base = d->pos;
			d->from = from;
			d->has_to = to != NULL;
			if (to != NULL) {
				d->to = *to;
			}
		}
		d->range.size += until - d->pos;
	}
	d->pos = until;
}

/** Go on to @end with @to as the newer row, NULL for none. */
static void diff_advance(struct diff *d, phys_addr_t end, const struct ledger_row *to)
{
	while (d->pos < end && !d->stopped) {
		while (d->at != d->end && d->at->base + d->at->size <= d->pos) {
			d->at++;
		}
		bool inside = d->at != d->end && d->at->base <= d->pos;
		phys_addr_t edge = d->at == d->end ? end :
				   inside	   ? d->at->base + d->at->size :
						     d->at->base;
		diff_piece(d, edge < end ? edge : end, inside ? d->at : NULL, to);
	}
}

static void diff_go_outside(struct diff *d)
{
	diff_advance(d, PHYS_ADDR_MAX, NULL);
	diff_flush(d);
	d->in_outside = true;
	d->at = d->end;
	d->end = d->outside_end;
	d->pos = 0;
}

static bool diff_row(void *ctx, const struct ledger_row *row)
{
	struct diff *d = ctx;
	if (row->kind == LEDGER_OUTSIDE && !d->in_outside) {
		diff_go_outside(d);
	}
	diff_advance(d, row->base, NULL);
	diff_advance(d, row->base + row->size, row);
	return !d->stopped;
}

int ledger_diff(const struct ledger_snapshot *from, const struct ledger_snapshot *to,
		ledger_diff_fn fn, void *ctx)
{
	struct diff d = { .fn = fn, .ctx = ctx, .at = from->rows };
	d.end = from->rows + from->inside;
	d.outside_end = d.end + from->outside;
	int err = ledger_walk_of(to, diff_row, &d);
	if (err != 0) {
		return err;
	}
	if (!d.in_outside) {
		diff_go_outside(&d);
	}
	diff_advance(&d, PHYS_ADDR_MAX, NULL);
	diff_flush(&d);
	return 0;
}
