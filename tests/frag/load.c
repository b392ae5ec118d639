/* SPDX-License-Identifier: BSD-2-Clause */
/* The loads of frag.h, and counting what they left. Runs on the host and on the target. */
#include "frag.h"
#include "random.h"

#include "fpg/base/range.h"

#include <errno.h>

struct block {
	uint32_t frame;
	uint8_t order;
	uint8_t type;
};

/** What is in use. */
struct load {
	struct frag_target *t;
	struct block *block;
	uint64_t count;
	uint64_t pages;
	/** Pages in use by type. */
	uint64_t of_type[MIGRATE_TYPE_COUNT];
	uint64_t all;
	uint64_t random;
	uint64_t digest;
};

FPG_MUST_CHECK static int load_start(struct load *l, struct frag_target *t, uint64_t seed)
{
	*l = (struct load){ .t = t, .all = t->pages, .random = seed };
	l->block = t->notes(pfn_range_pages(t->span) * sizeof(*l->block));
	return l->block != NULL ? 0 : -ENOMEM;
}

static uint64_t below(struct load *l, uint64_t limit)
{
	return (xorshift64star(&l->random) >> 16) % limit;
}

static bool take(struct load *l, unsigned int order, enum migratetype type)
{
	uint64_t frame = l->t->alloc(l->t->ctx, order, type);
	l->digest = (l->digest ^ frame) * 0x100000001b3ULL;
	if (frame == FRAG_NONE) {
		return false;
	}
	l->block[l->count++] = (struct block){ (uint32_t)(frame - l->t->span.start.n),
					       (uint8_t)order, (uint8_t)type };
	l->pages += 1ULL << order;
	l->of_type[type] += 1ULL << order;
	return true;
}

static struct block drop(struct load *l, uint64_t i)
{
	struct block block = l->block[i];
	l->block[i] = l->block[--l->count];
	l->pages -= 1ULL << block.order;
	l->of_type[block.type] -= 1ULL << block.order;
	l->t->free(l->t->ctx, l->t->span.start.n + block.frame, block.order);
	return block;
}

/* ---- counting -------------------------------------------------------------------------------- */

struct count {
	uint64_t start;
	/** By pageblock: pages that are free, and types in use. */
	uint16_t *free;
	uint8_t *types;
	uint64_t blocks;
};

static bool count_free(void *ctx, const struct palloc_run *run)
{
	struct count *c = ctx;
	if (run->state != PALLOC_RUN_FREE) {
		return true;
	}
	uint64_t end = run->range.end.n - c->start;
	for (uint64_t n = run->range.start.n - c->start; n < end;) {
		uint64_t next = (n / PAGEBLOCK_NR_PAGES + 1) * PAGEBLOCK_NR_PAGES;
		next = next < end ? next : end;
		c->free[n / PAGEBLOCK_NR_PAGES] += (uint16_t)(next - n);
		n = next;
	}
	return true;
}

static void sum_up(const struct count *c, struct frag_state *out)
{
	for (uint64_t i = 0; i < c->blocks; i++) {
		unsigned int types = c->types[i];
		out->free_pages += c->free[i];
		out->whole_pages += c->free[i] == PAGEBLOCK_NR_PAGES ? c->free[i] : 0;
		out->used_blocks += types != 0;
		out->mixed_blocks += (types & (types - 1)) != 0;
		out->pinned_blocks += (types & 1U << MIGRATE_UNMOVABLE) != 0;
	}
}

static int load_state(struct load *l, struct frag_state *out)
{
	struct count c = { .start = ALIGN_DOWN(l->t->span.start.n, PAGEBLOCK_NR_PAGES) };
	const uint64_t offset = l->t->span.start.n - c.start;
	c.blocks = ROUND_UP(l->t->span.end.n - c.start, PAGEBLOCK_NR_PAGES) / PAGEBLOCK_NR_PAGES;
	c.free = l->t->notes(c.blocks * (sizeof(*c.free) + sizeof(*c.types)));
	if (c.free == NULL) {
		return -ENOMEM;
	}
	c.types = (uint8_t *)(c.free + c.blocks);
	l->t->walk(l->t->ctx, count_free, &c);
	for (uint64_t i = 0; i < l->count; i++) {
		uint64_t at = (l->block[i].frame + offset) / PAGEBLOCK_NR_PAGES;
		c.types[at] |= (uint8_t)(1U << l->block[i].type);
	}
	*out = (struct frag_state){ .digest = l->digest };
	sum_up(&c, out);
	out->pinned_least =
		ROUND_UP(l->of_type[MIGRATE_UNMOVABLE], PAGEBLOCK_NR_PAGES) / PAGEBLOCK_NR_PAGES;
	l->t->check(l->t->ctx);
	l->t->notes_free(c.free);
	return 0;
}

static int load_stop(struct load *l, int err)
{
	while (l->count != 0) {
		(void)drop(l, l->count - 1);
	}
	l->t->notes_free(l->block);
	return err;
}

/* ---- (a) ------------------------------------------------------------------------------------- */

static void one_round(struct load *l, enum frag_step step, uint64_t pages)
{
	for (uint64_t i = 0; i < pages; i++) {
		(void)drop(l, below(l, l->count));
		if (step == FRAG_ONE_BY_ONE) {
			(void)take(l, 0, MIGRATE_MOVABLE);
		}
	}
	for (uint64_t i = 0; i < pages && step == FRAG_ROUND_BY_ROUND; i++) {
		(void)take(l, 0, MIGRATE_MOVABLE);
	}
}

int frag_reallocate(struct frag_target *t, const struct frag_load *load, struct frag_state *before,
		    struct frag_state *after)
{
	struct load l;
	int err = load_start(&l, t, load->seed);
	if (err != 0) {
		return err;
	}
	uint64_t goal = l.all * load->full / 100;
	while ((load->start == FRAG_SCATTERED || l.pages < goal) && take(&l, 0, MIGRATE_MOVABLE)) {
	}
	while (l.pages > goal) {
		(void)drop(&l, below(&l, l.count));
	}
	err = load_state(&l, before);
	for (unsigned int round = 0; err == 0 && round < load->rounds; round++) {
		one_round(&l, load->step, l.pages * load->share / 100);
	}
	return load_stop(&l, err != 0 ? err : load_state(&l, after));
}

/* ---- (b) ------------------------------------------------------------------------------------- */

/** Percent of the pages that are to be unmovable and reclaimable: they rise and fall against each other. */
static void shares(unsigned int round, unsigned int *unmovable, unsigned int *reclaimable)
{
	unsigned int phase = round % 20;
	unsigned int wave = phase < 10 ? phase : 20 - phase;
	*unmovable = 5 + 2 * wave;
	*reclaimable = 25 - 2 * wave;
}

static enum migratetype next_type(struct load *l, unsigned int unmovable, unsigned int reclaimable)
{
	uint64_t pages = l->pages + 1;
	uint64_t dice = below(l, 100);
	/* What there is too little of comes first; some of everything comes all the time. */
	if (dice < 50 && l->of_type[MIGRATE_UNMOVABLE] * 100 < pages * unmovable) {
		return MIGRATE_UNMOVABLE;
	}
	if (dice < 50 && l->of_type[MIGRATE_RECLAIMABLE] * 100 < pages * reclaimable) {
		return MIGRATE_RECLAIMABLE;
	}
	return dice < 96 ? MIGRATE_MOVABLE : dice < 98 ? MIGRATE_UNMOVABLE : MIGRATE_RECLAIMABLE;
}

static void fill_mixed(struct load *l, uint64_t goal, unsigned int round)
{
	static const uint8_t orders[16] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 2, 3 };
	unsigned int unmovable;
	unsigned int reclaimable;
	shares(round, &unmovable, &reclaimable);
	while (l->pages < goal) {
		unsigned int order = orders[below(l, 16)];
		if (!take(l, order, next_type(l, unmovable, reclaimable)) && order == 0) {
			break;
		}
	}
}

int frag_mixed(struct frag_target *t, const struct frag_load *load, struct frag_state *after)
{
	struct load l;
	int err = load_start(&l, t, load->seed);
	if (err != 0) {
		return err;
	}
	uint64_t goal = l.all * load->full / 100;
	fill_mixed(&l, goal, 0);
	for (unsigned int round = 1; round <= load->rounds; round++) {
		uint64_t left = goal - goal * load->share / 100;
		while (l.pages > left) {
			(void)drop(&l, below(&l, l.count));
		}
		fill_mixed(&l, goal, round);
	}
	return load_stop(&l, load_state(&l, after));
}
