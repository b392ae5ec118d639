/* SPDX-License-Identifier: BSD-2-Clause */
/* What the pieces of the simulated machine say to each other about harts. */
#pragma once

#include "fpg/base/types.h"

/** Take what is pending if interrupts are unmasked; called where they become so. */
void host_irq_take(void);

/** The time of port_timer_set() came in the kernel. Return: whether it had, once. */
bool host_timer_take(void);

/** Modes of host_set_satp_modes(). */
bool host_has_satp_mode(unsigned int satp_mode);

struct trap_ops;
/** What port_trap_register() was given, or NULL. */
const struct trap_ops *host_trap_ops(void);
