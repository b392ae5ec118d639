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
#define HART_ID		   8
#define HART_SCRATCH0	   24
#define HART_SCRATCH1	   32
#define HART_USER_SP	   40
#define HART_USER_REGS	   48
#define HART_STACK_LOW	   64
#define HART_STACK_TOP	   72
#define HART_EMERGENCY_LOW 88
#define HART_EMERGENCY_TOP 96

/* struct hart_start_block (hart.h). */
#define START_SATP    0
#define START_HIGH    8
#define START_AREA    16
#define START_SP      24
#define START_ENTRY   32
#define START_ARG     40
#define START_REFUSED 48

/* struct port_user_regs (fpg/port/user.h). */
#define UREGS_X(n) ((n)*8)
#define UREGS_PC   256

/* What user_enter() keeps on the kernel's stack: s1..s11, then as any function the caller's s0 and ra. */
#define KEPT_S(n)  (((n)-1) * 8)
#define KEPT_S0	   96
#define KEPT_RA	   104
#define KEPT_BYTES 112

/* What a stack is filled with before it is used: "pfgstack". */
#define STACK_PAINT 0x6b63617473676670

/* struct trap_recovery (hart.h): s0..s11, then these. */
#define RECOVERY_S(n) ((n)*8)
#define RECOVERY_SP   96
#define RECOVERY_RA   104

/* SBI calls that assembly makes. Source: RISC-V SBI v2.0, chapters 5, 9, 10 and 12. */
#define SBI_LEGACY_PUTCHAR	1
#define SBI_LEGACY_SHUTDOWN	8
#define SBI_EXT_DBCN		0x4442434e
#define SBI_DBCN_WRITE_BYTE	2
#define SBI_EXT_SRST		0x53525354
#define SBI_SRST_SYSTEM_FAILURE 1
#define SBI_EXT_HSM		0x48534d
#define SBI_HSM_STOP		1
