/* SPDX-License-Identifier: BSD-2-Clause */
/* The whole comparison: a backend's walk, its statistics and its own check against the model. */
#include "model.h"

#include "fpg/base/errno.h"
#include "fpg/base/range.h"

struct comparison {
	struct model *m;
	uint64_t next;
	bool any;
	struct palloc_run last;
	uint64_t free_pages;
	uint64_t used_pages;
};

static enum model_state model_state_of(enum palloc_run_state state)
{
	switch (state) {
	case PALLOC_RUN_FREE:
	case PALLOC_RUN_PADDING:
		return MODEL_FREE;
	case PALLOC_RUN_ALLOCATED:
		return MODEL_USED;
	default:
		return MODEL_HOLE;
	}
}

static bool same_kind(const struct palloc_run *a, const struct palloc_run *b)
{
	return a->state == b->state && (a->state != PALLOC_RUN_FREE || a->type == b->type);
}

static bool compare_run(void *ctx, const struct palloc_run *run)
{
	struct comparison *c = ctx;
	struct model *m = c->m;
	uint64_t start = run->range.start.n;
	uint64_t end = run->range.end.n;
	if (start != c->next || end <= start || end > m->env->span.end.n) {
		return model_fail(m, "the walk leaves a gap, goes back or leaves the span", start);
	}
	if (c->any && same_kind(&c->last, run)) {
		return model_fail(m, "the walk's runs are not maximal", start);
	}
	enum model_state expected = model_state_of(run->state);
	for (uint64_t n = start; n < end; n++) {
		if (model_kind(m, n) != expected) {
			return model_fail(m, "the walk differs from the model", n);
		}
	}
	for (uint64_t n = start;
	     run->state == PALLOC_RUN_FREE && model_can(m, PALLOC_CAP_CLASS) && n < end;
	     n = ALIGN_DOWN(n, PAGEBLOCK_NR_PAGES) + PAGEBLOCK_NR_PAGES) {
		if (pageblock_type(&m->map, pfn(n)) != run->type) {
			return model_fail(m, "free frames of another type than their pageblock's",
					  n);
		}
	}
	if (expected == MODEL_FREE) {
		c->free_pages += end - start;
	} else if (expected == MODEL_USED) {
		c->used_pages += end - start;
	}
	c->next = end;
	c->any = true;
	c->last = *run;
	return true;
}

/** Nobody but retag() changes which pageblocks are kept apart. */
static bool special_pageblocks_are_kept(struct model *m)
{
	uint64_t count[MIGRATE_TYPE_COUNT] = { 0 };
	for (uint64_t i = 0; i < m->map.blocks; i++) {
		count[pageblock_type(&m->map, pfn_add(m->map.base, i * PAGEBLOCK_NR_PAGES))]++;
	}
	return count[MIGRATE_CMA] == m->special[MIGRATE_CMA] &&
	       count[MIGRATE_ISOLATE] == m->special[MIGRATE_ISOLATE] &&
	       count[MIGRATE_HIGHATOMIC] == m->special[MIGRATE_HIGHATOMIC];
}

bool model_verify(struct model *m)
{
	struct comparison c = { .m = m, .next = m->env->span.start.n };
	struct palloc_stats stats;
	const char *why = NULL;
	if (m->wrong != NULL || !model_guards(m)) {
		return false;
	}
	m->ops->walk(&m->pa, compare_run, &c);
	if (m->wrong != NULL) {
		return false;
	}
	MODEL_EXPECT(m, c.next == m->env->span.end.n, c.next);
	MODEL_EXPECT(m, special_pageblocks_are_kept(m), 0);
	MODEL_EXPECT(m, c.free_pages == m->free_pages, c.free_pages);
	MODEL_EXPECT(m, c.free_pages + c.used_pages == m->managed_pages, c.used_pages);
	m->ops->stats(&m->pa, &stats);
	if (stats.exact) {
		MODEL_EXPECT(m, stats.free_pages == c.free_pages, stats.free_pages);
		MODEL_EXPECT(m, stats.managed_pages == c.free_pages + c.used_pages,
			     stats.managed_pages);
	}
	MODEL_EXPECT(m, stats.meta_bytes == m->meta_bytes, stats.meta_bytes);
	MODEL_EXPECT(m, stats.largest_free_pages <= m->free_pages, stats.largest_free_pages);
	MODEL_EXPECT(m, (stats.largest_free_pages == 0) == (m->free_pages == 0),
		     stats.largest_free_pages);
	if (m->ops->check(&m->pa, &why) != 0) {
		return model_fail(m, why != NULL ? why : "check() fails without a reason", 0);
	}
	return true;
}

static bool digest_run(void *ctx, const struct palloc_run *run)
{
	uint64_t *digest = ctx;
	const uint64_t parts[] = { run->range.start.n, run->range.end.n, run->state, run->type };
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		*digest = (*digest ^ parts[i]) * 0x100000001b3ULL;
		*digest ^= *digest >> 29;
	}
	return true;
}

uint64_t model_digest(const struct model *m)
{
	uint64_t digest = 0xcbf29ce484222325ULL;
	m->ops->walk(&m->pa, digest_run, &digest);
	return digest;
}
