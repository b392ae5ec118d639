/* SPDX-License-Identifier: BSD-2-Clause */
/* How platform/ gets at device registers: through a function of the layer that owns the page tables. */
#include "mmio.h"

#include "fpg/port/port.h"

static void *(*map_hook)(phys_addr_t phys, size_t bytes);

void port_set_mmio_map(void *(*map)(phys_addr_t phys, size_t bytes))
{
	map_hook = map;
}

volatile void *mmio_map(phys_addr_t phys, size_t bytes)
{
	return map_hook != NULL ? map_hook(phys, bytes) : NULL;
}
