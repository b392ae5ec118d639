/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory set aside for devices: each child of /reserved-memory with compatible = "shared-dma-pool" that is not `reusable`
 * (those are CMA areas, fpg/core/cma.h) is a pool; devices name theirs by memory-region, and the node with
 * linux,dma-default serves those without. Names and meanings are Linux's.
 * Source: dt-schema, reserved-memory/shared-dma-pool.yaml.
 *
 * A no-map pool, or one outside RAM, is mapped for the pool alone, non-cacheable where the hart has Svpbmt. Where the board
 * shows RAM a second time past the caches (fpg/port/board.h) a pool may lie there: only if that RAM is no-map, or it would be
 * cached by its other mapping. A pool without no-map is used through the linear map, cacheable.
 * Pools stay reserved for good, and the ledger shows them as what they are: nodes.
 */
#pragma once

#include "fpg/base/compiler.h"
#include "fpg/base/types.h"
#include "fpg/core/boot_memory.h"

struct dma_coherent_mem;

/** How pools are reached: maps memory that has no other mapping, or returns NULL and logs why (memremap_wc()). */
typedef void *(*dma_coherent_map_fn)(phys_addr_t phys, size_t bytes);

/**
 * Make the pools of the device tree; what cannot be one is named in a warning and stays reserved. Once, at boot, by the
 * boot hart, after the page allocators and @map work. @bm must stay.
 */
void dma_coherent_init(const struct boot_memory *bm, dma_coherent_map_fn map);

/** The pool that @node's memory-region names first; else the default pool; else NULL. @node: offset in the blob. */
struct dma_coherent_mem *dma_coherent_of_device(const struct dt_facts *facts, int32_t node);

/**
 * @bytes of the pool, in whole pages, cleared; aligned, counted from the first byte of the pool, to the power of two of their size, as in Linux.
 * @phys    out: as this hart sees it; what the device is told: dt_phys_to_dma()
 * Context: any hart, any lock but leaf ones held
 * Return:  NULL: no such hole is left, or @bytes is 0
 * Owner:   the caller, until dma_release_from_coherent()
 */
void *dma_alloc_from_coherent(struct dma_coherent_mem *mem, size_t bytes, phys_addr_t *phys);

/** What dma_alloc_from_coherent() gave, and its size. Return: 0 | -EINVAL: not in use, or not of this pool; nothing changes */
int dma_release_from_coherent(struct dma_coherent_mem *mem, const void *va, size_t bytes);

struct dma_coherent_stats {
	struct phys_range range;
	/** RAM that lies behind it; size 0: it is no alias. */
	struct phys_range alias_of;
	uint64_t pages;
	uint64_t used;
	uint64_t largest_free;
	/** Offset in the blob of its node. */
	int32_t node;
	/** Mapped for itself, not through the linear map. */
	bool remapped;
	bool is_default;
};
void dma_coherent_stats_read(const struct dma_coherent_mem *mem, struct dma_coherent_stats *out);

/** In the order of their addresses. Return: 0 | the first result that is not 0 */
int dma_coherent_for_each(int (*it)(struct dma_coherent_mem *mem, void *data), void *data);

/** Forget all pools: for tests. */
void dma_coherent_reset(void);
