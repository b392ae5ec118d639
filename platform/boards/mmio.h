/* SPDX-License-Identifier: BSD-2-Clause */
/* Device registers: mapped for good by the layer above, read and written in their own width. */
#pragma once

#include "fpg/base/types.h"

/**
 * Map registers for good, by what port_set_mmio_map() registered.
 * Return: the address of byte @phys | NULL (nothing registered, or it could not)
 */
volatile void *mmio_map(phys_addr_t phys, size_t bytes);

#if defined(FPG_HOSTED)
/** Tests play the device. @bytes 1, 2 or 4 */
uint32_t mmio_read(const volatile void *reg, unsigned int bytes);
void mmio_write(volatile void *reg, unsigned int bytes, uint32_t value);
#else
/*
 * Whatever order the region's PMAs promise (Privileged v1.12, 3.6.4): accesses happen one after the other, so that a
 * status read after a write tells of that write.
 */
static inline void mmio_order(void)
{
	__asm__ volatile("fence io, io" : : : "memory");
}

static inline uint32_t mmio_read(const volatile void *reg, unsigned int bytes)
{
	const uint32_t value = bytes == 1 ? *(const volatile uint8_t *)reg :
			       bytes == 2 ? *(const volatile uint16_t *)reg :
					    *(const volatile uint32_t *)reg;
	mmio_order();
	return value;
}

static inline void mmio_write(volatile void *reg, unsigned int bytes, uint32_t value)
{
	if (bytes == 1) {
		*(volatile uint8_t *)reg = (uint8_t)value;
	} else if (bytes == 2) {
		*(volatile uint16_t *)reg = (uint16_t)value;
	} else {
		*(volatile uint32_t *)reg = value;
	}
	mmio_order();
}
#endif
