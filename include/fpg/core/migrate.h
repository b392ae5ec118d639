/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The migration core: empties a range of frames by moving what is movable in it. CMA, alloc_contig_range() and
 * compaction are its users; they say where pages go and what becomes of the frames that were left.
 */
#pragma once

#include "fpg/base/compiler.h"
#include "fpg/core/gfp.h"
#include "fpg/core/movable.h"

/** Why a frame cannot be had. X(id, words) */
#define MIGRATE_REASONS(X)                                                \
	X(MIGRATE_REASON_NONE, "nothing is in the way")                   \
	X(MIGRATE_REASON_UNMOVABLE, "its owner cannot move it")           \
	X(MIGRATE_REASON_PINNED, "it is pinned")                          \
	X(MIGRATE_REASON_BUSY, "its owner is using it")                   \
	X(MIGRATE_REASON_REFUSED, "its owner failed to move it")          \
	X(MIGRATE_REASON_NO_TARGET, "there is no memory to move it to")   \
	X(MIGRATE_REASON_RESERVED, "it is no page of the page allocator") \
	X(MIGRATE_REASON_CMA, "it was given out by cma_alloc")            \
	X(MIGRATE_REASON_TAKEN, "it was taken again each time it became free")

enum migrate_reason {
#define X(id, words) id,
	MIGRATE_REASONS(X)
#undef X
	MIGRATE_REASON_COUNT
};

const char *migrate_reason_text(enum migrate_reason reason);

/** What is known of the frame in the way, as of when it was looked at. */
struct migrate_blocker {
	pfn_t frame;
	enum migrate_reason reason;
	/** Of the owner's movable_ops, or "page table", "frame table", "bootmem packed", …; never NULL. */
	const char *owner;
	uint8_t type; /* enum migratetype */
	uint8_t order;
	uint16_t refs;
	/** Seconds; only when known (page_owner). */
	bool pinned_since_known;
	uint64_t pinned_since;
};

/** One line about a blocker: pfn, owner, migratetype, references, pinned since when, reason; what page_owner knows. */
struct out;
void migrate_blocker_print(struct out *out, const struct migrate_blocker *b);

struct migrate_control {
	/**
	 * A block of 1 << @order pages for @from's contents, or NULL. It lies outside the range that is being emptied.
	 * NULL as a function: discard only.
	 */
	struct page *(*target)(void *ctx, const struct page *from, unsigned int order);
	/** Take back a target that was not used. */
	void (*untarget)(void *ctx, struct page *to, unsigned int order);
	/** @from's frames, 1 << @order of them, are the caller's now, as an allocated block with one reference. */
	void (*emptied)(void *ctx, struct page *from, unsigned int order);
	void *ctx;
	/** Prefer discard() where an owner has it. */
	bool discard;

	/*
	 * Optional, and only together: target() and emptied() for many single pages, for owners that can move many at once.
	 * Unused targets go back through untarget().
	 */
	/** Return: how many of @to were set, from the first on; less than @count: target() would have been NULL */
	uint32_t (*targets)(void *ctx, struct page *const from[], struct page *to[],
			    uint32_t count);
	void (*emptied_many)(void *ctx, struct page *const from[], uint32_t count);
};

struct migrate_result {
	uint64_t moved_pages;
	uint64_t discarded_pages;
	/** Valid when the call failed. */
	struct migrate_blocker blocker;
};

/** Blocks isolated before a fence: bounds the time that user programs wait for a page. */
#define MIGRATE_BATCH 64U

/**
 * Move every block whose head lies in @frames. Blocks that are free, or no blocks' heads, are passed over. Stops at the
 * first block that cannot be moved; what was moved before stays moved (the caller has been told by emptied()).
 *
 * Context: no lock held, not in a handler; callbacks likewise
 * Return:  0: no block in use was left at the time it was looked at | -EBUSY | -ENOMEM (no target), with
 *          @result->blocker
 */
FPG_MUST_CHECK int migrate_frames(struct pfn_range frames, const struct migrate_control *control,
				  struct migrate_result *result);

/**
 * What moving @frames would need, without changing anything: pages in use that look movable, and the first frame that
 * does not. Records are read once; the answer may be out of date at once.
 */
struct migrate_estimate {
	uint64_t free_pages;
	uint64_t movable_pages;
	/** reason MIGRATE_REASON_NONE: none. */
	struct migrate_blocker blocker;
};
void migrate_look(struct pfn_range frames, struct migrate_estimate *out);

/**
 * One block as migrate_look() sees it: how many frames from @f on belong together and what they are. @why: may be NULL;
 * set when it is FRAME_BLOCKED
 */
enum frame_use {
	FRAME_FREE,
	/** In a hart's cache: free after a drain. */
	FRAME_CACHED,
	FRAME_MOVABLE,
	FRAME_BLOCKED
};
enum frame_use frame_look(pfn_t f, uint64_t *frames, struct migrate_blocker *why);
