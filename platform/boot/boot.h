/* SPDX-License-Identifier: BSD-2-Clause */
/* What the pieces of platform/boot say to each other. */
#pragma once

#include "fpg/base/compiler.h"
#include "fpg/base/types.h"
#include "fpg/core/image.h"

/**
 * The first C on the high side: early Sv39 tables on, boot stack, traps caught, interrupts masked, .bss clear.
 *
 * @hart  id of this hart, as firmware gave it (a0)
 * @dtb   a1 as firmware gave it: not looked at yet
 * @load  physical address of the image's first byte; 2 MiB aligned
 */
FPG_NORETURN void boot_main(uint64_t hart, phys_addr_t dtb, phys_addr_t load);

/**
 * Fill the early tables: the image at its link address (2 MiB leaves, RWX, A and D set) and the fixmap's slot.
 * Runs with translation off, at the load address; @link is where the image is linked.
 *
 * Return: the value for satp
 */
uint64_t early_paging_init(phys_addr_t load, uint64_t link);

/**
 * The early root table, in .bss. It is of no use once the final tables are on.
 */
extern uint64_t early_root_table[];

/** Describe the segments of the image loaded at @load, ascending, without gaps; guard pages have prot 0. */
void kernel_image_describe(struct kernel_image *image, phys_addr_t load);

/**
 * Map the blob that a1 points to and check all of it; ends the run with the reason when it cannot be believed.
 * @bytes  out: its totalsize
 * Return: its first byte, mapped read-only for good
 */
const void *boot_map_blob(phys_addr_t a1, size_t *bytes);

struct boot_memory;
struct bootargs;
struct dt_facts;
struct kernel_map;

/**
 * Choose the paging mode, build the final tables and switch to them; ends the run with the reason when there is no way.
 * What the mode does not reach leaves memblock, with a warning. Boot memory.
 */
void boot_switch_tables(struct boot_memory *bm, struct kernel_map *map,
			const struct kernel_image *image);

/** debug_pagealloc and page_owner, as far as they are asked for: before the page allocators start. Boot memory. */
void boot_debug_allocator(const struct boot_memory *bm, const struct kernel_map *map);

/** After the page allocators: vmalloc, address spaces, the other harts. Boot memory. */
void boot_start_objects(const struct boot_memory *bm, const struct kernel_map *map);

/** Log what is known of the board beyond its tree. */
struct port_board;
void boot_notice_board(const struct port_board *board);

/** The UART of /chosen/stdout-path becomes the console, if it can and console= does not say otherwise; the log tells. */
void boot_set_console(struct boot_memory *bm);

/** Log a line for each boot argument that is well-formed, and that this build does not act on. */
void boot_notice_unused(const struct bootargs *args);

/**
 * Log, for loglevel=debug, what was found or taken: after the device tree, after memblock, when the tables are built (their
 * chunks are gone after the switch), at the end.
 */
void boot_debug_facts(const struct dt_facts *facts);
void boot_debug_memory(const struct boot_memory *bm);
void boot_debug_map(const struct kernel_map *map);
void boot_debug_windows(void);
