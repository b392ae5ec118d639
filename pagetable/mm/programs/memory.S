/* SPDX-License-Identifier: BSD-2-Clause */
/* Programs that use memory well: demand-zero pages by brk and mmap, a growing stack, words that are counted up. */
#include "program.inc"

/* touch MIB: half by brk, half by mmap; new memory reads as zero, also after it was given back, and keeps what is written. */
program touch
	slli	s1, a0, 19		/* bytes of each half */
	li	a0, 0
	system	SYS_BRK
	mv	s2, a0
	add	s3, s2, s1
	mv	a0, s3
	system	SYS_BRK
	li	s4, 1
	bne	a0, s3, touch_fail
	mv	a0, s2
	mv	a1, s1
	jal	touch_range

	li	a0, 0
	mv	a1, s1
	li	a2, PROT_RW
	li	a3, 0
	system	SYS_MMAP
	li	s4, 2
	bltz	a0, touch_fail
	mv	s5, a0
	mv	a1, s1
	jal	touch_range

	/* Shrink the heap to nothing and let it grow again: zeros. */
	mv	a0, s2
	system	SYS_BRK
	li	s4, 3
	bne	a0, s2, touch_fail
	mv	a0, s3
	system	SYS_BRK
	bne	a0, s3, touch_fail
	mv	a0, s2
	mv	a1, s1
	jal	touch_range

	/* Take a page out of the middle and put another there: zeros in it, all else as before. */
	li	s4, 4
	srli	t0, s1, 1
	add	s6, s5, t0
	mv	a0, s6
	li	a1, PAGE
	system	SYS_MUNMAP
	bnez	a0, touch_fail
	mv	a0, s6
	li	a1, PAGE
	li	a2, PROT_RW
	li	a3, MAP_FIXED
	system	SYS_MMAP
	bne	a0, s6, touch_fail
	ld	t0, 0(s6)
	bnez	t0, touch_fail
	ld	t0, -64(s6)
	addi	t1, s6, -64
	bne	t0, t1, touch_fail
	exit	0
touch_fail:
	mv	a0, s4
	system	SYS_EXIT

/* [a0, a0 + a1) reads as zero; then each 64th byte is the start of its own address, and stays it. */
touch_range:
	add	t1, a0, a1
	mv	t0, a0
1:	ld	t2, 0(t0)
	bnez	t2, touch_fail
	sd	t0, 0(t0)
	addi	t0, t0, 64
	bltu	t0, t1, 1b
	mv	t0, a0
2:	ld	t2, 0(t0)
	bne	t2, t0, touch_fail
	addi	t0, t0, 64
	bltu	t0, t1, 2b
	ret
program_end touch

/* stack KIB: every page of that much stack, from the top down, then all of them again. */
program stack
	slli	t0, a0, 10
	sub	t0, sp, t0		/* the lowest */
	mv	t1, sp
	li	t2, PAGE
1:	sub	t1, t1, t2
	sd	t1, 0(t1)
	bltu	t0, t1, 1b
2:	ld	t3, 0(t1)
	bne	t3, t1, 3f
	add	t1, t1, t2
	bltu	t1, sp, 2b
	exit	0
3:	exit	1
program_end stack

/*
 * count N: N times (0: until somebody writes to the first word of the data) adds one to a word in each page of data, by a
 * load and a store, and checks the sums.
 */
program count
	li	s0, 0
	li	s1, USER_DATA_BASE
	li	t3, PAGE
1:	mv	t0, s1
	li	t1, USER_DATA_PAGES
2:	ld	t2, 8(t0)
	addi	t2, t2, 1
	sd	t2, 8(t0)
	add	t0, t0, t3
	addi	t1, t1, -1
	bnez	t1, 2b
	addi	s0, s0, 1
	bnez	a0, 3f
	ld	t2, 0(s1)
	beqz	t2, 1b
	mv	a0, s0
3:	bne	s0, a0, 1b
	mv	t0, s1
	li	t1, USER_DATA_PAGES
4:	ld	t2, 8(t0)
	bne	t2, s0, 5f
	add	t0, t0, t3
	addi	t1, t1, -1
	bnez	t1, 4b
	exit	0
5:	exit	1
program_end count

/*
 * shared N: N harts in one space wait for each other, touch the same fresh pages at once, and add 100000 each to one word;
 * each sees the whole sum.
 */
#define ROUNDS 100000
program shared
	mv	s1, a0
	li	s0, USER_DATA_BASE
	addi	s2, s0, 8		/* the sum */
	addi	s3, s0, 16		/* harts that are done */
	li	s4, 1
	amoadd.d.aqrl zero, s4, (s0)
1:	ld	t0, 0(s0)
	bltu	t0, s1, 1b
	li	t1, USER_DATA_PAGES - 1
	li	t2, PAGE
	mv	t0, s0
2:	add	t0, t0, t2
	amoadd.d.aqrl zero, s4, (t0)
	addi	t1, t1, -1
	bnez	t1, 2b
	li	t1, ROUNDS
3:	amoadd.d zero, s4, (s2)
	addi	t1, t1, -1
	bnez	t1, 3b
	fence	rw, rw
	amoadd.d.aqrl zero, s4, (s3)
4:	ld	t0, 0(s3)
	bltu	t0, s1, 4b
	fence	rw, rw
	li	t1, ROUNDS
	mul	t1, t1, s1
	ld	t0, 0(s2)
	bne	t0, t1, 6f
	li	t1, USER_DATA_PAGES - 1
	mv	t0, s0
5:	add	t0, t0, t2
	ld	t3, 0(t0)
	bne	t3, s1, 7f
	addi	t1, t1, -1
	bnez	t1, 5b
	exit	0
6:	exit	1
7:	exit	2
program_end shared

/*
 * sums N: N rounds (0: until somebody writes to the first word of the data) over pages of its own. A page's words are a
 * chain that begins with the number of the round, and the last one is their sum; every round checks what the last one left
 * and writes all anew. Now and then a page is given back and had again. Where the pages are and the last round is left in
 * the data, 16 bytes a hart from the 64th on.
 */
#define SUMS_PAGES 32
#define SUMS_AGAIN 64			/* rounds between pages that are given back */
program sums
	mv	s1, a0
	slli	t0, a1, 4
	li	s3, USER_DATA_BASE + 64
	add	s3, s3, t0
	li	a0, 0
	li	a1, SUMS_PAGES * PAGE
	li	a2, PROT_RW
	li	a3, 0
	system	SYS_MMAP
	bltz	a0, sums_no_memory
	mv	s0, a0
	sd	s0, 0(s3)
	li	s2, 0
	li	s6, PAGE
	li	s7, SUMS_PAGES * PAGE
	add	s5, s0, s7
1:	mv	a0, s0
2:	mv	a1, s2
	jal	sums_check
	addi	a1, s2, 1
	jal	sums_fill
	add	a0, a0, s6
	bltu	a0, s5, 2b
	addi	s2, s2, 1
	andi	t0, s2, SUMS_AGAIN - 1
	bnez	t0, 3f
	srli	t0, s2, 6		/* SUMS_AGAIN is 1 << 6 */
	andi	t0, t0, SUMS_PAGES - 1
	mul	t0, t0, s6
	add	s4, s0, t0
	mv	a0, s4
	mv	a1, s6
	li	a2, PROT_RW
	li	a3, MAP_FIXED
	system	SYS_MMAP
	bne	a0, s4, sums_no_memory
	ld	t0, 0(s4)
	bnez	t0, sums_wrong
	mv	a1, s2
	jal	sums_fill
3:	bnez	s1, 4f
	li	t0, USER_DATA_BASE
	ld	t0, 0(t0)
	beqz	t0, 1b
	mv	s1, s2
4:	bne	s2, s1, 1b
	mv	a0, s0
5:	mv	a1, s2
	jal	sums_check
	add	a0, a0, s6
	bltu	a0, s5, 5b
	sd	s2, 8(s3)
	exit	0
sums_wrong:
	exit	1
sums_no_memory:
	exit	2

	/* t0: the word after it, in the page at a0 */
	.macro	next_word
	slli	t4, t0, 2
	add	t0, t0, t4
	add	t0, t0, a0
	.endm

/* The page at a0 is as round a1 left it; nobody has written to it before round 1. */
sums_check:
	ld	t0, 0(a0)
	bne	t0, a1, sums_wrong
	beqz	a1, 2f
	mv	t1, a0
	mv	t2, t0
	li	t3, PAGE / 8 - 2
1:	next_word
	addi	t1, t1, 8
	ld	t5, 0(t1)
	bne	t5, t0, sums_wrong
	add	t2, t2, t5
	addi	t3, t3, -1
	bnez	t3, 1b
	ld	t5, 8(t1)
	bne	t5, t2, sums_wrong
2:	ret

sums_fill:
	mv	t0, a1
	sd	t0, 0(a0)
	mv	t1, a0
	mv	t2, t0
	li	t3, PAGE / 8 - 2
1:	next_word
	addi	t1, t1, 8
	sd	t0, 0(t1)
	add	t2, t2, t0
	addi	t3, t3, -1
	bnez	t3, 1b
	sd	t2, 8(t1)
	ret
program_end sums
