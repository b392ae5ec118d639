/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page faults: demand-zero pages, growing stacks, faults that are out of date, and those that end a
 * program. Also the kernel's own way into user memory (mm_write, mm_read, mm_pin_page), which uses
 * the same pages through the linear map.
 *
 * Invariant: a fault that fails has changed nothing; the stack grows only together with the page
 * that made it grow.
 */
#include "mm_private.h"

#include "fpg/base/errno.h"
#include "fpg/core/movable.h"
#include "fpg/port/port.h"

#include <string.h>

/** What the access needs of the area. */
static const uint32_t needs[] = {
	[MM_READ] = PROT_READ,
	[MM_WRITE] = PROT_WRITE,
	[MM_EXEC] = PROT_EXEC,
};

struct fault {
	struct mm *mm;
	/** The page. */
	uint64_t at;
	/** PROT_ bits that the area must have; 0: any area will do. */
	uint32_t need;
	/** Out: the page, pinned when @pin. */
	struct page *page;
	bool pin;
	/** The page was there already. */
	bool spurious;
	struct mm_supply supply;
};

enum step {
	STEP_DONE,
	/** The page is under migration. */
	STEP_WAIT,
	STEP_NEEDS_PAGE,
	STEP_NEEDS_TABLES,
	STEP_NO_AREA,
	STEP_FORBIDDEN,
};

/**
 * The area that holds the page, or one that can grow down to it. What lies below keeps a gap, so
 * that a stack that runs over faults instead of meeting somebody else's memory.
 */
static struct mm_area *area_for(const struct mm *mm, uint64_t at)
{
	struct area *area = area_find(&mm->areas, at);
	if (area == NULL || area->start <= at) {
		return area != NULL ? mm_area_of(area) : NULL;
	}
	const struct area *below = area_prev(area);
	const uint64_t floor = below != NULL ? below->end + MM_STACK_GUARD : MM_LOWEST;
	if ((mm_area_of(area)->flags & MM_AREA_GROWSDOWN) == 0 || at < floor ||
	    area->end - at > MM_STACK_LIMIT) {
		return NULL;
	}
	return mm_area_of(area);
}

static bool allows(const struct mm_area *area, uint32_t need)
{
	/* Whatever may be written can be read: mm_leaf_prot(). */
	const uint32_t prot = area->prot & PROT_WRITE ? area->prot | PROT_READ : area->prot;
	return (need & ~prot) == 0;
}

static enum step fault_locked(struct fault *f)
{
	struct mm *mm = f->mm;
	struct mm_area *area = area_for(mm, f->at);
	if (area == NULL) {
		return STEP_NO_AREA;
	}
	if (!allows(area, f->need)) {
		return STEP_FORBIDDEN;
	}
	f->page = mm_page_at(mm, vaddr(f->at));
	f->spurious = f->page != NULL;
	if (f->page != NULL && (f->page->word & PAGE_F_MIGRATING) != 0) {
		return STEP_WAIT;
	}
	if (f->page == NULL) {
		if (f->supply.pages == NULL) {
			return STEP_NEEDS_PAGE;
		}
		struct page *page = mm_supply_take_page(&f->supply);
		if (mm_map_page(mm, vaddr(f->at), page, area->prot) != 0) {
			mm_supply_give_page(&f->supply, page);
			return STEP_NEEDS_TABLES;
		}
		if (f->at < area->range.start) {
			area_resize(&mm->areas, &area->range, f->at, area->range.end);
		}
		f->page = page;
	}
	if (f->pin) {
		get_page(f->page);
	}
	return STEP_DONE;
}

/** After a fault was handled: this hart's view. Others that fault on the same page come here too. */
static void fence_after(struct fault *f)
{
	struct mm *mm = f->mm;
	if (f->spurious && mm_current() == mm) {
		/* What this hart has cached is out of date, maybe a pointer to a table. */
		port_tlb_flush_asid(mm->tlb.asid);
	}
	mm_fence_here(mm);
}

/** Without the space's lock: who moves @page needs it, and locks are not fair. @page may be somebody else's meanwhile. */
static void wait_for_move(const struct page *page)
{
	while ((__atomic_load_n(&page->word, __ATOMIC_RELAXED) & PAGE_F_MIGRATING) != 0) {
		port_relax();
	}
}

static int fault_resolve(struct fault *f)
{
	int err = -EAGAIN;
	while (err == -EAGAIN) {
		const unsigned long irq = mm_lock(f->mm, &f->supply);
		const enum step step = fault_locked(f);
		const uint64_t tables = f->mm->pt.wanted;
		if (step == STEP_DONE) {
			fence_after(f);
			f->mm->faults++;
		}
		mm_unlock(f->mm, &f->supply, irq);
		switch (step) {
		case STEP_DONE:
			err = 0;
			break;
		case STEP_WAIT:
			wait_for_move(f->page);
			break;
		case STEP_NEEDS_PAGE:
			err = mm_supply_fill(&f->supply, 0, 1) == 0 ? -EAGAIN : -ENOMEM;
			break;
		case STEP_NEEDS_TABLES:
			err = table_list_more(&f->supply.tables, tables) ? -EAGAIN : -ENOMEM;
			break;
		case STEP_NO_AREA:
			err = -EFAULT;
			break;
		case STEP_FORBIDDEN:
			err = -EACCES;
			break;
		}
	}
	mm_supply_free(&f->supply);
	return err;
}

int mm_fault(struct mm *mm, vaddr_t addr, enum mm_access access)
{
	struct fault f = { .mm = mm, .at = ALIGN_DOWN(addr.v, PAGE_SIZE), .need = needs[access] };
	if (!mm_range_ok(mm, vaddr(f.at), PAGE_SIZE)) {
		return -EFAULT;
	}
	return fault_resolve(&f);
}

int mm_pin_page(struct mm *mm, vaddr_t addr, uint32_t prot, struct page **out)
{
	struct fault f = {
		.mm = mm, .at = ALIGN_DOWN(addr.v, PAGE_SIZE), .need = prot, .pin = true
	};
	if (!mm_range_ok(mm, vaddr(f.at), PAGE_SIZE)) {
		return -EFAULT;
	}
	int err = fault_resolve(&f);
	if (err == 0) {
		*out = f.page;
	}
	return err;
}

/** Copy between @buffer and user memory, page by page. Return: 0 | of mm_pin_page(); part is done */
static int copy_pages(struct mm *mm, vaddr_t addr, char *buffer, size_t bytes, bool to_user)
{
	while (bytes > 0) {
		const size_t offset = addr.v & (PAGE_SIZE - 1);
		const size_t n = bytes < PAGE_SIZE - offset ? bytes : PAGE_SIZE - offset;
		struct page *page;
		int err = mm_pin_page(mm, addr, PROT_NONE, &page);
		if (err != 0) {
			return err;
		}
		char *user = (char *)page_address(page) + offset;
		memcpy(to_user ? user : buffer, to_user ? buffer : user, n);
		mm_unpin_page(page);
		addr.v += n;
		buffer += n;
		bytes -= n;
	}
	return 0;
}

int mm_write(struct mm *mm, vaddr_t addr, const void *data, size_t bytes)
{
	/* Only read: the direction is to the user. */
	return copy_pages(mm, addr, (char *)(uintptr_t)data, bytes, true);
}

int mm_read(struct mm *mm, vaddr_t addr, void *data, size_t bytes)
{
	return copy_pages(mm, addr, data, bytes, false);
}
