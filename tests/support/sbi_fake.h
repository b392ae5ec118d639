/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A firmware for tests of platform/sbi, which are compiled into the test: it records every call, and answers as it is
 * told to. For one file of a test.
 */
#pragma once

#include "platform/sbi/sbi.c"	     /* NOLINT(bugprone-suspicious-include) */
#include "platform/sbi/sbi_harts.c"  /* NOLINT(bugprone-suspicious-include) */
#include "platform/sbi/sbi_remote.c" /* NOLINT(bugprone-suspicious-include) */

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MAX_CALLS 4096

struct call {
	unsigned long ext, function;
	unsigned long arg[5];
	/** The word that a legacy call's first argument points to. */
	unsigned long legacy_mask;
};

static struct {
	bool base;
	bool hsm, ipi, rfence, time, legacy;
	/** What it promised, it then does not know. */
	bool broken;
	/** What the extensions answer; 0 is success. */
	struct sbi_ret answer;
	/** Answers to fences: of a range, of all addresses, by ASID; added to `answer`. */
	long refuse_range, refuse_asid;
	/** Answer to hart_get_status. */
	struct sbi_ret status;
	/** Refuses windows that hold this id. */
	uint64_t refused_id;
	unsigned int probes;
	unsigned int calls;
	struct call call[MAX_CALLS];
} fw;

static bool has_legacy(unsigned long ext)
{
	return fw.legacy && ext <= SBI_LEGACY_SYSTEM_SHUTDOWN;
}

static bool promises(unsigned long ext)
{
	return (ext == SBI_HSM && fw.hsm) || (ext == SBI_IPI && fw.ipi) ||
	       (ext == SBI_RFENCE && fw.rfence) || (ext == SBI_TIME && fw.time) || has_legacy(ext);
}

static long fence_answer(const struct call *call)
{
	bool by_asid = call->function == RFENCE_SFENCE_ASID;
	bool range = call->function != RFENCE_FENCE_I && call->arg[3] != UINT64_MAX;
	if (range && fw.refuse_range != 0) {
		return fw.refuse_range;
	}
	if (by_asid && fw.refuse_asid != 0) {
		return fw.refuse_asid;
	}
	return fw.answer.error;
}

static bool names(const struct call *call, uint64_t id)
{
	return id >= call->arg[1] && id - call->arg[1] < 64 &&
	       (call->arg[0] >> (id - call->arg[1]) & 1);
}

struct sbi_ret sbi_call5(unsigned long ext, unsigned long function, const unsigned long arg[5])
{
	const struct sbi_ret unknown = { .error = SBI_ERR_NOT_SUPPORTED };
	struct sbi_ret ret = fw.answer;
	if (ext == SBI_BASE) {
		fw.probes++;
		if (!fw.base) {
			return unknown;
		}
		return (struct sbi_ret){ .value = function == BASE_GET_SPEC_VERSION ?
							  0x2000000 :
							  promises(arg[0]) };
	}
	assert_true(fw.calls < MAX_CALLS);
	struct call *call = &fw.call[fw.calls++];
	*call = (struct call){ .ext = ext, .function = function };
	memcpy(call->arg, arg, sizeof(call->arg));
	if (!promises(ext)) {
		return unknown;
	}
	if (has_legacy(ext)) {
		if (ext >= SBI_LEGACY_SEND_IPI) {
			memcpy(&call->legacy_mask, (const void *)arg[0], sizeof(long));
		}
		return (struct sbi_ret){ .error = fw.answer.error, .value = (long)arg[1] };
	}
	if (fw.broken) {
		return unknown;
	}
	if (ext == SBI_HSM && function == HSM_STATUS) {
		return fw.status;
	}
	if (ext == SBI_RFENCE) {
		ret.error = fence_answer(call);
	}
	if ((ext == SBI_RFENCE || ext == SBI_IPI) && names(call, fw.refused_id)) {
		ret.error = SBI_ERR_INVALID_PARAM;
	}
	return ret;
}

static int fw_setup(void **state)
{
	(void)state;
	memset(&fw, 0, sizeof(fw));
	fw.base = fw.hsm = fw.ipi = fw.rfence = fw.time = true;
	fw.refused_id = UINT64_MAX;
	hsm_way = timer_way = ipi_way = rfence_way = SBI_WAY_UNKNOWN;
	return 0;
}
