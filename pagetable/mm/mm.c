/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Address spaces as objects: made, ended, found by id, listed. The table of spaces is also how the
 * kernel's tables reach the copies of their root entries.
 *
 * Invariants: a space is in the table from the moment its tables share the kernel's half until
 * nobody can use them; the table changes under table_lock and the lock of the kernel's tables, and
 * holds still under either; a space leaves the table only when it has no page, and its memory is
 * freed only when nobody who found it by its id is still there (visitors).
 */
#define LOG_MODULE "mm"
#include "mm_private.h"

#include "fpg/base/bits.h"
#include "fpg/base/errno.h"
#include "fpg/core/log.h"
#include "fpg/core/panic.h"
#include "fpg/pagetable/kernel_map.h"
#include "fpg/port/port.h"

#include <string.h>

static struct object_pool mm_pool = OBJECT_POOL_INIT("mms", sizeof(struct mm));
static struct spinlock table_lock = SPINLOCK_INIT_RANK(LOCK_RMAP);
static struct mm *table[MM_MAX];
static uint32_t next_id = 1;
static uint32_t spaces;
static uint64_t created;

/** Root entries of the kernel were added: all spaces get them before anybody uses them. */
static void kernel_root_changed(const struct pt *kernel)
{
	(void)kernel;
	uint32_t left = spaces;
	for (uint32_t id = 1; id < MM_MAX && left > 0; id++) {
		if (table[id] != NULL) {
			left--;
			/* Entries that were not valid may be cached: the caller fences all harts. */
			(void)pt_share_again(&table[id]->pt);
		}
	}
}

int mm_init(void)
{
	next_id = 1;
	mm_asid_init();
	mm_movable_init();
	kernel_pt_on_root_change(kernel_root_changed);
	panic_set_user_fault(mm_user_fault);
	return 0;
}

/* ---- ids --------------------------------------------------------------------------------------- */

/** An id that nobody has, the lowest after the last one given; both locks are held. 0: none. */
static uint32_t find_id(void)
{
	for (uint32_t i = 0; i < MM_MAX - 1; i++) {
		const uint32_t id = 1 + (next_id - 1 + i) % (MM_MAX - 1);
		if (table[id] == NULL) {
			return id;
		}
	}
	return 0;
}

struct mm *mm_visit(uint32_t id)
{
	struct mm *mm = NULL;
	if (id < MM_MAX) {
		const unsigned long irq = spin_lock_irqsave(&table_lock);
		mm = table[id];
		if (mm != NULL) {
			__atomic_fetch_add(&mm->visitors, 1, __ATOMIC_RELAXED);
		}
		spin_unlock_irqrestore(&table_lock, irq);
	}
	return mm;
}

void mm_leave(struct mm *mm)
{
	__atomic_fetch_sub(&mm->visitors, 1, __ATOMIC_RELEASE);
}

struct mm *mm_with_marked(uint32_t id)
{
	return __atomic_load_n(&table[id], __ATOMIC_RELAXED);
}

uint32_t mm_id(const struct mm *mm)
{
	return mm->id;
}

/* ---- making and ending ------------------------------------------------------------------------- */

/** Tables with the kernel's half, or without one where there is no kernel (tests on a host). */
static int start_tables(struct mm *mm)
{
	const struct pt *kernel = kernel_pt();
	int err = kernel != NULL ?
			  pt_init_shared(&mm->pt, kernel->mode, &table_stock_source, &mm->stock,
					 kernel) :
			  pt_init(&mm->pt, &pt_mode_sv39, &table_stock_source, &mm->stock, 0);
	/* Pages are mapped, hidden and moved one by one. */
	mm->pt.napot = false;
	mm->pt.allow_wx = true;
	return err;
}

/** Id, tables and place in the table, all or nothing. */
static int enter_table(struct mm *mm, struct mm_supply *supply)
{
	const unsigned long irq = spin_lock_irqsave(&table_lock);
	const unsigned long inner = kernel_pt_lock();
	table_stock_open(&mm->stock, &supply->tables);
	mm->id = find_id();
	int err = mm->id != 0 ? start_tables(mm) : -ENFILE;
	if (err == 0) {
		spin_lock_init(&mm->lock, LOCK_MM, mm->id);
		table[mm->id] = mm;
		next_id = mm->id + 1;
		spaces++;
		created++;
	}
	table_stock_close(&mm->stock, &supply->tables);
	kernel_pt_unlock(inner);
	spin_unlock_irqrestore(&table_lock, irq);
	return err;
}

struct mm *mm_create(const char *name)
{
	struct mm_supply supply = { 0 };
	struct mm *mm = object_pool_alloc(&mm_pool);
	int err = mm != NULL && table_list_more(&supply.tables, 1) ? 0 : -ENOMEM;
	if (err == 0) {
		err = enter_table(mm, &supply);
	}
	mm_supply_free(&supply);
	if (err != 0) {
		object_pool_free(&mm_pool, mm);
		pr_warn("no address space for '%s' (%s)", name, errno_name(err));
		return NULL;
	}
	strncpy(mm->name, name, sizeof(mm->name) - 1);
	mm->brk_start = vaddr(MM_BRK_DEFAULT);
	mm->brk_end = mm->brk_start;
	return mm;
}

/** Nobody finds it any more; those who found it are gone. */
static void leave_table(struct mm *mm)
{
	const unsigned long irq = spin_lock_irqsave(&table_lock);
	const unsigned long inner = kernel_pt_lock();
	table[mm->id] = NULL;
	spaces--;
	kernel_pt_unlock(inner);
	spin_unlock_irqrestore(&table_lock, irq);
	while (__atomic_load_n(&mm->visitors, __ATOMIC_ACQUIRE) != 0) {
		port_relax();
	}
}

void mm_destroy(struct mm *mm)
{
	if (mm == NULL) {
		return;
	}
	FPG_CHECK(__atomic_load_n(&mm->active, __ATOMIC_ACQUIRE) == 0);
	struct mm_supply supply = { 0 };
	unsigned long irq = mm_lock_settled(mm, &supply);
	mm_clear(mm, MM_LOWEST, mm_highest(mm).v, &supply);
	FPG_CHECK(mm->anon_pages == 0 && mm->areas.count == 0);
	mm_unlock(mm, &supply, irq);
	leave_table(mm);
	irq = mm_lock(mm, &supply);
	pt_destroy(&mm->pt);
	mm_unlock(mm, &supply, irq);
	mm_supply_free(&supply);
	object_pool_free(&mm_pool, mm);
}

void mm_drain(void)
{
	mm_supply_drain();
	object_pool_drain(&mm_pool);
}

/* ---- seeing ------------------------------------------------------------------------------------ */

static struct mm_info info_of(struct mm *mm)
{
	const unsigned long irq = spin_lock_irqsave(&mm->lock);
	const struct mm_info info = {
		.id = mm->id,
		.name = mm->name,
		.asid = mm->tlb.asid,
		.areas = mm->areas.count,
		.anon_pages = mm->anon_pages,
		.table_pages = mm->pt.count.tables,
		.faults = mm->faults,
		.harts = __atomic_load_n(&mm->tlb.harts, __ATOMIC_RELAXED),
		.running = __atomic_load_n(&mm->active, __ATOMIC_RELAXED),
	};
	spin_unlock_irqrestore(&mm->lock, irq);
	return info;
}

void mm_for_each(bool (*fn)(void *ctx, const struct mm_info *info), void *ctx)
{
	bool more = true;
	for (uint32_t id = 1; id < MM_MAX && more; id++) {
		struct mm *mm = mm_visit(id);
		if (mm != NULL) {
			const struct mm_info info = info_of(mm);
			more = fn(ctx, &info);
			mm_leave(mm);
		}
	}
}

bool mm_area_at(uint32_t id, uint64_t index, struct mm_area_info *out)
{
	struct mm *mm = mm_visit(id);
	if (mm == NULL) {
		return false;
	}
	const unsigned long irq = spin_lock_irqsave(&mm->lock);
	struct area *area = area_first(&mm->areas);
	for (; area != NULL && index > 0; index--) {
		area = area_next(area);
	}
	if (area != NULL) {
		const struct mm_area *a = mm_area_of(area);
		*out = (struct mm_area_info){ vaddr(area->start), vaddr(area->end), a->prot,
					      (a->flags & MM_AREA_GROWSDOWN) != 0,
					      (a->flags & MM_AREA_HEAP) != 0 };
	}
	spin_unlock_irqrestore(&mm->lock, irq);
	mm_leave(mm);
	return area != NULL;
}

uint32_t mm_count(void)
{
	return __atomic_load_n(&spaces, __ATOMIC_RELAXED);
}

uint64_t mm_created(void)
{
	return __atomic_load_n(&created, __ATOMIC_RELAXED);
}
