/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A firmware as there were before hart state management, for QEMU virt only: SBI's base extension and the legacy calls,
 * nothing else. Hart 0 starts what lies 2 MiB behind; the others sleep for good, or with -DALL_ENTER start it too, as
 * Berkeley's boot loader did. It describes itself nowhere in the device tree.
 *
 * Source: RISC-V SBI v0.2 (base, legacy); RISC-V Privileged v1.12, 3.1 and 3.7; QEMU hw/riscv/virt.c (addresses).
 */
#define UART	      0x10000000
#define UART_LSR      5
#define LSR_READY     0x01
#define LSR_EMPTY     0x20
#define TEST_DEVICE   0x100000
#define TEST_PASS     0x5555
#define MTIMECMP      0x2004000
#define MAX_HARTS     8

#define CAUSE_ECALL_S 9
#define CAUSE_TIMER   7
#define MIP_SSIP      0x02
#define MIP_STIP      0x20
#define MIE_MTIE      0x80
/* All synchronous causes but calls from S and from M, all interrupts of S. */
#define DELEGATED     0xb1ff
#define DELEGATED_INT 0x222
#define MPP_S	      0x800
#define MPP	      0x1800
/* Everything may be read, written and executed; this firmware, 64 KiB, may not. */
#define PMP_SELF      0x18
#define PMP_ALL	      0x1f

#define SBI_BASE      0x10
#define SBI_SHUTDOWN  8
#define NOT_SUPPORTED -2

	.section .text, "ax", @progbits
	.global _start
_start:
	csrr	t0, mhartid
	li	t1, MAX_HARTS
	bgeu	t0, t1, sleep
#ifndef ALL_ENTER
	bnez	t0, sleep
#endif
	lla	t1, saved
	slli	t2, t0, 5
	add	t1, t1, t2
	csrw	mscratch, t1
	lla	t1, trap
	csrw	mtvec, t1

	lla	t1, _start
	srli	t2, t1, 2
	li	t3, 0x1fff		/* NAPOT of 64 KiB */
	or	t2, t2, t3
	csrw	pmpaddr0, t2
	li	t2, -1
	csrw	pmpaddr1, t2
	li	t2, PMP_ALL << 8 | PMP_SELF
	csrw	pmpcfg0, t2

	li	t2, DELEGATED
	csrw	medeleg, t2
	li	t2, DELEGATED_INT
	csrw	mideleg, t2
	li	t2, 7
	csrw	mcounteren, t2
	csrw	mie, zero
	csrw	satp, zero
	li	t2, MPP
	csrc	mstatus, t2
	li	t2, MPP_S
	csrs	mstatus, t2
	li	t2, 0x200000
	add	t1, t1, t2
	csrw	mepc, t1
	mv	a0, t0			/* a1 is as the simulator gave it */
	fence.i
	mret

sleep:
	csrw	mie, zero
1:	wfi
	j	1b

	.balign	4
trap:
	csrrw	sp, mscratch, sp
	sd	t0, 0(sp)
	sd	t1, 8(sp)
	sd	t2, 16(sp)
	csrr	t0, mcause
	bltz	t0, timer
	li	t1, CAUSE_ECALL_S
	bne	t0, t1, sleep		/* nothing else comes here */
	csrr	t0, mepc
	addi	t0, t0, 4
	csrw	mepc, t0

	li	t0, SBI_BASE
	beq	a7, t0, base
	li	t0, SBI_SHUTDOWN
	bgtu	a7, t0, unknown
	lla	t0, legacy
	slli	t1, a7, 2
	add	t0, t0, t1
	jr	t0
legacy:
	.option push
	.option norvc
	j	set_timer
	j	putchar
	j	getchar
	j	clear_ipi
	j	unknown			/* send_ipi: there is nobody */
	j	fence_all
	j	fence_all
	j	fence_all
	j	shutdown
	.option pop

/* The specification's version for function 0, "yes" to a probe of the base extension, else 0. */
base:
	li	a0, 0
	li	a1, 2
	beqz	a6, back
	li	a1, 0
	j	back

set_timer:
	csrr	t0, mhartid
	slli	t0, t0, 3
	li	t1, MTIMECMP
	add	t0, t0, t1
	sd	a0, 0(t0)
	li	t0, MIP_STIP
	csrc	mip, t0
	li	t0, MIE_MTIE
	csrs	mie, t0
	j	done

putchar:
	li	t0, UART
1:	lbu	t1, UART_LSR(t0)
	andi	t1, t1, LSR_EMPTY
	beqz	t1, 1b
	sb	a0, 0(t0)
	j	done

getchar:
	li	t0, UART
	li	a0, -1
	lbu	t1, UART_LSR(t0)
	andi	t1, t1, LSR_READY
	beqz	t1, back
	lbu	a0, 0(t0)
	j	back

clear_ipi:
	csrci	mip, MIP_SSIP
	j	done

fence_all:
	fence.i
	sfence.vma
	j	done

shutdown:
	li	t0, TEST_DEVICE
	li	t1, TEST_PASS
	sw	t1, 0(t0)
	j	sleep

timer:
	slli	t0, t0, 1
	li	t1, CAUSE_TIMER << 1
	bne	t0, t1, back
	li	t0, MIE_MTIE
	csrc	mie, t0
	li	t0, MIP_STIP
	csrs	mip, t0
	j	back

unknown:
	li	a0, NOT_SUPPORTED
	j	back
done:
	li	a0, 0
back:
	ld	t0, 0(sp)
	ld	t1, 8(sp)
	ld	t2, 16(sp)
	csrrw	sp, mscratch, sp
	mret

	.balign	8
saved:
	.zero	32 * MAX_HARTS
