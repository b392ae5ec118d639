/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Into U-mode and back: user_enter() keeps the kernel's registers on the stack and loads the program's; the trap that
 * ends the program comes to user_trap, which does the reverse and returns from user_enter().
 *
 * In U-mode every register but the CSRs is the program's; sscratch alone leads back.
 */
#include "platform/riscv/asm.h"

	.text

/* void user_enter(struct port_user_regs *regs); interrupts masked */
	.balign	4
	.global user_enter
	.type	user_enter, @function
user_enter:
	addi	sp, sp, -KEPT_BYTES
	sd	ra, KEPT_RA(sp)
	sd	s0, KEPT_S0(sp)
	.irp	n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
	sd	s\n, KEPT_S(\n)(sp)
	.endr
	sd	sp, HART_USER_SP(tp)
	sd	a0, HART_USER_REGS(tp)

	/* A reservation of LR must not live on in the program. Source: Unprivileged v20191213, 8.2. */
	ld	t0, UREGS_PC(a0)
	addi	t1, a0, UREGS_PC
	sc.d	zero, t0, (t1)
	csrw	sepc, t0
	li	t0, SSTATUS_SPP | SSTATUS_SUM | SSTATUS_MXR | SSTATUS_FS | SSTATUS_VS
	csrc	sstatus, t0
	li	t0, SSTATUS_SPIE
	csrs	sstatus, t0
	.irp	n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	ld	x\n, UREGS_X(\n)(a0)
	.endr
	ld	a0, UREGS_X(10)(a0)
	sret
	.size	user_enter, . - user_enter

/* From trap_entry: tp is the hart's block, sscratch the program's tp, its t0 and t1 lie in the block. */
	.balign	4
	.global user_trap
	.type	user_trap, @function
user_trap:
	ld	t0, HART_USER_REGS(tp)
	.irp	n, 1, 2, 3, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	sd	x\n, UREGS_X(\n)(t0)
	.endr
	ld	t1, HART_SCRATCH0(tp)
	ld	t2, HART_SCRATCH1(tp)
	csrr	t3, sscratch
	csrr	t4, sepc
	sd	t1, UREGS_X(5)(t0)
	sd	t2, UREGS_X(6)(t0)
	sd	t3, UREGS_X(4)(t0)
	sd	t4, UREGS_PC(t0)
	csrw	sscratch, tp

	.option push
	.option norelax
	lla	gp, __global_pointer$
	.option pop
	ld	sp, HART_USER_SP(tp)
	ld	ra, KEPT_RA(sp)
	ld	s0, KEPT_S0(sp)
	.irp	n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
	ld	s\n, KEPT_S(\n)(sp)
	.endr
	addi	sp, sp, KEPT_BYTES
	ret
	.size	user_trap, . - user_trap
