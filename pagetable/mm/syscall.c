/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The system calls of programs: a number, up to four arguments, a result or a negative errno. What
 * a program passes is never believed: addresses go through copy_from_user() or are checked by mm.
 */
#include "syscall.h"

#include "fpg/base/errno.h"
#include "fpg/core/hart.h"
#include "fpg/port/port.h"

/* Register numbers. Source: RISC-V psABI 1.0; Linux takes the number in a7. */
#define REG_A0 10
#define REG_A7 17

/** ecall has no compressed form. Source: RISC-V Unprivileged 20191213, 2.8. */
#define ECALL_BYTES 4

/** Linux's value, which programs see; C libraries differ. */
#define USER_ENOSYS 38

/** Linux's flags that say what memory here is anyway: private (2), anonymous (0x20). */
#define MAP_IMPLIED 0x22U

#define PIECE 128

/** Most that one write takes: the time limit looks at a program only between its calls. */
#define WRITE_MOST 65536U

typedef int64_t (*syscall_fn)(struct mm *mm, const uint64_t *arg);

static int64_t sys_write(struct mm *mm, const uint64_t *arg)
{
	(void)mm;
	char piece[PIECE];
	const uint64_t bytes = arg[2] < WRITE_MOST ? arg[2] : WRITE_MOST;
	uint64_t done = 0;
	if (arg[0] != 1 && arg[0] != 2) {
		return -EBADF;
	}
	while (done < bytes) {
		const size_t n = bytes - done < PIECE ? (size_t)(bytes - done) : PIECE;
		if (copy_from_user(piece, vaddr(arg[1] + done), n) != 0) {
			return done != 0 ? (int64_t)done : -EFAULT;
		}
		for (size_t i = 0; i < n; i++) {
			/* A program does not steer the terminal. */
			if ((piece[i] < ' ' && piece[i] != '\n' && piece[i] != '\t') ||
			    piece[i] == 0x7f) {
				piece[i] = '?';
			}
		}
		port_console_write(piece, n);
		done += n;
	}
	return (int64_t)done;
}

static int64_t sys_yield(struct mm *mm, const uint64_t *arg)
{
	(void)mm;
	(void)arg;
	port_relax();
	return 0;
}

static int64_t sys_brk(struct mm *mm, const uint64_t *arg)
{
	return (int64_t)mm_brk(mm, vaddr(arg[0])).v;
}

static int64_t sys_munmap(struct mm *mm, const uint64_t *arg)
{
	return mm_munmap(mm, vaddr(arg[0]), arg[1]);
}

static int64_t sys_mmap(struct mm *mm, const uint64_t *arg)
{
	vaddr_t got;
	if ((arg[2] | arg[3]) >> 32 != 0) {
		return -EINVAL;
	}
	int err = mm_mmap(mm, vaddr(arg[0]), arg[1], (uint32_t)arg[2],
			  (uint32_t)arg[3] & ~MAP_IMPLIED, &got);
	return err != 0 ? err : (int64_t)got.v;
}

static int64_t sys_mprotect(struct mm *mm, const uint64_t *arg)
{
	return arg[2] >> 32 != 0 ? -EINVAL :
				   mm_mprotect(mm, vaddr(arg[0]), arg[1], (uint32_t)arg[2]);
}

static int64_t sys_hart(struct mm *mm, const uint64_t *arg)
{
	(void)mm;
	(void)arg;
	return hart_index();
}

static const struct {
	uint64_t number;
	syscall_fn fn;
} calls[] = {
	{ USER_WRITE, sys_write }, { USER_YIELD, sys_yield },	{ USER_BRK, sys_brk },
	{ USER_MMAP, sys_mmap },   { USER_MUNMAP, sys_munmap }, { USER_MPROTECT, sys_mprotect },
	{ USER_HART, sys_hart },
};

bool user_syscall(struct mm *mm, struct port_user_regs *regs, struct user_exit *out)
{
	const uint64_t number = regs->x[REG_A7];
	if (number == USER_EXIT) {
		/* An int, as exit() takes it. */
		*out = (struct user_exit){ .status = (int32_t)regs->x[REG_A0] };
		return true;
	}
	int64_t result = -USER_ENOSYS;
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		if (calls[i].number == number) {
			result = calls[i].fn(mm, &regs->x[REG_A0]);
		}
	}
	regs->x[REG_A0] = (uint64_t)result;
	regs->pc += ECALL_BYTES;
	return false;
}
