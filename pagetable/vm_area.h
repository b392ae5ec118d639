/* SPDX-License-Identifier: BSD-2-Clause */
/* Between vmalloc and ioremap: areas of the window, and what is mapped in them. */
#pragma once

#include "fpg/base/area_tree.h"
#include "fpg/pagetable/vmalloc.h"

struct vm_area {
	/** What is mapped; guards not included. */
	struct area range;
	enum vm_area_kind kind;
	uint32_t prot;
	phys_addr_t phys;
	uint64_t caller;
	/** It is being taken down: nobody else may. Guarded by the lock of the areas. */
	bool dying;
};

static inline vaddr_t vm_area_start(const struct vm_area *area)
{
	return vaddr(area->range.start);
}

static inline uint64_t vm_area_bytes(const struct vm_area *area)
{
	return area->range.end - area->range.start;
}

/**
 * Take a place for @bytes (whole pages), aligned to @align, guards beside it. Nothing is mapped there yet.
 * Return: NULL with *@why: why not
 */
struct vm_area *vm_area_take(uint64_t bytes, uint64_t align, enum vm_area_kind kind,
			     uint64_t caller, const char **why);

/** Nothing is mapped there any more, and all harts know it. */
void vm_area_give(struct vm_area *area);

/**
 * The area of @kind whose first page holds @addr, for its end: nobody else gets it. Refused with a message that begins
 * with @call. Return: NULL when there is no such area
 */
struct vm_area *vm_area_condemn(const void *addr, enum vm_area_kind kind, const char *call);

/** What leaves in the window may carry of @prot. */
uint32_t vm_area_prot(uint32_t prot);
