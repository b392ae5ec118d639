/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An image file as a list of segments: ours by the table behind its Image header, any other Linux Image as one block
 * of image_size bytes. Source: Linux Documentation/riscv/boot-image-header.rst (version 0.2).
 */
#include "fpg/core/image.h"

#include "fpg/base/errno.h"
#include "fpg/base/range.h"

#include <string.h>

/** Link address of every image: the top 2 GiB. */
#define IMAGE_LINK_BASE 0xffffffff80000000ULL

#define IMAGE_SIZE_OFFSET   16
#define IMAGE_MAGIC2_OFFSET 0x38

FPG_INIT static bool known_owner(uint16_t owner)
{
	return owner > OWNER_NONE && owner < OWNER_KIND_COUNT;
}

FPG_INIT static int parse_table(struct kernel_image *image, const struct kernel_image_table *table,
				size_t file_bytes)
{
	uint32_t n = table->count;
	size_t room =
		(file_bytes - KERNEL_IMAGE_TABLE_OFFSET - sizeof(*table)) / sizeof(table->entry[0]);
	if (table->version != KERNEL_IMAGE_TABLE_VERSION || n < 2 || n > room ||
	    n > KERNEL_IMAGE_MAX_SEGMENTS + 1) {
		return -EINVAL;
	}
	for (uint32_t i = 0; i + 1 < n; i++) {
		const struct kernel_image_entry *e = &table->entry[i];
		uint32_t end = table->entry[i + 1].offset;
		if (end < e->offset || !IS_ALIGNED(end, PAGE_SIZE) || !known_owner(e->owner) ||
		    memchr(e->name, '\0', sizeof(e->name)) == NULL) {
			return -EINVAL;
		}
		if (end == e->offset) {
			continue;
		}
		image->segments[image->segment_count++] = (struct kernel_segment){
			.name = e->name,
			.va = vaddr(IMAGE_LINK_BASE + e->offset),
			.pa = image->load + e->offset,
			.bytes = end - e->offset,
			.prot = (uint8_t)(e->prot & (MEM_R | MEM_W | MEM_X)),
			.owner = e->owner,
		};
	}
	return table->entry[0].offset == 0 && table->entry[n - 1].offset == image->bytes ? 0 :
											   -EINVAL;
}

FPG_INIT void kernel_image_plain(struct kernel_image *image, phys_addr_t load, uint64_t bytes)
{
	*image = (struct kernel_image){ .load = load,
					.bytes = ALIGN_UP(bytes, PAGE_SIZE),
					.segment_count = 1 };
	image->segments[0] = (struct kernel_segment){
		.name = "image",
		.va = vaddr(IMAGE_LINK_BASE),
		.pa = load,
		.bytes = image->bytes,
		.prot = MEM_R | MEM_W | MEM_X,
		.owner = OWNER_IMAGE_TEXT,
	};
}

FPG_INIT int kernel_image_parse(struct kernel_image *image, const void *file, size_t bytes,
				phys_addr_t load)
{
	uint64_t image_bytes;
	const char *at = file;
	*image = (struct kernel_image){ .load = load };
	if (bytes < KERNEL_IMAGE_TABLE_OFFSET ||
	    memcmp(at + IMAGE_MAGIC2_OFFSET, "RSC\005", 4) != 0) {
		return -ENOENT;
	}
	memcpy(&image_bytes, at + IMAGE_SIZE_OFFSET, sizeof(image_bytes));
	if (image_bytes == 0 || image_bytes > KERNEL_IMAGE_MAX_BYTES) {
		return -EINVAL;
	}
	const struct kernel_image_table *table = (const void *)(at + KERNEL_IMAGE_TABLE_OFFSET);
	if (bytes < KERNEL_IMAGE_TABLE_OFFSET + sizeof(*table) ||
	    memcmp(table->magic, KERNEL_IMAGE_TABLE_MAGIC, sizeof(table->magic)) != 0) {
		kernel_image_plain(image, load, image_bytes);
		return 0;
	}
	image->bytes = image_bytes;
	return parse_table(image, table, bytes);
}
