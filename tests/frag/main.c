/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fpg-frag [MIB]: how whole memory stays with each backend, by itself and behind the front end, and with Linux's rule:
 * a table. FPG_SEED changes the load; the same seed gives the same table.
 */
#include "frag.h"
#include "sim.h"

#include "fpg/core/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** Which target a row is about. */
struct kind {
	/** NULL: Linux's rule. */
	const struct palloc_ops *ops;
	/** Per-hart caches in front. */
	bool front;
};

static enum {
	ALL_LOADS,
	ONLY_SINGLE,
	ONLY_MIXED
} loads;
static uint64_t bytes = 4096ULL << 20;
static uint64_t seed;

static void start(struct frag_target *t, const struct kind *kind)
{
	if (kind->ops == NULL) {
		frag_target_linux(t, bytes, kind->front);
	} else if (kind->front) {
		frag_target_front(t, kind->ops, bytes);
	} else {
		frag_target_backend(t, kind->ops, bytes);
	}
}

static void must(int err)
{
	if (err != 0) {
		fprintf(stderr, "frag: error %d\n", err);
		exit(2);
	}
}

static void reallocate(const struct kind *kind, enum frag_start start_with, enum frag_step step)
{
	const struct frag_load load = { start_with, step, 85, 10, 100, seed };
	struct frag_target t;
	struct frag_state before;
	struct frag_state after;
	start(&t, kind);
	must(frag_reallocate(&t, &load, &before, &after));
	unsigned int from = frag_permille(before.whole_pages, before.free_pages);
	unsigned int to = frag_permille(after.whole_pages, after.free_pages);
	printf("FRAG %s%s %s %s whole %u.%u%% -> %u.%u%% digest %016llx\n", t.name,
	       kind->front ? "+caches" : "", start_with == FRAG_PACKED ? "packed" : "scattered",
	       step == FRAG_ONE_BY_ONE ? "one" : "round", from / 10, from % 10, to / 10, to % 10,
	       (unsigned long long)after.digest);
	fflush(stdout);
	t.stop(t.ctx);
}

static void mixed(const struct kind *kind, unsigned int full)
{
	const struct frag_load load = { .full = full, .share = 10, .rounds = 100, .seed = seed };
	struct frag_target t;
	struct frag_state s;
	start(&t, kind);
	must(frag_mixed(&t, &load, &s));
	unsigned int mix = frag_permille(s.mixed_blocks, s.used_blocks);
	unsigned int whole = frag_permille(s.whole_pages, s.free_pages);
	printf("FRAG %s%s mixed %u%% foreign %u.%u%% of %llu pageblocks, pinned %llu (least %llu), whole %u.%u%% "
	       "digest %016llx\n",
	       t.name, kind->front ? "+caches" : "", full, mix / 10, mix % 10,
	       (unsigned long long)s.used_blocks, (unsigned long long)s.pinned_blocks,
	       (unsigned long long)s.pinned_least, whole / 10, whole % 10,
	       (unsigned long long)s.digest);
	fflush(stdout);
	t.stop(t.ctx);
}

static void all(const struct kind *kind, const char *only)
{
	const char *name = kind->ops != NULL ? kind->ops->name : "linux-like";
	char full[64];
	snprintf(full, sizeof(full), "%s%s", name, kind->front ? "+caches" : "");
	if (only != NULL && strcmp(only, name) != 0 && strcmp(only, full) != 0) {
		return;
	}
	for (int start_with = FRAG_PACKED; start_with <= FRAG_SCATTERED; start_with++) {
		for (int step = FRAG_ONE_BY_ONE; step <= FRAG_ROUND_BY_ROUND; step++) {
			if (loads != ONLY_MIXED) {
				reallocate(kind, (enum frag_start)start_with, (enum frag_step)step);
			}
		}
	}
	if (loads != ONLY_SINGLE) {
		mixed(kind, 85);
		mixed(kind, 95);
	}
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		bytes = strtoull(argv[1], NULL, 0) << 20;
	}
	if (bytes < 64ULL << 20 || bytes > 64ULL << 30 || bytes % (4ULL << 20) != 0) {
		fprintf(stderr, "fpg-frag: MIB is 64 to 65536, a multiple of 4\n");
		return 2;
	}
	log_set_console_level(LOG_WARN);
	seed = sim_seed(FRAG_SEED);
	printf("%llu MiB, 85 %% in use, 10 %% reallocated in each of 100 rounds\n",
	       (unsigned long long)(bytes >> 20));
	const char *only = argc > 2 && argv[2][0] != '\0' ? argv[2] : NULL;
	if (argc > 3) {
		loads = strcmp(argv[3], "mixed") == 0 ? ONLY_MIXED : ONLY_SINGLE;
	}
	for (unsigned int i = 0; palloc_table[i] != NULL; i++) {
		all(&(struct kind){ palloc_table[i], false }, only);
		all(&(struct kind){ palloc_table[i], true }, only);
	}
	all(&(struct kind){ NULL, false }, only);
	all(&(struct kind){ NULL, true }, only);
	return 0;
}
