/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sets of harts: IPIs and fences (SBI v2.0, chapters 7 and 8), or their legacy forerunners (chapter 5).
 *
 * A call names harts by a base id and a mask of the 64 ids from there on (chapter 3.1), so a set is cut into windows:
 * the lowest id that is left, and all within 64 of it. A fence that the firmware refuses is never lost in silence.
 */
#include "sbi.h"

#include "fpg/base/bits.h"

#include <errno.h>
#include <stdatomic.h>

/* Functions. Source: SBI v2.0, chapters 7 and 8. */
#define IPI_SEND	   0
#define RFENCE_FENCE_I	   0
#define RFENCE_SFENCE	   1
#define RFENCE_SFENCE_ASID 2

/* The legacy calls take the address of a mask of ids from 0 on; how many words of it are read, nobody says. */
#define LEGACY_IDS   64U
#define LEGACY_WORDS 8

static _Atomic uint32_t ipi_way;
static _Atomic uint32_t rfence_way;

/** Harts as one call names them. */
struct window {
	uint64_t base;
	uint64_t bits;
};

/* Take the window that begins at the lowest id out of @mask. */
static struct window next_window(const uint64_t *ids, uint64_t *mask)
{
	struct window w = { .base = UINT64_MAX };
	for (uint64_t left = *mask; left != 0; left &= left - 1) {
		uint64_t id = ids[bit_lowest(left)];
		w.base = id < w.base ? id : w.base;
	}
	for (uint64_t left = *mask; left != 0; left &= left - 1) {
		unsigned int n = bit_lowest(left);
		if (ids[n] - w.base < BITS_PER_WORD) {
			w.bits |= 1ULL << (ids[n] - w.base);
			*mask &= ~(1ULL << n);
		}
	}
	return w;
}

/* The base UINT64_MAX means every hart there is (chapter 3.1), so nobody with that id can be named. */
static bool can_name(struct window w)
{
	return w.base != UINT64_MAX;
}

/* ---- the legacy calls ------------------------------------------------------------------------------------- */

/* @arg: what comes after the mask. */
static int legacy_call(unsigned long ext, const uint64_t *ids, uint64_t mask,
		       const struct sbi_fence *fence)
{
	unsigned long named[LEGACY_WORDS] = { 0 };
	for (; mask != 0; mask &= mask - 1) {
		uint64_t id = ids[bit_lowest(mask)];
		if (id >= LEGACY_IDS) {
			return -ENOTSUP;
		}
		named[0] |= 1UL << id;
	}
	const unsigned long arg[5] = { (unsigned long)(uintptr_t)named, fence->start, fence->bytes,
				       fence->asid };
	return sbi_call5(ext, 0, arg).error == SBI_SUCCESS ? 0 : -EIO;
}

/* ---- IPIs ------------------------------------------------------------------------------------------------- */

static int send_windows(const uint64_t *ids, uint64_t *mask)
{
	int result = 0;
	while (*mask != 0) {
		uint64_t before = *mask;
		struct window w = next_window(ids, mask);
		long error = can_name(w) ? sbi_call(SBI_IPI, IPI_SEND, w.bits, w.base, 0).error :
					   SBI_ERR_INVALID_PARAM;
		if (error == SBI_ERR_NOT_SUPPORTED) {
			*mask = before;
			return -ENOTSUP;
		}
		if (error != SBI_SUCCESS) {
			result = -EIO;
		}
	}
	return result;
}

int sbi_send_ipi(const uint64_t *ids, uint64_t mask)
{
	static const struct sbi_fence no_more_arguments;
	/* What the receiver is to see is stored before it is interrupted. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (mask == 0) {
		return 0;
	}
	enum sbi_way way = sbi_way_to(&ipi_way, SBI_IPI, SBI_LEGACY_SEND_IPI);
	if (way == SBI_WAY_EXTENSION) {
		int err = send_windows(ids, &mask);
		if (err != -ENOTSUP) {
			return err;
		}
		way = sbi_way_distrust(&ipi_way, SBI_LEGACY_SEND_IPI);
	}
	return way == SBI_WAY_LEGACY ?
		       legacy_call(SBI_LEGACY_SEND_IPI, ids, mask, &no_more_arguments) :
		       -ENOTSUP;
}

/* ---- fences ----------------------------------------------------------------------------------------------- */

static long fence_window(struct window w, const struct sbi_fence *f)
{
	const unsigned long arg[5] = { w.bits, w.base, f->start, f->bytes, f->asid };
	return sbi_call5(SBI_RFENCE, f->asid == SBI_ASID_ALL ? RFENCE_SFENCE : RFENCE_SFENCE_ASID,
			 arg)
		.error;
}

/* The exact fence, else all addresses, else all address spaces too: each is more than the one before. */
static int sfence_window(struct window w, const struct sbi_fence *fence)
{
	struct sbi_fence f = *fence;
	if (!can_name(w)) {
		return -EIO;
	}
	long error = fence_window(w, &f);
	if (error != SBI_SUCCESS && f.bytes != SBI_FENCE_ALL) {
		f.start = 0;
		f.bytes = SBI_FENCE_ALL;
		error = fence_window(w, &f);
	}
	if (error != SBI_SUCCESS && f.asid != SBI_ASID_ALL) {
		f.asid = SBI_ASID_ALL;
		error = fence_window(w, &f);
	}
	return error == SBI_SUCCESS ? 0 : error == SBI_ERR_NOT_SUPPORTED ? -ENOTSUP : -EIO;
}

static int fence_i_window(struct window w, const struct sbi_fence *unused)
{
	(void)unused;
	if (!can_name(w)) {
		return -EIO;
	}
	long error = sbi_call(SBI_RFENCE, RFENCE_FENCE_I, w.bits, w.base, 0).error;
	return error == SBI_SUCCESS ? 0 : error == SBI_ERR_NOT_SUPPORTED ? -ENOTSUP : -EIO;
}

static int remote(const uint64_t *ids, uint64_t mask, unsigned long legacy,
		  const struct sbi_fence *fence,
		  int (*one)(struct window w, const struct sbi_fence *fence))
{
	/* Page-table entries, or code, are stored before anybody is fenced. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (mask == 0) {
		return 0;
	}
	enum sbi_way way = sbi_way_to(&rfence_way, SBI_RFENCE, legacy);
	int result = 0;
	uint64_t left = mask;
	while (way == SBI_WAY_EXTENSION && left != 0) {
		int err = one(next_window(ids, &left), fence);
		if (err == -ENOTSUP) {
			way = sbi_way_distrust(&rfence_way, legacy);
		} else if (err != 0) {
			result = err;
		}
	}
	switch (way) {
	case SBI_WAY_EXTENSION:
		return result;
	case SBI_WAY_LEGACY:
		return legacy_call(legacy, ids, mask, fence);
	default:
		return -ENOTSUP;
	}
}

int sbi_remote_fence_i(const uint64_t *ids, uint64_t mask)
{
	static const struct sbi_fence no_more_arguments;
	return remote(ids, mask, SBI_LEGACY_FENCE_I, &no_more_arguments, fence_i_window);
}

int sbi_remote_sfence(const uint64_t *ids, uint64_t mask, const struct sbi_fence *fence)
{
	unsigned long legacy = fence->asid == SBI_ASID_ALL ? SBI_LEGACY_SFENCE :
							     SBI_LEGACY_SFENCE_ASID;
	return remote(ids, mask, legacy, fence, sfence_window);
}
