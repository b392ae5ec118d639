/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Commands about the monitor itself, the log, the harts and the end: nothing here looks at memory.
 */
#define LOG_MODULE "monitor"
#include "commands.h"

#include "fpg/core/log.h"
#include "fpg/core/panic.h"
#include "fpg/port/port.h"

#include <errno.h>
#include <string.h>

#ifndef FPG_VERSION
#define FPG_VERSION "0.1"
#endif

#if defined(__clang__)
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

static void json_help(struct monitor *m)
{
	struct json *j = monitor_json_begin(m);
	json_key(j, "commands");
	json_array_begin(j);
	for (size_t t = 0; monitor_tables[t] != NULL; t++) {
		for (const struct monitor_command *c = monitor_tables[t]; c->name != NULL; c++) {
			json_object_begin(j);
			json_kv_string(j, "name", c->name);
			json_kv_string(j, "args", c->args);
			json_kv_string(j, "help", c->help);
			json_object_end(j);
		}
	}
	json_array_end(j);
	monitor_json_end(m);
}

static void print_help(struct out *out, const struct monitor_command *c)
{
	size_t used = strlen(c->name) + 1 + strlen(c->args);
	out_printf(out, "%s %s%*s  %s\n", c->name, c->args, used < 34 ? (int)(34 - used) : 0, "",
		   c->help);
}

static int cmd_help(struct monitor *m, int argc, char **argv)
{
	if (argc == 2) {
		const struct monitor_command *c = monitor_find(argv[1]);
		if (c == NULL) {
			return monitor_fail(m, -ENOENT, "unknown command '%s'", argv[1]);
		}
		if (!m->json) {
			print_help(m->out, c);
			return 0;
		}
	}
	if (m->json) {
		json_help(m);
		return 0;
	}
	for (size_t t = 0; monitor_tables[t] != NULL; t++) {
		for (const struct monitor_command *c = monitor_tables[t]; c->name != NULL; c++) {
			print_help(m->out, c);
		}
	}
	out_puts(m->out, "Several commands on a line are separated by ';'; "
			 "'quotes' group words. Tab completes.\n");
	return 0;
}

static int cmd_json(struct monitor *m, int argc, char **argv)
{
	(void)argc;
	bool on = strcmp(argv[1], "on") == 0;
	if (!on && strcmp(argv[1], "off") != 0) {
		return monitor_fail(m, -EINVAL, "'%s' is neither on nor off", argv[1]);
	}
	if (on) {
		m->json = true;
		struct json *j = monitor_json_begin(m);
		json_kv_bool(j, "json", true);
		monitor_json_end(m);
	}
	m->json = on;
	return 0;
}

static void json_line(void *ctx, enum log_level level, const char *line)
{
	struct json *j = ctx;
	json_object_begin(j);
	json_kv_string(j, "level", log_level_name(level));
	json_kv_string(j, "line", line);
	json_object_end(j);
}

static void json_log(struct monitor *m)
{
	struct json *j = monitor_json_begin(m);
	json_kv_string(j, "console_level", log_level_name(log_console_level()));
	json_key(j, "lines");
	json_array_begin(j);
	uint64_t lost = log_walk(json_line, j);
	json_array_end(j);
	json_kv_u64(j, "lost", lost);
	monitor_json_end(m);
}

static int cmd_log(struct monitor *m, int argc, char **argv)
{
	if (argc == 2) {
		enum log_level level;
		if (log_level_by_name(argv[1], &level) != 0) {
			return monitor_fail(
				m, -EINVAL,
				"'%s' is not a level: error, warning, info, debug or 0 to 3",
				argv[1]);
		}
		log_set_console_level(level);
		return 0;
	}
	if (m->json) {
		json_log(m);
	} else {
		log_dump(m->out);
	}
	return 0;
}

static int cmd_version(struct monitor *m, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	if (m->json) {
		struct json *j = monitor_json_begin(m);
		json_kv_string(j, "firstpage", FPG_VERSION);
		json_kv_string(j, "compiler", COMPILER);
		json_kv_string(j, "console", port_console_name());
		monitor_json_end(m);
	} else {
		out_printf(m->out, "Firstpage %s, %s, console: %s\n", FPG_VERSION, COMPILER,
			   port_console_name());
	}
	return 0;
}

static int cmd_poweroff(struct monitor *m, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	if (m->json) {
		monitor_json_begin(m);
		monitor_json_end(m);
	}
	firstpage_exit(EXIT_OK);
}

const struct monitor_command monitor_commands_general[] = {
	{ "help", "[COMMAND]", "list the commands, or explain one", 0, 1, cmd_help },
	{ "json", "on|off", "answer with one `@json` line a command", 1, 1, cmd_json },
	{ "log", "[LEVEL]", "show the log ring, or set what the console shows", 0, 1, cmd_log },
	{ "version", "", "what this is and what built it", 0, 0, cmd_version },
	{ "harts", "", "the harts of the machine, and what they do", 0, 0, cmd_harts },
	{ "on", "HART COMMAND...",
	  "run a command on another hart: its index, or id:N as the firmware numbers them", 2,
	  MONITOR_WORDS - 1, cmd_on },
	{ "crash", "null|text|exec|stack|freed|panic|check|harts|stuck|held",
	  "end the run by a fault (for tests)", 1, 1, cmd_crash },
	{ "poweroff", "", "end the run with success", 0, 0, cmd_poweroff },
	{ 0 },
};
