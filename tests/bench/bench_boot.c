/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What this boot took, by stage and in all: from the first instruction in C to the first page allocated. The lines carry
 * the size of RAM, the harts when there are several, and the backend when it is not this build's own choice: boot.1G,
 * boot.1G_8harts, bootmem.boot.1T; the run decides which. And what records of the frame table cost, before other rows
 * populate all there are; what it took goes back, but for the records.
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
#include <string.h>

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

/** "1T", "1G_8harts", behind "bootmem.@what" where somebody chose that backend. */
static int run_name(char *text, size_t bytes, const char *what)
{
	struct ledger_totals totals;
	char ram[16];
	char harts[24] = "";
	if (ledger_walk(NULL, NULL, &totals) != 0) {
		return -ENODEV;
	}
	ram_name(ram, sizeof(ram), totals.ram_bytes);
	unsigned int count = monitor_facts() != NULL ? monitor_facts()->cpus_found : 1;
	if (count > 1) {
		snprintf(harts, sizeof(harts), "_%uharts", count);
	}
	bool own = strcmp(page_alloc_backend_name(), CONFIG_PALLOC_DEFAULT) == 0;
	snprintf(text, bytes, "%s%s%s%s%s", own ? "" : page_alloc_backend_name(), own ? "" : ".",
		 what, ram, harts);
	return 0;
}

/** A stage's name as one word. */
static const char *stage_word(char *text, size_t bytes, enum boot_stage stage)
{
	snprintf(text, bytes, "%s", boot_stage_name(stage));
	for (char *c = text; *c != '\0'; c++) {
		*c = *c == ' ' ? '_' : *c;
	}
	return text;
}

static int boot(struct bench_report *report)
{
	char name[NAME_SIZE];
	char stage_name[NAME_SIZE];
	uint64_t sum = 0;
	if (run_name(name, sizeof(name), "") != 0) {
		return bench_fail(report, -ENODEV, "no ledger");
	}
	for (unsigned int stage = 0; stage < STAGE_COUNT; stage++) {
		uint64_t n = boot_phase_instructions((enum boot_stage)stage);
		if (n != 0) {
			out_printf(report->out, "BOOT %s %s %llu\n", name,
				   stage_word(stage_name, sizeof(stage_name),
					      (enum boot_stage)stage),
				   (unsigned long long)n);
			sum += n;
		}
	}
	(void)run_name(name, sizeof(name), "boot.");
	bench_line(report, name, sum, 1);
	return 0;
}

/** Pages that back records. */
struct stock {
	struct page *page[8];
	size_t left;
};

static phys_addr_t stock_take(void *ctx)
{
	struct stock *stock = ctx;
	if (stock->left == 0) {
		return 0;
	}
	struct page *page = stock->page[--stock->left];
	/* Part of the frame table from now on, and in the ledger as such. */
	page->word |= PAGE_F_TABLE;
	return page_to_phys(page);
}

static void stock_give(void *ctx, phys_addr_t pa)
{
	struct stock *stock = ctx;
	struct page *page = pfn_to_page(phys_to_pfn(pa));
	page->word &= ~(uint64_t)PAGE_F_TABLE;
	stock->page[stock->left++] = page;
}

#define MOST_BLOCKS 64U
/** Pages of the frame table that are populated at once: all of a block but its head's. */
#define CHUNKS	    (MAX_ORDER_NR_PAGES / FRAME_TABLE_CHUNK)

static bool is_fresh(pfn_t first)
{
	for (uint64_t chunk = 1; chunk < CHUNKS; chunk++) {
		if (frame_populated(pfn_add(first, chunk * FRAME_TABLE_CHUNK))) {
			return false;
		}
	}
	return true;
}

static int count_populate(struct bench_report *report, pfn_t block)
{
	struct bench_timer timer;
	struct stock stock = { .left = 0 };
	const struct pfn_range frames = { pfn_add(block, FRAME_TABLE_CHUNK),
					  pfn_add(block, MAX_ORDER_NR_PAGES) };
	for (; stock.left < ARRAY_SIZE(stock.page); stock.left++) {
		stock.page[stock.left] = alloc_page(GFP_USER_MOVABLE);
		if (stock.page[stock.left] == NULL) {
			break;
		}
	}
	bench_begin(&timer);
	int err = frame_table_populate(frames, stock_take, stock_give, &stock);
	uint64_t cost = bench_end(&timer);
	while (stock.left != 0) {
		__free_page(stock.page[--stock.left]);
	}
	if (err != 0) {
		return bench_fail(report, err, "frame_table_populate");
	}
	bench_line(report, "frame_populate_page", cost, pfn_range_pages(frames));
	return 0;
}

/** Of a block of the largest order that only its head has a record for; only a backend with records leaves such. */
static int frame_populate_page(struct bench_report *report)
{
	struct page *block[MOST_BLOCKS];
	unsigned int count = 0;
	int err = -ENOMEM;
	while (count < MOST_BLOCKS) {
		/* Movable, so that no pageblock gets another type. Kept, because a freed one would be the next to come. */
		block[count] = alloc_pages(GFP_USER_MOVABLE, MAX_PAGE_ORDER);
		if (block[count] == NULL) {
			break;
		}
		pfn_t first = page_to_pfn(block[count++]);
		if (is_fresh(first)) {
			err = count_populate(report, first);
			break;
		}
	}
	while (count != 0) {
		__free_pages(block[--count], MAX_PAGE_ORDER);
	}
	return err == -ENOMEM ? bench_fail(report, err, "no block without records") : err;
}

const struct bench bench_rows_boot[] = {
	{ "boot", boot },
	{ "frame_populate_page", frame_populate_page },
	{ 0 },
};
