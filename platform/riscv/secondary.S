/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first instructions of a hart that the firmware starts for port_hart_start(), up to its entry function.
 *
 * The firmware hands over with a0 the hart's id, a1 the physical address of its struct hart_start_block, translation
 * and interrupts off (SBI v2.0, 9.1). Up to secondary_high all is position independent and runs at the load address.
 * In plain .text: init memory is gone when late harts start.
 */
#include "platform/riscv/asm.h"

	.text
	.option push
	/* Before the first .balign: padding that the linker takes away again would move secondary_high off its place. */
	.option norelax
	.balign	4
	.global secondary_entry
	.type	secondary_entry, @function
secondary_entry:
	csrw	sie, zero
	li	t0, SSTATUS_SIE | SSTATUS_FS | SSTATUS_VS | SSTATUS_SUM | SSTATUS_MXR
	csrc	sstatus, t0
	csrw	satp, zero
	mv	s1, a1
	ld	s2, START_AREA(s1)
	ld	s3, START_SP(s1)
	ld	s4, START_ENTRY(s1)
	ld	s5, START_ARG(s1)
	ld	t1, START_SATP(s1)
	ld	t0, START_HIGH(s1)

	/*
	 * With translation on the next fetch faults, for nothing is mapped here, and the trap leads to the high side. A
	 * mode that the hart lacks leaves satp as it was (Privileged v1.12, 4.1.11).
	 */
	csrw	stvec, t0
	sfence.vma
	csrw	satp, t1
	csrr	t2, satp
	bne	t1, t2, .Lrefused
	jr	t0

	/* Say so, and stop (SBI v2.0, 9.2); where even that is refused, wait for ever with no interrupt enabled. */
.Lrefused:
	li	t0, 1
	addi	t1, s1, START_REFUSED
	fence	rw, rw
	sd	t0, 0(t1)
	fence	rw, rw
	li	a7, SBI_EXT_HSM
	li	a6, SBI_HSM_STOP
	ecall
1:	wfi
	j	1b
	.size	secondary_entry, . - secondary_entry

	.balign	4			/* stvec, direct mode */
	.global secondary_high
	.type	secondary_high, @function
secondary_high:
	sfence.vma
	fence.i
	lla	gp, __global_pointer$
	mv	tp, s2
	mv	sp, s3
	csrw	sscratch, tp
	lla	t0, trap_entry
	csrw	stvec, t0
	mv	a0, s5
	mv	t0, s4
	li	s0, 0			/* the end of the chain of frames */
	li	ra, 0
	jr	t0
	.option pop
	.size	secondary_high, . - secondary_high
