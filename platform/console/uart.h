/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Private to platform/console/: a UART that serves as the console, and what a driver for one supplies. A driver only
 * polls; it knows nothing of locks, waiting, line ends, or of the firmware's console.
 */
#pragma once

#include "fpg/port/port.h"

/** Looks at a register before a UART is given up. At 100 ns each, more than 64 characters take at 1200 baud. */
#define UART_PATIENCE (1U << 23)

struct uart {
	const struct uart_driver *driver;
	volatile uint8_t *base;
	/** Bytes from `base` that are mapped. */
	uint64_t bytes;
	uint8_t reg_shift;
	uint8_t reg_io_width;
	bool big_endian;
	/** The driver's: what is wrong with the character that is to be read next. */
	uint32_t receive_errors;
};

struct uart_driver {
	/** Names that device trees give the part; NULL at the end. */
	const char *const *compatible;
	/** Bytes from the base to the end of the last register that the driver needs. */
	uint64_t (*bytes_needed)(const struct port_console *how);
	/** The same with those that it uses only where they are. */
	uint64_t (*bytes_wanted)(const struct port_console *how);
	/** Is it there and set up? Return: 0 | -ENODEV | -EIO */
	int (*probe)(struct uart *uart);
	/** Takes a character now. */
	bool (*ready)(struct uart *uart);
	/** Only when ready. */
	void (*put)(struct uart *uart, unsigned char c);
	/** Return: a byte, or -1 when there is none, or one that did not arrive whole */
	int (*get)(struct uart *uart);
};

/** ns16550a and its like; with the DesignWare part's additions. */
extern const struct uart_driver uart_8250;
extern const struct uart_driver uart_dw_apb;
extern const struct uart_driver uart_sifive;

/* ---- what console.c asks of uart.c; each may be called on any hart at any time ------------------------------- */

/** A UART is the console. */
bool uart_console_active(void);

/** "ns16550a at 0x10000000" */
const char *uart_console_name(void);

/** Return: how many bytes were taken; less than @bytes: there is no UART (any more) */
size_t uart_console_write(const char *s, size_t bytes);

/** Return: a byte, or -1 */
int uart_console_read(void);

/** The UART was given up, and nobody was told yet: true once. */
bool uart_console_lost(void);
