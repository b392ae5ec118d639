/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The conformance suite of page-allocator backends on the target: every backend of the image and every hand-over, on
 * frames behind the end of RAM. Their records are real, in the frame table's window, populated with real pages; the
 * frames themselves do not exist, and no backend ever looks at them. The command `conformance` makes long runs.
 */
#include "ktap.h"

#include "fpg/base/parse.h"
#include "fpg/base/range.h"
#include "fpg/core/memblock.h"
#include "fpg/core/page_alloc.h"
#include "fpg/core/pageblock.h"
#include "fpg/core/palloc_registry.h"
#include "fpg/port/port.h"
#include "tests/conformance/palloc/conformance.h"

#include <errno.h>
#include <string.h>

/** Odd ends, as RAM has them after firmware and image took theirs. */
#define SPAN_OFFSET 0x203
#define BLOCK	    (MAX_ORDER_NR_PAGES > 1024 ? MAX_ORDER_NR_PAGES : 1024)
#define SPAN_PAGES  (5 * BLOCK + 77)
#define META_BYTES  (128UL << 10)
#define STEPS	    10000
/** Random operations on each backend, in rounds. */
#define OPERATIONS  30000
/** A page of records for each 256 frames, and tables. */
#define STASH_PAGES (SPAN_PAGES / 256 + 16)

static struct {
	uint64_t meta[2][META_BYTES / sizeof(uint64_t)];
	uint64_t pageblocks[1024];
	uint8_t state[SPAN_PAGES];
	struct conformance_block blocks[CONFORMANCE_BLOCKS];
	struct conformance_op history[CONFORMANCE_HISTORY];
	struct conformance_env env;
} room;

/** Pages for records, taken beforehand: populating must not call the page allocator, which may have to populate. */
static struct {
	uint32_t count;
	struct page *page[STASH_PAGES];
} stash;

static phys_addr_t take_page(void *ctx)
{
	(void)ctx;
	return stash.count > 0 ? page_to_phys(stash.page[--stash.count]) : 0;
}

static void give_page(void *ctx, phys_addr_t pa)
{
	(void)ctx;
	stash.page[stash.count++] = pfn_to_page(phys_to_pfn(pa));
}

static bool fill_stash(void)
{
	while (stash.count < STASH_PAGES) {
		struct page *page = alloc_page(GFP_KERNEL);
		if (page == NULL) {
			return false;
		}
		stash.page[stash.count++] = page;
	}
	return true;
}

static void empty_stash(void)
{
	while (stash.count > 0) {
		__free_page(stash.page[--stash.count]);
	}
}

static int populate(void *ctx, struct pfn_range frames)
{
	return frame_table_populate(frames, take_page, give_page, ctx);
}

static void reset(void *ctx)
{
	const struct conformance_env *env = ctx;
	frame_table_clear(env->span);
}

/** The environment, with pages for records; NULL, said in @out, when there are none. */
static struct conformance_env *env_make(struct out *out, uint64_t seed)
{
	struct conformance_env *env = &room.env;
	*env = (struct conformance_env){
		.out = out,
		.zone_id = 0xabc,
		.seed = seed,
		.steps = STEPS,
		.check_every = 4096,
		.table = palloc_table,
		.populate = populate,
		.reset = reset,
		.ctx = env,
		.meta = { room.meta[0], room.meta[1] },
		.meta_bytes = { META_BYTES, META_BYTES },
		.pageblocks = room.pageblocks,
		.state = room.state,
		.blocks = room.blocks,
		.history = room.history,
	};
	env->span.start = pfn(ALIGN_UP(memblock_end_of_DRAM() >> PAGE_SHIFT, BLOCK) + SPAN_OFFSET);
	env->span.end = pfn_add(env->span.start, SPAN_PAGES);
	out_printf(out, "# seed 0x%llx\n", (unsigned long long)seed);
	if (pageblock_map_bytes(env->span) > sizeof(room.pageblocks) || !fill_stash()) {
		out_printf(out, "# no room for %lu pageblocks, or for %lu pages\n",
			   (unsigned long)(SPAN_PAGES / PAGEBLOCK_NR_PAGES),
			   (unsigned long)STASH_PAGES);
		empty_stash();
		return NULL;
	}
	return env;
}

/** Random operations on each backend. Return: those that failed */
static uint64_t run_long(struct out *out, struct conformance_env *env, uint64_t operations)
{
	uint64_t failed = 0;
	for (size_t i = 0; palloc_table[i] != NULL; i++) {
		uint64_t begin = port_time_ticks();
		struct conformance_result result =
			conformance_run_long(palloc_table[i], env, operations);
		out_printf(
			out,
			"# %s: %llu operations in %llu rounds with %llu hand-overs, %llu ticks\n",
			palloc_table[i]->name, (unsigned long long)result.operations,
			(unsigned long long)result.passed, (unsigned long long)result.handovers,
			(unsigned long long)(port_time_ticks() - begin));
		failed += result.failed;
	}
	return failed;
}

static int every_backend_has_every_property(struct out *out)
{
	struct conformance_env *env = env_make(out, port_time_ticks());
	KTAP_EXPECT(out, env != NULL);
	struct conformance_result result = conformance_run(palloc_table, env);
	uint64_t failed = run_long(out, env, OPERATIONS);
	empty_stash();
	out_printf(out, "# %llu properties held, %llu did not, %llu operations\n",
		   (unsigned long long)result.passed, (unsigned long long)result.failed,
		   (unsigned long long)result.operations);
	KTAP_EXPECT(out, result.passed > 0);
	KTAP_EXPECT(out, result.failed == 0);
	KTAP_EXPECT(out, failed == 0);
	return 0;
}

int conformance_command(struct monitor *m, int argc, char **argv)
{
	uint64_t operations = 0;
	uint64_t seed = port_time_ticks() | 1;
	if (parse_size_all(argv[1], &operations) != 0 ||
	    (argc > 2 && (parse_size_all(argv[2], &seed) != 0 || seed == 0))) {
		return monitor_fail(m, -EINVAL, "OPERATIONS and SEED are numbers");
	}
	struct conformance_env *env = env_make(m->out, seed);
	if (env == NULL) {
		return monitor_fail(m, -ENOMEM, "no room");
	}
	uint64_t failed = run_long(m->out, env, operations);
	empty_stash();
	return failed == 0 ? 0 : monitor_fail(m, -EIO, "a backend and the model disagree");
}

const struct target_test target_tests_conformance[] = {
	{ "every_backend_has_every_property", every_backend_has_every_property },
	{ 0 },
};
