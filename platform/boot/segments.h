/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers that the assembler cannot take from enums; image.c asserts that they agree. */
#pragma once

#define SEGMENT_R 1
#define SEGMENT_W 2
#define SEGMENT_X 4

#ifdef __ASSEMBLER__
#define OWNER_IMAGE_TEXT   SEGMENT_OWNER_TEXT
#define OWNER_IMAGE_RODATA SEGMENT_OWNER_RODATA
#define OWNER_IMAGE_INIT   SEGMENT_OWNER_INIT
#define OWNER_IMAGE_DATA   SEGMENT_OWNER_DATA
#define OWNER_IMAGE_BSS	   SEGMENT_OWNER_BSS
#define OWNER_HART	   SEGMENT_OWNER_HART
#endif

#define SEGMENT_OWNER_TEXT   2
#define SEGMENT_OWNER_RODATA 3
#define SEGMENT_OWNER_INIT   4
#define SEGMENT_OWNER_DATA   5
#define SEGMENT_OWNER_BSS    6
#define SEGMENT_OWNER_HART   21
