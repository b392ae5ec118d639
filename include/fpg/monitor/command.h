/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A monitor command: a name, a help line and a function in a table.
 *
 * A command answers through struct monitor: text for people, or, with `json on`, exactly one line,
 * `@json ` and one object that begins with "command" and "version" (docs/console-json.md). The
 * runner adds the line for commands that have nothing to say, so a script gets one line a command,
 * whatever happens.
 */
#pragma once

#include "fpg/base/compiler.h"
#include "fpg/base/json.h"
#include "fpg/base/out.h"

/**
 * Version of the JSON answers: grows when a member changes its meaning or goes away, not when one
 * is added.
 */
#define MONITOR_JSON_VERSION 1

/** Longest line, longest single command, and most words in one. */
#define MONITOR_LINE_BYTES 512
#define MONITOR_WORDS	   32

#define MONITOR_PROMPT "fpg> "

struct monitor;

struct monitor_command {
	const char *name;
	/** Arguments for the help, "" for none: "NAME", "[ORDER]". */
	const char *args;
	const char *help;
	/** How many words may follow the name; checked before run() is called. */
	uint8_t min_args;
	uint8_t max_args;
	/**
	 * argv[0] is the name. Return: 0 | negative errno; a failure has said why by
	 * monitor_fail().
	 */
	int (*run)(struct monitor *m, int argc, char **argv);
};

/** Where and how a command answers. */
struct monitor {
	struct out *out;
	/** `json on`. */
	bool json;
	/** Show each command behind a prompt before it runs, as if it had been typed; not with `json on`. */
	bool echo;
	/** The command that runs now; NULL between commands. */
	const struct monitor_command *command;
	/** It has given its JSON line, or begun to. */
	bool answered;
	struct json writer;
};

/** Tables; each ends with name == NULL. */
extern const struct monitor_command monitor_commands_general[];
extern const struct monitor_command monitor_commands_memory[];
extern const struct monitor_command monitor_commands_palloc[];

/** Every table, in the order of the help; ends with NULL. */
extern const struct monitor_command *const monitor_tables[];

void monitor_init(struct monitor *m, struct out *out);

/** Return: the command called @name, or NULL. */
const struct monitor_command *monitor_find(const char *name);

/**
 * Run one line, which may hold several commands separated by ';'. Words are separated by blanks;
 * '…' and "…" group. Stops at the first failure, which was said on @m->out.
 * Return: 0 | negative errno of the command that failed | -ENOENT for an unknown command | -E2BIG
 *         for a command that is too long | -EINVAL for a quote that does not end or a wrong number
 *         of words
 */
FPG_MUST_CHECK int monitor_run_line(struct monitor *m, const char *line);

/**
 * Run one command that is split into words already, inside another one: @m->command is NULL afterwards.
 * Return: as monitor_run_line()
 */
FPG_MUST_CHECK int monitor_run_command(struct monitor *m, int argc, char **argv);

/**
 * Say why the running command fails: `name: text`, or a JSON object with "error".
 * Return: @err, so that a command ends with `return monitor_fail(m, -EINVAL, …)`
 */
int monitor_fail(struct monitor *m, int err, const char *fmt, ...) FPG_PRINTF(3, 4);

/**
 * Begin the running command's JSON object; "command" and "version" are written. Return: the writer.
 */
struct json *monitor_json_begin(struct monitor *m);
/** End the object and the line. */
void monitor_json_end(struct monitor *m);

/**
 * Split the next command of a line into words; ends at ';' outside quotes, or at the end.
 *
 * @line  in and out: where the command begins, then where the next one does
 * @buf   takes the words, at least MONITOR_LINE_BYTES
 * @argv  takes MONITOR_WORDS pointers into @buf
 * Return: how many words (0: an empty command) | -E2BIG | -EINVAL (a quote that does not end)
 */
FPG_MUST_CHECK int monitor_split(const char **line, char *buf, char **argv);

struct dt_facts;
/**
 * Let commands see the device tree's facts (`dtb`, `harts`, node paths); they stay the caller's,
 * for ever.
 */
void monitor_set_facts(const struct dt_facts *facts);

/**
 * Prompt, line editor, commands; ends with `poweroff`. @run: commands to run first (the run=
 * bootarg), or NULL. One of them failing ends the run with EXIT_COMMAND_FAILED. Does not return.
 */
FPG_NORETURN void monitor_main(const char *run);
