/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The `frag` monitor command: the loads of frag.h on the machine that runs, with the backend that serves (palloc=
 * chooses it) and its per-hart caches. One hart; the same seed on the same machine gives the same digits.
 */
#include "frag.h"

#include "fpg/base/parse.h"
#include "fpg/base/range.h"
#include "fpg/core/page_alloc.h"
#include "fpg/monitor/command.h"
#include "fpg/pagetable/vmalloc.h"

#include <errno.h>
#include <string.h>

static void *notes(size_t bytes)
{
	return vzalloc(bytes);
}

static unsigned long long ull(uint64_t v)
{
	return v;
}

static void say_text(struct out *out, const char *name, const struct frag_load *load,
		     const struct frag_state *before, const struct frag_state *s)
{
	const unsigned int whole = frag_permille(s->whole_pages, s->free_pages);
	const unsigned int mixed = frag_permille(s->mixed_blocks, s->used_blocks);
	out_printf(out, "FRAG %s+caches %s %u%% ", page_alloc_backend_name(), name, load->full);
	if (before != NULL) {
		const unsigned int was = frag_permille(before->whole_pages, before->free_pages);
		out_printf(out, "whole %u.%u%% -> %u.%u%%", was / 10, was % 10, whole / 10,
			   whole % 10);
	} else {
		out_printf(
			out,
			"foreign %u.%u%% of %llu pageblocks, pinned %llu (least %llu), whole %u.%u%%",
			mixed / 10, mixed % 10, ull(s->used_blocks), ull(s->pinned_blocks),
			ull(s->pinned_least), whole / 10, whole % 10);
	}
	out_printf(out, " digest %016llx\n", ull(s->digest));
}

static void say_json(struct monitor *m, const char *name, const struct frag_load *load,
		     const struct frag_state *before, const struct frag_state *s)
{
	struct json *j = monitor_json_begin(m);
	json_kv_string(j, "backend", page_alloc_backend_name());
	json_kv_string(j, "load", name);
	json_kv_u64(j, "full_percent", load->full);
	json_kv_u64(j, "share_percent", load->share);
	json_kv_u64(j, "rounds", load->rounds);
	json_kv_u64(j, "seed", load->seed);
	json_kv_u64(j, "free_pages", s->free_pages);
	json_kv_u64(j, "whole_pages", s->whole_pages);
	json_kv_u64(j, "whole_permille", frag_permille(s->whole_pages, s->free_pages));
	if (before != NULL) {
		json_kv_u64(j, "whole_permille_before",
			    frag_permille(before->whole_pages, before->free_pages));
	}
	json_kv_u64(j, "used_pageblocks", s->used_blocks);
	json_kv_u64(j, "mixed_pageblocks", s->mixed_blocks);
	json_kv_u64(j, "mixed_permille", frag_permille(s->mixed_blocks, s->used_blocks));
	json_kv_u64(j, "pinned_pageblocks", s->pinned_blocks);
	json_kv_u64(j, "pinned_pageblocks_least", s->pinned_least);
	json_kv_hex(j, "digest", s->digest);
	monitor_json_end(m);
}

static int number(struct monitor *m, const char *word, uint64_t least, uint64_t most, uint64_t *out)
{
	if (parse_size_all(word, out) != 0 || *out < least || *out > most) {
		return monitor_fail(m, -EINVAL, "%s is not between %llu and %llu", word, ull(least),
				    ull(most));
	}
	return 0;
}

static int run_frag(struct monitor *m, int argc, char **argv)
{
	static const char *const names[] = { "one", "round", "mixed" };
	uint64_t values[3] = { 85, 100, FRAG_SEED };
	const uint64_t most[3] = { 99, 10000, UINT64_MAX };
	size_t which = 0;
	while (which < ARRAY_SIZE(names) && strcmp(argv[1], names[which]) != 0) {
		which++;
	}
	if (which == ARRAY_SIZE(names)) {
		return monitor_fail(m, -EINVAL, "%s is none of one, round, mixed", argv[1]);
	}
	for (int i = 2; i < argc; i++) {
		int err = number(m, argv[i], 1, most[i - 2], &values[i - 2]);
		if (err != 0) {
			return err;
		}
	}
	const bool mixed = which == 2;
	const struct frag_load load = {
		.start = FRAG_SCATTERED,
		.step = which == 0 ? FRAG_ONE_BY_ONE : FRAG_ROUND_BY_ROUND,
		.full = (unsigned int)values[0],
		.share = 10,
		.rounds = (unsigned int)values[1],
		.seed = values[2],
	};
	struct frag_target t;
	struct frag_state before;
	struct frag_state after;
	frag_target_machine(&t);
	t.notes = notes;
	t.notes_free = vfree;
	int err = mixed ? frag_mixed(&t, &load, &after) :
			  frag_reallocate(&t, &load, &before, &after);
	if (err != 0) {
		return monitor_fail(m, err, "no memory for notes");
	}
	if (m->json) {
		say_json(m, names[which], &load, mixed ? NULL : &before, &after);
	} else {
		say_text(m->out, names[which], &load, mixed ? NULL : &before, &after);
	}
	return 0;
}

const struct monitor_command monitor_commands_frag[] = {
	{ "frag", "one|round|mixed [FULL [ROUNDS [SEED]]]",
	  "break memory at random as docs/fragmentation.md says, and tell how whole it is; FULL in percent",
	  1, 4, run_frag },
	{ 0 },
};
