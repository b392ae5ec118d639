/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Properties of exact frames and of parts: claim, freeing in part, changing types, shrinking, runs
 * of any length.
 */
#include "model.h"

#include "fpg/base/errno.h"
#include "fpg/base/range.h"

static struct pfn_range frames(uint64_t start, uint64_t end)
{
	return (struct pfn_range){ pfn(start), pfn(end) };
}

static bool claims_take_exactly_what_was_asked(struct model *m)
{
	uint64_t start = m->env->span.start.n;
	MODEL_EXPECT(m, model_add_memory(m), 0);
	uint64_t before = model_digest(m);
	static const uint16_t lengths[] = { 1, 2, 3, 7, 64, 65, 500, 512, 1025 };
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		uint64_t from = start + 50 + 11 * i;
		MODEL_EXPECT(m, model_claim(m, frames(from, from + lengths[i]), NULL) == 0, from);
		MODEL_EXPECT(m, model_verify(m) && m->block_count == 1, from);
		MODEL_EXPECT(m, model_free_block(m, 0), from);
		MODEL_EXPECT(m, model_digest(m) == before, from);
	}
	return model_verify(m);
}

static bool a_claim_is_all_or_nothing_and_names_what_is_in_the_way(struct model *m)
{
	uint64_t start = m->env->span.start.n;
	uint64_t end = m->env->span.end.n;
	pfn_t blocker = pfn(0);
	MODEL_EXPECT(m, model_add_memory(m), 0);
	MODEL_EXPECT(m, model_claim(m, frames(start + 200, start + 201), NULL) == 0, start);
	uint64_t before = model_digest(m);
	MODEL_EXPECT(m, model_claim(m, frames(start + 100, start + 300), &blocker) == -EBUSY,
		     start);
	MODEL_EXPECT(m, blocker.n == start + 200, blocker.n);
	MODEL_EXPECT(m, model_claim(m, frames(start + 200, start + 300), &blocker) == -EBUSY,
		     start);
	MODEL_EXPECT(m, model_claim(m, frames(start + 30, start + 60), &blocker) == -EBUSY, start);
	MODEL_EXPECT(m, blocker.n == start + 40, blocker.n);
	MODEL_EXPECT(m, model_claim(m, frames(start, start + 4), &blocker) == -EBUSY, start);
	MODEL_EXPECT(m, model_claim(m, frames(end - 6, end), &blocker) == -EBUSY, start);
	MODEL_EXPECT(m, blocker.n == end - 5, blocker.n);
	MODEL_EXPECT(m, model_claim(m, frames(end - 6, end + 1), &blocker) == -EINVAL, end);
	MODEL_EXPECT(m, model_claim(m, frames(start - 1, start + 5), &blocker) == -EINVAL, start);
	MODEL_EXPECT(m, model_claim(m, frames(start + 60, start + 60), &blocker) == -EINVAL, start);
	MODEL_EXPECT(m, model_digest(m) == before, 0);
	return model_verify(m);
}

static bool any_part_of_a_block_can_be_freed(struct model *m)
{
	struct palloc_req req = model_req(m->ops->max_order, MIGRATE_MOVABLE);
	struct pfn_range block = { { 0 }, { 0 } };
	MODEL_EXPECT(m, model_add_memory(m), 0);
	MODEL_EXPECT(m, model_alloc(m, &req, &block) == 0, 0);
	uint64_t start = block.start.n;
	uint64_t end = block.end.n;
	MODEL_EXPECT(m, model_free(m, frames(start + 1, start + 2)) == 0, start);
	MODEL_EXPECT(m, model_verify(m), 0);
	MODEL_EXPECT(m, model_free(m, frames(end - 1, end)) == 0, end);
	MODEL_EXPECT(m, model_free(m, frames(start + 300, start + 400)) == 0, start);
	MODEL_EXPECT(m, model_verify(m), 0);
	MODEL_EXPECT(m, model_free(m, frames(start + 290, start + 310)) == -EINVAL, start);
	MODEL_EXPECT(m, model_free(m, frames(start + 399, start + 401)) == -EINVAL, start);
	MODEL_EXPECT(m, model_free(m, frames(start, start + 1)) == 0, start);
	MODEL_EXPECT(m, model_free(m, frames(start + 2, start + 300)) == 0, start);
	MODEL_EXPECT(m, model_free(m, frames(start + 400, end - 1)) == 0, start);
	m->block_count = 0;
	MODEL_EXPECT(m, m->free_pages == m->managed_pages, 0);
	return model_verify(m);
}

static bool neighbours_can_be_freed_together(struct model *m)
{
	uint64_t start = m->env->span.start.n + 64;
	MODEL_EXPECT(m, model_add_memory(m), 0);
	MODEL_EXPECT(m, model_claim(m, frames(start, start + 5), NULL) == 0, start);
	MODEL_EXPECT(m, model_claim(m, frames(start + 5, start + 37), NULL) == 0, start);
	MODEL_EXPECT(m, model_claim(m, frames(start + 37, start + 1100), NULL) == 0, start);
	m->block_count = 0;
	MODEL_EXPECT(m, model_free(m, frames(start + 3, start + 1090)) == 0, start);
	MODEL_EXPECT(m, model_verify(m), 0);
	MODEL_EXPECT(m, model_free(m, frames(start, start + 3)) == 0, start);
	MODEL_EXPECT(m, model_free(m, frames(start + 1090, start + 1100)) == 0, start);
	return model_verify(m);
}

static bool runs_of_any_length_are_served(struct model *m)
{
	MODEL_EXPECT(m, model_add_memory(m), 0);
	uint64_t before = model_digest(m);
	for (uint32_t pages = 1; pages <= 1U << m->ops->max_order; pages += pages / 3 + 1) {
		struct palloc_req req = { .pages = pages, .align_order = (uint8_t)(pages % 5) };
		MODEL_EXPECT(m, model_alloc(m, &req, NULL) == 0 && m->wrong == NULL, pages);
		if (model_can(m, PALLOC_CAP_FREE) && m->free_pages < m->managed_pages / 2) {
			MODEL_EXPECT(m, model_free_all(m), pages);
		}
	}
	MODEL_EXPECT(m, model_verify(m), 0);
	if (model_can(m, PALLOC_CAP_FREE)) {
		MODEL_EXPECT(m, model_free_all(m) && model_digest(m) == before, 0);
	}
	return true;
}

/** Frames of the first whole pageblock in the middle run of memory, and of those after it. */
static uint64_t a_pageblock(const struct model *m, uint64_t i)
{
	return ALIGN_UP(m->env->span.start.n + 43, PAGEBLOCK_NR_PAGES) + i * PAGEBLOCK_NR_PAGES;
}

static bool isolated_pageblocks_serve_nobody(struct model *m)
{
	uint64_t block = a_pageblock(m, 0);
	uint64_t end = block + PAGEBLOCK_NR_PAGES;
	struct palloc_req req = model_req(0, MIGRATE_MOVABLE);
	MODEL_EXPECT(m, model_add_memory(m), 0);
	uint64_t before = model_digest(m);
	MODEL_EXPECT(m, model_retag(m, frames(block, end), MIGRATE_ISOLATE) == 0, block);
	MODEL_EXPECT(m, model_verify(m), 0);
	uint64_t got = 0;
	while (model_alloc(m, &req, NULL) == 0) {
		m->block_count = 0;
		got++;
	}
	MODEL_EXPECT(m, m->wrong == NULL && got == m->managed_pages - PAGEBLOCK_NR_PAGES, got);
	for (uint64_t n = block; n < end; n++) {
		MODEL_EXPECT(m, *model_state(m, n) == MODEL_FREE, n);
	}
	MODEL_EXPECT(m, model_retag(m, frames(block, end), MIGRATE_MOVABLE) == 0, block);
	for (uint64_t n = m->env->span.start.n; n < m->env->span.end.n; n++) {
		if (*model_state(m, n) == MODEL_USED) {
			MODEL_EXPECT(m, model_free(m, frames(n, n + 1)) == 0, n);
		}
	}
	MODEL_EXPECT(m, model_digest(m) == before, 0);
	return model_verify(m);
}

static bool cma_pageblocks_serve_only_movable_requests_that_allow_it(struct model *m)
{
	uint64_t block = a_pageblock(m, 0);
	uint64_t end = block + 2 * PAGEBLOCK_NR_PAGES;
	struct palloc_req req = model_req(0, MIGRATE_UNMOVABLE);
	MODEL_EXPECT(m, model_add_memory(m), 0);
	MODEL_EXPECT(m, model_retag(m, frames(block, end), MIGRATE_CMA) == 0, block);
	req.flags = PALLOC_REQ_CMA;
	while (model_alloc(m, &req, NULL) == 0) {
		m->block_count = 0;
	}
	MODEL_EXPECT(m, m->wrong == NULL && m->free_pages == 2 * PAGEBLOCK_NR_PAGES, m->free_pages);
	req = model_req(0, MIGRATE_MOVABLE);
	MODEL_EXPECT(m, model_alloc(m, &req, NULL) == -ENOMEM, 0);
	req.flags = PALLOC_REQ_CMA;
	struct pfn_range got;
	MODEL_EXPECT(m, model_alloc(m, &req, &got) == 0, 0);
	MODEL_EXPECT(m, got.start.n >= block && got.end.n <= end, got.start.n);
	return model_verify(m);
}

static bool types_can_change_under_blocks_in_use(struct model *m)
{
	struct palloc_req req = model_req(m->ops->max_order, MIGRATE_MOVABLE);
	struct pfn_range block;
	MODEL_EXPECT(m, model_add_memory(m), 0);
	uint64_t before = model_digest(m);
	MODEL_EXPECT(m, model_alloc(m, &req, &block) == 0, 0);
	struct pfn_range part = { block.start, pfn_add(block.start, PAGEBLOCK_NR_PAGES) };
	MODEL_EXPECT(m, model_retag(m, part, MIGRATE_ISOLATE) == 0, part.start.n);
	MODEL_EXPECT(m, model_verify(m), 0);
	MODEL_EXPECT(m, model_free_block(m, 0), 0);
	MODEL_EXPECT(m, model_verify(m), 0);
	MODEL_EXPECT(m, model_claim(m, part, NULL) == 0, part.start.n);
	MODEL_EXPECT(m, model_free_block(m, 0), 0);
	MODEL_EXPECT(m, model_retag(m, part, MIGRATE_MOVABLE) == 0, part.start.n);
	MODEL_EXPECT(m, model_digest(m) == before, 0);
	return model_verify(m);
}

static bool blocks_over_several_types_can_be_adopted(struct model *m)
{
	uint64_t block = ALIGN_UP(m->env->span.start.n, MAX_ORDER_NR_PAGES);
	uint64_t last = block + MAX_ORDER_NR_PAGES - PAGEBLOCK_NR_PAGES;
	uint64_t end = block + MAX_ORDER_NR_PAGES;
	MODEL_EXPECT(m, model_retag(m, frames(last, end), MIGRATE_CMA) == 0, last);
	MODEL_EXPECT(m, model_add(m, block, end, PALLOC_RUN_ALLOCATED) == 0, block);
	MODEL_EXPECT(m, model_verify(m), 0);
	MODEL_EXPECT(m, model_free(m, frames(block, end)) == 0, block);
	MODEL_EXPECT(m, m->free_pages == MAX_ORDER_NR_PAGES, m->free_pages);
	return model_verify(m);
}

static bool retag_wants_whole_pageblocks(struct model *m)
{
	uint64_t block = a_pageblock(m, 0);
	uint64_t end = m->env->span.end.n;
	MODEL_EXPECT(m, model_add_memory(m), 0);
	uint64_t before = model_digest(m);
	struct pfn_range odd = frames(block + 1, block + 1 + PAGEBLOCK_NR_PAGES);
	MODEL_EXPECT(m, model_retag(m, odd, MIGRATE_CMA) == -EINVAL, block);
	MODEL_EXPECT(m, model_retag(m, frames(block, block + 1), MIGRATE_CMA) == -EINVAL, block);
	struct pfn_range outside = frames(ALIGN_UP(end, PAGEBLOCK_NR_PAGES),
					  ALIGN_UP(end, PAGEBLOCK_NR_PAGES) + PAGEBLOCK_NR_PAGES);
	MODEL_EXPECT(m, model_retag(m, outside, MIGRATE_CMA) == -EINVAL, end);
	MODEL_EXPECT(m, model_digest(m) == before, 0);
	return model_verify(m);
}

static bool shrinking_makes_holes_that_can_be_added_again(struct model *m)
{
	uint64_t start = m->env->span.start.n;
	MODEL_EXPECT(m, model_add_memory(m), 0);
	uint64_t before = model_digest(m);
	MODEL_EXPECT(m, model_shrink(m, frames(start + 1000, start + 1700)) == 0, start);
	MODEL_EXPECT(m, model_verify(m), 0);
	MODEL_EXPECT(m, model_shrink(m, frames(start + 1600, start + 1800)) == -EBUSY, start);
	MODEL_EXPECT(m, model_verify(m), 0);
	MODEL_EXPECT(m, model_add(m, start + 1000, start + 1700, PALLOC_RUN_FREE) == 0, start);
	MODEL_EXPECT(m, model_digest(m) == before, 0);
	return model_verify(m);
}

/* ---- boot allocations ---- */

static bool small_requests_share_pages(struct model *m)
{
	struct palloc_bytes_req req = { .bytes = 100, .align = 32 };
	struct palloc_bytes got = { .base = 0 };
	phys_addr_t end = 0;
	MODEL_EXPECT(m, model_add_memory(m), 0);
	uint64_t free_pages = m->free_pages;
	for (unsigned int i = 0; i < 32; i++) {
		MODEL_EXPECT(m, model_alloc_bytes(m, &req, &got) == 0 && m->wrong == NULL, i);
		MODEL_EXPECT(m, i == 0 || got.base == ALIGN_UP(end, 32), i);
		end = got.base + req.bytes;
	}
	MODEL_EXPECT(m, m->free_pages == free_pages - 1, m->free_pages);
	/* 4064 bytes of 4096: what comes next goes on into the next page. */
	req.bytes = 5000;
	MODEL_EXPECT(m, model_alloc_bytes(m, &req, &got) == 0 && m->wrong == NULL, 0);
	MODEL_EXPECT(m, got.base == end + 28 && m->free_pages == free_pages - 3, got.base);
	return model_verify(m);
}

static bool a_shared_page_that_is_freed_is_shared_no_more(struct model *m)
{
	struct palloc_bytes_req req = { .bytes = 64, .align = 64 };
	struct palloc_bytes got = { .base = 0 };
	MODEL_EXPECT(m, model_add_memory(m), 0);
	MODEL_EXPECT(m, model_alloc_bytes(m, &req, &got) == 0, 0);
	pfn_t shared = phys_to_pfn(got.base);
	MODEL_EXPECT(m, model_free(m, frames(shared.n, shared.n + 1)) == 0, shared.n);
	MODEL_EXPECT(m, model_alloc_bytes(m, &req, &got) == 0 && m->wrong == NULL, shared.n);
	MODEL_EXPECT(m, pfn_range_pages(got.taken) == 1, shared.n);
	return model_verify(m);
}

static bool goals_and_limits_of_boot_allocations_are_kept(struct model *m)
{
	struct palloc_bytes got = { .base = 0 };
	phys_addr_t start = pfn_to_phys(m->env->span.start);
	phys_addr_t middle = pfn_to_phys(pfn(m->env->span.start.n + 2000));
	MODEL_EXPECT(m, model_add_memory(m), 0);
	struct palloc_bytes_req bad = { .bytes = 0, .align = 64 };
	MODEL_EXPECT(m, model_alloc_bytes(m, &bad, &got) == -EINVAL, 0);
	bad = (struct palloc_bytes_req){ .bytes = 64, .align = 48 };
	MODEL_EXPECT(m, model_alloc_bytes(m, &bad, &got) == -EINVAL, 0);
	bad = (struct palloc_bytes_req){ .bytes = UINT64_MAX, .align = 64 };
	MODEL_EXPECT(m, model_alloc_bytes(m, &bad, &got) == -ENOMEM, 0);
	bad = (struct palloc_bytes_req){ .bytes = 64, .align = 64, .limit = start };
	MODEL_EXPECT(m, model_alloc_bytes(m, &bad, &got) == -ENOMEM, 0);
	for (unsigned int i = 0; i < 400; i++) {
		struct palloc_bytes_req req = {
			.bytes = 1 + model_random_below(m, i % 8 == 0 ? 40000 : 3000),
			.align = 1ULL << model_random_below(m, 15),
			.goal = i % 3 == 0 ? middle + model_random_below(m, 100000) : 0,
			.limit = i % 3 == 1 ? middle : 0,
		};
		int err = model_alloc_bytes(m, &req, &got);
		MODEL_EXPECT(m, (err == 0 || err == -ENOMEM) && m->wrong == NULL, i);
		if (i % 50 == 0) {
			MODEL_EXPECT(m, model_verify(m), i);
		}
	}
	return model_verify(m);
}

const struct property conformance_ranges[] = {
	{ "small_requests_share_pages", PALLOC_CAP_PACK, small_requests_share_pages },
	{ "a_shared_page_that_is_freed_is_shared_no_more", PALLOC_CAP_PACK | PALLOC_CAP_SUBFREE,
	  a_shared_page_that_is_freed_is_shared_no_more },
	{ "goals_and_limits_of_boot_allocations_are_kept", PALLOC_CAP_PACK,
	  goals_and_limits_of_boot_allocations_are_kept },
	{ "claims_take_exactly_what_was_asked", PALLOC_CAP_CLAIM | PALLOC_CAP_FREE,
	  claims_take_exactly_what_was_asked },
	{ "a_claim_is_all_or_nothing_and_names_what_is_in_the_way", PALLOC_CAP_CLAIM,
	  a_claim_is_all_or_nothing_and_names_what_is_in_the_way },
	{ "any_part_of_a_block_can_be_freed", PALLOC_CAP_SUBFREE,
	  any_part_of_a_block_can_be_freed },
	{ "neighbours_can_be_freed_together", PALLOC_CAP_SUBFREE | PALLOC_CAP_CLAIM,
	  neighbours_can_be_freed_together },
	{ "runs_of_any_length_are_served", PALLOC_CAP_RUN, runs_of_any_length_are_served },
	{ "isolated_pageblocks_serve_nobody", PALLOC_CAP_CLASS | PALLOC_CAP_FREE,
	  isolated_pageblocks_serve_nobody },
	{ "cma_pageblocks_serve_only_movable_requests_that_allow_it", PALLOC_CAP_CLASS,
	  cma_pageblocks_serve_only_movable_requests_that_allow_it },
	{ "types_can_change_under_blocks_in_use",
	  PALLOC_CAP_CLASS | PALLOC_CAP_CLAIM | PALLOC_CAP_FREE,
	  types_can_change_under_blocks_in_use },
	{ "blocks_over_several_types_can_be_adopted",
	  PALLOC_CAP_CLASS | PALLOC_CAP_FREE | PALLOC_CAP_SUBFREE,
	  blocks_over_several_types_can_be_adopted },
	{ "retag_wants_whole_pageblocks", PALLOC_CAP_CLASS, retag_wants_whole_pageblocks },
	{ "shrinking_makes_holes_that_can_be_added_again", PALLOC_CAP_SHRINK,
	  shrinking_makes_holes_that_can_be_added_again },
	{ NULL, 0, NULL },
};
