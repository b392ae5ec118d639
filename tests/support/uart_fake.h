/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UARTs for tests of platform/console, which is compiled into the test: an 8250, a DesignWare part and a SiFive one, each
 * with what a register access does to it, and with the faults that a test asks for. Accesses of the wrong width, place or
 * order are counted. For one file of a test.
 */
#pragma once

/* The hosted library has its own. */
#define port_console_write  tested_console_write
#define port_console_read   tested_console_read
#define port_console_name   tested_console_name
#define port_console_driver tested_console_driver
#define port_set_console    tested_set_console
#define trap_expect	    tested_trap_expect

#include "platform/console/console.c"	  /* NOLINT(bugprone-suspicious-include) */
#include "platform/console/uart.c"	  /* NOLINT(bugprone-suspicious-include) */
#include "platform/console/uart_8250.c"	  /* NOLINT(bugprone-suspicious-include) */
#include "platform/console/uart_sifive.c" /* NOLINT(bugprone-suspicious-include) */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum fake_kind {
	FAKE_8250,
	FAKE_DW_APB,
	FAKE_SIFIVE,
	/** Reads as ones. */
	FAKE_NOTHING,
	/** Every access traps. */
	FAKE_FORBIDDEN,
};

#define FAKE_TEXT 65536

static struct {
	enum fake_kind kind;
	unsigned int shift, width;
	bool big_endian;
	/* Faults and manners. */
	/** Looks for which it is not ready after each character. */
	unsigned int slow;
	/** Characters after which it is never ready again; -1: none. */
	long stuck_after;
	/** DesignWare: reads of USR, or writes of LCR, for which it stays busy. */
	unsigned int busy;
	bool dlab_sticks;
	/** Called at each character sent. */
	void (*sent_hook)(void);
	/* State. */
	unsigned int not_ready;
	uint8_t lcr;
	uint32_t txctrl;
	struct {
		uint8_t c, errors;
	} typed[16];
	unsigned int typed_count, typed_next;
	/** LSR was read since: the error bits are gone. */
	bool errors_seen;
	char sent[FAKE_TEXT];
	size_t sent_bytes;
	/* What should not happen, or how often it did. */
	unsigned int wrong, lcr_writes, lcr_ignored, latch_writes, accesses, maps;
	uint64_t mapped_bytes;
	bool no_map;
	char firmware[FAKE_TEXT];
	size_t firmware_bytes;
} fake;

static uint8_t fake_window[65536];
static jmp_buf *fake_trap;

/* ---- the firmware, the layer above, traps ---- */

void sbi_console_write(const char *s, size_t bytes)
{
	assert_true(fake.firmware_bytes + bytes < FAKE_TEXT);
	memcpy(fake.firmware + fake.firmware_bytes, s, bytes);
	fake.firmware_bytes += bytes;
}

int sbi_console_read(void)
{
	return 'F';
}

bool sbi_console_is_dbcn(void)
{
	return true;
}

volatile void *mmio_map(phys_addr_t phys, size_t bytes)
{
	(void)phys;
	fake.maps++;
	fake.mapped_bytes = bytes;
	return fake.no_map ? NULL : fake_window;
}

int trap_expect(void (*fn)(void *arg), void *arg, uint64_t *cause, uint64_t *tval)
{
	jmp_buf here;
	(void)cause;
	(void)tval;
	fake_trap = &here;
	int trapped = setjmp(here);
	if (trapped == 0) {
		fn(arg);
	}
	fake_trap = NULL;
	return trapped != 0 ? -EFAULT : 0;
}

/* ---- registers ---- */

static bool fake_ready(void)
{
	if (fake.stuck_after >= 0 && fake.sent_bytes >= (size_t)fake.stuck_after) {
		return false;
	}
	if (fake.not_ready > 0) {
		fake.not_ready--;
		return false;
	}
	return true;
}

static void fake_send(uint8_t c)
{
	fake.wrong += fake.not_ready != 0;
	assert_true(fake.sent_bytes < FAKE_TEXT);
	fake.sent[fake.sent_bytes++] = (char)c;
	fake.not_ready = fake.slow;
	if (fake.sent_hook != NULL) {
		fake.sent_hook();
	}
}

static bool fake_has_typed(void)
{
	return fake.typed_next < fake.typed_count;
}

static uint8_t fake_take(void)
{
	fake.errors_seen = false;
	return fake_has_typed() ? fake.typed[fake.typed_next++].c : 0;
}

static uint8_t fake_line_status(void)
{
	uint8_t lsr = fake_ready() ? 0x60 : 0;
	if (fake_has_typed()) {
		lsr |= 1;
		lsr |= fake.errors_seen ? 0 : fake.typed[fake.typed_next].errors;
		fake.errors_seen = true;
	}
	return lsr;
}

static bool fake_is_busy(void)
{
	if (fake.kind != FAKE_DW_APB || fake.busy == 0) {
		return false;
	}
	fake.busy -= fake.busy != UINT32_MAX;
	return true;
}

static uint8_t fake_read_8250(unsigned int reg)
{
	switch (reg) {
	case 0:
		fake.wrong += (fake.lcr & 0x80) != 0;
		return fake_take();
	case 3:
		return fake.lcr;
	case 5:
		return fake_line_status();
	case 31:
		fake.wrong += fake.kind != FAKE_DW_APB;
		return fake_is_busy();
	default:
		fake.wrong++;
		return 0;
	}
}

static void fake_write_8250(unsigned int reg, uint8_t value)
{
	if (reg == 0) {
		if (fake.lcr & 0x80) {
			fake.latch_writes++;
		} else {
			fake_send(value);
		}
	} else if (reg == 3) {
		fake.lcr_writes++;
		if (fake_is_busy()) {
			fake.lcr_ignored++;
		} else {
			fake.lcr = fake.dlab_sticks ? value | 0x80 : value;
		}
	} else {
		fake.wrong++;
	}
}

static uint32_t fake_read_sifive(size_t offset)
{
	switch (offset) {
	case 0x00:
		return fake_ready() ? 0 : 1U << 31;
	case 0x04:
		return fake_has_typed() ? fake_take() : 1U << 31;
	case 0x08:
		return fake.txctrl;
	default:
		fake.wrong++;
		return 0;
	}
}

/** Return: its offset in the window */
static size_t fake_access(const volatile void *reg, unsigned int bytes)
{
	const size_t offset = (size_t)((const volatile uint8_t *)reg - fake_window);
	fake.accesses++;
	fake.wrong += bytes != fake.width || offset + bytes > fake.mapped_bytes ||
		      offset % (1U << fake.shift) != 0;
	if (fake.kind == FAKE_FORBIDDEN) {
		assert_non_null(fake_trap);
		longjmp(*fake_trap, 1);
	}
	return offset;
}

uint32_t mmio_read(const volatile void *reg, unsigned int bytes)
{
	const size_t offset = fake_access(reg, bytes);
	if (fake.kind == FAKE_NOTHING) {
		return UINT32_MAX;
	}
	if (fake.kind == FAKE_SIFIVE) {
		return fake_read_sifive(offset);
	}
	/* The other bytes of a wide register are anything. */
	const uint32_t value = fake_read_8250((unsigned int)(offset >> fake.shift));
	const unsigned int place = fake.big_endian ? 8 * (bytes - 1) : 0;
	const uint32_t other = 0x5aa55aa5U & (bytes == 4 ? UINT32_MAX : (1U << 8 * bytes) - 1);
	return (other & ~(0xffU << place)) | value << place;
}

void mmio_write(volatile void *reg, unsigned int bytes, uint32_t value)
{
	const size_t offset = fake_access(reg, bytes);
	const unsigned int place = fake.big_endian ? 8 * (bytes - 1) : 0;
	if (fake.kind == FAKE_SIFIVE) {
		fake.wrong += offset != 0 || value > 0xff;
		fake_send((uint8_t)value);
	} else if (fake.kind != FAKE_NOTHING) {
		fake.wrong += value != (value >> place & 0xff) << place;
		fake_write_8250((unsigned int)(offset >> fake.shift), (uint8_t)(value >> place));
	}
}

/* ---- what tests say ---- */

#define FAKE_BASE 0x10000000UL

/** A machine with that UART, idle; nothing chosen yet. */
static void fake_start(enum fake_kind kind, unsigned int shift, unsigned int width, bool big_endian)
{
	memset(&fake, 0, sizeof(fake));
	memset(&console, 0, sizeof(console));
	fake.kind = kind;
	fake.shift = shift;
	fake.width = width;
	fake.big_endian = big_endian;
	fake.stuck_after = -1;
	fake.lcr = 0x03;
	fake.txctrl = 1;
}

/** How a device tree describes it. */
static struct port_console fake_description(void)
{
	static const char *const names[] = { "ns16550a", "snps,dw-apb-uart", "sifive,uart0",
					     "ns16550a", "ns16550a" };
	const char *name = names[fake.kind];
	return (struct port_console){
		.compatible = name,
		.compatible_bytes = (uint32_t)strlen(name) + 1,
		.base = FAKE_BASE,
		.bytes = 0x10000,
		.reg_shift = (uint8_t)fake.shift,
		.reg_io_width = (uint8_t)fake.width,
		.big_endian = fake.big_endian,
	};
}

static int fake_choose(void)
{
	const struct port_console how = fake_description();
	return port_set_console(&how);
}

static void fake_type(uint8_t c, uint8_t errors)
{
	fake.typed[fake.typed_count].c = c;
	fake.typed[fake.typed_count++].errors = errors;
}

static void say(const char *text)
{
	port_console_write(text, strlen(text));
}
