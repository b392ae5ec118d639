/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The vmalloc window: areas of kernel addresses over single pages (vmalloc, vmap) or device registers (ioremap), a
 * guard page beside each. Names and meanings are Linux's. Callable from any hart with no lock held; before the page
 * allocator there is only early_ioremap() (fixmap.h).
 *
 * When a call fails, everything is as before. When an area ends, all harts are fenced before its pages, and then its
 * addresses, can be anybody else's.
 */
#pragma once

#include "fpg/base/compiler.h"
#include "fpg/base/types.h"
#include "fpg/core/gfp.h"
#include "fpg/core/page.h"

/** X(id, name as `vmallocinfo` shows it) */
#define VM_AREA_KINDS(X)         \
	X(VM_ALLOC, "vmalloc")   \
	X(VM_MAP, "vmap")        \
	X(VM_IOREMAP, "ioremap") \
	X(VM_STACK, "stack")

enum vm_area_kind {
#define X(id, name) id,
	VM_AREA_KINDS(X)
#undef X
	VM_AREA_KIND_COUNT
};

const char *vm_area_kind_name(enum vm_area_kind kind);

/**
 * The window exists from here on; calls before fail. Needs kernel_map_activate(), page_alloc_init() and
 * kernel_pt_hand_over(). Return: 0 | -ENODEV (no kernel map)
 */
FPG_MUST_CHECK int vmalloc_init(void);

/** @bytes rounded up to pages, each page from the page allocator, read-write. Return: NULL, logged unless NOWARN */
void *vmalloc(size_t bytes);
void *vzalloc(size_t bytes);
void *__vmalloc(size_t bytes, gfp_t gfp);
/** What vmalloc() gave; NULL is fine; anything else is refused with a message. */
void vfree(const void *addr);

/** Map @count pages that stay the caller's. @prot: MEM_R | MEM_W, PT_NONCACHED. Return: NULL, logged */
void *vmap(struct page *const *pages, unsigned int count, uint32_t prot);
void vunmap(const void *addr);

/**
 * Map device registers; not RAM (refused and logged). Strongly ordered by Svpbmt where the hart has it, else as the
 * PMAs say. Any alignment. Return: the address of byte @phys, or NULL, logged
 */
void *ioremap(phys_addr_t phys, size_t bytes);
/** The same, non-cacheable (write-combining). */
void *ioremap_wc(phys_addr_t phys, size_t bytes);
/** The same for memory that nothing else maps: no-map RAM, or memory outside RAM. Given back with iounmap() */
void *memremap_wc(phys_addr_t phys, size_t bytes);
/** Any address of the first page will do. */
void iounmap(const void *addr);

/** A stack of @bytes (whole pages), an unmapped page below and above. Return: its low end, or NULL, logged */
char *vmalloc_stack(size_t bytes);
void vmalloc_stack_free(char *low);

struct vm_area_info {
	vaddr_t start;
	uint64_t bytes;
	enum vm_area_kind kind;
	/** As mapped: what the hart does not know is left out. */
	uint32_t prot;
	/** Of ioremap: of the first page. */
	phys_addr_t phys;
	/** Return address of who asked. */
	uint64_t caller;
};
/**
 * Ascending. Return false to stop. No lock is held meanwhile: areas that come or go during the walk are seen or not.
 */
void vmalloc_for_each(bool (*fn)(void *ctx, const struct vm_area_info *area), void *ctx);

/** Give back what is kept for reuse (empty pages of area records). */
void vmalloc_drain(void);
