/* SPDX-License-Identifier: BSD-2-Clause */
/* See cma_taker.h. */
#include "cma_taker.h"

#include "random.h"

#include "fpg/base/errno.h"
#include "fpg/base/range.h"
#include "fpg/core/page_alloc.h"

#include <errno.h>
#include <string.h>

/** What a page that was taken reads as. */
#define SPOILT 0xa5

#define BALLAST 256U
static struct page *ballast[BALLAST];

void taker_ballast_take(void)
{
	const uint64_t least = page_alloc_free_pages() / 2;
	for (unsigned int i = 0; i < BALLAST && page_alloc_free_pages() > least; i++) {
		ballast[i] = alloc_pages(GFP_KERNEL | __GFP_NOWARN, MAX_PAGE_ORDER);
	}
}

void taker_ballast_give(void)
{
	for (unsigned int i = 0; i < BALLAST; i++) {
		__free_pages(ballast[i], MAX_PAGE_ORDER);
		ballast[i] = NULL;
	}
}

struct cma *taker_area(void)
{
	return cma_default();
}

uint64_t taker_moved(const struct cma *area)
{
	struct cma_stats stats;
	cma_stats_read(area, &stats);
	return stats.pages_moved;
}

uint64_t taker_discarded(const struct cma *area)
{
	struct cma_stats stats;
	cma_stats_read(area, &stats);
	return stats.pages_discarded;
}

static uint64_t area_pages(const struct cma *area)
{
	return cma_get_size(area) / PAGE_SIZE;
}

/** The longest run of frames that are not given out, lent or not. */
static uint64_t longest_room(const struct cma *area)
{
	const uint64_t first = phys_to_pfn(cma_get_base(area)).n;
	uint64_t longest = 0;
	uint64_t run = 0;
	for (uint64_t i = 0; i < area_pages(area); i++) {
		run = cma_is_given_out(area, pfn(first + i)) ? 0 : run + 1;
		longest = run > longest ? run : longest;
	}
	return longest;
}

void taker_start(struct taker *t, struct cma *area, uint64_t seed)
{
	memset(t, 0, sizeof(*t));
	t->area = area;
	t->random = seed | 1;
}

static bool fails(struct taker *t, const char *why)
{
	t->wrong = why;
	return false;
}

/** The call for @size failed, as t->report says. Return: rightly so */
static bool failed_rightly(struct taker *t, uint32_t size)
{
	const uint64_t room = longest_room(t->area);
	if (room < size) {
		t->full++;
		return t->report.err == -ENOMEM || fails(t, "no room, but not -ENOMEM");
	}
	if (t->excuse == NULL) {
		return fails(t, "there was room");
	}
	t->explained++;
	return t->excuse(t, &t->report) || fails(t, "there was room, and the report is wrong");
}

/** Return: nothing is wrong; *@got: it was served */
static bool take(struct taker *t, uint32_t size, bool *got)
{
	__atomic_store_n(&t->calls, t->calls + 1, __ATOMIC_RELEASE);
	struct page *page = cma_alloc_report(t->area, size, 0, true, &t->report);
	*got = page != NULL;
	t->wrong_pages = size;
	if (page == NULL) {
		return failed_rightly(t, size);
	}
	const phys_addr_t at = page_to_phys(page);
	const phys_addr_t base = cma_get_base(t->area);
	if (at < base || at + size * PAGE_SIZE > base + cma_get_size(t->area)) {
		return fails(t, "pages from outside the area");
	}
	for (uint32_t i = 0; i < size; i++) {
		if (!cma_is_given_out(t->area, pfn_add(page_to_pfn(page), i)) ||
		    page_word_refs(page[i].word) != 1) {
			return fails(t, "a page that is not given out, or somebody's");
		}
	}
	memset(page_address(page), SPOILT, size * PAGE_SIZE);
	t->handle[t->handles].page = page;
	t->handle[t->handles].pages = size;
	t->handles++;
	t->served++;
	return true;
}

bool taker_fill(struct taker *t)
{
	uint64_t most = area_pages(t->area);
	while (t->wrong == NULL && t->handles < TAKER_HANDLES && most != 0) {
		/* Small ones as often as large ones. */
		const uint64_t limit = most >> xorshift64star(&t->random) % 12;
		const uint32_t size =
			1 + (uint32_t)(limit != 0 ? xorshift64star(&t->random) % limit : 0);
		bool got;
		if (take(t, size, &got) && !got) {
			most = size - 1;
		}
	}
	return t->wrong == NULL;
}

/** Whoever has written to a page that is ours did not know that it is gone. */
static bool spoilt_still(const struct page *page, uint32_t pages)
{
	const uint64_t *word = page_address(page);
	uint64_t wanted;
	memset(&wanted, SPOILT, sizeof(wanted));
	for (uint64_t i = 0; i < pages * (PAGE_SIZE / sizeof(wanted)); i++) {
		if (word[i] != wanted) {
			return false;
		}
	}
	return true;
}

bool taker_empty(struct taker *t)
{
	while (t->handles != 0) {
		const uint32_t i = (uint32_t)(xorshift64star(&t->random) % t->handles);
		const uint64_t random = xorshift64star(&t->random);
		uint32_t pages = t->handle[i].pages;
		if (random % 2 == 0) {
			pages = 1 + (uint32_t)(random / 2 % pages);
		}
		if (!spoilt_still(t->handle[i].page, pages)) {
			t->wrong = "somebody wrote to pages that were given out";
		}
		if (!cma_release(t->area, t->handle[i].page, pages)) {
			return fails(t, "a release was refused");
		}
		t->handle[i].page += pages;
		t->handle[i].pages -= pages;
		if (t->handle[i].pages == 0) {
			t->handle[i] = t->handle[--t->handles];
		}
	}
	return t->wrong == NULL;
}

void taker_say(const struct taker *t, struct out *out)
{
	if (t->wrong == NULL) {
		return;
	}
	out_printf(out, "# cma_alloc of %u pages, call %llu: %s; %s, %llu windows, %llu to move: ",
		   t->wrong_pages, (unsigned long long)t->calls, t->wrong,
		   errno_name(t->report.err), (unsigned long long)t->report.windows_tried,
		   (unsigned long long)t->report.pages_to_move);
	if (t->report.blocker.reason != MIGRATE_REASON_NONE) {
		migrate_blocker_print(out, &t->report.blocker);
	}
	out_puts(out, "\n");
}
