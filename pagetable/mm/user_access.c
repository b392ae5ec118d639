/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copies between the kernel and the program that this hart runs, by the program's own addresses and
 * with its own rights; and the fault handler behind them. The machine layer does the copying.
 */
#include "mm_private.h"

#include "fpg/base/errno.h"
#include "fpg/port/trap.h"

int copy_from_user(void *dst, vaddr_t src, size_t bytes)
{
	return mm_current() != NULL && port_copy_from_user(dst, src, bytes) == 0 ? 0 : -EFAULT;
}

int copy_to_user(vaddr_t dst, const void *src, size_t bytes)
{
	return mm_current() != NULL && port_copy_to_user(dst, src, bytes) == 0 ? 0 : -EFAULT;
}

int mm_fault_trap(struct mm *mm, const struct port_trap *trap)
{
	switch (trap->cause) {
	case TRAP_LOAD_PAGE_FAULT:
		return mm_fault(mm, vaddr(trap->tval), MM_READ);
	case TRAP_STORE_PAGE_FAULT:
		return mm_fault(mm, vaddr(trap->tval), MM_WRITE);
	case TRAP_INSN_PAGE_FAULT:
		return mm_fault(mm, vaddr(trap->tval), MM_EXEC);
	default:
		return -ENOTSUP;
	}
}

bool mm_user_fault(const struct port_trap *trap)
{
	struct mm *mm = mm_current();
	return mm != NULL && mm_fault_trap(mm, trap) == 0;
}
