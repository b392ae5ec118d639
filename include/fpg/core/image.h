/* SPDX-License-Identifier: BSD-2-Clause */
/* What was loaded: the image's segments with their place, permissions and owner. Filled by platform/boot (or a host tool). */
#pragma once

#include "fpg/base/assert.h"
#include "fpg/base/compiler.h"
#include "fpg/base/types.h"
#include "fpg/core/owner.h"

#define KERNEL_IMAGE_MAX_SEGMENTS 12

/** Memory permissions, also used by pagetable/. */
enum mem_prot {
	MEM_R = 1 << 0,
	MEM_W = 1 << 1,
	MEM_X = 1 << 2,
	MEM_U = 1 << 3,
};

struct kernel_segment {
	const char *name;
	/** Link address; page aligned. Segments ascend, and together cover [image start, image end) without a gap. */
	vaddr_t va;
	phys_addr_t pa;
	uint64_t bytes;
	/** enum mem_prot bits; 0: never mapped (a stack's guard page). */
	uint8_t prot;
	uint16_t owner; /* enum owner_kind */
};

struct kernel_image {
	/** Physical address of the first byte; 2 MiB aligned. */
	phys_addr_t load;
	/** Bytes up to the end of .bss, a multiple of the page size. */
	uint64_t bytes;
	uint32_t segment_count;
	struct kernel_segment segments[KERNEL_IMAGE_MAX_SEGMENTS];
};

/** Where our table of segments lies in an image file: right behind the Image header. */
#define KERNEL_IMAGE_TABLE_OFFSET  64
#define KERNEL_IMAGE_TABLE_MAGIC   "FPGSEGS"
#define KERNEL_IMAGE_TABLE_VERSION 1

/** No image is larger: the link address is in the top 2 GiB. */
#define KERNEL_IMAGE_MAX_BYTES SZ_1G

struct kernel_image_entry {
	/** From the image's start; the segment ends where the next entry begins. A multiple of the page size. */
	uint32_t offset;
	uint16_t owner; /* enum owner_kind */
	uint16_t prot;	/* enum mem_prot */
	char name[24];
};

/** Little endian, as the machine is. The last entry only says where the image ends. */
struct kernel_image_table {
	char magic[8];
	uint32_t version;
	uint32_t count;
	struct kernel_image_entry entry[];
};

static_assert(sizeof(struct kernel_image_entry) == 32, "platform/boot/segments.S writes it");

/**
 * Describe an image file (or the running image) that is loaded at @load: our own by its table of segments, another
 * Linux Image as one segment.
 *
 * @file   aligned to 8; names in @image point into it
 * @bytes  readable there; the part in the file is enough, .bss is only described
 * Return: 0 | -ENOENT (no Image header) | -EINVAL (a header or table that makes no sense)
 */
FPG_MUST_CHECK int kernel_image_parse(struct kernel_image *image, const void *file, size_t bytes,
				      phys_addr_t load);

/** An image of which only the size is known. @bytes is rounded up to pages. */
void kernel_image_plain(struct kernel_image *image, phys_addr_t load, uint64_t bytes);
