/* SPDX-License-Identifier: BSD-2-Clause */
/* What tests and host tools ask of the simulated machine beyond port.h. */
#pragma once

#include "fpg/base/types.h"

/**
 * Lay out simulated physical memory: [base, base + bytes) becomes an address window without access, in which
 * host_ram_add() makes RAM. @base is rounded down to 2 MiB. Without a window physical equals virtual.
 * Return: 0 | -ENOMEM
 */
int host_ram_window(phys_addr_t base, size_t bytes);

/** Make [base, base + bytes), rounded out to pages, readable and writable RAM, zeroed. Return: 0 | -EINVAL */
int host_ram_add(phys_addr_t base, size_t bytes);

/** Drop the window. */
void host_ram_release(void);

/** Called by port_exit() before the process ends; may longjmp out. NULL: none. */
void host_set_exit_hook(void (*hook)(int code));
