/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of several harts share. */
#pragma once

#include "ktap.h"

#include "fpg/core/hart.h"
#include "fpg/port/port.h"

static inline hart_mask_t others(void)
{
	return harts_online() & ~hart_mask_of(hart_index());
}

/** Wait until all online harts are here; for fn of hart_run_mask(harts_online(), …). @gate starts as zero. */
struct gate {
	uint32_t arrived;
	uint32_t opened;
};

static inline void gate_pass(struct gate *gate)
{
	uint32_t round = __atomic_load_n(&gate->opened, __ATOMIC_ACQUIRE);
	if (__atomic_add_fetch(&gate->arrived, 1, __ATOMIC_ACQ_REL) == harts_online_count()) {
		__atomic_store_n(&gate->arrived, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&gate->opened, round + 1, __ATOMIC_RELEASE);
		return;
	}
	while (__atomic_load_n(&gate->opened, __ATOMIC_ACQUIRE) == round) {
		port_relax();
	}
}
