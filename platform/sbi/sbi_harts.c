/* SPDX-License-Identifier: BSD-2-Clause */
/* Harts one at a time: hart state management (SBI v2.0, chapter 9), and this hart's timer (chapter 6). */
#include "sbi.h"

#include <errno.h>
#include <stdatomic.h>

/* Functions. Source: SBI v2.0, chapters 6 and 9. */
#define TIME_SET_TIMER 0
#define HSM_START      0
#define HSM_STOP       1
#define HSM_STATUS     2

/* Source: SBI v2.0, table of hart states in chapter 9. */
enum {
	STATE_STARTED = 0,
	STATE_STOPPED = 1
};
static const char *const state_names[] = {
	"started",   "stopped",		"start pending",  "stop pending",
	"suspended", "suspend pending", "resume pending",
};

static _Atomic uint32_t hsm_way;
static _Atomic uint32_t timer_way;

bool sbi_hsm_available(void)
{
	uint32_t way = atomic_load_explicit(&hsm_way, memory_order_relaxed);
	if (way == SBI_WAY_UNKNOWN) {
		way = sbi_has(SBI_HSM) ? SBI_WAY_EXTENSION : SBI_WAY_NONE;
		atomic_store_explicit(&hsm_way, way, memory_order_relaxed);
	}
	return way == SBI_WAY_EXTENSION;
}

static int errno_of(long error)
{
	switch (error) {
	case SBI_SUCCESS:
		return 0;
	case SBI_ERR_NOT_SUPPORTED:
		return -ENOTSUP;
	case SBI_ERR_INVALID_PARAM:
	case SBI_ERR_INVALID_ADDRESS:
		return -EINVAL;
	case SBI_ERR_ALREADY_AVAILABLE:
	case SBI_ERR_ALREADY_STARTED:
		return -EALREADY;
	default:
		return -EIO;
	}
}

/* Return: a state of the table, or -1 with what the firmware said instead. */
static long status_of(uint64_t id, long *error)
{
	struct sbi_ret ret = sbi_call(SBI_HSM, HSM_STATUS, id, 0, 0);
	*error = ret.error;
	if (ret.error != SBI_SUCCESS || ret.value < 0 ||
	    ret.value >= (long)ARRAY_SIZE(state_names)) {
		return -1;
	}
	return ret.value;
}

int sbi_hart_may_start(uint64_t id)
{
	long error;
	if (!sbi_hsm_available()) {
		return -ENOTSUP;
	}
	long state = status_of(id, &error);
	if (state >= 0) {
		return state == STATE_STOPPED ? 0 : -EALREADY;
	}
	/* Firmware that cannot tell is asked to start it all the same: only "no such hart" is believed. */
	return error == SBI_ERR_INVALID_PARAM ? -EINVAL : 0;
}

int sbi_hart_start(uint64_t id, phys_addr_t entry, uint64_t opaque)
{
	if (!sbi_hsm_available()) {
		return -ENOTSUP;
	}
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return errno_of(sbi_call(SBI_HSM, HSM_START, id, entry, opaque).error);
}

void sbi_hart_stop(void)
{
	if (sbi_hsm_available()) {
		(void)sbi_call(SBI_HSM, HSM_STOP, 0, 0, 0);
	}
}

const char *sbi_hart_status_name(uint64_t id)
{
	long error;
	long state = sbi_hsm_available() ? status_of(id, &error) : -1;
	return state >= 0 ? state_names[state] : "unknown";
}

bool sbi_set_timer(uint64_t ticks)
{
	enum sbi_way way = sbi_way_to(&timer_way, SBI_TIME, SBI_LEGACY_SET_TIMER);
	if (way == SBI_WAY_EXTENSION) {
		long error = sbi_call(SBI_TIME, TIME_SET_TIMER, ticks, 0, 0).error;
		if (error != SBI_ERR_NOT_SUPPORTED) {
			return error == SBI_SUCCESS;
		}
		way = sbi_way_distrust(&timer_way, SBI_LEGACY_SET_TIMER);
	}
	return way == SBI_WAY_LEGACY &&
	       sbi_call(SBI_LEGACY_SET_TIMER, 0, ticks, 0, 0).error == SBI_SUCCESS;
}
