/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Objects of one size, cut from single pages of the page allocator: what the project itself needs before there is a
 * kmem_cache (areas, mms). A page whose objects are all free goes back at once, but for one kept page that
 * object_pool_drain() gives back.
 */
#pragma once

#include "fpg/base/compiler.h"
#include "fpg/base/types.h"
#include "fpg/core/spinlock.h"

struct object_pool {
	const char *name;
	uint32_t object_bytes;
	/* private */
	struct spinlock lock;
	uint32_t used;
	uint32_t pages;
	void *partial;
	void *empty;
};

/** @bytes a static pool for objects of @type. */
#define OBJECT_POOL_INIT(pool_name, bytes)                              \
	{                                                               \
		.name = (pool_name), .object_bytes = (uint32_t)(bytes), \
		.lock = SPINLOCK_INIT_RANK(LOCK_LEAF)                   \
	}

/** A zeroed object, 16-byte aligned. Context: no lock held. Return: NULL when there is no page (not logged) */
void *object_pool_alloc(struct object_pool *pool);
/** @object came from this pool (checked); NULL is fine. Context: no lock held */
void object_pool_free(struct object_pool *pool, void *object);
/** Give the kept page back. */
void object_pool_drain(struct object_pool *pool);
/** Objects in use. */
uint32_t object_pool_used(const struct object_pool *pool);
