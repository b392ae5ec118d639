/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The monitor: the commands of run=, then the prompt. Input is polled; no input, and the end of
 * input, are not commands. The only ways out are `poweroff` and a failure under run=.
 */
#define LOG_MODULE "monitor"
#include "editor.h"

#include "fpg/base/errno.h"
#include "fpg/core/compaction.h"
#include "fpg/core/log.h"
#include "fpg/core/panic.h"
#include "fpg/monitor/command.h"
#include "fpg/port/port.h"

#include <string.h>

/** Only in the test image, all; elsewhere the weak names are NULL and end the table. */
extern const struct monitor_command monitor_commands_tests[] __attribute__((weak));
extern const struct monitor_command monitor_commands_bench[] __attribute__((weak));
extern const struct monitor_command monitor_commands_frag[] __attribute__((weak));

const struct monitor_command *const monitor_tables[] = {
	monitor_commands_general,
	monitor_commands_memory,
	monitor_commands_palloc,
	monitor_commands_tests,
	monitor_commands_bench,
	monitor_commands_frag,
	NULL,
};

/** Completes command names, also after `help`. */
static const char *complete_command(const char *word, size_t bytes, bool first, size_t index)
{
	if (!first) {
		return NULL;
	}
	for (size_t t = 0; monitor_tables[t] != NULL; t++) {
		for (const struct monitor_command *c = monitor_tables[t]; c->name != NULL; c++) {
			if (strncmp(c->name, word, bytes) == 0 && index-- == 0) {
				return c->name;
			}
		}
	}
	return NULL;
}

/** Each command is shown as if it had been typed, so that a log explains itself. */
static void run_script(struct monitor *m, const char *run)
{
	pr_info("running the commands of run=");
	m->echo = true;
	int err = monitor_run_line(m, run);
	if (err != 0) {
		pr_err("run= ends here: a command failed (%s)", errno_name(err));
		firstpage_exit(EXIT_COMMAND_FAILED);
	}
	m->echo = false;
}

/** Nobody types. */
static void wait_usefully(void)
{
	const uint64_t ticks_a_ms = log_timebase() / 1000;
	if (FPG_ENABLED(CONFIG_COMPACTION) && compaction_proactive() < 100 && ticks_a_ms != 0) {
		(void)compaction_idle(port_time_ticks() / ticks_a_ms);
	}
}

void monitor_main(const char *run)
{
	static struct monitor m;
	static struct editor editor;
	monitor_init(&m, console_out());
	if (run != NULL && run[0] != '\0') {
		run_script(&m, run);
	}
	pr_info("ready: `help` lists the commands");
	editor_init(&editor, m.out, MONITOR_PROMPT, complete_command);
	editor_start(&editor);
	for (;;) {
		int byte = port_console_read();
		if (byte < 0) {
			wait_usefully();
			port_relax();
			continue;
		}
		enum editor_event event = editor_feed(&editor, byte);
		if (event == EDITOR_LINE) {
			(void)!monitor_run_line(&m, editor.line);
		}
		if (event != EDITOR_NONE) {
			editor_start(&editor);
		}
	}
}
