/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Warnings of the boot, kept for the map as "module: text", one after the other, each terminated.
 * Bounded; what does not fit is counted. Runs inside the log's lock, so it must not log.
 */
#define LOG_MODULE "ledger"
#include "ledger_private.h"

#include "fpg/core/log.h"

#include <string.h>

#define WARNING_BYTES 16384

static struct {
	uint32_t count;
	uint32_t kept;
	size_t used;
	/** Where a walk by index stands, so that a loop over all of them is linear. */
	uint32_t at_index;
	size_t at;
	char text[WARNING_BYTES];
} warnings;

static void on_warning(void *ctx, enum log_level level, const char *module, const char *text)
{
	size_t name = strlen(module);
	size_t rest = strlen(text) + 1;
	size_t bytes = name + strlen(": ") + rest;
	(void)ctx;
	(void)level;
	/* Once one did not fit, none is kept: the list stays a beginning of what was said. */
	if (warnings.kept == warnings.count && warnings.used + bytes <= WARNING_BYTES) {
		char *at = warnings.text + warnings.used;
		memcpy(at, module, name);
		memcpy(at + name, ": ", 2);
		memcpy(at + name + 2, text, rest);
		warnings.used += bytes;
		warnings.kept++;
	}
	warnings.count++;
}

void ledger_collect_warnings(void)
{
	memset(&warnings, 0, sizeof(warnings));
	log_set_observer(on_warning, NULL);
}

uint32_t ledger_warning_count(void)
{
	return warnings.count;
}

const char *ledger_warning(uint32_t i)
{
	if (i >= warnings.kept) {
		return NULL;
	}
	if (i < warnings.at_index) {
		warnings.at_index = 0;
		warnings.at = 0;
	}
	for (; warnings.at_index < i; warnings.at_index++) {
		warnings.at += strlen(warnings.text + warnings.at) + 1;
	}
	return warnings.text + warnings.at;
}
