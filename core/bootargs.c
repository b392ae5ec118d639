/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Boot arguments: words, quotes, and the table of what is known.
 *
 * Invariant: whatever the line holds, every word is either taken as a whole or named in a warning; a word that was
 * refused has changed nothing.
 */
#define LOG_MODULE "bootargs"
#include "bootargs_private.h"

#include "fpg/base/out.h"
#include "fpg/base/parse.h"
#include "fpg/core/log.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#ifndef CONFIG_BOOTARGS
#define CONFIG_BOOTARGS ""
#endif

/** Patterns there are (as Linux's list); memtest alone means all of them. */
#define ALL_MEMTEST_PATTERNS 17
#define MAX_MEMTEST_PATTERNS 1000

/** Names in one warning about unknown arguments. */
#define UNKNOWN_BYTES 320

FPG_INIT static int on_off(const char *value, bool absent, bool *out)
{
	if (value == NULL) {
		*out = absent;
		return 0;
	}
	bool on = strcmp(value, "on") == 0 || strcmp(value, "1") == 0 || strcmp(value, "y") == 0;
	bool off = strcmp(value, "off") == 0 || strcmp(value, "0") == 0 || strcmp(value, "n") == 0;
	if (!on && !off) {
		return -EINVAL;
	}
	*out = on;
	return 0;
}

FPG_INIT static int arg_satp(struct bootargs *args, const char *value)
{
	FPG_INITCONST static const struct {
		const char *name;
		enum bootargs_satp mode;
	} modes[] = {
		{ "auto", SATP_AUTO },
		{ "sv39", SATP_SV39 },
		{ "sv48", SATP_SV48 },
		{ "sv57", SATP_SV57 },
	};
	for (size_t i = 0; value != NULL && i < ARRAY_SIZE(modes); i++) {
		if (strcmp(value, modes[i].name) == 0) {
			args->satp = modes[i].mode;
			return 0;
		}
	}
	return -EINVAL;
}

FPG_INIT static int arg_memtest(struct bootargs *args, const char *value)
{
	uint64_t patterns = ALL_MEMTEST_PATTERNS;
	if (value != NULL &&
	    (parse_size_all(value, &patterns) != 0 || patterns > MAX_MEMTEST_PATTERNS)) {
		return -EINVAL;
	}
	args->memtest_patterns = (uint32_t)patterns;
	return 0;
}

FPG_INIT static int arg_maxcpus(struct bootargs *args, const char *value)
{
	uint64_t harts;
	if (value == NULL || parse_size_all(value, &harts) != 0 || harts == 0 ||
	    harts > UINT32_MAX) {
		return -EINVAL;
	}
	args->max_harts = (uint32_t)harts;
	return 0;
}

FPG_INIT static int arg_loglevel(struct bootargs *args, const char *value)
{
	enum log_level level;
	if (value == NULL || log_level_by_name(value, &level) != 0) {
		return -EINVAL;
	}
	args->loglevel = level;
	args->loglevel_given = true;
	return 0;
}

FPG_INIT static int arg_debug_pagealloc(struct bootargs *args, const char *value)
{
	return on_off(value, true, &args->debug_pagealloc);
}

FPG_INIT static int arg_cma_guaranteed(struct bootargs *args, const char *value)
{
	return on_off(value, true, &args->cma_guaranteed);
}

FPG_INIT static int arg_compaction_proactive(struct bootargs *args, const char *value)
{
	uint64_t percent;
	if (value == NULL || parse_size_all(value, &percent) != 0 || percent > 100) {
		return -EINVAL;
	}
	args->compaction_proactive = (uint32_t)percent;
	args->compaction_proactive_given = true;
	return 0;
}

FPG_INIT static int arg_page_owner(struct bootargs *args, const char *value)
{
	return on_off(value, true, &args->page_owner);
}

FPG_INIT static int arg_firmware_guess(struct bootargs *args, const char *value)
{
	return value == NULL ? -EINVAL : on_off(value, true, &args->firmware_guess);
}

/** As for any other name that another system gives a console (console=ttyS0): that is not known here. */
FPG_INIT static int arg_console(struct bootargs *args, const char *value)
{
	if (value == NULL) {
		return -EINVAL;
	}
	if (strcmp(value, "auto") != 0 && strcmp(value, "sbi") != 0) {
		return -ENOENT;
	}
	args->firmware_console = strcmp(value, "sbi") == 0;
	return 0;
}

FPG_INIT static int arg_memblock(struct bootargs *args, const char *value)
{
	if (value == NULL || strcmp(value, "debug") != 0) {
		return -EINVAL;
	}
	args->memblock_debug = true;
	return 0;
}

FPG_INIT static int arg_fail_boot(struct bootargs *args, const char *value)
{
	return value != NULL ? parse_size_all(value, &args->fail_boot) : -EINVAL;
}

FPG_INIT static int arg_palloc(struct bootargs *args, const char *value)
{
	if (value == NULL || *value == '\0') {
		return -EINVAL;
	}
	args->palloc = value;
	return 0;
}

FPG_INIT static int arg_page_poison(struct bootargs *args, const char *value)
{
	if (value != NULL) {
		return -EINVAL;
	}
	args->page_poison = true;
	return 0;
}

FPG_INIT static int arg_run(struct bootargs *args, const char *value)
{
	if (value == NULL) {
		return -EINVAL;
	}
	args->run = *value != '\0' ? value : NULL;
	return 0;
}

FPG_INITCONST static const struct {
	const char *name;
	int (*take)(struct bootargs *args, const char *value);
} known[] = {
	{ "mem", bootargs_mem },
	{ "memmap", bootargs_memmap },
	{ "cma", bootargs_cma },
	{ "cma_guaranteed", arg_cma_guaranteed },
	{ "compaction_proactive", arg_compaction_proactive },
	{ "kernelcore", bootargs_kernelcore },
	{ "movablecore", bootargs_movablecore },
	{ "satp", arg_satp },
	{ "memtest", arg_memtest },
	{ "maxcpus", arg_maxcpus },
	{ "loglevel", arg_loglevel },
	{ "debug_pagealloc", arg_debug_pagealloc },
	{ "page_owner", arg_page_owner },
	{ "firmware_guess", arg_firmware_guess },
	{ "console", arg_console },
	{ "memblock", arg_memblock },
	{ "fail_boot", arg_fail_boot },
	{ "palloc", arg_palloc },
	{ "page_poison", arg_page_poison },
	{ "run", arg_run },
};

/* ---- words --------------------------------------------------------------------------------------------------- */

FPG_INIT static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/**
 * Copy the next word without its quotes to the end of `text`.
 * Return: its start there, not yet taken (add its length + 1 to text_bytes) | NULL: none left, or no room (then *s is
 * left at it)
 */
FPG_INIT static char *next_word(struct bootargs *args, const char **s, bool *unbalanced)
{
	const char *p = *s;
	char *word = args->text + args->text_bytes;
	size_t room = BOOTARGS_MAX_BYTES - args->text_bytes;
	size_t used = 0;
	bool quoted = false;
	while (is_blank(*p)) {
		p++;
	}
	*s = p;
	if (*p == '\0') {
		return NULL;
	}
	for (; *p != '\0' && (quoted || !is_blank(*p)); p++) {
		if (*p == '"') {
			quoted = !quoted;
			continue;
		}
		if (used + 1 >= room) {
			return NULL;
		}
		word[used++] = *p;
	}
	if (room == 0) {
		return NULL;
	}
	word[used] = '\0';
	*s = p;
	*unbalanced = quoted;
	return word;
}

/** Names of unknown arguments, gathered into few warnings. */
struct unknown {
	struct out_buffer names;
	char buf[UNKNOWN_BYTES];
};

FPG_INIT static void unknown_flush(struct unknown *u)
{
	if (u->names.used != 0) {
		pr_warn("unknown, ignored:%s%s", u->buf, u->names.overflow != 0 ? "..." : "");
	}
	out_buffer_init(&u->names, u->buf, sizeof(u->buf));
}

FPG_INIT static void unknown_add(struct unknown *u, const char *word)
{
	if (u->names.used != 0 && u->names.used + strlen(word) + 1 >= sizeof(u->buf)) {
		unknown_flush(u);
	}
	out_printf(&u->names.out, " %s", word);
}

/** Return: 0 | -ENOENT (no such argument) | -EINVAL (malformed) */
FPG_INIT static int take_word(struct bootargs *args, char *word)
{
	char *equals = strchr(word, '=');
	size_t name_bytes = equals != NULL ? (size_t)(equals - word) : strlen(word);
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (strlen(known[i].name) == name_bytes &&
		    strncmp(word, known[i].name, name_bytes) == 0) {
			return known[i].take(args, equals != NULL ? equals + 1 : NULL);
		}
	}
	return -ENOENT;
}

FPG_INIT void bootargs_init(struct bootargs *args)
{
	memset(args, 0, sizeof(*args));
	args->firmware_guess = true;
}

FPG_INIT void bootargs_parse(struct bootargs *args, const char *line)
{
	struct unknown unknown;
	bool unbalanced;
	char *word;
	if (line == NULL) {
		return;
	}
	out_buffer_init(&unknown.names, unknown.buf, sizeof(unknown.buf));
	while ((word = next_word(args, &line, &unbalanced)) != NULL) {
		uint32_t bytes = (uint32_t)strlen(word) + 1;
		int err = unbalanced ? -EINVAL : take_word(args, word);
		if (err == 0) {
			/* Values may point to it. */
			args->text_bytes += bytes;
			continue;
		}
		args->ignored++;
		if (err == -ENOENT) {
			unknown_add(&unknown, word);
		} else {
			pr_warn("malformed%s, ignored: %s",
				unbalanced ? " (a quote is missing)" : "", word);
		}
	}
	unknown_flush(&unknown);
	if (*line != '\0') {
		args->ignored++;
		pr_warn("more than %d characters, ignored from here: %.40s", BOOTARGS_MAX_BYTES - 1,
			line);
	}
}

FPG_INIT void bootargs_read(struct bootargs *args, const char *line)
{
	bootargs_init(args);
	bootargs_parse(args, CONFIG_BOOTARGS);
	bootargs_parse(args, line);
}
