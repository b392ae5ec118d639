/* SPDX-License-Identifier: BSD-2-Clause */
/* `palloc switch NAME`: another page allocator takes over, live, and what that did. */
#include "commands.h"

#include "fpg/base/parse.h"
#include "fpg/core/page_alloc.h"
#include "fpg/core/palloc_switch.h"

#include <errno.h>

static unsigned long long ull(uint64_t v)
{
	return v;
}

static void print_report(struct out *out, const struct palloc_switch_report *r)
{
	char size[24];
	if (r->same) {
		out_printf(out, "%s serves already\n", r->to);
		return;
	}
	out_printf(out,
		   "%s took over from %s: %llu pages free, %llu in use, in %llu runs, %u zone%s\n",
		   r->to, r->from, ull(r->free_pages), ull(r->used_pages), ull(r->runs), r->zones,
		   r->zones == 1 ? "" : "s");
	out_printf(out,
		   "the other harts stood still for %llu instructions (tries: %u); metadata %s\n",
		   ull(r->pause_instructions), r->tries,
		   format_size(size, sizeof(size), r->meta_bytes));
}

static void json_report(struct monitor *m, const struct palloc_switch_report *r)
{
	struct json *j = monitor_json_begin(m);
	json_kv_string(j, "from", r->from);
	json_kv_string(j, "to", r->to);
	json_kv_bool(j, "same", r->same);
	json_kv_u64(j, "zones", r->zones);
	json_kv_u64(j, "free_pages", r->free_pages);
	json_kv_u64(j, "used_pages", r->used_pages);
	json_kv_u64(j, "runs", r->runs);
	json_kv_u64(j, "meta_bytes", r->meta_bytes);
	json_kv_u64(j, "pause_instructions", r->pause_instructions);
	json_kv_u64(j, "tries", r->tries);
	monitor_json_end(m);
}

int monitor_palloc_switch(struct monitor *m, int argc, char **argv)
{
	struct palloc_switch_report report;
	if (argc != 3) {
		return monitor_fail(m, -EINVAL, "switch to which? `palloc` lists them");
	}
	int err = palloc_switch(argv[2], &report);
	if (err != 0) {
		return monitor_fail(m, err, "%s serves on: %s", report.from, report.why);
	}
	if (m->json) {
		json_report(m, &report);
	} else {
		print_report(m->out, &report);
	}
	return 0;
}
