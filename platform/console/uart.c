/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The UART that is the console: chosen by its compatible strings, tried out, written and read by polling.
 *
 * Nothing here waits for ever. A transmitter that takes nothing for UART_PATIENCE looks is given up for good. Writers
 * of several harts take turns; one that comes while its own hart is inside (a trap in the middle of a write) goes on at
 * once, and one that saw no character go out for too long (of a hart that a panic stopped) takes the lock away.
 * A trap inside that hart's second write is the UART's fault: it is given up, so that the end of a panic is seen.
 */
#include "uart.h"

#include "platform/boards/mmio.h"

#include "fpg/base/out.h"
#include "fpg/base/range.h"
#include "fpg/port/harts.h"
#include "fpg/port/trap.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>

/** Looks at the lock, without a character sent between them, before it is taken away. */
#define LOCK_PATIENCE (1U << 22)

static struct {
	_Atomic uint32_t active;
	_Atomic uint32_t lost;
	/** Index + 1 of the hart that writes or reads; 0: none. */
	_Atomic uint32_t owner;
	/** Characters sent: who waits sees that the owner is alive. */
	_Atomic uint32_t sent;
	/** Writes of the owner's inside its own. */
	_Atomic uint32_t nested;
	struct uart uart;
	char name[64];
} console;

/* ---- which driver ---- */

static bool knows(const struct uart_driver *driver, const char *name)
{
	for (const char *const *c = driver->compatible; *c != NULL; c++) {
		if (strcmp(*c, name) == 0) {
			return true;
		}
	}
	return false;
}

static const struct uart_driver *driver_for(const char *name)
{
	if (FPG_ENABLED(CONFIG_CONSOLE_8250)) {
		if (knows(&uart_8250, name)) {
			return &uart_8250;
		}
		if (knows(&uart_dw_apb, name)) {
			return &uart_dw_apb;
		}
	}
	if (FPG_ENABLED(CONFIG_CONSOLE_SIFIVE) && knows(&uart_sifive, name)) {
		return &uart_sifive;
	}
	return NULL;
}

const char *port_console_driver(const char *compatible, uint32_t compatible_bytes)
{
	for (const char *end = compatible + compatible_bytes; compatible < end;
	     compatible += strlen(compatible) + 1) {
		if (driver_for(compatible) != NULL) {
			return compatible;
		}
	}
	return NULL;
}

/* ---- waiting ---- */

static bool wait_ready(struct uart *uart)
{
	for (uint32_t i = 0; i < UART_PATIENCE; i++) {
		if (uart->driver->ready(uart)) {
			return true;
		}
	}
	return false;
}

static uint32_t me(void)
{
	return port_hart_index() + 1;
}

/**
 * Interrupts stay off with the lock in hand, or this hart could be parked with it; who waits answers.
 * Return: false when this hart is inside already
 */
static bool lock(unsigned long *irq)
{
	uint32_t sent = atomic_load_explicit(&console.sent, memory_order_relaxed);
	for (uint32_t i = 0; i < LOCK_PATIENCE; i++) {
		uint32_t owner = 0;
		*irq = port_irq_save();
		if (atomic_compare_exchange_weak_explicit(&console.owner, &owner, me(),
							  memory_order_acquire,
							  memory_order_relaxed)) {
			return true;
		}
		if (owner == me()) {
			return false;
		}
		port_irq_restore(*irq);
		const uint32_t now = atomic_load_explicit(&console.sent, memory_order_relaxed);
		i = now == sent ? i : 0;
		sent = now;
	}
	*irq = port_irq_save();
	atomic_store_explicit(&console.owner, me(), memory_order_relaxed);
	return true;
}

/** Not when somebody lost patience and took it. */
static void unlock(void)
{
	uint32_t owner = me();
	(void)atomic_compare_exchange_strong_explicit(&console.owner, &owner, 0,
						      memory_order_release, memory_order_relaxed);
}

/* ---- trying it out ---- */

struct attempt {
	struct uart *uart;
	int result;
};

static void try_uart(void *arg)
{
	struct attempt *attempt = arg;
	attempt->result = attempt->uart->driver->probe(attempt->uart);
	if (attempt->result == 0 && !wait_ready(attempt->uart)) {
		attempt->result = -ETIMEDOUT;
	}
}

int port_set_console(const struct port_console *how)
{
	const char *name = port_console_driver(how->compatible, how->compatible_bytes);
	const struct uart_driver *driver = name != NULL ? driver_for(name) : NULL;
	if (driver == NULL) {
		return -ENOTSUP;
	}
	struct uart uart = {
		.driver = driver,
		.reg_shift = how->reg_shift,
		.reg_io_width = how->reg_io_width,
		.big_endian = how->big_endian,
	};
	const uint64_t wanted = driver->bytes_wanted(how);
	const uint64_t needed = driver->bytes_needed(how);
	if (needed == 0 || needed > how->bytes || how->base == 0 ||
	    phys_range_overflows(how->base, how->bytes)) {
		return -EINVAL;
	}
	uart.bytes = wanted <= how->bytes ? wanted : needed;
	uart.base = mmio_map(how->base, uart.bytes);
	if (uart.base == NULL) {
		return -ENOMEM;
	}
	struct attempt attempt = { .uart = &uart };
	if (trap_expect(try_uart, &attempt, NULL, NULL) != 0) {
		return -EFAULT;
	}
	if (attempt.result != 0) {
		return attempt.result;
	}
	struct out_buffer text;
	out_buffer_init(&text, console.name, sizeof(console.name));
	out_printf(&text.out, "%s at %#" PRIx64, name, how->base);
	console.uart = uart;
	atomic_store_explicit(&console.active, 1, memory_order_release);
	return 0;
}

/* ---- the console ---- */

bool uart_console_active(void)
{
	return atomic_load_explicit(&console.active, memory_order_acquire) != 0;
}

bool uart_console_lost(void)
{
	return atomic_exchange_explicit(&console.lost, 0, memory_order_relaxed) != 0;
}

const char *uart_console_name(void)
{
	return console.name;
}

static void give_up(void)
{
	if (atomic_exchange_explicit(&console.active, 0, memory_order_relaxed) != 0) {
		atomic_store_explicit(&console.lost, 1, memory_order_relaxed);
	}
}

static bool send(unsigned char c)
{
	struct uart *uart = &console.uart;
	if (!uart_console_active()) {
		return false;
	}
	if (!wait_ready(uart)) {
		give_up();
		return false;
	}
	uart->driver->put(uart, c);
	atomic_fetch_add_explicit(&console.sent, 1, memory_order_relaxed);
	return true;
}

/** As the firmware's console does, a line feed gets the carriage return that terminals want. */
static bool send_text(char c)
{
	return (c != '\n' || send('\r')) && send((unsigned char)c);
}

size_t uart_console_write(const char *s, size_t bytes)
{
	size_t done = 0;
	if (!uart_console_active()) {
		return 0;
	}
	unsigned long irq;
	const bool locked = lock(&irq);
	if (!locked && atomic_fetch_add_explicit(&console.nested, 1, memory_order_relaxed) != 0) {
		give_up();
	}
	while (done < bytes && send_text(s[done])) {
		done++;
	}
	if (locked) {
		unlock();
	} else {
		atomic_fetch_sub_explicit(&console.nested, 1, memory_order_relaxed);
	}
	port_irq_restore(irq);
	return done;
}

int uart_console_read(void)
{
	uint32_t owner = 0;
	int c = -1;
	const unsigned long irq = port_irq_save();
	/* Nothing is read while somebody writes: the caller asks again. */
	if (atomic_compare_exchange_strong_explicit(&console.owner, &owner, me(),
						    memory_order_acquire, memory_order_relaxed)) {
		c = console.uart.driver->get(&console.uart);
		unlock();
	}
	port_irq_restore(irq);
	return c;
}
