/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs on all other harts write pages and check their sums while this hart moves the pages under them, out of a CMA
 * area by cma_alloc() and into it again: no write is lost, as the programs see it and as the kernel does. Two harts share
 * a space. The same without the fence between hiding a page and copying it: that is seen. The command `cma_moves SECONDS`
 * goes on for so long, for tests/target/soak_cma.sh.
 */
#include "cma_taker.h"
#include "core/movable_private.h"
#include "moves.h"
#include "smp.h"

#include "fpg/base/bits.h"
#include "fpg/base/range.h"
#include "fpg/core/kernel_map_ops.h"
#include "fpg/core/log.h"
#include "fpg/core/page_alloc.h"
#include "fpg/pagetable/user.h"

#include <errno.h>
#include <string.h>

/** Moves of a page, in the test that every run has. */
#define MOVES	       500U
/** How long a program may go on after it was told to stop, and until it sees what is wrong. */
#define PATIENCE_S     60U
/** Pages are taken out of the way so many at once. */
#define PULL_ORDER     6U
/** How often the fence is left out until that is seen; now and then once is not enough. */
#define UNFENCED_TRIES 10U

/* Of pagetable/mm/programs/memory.S, sums. */
#define SUMS_PAGES 32U
#define SUMS_AT	   (USER_DATA_BASE + 64)

static struct {
	const struct user_program *program;
	struct taker taker;
	/** By index of the hart; two may have the same. */
	struct mm *mm[PORT_MAX_HARTS];
	struct user_exit exit[PORT_MAX_HARTS];
	/** Atomic: programs that have ended. */
	uint32_t ended;
	unsigned int mover;
	uint64_t least_moves;
	uint64_t least_seconds;
	bool broken;
	/** Pages taken into the area. */
	uint64_t pulled;
	/** Could not be had just then. */
	uint64_t pull_failures;
	uint64_t cycles;
} run;

/** What a program leaves in its data. */
struct left {
	uint64_t at;
	uint64_t rounds;
};

static int read_left(unsigned int hart, struct left *left)
{
	return mm_read(run.mm[hart], vaddr(SUMS_AT + hart * sizeof(*left)), left, sizeof(*left));
}

static uint64_t seconds_since(uint64_t start)
{
	const uint64_t hz = log_timebase();
	return hz == 0 ? 0 : (port_time_ticks() - start) / hz;
}

static uint64_t moved_since(uint64_t before)
{
	return taker_moved(run.taker.area) - before + run.pulled;
}

/* ---- moving ------------------------------------------------------------------------------------ */

static bool inside(pfn_t f)
{
	return cma_of_frame(f) == run.taker.area;
}

/** 1 << @order frames around @f go elsewhere: what programs have there, into the area. Return: as alloc_contig_range() */
static int pull_block(pfn_t f, unsigned int order)
{
	const pfn_t start = pfn(ALIGN_DOWN(f.n, 1ULL << order));
	const struct pfn_range range = { start, pfn_add(start, 1ULL << order) };
	struct migrate_result result;
	int err = alloc_contig_range_report(range, GFP_KERNEL, &result);
	run.pulled += result.moved_pages;
	if (err == 0) {
		memset(page_address(pfn_to_page(start)), 0xa5, PAGE_SIZE << order);
		err = free_contig_range(range);
	}
	return err;
}

/** The page at @va of @mm is to be one of the area. It may be gone meanwhile. Return: 0 | of mm_pin_page() */
static int pull_page(struct mm *mm, uint64_t va)
{
	struct page *page;
	int err = mm_pin_page(mm, vaddr(va), PROT_NONE, &page);
	if (err != 0) {
		return err;
	}
	const pfn_t f = page_to_pfn(page);
	mm_unpin_page(page);
	/* Neighbours may be anybody's, or in the area; with them a fence serves many pages. */
	if (!inside(f) && pull_block(f, PULL_ORDER) != 0 && pull_block(f, 0) != 0) {
		run.pull_failures++;
	}
	return 0;
}

/** All that programs have, text and data too, into the area where it has room. */
static int pull_all(void)
{
	int err = 0;
	for (hart_mask_t m = others(); err == 0 && m != 0; m &= m - 1) {
		const unsigned int hart = bit_lowest(m);
		struct left left;
		err = read_left(hart, &left);
		for (uint64_t i = 0; err == 0 && i < SUMS_PAGES; i++) {
			err = pull_page(run.mm[hart], left.at + i * PAGE_SIZE);
		}
		for (uint64_t at = 0; err == 0 && at < USER_DATA_BYTES; at += PAGE_SIZE) {
			err = pull_page(run.mm[hart], USER_DATA_BASE + at);
		}
		if (err == 0) {
			err = pull_page(run.mm[hart], USER_TEXT_BASE);
		}
	}
	return err;
}

static uint32_t ended(void)
{
	return __atomic_load_n(&run.ended, __ATOMIC_ACQUIRE);
}

/** Until every program has pages, and says where. */
static int wait_for_programs(void)
{
	for (hart_mask_t m = others(); m != 0 && ended() == 0;) {
		struct left left;
		int err = read_left(bit_lowest(m), &left);
		if (err != 0) {
			return err;
		}
		m = left.at != 0 ? m & (m - 1) : m;
		port_relax();
	}
	return 0;
}

/** Nobody ends by itself before it was told to: one that did saw something wrong. */
static int cycles(void)
{
	const uint64_t start = port_time_ticks();
	const uint64_t before = taker_moved(run.taker.area);
	int err = 0;
	while (err == 0 && ended() == 0 &&
	       (moved_since(before) < run.least_moves ||
		seconds_since(start) < run.least_seconds)) {
		err = pull_all();
		if (err == 0 && !(taker_fill(&run.taker) && taker_empty(&run.taker))) {
			err = -EIO;
		}
		run.cycles++;
	}
	return err;
}

/**
 * All pages out of the area once, without a fence. What they left stays taken until no program runs, so that nobody but the
 * programs is harmed.
 */
static int move_without_fence(void)
{
	const struct movable_ops *right = movable_table[0];
	static struct movable_ops unfenced;
	int err = pull_all();
	unfenced = *right;
	unfenced.fence = NULL;
	movable_anon_register(&unfenced);
	if (err == 0 && !taker_fill(&run.taker)) {
		err = -EIO;
	}
	movable_anon_register(right);
	const uint64_t start = port_time_ticks();
	while (ended() == 0 && seconds_since(start) < 2) {
		port_relax();
	}
	return err;
}

static int tell_to_stop(void)
{
	const uint64_t stop = 1;
	int err = 0;
	for (hart_mask_t m = others(); m != 0; m &= m - 1) {
		int e = mm_write(run.mm[bit_lowest(m)], vaddr(USER_DATA_BASE), &stop, sizeof(stop));
		err = err != 0 ? err : e;
	}
	/* Whoever was not told before is now: the pages they look at are the ones written to. */
	rmap_migrate_fence();
	return err;
}

static int each_hart(void *arg)
{
	(void)arg;
	const unsigned int hart = hart_index();
	if (hart != run.mover) {
		int err = user_run(run.program, run.mm[hart], 0, &run.exit[hart]);
		__atomic_fetch_add(&run.ended, 1, __ATOMIC_RELEASE);
		return err;
	}
	int err = wait_for_programs();
	if (err == 0) {
		err = run.broken ? move_without_fence() : cycles();
	}
	int told = tell_to_stop();
	return err != 0 ? err : told;
}

/* ---- what is there afterwards ------------------------------------------------------------------ */

/** The page at @va is as round @round of the program leaves it. */
static bool page_right(struct mm *mm, uint64_t va, uint64_t round)
{
	static uint64_t words[PAGE_SIZE / sizeof(uint64_t)];
	if (mm_read(mm, vaddr(va), words, sizeof(words)) != 0 || words[0] != round) {
		return false;
	}
	uint64_t sum = words[0];
	for (size_t i = 1; i < ARRAY_SIZE(words) - 1; i++) {
		if (words[i] != words[i - 1] * 5 + va) {
			return false;
		}
		sum += words[i];
	}
	return words[ARRAY_SIZE(words) - 1] == sum;
}

/** Programs that say so, and pages that the kernel finds wrong. */
static uint64_t corruptions(uint64_t *rounds)
{
	uint64_t wrong = 0;
	for (hart_mask_t m = others(); m != 0; m &= m - 1) {
		const unsigned int hart = bit_lowest(m);
		struct left left;
		if (!user_exit_expected(run.program, &run.exit[hart])) {
			wrong++;
		}
		if (read_left(hart, &left) != 0 || left.rounds == 0) {
			wrong++;
			continue;
		}
		*rounds += left.rounds;
		for (uint64_t i = 0; i < SUMS_PAGES; i++) {
			wrong += !page_right(run.mm[hart], left.at + i * PAGE_SIZE, left.rounds);
		}
	}
	return wrong;
}

static bool make_spaces(void)
{
	struct mm *mm = NULL;
	unsigned int sharers = 0;
	for (hart_mask_t m = others(); m != 0; m &= m - 1) {
		if (sharers++ % 2 == 0) {
			mm = user_load(run.program);
		}
		run.mm[bit_lowest(m)] = mm;
		if (mm == NULL) {
			return false;
		}
	}
	return true;
}

static void destroy_spaces(void)
{
	struct mm *last = NULL;
	for (hart_mask_t m = others(); m != 0; m &= m - 1) {
		struct mm *mm = run.mm[bit_lowest(m)];
		if (mm != last) {
			mm_destroy(mm);
		}
		last = mm;
	}
}

static int run_programs(struct out *out, uint64_t *found)
{
	const uint64_t limit = user_time_limit();
	const uint64_t start = port_time_ticks();
	const uint64_t before = taker_moved(run.taker.area);
	uint64_t rounds = 0;
	user_set_time_limit((run.least_seconds + 10 * PATIENCE_S) * 1000);
	int err = hart_run_mask(harts_online(), "moving", each_hart, NULL, NULL);
	user_set_time_limit(limit);
	if (!taker_empty(&run.taker) && !run.broken) {
		err = -EIO;
	}
	*found = corruptions(&rounds);
	taker_say(&run.taker, out);
	out_printf(
		out,
		"# %u programs, %llu rounds; %llu pages moved (%llu into the area, %llu of them not at once), %llu cma_alloc in %llu cycles, %llu s; %llu corruptions\n",
		harts_online_count() - 1, (unsigned long long)rounds,
		(unsigned long long)moved_since(before), (unsigned long long)run.pulled,
		(unsigned long long)run.pull_failures, (unsigned long long)run.taker.served,
		(unsigned long long)run.cycles, (unsigned long long)seconds_since(start),
		(unsigned long long)*found);
	return err;
}

/** Return: 0: it was done, with *@found | 1, having said why */
static int move_programs(struct out *out, uint64_t moves, uint64_t seconds, bool broken,
			 uint64_t *found)
{
	const uint64_t refused = page_alloc_refused_frees();
	struct cma_stats stats;
	memset(&run, 0, sizeof(run));
	run.mover = hart_index();
	run.least_moves = moves;
	run.least_seconds = seconds;
	run.broken = broken;
	run.program = user_program_find("sums");
	taker_start(&run.taker, taker_area(), port_time_ticks());
	out_printf(out, "# seed 0x%llx\n", (unsigned long long)run.taker.random);
	taker_ballast_take();
	bool made = make_spaces();
	int err = made ? run_programs(out, found) : -ENOMEM;
	destroy_spaces();
	taker_ballast_give();
	KTAP_EXPECT(out, made && err == 0);
	cma_stats_read(run.taker.area, &stats);
	KTAP_EXPECT(out, stats.given_out == 0);
	KTAP_EXPECT(out, page_alloc_refused_frees() == refused);
	return 0;
}

/** Why there is nothing to do here; NULL: there is something. */
static const char *nothing_to_do(void)
{
	const struct cma *area = taker_area();
	return others() == 0	  ? "one hart" :
	       area == NULL	  ? "no CMA area" :
	       !cma_is_lent(area) ? "the area is not lent" :
				    NULL;
}

int moves_under_programs(struct out *out, uint64_t seconds)
{
	uint64_t found = 0;
	KTAP_EXPECT(out, nothing_to_do() == NULL);
	if (move_programs(out, MOVES, seconds, false, &found) != 0) {
		return 1;
	}
	KTAP_EXPECT(out, found == 0);
	return 0;
}

static int no_write_of_a_program_is_lost_by_cma_alloc(struct out *out)
{
	if (nothing_to_do() != NULL) {
		return ktap_skip(nothing_to_do());
	}
	return moves_under_programs(out, 0);
}

static int cma_without_a_fence_is_seen(struct out *out)
{
	uint64_t found = 0;
	if (nothing_to_do() != NULL) {
		return ktap_skip(nothing_to_do());
	}
	if (debug_pagealloc_enabled()) {
		return ktap_skip("each page freed is fenced anyway");
	}
	/* One program may be caught between two uses of a page, so that nothing stale is ever written: it is tried again. */
	for (unsigned int i = 0; found == 0 && i < UNFENCED_TRIES; i++) {
		if (move_programs(out, 0, 0, true, &found) != 0) {
			return 1;
		}
	}
	KTAP_EXPECT(out, found != 0);
	return 0;
}

const struct target_test target_tests_cma_sums[] = {
	{ "no_write_of_a_program_is_lost_by_cma_alloc",
	  no_write_of_a_program_is_lost_by_cma_alloc },
	{ "cma_without_a_fence_is_seen", cma_without_a_fence_is_seen },
	{ 0 },
};
