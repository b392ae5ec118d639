/* SPDX-License-Identifier: BSD-2-Clause */
/* `fail_page_alloc`: set, show and drop the rule by which page allocations fail. */
#include "commands.h"

#include "fpg/base/parse.h"
#include "fpg/core/fail_page_alloc.h"
#include "fpg/port/port.h"

#include <errno.h>
#include <string.h>

#define PPM_A_PERCENT 10000U

static void show(struct monitor *m)
{
	struct fail_page_alloc_state s;
	fail_page_alloc_get(&s);
	if (m->json) {
		struct json *j = monitor_json_begin(m);
		json_kv_bool(j, "on", s.on);
		json_kv_u64(j, "nth", s.rule.nth);
		json_kv_u64(j, "ppm", s.rule.ppm);
		json_kv_u64(j, "times", s.rule.times);
		json_kv_hex(j, "seed", s.rule.seed);
		json_kv_u64(j, "matched", s.matched);
		json_kv_u64(j, "failed", s.failed);
		monitor_json_end(m);
		return;
	}
	if (!s.on) {
		out_puts(m->out, "  no page allocation is made to fail\n");
		return;
	}
	if (s.rule.nth != 0) {
		out_printf(m->out, "  every %llu. request", (unsigned long long)s.rule.nth);
	} else {
		out_printf(m->out, "  %u of a million requests, seed 0x%llx", s.rule.ppm,
			   (unsigned long long)s.rule.seed);
	}
	out_printf(
		m->out,
		" of order %u and up, gfp with 0x%x and without 0x%x: %llu matched, %llu failed\n",
		s.rule.min_order, s.rule.with, s.rule.without, (unsigned long long)s.matched,
		(unsigned long long)s.failed);
}

/** One condition and its value. Return: 0 | -EINVAL */
static int read_condition(const char *word, const char *value, struct fail_page_alloc_rule *rule)
{
	uint64_t number = 0;
	if (strcmp(word, "with") == 0) {
		return monitor_gfp_word(value, &rule->with);
	}
	if (strcmp(word, "without") == 0) {
		return monitor_gfp_word(value, &rule->without);
	}
	if (parse_size_all(value, &number) != 0) {
		return -EINVAL;
	}
	if (strcmp(word, "nth") == 0 && number != 0) {
		rule->nth = number;
	} else if (strcmp(word, "share") == 0 && number <= 100) {
		rule->ppm = (uint32_t)number * PPM_A_PERCENT;
	} else if (strcmp(word, "seed") == 0 && number != 0) {
		rule->seed = number;
	} else if (strcmp(word, "times") == 0) {
		rule->times = number;
	} else if (strcmp(word, "order") == 0 && number <= UINT8_MAX) {
		rule->min_order = (unsigned int)number;
	} else {
		return -EINVAL;
	}
	return 0;
}

int cmd_fail_page_alloc(struct monitor *m, int argc, char **argv)
{
	struct fail_page_alloc_rule rule = { .seed = port_time_ticks() | 1 };
	if (argc == 2 && strcmp(argv[1], "off") == 0) {
		fail_page_alloc_set(NULL);
	} else if (argc > 1) {
		for (int at = 1; at < argc; at += 2) {
			if (at + 1 == argc || read_condition(argv[at], argv[at + 1], &rule) != 0) {
				return monitor_fail(m, -EINVAL, "'%s' is not understood", argv[at]);
			}
		}
		if ((rule.nth != 0) == (rule.ppm != 0)) {
			return monitor_fail(m, -EINVAL, "give either nth N or share PERCENT");
		}
		fail_page_alloc_set(&rule);
	}
	show(m);
	return 0;
}
