/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * boot_memory_init() over a test's blob: image, addresses and bootargs as given, RAM behind any physical address. The
 * result is checked for what must hold whatever the blob says.
 */
#pragma once

#include "fpg/core/boot_memory.h"

struct boot_sim {
	phys_addr_t load;
	uint64_t image_bytes;
	phys_addr_t blob_phys;
	const char *bootargs;
	const struct phys_range *initrd;
	/** No memory can be reached before the linear map. */
	bool no_access;
	/** RAM is the host's simulated one (host_ram_add()), reached through the linear map from the start. */
	bool linear;
};

/** Image of 2 MiB at 0x80200000, blob at 0x82200000. */
extern const struct boot_sim boot_sim_default;

extern struct boot_memory boot_sim_memory;

/**
 * Empty memblock, then fill it from @blob (which must pass dt_check_blob()).
 * Return: as boot_memory_init()
 */
FPG_MUST_CHECK int boot_sim_run(const struct boot_sim *sim, const void *blob);

/** The sound state of memblock and of the rows of RAM: NULL, or what is wrong. */
const char *boot_sim_wrong(void);

/** Give up the memory handed out by the map function. */
void boot_sim_end(void);
