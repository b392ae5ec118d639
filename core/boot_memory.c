/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The order in which memblock is filled, and the questions about RAM that can be asked at every later stage.
 *
 * Invariant: what is decided here depends on the inputs only, so that a host tool decides alike.
 */
#define LOG_MODULE "memory"
#include "boot_memory_private.h"

#include "fpg/base/range.h"
#include "fpg/core/log.h"
#include "fpg/core/memblock.h"
#include "fpg/port/port.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

FPG_INIT int boot_memory_scan(struct boot_memory *bm, const struct boot_inputs *in)
{
	boot_stage_set(STAGE_DEVICE_TREE);
	memset(bm, 0, offsetof(struct boot_memory, facts));
	memset(&bm->scanned, 0, sizeof(*bm) - offsetof(struct boot_memory, scanned));
	bm->in = *in;
	bm->mem_end = PHYS_ADDR_MAX;
	bm->place_limit = PHYS_ADDR_MAX;
	bm->window = (struct phys_range){ 0, PHYS_ADDR_MAX };
	int err = dt_collect(&bm->facts, in->blob);
	if (err != 0 && err != -ENOSPC) {
		return err;
	}
	/* A list that outgrew its storage is collected again when there is more. */
	bootargs_read(&bm->args, in->bootargs != NULL ? in->bootargs : bm->facts.chosen.bootargs);
	bm->initrd = in->initrd != NULL ? *in->initrd : bm->facts.chosen.initrd;
	bm->initrd.size = phys_cap_size(bm->initrd.base, bm->initrd.size);
	bm->board = port_board_find(bm->facts.compatible, bm->facts.compatible_bytes);
	bm->scanned = true;
	return 0;
}

FPG_INIT static int fill(struct boot_memory *bm)
{
	int err = boot_scratch_get(bm);
	if (err == 0) {
		err = boot_ram_add(bm);
	}
	if (err == 0) {
		err = boot_scratch_reserve(bm);
	}
	if (err == 0) {
		uint32_t placed = dt_reserved_sort(&bm->facts);
		err = boot_reserve_static(bm, placed);
		if (err == 0) {
			err = boot_reserve_dynamic(bm, placed);
		}
	}
	if (err == 0) {
		err = boot_scratch_give_back(bm);
	}
	return err;
}

FPG_INIT int boot_memory_init(struct boot_memory *bm, const struct boot_inputs *in)
{
	if (!bm->scanned) {
		int err = boot_memory_scan(bm, in);
		if (err != 0) {
			return err;
		}
	}
	boot_stage_set(STAGE_MEMBLOCK);
	if (FPG_ENABLED(CONFIG_MEMBLOCK_DEBUG)) {
		memblock_debug = bm->args.memblock_debug;
	}
	memblock_set_array_access(bm->in.map, bm->in.unmap);
	int err = fill(bm);
	memblock_set_array_place(NULL, NULL);
	bm->scanned = false;
	if (err != 0) {
		pr_err("memory cannot be set up: %s",
		       err == -ENODATA ? "the device tree has no usable memory" :
					 "no place for tables of this many ranges");
	}
	return err;
}

FPG_INIT void boot_memory_relocate(struct boot_memory *bm)
{
	memblock_relocate_arrays();
	if (bm->memory_scratch.size != 0) {
		if (bm->in.unmap != NULL) {
			bm->in.unmap(bm->facts.memory.at, bm->memory_scratch.size);
		}
		bm->facts.memory.at = port_phys_to_virt(bm->memory_scratch.base);
	}
}

FPG_INIT int boot_memory_limit_window(struct boot_memory *bm, phys_addr_t base, phys_addr_t size)
{
	phys_addr_t end = base + phys_cap_size(base, size);
	bm->window = (struct phys_range){ base, end - base };
	int err = base != 0 ? memblock_remove(0, base) : 0;
	if (err == 0 && end != PHYS_ADDR_MAX) {
		err = memblock_remove(end, PHYS_ADDR_MAX - end);
	}
	return err;
}
