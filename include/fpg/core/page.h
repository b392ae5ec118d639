/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The frame table: one 16-byte record a frame, in a virtual array that reads as zero until it is
 * populated.
 *
 * Invariants: only the first frame of a block has a record that is not zero (its word names state,
 * order and zone); a record of zero means "not the head of anything": never cut, inside a block, or
 * no RAM. Records in state FREE belong to the backend that manages the frame, all others to the
 * front end. Nobody writes a record that is not populated; reading one is always legal.
 */
#pragma once

#include "fpg/base/assert.h"
#include "fpg/base/compiler.h"
#include "fpg/base/types.h"
#include "fpg/port/port.h"

#ifndef CONFIG_PALLOC_MAX_ORDER
#define CONFIG_PALLOC_MAX_ORDER 10
#endif

/** Largest order of a block that alloc_pages() can be asked for. */
#define MAX_PAGE_ORDER	   CONFIG_PALLOC_MAX_ORDER
#define MAX_ORDER_NR_PAGES (1UL << MAX_PAGE_ORDER)

static_assert(MAX_PAGE_ORDER >= 1 && MAX_PAGE_ORDER <= 18, "core/Kconfig: orders up to 18, 1 GiB");

struct page {
	/**
	 * State, order, reference count, cache index, zone, flags; compared and replaced as a
	 * whole. 0: see above.
	 */
	uint64_t word;
	union {
		/**
		 * Free: neighbours in a list, as frame numbers relative to the table's first frame,
		 * plus one.
		 */
		struct {
			uint32_t next;
			uint32_t prev;
		};
		/** Cached: the record of the next block in the same per-hart cache. */
		struct page *next_cached;
		/** Allocated, movable by a kernel owner. */
		struct {
			uint32_t movable_ops;
			uint32_t owner;
		};
		/** With PAGE_F_ANON: the one mapping, see page_anon_mapping(). */
		uint64_t mapping;
		uint64_t second;
	};
};

static_assert(sizeof(struct page) == 16, "rules.md, Frame table: 16 bytes a frame");

/* ---- the word -------------------------------------------------------------------------------- */

enum page_state {
	/** Not the head of anything. */
	PAGE_NONE,
	/** Head of a free block of the backend. */
	PAGE_FREE,
	/** In a per-hart cache: taken from the backend, given to nobody. */
	PAGE_CACHED,
	/** Head of a block that a caller of alloc_pages() holds. */
	PAGE_ALLOCATED,
	PAGE_STATE_COUNT
};

/*
 * Bits  0-3   state            Bits 12-15  flags (PAGE_F_…)
 *       4-8   order                 16-27  zone id
 *       9-11  migratetype           32-41  reference count
 *                                   48-63  cache index
 * The migratetype of a free block is its list's, that of an allocated one what its owner asked for. The cache index says
 * which per-hart cache a block goes back to (0: none); it lies on top because the hot path of freeing begins with it.
 */
#define PAGE_STATE_SHIFT 0
#define PAGE_ORDER_SHIFT 4
#define PAGE_TYPE_SHIFT	 9
#define PAGE_ZONE_SHIFT	 16
#define PAGE_REF_SHIFT	 32
#define PAGE_CACHE_SHIFT 48

#define PAGE_STATE_MASK (0xfULL << PAGE_STATE_SHIFT)
#define PAGE_ORDER_MASK (0x1fULL << PAGE_ORDER_SHIFT)
#define PAGE_TYPE_MASK	(0x7ULL << PAGE_TYPE_SHIFT)
#define PAGE_ZONE_MASK	(0xfffULL << PAGE_ZONE_SHIFT)
#define PAGE_CACHE_MASK (0xffffULL << PAGE_CACHE_SHIFT)
#define PAGE_REF_MASK	(0x3ffULL << PAGE_REF_SHIFT)

/** Zone ids are below this. */
#define PAGE_ZONE_LIMIT 0x1000U

/** page.owner of a page that boot allocations share (fpg/core/bootmem.h); its movable_ops is 0. */
#define PAGE_OWNER_PACKED    UINT32_MAX
/** page.owner of a page that holds a backend's metadata. */
#define PAGE_OWNER_META	     (UINT32_MAX - 1)
/** page.owner of a page that reserve_bootmem() has taken and may have to give back. */
#define PAGE_OWNER_RESERVING (UINT32_MAX - 2)
/** page.owner of a frame that alloc_contig_range() holds until it has the whole range; its movable_ops is 0. */
#define PAGE_OWNER_RANGE     (UINT32_MAX - 3)

/** The frame's contents belong to the frame table itself. */
#define PAGE_F_TABLE (1ULL << 12)
/** The frame holds a page table. */
#define PAGE_F_PT    (1ULL << 13)

/** Allocated, and mapped once in a user's address space: `mapping` says where. */
#define PAGE_F_ANON (1ULL << 15)

/** With PAGE_F_ANON: hidden from its user while it is copied elsewhere; a fault on it waits. */
#define PAGE_F_MIGRATING (1ULL << 14)

/** While one of them is set, the frame is in use and cannot be freed; who set it clears it first. */
#define PAGE_F_IN_USE (PAGE_F_TABLE | PAGE_F_PT | PAGE_F_ANON | PAGE_F_MIGRATING)

static_assert((PAGE_F_TABLE ^ PAGE_F_PT ^ PAGE_F_ANON ^ PAGE_F_MIGRATING) == 0xf000,
	      "four flags, a bit each of 12 to 15");

static inline uint64_t page_word(enum page_state state, unsigned int order, unsigned int type,
				 unsigned int zone)
{
	return (uint64_t)state << PAGE_STATE_SHIFT | (uint64_t)order << PAGE_ORDER_SHIFT |
	       (uint64_t)type << PAGE_TYPE_SHIFT | (uint64_t)zone << PAGE_ZONE_SHIFT;
}

static inline enum page_state page_word_state(uint64_t word)
{
	return (enum page_state)((word & PAGE_STATE_MASK) >> PAGE_STATE_SHIFT);
}

static inline unsigned int page_word_order(uint64_t word)
{
	return (unsigned int)((word & PAGE_ORDER_MASK) >> PAGE_ORDER_SHIFT);
}

static inline unsigned int page_word_type(uint64_t word)
{
	return (unsigned int)((word & PAGE_TYPE_MASK) >> PAGE_TYPE_SHIFT);
}

static inline unsigned int page_word_zone(uint64_t word)
{
	return (unsigned int)((word & PAGE_ZONE_MASK) >> PAGE_ZONE_SHIFT);
}

static inline unsigned int page_word_refs(uint64_t word)
{
	return (unsigned int)((word & PAGE_REF_MASK) >> PAGE_REF_SHIFT);
}

static inline uint64_t page_word_with_order(uint64_t word, unsigned int order)
{
	return (word & ~PAGE_ORDER_MASK) | (uint64_t)order << PAGE_ORDER_SHIFT;
}

/* ---- anonymous pages -------------------------------------------------------------------------- */

/*
 * The second word: bits 0-47 the virtual page number (Sv57 has 44 for a user), 48-63 the id of the
 * address space. It holds still only under that address space's lock.
 */
#define PAGE_ANON_MM_SHIFT 48

static inline uint64_t page_anon_mapping(uint32_t mm_id, vaddr_t va)
{
	return (uint64_t)mm_id << PAGE_ANON_MM_SHIFT | va.v >> PAGE_SHIFT;
}

static inline uint32_t page_anon_mm(uint64_t mapping)
{
	return (uint32_t)(mapping >> PAGE_ANON_MM_SHIFT);
}

static inline vaddr_t page_anon_address(uint64_t mapping)
{
	return vaddr((mapping & ((1ULL << PAGE_ANON_MM_SHIFT) - 1)) << PAGE_SHIFT);
}

static inline bool page_is_anon(const struct page *page)
{
	const uint64_t both = PAGE_STATE_MASK | PAGE_F_ANON;
	return (__atomic_load_n(&page->word, __ATOMIC_ACQUIRE) & both) ==
	       ((uint64_t)PAGE_ALLOCATED << PAGE_STATE_SHIFT | PAGE_F_ANON);
}

/** Set and clear flags of a page in use; references may change meanwhile. */
static inline void page_flags_set(struct page *page, uint64_t flags)
{
	__atomic_fetch_or(&page->word, flags, __ATOMIC_RELEASE);
}

static inline void page_flags_clear(struct page *page, uint64_t flags)
{
	__atomic_fetch_and(&page->word, ~flags, __ATOMIC_RELEASE);
}

/* ---- frame, record, address ------------------------------------------------------------------ */

/**
 * The record of frame 0 of the table lies at frame_table[0]; frame_table_first is that frame's
 * number.
 */
extern struct page *frame_table;
extern pfn_t frame_table_first;

static inline struct page *pfn_to_page(pfn_t f)
{
	return &frame_table[f.n - frame_table_first.n];
}

static inline pfn_t page_to_pfn(const struct page *p)
{
	return (pfn_t){ frame_table_first.n + (uint64_t)(p - frame_table) };
}

static inline phys_addr_t page_to_phys(const struct page *p)
{
	return pfn_to_phys(page_to_pfn(p));
}

/** Where the frame lies in the linear map. */
static inline void *page_address(const struct page *p)
{
	return port_phys_to_virt(page_to_phys(p));
}

/** @p points into the linear map. */
static inline struct page *virt_to_page(const void *p)
{
	return pfn_to_page(phys_to_pfn(port_virt_to_phys(p)));
}

/* ---- population ------------------------------------------------------------------------------ */

/**
 * How records get memory of their own. Implemented by pagetable/ on the target and by the test
 * support on a host, registered once at start. The table is never populated by a fault.
 */
struct vmemmap_ops {
	/**
	 * Back the records of @frames (and the rest of the table pages they lie in) with zeroed
	 * memory that replaces the shared zero page; already populated parts are left alone. Takes
	 * all the pages it needs before it changes anything.
	 * @take  returns the physical address of a page nobody else has, or 0 when there is none
	 * @give  takes back pages of a failed call
	 * Return: 0 | -ENOMEM (nothing changed)
	 */
	int (*populate)(struct pfn_range frames, phys_addr_t (*take)(void *ctx),
			void (*give)(void *ctx, phys_addr_t pa), void *ctx);
	/** True when every record of @frames has memory of its own. */
	bool (*populated)(struct pfn_range frames);
};

/** Frames whose records share one page of the table: the unit of population. */
#define FRAME_TABLE_CHUNK_ORDER (PAGE_SHIFT - 4)
#define FRAME_TABLE_CHUNK	(PAGE_SIZE / sizeof(struct page))

static_assert(FRAME_TABLE_CHUNK == 1UL << FRAME_TABLE_CHUNK_ORDER,
	      "chunks are a power of two of frames");

void frame_table_register(const struct vmemmap_ops *ops, struct page *table, pfn_t first);

/** True when every record of @frames may be written. */
bool frame_table_populated(struct pfn_range frames);

static inline bool frame_populated(pfn_t f)
{
	return frame_table_populated((struct pfn_range){ f, pfn_add(f, 1) });
}

/**
 * Populate the records of @frames; see struct vmemmap_ops for @take and @give.
 * Context: no zone lock held (rules.md, Contexts and locks); @take may not call the page allocator, which may itself
 *          have to populate
 * Return:  0 | -ENOMEM (nothing changed)
 */
FPG_MUST_CHECK int frame_table_populate(struct pfn_range frames, phys_addr_t (*take)(void *ctx),
					void (*give)(void *ctx, phys_addr_t pa), void *ctx);

/** Zero the populated records of @frames: nobody is head of anything there any more. */
void frame_table_clear(struct pfn_range frames);
