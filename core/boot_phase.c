/* SPDX-License-Identifier: BSD-2-Clause */
/* Instructions by boot stage; see boot_phase.h. */
#include "fpg/core/boot_phase.h"

#include "fpg/core/log.h"
#include "fpg/port/port.h"

static uint64_t spent[STAGE_COUNT];
static uint64_t since;
static bool counting;

void boot_phase_start(void)
{
	since = port_instret();
	counting = true;
	log_console_hold(true);
}

static void book(enum boot_stage stage)
{
	spent[stage] += port_instret() - since;
}

void boot_phase_change(enum boot_stage from)
{
	if (counting) {
		book(from);
		log_console_hold(false);
		log_console_hold(true);
		since = port_instret();
	}
}

void boot_phase_end(enum boot_stage last)
{
	if (counting) {
		book(last);
		counting = false;
		log_console_hold(false);
	}
}

uint64_t boot_phase_instructions(enum boot_stage stage)
{
	return (unsigned int)stage < STAGE_COUNT ? spent[stage] : 0;
}
