/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A spin lock of 32 bits, always taken with interrupts off (rules.md, Contexts and locks). A hart
 * that waits calls port_relax(), where the machine layer may answer IPIs.
 */
#pragma once

#include "fpg/base/assert.h"
#include "fpg/base/types.h"
#include "fpg/port/port.h"

struct spinlock {
	uint32_t locked;
};

#define SPINLOCK_INIT \
	{             \
		0     \
	}

/** Return: the interrupt state for spin_unlock_irqrestore(). */
static inline FPG_MUST_CHECK unsigned long spin_lock_irqsave(struct spinlock *lock)
{
	unsigned long flags = port_irq_save();
	while (unlikely(__atomic_exchange_n(&lock->locked, 1, __ATOMIC_ACQUIRE) != 0)) {
		while (__atomic_load_n(&lock->locked, __ATOMIC_RELAXED) != 0) {
			port_relax();
		}
	}
	return flags;
}

static inline void spin_unlock_irqrestore(struct spinlock *lock, unsigned long flags)
{
	FPG_DEBUG_CHECK(lock->locked == 1);
	__atomic_store_n(&lock->locked, 0, __ATOMIC_RELEASE);
	port_irq_restore(flags);
}

static inline bool spin_is_locked(const struct spinlock *lock)
{
	return __atomic_load_n(&lock->locked, __ATOMIC_RELAXED) != 0;
}
