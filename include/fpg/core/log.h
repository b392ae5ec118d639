/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The log: `[seconds] module: text` lines, kept in a ring buffer and sent to the console up to
 * `loglevel=`.
 *
 * A file defines LOG_MODULE before including this. Levels come from the one list below.
 */
#pragma once

#include "fpg/base/out.h"

#define LOG_LEVELS(X)                \
	X(LOG_ERR, err, "error")     \
	X(LOG_WARN, warn, "warning") \
	X(LOG_INFO, info, "info")    \
	X(LOG_DEBUG, debug, "debug")

enum log_level {
#define X(id, fn, name) id,
	LOG_LEVELS(X)
#undef X
};

/**
 * One line, without a newline at its end. Control characters become '?'; past about 900 bytes the
 * line ends with the count of what was cut. Context: any hart, no ranked lock held (docs/locks.md), not in an IPI
 * handler.
 * Warnings and errors read `module: warning: text`, so that they can be found.
 */
void log_emit(enum log_level level, const char *module, const char *fmt, ...) FPG_PRINTF(3, 4);

#define pr_err(...)   log_emit(LOG_ERR, LOG_MODULE, __VA_ARGS__)
#define pr_warn(...)  log_emit(LOG_WARN, LOG_MODULE, __VA_ARGS__)
#define pr_info(...)  log_emit(LOG_INFO, LOG_MODULE, __VA_ARGS__)
#define pr_debug(...) log_emit(LOG_DEBUG, LOG_MODULE, __VA_ARGS__)

/**
 * Highest level sent to the console; all levels reach the ring. `loglevel=` takes the name or 0..3.
 */
void log_set_console_level(enum log_level level);
FPG_MUST_CHECK int log_level_by_name(const char *name, enum log_level *level);

enum log_level log_console_level(void);
const char *log_level_name(enum log_level level);

/** Ticks a second of port_time_ticks(), from the DTB; until then lines say `[   -.------]`. */
void log_set_timebase(uint64_t hz);
/** What log_set_timebase() said; 0 until then. */
uint64_t log_timebase(void);

/** Hold console output back (timed phases); the lines appear, in order, when it is released. */
void log_console_hold(bool hold);

/**
 * Where log lines go besides the ring. NULL restores the port's console. Used by host tools and
 * tests.
 */
void log_set_sink(struct out *sink);

/**
 * Called for each warning and error with the text alone, inside the log's lock; there is one. The
 * ledger's list of warnings (fpg/core/ledger.h) takes it. NULL: none.
 */
void log_set_observer(void (*fn)(void *ctx, enum log_level level, const char *module,
				 const char *text),
		      void *ctx);

/**
 * For the end of a run: take the log from whoever holds it, for good, and show what was held back. Other harts that
 * want to write afterwards wait for ever.
 */
void log_break(void);

/** Write what the ring still holds, oldest first; says how many lines were lost. */
void log_dump(struct out *out);

/**
 * Call @fn for each line the ring still holds, oldest first, without newline. Return: how many
 * older ones were lost.
 */
uint64_t log_walk(void (*fn)(void *ctx, enum log_level level, const char *line), void *ctx);

/** The console as a struct out: for answers of commands. Pieces of up to 128 bytes are written whole. */
struct out *console_out(void);
