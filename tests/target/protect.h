/* SPDX-License-Identifier: BSD-2-Clause */
/* Accesses for tests of protection: each is done for real inside trap_expect(). */
#pragma once

#include "ktap.h"

#include "fpg/port/port.h"
#include "fpg/port/trap.h"

#include <errno.h>

struct access {
	uint64_t address;
	uint64_t sum;
	uint64_t bytes;
};

static inline void do_read(void *arg)
{
	struct access *a = arg;
	a->sum += *(volatile uint8_t *)(uintptr_t)a->address;
}

static inline void do_write(void *arg)
{
	struct access *a = arg;
	volatile uint8_t *p = (volatile uint8_t *)(uintptr_t)a->address;
	*p = 0x5a;
}

/*
 * A read and a write that leave the memory as it is, whoever uses it. @address is a multiple of 4. Not for faults: with
 * one hart QEMU 7.2 makes an AMO of a load and a store, so that the cause is the load's.
 */
static inline void do_write_back(void *arg)
{
	struct access *a = arg;
	a->sum += __atomic_fetch_or((uint32_t *)(uintptr_t)a->address, 0, __ATOMIC_RELAXED);
}

static inline void do_execute(void *arg)
{
	struct access *a = arg;
	((void (*)(void))(uintptr_t)a->address)();
}

/* Return: 0 when @fn on @address traps with @cause and the faulting address is the one touched. */
static inline int expect_fault(struct out *out, void (*fn)(void *), uint64_t address,
			       uint64_t cause)
{
	struct access a = { .address = address };
	uint64_t got_cause = ~0ULL;
	uint64_t got_tval = 0;
	int rc = trap_expect(fn, &a, &got_cause, &got_tval);
	if (rc != -EFAULT || got_cause != cause || got_tval != address) {
		out_printf(
			out,
			"# 0x%llx: rc %d, cause %lld, tval 0x%llx; expected a trap with cause %llu\n",
			(unsigned long long)address, rc, (long long)got_cause,
			(unsigned long long)got_tval, (unsigned long long)cause);
		return 1;
	}
	return 0;
}

/* Return: 0 when @address can be neither read, nor written, nor executed. It is a multiple of 4. */
static inline int expect_nothing(struct out *out, uint64_t address)
{
	return expect_fault(out, do_read, address, TRAP_LOAD_PAGE_FAULT) ||
	       expect_fault(out, do_write, address, TRAP_STORE_PAGE_FAULT) ||
	       expect_fault(out, do_execute, address, TRAP_INSN_PAGE_FAULT);
}

/* Return: 0 when @fn on @address goes through. */
static inline int expect_works(struct out *out, void (*fn)(void *), uint64_t address)
{
	struct access a = { .address = address };
	uint64_t cause = ~0ULL;
	if (trap_expect(fn, &a, &cause, NULL) != 0) {
		out_printf(out, "# 0x%llx: a trap with cause %lld; expected none\n",
			   (unsigned long long)address, (long long)cause);
		return 1;
	}
	return 0;
}

static inline uint64_t linear_alias(const void *image_symbol)
{
	return port_image_to_phys(image_symbol) + port_linear_offset;
}
