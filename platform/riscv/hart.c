/* SPDX-License-Identifier: BSD-2-Clause */
/* port.h for a RISC-V hart: who it is, its counters, where its image lies; the boot hart's block. */
#include "hart.h"
#include "csr.h"

#include "fpg/port/port.h"

extern char __image_start[];
extern char __boot_stack_guard[], __boot_stack[], __boot_stack_top[];
extern char __emergency_stack_guard[], __emergency_stack[], __emergency_stack_top[];

/* entry.S stores the id. Addresses are where the image is linked: only for use after translation is on. */
struct hart_area boot_hart_area = {
	.stack = { __boot_stack_guard, __boot_stack, __boot_stack_top },
	.emergency = { __emergency_stack_guard, __emergency_stack, __emergency_stack_top },
};

phys_addr_t image_load_phys;
uint64_t port_linear_offset;
bool port_linear_ready;

uint64_t port_hart_id(void)
{
	return port_hart_head()->id;
}

void port_hart_set_local(void *local)
{
	port_hart_head()->local = local;
}

/* Words that still hold their paint, from the far end of a stack on. */
size_t port_stack_high_water(const void *area, size_t *stack_bytes)
{
	const struct hart_area *hart = area != NULL ? area : hart_self();
	const volatile uint64_t *word = (const volatile uint64_t *)(uintptr_t)hart->stack.low;
	const volatile uint64_t *top = (const volatile uint64_t *)(uintptr_t)hart->stack.top;

	*stack_bytes = (size_t)(hart->stack.top - hart->stack.low);
	while (word < top && *word == STACK_PAINT) {
		word++;
	}
	return (size_t)((const volatile char *)top - (const volatile char *)word);
}

uint64_t port_time_ticks(void)
{
	return csr_read(time);
}

uint64_t port_instret(void)
{
	return csr_read(instret);
}

phys_addr_t port_image_to_phys(const void *p)
{
	return vaddr_of(p).v - vaddr_of(__image_start).v + image_load_phys;
}
