/* SPDX-License-Identifier: BSD-2-Clause */
/* The system calls of programs. */
#pragma once

#include "fpg/pagetable/user.h"

/**
 * Do what the program in @regs asks for; its pc moves past the call. Return: true when it said exit,
 * with *@out
 */
bool user_syscall(struct mm *mm, struct port_user_regs *regs, struct user_exit *out);
