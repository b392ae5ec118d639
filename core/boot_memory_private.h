/* SPDX-License-Identifier: BSD-2-Clause */
/* Private to core/boot_memory*.c: the steps of boot_memory_init(), in their order. */
#pragma once

#include "fpg/core/boot_memory.h"

/** Storage for lists that outgrew the static one; places for memblock's tables. Return: 0 | -ENOMEM, logged */
FPG_MUST_CHECK int boot_scratch_get(struct boot_memory *bm);

/** Reserve it; memblock holds memory now. */
FPG_MUST_CHECK int boot_scratch_reserve(struct boot_memory *bm);

/** Give back what is not needed any more; memblock grows by itself from now on. */
FPG_MUST_CHECK int boot_scratch_give_back(struct boot_memory *bm);

/** Union of memory; into memblock. Return: 0 | -ENODATA | -ENOMEM */
FPG_MUST_CHECK int boot_ram_add(struct boot_memory *bm);

/** The longest run of RAM without a hole around @addr; size 0 when that is no RAM. */
struct phys_range boot_ram_run(const struct boot_memory *bm, phys_addr_t addr);

/** Image, blob, initrd, the tree's reservations, the guess, memmap=. */
FPG_MUST_CHECK int boot_reserve_static(struct boot_memory *bm, uint32_t placed);

/** One range for one owner. */
struct boot_reservation {
	struct phys_range range;
	struct mem_owner owner;
	/** Rounded outwards, because no-map is about pages. */
	bool nomap;
	/** No claim on bytes that others hold. */
	bool unclaimed;
};

FPG_MUST_CHECK int boot_reserve(const struct boot_reservation *r);

/** Whose the range of a list is. */
struct mem_owner boot_range_owner(const struct dt_range *r);

/** Warn of a range of the tree that meets the image; remember it as an area if it is one. */
void boot_meet_listed(struct boot_memory *bm, const struct dt_range *r);

/** The first @placed ranges of the reserved list, which is used up. */
FPG_MUST_CHECK int boot_reserve_listed(struct boot_memory *bm, uint32_t placed);

/** Nodes without a place. */
FPG_MUST_CHECK int boot_reserve_dynamic(struct boot_memory *bm, uint32_t placed);
