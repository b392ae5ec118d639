/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memcpy, memmove, memset, and clearing and copying a page: 8 bytes at a time, unrolled. picolibc's are byte loops.
 *
 * No load or store is misaligned: pointers that differ modulo 8 are served by shifting aligned words together. A word
 * is loaded only when it holds a byte that is asked for, so nothing beyond an object's last word is touched. Code that
 * runs before translation is on uses these too: all of it is position independent.
 */

/* Shorter blocks go byte by byte. */
#define SHORT 16

	.text

/* 8 loads, then 8 stores: a forward copy is then right for overlapping blocks whenever the target lies below. */
.macro copy_64 offset
	ld	t0, (\offset + 0)(a1)
	ld	t1, (\offset + 8)(a1)
	ld	t2, (\offset + 16)(a1)
	ld	t3, (\offset + 24)(a1)
	ld	t4, (\offset + 32)(a1)
	ld	t5, (\offset + 40)(a1)
	ld	a3, (\offset + 48)(a1)
	ld	a4, (\offset + 56)(a1)
	sd	t0, (\offset + 0)(t6)
	sd	t1, (\offset + 8)(t6)
	sd	t2, (\offset + 16)(t6)
	sd	t3, (\offset + 24)(t6)
	sd	t4, (\offset + 32)(t6)
	sd	t5, (\offset + 40)(t6)
	sd	a3, (\offset + 48)(t6)
	sd	a4, (\offset + 56)(t6)
.endm

.macro store_64 reg, offset
	sd	\reg, (\offset + 0)(t6)
	sd	\reg, (\offset + 8)(t6)
	sd	\reg, (\offset + 16)(t6)
	sd	\reg, (\offset + 24)(t6)
	sd	\reg, (\offset + 32)(t6)
	sd	\reg, (\offset + 40)(t6)
	sd	\reg, (\offset + 48)(t6)
	sd	\reg, (\offset + 56)(t6)
.endm

/* One word from two: w0 keeps the word loaded last. t1: bits to drop, t2: 64 - t1. */
.macro merge_word w0, w1, offset
	ld	\w1, (\offset + 8)(a1)
	srl	t3, \w0, t1
	sll	t4, \w1, t2
	or	t3, t3, t4
	sd	t3, (\offset)(t6)
.endm

/* void *memmove(void *dst, const void *src, size_t n) */
	.balign	4
	.global memmove
	.type	memmove, @function
memmove:
	sub	t0, a0, a1
	bltu	t0, a2, copy_backward
	/* dst below src, or apart: falls through */
	.size	memmove, . - memmove

/* void *memcpy(void *dst, const void *src, size_t n); also right for overlapping blocks with dst below src */
	.global memcpy
	.type	memcpy, @function
memcpy:
	mv	t6, a0
	li	t0, SHORT
	bltu	a2, t0, .Lcopy_bytes

	/* Bring dst to a word. */
	andi	t0, a0, 7
	beqz	t0, 2f
	li	t1, 8
	sub	t0, t1, t0
	sub	a2, a2, t0
	add	t0, t0, t6
1:	lbu	t1, 0(a1)
	sb	t1, 0(t6)
	addi	a1, a1, 1
	addi	t6, t6, 1
	bne	t6, t0, 1b
2:	andi	t1, a1, 7
	bnez	t1, .Lcopy_shifted

	andi	a5, a2, -128
	beqz	a5, 4f
	add	a5, a5, t6
3:	copy_64	0
	copy_64	64
	addi	a1, a1, 128
	addi	t6, t6, 128
	bne	t6, a5, 3b
4:	andi	a5, a2, 120
	beqz	a5, 6f
	add	a5, a5, t6
5:	ld	t0, 0(a1)
	sd	t0, 0(t6)
	addi	a1, a1, 8
	addi	t6, t6, 8
	bne	t6, a5, 5b
6:	andi	a2, a2, 7

.Lcopy_bytes:
	beqz	a2, 2f
	add	a2, a2, t6
1:	lbu	t0, 0(a1)
	sb	t0, 0(t6)
	addi	a1, a1, 1
	addi	t6, t6, 1
	bne	t6, a2, 1b
2:	ret

	/* dst on a word, src t1 bytes past one. */
.Lcopy_shifted:
	sub	a1, a1, t1
	mv	a7, t1
	slli	t1, t1, 3
	neg	t2, t1			/* shifts count modulo 64 */
	ld	a3, 0(a1)
	andi	a5, a2, -32
	beqz	a5, 2f
	add	a5, a5, t6
1:	merge_word a3, a4, 0
	merge_word a4, a3, 8
	merge_word a3, a4, 16
	merge_word a4, a3, 24
	addi	a1, a1, 32
	addi	t6, t6, 32
	bne	t6, a5, 1b
2:	andi	a5, a2, 24
	beqz	a5, 4f
	add	a5, a5, t6
3:	merge_word a3, a4, 0
	mv	a3, a4
	addi	a1, a1, 8
	addi	t6, t6, 8
	bne	t6, a5, 3b
4:	add	a1, a1, a7
	andi	a2, a2, 7
	j	.Lcopy_bytes
	.size	memcpy, . - memcpy

/* The blocks overlap and dst lies above src: from the end down. Words where both agree modulo 8, else bytes. */
	.type	copy_backward, @function
copy_backward:
	add	a1, a1, a2
	add	t6, a0, a2
	xor	t0, t6, a1
	andi	t0, t0, 7
	bnez	t0, 6f
	li	t0, SHORT
	bltu	a2, t0, 6f

	andi	t0, t6, 7
	beqz	t0, 2f
	sub	a2, a2, t0
	sub	t0, t6, t0
1:	lbu	t1, -1(a1)
	sb	t1, -1(t6)
	addi	a1, a1, -1
	addi	t6, t6, -1
	bne	t6, t0, 1b
2:	andi	a5, a2, -64
	beqz	a5, 4f
	sub	a5, t6, a5
3:	addi	a1, a1, -64
	addi	t6, t6, -64
	copy_64	0
	bne	t6, a5, 3b
4:	andi	a5, a2, 56
	beqz	a5, 6f
	sub	a5, t6, a5
5:	ld	t0, -8(a1)
	sd	t0, -8(t6)
	addi	a1, a1, -8
	addi	t6, t6, -8
	bne	t6, a5, 5b

6:	beq	t6, a0, 8f
7:	lbu	t0, -1(a1)
	sb	t0, -1(t6)
	addi	a1, a1, -1
	addi	t6, t6, -1
	bne	t6, a0, 7b
8:	ret
	.size	copy_backward, . - copy_backward

/* void *memset(void *dst, int byte, size_t n) */
	.balign	4
	.global memset
	.type	memset, @function
memset:
	mv	t6, a0
	li	t0, SHORT
	bltu	a2, t0, .Lset_bytes

	andi	a1, a1, 255
	slli	t0, a1, 8
	or	a1, a1, t0
	slli	t0, a1, 16
	or	a1, a1, t0
	slli	t0, a1, 32
	or	a1, a1, t0

	andi	t0, a0, 7
	beqz	t0, 2f
	li	t1, 8
	sub	t0, t1, t0
	sub	a2, a2, t0
	add	t0, t0, t6
1:	sb	a1, 0(t6)
	addi	t6, t6, 1
	bne	t6, t0, 1b
2:	andi	a5, a2, -128
	beqz	a5, 4f
	add	a5, a5, t6
3:	store_64 a1, 0
	store_64 a1, 64
	addi	t6, t6, 128
	bne	t6, a5, 3b
4:	andi	a5, a2, 120
	beqz	a5, 6f
	add	a5, a5, t6
5:	sd	a1, 0(t6)
	addi	t6, t6, 8
	bne	t6, a5, 5b
6:	andi	a2, a2, 7

.Lset_bytes:
	beqz	a2, 2f
	add	a2, a2, t6
1:	sb	a1, 0(t6)
	addi	t6, t6, 1
	bne	t6, a2, 1b
2:	ret
	.size	memset, . - memset

/* void port_clear_page(void *page) */
	.balign	4
	.global port_clear_page
	.type	port_clear_page, @function
port_clear_page:
	li	a5, 4096
	mv	t6, a0
	add	a5, a5, a0
1:	store_64 zero, 0
	store_64 zero, 64
	store_64 zero, 128
	store_64 zero, 192
	addi	t6, t6, 256
	bne	t6, a5, 1b
	ret
	.size	port_clear_page, . - port_clear_page

/* void port_copy_page(void *dst, const void *src) */
	.balign	4
	.global port_copy_page
	.type	port_copy_page, @function
port_copy_page:
	li	a5, 4096
	mv	t6, a0
	add	a5, a5, a0
	/* A kilobyte a turn: what a loop costs is most of what is not the copying itself. */
1:
	.irp	offset, 0, 64, 128, 192, 256, 320, 384, 448, 512, 576, 640, 704, 768, 832, 896, 960
	copy_64	\offset
	.endr
	addi	a1, a1, 1024
	addi	t6, t6, 1024
	bne	t6, a5, 1b
	ret
	.size	port_copy_page, . - port_copy_page
