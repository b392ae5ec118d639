/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the kernel map's table pages come from: chunks of memblock memory at first, single pages of it after the
 * switch, pages of the page allocator after the hand-over.
 */
#pragma once

#include "table_stock.h"

#include "fpg/pagetable/kernel_map.h"

/**
 * While building: chunks from memblock, reached through early windows. Context argument: the struct
 * kernel_map.
 */
extern const struct pt_page_source kernel_early_source;

/**
 * After the switch: single pages from memblock, reached through the linear map. Context: the struct
 * kernel_map.
 */
extern const struct pt_page_source kernel_linear_source;

/** Close the windows, and give memblock the pages that no table uses. */
void kernel_pages_finish(struct kernel_map *map);

/** Close the windows, and give memblock all pages; no table is left. */
void kernel_pages_abandon(struct kernel_map *map);

/**
 * A change of the kernel's tables begins, has ended, and has to be tried again with @wanted pages: table_stock_open(),
 * table_stock_close() and table_list_more() after the hand-over. Before it pages come from memblock and there is
 * nothing to bring.
 */
void kernel_pages_open(struct table_list *spare);
void kernel_pages_close(struct table_list *spare);
FPG_MUST_CHECK bool kernel_pages_more(struct table_list *spare, uint64_t wanted);

/** Called by kernel_map_activate(): frame_table_register() with the window of @map. */
void vmemmap_register(const struct kernel_map *map);
