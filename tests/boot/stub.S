/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The test loader: starts the image as no firmware would. Given to a simulator as its kernel; the image, a device tree
 * blob and the block of parameters at PARAMS are put into memory by the simulator (-device loader), or lie behind it in
 * one file. Position independent; uses no stack and no data of its own.
 *
 *   offset  parameter
 *      0    "FPGSTUB1"
 *      8    address to start the image at
 *     16    0: a1 is the next word   1: a1 is the firmware's plus the next word
 *     24    see above
 *     32    how: 0 jump on this hart   1 HSM hart_start of one hart, then stop   2 hart_start of all, then jump
 *     40    hart to start (1), or how many harts there are (2)
 *     48    not 0: copy the firmware's blob to this address, which then is a1
 *     56    0; how many harts came here
 *
 * OpenSBI 1.1 sometimes lets a hart that is started later go where the first one went: such a hart stops here, so that
 * whoever started it can ask again.
 *
 * Source: RISC-V SBI v2.0, chapter 9 (HSM); Devicetree Specification v0.4, 5.2 (the header).
 */
#define PARAMS	      0x1000
#define TOTALSIZE     4	/* in the blob's header, big-endian */
#define HOW_HART      1
#define HOW_ALL	      2

#define SBI_EXT_HSM   0x48534d
#define HSM_START     0
#define HSM_STOP      1
#define SBI_EXT_SRST  0x53525354
#define SBI_PUTCHAR   1
#define SBI_EXT_DBCN  0x4442434e
#define DBCN_PUTCHAR  2

	.section .text, "ax", @progbits
	.global _start
_start:
	mv	s0, a0
	mv	s1, a1
	lla	s2, _start
	li	t0, PARAMS
	add	s2, s2, t0

	ld	t0, 0(s2)
	lla	t1, magic
	ld	t1, 0(t1)
	bne	t0, t1, no_params

	addi	t0, s2, 56
	li	t1, 1
	amoadd.d t0, t1, (t0)
	bnez	t0, stop

	ld	s3, 8(s2)		/* image */
	ld	s4, 24(s2)		/* a1 */
	ld	t0, 16(s2)
	beqz	t0, 1f
	add	s4, s4, s1
1:	ld	s5, 32(s2)
	ld	s6, 40(s2)
	ld	t3, 48(s2)
	beqz	t3, copied
	mv	s4, t3
	li	t1, TOTALSIZE		/* t2: how much, t0: from here */
	li	t2, 0
2:	add	t0, s1, t1
	lbu	t0, 0(t0)
	slli	t2, t2, 8
	or	t2, t2, t0
	addi	t1, t1, 1
	li	t0, TOTALSIZE + 4
	bne	t1, t0, 2b
	mv	t0, s1
3:	lbu	t1, 0(t0)
	sb	t1, 0(t3)
	addi	t0, t0, 1
	addi	t3, t3, 1
	addi	t2, t2, -1
	bnez	t2, 3b
copied:
	fence.i
	li	t0, HOW_HART
	beq	s5, t0, one_hart
	li	t0, HOW_ALL
	beq	s5, t0, all_harts

jump:
	mv	a0, s0
	mv	a1, s4
	jr	s3

one_hart:
	beq	s6, s0, jump
	mv	a0, s6
	call	start_hart
	bnez	a0, refused
stop:
	li	a7, SBI_EXT_HSM
	li	a6, HSM_STOP
	ecall
	j	refused

all_harts:
	li	s7, 0
1:	bgeu	s7, s6, jump
	beq	s7, s0, 2f
	mv	a0, s7
	call	start_hart
	bnez	a0, refused
2:	addi	s7, s7, 1
	j	1b

/* hart_start(a0, image, a1 for it). Return: a0, 0 on success. */
start_hart:
	mv	a1, s3
	mv	a2, s4
	li	a7, SBI_EXT_HSM
	li	a6, HSM_START
	ecall
	ret

no_params:
	lla	s8, text_no_params
	j	fail
refused:
	lla	s8, text_refused

/* Print the text at s8 and end with status 3, which no image uses. */
fail:
	lbu	s9, 0(s8)
	beqz	s9, 2f
	mv	a0, s9
	li	a7, SBI_EXT_DBCN
	li	a6, DBCN_PUTCHAR
	ecall
	beqz	a0, 1f
	mv	a0, s9
	li	a7, SBI_PUTCHAR
	ecall
1:	addi	s8, s8, 1
	j	fail
2:	li	a7, SBI_EXT_SRST
	li	a6, 0
	li	a0, 0
	li	a1, 0
	ecall
3:	wfi
	j	3b

	.balign	8
magic:
	.ascii	"FPGSTUB1"
text_no_params:
	.asciz	"stub: no parameters\nfirstpage: exit 3\n"
text_refused:
	.asciz	"stub: the firmware refused to start or stop a hart\nfirstpage: exit 3\n"
