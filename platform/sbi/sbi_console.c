/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The firmware's console: the debug console extension (DBCN) where there is one that works, the legacy calls else.
 *
 * DBCN takes physical addresses, so text goes through a buffer in the image, which is contiguous. Whoever finds the
 * buffer taken (another hart, or a trap in the middle of a write) does not wait: it sends byte by byte instead.
 */
#include "sbi.h"

#include "fpg/port/port.h"

#include <stdatomic.h>
#include <string.h>

/* Source: SBI v2.0, chapter 12. */
#define DBCN_WRITE	0
#define DBCN_READ	1
#define DBCN_WRITE_BYTE 2

enum console_kind {
	CONSOLE_UNKNOWN,
	CONSOLE_DBCN,
	CONSOLE_LEGACY
};

static _Atomic uint32_t kind;

static struct {
	_Atomic uint32_t taken;
	char bytes[256];
} output;

static struct {
	_Atomic uint32_t taken;
	uint32_t next;
	uint32_t count;
	char bytes[64];
} input;

bool sbi_console_is_dbcn(void)
{
	uint32_t now = atomic_load_explicit(&kind, memory_order_relaxed);
	if (now == CONSOLE_UNKNOWN) {
		now = sbi_has(SBI_DBCN) ? CONSOLE_DBCN : CONSOLE_LEGACY;
		atomic_store_explicit(&kind, now, memory_order_relaxed);
	}
	return now == CONSOLE_DBCN;
}

/* A firmware that promised DBCN and then refused a call is not asked again. */
static void distrust_dbcn(void)
{
	atomic_store_explicit(&kind, CONSOLE_LEGACY, memory_order_relaxed);
}

static bool try_take(_Atomic uint32_t *taken)
{
	return atomic_exchange_explicit(taken, 1, memory_order_acquire) == 0;
}

static void give_back(_Atomic uint32_t *taken)
{
	atomic_store_explicit(taken, 0, memory_order_release);
}

static struct sbi_ret dbcn_transfer(unsigned long function, const char *buffer, size_t bytes)
{
	return sbi_call(SBI_DBCN, function, bytes, port_image_to_phys(buffer), 0);
}

/* Return: how many bytes were taken before the console stopped being DBCN. */
static size_t dbcn_write(const char *s, size_t bytes)
{
	size_t done = 0;
	while (done < bytes) {
		size_t chunk = bytes - done < sizeof(output.bytes) ? bytes - done :
								     sizeof(output.bytes);
		memcpy(output.bytes, s + done, chunk);
		struct sbi_ret ret = dbcn_transfer(DBCN_WRITE, output.bytes, chunk);
		if (ret.error != SBI_SUCCESS || ret.value < 0 || (size_t)ret.value > chunk) {
			distrust_dbcn();
			return done;
		}
		if (ret.value == 0) {
			port_relax();
		}
		done += (size_t)ret.value;
	}
	return done;
}

static void write_byte(char c)
{
	if (sbi_console_is_dbcn()) {
		if (sbi_call(SBI_DBCN, DBCN_WRITE_BYTE, (unsigned char)c, 0, 0).error ==
		    SBI_SUCCESS) {
			return;
		}
		distrust_dbcn();
	}
	(void)sbi_call(SBI_LEGACY_CONSOLE_PUTCHAR, 0, (unsigned char)c, 0, 0);
}

void sbi_console_write(const char *s, size_t bytes)
{
	size_t done = 0;
	if (sbi_console_is_dbcn() && try_take(&output.taken)) {
		done = dbcn_write(s, bytes);
		give_back(&output.taken);
	}
	for (; done < bytes; done++) {
		write_byte(s[done]);
	}
}

/* Input that came with an earlier call, or that comes now. */
static int dbcn_read(void)
{
	if (input.next == input.count) {
		struct sbi_ret ret = dbcn_transfer(DBCN_READ, input.bytes, sizeof(input.bytes));
		if (ret.error != SBI_SUCCESS || ret.value < 0 ||
		    (size_t)ret.value > sizeof(input.bytes)) {
			distrust_dbcn();
			return -1;
		}
		input.next = 0;
		input.count = (uint32_t)ret.value;
	}
	return input.next < input.count ? (unsigned char)input.bytes[input.next++] : -1;
}

int sbi_console_read(void)
{
	if (sbi_console_is_dbcn()) {
		int c = -1;
		if (try_take(&input.taken)) {
			c = dbcn_read();
			give_back(&input.taken);
		}
		return c;
	}
	long c = sbi_call(SBI_LEGACY_CONSOLE_GETCHAR, 0, 0, 0, 0).error;
	return c >= 0 && c <= 255 ? (int)c : -1;
}
