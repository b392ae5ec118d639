/* SPDX-License-Identifier: BSD-2-Clause */
/* user.h on a PC: a test plays the program, and says where user memory is. */
#include "host.h"
#include "host_hart.h"

#include "fpg/port/port.h"

#include <string.h>

static void (*user_program)(struct port_user_regs *regs, struct port_trap *why);
static void *(*user_memory)(vaddr_t va, bool write);

void host_set_user_program(void (*run)(struct port_user_regs *regs, struct port_trap *why))
{
	user_program = run;
}

void host_set_user_memory(void *(*reach)(vaddr_t va, bool write))
{
	user_memory = reach;
}

void port_user_run(struct port_user_regs *regs, struct port_trap *why)
{
	unsigned long flags = port_irq_save();
	*why = (struct port_trap){ .cause = TRAP_ILLEGAL_INSN };
	port_ipi_poll();
	if (host_timer_take()) {
		why->cause = PORT_USER_TIMER;
	} else if (user_program != NULL) {
		user_program(regs, why);
	}
	why->epc = regs->pc;
	why->sp = regs->x[2];
	why->from_user = true;
	why->frame = regs;
	port_irq_restore(flags);
}

/* The byte at @va, after as many faults as the layer above resolves. */
static void *reach_byte(vaddr_t va, bool write)
{
	const struct trap_ops *ops = host_trap_ops();
	for (;;) {
		void *p = user_memory != NULL ? user_memory(va, write) : NULL;
		if (p != NULL) {
			return p;
		}
		struct port_trap trap = {
			.cause = write ? TRAP_STORE_PAGE_FAULT : TRAP_LOAD_PAGE_FAULT,
			.tval = va.v,
		};
		if (ops == NULL || ops->user_fault == NULL || !ops->user_fault(&trap)) {
			return NULL;
		}
	}
}

static bool in_lower_half(vaddr_t va, size_t bytes)
{
	uint64_t limit = (uint64_t)1 << 63;
	return va.v < limit && bytes <= limit - va.v;
}

/* Page by page: within one, what holds for a byte holds for all. Return: bytes not copied */
static size_t copy(vaddr_t user, char *kernel, size_t bytes, bool write)
{
	while (in_lower_half(user, bytes) && bytes != 0) {
		size_t here = PAGE_SIZE - user.v % PAGE_SIZE;
		size_t n = bytes < here ? bytes : here;
		char *p = reach_byte(user, write);
		if (p == NULL) {
			break;
		}
		memcpy(write ? p : kernel, write ? kernel : p, n);
		user.v += n;
		kernel += n;
		bytes -= n;
	}
	return bytes;
}

size_t port_copy_from_user(void *dst, vaddr_t src, size_t bytes)
{
	return copy(src, dst, bytes, false);
}

size_t port_copy_to_user(vaddr_t dst, const void *src, size_t bytes)
{
	return copy(dst, (char *)(uintptr_t)src, bytes, true);
}
