/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first instructions: Linux's Image header, then from "translation off, at the load address" to boot_main() on the
 * high side.
 *
 * Position independent until translation is on: every address is relative to pc. Works from any load address that is a
 * multiple of 2 MiB, without an identity map: after satp is written the next fetch faults, and stvec already holds the
 * high address to go on at. Registers kept: s0 hart, s1 a1 (device tree), s2 load address, s3 link - load.
 */
#include "platform/riscv/asm.h"

/*
 * Image header. Source: Linux Documentation/riscv/boot-image-header.rst (version 0.2); 64 bytes.
 */
	.section .head.text, "ax", @progbits
	.global _start
_start:
	.option push
	.option norelax
	.option norvc
	tail	entry			/* code0 and code1: exactly two instructions */
	.option pop
	.dword	0x200000		/* text_offset: loaders place the image at RAM base + 2 MiB */
	.dword	__image_bytes		/* image_size, with .bss and stacks */
	.dword	0			/* flags: little endian */
	.word	0x00000002		/* version 0.2 */
	.word	0
	.dword	0
	.ascii	"RISCV\0\0\0"		/* magic */
	.ascii	"RSC\005"		/* magic2 */
	.word	0
	.if	. - _start != 64
	.error	"the Image header is not 64 bytes long"
	.endif

/*
 * In .text up to here and to where a hart that lost the lottery stays, at the load address, with translation off: where
 * firmware starts all harts, one may come when init memory is long free.
 */
	.section .text.entry, "ax", @progbits
	.balign	4
/*
 * The loser stops (SBI v2.0, 9.2), so that harts_start() can start it where it belongs; without HSM it waits for ever.
 * OpenSBI 1.1 sends a hart here, too, that was started properly: it lets it go before it has stored where to.
 */
park:
	csrw	sie, zero
	li	a7, SBI_EXT_HSM
	li	a6, SBI_HSM_STOP
	ecall
1:	wfi
	j	1b

	.global entry
	.type	entry, @function
entry:
	.option push
	.option norelax
	csrw	sie, zero
	li	t0, SSTATUS_SIE | SSTATUS_FS | SSTATUS_VS | SSTATUS_SUM | SSTATUS_MXR
	csrc	sstatus, t0
	csrw	satp, zero
	lla	s2, _start

	/* Loaded askew: nothing here can be relied on, the lottery's word neither; boot_entry says so. */
	li	t0, 0x1fffff
	and	t0, t0, s2
	bnez	t0, 1f

	/* Firmware starts one hart (HSM). Where it starts all of them, the first one here goes on. */
	lla	t0, boot_lottery
	li	t1, 1
	amoadd.w.aqrl t1, t1, (t0)
	bnez	t1, park
1:	tail	boot_entry
	.option pop

	.section .init.text.entry, "ax", @progbits
	.type	boot_entry, @function
boot_entry:
	.option push
	.option norelax
	mv	s0, a0
	mv	s1, a1
	lla	t0, early_trap
	csrw	stvec, t0

	/* Superpage leaves need physical and virtual addresses congruent modulo 2 MiB. */
	li	t0, 0x1fffff
	and	t0, t0, s2
	bnez	t0, misaligned

	/* .init.bss, .bss and the stacks: whole pages, 64 bytes a round. */
	lla	t0, __zero_start
	lla	t1, __image_end
1:	sd	zero, 0(t0)
	sd	zero, 8(t0)
	sd	zero, 16(t0)
	sd	zero, 24(t0)
	sd	zero, 32(t0)
	sd	zero, 40(t0)
	sd	zero, 48(t0)
	sd	zero, 56(t0)
	addi	t0, t0, 64
	bltu	t0, t1, 1b

	/* Paint the stack, so that its high water can be told. */
	lla	t0, __boot_stack
	lla	t1, __boot_stack_top
	li	t2, STACK_PAINT
1:	sd	t2, 0(t0)
	sd	t2, 8(t0)
	sd	t2, 16(t0)
	sd	t2, 24(t0)
	addi	t0, t0, 32
	bltu	t0, t1, 1b

	/* A stack and gp for the early C, both at physical addresses. */
	lla	sp, __boot_stack_top
	lla	gp, __global_pointer$
	lla	t0, image_load_phys
	sd	s2, 0(t0)
	lla	t0, link_address
	ld	s3, 0(t0)
	mv	a0, s2
	mv	a1, s3
	sub	s3, s3, s2
	call	early_paging_init

	/* Translation on. Where the mode is refused the write has no effect (Privileged v1.12, 4.1.11). */
	lla	t0, high_side
	add	t0, t0, s3
	csrw	stvec, t0
	sfence.vma
	csrw	satp, a0
	lla	a0, text_no_sv39
	j	early_fail

	.balign	4			/* stvec, direct mode */
high_side:
	sfence.vma
	lla	gp, __global_pointer$
	lla	sp, __boot_stack_top
	lla	tp, boot_hart_area
	sd	s0, HART_ID(tp)
	csrw	sscratch, tp
	lla	t0, trap_entry
	csrw	stvec, t0
	mv	a0, s0
	mv	a1, s1
	mv	a2, s2
	li	s0, 0			/* the end of the chain of frames */
	li	ra, 0
	call	boot_main
1:	wfi
	j	1b

misaligned:
	lla	a0, text_loaded_at
	call	early_puts
	mv	a0, s2
	call	early_put_hex
	lla	a0, text_misaligned
	j	early_fail

	.balign	4
early_trap:
	lla	a0, text_trap
	call	early_puts
	csrr	a0, scause
	call	early_put_hex
	lla	a0, text_trap_at
	call	early_puts
	csrr	a0, sepc
	call	early_put_hex
	lla	a0, text_newline
	/* falls through */

/* Print the string at a0 and the line that ends a run, then end the machine: SRST, legacy shutdown, or wait. */
early_fail:
	call	early_puts
	lla	a0, text_exit
	call	early_puts
	li	a7, SBI_EXT_SRST
	li	a6, 0
	li	a0, 0
	li	a1, SBI_SRST_SYSTEM_FAILURE
	ecall
	li	a7, SBI_LEGACY_SHUTDOWN
	ecall
	lla	t0, park
	jr	t0

/* Print the string at a0. Uses t0-t3, a0-a2, a6, a7; SBI calls keep everything but a0 and a1 (SBI v2.0, 3). */
early_puts:
	mv	t0, ra
	mv	t1, a0
1:	lbu	a0, 0(t1)
	beqz	a0, 2f
	addi	t1, t1, 1
	call	early_putc
	j	1b
2:	jr	t0

/* Print a0 as 0x and 16 digits. Uses t0-t3, a0-a2, a6, a7. */
early_put_hex:
	mv	t0, ra
	mv	t1, a0
	li	a0, '0'
	call	early_putc
	li	a0, 'x'
	call	early_putc
	li	t2, 60
1:	srl	a0, t1, t2
	andi	a0, a0, 15
	addi	a0, a0, '0'
	li	t3, '9'
	ble	a0, t3, 2f
	addi	a0, a0, 'a' - '9' - 1
2:	call	early_putc
	addi	t2, t2, -4
	bgez	t2, 1b
	jr	t0

/* Print the byte in a0: by the debug console, else by the legacy call. */
early_putc:
	mv	t3, a0
	li	a7, SBI_EXT_DBCN
	li	a6, SBI_DBCN_WRITE_BYTE
	ecall
	beqz	a0, 1f
	mv	a0, t3
	li	a7, SBI_LEGACY_PUTCHAR
	ecall
1:	ret
	.option pop

	.balign	8
link_address:
	.dword	__link_base
text_loaded_at:
	.asciz	"firstpage: loaded at "
text_misaligned:
	.asciz	", which is not a multiple of 2 MiB: load the image at one\n"
text_no_sv39:
	.asciz	"firstpage: this hart refuses Sv39 (satp stays 0): no paging, no boot\n"
text_trap:
	.asciz	"firstpage: trap before paging, scause "
text_trap_at:
	.asciz	" at "
text_newline:
	.asciz	"\n"
text_exit:
	.asciz	"firstpage: exit 2\n"

/* In .data, so that clearing .bss does not open the lottery again. */
	.section .data.boot_lottery, "aw", @progbits
	.balign	4
boot_lottery:
	.word	0
