/* SPDX-License-Identifier: BSD-2-Clause */
/* A program's pages are put where a benchmark wants them: it moves them, page by page. */
#include "bench.h"

#include "fpg/core/migrate.h"
#include "fpg/core/page_alloc.h"
#include "fpg/pagetable/mm.h"

/** Where a program's pages go: the frames from here on. */
static struct page *into_frames(void *ctx, const struct page *from, unsigned int order)
{
	uint64_t *next = ctx;
	(void)from;
	(void)order;
	return pfn_to_page(pfn((*next)++));
}

static void keep_place(void *ctx, struct page *to, unsigned int order)
{
	(void)to;
	(void)order;
	(*(uint64_t *)ctx)--;
}

static void free_old(void *ctx, struct page *from, unsigned int order)
{
	(void)ctx;
	__free_pages(from, order);
}

int bench_move_into(struct mm *mm, vaddr_t at, uint64_t pages, pfn_t first)
{
	uint64_t next = first.n;
	const struct migrate_control control = {
		.target = into_frames,
		.untarget = keep_place,
		.emptied = free_old,
		.ctx = &next,
	};
	struct migrate_result result = { 0 };
	int err = 0;
	for (uint64_t i = 0; err == 0 && i < pages; i++) {
		struct page *page;
		err = mm_pin_page(mm, vaddr(at.v + i * PAGE_SIZE), PROT_READ, &page);
		if (err == 0) {
			pfn_t f = page_to_pfn(page);
			mm_unpin_page(page);
			err = migrate_frames((struct pfn_range){ f, pfn_add(f, 1) }, &control,
					     &result);
		}
	}
	return err;
}
