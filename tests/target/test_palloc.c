/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page allocator on the target: real memory, stamped by its holder, and the conformance suite on frames taken
 * from it. The seed of the random run is printed.
 */
#include "ktap.h"

#include "fpg/core/ledger.h"
#include "fpg/core/page_alloc.h"
#include "fpg/port/port.h"
#include "tests/conformance/palloc/conformance.h"

#include <errno.h>
#include <string.h>

#define BLOCKS 512
#define ROUNDS 20000

struct held {
	struct page *page;
	uint32_t order;
};

static struct held held[BLOCKS];

static uint64_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
	return *state >> 33;
}

static uint64_t *last_word(const struct held *h)
{
	char *end = (char *)page_address(h->page) + (PAGE_SIZE << h->order);
	return (uint64_t *)(void *)(end - sizeof(uint64_t));
}

static void stamp(const struct held *h, uint64_t value)
{
	*(uint64_t *)page_address(h->page) = value;
	*last_word(h) = value;
}

static bool stamp_intact(const struct held *h, uint64_t value)
{
	return *(uint64_t *)page_address(h->page) == value && *last_word(h) == value;
}

static int free_all_held(struct out *out)
{
	for (uint32_t i = 0; i < BLOCKS; i++) {
		if (held[i].page != NULL) {
			KTAP_EXPECT(out, stamp_intact(&held[i], i + 1));
			__free_pages(held[i].page, held[i].order);
			held[i].page = NULL;
		}
	}
	return 0;
}

static int no_block_is_handed_out_twice(struct out *out)
{
	uint64_t free_before = page_alloc_free_pages();
	uint64_t seed = port_time_ticks();
	uint64_t state = seed;
	out_printf(out, "# seed 0x%llx, backend %s\n", (unsigned long long)seed,
		   page_alloc_backend_name());
	for (uint32_t round = 0; round < ROUNDS; round++) {
		uint32_t i = (uint32_t)(next_random(&state) % BLOCKS);
		if (held[i].page != NULL) {
			KTAP_EXPECT(out, stamp_intact(&held[i], i + 1));
			__free_pages(held[i].page, held[i].order);
			held[i].page = NULL;
			continue;
		}
		held[i].order = (uint32_t)(next_random(&state) % 6);
		gfp_t gfp = next_random(&state) & 1 ? GFP_USER_MOVABLE : GFP_KERNEL;
		held[i].page = alloc_pages(gfp | __GFP_NOWARN, held[i].order);
		if (held[i].page != NULL) {
			uint64_t align = (PAGE_SIZE << held[i].order) - 1;
			KTAP_EXPECT(out, (page_to_phys(held[i].page) & align) == 0);
			stamp(&held[i], i + 1);
		}
	}
	if (free_all_held(out) != 0) {
		return 1;
	}
	/* Records that were populated on the way keep their pages, so a few frames may be gone for good. */
	KTAP_EXPECT(out, page_alloc_free_pages() <= free_before);
	KTAP_EXPECT(out, free_before - page_alloc_free_pages() < free_before / 64 + 64);
	struct ledger_totals totals;
	KTAP_EXPECT(out, ledger_check(&totals) == 0);
	return 0;
}

static int zeroed_pages_are_zero(struct out *out)
{
	struct page *page = alloc_pages(GFP_KERNEL, 2);
	KTAP_EXPECT(out, page != NULL);
	memset(page_address(page), 0xa5, PAGE_SIZE << 2);
	__free_pages(page, 2);
	page = alloc_pages(GFP_KERNEL | __GFP_ZERO, 2);
	KTAP_EXPECT(out, page != NULL);
	const uint64_t *words = page_address(page);
	uint64_t sum = 0;
	for (size_t i = 0; i < (PAGE_SIZE << 2) / sizeof(*words); i++) {
		sum |= words[i];
	}
	__free_pages(page, 2);
	KTAP_EXPECT(out, sum == 0);
	return 0;
}

static int a_double_free_is_refused(struct out *out)
{
	struct page *page = alloc_page(GFP_KERNEL);
	KTAP_EXPECT(out, page != NULL);
	uint64_t refused = page_alloc_refused_frees();
	__free_page(page);
	uint64_t free_pages_now = page_alloc_free_pages();
	__free_page(page);
	KTAP_EXPECT(out, page_alloc_refused_frees() == refused + 1);
	KTAP_EXPECT(out, page_alloc_free_pages() == free_pages_now);
	return 0;
}

struct check {
	struct out *out;
	unsigned int bad;
};

static bool count_bad_zone(void *ctx, struct zone *zone)
{
	struct check *c = ctx;
	const char *why = "";
	if (zone_check(zone, &why) != 0) {
		c->bad++;
		out_printf(c->out, "# zone %s of node %u: %s\n", zone_name(zone->type), zone->nid,
			   why);
	}
	return true;
}

static int every_zone_passes_its_own_check(struct out *out)
{
	struct check c = { .out = out };
	zone_for_each(count_bad_zone, &c);
	KTAP_EXPECT(out, c.bad == 0);
	return 0;
}

const struct target_test target_tests_palloc[] = {
	{ "no_block_is_handed_out_twice", no_block_is_handed_out_twice },
	{ "zeroed_pages_are_zero", zeroed_pages_are_zero },
	{ "a_double_free_is_refused", a_double_free_is_refused },
	{ "every_zone_passes_its_own_check", every_zone_passes_its_own_check },
	{ 0 },
};
