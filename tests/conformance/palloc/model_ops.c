/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every operation of a backend, asked for and its answer judged by the model: what an answer contradicts, and a failure
 * for which there is no reason.
 */
#include "model.h"

#include "fpg/base/bits.h"
#include "fpg/base/errno.h"
#include "fpg/base/range.h"

#include <string.h>

static bool in_span(const struct model *m, struct pfn_range r)
{
	return r.start.n >= m->env->span.start.n && r.end.n <= m->env->span.end.n &&
	       r.start.n < r.end.n;
}

/** Populate what the backend asked for. Return: 0 when the call may be tried again. */
static int satisfy(struct model *m)
{
	struct pfn_range want = m->pa.want;
	m->pa.want = (struct pfn_range){ pfn(0), pfn(0) };
	if (want.start.n >= want.end.n || frame_table_populated(want)) {
		(void)model_fail(m, "-EAGAIN without a record that is missing", want.start.n);
		return -EINVAL;
	}
	return model_populate(m, want);
}

/* ---- ranges ---------------------------------------------------------------------------------- */

enum call_kind {
	CALL_ADD,
	CALL_FREE,
	CALL_CLAIM,
	CALL_RETAG,
	CALL_SHRINK
};

struct call {
	enum call_kind kind;
	struct pfn_range range;
	/** State of a run to add, type to retag to. */
	unsigned int how;
	pfn_t blocker;
};

static int ask(struct model *m, struct call *c)
{
	switch (c->kind) {
	case CALL_ADD: {
		struct palloc_run run = { .range = c->range,
					  .state = (enum palloc_run_state)c->how,
					  .type = MIGRATE_MOVABLE };
		return m->ops->add(&m->pa, &run);
	}
	case CALL_FREE:
		return m->ops->free(&m->pa, c->range);
	case CALL_CLAIM:
		return m->ops->claim(&m->pa, c->range, &c->blocker);
	case CALL_RETAG:
		return m->ops->retag(&m->pa, c->range, (enum migratetype)c->how);
	default:
		return m->ops->shrink(&m->pa, c->range);
	}
}

/** Ask, populating as often as the backend wants. Return: its answer; -ENOMEM only when records cannot be had */
static int ask_and_populate(struct model *m, struct call *c)
{
	static const char *const names[] = { [CALL_ADD] = "add",
					     [CALL_FREE] = "free",
					     [CALL_CLAIM] = "claim",
					     [CALL_RETAG] = "retag",
					     [CALL_SHRINK] = "shrink" };
	int err = ask(m, c);
	bool denied = false;
	while (err == -EAGAIN && !denied) {
		err = satisfy(m);
		denied = err != 0;
		err = denied ? err : ask(m, c);
	}
	if (err == -ENOMEM && !denied) {
		(void)model_fail(m, "-ENOMEM although no record is missing", c->range.start.n);
	}
	model_note(m, names[c->kind], c->range, c->how, err);
	return err;
}

int model_add(struct model *m, uint64_t start, uint64_t end, enum palloc_run_state state)
{
	struct call c = { CALL_ADD, { pfn(start), pfn(end) }, state, { 0 } };
	int err = ask_and_populate(m, &c);
	if (err == -ENOSPC && m->runs < m->max_runs) {
		(void)model_fail(m, "-ENOSPC although it has fewer runs than it was made for",
				 start);
	}
	if (err != 0) {
		return err;
	}
	if (!in_span(m, c.range) || model_first_not(m, c.range, MODEL_HOLE) != end) {
		(void)model_fail(m, "it let frames be added that it has, or that are not its own",
				 start);
		return -EINVAL;
	}
	m->runs++;
	m->managed_pages += end - start;
	m->free_pages += state == PALLOC_RUN_FREE ? end - start : 0;
	model_paint(m, c.range, state == PALLOC_RUN_FREE ? MODEL_FREE : MODEL_USED);
	return 0;
}

int model_free(struct model *m, struct pfn_range range)
{
	struct call c = { CALL_FREE, range, 0, { 0 } };
	int err = ask_and_populate(m, &c);
	if (err != 0) {
		return err;
	}
	if (!in_span(m, range) || model_first_not(m, range, MODEL_USED) != range.end.n) {
		(void)model_fail(m, "it let frames be freed that were not in use", range.start.n);
		return -EINVAL;
	}
	model_paint(m, range, MODEL_FREE);
	m->free_pages += pfn_range_pages(range);
	return 0;
}

int model_claim(struct model *m, struct pfn_range range, pfn_t *blocker)
{
	struct call c = { CALL_CLAIM, range, 0, pfn(UINT64_MAX) };
	int err = ask_and_populate(m, &c);
	bool inside = in_span(m, range);
	uint64_t busy = inside ? model_first_not(m, range, MODEL_FREE) : 0;
	if (err == 0 && (!inside || busy != range.end.n)) {
		(void)model_fail(m, "it let frames be claimed that were not free", busy);
	} else if (err == -EBUSY && (!inside || busy == range.end.n || c.blocker.n != busy)) {
		(void)model_fail(m, "-EBUSY names another frame than the first one in the way",
				 c.blocker.n);
	} else if (err == 0) {
		model_paint(m, range, MODEL_USED);
		m->free_pages -= pfn_range_pages(range);
		return model_note_block(m, range);
	}
	if (blocker != NULL) {
		*blocker = c.blocker;
	}
	return err;
}

int model_retag(struct model *m, struct pfn_range range, enum migratetype type)
{
	uint64_t before[MIGRATE_TYPE_COUNT] = { 0 };
	for (uint64_t n = range.start.n; in_span(m, range) && n < range.end.n;
	     n += PAGEBLOCK_NR_PAGES) {
		before[pageblock_type(&m->map, pfn(n))]++;
	}
	struct call c = { CALL_RETAG, range, type, { 0 } };
	int err = ask_and_populate(m, &c);
	for (uint64_t n = range.start.n; err == 0 && n < range.end.n; n += PAGEBLOCK_NR_PAGES) {
		if (pageblock_type(&m->map, pfn(n)) != type) {
			(void)model_fail(m, "a pageblock has not got the type it was given", n);
		}
		m->special[type]++;
	}
	for (unsigned int i = 0; err == 0 && i < MIGRATE_TYPE_COUNT; i++) {
		m->special[i] -= before[i];
	}
	return err;
}

int model_shrink(struct model *m, struct pfn_range range)
{
	struct call c = { CALL_SHRINK, range, 0, { 0 } };
	int err = ask_and_populate(m, &c);
	bool all_free = in_span(m, range) && model_first_not(m, range, MODEL_FREE) == range.end.n;
	if (err == -EBUSY && all_free) {
		(void)model_fail(m, "it keeps frames although all are free", range.start.n);
	} else if (err == 0 && !all_free) {
		(void)model_fail(m, "it let frames go that were not free", range.start.n);
		return -EINVAL;
	}
	if (err == 0) {
		model_paint(m, range, MODEL_HOLE);
		m->runs++;
		m->free_pages -= pfn_range_pages(range);
		m->managed_pages -= pfn_range_pages(range);
	}
	return err;
}

/* ---- blocks ---------------------------------------------------------------------------------- */

/** What a request may be served from. */
static bool type_allowed(const struct palloc_req *req, enum migratetype type)
{
	switch (type) {
	case MIGRATE_ISOLATE:
		return false;
	case MIGRATE_CMA:
		return req->type == MIGRATE_CMA ||
		       (req->type == MIGRATE_MOVABLE && (req->flags & PALLOC_REQ_CMA));
	case MIGRATE_HIGHATOMIC:
		return req->type == MIGRATE_HIGHATOMIC || (req->flags & PALLOC_REQ_HIGH);
	default:
		return true;
	}
}

/** A block of a backend with types lies only in pageblocks that the request may be served from. */
static bool types_allow(struct model *m, const struct palloc_req *req, struct pfn_range range)
{
	uint64_t n = range.start.n;
	while (model_can(m, PALLOC_CAP_CLASS) && n < range.end.n) {
		if (!type_allowed(req, pageblock_type(&m->map, pfn(n)))) {
			return false;
		}
		n = ALIGN_DOWN(n, PAGEBLOCK_NR_PAGES) + PAGEBLOCK_NR_PAGES;
	}
	return true;
}

/** All pageblocks of the range have one type. */
static bool one_type(struct model *m, struct pfn_range range)
{
	const enum migratetype type = pageblock_type(&m->map, range.start);
	for (uint64_t n = range.start.n; model_can(m, PALLOC_CAP_CLASS) && n < range.end.n;
	     n += PAGEBLOCK_NR_PAGES) {
		if (pageblock_type(&m->map, pfn(n)) != type) {
			return false;
		}
	}
	return true;
}

/** Frames that could serve the request, all of it: a backend may ignore PALLOC_REQ_FEWER. Its start, or UINT64_MAX. */
static uint64_t place_for(struct model *m, const struct palloc_req *req)
{
	uint64_t align = 1ULL << req->align_order;
	const uint64_t pages = req->pages;
	align = model_can(m, PALLOC_CAP_ORDER) && pages > align ? pages : align;
	const uint64_t end = m->env->span.end.n;
	uint64_t n = ALIGN_UP(m->env->span.start.n, align);
	while (n < end && pages <= end - n) {
		struct pfn_range range = { pfn(n), pfn(n + pages) };
		uint64_t other = model_first_not(m, range, MODEL_FREE);
		if (other != range.end.n) {
			n = ALIGN_UP(other + 1, align);
		} else if (one_type(m, range) && types_allow(m, req, range)) {
			return n;
		} else {
			n += align;
		}
		if (align == 1 && pages == 1 && n < end) {
			const uint8_t *found = memchr(model_state(m, n), MODEL_FREE, end - n);
			n = found != NULL ? n + (uint64_t)(found - model_state(m, n)) : end;
		}
	}
	return UINT64_MAX;
}

static bool pages_as_asked(const struct palloc_req *req, uint32_t pages)
{
	return pages == req->pages || ((req->flags & PALLOC_REQ_FEWER) && pages < req->pages &&
				       IS_POW2(pages) && pages >= 1U << req->align_order);
}

static void judge_block(struct model *m, const struct palloc_req *req,
			const struct palloc_block *block)
{
	struct pfn_range range = { block->start, pfn_add(block->start, block->pages) };
	if (!pages_as_asked(req, block->pages) || !in_span(m, range)) {
		(void)model_fail(m, "a block of another size, or outside the span", block->start.n);
	} else if (!IS_ALIGNED(block->start.n, 1ULL << req->align_order)) {
		(void)model_fail(m, "a block that is not aligned as asked", block->start.n);
	} else if (model_first_not(m, range, MODEL_FREE) != range.end.n) {
		(void)model_fail(m, "a frame that was not free",
				 model_first_not(m, range, MODEL_FREE));
	} else if (block->type >= MIGRATE_TYPE_COUNT || !types_allow(m, req, range)) {
		(void)model_fail(m, "a block from a pageblock of a forbidden type", block->start.n);
	} else if (model_can(m, PALLOC_CAP_CLASS) &&
		   pageblock_type(&m->map, block->start) != block->type) {
		(void)model_fail(m, "the block's type is not its pageblock's", block->start.n);
	} else if (model_can(m, PALLOC_CAP_RECORDS) &&
		   pfn_to_page(block->start)->word != page_word(PAGE_ALLOCATED,
								log2_floor(block->pages), req->type,
								m->env->zone_id)) {
		(void)model_fail(m, "the block's head is not recorded as allocated",
				 block->start.n);
	}
}

int model_alloc(struct model *m, const struct palloc_req *req, struct pfn_range *out)
{
	struct palloc_req asked = *req;
	struct palloc_block block = m->ops->alloc(&m->pa, &asked);
	int err = 0;
	while (block.err == -EAGAIN && (err == 0 || err == -ENOMEM)) {
		if (asked.flags & PALLOC_REQ_POPULATED) {
			(void)model_fail(m, "-EAGAIN although PALLOC_REQ_POPULATED was set", 0);
			return -EINVAL;
		}
		err = satisfy(m);
		asked.flags |= err == -ENOMEM ? PALLOC_REQ_POPULATED : 0;
		block = m->ops->alloc(&m->pa, &asked);
	}
	struct pfn_range range = { block.start, pfn_add(block.start, block.pages) };
	uint32_t how = req->pages | (uint32_t)req->align_order << 20 | (uint32_t)req->type << 25 |
		       asked.flags << 28;
	if (block.err != 0) {
		range = (struct pfn_range){ { 0 }, { 0 } };
	}
	model_note(m, "alloc", range, how, block.err);
	if (block.err == -ENOMEM && !(asked.flags & PALLOC_REQ_POPULATED) &&
	    place_for(m, req) != UINT64_MAX) {
		(void)model_fail(m, "-ENOMEM although frames that would do are free",
				 place_for(m, req));
	}
	if (block.err != 0) {
		return block.err;
	}
	judge_block(m, req, &block);
	if (m->wrong != NULL) {
		return -EINVAL;
	}
	model_paint(m, range, MODEL_USED);
	m->free_pages -= block.pages;
	if (out != NULL) {
		*out = range;
	}
	return model_note_block(m, range);
}

/* ---- boot allocations ------------------------------------------------------------------------ */

/** The state of a page whose first @bytes bytes boot allocations have. */
static uint8_t shared_state(uint64_t bytes)
{
	return (uint8_t)(MODEL_USED + 1 + bytes / MODEL_PIECE);
}

/** Frames that the allocation says it took were free; the first page may be shared with those before it. */
static bool judge_bytes(struct model *m, const struct palloc_bytes_req *req,
			const struct palloc_bytes *got)
{
	const phys_addr_t end = got->base + req->bytes;
	const uint64_t first = got->base >> PAGE_SHIFT;
	const uint64_t last = (end - 1) >> PAGE_SHIFT;
	const bool shares = first != got->taken.start.n || pfn_range_pages(got->taken) == 0;
	const struct pfn_range all = { pfn(first), pfn(last + 1) };
	const struct pfn_range taken = { pfn(first + shares), all.end };
	if (!IS_ALIGNED(got->base, req->align) || got->base < req->goal ||
	    (req->limit != 0 && end > req->limit) || !in_span(m, all)) {
		return model_fail(m, "bytes where they were not asked for", first);
	}
	if (pfn_range_pages(taken) != pfn_range_pages(got->taken) ||
	    (taken.start.n < taken.end.n && taken.start.n != got->taken.start.n) ||
	    model_first_not(m, taken, MODEL_FREE) != taken.end.n) {
		return model_fail(m, "frames that others have, or that it does not say", first);
	}
	if (shares && (*model_state(m, first) <= MODEL_USED ||
		       shared_state(got->base % PAGE_SIZE) < *model_state(m, first))) {
		return model_fail(m, "bytes that others have", first);
	}
	return true;
}

int model_alloc_bytes(struct model *m, const struct palloc_bytes_req *req, struct palloc_bytes *got)
{
	struct palloc_bytes out = { .base = 0 };
	int err = m->ops->alloc_bytes(&m->pa, req, &out);
	struct pfn_range asked = { pfn(out.base), pfn(out.base + req->bytes) };
	model_note(m, "alloc_bytes", asked, (uint32_t)req->align, err);
	if (err != 0) {
		return err;
	}
	if (!judge_bytes(m, req, &out)) {
		return -EINVAL;
	}
	*got = out;
	const phys_addr_t end = out.base + req->bytes;
	const uint64_t last = (end - 1) >> PAGE_SHIFT;
	model_paint(m, out.taken, MODEL_USED);
	*model_state(m, last) = shared_state(end - (last << PAGE_SHIFT));
	m->free_pages -= pfn_range_pages(out.taken);
	return pfn_range_pages(out.taken) != 0 ? model_note_block(m, out.taken) : 0;
}
