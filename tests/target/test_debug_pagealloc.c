/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * debug_pagealloc and page_owner on the machine: a use after free faults with the right cause, on every hart, is
 * survived, and is told with the names of those who had the page; a page that changes while it is free is found. Without
 * the bootarg, free pages are mapped as any memory.
 */
#include "protect.h"
#include "smp.h"

#include "fpg/base/bits.h"
#include "fpg/core/image.h"
#include "fpg/core/kernel_map_ops.h"
#include "fpg/core/page_alloc.h"
#include "fpg/core/page_owner.h"
#include "fpg/core/page_poison.h"
#include "fpg/pagetable/vmalloc.h"

#include <string.h>

static uint64_t at(const void *p)
{
	return (uint64_t)(uintptr_t)p;
}

static FPG_NOINLINE char *take_a_page(void)
{
	char *p = __get_free_pages(GFP_KERNEL, 0);
	__asm__ volatile("");
	return p;
}

static FPG_NOINLINE void give_a_page(char *p)
{
	free_pages(p, 0);
	__asm__ volatile("");
}

static int a_freed_page_is_out_of_reach_if_asked_for(struct out *out)
{
	char *p = take_a_page();
	KTAP_EXPECT(out, p != NULL);
	if (expect_works(out, do_write, at(p) + 100)) {
		return 1;
	}
	give_a_page(p);
	if (!debug_pagealloc_enabled()) {
		return expect_works(out, do_read, at(p) + 100);
	}
	return expect_fault(out, do_read, at(p) + 100, TRAP_LOAD_PAGE_FAULT) ||
	       expect_fault(out, do_write, at(p) + 100, TRAP_STORE_PAGE_FAULT) ||
	       expect_fault(out, do_execute, at(p), TRAP_INSN_PAGE_FAULT);
}

static int the_owners_of_a_page_are_named(struct out *out)
{
	char text[600];
	struct out_buffer b;
	char *p = take_a_page();
	KTAP_EXPECT(out, p != NULL);
	pfn_t f = page_to_pfn(virt_to_page(p));
	out_buffer_init(&b, text, sizeof(text));
	page_owner_print(&b.out, f);
	give_a_page(p);
	if (!page_owner_enabled()) {
		KTAP_EXPECT(out, strcmp(text, "page_owner off") == 0);
		return 0;
	}
	KTAP_EXPECT(out, page_owner_of(f) != NULL && !page_owner_of(f)->live);
	if (FPG_ENABLED(CONFIG_BACKTRACE)) {
		KTAP_EXPECT(out, strstr(text, "allocated by take_a_page+0x") != NULL);
	}
	if (!debug_pagealloc_enabled()) {
		return 0;
	}
	out_buffer_init(&b, text, sizeof(text));
	KTAP_EXPECT(out, debug_pagealloc_explain(&b.out, at(p) + 100));
	KTAP_EXPECT(out, strstr(text, "lies in a free page, pfn 0x") != NULL);
	if (FPG_ENABLED(CONFIG_BACKTRACE)) {
		KTAP_EXPECT(out, strstr(text, "allocated by take_a_page+0x") != NULL);
		KTAP_EXPECT(out, strstr(text, "freed by give_a_page+0x") != NULL);
	}
	KTAP_EXPECT(out, !debug_pagealloc_explain(&b.out, at(text)));
	KTAP_EXPECT(out, !debug_pagealloc_explain(&b.out, 0));
	return 0;
}

/** Pages taken one by one, through their first words, until @wanted is among them or there were @most. */
static char *take_until(const char *wanted, unsigned int most)
{
	char *list = NULL;
	for (unsigned int i = 0; i < most; i++) {
		char *p = take_a_page();
		if (p == NULL) {
			break;
		}
		*(char **)p = list;
		list = p;
		if (p == wanted) {
			break;
		}
	}
	return list;
}

static void give_all(char *list)
{
	while (list != NULL) {
		char *next = *(char **)list;
		give_a_page(list);
		list = next;
	}
}

static int a_write_through_another_mapping_is_found(struct out *out)
{
	char *p = take_a_page();
	struct page *page = virt_to_page(p);
	KTAP_EXPECT(out, p != NULL);
	if (!debug_pagealloc_enabled()) {
		give_a_page(p);
		return 0;
	}
	uint64_t found = debug_pagealloc_changed_pages();
	volatile uint8_t *alias = vmap(&page, 1, MEM_R | MEM_W);
	give_a_page(p);
	uint8_t poison = alias[0x123];
	alias[0x123] = 0x5a;
	vunmap((const void *)(uintptr_t)alias);
	char *list = take_until(p, 20000);
	uint64_t now = debug_pagealloc_changed_pages();
	bool got = list == p;
	give_all(list);
	KTAP_EXPECT(out, poison == PAGE_POISON_BYTE);
	KTAP_EXPECT(out, got);
	KTAP_EXPECT(out, now == found + 1);
	return 0;
}

/* ---- all free memory ------------------------------------------------------------------------------------------ */

struct sweep {
	uint64_t tried;
	uint64_t wrong;
	uint64_t where;
};

static bool try_page(struct sweep *s, uint64_t n, bool free)
{
	struct access a = { .address = at(port_phys_to_virt(pfn_to_phys(pfn(n)))) };
	uint64_t cause = 0;
	bool faulted = trap_expect(do_read, &a, &cause, NULL) != 0;
	s->tried++;
	if (faulted != free || (faulted && cause != TRAP_LOAD_PAGE_FAULT)) {
		s->wrong++;
		s->where = n;
	}
	return s->wrong == 0;
}

/** The ends of a run, and a sample of it. */
static bool try_run(void *ctx, struct zone *zone, const struct palloc_run *run)
{
	struct sweep *s = ctx;
	(void)zone;
	bool free = debug_pagealloc_enabled() &&
		    (run->state == PALLOC_RUN_FREE || run->state == PALLOC_RUN_PADDING);
	uint64_t step = pfn_range_pages(run->range) / 500 + 1;
	for (uint64_t n = run->range.start.n; n < run->range.end.n; n += step) {
		if (!try_page(s, n, free)) {
			return false;
		}
	}
	return try_page(s, run->range.end.n - 1, free);
}

static int free_memory_is_out_of_reach_and_no_other(struct out *out)
{
	struct sweep s = { 0 };
	palloc_walk_all(try_run, &s);
	if (s.wrong != 0) {
		out_printf(out, "# pfn 0x%llx is not as its state says\n",
			   (unsigned long long)s.where);
	}
	KTAP_EXPECT(out, s.tried > 100);
	return s.wrong != 0;
}

/* ---- several harts -------------------------------------------------------------------------------------------- */

/** As many pages as are freed at most before all harts know. */
#define LARGE_ORDER 6

/** Return: 0 when the page can be read | -EFAULT */
static int read_it(void *arg)
{
	struct access a = { .address = at(arg) };
	return trap_expect(do_read, &a, NULL, NULL);
}

/** On each hart. Return: 0 when all can read the page | -EFAULT, when one cannot */
static int read_everywhere(char *p)
{
	return hart_run_mask(harts_online(), "debug_pagealloc test", read_it, p, NULL);
}

/** Return: how many harts can read the page. */
static unsigned int readers(char *p)
{
	int results[PORT_MAX_HARTS] = { 0 };
	unsigned int n = 0;
	(void)!hart_run_mask(harts_online(), "debug_pagealloc test", read_it, p, results);
	for (hart_mask_t m = harts_online(); m != 0; m &= m - 1) {
		n += results[bit_lowest(m)] == 0;
	}
	return n;
}

/** Each hart has read the page; once enough was freed and the next block is handed out, none can. */
static int all_harts_see_what_is_free(struct out *out)
{
	enum {
		ROUNDS = 50
	};
	for (int round = 0; debug_pagealloc_enabled() && round < ROUNDS; round++) {
		char *p = take_a_page();
		char *block = __get_free_pages(GFP_KERNEL, LARGE_ORDER);
		KTAP_EXPECT(out, p != NULL && block != NULL);
		int read = read_everywhere(p);
		give_a_page(p);
		free_pages(block, LARGE_ORDER);
		block = __get_free_pages(GFP_KERNEL, LARGE_ORDER);
		/* The allocator may have taken it for itself, or for the block. */
		bool live = page_owner_of(page_to_pfn(virt_to_page(p)))->live;
		unsigned int still = live ? 0 : readers(p);
		int read_block = read_everywhere(block);
		free_pages(block, LARGE_ORDER);
		KTAP_EXPECT(out, read == 0);
		KTAP_EXPECT(out, still == 0);
		KTAP_EXPECT(out, read_block == 0);
	}
	return 0;
}

const struct target_test target_tests_debug_pagealloc[] = {
	{ "a_freed_page_is_out_of_reach_if_asked_for", a_freed_page_is_out_of_reach_if_asked_for },
	{ "the_owners_of_a_page_are_named", the_owners_of_a_page_are_named },
	{ "a_write_through_another_mapping_is_found", a_write_through_another_mapping_is_found },
	{ "free_memory_is_out_of_reach_and_no_other", free_memory_is_out_of_reach_and_no_other },
	{ "all_harts_see_what_is_free", all_harts_see_what_is_free },
	{ 0 },
};
