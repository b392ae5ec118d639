/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Address spaces: a lower half of areas (VMAs) with demand-zero anonymous memory, the kernel's upper half shared.
 * Names and meanings are Linux's and POSIX's. Every function takes the locks it needs (mm < rmap < page table < …).
 *
 * Invariants: an anonymous page is mapped once, by (mm id, virtual page) in its record (no fork); a page table page and
 * a data page are freed only after every hart that used the mm was fenced; the kernel half equals the kernel's own.
 */
#pragma once

#include "fpg/base/compiler.h"
#include "fpg/base/types.h"
#include "fpg/core/page.h"
#include "fpg/pagetable/pt.h"
#include "fpg/port/harts.h"
#include "fpg/port/trap.h"
#include "fpg/port/user.h"

/** Protection of an area. Linux's values: POSIX mmap. PROT_W implies readable (Privileged v1.12, 4.3.1). */
#define PROT_NONE  0
#define PROT_READ  1
#define PROT_WRITE 2
#define PROT_EXEC  4

#define MAP_FIXED	    0x10
#define MAP_FIXED_NOREPLACE 0x100000
#define MAP_GROWSDOWN	    0x0100
/** Populate at once instead of on first touch. */
#define MAP_POPULATE	    0x8000

/** Most address spaces at once; an id is below it. */
#define MM_MAX 4096

struct mm;

/** Probe ASIDs, make the tables of mms. After vmalloc_init(). Return: 0 | -ENOMEM */
FPG_MUST_CHECK int mm_init(void);

/** An empty address space. Return: NULL when there is no memory or no id (logged) */
struct mm *mm_create(const char *name);

/** Everything of it goes back. No hart runs it (checked). */
void mm_destroy(struct mm *mm);

/**
 * Anonymous memory. @addr: wanted place (a hint without MAP_FIXED); MAP_FIXED replaces what is there.
 * Return: 0 with *@out | -EINVAL (length 0, alignment, flags) | -ENOMEM (no place, no memory) | -EEXIST
 *         (MAP_FIXED_NOREPLACE) ; nothing changed then
 */
FPG_MUST_CHECK int mm_mmap(struct mm *mm, vaddr_t addr, uint64_t bytes, uint32_t prot,
			   uint32_t flags, vaddr_t *out);
FPG_MUST_CHECK int mm_munmap(struct mm *mm, vaddr_t addr, uint64_t bytes);
/** Return: 0 | -ENOMEM (a hole in the range, or no memory to split; nothing changed) | -EINVAL */
FPG_MUST_CHECK int mm_mprotect(struct mm *mm, vaddr_t addr, uint64_t bytes, uint32_t prot);
/** @end 0 asks. Return: the break in force afterwards */
vaddr_t mm_brk(struct mm *mm, vaddr_t end);

/** Kinds of access of a fault. */
enum mm_access {
	MM_READ,
	MM_WRITE,
	MM_EXEC
};

/**
 * A page fault at @addr. Return: 0 (resolved, or was spurious) | -EFAULT (no area there) | -EACCES (the area forbids
 * it) | -ENOMEM
 */
FPG_MUST_CHECK int mm_fault(struct mm *mm, vaddr_t addr, enum mm_access access);

/** Copy into user memory by the kernel, faulting pages in, whatever the area's protection (to load programs). */
FPG_MUST_CHECK int mm_write(struct mm *mm, vaddr_t addr, const void *data, size_t bytes);

/** Make @mm (NULL: the kernel's own) the address space in force on this hart. Interrupts may be on. */
void mm_switch(struct mm *mm);
struct mm *mm_current(void);

/* ---- reverse map ------------------------------------------------------------------------------------------ */

/**
 * The one mapping of an anonymous page. Return: 0 | -ENOENT (it is not an anonymous user page)
 * The answer holds only while the caller holds what keeps the page mapped (rmap lock inside migration).
 */
FPG_MUST_CHECK int rmap_of(const struct page *page, struct mm **mm, vaddr_t *addr);

/**
 * For migration (CMA, compaction), three steps; the caller fences once for a batch between the first and the second.
 * unmap: replace the leaf by a migration mark: faults on it wait, polling. remap: map @to in its place, with the
 * same permissions, and let waiters go on. undo: the old page again.
 * Return of unmap: 0 | -ENOENT | -EBUSY (pinned: elevated reference)
 */
FPG_MUST_CHECK int rmap_migrate_unmap(struct page *page);
void rmap_migrate_remap(struct page *from, struct page *to);
void rmap_migrate_undo(struct page *page);
/** Harts whose translations of the pages unmapped since the last call must be fenced; fences them. */
void rmap_migrate_fence(void);

/* ---- seeing ----------------------------------------------------------------------------------------------- */

struct mm_info {
	uint32_t id;
	const char *name;
	uint32_t asid;
	uint64_t areas;
	uint64_t anon_pages;
	uint64_t table_pages;
	uint64_t faults;
	hart_mask_t harts;
};
void mm_for_each(bool (*fn)(void *ctx, const struct mm_info *info), void *ctx);
uint32_t mm_id(const struct mm *mm);

/** Unmap and forget records kept for reuse. */
void mm_drain(void);

/* ---- programs --------------------------------------------------------------------------------------------- */

/** How a program ended. */
struct user_exit {
	/** 0: it said exit; else the trap that killed it. */
	bool killed;
	int64_t status;
	uint64_t cause;
	vaddr_t addr;
	vaddr_t pc;
	/** Time limit reached. */
	bool timed_out;
};

/** A program built into the image. */
struct user_program {
	const char *name;
	const char *help;
	const void *code;
	size_t bytes;
};
/** Ends with name == NULL. */
extern const struct user_program user_programs[];

/**
 * Run @program to its end on this hart in an address space of its own (@mm NULL) or in one that others run too.
 * Context: no lock held. Return: 0 with @out | -ENOMEM | -ENOEXEC
 */
FPG_MUST_CHECK int user_run(const struct user_program *program, struct mm *mm, uint64_t arg,
			    struct user_exit *out);
