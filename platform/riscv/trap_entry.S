/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The trap vector: choose a stack, store all registers, call trap_handle(), restore all registers.
 *
 * sp is tested before anything is stored through it. A frame goes below sp when sp lies in this hart's stack or
 * emergency stack with room for a frame; to the top of the emergency stack otherwise, with bad_stack set. Traps from
 * U-mode go to user_trap. Interrupts stay masked until trap_handle() says otherwise, and user memory is out of reach.
 */
#include "platform/riscv/asm.h"

	.text
	.balign	4			/* stvec, direct mode */
	.global trap_entry
	.type	trap_entry, @function
trap_entry:
	csrrw	tp, sscratch, tp
	sd	t0, HART_SCRATCH0(tp)
	sd	t1, HART_SCRATCH1(tp)

	csrr	t0, sstatus
	andi	t0, t0, SSTATUS_SPP
	beqz	t0, .Lfrom_user

	ld	t0, HART_STACK_LOW(tp)
	addi	t0, t0, FRAME_BYTES
	bltu	sp, t0, 1f
	ld	t0, HART_STACK_TOP(tp)
	bleu	sp, t0, .Lgood_stack
1:	ld	t0, HART_EMERGENCY_LOW(tp)
	addi	t0, t0, FRAME_BYTES
	bltu	sp, t0, .Lbad_stack
	ld	t0, HART_EMERGENCY_TOP(tp)
	bleu	sp, t0, .Lgood_stack

.Lbad_stack:
	mv	t1, sp
	ld	sp, HART_EMERGENCY_TOP(tp)
	li	t0, 1
	j	.Lstore_frame
.Lfrom_user:
	tail	user_trap		/* uses t1 */
.Lgood_stack:
	mv	t1, sp
	andi	sp, sp, -16
	li	t0, 0

	/* tp: this hart's block, sp: top of the frame, t1: sp of the trapped code, t0: bad_stack. */
.Lstore_frame:
	addi	sp, sp, -FRAME_BYTES
	sd	t0, FRAME_BAD_STACK(sp)
	sd	t1, FRAME_X(2)(sp)
	ld	t0, HART_SCRATCH0(tp)
	ld	t1, HART_SCRATCH1(tp)
	sd	x1, FRAME_X(1)(sp)
	sd	x3, FRAME_X(3)(sp)
	sd	x5, FRAME_X(5)(sp)
	sd	x6, FRAME_X(6)(sp)
	sd	x7, FRAME_X(7)(sp)
	sd	x8, FRAME_X(8)(sp)
	sd	x9, FRAME_X(9)(sp)
	sd	x10, FRAME_X(10)(sp)
	sd	x11, FRAME_X(11)(sp)
	sd	x12, FRAME_X(12)(sp)
	sd	x13, FRAME_X(13)(sp)
	sd	x14, FRAME_X(14)(sp)
	sd	x15, FRAME_X(15)(sp)
	sd	x16, FRAME_X(16)(sp)
	sd	x17, FRAME_X(17)(sp)
	sd	x18, FRAME_X(18)(sp)
	sd	x19, FRAME_X(19)(sp)
	sd	x20, FRAME_X(20)(sp)
	sd	x21, FRAME_X(21)(sp)
	sd	x22, FRAME_X(22)(sp)
	sd	x23, FRAME_X(23)(sp)
	sd	x24, FRAME_X(24)(sp)
	sd	x25, FRAME_X(25)(sp)
	sd	x26, FRAME_X(26)(sp)
	sd	x27, FRAME_X(27)(sp)
	sd	x28, FRAME_X(28)(sp)
	sd	x29, FRAME_X(29)(sp)
	sd	x30, FRAME_X(30)(sp)
	sd	x31, FRAME_X(31)(sp)

	/* sscratch held the trapped code's tp; from here on it holds this hart's block again. */
	csrr	t0, sscratch
	sd	t0, FRAME_X(4)(sp)
	csrw	sscratch, tp
	csrr	t0, sepc
	csrr	t1, sstatus
	csrr	t2, scause
	csrr	t3, stval
	sd	t0, FRAME_EPC(sp)
	sd	t1, FRAME_STATUS(sp)
	sd	t2, FRAME_CAUSE(sp)
	sd	t3, FRAME_TVAL(sp)
	lla	t1, trap_entry
	sd	t1, FRAME_MARKER(sp)
	sd	s0, FRAME_CHAIN_FP(sp)
	sd	t0, FRAME_CHAIN_PC(sp)

	li	t0, SSTATUS_SUM
	csrc	sstatus, t0

	.option push
	.option norelax
	lla	gp, __global_pointer$
	.option pop
	addi	s0, sp, FRAME_BYTES
	mv	a0, sp
	call	trap_handle

	/* A reservation of LR must not outlive the handler. Source: Unprivileged v20191213, 8.2. */
	ld	t0, FRAME_EPC(sp)
	ld	t1, FRAME_STATUS(sp)
	addi	t2, sp, FRAME_EPC
	sc.d	zero, t0, (t2)
	csrw	sepc, t0
	csrw	sstatus, t1
	ld	x1, FRAME_X(1)(sp)
	ld	x3, FRAME_X(3)(sp)
	ld	x4, FRAME_X(4)(sp)
	ld	x5, FRAME_X(5)(sp)
	ld	x6, FRAME_X(6)(sp)
	ld	x7, FRAME_X(7)(sp)
	ld	x8, FRAME_X(8)(sp)
	ld	x9, FRAME_X(9)(sp)
	ld	x10, FRAME_X(10)(sp)
	ld	x11, FRAME_X(11)(sp)
	ld	x12, FRAME_X(12)(sp)
	ld	x13, FRAME_X(13)(sp)
	ld	x14, FRAME_X(14)(sp)
	ld	x15, FRAME_X(15)(sp)
	ld	x16, FRAME_X(16)(sp)
	ld	x17, FRAME_X(17)(sp)
	ld	x18, FRAME_X(18)(sp)
	ld	x19, FRAME_X(19)(sp)
	ld	x20, FRAME_X(20)(sp)
	ld	x21, FRAME_X(21)(sp)
	ld	x22, FRAME_X(22)(sp)
	ld	x23, FRAME_X(23)(sp)
	ld	x24, FRAME_X(24)(sp)
	ld	x25, FRAME_X(25)(sp)
	ld	x26, FRAME_X(26)(sp)
	ld	x27, FRAME_X(27)(sp)
	ld	x28, FRAME_X(28)(sp)
	ld	x29, FRAME_X(29)(sp)
	ld	x30, FRAME_X(30)(sp)
	ld	x31, FRAME_X(31)(sp)
	ld	x2, FRAME_X(2)(sp)
	sret
	.size	trap_entry, . - trap_entry

/* int trap_guarded_call(fn, arg, recovery): a trap inside fn goes on after the call of this, with -1 in a0. */
	.balign	4
	.global trap_guarded_call
	.type	trap_guarded_call, @function
trap_guarded_call:
	sd	s0, RECOVERY_S(0)(a2)
	sd	s1, RECOVERY_S(1)(a2)
	sd	s2, RECOVERY_S(2)(a2)
	sd	s3, RECOVERY_S(3)(a2)
	sd	s4, RECOVERY_S(4)(a2)
	sd	s5, RECOVERY_S(5)(a2)
	sd	s6, RECOVERY_S(6)(a2)
	sd	s7, RECOVERY_S(7)(a2)
	sd	s8, RECOVERY_S(8)(a2)
	sd	s9, RECOVERY_S(9)(a2)
	sd	s10, RECOVERY_S(10)(a2)
	sd	s11, RECOVERY_S(11)(a2)
	sd	sp, RECOVERY_SP(a2)
	sd	ra, RECOVERY_RA(a2)
	addi	sp, sp, -16
	sd	ra, 8(sp)
	sd	s0, 0(sp)
	addi	s0, sp, 16
	mv	t0, a0
	mv	a0, a1
	jalr	t0
	ld	s0, 0(sp)
	ld	ra, 8(sp)
	addi	sp, sp, 16
	li	a0, 0
	ret
	.size	trap_guarded_call, . - trap_guarded_call

/* uint64_t port_frame_pointer(void): no frame of its own, so s0 is the caller's. */
	.global port_frame_pointer
	.type	port_frame_pointer, @function
port_frame_pointer:
	mv	a0, s0
	ret
	.size	port_frame_pointer, . - port_frame_pointer
