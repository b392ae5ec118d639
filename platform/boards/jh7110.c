/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * StarFive JH7110 (VisionFive 2 and its kin). Most devices see the caches; the GPU, display, codecs and camera do not.
 * DRAM shows again, uncached, 16 GiB higher.
 * Source: linux-riscv, March 2026, message 087202 (memory map of the JH7110: 0x440000000 to 0x640000000).
 */
#include "boards.h"

const struct port_board board_jh7110 = {
	.compatible = "starfive,jh7110",
	.name = "StarFive JH7110",
	.uncached = { .ram = { 0x40000000, 8 * SZ_1G }, .at = 0x440000000 },
};
