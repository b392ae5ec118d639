/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers that assembly and C share. Offsets into structures are checked against the structures in trap.c. */
#pragma once

/* sstatus. Source: RISC-V Privileged v1.12, 4.1.1. */
#define SSTATUS_SIE  0x00000002
#define SSTATUS_SPIE 0x00000020
#define SSTATUS_SPP  0x00000100
#define SSTATUS_VS   0x00000600 /* Vector extension v1.0, 3.2 */
#define SSTATUS_FS   0x00006000
#define SSTATUS_SUM  0x00040000
#define SSTATUS_MXR  0x00080000

/* struct trap_frame (hart.h): x0..x31, then these. */
#define FRAME_X(n)	((n)*8)
#define FRAME_EPC	256
#define FRAME_STATUS	264
#define FRAME_CAUSE	272
#define FRAME_TVAL	280
#define FRAME_BAD_STACK 288
#define FRAME_MARKER	296
#define FRAME_CHAIN_FP	304
#define FRAME_CHAIN_PC	312
#define FRAME_BYTES	320

/* struct hart_area (hart.h). */
#define HART_ID		   0
#define HART_SCRATCH0	   8
#define HART_SCRATCH1	   16
#define HART_USER_TRAP_SP  24
#define HART_STACK_LOW	   40
#define HART_STACK_TOP	   48
#define HART_EMERGENCY_LOW 64
#define HART_EMERGENCY_TOP 72

/* struct trap_recovery (hart.h): s0..s11, then these. */
#define RECOVERY_S(n) ((n)*8)
#define RECOVERY_SP   96
#define RECOVERY_RA   104

/* SBI calls that early assembly makes. Source: RISC-V SBI v2.0, chapters 5, 10 and 12. */
#define SBI_LEGACY_PUTCHAR	1
#define SBI_LEGACY_SHUTDOWN	8
#define SBI_EXT_DBCN		0x4442434e
#define SBI_DBCN_WRITE_BYTE	2
#define SBI_EXT_SRST		0x53525354
#define SBI_SRST_SYSTEM_FAILURE 1
