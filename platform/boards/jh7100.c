/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * StarFive JH7100 (VisionFive, BeagleV Starlight). Its devices do not see the caches of the U74 cores. DRAM shows again,
 * uncached, 0xf80000000 higher; the device tree reserves a stretch of RAM, gives the same stretch at the second place to
 * DMA, and tells the devices' addresses by dma-ranges of the soc bus.
 * Source: Linux v6.12, arch/riscv/boot/dts/starfive/jh7100-common.dtsi (dma-reserved, linux,dma, dma-ranges).
 */
#include "boards.h"

const struct port_board board_jh7100 = {
	.compatible = "starfive,jh7100",
	.name = "StarFive JH7100",
	.uncached = { .ram = { 0x80000000, 8 * SZ_1G }, .at = 0x1000000000 },
};
