/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a line to commands: splitting, look-up, running, and the two ways to answer. A command
 * sees its own copy of its words only; the one that runs another command, `on`, hands on a part of
 * its words, so it ends.
 */
#include "fpg/monitor/command.h"

#include "fpg/core/log.h"

#include <errno.h>
#include <string.h>

void monitor_init(struct monitor *m, struct out *out)
{
	*m = (struct monitor){ .out = out };
}

const struct monitor_command *monitor_find(const char *name)
{
	for (size_t t = 0; monitor_tables[t] != NULL; t++) {
		for (const struct monitor_command *c = monitor_tables[t]; c->name != NULL; c++) {
			if (strcmp(c->name, name) == 0) {
				return c;
			}
		}
	}
	return NULL;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/** Copy one word. Return: 0 | -E2BIG | -EINVAL */
static int split_word(const char **line, char *buf, size_t *used)
{
	const char *s = *line;
	char quote = '\0';
	for (; *s != '\0' && (quote != '\0' || (!is_blank(*s) && *s != ';')); s++) {
		if (quote != '\0' ? *s == quote : *s == '"' || *s == '\'') {
			quote = quote != '\0' ? '\0' : *s;
			continue;
		}
		if (*used + 1 >= MONITOR_LINE_BYTES) {
			return -E2BIG;
		}
		buf[(*used)++] = *s;
	}
	if (quote != '\0') {
		return -EINVAL;
	}
	buf[(*used)++] = '\0';
	*line = s;
	return 0;
}

int monitor_split(const char **line, char *buf, char **argv)
{
	int argc = 0;
	size_t used = 0;
	for (;;) {
		while (is_blank(**line)) {
			(*line)++;
		}
		if (**line == '\0') {
			return argc;
		}
		if (**line == ';') {
			(*line)++;
			return argc;
		}
		if (argc == MONITOR_WORDS || used >= MONITOR_LINE_BYTES) {
			return -E2BIG;
		}
		argv[argc++] = buf + used;
		int err = split_word(line, buf, &used);
		if (err != 0) {
			return err;
		}
	}
}

struct json *monitor_json_begin(struct monitor *m)
{
	m->answered = true;
	/* A log line must not fall into the middle of an answer. */
	log_console_hold(true);
	out_puts(m->out, "@json ");
	json_init(&m->writer, m->out);
	json_object_begin(&m->writer);
	json_kv_string(&m->writer, "command", m->command != NULL ? m->command->name : NULL);
	json_kv_u64(&m->writer, "version", MONITOR_JSON_VERSION);
	return &m->writer;
}

void monitor_json_end(struct monitor *m)
{
	json_object_end(&m->writer);
	out_puts(m->out, "\n");
	log_console_hold(false);
}

int monitor_fail(struct monitor *m, int err, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	const char *name = m->command != NULL ? m->command->name : "monitor";
	if (m->json && !m->answered) {
		char text[256];
		struct out_buffer b;
		out_buffer_init(&b, text, sizeof(text));
		out_vprintf(&b.out, fmt, ap);
		struct json *j = monitor_json_begin(m);
		json_kv_string(j, "error", text);
		monitor_json_end(m);
	} else {
		out_printf(m->out, "%s: ", name);
		out_vprintf(m->out, fmt, ap);
		out_puts(m->out, "\n");
	}
	va_end(ap);
	return err;
}

int monitor_run_command(struct monitor *m, int argc, char **argv)
{
	const struct monitor_command *c = monitor_find(argv[0]);
	m->command = c;
	m->answered = false;
	int err;
	if (c == NULL) {
		err = monitor_fail(m, -ENOENT, "unknown command '%s'; `help` lists them", argv[0]);
	} else if (argc - 1 < c->min_args || argc - 1 > c->max_args) {
		err = monitor_fail(m, -EINVAL, "usage: %s%s%s", c->name,
				   c->args[0] != '\0' ? " " : "", c->args);
	} else {
		err = c->run(m, argc, argv);
	}
	if (m->json && !m->answered) {
		monitor_json_begin(m);
		monitor_json_end(m);
	}
	m->command = NULL;
	return err;
}

/** The command in [s, end) behind a prompt, without what separates commands; what is no text becomes '?'. */
static void echo_command(struct monitor *m, const char *s, const char *end)
{
	while (s < end && is_blank(*s)) {
		s++;
	}
	while (end > s && (is_blank(end[-1]) || end[-1] == ';')) {
		end--;
	}
	out_puts(m->out, MONITOR_PROMPT);
	for (; s < end; s++) {
		char c = (unsigned char)*s < 0x20 || *s == 0x7f ? '?' : *s;
		m->out->write(m->out, &c, 1);
	}
	out_puts(m->out, "\n");
}

int monitor_run_line(struct monitor *m, const char *line)
{
	while (*line != '\0') {
		const char *start = line;
		char buf[MONITOR_LINE_BYTES];
		char *argv[MONITOR_WORDS];
		int argc = monitor_split(&line, buf, argv);
		m->answered = false;
		if (argc == -E2BIG) {
			return monitor_fail(m, argc,
					    "a command may have %d characters and %d words",
					    MONITOR_LINE_BYTES - 1, MONITOR_WORDS);
		}
		if (argc < 0) {
			return monitor_fail(m, argc, "a quote does not end");
		}
		if (argc == 0) {
			continue;
		}
		if (m->echo && !m->json) {
			echo_command(m, start, line);
		}
		int err = monitor_run_command(m, argc, argv);
		if (err != 0) {
			return err;
		}
	}
	return 0;
}
