/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The basic quantities: physical and virtual addresses, frame numbers and half-open ranges of them.
 *
 * They do not mix: a physical address is an integer (memblock's API is Linux's), a virtual address and a
 * frame number are one-member structs, so that passing one for the other does not compile.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t phys_addr_t;
#define PHYS_ADDR_MAX (~(phys_addr_t)0)

/** A virtual address, in bytes. */
typedef struct {
	uint64_t v;
} vaddr_t;

/** A page frame number: physical address / PAGE_SIZE. */
typedef struct {
	uint64_t n;
} pfn_t;

/** Frames [start, end). Empty when start == end. */
struct pfn_range {
	pfn_t start;
	pfn_t end;
};

/** Bytes [base, base + size). Never wraps: base + size <= PHYS_ADDR_MAX, see base/range.h. */
struct phys_range {
	phys_addr_t base;
	phys_addr_t size;
};

#ifndef PAGE_SHIFT
#define PAGE_SHIFT 12
#endif
#ifndef PAGE_SIZE
#define PAGE_SIZE (1UL << PAGE_SHIFT)
#endif

#define SZ_4K  0x1000UL
#define SZ_64K 0x10000UL
#define SZ_1M  0x100000UL
#define SZ_2M  0x200000UL
#define SZ_4M  0x400000UL
#define SZ_1G  0x40000000UL

static inline vaddr_t vaddr(uint64_t v)
{
	return (vaddr_t){ v };
}

#if defined(FPG_HOSTED)
/*
 * A PC's programs cannot have the kernel's addresses. A test that wants to touch what is mapped there shows windows of
 * them elsewhere, see base/vaddr_host.c; addresses outside every window are pointers as they are.
 */
void *vaddr_host_ptr(uint64_t va);
uint64_t vaddr_host_va(const void *p);
/** @at becomes where [va, va + bytes) is seen; bytes 0: no windows any more. */
void vaddr_host_window(uint64_t va, uint64_t bytes, void *at);
#else
static inline void *vaddr_host_ptr(uint64_t va)
{
	return (void *)(uintptr_t)va;
}

static inline uint64_t vaddr_host_va(const void *p)
{
	return (uint64_t)(uintptr_t)p;
}
#endif

static inline vaddr_t vaddr_of(const void *p)
{
	return (vaddr_t){ vaddr_host_va(p) };
}

static inline void *vaddr_ptr(vaddr_t va)
{
	return vaddr_host_ptr(va.v);
}

static inline pfn_t pfn(uint64_t n)
{
	return (pfn_t){ n };
}

/** The frame that holds byte @pa (rounds down). */
static inline pfn_t phys_to_pfn(phys_addr_t pa)
{
	return (pfn_t){ pa >> PAGE_SHIFT };
}

/** First byte of frame @f. */
static inline phys_addr_t pfn_to_phys(pfn_t f)
{
	return (phys_addr_t)f.n << PAGE_SHIFT;
}

static inline pfn_t pfn_add(pfn_t f, uint64_t pages)
{
	return (pfn_t){ f.n + pages };
}

static inline uint64_t pfn_range_pages(struct pfn_range r)
{
	return r.end.n - r.start.n;
}

static inline bool pfn_range_contains(struct pfn_range r, pfn_t f)
{
	return f.n >= r.start.n && f.n < r.end.n;
}
