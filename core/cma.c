/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CMA areas: making them out of reserved memory, finding them, and what they tell. The list grows at boot only, so it is
 * walked without a lock.
 */
#define LOG_MODULE "cma"
#include "cma_private.h"

#include "fpg/base/parse.h"
#include "fpg/base/range.h"
#include "fpg/core/log.h"
#include "fpg/core/memblock.h"
#include "fpg/core/palloc_registry.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define AREA_ALIGN (PAGEBLOCK_NR_PAGES * PAGE_SIZE)
/** All frames of an area, and one more, can be asked for: struct palloc_req.pages. */
#define AREA_MOST  (((phys_addr_t)UINT32_MAX - 1) << PAGE_SHIFT)

struct cma *cma_list;
struct cma *cma_default_area;

/* ---- making ---------------------------------------------------------------------------------- */

static bool reserved_whole(struct phys_range range)
{
	phys_addr_t at = range.base;
	while (at < phys_range_end(range)) {
		const struct memblock_region *r = memblock_region_find(&memblock.reserved, at);
		if (r == NULL) {
			return false;
		}
		at = r->base + r->size;
	}
	return true;
}

static bool mappable(struct phys_range range)
{
	phys_addr_t at = range.base;
	while (at < phys_range_end(range)) {
		const struct memblock_region *r = memblock_region_find(&memblock.memory, at);
		if (r == NULL || (r->flags & MEMBLOCK_NOMAP)) {
			return false;
		}
		at = r->base + r->size;
	}
	return true;
}

const char *cma_range_fault(struct phys_range range, unsigned int order_per_bit)
{
	if (range.size == 0 || phys_range_overflows(range.base, range.size)) {
		return "its size is none";
	}
	if (!IS_ALIGNED(range.base | range.size, AREA_ALIGN)) {
		return "it is not made of whole pageblocks";
	}
	if (range.size > AREA_MOST) {
		return "it has 16 TiB or more";
	}
	if (order_per_bit > PAGEBLOCK_ORDER) {
		return "a bit would stand for more than a pageblock";
	}
	if (!reserved_whole(range)) {
		return "it is not reserved";
	}
	if (!mappable(range)) {
		return "it is not all memory that may be mapped";
	}
	for (const struct cma *cma = cma_list; cma != NULL; cma = cma->next) {
		const struct phys_range other = { cma_get_base(cma), cma_get_size(cma) };
		if (phys_ranges_overlap(range, other)) {
			return "it overlaps another area";
		}
	}
	return NULL;
}

static void *boot_alloc(size_t bytes)
{
	return memblock_alloc_owned(bytes, 64, MEMBLOCK_LOW_LIMIT, MEMBLOCK_ALLOC_ACCESSIBLE,
				    NUMA_NO_NODE, mem_owner(OWNER_ZONES, RULE_ALLOC, -1));
}

static void boot_free(void *memory, size_t bytes)
{
	if (memory != NULL) {
		memblock_free(memory, bytes);
	}
}

/** The name, with a number behind it when it is taken. */
static void set_name(struct cma *cma, const char *name)
{
	name = name != NULL && name[0] != '\0' ? name : "cma";
	(void)snprintf(cma->name, sizeof(cma->name), "%s", name);
	for (unsigned int i = 1; cma_by_name(cma->name) != NULL; i++) {
		(void)snprintf(cma->name, sizeof(cma->name), "%.*s.%u", CMA_MAX_NAME - 12, name, i);
	}
}

int cma_make(struct phys_range range, unsigned int order_per_bit, const char *name, int32_t node,
	     struct cma **out)
{
	const struct palloc_ops *ops = palloc_find("cma");
	struct pfn_range frames = { phys_to_pfn(range.base), phys_to_pfn(phys_range_end(range)) };
	struct palloc_geometry geometry = {
		.span = frames, .harts = 1, .max_runs = 1, .granule_order = order_per_bit
	};
	FPG_CHECK(ops != NULL);
	const size_t bytes = ops->meta_bytes(&geometry);
	struct cma *cma = boot_alloc(sizeof(*cma));
	void *meta = boot_alloc(bytes);
	if (cma == NULL || meta == NULL) {
		pr_err("no memory for area %s", name != NULL ? name : "cma");
		boot_free(cma, sizeof(*cma));
		boot_free(meta, bytes);
		return -ENOMEM;
	}
	set_name(cma, name);
	cma->range = frames;
	cma->order_per_bit = order_per_bit;
	cma->node = node;
	cma->borrow_next = frames.start.n;
	cma->pa = (struct palloc){
		.ops = ops,
		.span = frames,
		.granule_order = order_per_bit,
		.meta = meta,
		.meta_bytes = bytes,
	};
	FPG_CHECK(ops->init(&cma->pa, meta, bytes) == 0);
	cma->pa.state = PALLOC_LIVE;
	struct cma **end = &cma_list;
	while (*end != NULL) {
		end = &(*end)->next;
	}
	*end = cma;
	if (out != NULL) {
		*out = cma;
	}
	char size[24];
	pr_info("area %s: %s at %#" PRIx64, cma->name, format_size(size, sizeof(size), range.size),
		range.base);
	return 0;
}

int cma_init_reserved_mem(phys_addr_t base, phys_addr_t size, unsigned int order_per_bit,
			  const char *name, struct cma **out)
{
	const struct phys_range range = { base, size };
	const char *fault = cma_range_fault(range, order_per_bit);
	if (fault != NULL) {
		pr_warn("%s: %#" PRIx64 "+%#" PRIx64 " cannot be a CMA area: %s",
			name != NULL ? name : "?", base, size, fault);
		return -EINVAL;
	}
	return cma_make(range, order_per_bit, name, -1, out);
}

static int refuse_declaration(const char *name, phys_addr_t base, phys_addr_t size, int err,
			      const char *why)
{
	pr_warn("%s: no CMA area of %#" PRIx64 " bytes at %#" PRIx64 ": %s",
		name != NULL ? name : "?", size, base, why);
	return err;
}

/** Some memory in [base, base + size) is somebody's, or is none. */
static bool taken(phys_addr_t base, phys_addr_t size)
{
	return memblock_is_region_reserved(base, size) ||
	       !mappable((struct phys_range){ base, size });
}

int cma_declare_contiguous(phys_addr_t base, phys_addr_t size, phys_addr_t limit,
			   phys_addr_t alignment, unsigned int order_per_bit, bool fixed,
			   const char *name, struct cma **out)
{
	struct mem_owner owner = mem_owner(OWNER_CMA, RULE_ALLOC, -1);
	const bool pow2 = alignment == 0 || IS_POW2(alignment);
	alignment = alignment > AREA_ALIGN ? alignment : AREA_ALIGN;
	if (size == 0 || !pow2 || size > AREA_MOST || alignment > AREA_MOST ||
	    ALIGN_UP(size, alignment) > AREA_MOST || order_per_bit > PAGEBLOCK_ORDER) {
		return refuse_declaration(name, base, size, -EINVAL,
					  "size, alignment or order_per_bit");
	}
	size = ALIGN_UP(size, alignment);
	if (fixed) {
		if (!IS_ALIGNED(base, alignment) || phys_range_overflows(base, size) ||
		    (limit != 0 && base + size > limit)) {
			return refuse_declaration(name, base, size, -EINVAL, "its place");
		}
		if (taken(base, size)) {
			return refuse_declaration(name, base, size, -EBUSY,
						  "the place is taken, or no memory");
		}
		if (memblock_reserve_owned(base, size, MEMBLOCK_NONE, owner) != 0) {
			return refuse_declaration(name, base, size, -ENOMEM,
						  "no memory to note that it is reserved");
		}
	} else {
		base = memblock_phys_alloc_owned(size, alignment, base,
						 limit != 0 ? limit : MEMBLOCK_ALLOC_ANYWHERE,
						 NUMA_NO_NODE, owner);
		if (base == 0) {
			return refuse_declaration(name, base, size, -ENOMEM, "no place");
		}
	}
	int err = cma_make((struct phys_range){ base, size }, order_per_bit, name, -1, out);
	if (err != 0 && memblock_phys_free(base, size) != 0) {
		pr_warn("%#" PRIx64 "+%#" PRIx64 " stays reserved", base, size);
	}
	return err;
}

void cma_set_guaranteed(struct cma *cma)
{
	cma->guaranteed = true;
}

void cma_reset(void)
{
	cma_list = NULL;
	cma_default_area = NULL;
}

/* ---- seeing ---------------------------------------------------------------------------------- */

phys_addr_t cma_get_base(const struct cma *cma)
{
	return pfn_to_phys(cma->range.start);
}

unsigned long cma_get_size(const struct cma *cma)
{
	return pfn_range_pages(cma->range) << PAGE_SHIFT;
}

const char *cma_get_name(const struct cma *cma)
{
	return cma->name;
}

int cma_for_each_area(int (*it)(struct cma *cma, void *data), void *data)
{
	for (struct cma *cma = cma_list; cma != NULL; cma = cma->next) {
		int err = it(cma, data);
		if (err != 0) {
			return err;
		}
	}
	return 0;
}

struct cma *cma_by_name(const char *name)
{
	for (struct cma *cma = cma_list; name != NULL && cma != NULL; cma = cma->next) {
		if (strcmp(cma->name, name) == 0) {
			return cma;
		}
	}
	return NULL;
}

struct cma *cma_default(void)
{
	return cma_default_area;
}

struct cma *cma_of_frame(pfn_t f)
{
	for (struct cma *cma = cma_list; cma != NULL; cma = cma->next) {
		if (f.n >= cma->range.start.n && f.n < cma->range.end.n) {
			return cma;
		}
	}
	return NULL;
}

bool cma_range_allowed(struct pfn_range range, gfp_t gfp)
{
	for (const struct cma *cma = cma_list; cma != NULL; cma = cma->next) {
		if (range.start.n < cma->range.end.n && cma->range.start.n < range.end.n &&
		    (!cma->lent || !(gfp & __GFP_MOVABLE))) {
			return false;
		}
	}
	return true;
}

bool cma_is_given_out(const struct cma *cma, pfn_t f)
{
	const uint64_t first = ALIGN_DOWN(f.n, 1ULL << cma->order_per_bit);
	const struct pfn_range granule = { pfn(first), pfn(first + (1ULL << cma->order_per_bit)) };
	return cma->zone != NULL && cma_overlay(cma)->all_given(&cma->pa, granule);
}

bool cma_is_lent(const struct cma *cma)
{
	return cma->lent;
}

/** Frames of a lent area that are free where they were lent to, or in a hart's cache. */
static uint64_t lent_and_free(const struct cma *cma)
{
	uint64_t free = 0;
	uint64_t frames;
	for (uint64_t n = cma->range.start.n; n < cma->range.end.n; n += frames) {
		enum frame_use use = frame_look(pfn(n), &frames, NULL);
		frames = frames < cma->range.end.n - n ? frames : cma->range.end.n - n;
		free += use == FRAME_FREE || use == FRAME_CACHED ? frames : 0;
	}
	return free;
}

static inline uint64_t counter(const uint64_t *of)
{
	return __atomic_load_n(of, __ATOMIC_RELAXED);
}

void cma_stats_read(const struct cma *cma, struct cma_stats *out)
{
	struct palloc_stats stats = { 0 };
	*out = (struct cma_stats){
		.pages = pfn_range_pages(cma->range),
		.order_per_bit = cma->order_per_bit,
		.guaranteed = cma->guaranteed,
		.allocs = counter(&cma->allocs),
		.failures = counter(&cma->failures),
		.releases = counter(&cma->releases),
		.pages_moved = counter(&cma->pages_moved),
		.pages_discarded = counter(&cma->pages_discarded),
	};
	if (cma->zone == NULL) {
		return;
	}
	/* What belongs together, at one instant; records and bitmap are too long for that, so they are an estimate. */
	unsigned long flags = spin_lock_irqsave(&cma->zone->lock);
	const uint64_t rest = out->pages - cma->given;
	out->given_out = cma->given;
	out->borrowed = cma->borrowed;
	out->lent = cma->lent;
	spin_unlock_irqrestore(&cma->zone->lock, flags);
	cma->pa.ops->stats(&cma->pa, &stats);
	out->largest_free = stats.largest_free_pages;
	if (out->lent) {
		const uint64_t free = lent_and_free(cma);
		out->free_pages = free < rest ? free : rest;
		out->borrowed = rest - out->free_pages;
	} else {
		/* What is marked to be given out may be borrowed still. */
		out->free_pages = rest > out->borrowed ? rest - out->borrowed : 0;
	}
}
