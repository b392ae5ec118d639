/* SPDX-License-Identifier: BSD-2-Clause */
/* The invariants of an address space (pagetable/mm/), looked at from outside. */
#include "mm_machine.h"

#include "fpg/core/page.h"

struct look {
	const struct mm *mm;
	uint64_t pages;
	const char *wrong;
};

static void look_at(void *ctx, vaddr_t va, phys_addr_t pa)
{
	struct look *look = ctx;
	const struct page *page = pfn_to_page(phys_to_pfn(pa));
	struct area *node = area_find(&look->mm->areas, va.v);
	struct pt_walk walk;
	look->pages++;
	if (pt_walk(&look->mm->pt, va, &walk) != 0 || walk.level != 0 || walk.phys != pa) {
		look->wrong = "the walk finds another leaf";
		return;
	}
	if (node == NULL || node->start > va.v) {
		look->wrong = "a page lies in no area";
		return;
	}
	const struct mm_area *area = mm_area_of(node);
	const bool migrating = (page->word & PAGE_F_MIGRATING) != 0;
	if (walk.hidden != (area->prot == PROT_NONE || migrating)) {
		look->wrong = "a leaf is hidden, or not, against what area and page say";
	} else if (walk.prot != mm_leaf_prot(area->prot)) {
		look->wrong = "a leaf does not allow what its area allows";
	} else if (!page_is_anon(page) || page->mapping != page_anon_mapping(look->mm->id, va)) {
		look->wrong = "a record does not name its mapping";
	} else if (page_word_refs(page->word) == 0 || page_word_order(page->word) != 0) {
		look->wrong = "a page has no reference, or is larger than a page";
	}
}

static const char *areas_wrong(const struct mm *mm)
{
	const char *wrong = area_tree_wrong(&mm->areas);
	const struct area *prev = NULL;
	for (struct area *a = area_first(&mm->areas); a != NULL && wrong == NULL;
	     a = area_next(a)) {
		const struct mm_area *area = mm_area_of(a);
		if (!mm_range_ok(mm, vaddr(a->start), a->end - a->start)) {
			wrong = "an area lies where none may be";
		}
		if (prev != NULL && prev->end == a->start) {
			const struct mm_area *below = container_of(prev, struct mm_area, range);
			if (below->prot == area->prot && below->flags == area->flags) {
				wrong = "neighbours that are alike are not one";
			}
		}
		prev = a;
	}
	return wrong;
}

const char *mm_wrong(const struct mm *mm)
{
	struct look look = { .mm = mm };
	struct pt_totals totals;
	const char *wrong = areas_wrong(mm);
	if (wrong != NULL) {
		return wrong;
	}
	mm_for_each_leaf(mm, 0, 1ULL << (mm->pt.mode->va_bits - 1), look_at, &look);
	if (look.wrong != NULL) {
		return look.wrong;
	}
	if (look.pages != mm->anon_pages) {
		return "anon_pages is not the number of leaves";
	}
	pt_totals(&mm->pt, &totals);
	if ((totals.mapped_bytes + totals.hidden_bytes) >> PAGE_SHIFT != look.pages) {
		return "the tables hold other leaves than the walk found";
	}
	return mm->stock.pages.count == 0 ? NULL : "table pages lie in the stock of an unlocked mm";
}
