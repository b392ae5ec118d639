/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What this boot took, by stage and in all: from the first instruction in C to the first page allocated. The lines carry
 * the size of RAM and, when there are several, the harts: boot.1G, boot.1G_8harts; the run decides which.
 */
#include "bench.h"

#include "fpg/core/boot_phase.h"
#include "fpg/core/devicetree.h"
#include "fpg/core/ledger.h"
#include "fpg/core/page_alloc.h"
#include "fpg/port/port.h"
#include "monitor/commands.h"

#include <errno.h>
#include <stdio.h>

#define NAME_SIZE 64U

static void ram_name(char *text, size_t bytes, uint64_t ram)
{
	static const struct {
		char unit;
		unsigned int shift;
	} units[] = { { 'T', 40 }, { 'G', 30 }, { 'M', 20 } };
	size_t i = 0;
	while (i + 1 < ARRAY_SIZE(units) && ram >> units[i].shift == 0) {
		i++;
	}
	snprintf(text, bytes, "%llu%c", (unsigned long long)(ram >> units[i].shift), units[i].unit);
}

static int boot(struct bench_report *report)
{
	struct ledger_totals totals;
	char ram[16];
	char name[NAME_SIZE];
	uint64_t sum = 0;
	if (ledger_walk(NULL, NULL, &totals) != 0) {
		return bench_fail(report, -ENODEV, "no ledger");
	}
	ram_name(ram, sizeof(ram), totals.ram_bytes);
	for (unsigned int stage = 0; stage < STAGE_COUNT; stage++) {
		uint64_t n = boot_phase_instructions((enum boot_stage)stage);
		if (n != 0) {
			out_printf(report->out, "BOOT %s %s %llu\n", ram,
				   boot_stage_name((enum boot_stage)stage), (unsigned long long)n);
			sum += n;
		}
	}
	unsigned int harts = monitor_facts() != NULL ? monitor_facts()->cpus_found : 1;
	if (harts > 1) {
		snprintf(name, sizeof(name), "boot.%s_%uharts", ram, harts);
	} else {
		snprintf(name, sizeof(name), "boot.%s", ram);
	}
	bench_line(report, name, sum, 1);
	return 0;
}

/** Pages that back records; they stay. */
struct stock {
	phys_addr_t page[8];
	size_t left;
};

static phys_addr_t stock_take(void *ctx)
{
	struct stock *stock = ctx;
	return stock->left != 0 ? stock->page[--stock->left] : 0;
}

static void stock_give(void *ctx, phys_addr_t pa)
{
	struct stock *stock = ctx;
	stock->page[stock->left++] = pa;
}

/** Three pages of the frame table at once, of a block of the largest order that only its head had a record for. */
static int frame_populate_page(struct bench_report *report)
{
	struct bench_timer timer;
	struct stock stock = { .left = 0 };
	struct page *block = NULL;
	struct pfn_range frames = { { 0 }, { 0 } };
	for (unsigned int tries = 0; tries < 64 && frames.end.n == 0; tries++) {
		/* Movable, so that no pageblock gets another type: later rows would pay for it. */
		block = alloc_pages(GFP_USER_MOVABLE, MAX_PAGE_ORDER);
		if (block == NULL) {
			break;
		}
		/* Blocks stay allocated: freed ones would be the next to come. */
		pfn_t first = page_to_pfn(block);
		bool fresh = !frame_populated(pfn_add(first, FRAME_TABLE_CHUNK)) &&
			     !frame_populated(pfn_add(first, 2 * FRAME_TABLE_CHUNK)) &&
			     !frame_populated(pfn_add(first, 3 * FRAME_TABLE_CHUNK));
		if (fresh) {
			frames.start = pfn_add(first, FRAME_TABLE_CHUNK);
			frames.end = pfn_add(first, 4 * FRAME_TABLE_CHUNK);
		}
	}
	for (; stock.left < ARRAY_SIZE(stock.page); stock.left++) {
		struct page *page = alloc_page(GFP_USER_MOVABLE);
		if (page == NULL || frames.end.n == 0) {
			return bench_fail(report, -ENOMEM, "no block without records");
		}
		page->word |= PAGE_F_TABLE;
		stock.page[stock.left] = page_to_phys(page);
	}
	bench_begin(&timer);
	int err = frame_table_populate(frames, stock_take, stock_give, &stock);
	uint64_t cost = bench_end(&timer);
	__free_pages(block, MAX_PAGE_ORDER);
	if (err != 0) {
		return bench_fail(report, err, "frame_table_populate");
	}
	bench_line(report, "frame_populate_page", cost, pfn_range_pages(frames));
	return 0;
}

const struct bench bench_rows_boot[] = {
	{ "boot", boot },
	{ "frame_populate_page", frame_populate_page },
	{ 0 },
};
