/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tables whose upper half is the kernel's: the root entries are copied, everything below them is the kernel's own.
 *
 * Copies stay right because the kernel's tables directly under its root never go (keep_root) and because each change of
 * a root entry raises root_version, which pt_share_again() compares. Root entries are the one thing that is copied, so
 * whatever happens below them is seen by all at once.
 */
#include "pt_internal.h"

#include <errno.h>

/** Root entries from here on translate the upper half. Source: Privileged v1.12, 4.4.1 (sign extension). */
#define UPPER (PT_ENTRIES / 2)

bool pt_share_again(struct pt *pt)
{
	const struct pt *kernel = pt->kernel;
	FPG_CHECK(kernel != NULL);
	const uint64_t version = __atomic_load_n(&kernel->root_version, __ATOMIC_ACQUIRE);
	if (version == pt->kernel_version) {
		return false;
	}
	const pte_t *from = pt_table(kernel, kernel->root);
	pte_t *to = pt_table(pt, pt->root);
	for (unsigned int i = UPPER; i < PT_ENTRIES; i++) {
		const pte_t pte = { __atomic_load_n(&from[i].v, __ATOMIC_ACQUIRE) };
		pt_publish(&to[i], pte);
	}
	pt->kernel_version = version;
	return true;
}

int pt_init_shared(struct pt *pt, const struct pt_mode *mode, const struct pt_page_source *source,
		   void *ctx, const struct pt *kernel)
{
	pt_clear(pt, mode, source, ctx);
	if (mode != kernel->mode || !kernel->keep_root) {
		return -EINVAL;
	}
	pt->known = kernel->known;
	pt->napot = kernel->napot;
	int r = pt_reserve(pt, 1);
	if (r != 0) {
		return r;
	}
	pt_table_new(pt, &pt->root, true);
	pt->kernel = kernel;
	/* Differs from the kernel's, so that all is copied. */
	pt->kernel_version = __atomic_load_n(&kernel->root_version, __ATOMIC_ACQUIRE) - 1;
	(void)pt_share_again(pt);
	return 0;
}

int pt_make_root_tables(struct pt *pt, vaddr_t va, uint64_t bytes)
{
	const unsigned int root = pt_root_level(pt);
	const uint64_t off = pt_offset(pt, va);
	if (!pt->keep_root || !pt_pages_ok(pt, va, bytes)) {
		return -EINVAL;
	}
	pte_t *entry = &pt_table(pt, pt->root)[pt_index(off, root)];
	const pte_t *last = &pt_table(pt, pt->root)[pt_index(off + bytes - 1, root)];
	uint64_t tables = 0;
	for (const pte_t *e = entry; e <= last; e++) {
		tables += pte_none(*e);
	}
	int r = pt_reserve(pt, tables);
	if (r != 0) {
		return r;
	}
	for (; entry <= last; entry++) {
		if (pte_none(*entry)) {
			phys_addr_t table;
			(void)pt_table_new(pt, &table, true);
			pt_publish_at(pt, root, entry, pte_pointer(root, table, false));
			pt->pointers_changed = true;
		}
	}
	pt_reserve_done(pt);
	return 0;
}
