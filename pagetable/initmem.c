/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The end of the image's boot-only parts. Each of three steps leaves a sound state if the next one fails: a part that is
 * no longer mapped in the image but not yet writable in the linear map is only lost, and stays reserved.
 */
#define LOG_MODULE "init"
#include "fpg/base/errno.h"
#include "fpg/core/log.h"
#include "fpg/core/memblock.h"
#include "fpg/pagetable/kernel_map.h"

#include <inttypes.h>

/** Neighbours are one range. Return: the segment after the last of it, or NULL when there is none from @s on. */
static const struct kernel_segment *init_range(const struct kernel_image *image,
					       const struct kernel_segment *s, vaddr_t *va,
					       struct phys_range *range)
{
	const struct kernel_segment *end = image->segments + image->segment_count;
	while (s < end && s->owner != OWNER_IMAGE_INIT) {
		s++;
	}
	if (s == end) {
		return NULL;
	}
	*va = s->va;
	*range = (struct phys_range){ s->pa, 0 };
	for (; s < end && s->owner == OWNER_IMAGE_INIT; s++) {
		range->size += s->bytes;
	}
	return s;
}

static int free_range(const struct kernel_map *map, vaddr_t va, struct phys_range range)
{
	int err = kernel_pt_unmap(va, range.size);
	if (err == 0) {
		err = kernel_pt_protect(vaddr(range.base + map->linear_offset), range.size,
					MEM_R | MEM_W);
	}
	if (err != 0) {
		pr_warn("unused image memory %#" PRIx64 "+%#" PRIx64 " stays reserved (%s)",
			range.base, range.size, errno_name(err));
		return err;
	}
	memblock_free_late(range.base, range.size);
	return 0;
}

uint64_t free_initmem(const struct kernel_image *image)
{
	const struct kernel_map *map = kernel_map_active();
	const struct kernel_segment *s = image->segments;
	struct phys_range range;
	uint64_t bytes = 0;
	vaddr_t va;
	while ((s = init_range(image, s, &va, &range)) != NULL) {
		if (free_range(map, va, range) == 0) {
			bytes += range.size;
		}
	}
	pr_info("Freeing unused kernel image (initmem) memory: %" PRIu64 "K", bytes / 1024);
	return bytes;
}
