/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 8250 family: ns16550a, and the DesignWare DW_apb_uart, which is register compatible. Registers lie in a row with
 * any distance (reg-shift), access width (reg-io-width) and byte order. The firmware has set speed, format and FIFOs up,
 * and its settings stay: the line control register is written only where the divisor latch was left open, because the
 * data registers are hidden then.
 *
 * The DesignWare part, built without its UART_16550_COMPATIBLE option, ignores a write to LCR while it is busy, and raises
 * a "busy detect" interrupt (IIR 7), which reading its status register USR clears. So LCR is written when USR says idle,
 * and read back. Its other quirk, a receive timeout interrupt (IIR 0xc) with no data behind it, needs no care: nobody
 * looks at IIR here, and LSR's data-ready bit stays clear then.
 *
 * Sources: TI PC16550D data sheet, 8.0 (registers); Synopsys DesignWare DW_apb_uart Databook, chapter "Registers" (LCR,
 * IIR, USR); names of properties: Linux Documentation/devicetree/bindings/serial/8250.yaml, snps-dw-apb-uart.yaml.
 */
#include "uart.h"

#include "platform/boards/mmio.h"

#include <errno.h>

/* Register numbers. Receive buffer and transmit holding register share a place, with LCR's DLAB clear. */
#define RBR 0U
#define THR 0U
#define LCR 3U
#define LSR 5U
/* DesignWare only: UART status. */
#define USR 31U

#define LCR_DLAB 0x80U
#define LSR_DR	 0x01U /* data ready */
#define LSR_PE	 0x04U /* parity error, framing error, break: of the character to be read next */
#define LSR_FE	 0x08U
#define LSR_BI	 0x10U
#define LSR_THRE 0x20U /* transmit holding register (with FIFOs: the FIFO) empty */
#define LSR_BAD	 (LSR_PE | LSR_FE | LSR_BI)
#define USR_BUSY 0x01U

static uint32_t swap(uint32_t value, unsigned int bytes)
{
	return bytes == 4 ? __builtin_bswap32(value) :
	       bytes == 2 ? __builtin_bswap16((uint16_t)value) :
			    value;
}

static volatile uint8_t *reg_address(const struct uart *uart, unsigned int reg)
{
	return uart->base + ((size_t)reg << uart->reg_shift);
}

static uint8_t reg_read(const struct uart *uart, unsigned int reg)
{
	const uint32_t value = mmio_read(reg_address(uart, reg), uart->reg_io_width);
	return (uint8_t)(uart->big_endian ? swap(value, uart->reg_io_width) : value);
}

static void reg_write(const struct uart *uart, unsigned int reg, uint8_t value)
{
	mmio_write(reg_address(uart, reg), uart->reg_io_width,
		   uart->big_endian ? swap(value, uart->reg_io_width) : value);
}

/** Reading LSR clears its error bits, so those of the character to come are kept until it is read. */
static uint8_t line_status(struct uart *uart)
{
	const uint8_t lsr = reg_read(uart, LSR);
	uart->receive_errors = lsr & LSR_DR ? uart->receive_errors | (lsr & LSR_BAD) : 0;
	return lsr;
}

static uint64_t bytes_up_to(const struct port_console *how, unsigned int reg)
{
	const unsigned int width = how->reg_io_width;
	if ((width != 1 && width != 2 && width != 4) || how->base % width != 0 ||
	    how->reg_shift > 31 || 1U << how->reg_shift < width) {
		return 0;
	}
	return ((uint64_t)reg << how->reg_shift) + width;
}

static uint64_t ns16550_bytes(const struct port_console *how)
{
	return bytes_up_to(how, LSR);
}

static uint64_t dw_apb_bytes(const struct port_console *how)
{
	return bytes_up_to(how, USR);
}

/** Only where the device tree gives the part that much room. */
static bool has_usr(const struct uart *uart)
{
	return uart->driver == &uart_dw_apb &&
	       uart->bytes >= ((uint64_t)USR << uart->reg_shift) + uart->reg_io_width;
}

/** Data registers instead of the divisor latch. Return: false when the part does not let go of it */
static bool close_divisor_latch(struct uart *uart)
{
	for (uint32_t i = 0; i < UART_PATIENCE; i++) {
		const uint8_t lcr = reg_read(uart, LCR);
		if (!(lcr & LCR_DLAB)) {
			return true;
		}
		if (!has_usr(uart) || !(reg_read(uart, USR) & USR_BUSY)) {
			reg_write(uart, LCR, lcr & (uint8_t)~LCR_DLAB);
		}
	}
	return false;
}

static int ns16550_probe(struct uart *uart)
{
	/* Never all at once in a device; where there is none, many buses read as ones. */
	if (line_status(uart) == 0xff) {
		return -ENODEV;
	}
	return close_divisor_latch(uart) ? 0 : -EIO;
}

static bool ns16550_ready(struct uart *uart)
{
	return line_status(uart) & LSR_THRE;
}

static void ns16550_put(struct uart *uart, unsigned char c)
{
	reg_write(uart, THR, c);
}

static int ns16550_get(struct uart *uart)
{
	if (!(line_status(uart) & LSR_DR)) {
		return -1;
	}
	const uint8_t c = reg_read(uart, RBR);
	/* A break, or noise. What an overrun lost is lost; the character at hand is good. */
	const bool bad = uart->receive_errors != 0;
	uart->receive_errors = 0;
	return bad ? -1 : c;
}

static const char *const ns16550_names[] = { "ns16550a", "ns16550", NULL };

const struct uart_driver uart_8250 = {
	.compatible = ns16550_names,
	.bytes_needed = ns16550_bytes,
	.bytes_wanted = ns16550_bytes,
	.probe = ns16550_probe,
	.ready = ns16550_ready,
	.put = ns16550_put,
	.get = ns16550_get,
};

static const char *const dw_apb_names[] = { "snps,dw-apb-uart", "starfive,jh7100-uart",
					    "starfive,jh7100-hsuart", "starfive,jh7110-uart",
					    NULL };

const struct uart_driver uart_dw_apb = {
	.compatible = dw_apb_names,
	.bytes_needed = ns16550_bytes,
	.bytes_wanted = dw_apb_bytes,
	.probe = ns16550_probe,
	.ready = ns16550_ready,
	.put = ns16550_put,
	.get = ns16550_get,
};
