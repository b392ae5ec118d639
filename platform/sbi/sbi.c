/* SPDX-License-Identifier: BSD-2-Clause */
/* Asking the firmware what it has, and having it end the machine. */
#include "sbi.h"

/* Base extension functions. Source: SBI v2.0, chapter 4. */
#define BASE_GET_SPEC_VERSION 0
#define BASE_PROBE_EXTENSION  3

bool sbi_has(unsigned long ext)
{
	/* Firmware of v0.1 has no base extension and answers with an error, whatever that is. */
	struct sbi_ret version = sbi_call(SBI_BASE, BASE_GET_SPEC_VERSION, 0, 0, 0);
	if (version.error != SBI_SUCCESS || version.value <= 0) {
		return false;
	}
	struct sbi_ret probe = sbi_call(SBI_BASE, BASE_PROBE_EXTENSION, ext, 0, 0);
	return probe.error == SBI_SUCCESS && probe.value != 0;
}

void sbi_system_reset(enum sbi_reset_type type, enum sbi_reset_reason reason)
{
	(void)sbi_call(SBI_SRST, 0, type, reason, 0);
}

void sbi_legacy_shutdown(void)
{
	(void)sbi_call(SBI_LEGACY_SYSTEM_SHUTDOWN, 0, 0, 0, 0);
}
