/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The frame table's place and its population, by way of the hook table that pagetable/ (or a test)
 * registers. Invariant: population has a lock of its own, taken with no other ranked lock held.
 */
#include "fpg/base/range.h"
#include "fpg/core/page.h"
#include "fpg/core/spinlock.h"

#include <errno.h>

struct page *frame_table;
pfn_t frame_table_first;

static const struct vmemmap_ops *vmemmap;
static struct spinlock populate_lock = SPINLOCK_INIT_RANK(LOCK_POPULATE);
/** The lock's holder is showing records; until it has fenced, a look at the tables says more than a load may rely on. */
static uint32_t populating;

/**
 * Chunks that were found populated lately, plus one: nothing is ever taken back, so a look here is as good as one at
 * the tables. Harts overwrite each other's entries, whole words.
 */
static uint64_t known[256];

/** The entry for a chunk: Fibonacci hashing, because zones begin and end at powers of two. */
static inline uint64_t *known_entry(uint64_t chunk)
{
	static_assert(ARRAY_SIZE(known) == 256, "eight bits of the product");
	return &known[chunk * 0x9e3779b97f4a7c15ULL >> 56];
}

/** The one chunk that @frames lie in; UINT64_MAX: they lie in several. */
static inline uint64_t only_chunk(struct pfn_range frames)
{
	uint64_t chunk = frames.start.n >> FRAME_TABLE_CHUNK_ORDER;
	return (frames.end.n - 1) >> FRAME_TABLE_CHUNK_ORDER == chunk ? chunk : UINT64_MAX;
}

static inline bool is_known(uint64_t chunk)
{
	return chunk != UINT64_MAX &&
	       __atomic_load_n(known_entry(chunk), __ATOMIC_RELAXED) == chunk + 1;
}

static inline void now_known(uint64_t chunk)
{
	if (chunk != UINT64_MAX) {
		__atomic_store_n(known_entry(chunk), chunk + 1, __ATOMIC_RELAXED);
	}
}

void frame_table_register(const struct vmemmap_ops *ops, struct page *table, pfn_t first)
{
	FPG_CHECK(ops == NULL || (ops->populate != NULL && ops->populated != NULL));
	FPG_CHECK(IS_ALIGNED(first.n, MAX_ORDER_NR_PAGES) &&
		  IS_ALIGNED(first.n, FRAME_TABLE_CHUNK));
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		known[i] = 0;
	}
	vmemmap = ops;
	frame_table = table;
	frame_table_first = first;
}

/**
 * Somebody may have shown records that not all harts were fenced for. Who does it holds no zone's lock, so whoever has one
 * may wait.
 */
static void wait_for_fence(void)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	while (unlikely(__atomic_load_n(&populating, __ATOMIC_ACQUIRE) != 0)) {
		port_relax();
	}
}

bool frame_table_populated(struct pfn_range frames)
{
	const uint64_t chunk = only_chunk(frames);
	if (is_known(chunk)) {
		return true;
	}
	bool populated = vmemmap != NULL && vmemmap->populated(frames);
	if (populated) {
		wait_for_fence();
		now_known(chunk);
	}
	return populated;
}

int frame_table_populate(struct pfn_range frames, phys_addr_t (*take)(void *ctx),
			 void (*give)(void *ctx, phys_addr_t pa), void *ctx)
{
	const uint64_t chunk = only_chunk(frames);
	if (vmemmap == NULL) {
		return -ENOMEM;
	}
	if (is_known(chunk)) {
		return 0;
	}
	unsigned long flags = spin_lock_irqsave(&populate_lock);
	__atomic_store_n(&populating, 1, __ATOMIC_SEQ_CST);
	/* What is populated already is left alone, at no more cost than asking first. */
	int err = vmemmap->populate(frames, take, give, ctx);
	__atomic_store_n(&populating, 0, __ATOMIC_RELEASE);
	spin_unlock_irqrestore(&populate_lock, flags);
	if (err == 0) {
		now_known(chunk);
	}
	return err;
}

void frame_table_clear(struct pfn_range frames)
{
	uint64_t n = frames.start.n;
	while (n < frames.end.n) {
		uint64_t next = ALIGN_DOWN(n, FRAME_TABLE_CHUNK) + FRAME_TABLE_CHUNK;
		next = next < frames.end.n ? next : frames.end.n;
		if (frame_populated(pfn(n))) {
			for (struct page *p = pfn_to_page(pfn(n)); n < next; n++, p++) {
				p->word = 0;
				p->second = 0;
			}
		}
		n = next;
	}
}
