/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What changing page tables costs, on tables of our own that no hart walks: instructions a leaf over 1 GiB, and the
 * linear map of 1 TiB. Table pages are dirty, and clearing what must be cleared is counted; taking one costs next to
 * nothing here, as from a stock.
 */
#include "bench.h"

#include "fpg/base/range.h"
#include "fpg/core/page_alloc.h"
#include "fpg/pagetable/pt.h"
#include "fpg/port/port.h"

#include <errno.h>
#include <string.h>

/** Sv39, 1 GiB of 4 KiB leaves: 512 tables, one above them, and the root. */
#define TABLE_ORDER 10U

/** Anywhere in the lower half; memory as high as this exists in no test machine and is not touched. */
#define WHERE	  0x1000000000UL
#define PHYS	  0x80000000UL
#define FIRMWARE  SZ_2M
#define IMAGE_RO  SZ_1M
#define TIB	  ((uint64_t)1 << 40)
#define SV48_BASE 0xffffa00000000000UL

/** Table pages from one block of memory, given out in order, taken back to a list. */
struct pool {
	char *next;
	char *end;
	char *block;
	phys_addr_t free;
};

static int pool_take(void *ctx, phys_addr_t *page)
{
	struct pool *p = ctx;
	if (p->free != 0) {
		*page = p->free;
		p->free = *(phys_addr_t *)port_phys_to_virt(*page);
		return 0;
	}
	if (p->next == p->end) {
		return -ENOMEM;
	}
	*page = port_virt_to_phys(p->next);
	p->next += PAGE_SIZE;
	return 0;
}

static void pool_give(void *ctx, phys_addr_t page)
{
	struct pool *p = ctx;
	*(phys_addr_t *)port_phys_to_virt(page) = p->free;
	p->free = page;
}

static void *pool_virt(void *ctx, phys_addr_t page)
{
	(void)ctx;
	return port_phys_to_virt(page);
}

static const struct pt_page_source pool_source = { pool_take, pool_give, pool_virt };

struct bench_tables {
	struct pt pt;
	struct pool pool;
};

static int tables_open(struct bench_report *report, struct bench_tables *t,
		       const struct pt_mode *mode, uint32_t always)
{
	const size_t bytes = PAGE_SIZE << TABLE_ORDER;
	*t = (struct bench_tables){ .pool.block = __get_free_pages(GFP_KERNEL, TABLE_ORDER) };
	if (t->pool.block == NULL) {
		return bench_fail(report, -ENOMEM, "no memory for tables");
	}
	t->pool.next = t->pool.block;
	t->pool.end = t->pool.block + bytes;
	memset(t->pool.block, 0xa5, bytes);
	int r = pt_init(&t->pt, mode, &pool_source, &t->pool, always);
	return r == 0 ? 0 : bench_fail(report, r, "pt_init");
}

static void tables_close(struct bench_tables *t)
{
	if (t->pt.root != 0) {
		pt_destroy(&t->pt);
	}
	free_pages(t->pool.block, TABLE_ORDER);
}

/** 1 GiB of leaves of @level: map it, then give it other permissions, then unmap it. */
static int run_leaves(struct bench_report *report, unsigned int level, const char *map,
		      const char *protect, const char *unmap)
{
	struct bench_tables t;
	struct bench_timer timer;
	const uint64_t leaves = SZ_1G >> pt_level_shift(level);
	int r = tables_open(report, &t, &pt_mode_sv39, PT_GLOBAL);
	if (r == 0) {
		bench_begin(&timer);
		r = pt_map(&t.pt, vaddr(WHERE), PHYS, SZ_1G, MEM_R | MEM_W, level);
		const uint64_t n = bench_end(&timer);
		if (r == 0 && map != NULL) {
			bench_line(report, map, n, leaves);
		}
	}
	if (r == 0 && protect != NULL) {
		bench_begin(&timer);
		r = pt_protect(&t.pt, vaddr(WHERE), SZ_1G, MEM_R);
		bench_line(report, protect, bench_end(&timer), leaves);
	}
	if (r == 0 && unmap != NULL) {
		bench_begin(&timer);
		r = pt_unmap(&t.pt, vaddr(WHERE), SZ_1G);
		bench_line(report, unmap, bench_end(&timer), leaves);
	}
	tables_close(&t);
	return r;
}

static int leaf_2m(struct bench_report *report)
{
	return run_leaves(report, 1, "pagetable.leaf_2m", NULL, NULL);
}

static int leaf_4k(struct bench_report *report)
{
	return run_leaves(report, 0, "pagetable.leaf_4k", NULL, NULL);
}

static int protect_4k(struct bench_report *report)
{
	return run_leaves(report, 0, NULL, "pagetable.protect_4k", NULL);
}

static int unmap_4k(struct bench_report *report)
{
	return run_leaves(report, 0, NULL, NULL, "pagetable.unmap_4k");
}

/** One page in the middle of mapped ones, as vmalloc or an address space does it. */
static int map_page(struct bench_report *report)
{
	struct bench_tables t;
	struct bench_timer timer;
	const vaddr_t va = vaddr(WHERE + SZ_1M);
	int r = tables_open(report, &t, &pt_mode_sv39, 0);
	if (r == 0) {
		r = pt_map(&t.pt, vaddr(WHERE), PHYS, SZ_1M, MEM_R, 0);
	}
	if (r == 0) {
		bench_begin(&timer);
		r = pt_map(&t.pt, va, PHYS + SZ_1M, PAGE_SIZE, MEM_R | MEM_W, 0);
		bench_line(report, "pagetable.map_page", bench_end(&timer), 1);
	}
	if (r == 0) {
		bench_begin(&timer);
		r = pt_unmap(&t.pt, va, PAGE_SIZE);
		bench_line(report, "pagetable.unmap_page", bench_end(&timer), 1);
	}
	tables_close(&t);
	return r;
}

/**
 * Fresh tables and the linear map of 1 TiB, as the kernel's plan makes it: nothing at the firmware's 2 MiB, then the
 * read-only part of the image, then all the rest read-write; leaves of up to 1 GiB.
 */
static int map_1t(struct bench_report *report)
{
	struct bench_tables t;
	struct bench_timer timer;
	const uint64_t offset = SV48_BASE - ALIGN_DOWN(PHYS, SZ_1G);
	phys_addr_t at = PHYS + FIRMWARE;
	int r = tables_open(report, &t, &pt_mode_sv48, PT_GLOBAL);
	if (r == 0) {
		pt_destroy(&t.pt);
		bench_begin(&timer);
		r = pt_init(&t.pt, &pt_mode_sv48, &pool_source, &t.pool, PT_GLOBAL);
		t.pt.keep_root = true;
		if (r == 0) {
			r = pt_map(&t.pt, vaddr(at + offset), at, IMAGE_RO, MEM_R, 2);
		}
		at += IMAGE_RO;
		if (r == 0) {
			r = pt_map(&t.pt, vaddr(at + offset), at, PHYS + TIB - at, MEM_R | MEM_W,
				   2);
		}
		bench_line(report, "pagetable.map_1T", bench_end(&timer), 1);
	}
	if (r == 0 && t.pt.count.leaves[2] != 1023) {
		r = bench_fail(report, -EIO, "map_1T: not 1023 leaves of 1 GiB");
	}
	tables_close(&t);
	return r;
}

const struct bench bench_rows_pagetable[] = {
	{ "pagetable.leaf_2m", leaf_2m },
	{ "pagetable.leaf_4k", leaf_4k },
	{ "pagetable.protect_4k", protect_4k },
	{ "pagetable.unmap_4k", unmap_4k },
	{ "pagetable.map_page", map_page },
	{ "pagetable.map_1T", map_1t },
	{ 0 },
};
