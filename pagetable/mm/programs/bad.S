/* SPDX-License-Identifier: BSD-2-Clause */
/* Programs that are to be killed: each does one forbidden thing, and says exit 1 when it was allowed. */
#include "program.inc"

/* A new page at s0 and in a0, read and written, that holds its own address. */
.macro page_of_mine
	li	a0, 0
	li	a1, PAGE
	li	a2, PROT_RW
	li	a3, 0
	system	SYS_MMAP
	mv	s0, a0
	sd	s0, 0(s0)
.endm

program null
	ld	a0, 0(zero)
	exit	1
program_end null

/* Nothing is mapped there. */
program bad_read
	li	t0, 0x30000000
	ld	a0, 0(t0)
	exit	1
program_end bad_read

/* Its own text. */
program bad_write
	li	t0, USER_TEXT_BASE
	ld	a0, 0(t0)
	sd	zero, 0(t0)
	exit	1
program_end bad_write

/* Its own data, where an instruction lies. */
program bad_exec
	li	t0, USER_DATA_BASE
	li	t1, 0x8067		/* ret */
	sw	t1, 0(t0)
	fence.i
	jalr	t0
	exit	1
program_end bad_exec

/* The start of the kernel's image. */
program kernel_read
	li	t0, 0xffffffff80000000
	ld	a0, 0(t0)
	exit	1
program_end kernel_read

program illegal
	.word	0
	exit	1
program_end illegal

/* Memory that was writable until a moment ago. */
program protect
	page_of_mine
	li	a1, PAGE
	li	a2, PROT_R
	system	SYS_MPROTECT
	bnez	a0, 1f
	ld	t0, 0(s0)
	bne	t0, s0, 1f
	sd	zero, 0(s0)
1:	exit	1
program_end protect

/* Memory that was there until a moment ago. */
program unmapped
	page_of_mine
	li	a1, PAGE
	system	SYS_MUNMAP
	bnez	a0, 1f
	ld	t0, 0(s0)
1:	exit	1
program_end unmapped
