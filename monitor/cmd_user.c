/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `user`: run a program of the image in U-mode, on this hart in a space of its own, or on several
 * harts in one. The command succeeds when every run ended as the program is meant to end, also where
 * that is by being killed.
 */
#include "commands.h"

#include "fpg/base/errno.h"
#include "fpg/base/parse.h"
#include "fpg/core/hart.h"
#include "fpg/pagetable/user.h"
#include "fpg/port/trap.h"

#include <string.h>

#define KEPT_MAX 8

/** Spaces of programs that ended, kept to be looked at; only one hart runs commands. */
static struct mm *kept[KEPT_MAX];

struct run {
	const struct user_program *program;
	uint64_t arg;
	bool arg_given;
	hart_mask_t mask;
	bool several;
	bool keep;
	struct mm *mm;
	/** Of struct run[]: by hart index. */
	struct user_exit exit[PORT_MAX_HARTS];
	int err[PORT_MAX_HARTS];
};
/** Too large for a stack. */
static struct run run;

/* ---- the list ---------------------------------------------------------------------------------- */

static void list_programs(struct monitor *m)
{
	struct json *j = m->json ? monitor_json_begin(m) : NULL;
	if (j != NULL) {
		json_kv_u64(j, "time_limit_ms", user_time_limit());
		json_key(j, "programs");
		json_array_begin(j);
	}
	for (const struct user_program *p = user_programs; p->name != NULL; p++) {
		if (j != NULL) {
			json_object_begin(j);
			json_kv_string(j, "name", p->name);
			json_kv_string(j, "help", p->help);
			json_kv_u64(j, "arg", p->arg);
			json_kv_bool(j, "killed", p->killed);
			json_object_end(j);
		} else {
			out_printf(m->out, "  %-12s %s%s\n", p->name, p->help,
				   p->killed ? " (to be killed)" : "");
		}
	}
	if (j != NULL) {
		json_array_end(j);
		monitor_json_end(m);
	} else if (user_programs[0].name == NULL) {
		out_puts(m->out, "  this build has no programs\n");
	}
}

/* ---- what to run ------------------------------------------------------------------------------- */

/** "0,2", or "all". Return: 0 | of monitor_fail() */
static int read_harts(struct monitor *m, const char *word)
{
	run.several = true;
	if (strcmp(word, "all") == 0) {
		run.mask = harts_online();
		return 0;
	}
	for (run.mask = 0;; word++) {
		uint64_t index;
		if (parse_size(word, &word, &index) != 0 || (*word != ',' && *word != '\0') ||
		    index >= PORT_MAX_HARTS) {
			return monitor_fail(
				m, -EINVAL,
				"harts are given by index, as 0,2, or all at once: all");
		}
		if ((harts_online() & hart_mask_of((unsigned int)index)) == 0) {
			return monitor_fail(m, -ENODEV, "there is no hart with index %llu online",
					    (unsigned long long)index);
		}
		run.mask |= hart_mask_of((unsigned int)index);
		if (*word == '\0') {
			return 0;
		}
	}
}

static int read_request(struct monitor *m, int argc, char **argv)
{
	run.program = user_program_find(argv[1]);
	if (run.program == NULL) {
		return monitor_fail(m, -ENOENT, "no program '%s'; `user` lists them", argv[1]);
	}
	run.arg = run.program->arg;
	run.arg_given = false;
	run.mask = hart_mask_of(hart_index());
	run.several = false;
	run.keep = false;
	for (int i = 2; i < argc; i++) {
		if (strcmp(argv[i], "on") == 0 && i + 1 < argc) {
			int err = read_harts(m, argv[++i]);
			if (err != 0) {
				return err;
			}
		} else if (strcmp(argv[i], "keep") == 0) {
			run.keep = true;
		} else if (i == 2 && parse_size_all(argv[i], &run.arg) == 0) {
			run.arg_given = true;
		} else if (i == 2 && argv[i][0] >= '0' && argv[i][0] <= '9') {
			return monitor_fail(m, -EINVAL, "'%s' is not a number", argv[i]);
		} else {
			return monitor_fail(m, -EINVAL, "usage: user NAME [ARG] [on HARTS] [keep]");
		}
	}
	if (run.several && !run.arg_given && strcmp(run.program->name, "shared") == 0) {
		run.arg = 0;
		for (hart_mask_t rest = run.mask; rest != 0; rest &= rest - 1) {
			run.arg++;
		}
	}
	return 0;
}

/* ---- running ----------------------------------------------------------------------------------- */

static int run_here(void *arg)
{
	(void)arg;
	const unsigned int hart = hart_index();
	run.err[hart] = user_run(run.program, run.mm, run.arg, &run.exit[hart]);
	return run.err[hart];
}

static void keep_space(struct monitor *m)
{
	for (unsigned int i = 0; i < KEPT_MAX; i++) {
		if (kept[i] == NULL) {
			kept[i] = run.mm;
			return;
		}
	}
	if (!m->json) {
		out_printf(m->out, "  %d spaces are kept already: this one is not\n", KEPT_MAX);
	}
	mm_destroy(run.mm);
}

static int run_all(struct monitor *m)
{
	run.mm = NULL;
	if (run.several || run.keep) {
		run.mm = user_load(run.program);
		if (run.mm == NULL) {
			return -ENOMEM;
		}
	}
	int err = hart_run_mask(run.mask, "user", run_here, NULL, NULL);
	if (run.keep && err == 0) {
		keep_space(m);
	} else {
		mm_destroy(run.mm);
	}
	return err;
}

static bool as_expected(unsigned int hart)
{
	return user_exit_expected(run.program, &run.exit[hart]);
}

static void show_text(struct monitor *m, unsigned int hart)
{
	char text[USER_EXIT_TEXT];
	const struct user_exit *e = &run.exit[hart];
	out_printf(m->out, "  %s on hart %u: %s%s\n", run.program->name, hart,
		   user_exit_text(text, sizeof(text), e),
		   as_expected(hart) ? (e->killed ? " (as it should be)" : "") : " (UNEXPECTED)");
}

static void show_json(struct json *j, unsigned int hart)
{
	const struct user_exit *e = &run.exit[hart];
	json_object_begin(j);
	json_kv_u64(j, "hart", hart);
	json_kv_bool(j, "killed", e->killed);
	json_kv_bool(j, "timed_out", e->timed_out);
	json_kv_i64(j, "status", e->status);
	if (e->killed) {
		json_kv_string(j, "cause",
			       e->timed_out ? "time limit" : port_trap_cause_name(e->cause));
		json_kv_hex(j, "address", e->addr.v);
		json_kv_hex(j, "pc", e->pc.v);
	}
	json_kv_bool(j, "expected", as_expected(hart));
	json_object_end(j);
}

static int show_ends(struct monitor *m)
{
	bool good = true;
	struct json *j = m->json ? monitor_json_begin(m) : NULL;
	if (j != NULL) {
		json_kv_string(j, "program", run.program->name);
		json_kv_u64(j, "arg", run.arg);
		json_key(j, "runs");
		json_array_begin(j);
	}
	for (unsigned int hart = 0; hart < PORT_MAX_HARTS; hart++) {
		if ((run.mask & hart_mask_of(hart)) != 0) {
			good = good && as_expected(hart);
			if (j != NULL) {
				show_json(j, hart);
			} else {
				show_text(m, hart);
			}
		}
	}
	if (j != NULL) {
		json_array_end(j);
		json_kv_bool(j, "expected", good);
		monitor_json_end(m);
		return good ? 0 : -EIO;
	}
	return good ? 0 :
		      monitor_fail(m, -EIO, "%s did not end as it is meant to", run.program->name);
}

int cmd_user(struct monitor *m, int argc, char **argv)
{
	if (argc == 1) {
		list_programs(m);
		return 0;
	}
	if (this_hart() == NULL) {
		return monitor_fail(m, -ENODEV, "the harts are not known yet");
	}
	int err = read_request(m, argc, argv);
	if (err != 0) {
		return err;
	}
	err = run_all(m);
	return err == 0 ? show_ends(m) :
			  monitor_fail(m, err, "%s cannot be run (%s)", run.program->name,
				       errno_name(err));
}

unsigned int monitor_drop_spaces(void)
{
	unsigned int dropped = 0;
	for (unsigned int i = 0; i < KEPT_MAX; i++) {
		dropped += kept[i] != NULL;
		mm_destroy(kept[i]);
		kept[i] = NULL;
	}
	return dropped;
}
