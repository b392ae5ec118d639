/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of segments, right behind the 64-byte Image header: what core/image.c reads, on the target to describe
 * itself and on a host to describe a firstpage.bin. Layout: struct kernel_image_table in fpg/core/image.h.
 */
	.macro	segment start, owner, prot, name
	.word	\start - __image_start
	.half	\owner
	.half	\prot
100:	.ascii	"\name"
	.fill	24 - (. - 100b), 1, 0
	.endm

#include "segments.h"

	.section .head.segments, "a", @progbits
	.balign	8
	.global kernel_image_table
kernel_image_table:
	.ascii	"FPGSEGS\0"
	.word	1			/* version */
	.word	(2f - 1f) / 32		/* entries, the last ends the image */
1:
	segment	__text_start, OWNER_IMAGE_TEXT, SEGMENT_R | SEGMENT_X, ".text"
	segment	__init_text_start, OWNER_IMAGE_INIT, SEGMENT_R | SEGMENT_X, ".init.text"
	segment	__rodata_start, OWNER_IMAGE_RODATA, SEGMENT_R, ".rodata"
	segment	__data_start, OWNER_IMAGE_DATA, SEGMENT_R | SEGMENT_W, ".data"
	segment	__init_data_start, OWNER_IMAGE_INIT, SEGMENT_R | SEGMENT_W, ".init.data"
	segment	__init_bss_start, OWNER_IMAGE_INIT, SEGMENT_R | SEGMENT_W, ".init.bss"
	segment	__bss_start, OWNER_IMAGE_BSS, SEGMENT_R | SEGMENT_W, ".bss"
	segment	__boot_stack_guard, OWNER_HART, 0, "boot stack guard"
	segment	__boot_stack, OWNER_HART, SEGMENT_R | SEGMENT_W, "boot stack"
	segment	__emergency_stack_guard, OWNER_HART, 0, "emergency stack guard"
	segment	__emergency_stack, OWNER_HART, SEGMENT_R | SEGMENT_W, "emergency stack"
	segment	__image_end, 0, 0, ""
2:
