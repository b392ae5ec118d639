/* SPDX-License-Identifier: BSD-2-Clause */
/* port.h on a PC: simulated RAM at chosen physical addresses, the console on stdout, the clock, the end. */
#define _GNU_SOURCE
#include "host.h"

#include "fpg/base/range.h"
#include "fpg/port/port.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

uint64_t port_linear_offset;
bool port_linear_ready = true;

static void *ram_window;
static size_t ram_window_bytes;
static void (*exit_hook)(int code);
static struct port_console console_wanted;
static int console_answer;

int host_ram_window(phys_addr_t base, size_t bytes)
{
	host_ram_release();
	base = ALIGN_DOWN(base, SZ_2M);
	void *p = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED) {
		return -ENOMEM;
	}
	ram_window = p;
	ram_window_bytes = bytes;
	port_linear_offset = (uint64_t)(uintptr_t)p - base;
	return 0;
}

int host_ram_add(phys_addr_t base, size_t bytes)
{
	phys_addr_t start = ALIGN_DOWN(base, PAGE_SIZE);
	phys_addr_t end = ALIGN_UP(base + bytes, PAGE_SIZE);
	if (mprotect(port_phys_to_virt(start), end - start, PROT_READ | PROT_WRITE) != 0) {
		return -EINVAL;
	}
	return 0;
}

void host_ram_release(void)
{
	if (ram_window != NULL) {
		munmap(ram_window, ram_window_bytes);
	}
	ram_window = NULL;
	ram_window_bytes = 0;
	port_linear_offset = 0;
}

void host_set_exit_hook(void (*hook)(int code))
{
	exit_hook = hook;
}

void port_console_write(const char *s, size_t bytes)
{
	fwrite(s, 1, bytes, stdout);
}

int port_console_read(void)
{
	return -1;
}

const char *port_console_name(void)
{
	return "host";
}

const char *port_console_driver(const char *compatible, uint32_t compatible_bytes)
{
	static const char *const known[] = { "ns16550a", "snps,dw-apb-uart", "sifive,uart0" };
	for (const char *end = compatible + compatible_bytes; compatible < end;
	     compatible += strlen(compatible) + 1) {
		for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
			if (strcmp(compatible, known[i]) == 0) {
				return compatible;
			}
		}
	}
	return NULL;
}

void host_set_console_answer(int err)
{
	console_answer = err;
}

const struct port_console *host_console(void)
{
	return &console_wanted;
}

/* The console stays on stdout. */
int port_set_console(const struct port_console *how)
{
	console_wanted = *how;
	return console_answer;
}

uint64_t port_time_ticks(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

uint64_t port_instret(void)
{
	return 0;
}

void port_set_mmio_map(void *(*map)(phys_addr_t phys, size_t bytes))
{
	(void)map;
}

void port_set_poweroff(const struct port_poweroff *how)
{
	(void)how;
}

void port_exit(int code)
{
	fflush(stdout);
	if (exit_hook != NULL) {
		exit_hook(code);
	}
	exit(code);
}

phys_addr_t port_image_to_phys(const void *p)
{
	return (phys_addr_t)(uintptr_t)p;
}

void port_clear_page(void *page)
{
	memset(page, 0, PAGE_SIZE);
}

void port_copy_page(void *dst, const void *src)
{
	memcpy(dst, src, PAGE_SIZE);
}
