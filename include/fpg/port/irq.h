/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Masking interrupts inline, for the few paths where a call costs as much as the work: locks and the per-hart page
 * caches (3 instructions instead of 16). Everything else uses port_irq_save().
 *
 * port_irq_restore_hot() sets every bit of sstatus that was set at port_irq_save_hot() again, not only SIE: only for
 * sections that change nothing else in sstatus. Source: RISC-V Privileged v1.12, 4.1.1 (sstatus.SIE is bit 1).
 */
#pragma once

#include "fpg/port/port.h"

#if defined(FPG_HOSTED)

static inline unsigned long port_irq_save_inline(void)
{
	return port_irq_save();
}

static inline void port_irq_restore_inline(unsigned long flags)
{
	port_irq_restore(flags);
}

static inline unsigned long port_irq_save_hot(void)
{
	return port_irq_save();
}

static inline void port_irq_restore_hot(unsigned long flags)
{
	port_irq_restore(flags);
}

#else

/** port_irq_save() and port_irq_restore(), to the letter. */
static inline unsigned long port_irq_save_inline(void)
{
	unsigned long status;
	__asm__ volatile("csrrci %0, sstatus, 2" : "=r"(status) : : "memory");
	return status & 2;
}

static inline void port_irq_restore_inline(unsigned long flags)
{
	__asm__ volatile("csrs sstatus, %0" : : "r"(flags & 2) : "memory");
}

static inline unsigned long port_irq_save_hot(void)
{
	unsigned long status;
	__asm__ volatile("csrrci %0, sstatus, 2" : "=r"(status) : : "memory");
	return status;
}

static inline void port_irq_restore_hot(unsigned long flags)
{
	__asm__ volatile("csrs sstatus, %0" : : "r"(flags) : "memory");
}

#endif
