/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a page-allocator backend is: an ops table (const, shared) and instances (one a zone). This
 * header and the frame table (fpg/core/page.h) are all that a backend sees.
 *
 * The front end (core/page_alloc.c) does once what every backend would repeat: argument checks, gfp
 * and zone choice, locks, per-hart caches, counters, watermarks, zeroing, double-free and owner
 * checks. A backend never reads or writes the memory it manages.
 *
 * Calls on one instance never overlap: the front end holds the zone's lock (unless SELFLOCK).
 * Records of the frame table may be missing; a backend that would have to write one answers
 * -EAGAIN, see struct palloc.want.
 */
#pragma once

#include "fpg/base/compiler.h"
#include "fpg/base/types.h"
#include "fpg/core/gfp.h"
#include "fpg/core/page.h"
#include "fpg/core/pageblock.h"

/** What a backend can do; validated once against its function pointers. */
enum palloc_caps {
	/** free() works. */
	PALLOC_CAP_FREE = 1 << 0,
	/**
	 * Serves powers of two only, aligned to themselves; the front end rounds requests up and
	 * frees the rest.
	 */
	PALLOC_CAP_ORDER = 1 << 1,
	/** Serves any count of frames. */
	PALLOC_CAP_RUN = 1 << 2,
	/** free() takes any part of an allocation. */
	PALLOC_CAP_SUBFREE = 1 << 3,
	/** claim() is present. */
	PALLOC_CAP_CLAIM = 1 << 4,
	/** retag() is present: whole pageblocks have a migratetype that steers allocation. */
	PALLOC_CAP_CLASS = 1 << 5,
	/**
	 * drain() is present: the backend keeps per-hart state itself and gets no per-hart cache in
	 * front.
	 */
	PALLOC_CAP_HART = 1 << 6,
	/** shrink() is present. */
	PALLOC_CAP_SHRINK = 1 << 7,
	/** Does its own synchronisation: the front end takes no lock. */
	PALLOC_CAP_SELFLOCK = 1 << 8,
	/**
	 * Frames are also counted by a parent instance, from which alloc() and claim() claim them; `overlay` is
	 * present. Without a parent it has its frames alone. Cannot be chosen as a zone's backend.
	 */
	PALLOC_CAP_OVERLAY = 1 << 9,
	/**
	 * Keeps its state in the frame table: free blocks are records in state FREE, and alloc()
	 * and claim() leave the head of each block as page_word(PAGE_ALLOCATED, order, type, zone).
	 * Without it a backend never writes one.
	 */
	PALLOC_CAP_RECORDS = 1 << 10,
	/** alloc_bytes() is present: boot allocations of less than a page share pages. */
	PALLOC_CAP_PACK = 1 << 11,
	/** init() is given metadata as it comes, not zeroed, and clears what it needs: at the boot, nothing else does. */
	PALLOC_CAP_CLEARS = 1 << 12,
};

enum palloc_run_state {
	PALLOC_RUN_FREE,
	PALLOC_RUN_ALLOCATED,
	/** Metadata inside the span. */
	PALLOC_RUN_META,
	/** Held by the backend to keep alignment; free again after a hand-over. */
	PALLOC_RUN_PADDING,
	/** Not managed: no RAM, or never added. */
	PALLOC_RUN_HOLE,
	/** In a hart's cache. Never from a backend: the front end tells it from ALLOCATED (palloc_walk_all). */
	PALLOC_RUN_CACHED,
};

/** What a span looks like, for sizing metadata. */
struct palloc_geometry {
	struct pfn_range span;
	uint32_t harts;
	/** Most disjoint ranges that will be added. */
	uint32_t max_runs;
	/** Overlays: frames are given out in multiples of 1 << granule_order. */
	uint32_t granule_order;
};

struct palloc_run {
	struct pfn_range range;
	enum palloc_run_state state;
	enum migratetype type;
};

struct palloc_req {
	uint32_t pages;
	/** The block's first frame is a multiple of 1 << align_order. */
	uint8_t align_order;
	uint8_t type; /* enum migratetype */
	uint16_t hart;
	/** PALLOC_REQ_… */
	uint32_t flags;
};

/** May dip into reserves (HIGHATOMIC). */
#define PALLOC_REQ_HIGH	     (1u << 0)
/** Movable request that may be served from CMA pageblocks. */
#define PALLOC_REQ_CMA	     (1u << 1)
/** Records cannot be populated now: serve from populated memory, or fail with -ENOMEM. */
#define PALLOC_REQ_POPULATED (1u << 2)
/**
 * Fewer pages will do: any power of two down to 1 << align_order, in one piece (block.pages says how many). A backend
 * may use it to hand out what it would otherwise have to cut, and may ignore it.
 */
#define PALLOC_REQ_FEWER     (1u << 3)
/**
 * Do not mix: where it would take a part of a pageblock of another migratetype, -ENOMEM. The front end then asks other
 * zones, and asks again without it. A backend without CLASS may ignore it.
 */
#define PALLOC_REQ_UNMIXED   (1u << 4)

/** Result of alloc(): 16 bytes, returned in registers. err is 0 or a negative errno. */
struct palloc_block {
	pfn_t start;
	uint32_t pages;
	/** Where it really came from. */
	uint8_t type; /* enum migratetype */
	/** The front end's: the backend that served keeps records. */
	uint8_t recorded;
	int16_t err;
};

/** A boot allocation, in bytes (PALLOC_CAP_PACK). */
struct palloc_bytes_req {
	phys_addr_t bytes;
	/** A power of two. */
	phys_addr_t align;
	/** It begins at or above @goal and ends at or below @limit; 0: no limit. */
	phys_addr_t goal;
	phys_addr_t limit;
};

struct palloc_bytes {
	phys_addr_t base;
	/** Frames that stopped being free for it; empty when it lies in a page that others have begun. */
	struct pfn_range taken;
};

struct palloc_stats {
	uint64_t managed_pages;
	uint64_t free_pages;
	/** Largest run or block free, in pages. */
	uint64_t largest_free_pages;
	uint64_t meta_bytes;
	/** Counts agree with a walk at any time, not only when idle. */
	bool exact;
};

struct palloc;

/** What is in the way of a frame, for struct palloc_look. */
enum palloc_look_cost {
	PALLOC_LOOK_FREE,
	/** It can be had by moving one page. */
	PALLOC_LOOK_MOVABLE,
	PALLOC_LOOK_BLOCKED,
};

/** How an overlay finds out what its parent's frames would cost. */
struct palloc_look {
	/** *@frames: how many from @f on are asked about; out: how many are alike, at least 1, perhaps more than that. */
	enum palloc_look_cost (*look)(void *ctx, pfn_t f, uint64_t *frames);
	void *ctx;
	/** No window can cost less: the first one that costs no more is taken. */
	uint64_t least;
};

/** Where a request could be served. */
struct palloc_window {
	struct pfn_range range;
	/** Frames that have to be moved away. */
	uint64_t cost;
	/** When there is none: the longest run of frames that could be had, aligned as asked for. */
	uint64_t suffice;
	/** When there is none: the frame that ends that run, or keeps it from beginning; UINT64_MAX: the end of the span. */
	pfn_t blocker;
};

/** What only overlays do. */
struct palloc_overlay_ops {
	/**
	 * The window with the fewest frames to move, the lowest of equal ones. Changes nothing; calls may overlap with
	 * others, so the answer may be out of date at once.
	 * Return: 0 with *@out | -EBUSY (none; suffice and blocker are set) | -EINVAL (as alloc())
	 */
	int (*window)(const struct palloc *pa, const struct palloc_req *req,
		      const struct palloc_look *look, struct palloc_window *out);
	/** Note that the free frames @range are given out: the caller has, or is about to have, the parent's. Return: 0 | -EBUSY | -EINVAL */
	int (*mark)(struct palloc *pa, struct pfn_range range);
	/** Take a mark() back, or note that given-out frames are free: the parent's part is the caller's. Return: 0 | -EINVAL */
	int (*unmark)(struct palloc *pa, struct pfn_range range);
	/** All frames of @range are free to be given out, or all are given out. */
	bool (*all_free)(const struct palloc *pa, struct pfn_range range);
	bool (*all_given)(const struct palloc *pa, struct pfn_range range);
};

/** Return false to stop the walk. */
typedef bool (*palloc_walk_fn)(void *ctx, const struct palloc_run *run);

struct palloc_ops {
	const char *name;
	/** One line for people. */
	const char *title;
	uint32_t caps;
	/** Largest request: 1 << max_order pages. */
	uint8_t max_order;

	/**
	 * Bytes of metadata, at most 1 bit a frame plus a constant a hart and run; touches nothing.
	 */
	size_t (*meta_bytes)(const struct palloc_geometry *geometry);
	/**
	 * @meta: zeroed (unless PALLOC_CAP_CLEARS), aligned to 64 bytes, virtually contiguous, meta_bytes() long. The
	 * instance's span, nid, zone id and pageblocks are set. Afterwards every frame is
	 * unavailable. Not per frame.
	 */
	int (*init)(struct palloc *pa, void *meta, size_t bytes);
	/**
	 * Make a run FREE (its records are zero), or record it ALLOCATED (adoption: heads that the
	 * frame table has are kept). The frames are not managed yet. Any order of calls; ascending
	 * is the cheapest. Does not need memory.
	 * Return: 0 | -EAGAIN with @pa->want | -EINVAL (outside the span, or made free though
	 *         managed) | -ENOSPC (more disjoint runs than the geometry said); nothing changed
	 */
	int (*add)(struct palloc *pa, const struct palloc_run *run);
	/**
	 * block.err: 0 | -ENOMEM | -EAGAIN with @pa->want | -EINVAL (a request the backend's caps
	 * exclude)
	 */
	struct palloc_block (*alloc)(struct palloc *pa, const struct palloc_req *req);
	/**
	 * @range was allocated, claimed or adopted, as whole blocks, or as any part of them with
	 *        SUBFREE.
	 * Return: 0 | -EAGAIN with @pa->want (only for parts of a block) | -EINVAL (not allocated);
	 *         nothing changed
	 */
	int (*free)(struct palloc *pa, struct pfn_range range);
	/**
	 * Exactly these frames, all or none. Return: 0 | -EBUSY with *@blocker | -EAGAIN with
	 * @pa->want | -EINVAL
	 */
	int (*claim)(struct palloc *pa, struct pfn_range range, pfn_t *blocker);
	/**
	 * Whole pageblocks, in use or not. Return: 0 | -EAGAIN with @pa->want | -EINVAL (not whole,
	 * outside the span)
	 */
	int (*retag)(struct palloc *pa, struct pfn_range range, enum migratetype type);
	/**
	 * As many bytes, in pages of their own or behind what was handed out before in the same page. Such a page is
	 * one allocated page for walk(), free() and a hand-over, whoever shares it.
	 * Return: 0 with *@out | -ENOMEM | -EINVAL (no bytes, or @align is no power of two); nothing changed on error
	 */
	int (*alloc_bytes)(struct palloc *pa, const struct palloc_bytes_req *req,
			   struct palloc_bytes *out);
	void (*drain)(struct palloc *pa, uint32_t hart);
	/**
	 * Stop managing free frames. Return: 0 | -EBUSY (some are in use) | -EAGAIN with @pa->want
	 * | -EINVAL
	 */
	int (*shrink)(struct palloc *pa, struct pfn_range range);
	void (*stats)(const struct palloc *pa, struct palloc_stats *out);
	/**
	 * Maximal runs, ascending, covering the span exactly once; allocates nothing. FREE
	 * neighbours differ in type; all other neighbours differ in state.
	 */
	void (*walk)(const struct palloc *pa, palloc_walk_fn fn, void *ctx);
	/** Every invariant. Return: 0, or -EUCLEAN with a message in *@why. */
	int (*check)(const struct palloc *pa, const char **why);
	/** With OVERLAY. */
	const struct palloc_overlay_ops *overlay;
};

enum palloc_state {
	PALLOC_EMPTY,
	PALLOC_LIVE,
	PALLOC_RETIRING,
	PALLOC_RETIRED,
};

/** Where an instance's metadata came from, and goes back to. */
enum palloc_meta_source {
	/** memblock, at boot. */
	PALLOC_META_MEMBLOCK,
	/** Single pages, contiguous. */
	PALLOC_META_PAGES,
	/** Single pages, mapped side by side (struct palloc_meta_ops). */
	PALLOC_META_MAPPED,
};

/**
 * One instance: a zone's allocator. The backend keeps its own state in the metadata it was given
 * (priv).
 */
struct palloc {
	const struct palloc_ops *ops;
	struct pfn_range span;
	uint16_t nid;
	uint16_t zone_id;
	enum palloc_state state;
	void *meta;
	size_t meta_bytes;
	/** The front end's: enum palloc_meta_source. */
	uint8_t meta_source;
	void *priv;
	/** Overlays: whose frames they are; NULL: the overlay's alone. */
	struct palloc *parent;
	/** Overlays: see struct palloc_geometry. */
	uint32_t granule_order;
	/** Free frames in CMA pageblocks; kept by backends with CLASS. */
	uint64_t cma_free_pages;
	/** Migratetypes of the zone's pageblocks; outlives the instance. */
	struct pageblock_map *pageblocks;
	/**
	 * After -EAGAIN: frames whose records have to be populated before the call can work. The
	 * front end does that with no zone lock held and calls again; other calls may come in
	 * between.
	 */
	struct pfn_range want;
};

/** Generated from Kconfig in listed order, NULL-terminated (tools/gen_registry.py). */
extern const struct palloc_ops *const palloc_table[];
/** The same of overlays. */
extern const struct palloc_ops *const palloc_overlay_table[];
