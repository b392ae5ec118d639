/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Areas of the vmalloc window: which addresses belong to whom. No page table is touched here.
 *
 * Invariants: areas lie inside the window, a page free on both sides of each and at both ends of the window; an address
 * is given up only when nothing is mapped there and every hart was fenced; records are allocated and freed with the
 * lock of the areas not held.
 */
#define LOG_MODULE "vmalloc"
#include "vm_area.h"
#include "palloc_meta.h"

#include "fpg/core/log.h"
#include "fpg/core/object_pool.h"
#include "fpg/core/spinlock.h"
#include "fpg/pagetable/kernel_map.h"

#include <errno.h>

#define GUARD_BYTES PAGE_SIZE

static struct {
	struct spinlock lock;
	struct area_tree tree;
	/** Where areas may lie; empty before vmalloc_init(). */
	uint64_t low, high;
} window = { .lock = SPINLOCK_INIT_RANK(LOCK_VMALLOC) };

static struct object_pool records = OBJECT_POOL_INIT("vm areas", sizeof(struct vm_area));

static struct vm_area *area_of(struct area *range)
{
	return range != NULL ? container_of(range, struct vm_area, range) : NULL;
}

const char *vm_area_kind_name(enum vm_area_kind kind)
{
	static const char *const names[] = {
#define X(id, name) [id] = name,
		VM_AREA_KINDS(X)
#undef X
	};
	return (size_t)kind < ARRAY_SIZE(names) ? names[kind] : "?";
}

FPG_INIT int vmalloc_init(void)
{
	const struct kernel_map *map = kernel_map_active();
	if (map == NULL) {
		return -ENODEV;
	}
	unsigned long flags = spin_lock_irqsave(&window.lock);
	FPG_CHECK(window.tree.count == 0);
	window.low = map->layout->vmalloc.v + GUARD_BYTES;
	window.high = map->layout->vmalloc.v + map->layout->vmalloc_bytes - GUARD_BYTES;
	spin_unlock_irqrestore(&window.lock, flags);
	palloc_meta_start();
	return 0;
}

struct vm_area *vm_area_take(uint64_t bytes, uint64_t align, enum vm_area_kind kind,
			     uint64_t caller, const char **why)
{
	uint64_t start;
	if (window.low == window.high) {
		*why = "the vmalloc window does not exist yet";
		return NULL;
	}
	struct vm_area *area = object_pool_alloc(&records);
	if (area == NULL) {
		*why = "no memory for its record";
		return NULL;
	}
	area->kind = kind;
	area->caller = caller;
	unsigned long flags = spin_lock_irqsave(&window.lock);
	int err = area_find_gap(&window.tree, window.low, window.high, bytes, align, GUARD_BYTES,
				&start);
	if (err == 0) {
		area->range.start = start;
		area->range.end = start + bytes;
		FPG_CHECK(area_insert(&window.tree, &area->range) == 0);
	}
	spin_unlock_irqrestore(&window.lock, flags);
	if (err != 0) {
		object_pool_free(&records, area);
		*why = "no room in the vmalloc window";
		return NULL;
	}
	return area;
}

void vm_area_give(struct vm_area *area)
{
	unsigned long flags = spin_lock_irqsave(&window.lock);
	area_remove(&window.tree, &area->range);
	spin_unlock_irqrestore(&window.lock, flags);
	object_pool_free(&records, area);
}

/** Why @area cannot be ended as one of @kind by its address @at; NULL when it can. */
static const char *refusal(const struct vm_area *area, uint64_t at, enum vm_area_kind kind)
{
	if (area == NULL || at < area->range.start) {
		return "no area lies there";
	}
	if (area->kind != kind) {
		return "the area there is of another kind";
	}
	if (at - area->range.start >= PAGE_SIZE ||
	    (kind != VM_IOREMAP && at != area->range.start)) {
		return "it is not the start of its area";
	}
	return area->dying ? "it is being freed already" : NULL;
}

struct vm_area *vm_area_condemn(const void *addr, enum vm_area_kind kind, const char *call)
{
	const uint64_t at = vaddr_of(addr).v;
	unsigned long flags = spin_lock_irqsave(&window.lock);
	struct vm_area *area = area_of(area_find(&window.tree, at));
	const char *why = refusal(area, at, kind);
	if (why == NULL) {
		area->dying = true;
	}
	spin_unlock_irqrestore(&window.lock, flags);
	if (why != NULL) {
		pr_err("%s of 0x%llx refused: %s", call, (unsigned long long)at, why);
		return NULL;
	}
	return area;
}

uint32_t vm_area_prot(uint32_t prot)
{
	const struct pt *pt = kernel_pt();
	return pt != NULL ? prot & pt->known : prot;
}

void vmalloc_for_each(bool (*fn)(void *ctx, const struct vm_area_info *area), void *ctx)
{
	struct vm_area_info info;
	uint64_t at = 0;
	for (;;) {
		unsigned long flags = spin_lock_irqsave(&window.lock);
		const struct vm_area *area = area_of(area_find(&window.tree, at));
		if (area != NULL) {
			info = (struct vm_area_info){
				.start = vm_area_start(area),
				.bytes = vm_area_bytes(area),
				.kind = area->kind,
				.prot = area->prot,
				.phys = area->phys,
				.caller = area->caller,
			};
			at = area->range.end;
		}
		spin_unlock_irqrestore(&window.lock, flags);
		if (area == NULL || !fn(ctx, &info)) {
			return;
		}
	}
}

void vmalloc_drain(void)
{
	object_pool_drain(&records);
}
