/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SiFive's UART: 32-bit registers; a FIFO each way, whose data registers also tell whether it is full or empty. It
 * has no receive errors to report.
 *
 * Source: SiFive FU540-C000 Manual v1p4, chapter 13 (UART), 13.4 to 13.7.
 */
#include "uart.h"

#include "platform/boards/mmio.h"

#include <errno.h>

#define TXDATA 0x00U
#define RXDATA 0x04U
#define TXCTRL 0x08U

#define TXDATA_FULL  (1U << 31)
#define RXDATA_EMPTY (1U << 31)
#define TXCTRL_TXEN  1U

static uint32_t sifive_read(const struct uart *uart, unsigned int reg)
{
	return mmio_read(uart->base + reg, sizeof(uint32_t));
}

static uint64_t sifive_bytes(const struct port_console *how)
{
	return how->base % sizeof(uint32_t) == 0 ? TXCTRL + sizeof(uint32_t) : 0;
}

static int sifive_probe(struct uart *uart)
{
	const uint32_t control = sifive_read(uart, TXCTRL);
	if (control == UINT32_MAX) {
		return -ENODEV;
	}
	/* Off: its divisor was not set either. */
	return control & TXCTRL_TXEN ? 0 : -EIO;
}

static bool sifive_ready(struct uart *uart)
{
	return !(sifive_read(uart, TXDATA) & TXDATA_FULL);
}

static void sifive_put(struct uart *uart, unsigned char c)
{
	mmio_write(uart->base + TXDATA, sizeof(uint32_t), c);
}

static int sifive_get(struct uart *uart)
{
	const uint32_t data = sifive_read(uart, RXDATA);
	return data & RXDATA_EMPTY ? -1 : (int)(data & 0xff);
}

static const char *const sifive_names[] = { "sifive,uart0", "sifive,fu540-c000-uart",
					    "sifive,fu740-c000-uart", NULL };

const struct uart_driver uart_sifive = {
	.compatible = sifive_names,
	.bytes_needed = sifive_bytes,
	.bytes_wanted = sifive_bytes,
	.probe = sifive_probe,
	.ready = sifive_ready,
	.put = sifive_put,
	.get = sifive_get,
};
