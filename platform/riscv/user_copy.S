/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copies from and to user memory: the only code that runs with sstatus.SUM set.
 *
 * Each instruction that touches user memory has an entry in __ex_table: its own address and where to go on when its
 * fault is not resolved, both relative to the entry's words. a2 counts what is left and is right, to the byte, at every
 * such instruction or made so by its way out. Words where both sides agree modulo 8, else bytes.
 */
#include "platform/riscv/asm.h"

/* The instruction that follows goes on at \out when it may not touch user memory. */
.macro may_fault out
	.pushsection __ex_table, "a", @progbits
	.balign	4
	.4byte	9f - .
	.4byte	\out - .
	.popsection
9:
.endm

/* A load and a store, of which the user's side may fault. \in: the load is the user's */
.macro move in, load, store, offset, out
	.if	\in
	may_fault \out
	\load	t0, \offset(a1)
	\store	t0, \offset(a0)
	.else
	\load	t0, \offset(a1)
	may_fault \out
	\store	t0, \offset(a0)
	.endif
.endm

/* size_t name(dst, src, bytes). Return: bytes not copied */
.macro user_copy name, in
	.balign	4
	.global	\name
	.type	\name, @function
\name:
	li	t5, SSTATUS_SUM
	csrs	sstatus, t5

	/* Words need both sides to reach a multiple of 8 together. */
	xor	t1, a0, a1
	andi	t1, t1, 7
	bnez	t1, .Lbytes_\name
	li	t2, 8
1:	andi	t1, a1, 7
	beqz	t1, 2f
	beqz	a2, .Lout_\name
	move	\in, lbu, sb, 0, .Lout_\name
	addi	a0, a0, 1
	addi	a1, a1, 1
	addi	a2, a2, -1
	j	1b

	/* 64 bytes a round. */
2:	li	t3, 64
3:	bltu	a2, t3, 4f
	move	\in, ld, sd, 0, .Ldone0_\name
	move	\in, ld, sd, 8, .Ldone1_\name
	move	\in, ld, sd, 16, .Ldone2_\name
	move	\in, ld, sd, 24, .Ldone3_\name
	move	\in, ld, sd, 32, .Ldone4_\name
	move	\in, ld, sd, 40, .Ldone5_\name
	move	\in, ld, sd, 48, .Ldone6_\name
	move	\in, ld, sd, 56, .Ldone7_\name
	addi	a0, a0, 64
	addi	a1, a1, 64
	addi	a2, a2, -64
	j	3b
4:	bltu	a2, t2, .Lbytes_\name
	move	\in, ld, sd, 0, .Lout_\name
	addi	a0, a0, 8
	addi	a1, a1, 8
	addi	a2, a2, -8
	j	4b

.Lbytes_\name:
	beqz	a2, .Lout_\name
	move	\in, lbu, sb, 0, .Lout_\name
	addi	a0, a0, 1
	addi	a1, a1, 1
	addi	a2, a2, -1
	j	.Lbytes_\name

	/* So many words of a round were copied. */
.Ldone7_\name:
	addi	a2, a2, -8
.Ldone6_\name:
	addi	a2, a2, -8
.Ldone5_\name:
	addi	a2, a2, -8
.Ldone4_\name:
	addi	a2, a2, -8
.Ldone3_\name:
	addi	a2, a2, -8
.Ldone2_\name:
	addi	a2, a2, -8
.Ldone1_\name:
	addi	a2, a2, -8
.Ldone0_\name:
.Lout_\name:
	csrc	sstatus, t5
	mv	a0, a2
	ret
	.size	\name, . - \name
.endm

	.text
	user_copy user_copy_in, 1
	user_copy user_copy_out, 0
