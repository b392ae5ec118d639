/* SPDX-License-Identifier: BSD-2-Clause */
/* Programs about system calls: text to the console, and what is refused with which errno. */
#include "program.inc"

/* Errno values are Linux's. */
#define EBADF  -9
#define ENOMEM -12
#define EFAULT -14
#define EINVAL -22
#define ENOSYS -38

#define HELLO_BYTES 18
program hello
	li	a0, 1
	lla	a1, hello_text
	li	a2, HELLO_BYTES
	system	SYS_WRITE
	li	t0, HELLO_BYTES
	bne	a0, t0, 1f
	exit	0
1:	exit	1
hello_text:
	.ascii	"hello from U-mode\n"
hello_text_end:
	.if	hello_text_end - hello_text != HELLO_BYTES
	.error	"HELLO_BYTES is not what the text has"
	.endif
	.balign	2
program_end hello

/* The check with the wrong answer is the exit status. */
	.macro	refused number, with
	addi	s0, s0, 1
	system	\number
	li	t0, \with
	bne	a0, t0, calls_fail
	.endm

program calls
	li	s0, 0
	li	s1, USER_DATA_BASE
	/* 1: the kernel's memory is nobody's to print */
	li	a0, 1
	li	a1, -0x1000
	li	a2, 8
	refused	SYS_WRITE, EFAULT
	/* 2: nor is memory without an area */
	li	a0, 1
	li	a1, 0x30000000
	li	a2, 8
	refused	SYS_WRITE, EFAULT
	/* 3: no such file */
	li	a0, 9
	mv	a1, s1
	li	a2, 1
	refused	SYS_WRITE, EBADF
	/* 4: nothing to map */
	li	a0, 0
	li	a1, 0
	li	a2, PROT_RW
	li	a3, 0
	refused	SYS_MMAP, EINVAL
	/* 5: the first page */
	li	a0, 0
	li	a1, PAGE
	li	a2, PROT_RW
	li	a3, MAP_FIXED
	refused	SYS_MMAP, EINVAL
	/* 6: the kernel's half */
	li	a0, -0x100000
	li	a1, PAGE
	li	a2, PROT_RW
	li	a3, MAP_FIXED
	refused	SYS_MMAP, EINVAL
	/* 7: in the middle of a page */
	addi	a0, s1, 8
	li	a1, PAGE
	refused	SYS_MUNMAP, EINVAL
	/* 8: a hole */
	li	a0, 0x30000000
	li	a1, PAGE
	li	a2, PROT_R
	refused	SYS_MPROTECT, ENOMEM
	/* 9: no such call */
	refused	4711, ENOSYS
	/* 10: nothing to do */
	refused	SYS_YIELD, 0
	/* 11: the kernel may write where the program may: a page nobody touched yet */
	lla	a1, calls_text
	li	a0, 2
	li	a2, 0
	refused	SYS_WRITE, 0
	exit	0
calls_fail:
	mv	a0, s0
	system	SYS_EXIT
calls_text:
	.balign	2
program_end calls

/* A loop that only the time limit ends. */
program loop
1:	j	1b
program_end loop
