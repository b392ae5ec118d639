/* SPDX-License-Identifier: BSD-2-Clause */
/* Blobs for tests; see the header. */
#include "dtb_build.h"

#include "fpg/core/log.h"

#include <inttypes.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t buffer[DTB_MAX_BYTES / sizeof(uint64_t)];

static void must(int err)
{
	if (err < 0) {
		fprintf(stderr, "dtb_build: %s\n", fdt_strerror(err));
		abort();
	}
}

void dtb_start(void)
{
	must(fdt_create(buffer, sizeof(buffer)));
}

void dtb_memreserve(uint64_t base, uint64_t size)
{
	must(fdt_add_reservemap_entry(buffer, base, size));
}

void dtb_root(uint32_t address_cells, uint32_t size_cells)
{
	must(fdt_finish_reservemap(buffer));
	must(fdt_begin_node(buffer, ""));
	if (address_cells <= 4) {
		dtb_u32("#address-cells", address_cells);
	}
	if (size_cells <= 4) {
		dtb_u32("#size-cells", size_cells);
	}
}

void dtb_node(const char *name)
{
	must(fdt_begin_node(buffer, name));
}

void dtb_end(void)
{
	must(fdt_end_node(buffer));
}

void dtb_empty(const char *name)
{
	must(fdt_property(buffer, name, "", 0));
}

void dtb_u32(const char *name, uint32_t value)
{
	must(fdt_property_u32(buffer, name, value));
}

void dtb_u64(const char *name, uint64_t value)
{
	must(fdt_property_u64(buffer, name, value));
}

void dtb_string(const char *name, const char *value)
{
	must(fdt_property_string(buffer, name, value));
}

void dtb_bytes(const char *name, const void *value, size_t bytes)
{
	must(fdt_property(buffer, name, value, (int)bytes));
}

void dtb_cells_of(const char *name, const uint32_t *cells, size_t count)
{
	void *to;
	must(fdt_property_placeholder(buffer, name, (int)(count * sizeof(fdt32_t)), &to));
	for (size_t i = 0; i < count; i++) {
		fdt32_st((fdt32_t *)to + i, cells[i]);
	}
}

void dtb_u64s_of(const char *name, const uint64_t *values, size_t count)
{
	void *to;
	must(fdt_property_placeholder(buffer, name, (int)(count * sizeof(fdt64_t)), &to));
	for (size_t i = 0; i < count; i++) {
		fdt32_st((fdt32_t *)to + 2 * i, (uint32_t)(values[i] >> 32));
		fdt32_st((fdt32_t *)to + 2 * i + 1, (uint32_t)values[i]);
	}
}

void dtb_memory(uint64_t base, uint64_t size)
{
	char name[40];
	snprintf(name, sizeof(name), "memory@%" PRIx64, base);
	dtb_node(name);
	dtb_string("device_type", "memory");
	dtb_u64s("reg", base, size);
	dtb_end();
}

void dtb_reserved_memory(void)
{
	dtb_node("reserved-memory");
	dtb_u32("#address-cells", 2);
	dtb_u32("#size-cells", 2);
	dtb_empty("ranges");
}

void dtb_reserved(const char *name, uint64_t base, uint64_t size, const char *flag)
{
	dtb_node(name);
	dtb_u64s("reg", base, size);
	if (flag != NULL) {
		dtb_empty(flag);
	}
	dtb_end();
}

const void *dtb_finish(void)
{
	dtb_end();
	must(fdt_finish(buffer));
	return buffer;
}

/* ---- warnings ------------------------------------------------------------------------------------------------ */

#define MAX_TEXTS 256

static char texts[MAX_TEXTS][400];
static uint32_t text_count;

static void keep(void *ctx, enum log_level level, const char *module, const char *text)
{
	(void)ctx;
	(void)module;
	if (level <= LOG_WARN) {
		if (text_count < MAX_TEXTS) {
			snprintf(texts[text_count], sizeof(texts[0]), "%s", text);
		}
		text_count++;
	}
}

static void drop(struct out *out, const char *s, size_t n)
{
	(void)out;
	(void)s;
	(void)n;
}

void warnings_start(void)
{
	static struct out nowhere = { drop };
	text_count = 0;
	log_set_sink(&nowhere);
	log_set_observer(keep, NULL);
}

uint32_t warnings_count(void)
{
	return text_count;
}

bool warned_of(const char *text)
{
	for (uint32_t i = 0; i < text_count && i < MAX_TEXTS; i++) {
		if (strstr(texts[i], text) != NULL) {
			return true;
		}
	}
	return false;
}

void warnings_show(void)
{
	for (uint32_t i = 0; i < text_count && i < MAX_TEXTS; i++) {
		fprintf(stderr, "  warned: %s\n", texts[i]);
	}
}
