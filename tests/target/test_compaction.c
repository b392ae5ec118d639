/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Compaction on the machine itself: a program's pages, every second one of them gone, are moved together, and the space
 * finds its contents as they were.
 */
#include "ktap.h"

#include "fpg/base/range.h"
#include "fpg/core/compaction.h"
#include "fpg/core/page_alloc.h"
#include "fpg/pagetable/mm.h"

#include <string.h>

/** Pages of a mapping, more than the gaps that earlier tests may have left; every second one is given back. */
#define PAGES 6144U

static uint64_t words[PAGE_SIZE / sizeof(uint64_t)];

static uint64_t word_of(uint64_t page, uint64_t i)
{
	return (page + 1) * 0x9e3779b97f4a7c15ULL + i;
}

static void set_words(uint64_t page)
{
	for (uint64_t i = 0; i < ARRAY_SIZE(words); i++) {
		words[i] = word_of(page, i);
	}
}

static bool words_are(uint64_t page)
{
	for (uint64_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (words[i] != word_of(page, i)) {
			return false;
		}
	}
	return true;
}

/** Fill a mapping, then give back every second page. Return: 0 | negative errno */
static int half_of_a_mapping(struct mm *mm, vaddr_t *at)
{
	int err = mm_mmap(mm, vaddr(0), PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE, 0, at);
	for (uint64_t i = 0; err == 0 && i < PAGES; i++) {
		set_words(i);
		err = mm_write(mm, vaddr(at->v + i * PAGE_SIZE), words, sizeof(words));
	}
	for (uint64_t i = 1; err == 0 && i < PAGES; i += 2) {
		err = mm_munmap(mm, vaddr(at->v + i * PAGE_SIZE), PAGE_SIZE);
	}
	return err;
}

/** The backend, one for all zones, keeps types apart. */
static bool apart;

static bool compact_one(void *ctx, struct zone *zone)
{
	struct compact_report *sum = ctx;
	struct compact_report report;
	apart = zone->palloc != NULL && (zone->palloc->ops->caps & PALLOC_CAP_CLASS) != 0;
	if (zone->palloc != NULL && compact_zone(zone, -1, &report) == 0) {
		sum->moved_pages += report.moved_pages;
		sum->emptied_blocks += report.emptied_blocks;
	}
	return true;
}

static int a_programs_pages_are_moved_together_whole(struct out *out)
{
	struct compact_report sum = { .moved_pages = 0 };
	uint64_t wrong = 0;
	vaddr_t at;
	if (!FPG_ENABLED(CONFIG_COMPACTION)) {
		return ktap_skip("no compaction in this build");
	}
	struct mm *mm = mm_create("test");
	KTAP_EXPECT(out, mm != NULL);
	int err = half_of_a_mapping(mm, &at);
	if (err == 0) {
		zone_for_each(compact_one, &sum);
	}
	for (uint64_t i = 0; err == 0 && i < PAGES; i += 2) {
		err = mm_read(mm, vaddr(at.v + i * PAGE_SIZE), words, sizeof(words));
		wrong += !words_are(i);
	}
	mm_destroy(mm);
	KTAP_EXPECT(out, err == 0 && wrong == 0);
	/*
	 * At least one pageblock becomes empty; how many pages that takes depends on the gaps that the boot left, which
	 * are filled first. A backend that does not keep types apart puts page tables between them, which do not move.
	 */
	if (!apart) {
		out_printf(out, "# %llu pages moved among page tables\n",
			   (unsigned long long)sum.moved_pages);
		return 0;
	}
	KTAP_EXPECT(out, sum.moved_pages > 0 && sum.emptied_blocks > 0);
	return 0;
}

const struct target_test target_tests_compaction[] = {
	{ "a_programs_pages_are_moved_together_whole", a_programs_pages_are_moved_together_whole },
	{ 0 },
};
