/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pools of memory for devices. A bit a page says what is in use; the lock is held for a search of the bitmap and nothing
 * else. Pools are made at boot and never end, so their list needs no lock.
 */
#define LOG_MODULE "dma"
#include "fpg/core/dma_coherent.h"

#include "fpg/base/bits.h"
#include "fpg/base/range.h"
#include "fpg/core/log.h"
#include "fpg/core/memblock.h"
#include "fpg/core/memblock_iter.h"
#include "fpg/core/page_alloc.h"
#include "fpg/core/spinlock.h"
#include "fpg/port/board.h"
#include "fpg/port/port.h"

#include <errno.h>
#include <inttypes.h>
#include <libfdt.h>
#include <stdio.h>
#include <string.h>

struct dma_coherent_mem {
	struct dma_coherent_mem *next;
	struct spinlock lock;
	struct dma_coherent_stats about;
	char *va;
	uint64_t used[];
};

static struct dma_coherent_mem *pools;

/* ---- making them ----------------------------------------------------------------------------- */

/** So many bytes of the range are in the linear map. */
FPG_INIT static uint64_t mapped_bytes(struct phys_range range)
{
	const phys_addr_t last = phys_range_end(range);
	uint64_t i;
	phys_addr_t start;
	phys_addr_t end;
	uint64_t bytes = 0;
	for_each_mem_range(i, &start, &end) {
		const phys_addr_t from = start > range.base ? start : range.base;
		const phys_addr_t to = end < last ? end : last;
		bytes += from < to ? to - from : 0;
	}
	return bytes;
}

/** Why the area can be no pool, and whose fault it is; NULL when it can. */
FPG_INIT static const char *fault_of(const struct boot_memory *bm, const struct boot_area *area,
				     struct phys_range behind, char other[DT_PATH_BYTES])
{
	struct mem_owner rival;
	other[0] = '\0';
	if (boot_area_rival(area->node, &rival)) {
		if (rival.node >= 0) {
			(void)dt_node_path(bm->facts.blob, rival.node, other, DT_PATH_BYTES);
		} else {
			(void)snprintf(other, DT_PATH_BYTES, "%s",
				       owner_kind_name((enum owner_kind)rival.kind));
		}
		return "it overlaps ";
	}
	if (!IS_ALIGNED(area->range.base | area->range.size, PAGE_SIZE)) {
		return "it is not made of whole pages";
	}
	const uint64_t mapped = mapped_bytes(area->range);
	if (mapped != 0 && mapped != area->range.size) {
		return "a part of it is RAM that is not no-map, the rest is not";
	}
	if (behind.size == 0 && port_board_touches_alias(bm->board, area->range)) {
		return "a part of it shows RAM a second time, the rest does not";
	}
	if (behind.size != 0 && mapped_bytes(behind) != 0) {
		return "it shows RAM that is not no-map, and so may lie in the caches";
	}
	return NULL;
}

/** Records and address of a pool. Return: NULL, logged */
FPG_INIT static struct dma_coherent_mem *make(const struct boot_area *area, dma_coherent_map_fn map,
					      const char *path)
{
	const uint64_t pages = area->range.size >> PAGE_SHIFT;
	const size_t bytes = sizeof(struct dma_coherent_mem) + ROUND_UP(pages, 64) / 8;
	struct dma_coherent_mem *mem = alloc_pages_exact(bytes, GFP_KERNEL | __GFP_ZERO);
	if (mem == NULL) {
		pr_warn("%s: no pool: no memory for its records", path);
		return NULL;
	}
	const bool linear = mapped_bytes(area->range) != 0;
	mem->va = linear ? port_phys_to_virt(area->range.base) :
			   map(area->range.base, area->range.size);
	if (mem->va == NULL) {
		pr_warn("%s: no pool: %#" PRIx64 "+%#" PRIx64 " cannot be mapped", path,
			area->range.base, area->range.size);
		free_pages_exact(mem, bytes);
		return NULL;
	}
	spin_lock_init(&mem->lock, LOCK_LEAF, 0);
	mem->about.pages = pages;
	mem->about.remapped = !linear;
	return mem;
}

FPG_INIT static struct dma_coherent_mem *
pool_of(const struct boot_memory *bm, const struct boot_area *area, dma_coherent_map_fn map)
{
	char path[DT_PATH_BYTES];
	char other[DT_PATH_BYTES];
	const struct phys_range behind = port_board_aliased(bm->board, area->range);
	const char *fault = fault_of(bm, area, behind, other);
	(void)dt_node_path(bm->facts.blob, area->node, path, sizeof(path));
	if (fault != NULL) {
		pr_warn("%s: %#" PRIx64 "+%#" PRIx64 " is no pool and stays reserved: %s%s", path,
			area->range.base, area->range.size, fault, other);
		return NULL;
	}
	struct dma_coherent_mem *mem = make(area, map, path);
	if (mem != NULL) {
		mem->about.range = area->range;
		mem->about.alias_of = behind;
		mem->about.node = area->node;
		pr_info("%s: %#" PRIx64 "+%#" PRIx64 "%s", path, area->range.base, area->range.size,
			mem->about.remapped ? "" : ", cacheable: it is not no-map");
	}
	return mem;
}

FPG_INIT void dma_coherent_init(const struct boot_memory *bm, dma_coherent_map_fn map)
{
	struct dma_coherent_mem **end = &pools;
	struct boot_area area;
	phys_addr_t at = 0;
	bool has_default = false;
	while (boot_memory_next_area(bm, &at, &area)) {
		if (area.cma || !(area.flags & DT_RANGE_DMA_POOL)) {
			continue;
		}
		struct dma_coherent_mem *mem = pool_of(bm, &area, map);
		if (mem != NULL) {
			mem->about.is_default = (area.flags & DT_RANGE_DMA_DEFAULT) && !has_default;
			has_default = has_default || mem->about.is_default;
			*end = mem;
			end = &mem->next;
		}
	}
}

void dma_coherent_reset(void)
{
	pools = NULL;
}

struct dma_coherent_mem *dma_coherent_of_device(const struct dt_facts *facts, int32_t node)
{
	int bytes = 0;
	const fdt32_t *phandles = fdt_getprop(facts->blob, node, "memory-region", &bytes);
	struct dma_coherent_mem *mem;
	for (int i = 0; phandles != NULL && i < bytes / (int)sizeof(*phandles); i++) {
		const int region = fdt_node_offset_by_phandle(facts->blob, fdt32_ld(&phandles[i]));
		for (mem = pools; region >= 0 && mem != NULL; mem = mem->next) {
			if (mem->about.node == region) {
				return mem;
			}
		}
	}
	for (mem = pools; mem != NULL && !mem->about.is_default; mem = mem->next) {
	}
	return mem;
}

/* ---- giving out ------------------------------------------------------------------------------ */

static bool bit(const struct dma_coherent_mem *mem, uint64_t page)
{
	return mem->used[page / 64] >> page % 64 & 1;
}

static void set(struct dma_coherent_mem *mem, uint64_t page, uint64_t count, bool used)
{
	for (uint64_t i = page; i < page + count; i++) {
		const uint64_t mask = 1ULL << i % 64;
		mem->used[i / 64] = used ? mem->used[i / 64] | mask : mem->used[i / 64] & ~mask;
	}
	mem->about.used = used ? mem->about.used + count : mem->about.used - count;
}

/** So many pages from @page on are in this state; @most are looked at. */
static uint64_t run(const struct dma_coherent_mem *mem, uint64_t page, uint64_t most, bool used)
{
	const uint64_t whole = used ? ~0ULL : 0;
	const uint64_t end = most < mem->about.pages - page ? page + most : mem->about.pages;
	uint64_t at = page;
	while (at < end && bit(mem, at) == used) {
		at += at % 64 == 0 && mem->used[at / 64] == whole ? 64 : 1;
	}
	return (at < end ? at : end) - page;
}

/** The first page of an aligned hole; the number of pages when there is none. */
static uint64_t find_hole(const struct dma_coherent_mem *mem, uint64_t count)
{
	const uint64_t align = 1ULL << log2_ceil(count);
	const uint64_t pages = mem->about.pages;
	uint64_t page = 0;
	while (page < pages) {
		const uint64_t length = run(mem, page, count, false);
		if (length == count) {
			return page;
		}
		/* Behind what is in the way. */
		page += length;
		if (page < pages) {
			page += run(mem, page, pages, true);
		}
		page = ALIGN_UP(page, align);
	}
	return pages;
}

/** Pages of a request; 0: there is no such request. */
static uint64_t pages_of(const struct dma_coherent_mem *mem, size_t bytes)
{
	return bytes > mem->about.range.size ? 0 :
					       ALIGN_UP((uint64_t)bytes, PAGE_SIZE) >> PAGE_SHIFT;
}

void *dma_alloc_from_coherent(struct dma_coherent_mem *mem, size_t bytes, phys_addr_t *phys)
{
	const uint64_t count = pages_of(mem, bytes);
	if (count == 0) {
		return NULL;
	}
	unsigned long flags = spin_lock_irqsave(&mem->lock);
	const uint64_t page = find_hole(mem, count);
	if (page < mem->about.pages) {
		set(mem, page, count, true);
	}
	spin_unlock_irqrestore(&mem->lock, flags);
	if (page >= mem->about.pages) {
		return NULL;
	}
	*phys = mem->about.range.base + (page << PAGE_SHIFT);
	return memset(mem->va + (page << PAGE_SHIFT), 0, count << PAGE_SHIFT);
}

int dma_release_from_coherent(struct dma_coherent_mem *mem, const void *va, size_t bytes)
{
	const uint64_t count = pages_of(mem, bytes);
	const uint64_t offset = (uint64_t)((uintptr_t)va - (uintptr_t)mem->va);
	if (count == 0 || offset >= mem->about.range.size || !IS_ALIGNED(offset, PAGE_SIZE)) {
		return -EINVAL;
	}
	unsigned long flags = spin_lock_irqsave(&mem->lock);
	const uint64_t page = offset >> PAGE_SHIFT;
	const bool held = run(mem, page, count, true) == count;
	if (held) {
		set(mem, page, count, false);
	}
	spin_unlock_irqrestore(&mem->lock, flags);
	return held ? 0 : -EINVAL;
}

/* ---- seeing ---------------------------------------------------------------------------------- */

void dma_coherent_stats_read(const struct dma_coherent_mem *mem, struct dma_coherent_stats *out)
{
	struct spinlock *lock = (struct spinlock *)(uintptr_t)&mem->lock;
	unsigned long flags = spin_lock_irqsave(lock);
	*out = mem->about;
	for (uint64_t page = 0, length; page < mem->about.pages; page += length + 1) {
		length = run(mem, page, mem->about.pages - page, false);
		out->largest_free = length > out->largest_free ? length : out->largest_free;
	}
	spin_unlock_irqrestore(lock, flags);
}

int dma_coherent_for_each(int (*it)(struct dma_coherent_mem *mem, void *data), void *data)
{
	int result = 0;
	for (struct dma_coherent_mem *mem = pools; result == 0 && mem != NULL; mem = mem->next) {
		result = it(mem, data);
	}
	return result;
}
