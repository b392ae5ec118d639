/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two interrupts that S-mode takes here: the software interrupt, which is how IPIs come, and the timer. All others
 * are masked when they come. Nothing here locks, logs or allocates.
 */
#include "csr.h"
#include "hart.h"
#include "platform/sbi/sbi.h"

#include "fpg/base/assert.h"
#include "fpg/port/port.h"

#define SSI (1ULL << IRQ_SOFTWARE)
#define STI (1ULL << IRQ_TIMER)

static void (*ipi_handler)(void);

void port_ipi_register(void (*handler)(void))
{
	FPG_CHECK(handler != NULL && ipi_handler == NULL);
	ipi_handler = handler;
}

/*
 * Cleared before the handler looks for its work, so that work queued meanwhile interrupts again. The fence pairs with
 * the one before the sender's call: seeing the interrupt means seeing the work.
 */
static void take_ipi(void)
{
	csr_clear(sip, SSI);
	__asm__ volatile("fence iorw, iorw" : : : "memory");
	if (ipi_handler != NULL) {
		ipi_handler();
	}
}

void interrupt_handle(uint64_t cause)
{
	struct hart_area *hart = hart_self();
	struct trap_recovery *expected = hart->recovery;
	uint64_t code = cause & ~SCAUSE_INTERRUPT;

	hart->recovery = NULL;
	__asm__ volatile("" : : : "memory");
	if (code == IRQ_SOFTWARE) {
		take_ipi();
	} else if (code == IRQ_TIMER) {
		/* It stays pending until the next port_timer_set(). */
		csr_clear(sie, STI);
		hart->timer_came = true;
	} else {
		csr_clear(sie, code < 64 ? 1ULL << code : 0);
		hart->unexpected++;
	}
	__asm__ volatile("" : : : "memory");
	hart->recovery = expected;
}

void port_ipi_poll(void)
{
	if (csr_read(sip) & SSI) {
		unsigned long flags = port_irq_save();
		interrupt_handle(SCAUSE_INTERRUPT | IRQ_SOFTWARE);
		port_irq_restore(flags);
	}
}

unsigned long port_irq_save(void)
{
	return csr_read_clear(sstatus, SSTATUS_SIE) & SSTATUS_SIE;
}

void port_irq_restore(unsigned long flags)
{
	csr_set(sstatus, flags & SSTATUS_SIE);
}

void port_irq_unmask(void)
{
	csr_set(sstatus, SSTATUS_SIE);
}

void port_irq_enable_sources(void)
{
	csr_set(sie, SSI);
}

/* PAUSE, a hint that older harts take for an empty fence. Source: RISC-V Zihintpause v2.0. */
void port_relax(void)
{
	__asm__ volatile(".4byte 0x0100000f" : : : "memory");
	port_ipi_poll();
}

/* Ends when an interrupt is pending that sie enables, masked or not. Source: Privileged v1.12, 3.3.3 (WFI). */
void port_wait_for_interrupt(void)
{
	__asm__ volatile("wfi" : : : "memory");
}

bool port_timer_set(uint64_t ticks)
{
	unsigned long flags = port_irq_save();
	csr_clear(sie, STI);
	hart_self()->timer_came = false;
	/* The call also makes the interrupt not pending (SBI v2.0, 6.1). */
	bool set = sbi_set_timer(ticks);
	if (set && ticks != UINT64_MAX) {
		csr_set(sie, STI);
	}
	port_irq_restore(flags);
	return set;
}

uint64_t port_irq_unexpected(void)
{
	return hart_self()->unexpected;
}
