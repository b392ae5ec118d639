/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Table pages of the kernel map, before and after there is a linear map to reach them through.
 *
 * Early, pages are cut from chunks; each chunk is one memblock reservation and one early window,
 * and each is bigger than the last, so that few suffice. All lie inside the linear window, where
 * they will be found after the switch.
 */
#define LOG_MODULE "pagetable"
#include "kernel_pages.h"

#include "fpg/core/fail_boot.h"
#include "fpg/core/log.h"
#include "fpg/core/memblock.h"
#include "fpg/pagetable/fixmap.h"
#include "fpg/port/port.h"

#include <errno.h>

/** A small machine's whole map, at 1 GiB. */
#define FIRST_CHUNK_PAGES   16U
#define LARGEST_CHUNK_PAGES 256U

static struct mem_owner table_owner(void)
{
	return mem_owner(OWNER_PAGE_TABLES, RULE_ALLOC, -1);
}

/** Pages of the linear window. Return: physical address, or 0 */
static phys_addr_t take_pages(const struct kernel_map *map, uint64_t pages)
{
	phys_addr_t end = kernel_map_window_end(map);
	if (end > memblock.current_limit) {
		end = memblock.current_limit;
	}
	return memblock_phys_alloc_owned(pages * PAGE_SIZE, PAGE_SIZE, map->linear_base, end,
					 NUMA_NO_NODE, table_owner());
}

static void give_pages(phys_addr_t base, uint64_t pages)
{
	if (pages != 0 && memblock_phys_free(base, pages * PAGE_SIZE) != 0) {
		pr_warn("%llu unused table pages at 0x%llx stay reserved",
			(unsigned long long)pages, (unsigned long long)base);
	}
}

FPG_INIT static int chunk_open(struct kernel_map *map)
{
	if (map->chunks == KERNEL_MAP_MAX_CHUNKS) {
		return -ENOMEM;
	}
	struct kernel_map_chunk *c = &map->chunk[map->chunks];
	uint32_t pages = map->chunks == 0 ? FIRST_CHUNK_PAGES : 2 * c[-1].pages;
	for (pages = pages < LARGEST_CHUNK_PAGES ? pages : LARGEST_CHUNK_PAGES; pages > 0;
	     pages /= 2) {
		const phys_addr_t base = take_pages(map, pages);
		if (base == 0) {
			continue;
		}
		uint8_t *virt = early_memremap(base, pages * PAGE_SIZE);
		if (virt == NULL) {
			give_pages(base, pages);
			return -ENOMEM;
		}
		*c = (struct kernel_map_chunk){ .base = base, .pages = pages, .virt = virt };
		map->chunks++;
		return 0;
	}
	return -ENOMEM;
}

FPG_INIT static void *early_virt(void *ctx, phys_addr_t page)
{
	struct kernel_map *map = ctx;
	const phys_addr_t fixmap = port_image_to_phys(&fixmap_tables);
	for (uint32_t i = map->chunks; i-- > 0;) {
		const struct kernel_map_chunk *c = &map->chunk[i];
		if (page - c->base < c->pages * PAGE_SIZE) {
			return c->virt + (page - c->base);
		}
	}
	FPG_CHECK(page - fixmap < sizeof(fixmap_tables));
	return (uint8_t *)&fixmap_tables + (page - fixmap);
}

FPG_INIT static int early_take(void *ctx, phys_addr_t *page)
{
	struct kernel_map *map = ctx;
	if (fail_boot_now("a table of the kernel's map")) {
		return -ENOMEM;
	}
	if (map->given != 0) {
		*page = map->given;
		map->given = *(phys_addr_t *)early_virt(map, map->given);
		return 0;
	}
	if (map->chunks == 0 ||
	    map->chunk[map->chunks - 1].used == map->chunk[map->chunks - 1].pages) {
		int r = chunk_open(map);
		if (r != 0) {
			return r;
		}
	}
	struct kernel_map_chunk *c = &map->chunk[map->chunks - 1];
	*page = c->base + c->used * PAGE_SIZE;
	c->used++;
	return 0;
}

FPG_INIT static void early_give(void *ctx, phys_addr_t page)
{
	struct kernel_map *map = ctx;
	*(phys_addr_t *)early_virt(map, page) = map->given;
	map->given = page;
}

FPG_INITCONST const struct pt_page_source kernel_early_source = { early_take, early_give,
								  early_virt };

FPG_INIT static void chunks_close(struct kernel_map *map)
{
	for (uint32_t i = 0; i < map->chunks; i++) {
		early_memunmap(map->chunk[i].virt, map->chunk[i].pages * PAGE_SIZE);
	}
	map->chunks = 0;
}

FPG_INIT void kernel_pages_finish(struct kernel_map *map)
{
	while (map->given != 0) {
		const phys_addr_t page = map->given;
		map->given = *(phys_addr_t *)early_virt(map, page);
		give_pages(page, 1);
	}
	for (uint32_t i = 0; i < map->chunks; i++) {
		const struct kernel_map_chunk *c = &map->chunk[i];
		give_pages(c->base + c->used * PAGE_SIZE, c->pages - c->used);
	}
	chunks_close(map);
}

FPG_INIT void kernel_pages_abandon(struct kernel_map *map)
{
	for (uint32_t i = 0; i < map->chunks; i++) {
		give_pages(map->chunk[i].base, map->chunk[i].pages);
	}
	map->given = 0;
	chunks_close(map);
}

static int linear_take(void *ctx, phys_addr_t *page)
{
	*page = take_pages(ctx, 1);
	return *page != 0 ? 0 : -ENOMEM;
}

static void linear_give(void *ctx, phys_addr_t page)
{
	(void)ctx;
	give_pages(page, 1);
}

static void *linear_virt(void *ctx, phys_addr_t page)
{
	(void)ctx;
	const phys_addr_t fixmap = port_image_to_phys(&fixmap_tables);
	if (page - fixmap < sizeof(fixmap_tables)) {
		return (uint8_t *)&fixmap_tables + (page - fixmap);
	}
	return port_phys_to_virt(page);
}

const struct pt_page_source kernel_linear_source = { linear_take, linear_give, linear_virt };

/* ---- after the hand-over ---- */

static struct table_stock stock;
static const struct pt_page_source stock_source = { table_stock_take, table_stock_give,
						    linear_virt };

void kernel_pt_hand_over(void)
{
	unsigned long flags = kernel_pt_lock();
	struct pt *pt = kernel_pt();
	pt->source = &stock_source;
	pt->source_ctx = &stock;
	kernel_pt_unlock(flags);
}

static bool handed_over(void)
{
	return kernel_pt()->source == &stock_source;
}

void kernel_pages_open(struct table_list *spare)
{
	if (handed_over()) {
		table_stock_open(&stock, spare);
	}
}

void kernel_pages_close(struct table_list *spare)
{
	if (handed_over()) {
		table_stock_close(&stock, spare);
	}
}

bool kernel_pages_more(struct table_list *spare, uint64_t wanted)
{
	return handed_over() && table_list_more(spare, wanted);
}
