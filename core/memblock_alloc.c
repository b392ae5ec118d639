/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Allocation from memblock: first fit in one direction, then a reservation. Address 0 is never found, because 0 says
 * "nothing" here. A failed allocation changes nothing.
 */
#define LOG_MODULE "memblock"
#include "memblock_private.h"

#include "fpg/core/log.h"
#include "fpg/core/symbols.h"
#include "fpg/port/port.h"

#include <inttypes.h>
#include <string.h>

/** What is asked for; filled by the public functions. */
struct request {
	phys_addr_t size;
	phys_addr_t align;
	phys_addr_t min;
	phys_addr_t max;
	int nid;
	bool exact_nid;
	struct mem_owner owner;
	/** Who asked, for memblock=debug: the caller of the public function. */
	const void *caller;
	/** The public function. */
	const char *function;
};

/** In a public function only: what is inlined into it has the same caller. */
#define CALLER __builtin_return_address(0)

/* ---- search ------------------------------------------------------------------------------------------------- */

static phys_addr_t find_up(struct memblock_cursor *c, const struct request *q)
{
	struct memblock_piece piece;

	memblock_cursor_up(c, q->min);
	while (memblock_cursor_next_up(c, &piece) && piece.base < q->max) {
		phys_addr_t end = piece.end < q->max ? piece.end : q->max;
		phys_addr_t place = ALIGN_UP(piece.base, q->align);
		/* place wraps to 0 when no aligned address is left. */
		if (place >= piece.base && place < end && end - place >= q->size) {
			return place;
		}
	}
	return 0;
}

static phys_addr_t find_down(struct memblock_cursor *c, const struct request *q)
{
	struct memblock_piece piece;

	memblock_cursor_down(c, q->max);
	while (memblock_cursor_next_down(c, &piece) && piece.end > q->min) {
		phys_addr_t base = piece.base > q->min ? piece.base : q->min;
		if (piece.end - base < q->size) {
			continue;
		}
		phys_addr_t place = ALIGN_DOWN(piece.end - q->size, q->align);
		if (place >= base) {
			return place;
		}
	}
	return 0;
}

phys_addr_t memblock_find_in_range_node(phys_addr_t size, phys_addr_t align, phys_addr_t start,
					phys_addr_t end, int nid, enum memblock_flags flags)
{
	struct memblock_cursor c = {
		.a = &memblock.memory, .b = &memblock.reserved, .nid = nid, .flags = flags
	};
	struct request q = { .size = size, .align = align, .min = start, .max = end };

	if (end == MEMBLOCK_ALLOC_ACCESSIBLE || end == MEMBLOCK_ALLOC_NOLEAKTRACE) {
		q.max = memblock.current_limit;
	}
	if (q.min < PAGE_SIZE) {
		q.min = PAGE_SIZE;
	}
	if (size == 0 || !IS_POW2(align) || q.min >= q.max) {
		return 0;
	}
	return memblock.bottom_up ? find_up(&c, &q) : find_down(&c, &q);
}

static enum memblock_flags preferred_flags(void)
{
	return memblock_state.has_mirror ? MEMBLOCK_MIRROR : MEMBLOCK_NONE;
}

static phys_addr_t find_anywhere(const struct request *q, enum memblock_flags flags)
{
	phys_addr_t found =
		memblock_find_in_range_node(q->size, q->align, q->min, q->max, q->nid, flags);

	if (found == 0 && q->nid != NUMA_NO_NODE && !q->exact_nid) {
		found = memblock_find_in_range_node(q->size, q->align, q->min, q->max, NUMA_NO_NODE,
						    flags);
	}
	return found;
}

/* Mirrored memory first, where there is any. */
static phys_addr_t find_preferred(const struct request *q)
{
	phys_addr_t found = find_anywhere(q, preferred_flags());

	if (found == 0 && memblock_state.has_mirror) {
		pr_warn("0x%" PRIx64 " bytes do not fit in mirrored memory", q->size);
		found = find_anywhere(q, MEMBLOCK_NONE);
	}
	return found;
}

phys_addr_t memblock_find_in_range(phys_addr_t start, phys_addr_t end, phys_addr_t size,
				   phys_addr_t align)
{
	struct request q = {
		.size = size, .align = align, .min = start, .max = end, .nid = NUMA_NO_NODE
	};

	return find_preferred(&q);
}

/* ---- physical ----------------------------------------------------------------------------------------------- */

static void trace_request(const char *function, const struct request *q)
{
	char name[64];

	log_emit(LOG_INFO, function,
		 "%" PRIu64 " bytes align=0x%" PRIx64 " nid=%d from=0x%016" PRIx64
		 " max_addr=0x%016" PRIx64 " %s",
		 q->size, q->align, q->nid, q->min, q->max,
		 symbol_format(name, sizeof(name), (uint64_t)(uintptr_t)q->caller));
}

#define trace_alloc(q)                              \
	do {                                        \
		if (memblock_tracing()) {           \
			trace_request(__func__, q); \
		}                                   \
	} while (0)

static phys_addr_t take(const struct request *request)
{
	struct request q = *request;
	struct memblock_region like = { .nid = FPG_ENABLED(CONFIG_NUMA) ? MAX_NUMNODES : 0,
					.owner = q.owner };

	if (memblock_refuse("an allocation")) {
		return 0;
	}
	if (q.align == 0) {
		pr_warn("alignment 0 taken as %d", MEMBLOCK_DEFAULT_ALIGNMENT);
		q.align = MEMBLOCK_DEFAULT_ALIGNMENT;
	}
	phys_addr_t found = find_preferred(&q);
	if (found == 0 || memblock_insert(&memblock.reserved, found, q.size, &like) != 0) {
		return 0;
	}
	if (memblock_tracing()) {
		memblock_trace_range("memblock_reserve", found, q.size, q.caller);
	}
	return found;
}

static phys_addr_t take_phys(const struct request *q)
{
	return memblock_alloc_fails(q->function, q->size, q->owner) ? 0 : take(q);
}

phys_addr_t memblock_alloc_range_nid(phys_addr_t size, phys_addr_t align, phys_addr_t start,
				     phys_addr_t end, int nid, bool exact_nid)
{
	struct request q = { size, align, start, end, nid, exact_nid, { 0 }, CALLER, __func__ };

	return take_phys(&q);
}

phys_addr_t memblock_phys_alloc_range(phys_addr_t size, phys_addr_t align, phys_addr_t start,
				      phys_addr_t end)
{
	struct request q = { size, align, start, end, NUMA_NO_NODE, false, { 0 }, CALLER, __func__ };

	trace_alloc(&q);
	return take_phys(&q);
}

phys_addr_t memblock_phys_alloc_try_nid(phys_addr_t size, phys_addr_t align, int nid)
{
	struct request q = { size,  align,  0,	     MEMBLOCK_ALLOC_ACCESSIBLE, nid, false,
			     { 0 }, CALLER, __func__ };

	trace_alloc(&q);
	return take_phys(&q);
}

phys_addr_t memblock_phys_alloc_owned(phys_addr_t size, phys_addr_t align, phys_addr_t min,
				      phys_addr_t max, int nid, struct mem_owner owner)
{
	struct request q = { size, align, min, max, nid, false, owner, CALLER, __func__ };

	trace_alloc(&q);
	return take_phys(&q);
}

/* ---- mapped ------------------------------------------------------------------------------------------------- */

/* Give up the lower limit rather than fail; what is returned can be reached. */
static void *take_mapped(struct request *q)
{
	if (!port_linear_ready) {
		pr_err("allocation of 0x%" PRIx64 " bytes refused: the linear map is not on yet",
		       q->size);
		return NULL;
	}
	if (memblock_alloc_fails(q->function, q->size, q->owner)) {
		return NULL;
	}
	if (q->max > memblock.current_limit) {
		q->max = memblock.current_limit;
	}
	phys_addr_t found = take(q);
	if (found == 0 && q->min > 0) {
		q->min = 0;
		found = take(q);
	}
	return found != 0 ? port_phys_to_virt(found) : NULL;
}

static void *take_zeroed(struct request *q)
{
	void *p = take_mapped(q);

	if (p != NULL) {
		memset(p, 0, q->size);
	}
	return p;
}

void *memblock_alloc_exact_nid_raw(phys_addr_t size, phys_addr_t align, phys_addr_t min_addr,
				   phys_addr_t max_addr, int nid)
{
	struct request q = { size, align, min_addr, max_addr, nid, true, { 0 }, CALLER, __func__ };

	trace_alloc(&q);
	return take_mapped(&q);
}

void *memblock_alloc_try_nid_raw(phys_addr_t size, phys_addr_t align, phys_addr_t min_addr,
				 phys_addr_t max_addr, int nid)
{
	struct request q = { size, align, min_addr, max_addr, nid, false, { 0 }, CALLER, __func__ };

	trace_alloc(&q);
	return take_mapped(&q);
}

void *memblock_alloc_try_nid(phys_addr_t size, phys_addr_t align, phys_addr_t min_addr,
			     phys_addr_t max_addr, int nid)
{
	struct request q = { size, align, min_addr, max_addr, nid, false, { 0 }, CALLER, __func__ };

	trace_alloc(&q);
	return take_zeroed(&q);
}

void *memblock_alloc_owned(phys_addr_t size, phys_addr_t align, phys_addr_t min, phys_addr_t max,
			   int nid, struct mem_owner owner)
{
	struct request q = { size, align, min, max, nid, false, owner, CALLER, __func__ };

	trace_alloc(&q);
	return take_zeroed(&q);
}

void memblock_free(void *ptr, size_t size)
{
	if (ptr != NULL && memblock_phys_free(port_virt_to_phys(ptr), size) != 0) {
		pr_err("0x%zx bytes at 0x%" PRIx64 " stay reserved", size, port_virt_to_phys(ptr));
	}
}
