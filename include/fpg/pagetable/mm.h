/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Address spaces: a lower half of areas (VMAs) with demand-zero anonymous memory, the kernel's upper
 * half shared. Names and meanings are Linux's and POSIX's. docs/address-spaces.md tells how.
 *
 * Invariants: an anonymous page is mapped once, by (mm id, virtual page) in its record (no fork); a
 * page table page and a data page are freed only after every hart that used the mm was fenced; the
 * kernel half equals the kernel's own; a call that fails has changed nothing.
 * Context of all calls, where nothing else is said: any hart, no lock held.
 */
#pragma once

#include "fpg/base/compiler.h"
#include "fpg/base/types.h"
#include "fpg/core/page.h"
#include "fpg/pagetable/pt.h"
#include "fpg/port/harts.h"
#include "fpg/port/trap.h"
#include "fpg/port/user.h"

/**
 * Protection of an area. Linux's values: POSIX mmap. PROT_WRITE implies readable (Privileged v1.12,
 * 4.3.1); PROT_EXEC alone is neither readable nor writable.
 */
#define PROT_NONE  0
#define PROT_READ  1
#define PROT_WRITE 2
#define PROT_EXEC  4

#define MAP_FIXED	    0x10
#define MAP_FIXED_NOREPLACE 0x100000
#define MAP_GROWSDOWN	    0x0100
/** Populate at once instead of on first touch. */
#define MAP_POPULATE	    0x8000

/** Most address spaces at once; an id is from 1 to below it. */
#define MM_MAX 4096

/** What a growing area may grow to, and what it leaves free above the next area below it. */
#define MM_STACK_LIMIT (8UL << 20)
#define MM_STACK_GUARD (1UL << 20)

/** The top of the lower half is for stacks: a place for each hart, of which half may be used. */
#define MM_STACK_PLACE	(16UL << 20)
#define MM_STACKS_BYTES (PORT_MAX_HARTS * MM_STACK_PLACE)

/** Places are chosen above this; what a program wants to have below it, it asks for. */
#define MM_MMAP_LOWEST (2UL << 20)

/** Where the heap begins until mm_set_brk(). */
#define MM_BRK_DEFAULT 0x40000000UL

struct mm;

/**
 * Ask the harts for ASIDs, follow the kernel's root table. After vmalloc_init() and harts_start().
 * Return: 0
 */
FPG_MUST_CHECK int mm_init(void);

/** An empty address space. Return: NULL when there is no memory or no id (logged) */
struct mm *mm_create(const char *name);

/** Everything of it goes back; NULL is fine. No hart runs it (checked). */
void mm_destroy(struct mm *mm);

/**
 * Anonymous memory. @addr: wanted place (a hint without MAP_FIXED, rounded down to a page);
 * MAP_FIXED replaces what is there. The first page is never given out.
 * Return: 0 with *@out | -EINVAL (length 0, alignment, unknown bits, a place out of bounds) | -ENOMEM
 *         (no place, no memory) | -EEXIST (MAP_FIXED_NOREPLACE); nothing changed then
 */
FPG_MUST_CHECK int mm_mmap(struct mm *mm, vaddr_t addr, uint64_t bytes, uint32_t prot,
			   uint32_t flags, vaddr_t *out);
/** Return: 0, also when nothing is there | -EINVAL | -ENOMEM (no memory to split an area) */
FPG_MUST_CHECK int mm_munmap(struct mm *mm, vaddr_t addr, uint64_t bytes);
/** Return: 0 | -ENOMEM (a hole in the range, or no memory to split) | -EINVAL */
FPG_MUST_CHECK int mm_mprotect(struct mm *mm, vaddr_t addr, uint64_t bytes, uint32_t prot);
/** @end 0 asks. Return: the break in force afterwards: the old one when it cannot be moved */
vaddr_t mm_brk(struct mm *mm, vaddr_t end);
/** Begin the heap at @start, empty. Before the first mm_brk(). */
void mm_set_brk(struct mm *mm, vaddr_t start);

/** Kinds of access of a fault. */
enum mm_access {
	MM_READ,
	MM_WRITE,
	MM_EXEC
};

/**
 * A page fault at @addr. A page under migration is waited for, polling.
 * Return: 0 (resolved, or was spurious) | -EFAULT (no area there) | -EACCES (the area forbids it) |
 *         -ENOMEM
 */
FPG_MUST_CHECK int mm_fault(struct mm *mm, vaddr_t addr, enum mm_access access);

/** The same for a trap. Return: as mm_fault() | -ENOTSUP (no page fault) */
FPG_MUST_CHECK int mm_fault_trap(struct mm *mm, const struct port_trap *trap);

/** For trap_ops.user_fault: a fault of copy_to_user() or copy_from_user() on this hart. */
bool mm_user_fault(const struct port_trap *trap);

/**
 * Copy into or out of user memory by the kernel, faulting pages in, whatever the area's protection
 * (to load programs); any space. For code, flush_icache_mask() follows.
 * Return: 0 | as mm_fault(); part may be done then
 */
FPG_MUST_CHECK int mm_write(struct mm *mm, vaddr_t addr, const void *data, size_t bytes);
FPG_MUST_CHECK int mm_read(struct mm *mm, vaddr_t addr, void *data, size_t bytes);

/** With the rights and by the addresses of the program on this hart. Return: 0 | -EFAULT (part may be done) */
FPG_MUST_CHECK int copy_from_user(void *dst, vaddr_t src, size_t bytes);
FPG_MUST_CHECK int copy_to_user(vaddr_t dst, const void *src, size_t bytes);

/**
 * Make @mm (NULL: the kernel's own) the address space in force on this hart. Interrupts may be on.
 * Takes a leaf lock.
 */
void mm_switch(struct mm *mm);
struct mm *mm_current(void);

/* ---- pins and the reverse map ------------------------------------------------------------------- */

/**
 * The page at @addr, faulted in if its area has at least @prot, kept where it is until
 * mm_unpin_page(): it is not migrated, and its memory outlives an munmap. Return: 0 | as mm_fault()
 */
FPG_MUST_CHECK int mm_pin_page(struct mm *mm, vaddr_t addr, uint32_t prot, struct page **out);
void mm_unpin_page(struct page *page);

/**
 * The one mapping of an anonymous page. Return: 0 | -ENOENT (it is not an anonymous user page)
 * The answer holds only while something keeps the page mapped.
 */
FPG_MUST_CHECK int rmap_of(const struct page *page, struct mm **mm, vaddr_t *addr);

/**
 * For migration (CMA, compaction), three steps; the caller fences once for a batch between the first
 * and the second, and only then copies the contents.
 * unmap: hide the page: faults on it wait, polling. remap: let @to take its place, with the same
 * permissions, and let waiters go on; @from is the caller's afterwards. undo: the old page again.
 * While any page of a space is hidden, calls that change its areas wait.
 *
 * @to      of the caller: allocated, order 0, one reference; the space's afterwards
 * Return of unmap: 0 | -ENOENT | -EBUSY (pinned, or under migration already)
 */
FPG_MUST_CHECK int rmap_migrate_unmap(struct page *page);
void rmap_migrate_remap(struct page *from, struct page *to);
void rmap_migrate_undo(struct page *page);
/**
 * The same for @count neighbours from @first on, and for the pages @from[i] and @to[i]. *@done: how many were hidden, from
 * the first on. Return: 0: all | of unmap for the first that was not
 */
FPG_MUST_CHECK int rmap_migrate_unmap_many(struct page *first, uint32_t count, uint32_t *done);
void rmap_migrate_remap_many(struct page *const from[], struct page *const to[], uint32_t count);
/** Fence what was unmapped since the last call, on the harts that used those spaces. */
void rmap_migrate_fence(void);

/* ---- seeing ------------------------------------------------------------------------------------- */

struct mm_info {
	uint32_t id;
	const char *name;
	uint32_t asid;
	uint64_t areas;
	uint64_t anon_pages;
	uint64_t table_pages;
	uint64_t faults;
	/** Harts that may have translations of it, and those that run it now. */
	hart_mask_t harts;
	hart_mask_t running;
};
/** Ascending by id. Return false to stop. */
void mm_for_each(bool (*fn)(void *ctx, const struct mm_info *info), void *ctx);
uint32_t mm_id(const struct mm *mm);

struct mm_area_info {
	vaddr_t start;
	vaddr_t end;
	uint32_t prot;
	bool grows_down;
	bool heap;
};
/** Area @index, ascending, of the space with @id. Return: false past the last, or without such a space */
bool mm_area_at(uint32_t id, uint64_t index, struct mm_area_info *out);

/** Spaces now, and made since the start. */
uint32_t mm_count(void);
uint64_t mm_created(void);

struct mm_asid_info {
	/** Numbers there are for spaces; 0: each switch flushes everything. */
	uint32_t usable;
	uint64_t generation;
	uint64_t roll_overs;
};
struct mm_asid_info mm_asid_info(void);

/**
 * For tests: use at most @count ASIDs, the kernel's among them (1: none); 0: all that the harts have.
 * Less than the harts need is none. No hart runs a space (checked).
 */
void mm_set_asid_limit(uint32_t count);

/** Give back records kept for reuse. */
void mm_drain(void);
