/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RAM and address translation for a whole boot on a PC: simulated physical memory that can be seen at several places,
 * and the kernel's vmalloc and frame-table windows, translated by the kernel's own tables. An access that the tables do
 * not allow ends the process as a wild pointer does.
 */
#pragma once

#include "fpg/pagetable/kernel_map.h"

/**
 * A machine whose RAM lies within [base, base + span), none at first, and whose kernel is going to take @layout's mode.
 * Sets the linear map's offset. Once a process, which ends with a message when it cannot be done.
 */
void host_mmu_start(const struct vm_layout *layout, phys_addr_t base, uint64_t span);

/** RAM at [base, base + bytes), whole pages; the last few MiB hold junk. */
void host_mmu_add(phys_addr_t base, uint64_t bytes);
