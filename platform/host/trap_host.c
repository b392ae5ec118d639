/* SPDX-License-Identifier: BSD-2-Clause */
/* trap.h on a PC: nothing traps, backtraces are empty, and trap_expect just runs the function. */
#include "host_hart.h"

#include "fpg/port/trap.h"

static const struct trap_ops *trap_ops;

void port_trap_register(const struct trap_ops *ops)
{
	trap_ops = ops;
}

const struct trap_ops *host_trap_ops(void)
{
	return trap_ops;
}

const char *port_trap_cause_name(uint64_t cause)
{
	(void)cause;
	return "trap";
}

void port_trap_print(const struct port_trap *trap, struct out *out)
{
	(void)trap;
	(void)out;
}

uint64_t port_frame_pointer(void)
{
	return 0;
}

size_t port_backtrace(uint64_t fp, uint64_t *pcs, size_t max)
{
	(void)fp;
	(void)pcs;
	(void)max;
	return 0;
}

int trap_expect(void (*fn)(void *arg), void *arg, uint64_t *cause, uint64_t *tval)
{
	(void)cause;
	(void)tval;
	fn(arg);
	return 0;
}
