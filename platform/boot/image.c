/* SPDX-License-Identifier: BSD-2-Clause */
/* The running image described by its own table of segments (segments.S). */
#include "boot.h"
#include "segments.h"

#include "fpg/base/assert.h"

static_assert(SEGMENT_R == MEM_R && SEGMENT_W == MEM_W && SEGMENT_X == MEM_X,
	      "segments.h: permissions");
static_assert(SEGMENT_OWNER_TEXT == OWNER_IMAGE_TEXT &&
		      SEGMENT_OWNER_RODATA == OWNER_IMAGE_RODATA &&
		      SEGMENT_OWNER_INIT == OWNER_IMAGE_INIT &&
		      SEGMENT_OWNER_DATA == OWNER_IMAGE_DATA &&
		      SEGMENT_OWNER_BSS == OWNER_IMAGE_BSS && SEGMENT_OWNER_HART == OWNER_HART,
	      "segments.h: owners");

extern char __image_start[], __file_bytes[];

FPG_INIT void kernel_image_describe(struct kernel_image *image, phys_addr_t load)
{
	int err = kernel_image_parse(image, __image_start, (size_t)(uintptr_t)__file_bytes, load);
	FPG_CHECK(err == 0);
}
