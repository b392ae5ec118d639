/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `cma`: areas with their bitmaps; `cma why`, what a request would say; `cma alloc` and `cma release`, for trying. What is
 * allocated here stays allocated until it is released by its place.
 */
#include "commands.h"

#include "fpg/base/errno.h"
#include "fpg/base/parse.h"
#include "fpg/base/range.h"
#include "fpg/core/cma.h"

#include <errno.h>
#include <string.h>

/** Characters of a bitmap line, and lines of one area. */
#define COLUMNS	   64U
#define LINES_MOST 32U

static unsigned long long ull(uint64_t v)
{
	return v;
}

static struct pfn_range frames_of(const struct cma *cma)
{
	const pfn_t first = phys_to_pfn(cma_get_base(cma));
	return (struct pfn_range){ first, pfn_add(first, cma_get_size(cma) >> PAGE_SHIFT) };
}

static const char *mode_of(const struct cma_stats *s)
{
	return s->guaranteed ? "guaranteed" : s->lent ? "lent" : "carve-out";
}

/* ---- bitmaps --------------------------------------------------------------------------------- */

/** Frames behind one character: a power of two, so that an area takes LINES_MOST lines at most. */
static uint64_t frames_a_character(uint64_t pages)
{
	uint64_t frames = 1;
	while (frames * COLUMNS * LINES_MOST < pages) {
		frames *= 2;
	}
	return frames;
}

/** What the frames [@from, @to) are used for, most important first. */
static char character(const struct cma *cma, uint64_t from, uint64_t to, bool lent)
{
	bool given = false;
	bool movable = false;
	bool blocked = false;
	uint64_t frames;
	for (uint64_t n = from; n < to; n += frames) {
		frames = 1;
		if (cma_is_given_out(cma, pfn(n))) {
			given = true;
			continue;
		}
		if (!lent) {
			uint32_t owner;
			movable = movable || page_movable(pfn_to_page(pfn(n)), &owner) != NULL;
			continue;
		}
		enum frame_use use = frame_look(pfn(n), &frames, NULL);
		movable = movable || use == FRAME_MOVABLE;
		blocked = blocked || use == FRAME_BLOCKED;
	}
	return blocked ? 'X' : given ? '#' : movable ? 'm' : '.';
}

static void print_map(struct out *out, const struct cma *cma, bool lent)
{
	const struct pfn_range frames = frames_of(cma);
	const uint64_t step = frames_a_character(pfn_range_pages(frames));
	char line[COLUMNS + 1];
	out_printf(
		out,
		"  by pfn, a character is %llu page%s: # given out, m lent, X lent and stuck, . free\n",
		ull(step), step == 1 ? "" : "s");
	for (uint64_t n = frames.start.n; n < frames.end.n;) {
		const uint64_t first = n;
		unsigned int used = 0;
		for (; used < COLUMNS && n < frames.end.n; used++, n += step) {
			const uint64_t end = n + step < frames.end.n ? n + step : frames.end.n;
			line[used] = character(cma, n, end, lent);
		}
		line[used] = '\0';
		out_printf(out, "  0x%llx %s\n", ull(first), line);
	}
}

/** Runs of given-out frames as [first, pages]. */
static void json_given(struct json *j, const struct cma *cma)
{
	const struct pfn_range frames = frames_of(cma);
	json_key(j, "given");
	json_array_begin(j);
	for (uint64_t n = frames.start.n; n < frames.end.n;) {
		const uint64_t first = n;
		while (n < frames.end.n && cma_is_given_out(cma, pfn(n))) {
			n++;
		}
		if (n != first) {
			json_array_begin(j);
			json_u64(j, first);
			json_u64(j, n - first);
			json_array_end(j);
		}
		n += n == first;
	}
	json_array_end(j);
}

/* ---- areas ----------------------------------------------------------------------------------- */

static int print_area(struct cma *cma, void *data)
{
	struct out *out = data;
	struct cma_stats s;
	cma_stats_read(cma, &s);
	out_printf(
		out,
		"%s%s: 0x%llx, %llu pages, %s, order_per_bit %u\n"
		"  given out %llu, lent and in use %llu, free %llu; longest run not given out %llu\n"
		"  %llu allocations, %llu failures, %llu releases; %llu pages moved, %llu discarded\n",
		cma_get_name(cma), cma == cma_default() ? " (default)" : "", ull(cma_get_base(cma)),
		ull(s.pages), mode_of(&s), s.order_per_bit, ull(s.given_out), ull(s.borrowed),
		ull(s.free_pages), ull(s.largest_free), ull(s.allocs), ull(s.failures),
		ull(s.releases), ull(s.pages_moved), ull(s.pages_discarded));
	print_map(out, cma, s.lent);
	return 0;
}

static int json_area(struct cma *cma, void *data)
{
	struct json *j = data;
	struct cma_stats s;
	cma_stats_read(cma, &s);
	json_object_begin(j);
	json_kv_string(j, "name", cma_get_name(cma));
	json_kv_bool(j, "default", cma == cma_default());
	json_kv_hex(j, "base", cma_get_base(cma));
	json_kv_u64(j, "pages", s.pages);
	json_kv_string(j, "mode", mode_of(&s));
	json_kv_u64(j, "order_per_bit", s.order_per_bit);
	json_kv_u64(j, "given_out", s.given_out);
	json_kv_u64(j, "borrowed", s.borrowed);
	json_kv_u64(j, "free_pages", s.free_pages);
	json_kv_u64(j, "largest_free", s.largest_free);
	json_kv_u64(j, "allocs", s.allocs);
	json_kv_u64(j, "failures", s.failures);
	json_kv_u64(j, "releases", s.releases);
	json_kv_u64(j, "pages_moved", s.pages_moved);
	json_kv_u64(j, "pages_discarded", s.pages_discarded);
	json_given(j, cma);
	json_object_end(j);
	return 0;
}

static int show_areas(struct monitor *m)
{
	if (m->json) {
		struct json *j = monitor_json_begin(m);
		json_key(j, "areas");
		json_array_begin(j);
		(void)cma_for_each_area(json_area, j);
		json_array_end(j);
		monitor_json_end(m);
	} else if (cma_for_each_area(print_area, m->out) == 0 && cma_default() == NULL) {
		out_puts(m->out, "no default area (cma=SIZE in bootargs makes one)\n");
	}
	return 0;
}

/* ---- trying ---------------------------------------------------------------------------------- */

static void json_report(struct json *j, const struct cma_report *r)
{
	json_kv_string(j, "result", r->err == 0 ? "ok" : errno_name(r->err));
	json_kv_u64(j, "pages_to_move", r->pages_to_move);
	json_kv_u64(j, "windows_tried", r->windows_tried);
	json_kv_u64(j, "would_suffice", r->would_suffice);
	json_kv_u64(j, "area_free_pages", r->area_free_pages);
	monitor_json_blocker(j, &r->blocker);
}

static const char *meaning(int err)
{
	return err == -EBUSY  ? "something is in the way wherever it could be" :
	       err == -ENOMEM ? "no such run of pages, or no memory to move others to" :
				"no valid request";
}

static void print_report(struct out *out, const struct cma_report *r)
{
	if (r->err == 0) {
		out_printf(out, "it can be had; %llu pages have to be moved\n",
			   ull(r->pages_to_move));
	} else {
		out_printf(out, "it cannot be had: %s, %s; windows tried: %llu\n",
			   errno_name(r->err), meaning(r->err), ull(r->windows_tried));
	}
	if (r->blocker.reason != MIGRATE_REASON_NONE) {
		out_puts(out, "in the way: ");
		migrate_blocker_print(out, &r->blocker);
		out_puts(out, "\n");
	}
	if (r->err != 0) {
		out_printf(out,
			   "most in a row that could be had: %llu pages; not given out: %llu\n",
			   ull(r->would_suffice), ull(r->area_free_pages));
	}
}

static int why(struct monitor *m, struct cma *cma, uint64_t count, unsigned int align)
{
	struct cma_report report;
	(void)cma_why(cma, count, align, &report);
	if (m->json) {
		json_report(monitor_json_begin(m), &report);
		monitor_json_end(m);
	} else {
		print_report(m->out, &report);
	}
	return 0;
}

static int try_alloc(struct monitor *m, struct cma *cma, uint64_t count, unsigned int align)
{
	struct cma_report report;
	const struct page *page = cma_alloc_report(cma, count, align, true, &report);
	if (page == NULL && !m->json) {
		print_report(m->out, &report);
	}
	if (page == NULL) {
		return monitor_fail(m, report.err, "%llu pages: %s; %llu could be had", ull(count),
				    errno_name(report.err), ull(report.would_suffice));
	}
	if (m->json) {
		struct json *j = monitor_json_begin(m);
		json_kv_u64(j, "pfn", page_to_pfn(page).n);
		json_kv_u64(j, "pages", count);
		json_report(j, &report);
		monitor_json_end(m);
	} else {
		out_printf(m->out, "pfn 0x%llx: %llu pages, %llu of them moved away\n",
			   ull(page_to_pfn(page).n), ull(count), ull(report.pages_to_move));
	}
	return 0;
}

static int try_release(struct monitor *m, struct cma *cma, uint64_t frame, uint64_t count)
{
	const struct pfn_range frames = frames_of(cma);
	if (frame < frames.start.n || frame >= frames.end.n ||
	    !cma_release(cma, pfn_to_page(pfn(frame)), count)) {
		return monitor_fail(m, -EINVAL, "not all of these pages were given out by %s",
				    cma_get_name(cma));
	}
	return 0;
}

/** `cma [why|alloc AREA COUNT [ALIGN]] | [release AREA PFN COUNT]` */
int cmd_cma(struct monitor *m, int argc, char **argv)
{
	uint64_t number[2] = { 0, 0 };
	if (argc == 1) {
		return show_areas(m);
	}
	if (argc < 4) {
		return monitor_fail(m, -EINVAL, "say why, alloc or release, an area and a number");
	}
	struct cma *cma = strcmp(argv[2], "default") == 0 ? cma_default() : cma_by_name(argv[2]);
	if (cma == NULL) {
		return monitor_fail(m, -ENOENT, "there is no area '%s'", argv[2]);
	}
	for (int i = 3; i < argc; i++) {
		if (parse_size_all(argv[i], &number[i - 3]) != 0) {
			return monitor_fail(m, -EINVAL, "'%s' is no number", argv[i]);
		}
	}
	if (strcmp(argv[1], "release") == 0 && argc != 5) {
		return monitor_fail(m, -EINVAL, "say which pages: release AREA PFN COUNT");
	}
	if (strcmp(argv[1], "release") == 0) {
		return try_release(m, cma, number[0], number[1]);
	}
	if (number[1] > PAGEBLOCK_ORDER) {
		return monitor_fail(m, -EINVAL, "alignments are orders from 0 to %d",
				    PAGEBLOCK_ORDER);
	}
	if (strcmp(argv[1], "why") == 0) {
		return why(m, cma, number[0], (unsigned int)number[1]);
	}
	if (strcmp(argv[1], "alloc") == 0) {
		return try_alloc(m, cma, number[0], (unsigned int)number[1]);
	}
	return monitor_fail(m, -EINVAL, "'%s' is none of why, alloc, release", argv[1]);
}
