/* SPDX-License-Identifier: BSD-2-Clause */
/* Anonymous pages as migration sees them: the steps of rmap.c behind struct movable_ops. */
#include "mm_private.h"

#include "fpg/core/movable.h"

static int isolate(struct page *page, uint32_t owner)
{
	(void)owner;
	return rmap_migrate_unmap(page);
}

static int migrate(struct page *to, struct page *from, uint32_t owner)
{
	(void)owner;
	page_copy(to, from, 0);
	rmap_migrate_remap(from, to);
	return 0;
}

static uint32_t migrate_many(struct page *const to[], struct page *const from[], uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		page_copy(to[i], from[i], 0);
	}
	rmap_migrate_remap_many(from, to, count);
	return count;
}

static void putback(struct page *page, uint32_t owner)
{
	(void)owner;
	rmap_migrate_undo(page);
}

static const struct movable_ops anon_ops = {
	.name = "anonymous memory",
	.isolate = isolate,
	.fence = rmap_migrate_fence,
	.migrate = migrate,
	.putback = putback,
	.isolate_many = rmap_migrate_unmap_many,
	.migrate_many = migrate_many,
};

void mm_movable_init(void)
{
	movable_anon_register(&anon_ops);
}
