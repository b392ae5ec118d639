/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A whole boot on a PC: platform/boot's boot_main() on a simulated machine, in a process of its own, from the blob to
 * the end of the run. What it printed and how it ended come back.
 */
#pragma once

#include "fpg/base/types.h"

struct host_machine {
	const char *name;
	/** /chosen/bootargs but for run= and fail_boot=. */
	const char *bootargs;
	/** satp's mode that the boot is going to take: 8, 9 or 10. */
	unsigned int satp_mode;
	uint64_t ram_bytes;
	/** A second node's memory, 1 GiB above the first's; 0: none. */
	uint64_t far_bytes;
	uint32_t harts;
	/** Reserved nodes of a page each, beyond what static tables hold if need be. */
	uint32_t reserved_nodes;
};

#define HOST_BOOT_LOG (256U << 10)

struct host_boot {
	/** Ended by itself; else `signal` ended it. */
	bool exited;
	int status;
	int signal;
	/** Console output, cut off at its room. */
	char log[HOST_BOOT_LOG];
};

/**
 * Boot, run @commands, power off. @fail_boot 0: nothing fails. A boot that takes more than 20 s is ended by SIGALRM.
 * Context: no threads
 */
void host_boot_run(const struct host_machine *machine, uint64_t fail_boot, const char *commands,
		   struct host_boot *out);
