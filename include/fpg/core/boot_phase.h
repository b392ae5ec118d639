/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What each stage of the boot costs, in retired instructions, from the first one in C to the first page allocated.
 * Console output is held back meanwhile and shown at each change of stage, outside of what is counted.
 */
#pragma once

#include "fpg/core/owner.h"

/** Count from here on. Not called: nothing is counted, nothing held back. */
void boot_phase_start(void);

/** boot_stage_set() says that a stage begins. */
void boot_phase_change(enum boot_stage from);

/** The boot is over: what was held back is shown. */
void boot_phase_end(enum boot_stage last);

/** Instructions of one stage; 0 when it was not counted. */
uint64_t boot_phase_instructions(enum boot_stage stage);
