/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pool's pages: a header with a bit for each object, then the objects. Pages with room are in a list, full ones in
 * none: an object finds its page by its address.
 *
 * Invariants: the page allocator is never called with the pool's lock held; a page in the list has at least one object
 * in use and one free; the kept page has none in use.
 */
#include "fpg/core/object_pool.h"

#include "fpg/base/assert.h"
#include "fpg/base/bits.h"
#include "fpg/base/range.h"
#include "fpg/core/fail_boot.h"
#include "fpg/core/page_alloc.h"

#include <string.h>

#define OBJECT_ALIGN 16U

struct pool_page {
	const struct object_pool *pool;
	struct pool_page *next, *prev;
	uint32_t used;
	uint32_t capacity;
	uint64_t taken[4];
};

static_assert(sizeof(struct pool_page) % OBJECT_ALIGN == 0, "objects follow the header");
static_assert((PAGE_SIZE - sizeof(struct pool_page)) / OBJECT_ALIGN <= 4 * BITS_PER_WORD,
	      "a bit for each of the smallest objects");

/* ---- the page -------------------------------------------------------------------------------- */

static uint32_t step_of(const struct object_pool *pool)
{
	return ALIGN_UP(pool->object_bytes, OBJECT_ALIGN);
}

static struct pool_page *page_make(const struct object_pool *pool)
{
	FPG_CHECK(pool->object_bytes != 0 && step_of(pool) <= PAGE_SIZE - sizeof(struct pool_page));
	struct pool_page *page = __get_free_pages(GFP_KERNEL | __GFP_NOWARN, 0);
	if (page != NULL) {
		*page = (struct pool_page){
			.pool = pool,
			.capacity = (uint32_t)(PAGE_SIZE - sizeof(*page)) / step_of(pool),
		};
	}
	return page;
}

static void *page_object(const struct pool_page *page, uint64_t i)
{
	return (char *)page + sizeof(*page) + i * step_of(page->pool);
}

static void list_add(struct object_pool *pool, struct pool_page *page)
{
	page->prev = NULL;
	page->next = pool->partial;
	if (page->next != NULL) {
		page->next->prev = page;
	}
	pool->partial = page;
}

static void list_remove(struct object_pool *pool, struct pool_page *page)
{
	if (page->prev != NULL) {
		page->prev->next = page->next;
	} else {
		pool->partial = page->next;
	}
	if (page->next != NULL) {
		page->next->prev = page->prev;
	}
}

/* ---- the pool -------------------------------------------------------------------------------- */

/** The lock is held. Return: NULL when there is no page with room */
static void *take_object(struct object_pool *pool)
{
	struct pool_page *page = pool->partial;
	if (page == NULL) {
		page = pool->empty;
		if (page == NULL) {
			return NULL;
		}
		pool->empty = NULL;
		list_add(pool, page);
	}
	uint64_t i = bits_find_clear(page->taken, 0, page->capacity);
	FPG_CHECK(i < page->capacity);
	bits_set_range(page->taken, i, i + 1);
	pool->used++;
	if (++page->used == page->capacity) {
		list_remove(pool, page);
	}
	return page_object(page, i);
}

void *object_pool_alloc(struct object_pool *pool)
{
	if (fail_boot_now("object_pool_alloc")) {
		return NULL;
	}
	unsigned long flags = spin_lock_irqsave(&pool->lock);
	void *object = take_object(pool);
	spin_unlock_irqrestore(&pool->lock, flags);
	if (object == NULL) {
		struct pool_page *page = page_make(pool);
		struct pool_page *spare = NULL;
		if (page == NULL) {
			return NULL;
		}
		flags = spin_lock_irqsave(&pool->lock);
		if (pool->empty == NULL) {
			pool->empty = page;
			pool->pages++;
		} else {
			/* Another hart's free was quicker. */
			spare = page;
		}
		object = take_object(pool);
		spin_unlock_irqrestore(&pool->lock, flags);
		free_pages(spare, 0);
	}
	memset(object, 0, pool->object_bytes);
	return object;
}

/** The lock is held. Return: a page to give back, or NULL */
static struct pool_page *give_object(struct object_pool *pool, void *object)
{
	uint64_t offset = (uintptr_t)object & (PAGE_SIZE - 1);
	struct pool_page *page = (struct pool_page *)((char *)object - offset);
	FPG_CHECK(offset >= sizeof(*page) && page->pool == pool);
	uint64_t i = (offset - sizeof(*page)) / step_of(pool);
	FPG_CHECK(page_object(page, i) == object && i < page->capacity &&
		  bits_test(page->taken, i));
	bits_clear_range(page->taken, i, i + 1);
	pool->used--;
	if (page->used-- == page->capacity) {
		list_add(pool, page);
	}
	if (page->used != 0) {
		return NULL;
	}
	list_remove(pool, page);
	if (pool->empty == NULL) {
		pool->empty = page;
		return NULL;
	}
	pool->pages--;
	return page;
}

void object_pool_free(struct object_pool *pool, void *object)
{
	if (object == NULL) {
		return;
	}
	unsigned long flags = spin_lock_irqsave(&pool->lock);
	struct pool_page *page = give_object(pool, object);
	spin_unlock_irqrestore(&pool->lock, flags);
	free_pages(page, 0);
}

void object_pool_drain(struct object_pool *pool)
{
	unsigned long flags = spin_lock_irqsave(&pool->lock);
	struct pool_page *page = pool->empty;
	pool->empty = NULL;
	pool->pages -= page != NULL;
	spin_unlock_irqrestore(&pool->lock, flags);
	free_pages(page, 0);
}

uint32_t object_pool_used(const struct object_pool *pool)
{
	return __atomic_load_n(&pool->used, __ATOMIC_RELAXED);
}
