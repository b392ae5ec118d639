/* SPDX-License-Identifier: BSD-2-Clause */
/* Asking the firmware what it has, and having it end the machine. */
#include "sbi.h"

#include <stdatomic.h>

/* Base extension functions. Source: SBI v2.0, chapter 4. */
#define BASE_GET_SPEC_VERSION 0
#define BASE_PROBE_EXTENSION  3

/* Firmware of v0.1 has no base extension and answers with an error, whatever that is. */
static bool has_base(void)
{
	struct sbi_ret version = sbi_call(SBI_BASE, BASE_GET_SPEC_VERSION, 0, 0, 0);
	return version.error == SBI_SUCCESS && version.value > 0;
}

static bool probed(unsigned long ext)
{
	struct sbi_ret probe = sbi_call(SBI_BASE, BASE_PROBE_EXTENSION, ext, 0, 0);
	return probe.error == SBI_SUCCESS && probe.value != 0;
}

bool sbi_has(unsigned long ext)
{
	return has_base() && probed(ext);
}

/* Harts that ask at once all find the same. */
static enum sbi_way keep(_Atomic uint32_t *way, enum sbi_way found)
{
	atomic_store_explicit(way, found, memory_order_relaxed);
	return found;
}

enum sbi_way sbi_way_to(_Atomic uint32_t *way, unsigned long ext, unsigned long legacy)
{
	enum sbi_way now = (enum sbi_way)atomic_load_explicit(way, memory_order_relaxed);
	if (now != SBI_WAY_UNKNOWN) {
		return now;
	}
	if (sbi_has(ext)) {
		return keep(way, SBI_WAY_EXTENSION);
	}
	return sbi_way_distrust(way, legacy);
}

enum sbi_way sbi_way_distrust(_Atomic uint32_t *way, unsigned long legacy)
{
	return keep(way, !has_base() || probed(legacy) ? SBI_WAY_LEGACY : SBI_WAY_NONE);
}

void sbi_system_reset(enum sbi_reset_type type, enum sbi_reset_reason reason)
{
	(void)sbi_call(SBI_SRST, 0, type, reason, 0);
}

void sbi_legacy_shutdown(void)
{
	(void)sbi_call(SBI_LEGACY_SYSTEM_SHUTDOWN, 0, 0, 0, 0);
}
