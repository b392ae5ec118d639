/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The log: lines in a ring buffer, and on the console up to a level.
 *
 * Invariants: the ring holds whole records (header, then the finished line without its newline),
 * oldest at `tail`; positions only grow and are taken modulo the ring's size. A line never holds a
 * control character, so text from outside (node names, bootargs) cannot make a second line. A hart
 * that logs while it is already logging (an observer, a trap inside a console driver) bypasses the
 * ring instead of waiting for itself.
 *
 * One lock guards the ring and the console, so lines of several harts do not mix: neither log lines,
 * nor the pieces in which commands write. log_break() ends its rule: from then on the hart that broke
 * it writes without a lock, and any other that comes waits for ever.
 */
#define LOG_MODULE "log"
#include "fpg/core/log.h"

#include "fpg/base/assert.h"
#include "fpg/core/spinlock.h"
#include "fpg/port/harts.h"
#include "fpg/port/port.h"

#include <errno.h>
#include <string.h>

#ifndef CONFIG_LOG_RING_KIB
#define CONFIG_LOG_RING_KIB 64
#endif

#ifndef CONFIG_LOG_LEVEL_DEFAULT
#define CONFIG_LOG_LEVEL_DEFAULT LOG_INFO
#endif

#define RING_BYTES ((uint64_t)CONFIG_LOG_RING_KIB * 1024)
/** Longest line; what does not fit is counted at its end. */
#define LINE_BYTES 1024
/** Kept free for the count of what was cut. */
#define CUT_BYTES  32

static_assert(CONFIG_LOG_RING_KIB >= 4, "the ring must hold a few of the longest lines");

struct record {
	uint16_t bytes;
	uint8_t level;
	uint8_t reserved;
};

static_assert(LINE_BYTES <= UINT16_MAX, "a record's length is 16 bits");

/* Apart from log_state, so that the ring stays in .bss and out of the flat image. */
static struct spinlock log_spinlock = SPINLOCK_INIT_RANK(LOCK_LOG);

static struct {
	/** Index + 1 of the hart that holds the lock, 0: none; atomic. */
	uint32_t owner;
	/** The same of the hart that broke the lock. */
	uint32_t breaker;
	uint64_t timebase_hz;
	struct out *sink;
	void (*observer)(void *ctx, enum log_level level, const char *module, const char *text);
	void *observer_ctx;
	/** Byte positions of the oldest record and of the next one. */
	uint64_t tail;
	uint64_t head;
	/** How many records were overwritten, and how many were ever written. */
	uint64_t lost;
	uint64_t written;
	bool held;
	/** First record not yet on the console, valid while held. */
	uint64_t held_pos;
	uint64_t held_number;
	char line[LINE_BYTES];
	unsigned char ring[RING_BYTES];
} log_state;

static enum log_level console_level = (enum log_level)CONFIG_LOG_LEVEL_DEFAULT;

static const char *const level_names[] = {
#define X(id, fn, name) [id] = name,
	LOG_LEVELS(X)
#undef X
};

static const char *const level_short_names[] = {
#define X(id, fn, name) [id] = #fn,
	LOG_LEVELS(X)
#undef X
};

/** Return: false when this hart holds the lock already. */
static bool log_lock(unsigned long *flags)
{
	uint32_t me = port_hart_index() + 1;
	uint32_t breaker = __atomic_load_n(&log_state.breaker, __ATOMIC_ACQUIRE);
	if (breaker != 0) {
		if (breaker != me) {
			for (;;) {
				port_relax();
			}
		}
		*flags = port_irq_save();
		return true;
	}
	/* Only this hart ever stores its own number. */
	if (__atomic_load_n(&log_state.owner, __ATOMIC_RELAXED) == me) {
		return false;
	}
	*flags = spin_lock_irqsave(&log_spinlock);
	__atomic_store_n(&log_state.owner, me, __ATOMIC_RELAXED);
	return true;
}

static void log_unlock(unsigned long flags)
{
	if (__atomic_load_n(&log_state.breaker, __ATOMIC_RELAXED) != 0) {
		port_irq_restore(flags);
		return;
	}
	__atomic_store_n(&log_state.owner, 0, __ATOMIC_RELAXED);
	spin_unlock_irqrestore(&log_spinlock, flags);
}

static void console_write(struct out *out, const char *s, size_t n)
{
	unsigned long flags;
	(void)out;
	if (!log_lock(&flags)) {
		port_console_write(s, n);
		return;
	}
	port_console_write(s, n);
	log_unlock(flags);
}

struct out *console_out(void)
{
	static struct out console = { console_write };
	return &console;
}

static void ring_copy_in(uint64_t pos, const void *from, size_t n)
{
	uint64_t at = pos % RING_BYTES;
	size_t first = n < RING_BYTES - at ? n : (size_t)(RING_BYTES - at);
	memcpy(log_state.ring + at, from, first);
	memcpy(log_state.ring, (const char *)from + first, n - first);
}

static void ring_copy_out(uint64_t pos, void *to, size_t n)
{
	uint64_t at = pos % RING_BYTES;
	size_t first = n < RING_BYTES - at ? n : (size_t)(RING_BYTES - at);
	memcpy(to, log_state.ring + at, first);
	memcpy((char *)to + first, log_state.ring, n - first);
}

static struct record ring_record(uint64_t pos)
{
	struct record r;
	ring_copy_out(pos, &r, sizeof(r));
	return r;
}

static void ring_append(enum log_level level, const char *line, size_t bytes)
{
	struct record r = { .bytes = (uint16_t)bytes, .level = (uint8_t)level };
	while (log_state.head + sizeof(r) + bytes - log_state.tail > RING_BYTES) {
		log_state.tail += sizeof(r) + ring_record(log_state.tail).bytes;
		log_state.lost++;
	}
	ring_copy_in(log_state.head, &r, sizeof(r));
	ring_copy_in(log_state.head + sizeof(r), line, bytes);
	log_state.head += sizeof(r) + bytes;
	log_state.written++;
}

/** Hand the records from @pos on to @fn, each made whole in the line buffer. */
static void ring_walk(uint64_t pos, void (*fn)(void *ctx, enum log_level level, const char *line),
		      void *ctx)
{
	while (pos != log_state.head) {
		struct record r = ring_record(pos);
		if (r.bytes >= LINE_BYTES) {
			/* The lock was broken in the middle of an append. */
			return;
		}
		ring_copy_out(pos + sizeof(r), log_state.line, r.bytes);
		log_state.line[r.bytes] = '\0';
		fn(ctx, (enum log_level)r.level, log_state.line);
		pos += sizeof(r) + r.bytes;
	}
}

static struct out *log_out(void)
{
	return log_state.sink != NULL ? log_state.sink : console_out();
}

static void put_time(struct out *out)
{
	uint64_t hz = log_state.timebase_hz;
	if (hz == 0) {
		out_puts(out, "[   -.------] ");
		return;
	}
	uint64_t ticks = port_time_ticks();
	out_printf(out, "[%4llu.%06llu] ", (unsigned long long)(ticks / hz),
		   (unsigned long long)(ticks % hz * 1000000 / hz));
}

/**
 * Make the whole line in @b.
 * Return: where the text proper begins
 */
static size_t make_line(struct out_buffer *b, enum log_level level, const char *module,
			const char *fmt, va_list ap)
{
	put_time(&b->out);
	out_puts(&b->out, module);
	out_puts(&b->out, ": ");
	if (level <= LOG_WARN) {
		out_puts(&b->out, level_names[level]);
		out_puts(&b->out, ": ");
	}
	size_t text = b->used;
	out_vprintf(&b->out, fmt, ap);
	for (size_t i = text; i < b->used; i++) {
		unsigned char c = (unsigned char)b->buf[i];
		if (c < 0x20 || c == 0x7f) {
			b->buf[i] = '?';
		}
	}
	if (b->overflow != 0) {
		size_t cut = b->overflow;
		b->size += CUT_BYTES;
		out_printf(&b->out, " [%zu more bytes]", cut);
	}
	return text;
}

/** The line of a hart that is inside the log already: straight to the console. */
static void emit_nested(enum log_level level, const char *module, const char *fmt, va_list ap)
{
	char line[256];
	struct out_buffer b;
	out_buffer_init(&b, line, sizeof(line) - CUT_BYTES);
	make_line(&b, level, module, fmt, ap);
	if (level <= console_level) {
		out_printf(log_out(), "%s\n", line);
	}
}

void log_emit(enum log_level level, const char *module, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	unsigned long flags;
	if (!log_lock(&flags)) {
		emit_nested(level, module, fmt, ap);
		va_end(ap);
		return;
	}
	struct out_buffer b;
	out_buffer_init(&b, log_state.line, LINE_BYTES - CUT_BYTES);
	size_t text = make_line(&b, level, module, fmt, ap);
	va_end(ap);
	ring_append(level, log_state.line, b.used);
	if (!log_state.held && level <= console_level) {
		out_printf(log_out(), "%s\n", log_state.line);
	}
	if (level <= LOG_WARN && log_state.observer != NULL) {
		log_state.observer(log_state.observer_ctx, level, module, log_state.line + text);
	}
	log_unlock(flags);
}

void log_set_console_level(enum log_level level)
{
	console_level = level;
}

enum log_level log_console_level(void)
{
	return console_level;
}

const char *log_level_name(enum log_level level)
{
	return level_names[level];
}

int log_level_by_name(const char *name, enum log_level *level)
{
	for (size_t i = 0; i < ARRAY_SIZE(level_names); i++) {
		bool digit = name[0] == (char)('0' + i) && name[1] == '\0';
		if (digit || strcmp(name, level_names[i]) == 0 ||
		    strcmp(name, level_short_names[i]) == 0) {
			*level = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

void log_set_timebase(uint64_t hz)
{
	log_state.timebase_hz = hz;
}

uint64_t log_timebase(void)
{
	return log_state.timebase_hz;
}

static void print_to_console(void *ctx, enum log_level level, const char *line)
{
	(void)ctx;
	if (level <= console_level) {
		out_printf(log_out(), "%s\n", line);
	}
}

void log_console_hold(bool hold)
{
	unsigned long flags;
	if (!log_lock(&flags)) {
		return;
	}
	if (hold == log_state.held) {
		log_unlock(flags);
		return;
	}
	log_state.held = hold;
	if (hold) {
		log_state.held_pos = log_state.head;
		log_state.held_number = log_state.written;
	} else {
		if (log_state.held_number < log_state.lost) {
			out_printf(log_out(),
				   "log: %llu lines were overwritten before they could be shown\n",
				   (unsigned long long)(log_state.lost - log_state.held_number));
			log_state.held_pos = log_state.tail;
		}
		ring_walk(log_state.held_pos, print_to_console, NULL);
	}
	log_unlock(flags);
}

void log_set_sink(struct out *sink)
{
	log_state.sink = sink;
}

void log_set_observer(void (*fn)(void *ctx, enum log_level level, const char *module,
				 const char *text),
		      void *ctx)
{
	log_state.observer = fn;
	log_state.observer_ctx = ctx;
}

uint64_t log_walk(void (*fn)(void *ctx, enum log_level level, const char *line), void *ctx)
{
	unsigned long flags;
	if (!log_lock(&flags)) {
		return 0;
	}
	uint64_t lost = log_state.lost;
	ring_walk(log_state.tail, fn, ctx);
	log_unlock(flags);
	return lost;
}

static void print_line(void *ctx, enum log_level level, const char *line)
{
	(void)level;
	out_printf(ctx, "%s\n", line);
}

void log_dump(struct out *out)
{
	if (log_state.lost != 0) {
		out_printf(out, "log: %llu older lines were overwritten\n",
			   (unsigned long long)log_state.lost);
	}
	(void)log_walk(print_line, out);
}

void log_break(void)
{
	__atomic_store_n(&log_state.breaker, port_hart_index() + 1, __ATOMIC_SEQ_CST);
	log_console_hold(false);
}
